/* Every function of the header, by the rules that its first comment gives for all: no pointer may be NULL that is
 * not said to, no length larger than memory, no text that is not UTF-8; what does not succeed writes nothing; a text
 * is written whole, with a NUL behind it, or not at all.
 *
 * TABLE has a line for each. Texts and buffers lie at odd addresses, at the very end of memory of their own, so that
 * a tool sees each byte that is read or written behind them. Where a pointer must be refused, all others are tried as
 * ones that must not be followed, for they point to a page that cannot be read. */

#define _GNU_SOURCE

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- What is handed in. */

/* Objects, made once. */
enum object { NO_OBJECT, CONNECTED, MODULE_CONNECTED, POLICY_CONNECTED, TOKEN_CONNECTED, SIGNER, MAC_KEY, READ_TOKEN,
              POLICY_TOKEN, CACHE, STORE, SIGNING_KEY, CERTIFICATE, OBJECTS };

static void *objects[OBJECTS];

/* A file of the folder that the test made. */
enum file { NO_FILE, KEY_DER, KEY_PEM, DEVICE_PEM, CA_PEM, STORE_PATH, NEW_STORE_PATH, FILES };

static struct {
    char *at;
    size_t len;
} files[FILES];

/* What stands for an argument of the call, by the letter of its shape. */
struct given {
    const char *text;
    size_t len;
    uint64_t number;
    enum object object;
    enum file file;
    const void *callbacks;
    size_t callbacks_size;
};

#define A_TEXT(literal) {.text = (literal), .len = sizeof(literal) - 1}
#define A_NUMBER(value) {.number = (value)}
#define AN_OBJECT(which) {.object = (which)}
#define A_FILE(which) {.file = (which)}
#define CALLBACKS(which) {.callbacks = &(which), .callbacks_size = sizeof(which)}

/* One parameter, as it is handed over. */
union value {
    const void *in;
    void *out;
    uint64_t number;
};

struct entry {
    const char *name;
    /* The features that it needs, separated by spaces. */
    const char *needs;
    /* A letter for each argument:
     *   h  an object                      t  a text                   o  a text that may be absent
     *   b  bytes, or a text of any kind   m  bytes that may be absent
     *   c  callbacks                      n  a number
     *   O  a place for an object          T  a buffer for a text      B  a buffer for bytes
     *   8  a place for a uint64_t         4  one for an int32_t       r  one for the result of a cache
     *   f  an object that is freed        *  a function that answers no status */
    const char *shape;
    hubward_status (*call)(const union value *v);
    struct given given[8];
    /* What it answers, and writes if it is HUBWARD_OK: where it is always the same. */
    hubward_status answer;
    const char *text;
    uint64_t number;
    /* Puts things as they must be before a call. */
    void (*before)(void);
    /* Frees what it made. */
    void (*release)(void *object);
    /* What is called instead of all this. */
    void (*special)(void);
};

#define CALL(name, ...) \
    static hubward_status call_##name(const union value *v) { return name(__VA_ARGS__); }
#define FREE(name) \
    static void free_##name(void *object) { name(object); } \
    static void null_##name(void) { name(NULL); }

/* The parameters of an argument that begins at `at`. */
#define IN(at) v[at].in
#define TEXT_IN(at) v[at].in, (size_t)v[(at) + 1].number
#define NUMBER(at) v[at].number
#define PLACE(at) v[at].out
#define BUFFER(at) v[at].out, (size_t)v[(at) + 1].number, v[(at) + 2].out

CALL(hubward_connection_string_parse, TEXT_IN(0), PLACE(2))
CALL(hubward_connection_string_host, IN(0), BUFFER(1))
CALL(hubward_connection_string_gateway, IN(0), BUFFER(1))
CALL(hubward_connection_string_device_id, IN(0), BUFFER(1))
CALL(hubward_connection_string_module_id, IN(0), BUFFER(1))
CALL(hubward_connection_string_policy_name, IN(0), BUFFER(1))
CALL(hubward_connection_string_resource, IN(0), BUFFER(1))
CALL(hubward_connection_string_authentication, IN(0), PLACE(1))
CALL(hubward_connection_string_token, IN(0), BUFFER(1))
CALL(hubward_connection_string_mac_key, IN(0), PLACE(1))
FREE(hubward_connection_string_free)

CALL(hubward_signer_from_connection_string, TEXT_IN(0), PLACE(2))
CALL(hubward_signer_from_connection_string_locked, TEXT_IN(0), (int32_t)NUMBER(2), PLACE(3))
CALL(hubward_signer_new, TEXT_IN(0), TEXT_IN(2), PLACE(4))
CALL(hubward_signer_with_policy, TEXT_IN(0), TEXT_IN(2), TEXT_IN(4), PLACE(6))
CALL(hubward_signer_from_mac_key, TEXT_IN(0), TEXT_IN(2), IN(4), PLACE(5))
CALL(hubward_signer_sign, IN(0), NUMBER(1), BUFFER(2))
CALL(hubward_signer_expiry_for, NUMBER(0), NUMBER(1), PLACE(2))
FREE(hubward_signer_free)
CALL(hubward_derive_device_key, TEXT_IN(0), TEXT_IN(2), BUFFER(4))

CALL(hubward_token_verify, TEXT_IN(0), TEXT_IN(2), TEXT_IN(4), NUMBER(6), NUMBER(7))
CALL(hubward_token_parse, TEXT_IN(0), PLACE(2))
CALL(hubward_token_resource, IN(0), BUFFER(1))
CALL(hubward_token_expiry, IN(0), PLACE(1))
CALL(hubward_token_policy_name, IN(0), BUFFER(1))
CALL(hubward_token_describe, IN(0), BUFFER(1))
FREE(hubward_token_free)

CALL(hubward_token_cache_new, IN(0), NUMBER(1), (uint32_t)NUMBER(2), PLACE(3))
CALL(hubward_token_cache_from_callbacks, IN(0), TEXT_IN(1), NUMBER(3), (uint32_t)NUMBER(4), PLACE(5))
CALL(hubward_token_cache_poll, IN(0), NUMBER(1), BUFFER(2), PLACE(5))
CALL(hubward_token_cache_refused, IN(0), (uint32_t)NUMBER(1), NUMBER(2), PLACE(3))
CALL(hubward_token_cache_accepted, IN(0), (uint32_t)NUMBER(1))
FREE(hubward_token_cache_free)

CALL(hubward_mqtt_username, TEXT_IN(0), TEXT_IN(2), BUFFER(4))
CALL(hubward_mqtt_client_id, TEXT_IN(0), BUFFER(2))
CALL(hubward_mqtt_host, TEXT_IN(0), BUFFER(2))
CALL(hubward_mqtt_telemetry_topic, TEXT_IN(0), BUFFER(2))
CALL(hubward_mqtt_username_for, TEXT_IN(0), TEXT_IN(2), TEXT_IN(4), TEXT_IN(6), BUFFER(8))
CALL(hubward_mqtt_client_id_for, TEXT_IN(0), TEXT_IN(2), BUFFER(4))

