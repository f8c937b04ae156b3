/*
 * Sends messages as a device, over MQTT and TLS, with Eclipse Paho's C library (Debian: libpaho-mqtt-dev).
 *
 *     mqtt_paho --connection-string-file device.txt
 *
 * hubward says whom to connect to, as whom and with which password, whom to trust and how TLS is to be; Paho and
 * OpenSSL do it. The token is renewed in time: a hub ends a session whose token has expired, and MQTT 3.1.1 has no
 * way to hand it another one, so that a new token is a new connection.
 *
 * Standard output is a line for each connection and each message that the hub took.
 */

#define _POSIX_C_SOURCE 200809L

#include <MQTTClient.h>
#include <hubward.h>
#include <openssl/conf.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static const char HELP[] =
    "Sends messages to Azure IoT Hub, or to another broker, as a device\n"
    "\n"
    "Usage: mqtt_paho [OPTIONS]\n"
    "\n"
    "  --connection-string-file PATH  File with the connection string\n"
    "  --ca-file PATH                 Whom to trust, in PEM [default: the roots of Azure]\n"
    "  --port NUMBER                  [default: 8883]\n"
    "  --messages NUMBER              How many to send [default: 3]\n"
    "  --interval SECONDS             Between two of them [default: 1]\n"
    "  --ttl SECONDS                  Lifetime of a token [default: 3600]\n"
    "  --renew-percent NUMBER         When a token is renewed: after so much of its lifetime [default: 80]\n"
    "\n"
    "The connection string comes from the file, else from the variable IOTHUB_DEVICE_CONNECTION_STRING.\n"
    "GatewayHostName in it is another broker, such as one on this machine.\n"
    "Exit status: 0, 1 if the messages could not be sent, or 2 for bad input.\n";

#define FAILED 1

/* How often a connection is tried before it is given up, and how long an answer may take. */
#define ATTEMPTS 3
#define PATIENCE_SECONDS 10

struct settings {
    uint64_t port;
    uint64_t messages;
    uint64_t interval;
    uint64_t lifetime;
    uint64_t renew_percent;
};

/* What is the same for every connection of a device. */
struct session {
    MQTTClient client;
    hubward_token_cache *cache;
    char *user_name;
    char *topic;
    /* The file with the trust anchors, and whether it is to be deleted. */
    char ca_file[256];
    int ca_is_ours;
    /* The suites of TLS 1.2, for Paho would else allow all of them. */
    char *cipher_list;
    int is_connected;
};

/* --- Texts of the library, in memory of their size: asked for first, then written. */

/* A part of the policy of TLS. */
static char *tls_policy(int32_t part)
{
    size_t len;
    hubward_status status = hubward_tls_policy(part, NULL, 0, &len);
    char *text = status == HUBWARD_OK ? malloc(len + 1) : NULL;
    if (text == NULL || (status = hubward_tls_policy(part, text, len + 1, &len)) != HUBWARD_OK) {
        failed("the policy of TLS", status);
        free(text);
        return NULL;
    }
    return text;
}

/* A function that makes a text of a connection string. */
typedef hubward_status (*maker)(const char *connection_string, size_t len, char *out, size_t cap, size_t *out_len);

static hubward_status user_name(const char *connection_string, size_t len, char *out, size_t cap, size_t *out_len)
{
    static const char PRODUCT[] = "hubward-example/1";
    return hubward_mqtt_username(connection_string, len, PRODUCT, strlen(PRODUCT), out, cap, out_len);
}

static char *text_of(const struct secret *connection, const char *source, maker make)
{
    size_t len;
    hubward_status status = make(connection->text, connection->len, NULL, 0, &len);
    char *text = status == HUBWARD_OK ? malloc(len + 1) : NULL;
    if (text == NULL || (status = make(connection->text, connection->len, text, len + 1, &len)) != HUBWARD_OK) {
        failed(source, status);
        free(text);
        return NULL;
    }
    return text;
}

/* --- TLS: whom to trust, and how */

/*
 * Makes the policy OpenSSL's own default for all of this process, for Paho has no option for versions, for the suites
 * of TLS 1.3, or for groups. A program that holds the SSL_CTX itself sets it there: SSL_CTX_set_min_proto_version,
 * SSL_CTX_set_cipher_list, SSL_CTX_set_ciphersuites, SSL_CTX_set1_groups_list.
 */
