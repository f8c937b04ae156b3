/* The same objects from eight threads at once. */

#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
/* Expiries that the threads take in turn. */
#define EXPIRIES 16

static void at_once(void *(*run)(void *argument), void *argument, size_t stride)
{
    pthread_t threads[THREADS];
    for (size_t at = 0; at < THREADS; at++) {
        /* Each is handed what is its own, or all the same. */
        CHECK(pthread_create(&threads[at], NULL, run, (char *)argument + at * stride) == 0);
    }
    for (size_t at = 0; at < THREADS; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
}

/* --- A signer, by each of its ways. */

static struct {
    char text[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
} expected[EXPIRIES];

static hubward_signer *signer;
static unsigned long tokens_each;

static void *sign(void *argument)
{
    (void)argument;
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    for (unsigned long at = 0; at < tokens_each; at++) {
        size_t which = at % EXPIRIES;
        hubward_status status = hubward_signer_sign(signer, EXPIRY + which, INTO(token, &len));
        if (status != HUBWARD_OK || len != expected[which].len || memcmp(token, expected[which].text, len + 1) != 0) {
            CHECK_STATUS(HUBWARD_OK, status);
            CHECK_TEXT(expected[which].text, token, len);
        }
    }
    return NULL;
}

static void a_signer(void)
{
    /* What is expected is signed by another, and is what the key says: it verifies. */
    hubward_signer *other = new_signer();
    check_signs(other);
    for (size_t at = 0; at < EXPIRIES; at++) {
        CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(other, EXPIRY + at, expected[at].text, sizeof expected[at].text,
                                                     &expected[at].len));
        CHECK_STATUS(HUBWARD_OK, hubward_token_verify(expected[at].text, expected[at].len, TEXT(KEY), TEXT(RESOURCE),
                                                      EXPIRY + at - 1, 0));
    }
    hubward_signer_free(other);

    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_connection_string(TEXT(CONNECTION), &signer));
    at_once(sign, NULL, 0);
    hubward_signer_free(signer);
    if (has_feature("mlock")) {
        CHECK_STATUS(HUBWARD_OK, hubward_signer_from_connection_string_locked(TEXT(CONNECTION), HUBWARD_LOCK_PREFER,
                                                                              &signer));
        at_once(sign, NULL, 0);
        hubward_signer_free(signer);
    }
}

/* --- A driver, and what is freed by another thread than it was made by. */

static atomic_ulong macs, releases;

static int32_t hmac(void *user_data, const uint8_t *message, size_t message_len, uint8_t *tag)
{
    (void)message, (void)message_len;
    atomic_fetch_add(&macs, 1);
    memset(tag, *(const int *)user_data, 32);
    return 0;
}

static void release(void *user_data)
{
    CHECK(*(const int *)user_data == 7);
    atomic_fetch_add(&releases, 1);
}

static hubward_mac_key *key;

static void *make_sign_and_free(void *argument)
{
    (void)argument;
    for (int round = 0; round < 50; round++) {
        hubward_signer *own;
        char token[HUBWARD_SAS_TOKEN_MAX];
        size_t len;
        CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &own));
        CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(own, EXPIRY, INTO(token, &len)));
        CHECK(strstr(token, "&sig=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc%3D&se=") != NULL);
        hubward_signer_free(own);
    }
    return NULL;
}

static void a_driver(void)
{
    static const int data = 7;
    hubward_mac_key_callbacks callbacks = {(void *)&data, hmac, release};
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_from_callbacks(&callbacks, &key));
    at_once(make_sign_and_free, NULL, 0);
    CHECK(macs == THREADS * 50 && releases == 0);
    hubward_mac_key_free(key);
    CHECK(releases == 1);
}

/* --- A cache. */

static hubward_token_cache *cache;
static atomic_int new_ones;

static void *poll(void *argument)
{
    char *mine = argument;
    for (int round = 0; round < 100; round++) {
        size_t len;
        hubward_token_cache_result result;
        CHECK_STATUS(HUBWARD_OK,
                     hubward_token_cache_poll(cache, NOW, mine, HUBWARD_SAS_TOKEN_MAX, &len, &result));
        CHECK(result.action == HUBWARD_CACHE_USE && result.reason == HUBWARD_OK && len == strlen(mine));
        atomic_fetch_add(&new_ones, result.is_new);
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_accepted(cache, result.id));
    }
    return NULL;
}

static void *poll_and_refuse(void *argument)
{
    char *mine = argument;
    for (uint64_t round = 0; round < 50; round++) {
        size_t len;
        hubward_token_cache_result result;
        int32_t refusal;
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW + 100 * round, mine, HUBWARD_SAS_TOKEN_MAX, &len,
                                                          &result));
        if (result.action == HUBWARD_CACHE_USE)
            CHECK_STATUS(HUBWARD_OK, hubward_token_verify(mine, len, TEXT(KEY), TEXT(RESOURCE), NOW + 100 * round, 0));
        else
            CHECK(len == 0 && mine[0] == '\0');
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_refused(cache, result.id, NOW + 100 * round, &refusal));
        CHECK(refusal >= HUBWARD_REFUSED_ONCE && refusal <= HUBWARD_REFUSED_REPLACED);
    }
    return NULL;
}

