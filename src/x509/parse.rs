//! What a certificate says: the one file that knows `x509-parser`.
//!
//! Bounds: [`CERTIFICATE_MAX`] bytes of DER, and the nesting that the format of a certificate has.

use core::fmt;
use core::time::Duration;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use thiserror::Error;
use x509_parser::asn1_rs::{FromDer as _, Oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;

use super::der::{
    BIT_STRING, BMP_STRING, BOOLEAN, EXPLICIT_0, EXPLICIT_3, IA5_STRING, INTEGER, NUMERIC_STRING,
    OCTET_STRING, OID, PRINTABLE_STRING, SEQUENCE, SET, TELETEX_STRING, UNIVERSAL_STRING,
    UTF8_STRING, VISIBLE_STRING, Value,
};
use crate::time::UnixTime;

/// The most bytes of a certificate. Those of devices have one or two thousand.
pub const CERTIFICATE_MAX: usize = 64 * 1024;

/// From when to when a certificate is valid, both moments included (RFC 5280 section 4.1.2.5). What lies
/// before 1970 is taken for 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to it")]
pub struct Validity {
    /// The first moment.
    pub not_before: UnixTime,
    /// The last moment.
    pub not_after: UnixTime,
}

impl Validity {
    /// From `now` on, for `lifetime`. Devices' clocks differ: a CA's certificate begins before those that it
    /// issues.
    #[must_use]
    pub const fn starting(now: UnixTime, lifetime: Duration) -> Self {
        Self { not_before: now, not_after: now.saturating_add(lifetime) }
    }
}

/// A kind of public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKeyKind {
    /// ECDSA with P-256.
    EcdsaP256,
    /// ECDSA with P-384.
    EcdsaP384,
    /// ECDSA with P-521.
    EcdsaP521,
    /// RSA.
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
    /// Ed25519.
    Ed25519,
    /// Something else.
    Other,
}

impl fmt::Display for PublicKeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::Rsa { bits } => write!(f, "RSA with {bits} bits"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other => f.write_str("an unknown kind"),
        }
    }
}

/// The hash of a signature, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureHash {
    Md5,
    Sha1,
    Other,
}

/// A certificate that was read: its DER, and what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    facts: Facts,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) version: u32,
    pub(super) serial: Vec<u8>,
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) subject_text: String,
    pub(super) issuer_text: String,
    /// `None` for one that is no text.
    pub(super) common_names: Vec<Option<String>>,
    pub(super) validity: Validity,
    pub(super) spki: Vec<u8>,
    /// The contents of the `AlgorithmIdentifier`s, as `rustls-pki-types` compares them.
    pub(super) key_algorithm: Vec<u8>,
    pub(super) signature_algorithm: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) key_kind: PublicKeyKind,
    pub(super) signature_hash: SignatureHash,
    pub(super) signed: core::ops::Range<usize>,
    pub(super) signature: Vec<u8>,
    /// Whether it is marked CA; `None` without basic constraints.
    pub(super) ca: Option<bool>,
    pub(super) path_len: Option<u32>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) key_usage: Option<KeyUsage>,
    /// `None` without extended key usages.
    pub(super) client_auth: Option<ClientAuth>,
    /// What of the certificates below it is constrained and not judged here.
    pub(super) constrains: Vec<&'static str>,
    pub(super) unknown_critical: Vec<String>,
}

