//! What a call answers: numbers that never change their meaning, and a sentence for each.
//!
//! Each domain has a hundred of its own, so that a new error finds its place beside its like. A number
//! that was given once is never given again: `tests/capi/statuses.rs` has them all.

use core::ffi::{CStr, c_char};

/// What a call answers: `HUBWARD_OK`, which is 0, or one of the other numbers of this header. A later version may
/// know more of them.
pub type hubward_status = i32;

// The call itself.

/// It worked.
pub const HUBWARD_OK: hubward_status = 0;

/// A pointer that must not be null is.
pub const HUBWARD_NULL_POINTER: hubward_status = 1;

/// The buffer is too small: `*len` says what is needed, and nothing else was written.
pub const HUBWARD_BUFFER_TOO_SMALL: hubward_status = 2;

/// A length is larger than any memory.
pub const HUBWARD_INVALID_LENGTH: hubward_status = 3;

/// A text is not UTF-8.
pub const HUBWARD_NOT_UTF8: hubward_status = 4;

/// A number is none of the constants for it, or out of their range.
pub const HUBWARD_INVALID_ARGUMENT: hubward_status = 5;

/// This build of the library does not have it: see `hubward_features`.
pub const HUBWARD_NOT_COMPILED_IN: hubward_status = 6;

/// There is no such part: an optional one is not there.
pub const HUBWARD_ABSENT: hubward_status = 7;

/// Called from within a callback of the same object, for which it would wait for ever.
pub const HUBWARD_BUSY: hubward_status = 8;

/// A mistake of hubward, or a panic of a callback: the call was given up.
pub const HUBWARD_PANIC: hubward_status = 9;

/// What cannot be: a mistake of hubward.
pub const HUBWARD_INTERNAL: hubward_status = 10;

// Names.

/// A name is empty.
pub const HUBWARD_NAME_EMPTY: hubward_status = 100;

/// A name is longer than the service takes.
pub const HUBWARD_NAME_TOO_LONG: hubward_status = 101;

/// A name has a character that the service does not take.
pub const HUBWARD_NAME_INVALID_CHARACTER: hubward_status = 102;

/// A part of a host name is empty, too long, or begins or ends with `-`.
pub const HUBWARD_NAME_INVALID_LABEL: hubward_status = 103;

/// A registration ID ends in something else than a letter, a digit or `-`.
pub const HUBWARD_NAME_INVALID_END: hubward_status = 104;

/// Product information has more bytes than go into a user name: 4096.
pub const HUBWARD_USER_NAME_TOO_LONG: hubward_status = 105;

/// The name of a key is empty.
pub const HUBWARD_KEY_NAME_EMPTY: hubward_status = 120;

/// The name of a key has more than 64 bytes.
pub const HUBWARD_KEY_NAME_TOO_LONG: hubward_status = 121;

/// The name of a key begins with a dot.
pub const HUBWARD_KEY_NAME_LEADING_DOT: hubward_status = 122;

/// The name of a key has something else than letters, digits, `-`, `_` and `.`.
pub const HUBWARD_KEY_NAME_INVALID_CHARACTER: hubward_status = 123;

// Connection strings.

/// Nothing but white space.
pub const HUBWARD_CONNECTION_STRING_EMPTY: hubward_status = 200;

/// Not a connection string at all.
pub const HUBWARD_CONNECTION_STRING_UNRECOGNIZED: hubward_status = 201;

/// A connection string of Event Hubs or Service Bus.
pub const HUBWARD_CONNECTION_STRING_SERVICE_BUS: hubward_status = 202;

/// A field has no value.
pub const HUBWARD_CONNECTION_STRING_EMPTY_VALUE: hubward_status = 203;

/// A field is missing that this form needs.
pub const HUBWARD_CONNECTION_STRING_MISSING_FIELD: hubward_status = 204;

/// A field is there more than once.
pub const HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD: hubward_status = 205;

/// A field that no connection string of a device has.
pub const HUBWARD_CONNECTION_STRING_UNKNOWN_FIELD: hubward_status = 206;

