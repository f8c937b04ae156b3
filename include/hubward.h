/*
 * hubward: identities, keys and tokens of devices for Azure IoT Hub.
 *
 * Generated from src/capi by cbindgen (tests/header in the sources); changes here are lost.
 *
 * What holds for every function:
 *
 * Names.    hubward_<object>_<verb>. What it works on comes first, what it writes comes last.
 * Answers.  A hubward_status: HUBWARD_OK (0), or one of the numbers below, which never change their
 *           meaning. hubward_status_message puts it in a sentence; hubward_log_set tells more.
 * Errors.   "Those of a call" come from every function and are not named again: HUBWARD_NULL_POINTER,
 *           HUBWARD_INVALID_LENGTH, HUBWARD_NOT_UTF8, HUBWARD_BUFFER_TOO_SMALL, HUBWARD_PANIC; and
 *           HUBWARD_NOT_COMPILED_IN where a feature is named as needed.
 * Checks.   Every pointer is looked at before any is used. A call that does not succeed writes
 *           nothing, but for the length that is needed.
 * Text in.  A pointer and a length in bytes, UTF-8, no NUL needed. NULL is refused, also with a length
 *           of 0, unless the function says what it stands for. Paths and PEM are bytes, as they are.
 * Text out. (char *out, size_t cap, size_t *len). The text ends in NUL: cap includes it, *len does
 *           not. NULL and 0 for out and cap ask for the size: *len is set, and the answer is
 *           HUBWARD_OK. A buffer that is too small is left as it is: *len says what is needed, one
 *           less than cap must be, and the answer is HUBWARD_BUFFER_TOO_SMALL. Nothing is truncated.
 *           out must not overlap what is read, and no callback may touch it meanwhile.
 * Objects.  Made by a function with an "out", which is written only on success; freed with the
 *           function _free of their name, once, by anybody, while nobody uses them. What one object
 *           needs of another it holds itself, so they can be freed in any order.
 * Threads.  Every function can be called from every thread, with the same object at once. What
 *           changes is behind a lock. In a forked child of a process with several threads, use only
 *           objects that no other thread was using at the time, and set no log.
 * Secrets.  What the library holds of them is wiped when it is freed; what the caller passes in or
 *           gets is the caller's to wipe.
 * Time.     An argument, in seconds (not milliseconds) since 1970-01-01T00:00:00Z: no function reads a
 *           clock.
 * Panics.   None crosses; one writes a line to standard error. A program's own functions (callbacks)
 *           must not throw or longjmp out of the library, nor end their thread.
 * Limits.   No function is to be called from a signal handler, and no thread to be cancelled within
 *           one. Where the system gives no memory, the process is aborted: no status says so.
 */

#ifndef HUBWARD_H
#define HUBWARD_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version of this header; `hubward_version` and `hubward_version_number` are those of the library.
 */
#define HUBWARD_VERSION_MAJOR 0
#define HUBWARD_VERSION_MINOR 1
#define HUBWARD_VERSION_PATCH 0
#define HUBWARD_VERSION_STRING "0.1.0"

/**
 * The version as a number that grows with it: 0xMMmmpp.
 */
#define HUBWARD_VERSION_NUMBER ((HUBWARD_VERSION_MAJOR << 16) | (HUBWARD_VERSION_MINOR << 8) | HUBWARD_VERSION_PATCH)

/**
 * A connection string authenticates with `SharedAccessKey`.
 */
#define HUBWARD_AUTHENTICATION_KEY 1

/**
 * A connection string authenticates with `SharedAccessSignature`: a token that somebody else made.
 */
#define HUBWARD_AUTHENTICATION_TOKEN 2

/**
 * A connection string authenticates with `x509=true`: a certificate that is configured elsewhere.
 */
#define HUBWARD_AUTHENTICATION_X509 3

/**
 * A buffer of this size takes every token, its NUL included.
 */
#define HUBWARD_SAS_TOKEN_MAX 2007

/**
 * A token cache has a token that is good.
 */
#define HUBWARD_CACHE_USE 1

/**
 * A token cache has none, and none was to be had.
 */
#define HUBWARD_CACHE_WAIT 2

/**
 * A token cache cannot judge or make any, for nobody knows the time.
 */
#define HUBWARD_CACHE_CLOCK_UNKNOWN 3

/**
 * A token was refused for the first time: poll, and try once more with the new one.
 */
#define HUBWARD_REFUSED_ONCE 1

/**
 * The new one was refused as well: the clock is off, the key is another one, or the device is not known.
 */
#define HUBWARD_REFUSED_AGAIN 2

/**
 * It was replaced before this was told: poll, and try once more with the one that is at hand.
 */
#define HUBWARD_REFUSED_REPLACED 3

/**
 * The port of MQTT over TLS.
 */
#define HUBWARD_MQTT_PORT 8883

/**
 * Locked memory as far as the system gives it.
 */
#define HUBWARD_LOCK_PREFER 1

/**
 * Locked memory with all that belongs to it, or an error. Linux and Android only.
 */
#define HUBWARD_LOCK_REQUIRE 2

/**
 * A kind of key: HMAC-SHA256, the shared access keys of IoT Hub and DPS.
 */
#define HUBWARD_KEY_SYMMETRIC 1

/**
 * A kind of key: ECDSA with the curve P-256.
 */
#define HUBWARD_KEY_ECDSA_P256 2

/**
 * A kind of key: ECDSA with the curve P-384.
 */
#define HUBWARD_KEY_ECDSA_P384 3

/**
 * A kind of key: RSA.
 */
#define HUBWARD_KEY_RSA 4

/**
 * Signs as the key does best: ECDSA with its curve's hash, RSA by PSS with SHA-256.
 */
#define HUBWARD_SIGN_DEFAULT 0

/**
 * Signs by ECDSA with P-256 and SHA-256.
 */
#define HUBWARD_SIGN_ECDSA_P256_SHA256 1

/**
 * Signs by ECDSA with P-384 and SHA-384.
 */
#define HUBWARD_SIGN_ECDSA_P384_SHA384 2

/**
 * Signs by RSASSA-PSS with SHA-256, its salt as long as the hash.
 */
#define HUBWARD_SIGN_RSA_PSS_SHA256 3

/**
 * Signs by RSASSA-PSS with SHA-384, its salt as long as the hash.
 */
#define HUBWARD_SIGN_RSA_PSS_SHA384 4

/**
 * Signs by RSASSA-PSS with SHA-512, its salt as long as the hash.
 */
#define HUBWARD_SIGN_RSA_PSS_SHA512 5

/**
 * Signs by RSASSA-PKCS1-v1_5 with SHA-256.
 */
#define HUBWARD_SIGN_RSA_PKCS1_SHA256 6

/**
 * Signs by RSASSA-PKCS1-v1_5 with SHA-384.
 */
#define HUBWARD_SIGN_RSA_PKCS1_SHA384 7

/**
 * Signs by RSASSA-PKCS1-v1_5 with SHA-512.
 */
#define HUBWARD_SIGN_RSA_PKCS1_SHA512 8

/**
 * A buffer of this size takes every signature.
 */
#define HUBWARD_SIGNATURE_MAX 1024

/**
 * A cloud: `azure-devices.net`.
 */
#define HUBWARD_CLOUD_PUBLIC 1

/**
 * A cloud: `azure-devices.us`.
 */
#define HUBWARD_CLOUD_US_GOVERNMENT 2

/**
 * A cloud: `azure-devices.cn`.
 */
#define HUBWARD_CLOUD_CHINA 3

/**
 * The oldest version of TLS, 1.2, as TLS itself numbers it: for `SSL_CTX_set_min_proto_version` of OpenSSL and
 * `mbedtls_ssl_conf_min_tls_version` of Mbed TLS, which it has from 3.2 on.
 */
#define HUBWARD_TLS_MIN_VERSION 771

/**
 * OpenSSL's suites of TLS 1.2, for `SSL_CTX_set_cipher_list`: names with a colon between.
 */
#define HUBWARD_TLS_OPENSSL_CIPHER_LIST 1

/**
 * OpenSSL's suites of TLS 1.3, for `SSL_CTX_set_ciphersuites`: names with a colon between.
 */
#define HUBWARD_TLS_OPENSSL_CIPHERSUITES 2

/**
 * OpenSSL's groups of the key exchange, for `SSL_CTX_set1_groups_list`: names with a colon between.
 */