/// Whether proving oneself as a client of TLS is among the extended key usages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    Named,
    /// `anyExtendedKeyUsage`.
    ByAny,
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyUsage {
    pub(super) digital_signature: bool,
    pub(super) key_cert_sign: bool,
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    ///
    /// A [`CertificateError`] that says what is wrong.
    pub fn from_der(der: CertificateDer<'_>) -> Result<Self, CertificateError> {
        let facts = Facts::read(&der)?;
        Ok(Self { der: der.into_owned(), facts })
    }

    /// The certificate's DER.
    pub const fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate as PEM.
    pub fn to_pem(&self) -> String {
        super::pem::to_pem("CERTIFICATE", &self.der)
    }

    /// From when to when it is valid.
    pub const fn validity(&self) -> Validity {
        self.facts.validity
    }

    /// The common name of the subject: the device ID, for a certificate that is signed by a CA. `None` if
    /// there is none, more than one, or one that is no text.
    pub fn common_name(&self) -> Option<&str> {
        match &*self.facts.common_names {
            [Some(name)] => Some(name),
            _ => None,
        }
    }

    /// The subject for people, as in `CN=pump-7, O=Contoso`: in the order of the certificate, escaped as in
    /// RFC 4514.
    pub fn subject(&self) -> &str {
        &self.facts.subject_text
    }

    /// The issuer for people.
    pub fn issuer(&self) -> &str {
        &self.facts.issuer_text
    }

    /// The serial number as it is encoded: big-endian, in two's complement, so that a zero may lead
    /// (X.690 section 8.3).
    pub fn serial(&self) -> &[u8] {
        &self.facts.serial
    }

    /// The version: 3, unless it is so old that it does not say what it is for.
    pub const fn version(&self) -> u32 {
        self.facts.version
    }

    /// The public key with its algorithm, in DER.
    pub fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        SubjectPublicKeyInfoDer::from(&*self.facts.spki)
    }

    /// What kind of public key it is.
    pub const fn public_key_kind(&self) -> PublicKeyKind {
        self.facts.key_kind
    }

    /// Whether it is marked as that of a CA (basic constraints).
    pub fn is_ca(&self) -> bool {
        self.facts.ca == Some(true)
    }

    /// Whether subject and issuer are the same.
    pub fn is_self_issued(&self) -> bool {
        self.facts.subject == self.facts.issuer
    }

    /// Whether the public key is that of `key`: the same kind and the same bits. Of what is no key of the
    /// hub, everything must be the same.
    #[must_use]
    pub fn matches(&self, key: &dyn crate::keystore::SigningKey) -> bool {
        let spki = key.public_key();
        let has_same_bits = || match read_public_key(&spki) {
            None | Some((PublicKeyKind::Other, _)) => false,
            Some((kind, bits)) => kind == self.facts.key_kind && bits == self.facts.public_key,
        };
        *spki == *self.facts.spki || has_same_bits()
    }

    /// Whether it has the name and the key of `other`, which are what is trusted of a trust anchor (RFC 5280
    /// section 6.1.1).
    pub(crate) fn is_same_ca(&self, other: &Self) -> bool {
        self.facts.subject == other.facts.subject && self.facts.spki == other.facts.spki
    }

    /// The hash of its signature, if it is broken.
    pub(crate) const fn weak_signature_hash(&self) -> Option<&'static str> {
        match self.facts.signature_hash {
            SignatureHash::Md5 => Some("MD5 or older"),
            SignatureHash::Sha1 => Some("SHA-1"),
            SignatureHash::Other => None,
        }
    }

    /// The bits of the public key, without the algorithm.
    #[cfg(feature = "tls")]
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        &self.facts.public_key
    }

    pub(super) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What the signature is over.
    pub(super) fn signed(&self) -> &[u8] {
        self.der.get(self.facts.signed.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("issuer", &self.issuer())
            .field("validity", &self.validity())
            .finish_non_exhaustive()
    }
}

