//! Issuing certificates: self-signed ones, and a small CA for development.
//!
//! Every lifetime is given by the caller, and a certificate never outlives its issuer's. Serial numbers are
//! random.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use time::OffsetDateTime;

use super::judge::{COMMON_NAME_MAX, module_common_name};
use super::parse::{Certificate, ClientAuth, NameEncoding, NamePart, Validity, read_name};
use super::remote_key::{IssueError, PublicHalf, RemoteKey};
use super::request::{CertificateRequest, device_params};
use crate::error::OtherError;
use crate::identity::{DeviceId, ModuleId, RegistrationId};
use crate::keystore::SigningKey;
use crate::time::UnixTime;

/// A self-signed certificate of a device, which the hub takes by its thumbprint.
///
/// # Errors
///
/// [`IssueError::UnsupportedKey`]; [`IssueError::Key`]; [`IssueError::Validity`] if it is empty.
pub fn self_signed(
    key: &dyn SigningKey,
    device: &DeviceId,
    validity: Validity,
) -> Result<Certificate, IssueError> {
    let key = RemoteKey::new(key)?;
    let mut params = device_params(device.as_str(), key.public.kind);
    set_common(&mut params, &key.public, validity)?;
    let certificate = params.self_signed(&key).map_err(|error| key.explain(error))?;
    read_back(certificate.der())
}

/// A certificate authority: its certificate, and the key that signs.
///
/// For development, tests and small fleets. Who runs a CA for more has rules to keep that this does not
/// know of.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "keystore-software", feature = "ring"))] {
/// use core::time::Duration;
/// use hubward::keystore::{KeyKind, SoftwareSigningKey};
/// use hubward::x509::{CertificateAuthority, CertificateRequest, RING_ALGORITHMS, Validity};
/// use hubward::{DeviceId, UnixTime};
///
/// const DAY: Duration = Duration::from_secs(86_400);
/// let now = UnixTime::from_secs(1_800_000_000);
/// let root_key = SoftwareSigningKey::generate(KeyKind::EcdsaP384)?;
/// let root = CertificateAuthority::root(&root_key, "Contoso dev root", Validity::starting(now, DAY * 90))?;
///
/// let device = DeviceId::new("pump-7")?;
/// let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
/// let request = CertificateRequest::for_device(&key, &device)?;
/// let certificate =
///     root.issue_device(&request, &device, Validity::starting(now, DAY * 30), RING_ALGORITHMS)?;
/// assert_eq!(certificate.common_name(), Some("pump-7"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CertificateAuthority<'a> {
    certificate: Certificate,
    key: &'a dyn SigningKey,
}

impl<'a> CertificateAuthority<'a> {
    /// A root: self-signed, with one level of intermediate CAs below it at most.
    ///
    /// # Errors
    ///
    /// [`IssueError::Name`]; as [`self_signed`].
    pub fn root(
        key: &'a dyn SigningKey,
        name: &str,
        validity: Validity,
    ) -> Result<Self, IssueError> {
        let signer = RemoteKey::new(key)?;
        let mut params = ca_params(name, 1)?;
        set_common(&mut params, &signer.public, validity)?;
        let certificate = params.self_signed(&signer).map_err(|error| signer.explain(error))?;
        Ok(Self { certificate: read_back(certificate.der())?, key })
    }

    /// A CA that has a certificate already. Its name must have one attribute of a kind and one in a set, in
    /// UTF8String, PrintableString or IA5String: others are not written back as they are.
    ///
    /// # Errors
    ///
    /// [`IssueError::NotACa`]; [`IssueError::KeyDiffers`]; [`IssueError::UnsupportedKey`].
    pub fn from_certificate(
        certificate: Certificate,
        key: &'a dyn SigningKey,
    ) -> Result<Self, IssueError> {
        if !certificate.is_ca() {
            return Err(IssueError::NotACa("it is not marked as that of a CA"));
        }
        if certificate.facts().key_usage.is_some_and(|usage| !usage.key_cert_sign) {
            return Err(IssueError::NotACa("its key usage lacks keyCertSign"));
        }
        // What a CA is not for, its certificates are not for either.
        if certificate.facts().client_auth == Some(ClientAuth::Missing) {
            return Err(IssueError::NotACa("its extended key usage lacks clientAuth"));
        }
        if !certificate.matches(key) {
            return Err(IssueError::KeyDiffers);
        }
        // RFC 5280 section 4.1.2.6: what issues has a name.
        if read_name(&certificate.facts().subject).is_some_and(|parts| parts.is_empty()) {
            return Err(IssueError::NotACa("it has no name"));
        }
        let authority = Self { certificate, key };
        authority.issuer_params(&RemoteKey::new(key)?.public)?;
        Ok(authority)
    }

