//! The numbers never change, and each has a sentence.

use std::collections::BTreeMap;
use std::ffi::CStr;

use hubward::capi::{HUBWARD_OK, hubward_status_message};

use crate::header::constants;

#[test]
fn no_number_is_ever_given_anew() {
    let found = constants();
    for (name, number) in STATUSES.iter().chain(OTHERS) {
        assert_eq!(found.get(*name), Some(number), "{name}: changed, or taken away");
    }
    let given: Vec<_> = STATUSES.iter().chain(OTHERS).map(|(name, _)| *name).collect();
    for (name, number) in &found {
        let is_of_the_version = name.starts_with("HUBWARD_VERSION_");
        assert!(
            is_of_the_version || given.contains(&name.as_str()),
            "{name} ({number}) is new: enter it here, where it stays"
        );
    }
    assert_eq!(HUBWARD_OK, 0);
}

#[test]
fn no_two_statuses_have_the_same_number() {
    let by_number: BTreeMap<_, _> = STATUSES.iter().map(|(name, number)| (number, name)).collect();
    assert_eq!(by_number.len(), STATUSES.len());
}

#[test]
fn each_has_a_sentence_of_its_own() {
    let message = |status: i32| {
        // SAFETY: it is a text with a NUL behind it that stays.
        unsafe { CStr::from_ptr(hubward_status_message(status)) }.to_str().expect("it is text")
    };
    let unknown = message(-1);
    for status in [i32::MIN, i32::MAX, 99, 1_000_000] {
        assert_eq!(message(status), unknown);
    }
    let mut sentences = BTreeMap::new();
    for (name, number) in STATUSES {
        let sentence = message(*number);
        assert_ne!(sentence, unknown, "{name} has none");
        assert!(sentence.len() > 5 && sentence.is_ascii() && !sentence.ends_with('.'), "{name}");
        let other = sentences.insert(sentence, name);
        assert_eq!(other, None, "{name} has the same");
    }
}

