//! Requests for certificates (PKCS#10, RFC 2986), over a key that stays in its store.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding as _};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
};
use rustls_pki_types::{
    CertificateSigningRequestDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer,
};

use super::chain::{SignatureCheck, verify};
use super::judge::module_common_name;
use super::parse::{PublicKeyKind, RequestFacts, read_public_key};
use super::pem::to_pem;
use super::remote_key::{IssueError, RemoteKey};
use crate::identity::{DeviceId, ModuleId, RegistrationId};
use crate::keystore::SigningKey;

/// A request for a certificate.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "keystore-software")] {
/// use hubward::DeviceId;
/// use hubward::keystore::{KeyKind, SoftwareSigningKey};
/// use hubward::x509::CertificateRequest;
///
/// let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
/// let request = CertificateRequest::for_device(&key, &DeviceId::new("pump-7")?)?;
/// assert!(request.to_pem().starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    der: CertificateSigningRequestDer<'static>,
    facts: RequestFacts,
}

impl CertificateRequest {
    /// A request for a device: its common name is the device's ID.
    ///
    /// # Errors
    ///
    /// [`IssueError::UnsupportedKey`]; [`IssueError::Key`] if the key could not sign.
    pub fn for_device(key: &dyn SigningKey, device: &DeviceId) -> Result<Self, IssueError> {
        Self::with_common_name(key, device.as_str())
    }

    /// A request for a module: its common name is `deviceId/moduleId`.
    ///
    /// # Errors
    ///
    /// As [`CertificateRequest::for_device`].
    pub fn for_module(
        key: &dyn SigningKey,
        device: &DeviceId,
        module: &ModuleId,
    ) -> Result<Self, IssueError> {
        Self::with_common_name(key, &module_common_name(device, module))
    }

    /// A request for a registration in DPS: its common name is the registration ID.
    ///
    /// # Errors
    ///
    /// As [`CertificateRequest::for_device`].
    pub fn for_registration(
        key: &dyn SigningKey,
        registration: &RegistrationId,
    ) -> Result<Self, IssueError> {
        Self::with_common_name(key, registration.as_str())
    }

    fn with_common_name(key: &dyn SigningKey, common_name: &str) -> Result<Self, IssueError> {
        let key = RemoteKey::new(key)?;
        let params = device_params(common_name, key.public.kind);
        let request = params.serialize_request(&key).map_err(|error| key.explain(error))?;
        Self::from_der(request.der())
    }

    /// Reads a request. Whether it was signed by its own key is not looked at:
    /// [`CertificateRequest::check_possession`].
    ///
    /// # Errors
    ///
    /// [`IssueError::NotARequest`].
    pub fn from_der(der: &CertificateSigningRequestDer<'_>) -> Result<Self, IssueError> {
        let facts = RequestFacts::read(der).map_err(IssueError::NotARequest)?;
        Ok(Self { der: CertificateSigningRequestDer::from(der.to_vec()), facts })
    }

    /// Reads a request in PEM.
    ///
    /// # Errors
    ///
    /// [`IssueError::Pem`]; [`IssueError::NotARequest`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, IssueError> {
        let der = super::pem::request_from_pem(pem)?;
        Self::from_der(&CertificateSigningRequestDer::from(der))
    }

    /// Checks that whoever wrote the request has its private key.
    ///
    /// # Errors
    ///
    /// [`IssueError::NotPossessed`]; [`IssueError::PossessionNotChecked`] if none of the algorithms is for
    /// its key and signature.
    pub fn check_possession(
        &self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), IssueError> {
        let facts = &self.facts;
        let kind = read_public_key(&facts.spki).map_or(PublicKeyKind::Other, |(kind, _)| kind);
        let check = verify(
            algorithms,
            kind,
            (&facts.key_algorithm, &facts.public_key),
            (&facts.signature_algorithm, &facts.signature),
            self.der.get(facts.signed.clone()).unwrap_or_default(),
        );
        match check {
            SignatureCheck::Good => Ok(()),
            SignatureCheck::Bad => Err(IssueError::NotPossessed),
            SignatureCheck::NotChecked => Err(IssueError::PossessionNotChecked),
        }
    }

    /// The common name: the ID that it asks for. `None` if there is none, more than one, or one that is no
    /// text.
    pub fn common_name(&self) -> Option<&str> {
        match &*self.facts.common_names {
            [Some(name)] => Some(name),
            _ => None,
        }
    }

    /// The public key that it is for, in DER.
    pub fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        SubjectPublicKeyInfoDer::from(&*self.facts.spki)
    }

    /// The request as DER.
    pub const fn der(&self) -> &CertificateSigningRequestDer<'static> {
        &self.der
    }

    /// The request as PEM.
    pub fn to_pem(&self) -> String {
        to_pem("CERTIFICATE REQUEST", &self.der)
    }

    /// The DER in base64 on one line, as DPS takes it.
    pub fn to_base64(&self) -> String {
        Base64::encode_string(&self.der)
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRequest")
            .field("common_name", &self.common_name())
            .finish_non_exhaustive()
    }
}

/// A device's certificate or request: no CA, and for proving itself as a client.
pub(super) fn device_params(common_name: &str, kind: PublicKeyKind) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = Vec::from([KeyUsagePurpose::DigitalSignature]);
    // As the identity service asks for it; an ECDSA key enciphers nothing (RFC 8813 section 3).
    if matches!(kind, PublicKeyKind::Rsa { .. }) {
        params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    params.extended_key_usages = Vec::from([ExtendedKeyUsagePurpose::ClientAuth]);
    params
}