    /// The CA's certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// An intermediate CA below this one, which issues for devices and for no further CA.
    ///
    /// # Errors
    ///
    /// [`IssueError::NotACa`] if this one may have no CA below it; [`IssueError::Name`];
    /// [`IssueError::SameName`] for this one's own; [`IssueError::Validity`];
    /// [`IssueError::OutlivesIssuer`]; [`IssueError::Key`].
    pub fn intermediate<'b>(
        &self,
        key: &'b dyn SigningKey,
        name: &str,
        validity: Validity,
    ) -> Result<CertificateAuthority<'b>, IssueError> {
        if self.certificate.facts().path_len == Some(0) {
            return Err(IssueError::NotACa("its path length allows no CA below it"));
        }
        // The key is here, so that its possession needs no proof.
        let public = RemoteKey::new(key)?.public;
        let certificate = self.sign(ca_params(name, 0)?, &public, validity)?;
        Ok(CertificateAuthority { certificate, key })
    }

    /// A device's certificate from its request. What the request asks for beside its key does not count:
    /// the certificate is for `device`, no CA, and for proving itself as a client.
    ///
    /// # Errors
    ///
    /// [`IssueError::OtherId`] if the request is for another ID; [`IssueError::SameName`] if the CA has that
    /// name; [`IssueError::NotPossessed`] and
    /// [`IssueError::PossessionNotChecked`] if it is not shown to come from who has the key;
    /// [`IssueError::UnsupportedKey`]; [`IssueError::Validity`]; [`IssueError::OutlivesIssuer`];
    /// [`IssueError::Key`].
    pub fn issue_device(
        &self,
        request: &CertificateRequest,
        device: &DeviceId,
        validity: Validity,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<Certificate, IssueError> {
        self.issue(request, device.as_str(), validity, algorithms)
    }

    /// The same for a module: the certificate is for `deviceId/moduleId`.
    ///
    /// # Errors
    ///
    /// As [`CertificateAuthority::issue_device`].
    pub fn issue_module(
        &self,
        request: &CertificateRequest,
        device: &DeviceId,
        module: &ModuleId,
        validity: Validity,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<Certificate, IssueError> {
        self.issue(request, &module_common_name(device, module), validity, algorithms)
    }

    /// The same for a registration in DPS: the certificate is for the registration ID, which becomes the
    /// device ID unless the service is told otherwise.
    ///
    /// # Errors
    ///
    /// As [`CertificateAuthority::issue_device`].
    pub fn issue_registration(
        &self,
        request: &CertificateRequest,
        registration: &RegistrationId,
        validity: Validity,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<Certificate, IssueError> {
        self.issue(request, registration.as_str(), validity, algorithms)
    }

    /// The certificate that proves to the hub or to DPS that this CA's key is at hand: its common name is
    /// the verification code that the service gave out. `key` is any key, made for the purpose.
    ///
    /// # Errors
    ///
    /// [`IssueError::Name`] for what can be no code; [`IssueError::UnsupportedKey`];
    /// [`IssueError::Validity`]; [`IssueError::OutlivesIssuer`]; [`IssueError::Key`].
    pub fn prove_possession(
        &self,
        key: &dyn SigningKey,
        verification_code: &str,
        validity: Validity,
    ) -> Result<Certificate, IssueError> {
        check_name(verification_code)?;
        let public = RemoteKey::new(key)?.public;
        self.sign(device_params(verification_code, public.kind), &public, validity)
    }

    fn issue(
        &self,
        request: &CertificateRequest,
        common_name: &str,
        validity: Validity,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<Certificate, IssueError> {
        if request.common_name() != Some(common_name) {
            let found = String::from(request.common_name().unwrap_or_default());
            return Err(IssueError::OtherId { expected: common_name.into(), found });
        }
        // First, for what is said of the key counts even where no algorithm is for it.
        let public = PublicHalf::new(&request.public_key())?;
        request.check_possession(algorithms)?;
        self.sign(device_params(common_name, public.kind), &public, validity)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        public: &PublicHalf,
        validity: Validity,
    ) -> Result<Certificate, IssueError> {
        let own = self.certificate.validity();
        if validity.not_before < own.not_before || validity.not_after > own.not_after {
            return Err(IssueError::OutlivesIssuer { issuer: own });
        }
        set_common(&mut params, public, validity)?;
        params.use_authority_key_identifier_extension = true;
        let key = RemoteKey::new(self.key)?;
        let issuer = Issuer::new(self.issuer_params(&key.public)?, &key);
        let certificate = params.signed_by(public, &issuer).map_err(|error| key.explain(error))?;
        let certificate = read_back(certificate.der())?;
        if certificate.facts().issuer != self.certificate.facts().subject {
            return Err(FOREIGN_NAME);
        }
        // Whoever looks for the issuer of a certificate goes by names first.
        if certificate.is_self_issued() {
            return Err(IssueError::SameName);
        }
        if certificate.facts().public_key != public.bits() {
            return Err(IssueError::UnsupportedKey);
        }
        Ok(certificate)
    }

    /// Name and key identifier of this CA, as its certificate has them.
    fn issuer_params(&self, public: &PublicHalf) -> Result<CertificateParams, IssueError> {
        let facts = self.certificate.facts();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for NamePart { oid, encoding, text } in read_name(&facts.subject).ok_or(FOREIGN_NAME)? {
            let value = match encoding {
                NameEncoding::Utf8 => DnValue::Utf8String(text),
                NameEncoding::Printable => {
                    DnValue::PrintableString(text.try_into().map_err(|_| FOREIGN_NAME)?)
                }
                NameEncoding::Ia5 => DnValue::Ia5String(text.try_into().map_err(|_| FOREIGN_NAME)?),
            };
            // `rcgen` asserts that it can be one, and keeps one attribute of a kind.
            if !matches!(*oid, [0 | 1, ..40, ..] | [2, _, ..]) {
                return Err(FOREIGN_NAME);
            }
            let kind = DnType::from_oid(&oid);
            if params.distinguished_name.get(&kind).is_some() {
                return Err(FOREIGN_NAME);
            }
            params.distinguished_name.push(kind, value);
        }
        let key_id = facts.subject_key_id.clone().unwrap_or_else(|| public.key_id());
        params.key_identifier_method = KeyIdMethod::PreSpecified(key_id);
        params.key_usages = Vec::from([KeyUsagePurpose::KeyCertSign]);
        Ok(params)
    }
}

impl fmt::Debug for CertificateAuthority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key } = self;
        f.debug_struct("CertificateAuthority")
            .field("certificate", certificate)
            .field("key", key)
            .finish()
    }
}