impl Facts {
    fn read(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_MAX {
            return Err(CertificateError::TooLong { len: der.len() });
        }
        // A text may begin with the digit that is the first byte of DER.
        let is_der = || Value::first(der).is_some_and(|(outer, _)| outer.values().is_some());
        if super::pem::has_block(der) && !is_der() {
            return Err(CertificateError::IsPem);
        }
        let (outer, rest) = Value::first(der).ok_or(CertificateError::NotDer)?;
        if !rest.is_empty() {
            return Err(CertificateError::TrailingBytes { len: rest.len() });
        }
        let malformed = CertificateError::Malformed;
        // PKCS#8, SEC 1 and PKCS#1 begin with a version of 0 or 1.
        if matches!(outer.content, [0x02, 0x01, 0x00 | 0x01, ..]) {
            return Err(malformed("it is a private key"));
        }
        let (rest, certificate) = X509Certificate::from_der(der)
            .map_err(|_| malformed("it is no certificate of RFC 5280"))?;
        if !rest.is_empty() {
            return Err(CertificateError::TrailingBytes { len: rest.len() });
        }
        let Shape { algorithm, signed_algorithm, issuer, subject, public_key } = Shape::of(outer)
            .ok_or(
            malformed("a part of it is not as DER has it, or belongs to no certificate"),
        )?;
        if algorithm != signed_algorithm {
            return Err(malformed("its two names of the signature's algorithm differ"));
        }
        let tbs = &certificate.tbs_certificate;
        let signed: &[u8] = tbs.as_ref();
        let start = outer.header_len();

        let mut facts = Self {
            version: match tbs.version.0 {
                version @ 0..=2 => version + 1,
                _ => return Err(malformed("its version is none of 1 to 3")),
            },
            serial: tbs.raw_serial().to_vec(),
            subject: tbs.subject.as_raw().to_vec(),
            issuer: tbs.issuer.as_raw().to_vec(),
            subject_text: shown(&subject),
            issuer_text: shown(&issuer),
            common_names: common_names(&subject),
            validity: Validity {
                not_before: moment(tbs.validity.not_before.timestamp()),
                not_after: moment(tbs.validity.not_after.timestamp()),
            },
            spki: tbs.subject_pki.raw.to_vec(),
            key_algorithm: public_key.algorithm.to_vec(),
            signature_algorithm: algorithm.to_vec(),
            public_key: public_key.key.to_vec(),
            key_kind: key_kind(&public_key),
            signature_hash: signature_hash(algorithm),
            signed: start..start + signed.len(),
            signature: certificate.signature_value.data.to_vec(),
            ca: None,
            path_len: None,
            subject_key_id: None,
            key_usage: None,
            client_auth: None,
            constrains: Vec::new(),
            unknown_critical: Vec::new(),
        };
        // There is room for thousands.
        let mut seen = BTreeSet::new();
        for extension in tbs.extensions() {
            if !seen.insert(extension.oid.as_bytes()) {
                return Err(malformed("an extension is there twice"));
            }
            let parsed = extension.parsed_extension();
            if let Some((name, is_one)) = needed_extension(&extension.oid, extension.value)
                && (parsed.error().is_some() || !is_one)
            {
                return Err(malformed(name));
            }
            match parsed {
                ParsedExtension::BasicConstraints(constraints) => {
                    facts.ca = Some(constraints.ca);
                    facts.path_len = constraints.path_len_constraint;
                }
                ParsedExtension::KeyUsage(usage) => {
                    facts.key_usage = Some(KeyUsage {
                        digital_signature: usage.digital_signature(),
                        key_cert_sign: usage.key_cert_sign(),
                    });
                }
                ParsedExtension::SubjectKeyIdentifier(id) => {
                    facts.subject_key_id = Some(id.0.to_vec());
                }
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    facts.client_auth = Some(match usage {
                        usage if usage.client_auth => ClientAuth::Named,
                        usage if usage.any => ClientAuth::ByAny,
                        _ => ClientAuth::Missing,
                    });
                }
                ParsedExtension::NameConstraints(_) if are_name_constraints(extension.value) => {
                    facts.constrains.push("names");
                }
                ParsedExtension::CertificatePolicies(_)
                | ParsedExtension::PolicyConstraints(_)
                | ParsedExtension::InhibitAnyPolicy(_)
                | ParsedExtension::PolicyMappings(_)
                    if extension.critical =>
                {
                    facts.constrains.push("policies");
                }
                // What it says decides nothing here: who it is for beside the common name, and which key
                // issued it.
                ParsedExtension::SubjectAlternativeName(_)
                | ParsedExtension::AuthorityKeyIdentifier(_) => {}
                // One that is damaged is as good as one that nobody knows.
                _ if extension.critical => {
                    facts.unknown_critical.push(dotted(extension.oid.as_bytes()));
                }
                _ => {}
            }
        }
        Ok(facts)
    }
}

/// The extensions whose content matters here: what they are called, and whether `value` is one.
fn needed_extension(oid: &Oid<'_>, value: &[u8]) -> Option<(&'static str, bool)> {
    let is = |identifier| Value::only(value, identifier).is_some();
    let is_made_of =
        |fits: fn(&[u8]) -> bool| identifiers_within(value).is_some_and(|parts| fits(&parts));
    // All of id-ce (RFC 5280 section 4.2.1).
    match oid.as_bytes() {
        [0x55, 0x1d, 0x0e] => Some(("its subject key identifier", is(OCTET_STRING))),
        [0x55, 0x1d, 0x0f] => Some(("its key usage", is(BIT_STRING))),
        [0x55, 0x1d, 0x13] => {
            let fits =
                |parts: &[u8]| matches!(parts, [] | [BOOLEAN] | [INTEGER] | [BOOLEAN, INTEGER]);
            Some(("its basic constraints", is_made_of(fits)))
        }
        [0x55, 0x1d, 0x25] => {
            let fits = |parts: &[u8]| parts.iter().all(|part| *part == OID);
            Some(("its extended key usage", is_made_of(fits)))
        }
        _ => None,
    }
}

