//! The policy of TLS in the words of other stacks: OpenSSL and Mbed TLS.

use alloc::string::String;

use rustls::CipherSuite;

use super::provider::SUITES;

/// The groups of the key exchange, those left out that not every OpenSSL has.
pub(crate) const OPENSSL_GROUPS: &str = "X25519:P-256:P-384";

pub(crate) const OPENSSL_MIN_VERSION: &str = "TLSv1.2";

pub(crate) const MBEDTLS_MIN_VERSION: &str = "MBEDTLS_SSL_VERSION_TLS1_2";

/// The suites of TLS 1.2, as `SSL_CTX_set_cipher_list` takes them.
pub(crate) fn openssl_tls12() -> String {
    joined(":", |names| (!names.is_tls13()).then_some(names.openssl))
}

/// The suites of TLS 1.3, as `SSL_CTX_set_ciphersuites` takes them.
pub(crate) fn openssl_tls13() -> String {
    joined(":", |names| names.is_tls13().then_some(names.openssl))
}

/// All suites, as `mbedtls_ssl_get_ciphersuite_id` takes each.
pub(crate) fn mbedtls() -> String {
    joined(" ", |names| Some(names.mbedtls))
}

fn joined(separator: &str, name: fn(Names) -> Option<&'static str>) -> String {
    let mut joined = String::new();
    for name in SUITES.iter().filter_map(|suite| names(*suite)).filter_map(name) {
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(name);
    }
    joined
}

#[derive(Clone, Copy)]
struct Names {
    openssl: &'static str,
    mbedtls: &'static str,
}

impl Names {
    fn is_tls13(self) -> bool {
        self.openssl.starts_with("TLS_")
    }
}

/// What a suite is called elsewhere: openssl-ciphers(1), `ssl_ciphersuites.h`.
fn names(suite: CipherSuite) -> Option<Names> {
    let (openssl, mbedtls) = match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => {
            ("TLS_AES_256_GCM_SHA384", "TLS1-3-AES-256-GCM-SHA384")
        }
        CipherSuite::TLS13_AES_128_GCM_SHA256 => {
            ("TLS_AES_128_GCM_SHA256", "TLS1-3-AES-128-GCM-SHA256")
        }
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => {
            ("TLS_CHACHA20_POLY1305_SHA256", "TLS1-3-CHACHA20-POLY1305-SHA256")
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => {
            ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384")
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256")
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256")
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => {
            ("ECDHE-RSA-AES256-GCM-SHA384", "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384")
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => {
            ("ECDHE-RSA-AES128-GCM-SHA256", "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256")
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-RSA-CHACHA20-POLY1305", "TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256")
        }
        _ => return None,
    };
    Some(Names { openssl, mbedtls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_the_policy_has_its_names() {
        for suite in SUITES {
            let is_tls13 = alloc::format!("{suite:?}").starts_with("TLS13_");
            let found = names(*suite).map(|names| {
                // The same but for how the words are put together.
                let plain = |name: &str| name.replace("TLS1-3", "TLS13").replace(['-', '_'], "");
                let own = plain(&alloc::format!("{suite:?}"));
                (names.is_tls13(), plain(names.mbedtls) == own)
            });
            assert_eq!(found, Some((is_tls13, true)), "{suite:?}");
        }
    }
}
