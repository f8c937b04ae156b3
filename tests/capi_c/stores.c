/* Keys in a file. What is made here and others can judge goes into the folder, for the test that runs this. */

#define _GNU_SOURCE

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSPHRASE "correct horse battery staple"

static const char *folder;

static const char *path_of(const char *name)
{
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ % 4];
    int len = snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    CHECK(len > 0 && (size_t)len < sizeof paths[0]);
    return path;
}

static void write_file(const char *name, const void *content, size_t len)
{
    FILE *file = fopen(path_of(name), "wb");
    CHECK(file != NULL && fwrite(content, 1, len, file) == len && fclose(file) == 0);
}

static char *read_file(const char *name, size_t *len)
{
    static char content[65536];
    FILE *file = fopen(path_of(name), "rb");
    CHECK(file != NULL);
    *len = fread(content, 1, sizeof content, file);
    CHECK(*len > 0 && *len < sizeof content && fclose(file) == 0);
    return content;
}

static hubward_status create(const char *name, hubward_store **store)
{
    const char *path = path_of(name);
    return hubward_store_create(path, strlen(path), TEXT(PASSPHRASE), store);
}

static hubward_status open_with(const char *name, const char *passphrase, hubward_store **store)
{
    const char *path = path_of(name);
    return hubward_store_open(path, strlen(path), passphrase, strlen(passphrase), store);
}

static void check_list(const hubward_store *store, const char *expected)
{
    char list[4096];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_store_list(store, INTO(list, &len)));
    CHECK_TEXT(expected, list, len);
}

static void symmetric_keys_are_kept(void)
{
    hubward_store *store;
    hubward_mac_key *key, *made;
    hubward_signer *signer;
    /* The folder is made as well. */
    CHECK_STATUS(HUBWARD_OK, create("within/keys", &store));
    struct stat found;
    CHECK(stat(path_of("within"), &found) == 0 && (found.st_mode & 0777) == 0700);
    CHECK(stat(path_of("within/keys"), &found) == 0 && (found.st_mode & 0777) == 0600);
    char nothing[1];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_store_list(store, INTO(nothing, &len)));
    CHECK_TEXT("", nothing, len);

    CHECK_STATUS(HUBWARD_OK, hubward_store_import(store, TEXT("hub.primary"), TEXT(KEY)));
    CHECK_STATUS(HUBWARD_KEY_ALREADY_EXISTS, hubward_store_import(store, TEXT("hub.primary"), TEXT(KEY)));
    CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("a"), HUBWARD_KEY_SYMMETRIC));
    CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("a"), HUBWARD_KEY_SYMMETRIC));
    check_list(store, "a symmetric passphrase\nhub.primary symmetric passphrase\n");
    CHECK_STATUS(HUBWARD_OK, hubward_store_mac_key(store, TEXT("hub.primary"), &key));
    CHECK_STATUS(HUBWARD_OK, hubward_store_mac_key(store, TEXT("a"), &made));
    CHECK_STATUS(HUBWARD_OK, hubward_store_delete(store, TEXT("hub.primary")));
    CHECK_STATUS(HUBWARD_KEY_NOT_FOUND, hubward_store_delete(store, TEXT("hub.primary")));
    CHECK_STATUS(HUBWARD_KEY_NOT_FOUND, hubward_store_mac_key(store, TEXT("hub.primary"), &key));
    check_list(store, "a symmetric passphrase\n");
    hubward_store_free(store);

    /* Keys go on, without the store and after their deletion. */
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &signer));
    hubward_mac_key_free(key);
    check_signs(signer);
    hubward_signer_free(signer);

    /* What was made is the same when it is opened again. */
    char first[HUBWARD_SAS_TOKEN_MAX], second[HUBWARD_SAS_TOKEN_MAX];
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, made, &signer));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, EXPIRY, INTO(first, &len)));
    hubward_signer_free(signer);
    hubward_mac_key_free(made);
    CHECK_STATUS(HUBWARD_OK, open_with("within/keys", PASSPHRASE, &store));
    CHECK_STATUS(HUBWARD_OK, hubward_store_mac_key(store, TEXT("a"), &made));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, made, &signer));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, EXPIRY, INTO(second, &len)));
    CHECK_TEXT(first, second, len);
    CHECK(strcmp(first, TOKEN) != 0);
    hubward_signer_free(signer);
    hubward_mac_key_free(made);
    hubward_store_free(store);
}

