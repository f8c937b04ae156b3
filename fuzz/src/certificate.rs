//! `Certificate` and the judgement of chains, against a reading of the DER of our own.
//!
//! An input is the DER of certificates, one after the other, the device's own first.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use hubward::keystore::{SigningKey as _, SoftwareSigningKey};
use hubward::pki_types::{CertificateDer, PrivateKeyDer};
use hubward::x509::{
    CERTIFICATE_MAX, CHAIN_MAX, Certificate, CertificateError, ChainError, DeviceCertificate,
    Expected, PublicKeyKind, RING_ALGORITHMS, Report, Severity, Thumbprint, What,
    certificates_from_pem,
};
use hubward::{DeviceId, RegistrationId, UnixTime};
use sha2::{Digest as _, Sha256};

use super::der::{self, Element};
use super::oracle::{SAMPLE_KEY, shown};

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    read(data);
    let chain = certificates(data);
    let ders: Vec<_> = chain.iter().map(|certificate| certificate.der().clone()).collect();
    match DeviceCertificate::from_chain(&ders) {
        Ok(read) => {
            assert_eq!((read.chain(), read.to_der()), (&*chain, ders));
            assert_eq!(*read.end_entity(), chain[0]);
            assert_eq!(DeviceCertificate::from_certificates(chain), Ok(read.clone()));
            judge(&read);
            keeps_all_in_order(&read);
        }
        Err(error) => {
            match error {
                ChainError::Empty => assert!(chain.is_empty()),
                ChainError::TooLong { len } => {
                    assert_eq!(len, chain.len());
                    assert!(len > CHAIN_MAX);
                }
                _ => panic!("each was read alone: {error}"),
            }
            assert_eq!(DeviceCertificate::from_certificates(chain), Err(error));
        }
    }
}

/// Those at the beginning of the input, as far as they can be read; one more than a chain may have.
pub(super) fn certificates(data: &[u8]) -> Vec<Certificate> {
    let mut chain = Vec::new();
    let mut rest = data;
    while let Some((element, after)) = Element::first(rest)
        && let Some(certificate) = read(element.whole)
        && chain.len() <= CHAIN_MAX
    {
        chain.push(certificate);
        rest = after;
    }
    chain
}

/// Why the whole input is no certificate.
pub fn error(data: &[u8]) -> Option<CertificateError> {
    Certificate::from_der(CertificateDer::from(data)).err()
}

/// What is found in the chain of an input, whatever it is judged against.
pub fn codes_found(data: &[u8]) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let Ok(chain) = DeviceCertificate::from_certificates(certificates(data)) else { return found };
    let last = &chain.chain()[chain.chain().len() - 1..];
    let device = DeviceId::new("pump-7").expect("an ID");
    for anchors in [&[], last] {
        let expected = Expected::new()
            .device(&device)
            .key(sample_key())
            .window(WINDOW)
            .algorithms(RING_ALGORITHMS)
            .trust_anchors(anchors);
        let others = [another()];
        let registered = chain.judge(&expected.thumbprints(&others), UnixTime::BUILD_FLOOR);
        found.extend(codes(&registered, None).into_iter().map(|(_, code)| code));
        for now in moments(&chain) {
            found.extend(
                codes(&chain.judge(&expected, now), None).into_iter().map(|(_, code)| code),
            );
        }
    }
    found
}

// --- Reading

fn read(data: &[u8]) -> Option<Certificate> {
    match Certificate::from_der(CertificateDer::from(data)) {
        Ok(certificate) => {
            says_what_is_there(&certificate, data);
            comes_back(&certificate);
            Some(certificate)
        }
        Err(error) => {
            is_true(&error, data);
            None
        }
    }
}

fn is_true(error: &CertificateError, data: &[u8]) {
    let element = Element::first(data).filter(|(element, _)| element.tag == der::SEQUENCE);
    match error {
        CertificateError::TooLong { len } => {
            assert_eq!(*len, data.len());
            assert!(*len > CERTIFICATE_MAX);
        }
        CertificateError::IsPem => {
            assert!(data.windows(11).any(|bytes| bytes == b"-----BEGIN "));
        }
        CertificateError::NotDer => assert!(element.is_none()),
        CertificateError::TrailingBytes { len } => {
            assert!(*len > 0);
            if let Some((_, rest)) = element {
                assert_eq!(*len, rest.len());
            }
        }
        CertificateError::Malformed(_) => {
            assert!(element.is_none_or(|(_, rest)| rest.is_empty()));
        }
        _ => panic!("a new error: teach it to the fuzz targets"),
    }
}