#define HUBWARD_TLS_OPENSSL_GROUPS 3

/**
 * OpenSSL's name of the oldest version, for `MinProtocol` of its configuration.
 */
#define HUBWARD_TLS_OPENSSL_MIN_VERSION 4

/**
 * The suites of Mbed TLS, best first: names with a space between, for `mbedtls_ssl_get_ciphersuite_id` each, whose
 * numbers (0 for one that is not compiled in) `mbedtls_ssl_conf_ciphersuites` takes.
 */
#define HUBWARD_TLS_MBEDTLS_CIPHERSUITES 5

/**
 * The name of the oldest version in Mbed TLS, a constant for `mbedtls_ssl_conf_min_tls_version`.
 */
#define HUBWARD_TLS_MBEDTLS_MIN_VERSION 6

/**
 * A level of the log: a call did not succeed.
 */
#define HUBWARD_LOG_ERROR 1

/**
 * A level of the log: it goes on, though something does not work.
 */
#define HUBWARD_LOG_WARNING 2

/**
 * A device's certificate with the chain that it sends, and what it is judged against: at first nothing in particular.
 */
typedef struct hubward_certificate hubward_certificate;

/**
 * An identity and what it authenticates with, as a connection string says them.
 */
typedef struct hubward_connection_string hubward_connection_string;

/**
 * A key for HMAC-SHA256: in memory, in a store, or behind a driver that the program gives.
 */
typedef struct hubward_mac_key hubward_mac_key;

/**
 * Makes tokens: one key, one resource, any number of expiries.
 */
typedef struct hubward_signer hubward_signer;

/**
 * A private key that signs.
 */
typedef struct hubward_signing_key hubward_signing_key;

/**
 * Keys in an encrypted file, whole after any crash (Unix). Its folder must be for its owner alone, mode 0700.
 *
 * Each call reads the file anew, so that what another process changed is seen.
 */
typedef struct hubward_store hubward_store;

/**
 * A token that was read, to look into. Whether it is genuine only `hubward_token_verify` tells.
 */
typedef struct hubward_token hubward_token;

/**
 * The token of a device, renewed in time. It keeps no timer: poll it at each connect, and at the moment that the
 * answer before named.
 */
typedef struct hubward_token_cache hubward_token_cache;

/**
 * What a call answers: `HUBWARD_OK`, which is 0, or one of the other numbers of this header. A later version may
 * know more of them.
 */
typedef int32_t hubward_status;

/**
 * What makes the tokens of a cache instead of a signer: a service, or a chip that makes whole tokens. See
 * `hubward_mac_key_callbacks` for what such functions may do.
 */
typedef struct {
    /**
     * Handed to each of the functions as it is; may be NULL.
     */
    void *user_data;
    /**
     * Writes a token that expires at `expiry`, or earlier if that is longer than the source gives, to `out`, which
     * has room for `cap` bytes (`HUBWARD_SAS_TOKEN_MAX`), and its length to `len`, without a NUL if there is one; and
     * returns 0, or anything else if it cannot. Never NULL.
     */
    int32_t (*token)(void *user_data,
                     uint64_t expiry,
                     char *out,
                     size_t cap,
                     size_t *len);
    /**
     * Called once, when the cache is freed; may be NULL.
     */
    void (*release)(void *user_data);
} hubward_token_callbacks;

/**
 * What a token cache answers.
 */
typedef struct {
    /**
     * When to poll again, in seconds since 1970; with `HUBWARD_CACHE_CLOCK_UNKNOWN` it is 0: once the clock is set.
     */
    uint64_t next;
    /**
     * One of `HUBWARD_CACHE_*`.
     */
    int32_t action;
    /**
     * Why the token was not renewed though it should have been, or why there is none; else `HUBWARD_OK`.
     */
    hubward_status reason;
    /**
     * 1 if the token was never handed out before: a connection that is up needs it too. Else 0.
     */
    int32_t is_new;
    /**
     * Which of the cache's tokens it is: to be kept with the connection that is made with it, and handed to
     * `hubward_token_cache_accepted` or `hubward_token_cache_refused`. 0 without a token.
     */
    uint32_t id;
} hubward_token_cache_result;

/**
 * A driver of a chip, or of anything else that can sign and keeps its key to itself.
 *
 * The functions are called by whichever thread signs, by several at once if several do, also after the handle was
 * freed that was made of them: what needs the key holds it. They must not throw. They may call the library, but not
 * with the object that asks them just then (a token cache answers `HUBWARD_BUSY`).
 */
typedef struct {
    /**
     * Handed to each of the functions as it is; may be NULL.
     */
    void *user_data;
    /**
     * Writes the 32 bytes of HMAC-SHA256 over `message` to `tag` and returns 0, or returns anything else if it
     * cannot, which the call then answers with `HUBWARD_KEY_FAILED`. 32 zero bytes are taken for none. The message is
     * public and valid during the call only. Never NULL.
     */
    int32_t (*hmac_sha256)(void *user_data,
                           const uint8_t *message,
                           size_t message_len,
                           uint8_t *tag);
    /**
     * Called once, when nothing needs the key any more, by whichever thread frees last; may be NULL.
     */
    void (*release)(void *user_data);
} hubward_mac_key_callbacks;

/**
 * A function that is told what goes wrong. `message` is UTF-8 without a line end, with a NUL behind its
 * `message_len` bytes, and valid during the call only. It names fields and places, never a secret. A later version
 * may have more levels.
 *
 * It is called by whichever thread called the library, by several at once if they do. It must not throw, and what it
 * calls of the library is not logged.
 */
typedef void (*hubward_log_fn)(void *user_data,
                               int32_t level,
                               const char *message,
                               size_t message_len);

/**
 * It worked.
 */
#define HUBWARD_OK 0

/**
 * A pointer that must not be null is.
 */
#define HUBWARD_NULL_POINTER 1

/**
 * The buffer is too small: `*len` says what is needed, and nothing else was written.
 */
#define HUBWARD_BUFFER_TOO_SMALL 2

/**
 * A length is larger than any memory.
 */
#define HUBWARD_INVALID_LENGTH 3

/**
 * A text is not UTF-8.
 */
#define HUBWARD_NOT_UTF8 4

/**
 * A number is none of the constants for it, or out of their range.
 */
#define HUBWARD_INVALID_ARGUMENT 5

/**
 * This build of the library does not have it: see `hubward_features`.
 */
#define HUBWARD_NOT_COMPILED_IN 6

/**
 * There is no such part: an optional one is not there.
 */
#define HUBWARD_ABSENT 7

/**
 * Called from within a callback of the same object, for which it would wait for ever.
 */
#define HUBWARD_BUSY 8

/**
 * A mistake of hubward, or a panic of a callback: the call was given up.
 */
#define HUBWARD_PANIC 9

/**
 * What cannot be: a mistake of hubward.
 */
#define HUBWARD_INTERNAL 10

/**
 * A name is empty.
 */
#define HUBWARD_NAME_EMPTY 100

/**
 * A name is longer than the service takes.
 */
#define HUBWARD_NAME_TOO_LONG 101

/**
 * A name has a character that the service does not take.
 */
#define HUBWARD_NAME_INVALID_CHARACTER 102

/**
 * A part of a host name is empty, too long, or begins or ends with `-`.
 */
#define HUBWARD_NAME_INVALID_LABEL 103

/**
 * A registration ID ends in something else than a letter, a digit or `-`.
 */
#define HUBWARD_NAME_INVALID_END 104

/**
 * Product information has more bytes than go into a user name: 4096.
 */
#define HUBWARD_USER_NAME_TOO_LONG 105

/**
 * The name of a key is empty.
 */
#define HUBWARD_KEY_NAME_EMPTY 120

/**
 * The name of a key has more than 64 bytes.
 */
#define HUBWARD_KEY_NAME_TOO_LONG 121

/**
 * The name of a key begins with a dot.
 */
#define HUBWARD_KEY_NAME_LEADING_DOT 122

/**
 * The name of a key has something else than letters, digits, `-`, `_` and `.`.
 */
#define HUBWARD_KEY_NAME_INVALID_CHARACTER 123

/**
 * Nothing but white space.
 */
#define HUBWARD_CONNECTION_STRING_EMPTY 200

/**
 * Not a connection string at all.
 */
#define HUBWARD_CONNECTION_STRING_UNRECOGNIZED 201

