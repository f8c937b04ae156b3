/* Tokens made, read and judged, against answers that are known. */

#include "harness.h"

#include <string.h>

/* What is signed must equal `expected`, whatever the signer was made of. */
static void check_token(hubward_signer *signer, const char *expected)
{
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, EXPIRY, INTO(token, &len)));
    CHECK_TEXT(expected, token, len);
    hubward_signer_free(signer);
}

static void all_ways_to_a_signer_lead_to_the_same_token(void)
{
    hubward_signer *signer;
    check_token(new_signer(), TOKEN);
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_connection_string(TEXT(CONNECTION), &signer));
    check_token(signer, TOKEN);
    if (has_feature("mlock")) {
        CHECK_STATUS(HUBWARD_OK, hubward_signer_from_connection_string_locked(TEXT(CONNECTION), HUBWARD_LOCK_PREFER,
                                                                              &signer));
        check_token(signer, TOKEN);
    }

    hubward_mac_key *key;
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &key));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &signer));
    hubward_mac_key_free(key);
    check_token(signer, TOKEN);

    hubward_connection_string *connection;
    CHECK_STATUS(HUBWARD_OK, hubward_connection_string_parse(TEXT(CONNECTION), &connection));
    CHECK_STATUS(HUBWARD_OK, hubward_connection_string_mac_key(connection, &key));
    hubward_connection_string_free(connection);
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), NULL, 0, key, &signer));
    hubward_mac_key_free(key);
    check_token(signer, TOKEN);
}

static void a_policy_is_named_behind_the_rest(void)
{
    hubward_signer *signer;
    hubward_mac_key *key;
    const char *expected = TOKEN "&skn=device";
    CHECK_STATUS(HUBWARD_OK, hubward_signer_with_policy(TEXT(RESOURCE), TEXT("device"), TEXT(KEY), &signer));
    check_token(signer, expected);
    CHECK_STATUS(HUBWARD_OK, hubward_mac_key_new(TEXT(KEY), &key));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_mac_key(TEXT(RESOURCE), TEXT("device"), key, &signer));
    hubward_mac_key_free(key);
    check_token(signer, expected);
    CHECK_STATUS(HUBWARD_OK, hubward_signer_from_connection_string(TEXT(POLICY_CONNECTION), &signer));
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, EXPIRY, INTO(token, &len)));
    const char end[] = "&se=1735689600&skn=service";
    CHECK(strncmp(token, TEXT("SharedAccessSignature sr=" HOST "&sig=")) == 0);
    CHECK(strcmp(token + len - strlen(end), end) == 0);
    CHECK_STATUS(HUBWARD_OK, hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), EXPIRY - 1, 0));
    hubward_signer_free(signer);
}

static void any_moment_is_signed(void)
{
    hubward_signer *signer = new_signer();
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, 0, INTO(token, &len)));
    CHECK(strcmp(token + len - 5, "&se=0") == 0);
    CHECK_STATUS(HUBWARD_OK,
                 hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), 0, 1));
    CHECK_STATUS(HUBWARD_TOKEN_EXPIRED, hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), 0, 0));
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, UINT64_MAX, INTO(token, &len)));
    CHECK(strcmp(token + len - 24, "&se=18446744073709551615") == 0);
    CHECK_STATUS(HUBWARD_OK,
                 hubward_token_verify(token, len, TEXT(KEY), TEXT(RESOURCE), UINT64_MAX - 1, 0));
    hubward_token *read;
    uint64_t expiry = 0;
    CHECK_STATUS(HUBWARD_OK, hubward_token_parse(token, len, &read));
    CHECK_STATUS(HUBWARD_OK, hubward_token_expiry(read, &expiry));
    CHECK(expiry == UINT64_MAX);
    hubward_token_free(read);
    hubward_signer_free(signer);

    CHECK_STATUS(HUBWARD_LIFETIME_ZERO, hubward_signer_expiry_for(0, NOW, &expiry));
    CHECK_STATUS(HUBWARD_EXPIRY_OVERFLOW, hubward_signer_expiry_for(UINT64_MAX, NOW, &expiry));
    CHECK_STATUS(HUBWARD_EXPIRY_OVERFLOW, hubward_signer_expiry_for(1, UINT64_MAX, &expiry));
    CHECK_STATUS(HUBWARD_CLOCK_UNKNOWN, hubward_signer_expiry_for(3600, 0, &expiry));
    CHECK_STATUS(HUBWARD_CLOCK_UNKNOWN, hubward_signer_expiry_for(3600, 86400, &expiry));
    CHECK(expiry == UINT64_MAX);
    CHECK_STATUS(HUBWARD_OK, hubward_signer_expiry_for(1, UINT64_MAX - 1, &expiry));
    CHECK(expiry == UINT64_MAX);
}

