//! Whom to trust: the trust anchors of Azure's clouds, of the platform, or one's own.
//!
//! The anchors are the pins. A device that pinned a server's own certificate, or an intermediate CA's, would
//! lock itself out at the next renewal of it, which comes without notice and within months; anchors stay for
//! years, and Azure announces when others follow them ("Azure IoT TLS: changes are here" in its
//! documentation). So there is no pinning below an anchor here; who wants fewer anchors gives fewer.

use core::fmt;

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::LazyLock;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use thiserror::Error;

use crate::encoding::json;
use crate::error::OtherError;
use crate::time::UnixTime;
use crate::x509::{
    Certificate, CertificateError, PemError, Thumbprint, Validity, certificates_from_pem,
};

/// An Azure cloud, whose hubs and provisioning services have certificates of the same few roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cloud {
    /// `azure-devices.net`, `azure-devices-provisioning.net`.
    Public,
    /// `azure-devices.us`, `azure-devices-provisioning.us`.
    UsGovernment,
    /// `azure-devices.cn`, `azure-devices-provisioning.cn`.
    China,
}

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Public, Self::UsGovernment, Self::China];
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Public => "public",
            Self::UsGovernment => "US government",
            Self::China => "China",
        })
    }
}

/// A root that this crate brings with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltInRoot {
    name: &'static str,
    pem: &'static str,
    sha256: &'static str,
    clouds: &'static [Cloud],
}

impl BuiltInRoot {
    /// The day on which the roots were last compared with what Azure documents: 2026-11-24.
    pub const CHECKED: UnixTime = UnixTime::from_secs(1_795_478_400);

    /// All of them.
    pub const ALL: &[Self] = &[
        Self {
            name: "DigiCert Global Root G2",
            pem: include_str!("anchors/DigiCert_Global_Root_G2.pem"),
            sha256: "CB3CCBB76031E5E0138F8DD39A23F9DE47FFC35E43C1144CEA27D46A5AB1CB5F",
            clouds: &Cloud::ALL,
        },
        Self {
            name: "Microsoft RSA Root Certificate Authority 2017",
            pem: include_str!("anchors/Microsoft_RSA_Root_Certificate_Authority_2017.pem"),
            sha256: "C741F70F4B2A8D88BF2E71C14122EF53EF10EBA0CFA5E64CFA20F418853073E0",
            clouds: &Cloud::ALL,
        },
        Self {
            name: "DigiCert Global Root G3",
            pem: include_str!("anchors/DigiCert_Global_Root_G3.pem"),
            sha256: "31AD6648F8104138C738F39EA4320133393E3A18CC02296EF97C2AC9EF6731D0",
            clouds: &Cloud::ALL,
        },
        Self {
            name: "Microsoft ECC Root Certificate Authority 2017",
            pem: include_str!("anchors/Microsoft_ECC_Root_Certificate_Authority_2017.pem"),
            sha256: "358DF39D764AF9E1B766E9C972DF352EE15CFAC227AF6AD1D70E8E4A6EDCBA02",
            clouds: &Cloud::ALL,
        },
        // Azure's notice of 2026: these two still have chains under it, though platforms drop it.
        Self {
            name: "DigiCert Global Root CA",
            pem: include_str!("anchors/DigiCert_Global_Root_CA.pem"),
            sha256: "4348A0E9444C78CB265E058D5E8944B4D84F9662BD26DB257F8934A443C70161",
            clouds: &[Cloud::UsGovernment, Cloud::China],
        },
    ];

    /// Its name, as its issuer writes it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its certificate in PEM, for stacks that are not rustls.
    pub const fn pem(&self) -> &'static str {
        self.pem
    }

    /// The SHA-256 thumbprint of its certificate: 64 upper-case hexadecimal digits.
    pub const fn sha256(&self) -> &'static str {
        self.sha256
    }

    /// Whether servers of `cloud` have certificates under it.
    pub fn is_of(&self, cloud: Cloud) -> bool {
        self.clouds.contains(&cloud)
    }

    /// Its certificate.
    pub fn certificate(&self) -> &'static Certificate {
        static READ: LazyLock<Vec<Certificate>> =
            LazyLock::new(|| BuiltInRoot::ALL.iter().map(BuiltInRoot::read).collect());
        let read = READ.iter().zip(Self::ALL).find(|(_, root)| *root == self);
        #[expect(clippy::expect_used, reason = "there is no other, and a test reads each")]
        read.map(|(certificate, _)| certificate).expect("it is one of them")
    }

    #[expect(clippy::expect_used, reason = "a test reads each")]
    fn read(&self) -> Certificate {
        let certificates = certificates_from_pem(self.pem.as_bytes()).expect("it is PEM");
        let [der] = certificates.try_into().expect("it is one certificate");
        Certificate::from_der(der).expect("it is a certificate")
    }
}

