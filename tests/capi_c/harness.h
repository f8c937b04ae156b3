/* What the C programs of the suite share: checks that end the program, places that show whether they were
 * written to, and what the calls are made with. */

#ifndef HARNESS_H
#define HARNESS_H

#include <hubward.h>
#include <stddef.h>
#include <stdint.h>

/* --- The suites, one file each. `folder` is empty and for its owner alone. */

void calls(const char *folder);
void tokens(const char *folder);
void caches(const char *folder);
void callbacks(const char *folder);
void logging(const char *folder);
void threads(const char *folder);
void forks(const char *folder);
void stores(const char *folder);
void certificates(const char *folder);
void vectors(const char *folder);

/* Mistakes that tools must find. */
void make_leak(const char *folder);
void make_overrun(const char *folder);
void make_use_after_free(const char *folder);
void make_overflow(const char *folder);

/* The functions that `calls` calls, and with what: for the test that compares them with the header. */
void list_calls(void);

/* --- Checks: what does not hold is said, and ends the program. */

#define CHECK(condition) check((condition) != 0, #condition, __FILE__, __LINE__)
#define CHECK_STATUS(expected, call) check_status((expected), (call), #call, __FILE__, __LINE__)
#define CHECK_TEXT(expected, found, len) check_text((expected), (found), (len), __FILE__, __LINE__)

void check(int holds, const char *what, const char *file, int line);
void check_status(hubward_status expected, hubward_status found, const char *what, const char *file, int line);
/* That `found` is the text, with its length and a NUL behind it. */
void check_text(const char *expected, const char *found, size_t len, const char *file, int line);

/* --- Places. */

/* What stands where nothing was written. */
#define POISON 0xA5

void poison(void *place, size_t size);
int is_poison(const void *place, size_t size);

/* A literal and its length. */
#define TEXT(literal) (literal), (sizeof(literal) - 1)
/* A buffer, its size and the place for the length. */
#define INTO(buffer, len) (buffer), sizeof(buffer), (len)

/* malloc, and no answer but memory. */
void *memory(size_t size);

/* --- The library. */

int has_feature(const char *name);
/* Whether it has all of them; they are separated by spaces. */
int has_features(const char *names);

/* A signer of KEY for RESOURCE, and the token that it signs. */
hubward_signer *new_signer(void);
void check_signs(const hubward_signer *signer);

/* --- What the calls are made with: scripts/test knows the same token. */

#define HOST "contoso-hub.azure-devices.net"
#define RESOURCE HOST "/devices/device1"
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define CONNECTION "HostName=" HOST ";DeviceId=device1;SharedAccessKey=" KEY
#define MODULE_CONNECTION \
    "HostName=" HOST ";DeviceId=device1;ModuleId=mod1;SharedAccessKey=" KEY ";GatewayHostName=edge.local"
#define POLICY_CONNECTION "HostName=" HOST ";SharedAccessKeyName=service;SharedAccessKey=" KEY
#define TOKEN_CONNECTION "HostName=" HOST ";DeviceId=device1;SharedAccessSignature=" TOKEN
#define X509_CONNECTION "HostName=" HOST ";DeviceId=device1;x509=true"
#define EXPIRY 1735689600
#define SIGNATURE "hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D"
#define ENCODED HOST "%2Fdevices%2Fdevice1"
#define TOKEN "SharedAccessSignature sr=" ENCODED "&sig=" SIGNATURE "&se=1735689600"
/* After the release of this version: 2027-01-15T08:00:00Z. */
#define NOW 1800000000

#endif
