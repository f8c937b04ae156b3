/* Does what standard input says, a call a line, and writes what comes of it: the status, and the text if there is
 * one. Words are in hexadecimal digits; - is NULL. The test compares the lines with what Rust makes of the same. */

#define _GNU_SOURCE

#include "harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char *text;
    size_t len;
};

static char *line;
static char *rest;

static struct word take(void)
{
    struct word word = {NULL, 0};
    char *digits = strsep(&rest, " \n");
    CHECK(digits != NULL);
    if (strcmp(digits, "-") == 0)
        return word;
    size_t len = strlen(digits);
    CHECK(len % 2 == 0);
    word.len = len / 2;
    /* Memory of its own, without a NUL, so that a tool sees what is read behind it. */
    word.text = memory(word.len);
    for (size_t at = 0; at < word.len; at++) {
        const char byte[] = {digits[2 * at], digits[2 * at + 1], '\0'};
        char *end;
        word.text[at] = (char)strtoul(byte, &end, 16);
        CHECK(*end == '\0');
    }
    return word;
}

static uint64_t take_number(void)
{
    char *digits = strsep(&rest, " \n"), *end;
    CHECK(digits != NULL && *digits != '\0');
    uint64_t number = strtoull(digits, &end, 10);
    CHECK(*end == '\0');
    return number;
}

#define WORD(word) (word).text, (word).len

static void answer(hubward_status status, const char *text, size_t len)
{
    printf("%d ", (int)status);
    for (size_t at = 0; status == HUBWARD_OK && at < len; at++)
        printf("%02x", (unsigned char)text[at]);
    putchar('\n');
}

/* The token of the signer, if there is one: measured, and then written to a buffer that is just right. */
static void answer_token(hubward_status status, hubward_signer *signer, uint64_t expiry)
{
    if (status != HUBWARD_OK) {
        answer(status, NULL, 0);
        return;
    }
    size_t needed, len;
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, expiry, NULL, 0, &needed));
    char *token = memory(needed + 1);
    CHECK_STATUS(HUBWARD_OK, hubward_signer_sign(signer, expiry, token, needed + 1, &len));
    CHECK(len == needed && strlen(token) == len);
    answer(HUBWARD_OK, token, len);
    free(token);
    hubward_signer_free(signer);
}

/* sign RESOURCE POLICY KEY EXPIRY */
static void sign(void)
{
    struct word resource = take(), policy = take(), key = take();
    uint64_t expiry = take_number();
    hubward_signer *signer = NULL;
    hubward_status status = policy.text == NULL
                                ? hubward_signer_new(WORD(resource), WORD(key), &signer)
                                : hubward_signer_with_policy(WORD(resource), WORD(policy), WORD(key), &signer);
    answer_token(status, signer, expiry);
    free(resource.text), free(policy.text), free(key.text);
}

/* handle RESOURCE POLICY KEY EXPIRY: the same with a key that is an object of its own */
static void handle(void)
{
    struct word resource = take(), policy = take(), key = take();
    uint64_t expiry = take_number();
    hubward_mac_key *made;
    hubward_signer *signer = NULL;
    hubward_status status = hubward_mac_key_new(WORD(key), &made);
    if (status == HUBWARD_OK) {
        status = hubward_signer_from_mac_key(WORD(resource), WORD(policy), made, &signer);
        hubward_mac_key_free(made);
    }
    answer_token(status, signer, expiry);
    free(resource.text), free(policy.text), free(key.text);
}

/* connect CONNECTION-STRING EXPIRY */
static void connect_by_string(void)
{
    struct word text = take();
    uint64_t expiry = take_number();
    hubward_signer *signer = NULL;
    hubward_status status = hubward_signer_from_connection_string(WORD(text), &signer);
    answer_token(status, signer, expiry);
    free(text.text);
}

/* resource CONNECTION-STRING */
static void resource(void)
{
    struct word text = take();
    char out[1024];
    size_t len = 0;
    hubward_connection_string *connection;
    hubward_status status = hubward_connection_string_parse(WORD(text), &connection);
    if (status == HUBWARD_OK) {
        status = hubward_connection_string_resource(connection, INTO(out, &len));
        hubward_connection_string_free(connection);
    }
    answer(status, out, len);
    free(text.text);
}

/* derive GROUP-KEY REGISTRATION */
static void derive(void)
{
    struct word key = take(), registration = take();
    char out[128];
    size_t len = 0;
    hubward_status status = hubward_derive_device_key(WORD(key), WORD(registration), INTO(out, &len));
    answer(status, out, len);
    free(key.text), free(registration.text);
}

/* describe TOKEN */
static void describe(void)
{
    struct word token = take();
    char out[4096];
    size_t len = 0;
    hubward_token *read;
    hubward_status status = hubward_token_parse(WORD(token), &read);
    if (status == HUBWARD_OK) {
        status = hubward_token_describe(read, INTO(out, &len));
        hubward_token_free(read);
    }
    answer(status, out, len);
    free(token.text);
}

/* verify TOKEN KEY RESOURCE NOW */
static void verify(void)
{
    struct word token = take(), key = take(), uri = take();
    uint64_t now = take_number();
    answer(hubward_token_verify(WORD(token), WORD(key), WORD(uri), now, 0), NULL, 0);
    free(token.text), free(key.text), free(uri.text);
}

/* username HOST DEVICE MODULE PRODUCT */
static void username(void)
{
    struct word host = take(), device = take(), module = take(), product = take();
    char out[4096];
    size_t len = 0;
    hubward_status status =
        hubward_mqtt_username_for(WORD(host), WORD(device), WORD(module), WORD(product), INTO(out, &len));
    answer(status, out, len);
    free(host.text), free(device.text), free(module.text), free(product.text);
}

void vectors(const char *folder)
{
    (void)folder;
    static const struct {
        const char *name;
        void (*run)(void);
    } CALLS[] = {{"sign", sign},       {"handle", handle}, {"connect", connect_by_string}, {"resource", resource},
                 {"derive", derive},   {"verify", verify}, {"describe", describe},         {"username", username}};
    size_t size = 0, at;
    while (getline(&line, &size, stdin) > 0) {
        rest = line;
        const char *name = strsep(&rest, " \n");
        for (at = 0; at < sizeof CALLS / sizeof *CALLS && strcmp(name, CALLS[at].name) != 0; at++)
            ;
        CHECK(at < sizeof CALLS / sizeof *CALLS);
        CALLS[at].run();
    }
    free(line);
}