/// Certificates of CAs under which a server's chain, or on a server a client's, is believed.
///
/// # Examples
///
/// ```
/// use hubward::tls::{Cloud, TrustAnchors};
///
/// let anchors = TrustAnchors::of(Cloud::Public);
/// assert_eq!(anchors.certificates().len(), 4);
/// ```
#[derive(Clone)]
pub struct TrustAnchors {
    certificates: Vec<Certificate>,
    store: Arc<RootCertStore>,
}

impl TrustAnchors {
    /// Those of an Azure cloud.
    #[must_use]
    pub fn of(cloud: Cloud) -> Self {
        let roots = BuiltInRoot::ALL.iter().filter(|root| root.is_of(cloud));
        let certificates = roots.map(|root| root.certificate().clone()).collect();
        #[expect(clippy::expect_used, reason = "a test takes each")]
        Self::from_certificates(certificates).expect("the roots that come with the crate are right")
    }

    /// One's own, in PEM: each certificate of the file, whatever else is in it. At most 64 blocks: the whole
    /// store of a platform is had by `TrustAnchors::platform`.
    ///
    /// # Errors
    ///
    /// [`TrustAnchorError::Pem`]; as [`TrustAnchors::from_der`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustAnchorError> {
        Self::from_der(&certificates_from_pem(pem)?)
    }

    /// One's own, in DER.
    ///
    /// # Errors
    ///
    /// [`TrustAnchorError::Empty`]; [`TrustAnchorError::Certificate`] says which one is not right;
    /// [`TrustAnchorError::NotACa`] which one is no CA's.
    pub fn from_der(anchors: &[CertificateDer<'_>]) -> Result<Self, TrustAnchorError> {
        let read = |(index, der): (usize, &CertificateDer<'_>)| {
            Certificate::from_der(CertificateDer::from(&**der))
                .map_err(|error| TrustAnchorError::Certificate { index, error })
        };
        let certificates = anchors.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Self::from_certificates(certificates)
    }

    /// One's own, read already.
    ///
    /// # Errors
    ///
    /// As [`TrustAnchors::from_der`].
    pub fn from_certificates(certificates: Vec<Certificate>) -> Result<Self, TrustAnchorError> {
        if certificates.is_empty() {
            return Err(TrustAnchorError::Empty);
        }
        let mut taken: Vec<Certificate> = Vec::with_capacity(certificates.len());
        let mut store = RootCertStore::empty();
        for (index, certificate) in certificates.into_iter().enumerate() {
            // Only of version 3 does a certificate tell, and of older ones roots are left. Who has the key of a server must not be able to
            // issue for others.
            let cannot_say = certificate.version() < 3 && certificate.is_self_issued();
            if !certificate.is_ca() && !cannot_say {
                return Err(TrustAnchorError::NotACa { index });
            }
            if !taken.contains(&certificate) {
                let added = store.add(certificate.der().clone());
                added.map_err(|_| TrustAnchorError::Certificate {
                    index,
                    error: CertificateError::Malformed("rustls does not take it as a trust anchor"),
                })?;
                taken.push(certificate);
            }
        }
        Ok(Self { certificates: taken, store: Arc::new(store) })
    }

    /// The trust anchors of the platform, those left out that are not right. The environment can name other
    /// places for them (`SSL_CERT_FILE`, `SSL_CERT_DIR`): who controls that, controls whom the device
    /// trusts.
    ///
    /// # Errors
    ///
    /// [`TrustAnchorError::Platform`] if there are none to be had.
    #[cfg(feature = "tls-platform-roots")]
    pub fn platform() -> Result<Self, TrustAnchorError> {
        let found = rustls_native_certs::load_native_certs();
        let read = |der| Certificate::from_der(der).ok();
        let taken = |certificate: Certificate| {
            Self::from_certificates(Vec::from([certificate])).ok()?.certificates.pop()
        };
        let certificates = found.certs.into_iter().filter_map(read).filter_map(taken).collect();
        Self::from_certificates(certificates).map_err(|_| {
            let mut errors = found.errors.into_iter();
            TrustAnchorError::Platform(
                errors.next().map_or(
                    OtherError::from_static("it has none that can be read"),
                    OtherError::new,
                ),
            )
        })
    }

    /// These, and `others` as well.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        for (certificate, anchor) in others.certificates.iter().zip(&others.store.roots) {
            if !self.certificates.contains(certificate) {
                self.certificates.push(certificate.clone());
                Arc::make_mut(&mut self.store).roots.push(anchor.clone());
            }
        }
        self
    }

    /// Their certificates.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    pub(super) const fn store(&self) -> &Arc<RootCertStore> {
        &self.store
    }

    /// Whether servers of `cloud` would be believed, whichever of its roots they are under.
    #[must_use]
    pub fn readiness(&self, cloud: Cloud, now: UnixTime) -> Readiness {
        let roots = BuiltInRoot::ALL.iter().filter(|root| root.is_of(cloud)).map(|root| {
            let certificate = root.certificate();
            RootReadiness {
                root: *root,
                is_trusted: self.certificates.iter().any(|anchor| anchor.is_same_ca(certificate)),
                is_expired: now > certificate.validity().not_after,
            }
        });
        let anchors = self.certificates.iter().map(|certificate| AnchorReadiness {
            subject: certificate.subject().into(),
            sha256: Thumbprint::sha256(certificate.der()),
            validity: certificate.validity(),
            is_expired: now > certificate.validity().not_after,
        });
        Readiness { cloud, roots: roots.collect(), anchors: anchors.collect() }
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificates, store: _ } = self;
        f.debug_list().entries(certificates.iter().map(Certificate::subject)).finish()
    }
}

