/* Tokens renewed in time: from a signer, and from functions of the program's. */

#include "harness.h"

#include <stdlib.h>
#include <string.h>

static void a_cache_of_a_signer_renews(void)
{
    hubward_signer *signer = new_signer();
    hubward_token_cache *cache;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 3600, 80, &cache));
    /* The cache holds what it needs. */
    hubward_signer_free(signer);

    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    hubward_token_cache_result result;
    /* To ask for the size is a poll, and hands nothing out; nor does a buffer that is too small. */
    poison(&result, sizeof result);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, NULL, 0, &len, &result));
    CHECK(result.action == HUBWARD_CACHE_USE && result.is_new == 1 && len == strlen(TOKEN));
    uint32_t first = result.id;
    CHECK(first != 0);
    poison(&result, sizeof result);
    CHECK_STATUS(HUBWARD_BUFFER_TOO_SMALL, hubward_token_cache_poll(cache, NOW, token, len, &len, &result));
    CHECK(len == strlen(TOKEN) && is_poison(&result, sizeof result));

    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE && result.is_new == 1 && result.reason == HUBWARD_OK);
    CHECK(result.id == first && result.next > NOW && result.next < NOW + 3600);
    CHECK(strcmp(token + len - 14, "&se=1800003600") == 0);
    CHECK_STATUS(HUBWARD_OK, hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), NOW, 0));

    char again[HUBWARD_SAS_TOKEN_MAX];
    uint64_t next = result.next;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, next - 1, INTO(again, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE && result.is_new == 0 && result.next == next);
    CHECK_TEXT(token, again, len);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, next, INTO(again, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE && result.is_new == 1 && result.next > next);
    CHECK(strcmp(token, again) != 0);

    uint32_t second = result.id;
    CHECK(second != 0 && second != first);

    /* Refused, it is not handed out again. News of what was replaced, or never was, changes nothing. */
    int32_t refusal;
    const uint32_t others[] = {first, second + 7, UINT32_MAX};
    for (size_t at = 0; at < sizeof others / sizeof *others; at++) {
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_refused(cache, others[at], next, &refusal));
        CHECK(refusal == HUBWARD_REFUSED_REPLACED);
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_accepted(cache, others[at]));
    }
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_accepted(cache, second));
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_refused(cache, second, next, &refusal));
    CHECK(refusal == HUBWARD_REFUSED_ONCE);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, next, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE && result.is_new == 1);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_refused(cache, result.id, next, &refusal));
    CHECK(refusal == HUBWARD_REFUSED_AGAIN);
    poison(token, sizeof token);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, next, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_WAIT && result.reason == HUBWARD_TOKEN_REFUSED && result.is_new == 0);
    CHECK(result.id == 0);
    CHECK(result.next > next);
    CHECK_TEXT("", token, len);
    CHECK(is_poison(token + 1, sizeof token - 1));
    hubward_token_cache_free(cache);
}

static void times_at_both_ends(void)
{
    hubward_signer *signer = new_signer();
    hubward_token_cache *cache;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 60, 10, &cache));
    hubward_signer_free(signer);
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    hubward_token_cache_result result;
    int32_t refusal;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, 0, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_CLOCK_UNKNOWN && result.reason == HUBWARD_CLOCK_UNKNOWN);
    CHECK(result.next == 0 && result.is_new == 0 && result.id == 0);
    CHECK_TEXT("", token, len);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, UINT64_MAX, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_WAIT && result.next == UINT64_MAX);
    CHECK_TEXT("", token, len);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_refused(cache, 0, UINT64_MAX, &refusal));
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_refused(cache, UINT32_MAX, 0, &refusal));
    /* It goes on as before. */
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_accepted(cache, 0));
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE);
    CHECK_STATUS(HUBWARD_OK, hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), NOW, 0));
    hubward_token_cache_free(cache);
}