CALL(hubward_mac_key_new, TEXT_IN(0), PLACE(2))
CALL(hubward_mac_key_new_locked, TEXT_IN(0), (int32_t)NUMBER(2), PLACE(3))
CALL(hubward_mac_key_from_callbacks, IN(0), PLACE(1))
FREE(hubward_mac_key_free)

CALL(hubward_store_create, TEXT_IN(0), TEXT_IN(2), PLACE(4))
CALL(hubward_store_open, TEXT_IN(0), TEXT_IN(2), PLACE(4))
CALL(hubward_store_create_with_key, TEXT_IN(0), IN(2), PLACE(3))
CALL(hubward_store_open_with_key, TEXT_IN(0), IN(2), PLACE(3))
CALL(hubward_store_generate, IN(0), TEXT_IN(1), (int32_t)NUMBER(3))
CALL(hubward_store_import, IN(0), TEXT_IN(1), TEXT_IN(3))
CALL(hubward_store_import_private_der, IN(0), TEXT_IN(1), TEXT_IN(3))
CALL(hubward_store_import_private_pem, IN(0), TEXT_IN(1), TEXT_IN(3))
CALL(hubward_store_list, IN(0), BUFFER(1))
CALL(hubward_store_delete, IN(0), TEXT_IN(1))
CALL(hubward_store_mac_key, IN(0), TEXT_IN(1), PLACE(3))
CALL(hubward_store_signing_key, IN(0), TEXT_IN(1), PLACE(3))
FREE(hubward_store_free)
CALL(hubward_signing_key_sign, IN(0), (int32_t)NUMBER(1), TEXT_IN(2), BUFFER(4))
CALL(hubward_signing_key_public_key, IN(0), BUFFER(1))
FREE(hubward_signing_key_free)

CALL(hubward_certificate_parse, TEXT_IN(0), PLACE(2))
CALL(hubward_certificate_expect_device, IN(0), TEXT_IN(1), TEXT_IN(3))
CALL(hubward_certificate_expect_registration, IN(0), TEXT_IN(1))
CALL(hubward_certificate_expect_key, IN(0), IN(1))
CALL(hubward_certificate_expect_window, IN(0), NUMBER(1))
CALL(hubward_certificate_expect_trust_anchors, IN(0), TEXT_IN(1))
CALL(hubward_certificate_expect_thumbprint, IN(0), TEXT_IN(1))
CALL(hubward_certificate_judge, IN(0), NUMBER(1), BUFFER(2))
CALL(hubward_certificate_validity, IN(0), PLACE(1), PLACE(2))
CALL(hubward_certificate_thumbprint, IN(0), BUFFER(1))
FREE(hubward_certificate_free)
CALL(hubward_certificate_request, IN(0), TEXT_IN(1), TEXT_IN(3), BUFFER(5))
CALL(hubward_certificate_request_for_registration, IN(0), TEXT_IN(1), BUFFER(3))

CALL(hubward_tls_trust_anchors, (int32_t)NUMBER(0), BUFFER(1))
CALL(hubward_tls_policy, (int32_t)NUMBER(0), BUFFER(1))

/* --- Functions without a status. */

static void version(void)
{
    CHECK(strcmp(hubward_version(), HUBWARD_VERSION_STRING) == 0);
}

static void version_number(void)
{
    CHECK(hubward_version_number() == HUBWARD_VERSION_NUMBER);
    char number[32];
    uint32_t found = hubward_version_number();
    snprintf(number, sizeof number, "%u.%u.%u", (unsigned)(found >> 16), (unsigned)(found >> 8 & 0xFF),
             (unsigned)(found & 0xFF));
    CHECK(strcmp(number, hubward_version()) == 0);
}

static void features(void)
{
    CHECK(has_features(hubward_features()));
    CHECK(has_features("alloc capi session std"));
}

static void has_feature_of_any_kind(void)
{
    CHECK(hubward_has_feature(TEXT("capi")) == 1);
    CHECK(hubward_has_feature(TEXT("cap")) == 0);
    CHECK(hubward_has_feature(TEXT("capi ")) == 0);
    CHECK(hubward_has_feature(TEXT("capi\0")) == 0);
    CHECK(hubward_has_feature(TEXT("c\xFFpi")) == 0);
    CHECK(hubward_has_feature(TEXT("")) == 0);
    CHECK(hubward_has_feature(NULL, 0) == 0);
    CHECK(hubward_has_feature(NULL, 4) == 0);
    CHECK(hubward_has_feature("capi", SIZE_MAX) == 0);
}

static void status_message(void)
{
    CHECK(strlen(hubward_status_message(HUBWARD_OK)) > 0);
    CHECK(strlen(hubward_status_message(HUBWARD_KEY_WIPED_BY_FORK)) > 20);
    CHECK(strcmp(hubward_status_message(HUBWARD_OK), hubward_status_message(HUBWARD_NULL_POINTER)) != 0);
    CHECK(strlen(hubward_status_message(INT32_MIN)) > 0);
    CHECK(strlen(hubward_status_message(INT32_MAX)) > 0);
}

static void log_set(void)
{
    /* NULL is no function and no user data, and both are fine. */
    CHECK_STATUS(HUBWARD_OK, hubward_log_set(NULL, NULL));
    CHECK_STATUS(HUBWARD_OK, hubward_log_set(NULL, objects));
}

/* --- Callbacks: only made here, what they do is for the suite of their own. */

static int32_t never_mac(void *user_data, const uint8_t *message, size_t message_len, uint8_t *tag)
{
    (void)user_data, (void)message, (void)message_len, (void)tag;
    CHECK(!"called");
    return 0;
}

static int32_t never_token(void *user_data, uint64_t expiry, char *out, size_t cap, size_t *len)
{
    (void)user_data, (void)expiry, (void)out, (void)cap, (void)len;
    CHECK(!"called");
    return 0;
}

static const hubward_mac_key_callbacks MAC_CALLBACKS = {NULL, never_mac, NULL};
static const hubward_token_callbacks TOKEN_CALLBACKS = {NULL, never_token, NULL};

/* --- How the store must be before a call. */

static void without_new_store(void)
{
    unlink(files[NEW_STORE_PATH].at);
}

static void without_new_key(void)
{
    if (objects[STORE] == NULL)
        return;
    hubward_status status = hubward_store_delete(objects[STORE], TEXT("new"));
    CHECK(status == HUBWARD_OK || status == HUBWARD_KEY_NOT_FOUND);
}