/* A store that does not open, after which it is as it was, and nothing was written. */
static void check_closed(hubward_status expected, const char *name, const char *passphrase)
{
    hubward_store *store;
    poison(&store, sizeof store);
    CHECK_STATUS(expected, open_with(name, passphrase, &store));
    CHECK(is_poison(&store, sizeof store));
}

static void what_is_no_store_of_ours_stays_closed(void)
{
    hubward_store *store;
    check_closed(HUBWARD_STORE_NOT_FOUND, "none", PASSPHRASE);
    check_closed(HUBWARD_STORE_NOT_FOUND, "none/none", PASSPHRASE);
    check_closed(HUBWARD_STORE_WRONG_KEY, "within/keys", PASSPHRASE "r");
    check_closed(HUBWARD_STORE_WRONG_KEY, "within/keys", "");
    poison(&store, sizeof store);
    CHECK_STATUS(HUBWARD_STORE_WEAK_KEY, hubward_store_create(TEXT("never-made"), TEXT(""), &store));
    CHECK_STATUS(HUBWARD_STORE_ALREADY_EXISTS, create("within/keys", &store));
    CHECK(is_poison(&store, sizeof store));

    /* Under a passphrase, and not under a key. */
    hubward_mac_key *key;
    const char *path = path_of("within/keys");
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &key));
    CHECK_STATUS(HUBWARD_STORE_OTHER_KIND_OF_KEY, hubward_store_open_with_key(path, strlen(path), key, &store));
    hubward_mac_key_free(key);
    CHECK(is_poison(&store, sizeof store));

    write_file("garbage", TEXT("This is no store, but long enough to be one, and a bit longer than that."));
    CHECK(chmod(path_of("garbage"), 0600) == 0);
    check_closed(HUBWARD_STORE_NOT_A_STORE, "garbage", PASSPHRASE);

    size_t len;
    char *content = read_file("within/keys", &len);
    content[len - 1] ^= 1;
    write_file("damaged", content, len);
    CHECK(chmod(path_of("damaged"), 0600) == 0);
    check_closed(HUBWARD_STORE_DAMAGED, "damaged", PASSPHRASE);

    /* Open to others: the file, the folder. */
    CHECK(chmod(path_of("within/keys"), 0640) == 0);
    check_closed(HUBWARD_STORE_NOT_PRIVATE, "within/keys", PASSPHRASE);
    CHECK(chmod(path_of("within/keys"), 0600) == 0);
    CHECK(chmod(path_of("within"), 0755) == 0);
    check_closed(HUBWARD_STORE_NOT_PRIVATE, "within/keys", PASSPHRASE);
    CHECK_STATUS(HUBWARD_STORE_NOT_PRIVATE, create("within/others", &store));
    CHECK(chmod(path_of("within"), 0700) == 0);
    CHECK(symlink("keys", path_of("within/link")) == 0);
    CHECK(open_with("within/link", PASSPHRASE, &store) != HUBWARD_OK);

    CHECK_STATUS(HUBWARD_OK, open_with("within/keys", PASSPHRASE, &store));
    check_list(store, "a symmetric passphrase\n");

    /* A handle whose file is taken away finds so. */
    CHECK(unlink(path_of("within/keys")) == 0);
    char list[64];
    poison(list, sizeof list);
    hubward_status status = hubward_store_list(store, INTO(list, &len));
    CHECK(status >= HUBWARD_STORE_NOT_SYNCED && status <= HUBWARD_STORE_DAMAGED);
    CHECK(is_poison(list, sizeof list));
    hubward_store_free(store);
}