static int follow_the_policy(void)
{
    char *min_version = tls_policy(HUBWARD_TLS_OPENSSL_MIN_VERSION);
    char *cipher_list = tls_policy(HUBWARD_TLS_OPENSSL_CIPHER_LIST);
    char *ciphersuites = tls_policy(HUBWARD_TLS_OPENSSL_CIPHERSUITES);
    char *groups = tls_policy(HUBWARD_TLS_OPENSSL_GROUPS);
    int is_done = 0;
    if (min_version != NULL && cipher_list != NULL && ciphersuites != NULL && groups != NULL) {
        BIO *text = BIO_new(BIO_s_mem());
        CONF *configuration = NCONF_new(NULL);
        BIO_printf(text,
                   "openssl_conf = modules\n[modules]\nssl_conf = tls\n[tls]\nsystem_default = policy\n[policy]\n"
                   "MinProtocol = %s\nCipherString = %s\nCiphersuites = %s\nGroups = %s\n",
                   min_version, cipher_list, ciphersuites, groups);
        /* The system's file first, so that it does not come after ours. */
        is_done = OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1
            && NCONF_load_bio(configuration, text, NULL) > 0 && CONF_modules_load(configuration, NULL, 0) > 0;
        NCONF_free(configuration);
        BIO_free(text);
        if (!is_done) {
            say("OpenSSL does not take the policy of TLS");
        }
    }
    free(min_version);
    free(cipher_list);
    free(ciphersuites);
    free(groups);
    return is_done ? 0 : -1;
}

/* The roots of Azure in a file, for Paho takes nothing else. */
static int write_trust_anchors(struct session *session)
{
    size_t len;
    hubward_status status = hubward_tls_trust_anchors(HUBWARD_CLOUD_PUBLIC, NULL, 0, &len);
    char *pem = status == HUBWARD_OK ? malloc(len + 1) : NULL;
    if (pem == NULL) {
        failed("trust anchors", status);
        return -1;
    }
    int is_written = 0;
    strcpy(session->ca_file, "/tmp/hubward-roots-XXXXXX");
    int file = mkstemp(session->ca_file);
    session->ca_is_ours = file >= 0;
    if (file >= 0 && hubward_tls_trust_anchors(HUBWARD_CLOUD_PUBLIC, pem, len + 1, &len) == HUBWARD_OK) {
        is_written = write(file, pem, len) == (ssize_t)len;
    }
    if (file >= 0) {
        is_written = close(file) == 0 && is_written;
    }
    free(pem);
    if (!is_written) {
        say("the trust anchors cannot be written to a file");
    }
    return is_written ? 0 : -1;
}

/* --- Connections */

/* Paho says no more than "Failure" of TLS. What OpenSSL says of it ends with a line end. */
static int say_tls_error(const char *text, size_t len, void *user_data)
{
    (void)user_data;
    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    say("TLS: %.*s", (int)len, text);
    return 1;
}

/* One attempt with this token. Returns what Paho does: 0 is success, more than 0 what the broker answered. */
static int connect_with(struct session *session, const char *token)
{
    MQTTClient_SSLOptions ssl = MQTTClient_SSLOptions_initializer;
    ssl.trustStore = session->ca_file;
    ssl.disableDefaultTrustStore = 1;
    ssl.enableServerCertAuth = 1;
    /* And it must be the one that was asked for, by its name. */
    ssl.verify = 1;
    ssl.enabledCipherSuites = session->cipher_list;
    ssl.ssl_error_cb = say_tls_error;

    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    options.ssl = &ssl;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    options.cleansession = 0;
    options.keepAliveInterval = 60;
    options.connectTimeout = PATIENCE_SECONDS;
    options.username = session->user_name;
    /* Paho keeps a copy, and does not wipe it. */
    options.password = token;
    return MQTTClient_connect(session->client, &options);
}

static void disconnect(struct session *session)
{
    if (session->is_connected) {
        MQTTClient_disconnect(session->client, PATIENCE_SECONDS * 1000);
        session->is_connected = 0;
    }
}