/**
 * A connection string of Event Hubs or Service Bus.
 */
#define HUBWARD_CONNECTION_STRING_SERVICE_BUS 202

/**
 * A field has no value.
 */
#define HUBWARD_CONNECTION_STRING_EMPTY_VALUE 203

/**
 * A field is missing that this form needs.
 */
#define HUBWARD_CONNECTION_STRING_MISSING_FIELD 204

/**
 * A field is there more than once.
 */
#define HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD 205

/**
 * A field that no connection string of a device has.
 */
#define HUBWARD_CONNECTION_STRING_UNKNOWN_FIELD 206

/**
 * A segment has no `=`.
 */
#define HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN 207

/**
 * Nothing to authenticate with.
 */
#define HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION 208

/**
 * More than one way to authenticate.
 */
#define HUBWARD_CONNECTION_STRING_TWO_AUTHENTICATIONS 209

/**
 * `x509` is something else than `true`.
 */
#define HUBWARD_CONNECTION_STRING_X509_NOT_TRUE 210

/**
 * The key is not canonical base64 with padding.
 */
#define HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64 211

/**
 * The key has more bytes than any key of the service.
 */
#define HUBWARD_CONNECTION_STRING_KEY_TOO_LONG 212

/**
 * `SharedAccessSignature` does not hold a token.
 */
#define HUBWARD_CONNECTION_STRING_NOT_A_TOKEN 213

/**
 * A host, an ID or a policy's name is not one.
 */
#define HUBWARD_CONNECTION_STRING_INVALID_NAME 214

/**
 * The identity cannot be written as a connection string.
 */
#define HUBWARD_CONNECTION_STRING_NOT_REPRESENTABLE 215

/**
 * It names no device, as that of a service does.
 */
#define HUBWARD_CONNECTION_STRING_NO_DEVICE 216

/**
 * Not one of the forms that resources of IoT Hub and DPS have.
 */
#define HUBWARD_RESOURCE_UNKNOWN_SHAPE 300

/**
 * A character outside printable ASCII.
 */
#define HUBWARD_RESOURCE_INVALID_CHARACTER 301

/**
 * It is too long to be a resource.
 */
#define HUBWARD_RESOURCE_TOO_LONG 302

/**
 * A resource of Event Hubs or Service Bus, for which nothing is signed here.
 */
#define HUBWARD_RESOURCE_SERVICE_BUS 303

/**
 * A resource of IoT Hub or DPS where one of Service Bus is needed.
 */
#define HUBWARD_RESOURCE_NOT_SERVICE_BUS 304

/**
 * The connection string has no key to sign with.
 */
#define HUBWARD_SIGNER_NO_KEY 320

/**
 * A lifetime of less than a second.
 */
#define HUBWARD_LIFETIME_ZERO 321

/**
 * The expiry does not fit in 64 bits.
 */
#define HUBWARD_EXPIRY_OVERFLOW 322

/**
 * A token source gave a token that is as good as expired.
 */
#define HUBWARD_TOKEN_SHORT_LIVED 323

/**
 * The hub refused the token before, and there is no new one yet.
 */
#define HUBWARD_TOKEN_REFUSED 324

/**
 * It does not begin as tokens do.
 */
#define HUBWARD_TOKEN_NOT_A_TOKEN 400

/**
 * A space, a control character, or one outside ASCII.
 */
#define HUBWARD_TOKEN_INVALID_CHARACTER 401

/**
 * A pair has no `=`.
 */
#define HUBWARD_TOKEN_MISSING_EQUALS_SIGN 402

/**
 * A field that is none of sr, sig, se, skn.
 */
#define HUBWARD_TOKEN_UNKNOWN_FIELD 403

/**
 * A field has no value.
 */
#define HUBWARD_TOKEN_EMPTY_VALUE 404

/**
 * A field is there more than once.
 */
#define HUBWARD_TOKEN_DUPLICATE_FIELD 405

/**
 * sr, sig or se is missing.
 */
#define HUBWARD_TOKEN_MISSING_FIELD 406

/**
 * The signature is not canonical base64 of 32 bytes.
 */
#define HUBWARD_TOKEN_SIGNATURE_NOT_CANONICAL 407

/**
 * The expiry is not a plain decimal number.
 */
#define HUBWARD_TOKEN_EXPIRY_NOT_CANONICAL 408

/**
 * The policy's name is not one.
 */
#define HUBWARD_TOKEN_INVALID_POLICY_NAME 409

/**
 * Another key signed it, or something in it was changed.
 */
#define HUBWARD_TOKEN_SIGNATURE_MISMATCH 440

/**
 * It has expired, the tolerance included.
 */
#define HUBWARD_TOKEN_EXPIRED 441

/**
 * It is for another resource.
 */
#define HUBWARD_TOKEN_OUT_OF_SCOPE 442

/**
 * A key of no bytes.
 */
#define HUBWARD_KEY_EMPTY 500

/**
 * The text of a key is not canonical base64 with padding.
 */
#define HUBWARD_KEY_NOT_BASE64 501

/**
 * More bytes than any key of its kind has.
 */
#define HUBWARD_KEY_TOO_LONG 502

/**
 * Not a private key that is understood.
 */
#define HUBWARD_KEY_INVALID_PRIVATE_KEY 503

/**
 * A kind of key or a way to sign that this store or build does not know.
 */
#define HUBWARD_KEY_UNSUPPORTED_ALGORITHM 504

/**
 * The store has no key of that name.
 */
#define HUBWARD_KEY_NOT_FOUND 505

/**
 * The store has a key of that name already.
 */
#define HUBWARD_KEY_ALREADY_EXISTS 506

/**
 * The key is of another kind.
 */
#define HUBWARD_KEY_WRONG_KIND 507

/**
 * The store does not open to what it was given.
 */
#define HUBWARD_KEY_LOCKED 508

/**
 * What the store holds was damaged or tampered with.
 */
#define HUBWARD_KEY_CORRUPT 509

/**
 * The store does not do that.
 */
#define HUBWARD_KEY_REFUSED 510

/**
 * The key is less protected than is demanded.
 */
#define HUBWARD_KEY_PROTECTION_TOO_LOW 511

/**
 * Locked memory was required, and the system does not give it.
 */
#define HUBWARD_KEY_NOT_LOCKED 512

/**
 * The key was in locked memory when this process was forked, and was wiped in it.
 */
#define HUBWARD_KEY_WIPED_BY_FORK 513

/**
 * The store, chip or callback that holds the key failed.
 */
#define HUBWARD_KEY_FAILED 514

/**
 * The change is in place, but a loss of power may undo it.
 */
#define HUBWARD_STORE_NOT_SYNCED 600

/**
 * There is no store at that path.
 */
#define HUBWARD_STORE_NOT_FOUND 601

/**
 * There is a file at that path already.
 */
#define HUBWARD_STORE_ALREADY_EXISTS 602

/**
 * The file or a folder on the way to it is open to others.
 */
#define HUBWARD_STORE_NOT_PRIVATE 603

/**
 * The system refused.
 */
#define HUBWARD_STORE_IO 604

/**
 * The file is no key store of hubward.
 */
#define HUBWARD_STORE_NOT_A_STORE 605

/**
 * A later version wrote the file.
 */
#define HUBWARD_STORE_UNSUPPORTED_VERSION 606

/**
 * Argon2id would cost less than is safe, or more than is sensible.
 */
#define HUBWARD_STORE_ARGON2_OUT_OF_RANGE 607

/**
 * The file opens to another kind of key.
 */
#define HUBWARD_STORE_OTHER_KIND_OF_KEY 608

/**
 * The passphrase or key is not the store's.
 */
#define HUBWARD_STORE_WRONG_KEY 609

/**
 * The passphrase is empty, or the key is too short. Nothing else is judged of either.
 */
#define HUBWARD_STORE_WEAK_KEY 610

/**
 * The file was damaged or tampered with.
 */
#define HUBWARD_STORE_DAMAGED 611

/**
 * The moment given as the present is before the release of this version: the clock was not set.
 */
#define HUBWARD_CLOCK_UNKNOWN 700

/**
 * The lifetime of cached tokens is a minute to a year.
 */
#define HUBWARD_CACHE_LIFETIME 710

/**
 * Cached tokens are renewed after 10 to 90 percent of their lifetime.
 */
#define HUBWARD_CACHE_PERCENT 711