/// Permitted names, excluded ones, or both (RFC 5280 section 4.2.1.10).
fn are_name_constraints(value: &[u8]) -> bool {
    const PERMITTED: u8 = 0xa0;
    const EXCLUDED: u8 = 0xa1;
    let parts = identifiers_within(value);
    matches!(parts.as_deref(), Some([PERMITTED] | [EXCLUDED] | [PERMITTED, EXCLUDED]))
}

/// The identifiers of what a SEQUENCE is made of.
fn identifiers_within(der: &[u8]) -> Option<Vec<u8>> {
    let parts = Value::only(der, SEQUENCE)?.values()?;
    Some(parts.iter().map(|part| part.identifier).collect())
}

/// The parts of a certificate whose bytes matter. `x509-parser` takes tags by their number and lengths of
/// any form, and passes over what follows the last part that it understands of a name, an algorithm and
/// much else, where another reader may go on.
struct Shape<'a> {
    /// The contents of the algorithm beside the signature, and of that which is signed.
    algorithm: &'a [u8],
    signed_algorithm: &'a [u8],
    issuer: Vec<Vec<Attribute<'a>>>,
    subject: Vec<Vec<Attribute<'a>>>,
    public_key: PublicKeyParts<'a>,
}

impl<'a> Shape<'a> {
    /// `None` if anything is in it that does not belong there (RFC 5280 section 4.1), or not in the form
    /// that DER has for it.
    fn of(certificate: Value<'a>) -> Option<Self> {
        let [signed, algorithm, _] = signed_parts(certificate)?;
        let parts = signed.values()?;
        let parts = match &*parts {
            [version, parts @ ..] if version.identifier == EXPLICIT_0 => {
                Value::only(version.content, INTEGER)?;
                parts
            }
            parts => parts,
        };
        let [serial, signed_algorithm, issuer, validity, subject, public_key, rest @ ..] = parts
        else {
            return None;
        };
        let [not_before, not_after] = validity.exactly(SEQUENCE)?;
        (serial.identifier == INTEGER && not_before.is_time() && not_after.is_time())
            .then_some(())?;
        // Two unique identifiers and the extensions, each at most once, in their order.
        const UNIQUE_ID_1: u8 = 0x81;
        const UNIQUE_ID_2: u8 = 0x82;
        let mut least = UNIQUE_ID_1;
        for part in rest {
            let is_next = part.identifier >= least;
            let known = matches!(part.identifier, UNIQUE_ID_1 | UNIQUE_ID_2 | EXPLICIT_3);
            (is_next && known).then_some(())?;
            least = part.identifier + 1;
            if part.identifier == EXPLICIT_3 {
                for extension in Value::only(part.content, SEQUENCE)?.values()? {
                    let parts = identifiers_within(extension.der)?;
                    matches!(*parts, [OID, OCTET_STRING] | [OID, BOOLEAN, OCTET_STRING])
                        .then_some(())?;
                }
            }
        }
        Some(Self {
            algorithm: algorithm_of(algorithm)?,
            signed_algorithm: algorithm_of(*signed_algorithm)?,
            issuer: attributes(*issuer)?,
            subject: attributes(*subject)?,
            public_key: PublicKeyParts::of(*public_key)?,
        })
    }
}

/// What is signed, the algorithm and the signature: the shape of certificates and of requests. One bit
/// otherwise, in a tag or before the signature's own bits, and it is not what the signature was made for.
fn signed_parts(outer: Value<'_>) -> Option<[Value<'_>; 3]> {
    let parts @ [signed, _, signature] = outer.exactly(SEQUENCE)?;
    let fits = outer.is_der() && signed.identifier == SEQUENCE;
    (fits && signature.bits().is_some()).then_some(parts)
}

/// The content of an `AlgorithmIdentifier`.
fn algorithm_of(value: Value<'_>) -> Option<&[u8]> {
    let parts = value.values_of(SEQUENCE)?;
    let [oid, parameters @ ..] = &*parts else { return None };
    (oid.identifier == OID && parameters.len() <= 1).then_some(value.content)
}

/// A `SubjectPublicKeyInfo`.
struct PublicKeyParts<'a> {
    /// The content of the algorithm.
    algorithm: &'a [u8],
    key: &'a [u8],
}