/* Whether the broker refused the user name or the password (MQTT 3.1.1, section 3.2.2.3). */
static int is_refusal(int code)
{
    return code == 4 || code == 5;
}

/*
 * Sees to it that there is a connection, and that it has the token that the cache wants used: called before each
 * message, which is often enough for every renewal.
 */
static int keep_connected(struct session *session)
{
    static char token[HUBWARD_SAS_TOKEN_MAX];
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
        size_t len;
        hubward_token_cache_result result;
        hubward_status status = hubward_token_cache_poll(session->cache, now(), token, sizeof token, &len, &result);
        if (status != HUBWARD_OK) {
            return failed("the token", status);
        }
        if (result.reason != HUBWARD_OK) {
            /* With a token that is still good it goes on; it is tried again in time. */
            failed("the token", result.reason);
        }
        if (result.action == HUBWARD_CACHE_USE) {
            if (session->is_connected && MQTTClient_isConnected(session->client) && !result.is_new) {
                wipe(token, sizeof token);
                return 0;
            }
            disconnect(session);
            int code = connect_with(session, token);
            wipe(token, sizeof token);
            if (code == MQTTCLIENT_SUCCESS) {
                hubward_token_cache_accepted(session->cache, result.id);
                session->is_connected = 1;
                printf("connected, with a token to be renewed at %llu\n", (unsigned long long)result.next);
                return 0;
            }
            int32_t refusal = 0;
            if (is_refusal(code)) {
                hubward_token_cache_refused(session->cache, result.id, now(), &refusal);
            }
            if (refusal == HUBWARD_REFUSED_AGAIN) {
                say("a new token was refused as well: is the clock right, the key the device's, the device enabled?");
                return FAILED;
            }
            say("no connection: %s", code > 0 ? "the broker refused it" : MQTTClient_strerror(code));
            if (refusal != 0) {
                /* At once, with another one. */
                continue;
            }
        }
        if (attempt < ATTEMPTS) {
            sleep((unsigned)attempt);
        }
    }
    return FAILED;
}

/* Sends a message and waits until the hub has it. */
static int publish(struct session *session, uint64_t number)
{
    char text[64];
    int len = snprintf(text, sizeof text, "{\"message\":%llu}", (unsigned long long)number);
    MQTTClient_message message = MQTTClient_message_initializer;
    message.payload = text;
    message.payloadlen = len;
    message.qos = 1;
    MQTTClient_deliveryToken delivery;
    int code = MQTTClient_publishMessage(session->client, session->topic, &message, &delivery);
    if (code == MQTTCLIENT_SUCCESS) {
        code = MQTTClient_waitForCompletion(session->client, delivery, PATIENCE_SECONDS * 1000);
    }
    if (code != MQTTCLIENT_SUCCESS) {
        say("message %llu: %s", (unsigned long long)number, MQTTClient_strerror(code));
        return FAILED;
    }
    printf("message %llu taken\n", (unsigned long long)number);
    fflush(stdout);
    return 0;
}