/// Every status that there ever was, as it was first given. A new one gets a line; none is ever changed or taken
/// away.
const STATUSES: &[(&str, i32)] = &[
    ("HUBWARD_OK", 0),
    ("HUBWARD_NULL_POINTER", 1),
    ("HUBWARD_BUFFER_TOO_SMALL", 2),
    ("HUBWARD_INVALID_LENGTH", 3),
    ("HUBWARD_NOT_UTF8", 4),
    ("HUBWARD_INVALID_ARGUMENT", 5),
    ("HUBWARD_NOT_COMPILED_IN", 6),
    ("HUBWARD_ABSENT", 7),
    ("HUBWARD_BUSY", 8),
    ("HUBWARD_PANIC", 9),
    ("HUBWARD_INTERNAL", 10),
    ("HUBWARD_NAME_EMPTY", 100),
    ("HUBWARD_NAME_TOO_LONG", 101),
    ("HUBWARD_NAME_INVALID_CHARACTER", 102),
    ("HUBWARD_NAME_INVALID_LABEL", 103),
    ("HUBWARD_NAME_INVALID_END", 104),
    ("HUBWARD_USER_NAME_TOO_LONG", 105),
    ("HUBWARD_KEY_NAME_EMPTY", 120),
    ("HUBWARD_KEY_NAME_TOO_LONG", 121),
    ("HUBWARD_KEY_NAME_LEADING_DOT", 122),
    ("HUBWARD_KEY_NAME_INVALID_CHARACTER", 123),
    ("HUBWARD_CONNECTION_STRING_EMPTY", 200),
    ("HUBWARD_CONNECTION_STRING_UNRECOGNIZED", 201),
    ("HUBWARD_CONNECTION_STRING_SERVICE_BUS", 202),
    ("HUBWARD_CONNECTION_STRING_EMPTY_VALUE", 203),
    ("HUBWARD_CONNECTION_STRING_MISSING_FIELD", 204),
    ("HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD", 205),
    ("HUBWARD_CONNECTION_STRING_UNKNOWN_FIELD", 206),
    ("HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN", 207),
    ("HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION", 208),
    ("HUBWARD_CONNECTION_STRING_TWO_AUTHENTICATIONS", 209),
    ("HUBWARD_CONNECTION_STRING_X509_NOT_TRUE", 210),
    ("HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64", 211),
    ("HUBWARD_CONNECTION_STRING_KEY_TOO_LONG", 212),
    ("HUBWARD_CONNECTION_STRING_NOT_A_TOKEN", 213),
    ("HUBWARD_CONNECTION_STRING_INVALID_NAME", 214),
    ("HUBWARD_CONNECTION_STRING_NOT_REPRESENTABLE", 215),
    ("HUBWARD_CONNECTION_STRING_NO_DEVICE", 216),
    ("HUBWARD_RESOURCE_UNKNOWN_SHAPE", 300),
    ("HUBWARD_RESOURCE_INVALID_CHARACTER", 301),
    ("HUBWARD_RESOURCE_TOO_LONG", 302),
    ("HUBWARD_RESOURCE_SERVICE_BUS", 303),
    ("HUBWARD_RESOURCE_NOT_SERVICE_BUS", 304),
    ("HUBWARD_SIGNER_NO_KEY", 320),
    ("HUBWARD_LIFETIME_ZERO", 321),
    ("HUBWARD_EXPIRY_OVERFLOW", 322),
    ("HUBWARD_TOKEN_SHORT_LIVED", 323),
    ("HUBWARD_TOKEN_REFUSED", 324),
    ("HUBWARD_TOKEN_NOT_A_TOKEN", 400),
    ("HUBWARD_TOKEN_INVALID_CHARACTER", 401),
    ("HUBWARD_TOKEN_MISSING_EQUALS_SIGN", 402),
    ("HUBWARD_TOKEN_UNKNOWN_FIELD", 403),
    ("HUBWARD_TOKEN_EMPTY_VALUE", 404),
    ("HUBWARD_TOKEN_DUPLICATE_FIELD", 405),
    ("HUBWARD_TOKEN_MISSING_FIELD", 406),
    ("HUBWARD_TOKEN_SIGNATURE_NOT_CANONICAL", 407),
    ("HUBWARD_TOKEN_EXPIRY_NOT_CANONICAL", 408),
    ("HUBWARD_TOKEN_INVALID_POLICY_NAME", 409),
    ("HUBWARD_TOKEN_SIGNATURE_MISMATCH", 440),
    ("HUBWARD_TOKEN_EXPIRED", 441),
    ("HUBWARD_TOKEN_OUT_OF_SCOPE", 442),
    ("HUBWARD_KEY_EMPTY", 500),
    ("HUBWARD_KEY_NOT_BASE64", 501),
    ("HUBWARD_KEY_TOO_LONG", 502),
    ("HUBWARD_KEY_INVALID_PRIVATE_KEY", 503),
    ("HUBWARD_KEY_UNSUPPORTED_ALGORITHM", 504),
    ("HUBWARD_KEY_NOT_FOUND", 505),
    ("HUBWARD_KEY_ALREADY_EXISTS", 506),
    ("HUBWARD_KEY_WRONG_KIND", 507),
    ("HUBWARD_KEY_LOCKED", 508),
    ("HUBWARD_KEY_CORRUPT", 509),
    ("HUBWARD_KEY_REFUSED", 510),
    ("HUBWARD_KEY_PROTECTION_TOO_LOW", 511),
    ("HUBWARD_KEY_NOT_LOCKED", 512),
    ("HUBWARD_KEY_WIPED_BY_FORK", 513),
    ("HUBWARD_KEY_FAILED", 514),
    ("HUBWARD_STORE_NOT_SYNCED", 600),
    ("HUBWARD_STORE_NOT_FOUND", 601),
    ("HUBWARD_STORE_ALREADY_EXISTS", 602),
    ("HUBWARD_STORE_NOT_PRIVATE", 603),
    ("HUBWARD_STORE_IO", 604),
    ("HUBWARD_STORE_NOT_A_STORE", 605),
    ("HUBWARD_STORE_UNSUPPORTED_VERSION", 606),
    ("HUBWARD_STORE_ARGON2_OUT_OF_RANGE", 607),
    ("HUBWARD_STORE_OTHER_KIND_OF_KEY", 608),
    ("HUBWARD_STORE_WRONG_KEY", 609),
    ("HUBWARD_STORE_WEAK_KEY", 610),
    ("HUBWARD_STORE_DAMAGED", 611),
    ("HUBWARD_CLOCK_UNKNOWN", 700),
    ("HUBWARD_CACHE_LIFETIME", 710),
    ("HUBWARD_CACHE_PERCENT", 711),
    ("HUBWARD_PEM_TOO_LONG", 800),
    ("HUBWARD_PEM_TOO_MANY_BLOCKS", 801),
    ("HUBWARD_PEM_UTF16", 802),
    ("HUBWARD_PEM_IS_DER", 803),
    ("HUBWARD_PEM_IS_PEM", 804),
    ("HUBWARD_PEM_NO_BLOCK", 805),
    ("HUBWARD_PEM_LINE_ENDS_LOST", 806),
    ("HUBWARD_PEM_NO_BEGIN", 807),
    ("HUBWARD_PEM_NO_END", 808),
    ("HUBWARD_PEM_NOT_BASE64", 809),
    ("HUBWARD_PEM_NO_CERTIFICATE", 810),
    ("HUBWARD_PEM_KEY_NOT_CERTIFICATE", 811),
    ("HUBWARD_PEM_OPENSSH", 812),
    ("HUBWARD_PEM_NO_PRIVATE_KEY", 813),
    ("HUBWARD_PEM_CERTIFICATE_NOT_KEY", 814),
    ("HUBWARD_PEM_SEVERAL_PRIVATE_KEYS", 815),
    ("HUBWARD_PEM_ENCRYPTED", 816),
    ("HUBWARD_PEM_WRONG_PASSPHRASE", 817),
    ("HUBWARD_PEM_KDF_TOO_EXPENSIVE", 818),
    ("HUBWARD_PEM_UNSUPPORTED_ENCRYPTION", 819),
    ("HUBWARD_CERTIFICATE_TOO_LONG", 830),
    ("HUBWARD_CERTIFICATE_IS_PEM", 831),
    ("HUBWARD_CERTIFICATE_NOT_DER", 832),
    ("HUBWARD_CERTIFICATE_TRAILING_BYTES", 833),
    ("HUBWARD_CERTIFICATE_MALFORMED", 834),
    ("HUBWARD_CHAIN_EMPTY", 840),
    ("HUBWARD_CHAIN_TOO_LONG", 841),
    ("HUBWARD_THUMBPRINT_WRONG_LENGTH", 850),
    ("HUBWARD_THUMBPRINT_NOT_HEX", 851),
    ("HUBWARD_ISSUE_UNSUPPORTED_KEY", 900),
    ("HUBWARD_ISSUE_NOT_A_REQUEST", 901),
    ("HUBWARD_ISSUE_NOT_POSSESSED", 902),
    ("HUBWARD_ISSUE_POSSESSION_NOT_CHECKED", 903),
    ("HUBWARD_ISSUE_OTHER_ID", 904),
    ("HUBWARD_ISSUE_NOT_A_CA", 905),
    ("HUBWARD_ISSUE_KEY_DIFFERS", 906),
    ("HUBWARD_ISSUE_VALIDITY", 907),
    ("HUBWARD_ISSUE_OUTLIVES_ISSUER", 908),
    ("HUBWARD_ISSUE_SAME_NAME", 909),
    ("HUBWARD_ISSUE_NAME", 910),
    ("HUBWARD_ISSUE_FAILED", 911),
];

