/*
 * A plugin of mosquitto (2.0; Debian: mosquitto-dev) that lets a device in by its token, as a hub does. A gateway
 * that looks up the key of each device is made of it by another `key_of`. In mosquitto.conf:
 *
 *     plugin /path/to/libmosquitto_tokens.so
 *     plugin_opt_resource gateway.example/devices/pump-7
 *     plugin_opt_key_file /path/to/key.txt
 */

#include <hubward.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How far the clocks of devices may be off. */
#define TOLERANCE_SECONDS 300

struct device {
    mosquitto_plugin_id_t *plugin;
    /* What its tokens are for: `host/devices/id`. */
    char resource[512];
    char key[256];
    size_t key_len;
    char client_id[200];
};

static struct device *key_of(struct device *device, const char *client_id)
{
    return strcmp(device->client_id, client_id) == 0 ? device : NULL;
}

/* A device's user name is `host/id/?api-version=...`, with the host that its tokens are for. */
static int is_user_name_of(const struct device *device, const char *user_name)
{
    size_t host_len = strcspn(device->resource, "/");
    size_t id_len = strlen(device->client_id);
    return strncmp(user_name, device->resource, host_len) == 0 && user_name[host_len] == '/'
        && strncmp(user_name + host_len + 1, device->client_id, id_len) == 0
        && strncmp(user_name + host_len + 1 + id_len, "/?", 2) == 0;
}

static int authenticate(int event, void *event_data, void *user_data)
{
    const struct mosquitto_evt_basic_auth *asked = event_data;
    const char *client_id = mosquitto_client_id(asked->client);
    (void)event;
    if (client_id == NULL || asked->username == NULL || asked->password == NULL) {
        return MOSQ_ERR_AUTH;
    }
    const struct device *device = key_of(user_data, client_id);
    if (device == NULL || !is_user_name_of(device, asked->username)) {
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "%s: not a device, or not its user name", client_id);
        return MOSQ_ERR_AUTH;
    }
    time_t now = time(NULL);
    hubward_status status =
        hubward_token_verify(asked->password, strlen(asked->password), device->key, device->key_len, device->resource,
                             strlen(device->resource), now < 0 ? 0 : (uint64_t)now, TOLERANCE_SECONDS);
    mosquitto_log_printf(MOSQ_LOG_NOTICE, "%s: token: %s", client_id, hubward_status_message(status));
    /* This one answer lets in. */
    return status == HUBWARD_OK ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
}

static int read_key(struct device *device, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    setvbuf(file, NULL, _IONBF, 0);
    device->key_len = fread(device->key, 1, sizeof device->key - 1, file);
    fclose(file);
    device->key_len = strcspn(device->key, "\r\n");
    return device->key_len == 0 ? -1 : 0;
}

int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++) {
        if (versions[i] == 5) {
            return 5;
        }
    }
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *plugin, void **user_data, struct mosquitto_opt *options, int count)
{
    struct device *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return MOSQ_ERR_NOMEM;
    }
    *user_data = device;
    device->plugin = plugin;
    int has_key = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(options[i].key, "resource") == 0 && strlen(options[i].value) < sizeof device->resource) {
            strcpy(device->resource, options[i].value);
        } else if (strcmp(options[i].key, "key_file") == 0) {
            has_key = read_key(device, options[i].value) == 0;
        }
    }
    const char *id = strrchr(device->resource, '/');
    if (!has_key || id == NULL || strlen(id + 1) >= sizeof device->client_id) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "mosquitto_tokens needs plugin_opt_resource and plugin_opt_key_file");
        return MOSQ_ERR_INVAL;
    }
    strcpy(device->client_id, id + 1);
    return mosquitto_callback_register(plugin, MOSQ_EVT_BASIC_AUTH, authenticate, NULL, device);
}

int mosquitto_plugin_cleanup(void *user_data, struct mosquitto_opt *options, int count)
{
    struct device *device = user_data;
    (void)options;
    (void)count;
    if (device != NULL) {
        mosquitto_callback_unregister(device->plugin, MOSQ_EVT_BASIC_AUTH, authenticate, NULL);
        /* A compiler may see that nobody reads it any more; this it must keep. */
        volatile char *key = device->key;
        for (size_t i = 0; i < sizeof device->key; i++) {
            key[i] = 0;
        }
        free(device);
    }
    return MOSQ_ERR_SUCCESS;
}
