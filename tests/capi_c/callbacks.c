/* A key behind functions of the program's: what they are handed, what comes of their failures, and when they are let
 * go. */

#include "harness.h"

#include <string.h>

/* HMAC-SHA256 under KEY over what the token TOKEN is the signature of. */
static const char MESSAGE[] = ENCODED "\n1735689600";
static const uint8_t TAG[32] = {0x86, 0xbe, 0x21, 0x42, 0x59, 0x1e, 0x20, 0x80, 0x11, 0xc6, 0x7f,
                                0x43, 0xe3, 0x75, 0x34, 0xd9, 0xdb, 0xb7, 0x71, 0xb5, 0xb9, 0xaa,
                                0x7d, 0x75, 0x19, 0xf7, 0x1e, 0xd1, 0x31, 0x9d, 0x6c, 0xf8};

enum behaviour { WORKS, FAILS, FAILS_AFTER_WRITING, WRITES_NOTHING, CALLS_BACK };

struct driver {
    enum behaviour behaviour;
    int32_t code;
    hubward_signer *other;
    int calls, releases;
};

static int32_t hmac(void *user_data, const uint8_t *message, size_t message_len, uint8_t *tag)
{
    struct driver *driver = user_data;
    driver->calls++;
    if (driver->behaviour == FAILS)
        return driver->code;
    CHECK(message_len == sizeof MESSAGE - 1 && memcmp(message, MESSAGE, message_len) == 0);
    switch (driver->behaviour) {
    case FAILS_AFTER_WRITING:
        memcpy(tag, TAG, sizeof TAG);
        return driver->code;
    case WRITES_NOTHING:
        return 0;
    case CALLS_BACK: {
        /* The library, not the object that asks: keys, tokens, signers, caches. */
        char text[HUBWARD_SAS_TOKEN_MAX];
        size_t len;
        hubward_mac_key *key;
        hubward_token_cache *cache;
        hubward_token_cache_result result;
        check_signs(driver->other);
        CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &key));
        hubward_mac_key_free(key);
        CHECK_STATUS(HUBWARD_OK, hubward_derive_device_key(TEXT(KEY), TEXT("r"), INTO(text, &len)));
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(driver->other, 3600, 80, &cache));
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(text, &len), &result));
        hubward_token_cache_free(cache);
        CHECK_STATUS(HUBWARD_NULL_POINTER, hubward_signer_sign(NULL, NOW, INTO(text, &len)));
        break;
    }
    case FAILS:
    case WORKS:
        break;
    }
    memcpy(tag, TAG, sizeof TAG);
    return 0;
}

static void release(void *user_data)
{
    struct driver *driver = user_data;
    driver->releases++;
}

static hubward_mac_key *key_of(struct driver *driver)
{
    hubward_mac_key_callbacks callbacks = {driver, hmac, release};
    hubward_mac_key *key;
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_from_callbacks(&callbacks, &key));
    /* They were copied. */
    poison(&callbacks, sizeof callbacks);
    return key;
}

static hubward_signer *signer_of(const hubward_mac_key *key)
{
    hubward_signer *signer;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &signer));
    return signer;
}

static void a_driver_signs(void)
{
    hubward_signer *other = new_signer();
    const enum behaviour good[] = {WORKS, CALLS_BACK};
    for (size_t at = 0; at < sizeof good / sizeof *good; at++) {
        struct driver driver = {.behaviour = good[at], .other = other};
        hubward_mac_key *key = key_of(&driver);
        hubward_signer *signer = signer_of(key);
        check_signs(signer);
        CHECK(driver.calls == 1);
        check_signs(signer);
        CHECK(driver.calls == 2 && driver.releases == 0);
        hubward_signer_free(signer);
        CHECK(driver.releases == 0);
        hubward_mac_key_free(key);
        CHECK(driver.releases == 1);
    }
    hubward_signer_free(other);
}

static void a_driver_that_fails_makes_no_token(void)
{
    const enum behaviour bad[] = {FAILS, FAILS_AFTER_WRITING};
    const int32_t codes[] = {1, -1, INT32_MIN, INT32_MAX, HUBWARD_BUFFER_TOO_SMALL};
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++) {
        for (size_t code = 0; code < sizeof codes / sizeof *codes; code++) {
            struct driver driver = {.behaviour = bad[at], .code = codes[code]};
            hubward_mac_key *key = key_of(&driver);
            hubward_signer *signer = signer_of(key);
            char token[HUBWARD_SAS_TOKEN_MAX];
            size_t len;
            poison(token, sizeof token);
            poison(&len, sizeof len);
            CHECK_STATUS(HUBWARD_KEY_FAILED, hubward_signer_sign(signer, EXPIRY, INTO(token, &len)));
            CHECK_STATUS(HUBWARD_KEY_FAILED, hubward_signer_sign(signer, EXPIRY, token, strlen(TOKEN) + 1, &len));
            CHECK_STATUS(HUBWARD_KEY_FAILED, hubward_signer_sign(signer, EXPIRY, NULL, 0, &len));
            /* Not the resource either, which is known before. */
            CHECK(is_poison(token, sizeof token) && is_poison(&len, sizeof len));
            /* Whatever is told of a buffer that is too small, nothing is written to it. */
            hubward_status status = hubward_signer_sign(signer, EXPIRY, token, 10, &len);
            CHECK(status == HUBWARD_KEY_FAILED || (status == HUBWARD_BUFFER_TOO_SMALL && len == strlen(TOKEN)));
            CHECK(is_poison(token, sizeof token));
            /* Once it works again, so does the signer. */
            driver.behaviour = WORKS;
            check_signs(signer);
            hubward_signer_free(signer);
            hubward_mac_key_free(key);
            CHECK(driver.releases == 1);
        }
    }
}