/// Whether a device is ready for the roots of a cloud. `Display` says it in a line for each root and anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    cloud: Cloud,
    roots: Vec<RootReadiness>,
    anchors: Vec<AnchorReadiness>,
}

/// A root of the cloud, and whether a chain under it would be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootReadiness {
    /// The root.
    pub root: BuiltInRoot,
    /// Whether one of the anchors has its name and its key.
    pub is_trusted: bool,
    /// Whether its certificate has expired.
    pub is_expired: bool,
}

/// A trust anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnchorReadiness {
    /// Its subject.
    pub subject: String,
    /// Its thumbprint.
    pub sha256: Thumbprint,
    /// From when to when it is valid.
    pub validity: Validity,
    /// Whether it has expired. rustls goes on to trust it: RFC 5280 section 6.1 has no validity of anchors.
    pub is_expired: bool,
}

impl Readiness {
    /// Whether every root of the cloud that has not expired is trusted.
    pub fn is_ready(&self) -> bool {
        let mut current = self.roots.iter().filter(|root| !root.is_expired).peekable();
        current.peek().is_some() && current.all(|root| root.is_trusted)
    }

    /// The roots of the cloud.
    pub fn roots(&self) -> &[RootReadiness] {
        &self.roots
    }

    /// The anchors.
    pub fn anchors(&self) -> &[AnchorReadiness] {
        &self.anchors
    }

    /// The same as JSON: an object with `cloud`, `ready`, `checked`, and lists `roots` (`name`, `sha256`,
    /// `until`, `trusted`, `expired`) and `anchors` (`subject`, `sha256`, `until`, `expired`).
    pub fn to_json(&self) -> String {
        let roots = self.roots.iter().map(|RootReadiness { root, is_trusted, is_expired }| {
            json::Object::new()
                .text("name", root.name())
                .text("sha256", root.sha256())
                .text("until", &root.certificate().validity().not_after.to_string())
                .bool("trusted", *is_trusted)
                .bool("expired", *is_expired)
        });
        let anchors = self.anchors.iter().map(|anchor| {
            let AnchorReadiness { subject, sha256, validity, is_expired } = anchor;
            json::Object::new()
                .text("subject", subject)
                .text("sha256", &sha256.to_string())
                .text("until", &validity.not_after.to_string())
                .bool("expired", *is_expired)
        });
        json::Object::new()
            .text("cloud", &self.cloud.to_string())
            .bool("ready", self.is_ready())
            .text("checked", &BuiltInRoot::CHECKED.to_string())
            .objects("roots", roots)
            .objects("anchors", anchors)
            .finish()
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cloud, roots, anchors } = self;
        let ready = if self.is_ready() { "ready" } else { "not ready" };
        writeln!(
            f,
            "{ready} for the {cloud} cloud, whose roots were checked {}",
            BuiltInRoot::CHECKED
        )?;
        for RootReadiness { root, is_trusted, is_expired } in roots {
            let trusted = if *is_trusted { "trusted" } else { "not trusted" };
            let until = root.certificate().validity().not_after;
            let expired = if *is_expired { ", expired" } else { "" };
            writeln!(f, "root {} until {until}: {trusted}{expired}", root.name())?;
        }
        for AnchorReadiness { subject, sha256, validity, is_expired } in anchors {
            let expired = if *is_expired { ", expired" } else { "" };
            writeln!(f, "anchor {subject} ({sha256}) until {}{expired}", validity.not_after)?;
        }
        Ok(())
    }
}

/// Why trust anchors were not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustAnchorError {
    /// There is none.
    #[error("there is no trust anchor: give the certificate of at least one CA")]
    Empty,
    /// The PEM is not right.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// One of the certificates is not right.
    #[error("trust anchor {}: {error}", index + 1)]
    Certificate {
        /// Which, from 0.
        index: usize,
        /// Why.
        error: CertificateError,
    },
    /// One of the certificates is not that of a CA.
    #[error(
        "trust anchor {}: it is not the certificate of a CA: give that of the CA which issued it",
        index + 1
    )]
    NotACa {
        /// Which, from 0.
        index: usize,
    },
    /// The platform has none.
    #[error("the platform's trust anchors are not to be had")]
    Platform(#[source] OtherError),
}
