// A driver that throws, which the header forbids. Ends with the status of the call, if it comes back.

#include <hubward.h>

static int32_t hmac(void *, const uint8_t *, size_t, uint8_t *)
{
    throw 1;
}

int main()
{
    const char resource[] = "contoso-hub.azure-devices.net/devices/device1";
    const hubward_mac_key_callbacks callbacks = {nullptr, hmac, nullptr};
    hubward_mac_key *key;
    hubward_signer *signer;
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len;
    if (hubward_mac_key_from_callbacks(&callbacks, &key) != HUBWARD_OK)
        return 100;
    if (hubward_signer_from_mac_key(resource, sizeof resource - 1, nullptr, 0, key, &signer) != HUBWARD_OK)
        return 101;
    return hubward_signer_sign(signer, 1, token, sizeof token, &len);
}
