/* What a forked child finds of its parent's objects. */

#define _GNU_SOURCE

#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs it in a child, which must come to the end of it. */
static void in_child(void (*run)(void))
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        /* One that hangs is no success. */
        alarm(60);
        run();
        _exit(42);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static hubward_signer *signer, *of_key;
static hubward_mac_key *key;
static hubward_token_cache *cache, *polled;

/* That it has no token, and says why. */
static void check_wiped(const hubward_signer *wiped)
{
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    poison(token, sizeof token);
    poison(&len, sizeof len);
    const uint64_t expiries[] = {EXPIRY, 0, 17, UINT64_MAX};
    for (size_t at = 0; at < sizeof expiries / sizeof *expiries; at++) {
        CHECK_STATUS(HUBWARD_KEY_WIPED_BY_FORK, hubward_signer_sign(wiped, expiries[at], INTO(token, &len)));
        CHECK_STATUS(HUBWARD_KEY_WIPED_BY_FORK, hubward_signer_sign(wiped, expiries[at], NULL, 0, &len));
    }
    CHECK(is_poison(token, sizeof token) && is_poison(&len, sizeof len));
    /* Nothing of it shows in a buffer that is too small either. */
    hubward_status status = hubward_signer_sign(wiped, EXPIRY, token, 20, &len);
    CHECK(status == HUBWARD_KEY_WIPED_BY_FORK || status == HUBWARD_BUFFER_TOO_SMALL);
    CHECK(is_poison(token, sizeof token));
}

static void find_locked_keys_wiped(void)
{
    check_wiped(signer);
    check_wiped(of_key);
    /* A signer that is made of the key only now. */
    hubward_signer *late;
    hubward_status status = hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &late);
    if (status == HUBWARD_OK) {
        check_wiped(late);
        hubward_signer_free(late);
    } else {
        CHECK_STATUS(HUBWARD_KEY_WIPED_BY_FORK, status);
    }

    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    hubward_token_cache_result result;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_WAIT);
    CHECK_STATUS(HUBWARD_KEY_WIPED_BY_FORK, result.reason);
    CHECK_TEXT("", token, len);
    /* A token that was there before is no key: it is good for as long as it was, and no longer. */
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(polled, NOW, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE && result.is_new == 0);
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(polled, NOW + 3600, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_WAIT);
    CHECK_STATUS(HUBWARD_KEY_WIPED_BY_FORK, result.reason);
    CHECK_TEXT("", token, len);

    /* What is made here works here. */
    hubward_signer *own;
    CHECK_STATUS(HUBWARD_OK,
                 hubward_signer_from_connection_string_locked(TEXT(CONNECTION), HUBWARD_LOCK_PREFER, &own));
    check_signs(own);
    hubward_signer_free(own);

    /* They can be freed here as there. */
    hubward_token_cache_free(cache);
    hubward_token_cache_free(polled);
    hubward_signer_free(signer);
    hubward_signer_free(of_key);
    hubward_mac_key_free(key);
}

static void have_a_child(void)
{
    in_child(find_locked_keys_wiped);
}

static void locked_keys_are_wiped(void)
{
    CHECK_STATUS(HUBWARD_OK,
                 hubward_signer_from_connection_string_locked(TEXT(CONNECTION), HUBWARD_LOCK_PREFER, &signer));
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new_locked(TEXT(KEY), HUBWARD_LOCK_PREFER, &key));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &of_key));
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 3600, 80, &cache));
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(of_key, 3600, 80, &polled));
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    hubward_token_cache_result result;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(polled, NOW, INTO(token, &len), &result));

    in_child(find_locked_keys_wiped);
    in_child(have_a_child);
    /* Here they are as they were. */
    check_signs(signer);
    check_signs(of_key);
    hubward_signer_free(signer);
    hubward_signer_free(of_key);
    hubward_mac_key_free(key);
    hubward_token_cache_free(cache);
    hubward_token_cache_free(polled);
}

static void sign(void)
{
    check_signs(signer);
    check_signs(of_key);
    hubward_signer *own = new_signer();
    check_signs(own);
    hubward_signer_free(own);
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    hubward_token_cache_result result;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(cache, NOW, INTO(token, &len), &result));
    CHECK(result.action == HUBWARD_CACHE_USE && result.reason == HUBWARD_OK);
    CHECK_STATUS(HUBWARD_OK, hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), NOW, 0));
    /* What goes wrong does so as it does there. */
    CHECK_STATUS(HUBWARD_NULL_POINTER, hubward_signer_sign(NULL, EXPIRY, INTO(token, &len)));
    hubward_signer_free(signer);
    hubward_signer_free(of_key);
    hubward_mac_key_free(key);
    hubward_token_cache_free(cache);
}

static void make_plain(void)
{
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_connection_string(TEXT(CONNECTION), &signer));
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &key));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &of_key));
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 3600, 80, &cache));
}

static void free_plain(void)
{
    hubward_signer_free(signer);
    hubward_signer_free(of_key);
    hubward_mac_key_free(key);
    hubward_token_cache_free(cache);
}

static void ordinary_keys_are_copied(void)
{
    make_plain();
    in_child(sign);
    check_signs(signer);
    free_plain();
}

/* --- A process with threads, which use objects of their own: those that no thread uses are whole in the child. */

#define THREADS 4

static atomic_int is_over;

static void *work(void *argument)
{
    hubward_signer *shared = argument;
    hubward_token_cache *own;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(shared, 3600, 80, &own));
    for (uint64_t round = 0; !atomic_load(&is_over); round++) {
        char token[HUBWARD_SAS_TOKEN_MAX];
        size_t len;
        hubward_token_cache_result result;
        int32_t refusal;
        check_signs(shared);
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_poll(own, NOW + round, INTO(token, &len), &result));
        CHECK_STATUS(HUBWARD_OK, hubward_token_cache_refused(own, result.id, NOW + round, &refusal));
        CHECK_STATUS(HUBWARD_NULL_POINTER, hubward_signer_sign(NULL, EXPIRY, INTO(token, &len)));
    }
    hubward_token_cache_free(own);
    return NULL;
}

static void threads_leave_nothing_held(void)
{
    make_plain();
    hubward_signer *shared = new_signer();
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_create(&threads[at], NULL, work, shared) == 0);
    for (int round = 0; round < 20; round++)
        in_child(sign);
    atomic_store(&is_over, 1);
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
    hubward_signer_free(shared);
    free_plain();
}

void forks(const char *folder)
{
    (void)folder;
    if (has_feature("mlock"))
        locked_keys_are_wiped();
    ordinary_keys_are_copied();
    threads_leave_nothing_held();
}