static void policies_are_judged(void)
{
    static const struct {
        uint64_t lifetime;
        uint32_t percent;
        hubward_status answer;
    } CASES[] = {
        {60, 10, HUBWARD_OK},
        {31536000, 90, HUBWARD_OK},
        {59, 80, HUBWARD_CACHE_LIFETIME},
        {0, 80, HUBWARD_CACHE_LIFETIME},
        {31536001, 80, HUBWARD_CACHE_LIFETIME},
        {UINT64_MAX, 80, HUBWARD_CACHE_LIFETIME},
        {3600, 9, HUBWARD_CACHE_PERCENT},
        {3600, 91, HUBWARD_CACHE_PERCENT},
        {3600, 0, HUBWARD_CACHE_PERCENT},
        /* Not 80 in eight bits. */
        {3600, 256 + 80, HUBWARD_CACHE_PERCENT},
        {3600, UINT32_MAX, HUBWARD_CACHE_PERCENT},
    };
    hubward_signer *signer = new_signer();
    for (size_t at = 0; at < sizeof CASES / sizeof *CASES; at++) {
        hubward_token_cache *cache = NULL;
        CHECK_STATUS(CASES[at].answer,
                     hubward_token_cache_new(signer, CASES[at].lifetime, CASES[at].percent, &cache));
        CHECK((cache != NULL) == (CASES[at].answer == HUBWARD_OK));
        hubward_token_cache_free(cache);
    }
    hubward_signer_free(signer);
}

/* --- Functions of the program's as a source of tokens. */

enum answers { GOOD, EXPIRED, FAILS, FULL, OVERFULL, TOO_LONG, AS_LONG_AS_MEMORY, NONE, EMPTY, NO_TOKEN, NOT_UTF8, CALLS_BACK };

struct source {
    enum answers answers;
    hubward_signer *signer;
    /* The cache that asks, for one that calls back. */
    hubward_token_cache *cache;
    hubward_token_cache *other;
    int calls, releases;
};

static void write_text(const char *text, size_t text_len, char *out, size_t *len)
{
    memcpy(out, text, text_len);
    *len = text_len;
}

/* A token of that many bytes, signed by nobody. */
static void fill(char *out, size_t len)
{
    static const char begin[] = "SharedAccessSignature sr=", end[] = "&sig=" SIGNATURE "&se=1800003600";
    memset(out, 'a', len);
    memcpy(out, begin, sizeof begin - 1);
    memcpy(out + len - (sizeof end - 1), end, sizeof end - 1);
}

/* What calls back must be told to come later, and nothing be written. */
static void call_back(struct source *source)
{
    char token[64];
    size_t len;
    hubward_token_cache_result result;
    int32_t refusal;
    poison(token, sizeof token);
    poison(&len, sizeof len);
    poison(&result, sizeof result);
    poison(&refusal, sizeof refusal);
    CHECK_STATUS(HUBWARD_BUSY, hubward_token_cache_poll(source->cache, NOW, INTO(token, &len), &result));
    CHECK_STATUS(HUBWARD_BUSY, hubward_token_cache_refused(source->cache, 1, NOW, &refusal));
    CHECK_STATUS(HUBWARD_BUSY, hubward_token_cache_accepted(source->cache, 1));
    CHECK(is_poison(token, sizeof token) && is_poison(&len, sizeof len) && is_poison(&result, sizeof result));
    CHECK(is_poison(&refusal, sizeof refusal));
    /* Others are not in its way. */
    char other[HUBWARD_SAS_TOKEN_MAX];
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(source->other, NOW, INTO(other, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE);
    check_signs(source->signer);
}

static int32_t give_token(void *user_data, uint64_t expiry, char *out, size_t cap, size_t *len)
{
    struct source *source = user_data;
    source->calls++;
    CHECK(cap == HUBWARD_SAS_TOKEN_MAX && out != NULL && len != NULL && *len == 0);
    CHECK(expiry == NOW + 3600);
    switch (source->answers) {
    case FAILS:
        /* What it wrote before does not count. */
        write_text(TEXT(TOKEN), out, len);
        return -7;
    case EXPIRED:
        write_text(TEXT(TOKEN), out, len);
        return 0;
    case FULL:
        fill(out, cap - 1);
        *len = cap - 1;
        return 0;
    case OVERFULL:
        fill(out, cap);
        *len = cap;
        return 0;
    case TOO_LONG:
        fill(out, cap);
        *len = cap + 1;
        return 0;
    case AS_LONG_AS_MEMORY:
        fill(out, cap);
        *len = SIZE_MAX;
        return 0;
    case NONE:
        return 0;
    case EMPTY:
        *len = 0;
        return 0;
    case NO_TOKEN:
        write_text(TEXT("SharedAccessSignature of nobody"), out, len);
        return 0;
    case NOT_UTF8:
        write_text(TEXT("SharedAccessSignature sr=\xFF"), out, len);
        return 0;
    case CALLS_BACK:
        call_back(source);
        break;
    case GOOD:
        break;
    }
    /* It is a signer's, which writes a NUL too. */
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(source->signer, expiry, out, cap, len));
    return 0;
}

