#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check(int holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    exit(1);
}

void check_status(hubward_status expected, hubward_status found, const char *what, const char *file, int line)
{
    if (found == expected)
        return;
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    fprintf(stderr, "    answers %d: %s\n", (int)found, hubward_status_message(found));
    fprintf(stderr, "    and not %d: %s\n", (int)expected, hubward_status_message(expected));
    exit(1);
}

void check_text(const char *expected, const char *found, size_t len, const char *file, int line)
{
    if (len == strlen(expected) && memcmp(found, expected, len) == 0 && found[len] == '\0')
        return;
    fprintf(stderr, "%s:%d: %zu bytes: %.*s\n", file, line, len, (int)(len < 4096 ? len : 4096), found);
    fprintf(stderr, "    and not %zu: %s, with a NUL behind it\n", strlen(expected), expected);
    exit(1);
}

void poison(void *place, size_t size)
{
    memset(place, POISON, size);
}

int is_poison(const void *place, size_t size)
{
    const unsigned char *byte = place;
    for (size_t at = 0; at < size; at++) {
        if (byte[at] != POISON)
            return 0;
    }
    return 1;
}

void *memory(size_t size)
{
    void *found = malloc(size > 0 ? size : 1);
    CHECK(found != NULL);
    return found;
}

int has_feature(const char *name)
{
    return hubward_has_feature(name, strlen(name)) == 1;
}

int has_features(const char *names)
{
    while (*names != '\0') {
        size_t len = strcspn(names, " ");
        if (hubward_has_feature(names, len) != 1)
            return 0;
        names += len + strspn(names + len, " ");
    }
    return 1;
}

hubward_signer *new_signer(void)
{
    hubward_signer *signer = NULL;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_new(TEXT(RESOURCE), TEXT(KEY), &signer));
    return signer;
}

void check_signs(const hubward_signer *signer)
{
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, EXPIRY, INTO(token, &len)));
    CHECK_TEXT(TOKEN, token, len);
}