/// The parts of a certificate (RFC 5280 section 4.1).
pub(super) struct Parts<'a> {
    /// What is signed, by which algorithm, and the signature.
    signed: [&'a [u8]; 3],
    pub(super) version: u64,
    serial: &'a [u8],
    issuer: &'a [u8],
    validity: [Element<'a>; 2],
    pub(super) subject: &'a [u8],
    pub(super) spki: &'a [u8],
    extensions: Vec<(&'a [u8], &'a [u8])>,
}

/// The extensions whose content counts, below `id-ce` (2.5.29).
const COUNTING: [u8; 4] = [14, 15, 19, 37];
const NAME_CONSTRAINTS: u8 = 30;

impl<'a> Parts<'a> {
    /// `None` if a part is not strictly DER, or more than there may be.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let (whole, _) = Element::first(der)?;
        der::is_strict(whole).then_some(())?;
        let [tbs, algorithm, signature] = Element::all(Element::only(der, der::SEQUENCE)?)?[..]
        else {
            return None;
        };
        let signature = (signature.tag == der::BIT_STRING).then_some(signature.content)?;
        let signed = [tbs.whole, algorithm.content, signature.strip_prefix(&[0])?];
        let mut fields = Element::all(tbs.content)?.into_iter().peekable();
        let version = match fields.next_if(|field| field.tag == 0xa0) {
            Some(version) => der::number(Element::only(version.content, der::INTEGER)?)? + 1,
            None => 1,
        };
        let mut field = |tag| fields.next().filter(|field| field.tag == tag);
        let serial = field(der::INTEGER)?.content;
        let _signature = field(der::SEQUENCE)?;
        let issuer = field(der::SEQUENCE)?.whole;
        let validity = Element::all(field(der::SEQUENCE)?.content)?.try_into().ok()?;
        let subject = field(der::SEQUENCE)?.whole;
        let spki = field(der::SEQUENCE)?.whole;
        let mut extensions = Vec::new();
        let (_, _) =
            (fields.next_if(|field| field.tag == 0x81), fields.next_if(|field| field.tag == 0x82));
        if let Some(list) = fields.next_if(|field| field.tag == 0xa3) {
            for extension in Element::all(Element::only(list.content, der::SEQUENCE)?)? {
                let parts = Element::all(extension.content)?;
                let (kind, value) = (parts.first()?, parts.last()?);
                let tags: Vec<u8> = parts.iter().map(|part| part.tag).collect();
                let fits = tags == [der::OID, der::OCTET_STRING]
                    || tags == [der::OID, der::BOOLEAN, der::OCTET_STRING];
                let counts =
                    matches!(kind.content, [0x55, 0x1d, number] if COUNTING.contains(number));
                let is_strict = || {
                    let (value, rest) = Element::first(value.content)?;
                    (rest.is_empty() && der::is_strict(value)).then_some(())
                };
                (fits && (!counts || is_strict().is_some())).then_some(())?;
                extensions.push((kind.content, value.content));
            }
        }
        fields.next().is_none().then_some(())?;
        Some(Self { signed, version, serial, issuer, validity, subject, spki, extensions })
    }

    /// The values of the common names (2.5.4.3) of the subject.
    fn common_names(&self) -> Vec<Element<'a>> {
        let sets = Element::only(self.subject, der::SEQUENCE).and_then(Element::all);
        let attributes =
            sets.into_iter().flatten().filter_map(|set| Element::all(set.content)).flatten();
        let parts = attributes.filter_map(|attribute| Element::all(attribute.content));
        parts
            .filter(|parts| parts.first().is_some_and(|kind| kind.content == [0x55, 4, 3]))
            .filter_map(|parts| parts.last().copied())
            .collect()
    }

    /// The content of an extension below `id-ce` (2.5.29).
    fn extension(&self, number: u8) -> Option<&'a [u8]> {
        self.extensions
            .iter()
            .find(|(oid, _)| **oid == [0x55, 0x1d, number])
            .map(|(_, value)| *value)
    }

    pub(super) fn is_ca(&self) -> bool {
        let constraints = self.extension(19).and_then(|value| Element::only(value, der::SEQUENCE));
        let first = constraints.and_then(Element::first);
        first.is_some_and(|(first, _)| first.tag == der::BOOLEAN && first.content != [0])
    }

    /// Whether there is a key usage without digitalSignature, the first bit.
    fn lacks_digital_signature(&self) -> bool {
        let usage = self.extension(15).and_then(|value| Element::only(value, der::BIT_STRING));
        usage.is_some_and(|bits| bits.get(1).is_none_or(|first| first & 0x80 == 0))
    }

    /// What is found about clientAuth in the extended key usages, if there are any.
    fn client_auth(&self) -> Option<&'static str> {
        const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
        const ANY: &[u8] = &[0x55, 0x1d, 37, 0];

        let usages = self.extension(37).and_then(|value| Element::only(value, der::SEQUENCE))?;
        let usages = Element::all(usages)?;
        let has = |kind| usages.iter().any(|usage| usage.tag == der::OID && usage.content == kind);
        match (has(CLIENT_AUTH), has(ANY)) {
            (true, _) => None,
            (false, true) => Some("client-auth-by-any"),
            (false, false) => Some("no-client-auth"),
        }
    }

    /// Whether it is signed over MD5, SHA-1 or older.
    fn is_weak(&self) -> bool {
        // MD2, MD4, MD5 and SHA-1 with RSA, and SHA-1 with RSA once more, with DSA and with ECDSA.
        const WEAK: [&[u8]; 7] = [
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 2],
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 3],
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4],
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5],
            &[0x2b, 0x0e, 3, 2, 0x1d],
            &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3],
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
        ];
        const PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
        // MD2, MD4, MD5 and SHA-1 by themselves.
        const WEAK_HASHES: [&[u8]; 4] = [
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 2],
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 4],
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5],
            &[0x2b, 0x0e, 3, 2, 0x1a],
        ];

        let Some((kind, parameters)) = Element::first(self.signed[1]) else { return false };
        let hash_of_pss = || {
            let (hash, _) = Element::first(Element::only(parameters, der::SEQUENCE)?)?;
            let hash = (hash.tag == 0xa0).then_some(hash.content)?;
            let (kind, _) = Element::first(Element::only(hash, der::SEQUENCE)?)?;
            (kind.tag == der::OID).then_some(kind.content)
        };
        if kind.content == PSS {
            // None named is SHA-1.
            hash_of_pss().is_none_or(|hash| WEAK_HASHES.contains(&hash))
        } else {
            WEAK.contains(&kind.content)
        }
    }
}

