/* A token for a connection string and an expiry, which are arguments: it is only a test. */
#include <hubward.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    hubward_signer *signer = NULL;
    hubward_status status;
    char token[HUBWARD_SAS_TOKEN_MAX];
    size_t len = 0;
    uint64_t expiry;

    if (argc != 3) {
        return 1;
    }
    expiry = strtoull(argv[2], NULL, 10);
    status = hubward_signer_from_connection_string(argv[1], strlen(argv[1]), &signer);
    if (status == HUBWARD_OK) {
        status = hubward_signer_sign(signer, expiry, token, sizeof token, &len);
    }
    hubward_signer_free(signer);
    if (status != HUBWARD_OK) {
        fprintf(stderr, "%" PRId32 ": %s\n", status, hubward_status_message(status));
        return 2;
    }
    if (strlen(token) != len || fputs(token, stdout) < 0) {
        return 3;
    }
    return 0;
}
