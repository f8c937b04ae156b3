/*
 * Mints a SAS token for a device from its connection string.
 *
 *     mint_token --connection-string-file device.txt --ttl 3600
 *
 * Standard output is the token and a line end, nothing else.
 */

#include <hubward.h>

#include <stdint.h>
#include <time.h>

#include "support.h"

static const char HELP[] =
    "Mints a SAS token for Azure IoT Hub; standard output is the token alone\n"
    "\n"
    "Usage: mint_token [OPTIONS]\n"
    "\n"
    "  --connection-string-file PATH  File with the connection string\n"
    "  --ttl SECONDS                  Lifetime of the token [default: 3600]\n"
    "  --expiry UNIX_SECONDS          Moment at which the token expires, instead of a lifetime; any moment\n"
    "\n"
    "The connection string comes from the file, else from the variable IOTHUB_DEVICE_CONNECTION_STRING, else it is\n"
    "that of a demonstration device.\n"
    "Exit status: 0, or 2 for bad input.\n";

struct order {
    const char *file;
    uint64_t lifetime;
    /* Instead of the lifetime, if has_expiry. */
    uint64_t expiry;
    int has_expiry;
};

/* The signer of the connection string, which is wiped once the signer has its key. */
static hubward_signer *new_signer(const char *file, const char **source)
{
    static struct secret connection;
    hubward_signer *signer = NULL;
    *source = read_connection_string(file, &connection);
    if (*source != NULL) {
        hubward_status status = hubward_signer_from_connection_string(connection.text, connection.len, &signer);
        if (status != HUBWARD_OK) {
            failed(*source, status);
        }
    }
    wipe(&connection, sizeof connection);
    return signer;
}

/* Any expiry is minted; whether it is past only a clock that knows the time can tell. */
static void warn_of_past(uint64_t expiry)
{
    uint64_t floor;
    char text[32];
    time_t moment = (time_t)expiry;
    /* The library does not know the time either if it makes no token for a second from now. */
    int knows_the_time = hubward_signer_expiry_for(1, now(), &floor) == HUBWARD_OK;
    if (knows_the_time && expiry <= now() && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&moment)) != 0) {
        say("warning: the token has expired already, at %s", text);
    }
}

static int mint(const struct order *order)
{
    const char *source;
    hubward_signer *signer = new_signer(order->file, &source);
    if (signer == NULL) {
        return BAD_INPUT;
    }

    /* The NUL gives its place to the line end. */
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len = 0;
    uint64_t expiry = order->expiry;
    hubward_status status = HUBWARD_OK;
    if (!order->has_expiry) {
        status = hubward_signer_expiry_for(order->lifetime, now(), &expiry);
    }
    if (status == HUBWARD_OK) {
        status = hubward_signer_sign(signer, expiry, token, sizeof token, &len);
    }
    hubward_signer_free(signer);
    if (status != HUBWARD_OK) {
        return failed(NULL, status);
    }

    if (source == DEMONSTRATION) {
        say_demonstration();
    }
    warn_of_past(expiry);
    token[len] = '\n';
    int result = print(token, len + 1) == 0 ? 0 : BAD_INPUT;
    wipe(token, sizeof token);
    return result;
}

int main(int argc, char **argv)
{
    enum { FILE_OPTION, TTL, EXPIRY, OPTIONS };
    struct option options[OPTIONS] = {
        [FILE_OPTION] = { "--connection-string-file", NULL },
        [TTL] = { "--ttl", NULL },
        [EXPIRY] = { "--expiry", NULL },
    };
    begin("mint_token");
    int read = read_options(argc, argv, options, OPTIONS, HELP);
    if (read != 0) {
        return read == 1 ? 0 : BAD_INPUT;
    }
    if (options[TTL].value != NULL && options[EXPIRY].value != NULL) {
        say("two options exclude each other (see --help)");
        return BAD_INPUT;
    }

    struct order order = { options[FILE_OPTION].value, 3600, 0, options[EXPIRY].value != NULL };
    if (options[TTL].value != NULL && read_number(options[TTL].value, &order.lifetime) != 0) {
        say("--ttl takes a whole number of seconds, at most %llu", (unsigned long long)UINT64_MAX);
        return BAD_INPUT;
    }
    if (order.has_expiry && read_number(options[EXPIRY].value, &order.expiry) != 0) {
        say("--expiry takes a whole number of seconds, at most %llu", (unsigned long long)UINT64_MAX);
        return BAD_INPUT;
    }
    return mint(&order);
}