/// A segment has no `=`.
pub const HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN: hubward_status = 207;

/// Nothing to authenticate with.
pub const HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION: hubward_status = 208;

/// More than one way to authenticate.
pub const HUBWARD_CONNECTION_STRING_TWO_AUTHENTICATIONS: hubward_status = 209;

/// `x509` is something else than `true`.
pub const HUBWARD_CONNECTION_STRING_X509_NOT_TRUE: hubward_status = 210;

/// The key is not canonical base64 with padding.
pub const HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64: hubward_status = 211;

/// The key has more bytes than any key of the service.
pub const HUBWARD_CONNECTION_STRING_KEY_TOO_LONG: hubward_status = 212;

/// `SharedAccessSignature` does not hold a token.
pub const HUBWARD_CONNECTION_STRING_NOT_A_TOKEN: hubward_status = 213;

/// A host, an ID or a policy's name is not one.
pub const HUBWARD_CONNECTION_STRING_INVALID_NAME: hubward_status = 214;

/// The identity cannot be written as a connection string.
pub const HUBWARD_CONNECTION_STRING_NOT_REPRESENTABLE: hubward_status = 215;

/// It names no device, as that of a service does.
pub const HUBWARD_CONNECTION_STRING_NO_DEVICE: hubward_status = 216;

// Resources and the signing of tokens.

/// Not one of the forms that resources of IoT Hub and DPS have.
pub const HUBWARD_RESOURCE_UNKNOWN_SHAPE: hubward_status = 300;

/// A character outside printable ASCII.
pub const HUBWARD_RESOURCE_INVALID_CHARACTER: hubward_status = 301;

/// It is too long to be a resource.
pub const HUBWARD_RESOURCE_TOO_LONG: hubward_status = 302;

/// A resource of Event Hubs or Service Bus, for which nothing is signed here.
pub const HUBWARD_RESOURCE_SERVICE_BUS: hubward_status = 303;

/// A resource of IoT Hub or DPS where one of Service Bus is needed.
pub const HUBWARD_RESOURCE_NOT_SERVICE_BUS: hubward_status = 304;

/// The connection string has no key to sign with.
pub const HUBWARD_SIGNER_NO_KEY: hubward_status = 320;

/// A lifetime of less than a second.
pub const HUBWARD_LIFETIME_ZERO: hubward_status = 321;

/// The expiry does not fit in 64 bits.
pub const HUBWARD_EXPIRY_OVERFLOW: hubward_status = 322;

/// A token source gave a token that is as good as expired.
pub const HUBWARD_TOKEN_SHORT_LIVED: hubward_status = 323;

/// The hub refused the token before, and there is no new one yet.
pub const HUBWARD_TOKEN_REFUSED: hubward_status = 324;

// Tokens that are read.

/// It does not begin as tokens do.
pub const HUBWARD_TOKEN_NOT_A_TOKEN: hubward_status = 400;

/// A space, a control character, or one outside ASCII.
pub const HUBWARD_TOKEN_INVALID_CHARACTER: hubward_status = 401;

/// A pair has no `=`.
pub const HUBWARD_TOKEN_MISSING_EQUALS_SIGN: hubward_status = 402;

/// A field that is none of sr, sig, se, skn.
pub const HUBWARD_TOKEN_UNKNOWN_FIELD: hubward_status = 403;

/// A field has no value.
pub const HUBWARD_TOKEN_EMPTY_VALUE: hubward_status = 404;

/// A field is there more than once.
pub const HUBWARD_TOKEN_DUPLICATE_FIELD: hubward_status = 405;

/// sr, sig or se is missing.
pub const HUBWARD_TOKEN_MISSING_FIELD: hubward_status = 406;

/// The signature is not canonical base64 of 32 bytes.
pub const HUBWARD_TOKEN_SIGNATURE_NOT_CANONICAL: hubward_status = 407;

/// The expiry is not a plain decimal number.
pub const HUBWARD_TOKEN_EXPIRY_NOT_CANONICAL: hubward_status = 408;

/// The policy's name is not one.
pub const HUBWARD_TOKEN_INVALID_POLICY_NAME: hubward_status = 409;