static void with_new_key(void)
{
    without_new_key();
    if (objects[STORE] != NULL)
        CHECK_STATUS(HUBWARD_OK, hubward_store_generate(objects[STORE], TEXT("new"), HUBWARD_KEY_SYMMETRIC));
}

/* --- All of them. */

#define GIVEN(...) {__VA_ARGS__}

#define FILES_NEED "keystore-file"
#define PRIVATE_NEEDS "keystore-file keystore-software"
#define RELEASE(function) .release = free_##function
#define E(function, needs_, shape_, given_, ...) \
    {.name = #function, .needs = (needs_), .shape = (shape_), .call = call_##function, .given = given_, __VA_ARGS__}
#define SPECIAL(function, shape_, how) {.name = #function, .needs = "", .shape = (shape_), .special = (how)}
#define OBJECT_FREE(function) SPECIAL(function, "f", null_##function)

#define CONNECTION_GIVEN GIVEN(A_TEXT(MODULE_CONNECTION))
#define DERIVED_GIVEN \
    GIVEN(A_TEXT("8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="), \
          A_TEXT("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"))
#define POLICY_GIVEN GIVEN(A_TEXT(HOST), A_TEXT("service"), A_TEXT(KEY))
#define USERNAME HOST "/device1/mod1/?api-version=2021-04-12&DeviceClientType=pump%2F1.4"

static const struct entry TABLE[] = {
    SPECIAL(hubward_version, "*", version),
    SPECIAL(hubward_version_number, "*", version_number),
    SPECIAL(hubward_features, "*", features),
    SPECIAL(hubward_has_feature, "*t", has_feature_of_any_kind),
    SPECIAL(hubward_status_message, "*n", status_message),
    SPECIAL(hubward_log_set, "*cO", log_set),

    E(hubward_connection_string_parse, "", "tO", GIVEN(A_TEXT(CONNECTION)), RELEASE(hubward_connection_string_free)),
    E(hubward_connection_string_host, "", "hT", GIVEN(AN_OBJECT(CONNECTED)), .text = HOST),
    E(hubward_connection_string_gateway, "", "hT", GIVEN(AN_OBJECT(MODULE_CONNECTED)), .text = "edge.local"),
    E(hubward_connection_string_gateway, "", "hT", GIVEN(AN_OBJECT(CONNECTED)), .answer = HUBWARD_ABSENT),
    E(hubward_connection_string_device_id, "", "hT", GIVEN(AN_OBJECT(CONNECTED)), .text = "device1"),
    E(hubward_connection_string_device_id, "", "hT", GIVEN(AN_OBJECT(POLICY_CONNECTED)), .answer = HUBWARD_ABSENT),
    E(hubward_connection_string_module_id, "", "hT", GIVEN(AN_OBJECT(MODULE_CONNECTED)), .text = "mod1"),
    E(hubward_connection_string_module_id, "", "hT", GIVEN(AN_OBJECT(CONNECTED)), .answer = HUBWARD_ABSENT),
    E(hubward_connection_string_policy_name, "", "hT", GIVEN(AN_OBJECT(POLICY_CONNECTED)), .text = "service"),
    E(hubward_connection_string_policy_name, "", "hT", GIVEN(AN_OBJECT(CONNECTED)), .answer = HUBWARD_ABSENT),
    E(hubward_connection_string_resource, "", "hT", GIVEN(AN_OBJECT(MODULE_CONNECTED)),
      .text = RESOURCE "/modules/mod1"),
    E(hubward_connection_string_resource, "", "hT", GIVEN(AN_OBJECT(POLICY_CONNECTED)), .text = HOST),
    E(hubward_connection_string_authentication, "", "h4", GIVEN(AN_OBJECT(CONNECTED)),
      .number = HUBWARD_AUTHENTICATION_KEY),
    E(hubward_connection_string_authentication, "", "h4", GIVEN(AN_OBJECT(TOKEN_CONNECTED)),
      .number = HUBWARD_AUTHENTICATION_TOKEN),
    E(hubward_connection_string_token, "", "hT", GIVEN(AN_OBJECT(TOKEN_CONNECTED)), .text = TOKEN),
    E(hubward_connection_string_token, "", "hT", GIVEN(AN_OBJECT(CONNECTED)), .answer = HUBWARD_ABSENT),
    E(hubward_connection_string_mac_key, "", "hO", GIVEN(AN_OBJECT(CONNECTED)), RELEASE(hubward_mac_key_free)),
    E(hubward_connection_string_mac_key, "", "hO", GIVEN(AN_OBJECT(TOKEN_CONNECTED)),
      .answer = HUBWARD_SIGNER_NO_KEY),
    OBJECT_FREE(hubward_connection_string_free),

    E(hubward_signer_from_connection_string, "", "tO", GIVEN(A_TEXT(CONNECTION)), RELEASE(hubward_signer_free)),
    E(hubward_signer_from_connection_string, "", "tO", GIVEN(A_TEXT(TOKEN_CONNECTION)),
      .answer = HUBWARD_SIGNER_NO_KEY),
    E(hubward_signer_from_connection_string_locked, "mlock", "tnO",
      GIVEN(A_TEXT(CONNECTION), A_NUMBER(HUBWARD_LOCK_PREFER)), RELEASE(hubward_signer_free)),
    E(hubward_signer_from_connection_string_locked, "mlock", "tnO", GIVEN(A_TEXT(CONNECTION), A_NUMBER(7)),
      .answer = HUBWARD_INVALID_ARGUMENT),
    E(hubward_signer_new, "", "ttO", GIVEN(A_TEXT(RESOURCE), A_TEXT(KEY)), RELEASE(hubward_signer_free)),
    E(hubward_signer_with_policy, "", "tttO", POLICY_GIVEN, RELEASE(hubward_signer_free)),
    E(hubward_signer_from_mac_key, "", "tohO", GIVEN(A_TEXT(HOST), A_TEXT("service"), AN_OBJECT(MAC_KEY)),
      RELEASE(hubward_signer_free)),
    E(hubward_signer_sign, "", "hnT", GIVEN(AN_OBJECT(SIGNER), A_NUMBER(EXPIRY)), .text = TOKEN),
    E(hubward_signer_expiry_for, "", "nn8", GIVEN(A_NUMBER(3600), A_NUMBER(NOW)), .number = NOW + 3600),
    E(hubward_signer_expiry_for, "", "nn8", GIVEN(A_NUMBER(3600), A_NUMBER(0)), .answer = HUBWARD_CLOCK_UNKNOWN),
    OBJECT_FREE(hubward_signer_free),
    E(hubward_derive_device_key, "", "ttT", DERIVED_GIVEN, .text = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="),

    E(hubward_token_verify, "", "tttnn",
      GIVEN(A_TEXT(TOKEN), A_TEXT(KEY), A_TEXT(RESOURCE), A_NUMBER(EXPIRY - 1), A_NUMBER(0)), .answer = HUBWARD_OK),
    E(hubward_token_parse, "", "tO", GIVEN(A_TEXT(TOKEN)), RELEASE(hubward_token_free)),
    E(hubward_token_resource, "", "hT", GIVEN(AN_OBJECT(READ_TOKEN)), .text = ENCODED),
    E(hubward_token_expiry, "", "h8", GIVEN(AN_OBJECT(READ_TOKEN)), .number = EXPIRY),
    E(hubward_token_policy_name, "", "hT", GIVEN(AN_OBJECT(POLICY_TOKEN)), .text = "service"),
    E(hubward_token_policy_name, "", "hT", GIVEN(AN_OBJECT(READ_TOKEN)), .answer = HUBWARD_ABSENT),
    E(hubward_token_describe, "", "hT", GIVEN(AN_OBJECT(READ_TOKEN)),
      .text = "SharedAccessSignature sr=" ENCODED "&sig=<redacted>&se=1735689600"),
    OBJECT_FREE(hubward_token_free),

    E(hubward_token_cache_new, "", "hnnO", GIVEN(AN_OBJECT(SIGNER), A_NUMBER(3600), A_NUMBER(80)),
      RELEASE(hubward_token_cache_free)),
    E(hubward_token_cache_new, "", "hnnO", GIVEN(AN_OBJECT(SIGNER), A_NUMBER(1), A_NUMBER(80)),
      .answer = HUBWARD_CACHE_LIFETIME),
    E(hubward_token_cache_from_callbacks, "", "ctnnO",
      GIVEN(CALLBACKS(TOKEN_CALLBACKS), A_TEXT(RESOURCE), A_NUMBER(3600), A_NUMBER(80)),
      RELEASE(hubward_token_cache_free)),
    E(hubward_token_cache_poll, "", "hnTr", GIVEN(AN_OBJECT(CACHE), A_NUMBER(NOW)), .answer = HUBWARD_OK),
    /* Of the token that it has from the polls before. */
    E(hubward_token_cache_refused, "", "hnn4", GIVEN(AN_OBJECT(CACHE), A_NUMBER(1), A_NUMBER(NOW)),
      .number = HUBWARD_REFUSED_ONCE),
    E(hubward_token_cache_accepted, "", "hn", GIVEN(AN_OBJECT(CACHE), A_NUMBER(1)), .answer = HUBWARD_OK),
    OBJECT_FREE(hubward_token_cache_free),

    E(hubward_mqtt_username, "", "toT", GIVEN(A_TEXT(MODULE_CONNECTION), A_TEXT("pump/1.4")), .text = USERNAME),
    E(hubward_mqtt_client_id, "", "tT", CONNECTION_GIVEN, .text = "device1/mod1"),
    E(hubward_mqtt_host, "", "tT", CONNECTION_GIVEN, .text = "edge.local"),
    E(hubward_mqtt_telemetry_topic, "", "tT", CONNECTION_GIVEN,
      .text = "devices/device1/modules/mod1/messages/events/"),
    E(hubward_mqtt_username_for, "", "ttooT",
      GIVEN(A_TEXT(HOST), A_TEXT("device1"), A_TEXT("mod1"), A_TEXT("pump/1.4")), .text = USERNAME),
    E(hubward_mqtt_client_id_for, "", "toT", GIVEN(A_TEXT("device1"), A_TEXT("mod1")), .text = "device1/mod1"),

    E(hubward_mac_key_new, "", "tO", GIVEN(A_TEXT(KEY)), RELEASE(hubward_mac_key_free)),
    E(hubward_mac_key_new_locked, "mlock", "tnO", GIVEN(A_TEXT(KEY), A_NUMBER(HUBWARD_LOCK_PREFER)),
      RELEASE(hubward_mac_key_free)),
    E(hubward_mac_key_new_locked, "mlock", "tnO", GIVEN(A_TEXT(KEY), A_NUMBER(0)),
      .answer = HUBWARD_INVALID_ARGUMENT),
    E(hubward_mac_key_from_callbacks, "", "cO", GIVEN(CALLBACKS(MAC_CALLBACKS)), RELEASE(hubward_mac_key_free)),
    OBJECT_FREE(hubward_mac_key_free),

    E(hubward_store_create, FILES_NEED, "btO", GIVEN(A_FILE(NEW_STORE_PATH), A_TEXT("correct horse battery")),
      .before = without_new_store, RELEASE(hubward_store_free)),
    /* What the one before has made. */
    E(hubward_store_open, FILES_NEED, "btO", GIVEN(A_FILE(NEW_STORE_PATH), A_TEXT("correct horse battery")),
      RELEASE(hubward_store_free)),
    E(hubward_store_create_with_key, FILES_NEED, "bhO", GIVEN(A_FILE(NEW_STORE_PATH), AN_OBJECT(MAC_KEY)),
      .before = without_new_store, RELEASE(hubward_store_free)),
    E(hubward_store_open_with_key, FILES_NEED, "bhO", GIVEN(A_FILE(NEW_STORE_PATH), AN_OBJECT(MAC_KEY)),
      RELEASE(hubward_store_free)),
    E(hubward_store_generate, FILES_NEED, "htn",
      GIVEN(AN_OBJECT(STORE), A_TEXT("new"), A_NUMBER(HUBWARD_KEY_SYMMETRIC)), .before = without_new_key),
    E(hubward_store_generate, PRIVATE_NEEDS, "htn",
      GIVEN(AN_OBJECT(STORE), A_TEXT("new"), A_NUMBER(HUBWARD_KEY_ECDSA_P384)), .before = without_new_key),
    E(hubward_store_generate, FILES_NEED, "htn", GIVEN(AN_OBJECT(STORE), A_TEXT("new"), A_NUMBER(5)),
      .answer = HUBWARD_INVALID_ARGUMENT),
    E(hubward_store_import, FILES_NEED, "htt", GIVEN(AN_OBJECT(STORE), A_TEXT("new"), A_TEXT(KEY)),
      .before = without_new_key),
    E(hubward_store_import_private_der, PRIVATE_NEEDS, "htb", GIVEN(AN_OBJECT(STORE), A_TEXT("new"), A_FILE(KEY_DER)),
      .before = without_new_key),
    E(hubward_store_import_private_pem, PRIVATE_NEEDS " x509", "htb",
      GIVEN(AN_OBJECT(STORE), A_TEXT("new"), A_FILE(KEY_PEM)), .before = without_new_key),
    E(hubward_store_list, FILES_NEED, "hT", GIVEN(AN_OBJECT(STORE)), .before = with_new_key),
    E(hubward_store_delete, FILES_NEED, "ht", GIVEN(AN_OBJECT(STORE), A_TEXT("new")), .before = with_new_key),
    E(hubward_store_mac_key, FILES_NEED, "htO", GIVEN(AN_OBJECT(STORE), A_TEXT("symmetric")),
      RELEASE(hubward_mac_key_free)),
    E(hubward_store_signing_key, PRIVATE_NEEDS, "htO", GIVEN(AN_OBJECT(STORE), A_TEXT("private")),
      RELEASE(hubward_signing_key_free)),
    OBJECT_FREE(hubward_store_free),
    E(hubward_signing_key_sign, PRIVATE_NEEDS, "hnmB",
      GIVEN(AN_OBJECT(SIGNING_KEY), A_NUMBER(HUBWARD_SIGN_DEFAULT), A_TEXT("message")), .answer = HUBWARD_OK),
    E(hubward_signing_key_sign, PRIVATE_NEEDS, "hnmB",
      GIVEN(AN_OBJECT(SIGNING_KEY), A_NUMBER(HUBWARD_SIGN_RSA_PSS_SHA256), A_TEXT("message")),
      .answer = HUBWARD_KEY_UNSUPPORTED_ALGORITHM),
    E(hubward_signing_key_sign, PRIVATE_NEEDS, "hnmB",
      GIVEN(AN_OBJECT(SIGNING_KEY), A_NUMBER(UINT32_MAX), A_TEXT("message")), .answer = HUBWARD_INVALID_ARGUMENT),
    E(hubward_signing_key_public_key, PRIVATE_NEEDS, "hB", GIVEN(AN_OBJECT(SIGNING_KEY)), .answer = HUBWARD_OK),
    OBJECT_FREE(hubward_signing_key_free),

    E(hubward_certificate_parse, "x509", "bO", GIVEN(A_FILE(DEVICE_PEM)), RELEASE(hubward_certificate_free)),
    E(hubward_certificate_expect_device, "x509", "hto", GIVEN(AN_OBJECT(CERTIFICATE), A_TEXT("device1"), A_TEXT("m")),
      .answer = HUBWARD_OK),
    E(hubward_certificate_expect_registration, "x509", "ht", GIVEN(AN_OBJECT(CERTIFICATE), A_TEXT("reg-1")),
      .answer = HUBWARD_OK),
    E(hubward_certificate_expect_key, "x509 " PRIVATE_NEEDS, "hh",
      GIVEN(AN_OBJECT(CERTIFICATE), AN_OBJECT(SIGNING_KEY)), .answer = HUBWARD_OK),
    E(hubward_certificate_expect_window, "x509", "hn", GIVEN(AN_OBJECT(CERTIFICATE), A_NUMBER(UINT64_MAX)),
      .answer = HUBWARD_OK),
    E(hubward_certificate_expect_trust_anchors, "x509", "hb", GIVEN(AN_OBJECT(CERTIFICATE), A_FILE(CA_PEM)),
      .answer = HUBWARD_OK),
    E(hubward_certificate_expect_thumbprint, "x509", "ht",
      GIVEN(AN_OBJECT(CERTIFICATE), A_TEXT("00112233445566778899aabbccddeeff00112233")), .answer = HUBWARD_OK),
    E(hubward_certificate_judge, "x509", "hnT", GIVEN(AN_OBJECT(CERTIFICATE), A_NUMBER(NOW)), .answer = HUBWARD_OK),
    E(hubward_certificate_validity, "x509", "h88", GIVEN(AN_OBJECT(CERTIFICATE)), .answer = HUBWARD_OK),
    E(hubward_certificate_thumbprint, "x509", "hT", GIVEN(AN_OBJECT(CERTIFICATE)), .answer = HUBWARD_OK),
    OBJECT_FREE(hubward_certificate_free),
    E(hubward_certificate_request, PRIVATE_NEEDS " x509-issue", "htoT",
      GIVEN(AN_OBJECT(SIGNING_KEY), A_TEXT("device1"), A_TEXT("mod1")), .answer = HUBWARD_OK),
    E(hubward_certificate_request_for_registration, PRIVATE_NEEDS " x509-issue", "htT",
      GIVEN(AN_OBJECT(SIGNING_KEY), A_TEXT("reg-1")), .answer = HUBWARD_OK),

    E(hubward_tls_trust_anchors, "tls", "nT", GIVEN(A_NUMBER(HUBWARD_CLOUD_PUBLIC)), .answer = HUBWARD_OK),
    E(hubward_tls_trust_anchors, "tls", "nT", GIVEN(A_NUMBER(0)), .answer = HUBWARD_INVALID_ARGUMENT),
    E(hubward_tls_policy, "tls", "nT", GIVEN(A_NUMBER(HUBWARD_TLS_OPENSSL_MIN_VERSION)), .text = "TLSv1.2"),
    E(hubward_tls_policy, "tls", "nT", GIVEN(A_NUMBER(UINT32_MAX)), .answer = HUBWARD_INVALID_ARGUMENT),
};

#define ENTRIES (sizeof TABLE / sizeof *TABLE)

void list_calls(void)
{
    for (size_t at = 0; at < ENTRIES; at++)
        printf("%s %s%s%s\n", TABLE[at].name, TABLE[at].shape, *TABLE[at].needs ? " " : "", TABLE[at].needs);
}

/* --- A call, with memory of its own for all that is handed in and written. */

#define MOST_VALUES 16
#define MOST_PLACES 8

struct place {
    unsigned char *start;
    size_t size;
    /* The index of the parameter that points to it. */
    size_t value;
};

struct attempt {
    const struct entry *entry;
    union value values[MOST_VALUES];
    /* Where each argument begins among the values. */
    size_t first[MOST_VALUES];
    struct place places[MOST_PLACES];
    size_t count;
    void *texts[MOST_PLACES];
    size_t text_count;
};

/* Room for everything that is written here, where it is not about the size. */
#define AMPLE 32768

/* Memory that ends with `len` bytes at an odd address. */
static unsigned char *at_the_end(struct attempt *attempt, size_t len)
{
    unsigned char *start = memory(len + 1);
    CHECK(attempt->text_count < MOST_PLACES);
    attempt->texts[attempt->text_count++] = start;
    return start + 1;
}

static void *place(struct attempt *attempt, size_t value, size_t size)
{
    CHECK(attempt->count < MOST_PLACES);
    struct place *place = &attempt->places[attempt->count++];
    *place = (struct place){.start = memory(size), .size = size, .value = value};
    poison(place->start, size);
    return place->start;
}

static const void *object_of(enum object object)
{
    /* Where a build has no such objects, nobody can have one: then something that is none, and is not NULL. */
    static const uint64_t none[32];
    return objects[object] != NULL ? objects[object] : (const void *)none;
}

static size_t prepare(struct attempt *attempt, const struct entry *entry, size_t cap)
{
    *attempt = (struct attempt){.entry = entry};
    union value *values = attempt->values;
    size_t value = 0, argument = 0;
    for (; entry->shape[argument] != '\0'; argument++) {
        attempt->first[argument] = value;
        const struct given *given = &entry->given[argument];
        switch (entry->shape[argument]) {
        case 'h':
            values[value++].in = object_of(given->object);
            break;
        case 't':
        case 'o':
        case 'b':
        case 'm': {
            const char *text = given->file != NO_FILE ? files[given->file].at : given->text;
            size_t len = given->file != NO_FILE ? files[given->file].len : given->len;
            unsigned char *copy = at_the_end(attempt, len);
            memcpy(copy, text, len);
            values[value++].in = copy;
            values[value++].number = len;
            break;
        }
        case 'c': {
            void *copy = memory(given->callbacks_size);
            memcpy(copy, given->callbacks, given->callbacks_size);
            CHECK(attempt->text_count < MOST_PLACES);
            attempt->texts[attempt->text_count++] = copy;
            values[value++].in = copy;
            break;
        }
        case 'n':
            values[value++].number = given->number;
            break;
        case 'O':
            values[value].out = place(attempt, value, sizeof(void *));
            value++;
            break;
        case '8':
            values[value].out = place(attempt, value, sizeof(uint64_t));
            value++;
            break;
        case '4':
            values[value].out = place(attempt, value, sizeof(int32_t));
            value++;
            break;
        case 'r':
            values[value].out = place(attempt, value, sizeof(hubward_token_cache_result));
            value++;
            break;
        case 'T':
        case 'B':
            values[value].out = (unsigned char *)place(attempt, value, cap + 1) + 1;
            values[value + 1].number = cap;
            values[value + 2].out = place(attempt, value + 2, sizeof(size_t));
            value += 3;
            break;
        default:
            CHECK(!"a letter of a shape");
        }
        CHECK(value <= MOST_VALUES);
    }
    return argument;
}

static void finish(struct attempt *attempt)
{
    for (size_t at = 0; at < attempt->count; at++)
        free(attempt->places[at].start);
    for (size_t at = 0; at < attempt->text_count; at++)
        free(attempt->texts[at]);
}

static hubward_status make(struct attempt *attempt)
{
    if (attempt->entry->before != NULL)
        attempt->entry->before();
    return attempt->entry->call(attempt->values);
}

/* That nothing was written, but for the value at `but`. */
static void check_untouched(const struct attempt *attempt, size_t but)
{
    for (size_t at = 0; at < attempt->count; at++) {
        const struct place *place = &attempt->places[at];
        CHECK(place->value == but || is_poison(place->start, place->size));
    }
}

#define NOTHING SIZE_MAX

static void *written_at(const struct attempt *attempt, size_t value)
{
    for (size_t at = 0; at < attempt->count; at++) {
        if (attempt->places[at].value == value)
            return attempt->places[at].start;
    }
    CHECK(!"a place");
    return NULL;
}

static size_t length_at(const struct attempt *attempt, size_t value)
{
    size_t len;
    memcpy(&len, written_at(attempt, value), sizeof len);
    return len;
}

/* Frees what a call has made. */
static void release(const struct attempt *attempt)
{
    const char *shape = attempt->entry->shape;
    for (size_t argument = 0; shape[argument] != '\0'; argument++) {
        if (shape[argument] != 'O')
            continue;
        void *object;
        memcpy(&object, written_at(attempt, attempt->first[argument]), sizeof object);
        CHECK(object != NULL && !is_poison(&object, sizeof object));
        attempt->entry->release(object);
    }
}

/* --- The rules. */

/* A page that nobody can read or write. */
static void *forbidden;

/* What the entry answers where nothing is wrong with the call itself. */
static hubward_status usual(const struct entry *entry)
{
    return has_features(entry->needs) ? entry->answer : HUBWARD_NOT_COMPILED_IN;
}

/* Has all that is pointed to but objects be out of reach. */
static void forbid_all(struct attempt *attempt)
{
    const char *shape = attempt->entry->shape;
    for (size_t argument = 0; shape[argument] != '\0'; argument++) {
        union value *value = &attempt->values[attempt->first[argument]];
        if (strchr("tobmcO84r", shape[argument]) != NULL)
            value->out = forbidden;
        if (strchr("TB", shape[argument]) != NULL)
            value[0].out = value[2].out = forbidden;
    }
}

/* That a call is refused for a pointer that it is given, or a length, or both. */
static void check_refused(const struct entry *entry, size_t value, void *pointer, hubward_status expected,
                          size_t length_value, size_t length)
{
    for (int is_forbidden = 0; is_forbidden < 2; is_forbidden++) {
        struct attempt attempt;
        prepare(&attempt, entry, AMPLE);
        if (is_forbidden)
            forbid_all(&attempt);
        if (value != NOTHING)
            attempt.values[value].out = pointer;
        if (length_value != NOTHING)
            attempt.values[length_value].number = length;
        CHECK_STATUS(expected, make(&attempt));
        check_untouched(&attempt, NOTHING);
        finish(&attempt);
    }
}

static void check_null(const struct entry *entry, size_t value)
{
    check_refused(entry, value, NULL, HUBWARD_NULL_POINTER, NOTHING, 0);
}

static void check_length(const struct entry *entry, size_t value)
{
    check_refused(entry, NOTHING, NULL, HUBWARD_INVALID_LENGTH, value, SIZE_MAX);
    check_refused(entry, NOTHING, NULL, HUBWARD_INVALID_LENGTH, value, (size_t)PTRDIFF_MAX + 1);
}

/* A call that may well succeed, but must not find fault with pointers; what does not succeed writes nothing. */
static void check_content(const struct entry *entry, size_t value, const char *text, size_t len)
{
    struct attempt attempt;
    prepare(&attempt, entry, AMPLE);
    unsigned char *copy = at_the_end(&attempt, len);
    memcpy(copy, text, len);
    attempt.values[value].in = copy;
    attempt.values[value + 1].number = len;
    hubward_status status = make(&attempt);
    CHECK(status != HUBWARD_NULL_POINTER && status != HUBWARD_INVALID_LENGTH && status != HUBWARD_NOT_UTF8);
    CHECK(status != HUBWARD_PANIC && status != HUBWARD_INTERNAL && status != HUBWARD_BUFFER_TOO_SMALL);
    if (!has_features(entry->needs))
        CHECK_STATUS(HUBWARD_NOT_COMPILED_IN, status);
    if (status == HUBWARD_OK)
        release(&attempt);
    else
        check_untouched(&attempt, NOTHING);
    finish(&attempt);
}

static void check_not_utf8(const struct entry *entry, size_t value, size_t len)
{
    static const struct {
        const char *bytes;
        size_t len;
    } BAD[] = {{TEXT("\xFF")}, {TEXT("\xC0\x80")}, {TEXT("\xED\xA0\x80")}, {TEXT("\xE2\x82")}};
    for (size_t at = 0; at < sizeof BAD / sizeof *BAD; at++) {
        struct attempt attempt;
        prepare(&attempt, entry, AMPLE);
        unsigned char *copy = at_the_end(&attempt, len + BAD[at].len);
        memcpy(copy, attempt.values[value].in, len);
        memcpy(copy + len, BAD[at].bytes, BAD[at].len);
        attempt.values[value].in = copy;
        attempt.values[value + 1].number = len + BAD[at].len;
        hubward_status expected = has_features(entry->needs) ? HUBWARD_NOT_UTF8 : HUBWARD_NOT_COMPILED_IN;
        if (entry->answer != HUBWARD_INVALID_ARGUMENT) {
            CHECK_STATUS(expected, make(&attempt));
            check_untouched(&attempt, NOTHING);
        }
        finish(&attempt);
    }
}

/* A text that is empty, ones with a NUL in them, and what is none. */
static void check_texts(const struct entry *entry, size_t value, char letter)
{
    struct attempt attempt;
    prepare(&attempt, entry, AMPLE);
    size_t len = attempt.values[value + 1].number;
    char *text = memory(len + 1);
    memcpy(text, attempt.values[value].in, len);
    finish(&attempt);

    check_content(entry, value, text, 0);
    text[len] = '\0';
    check_content(entry, value, text, len + 1);
    memmove(text + 1, text, len);
    text[0] = '\0';
    check_content(entry, value, text, len + 1);
    free(text);
    if (letter == 't' || letter == 'o')
        check_not_utf8(entry, value, len);
}

/* What is absent: NULL with a length of 0 is fine, with another it is not. */
static void check_absent(const struct entry *entry, size_t value)
{
    struct attempt attempt;
    prepare(&attempt, entry, AMPLE);
    attempt.values[value].in = NULL;
    attempt.values[value + 1].number = 0;
    CHECK_STATUS(usual(entry), make(&attempt));
    if (usual(entry) == HUBWARD_OK)
        release(&attempt);
    else
        check_untouched(&attempt, NOTHING);
    finish(&attempt);
    check_refused(entry, value, NULL, HUBWARD_NULL_POINTER, value + 1, 1);
}

/* A buffer of every size that matters. */
static void check_buffer(const struct entry *entry, size_t value, size_t nul)
{
    check_null(entry, value + 2);
    check_refused(entry, value, NULL, HUBWARD_NULL_POINTER, NOTHING, 0);
    check_refused(entry, value, NULL, HUBWARD_NULL_POINTER, value + 1, 1);
    check_length(entry, value + 1);

    struct attempt attempt;
    prepare(&attempt, entry, 0);
    attempt.values[value].out = NULL;
    CHECK_STATUS(usual(entry), make(&attempt));
    if (usual(entry) != HUBWARD_OK) {
        check_untouched(&attempt, NOTHING);
        finish(&attempt);
        return;
    }
    size_t needed = length_at(&attempt, value + 2);
    CHECK(needed > 0 && needed + nul <= AMPLE);
    finish(&attempt);
    /* Without a size, NULL for the length is refused as well. */
    check_refused(entry, value + 2, NULL, HUBWARD_NULL_POINTER, value + 1, 0);

    const size_t short_ones[] = {0, 1, needed / 2, needed + nul - 1};
    for (size_t at = 0; at < sizeof short_ones / sizeof *short_ones; at++) {
        /* Of a byte, one is not too small. */
        if (short_ones[at] >= needed + nul)
            continue;
        prepare(&attempt, entry, short_ones[at]);
        CHECK_STATUS(HUBWARD_BUFFER_TOO_SMALL, make(&attempt));
        CHECK(length_at(&attempt, value + 2) == needed);
        check_untouched(&attempt, value + 2);
        finish(&attempt);
    }

    unsigned char *exact = memory(needed + nul);
    const size_t large_ones[] = {needed + nul, needed + nul + 1, needed + nul + 1000};
    for (size_t at = 0; at < sizeof large_ones / sizeof *large_ones; at++) {
        prepare(&attempt, entry, large_ones[at]);
        unsigned char *buffer = attempt.values[value].out;
        CHECK_STATUS(HUBWARD_OK, make(&attempt));
        CHECK(length_at(&attempt, value + 2) == needed);
        CHECK(is_poison(buffer + needed + nul, large_ones[at] - needed - nul));
        /* The byte before it as well. */
        CHECK(is_poison(buffer - 1, 1));
        if (nul) {
            CHECK(buffer[needed] == '\0' && memchr(buffer, '\0', needed) == NULL);
            if (entry->text != NULL)
                CHECK_TEXT(entry->text, (const char *)buffer, needed);
        }
        if (at == 0)
            memcpy(exact, buffer, needed + nul);
        CHECK(memcmp(exact, buffer, needed + nul) == 0);
        finish(&attempt);
    }
    free(exact);
}

static void check_success(const struct entry *entry)
{
    struct attempt attempt;
    prepare(&attempt, entry, AMPLE);
    CHECK_STATUS(usual(entry), make(&attempt));
    if (usual(entry) != HUBWARD_OK) {
        check_untouched(&attempt, NOTHING);
        finish(&attempt);
        return;
    }
    for (size_t at = 0; at < attempt.count; at++)
        CHECK(!is_poison(attempt.places[at].start, attempt.places[at].size));
    for (size_t argument = 0; entry->shape[argument] != '\0'; argument++) {
        const void *written = entry->shape[argument] == '8' || entry->shape[argument] == '4'
                                  ? written_at(&attempt, attempt.first[argument])
                                  : NULL;
        int32_t small;
        uint64_t large;
        if (entry->shape[argument] == '4') {
            memcpy(&small, written, sizeof small);
            CHECK(small == (int32_t)entry->number);
        } else if (entry->shape[argument] == '8' && entry->number != 0) {
            memcpy(&large, written, sizeof large);
            CHECK(large == entry->number);
        }
    }
    release(&attempt);
    finish(&attempt);
}

/* Whether there can be all the objects that it takes. */
static int has_objects(const struct entry *entry)
{
    for (size_t argument = 0; argument < sizeof entry->given / sizeof *entry->given; argument++) {
        enum object object = entry->given[argument].object;
        if (object != NO_OBJECT && objects[object] == NULL)
            return 0;
    }
    return 1;
}

/* Where a build has no such objects, nobody can ask more of a function that takes one. */
static void check_pointers(const struct entry *entry)
{
    struct attempt attempt;
    size_t arguments = prepare(&attempt, entry, AMPLE);
    finish(&attempt);
    for (size_t argument = 0; argument < arguments; argument++) {
        size_t value = attempt.first[argument];
        if (strchr("htbcO84rTB", entry->shape[argument]) != NULL)
            check_null(entry, value);
        if (strchr("TB", entry->shape[argument]) != NULL)
            check_null(entry, value + 2);
    }
}

/* What the store has, to see that nothing was done to it by what does not succeed. */
static size_t listing(char *into)
{
    size_t len = 0;
    if (objects[STORE] != NULL)
        CHECK_STATUS(HUBWARD_OK, hubward_store_list(objects[STORE], into, AMPLE, &len));
    return len;
}

static void check_entry(const struct entry *entry)
{
    static char before[AMPLE], after[AMPLE];
    /* Said first, for whom the page that is out of reach ends. */
    printf("%s %s\n", entry->name, entry->shape);
    fflush(stdout);
    if (entry->special != NULL) {
        entry->special();
        return;
    }
    if (!has_objects(entry)) {
        check_pointers(entry);
        return;
    }
    size_t len = listing(before);
    struct attempt attempt;
    size_t arguments = prepare(&attempt, entry, AMPLE);
    finish(&attempt);
    for (size_t argument = 0; argument < arguments; argument++) {
        size_t value = attempt.first[argument];
        switch (entry->shape[argument]) {
        case 'h':
        case 'c':
        case 'O':
        case '8':
        case '4':
        case 'r':
            check_null(entry, value);
            break;
        case 't':
        case 'b':
            check_null(entry, value);
            check_refused(entry, value, NULL, HUBWARD_NULL_POINTER, value + 1, 0);
            check_length(entry, value + 1);
            if (entry->before == NULL)
                CHECK(listing(after) == len && memcmp(before, after, len) == 0);
            check_texts(entry, value, entry->shape[argument]);
            break;
        case 'o':
        case 'm':
            check_length(entry, value + 1);
            check_texts(entry, value, entry->shape[argument]);
            check_absent(entry, value);
            break;
        case 'T':
            check_buffer(entry, value, 1);
            break;
        case 'B':
            check_buffer(entry, value, 0);
            break;
        default:
            break;
        }
    }
    check_success(entry);
}

/* --- What they are called with. */

static void read_file(enum file file, const char *folder, const char *name, int is_content)
{
    static char path[4096];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK(len > 0 && (size_t)len < sizeof path);
    if (!is_content) {
        files[file].at = memory((size_t)len + 1);
        memcpy(files[file].at, path, (size_t)len + 1);
        files[file].len = (size_t)len;
        return;
    }
    FILE *opened = fopen(path, "rb");
    CHECK(opened != NULL);
    files[file].at = memory(AMPLE);
    files[file].len = fread(files[file].at, 1, AMPLE, opened);
    CHECK(files[file].len > 0 && files[file].len < AMPLE);
    fclose(opened);
}

static void make_objects(const char *folder)
{
    static const struct {
        enum object object;
        const char *text;
    } CONNECTIONS[] = {{CONNECTED, CONNECTION},
                       {MODULE_CONNECTED, MODULE_CONNECTION},
                       {POLICY_CONNECTED, POLICY_CONNECTION},
                       {TOKEN_CONNECTED, TOKEN_CONNECTION}};
    for (size_t at = 0; at < sizeof CONNECTIONS / sizeof *CONNECTIONS; at++) {
        hubward_connection_string *connection;
        const char *text = CONNECTIONS[at].text;
        CHECK_STATUS(HUBWARD_OK, hubward_connection_string_parse(text, strlen(text), &connection));
        objects[CONNECTIONS[at].object] = connection;
    }
    hubward_signer *signer = new_signer();
    objects[SIGNER] = signer;
    hubward_mac_key *key;
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &key));
    objects[MAC_KEY] = key;
    hubward_token *token;
    CHECK_STATUS(HUBWARD_OK, hubward_token_parse(TEXT(TOKEN), &token));
    objects[READ_TOKEN] = token;
    CHECK_STATUS(HUBWARD_OK, hubward_token_parse(TEXT(TOKEN "&skn=service"), &token));
    objects[POLICY_TOKEN] = token;
    hubward_token_cache *cache;
    CHECK_STATUS(HUBWARD_OK, hubward_token_cache_new(signer, 3600, 80, &cache));
    objects[CACHE] = cache;

    read_file(KEY_DER, folder, "key.der", 1);
    read_file(KEY_PEM, folder, "key.pem", 1);
    read_file(DEVICE_PEM, folder, "device.pem", 1);
    read_file(CA_PEM, folder, "ca.pem", 1);
    read_file(STORE_PATH, folder, "store", 0);
    read_file(NEW_STORE_PATH, folder, "new.store", 0);
    if (has_features(FILES_NEED)) {
        hubward_store *store;
        CHECK_STATUS(HUBWARD_OK, hubward_store_create_with_key(files[STORE_PATH].at, files[STORE_PATH].len, key, &store));
        objects[STORE] = store;
        CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("symmetric"), HUBWARD_KEY_SYMMETRIC));
    }
    if (has_features(PRIVATE_NEEDS)) {
        hubward_signing_key *signing_key;
        hubward_store *store = objects[STORE];
        CHECK_STATUS(HUBWARD_OK, hubward_store_generate(store, TEXT("private"), HUBWARD_KEY_ECDSA_P256));
        CHECK_STATUS(HUBWARD_OK, hubward_store_signing_key(store, TEXT("private"), &signing_key));
        objects[SIGNING_KEY] = signing_key;
    }
    if (has_feature("x509")) {
        hubward_certificate *certificate;
        CHECK_STATUS(HUBWARD_OK,
                     hubward_certificate_parse(files[DEVICE_PEM].at, files[DEVICE_PEM].len, &certificate));
        objects[CERTIFICATE] = certificate;
    }
}

static void free_objects(void)
{
    /* Those first that others were made of: they hold what they need themselves. */
    for (enum object at = CONNECTED; at <= TOKEN_CONNECTED; at++)
        hubward_connection_string_free(objects[at]);
    hubward_mac_key_free(objects[MAC_KEY]);
    hubward_signer_free(objects[SIGNER]);
    hubward_token_free(objects[READ_TOKEN]);
    hubward_token_free(objects[POLICY_TOKEN]);
    hubward_store_free(objects[STORE]);
    hubward_signing_key_free(objects[SIGNING_KEY]);
    hubward_certificate_free(objects[CERTIFICATE]);
    hubward_token_cache_free(objects[CACHE]);
    for (enum file at = KEY_DER; at < FILES; at++)
        free(files[at].at);
}

void calls(const char *folder)
{
    make_objects(folder);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    forbidden = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(forbidden != MAP_FAILED);
    for (size_t at = 0; at < ENTRIES; at++)
        check_entry(&TABLE[at]);
    munmap(forbidden, page);
    free_objects();
}