/// The other numbers of the header, for which the same holds; but for how long something is at most.
const OTHERS: &[(&str, i32)] = &[
    ("HUBWARD_AUTHENTICATION_KEY", 1),
    ("HUBWARD_AUTHENTICATION_TOKEN", 2),
    ("HUBWARD_AUTHENTICATION_X509", 3),
    ("HUBWARD_SAS_TOKEN_MAX", 2007),
    ("HUBWARD_CACHE_USE", 1),
    ("HUBWARD_CACHE_WAIT", 2),
    ("HUBWARD_CACHE_CLOCK_UNKNOWN", 3),
    ("HUBWARD_REFUSED_ONCE", 1),
    ("HUBWARD_REFUSED_AGAIN", 2),
    ("HUBWARD_REFUSED_REPLACED", 3),
    ("HUBWARD_MQTT_PORT", 8883),
    ("HUBWARD_LOCK_PREFER", 1),
    ("HUBWARD_LOCK_REQUIRE", 2),
    ("HUBWARD_KEY_SYMMETRIC", 1),
    ("HUBWARD_KEY_ECDSA_P256", 2),
    ("HUBWARD_KEY_ECDSA_P384", 3),
    ("HUBWARD_KEY_RSA", 4),
    ("HUBWARD_SIGN_DEFAULT", 0),
    ("HUBWARD_SIGN_ECDSA_P256_SHA256", 1),
    ("HUBWARD_SIGN_ECDSA_P384_SHA384", 2),
    ("HUBWARD_SIGN_RSA_PSS_SHA256", 3),
    ("HUBWARD_SIGN_RSA_PSS_SHA384", 4),
    ("HUBWARD_SIGN_RSA_PSS_SHA512", 5),
    ("HUBWARD_SIGN_RSA_PKCS1_SHA256", 6),
    ("HUBWARD_SIGN_RSA_PKCS1_SHA384", 7),
    ("HUBWARD_SIGN_RSA_PKCS1_SHA512", 8),
    ("HUBWARD_SIGNATURE_MAX", 1024),
    ("HUBWARD_CLOUD_PUBLIC", 1),
    ("HUBWARD_CLOUD_US_GOVERNMENT", 2),
    ("HUBWARD_CLOUD_CHINA", 3),
    ("HUBWARD_TLS_MIN_VERSION", 0x0303),
    ("HUBWARD_TLS_OPENSSL_CIPHER_LIST", 1),
    ("HUBWARD_TLS_OPENSSL_CIPHERSUITES", 2),
    ("HUBWARD_TLS_OPENSSL_GROUPS", 3),
    ("HUBWARD_TLS_OPENSSL_MIN_VERSION", 4),
    ("HUBWARD_TLS_MBEDTLS_CIPHERSUITES", 5),
    ("HUBWARD_TLS_MBEDTLS_MIN_VERSION", 6),
    ("HUBWARD_LOG_ERROR", 1),
    ("HUBWARD_LOG_WARNING", 2),
];