static void the_largest_buffer_takes_the_largest_token(void)
{
    /* Names as long as the service has them, of a character that is encoded as three. */
    char resource[1024];
    size_t len = 0;
    memcpy(resource, TEXT(HOST "/devices/"));
    len += sizeof(HOST "/devices/") - 1;
    memset(resource + len, '#', 128);
    len += 128;
    memcpy(resource + len, TEXT("/modules/"));
    len += 9;
    memset(resource + len, '#', 128);
    len += 128;
    char policy[64];
    memset(policy, 'p', sizeof policy);
    hubward_signer *signer;
    CHECK_STATUS(HUBWARD_OK,
                 hubward_signer_with_policy(resource, len, policy, sizeof policy, TEXT(KEY), &signer));
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t written;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, UINT64_MAX, INTO(token, &written)));
    CHECK(written > 900 && written < HUBWARD_SAS_TOKEN_MAX);
    CHECK_STATUS(HUBWARD_OK, hubward_token_verify(token, written, TEXT(KEY), resource, len, NOW, 0));
    hubward_signer_free(signer);
}

static void verification_lets_in_nobody_else(void)
{
    static const struct {
        const char *token, *key, *resource;
        uint64_t now, tolerance;
        hubward_status answer;
    } CASES[] = {
        {TOKEN, KEY, RESOURCE, 0, 0, HUBWARD_OK},
        {TOKEN, KEY, RESOURCE, EXPIRY - 1, 0, HUBWARD_OK},
        {TOKEN, KEY, RESOURCE, EXPIRY, 0, HUBWARD_TOKEN_EXPIRED},
        {TOKEN, KEY, RESOURCE, EXPIRY, 1, HUBWARD_OK},
        {TOKEN, KEY, RESOURCE, EXPIRY + 300, 300, HUBWARD_TOKEN_EXPIRED},
        {TOKEN, KEY, RESOURCE, UINT64_MAX, 0, HUBWARD_TOKEN_EXPIRED},
        {TOKEN, KEY, RESOURCE "/modules/m", EXPIRY - 1, 0, HUBWARD_OK},
        {TOKEN, KEY, HOST "/devices/device10", EXPIRY - 1, 0, HUBWARD_TOKEN_OUT_OF_SCOPE},
        {TOKEN, KEY, HOST, EXPIRY - 1, 0, HUBWARD_TOKEN_OUT_OF_SCOPE},
        {TOKEN, "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", RESOURCE, 0, 0, HUBWARD_TOKEN_SIGNATURE_MISMATCH},
        {TOKEN, "AAEC", RESOURCE, UINT64_MAX, 0, HUBWARD_TOKEN_SIGNATURE_MISMATCH},
        {TOKEN, "", RESOURCE, 0, 0, HUBWARD_KEY_EMPTY},
        {TOKEN, "AAE", RESOURCE, 0, 0, HUBWARD_KEY_NOT_BASE64},
        {TOKEN, "AAE=\n", RESOURCE, 0, 0, HUBWARD_KEY_NOT_BASE64},
        {TOKEN, KEY, "", 0, 0, HUBWARD_NAME_EMPTY},
        {TOKEN, KEY, HOST "/device/device1", 0, 0, HUBWARD_RESOURCE_UNKNOWN_SHAPE},
        {TOKEN, KEY, HOST "/devices/d\xC3\xA9", 0, 0, HUBWARD_NAME_INVALID_CHARACTER},
        {"", KEY, RESOURCE, 0, 0, HUBWARD_TOKEN_NOT_A_TOKEN},
        {"SharedAccessSignature sr=a&sig=" SIGNATURE, KEY, RESOURCE, 0, 0, HUBWARD_TOKEN_MISSING_FIELD},
        {TOKEN "&se=1", KEY, RESOURCE, 0, 0, HUBWARD_TOKEN_DUPLICATE_FIELD},
        {TOKEN "&x=1", KEY, RESOURCE, 0, 0, HUBWARD_TOKEN_UNKNOWN_FIELD},
        {TOKEN "0", KEY, RESOURCE, 0, 0, HUBWARD_TOKEN_SIGNATURE_MISMATCH},
        {"SharedAccessSignature sr=" ENCODED "&sig=" SIGNATURE "&se=01735689600", KEY, RESOURCE, 0, 0,
         HUBWARD_TOKEN_EXPIRY_NOT_CANONICAL},
        {"SharedAccessSignature sr=" ENCODED "&sig=hr4hQg%3D%3D&se=1735689600", KEY, RESOURCE, 0, 0,
         HUBWARD_TOKEN_SIGNATURE_NOT_CANONICAL},
    };
    for (size_t at = 0; at < sizeof CASES / sizeof *CASES; at++) {
        CHECK_STATUS(CASES[at].answer,
                     hubward_token_verify(CASES[at].token, strlen(CASES[at].token), CASES[at].key,
                                          strlen(CASES[at].key), CASES[at].resource, strlen(CASES[at].resource),
                                          CASES[at].now, CASES[at].tolerance));
    }
    /* A NUL ends nothing: what is behind it counts. */
    CHECK_STATUS(HUBWARD_TOKEN_INVALID_CHARACTER,
                 hubward_token_verify(TEXT(TOKEN "\0"), TEXT(KEY), TEXT(RESOURCE), 0, 0));
    CHECK_STATUS(HUBWARD_KEY_NOT_BASE64, hubward_token_verify(TEXT(TOKEN), TEXT(KEY "\0"), TEXT(RESOURCE), 0, 0));
    CHECK_STATUS(HUBWARD_NAME_INVALID_CHARACTER,
                 hubward_token_verify(TEXT(TOKEN), TEXT(KEY), TEXT(RESOURCE "\0"), 0, 0));
}

