/* Certificates, judged: what is found is written into the folder as it is, for the test that runs this and reads
 * JSON. */

#include "harness.h"

#include <stdio.h>
#include <string.h>

static const char *folder;

static char *read_file(const char *name, size_t *len)
{
    static char path[4096], content[4][16384];
    static int next;
    char *into = content[next++ % 4];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    *len = fread(into, 1, sizeof content[0], file);
    CHECK(*len > 0 && *len < sizeof content[0] && fclose(file) == 0);
    return into;
}

static void write_text(const char *name, const char *text, size_t len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(text, 1, len, file) == len && fclose(file) == 0);
}

static hubward_certificate *parse(void)
{
    size_t len;
    const char *pem = read_file("device.pem", &len);
    hubward_certificate *certificate;
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_parse(pem, len, &certificate));
    return certificate;
}

static void judge(const hubward_certificate *certificate, uint64_t now, const char *name)
{
    char json[16384], again[16384];
    size_t len, again_len;
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_judge(certificate, now, INTO(json, &len)));
    CHECK(strlen(json) == len);
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_judge(certificate, now, INTO(again, &again_len)));
    CHECK_TEXT(json, again, again_len);
    write_text(name, json, len);
}

static void expect_anchors(const hubward_certificate *certificate)
{
    size_t len;
    const char *pem = read_file("ca.pem", &len);
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_trust_anchors(certificate, pem, len));
}

static void what_is_expected_is_judged(void)
{
    uint64_t not_before = 0, not_after = 0;
    hubward_certificate *certificate = parse();
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_validity(certificate, &not_before, &not_after));
    CHECK(not_before > 0 && not_after > not_before);
    char text[128];
    int written = snprintf(text, sizeof text, "%llu %llu", (unsigned long long)not_before,
                           (unsigned long long)not_after);
    write_text("validity", text, (size_t)written);
    size_t len;
    char thumbprint[65];
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_thumbprint(certificate, INTO(thumbprint, &len)));
    CHECK(len == 64);
    write_text("thumbprint", thumbprint, len);

    uint64_t good = not_before + (not_after - not_before) / 2;
    expect_anchors(certificate);
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_device(certificate, TEXT("device1"), NULL, 0));
    judge(certificate, good, "good.json");
    /* Both ends are in it. */
    judge(certificate, not_before, "first.json");
    judge(certificate, not_after, "last.json");
    judge(certificate, not_before - 1, "early.json");
    judge(certificate, not_after + 1, "late.json");
    judge(certificate, 0, "zero.json");
    judge(certificate, UINT64_MAX, "end.json");

    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_window(certificate, not_after - good + 1));
    judge(certificate, good, "window.json");
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_window(certificate, 0));
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_device(certificate, TEXT("device2"), NULL, 0));
    judge(certificate, good, "other-device.json");
    /* What is refused changes nothing of what was expected. */
    CHECK_STATUS(HUBWARD_NAME_EMPTY, hubward_certificate_expect_device(certificate, TEXT("device1"), TEXT("")));
    CHECK_STATUS(HUBWARD_NAME_EMPTY, hubward_certificate_expect_registration(certificate, TEXT("")));
    CHECK_STATUS(HUBWARD_PEM_NO_BLOCK, hubward_certificate_expect_trust_anchors(certificate, TEXT("")));
    CHECK_STATUS(HUBWARD_THUMBPRINT_WRONG_LENGTH, hubward_certificate_expect_thumbprint(certificate, thumbprint, 63));
    judge(certificate, good, "still-other-device.json");
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_registration(certificate, TEXT("device1")));
    judge(certificate, good, "registration.json");
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_device(certificate, TEXT("device1"), TEXT("mod1")));
    judge(certificate, good, "module.json");
    hubward_certificate_free(certificate);

    /* By thumbprint, where the digits of another are one of the two. */
    certificate = parse();
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_thumbprint(certificate, thumbprint, 64));
    judge(certificate, good, "thumbprint.json");
    hubward_certificate_free(certificate);
    certificate = parse();
    thumbprint[0] = thumbprint[0] == '0' ? '1' : '0';
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_thumbprint(certificate, thumbprint, 64));
    judge(certificate, good, "other-thumbprint.json");
    thumbprint[0] = 'x';
    CHECK_STATUS(HUBWARD_THUMBPRINT_NOT_HEX, hubward_certificate_expect_thumbprint(certificate, thumbprint, 64));
    hubward_certificate_free(certificate);

    if (has_features("keystore-file keystore-software")) {
        char path[4096];
        hubward_mac_key *sealing;
        hubward_store *store;
        hubward_signing_key *key;
        snprintf(path, sizeof path, "%s/keys", folder);
        CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &sealing));
        CHECK_STATUS(HUBWARD_OK, hubward_store_create_with_key(path, strlen(path), sealing, &store));
        hubward_mac_key_free(sealing);
        const char *pem = read_file("key.pem", &len);
        CHECK_STATUS(HUBWARD_OK, hubward_store_import_private_pem(store, TEXT("own"), pem, len));
        CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("other"), HUBWARD_KEY_ECDSA_P256));
        const char *const names[] = {"own", "other"}, *const judgements[] = {"own-key.json", "other-key.json"};
        for (int at = 0; at < 2; at++) {
            certificate = parse();
            expect_anchors(certificate);
            CHECK_STATUS(HUBWARD_OK, hubward_store_signing_key(store, names[at], strlen(names[at]), &key));
            CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_key(certificate, key));
            /* The certificate holds it itself. */
            hubward_signing_key_free(key);
            judge(certificate, good, judgements[at]);
            hubward_certificate_free(certificate);
        }
        hubward_store_free(store);
    }
}