static void a_cache(void)
{
    static char found[THREADS][HUBWARD_SAS_TOKEN_MAX];
    hubward_signer *own = new_signer();
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(own, 3600, 80, &cache));
    hubward_signer_free(own);
    at_once(poll, found, sizeof found[0]);
    /* They all have the same, which was new to one of them. */
    CHECK(new_ones == 1);
    for (size_t at = 0; at < THREADS; at++)
        CHECK(strcmp(found[at], found[0]) == 0);
    CHECK_STATUS(HUBWARD_OK, hubward_token_verify(found[0], strlen(found[0]), TEXT(KEY), TEXT(RESOURCE), NOW, 0));
    at_once(poll_and_refuse, found, sizeof found[0]);
    hubward_token_cache_free(cache);
}

/* --- A store. */

static hubward_store *store;

static void *keep(void *argument)
{
    /* A name of its own. */
    const char *name = argument;
    size_t len = strlen(name);
    static char list[THREADS][4096];
    char *mine = list[name[4] - '0'];
    size_t list_len;
    hubward_mac_key *kept;
    hubward_signer *own;
    CHECK_STATUS(HUBWARD_OK, hubward_store_import(store, name, len, TEXT(KEY)));
    CHECK_STATUS(HUBWARD_KEY_ALREADY_EXISTS, hubward_store_import(store, name, len, TEXT(KEY)));
    CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("shared"), HUBWARD_KEY_SYMMETRIC));
    CHECK_STATUS(HUBWARD_OK, hubward_store_list(store, mine, sizeof list[0], &list_len));
    CHECK(strstr(mine, name) != NULL && strstr(mine, "shared symmetric ") != NULL);
    CHECK_STATUS(HUBWARD_OK, hubward_store_mac_key(store, name, len, &kept));
    CHECK_STATUS(HUBWARD_OK, hubward_store_delete(store, name, len));
    CHECK_STATUS(HUBWARD_KEY_NOT_FOUND, hubward_store_delete(store, name, len));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, kept, &own));
    hubward_mac_key_free(kept);
    check_signs(own);
    hubward_signer_free(own);
    return NULL;
}

static void a_store(const char *folder)
{
    static const char names[THREADS][8] = {"key-0", "key-1", "key-2", "key-3", "key-4", "key-5", "key-6", "key-7"};
    char path[4096], list[256];
    size_t len;
    snprintf(path, sizeof path, "%s/threads.store", folder);
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &key));
    CHECK_STATUS(HUBWARD_OK, hubward_store_create_with_key(path, strlen(path), key, &store));
    hubward_mac_key_free(key);
    at_once(keep, (void *)names, sizeof names[0]);
    CHECK_STATUS(HUBWARD_OK, hubward_store_list(store, INTO(list, &len)));
    CHECK(strncmp(list, TEXT("shared symmetric ")) == 0 && strchr(list, '\n') == list + len - 1);
    hubward_store_free(store);
}

/* --- A certificate, judged while what is expected of it changes. */

static hubward_certificate *certificate;

static void *judge(void *argument)
{
    (void)argument;
    char json[8192];
    size_t len;
    for (uint64_t round = 0; round < 20; round++) {
        CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_window(certificate, round));
        CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_device(certificate, TEXT("device1"), NULL, 0));
        CHECK_STATUS(HUBWARD_OK, hubward_certificate_expect_registration(certificate, TEXT("reg-1")));
        CHECK_STATUS(HUBWARD_OK, hubward_certificate_judge(certificate, NOW, INTO(json, &len)));
        CHECK(json[0] == '[' && json[len - 1] == ']' && strlen(json) == len);
    }
    return NULL;
}

static void a_certificate(const char *folder)
{
    static char pem[16384];
    char path[4096];
    snprintf(path, sizeof path, "%s/device.pem", folder);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t len = fread(pem, 1, sizeof pem, file);
    fclose(file);
    CHECK_STATUS(HUBWARD_OK, hubward_certificate_parse(pem, len, &certificate));
    at_once(judge, NULL, 0);
    hubward_certificate_free(certificate);
}

void threads(const char *folder)
{
    /* Many where the library is optimised. */
    const char *count = getenv("HUBWARD_TEST_TOKENS");
    tokens_each = count != NULL ? strtoul(count, NULL, 10) : 500;
    CHECK(tokens_each > 0);
    a_signer();
    printf("%lu tokens\n", tokens_each * THREADS);
    a_driver();
    a_cache();
    if (has_feature("keystore-file"))
        a_store(folder);
    if (has_feature("x509"))
        a_certificate(folder);
}