static int run(struct session *session, const struct settings *settings)
{
    for (uint64_t number = 1; number <= settings->messages; number++) {
        if (number != 1) {
            sleep((unsigned)settings->interval);
        }
        int result = keep_connected(session);
        if (result == 0) {
            result = publish(session, number);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* --- From the connection string to a session */

static int new_cache(struct session *session, const struct secret *connection, const char *source,
                     const struct settings *settings)
{
    hubward_signer *signer = NULL;
    hubward_status status = hubward_signer_from_connection_string(connection->text, connection->len, &signer);
    if (status == HUBWARD_OK) {
        uint32_t percent = settings->renew_percent > 100 ? 100 : (uint32_t)settings->renew_percent;
        status = hubward_token_cache_new(signer, settings->lifetime, percent, &session->cache);
        /* The cache holds what it needs of it. */
        hubward_signer_free(signer);
    }
    return status == HUBWARD_OK ? 0 : failed(source, status);
}

static int new_client(struct session *session, const struct secret *connection, const char *source,
                      const struct settings *settings)
{
    char *host = text_of(connection, source, hubward_mqtt_host);
    char *client_id = host == NULL ? NULL : text_of(connection, source, hubward_mqtt_client_id);
    int code = MQTTCLIENT_FAILURE;
    if (client_id != NULL) {
        char uri[300];
        snprintf(uri, sizeof uri, "ssl://%s:%u", host, (unsigned)settings->port);
        code = MQTTClient_create(&session->client, uri, client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL);
        if (code != MQTTCLIENT_SUCCESS) {
            say("%s: %s", uri, MQTTClient_strerror(code));
        }
    }
    free(host);
    free(client_id);
    return code == MQTTCLIENT_SUCCESS ? 0 : BAD_INPUT;
}

static int open_session(struct session *session, const char *file, const char *ca_file,
                        const struct settings *settings)
{
    static struct secret connection;
    const char *source = read_connection_string(file, &connection);
    int result = source == NULL ? BAD_INPUT : new_cache(session, &connection, source, settings);
    if (result == 0) {
        result = new_client(session, &connection, source, settings);
    }
    if (result == 0) {
        session->user_name = text_of(&connection, source, user_name);
        session->topic = text_of(&connection, source, hubward_mqtt_telemetry_topic);
        session->cipher_list = tls_policy(HUBWARD_TLS_OPENSSL_CIPHER_LIST);
        if (session->user_name == NULL || session->topic == NULL || session->cipher_list == NULL) {
            result = BAD_INPUT;
        }
    }
    wipe(&connection, sizeof connection);
    if (result == 0 && source == DEMONSTRATION) {
        say_demonstration();
        result = BAD_INPUT;
    }
    if (result == 0 && follow_the_policy() != 0) {
        result = BAD_INPUT;
    }
    if (result != 0) {
        return result;
    }
    if (ca_file == NULL) {
        return write_trust_anchors(session) == 0 ? 0 : BAD_INPUT;
    }
    if (strlen(ca_file) >= sizeof session->ca_file || access(ca_file, R_OK) != 0) {
        say("--ca-file cannot be read");
        return BAD_INPUT;
    }
    strcpy(session->ca_file, ca_file);
    return 0;
}

static void close_session(struct session *session)
{
    disconnect(session);
    MQTTClient_destroy(&session->client);
    hubward_token_cache_free(session->cache);
    if (session->ca_is_ours) {
        unlink(session->ca_file);
    }
    free(session->user_name);
    free(session->topic);
    free(session->cipher_list);
}

int main(int argc, char **argv)
{
    enum { FILE_OPTION, CA_FILE, PORT, MESSAGES, INTERVAL, TTL, RENEW_PERCENT, OPTIONS };
    struct option options[OPTIONS] = {
        [FILE_OPTION] = { "--connection-string-file", NULL },
        [CA_FILE] = { "--ca-file", NULL },
        [PORT] = { "--port", NULL },
        [MESSAGES] = { "--messages", NULL },
        [INTERVAL] = { "--interval", NULL },
        [TTL] = { "--ttl", NULL },
        [RENEW_PERCENT] = { "--renew-percent", NULL },
    };
    struct settings settings = { HUBWARD_MQTT_PORT, 3, 1, 3600, 80 };
    uint64_t *numbers[OPTIONS] = {
        [PORT] = &settings.port,
        [MESSAGES] = &settings.messages,
        [INTERVAL] = &settings.interval,
        [TTL] = &settings.lifetime,
        [RENEW_PERCENT] = &settings.renew_percent,
    };
    begin("mqtt_paho");
    int read = read_options(argc, argv, options, OPTIONS, HELP);
    if (read != 0) {
        return read == 1 ? 0 : BAD_INPUT;
    }
    for (int i = 0; i < OPTIONS; i++) {
        if (numbers[i] != NULL && options[i].value != NULL && read_number(options[i].value, numbers[i]) != 0) {
            say("%s takes a whole number", options[i].name);
            return BAD_INPUT;
        }
    }
    if (settings.port == 0 || settings.port > 65535) {
        say("--port takes a number of 1 to 65535");
        return BAD_INPUT;
    }

    struct session session = { 0 };
    int result = open_session(&session, options[FILE_OPTION].value, options[CA_FILE].value, &settings);
    if (result == 0) {
        result = run(&session, &settings);
    }
    close_session(&session);
    return result;
}