/// Another key signed it, or something in it was changed.
pub const HUBWARD_TOKEN_SIGNATURE_MISMATCH: hubward_status = 440;

/// It has expired, the tolerance included.
pub const HUBWARD_TOKEN_EXPIRED: hubward_status = 441;

/// It is for another resource.
pub const HUBWARD_TOKEN_OUT_OF_SCOPE: hubward_status = 442;

// Keys.

/// A key of no bytes.
pub const HUBWARD_KEY_EMPTY: hubward_status = 500;

/// The text of a key is not canonical base64 with padding.
pub const HUBWARD_KEY_NOT_BASE64: hubward_status = 501;

/// More bytes than any key of its kind has.
pub const HUBWARD_KEY_TOO_LONG: hubward_status = 502;

/// Not a private key that is understood.
pub const HUBWARD_KEY_INVALID_PRIVATE_KEY: hubward_status = 503;

/// A kind of key or a way to sign that this store or build does not know.
pub const HUBWARD_KEY_UNSUPPORTED_ALGORITHM: hubward_status = 504;

/// The store has no key of that name.
pub const HUBWARD_KEY_NOT_FOUND: hubward_status = 505;

/// The store has a key of that name already.
pub const HUBWARD_KEY_ALREADY_EXISTS: hubward_status = 506;

/// The key is of another kind.
pub const HUBWARD_KEY_WRONG_KIND: hubward_status = 507;

/// The store does not open to what it was given.
pub const HUBWARD_KEY_LOCKED: hubward_status = 508;

/// What the store holds was damaged or tampered with.
pub const HUBWARD_KEY_CORRUPT: hubward_status = 509;

/// The store does not do that.
pub const HUBWARD_KEY_REFUSED: hubward_status = 510;

/// The key is less protected than is demanded.
pub const HUBWARD_KEY_PROTECTION_TOO_LOW: hubward_status = 511;

/// Locked memory was required, and the system does not give it.
pub const HUBWARD_KEY_NOT_LOCKED: hubward_status = 512;

/// The key was in locked memory when this process was forked, and was wiped in it.
pub const HUBWARD_KEY_WIPED_BY_FORK: hubward_status = 513;

/// The store, chip or callback that holds the key failed.
pub const HUBWARD_KEY_FAILED: hubward_status = 514;

// Key stores in a file.

/// The change is in place, but a loss of power may undo it.
pub const HUBWARD_STORE_NOT_SYNCED: hubward_status = 600;

/// There is no store at that path.
pub const HUBWARD_STORE_NOT_FOUND: hubward_status = 601;

/// There is a file at that path already.
pub const HUBWARD_STORE_ALREADY_EXISTS: hubward_status = 602;

/// The file or a folder on the way to it is open to others.
pub const HUBWARD_STORE_NOT_PRIVATE: hubward_status = 603;

/// The system refused.
pub const HUBWARD_STORE_IO: hubward_status = 604;

/// The file is no key store of hubward.
pub const HUBWARD_STORE_NOT_A_STORE: hubward_status = 605;

/// A later version wrote the file.
pub const HUBWARD_STORE_UNSUPPORTED_VERSION: hubward_status = 606;

/// Argon2id would cost less than is safe, or more than is sensible.
pub const HUBWARD_STORE_ARGON2_OUT_OF_RANGE: hubward_status = 607;

/// The file opens to another kind of key.
pub const HUBWARD_STORE_OTHER_KIND_OF_KEY: hubward_status = 608;

/// The passphrase or key is not the store's.
pub const HUBWARD_STORE_WRONG_KEY: hubward_status = 609;

/// The passphrase is empty, or the key is too short. Nothing else is judged of either.
pub const HUBWARD_STORE_WEAK_KEY: hubward_status = 610;

/// The file was damaged or tampered with.
pub const HUBWARD_STORE_DAMAGED: hubward_status = 611;

// Time.

/// The moment given as the present is before the release of this version: the clock was not set.
pub const HUBWARD_CLOCK_UNKNOWN: hubward_status = 700;