static void names_are_judged(const hubward_store *store)
{
    static const struct {
        const char *name;
        hubward_status answer;
    } CASES[] = {
        {"", HUBWARD_KEY_NAME_EMPTY},
        {".hidden", HUBWARD_KEY_NAME_LEADING_DOT},
        {"../up", HUBWARD_KEY_NAME_LEADING_DOT},
        {"a/b", HUBWARD_KEY_NAME_INVALID_CHARACTER},
        {"a b", HUBWARD_KEY_NAME_INVALID_CHARACTER},
        {"n\xC3\xA4me", HUBWARD_KEY_NAME_INVALID_CHARACTER},
        {"0123456789012345678901234567890123456789012345678901234567890123x", HUBWARD_KEY_NAME_TOO_LONG},
    };
    for (size_t at = 0; at < sizeof CASES / sizeof *CASES; at++) {
        const char *name = CASES[at].name;
        size_t len = strlen(name);
        hubward_mac_key *key;
        hubward_signing_key *signing_key;
        CHECK_STATUS(CASES[at].answer, hubward_store_import(store, name, len, TEXT(KEY)));
        CHECK_STATUS(CASES[at].answer, hubward_store_generate(store, name, len, HUBWARD_KEY_SYMMETRIC));
        CHECK_STATUS(CASES[at].answer, hubward_store_delete(store, name, len));
        CHECK_STATUS(CASES[at].answer, hubward_store_mac_key(store, name, len, &key));
        if (has_feature("keystore-software"))
            CHECK_STATUS(CASES[at].answer, hubward_store_signing_key(store, name, len, &signing_key));
    }
    CHECK_STATUS(HUBWARD_KEY_NAME_INVALID_CHARACTER, hubward_store_import(store, TEXT("a\0b"), TEXT(KEY)));
    CHECK_STATUS(HUBWARD_KEY_NOT_BASE64, hubward_store_import(store, TEXT("bad"), TEXT("A")));
    CHECK_STATUS(HUBWARD_KEY_EMPTY, hubward_store_import(store, TEXT("bad"), TEXT("")));
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_store_generate(store, TEXT("bad"), 0));
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_store_generate(store, TEXT("bad"), INT32_MIN));
    CHECK_STATUS(has_feature("keystore-software") ? HUBWARD_KEY_UNSUPPORTED_ALGORITHM : HUBWARD_NOT_COMPILED_IN,
                 hubward_store_generate(store, TEXT("bad"), HUBWARD_KEY_RSA));
}

static void sign_and_write(const hubward_store *store, const char *name, const int32_t *algorithms, size_t count)
{
    static const char message[] = "what the device says";
    hubward_signing_key *key;
    CHECK_STATUS(HUBWARD_OK, hubward_store_signing_key(store, name, strlen(name), &key));
    uint8_t bytes[HUBWARD_SIGNATURE_MAX];
    size_t len;
    char file[64];
    write_file("message", message, sizeof message - 1);
    CHECK_STATUS(HUBWARD_OK, hubward_signing_key_public_key(key, INTO(bytes, &len)));
    snprintf(file, sizeof file, "%s.spki", name);
    write_file(file, bytes, len);
    for (size_t at = 0; at < count; at++) {
        CHECK_STATUS(HUBWARD_OK, hubward_signing_key_sign(key, algorithms[at], (const uint8_t *)message,
                                                          sizeof message - 1, INTO(bytes, &len)));
        snprintf(file, sizeof file, "%s.%d.signature", name, (int)algorithms[at]);
        write_file(file, bytes, len);
    }
    /* A message of nothing is one as well, with or without a place. */
    uint8_t again[HUBWARD_SIGNATURE_MAX];
    size_t again_len;
    CHECK_STATUS(HUBWARD_OK, hubward_signing_key_sign(key, algorithms[0], NULL, 0, INTO(bytes, &len)));
    CHECK_STATUS(HUBWARD_OK, hubward_signing_key_sign(key, algorithms[0], again, 0, INTO(again, &again_len)));
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_signing_key_sign(key, 9, NULL, 0, INTO(bytes, &len)));
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_signing_key_sign(key, -1, NULL, 0, INTO(bytes, &len)));
    hubward_signing_key_free(key);
}