/**
 * More than 1 MiB.
 */
#define HUBWARD_PEM_TOO_LONG 800

/**
 * More than 64 blocks.
 */
#define HUBWARD_PEM_TOO_MANY_BLOCKS 801

/**
 * The text is UTF-16.
 */
#define HUBWARD_PEM_UTF16 802

/**
 * DER where PEM is expected.
 */
#define HUBWARD_PEM_IS_DER 803

/**
 * PEM where DER is expected.
 */
#define HUBWARD_PEM_IS_PEM 804

/**
 * There is no line `-----BEGIN ...-----`.
 */
#define HUBWARD_PEM_NO_BLOCK 805

/**
 * A line of a block was joined with others.
 */
#define HUBWARD_PEM_LINE_ENDS_LOST 806

/**
 * A block has no beginning.
 */
#define HUBWARD_PEM_NO_BEGIN 807

/**
 * A block has no end.
 */
#define HUBWARD_PEM_NO_END 808

/**
 * A block is not canonical base64.
 */
#define HUBWARD_PEM_NOT_BASE64 809

/**
 * No certificate in it.
 */
#define HUBWARD_PEM_NO_CERTIFICATE 810

/**
 * A private key where a certificate is expected.
 */
#define HUBWARD_PEM_KEY_NOT_CERTIFICATE 811

/**
 * A private key in the format of OpenSSH.
 */
#define HUBWARD_PEM_OPENSSH 812

/**
 * No private key in it.
 */
#define HUBWARD_PEM_NO_PRIVATE_KEY 813

/**
 * A certificate where a private key is expected.
 */
#define HUBWARD_PEM_CERTIFICATE_NOT_KEY 814

/**
 * More than one private key in it.
 */
#define HUBWARD_PEM_SEVERAL_PRIVATE_KEYS 815

/**
 * The private key is encrypted.
 */
#define HUBWARD_PEM_ENCRYPTED 816

/**
 * The passphrase does not open the private key.
 */
#define HUBWARD_PEM_WRONG_PASSPHRASE 817

/**
 * The private key's encryption costs more than is done.
 */
#define HUBWARD_PEM_KDF_TOO_EXPENSIVE 818

/**
 * The private key's encryption is not supported.
 */
#define HUBWARD_PEM_UNSUPPORTED_ENCRYPTION 819

/**
 * More than 64 KiB.
 */
#define HUBWARD_CERTIFICATE_TOO_LONG 830

/**
 * PEM where DER is expected.
 */
#define HUBWARD_CERTIFICATE_IS_PEM 831

/**
 * The bytes are no DER.
 */
#define HUBWARD_CERTIFICATE_NOT_DER 832

/**
 * Something follows the certificate.
 */
#define HUBWARD_CERTIFICATE_TRAILING_BYTES 833

/**
 * DER, but not that of a certificate.
 */
#define HUBWARD_CERTIFICATE_MALFORMED 834

/**
 * The chain has no certificate.
 */
#define HUBWARD_CHAIN_EMPTY 840

/**
 * The chain has more than 16 certificates.
 */
#define HUBWARD_CHAIN_TOO_LONG 841

/**
 * A thumbprint has 64 or 40 hexadecimal digits.
 */
#define HUBWARD_THUMBPRINT_WRONG_LENGTH 850

/**
 * A thumbprint has something else than a hexadecimal digit.
 */
#define HUBWARD_THUMBPRINT_NOT_HEX 851

/**
 * A kind of key that no certificate for the hub is made with.
 */
#define HUBWARD_ISSUE_UNSUPPORTED_KEY 900

/**
 * The bytes are no certificate request.
 */
#define HUBWARD_ISSUE_NOT_A_REQUEST 901

/**
 * The request is not signed by the key that it names.
 */
#define HUBWARD_ISSUE_NOT_POSSESSED 902

/**
 * The request's signature could not be checked.
 */
#define HUBWARD_ISSUE_POSSESSION_NOT_CHECKED 903

/**
 * The request is for another ID.
 */
#define HUBWARD_ISSUE_OTHER_ID 904

/**
 * The CA's certificate cannot issue that.
 */
#define HUBWARD_ISSUE_NOT_A_CA 905

/**
 * The private key is not that of the CA's certificate.
 */
#define HUBWARD_ISSUE_KEY_DIFFERS 906

/**
 * The validity is empty, or goes beyond the year 9999.
 */
#define HUBWARD_ISSUE_VALIDITY 907

/**
 * The certificate would be valid when that of the CA is not.
 */
#define HUBWARD_ISSUE_OUTLIVES_ISSUER 908

/**
 * The certificate would have the name of its issuer.
 */
#define HUBWARD_ISSUE_SAME_NAME 909

/**
 * The name is empty, longer than 64 characters, or has control characters.
 */
#define HUBWARD_ISSUE_NAME 910

/**
 * The certificate or request could not be written.
 */
#define HUBWARD_ISSUE_FAILED 911

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library, such as "0.1.0". `HUBWARD_VERSION_STRING` is that of the header.
 *
 * Ownership: the text is the library's, and stays for as long as the program runs. Threads: any. Errors: none; it is
 * never NULL.
 */
const char *hubward_version(void);

/**
 * The version of the library as a number; `HUBWARD_VERSION_NUMBER` is that of the header. A program runs with any
 * library of the same major and minor version that is not older than its header.
 *
 * Threads: any. Errors: none.
 */
uint32_t hubward_version_number(void);

/**
 * What was compiled into the library, as names with a space between, such as "capi session std".
 *
 * Every function is in every build. One that needs what is not compiled in answers `HUBWARD_NOT_COMPILED_IN`.
 *
 * Ownership: the text is the library's, and stays for as long as the program runs. Threads: any. Errors: none; it is
 * never NULL.
 */
const char *hubward_features(void);

/**
 * 1 if the feature was compiled into the library, 0 if it was not or is none.
 *
 * Threads: any. Errors: none; for NULL it is 0.
 */
int32_t hubward_has_feature(const char *name,
                            size_t name_len);

/**
 * What a status means, in a sentence for people: English, no full stop, never NULL. A number that is no status
 * has one too.
 *
 * Ownership: the text is the library's, and stays for as long as the program runs. Threads: any.
 */
const char *hubward_status_message(hubward_status status);

/**
 * Reads a connection string, as the portal shows it.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_connection_string_free`. `text` is only read: whoever
 * holds it wipes it. Threads: any.
 *
 * Errors: those of connection strings (200 to 299).
 */
hubward_status hubward_connection_string_parse(const char *text,
                                               size_t text_len,
                                               hubward_connection_string **out);

/**
 * `HostName`: the hub, which tokens name even behind a gateway. `hubward_mqtt_host` is whom to connect to.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once. Errors: those of a call.
 */
hubward_status hubward_connection_string_host(const hubward_connection_string *connection,
                                              char *out,
                                              size_t cap,
                                              size_t *len);

/**
 * `GatewayHostName`: the host to connect to instead of the hub.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_ABSENT` if there is none.
 */
hubward_status hubward_connection_string_gateway(const hubward_connection_string *connection,
                                                 char *out,
                                                 size_t cap,
                                                 size_t *len);

/**
 * `DeviceId`.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_ABSENT` if there is none, as in a policy's connection string.
 */
hubward_status hubward_connection_string_device_id(const hubward_connection_string *connection,
                                                   char *out,
                                                   size_t cap,
                                                   size_t *len);

/**
 * `ModuleId`.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_ABSENT` if there is none.
 */
hubward_status hubward_connection_string_module_id(const hubward_connection_string *connection,
                                                   char *out,
                                                   size_t cap,
                                                   size_t *len);

/**
 * `SharedAccessKeyName`: the policy that the key belongs to.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_ABSENT` if there is none.
 */
hubward_status hubward_connection_string_policy_name(const hubward_connection_string *connection,
                                                     char *out,
                                                     size_t cap,
                                                     size_t *len);

/**
 * What its tokens are for, as a plain URI: `host/devices/id`, `host/devices/id/modules/id`, or `host` for a policy
 * without a device. `hubward_signer_new` takes it.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once. Errors: those of a call.
 */
hubward_status hubward_connection_string_resource(const hubward_connection_string *connection,
                                                  char *out,
                                                  size_t cap,
                                                  size_t *len);