static void release_source(void *user_data)
{
    struct source *source = user_data;
    source->releases++;
}

static hubward_token_cache *cache_of(struct source *source)
{
    hubward_token_callbacks callbacks = {source, give_token, release_source};
    hubward_token_cache *cache;
    CHECK_STATUS(HUBWARD_OK,
                 hubward_token_cache_from_callbacks(&callbacks, TEXT(RESOURCE), 3600, 80, &cache));
    /* They were copied. */
    poison(&callbacks, sizeof callbacks);
    return cache;
}

static void what_is_no_token_is_not_handed_out(void)
{
    static const struct {
        enum answers answers;
        int32_t action;
        hubward_status reason;
    } CASES[] = {
        {GOOD, HUBWARD_CACHE_USE, HUBWARD_OK},
        {CALLS_BACK, HUBWARD_CACHE_USE, HUBWARD_OK},
        {EXPIRED, HUBWARD_CACHE_WAIT, HUBWARD_TOKEN_SHORT_LIVED},
        {FAILS, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
        {FULL, HUBWARD_CACHE_USE, HUBWARD_OK},
        /* A buffer of HUBWARD_SAS_TOKEN_MAX takes every token, its NUL included: not this one. */
        {OVERFULL, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
        {TOO_LONG, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
        {AS_LONG_AS_MEMORY, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
        {NONE, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
        {EMPTY, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
        {NO_TOKEN, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
        {NOT_UTF8, HUBWARD_CACHE_WAIT, HUBWARD_KEY_FAILED},
    };
    hubward_signer *signer = new_signer();
    hubward_token_cache *other;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 3600, 80, &other));
    for (size_t at = 0; at < sizeof CASES / sizeof *CASES; at++) {
        struct source source = {.answers = CASES[at].answers, .signer = signer, .other = other};
        hubward_token_cache *cache = source.cache = cache_of(&source);
        char token[HUBWARD_SAS_TOKEN_MAX];
        size_t len;
        hubward_token_cache_result result;
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(token, &len), &result));
        CHECK(source.calls == 1);
        CHECK_STATUS(CASES[at].reason, result.reason);
        CHECK(result.action == CASES[at].action);
        if (result.action == HUBWARD_CACHE_USE) {
            CHECK(result.is_new == 1);
            if (CASES[at].answers == FULL)
                CHECK(len == HUBWARD_SAS_TOKEN_MAX - 1 && strlen(token) == len);
            else
                CHECK_STATUS(HUBWARD_OK, hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), NOW, 0));
        } else {
            CHECK_TEXT("", token, len);
            CHECK(result.is_new == 0 && result.next > NOW);
            /* It asks again when it said that it would, and not before. */
            CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(token, &len), &result));
            CHECK(source.calls == 1);
        }
        CHECK(source.releases == 0);
        hubward_token_cache_free(cache);
        CHECK(source.releases == 1);
    }
    hubward_token_cache_free(other);
    hubward_signer_free(signer);
}

static void what_fails_takes_nothing_over(void)
{
    struct source source = {.answers = GOOD};
    hubward_token_callbacks callbacks = {&source, give_token, release_source};
    hubward_token_cache *cache = NULL;
    CHECK_STATUS(HUBWARD_NAME_EMPTY,
                 hubward_token_cache_from_callbacks(&callbacks, TEXT(""), 3600, 80, &cache));
    CHECK_STATUS(HUBWARD_CACHE_PERCENT,
                 hubward_token_cache_from_callbacks(&callbacks, TEXT(RESOURCE), 3600, 0, &cache));
    CHECK_STATUS(HUBWARD_NOT_UTF8,
                 hubward_token_cache_from_callbacks(&callbacks, TEXT("\xFF"), 3600, 80, &cache));
    callbacks.token = NULL;
    CHECK_STATUS(HUBWARD_NULL_POINTER,
                 hubward_token_cache_from_callbacks(&callbacks, TEXT(RESOURCE), 3600, 80, &cache));
    CHECK(cache == NULL && source.calls == 0 && source.releases == 0);

    /* Without anything to release. */
    callbacks = (hubward_token_callbacks){NULL, give_token, NULL};
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_from_callbacks(&callbacks, TEXT(RESOURCE), 3600, 80, &cache));
    hubward_token_cache_free(cache);
}

void caches(const char *folder)
{
    (void)folder;
    a_cache_of_a_signer_renews();
    times_at_both_ends();
    policies_are_judged();
    what_is_no_token_is_not_handed_out();
    what_fails_takes_nothing_over();
}