static void private_keys_sign(const hubward_store *store)
{
    static const int32_t P256[] = {HUBWARD_SIGN_ECDSA_P256_SHA256, HUBWARD_SIGN_DEFAULT};
    static const int32_t P384[] = {HUBWARD_SIGN_ECDSA_P384_SHA384};
    static const int32_t RSA[] = {HUBWARD_SIGN_RSA_PSS_SHA256,   HUBWARD_SIGN_RSA_PSS_SHA384,
                                  HUBWARD_SIGN_RSA_PSS_SHA512,   HUBWARD_SIGN_RSA_PKCS1_SHA256,
                                  HUBWARD_SIGN_RSA_PKCS1_SHA384, HUBWARD_SIGN_RSA_PKCS1_SHA512};
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("p256"), HUBWARD_KEY_ECDSA_P256));
    CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("p384"), HUBWARD_KEY_ECDSA_P384));
    CHECK_STATUS(HUBWARD_KEY_WRONG_KIND, hubward_store_generate(store, TEXT("p384"), HUBWARD_KEY_ECDSA_P256));
    char *file = read_file("key.der", &len);
    CHECK_STATUS(HUBWARD_OK, hubward_store_import_private_der(store, TEXT("der"), (const uint8_t *)file, len));
    CHECK_STATUS(HUBWARD_KEY_ALREADY_EXISTS,
                 hubward_store_import_private_der(store, TEXT("der"), (const uint8_t *)file, len));
    CHECK_STATUS(HUBWARD_KEY_INVALID_PRIVATE_KEY,
                 hubward_store_import_private_der(store, TEXT("bad"), (const uint8_t *)file, len - 1));
    CHECK_STATUS(HUBWARD_KEY_INVALID_PRIVATE_KEY,
                 hubward_store_import_private_der(store, TEXT("bad"), (const uint8_t *)file, 0));
    sign_and_write(store, "p256", P256, 2);
    sign_and_write(store, "p384", P384, 1);
    sign_and_write(store, "der", P256, 1);
    if (has_feature("ring") || has_feature("aws-lc-rs")) {
        file = read_file("rsa.der", &len);
        CHECK_STATUS(HUBWARD_OK, hubward_store_import_private_der(store, TEXT("rsa"), (const uint8_t *)file, len));
        sign_and_write(store, "rsa", RSA, 6);
    }

    hubward_mac_key *key;
    hubward_signing_key *signing_key;
    CHECK_STATUS(HUBWARD_OK, hubward_store_import(store, TEXT("mac"), TEXT(KEY)));
    CHECK_STATUS(HUBWARD_KEY_WRONG_KIND, hubward_store_mac_key(store, TEXT("p256"), &key));
    CHECK_STATUS(HUBWARD_KEY_WRONG_KIND, hubward_store_signing_key(store, TEXT("mac"), &signing_key));
    CHECK_STATUS(HUBWARD_KEY_NOT_FOUND, hubward_store_signing_key(store, TEXT("none"), &signing_key));
    /* A key goes on after its deletion, and does not sign as others do. */
    uint8_t bytes[HUBWARD_SIGNATURE_MAX];
    CHECK_STATUS(HUBWARD_OK, hubward_store_signing_key(store, TEXT("der"), &signing_key));
    CHECK_STATUS(HUBWARD_OK, hubward_store_delete(store, TEXT("der")));
    CHECK_STATUS(HUBWARD_OK, hubward_signing_key_sign(signing_key, 0, NULL, 0, INTO(bytes, &len)));
    CHECK_STATUS(HUBWARD_KEY_UNSUPPORTED_ALGORITHM,
                 hubward_signing_key_sign(signing_key, HUBWARD_SIGN_ECDSA_P384_SHA384, NULL, 0, INTO(bytes, &len)));
    hubward_signing_key_free(signing_key);
}

static void pem_is_read(const hubward_store *store)
{
    size_t len;
    char *file = read_file("key.pem", &len);
    CHECK_STATUS(HUBWARD_OK, hubward_store_import_private_pem(store, TEXT("pem"), file, len));
    CHECK_STATUS(HUBWARD_KEY_ALREADY_EXISTS, hubward_store_import_private_pem(store, TEXT("pem"), file, len));
    CHECK_STATUS(HUBWARD_PEM_NO_END, hubward_store_import_private_pem(store, TEXT("bad"), file, len / 2));
    CHECK_STATUS(HUBWARD_PEM_NO_BLOCK, hubward_store_import_private_pem(store, TEXT("bad"), file, 0));
    CHECK_STATUS(HUBWARD_PEM_NO_BLOCK, hubward_store_import_private_pem(store, TEXT("bad"), TEXT("\xFF\0")));
    file = read_file("encrypted.pem", &len);
    CHECK_STATUS(HUBWARD_PEM_ENCRYPTED, hubward_store_import_private_pem(store, TEXT("bad"), file, len));
    file = read_file("device.pem", &len);
    CHECK_STATUS(HUBWARD_PEM_CERTIFICATE_NOT_KEY, hubward_store_import_private_pem(store, TEXT("bad"), file, len));
    file = read_file("key.der", &len);
    CHECK_STATUS(HUBWARD_PEM_IS_DER, hubward_store_import_private_pem(store, TEXT("bad"), file, len));
}

