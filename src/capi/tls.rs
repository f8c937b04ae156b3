//! What a program's own TLS stack needs to follow the policy of this crate.

use core::ffi::c_char;

use super::boundary::{TextOut, call, compiled_in};
use super::status::*;

/// A cloud: `azure-devices.net`.
pub const HUBWARD_CLOUD_PUBLIC: i32 = 1;
/// A cloud: `azure-devices.us`.
pub const HUBWARD_CLOUD_US_GOVERNMENT: i32 = 2;
/// A cloud: `azure-devices.cn`.
pub const HUBWARD_CLOUD_CHINA: i32 = 3;

/// The oldest version of TLS, 1.2, as TLS itself numbers it: for `SSL_CTX_set_min_proto_version` of OpenSSL and
/// `mbedtls_ssl_conf_min_tls_version` of Mbed TLS, which it has from 3.2 on.
pub const HUBWARD_TLS_MIN_VERSION: i32 = 0x0303;

/// OpenSSL's suites of TLS 1.2, for `SSL_CTX_set_cipher_list`: names with a colon between.
pub const HUBWARD_TLS_OPENSSL_CIPHER_LIST: i32 = 1;
/// OpenSSL's suites of TLS 1.3, for `SSL_CTX_set_ciphersuites`: names with a colon between.
pub const HUBWARD_TLS_OPENSSL_CIPHERSUITES: i32 = 2;
/// OpenSSL's groups of the key exchange, for `SSL_CTX_set1_groups_list`: names with a colon between.
pub const HUBWARD_TLS_OPENSSL_GROUPS: i32 = 3;
/// OpenSSL's name of the oldest version, for `MinProtocol` of its configuration.
pub const HUBWARD_TLS_OPENSSL_MIN_VERSION: i32 = 4;
/// The suites of Mbed TLS, best first: names with a space between, for `mbedtls_ssl_get_ciphersuite_id` each, whose
/// numbers (0 for one that is not compiled in) `mbedtls_ssl_conf_ciphersuites` takes.
pub const HUBWARD_TLS_MBEDTLS_CIPHERSUITES: i32 = 5;
/// The name of the oldest version in Mbed TLS, a constant for `mbedtls_ssl_conf_min_tls_version`.
pub const HUBWARD_TLS_MBEDTLS_MIN_VERSION: i32 = 6;

/// The trust anchors of a cloud (one of `HUBWARD_CLOUD_*`) in PEM: the roots that its hubs and provisioning services
/// have certificates under, and no others. Verify the server's name as well: `hubward_mqtt_host`.
///
/// Ownership: the PEM is written to the caller's buffer. Threads: any. Needs the feature `tls`.
///
/// Errors: `HUBWARD_INVALID_ARGUMENT` for another cloud; `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_tls_trust_anchors(
    cloud: i32,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let out = unsafe { TextOut::new(out.cast(), cap, len)? };
        compiled_in!(feature = "tls", (cloud, out), {
            use super::failure::Failure;
            use crate::tls::{BuiltInRoot, Cloud};
            let cloud = match cloud {
                HUBWARD_CLOUD_PUBLIC => Cloud::Public,
                HUBWARD_CLOUD_US_GOVERNMENT => Cloud::UsGovernment,
                HUBWARD_CLOUD_CHINA => Cloud::China,
                _ => return Err(Failure::new(HUBWARD_INVALID_ARGUMENT)),
            };
            let roots = BuiltInRoot::ALL.iter().filter(|root| root.is_of(cloud));
            let pem: alloc::string::String = roots.map(BuiltInRoot::pem).collect();
            out.write(pem.as_bytes())
        })
    })
}

/// A part of the policy of TLS, `part` being one of `HUBWARD_TLS_OPENSSL_*` and `HUBWARD_TLS_MBEDTLS_*`: TLS 1.2 or
/// later, authenticated encryption and forward secrecy, and nothing else.
///
/// Ownership: the text is written to the caller's buffer. Threads: any. Needs the feature `tls`.
///
/// Errors: `HUBWARD_INVALID_ARGUMENT` for another part; `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_tls_policy(
    part: i32,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let out = unsafe { TextOut::new(out.cast(), cap, len)? };
        compiled_in!(feature = "tls", (part, out), {
            use super::failure::Failure;
            use crate::tls::names;
            let text = match part {
                HUBWARD_TLS_OPENSSL_CIPHER_LIST => names::openssl_tls12(),
                HUBWARD_TLS_OPENSSL_CIPHERSUITES => names::openssl_tls13(),
                HUBWARD_TLS_OPENSSL_GROUPS => names::OPENSSL_GROUPS.into(),
                HUBWARD_TLS_OPENSSL_MIN_VERSION => names::OPENSSL_MIN_VERSION.into(),
                HUBWARD_TLS_MBEDTLS_CIPHERSUITES => names::mbedtls(),
                HUBWARD_TLS_MBEDTLS_MIN_VERSION => names::MBEDTLS_MIN_VERSION.into(),
                _ => return Err(Failure::new(HUBWARD_INVALID_ARGUMENT)),
            };
            out.write(text.as_bytes())
        })
    })
}