static void what_is_no_certificate_is_refused(void)
{
    hubward_certificate *certificate;
    size_t len;
    poison(&certificate, sizeof certificate);
    CHECK_STATUS(HUBWARD_PEM_NO_BLOCK, hubward_certificate_parse(TEXT(""), &certificate));
    CHECK_STATUS(HUBWARD_PEM_NO_BLOCK, hubward_certificate_parse(TEXT("\xFF\0\xFF"), &certificate));
    char *pem = read_file("key.pem", &len);
    CHECK_STATUS(HUBWARD_PEM_KEY_NOT_CERTIFICATE, hubward_certificate_parse(pem, len, &certificate));
    pem = read_file("key.der", &len);
    CHECK_STATUS(HUBWARD_PEM_IS_DER, hubward_certificate_parse(pem, len, &certificate));
    pem = read_file("device.pem", &len);
    CHECK_STATUS(HUBWARD_PEM_NO_END, hubward_certificate_parse(pem, len / 2, &certificate));
    pem[60] = pem[60] == 'A' ? 'B' : 'A';
    CHECK(hubward_certificate_parse(pem, len / 2, &certificate) != HUBWARD_OK);
    CHECK(is_poison(&certificate, sizeof certificate));
}

static void the_policy_of_tls_is_told(void)
{
    char text[65536];
    size_t len;
    static const struct {
        int32_t part;
        const char *name;
    } PARTS[] = {{HUBWARD_TLS_OPENSSL_CIPHER_LIST, "cipher-list"},
                 {HUBWARD_TLS_OPENSSL_CIPHERSUITES, "ciphersuites"},
                 {HUBWARD_TLS_OPENSSL_GROUPS, "groups"},
                 {HUBWARD_TLS_MBEDTLS_CIPHERSUITES, "mbedtls"}};
    for (size_t at = 0; at < sizeof PARTS / sizeof *PARTS; at++) {
        CHECK_STATUS(HUBWARD_OK, hubward_tls_policy(PARTS[at].part, INTO(text, &len)));
        write_text(PARTS[at].name, text, len);
    }
    CHECK_STATUS(HUBWARD_OK, hubward_tls_policy(HUBWARD_TLS_MBEDTLS_MIN_VERSION, INTO(text, &len)));
    CHECK_TEXT("MBEDTLS_SSL_VERSION_TLS1_2", text, len);
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_tls_policy(0, INTO(text, &len)));
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_tls_policy(7, INTO(text, &len)));
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_tls_trust_anchors(4, INTO(text, &len)));
    CHECK_STATUS(HUBWARD_INVALID_ARGUMENT, hubward_tls_trust_anchors(-1, INTO(text, &len)));
    const int32_t clouds[] = {HUBWARD_CLOUD_PUBLIC, HUBWARD_CLOUD_US_GOVERNMENT, HUBWARD_CLOUD_CHINA};
    for (size_t at = 0; at < sizeof clouds / sizeof *clouds; at++) {
        char name[32];
        snprintf(name, sizeof name, "anchors-%d.pem", (int)clouds[at]);
        CHECK_STATUS(HUBWARD_OK, hubward_tls_trust_anchors(clouds[at], INTO(text, &len)));
        write_text(name, text, len);
    }
}

void certificates(const char *given)
{
    folder = given;
    CHECK(has_feature("x509"));
    what_is_expected_is_judged();
    what_is_no_certificate_is_refused();
    if (has_feature("tls"))
        the_policy_of_tls_is_told();
}
