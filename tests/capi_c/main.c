/* Runs one of the suites: main SUITE FOLDER. Or lists the functions that are called: main --list. */

#include "harness.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(const char *folder);
} SUITES[] = {
    {"calls", calls},     {"tokens", tokens}, {"caches", caches}, {"callbacks", callbacks},
    {"logging", logging}, {"threads", threads}, {"forks", forks}, {"stores", stores},
    {"certificates", certificates}, {"vectors", vectors},
    /* Which must not come to an end. */
    {"leak", make_leak}, {"overrun", make_overrun},
    {"use-after-free", make_use_after_free}, {"overflow", make_overflow},
};

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        list_calls();
        return 0;
    }
    for (size_t at = 0; count == 3 && at < sizeof SUITES / sizeof *SUITES; at++) {
        if (strcmp(arguments[1], SUITES[at].name) == 0) {
            /* By which the test knows which library it is. */
            puts(hubward_features());
            SUITES[at].run(arguments[2]);
            /* By which the test knows that it came to its end. */
            puts("done");
            return 0;
        }
    }
    fputs("usage: suite NAME FOLDER, or suite --list\n", stderr);
    return 2;
}