/* A driver that says it has signed and has not: what it leaves is not what was in memory before, and lets nobody in. */
static void a_driver_that_writes_nothing_leaks_nothing(void)
{
    struct driver driver = {.behaviour = WRITES_NOTHING};
    hubward_mac_key *key = key_of(&driver);
    hubward_signer *signer = signer_of(key);
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    poison(token, sizeof token);
    CHECK_STATUS(HUBWARD_KEY_FAILED, hubward_signer_sign(signer, EXPIRY, INTO(token, &len)));
    CHECK(is_poison(token, sizeof token));
    hubward_signer_free(signer);
    hubward_mac_key_free(key);
    CHECK(driver.releases == 1);
}

static void a_driver_is_released_once_in_any_order(void)
{
    /* The key, a signer of it and a cache of that, and a second signer. */
    for (int order = 0; order < 4 * 4 * 4 * 4; order++) {
        int places[] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
        if ((1 << places[0] | 1 << places[1] | 1 << places[2] | 1 << places[3]) != 15)
            continue;
        struct driver driver = {.behaviour = WORKS};
        hubward_mac_key *key = key_of(&driver);
        hubward_signer *signer = signer_of(key), *second = signer_of(key);
        hubward_token_cache *cache;
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 3600, 80, &cache));
        for (int step = 0; step < 4; step++) {
            CHECK(driver.releases == 0);
            switch (places[step]) {
            case 0:
                hubward_mac_key_free(key);
                break;
            case 1:
                hubward_signer_free(signer);
                break;
            case 2:
                hubward_signer_free(second);
                break;
            default:
                hubward_token_cache_free(cache);
                break;
            }
        }
        CHECK(driver.releases == 1 && driver.calls == 0);
    }
}

static void what_fails_takes_nothing_over(void)
{
    struct driver driver = {.behaviour = WORKS};
    hubward_mac_key_callbacks callbacks = {&driver, NULL, release};
    hubward_mac_key *key;
    poison(&key, sizeof key);
    CHECK_STATUS(HUBWARD_NULL_POINTER, hubward_mac_key_from_callbacks(&callbacks, &key));
    CHECK(is_poison(&key, sizeof key));
    callbacks.hmac_sha256 = hmac;
    CHECK_STATUS(HUBWARD_NULL_POINTER, hubward_mac_key_from_callbacks(&callbacks, NULL));
    CHECK(driver.releases == 0 && driver.calls == 0);

    /* A signer that is not made does not keep the key. */
    hubward_signer *signer;
    poison(&signer, sizeof signer);
    key = key_of(&driver);
    CHECK_STATUS(HUBWARD_RESOURCE_UNKNOWN_SHAPE,
                 hubward_signer_from_mac_key(TEXT("h/d/e/f"), NULL, 0, key, &signer));
    CHECK_STATUS(HUBWARD_NAME_EMPTY, hubward_signer_from_mac_key(TEXT(RESOURCE), TEXT(""), key, &signer));
    CHECK(is_poison(&signer, sizeof signer) && driver.releases == 0);
    hubward_mac_key_free(key);
    CHECK(driver.releases == 1);

    /* Without anything to release, and without data. */
    callbacks = (hubward_mac_key_callbacks){NULL, hmac, NULL};
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_from_callbacks(&callbacks, &key));
    hubward_mac_key_free(key);
}

/* A cache whose key fails has no token, and says why. */
static void a_cache_tells_of_a_driver_that_fails(void)
{
    hubward_token_cache *cache;
    struct driver driver = {.behaviour = FAILS, .code = 1};
    hubward_mac_key *key = key_of(&driver);
    hubward_signer *signer = signer_of(key);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 3600, 80, &cache));
    hubward_signer_free(signer);
    hubward_mac_key_free(key);
    hubward_token_cache_result result;
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, 0, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_CLOCK_UNKNOWN && driver.calls == 0);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_WAIT && driver.calls == 1);
    CHECK_STATUS(HUBWARD_KEY_FAILED, result.reason);
    CHECK_TEXT("", token, len);
    hubward_token_cache_free(cache);
    CHECK(driver.releases == 1);
}

void callbacks(const char *folder)
{
    (void)folder;
    a_driver_signs();
    a_driver_that_fails_makes_no_token();
    a_driver_that_writes_nothing_leaks_nothing();
    a_driver_is_released_once_in_any_order();
    what_fails_takes_nothing_over();
    a_cache_tells_of_a_driver_that_fails();
}
