/* The function that is told what goes wrong: what it hears, from where, and that it never hears a secret. */

#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char PASSPHRASE[] = "correct horse battery staple";
/* Parts of what must not be heard: the key in its text and in its bytes, a signature, a passphrase. */
static const char *const SECRETS[] = {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "AwQFBgcICQoL", "hr4hQlkeIIAR",
                                      "D43U02du3cbW5", "battery staple", "horse"};

struct listener {
    atomic_int calls;
    atomic_int errors, warnings;
    /* What it does while it listens. */
    void (*busy_with)(void);
    char last[1024];
};

static void listen(void *user_data, int32_t level, const char *message, size_t message_len)
{
    struct listener *listener = user_data;
    CHECK(level == HUBWARD_LOG_ERROR || level == HUBWARD_LOG_WARNING);
    atomic_fetch_add(level == HUBWARD_LOG_ERROR ? &listener->errors : &listener->warnings, 1);
    CHECK(message != NULL && message_len > 0 && message[message_len] == '\0' && strlen(message) == message_len);
    for (size_t at = 0; at < message_len; at++)
        CHECK((unsigned char)message[at] >= 0x20 && message[at] != 0x7F);
    for (size_t at = 0; at < sizeof SECRETS / sizeof *SECRETS; at++)
        CHECK(strstr(message, SECRETS[at]) == NULL);
    if (atomic_fetch_add(&listener->calls, 1) == 0) {
        CHECK(message_len < sizeof listener->last);
        memcpy(listener->last, message, message_len + 1);
    }
    if (listener->busy_with != NULL)
        listener->busy_with();
}

static void set(struct listener *listener)
{
    CHECK_STATUS(HUBWARD_OK, hubward_log_set(listen, listener));
}

static void unset(void)
{
    CHECK_STATUS(HUBWARD_OK, hubward_log_set(NULL, NULL));
}

/* A call that goes wrong, and has nothing to free. */
static void go_wrong(void)
{
    hubward_signer *signer;
    CHECK_STATUS(HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION,
                 hubward_signer_from_connection_string(TEXT("HostName=h;DeviceId=d1"), &signer));
}

static void it_is_told_while_it_is_set(void)
{
    struct listener first = {0}, second = {0};
    go_wrong();
    set(&first);
    go_wrong();
    CHECK(first.calls == 1 && first.errors == 1);
    /* More than the number says. */
    CHECK(strcmp(first.last, "") != 0);
    /* What works is not told, nor are the answers to a question. */
    hubward_signer *signer = new_signer();
    char out[8];
    size_t len;
    CHECK_STATUS(HUBWARD_BUFFER_TOO_SMALL, hubward_signer_sign(signer, NOW, INTO(out, &len)));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, NOW, NULL, 0, &len));
    hubward_signer_free(signer);
    CHECK(first.calls == 1);
    /* A mistake in the call is. */
    CHECK_STATUS(HUBWARD_NULL_POINTER, hubward_signer_sign(NULL, NOW, INTO(out, &len)));
    CHECK(first.calls == 2);
    set(&second);
    go_wrong();
    CHECK(first.calls == 2 && second.calls == 1);
    unset();
    go_wrong();
    CHECK(first.calls == 2 && second.calls == 1);
}

static void set_from_within(void)
{
    CHECK_STATUS(HUBWARD_BUSY, hubward_log_set(NULL, NULL));
    CHECK_STATUS(HUBWARD_BUSY, hubward_log_set(listen, NULL));
    /* What it calls is not told: it would go on for ever. */
    go_wrong();
    hubward_signer *signer = new_signer();
    check_signs(signer);
    hubward_signer_free(signer);
}

static void from_within_it_may_call_but_not_be_set(void)
{
    struct listener listener = {.busy_with = set_from_within};
    set(&listener);
    go_wrong();
    CHECK(listener.calls == 1);
    go_wrong();
    CHECK(listener.calls == 2);
    unset();
}

static int32_t fail(void *user_data, uint64_t expiry, char *out, size_t cap, size_t *len)
{
    (void)user_data, (void)expiry, (void)cap;
    /* A token that is as good as expired. */
    memcpy(out, TEXT(TOKEN));
    *len = strlen(TOKEN);
    return 0;
}

static void a_cache_that_cannot_renew_warns(void)
{
    struct listener listener = {0};
    hubward_token_callbacks source = {NULL, fail, NULL};
    hubward_token_cache *cache;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_from_callbacks(&source, TEXT(RESOURCE), 3600, 80, &cache));
    source.token = NULL;
    set(&listener);
    char out[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    hubward_token_cache_result result;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(out, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_WAIT && listener.errors == 0);
    unset();
    hubward_token_cache_free(cache);
}