/**
 * What it authenticates with: one of `HUBWARD_AUTHENTICATION_*`.
 *
 * Ownership: the number is written to the caller's. Threads: any, several at once. Errors: those of a call.
 */
hubward_status hubward_connection_string_authentication(const hubward_connection_string *connection,
                                                        int32_t *out);

/**
 * The ready-made token of a connection string with `SharedAccessSignature`. It is a credential: wipe the buffer after
 * use.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_ABSENT` if it authenticates otherwise.
 */
hubward_status hubward_connection_string_token(const hubward_connection_string *connection,
                                               char *out,
                                               size_t cap,
                                               size_t *len);

/**
 * Its key, to be used by `hubward_signer_from_mac_key`.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`; it does not need the connection string
 * any more. Threads: any, several at once.
 *
 * Errors: `HUBWARD_SIGNER_NO_KEY` if it authenticates otherwise; `HUBWARD_KEY_EMPTY`.
 */
hubward_status hubward_connection_string_mac_key(const hubward_connection_string *connection,
                                                 hubward_mac_key **out);

/**
 * Wipes the key and frees the rest. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_connection_string_free(hubward_connection_string *connection);

/**
 * A signer for what a connection string names: the module, else the device, else the hub as a whole. The name of a
 * policy goes into the tokens.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. `text` is only read: whoever holds it
 * wipes it. Threads: any.
 *
 * Errors: those of connection strings (200 to 299); `HUBWARD_SIGNER_NO_KEY` if it authenticates with something else
 * than a key; `HUBWARD_KEY_EMPTY`.
 */
hubward_status hubward_signer_from_connection_string(const char *text,
                                                     size_t text_len,
                                                     hubward_signer **out);

/**
 * `hubward_signer_from_connection_string` with the key in locked pages: see `hubward_mac_key_new_locked`.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. Threads: any. Needs the feature `mlock`.
 *
 * Errors: as `hubward_signer_from_connection_string`; `HUBWARD_KEY_NOT_LOCKED` if locked memory is required and not
 * to be had; `HUBWARD_INVALID_ARGUMENT` for a policy that is none of `HUBWARD_LOCK_*`.
 */
hubward_status hubward_signer_from_connection_string_locked(const char *text,
                                                            size_t text_len,
                                                            int32_t policy,
                                                            hubward_signer **out);

/**
 * A signer for a resource and a key. `resource` is the plain URI, which is encoded here: `host/devices/DEVICE`,
 * `host/devices/DEVICE/modules/MODULE`, `host`, `host/devices`, or `SCOPE/registrations/ID` for DPS. `key_base64` is
 * the key as the service shows it.
 *
 * The tokens name no policy: for a policy's key, and for DPS, use `hubward_signer_with_policy`.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. The key's text is only read: whoever
 * holds it wipes it. Threads: any.
 *
 * Errors: those of resources (300 to 302) and of the names in them (100 to 104); `HUBWARD_KEY_NOT_BASE64`;
 * `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`.
 */
hubward_status hubward_signer_new(const char *resource,
                                  size_t resource_len,
                                  const char *key_base64,
                                  size_t key_len,
                                  hubward_signer **out);

/**
 * `hubward_signer_new` for tokens that name the policy (`skn`) that the key belongs to: one of the hub's, or
 * "registration" for a device that registers with DPS.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. Threads: any.
 *
 * Errors: as `hubward_signer_new`; those of names (100 to 104) for the policy.
 */
hubward_status hubward_signer_with_policy(const char *resource,
                                          size_t resource_len,
                                          const char *policy,
                                          size_t policy_len,
                                          const char *key_base64,
                                          size_t key_len,
                                          hubward_signer **out);

/**
 * A signer for a resource, as in `hubward_signer_new`, and a key that something else keeps: a store, or a driver of
 * the program's. `policy` may be NULL with a length of 0, for tokens that name none.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. The key's handle stays the caller's, and
 * can be freed before the signer. Threads: any, several at once.
 *
 * Errors: those of resources (300 to 302) and of names (100 to 104).
 */
hubward_status hubward_signer_from_mac_key(const char *resource,
                                           size_t resource_len,
                                           const char *policy,
                                           size_t policy_len,
                                           const hubward_mac_key *key,
                                           hubward_signer **out);

/**
 * The token that expires at `expiry`, in seconds since 1970. Any moment is signed, one that is past as well:
 * `hubward_signer_expiry_for` judges. It is a credential: wipe the buffer after use.
 *
 * A buffer of `HUBWARD_SAS_TOKEN_MAX` takes every token. To ask for the size costs as much as to sign.
 *
 * Ownership: the token is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_KEY_FAILED` and the others of keys (500 to 599), with a key in plain
 * memory never; `HUBWARD_KEY_WIPED_BY_FORK` in a forked child, with one in locked memory.
 */
hubward_status hubward_signer_sign(const hubward_signer *signer,
                                   uint64_t expiry,
                                   char *out,
                                   size_t cap,
                                   size_t *len);

/**
 * The moment `lifetime_seconds` from `now` on, if a token should be made that expires then: not if the clock was
 * never set.
 *
 * Ownership: the moment is written to the caller's number. Threads: any.
 *
 * Errors: `HUBWARD_CLOCK_UNKNOWN` if `now` is before the release of this version, as on a device that boots in 1970;
 * `HUBWARD_LIFETIME_ZERO`; `HUBWARD_EXPIRY_OVERFLOW`.
 */
hubward_status hubward_signer_expiry_for(uint64_t lifetime_seconds,
                                         uint64_t now,
                                         uint64_t *expiry);

/**
 * Wipes the key, once nothing needs it any more, and frees the rest. Caches made of it go on. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_signer_free(hubward_signer *signer);

/**
 * The key of one device of a DPS enrollment group, in base64: HMAC-SHA256, under the group's key, over the
 * registration ID. It is a secret: wipe the buffer after use. The group's key belongs in the factory, never on a
 * device.
 *
 * Ownership: the key is written to the caller's buffer. The group's key is only read: whoever holds it wipes it.
 * Threads: any.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_KEY_NOT_BASE64`; `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`; those of
 * names (100 to 104).
 */
hubward_status hubward_derive_device_key(const char *group_key_base64,
                                         size_t group_key_len,
                                         const char *registration_id,
                                         size_t registration_id_len,
                                         char *out,
                                         size_t cap,
                                         size_t *len);

/**
 * Judges a token, for gateways and test hubs: that the key signed it, that it has not expired (for longer than
 * `tolerance_seconds`, for clocks that differ), and that it covers `resource` (a plain URI, `host/devices/id`) by
 * whole segments. `now` must come from a clock that knows the time, else expired tokens pass.
 *
 * The signature is judged first, and compared in constant time. `HUBWARD_OK` is the one answer that lets somebody in.
 * Whoever has a key can sign for any resource: choose the key by who asks, and `resource` by what is asked for.
 *
 * Ownership: nothing is kept. Threads: any.
 *
 * Errors: those of tokens (400 to 409); `HUBWARD_TOKEN_SIGNATURE_MISMATCH`; `HUBWARD_TOKEN_EXPIRED`;
 * `HUBWARD_TOKEN_OUT_OF_SCOPE`; `HUBWARD_KEY_NOT_BASE64`, `HUBWARD_KEY_EMPTY` and `HUBWARD_KEY_TOO_LONG`; those of
 * resources (300 to 302) and of the names in them (100 to 104).
 */
hubward_status hubward_token_verify(const char *token,
                                    size_t token_len,
                                    const char *key_base64,
                                    size_t key_len,
                                    const char *resource,
                                    size_t resource_len,
                                    uint64_t now,
                                    uint64_t tolerance_seconds);

/**
 * Reads a token as any SDK makes it, to look into.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_token_free`. `token` is only read: whoever holds it
 * wipes it. Threads: any.
 *
 * Errors: those of tokens (400 to 409).
 */
hubward_status hubward_token_parse(const char *token,
                                   size_t token_len,
                                   hubward_token **out);

/**
 * `sr`: what the token is for, encoded as it was sent.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_token_resource(const hubward_token *token,
                                      char *out,
                                      size_t cap,
                                      size_t *len);

/**
 * `se`: the moment from which on the token is no longer good, in seconds since 1970.
 *
 * Ownership: the moment is written to the caller's number. Threads: any, several at once. Errors: those of a call.
 */
hubward_status hubward_token_expiry(const hubward_token *token,
                                    uint64_t *expiry);

