//! What other TLS stacks are told.

use hubward::capi::*;

use crate::calls::text;

fn anchors(cloud: i32) -> Result<String, hubward_status> {
    // SAFETY: a buffer or null with its length.
    text(|out, cap, len| unsafe { hubward_tls_trust_anchors(cloud, out, cap, len) })
}

fn policy(part: i32) -> Result<String, hubward_status> {
    // SAFETY: a buffer or null with its length.
    text(|out, cap, len| unsafe { hubward_tls_policy(part, out, cap, len) })
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_tls_there_is_none() {
    for number in 0..8 {
        assert_eq!(anchors(number), Err(HUBWARD_NOT_COMPILED_IN));
        assert_eq!(policy(number), Err(HUBWARD_NOT_COMPILED_IN));
    }
}

#[cfg(feature = "tls")]
#[test]
fn the_anchors_are_those_of_the_cloud() {
    use hubward::tls::{Cloud, TrustAnchors};

    for (number, cloud) in [
        (HUBWARD_CLOUD_PUBLIC, Cloud::Public),
        (HUBWARD_CLOUD_US_GOVERNMENT, Cloud::UsGovernment),
        (HUBWARD_CLOUD_CHINA, Cloud::China),
    ] {
        let pem = anchors(number).expect("a cloud");
        let read = TrustAnchors::from_pem(pem.as_bytes()).expect("they can be read back");
        assert_eq!(read.certificates(), TrustAnchors::of(cloud).certificates());
    }
    for number in [0, 4, -1, i32::MAX] {
        assert_eq!(anchors(number), Err(HUBWARD_INVALID_ARGUMENT));
    }
}

/// OpenSSL knows every name, and has exactly these suites of them.
#[cfg(feature = "tls")]
#[test]
fn openssl_takes_the_policy() {
    use std::process::Command;

    use crate::c_library::succeed;

    let old = policy(HUBWARD_TLS_OPENSSL_CIPHER_LIST).expect("a list");
    let new = policy(HUBWARD_TLS_OPENSSL_CIPHERSUITES).expect("a list");
    assert_eq!((old.split(':').count(), new.split(':').count()), (6, 3));
    let mut openssl = Command::new("openssl");
    openssl.args(["ciphers", "-s", "-ciphersuites", &new, &old]);
    let taken = String::from_utf8(succeed(openssl).stdout).expect("names are text");
    assert_eq!(taken.trim(), format!("{new}:{old}"));
    for part in old.split(':') {
        assert!(part.starts_with("ECDHE-") && !part.contains("CBC"), "{part}");
    }

    let groups = policy(HUBWARD_TLS_OPENSSL_GROUPS).expect("groups");
    assert_eq!(groups, "X25519:P-256:P-384");
    assert_eq!(policy(HUBWARD_TLS_OPENSSL_MIN_VERSION), Ok("TLSv1.2".into()));
    assert_eq!(policy(HUBWARD_TLS_MBEDTLS_MIN_VERSION), Ok("MBEDTLS_SSL_VERSION_TLS1_2".into()));
    let mbedtls = policy(HUBWARD_TLS_MBEDTLS_CIPHERSUITES).expect("a list");
    assert_eq!(mbedtls.split(' ').count(), 9);
    assert_eq!(mbedtls.split(' ').filter(|name| name.starts_with("TLS1-3-")).count(), 3);
    for number in [0, 7, -1] {
        assert_eq!(policy(number), Err(HUBWARD_INVALID_ARGUMENT));
    }
}