const FOREIGN_NAME: IssueError =
    IssueError::NotACa("its name has a part that is not written back as it is");

/// 9999-12-31T23:59:59Z, where `GeneralizedTime` ends (RFC 5280 section 4.1.2.5).
const LAST_MOMENT: UnixTime = UnixTime::from_secs(253_402_300_799);

fn check_name(name: &str) -> Result<(), IssueError> {
    let len = name.chars().count();
    if len == 0 || len > COMMON_NAME_MAX || name.chars().any(char::is_control) {
        return Err(IssueError::Name);
    }
    Ok(())
}

fn ca_params(name: &str, path_len: u8) -> Result<CertificateParams, IssueError> {
    check_name(name)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_len));
    params.key_usages = Vec::from([KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
    Ok(params)
}

/// Validity, serial number and key identifier.
fn set_common(
    params: &mut CertificateParams,
    public: &PublicHalf,
    validity: Validity,
) -> Result<(), IssueError> {
    let Validity { not_before, not_after } = validity;
    if not_after <= not_before {
        return Err(IssueError::Validity);
    }
    // `time` may go further: where another crate turns on its `large-dates`.
    if not_after > LAST_MOMENT {
        return Err(IssueError::Validity);
    }
    let moment = |moment: UnixTime| {
        let seconds = i64::try_from(moment.as_secs()).map_err(|_| IssueError::Validity)?;
        OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| IssueError::Validity)
    };
    params.not_before = moment(not_before)?;
    params.not_after = moment(not_after)?;
    // RFC 5280 section 4.1.2.2: positive, at most 20 bytes.
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|_| {
        IssueError::Other(OtherError::from_static(
            "the system's random number generator does not answer",
        ))
    })?;
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.key_identifier_method = KeyIdMethod::PreSpecified(public.key_id());
    Ok(())
}

/// What was written is what is read: the certificate goes through the same door as any other.
fn read_back(der: &CertificateDer<'_>) -> Result<Certificate, IssueError> {
    Certificate::from_der(CertificateDer::from(&**der))
        .map_err(|error| IssueError::Other(OtherError::new(error)))
}
