//! A certificate for a server, under a CA of P-256: this crate issues for devices only.

use std::error::Error;

use hubward::keystore::{SignatureAlgorithm, SigningKey};
use hubward::pki_types::CertificateDer;
use hubward::x509::{CertificateAuthority, Validity};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyIdMethod, KeyUsagePurpose,
    SerialNumber,
};
use time::OffsetDateTime;

/// The length of a point of P-256, with which its SubjectPublicKeyInfo ends.
const POINT: usize = 65;

/// Issues for `name`, a DNS name or an IP address. Both keys are of P-256, and `ca_key` is that of `ca`.
pub(crate) fn issue(
    ca: &CertificateAuthority<'_>,
    ca_key: &dyn SigningKey,
    key: &dyn SigningKey,
    name: &str,
    validity: Validity,
) -> Result<CertificateDer<'static>, Box<dyn Error>> {
    let ca_name = ca.certificate().common_name().ok_or("the CA has no name")?;
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, ca_name);
    issuer.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
    let issuer = Issuer::new(issuer, Key::new(ca_key)?);

    let mut params = CertificateParams::new([name.to_owned()])?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = moment(validity.not_before.as_secs())?;
    params.not_after = moment(validity.not_after.as_secs())?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![2]);
    let mut serial = [0; 16];
    getrandom::fill(&mut serial)?;
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params.signed_by(&Key::new(key)?, &issuer)?.der().clone())
}

fn moment(seconds: u64) -> Result<OffsetDateTime, Box<dyn Error>> {
    Ok(OffsetDateTime::from_unix_timestamp(seconds.try_into()?)?)
}

/// A key of P-256, as `rcgen` wants to be given one.
struct Key<'a> {
    key: &'a dyn SigningKey,
    point: Vec<u8>,
}

impl<'a> Key<'a> {
    fn new(key: &'a dyn SigningKey) -> Result<Self, &'static str> {
        let is_p256 = key.algorithms().contains(&SignatureAlgorithm::EcdsaP256Sha256);
        let spki = key.public_key();
        let point =
            spki.last_chunk::<POINT>().filter(|_| is_p256).ok_or("it is no key of P-256")?;
        Ok(Self { key, point: point.to_vec() })
    }
}

impl rcgen::PublicKeyData for Key<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signed = self.key.sign(SignatureAlgorithm::EcdsaP256Sha256, message);
        signed.map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
