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
};

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        list_calls();
        return 0;
    }
    for (size_t at = 0; count == 3 && at < sizeof SUITES / sizeof *SUITES; at++) {
        if (strcmp(arguments[1], SUITES[at].name) == 0) {
            SUITES[at].run(arguments[2]);
            /* By which the test knows that it came to its end. */
            puts("done");
            return 0;
        }
    }
    fputs("usage: suite NAME FOLDER, or suite --list\n", stderr);
    return 2;
}