/// The lifetime of cached tokens is a minute to a year.
pub const HUBWARD_CACHE_LIFETIME: hubward_status = 710;

/// Cached tokens are renewed after 10 to 90 percent of their lifetime.
pub const HUBWARD_CACHE_PERCENT: hubward_status = 711;

// PEM, certificates and requests.

/// More than 1 MiB.
pub const HUBWARD_PEM_TOO_LONG: hubward_status = 800;

/// More than 64 blocks.
pub const HUBWARD_PEM_TOO_MANY_BLOCKS: hubward_status = 801;

/// The text is UTF-16.
pub const HUBWARD_PEM_UTF16: hubward_status = 802;

/// DER where PEM is expected.
pub const HUBWARD_PEM_IS_DER: hubward_status = 803;

/// PEM where DER is expected.
pub const HUBWARD_PEM_IS_PEM: hubward_status = 804;

/// There is no line `-----BEGIN ...-----`.
pub const HUBWARD_PEM_NO_BLOCK: hubward_status = 805;

/// A line of a block was joined with others.
pub const HUBWARD_PEM_LINE_ENDS_LOST: hubward_status = 806;

/// A block has no beginning.
pub const HUBWARD_PEM_NO_BEGIN: hubward_status = 807;

/// A block has no end.
pub const HUBWARD_PEM_NO_END: hubward_status = 808;

/// A block is not canonical base64.
pub const HUBWARD_PEM_NOT_BASE64: hubward_status = 809;

/// No certificate in it.
pub const HUBWARD_PEM_NO_CERTIFICATE: hubward_status = 810;

/// A private key where a certificate is expected.
pub const HUBWARD_PEM_KEY_NOT_CERTIFICATE: hubward_status = 811;

/// A private key in the format of OpenSSH.
pub const HUBWARD_PEM_OPENSSH: hubward_status = 812;

/// No private key in it.
pub const HUBWARD_PEM_NO_PRIVATE_KEY: hubward_status = 813;

/// A certificate where a private key is expected.
pub const HUBWARD_PEM_CERTIFICATE_NOT_KEY: hubward_status = 814;

/// More than one private key in it.
pub const HUBWARD_PEM_SEVERAL_PRIVATE_KEYS: hubward_status = 815;

/// The private key is encrypted.
pub const HUBWARD_PEM_ENCRYPTED: hubward_status = 816;

/// The passphrase does not open the private key.
pub const HUBWARD_PEM_WRONG_PASSPHRASE: hubward_status = 817;

/// The private key's encryption costs more than is done.
pub const HUBWARD_PEM_KDF_TOO_EXPENSIVE: hubward_status = 818;

/// The private key's encryption is not supported.
pub const HUBWARD_PEM_UNSUPPORTED_ENCRYPTION: hubward_status = 819;

/// More than 64 KiB.
pub const HUBWARD_CERTIFICATE_TOO_LONG: hubward_status = 830;

/// PEM where DER is expected.
pub const HUBWARD_CERTIFICATE_IS_PEM: hubward_status = 831;

/// The bytes are no DER.
pub const HUBWARD_CERTIFICATE_NOT_DER: hubward_status = 832;

/// Something follows the certificate.
pub const HUBWARD_CERTIFICATE_TRAILING_BYTES: hubward_status = 833;

/// DER, but not that of a certificate.
pub const HUBWARD_CERTIFICATE_MALFORMED: hubward_status = 834;

/// The chain has no certificate.
pub const HUBWARD_CHAIN_EMPTY: hubward_status = 840;

/// The chain has more than 16 certificates.
pub const HUBWARD_CHAIN_TOO_LONG: hubward_status = 841;

/// A thumbprint has 64 or 40 hexadecimal digits.
pub const HUBWARD_THUMBPRINT_WRONG_LENGTH: hubward_status = 850;

/// A thumbprint has something else than a hexadecimal digit.
pub const HUBWARD_THUMBPRINT_NOT_HEX: hubward_status = 851;

/// A kind of key that no certificate for the hub is made with.
pub const HUBWARD_ISSUE_UNSUPPORTED_KEY: hubward_status = 900;

