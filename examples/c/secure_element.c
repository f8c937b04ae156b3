/*
 * Mints a token with a key that never leaves a chip: hubward asks a driver for each HMAC. The chip here is simulated
 * by OpenSSL; "The driver" is what a real one replaces.
 *
 *     secure_element [--expiry UNIX_SECONDS]
 *
 * Standard output is the token and a line end, nothing else.
 */

#define _POSIX_C_SOURCE 200809L

#include <hubward.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const char HELP[] = "Mints a token with a key in a (simulated) secure element\n"
                           "\n"
                           "Usage: secure_element [--expiry UNIX_SECONDS]\n"
                           "\n"
                           "Exit status: 0, or 2 for bad input or a chip that fails.\n";

#define HOST "demonstration.azure-devices.net"
#define DEVICE "demonstration"

/* --- The driver */

/* What a driver knows of its chip. */
struct chip {
    /* Several threads may sign at once, and the bus has room for one. */
    pthread_mutex_t bus;
    /* In which slot of the chip the key is. */
    uint8_t slot;
};

/*
 * Stands for the chip itself, with a key that was written to slot 7 in the factory. A real one has commands: with
 * CryptoAuthLib atcab_sha_hmac, with PKCS#11 C_Sign and CKM_SHA256_HMAC, with a TPM TPM2_HMAC.
 */
static int chip_hmac(uint8_t slot, const uint8_t *message, size_t len, uint8_t tag[32])
{
    static const char IN_THE_CHIP[] = "not a secret, a demonstration key";
    unsigned tag_len = 32;
    if (slot != 7) {
        return -1;
    }
    return HMAC(EVP_sha256(), IN_THE_CHIP, (int)strlen(IN_THE_CHIP), message, len, tag, &tag_len) != NULL ? 0 : -1;
}

/* What hubward calls. The message is public: it may go over the bus in clear. Whatever is not 0 is a failure. */
static int32_t driver_hmac(void *user_data, const uint8_t *message, size_t message_len, uint8_t *tag)
{
    struct chip *chip = user_data;
    if (pthread_mutex_lock(&chip->bus) != 0) {
        return -1;
    }
    int result = chip_hmac(chip->slot, message, message_len, tag);
    pthread_mutex_unlock(&chip->bus);
    return result;
}

/* Called once, when the last signer or cache that needs the key is gone: not before, whoever freed what. */
static void driver_release(void *user_data)
{
    struct chip *chip = user_data;
    pthread_mutex_destroy(&chip->bus);
    free(chip);
}

/* A key in a slot of the chip. */
static hubward_status open_key(uint8_t slot, hubward_mac_key **key)
{
    struct chip *chip = malloc(sizeof *chip);
    if (chip == NULL || pthread_mutex_init(&chip->bus, NULL) != 0) {
        free(chip);
        return HUBWARD_KEY_FAILED;
    }
    chip->slot = slot;
    hubward_mac_key_callbacks callbacks = { chip, driver_hmac, driver_release };
    hubward_status status = hubward_mac_key_from_callbacks(&callbacks, key);
    if (status != HUBWARD_OK) {
        /* It is still ours. */
        driver_release(chip);
    }
    return status;
}

/* --- What a program does with it */

/* A signer for the device. It holds the key, so that the handle can go at once. */
static hubward_status open_signer(uint8_t slot, hubward_signer **signer)
{
    static const char RESOURCE[] = HOST "/devices/" DEVICE;
    hubward_mac_key *key = NULL;
    hubward_status status = open_key(slot, &key);
    if (status == HUBWARD_OK) {
        status = hubward_signer_from_mac_key(RESOURCE, strlen(RESOURCE), NULL, 0, key, signer);
        hubward_mac_key_free(key);
    }
    return status;
}

/* There is no connection string where no key is. */
static hubward_status say_who_we_are(void)
{
    char user_name[256];
    char client_id[256];
    size_t len;
    hubward_status status = hubward_mqtt_username_for(HOST, strlen(HOST), DEVICE, strlen(DEVICE), NULL, 0, NULL, 0,
                                                      user_name, sizeof user_name, &len);
    if (status == HUBWARD_OK) {
        status = hubward_mqtt_client_id_for(DEVICE, strlen(DEVICE), NULL, 0, client_id, sizeof client_id, &len);
    }
    if (status == HUBWARD_OK) {
        say("user name %s, client ID %s", user_name, client_id);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct option options[] = { { "--expiry", NULL } };
    uint64_t expiry;
    begin("secure_element");
    int read = read_options(argc, argv, options, 1, HELP);
    if (read != 0) {
        return read == 1 ? 0 : BAD_INPUT;
    }
    hubward_status status = HUBWARD_OK;
    if (options[0].value == NULL) {
        status = hubward_signer_expiry_for(3600, now(), &expiry);
    } else if (read_number(options[0].value, &expiry) != 0) {
        say("--expiry takes a whole number of seconds");
        return BAD_INPUT;
    }

    hubward_signer *signer = NULL;
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len = 0;
    if (status == HUBWARD_OK) {
        status = say_who_we_are();
    }
    if (status == HUBWARD_OK) {
        status = open_signer(7, &signer);
    }
    if (status == HUBWARD_OK) {
        status = hubward_signer_sign(signer, expiry, token, sizeof token, &len);
    }
    hubward_signer_free(signer);
    if (status != HUBWARD_OK) {
        return failed(NULL, status);
    }

    /* A chip that has no such key: the call says so, and there is no token. */
    hubward_signer *empty = NULL;
    char nothing[HUBWARD_SAS_TOKEN_MAX];
    size_t nothing_len = 0;
    if (open_signer(8, &empty) == HUBWARD_OK) {
        status = hubward_signer_sign(empty, expiry, nothing, sizeof nothing, &nothing_len);
        hubward_signer_free(empty);
        failed("a slot without a key", status);
    }

    token[len] = '\n';
    int result = print(token, len + 1) == 0 ? 0 : BAD_INPUT;
    wipe(token, sizeof token);
    return result;
}
