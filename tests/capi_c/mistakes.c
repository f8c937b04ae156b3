/* Mistakes in the use of the library, to see that the tools find such. */

#include "harness.h"

#include <stdlib.h>
#include <string.h>

static hubward_signer *volatile forgotten;

void make_leak(const char *folder)
{
    (void)folder;
    forgotten = new_signer();
    check_signs(forgotten);
    forgotten = NULL;
    /* What the stack and registers remember of it. */
    char traces[16384];
    poison(traces, sizeof traces);
    CHECK(is_poison(traces, sizeof traces));
}

void make_overrun(const char *folder)
{
    (void)folder;
    hubward_signer *signer = new_signer();
    size_t len;
    /* A byte less than it says that there is: the NUL goes beyond. */
    char *token = memory(strlen(TOKEN));
    hubward_signer_sign(signer, EXPIRY, token, strlen(TOKEN) + 1, &len);
    free(token);
    hubward_signer_free(signer);
}

void make_use_after_free(const char *folder)
{
    (void)folder;
    hubward_token *token;
    uint64_t expiry;
    CHECK_STATUS(HUBWARD_OK, hubward_token_parse(TEXT(TOKEN), &token));
    hubward_token *volatile freed = token;
    hubward_token_free(token);
    hubward_token_expiry(freed, &expiry);
}

void make_overflow(const char *folder)
{
    (void)folder;
    volatile int32_t most = INT32_MAX;
    most = most + 1;
}