static void requests_are_written(const hubward_store *store)
{
    char pem[4096];
    size_t len;
    hubward_signing_key *key;
    CHECK_STATUS(HUBWARD_OK, hubward_store_signing_key(store, TEXT("p256"), &key));
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_request(key, TEXT("device1"), NULL, 0, INTO(pem, &len)));
    write_file("device.csr", pem, len);
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_request(key, TEXT("device1"), TEXT("mod1"), INTO(pem, &len)));
    write_file("module.csr", pem, len);
    CHECK_STATUS(HUBWARD_OK,
                 hubward_certificate_request_for_registration(key, TEXT("reg-1"), INTO(pem, &len)));
    write_file("registration.csr", pem, len);
    CHECK_STATUS(HUBWARD_NAME_EMPTY, hubward_certificate_request(key, TEXT(""), NULL, 0, INTO(pem, &len)));
    CHECK_STATUS(HUBWARD_NAME_INVALID_CHARACTER,
                 hubward_certificate_request_for_registration(key, TEXT("reg 1"), INTO(pem, &len)));
    hubward_signing_key_free(key);
}

/* --- A store under a key that a driver keeps. */

static int fails;

static int32_t hmac(void *user_data, const uint8_t *message, size_t message_len, uint8_t *tag)
{
    (void)user_data;
    if (fails)
        return fails;
    /* Not HMAC, but as good: what follows from the message, and from nothing else. */
    memset(tag, 0x5A, 32);
    for (size_t at = 0; at < message_len; at++)
        tag[at % 32] = (uint8_t)(tag[at % 32] * 31 + message[at]);
    return 0;
}

static void a_driver_opens_a_store(void)
{
    hubward_mac_key_callbacks callbacks = {NULL, hmac, NULL};
    hubward_mac_key *key, *other;
    hubward_store *store;
    const char *path = path_of("sealed");
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_from_callbacks(&callbacks, &key));
    CHECK_STATUS(HUBWARD_OK, hubward_store_create_with_key(path, strlen(path), key, &store));
    CHECK_STATUS(HUBWARD_OK, hubward_store_import(store, TEXT("k"), TEXT(KEY)));
    hubward_store_free(store);

    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &other));
    poison(&store, sizeof store);
    CHECK_STATUS(HUBWARD_STORE_WRONG_KEY, hubward_store_open_with_key(path, strlen(path), other, &store));
    CHECK_STATUS(HUBWARD_STORE_OTHER_KIND_OF_KEY, open_with("sealed", PASSPHRASE, &store));
    hubward_mac_key_free(other);
    fails = 3;
    CHECK_STATUS(HUBWARD_KEY_FAILED, hubward_store_open_with_key(path, strlen(path), key, &store));
    CHECK_STATUS(HUBWARD_KEY_FAILED, hubward_store_create_with_key(TEXT("never-made"), key, &store));
    CHECK(is_poison(&store, sizeof store));
    fails = 0;
    CHECK_STATUS(HUBWARD_OK, hubward_store_open_with_key(path, strlen(path), key, &store));
    /* The driver is needed no more. */
    hubward_mac_key_free(key);
    fails = 3;
    check_list(store, "k symmetric plain\n");
    fails = 0;
    hubward_store_free(store);
}

void stores(const char *given)
{
    folder = given;
    CHECK(has_feature("keystore-file"));
    symmetric_keys_are_kept();
    what_is_no_store_of_ours_stays_closed();
    a_driver_opens_a_store();

    hubward_store *store;
    CHECK_STATUS(HUBWARD_OK, create("private", &store));
    names_are_judged(store);
    check_list(store, "");
    if (has_feature("keystore-software")) {
        private_keys_sign(store);
        if (has_feature("x509"))
            pem_is_read(store);
        if (has_feature("x509-issue"))
            requests_are_written(store);
    }
    hubward_store_free(store);
}