impl<'a> PublicKeyParts<'a> {
    fn of(value: Value<'a>) -> Option<Self> {
        let [algorithm, key] = value.exactly(SEQUENCE)?;
        Some(Self { algorithm: algorithm_of(algorithm)?, key: key.bits()? })
    }
}

/// What a request for a certificate says.
#[cfg(feature = "x509-issue")]
#[derive(Clone, PartialEq, Eq)]
pub(super) struct RequestFacts {
    pub(super) common_names: Vec<Option<String>>,
    pub(super) spki: Vec<u8>,
    pub(super) key_algorithm: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) signature_algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) signed: core::ops::Range<usize>,
}

#[cfg(feature = "x509-issue")]
impl RequestFacts {
    pub(super) fn read(der: &[u8]) -> Result<Self, &'static str> {
        if der.len() > CERTIFICATE_MAX {
            return Err("it is too long");
        }
        let (outer, rest) = Value::first(der).ok_or("it is not DER")?;
        if !rest.is_empty() {
            return Err("something follows it");
        }
        Self::of(outer).ok_or("a part of it is not as DER has it, or belongs to no request")
    }

    /// `None` as in [`Shape::of`] (RFC 2986 section 4).
    fn of(request: Value<'_>) -> Option<Self> {
        let [info, algorithm, signature] = signed_parts(request)?;
        let parts = info.values()?;
        let [version, subject, spki, rest @ ..] = &*parts else { return None };
        // Some leave out the attributes where there are none.
        let attributes_asked = match rest {
            [] => Vec::new(),
            [asked] => asked.values_of(EXPLICIT_0)?,
            _ => return None,
        };
        for attribute in attributes_asked {
            let [kind, values] = attribute.exactly(SEQUENCE)?;
            (kind.identifier == OID && values.identifier == SET).then_some(())?;
        }
        (version.identifier == INTEGER).then_some(())?;
        let public_key = PublicKeyParts::of(*spki)?;
        let start = request.header_len();
        Some(Self {
            common_names: common_names(&attributes(*subject)?),
            spki: spki.der.to_vec(),
            key_algorithm: public_key.algorithm.to_vec(),
            public_key: public_key.key.to_vec(),
            signature_algorithm: algorithm_of(algorithm)?.to_vec(),
            signature: signature.bits()?.to_vec(),
            signed: start..start + info.der.len(),
        })
    }
}

/// A part of a name, as it is encoded.
#[cfg(feature = "x509-issue")]
pub(super) struct NamePart {
    pub(super) oid: Vec<u64>,
    pub(super) encoding: NameEncoding,
    pub(super) text: String,
}

/// The encodings that names are written in today (RFC 5280 section 4.1.2.4).
#[cfg(feature = "x509-issue")]
pub(super) enum NameEncoding {
    Utf8,
    Printable,
    Ia5,
}

/// The parts of a name; `None` for one with parts that are written otherwise.
#[cfg(feature = "x509-issue")]
pub(super) fn read_name(name: &[u8]) -> Option<Vec<NamePart>> {
    let mut parts = Vec::new();
    for set in attributes(Value::only(name, SEQUENCE)?)? {
        let [attribute] = &*set else { return None };
        let encoding = match attribute.value.identifier {
            UTF8_STRING => NameEncoding::Utf8,
            PRINTABLE_STRING => NameEncoding::Printable,
            IA5_STRING => NameEncoding::Ia5,
            _ => return None,
        };
        let oid = Oid::new(attribute.kind.content.into()).iter()?.collect();
        parts.push(NamePart { oid, encoding, text: attribute.text()? });
    }
    Some(parts)
}

/// The kind of a public key and its bits.
pub(super) fn read_public_key(spki: &[u8]) -> Option<(PublicKeyKind, Vec<u8>)> {
    let public_key = PublicKeyParts::of(Value::only(spki, SEQUENCE)?)?;
    Some((key_kind(&public_key), public_key.key.to_vec()))
}

/// An attribute of a name.
struct Attribute<'a> {
    kind: Value<'a>,
    value: Value<'a>,
}