/// The bytes are no certificate request.
pub const HUBWARD_ISSUE_NOT_A_REQUEST: hubward_status = 901;

/// The request is not signed by the key that it names.
pub const HUBWARD_ISSUE_NOT_POSSESSED: hubward_status = 902;

/// The request's signature could not be checked.
pub const HUBWARD_ISSUE_POSSESSION_NOT_CHECKED: hubward_status = 903;

/// The request is for another ID.
pub const HUBWARD_ISSUE_OTHER_ID: hubward_status = 904;

/// The CA's certificate cannot issue that.
pub const HUBWARD_ISSUE_NOT_A_CA: hubward_status = 905;

/// The private key is not that of the CA's certificate.
pub const HUBWARD_ISSUE_KEY_DIFFERS: hubward_status = 906;

/// The validity is empty, or goes beyond the year 9999.
pub const HUBWARD_ISSUE_VALIDITY: hubward_status = 907;

/// The certificate would be valid when that of the CA is not.
pub const HUBWARD_ISSUE_OUTLIVES_ISSUER: hubward_status = 908;

/// The certificate would have the name of its issuer.
pub const HUBWARD_ISSUE_SAME_NAME: hubward_status = 909;

/// The name is empty, longer than 64 characters, or has control characters.
pub const HUBWARD_ISSUE_NAME: hubward_status = 910;

/// The certificate or request could not be written.
pub const HUBWARD_ISSUE_FAILED: hubward_status = 911;

/// What a status means, in a sentence for people: English, no full stop, never NULL. A number that is no status
/// has one too.
///
/// Ownership: the text is the library's, and stays for as long as the program runs. Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn hubward_status_message(status: hubward_status) -> *const c_char {
    message(status).as_ptr()
}