/**
 * `skn`: the policy whose key signed it, as the token says. It is not signed: it may say which key to look up, and
 * means something only once the token verifies under that key.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_ABSENT` if the token names none; `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_token_policy_name(const hubward_token *token,
                                         char *out,
                                         size_t cap,
                                         size_t *len);

/**
 * The token with its signature hidden, for a log.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_token_describe(const hubward_token *token,
                                      char *out,
                                      size_t cap,
                                      size_t *len);

/**
 * Wipes and frees the token. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_token_free(hubward_token *token);

/**
 * A cache of a signer's tokens, which signs when it is first polled. Tokens live for `lifetime_seconds` (3600 is
 * usual) and are renewed once `renew_percent` of that are over (80 is usual), each device at moments of its own.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_token_cache_free`. The signer's handle stays the
 * caller's, and can be freed before the cache. Threads: any, several at once.
 *
 * Errors: `HUBWARD_CACHE_LIFETIME` unless it is a minute to a year; `HUBWARD_CACHE_PERCENT` unless it is 10 to 90.
 */
hubward_status hubward_token_cache_new(const hubward_signer *signer,
                                       uint64_t lifetime_seconds,
                                       uint32_t renew_percent,
                                       hubward_token_cache **out);

/**
 * A cache of tokens that something else makes. `resource` is what they are for, as a plain URI: the moments of the
 * device follow from it.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_token_cache_free`. `callbacks` is copied. From success
 * on, `user_data` is the cache's until `release` is called; where this fails, it stays the caller's and nothing is
 * called. Threads: any.
 *
 * Errors: as `hubward_token_cache_new`; those of resources (300 to 302) and of the names in them (100 to 104);
 * `HUBWARD_NULL_POINTER`, also for `token`.
 */
hubward_status hubward_token_cache_from_callbacks(const hubward_token_callbacks *callbacks,
                                                  const char *resource,
                                                  size_t resource_len,
                                                  uint64_t lifetime_seconds,
                                                  uint32_t renew_percent,
                                                  hubward_token_cache **out);

/**
 * The token for `now`, signed if need be. `result` says what to do; there is a token in `out` only with
 * `HUBWARD_CACHE_USE`, else an empty text. What is not good at `now` is never handed out. It is a credential: wipe the
 * buffer after use.
 *
 * That a token could not be signed is no failure of the call, but a `reason` in the result: the one before may still
 * be good. To ask for the size counts as a poll and fills `result`, but does not hand the token out, nor does a buffer
 * that is too small: poll again.
 *
 * Ownership: everything is written to what is the caller's. Threads: any, several at once: they wait for each other,
 * also while a driver signs.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_BUSY` from within a function that the cache calls.
 */
hubward_status hubward_token_cache_poll(const hubward_token_cache *cache,
                                        uint64_t now,
                                        char *out,
                                        size_t cap,
                                        size_t *len,
                                        hubward_token_cache_result *result);

/**
 * The hub refused the token that was handed out with this `id`. Once, a new one may help; what is refused after that
 * is tried further and further apart. Told of a token that has been replaced, it changes nothing. `refusal` is one of
 * `HUBWARD_REFUSED_*`.
 *
 * Ownership: the number is written to the caller's. Threads: as `hubward_token_cache_poll`.
 *
 * Errors: `HUBWARD_BUSY` from within a function that the cache calls.
 */
hubward_status hubward_token_cache_refused(const hubward_token_cache *cache,
                                           uint32_t id,
                                           uint64_t now,
                                           int32_t *refusal);

/**
 * The hub took the token that was handed out with this `id`. Say so each time, for what is refused later is then
 * refused for the first time. Told of a token that has been replaced, it changes nothing.
 *
 * Ownership: nothing is kept. Threads: as `hubward_token_cache_poll`.
 *
 * Errors: `HUBWARD_BUSY` from within a function that the cache calls.
 */
hubward_status hubward_token_cache_accepted(const hubward_token_cache *cache,
                                            uint32_t id);

/**
 * Wipes the token, and the key if nothing else needs it, and frees the rest. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_token_cache_free(hubward_token_cache *cache);

/**
 * The user name for MQTT. `product_info` is name and version of the product, which the hub shows to the operator; it
 * may be NULL with a length of 0.
 *
 * The password is a token, of `hubward_signer_sign` or `hubward_token_cache_poll`. With a certificate on the
 * connection (`x509=true`) there is none.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any.
 *
 * Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_USER_NAME_TOO_LONG`.
 */
hubward_status hubward_mqtt_username(const char *connection_string,
                                     size_t connection_string_len,
                                     const char *product_info,
                                     size_t product_info_len,
                                     char *out,
                                     size_t cap,
                                     size_t *len);

/**
 * The client ID for MQTT: `deviceId` or `deviceId/moduleId`.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any.
 *
 * Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_mqtt_client_id(const char *connection_string,
                                      size_t connection_string_len,
                                      char *out,
                                      size_t cap,
                                      size_t *len);

/**
 * Whom to connect to, and whose name TLS is to verify: the gateway, else the hub.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any.
 *
 * Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_mqtt_host(const char *connection_string,
                                 size_t connection_string_len,
                                 char *out,
                                 size_t cap,
                                 size_t *len);

/**
 * The topic of messages to the hub, to which properties may be added.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any.
 *
 * Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_mqtt_telemetry_topic(const char *connection_string,
                                            size_t connection_string_len,
                                            char *out,
                                            size_t cap,
                                            size_t *len);

/**
 * `hubward_mqtt_username` for a device that has no connection string, because its key is in a chip or it has a
 * certificate. `module_id` and `product_info` may be NULL with a length of 0.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any.
 *
 * Errors: those of names (100 to 104); `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_USER_NAME_TOO_LONG`.
 */
hubward_status hubward_mqtt_username_for(const char *host,
                                         size_t host_len,
                                         const char *device_id,
                                         size_t device_id_len,
                                         const char *module_id,
                                         size_t module_id_len,
                                         const char *product_info,
                                         size_t product_info_len,
                                         char *out,
                                         size_t cap,
                                         size_t *len);

/**
 * `hubward_mqtt_client_id` for a device that has no connection string. `module_id` may be NULL with a length of 0.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any.
 *
 * Errors: those of names (100 to 104); `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_mqtt_client_id_for(const char *device_id,
                                          size_t device_id_len,
                                          const char *module_id,
                                          size_t module_id_len,
                                          char *out,
                                          size_t cap,
                                          size_t *len);

/**
 * A key in memory, from its base64 text as the service shows it.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`. The text is only read: whoever holds
 * it wipes it. Threads: any.
 *
 * Errors: `HUBWARD_KEY_NOT_BASE64`; `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`.
 */
hubward_status hubward_mac_key_new(const char *key_base64,
                                   size_t key_len,
                                   hubward_mac_key **out);

/**
 * `hubward_mac_key_new` into locked pages: out of swap and of core dumps, and wiped in a forked child, where whatever
 * needs the key then answers `HUBWARD_KEY_WIPED_BY_FORK`. `policy` is one of `HUBWARD_LOCK_*`.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`. Threads: any. Needs the feature `mlock`.
 *
 * Errors: as `hubward_mac_key_new`; `HUBWARD_KEY_NOT_LOCKED` if locked memory is required and not to be had;
 * `HUBWARD_INVALID_ARGUMENT` for another policy.
 */
hubward_status hubward_mac_key_new_locked(const char *key_base64,
                                          size_t key_len,
                                          int32_t policy,
                                          hubward_mac_key **out);

/**
 * A key behind functions of the program's, such as the driver of a secure element.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`. `callbacks` is copied. From success on,
 * `user_data` is the key's until `release` is called; where this fails, it stays the caller's and nothing is called.
 * Threads: any.
 *
 * Errors: `HUBWARD_NULL_POINTER`, also for `hmac_sha256`.
 */
hubward_status hubward_mac_key_from_callbacks(const hubward_mac_key_callbacks *callbacks,
                                              hubward_mac_key **out);