/* Every text that carries a secret, spoilt at every place: whatever is said of it, the secret is not. */
static void secrets_are_not_told(const char *folder)
{
    struct listener listener = {0};
    set(&listener);
    static const char *const TEXTS[] = {CONNECTION, TOKEN_CONNECTION, TOKEN, KEY};
    static const char SPOILS[] = {'\0', ' ', '\n', '=', ';', '&', '%', '!', '\xFF', '-'};
    char text[512];
    hubward_connection_string *connection;
    hubward_signer *signer;
    hubward_token *token;
    hubward_mac_key *key;
    for (size_t which = 0; which < sizeof TEXTS / sizeof *TEXTS; which++) {
        size_t len = strlen(TEXTS[which]);
        CHECK(len < sizeof text);
        for (size_t at = 0; at < len; at += 3) {
            for (size_t spoil = 0; spoil < sizeof SPOILS; spoil++) {
                memcpy(text, TEXTS[which], len);
                text[at] = SPOILS[spoil];
                if (hubward_connection_string_parse(text, len, &connection) == HUBWARD_OK)
                    hubward_connection_string_free(connection);
                if (hubward_signer_from_connection_string(text, len, &signer) == HUBWARD_OK)
                    hubward_signer_free(signer);
                if (hubward_token_parse(text, len, &token) == HUBWARD_OK)
                    hubward_token_free(token);
                if (hubward_mac_key_new(text, len, &key) == HUBWARD_OK)
                    hubward_mac_key_free(key);
                if (hubward_signer_new(TEXT(RESOURCE), text, len, &signer) == HUBWARD_OK)
                    hubward_signer_free(signer);
                hubward_token_verify(text, len, TEXT(KEY), TEXT(RESOURCE), EXPIRY, 0);
                hubward_token_verify(TEXT(TOKEN), text, len, TEXT(RESOURCE), EXPIRY, 0);
            }
        }
    }
    /* Where a secret stands for something else. */
    char out[512];
    size_t len;
    hubward_store *store;
    CHECK(hubward_signer_new(TEXT(KEY), TEXT(KEY), &signer) != HUBWARD_OK);
    CHECK(hubward_signer_with_policy(TEXT(RESOURCE), TEXT(KEY "="), TEXT(KEY), &signer) != HUBWARD_OK);
    CHECK(hubward_derive_device_key(TEXT(KEY), TEXT(KEY), INTO(out, &len)) != HUBWARD_OK);
    CHECK(hubward_mqtt_client_id_for(TEXT(KEY "/"), NULL, 0, INTO(out, &len)) != HUBWARD_OK);
    char path[4096];
    snprintf(path, sizeof path, "%s/none", folder);
    CHECK(hubward_store_open(path, strlen(path), TEXT(PASSPHRASE), &store) != HUBWARD_OK);
    if (hubward_store_create(path, strlen(path), TEXT("horse"), &store) == HUBWARD_OK)
        hubward_store_free(store);
    CHECK(hubward_store_open(path, strlen(path), TEXT(PASSPHRASE), &store) != HUBWARD_OK);
    CHECK(listener.calls > 500);
    unset();
}

#define THREADS 8
#define ROUNDS 200

static atomic_int is_over;

static void *go_wrong_often(void *argument)
{
    (void)argument;
    for (int round = 0; round < ROUNDS; round++)
        go_wrong();
    return NULL;
}

static void *set_often(void *argument)
{
    struct listener *listeners = argument;
    /* Whichever it was set to is heard of no more once the other is. */
    while (!atomic_load(&is_over)) {
        set(&listeners[0]);
        set(&listeners[1]);
        int calls = atomic_load(&listeners[0].calls);
        go_wrong();
        CHECK(atomic_load(&listeners[0].calls) == calls);
    }
    return NULL;
}

static void it_is_told_by_many_threads(void)
{
    struct listener listener = {0}, others[2] = {{0}, {0}};
    pthread_t threads[THREADS], setter;
    set(&listener);
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_create(&threads[at], NULL, go_wrong_often, NULL) == 0);
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
    CHECK(listener.calls == THREADS * ROUNDS);

    /* While it is exchanged, some of it may be lost, and nothing else. */
    CHECK(pthread_create(&setter, NULL, set_often, others) == 0);
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_create(&threads[at], NULL, go_wrong_often, NULL) == 0);
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
    atomic_store(&is_over, 1);
    CHECK(pthread_join(setter, NULL) == 0);
    unset();
    CHECK(listener.calls <= THREADS * ROUNDS + THREADS * ROUNDS);
    CHECK(others[1].calls > 0);
}

void logging(const char *folder)
{
    it_is_told_while_it_is_set();
    from_within_it_may_call_but_not_be_set();
    a_cache_that_cannot_renew_warns();
    secrets_are_not_told(folder);
    it_is_told_by_many_threads();
}
