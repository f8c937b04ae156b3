//! Which cryptography a configuration stands on: always named, never the default of the process.

use core::fmt;

use alloc::vec::Vec;

use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{CipherSuite, SupportedCipherSuite};

/// A provider of cryptography. Each needs the feature of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provider {
    /// AWS-LC: has post-quantum key exchange.
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
    /// *ring*: smaller, builds without a C compiler for more targets; no post-quantum key exchange.
    #[cfg(feature = "ring")]
    Ring,
    /// The validated module of AWS-LC, with what FIPS 140-3 approves. ML-KEM in that module is still being
    /// validated, and counts as approved here as it does for rustls: [`PostQuantum::Off`] leaves it out.
    #[cfg(feature = "fips")]
    Fips,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether key exchange is also secure against quantum computers: X25519 and ML-KEM-768 at once
/// (`X25519MLKEM768`, draft-ietf-tls-ecdhe-mlkem), where provider and server have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PostQuantum {
    /// Offered first, where the provider has it. The first message of the handshake grows to about 1500
    /// bytes, which needs two packets.
    #[default]
    Preferred,
    /// Not offered: for networks that lose a first message of two packets.
    Off,
}

/// AEAD with forward secrecy, and nothing else: a suite that a later version of rustls brings is not taken
/// unless it is entered here.
pub(super) const SUITES: &[CipherSuite] = &[
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

impl Provider {
    const fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => "aws-lc-rs",
            #[cfg(feature = "ring")]
            Self::Ring => "ring",
            #[cfg(feature = "fips")]
            Self::Fips => "aws-lc-rs (FIPS)",
        }
    }

    /// What rustls takes, cut to the policy of this crate.
    pub(super) fn crypto(self, post_quantum: PostQuantum, is_tls13_only: bool) -> CryptoProvider {
        let Parts { base, suites, hybrid, classic, is_fips } = self.parts();
        let hybrid = hybrid.filter(|_| post_quantum == PostQuantum::Preferred);
        let approved = |group: &&'static dyn SupportedKxGroup| !is_fips || group.fips();
        let kx_groups = hybrid.into_iter().chain(classic).filter(approved).collect();
        let cipher_suites: Vec<SupportedCipherSuite> = suites
            .iter()
            .filter(|suite| SUITES.contains(&suite.suite()) && (!is_fips || suite.fips()))
            // rustls would offer the others all the same.
            .filter(|suite| !is_tls13_only || suite.tls13().is_some())
            .copied()
            .collect();
        CryptoProvider { cipher_suites, kx_groups, ..base }
    }

    fn parts(self) -> Parts {
        #[cfg(feature = "aws-lc-rs")]
        let aws_lc_rs = |is_fips| {
            use rustls::crypto::aws_lc_rs::kx_group::{
                SECP256R1, SECP384R1, X25519, X25519MLKEM768,
            };
            Parts {
                base: rustls::crypto::aws_lc_rs::default_provider(),
                suites: rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES,
                hybrid: Some(X25519MLKEM768),
                classic: [X25519, SECP256R1, SECP384R1],
                is_fips,
            }
        };
        match self {
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => aws_lc_rs(false),
            #[cfg(feature = "ring")]
            Self::Ring => {
                use rustls::crypto::ring::kx_group::{SECP256R1, SECP384R1, X25519};
                Parts {
                    base: rustls::crypto::ring::default_provider(),
                    suites: rustls::crypto::ring::ALL_CIPHER_SUITES,
                    hybrid: None,
                    classic: [X25519, SECP256R1, SECP384R1],
                    is_fips: false,
                }
            }
            #[cfg(feature = "fips")]
            Self::Fips => aws_lc_rs(true),
        }
    }
}

/// What a provider has. P-256 and P-384 are always offered: a server asks for the curve of the client's
/// certificate among the groups.
struct Parts {
    base: CryptoProvider,
    suites: &'static [SupportedCipherSuite],
    hybrid: Option<&'static dyn SupportedKxGroup>,
    classic: [&'static dyn SupportedKxGroup; 3],
    is_fips: bool,
}