/**
 * Lets the key go: it is wiped once nothing needs it any more. Signers and caches made of it go on. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_mac_key_free(hubward_mac_key *key);

/**
 * Creates an empty store under a passphrase, and its folder if that is not there. Argon2id takes 19 MiB of memory
 * meanwhile, here and when the store is opened.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_store_free`. The passphrase is only read: whoever
 * holds it wipes it. Threads: any. Needs the feature `keystore-file`.
 *
 * Errors: those of keys and stores (500 to 611), such as `HUBWARD_STORE_ALREADY_EXISTS` and `HUBWARD_STORE_NOT_PRIVATE`. After
 * `HUBWARD_STORE_NOT_SYNCED` the store is there, to be opened.
 */
hubward_status hubward_store_create(const char *path,
                                    size_t path_len,
                                    const char *passphrase,
                                    size_t passphrase_len,
                                    hubward_store **out);

/**
 * Opens a store with its passphrase and checks all of it.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_store_free`. The passphrase is only read: whoever
 * holds it wipes it. Threads: any. Needs the feature `keystore-file`.
 *
 * Errors: those of keys and stores (500 to 611), such as `HUBWARD_STORE_NOT_FOUND`, `HUBWARD_STORE_WRONG_KEY` and
 * `HUBWARD_STORE_DAMAGED`, after which the file is as it was.
 */
hubward_status hubward_store_open(const char *path,
                                  size_t path_len,
                                  const char *passphrase,
                                  size_t passphrase_len,
                                  hubward_store **out);

/**
 * `hubward_store_create` under a key that something else keeps, such as a chip. That key must serve no other use:
 * whoever can have it sign messages of their choice can open the store.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_store_free`; the key's handle stays the caller's, and
 * is used during the call only. Threads: any. Needs the feature `keystore-file`.
 *
 * Errors: as `hubward_store_create`; those of keys (500 to 599) if the key fails.
 */
hubward_status hubward_store_create_with_key(const char *path,
                                             size_t path_len,
                                             const hubward_mac_key *key,
                                             hubward_store **out);

/**
 * `hubward_store_open` with a key that something else keeps.
 *
 * Ownership: as `hubward_store_create_with_key`. Threads: any. Needs the feature `keystore-file`.
 *
 * Errors: as `hubward_store_open`; those of keys (500 to 599) if the key fails.
 */
hubward_status hubward_store_open_with_key(const char *path,
                                           size_t path_len,
                                           const hubward_mac_key *key,
                                           hubward_store **out);

/**
 * Makes a key, unless there is one of that name and kind already. `kind` is one of `HUBWARD_KEY_*`; `name` has
 * letters, digits, `-`, `_` and `.`, at most 64. RSA keys are imported, not made.
 *
 * Ownership: nothing is kept but the key, in the file. Threads: any, several at once: they wait for each other. Needs
 * the feature `keystore-file`, and for private keys `keystore-software`.
 *
 * Errors: `HUBWARD_INVALID_ARGUMENT` for another kind; those of names of keys (120 to 123);
 * `HUBWARD_KEY_WRONG_KIND` if the name is taken by another kind; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM`; those of keys
 * and stores (500 to 611). After `HUBWARD_STORE_NOT_SYNCED` the key is there.
 */
hubward_status hubward_store_generate(const hubward_store *store,
                                      const char *name,
                                      size_t name_len,
                                      int32_t kind);

/**
 * Keeps a symmetric key, from its base64 text as the service shows it.
 *
 * Ownership: the store keeps a copy; the text is only read, and whoever holds it wipes it. Threads: as
 * `hubward_store_generate`. Needs the feature `keystore-file`.
 *
 * Errors: `HUBWARD_KEY_ALREADY_EXISTS`; `HUBWARD_KEY_NOT_BASE64`; `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`; those
 * of names of keys (120 to 123), keys and stores (500 to 611). After `HUBWARD_STORE_NOT_SYNCED` the key is there.
 */
hubward_status hubward_store_import(const hubward_store *store,
                                    const char *name,
                                    size_t name_len,
                                    const char *key_base64,
                                    size_t key_len);

/**
 * Keeps a private key, from an unencrypted PKCS#8 in DER.
 *
 * Ownership: the store keeps a copy; the key is only read, and whoever holds it wipes it. Threads: as
 * `hubward_store_generate`. Needs the features `keystore-file` and `keystore-software`.
 *
 * Errors: `HUBWARD_KEY_ALREADY_EXISTS`; `HUBWARD_KEY_INVALID_PRIVATE_KEY`; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM`; those
 * of names of keys (120 to 123), keys and stores (500 to 611). After `HUBWARD_STORE_NOT_SYNCED` the key is there.
 */
hubward_status hubward_store_import_private_der(const hubward_store *store,
                                                const char *name,
                                                size_t name_len,
                                                const uint8_t *pkcs8,
                                                size_t pkcs8_len);

/**
 * Keeps a private key, from PEM: PKCS#8, SEC 1 or PKCS#1, unencrypted.
 *
 * Ownership: the store keeps a copy; the PEM is only read, and whoever holds it wipes it. Threads: as
 * `hubward_store_generate`. Needs the features `keystore-file`, `keystore-software` and `x509`.
 *
 * Errors: those of PEM (800 to 819); as `hubward_store_import_private_der`.
 */
hubward_status hubward_store_import_private_pem(const hubward_store *store,
                                                const char *name,
                                                size_t name_len,
                                                const char *pem,
                                                size_t pem_len);

/**
 * What the store has, in the order of the names: a line for each key, which ends in `\n`, with its name, its kind
 * (`symmetric`, `ecdsa-p256`, `ecdsa-p384`, `rsa`) and its protection (`plain`, `passphrase`, `operating-system`,
 * `sealed`, `hardware`), and a space between them. A later version may know more of both. Empty for an empty store.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once. Needs the feature
 * `keystore-file`.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`; those of keys and stores (500 to 611).
 */
hubward_status hubward_store_list(const hubward_store *store,
                                  char *out,
                                  size_t cap,
                                  size_t *len);

/**
 * Deletes a key, and the certificates that are kept under its name. Handles of it go on. What was deleted may remain
 * in blocks of the disk.
 *
 * Ownership: nothing is kept. Threads: as `hubward_store_generate`. Needs the feature `keystore-file`.
 *
 * Errors: `HUBWARD_KEY_NOT_FOUND`; those of names of keys (120 to 123), keys and stores (500 to 611). After
 * `HUBWARD_STORE_NOT_SYNCED` the key is deleted.
 */
hubward_status hubward_store_delete(const hubward_store *store,
                                    const char *name,
                                    size_t name_len);

/**
 * A symmetric key of the store, for `hubward_signer_from_mac_key`. It is the key as it is now, also after the store
 * has deleted it.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`; it does not need the store any more.
 * Threads: any, several at once. Needs the feature `keystore-file`.
 *
 * Errors: `HUBWARD_KEY_NOT_FOUND`; `HUBWARD_KEY_WRONG_KIND`; those of names of keys (120 to 123), keys and stores (500
 * to 611).
 */
hubward_status hubward_store_mac_key(const hubward_store *store,
                                     const char *name,
                                     size_t name_len,
                                     hubward_mac_key **out);

/**
 * A private key of the store, to sign with. It is the key as it is now, also after the store has deleted it.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_signing_key_free`; it does not need the store any more.
 * Threads: any, several at once. Needs the features `keystore-file` and `keystore-software`; for RSA `ring` or
 * `aws-lc-rs`.
 *
 * Errors: `HUBWARD_KEY_NOT_FOUND`; `HUBWARD_KEY_WRONG_KIND`; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM`; those of names of
 * keys (120 to 123), keys and stores (500 to 611).
 */
hubward_status hubward_store_signing_key(const hubward_store *store,
                                         const char *name,
                                         size_t name_len,
                                         hubward_signing_key **out);

/**
 * Wipes the store's own key and frees the rest; the file stays. Keys that came from it go on. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_store_free(hubward_store *store);

/**
 * Signs a message, unhashed: `algorithm` is one of `HUBWARD_SIGN_*`, and says which hash is taken. What is written is
 * the DER of an ECDSA-Sig-Value, or the octets of an RSA signature; there is no NUL behind it, and `cap` and `*len`
 * are both in bytes. `message` may be NULL with a length of 0.
 *
 * A buffer of `HUBWARD_SIGNATURE_MAX` takes every signature. To ask for the size costs as much as to sign.
 *
 * Ownership: the signature is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_KEY_UNSUPPORTED_ALGORITHM` if the key does not sign so;
 * `HUBWARD_INVALID_ARGUMENT` for another algorithm; those of keys (500 to 599).
 */