pub(super) const fn message(status: hubward_status) -> &'static CStr {
    match status {
        HUBWARD_OK => c"it worked",
        HUBWARD_NULL_POINTER => c"a pointer is null that must not be",
        HUBWARD_BUFFER_TOO_SMALL => c"the buffer is too small: its length must be more than what was written to len",
        HUBWARD_INVALID_LENGTH => c"a length is larger than any memory: was a negative number converted?",
        HUBWARD_NOT_UTF8 => c"a text is not UTF-8",
        HUBWARD_INVALID_ARGUMENT => c"a number is none of the constants that it may be",
        HUBWARD_NOT_COMPILED_IN => c"this build of hubward does not have that function: build it with the feature that the header names",
        HUBWARD_ABSENT => c"there is no such part",
        HUBWARD_BUSY => c"called from within a callback of the same object, which would wait for itself",
        HUBWARD_PANIC => c"the call was given up: a mistake of hubward, or a panic of a callback",
        HUBWARD_INTERNAL => c"what cannot be: a mistake of hubward",
        HUBWARD_NAME_EMPTY => c"a name is empty",
        HUBWARD_NAME_TOO_LONG => c"a name is longer than the service takes",
        HUBWARD_NAME_INVALID_CHARACTER => c"a name has a character that the service does not take",
        HUBWARD_NAME_INVALID_LABEL => c"a part of a host name is empty, longer than 63 bytes, or begins or ends with -",
        HUBWARD_NAME_INVALID_END => c"a registration ID must end in a letter, a digit or -",
        HUBWARD_USER_NAME_TOO_LONG => c"at most 4096 bytes of product information go into a user name",
        HUBWARD_KEY_NAME_EMPTY => c"the name of the key is empty",
        HUBWARD_KEY_NAME_TOO_LONG => c"the name of the key has more than 64 bytes",
        HUBWARD_KEY_NAME_LEADING_DOT => c"the name of the key begins with a dot",
        HUBWARD_KEY_NAME_INVALID_CHARACTER => c"the name of the key has something else than letters, digits, . _ -",
        HUBWARD_CONNECTION_STRING_EMPTY => c"the connection string is empty",
        HUBWARD_CONNECTION_STRING_UNRECOGNIZED => c"not a connection string: one looks like HostName=...;DeviceId=...;SharedAccessKey=..., on one line",
        HUBWARD_CONNECTION_STRING_SERVICE_BUS => c"the connection string is one of Event Hubs or Service Bus",
        HUBWARD_CONNECTION_STRING_EMPTY_VALUE => c"a field of the connection string has no value",
        HUBWARD_CONNECTION_STRING_MISSING_FIELD => c"a field of the connection string is missing: HostName, DeviceId or SharedAccessKey",
        HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD => c"a field of the connection string is there more than once",
        HUBWARD_CONNECTION_STRING_UNKNOWN_FIELD => c"the connection string has an unknown field: check its spelling, or remove it",
        HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN => c"a segment of the connection string has no =: remove the stray ;",
        HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION => c"one of SharedAccessKey, SharedAccessSignature or x509=true is missing in the connection string",
        HUBWARD_CONNECTION_STRING_TWO_AUTHENTICATIONS => c"the connection string authenticates in more than one way: keep one",
        HUBWARD_CONNECTION_STRING_X509_NOT_TRUE => c"x509 in a connection string can only be true, in lower case",
        HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64 => c"SharedAccessKey is not canonical base64 with padding: copy the whole key, with any = at its end",
        HUBWARD_CONNECTION_STRING_KEY_TOO_LONG => c"SharedAccessKey has more bytes than any key of the service",
        HUBWARD_CONNECTION_STRING_NOT_A_TOKEN => c"SharedAccessSignature in the connection string does not hold a token",
        HUBWARD_CONNECTION_STRING_INVALID_NAME => c"a host, an ID or the name of a policy in the connection string is not one",
        HUBWARD_CONNECTION_STRING_NOT_REPRESENTABLE => c"the identity cannot be written as a connection string: a name in it has a ;",
        HUBWARD_CONNECTION_STRING_NO_DEVICE => c"the connection string names no device: it is that of a service",
        HUBWARD_RESOURCE_UNKNOWN_SHAPE => c"not a resource: give host, host/devices/DEVICE, host/devices/DEVICE/modules/MODULE or SCOPE/registrations/ID, not percent-encoded",
        HUBWARD_RESOURCE_INVALID_CHARACTER => c"the resource has a character that is not allowed",
        HUBWARD_RESOURCE_TOO_LONG => c"the resource is too long",
        HUBWARD_RESOURCE_SERVICE_BUS => c"the resource is one of Event Hubs or Service Bus",
        HUBWARD_RESOURCE_NOT_SERVICE_BUS => c"the resource is not one of Event Hubs or Service Bus",
        HUBWARD_SIGNER_NO_KEY => c"the connection string has no SharedAccessKey: there is nothing to sign with",
        HUBWARD_LIFETIME_ZERO => c"the lifetime is zero: the token would be expired at once",
        HUBWARD_EXPIRY_OVERFLOW => c"the expiry is too far in the future to be written",
        HUBWARD_TOKEN_SHORT_LIVED => c"the token that its source gave has expired, or does so at once",
        HUBWARD_TOKEN_REFUSED => c"the hub refused the token: is the clock right, is the key the device's, is the device known?",
        HUBWARD_TOKEN_NOT_A_TOKEN => c"not a token: it does not begin with SharedAccessSignature and one space",
        HUBWARD_TOKEN_INVALID_CHARACTER => c"the token has a character that is not allowed",
        HUBWARD_TOKEN_MISSING_EQUALS_SIGN => c"a pair of the token has no =",
        HUBWARD_TOKEN_UNKNOWN_FIELD => c"the token has a field that is none of sr, sig, se, skn",
        HUBWARD_TOKEN_EMPTY_VALUE => c"a field of the token has no value",
        HUBWARD_TOKEN_DUPLICATE_FIELD => c"a field of the token is there more than once",
        HUBWARD_TOKEN_MISSING_FIELD => c"sr, sig or se is missing in the token",
        HUBWARD_TOKEN_SIGNATURE_NOT_CANONICAL => c"sig is not canonical base64 of 32 bytes",
        HUBWARD_TOKEN_EXPIRY_NOT_CANONICAL => c"se is not a whole number of seconds in plain decimal",
        HUBWARD_TOKEN_INVALID_POLICY_NAME => c"skn is not the name of a policy",
        HUBWARD_TOKEN_SIGNATURE_MISMATCH => c"the token's signature is not by this key",
        HUBWARD_TOKEN_EXPIRED => c"the token has expired",
        HUBWARD_TOKEN_OUT_OF_SCOPE => c"the token does not cover the expected resource",
        HUBWARD_KEY_EMPTY => c"the key is empty",
        HUBWARD_KEY_NOT_BASE64 => c"the key is not canonical base64 with padding: copy the whole key, with any = at its end and without spaces",
        HUBWARD_KEY_TOO_LONG => c"the key has more bytes than any of its kind",
        HUBWARD_KEY_INVALID_PRIVATE_KEY => c"this is not a private key that is understood: give an unencrypted PKCS#8 key in DER",
        HUBWARD_KEY_UNSUPPORTED_ALGORITHM => c"this store or this build of hubward does not know that kind of key or that way to sign",
        HUBWARD_KEY_NOT_FOUND => c"the store has no key of that name",
        HUBWARD_KEY_ALREADY_EXISTS => c"the store has a key of that name already",
        HUBWARD_KEY_WRONG_KIND => c"the key is of another kind",
        HUBWARD_KEY_LOCKED => c"the store is locked: give it its present passphrase or key",
        HUBWARD_KEY_CORRUPT => c"what the store holds was damaged or tampered with, and was left untouched",
        HUBWARD_KEY_REFUSED => c"the store refuses",
        HUBWARD_KEY_PROTECTION_TOO_LOW => c"the key is less protected than is demanded",
        HUBWARD_KEY_NOT_LOCKED => c"the key cannot be held in locked memory: raise the limit of locked memory (RLIMIT_MEMLOCK)",
        HUBWARD_KEY_WIPED_BY_FORK => c"the key was wiped in this forked process: load it after the fork",
        HUBWARD_KEY_FAILED => c"the store, chip or callback that holds the key failed",
        HUBWARD_STORE_NOT_SYNCED => c"the change is in place, but a loss of power may undo it: the folder could not be synced",
        HUBWARD_STORE_NOT_FOUND => c"there is no store at that path: check the path, or create the store",
        HUBWARD_STORE_ALREADY_EXISTS => c"there is a file at that path already, and it was left as it is",
        HUBWARD_STORE_NOT_PRIVATE => c"the store's file or a folder on the way to it is open to others, or a symbolic link: the log says which",
        HUBWARD_STORE_IO => c"the system refuses to read or write the store: the log says why",
        HUBWARD_STORE_NOT_A_STORE => c"the file is not a key store of hubward",
        HUBWARD_STORE_UNSUPPORTED_VERSION => c"a later version of hubward wrote the store: update this one",
        HUBWARD_STORE_ARGON2_OUT_OF_RANGE => c"the cost of Argon2id is out of range",
        HUBWARD_STORE_OTHER_KIND_OF_KEY => c"the store opens to another kind of key",
        HUBWARD_STORE_WRONG_KEY => c"the passphrase or key is not the store's",
        HUBWARD_STORE_WEAK_KEY => c"the passphrase is empty, or the key is too short",
        HUBWARD_STORE_DAMAGED => c"the store is damaged or was tampered with, and was left untouched",
        HUBWARD_CLOCK_UNKNOWN => c"the clock is not set: set it, then try again",
        HUBWARD_CACHE_LIFETIME => c"the lifetime of cached tokens is a minute to a year",
        HUBWARD_CACHE_PERCENT => c"cached tokens are renewed after 10 to 90 percent of their lifetime",
        HUBWARD_PEM_TOO_LONG => c"the PEM has more than 1 MiB",
        HUBWARD_PEM_TOO_MANY_BLOCKS => c"the PEM has more than 64 blocks",
        HUBWARD_PEM_UTF16 => c"the PEM is UTF-16: save it as UTF-8 or ASCII",
        HUBWARD_PEM_IS_DER => c"this is DER, not PEM",
        HUBWARD_PEM_IS_PEM => c"this is PEM, not DER",
        HUBWARD_PEM_NO_BLOCK => c"this is not PEM, or its first line is missing",
        HUBWARD_PEM_LINE_ENDS_LOST => c"the PEM lost its line ends: copy it anew",
        HUBWARD_PEM_NO_BEGIN => c"a block of the PEM has no line -----BEGIN ...-----",
        HUBWARD_PEM_NO_END => c"a block of the PEM has no line -----END ...-----",
        HUBWARD_PEM_NOT_BASE64 => c"a block of the PEM is empty or not base64, or a part of it is missing",
        HUBWARD_PEM_NO_CERTIFICATE => c"the PEM has no certificate",
        HUBWARD_PEM_KEY_NOT_CERTIFICATE => c"the PEM has a private key and no certificate",
        HUBWARD_PEM_OPENSSH => c"the private key is in OpenSSH's own format: convert it with ssh-keygen -p -m PKCS8",
        HUBWARD_PEM_NO_PRIVATE_KEY => c"the PEM has no private key",
        HUBWARD_PEM_CERTIFICATE_NOT_KEY => c"the PEM has a certificate and no private key",
        HUBWARD_PEM_SEVERAL_PRIVATE_KEYS => c"the PEM has more than one private key",
        HUBWARD_PEM_ENCRYPTED => c"the private key is encrypted",
        HUBWARD_PEM_WRONG_PASSPHRASE => c"the passphrase does not open the private key",
        HUBWARD_PEM_KDF_TOO_EXPENSIVE => c"the private key's encryption costs more than is done",
        HUBWARD_PEM_UNSUPPORTED_ENCRYPTION => c"the private key's encryption is not supported",
        HUBWARD_CERTIFICATE_TOO_LONG => c"a certificate has more than 64 KiB",
        HUBWARD_CERTIFICATE_IS_PEM => c"the certificate is PEM, not DER",
        HUBWARD_CERTIFICATE_NOT_DER => c"the certificate is not DER, or a part of it is missing",
        HUBWARD_CERTIFICATE_TRAILING_BYTES => c"something follows the certificate",
        HUBWARD_CERTIFICATE_MALFORMED => c"the certificate is malformed",
        HUBWARD_CHAIN_EMPTY => c"the chain has no certificate",
        HUBWARD_CHAIN_TOO_LONG => c"the chain has more than 16 certificates",
        HUBWARD_THUMBPRINT_WRONG_LENGTH => c"a thumbprint has 64 hex digits (SHA-256) or 40 (SHA-1), without separators",
        HUBWARD_THUMBPRINT_NOT_HEX => c"the thumbprint has something else than a hex digit",
        HUBWARD_ISSUE_UNSUPPORTED_KEY => c"the key is not one of RSA from 2048 bits, ECDSA P-256 and ECDSA P-384",
        HUBWARD_ISSUE_NOT_A_REQUEST => c"this is not a PKCS#10 certificate request",
        HUBWARD_ISSUE_NOT_POSSESSED => c"the request's signature is not by its own key",
        HUBWARD_ISSUE_POSSESSION_NOT_CHECKED => c"the request's signature could not be checked",
        HUBWARD_ISSUE_OTHER_ID => c"the request is for another ID",
        HUBWARD_ISSUE_NOT_A_CA => c"the CA's certificate cannot issue that",
        HUBWARD_ISSUE_KEY_DIFFERS => c"the private key does not belong to the CA's certificate",
        HUBWARD_ISSUE_VALIDITY => c"the validity is empty, or goes beyond the year 9999",
        HUBWARD_ISSUE_OUTLIVES_ISSUER => c"the certificate would be valid when that of the CA is not",
        HUBWARD_ISSUE_SAME_NAME => c"the certificate would have the name of the CA that issues it",
        HUBWARD_ISSUE_NAME => c"the name is empty, too long (64 characters), or has control characters",
        HUBWARD_ISSUE_FAILED => c"the certificate or request could not be written",
        _ => c"a number that is no status of this version of hubward",
    }
}