static void connection_strings_say_what_is_wrong(void)
{
    static const struct {
        const char *text;
        hubward_status answer;
    } CASES[] = {
        {"", HUBWARD_CONNECTION_STRING_EMPTY},
        {" ", HUBWARD_CONNECTION_STRING_EMPTY},
        {"garbage", HUBWARD_CONNECTION_STRING_UNRECOGNIZED},
        {"HostName=h;DeviceId=d1;SharedAccessKey=", HUBWARD_CONNECTION_STRING_EMPTY_VALUE},
        {"HostName=h;DeviceId=d1", HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION},
        {"HostName=h;HostName=h;DeviceId=d1;SharedAccessKey=AAAA", HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD},
        {"HostName=h;DeviceId=d1;SharedAccessKey=AAAA;x509=true", HUBWARD_CONNECTION_STRING_TWO_AUTHENTICATIONS},
        {"HostName=h;DeviceId=d1;x509=false", HUBWARD_CONNECTION_STRING_X509_NOT_TRUE},
        {"HostName=h;DeviceId=d1;SharedAccessKey=A", HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64},
        {"HostName=h;DeviceId=d1;SharedAccessSignature=A", HUBWARD_CONNECTION_STRING_NOT_A_TOKEN},
        {"HostName=h;DeviceId=d 1;SharedAccessKey=AAAA", HUBWARD_CONNECTION_STRING_INVALID_NAME},
        {"HostName=h;DeviceId=d;1;SharedAccessKey=AAAA", HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN},
        {"HostName=h;DeviceId=d1;SharedAccessKey=AAAA;Foo=1", HUBWARD_CONNECTION_STRING_UNKNOWN_FIELD},
        {"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=AAAA",
         HUBWARD_CONNECTION_STRING_SERVICE_BUS},
    };
    for (size_t at = 0; at < sizeof CASES / sizeof *CASES; at++) {
        const char *text = CASES[at].text;
        hubward_connection_string *connection;
        hubward_signer *signer;
        char out[64];
        size_t len;
        CHECK_STATUS(CASES[at].answer, hubward_connection_string_parse(text, strlen(text), &connection));
        CHECK_STATUS(CASES[at].answer, hubward_signer_from_connection_string(text, strlen(text), &signer));
        CHECK_STATUS(CASES[at].answer, hubward_mqtt_client_id(text, strlen(text), INTO(out, &len)));
    }
    char out[256];
    size_t len;
    CHECK_STATUS(HUBWARD_CONNECTION_STRING_NO_DEVICE, hubward_mqtt_client_id(TEXT(POLICY_CONNECTION), INTO(out, &len)));
    hubward_signer *signer;
    CHECK_STATUS(HUBWARD_SIGNER_NO_KEY, hubward_signer_from_connection_string(TEXT(X509_CONNECTION), &signer));
    hubward_connection_string *connection;
    CHECK_STATUS(HUBWARD_OK, hubward_connection_string_parse(TEXT(X509_CONNECTION), &connection));
    int32_t authentication;
    CHECK_STATUS(HUBWARD_OK, hubward_connection_string_authentication(connection, &authentication));
    CHECK(authentication == HUBWARD_AUTHENTICATION_X509);
    hubward_mac_key *key;
    CHECK_STATUS(HUBWARD_SIGNER_NO_KEY, hubward_connection_string_mac_key(connection, &key));
    hubward_connection_string_free(connection);
}