hubward_status hubward_signing_key_sign(const hubward_signing_key *key,
                                        int32_t algorithm,
                                        const uint8_t *message,
                                        size_t message_len,
                                        uint8_t *out,
                                        size_t cap,
                                        size_t *len);

/**
 * The public key with its algorithm: a SubjectPublicKeyInfo in DER. There is no NUL behind it, and `cap` and `*len`
 * are both in bytes.
 *
 * Ownership: the key is written to the caller's buffer. Threads: any, several at once.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_signing_key_public_key(const hubward_signing_key *key,
                                              uint8_t *out,
                                              size_t cap,
                                              size_t *len);

/**
 * Wipes the key, once nothing needs it any more. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_signing_key_free(hubward_signing_key *key);

/**
 * Reads a chain in PEM, the device's own certificate first.
 *
 * Ownership: `*out` is the caller's, to be freed with `hubward_certificate_free`. Threads: any. Needs the feature
 * `x509`.
 *
 * Errors: those of PEM, certificates and chains (800 to 841).
 */
hubward_status hubward_certificate_parse(const char *pem,
                                         size_t pem_len,
                                         hubward_certificate **out);

/**
 * It must be that of a device, or of a module of it: `module_id` may be NULL with a length of 0. Takes the place of
 * what was expected before, a registration included.
 *
 * Ownership: the IDs are copied. Threads: any, several at once. Needs the feature `x509`.
 *
 * Errors: those of names (100 to 104).
 */
hubward_status hubward_certificate_expect_device(const hubward_certificate *certificate,
                                                 const char *device_id,
                                                 size_t device_id_len,
                                                 const char *module_id,
                                                 size_t module_id_len);

/**
 * It must be that of a registration in DPS. Takes the place of what was expected before, a device included.
 *
 * Ownership: the ID is copied. Threads: any, several at once. Needs the feature `x509`.
 *
 * Errors: those of names (100 to 104).
 */
hubward_status hubward_certificate_expect_registration(const hubward_certificate *certificate,
                                                       const char *registration_id,
                                                       size_t registration_id_len);

/**
 * It must belong to that key.
 *
 * Ownership: the key's handle stays the caller's, and can be freed before the certificate. Threads: any, several at
 * once. Needs the feature `x509`.
 *
 * Errors: those of a call.
 */
hubward_status hubward_certificate_expect_key(const hubward_certificate *certificate,
                                              const hubward_signing_key *key);

/**
 * What ends within so many seconds is a finding.
 *
 * Ownership: nothing is kept. Threads: any, several at once. Needs the feature `x509`. Errors: those of a call.
 */
hubward_status hubward_certificate_expect_window(const hubward_certificate *certificate,
                                                 uint64_t window_seconds);

/**
 * The chain must end at one of these certificates, in PEM, or have one in it: what was registered with the hub. Takes
 * the place of those before.
 *
 * Ownership: they are copied. Threads: any, several at once. Needs the feature `x509`.
 *
 * Errors: those of PEM and certificates (800 to 834).
 */
hubward_status hubward_certificate_expect_trust_anchors(const hubward_certificate *certificate,
                                                        const char *pem,
                                                        size_t pem_len);

/**
 * The hub knows it by its thumbprint: 64 (SHA-256) or 40 (SHA-1) hexadecimal digits. To be called once for the
 * primary and once for the secondary: the last two count. It then is judged by nothing but that, its validity and its
 * key.
 *
 * Ownership: it is copied. Threads: any, several at once. Needs the feature `x509`.
 *
 * Errors: `HUBWARD_THUMBPRINT_WRONG_LENGTH`; `HUBWARD_THUMBPRINT_NOT_HEX`.
 */
hubward_status hubward_certificate_expect_thumbprint(const hubward_certificate *certificate,
                                                     const char *thumbprint,
                                                     size_t thumbprint_len);

/**
 * Judges the chain at `now`: all that is wrong with it, as a JSON array of objects with `severity` ("error", "warning"
 * or "note"), `code`, `certificate` (an index from 0, or null) and `text`. `[]` is the best there is. It tells a
 * device what is wrong with its own certificate, and is no judgement by which to let somebody in.
 *
 * Signatures are checked in a build with `ring` or `aws-lc-rs`; in one without, that they were not is a finding.
 *
 * Ownership: the JSON is written to the caller's buffer. Threads: any, several at once. Needs the feature `x509`.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_certificate_judge(const hubward_certificate *certificate,
                                         uint64_t now,
                                         char *out,
                                         size_t cap,
                                         size_t *len);

/**
 * From when to when the device's own certificate is valid, both included, in seconds since 1970.
 *
 * Ownership: the moments are written to the caller's numbers. Threads: any, several at once. Needs the feature `x509`.
 * Errors: those of a call.
 */
hubward_status hubward_certificate_validity(const hubward_certificate *certificate,
                                            uint64_t *not_before,
                                            uint64_t *not_after);

/**
 * The SHA-256 thumbprint of the device's own certificate, as a hub is told it: 64 hexadecimal digits.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any, several at once. Needs the feature `x509`.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_certificate_thumbprint(const hubward_certificate *certificate,
                                              char *out,
                                              size_t cap,
                                              size_t *len);

/**
 * Frees the certificate. NULL is fine.
 *
 * Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
 */
void hubward_certificate_free(hubward_certificate *certificate);

/**
 * A request for a device's certificate (PKCS#10), or that of a module of it, in PEM, signed by its key: see
 * `hubward_store_signing_key`. `module_id` may be NULL with a length of 0.
 *
 * Ownership: the PEM is written to the caller's buffer; the key's handle stays the caller's. Threads: any, several at
 * once. Needs the feature `x509-issue`.
 *
 * Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_ISSUE_UNSUPPORTED_KEY`; `HUBWARD_ISSUE_FAILED`; those of names (100 to 104) and keys (500 to
 * 599).
 */
hubward_status hubward_certificate_request(const hubward_signing_key *key,
                                           const char *device_id,
                                           size_t device_id_len,
                                           const char *module_id,
                                           size_t module_id_len,
                                           char *out,
                                           size_t cap,
                                           size_t *len);

/**
 * `hubward_certificate_request` for a registration in DPS.
 *
 * Ownership: as `hubward_certificate_request`. Threads: any, several at once. Needs the feature `x509-issue`.
 *
 * Errors: as `hubward_certificate_request`.
 */
hubward_status hubward_certificate_request_for_registration(const hubward_signing_key *key,
                                                            const char *registration_id,
                                                            size_t registration_id_len,
                                                            char *out,
                                                            size_t cap,
                                                            size_t *len);

/**
 * The trust anchors of a cloud (one of `HUBWARD_CLOUD_*`) in PEM: the roots that its hubs and provisioning services
 * have certificates under, and no others. Verify the server's name as well: `hubward_mqtt_host`.
 *
 * Ownership: the PEM is written to the caller's buffer. Threads: any. Needs the feature `tls`.
 *
 * Errors: `HUBWARD_INVALID_ARGUMENT` for another cloud; `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_tls_trust_anchors(int32_t cloud,
                                         char *out,
                                         size_t cap,
                                         size_t *len);

/**
 * A part of the policy of TLS, `part` being one of `HUBWARD_TLS_OPENSSL_*` and `HUBWARD_TLS_MBEDTLS_*`: TLS 1.2 or
 * later, authenticated encryption and forward secrecy, and nothing else.
 *
 * Ownership: the text is written to the caller's buffer. Threads: any. Needs the feature `tls`.
 *
 * Errors: `HUBWARD_INVALID_ARGUMENT` for another part; `HUBWARD_BUFFER_TOO_SMALL`.
 */
hubward_status hubward_tls_policy(int32_t part,
                                  char *out,
                                  size_t cap,
                                  size_t *len);

/**
 * Sets the function that is told, in words, what a status says in a number: which field of a connection string is
 * wrong, which file is open to others. One for the whole process; NULL for none, which it is at first.
 *
 * Once this returns, the function before is not running and is not called again, so that its `user_data` can be
 * freed: it waits for that, so hold nothing that the function waits for. In a forked child of a process with several
 * threads, set none.
 *
 * Ownership: `user_data` stays the caller's, for as long as the function is set. Threads: any.
 *
 * Errors: `HUBWARD_BUSY` from within such a function.
 */
hubward_status hubward_log_set(hubward_log_fn function,
                               void *user_data);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HUBWARD_H */