impl Attribute<'_> {
    /// The text of the value; `None` for one that is no text, or none of its own encoding.
    fn text(&self) -> Option<String> {
        let Value { identifier, content, .. } = self.value;
        match identifier {
            UTF8_STRING | PRINTABLE_STRING | IA5_STRING | NUMERIC_STRING | VISIBLE_STRING => {
                core::str::from_utf8(content).ok().map(String::from)
            }
            // Its own characters are never meant: Latin-1, as OpenSSL reads and writes it.
            TELETEX_STRING => Some(content.iter().map(|byte| char::from(*byte)).collect()),
            BMP_STRING => {
                let (units, rest) = content.as_chunks();
                let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
                let text = char::decode_utf16(units).collect::<Result<_, _>>().ok();
                text.filter(|_| rest.is_empty())
            }
            UNIVERSAL_STRING => {
                let (units, rest) = content.as_chunks();
                let mut units = units.iter().map(|unit| u32::from_be_bytes(*unit));
                let text = units.try_fold(String::new(), |mut text, unit| {
                    text.push(char::from_u32(unit)?);
                    Some(text)
                });
                text.filter(|_| rest.is_empty())
            }
            _ => None,
        }
    }

    fn is_common_name(&self) -> bool {
        self.kind.content == [0x55, 0x04, 0x03]
    }
}