static void what_may_be_absent_may_be(void)
{
    char out[512];
    size_t len;
    CHECK_STATUS(HUBWARD_OK, hubward_mqtt_username(TEXT(CONNECTION), NULL, 0, INTO(out, &len)));
    CHECK_TEXT(HOST "/device1/?api-version=2021-04-12", out, len);
    CHECK_STATUS(HUBWARD_OK, hubward_mqtt_username(TEXT(CONNECTION), TEXT(""), INTO(out, &len)));
    CHECK_TEXT(HOST "/device1/?api-version=2021-04-12", out, len);
    CHECK_STATUS(HUBWARD_OK,
                 hubward_mqtt_username_for(TEXT(HOST), TEXT("device1"), NULL, 0, NULL, 0, INTO(out, &len)));
    CHECK_TEXT(HOST "/device1/?api-version=2021-04-12", out, len);
    CHECK_STATUS(HUBWARD_OK, hubward_mqtt_client_id_for(TEXT("device1"), NULL, 0, INTO(out, &len)));
    CHECK_TEXT("device1", out, len);
    /* Of the product, as much as goes into a user name. */
    static char product[4097], long_name[16384];
    memset(product, 'p', sizeof product);
    CHECK_STATUS(HUBWARD_OK, hubward_mqtt_username(TEXT(CONNECTION), product, 4096, INTO(long_name, &len)));
    CHECK(len > 4096 && strlen(long_name) == len);
    CHECK_STATUS(HUBWARD_USER_NAME_TOO_LONG,
                 hubward_mqtt_username(TEXT(CONNECTION), product, 4097, INTO(long_name, &len)));
    CHECK_STATUS(HUBWARD_USER_NAME_TOO_LONG, hubward_mqtt_username_for(TEXT(HOST), TEXT("device1"), NULL, 0, product,
                                                                       4097, INTO(long_name, &len)));
    /* A name that is there must be one. */
    CHECK_STATUS(HUBWARD_NAME_EMPTY, hubward_mqtt_client_id_for(TEXT("device1"), TEXT(""), INTO(out, &len)));
    CHECK_STATUS(HUBWARD_NAME_EMPTY, hubward_mqtt_client_id_for(TEXT(""), NULL, 0, INTO(out, &len)));
    CHECK_STATUS(HUBWARD_NAME_INVALID_CHARACTER,
                 hubward_mqtt_client_id_for(TEXT("device\0"), NULL, 0, INTO(out, &len)));
}

static void keys_are_judged(void)
{
    char out[128];
    size_t len;
    hubward_mac_key *key;
    static char long_key[8192];
    memset(long_key, 'A', sizeof long_key);
    CHECK_STATUS(HUBWARD_KEY_TOO_LONG, hubward_mac_key_new(long_key, sizeof long_key, &key));
    CHECK_STATUS(HUBWARD_KEY_EMPTY, hubward_mac_key_new(TEXT(""), &key));
    CHECK_STATUS(HUBWARD_KEY_NOT_BASE64, hubward_mac_key_new(TEXT("AB=="), &key));
    CHECK_STATUS(HUBWARD_KEY_NOT_BASE64, hubward_mac_key_new(TEXT("AA\0A"), &key));
    CHECK_STATUS(HUBWARD_KEY_EMPTY, hubward_derive_device_key(TEXT(""), TEXT("r"), INTO(out, &len)));
    CHECK_STATUS(HUBWARD_NAME_INVALID_END, hubward_derive_device_key(TEXT(KEY), TEXT("r."), INTO(out, &len)));
    CHECK_STATUS(HUBWARD_NAME_INVALID_CHARACTER, hubward_derive_device_key(TEXT(KEY), TEXT("R e"), INTO(out, &len)));
}

void tokens(const char *folder)
{
    (void)folder;
    all_ways_to_a_signer_lead_to_the_same_token();
    a_policy_is_named_behind_the_rest();
    any_moment_is_signed();
    the_largest_buffer_takes_the_largest_token();
    verification_lets_in_nobody_else();
    connection_strings_say_what_is_wrong();
    what_may_be_absent_may_be();
    keys_are_judged();
}
