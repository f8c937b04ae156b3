/* Promised once, word for word: a compiler refuses a header that says otherwise. */
#include <hubward.h>

const char *hubward_version(void);
const char *hubward_status_message(hubward_status status);
hubward_status hubward_signer_from_connection_string(const char *text, size_t text_len, hubward_signer **out);
hubward_status hubward_signer_new(const char *resource, size_t resource_len, const char *key_base64, size_t key_len, hubward_signer **out);
hubward_status hubward_signer_sign(const hubward_signer *signer, uint64_t expiry, char *out, size_t cap, size_t *len);
void hubward_signer_free(hubward_signer *signer);
hubward_status hubward_token_verify(const char *token, size_t token_len, const char *key_base64, size_t key_len, const char *resource, size_t resource_len, uint64_t now, uint64_t tolerance_seconds);
hubward_status hubward_derive_device_key(const char *group_key_base64, size_t group_key_len, const char *registration_id, size_t registration_id_len, char *out, size_t cap, size_t *len);
hubward_status hubward_mqtt_username(const char *connection_string, size_t connection_string_len, const char *product_info, size_t product_info_len, char *out, size_t cap, size_t *len);

/* A status is an int32_t, and 0 is success. */
int32_t *a_status(hubward_status *status);
int32_t *a_status(hubward_status *status)
{
    return status;
}
typedef char is_zero[HUBWARD_OK == 0 ? 1 : -1];
typedef char is_this_small[HUBWARD_BUFFER_TOO_SMALL == 2 ? 1 : -1];

/* Structures are laid out once and for all. */
typedef char has_this_size[sizeof(hubward_token_cache_result) == 24 ? 1 : -1];
typedef char begins_with_next[offsetof(hubward_token_cache_result, next) == 0 ? 1 : -1];
typedef char then_action[offsetof(hubward_token_cache_result, action) == 8 ? 1 : -1];
typedef char then_reason[offsetof(hubward_token_cache_result, reason) == 12 ? 1 : -1];
typedef char then_is_new[offsetof(hubward_token_cache_result, is_new) == 16 ? 1 : -1];
typedef char keys_have_three[sizeof(hubward_mac_key_callbacks) == 3 * sizeof(void *) ? 1 : -1];
typedef char tokens_have_three[sizeof(hubward_token_callbacks) == 3 * sizeof(void *) ? 1 : -1];