/// UTF8String, PrintableString, IA5String, or one of the kinds of digits and ASCII.
fn is_plain_text(value: &Element<'_>) -> bool {
    matches!(value.tag, 0x0c | 0x12 | 0x13 | 0x16 | 0x1a)
}

/// Seconds since 1970 of a time as RFC 5280 wants it, 1970 for what is before; `None` for other forms.
fn moment(time: Element<'_>) -> Option<u64> {
    let text = core::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match (time.tag, text.len()) {
        (der::UTC_TIME, 12) => {
            let year: i64 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        (der::GENERALIZED_TIME, 14) => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |place: usize| rest.get(2 * place..2 * place + 2)?.parse::<i64>().ok();
    let (month, day) = (part(0)?, part(1)?);
    // Days of the months before, as if it began in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = days + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + part(2)? * 3_600 + part(3)? * 60 + part(4)?;
    Some(u64::try_from(seconds).unwrap_or(0))
}

fn says_what_is_there(certificate: &Certificate, data: &[u8]) {
    let parts =
        Parts::read(data).expect("what is accepted is DER, with the parts that belong to it");
    assert_eq!(**certificate.der(), *data);
    assert_eq!(certificate.serial(), parts.serial);
    assert_eq!(*certificate.public_key(), *parts.spki);
    assert_eq!(certificate.is_self_issued(), parts.issuer == parts.subject);
    assert_eq!(certificate.is_ca(), parts.is_ca());
    let validity = certificate.validity();
    let [not_before, not_after] = parts.validity.map(moment);
    assert!(not_before.is_none_or(|moment| moment == validity.not_before.as_secs()));
    assert!(not_after.is_none_or(|moment| moment == validity.not_after.as_secs()));
    if certificate.is_self_issued() {
        assert_eq!(certificate.subject(), certificate.issuer());
    }
    let names = parts.common_names();
    match (&*names, certificate.common_name()) {
        ([name], Some(found)) if is_plain_text(name) => assert_eq!(found.as_bytes(), name.content),
        ([name], None) => {
            assert!(!is_plain_text(name) || core::str::from_utf8(name.content).is_err());
        }
        (names, found) => assert!(names.len() == 1 || found.is_none()),
    }
    // These go to terminals.
    for text in [certificate.subject(), certificate.issuer(), &format!("{certificate:?}")] {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

fn comes_back(certificate: &Certificate) {
    let der = certificate.der();
    assert_eq!(Certificate::from_der(der.clone()).as_ref(), Ok(certificate));
    assert_eq!(certificates_from_pem(certificate.to_pem().as_bytes()), Ok(vec![der.clone()]));
    let chain = DeviceCertificate::from_pem(certificate.to_pem().as_bytes());
    assert_eq!(chain.as_ref().map(DeviceCertificate::end_entity), Ok(certificate));

    let hash = Thumbprint::sha256(der);
    assert_eq!(hash.as_bytes(), &*Sha256::digest(der));
    for thumbprint in [hash, Thumbprint::sha1(der)] {
        assert!(thumbprint.matches(der));
        let text = thumbprint.to_string();
        assert_eq!(text.len(), 2 * thumbprint.as_bytes().len());
        assert_eq!(text.parse(), Ok(thumbprint));
        assert_eq!(text.to_ascii_lowercase().parse(), Ok(thumbprint));
    }
}

// --- Judging

/// P-256, with a scalar that everybody knows; some seeds have its certificate.
pub(super) fn sample_key() -> &'static SoftwareSigningKey {
    static KEY: OnceLock<SoftwareSigningKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut der = vec![0x30, 0x31, 2, 1, 1, 4, 32];
        der.extend(SAMPLE_KEY);
        der.extend([0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
        SoftwareSigningKey::from_der(&PrivateKeyDer::Sec1(der.into())).expect("a key")
    })
}

fn judge(chain: &DeviceCertificate) {
    let reports: Vec<Report> = moments(chain).into_iter().map(|now| at(chain, now)).collect();
    let mut kinds = BTreeSet::new();
    for report in &reports {
        // Two with the same codes differ in moments only.
        if kinds.insert(codes(report, None)) {
            is_sound(report, chain);
        }
    }
    let now = chain.end_entity().validity().not_before;
    names_count(chain, now);
    key_counts(chain, now);
    signatures_count(chain, now);
    thumbprints_count(chain, now);
    // Validity apart, the moment changes nothing, unless it chooses between two issuers of one name.
    let names: BTreeSet<&str> = chain.chain().iter().map(Certificate::subject).collect();
    if names.len() < chain.chain().len() {
        return;
    }
    let timeless = |report: &Report| {
        let mut codes = codes(report, None);
        codes.retain(|(_, code)| !is_of_time(code));
        codes
    };
    for report in &reports {
        assert_eq!(timeless(report), timeless(&reports[0]));
    }
}

/// Around all ends that there are.
fn moments(chain: &DeviceCertificate) -> BTreeSet<UnixTime> {
    let floor = UnixTime::BUILD_FLOOR.as_secs();
    let mut moments = vec![0, floor - 1, floor, u64::MAX];
    for certificate in chain.chain().iter().take(3) {
        let validity = certificate.validity();
        for end in [validity.not_before, validity.not_after].map(UnixTime::as_secs) {
            moments.extend([end.saturating_sub(1), end, end.saturating_add(1)]);
            moments.push(end.saturating_sub(WINDOW.as_secs()));
        }
    }
    moments.into_iter().map(UnixTime::from_secs).collect()
}

const WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// One report, and what can be said of each.
fn at(chain: &DeviceCertificate, now: UnixTime) -> Report {
    let report = chain.judge(&Expected::new().window(WINDOW), now);
    for (index, certificate) in chain.chain().iter().enumerate() {
        // What nobody needs is not looked at.
        if ["duplicate", "unrelated"].iter().any(|code| has(&report, Some(index), code)) {
            assert_eq!(codes(&report, Some(index)).len(), 1);
            continue;
        }
        let of_time = codes(&report, Some(index));
        let of_time = of_time.iter().map(|(_, code)| *code).filter(|code| is_of_time(code));
        let validity = certificate.validity();
        let (begin, end) = (validity.not_before.as_secs(), validity.not_after.as_secs());
        let now = now.as_secs();
        let expected = if end < begin {
            Some("ends-before-it-begins")
        } else if now < begin {
            let is_set = now >= UnixTime::BUILD_FLOOR.as_secs();
            Some(if is_set { "not-yet-valid" } else { "check-the-clock" })
        } else if now > end {
            Some("expired")
        } else {
            (end - now <= WINDOW.as_secs()).then_some("expires-soon")
        };
        assert_eq!(of_time.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
        facts_count(&report, index, certificate);
    }
    let is_set = now >= UnixTime::BUILD_FLOOR;
    assert_eq!(has(&report, None, "clock-unknown"), !is_set);
    report
}

/// What is judged of a certificate by itself.
fn facts_count(report: &Report, index: usize, certificate: &Certificate) {
    let parts = Parts::read(certificate.der()).expect("as before");
    let has = |code| has(report, Some(index), code);
    assert_eq!(has("old-version"), parts.version != 3);
    let (is_weak, is_unsupported) = match certificate.public_key_kind() {
        PublicKeyKind::Rsa { bits } => (bits < 2048, false),
        PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 => (false, false),
        _ => (false, true),
    };
    assert_eq!((has("weak-key"), has("unsupported-key")), (is_weak, is_unsupported));
    // Of the device's own, and partly of issuers.
    let is_first = index == 0;
    assert_eq!(has("end-entity-is-ca"), is_first && parts.is_ca());
    assert_eq!(has("no-digital-signature"), is_first && parts.lacks_digital_signature());
    for code in ["no-client-auth", "client-auth-by-any"] {
        let is_so = parts.client_auth() == Some(code);
        assert!(if is_first { has(code) == is_so } else { is_so || !has(code) }, "{code}");
    }
    assert!(if is_first { has("weak-signature") == parts.is_weak() } else { true });
    assert!(parts.is_weak() || !has("weak-signature"));
    let is_long = certificate.common_name().is_some_and(|name| name.chars().count() > 64);
    assert_eq!(has("long-common-name"), is_first && is_long);
    let may_constrain = !is_first && parts.extension(NAME_CONSTRAINTS).is_some();
    assert!(may_constrain || !has("constrains"));
    assert!(!has("self-signed") || (is_first && certificate.is_self_issued()));
    assert!(!has("issuer-not-ca") || !parts.is_ca());
    let without_name = ["no-common-name", "several-common-names", "common-name-not-text"];
    let found = without_name.into_iter().filter(|code| has(code)).count();
    assert_eq!(found, usize::from(is_first && certificate.common_name().is_none()));
}

fn names_count(chain: &DeviceCertificate, now: UnixTime) {
    let about_names = |expected: &Expected<'_>| {
        let report = chain.judge(expected, now);
        is_sound(&report, chain);
        let codes = codes(&report, Some(0)).into_iter().map(|(_, code)| code);
        codes.filter(|code| code.starts_with("common-name-")).collect::<Vec<_>>()
    };
    let Some(name) = chain.end_entity().common_name() else { return };
    let other_case: String =
        name.chars()
            .map(|c| {
                if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            })
            .collect();
    let case_counts = if other_case == name { vec![] } else { vec!["common-name-case"] };
    if let (Ok(device), Ok(other)) = (DeviceId::new(name), DeviceId::new(&other_case)) {
        assert!(about_names(&Expected::new().device(&device)).is_empty());
        assert_eq!(about_names(&Expected::new().device(&other)), case_counts);
    }
    if let Ok(other) = RegistrationId::new(&other_case) {
        assert!(about_names(&Expected::new().registration(&other)).is_empty());
    }
    if let Some((device, module)) = name.split_once('/')
        && let (Ok(device), Ok(module)) = (DeviceId::new(device), module.parse())
    {
        assert!(about_names(&Expected::new().module(&device, &module)).is_empty());
        assert_eq!(about_names(&Expected::new().device(&device)), ["common-name-differs"]);
    }
    let unlike = DeviceId::new("nobody's").expect("an ID");
    if !name.eq_ignore_ascii_case(unlike.as_str()) {
        assert_eq!(about_names(&Expected::new().device(&unlike)), ["common-name-differs"]);
    }
}

fn key_counts(chain: &DeviceCertificate, now: UnixTime) {
    let key = sample_key();
    let end_entity = chain.end_entity();
    let belongs = *end_entity.public_key() == *key.public_key();
    assert_eq!(end_entity.matches(key), belongs);
    let report = chain.judge(&Expected::new().key(key), now);
    assert_eq!(has(&report, Some(0), "key-differs"), !belongs);
}

/// A thumbprint that no certificate has.
fn another() -> Thumbprint {
    Thumbprint::sha1(&CertificateDer::from(&b"another"[..]))
}

/// Where the hub knows the certificate by its thumbprint, that, the key and the validity are all.
fn thumbprints_count(chain: &DeviceCertificate, now: UnixTime) {
    let own = Thumbprint::sha256(chain.end_entity().der());
    let other = another();
    let judge = |thumbprints: &[Thumbprint]| {
        let report = chain.judge(&Expected::new().thumbprints(thumbprints), now);
        is_sound(&report, chain);
        codes(&report, None)
    };
    let found = judge(&[other, own]);
    assert!(found.iter().all(|(place, _)| place.is_none_or(|index| index == 0)));
    let chain_only = ["issuer-elsewhere", "missing-issuer", "signature-not-checked", "self-signed"];
    assert!(!found.iter().any(|(_, code)| chain_only.contains(code)));
    let foreign = judge(&[other]);
    assert!(foreign.iter().any(|(_, code)| *code == "thumbprint-differs"));
    assert_eq!(foreign.len(), found.len() + 1);
}

/// What a signature is not looked at for, or is no good.
const NOT_GOOD: [&str; 4] = ["bad-signature", "signature-not-checked", "duplicate", "unrelated"];

fn signatures_count(chain: &DeviceCertificate, now: UnixTime) {
    let indices = 0..chain.chain().len();
    // Without algorithms nothing is good and nothing is bad.
    let report = chain.judge(&Expected::new(), now);
    for index in indices.clone() {
        assert!(!has(&report, Some(index), "bad-signature"));
        assert!(NOT_GOOD.iter().any(|code| has(&report, Some(index), code)), "{index} is good");
    }

    let expected = Expected::new().algorithms(RING_ALGORITHMS);
    let report = chain.judge(&expected, now);
    is_sound(&report, chain);
    // What is good is good because of its signature: with another one it no longer is.
    let is_good = |index: &usize| !NOT_GOOD.iter().any(|code| has(&report, Some(*index), code));
    if let Some(index) = indices.clone().find(is_good) {
        let mut ders = chain.to_der();
        let mut der = ders[index].to_vec();
        if let Some(last) = der.last_mut() {
            *last ^= 1;
        }
        if Certificate::from_der(CertificateDer::from(&*der)).is_ok() {
            ders[index] = der.into();
            let changed = DeviceCertificate::from_chain(&ders).expect("each can be read");
            let report = changed.judge(&expected, now);
            assert!(NOT_GOOD.iter().any(|code| has(&report, Some(index), code)));
        }
    }

    for index in indices.clone() {
        if let Some(is_good) = is_signed(chain, index) {
            // What is no part of the chain is not looked at.
            let is_bad = has(&report, Some(index), "bad-signature");
            assert!(!(is_good && is_bad), "a good signature is bad");
            let is_left_out = ["duplicate", "unrelated"].iter();
            let is_left_out = is_left_out.clone().any(|code| has(&report, Some(index), code));
            assert!(is_good || is_bad || is_left_out, "a bad signature is good");
        }
    }

    // The end may be elsewhere: among what the hub has.
    let anchors = &chain.chain()[indices.end - 1..];
    let anchored = chain.judge(&expected.trust_anchors(anchors), now);
    is_sound(&anchored, chain);
    if let Ok(shorter) = DeviceCertificate::from_chain(&chain.to_der()[..indices.end - 1]) {
        is_sound(&shorter.judge(&expected.trust_anchors(anchors), now), &shorter);
    }
}

/// Whether a certificate is signed by the only one that has the name of its issuer; `None` if there are
/// none or several, or no algorithm is for that.
fn is_signed(chain: &DeviceCertificate, index: usize) -> Option<bool> {
    let certificate = Parts::read(chain.chain()[index].der())?;
    let issuers: Vec<_> = chain
        .chain()
        .iter()
        .filter(|other| {
            Parts::read(other.der()).is_some_and(|other| other.subject == certificate.issuer)
        })
        .collect();
    let [issuer] = issuers[..] else { return None };
    let kind = issuer.public_key_kind();
    let issuer = Parts::read(issuer.der())?;
    let (of_key, key) = der::public_key(issuer.spki)?;
    // No algorithm takes other sizes, or points that are compressed.
    match kind {
        PublicKeyKind::Rsa { bits } if !(2048..=8192).contains(&bits) => return None,
        PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 | PublicKeyKind::EcdsaP521
            if key.first() != Some(&4) =>
        {
            return None;
        }
        _ => {}
    }
    let [message, of_signature, signature] = certificate.signed;
    let mut fitting = RING_ALGORITHMS
        .iter()
        .filter(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == of_key
                && algorithm.signature_alg_id().as_ref() == of_signature
        })
        .peekable();
    fitting.peek()?;
    Some(fitting.any(|algorithm| algorithm.verify_signature(key, message, signature).is_ok()))
}

/// The same certificates, each once; and a second time nothing changes.
fn keeps_all_in_order(chain: &DeviceCertificate) {
    let ordered = chain.clone().into_ordered();
    let set = |chain: &DeviceCertificate| -> BTreeSet<Vec<u8>> {
        chain.to_der().iter().map(|der| der.to_vec()).collect()
    };
    assert_eq!(set(chain), set(&ordered));
    assert_eq!(set(&ordered).len(), ordered.chain().len());
    assert_eq!(ordered.clone().into_ordered(), ordered);
    let report = ordered.judge(&Expected::new(), UnixTime::BUILD_FLOOR);
    assert!(!report.findings().iter().any(|finding| matches!(finding.what(), What::Duplicate)));
}

// --- Reports

fn codes(report: &Report, index: Option<usize>) -> Vec<(Option<usize>, &'static str)> {
    let findings = report.findings().iter();
    let findings = findings.filter(|finding| index.is_none() || finding.index() == index);
    findings.map(|finding| (finding.index(), finding.what().code())).collect()
}

fn has(report: &Report, index: Option<usize>, code: &str) -> bool {
    let mut findings = report.findings().iter();
    findings.any(|finding| finding.index() == index && finding.what().code() == code)
}

fn is_of_time(code: &str) -> bool {
    matches!(
        code,
        "clock-unknown"
            | "check-the-clock"
            | "not-yet-valid"
            | "expired"
            | "expires-soon"
            | "ends-before-it-begins"
    )
}

/// What holds for every report.
fn is_sound(report: &Report, chain: &DeviceCertificate) {
    let findings = report.findings();
    let worst = findings.iter().map(|finding| finding.severity()).max();
    assert_eq!(report.severity(), worst);
    let of_chain = findings.iter().filter(|finding| finding.index().is_some());
    assert!(
        of_chain.is_sorted_by_key(|finding| {
            (finding.index(), core::cmp::Reverse(finding.severity()))
        })
    );
    let text = report.to_string();
    assert_eq!(text.lines().count(), findings.len());
    let json: Vec<serde_json::Value> =
        serde_json::from_str(&report.to_json()).expect("JSON of an array");
    assert_eq!(json.len(), findings.len());
    for (place, finding) in findings.iter().enumerate() {
        assert!(finding.index().is_none_or(|index| index < chain.chain().len()));
        assert!(What::CODES.contains(&finding.what().code()));
        assert!(!finding.to_string().contains(char::is_control), "{finding}");
        assert!(text.contains(&format!("{}: {finding}\n", finding.severity())));
        assert!(finding.severity() >= Severity::Note && !shown(finding).is_empty());
        let object = &json[place];
        assert_eq!(object["severity"], finding.severity().to_string());
        assert_eq!(object["code"], finding.what().code());
        // Where there is no index, the text alone says what it is about.
        let is_indexed = finding.index().is_some();
        let text = if is_indexed { finding.what().to_string() } else { finding.to_string() };
        assert_eq!(object["text"], text);
        let index = object["certificate"].as_u64().and_then(|index| usize::try_from(index).ok());
        assert_eq!(index, finding.index());
        // Nothing is said twice.
        let first = findings.iter().position(|other| other == finding);
        assert_eq!(first, Some(place), "said twice: {finding}");
    }
}