/// The attributes of a name, by the sets in which they are; `None` if there is anything else in it.
fn attributes(name: Value<'_>) -> Option<Vec<Vec<Attribute<'_>>>> {
    fn attribute(value: Value<'_>) -> Option<Attribute<'_>> {
        let [kind, value] = value.exactly(SEQUENCE)?;
        (kind.identifier == OID).then_some(Attribute { kind, value })
    }

    fn set(set: Value<'_>) -> Option<Vec<Attribute<'_>>> {
        let values = set.values_of(SET).filter(|values| !values.is_empty())?;
        values.into_iter().map(attribute).collect()
    }

    name.values_of(SEQUENCE)?.into_iter().map(set).collect()
}

fn common_names(name: &[Vec<Attribute<'_>>]) -> Vec<Option<String>> {
    let common_names = name.iter().flatten().filter(|attribute| attribute.is_common_name());
    common_names.map(Attribute::text).collect()
}

fn moment(timestamp: i64) -> UnixTime {
    UnixTime::from_secs(u64::try_from(timestamp).unwrap_or(0))
}

/// A name for people, as RFC 4514 writes it but in the order of the certificate, and with spaces between.
fn shown(name: &[Vec<Attribute<'_>>]) -> String {
    let mut shown = String::new();
    for (place, set) in name.iter().enumerate() {
        shown.push_str(if place == 0 { "" } else { ", " });
        for (place, attribute) in set.iter().enumerate() {
            shown.push_str(if place == 0 { "" } else { " + " });
            let kind = dotted(attribute.kind.content);
            shown.push_str(short_name(&kind).unwrap_or(&kind));
            shown.push('=');
            match attribute.text() {
                Some(text) => push_escaped(&mut shown, &text),
                None => {
                    shown.push('#');
                    attribute
                        .value
                        .der
                        .iter()
                        .for_each(|byte| shown.push_str(&format!("{byte:02X}")));
                }
            }
        }
    }
    shown
}

/// Those of RFC 4514 section 3, and others that are in use.
fn short_name(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "2.5.4.46" => "dnQualifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// Escapes what has a meaning in a name (RFC 4514 section 2.4), and, as a name comes from outside and may
/// end in a terminal, what is not seen itself or changes how the rest is seen.
fn push_escaped(shown: &mut String, text: &str) {
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => shown.extend(['\\', character]),
            '#' if start == 0 => shown.push_str("\\#"),
            ' ' if start == 0 || end == text.len() => shown.push_str("\\ "),
            // Marks of direction, separators of lines, and the mark of byte order.
            '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => push_hex(shown, character),
            _ if character.is_control() => push_hex(shown, character),
            _ => shown.push(character),
        }
    }
}

fn push_hex(shown: &mut String, character: char) {
    let mut buffer = [0; 4];
    for byte in character.encode_utf8(&mut buffer).bytes() {
        shown.push_str(&format!("\\{byte:02X}"));
    }
}

fn key_kind(public_key: &PublicKeyParts<'_>) -> PublicKeyKind {
    let Some((oid, parameters)) = Value::first(public_key.algorithm) else {
        return PublicKeyKind::Other;
    };
    let curve = || Value::only(parameters, OID).map(|curve| dotted(curve.content));
    match &*dotted(oid.content) {
        "1.2.840.10045.2.1" => match curve().as_deref() {
            Some("1.2.840.10045.3.1.7") => PublicKeyKind::EcdsaP256,
            Some("1.3.132.0.34") => PublicKeyKind::EcdsaP384,
            Some("1.3.132.0.35") => PublicKeyKind::EcdsaP521,
            _ => PublicKeyKind::Other,
        },
        "1.2.840.113549.1.1.1" => match modulus(public_key.key) {
            Some(modulus) => PublicKeyKind::Rsa { bits: bits(modulus) },
            None => PublicKeyKind::Other,
        },
        "1.3.101.112" => PublicKeyKind::Ed25519,
        _ => PublicKeyKind::Other,
    }
}

/// The modulus of an RSA key, with which its exponent is (RFC 8017 appendix A.1.1).
fn modulus(key: &[u8]) -> Option<&[u8]> {
    let [modulus, exponent] = Value::only(key, SEQUENCE)?.exactly(SEQUENCE)?;
    let are_numbers = modulus.identifier == INTEGER && exponent.identifier == INTEGER;
    are_numbers.then_some(modulus.content)
}

/// How many bits a number has.
fn bits(number: &[u8]) -> usize {
    let zeroes = number.iter().take_while(|byte| **byte == 0).count();
    match number.get(zeroes..) {
        Some(rest @ [first, ..]) => rest.len() * 8 - first.leading_zeros() as usize,
        _ => 0,
    }
}

/// The hash of a signature, by the content of its algorithm.
fn signature_hash(algorithm: &[u8]) -> SignatureHash {
    let Some((oid, parameters)) = Value::first(algorithm) else { return SignatureHash::Other };
    match &*dotted(oid.content) {
        // MD2, MD4 and MD5 with RSA.
        "1.2.840.113549.1.1.2" | "1.2.840.113549.1.1.3" | "1.2.840.113549.1.1.4" => {
            SignatureHash::Md5
        }
        // SHA-1 with RSA (two names), DSA and ECDSA.
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" | "1.2.840.10040.4.3" | "1.2.840.10045.4.1" => {
            SignatureHash::Sha1
        }
        "1.2.840.113549.1.1.10" => pss_hash(parameters),
        _ => SignatureHash::Other,
    }
}

/// The hash of a PSS signature, by its parameters, which do not name SHA-1 (RFC 8017 appendix A.2.3).
fn pss_hash(parameters: &[u8]) -> SignatureHash {
    let named = || {
        let parameters = Value::only(parameters, SEQUENCE)?.values()?;
        let hash = parameters.first().filter(|hash| hash.identifier == EXPLICIT_0)?;
        let hash = Value::only(hash.content, SEQUENCE)?.values()?.first().copied()?;
        (hash.identifier == OID).then_some(hash)
    };
    match named().map(|oid| dotted(oid.content)).as_deref() {
        // MD2, MD4 and MD5.
        Some("1.2.840.113549.2.2" | "1.2.840.113549.2.4" | "1.2.840.113549.2.5") => {
            SignatureHash::Md5
        }
        None | Some("1.3.14.3.2.26") => SignatureHash::Sha1,
        Some(_) => SignatureHash::Other,
    }
}

/// An object identifier as numbers with dots between. One that nobody has is in hexadecimal: its numbers
/// would be a work of their own.
fn dotted(oid: &[u8]) -> String {
    match oid.len() {
        0..=OID_SHOWN => Oid::new(oid.into()).to_id_string(),
        _ => {
            let mut shown = String::from("#");
            oid.iter().for_each(|byte| shown.push_str(&format!("{byte:02X}")));
            shown
        }
    }
}

/// The longest object identifier whose numbers are shown, in bytes.
const OID_SHOWN: usize = 32;

/// Why a certificate was not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// More than [`CERTIFICATE_MAX`] bytes.
    #[error("the certificate has {len} bytes; at most {CERTIFICATE_MAX} are read")]
    TooLong {
        /// Bytes given.
        len: usize,
    },
    /// PEM where DER was expected.
    #[error("the certificate is PEM, not DER: read it as PEM")]
    IsPem,
    /// The bytes are no DER.
    #[error("the certificate is not DER, or a part of it is missing")]
    NotDer,
    /// Something follows the certificate.
    #[error(
        "something follows the certificate (bytes: {len}): cut it off, or take them one by one"
    )]
    TrailingBytes {
        /// Bytes that follow.
        len: usize,
    },
    /// DER, but not that of a certificate, or with a part that is not right.
    #[error("the certificate is malformed: {0}")]
    Malformed(&'static str),
}
