//! Judging a device's certificate: all that is wrong with it, not the first thing.

use core::fmt;
use core::time::Duration;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use thiserror::Error;

use super::chain::{SignatureCheck, check_signature};
use super::parse::{Certificate, CertificateError, ClientAuth, PublicKeyKind, Validity};
use super::pem::{PemError, certificates_from_pem};
use super::thumbprint::Thumbprint;
use crate::encoding::json;
use crate::identity::{DeviceId, ModuleId, RegistrationId};
use crate::keystore::SigningKey;
use crate::time::UnixTime;

/// The most certificates of a chain. Those of devices have two to four.
pub const CHAIN_MAX: usize = 16;

/// RFC 5280 appendix A.1: `ub-common-name`, in characters.
pub(super) const COMMON_NAME_MAX: usize = 64;

/// A device's certificate with the chain that it sends, end entity first.
///
/// # Examples
///
/// ```no_run
/// use core::time::Duration;
/// use hubward::x509::{DeviceCertificate, Expected};
/// use hubward::{Clock, DeviceId, SystemClock};
///
/// let certificate = DeviceCertificate::from_pem(&std::fs::read("device.pem")?)?;
/// let device = DeviceId::new("pump-7")?;
/// let expected = Expected::new().device(&device).window(Duration::from_secs(30 * 86_400));
/// let report = certificate.judge(&expected, SystemClock.now()?);
/// for finding in report.findings() {
///     println!("{}: {finding}", finding.severity());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCertificate {
    chain: Vec<Certificate>,
}

impl DeviceCertificate {
    /// Reads a chain, end entity first.
    ///
    /// # Errors
    ///
    /// [`ChainError::Empty`]; [`ChainError::TooLong`]; [`ChainError::Certificate`] says which one is not
    /// right.
    pub fn from_chain(chain: &[CertificateDer<'_>]) -> Result<Self, ChainError> {
        if chain.is_empty() {
            return Err(ChainError::Empty);
        }
        if chain.len() > CHAIN_MAX {
            return Err(ChainError::TooLong { len: chain.len() });
        }
        let read = |(index, der): (usize, &CertificateDer<'_>)| {
            Certificate::from_der(CertificateDer::from(&**der))
                .map_err(|error| ChainError::Certificate { index, error })
        };
        let chain = chain.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { chain })
    }

    /// A chain of certificates that were read or issued already, end entity first.
    ///
    /// # Errors
    ///
    /// [`ChainError::Empty`]; [`ChainError::TooLong`].
    pub fn from_certificates(chain: Vec<Certificate>) -> Result<Self, ChainError> {
        match chain.len() {
            0 => Err(ChainError::Empty),
            1..=CHAIN_MAX => Ok(Self { chain }),
            len => Err(ChainError::TooLong { len }),
        }
    }

    /// Reads a PEM file: the certificates in the order of the file, which
    /// [`DeviceCertificate::into_ordered`] mends.
    ///
    /// # Errors
    ///
    /// [`ChainError::Pem`]; as [`DeviceCertificate::from_chain`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, ChainError> {
        Self::from_chain(&certificates_from_pem(pem)?)
    }

    /// The chain as PEM, in its order.
    pub fn to_pem(&self) -> String {
        self.chain.iter().map(Certificate::to_pem).collect()
    }

    /// The certificates, as they were given.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The device's own certificate: the first.
    pub fn end_entity(&self) -> &Certificate {
        // A chain has at least one.
        #[expect(clippy::indexing_slicing, reason = "the constructors see to it")]
        &self.chain[0]
    }

    /// The chain as DER, end entity first, as TLS sends it.
    pub fn to_der(&self) -> Vec<CertificateDer<'static>> {
        self.chain.iter().map(|certificate| certificate.der().clone()).collect()
    }

    /// The same certificates in the order of their issuers, from the one that issued none of the others;
    /// duplicates are left out, and what belongs to no place comes last. Goes by names: where a CA has
    /// several certificates, they stand side by side.
    #[must_use]
    pub fn into_ordered(self) -> Self {
        let mut left: Vec<Certificate> = Vec::with_capacity(self.chain.len());
        for certificate in self.chain {
            if !left.contains(&certificate) {
                left.push(certificate);
            }
        }
        let issues_none = |candidate: &&Certificate| {
            let issued = |other: &Certificate| {
                other != *candidate && other.facts().issuer == candidate.facts().subject
            };
            !left.iter().any(issued)
        };
        // The device's own before a CA that stands alone.
        let leaf = left.iter().filter(issues_none).min_by_key(|certificate| certificate.is_ca());
        let mut chain: Vec<_> = leaf.cloned().into_iter().collect();
        left.retain(|certificate| !chain.contains(certificate));
        let mut place = 0;
        while let Some(issuer) =
            chain.get(place).map(|certificate| certificate.facts().issuer.clone())
        {
            let (mut issuers, others): (Vec<_>, _) =
                left.into_iter().partition(|other| other.facts().subject == issuer);
            chain.append(&mut issuers);
            left = others;
            place += 1;
        }
        chain.append(&mut left);
        Self { chain }
    }

    /// Judges the chain at `now`: every finding, by certificate. The trust anchor that the chain ends at is
    /// judged as well.
    #[must_use]
    pub fn judge(&self, expected: &Expected<'_>, now: UnixTime) -> Report {
        let mut findings = Vec::new();
        let mut add = |place, what| findings.push(Finding { place, what });
        if now.believed_from(UnixTime::BUILD_FLOOR).is_err() {
            add(Place::Nowhere, What::ClockUnknown { now });
        }
        if !expected.thumbprints.is_empty() {
            self.judge_registered(expected, now, &mut |what| add(Place::Chain(0), what));
            findings.sort_by_key(|finding| (finding.place, core::cmp::Reverse(finding.severity())));
            return Report { findings };
        }
        self.judge_end_entity(expected, &mut |what| add(Place::Chain(0), what));
        self.judge_links(expected, now, &mut add);
        findings.sort_by_key(|finding| (finding.place, core::cmp::Reverse(finding.severity())));
        Report { findings }
    }

    /// Judges a certificate that the hub knows by its thumbprint: then it looks at nothing but that, the key
    /// and the validity.
    fn judge_registered(&self, expected: &Expected<'_>, now: UnixTime, add: &mut dyn FnMut(What)) {
        let end_entity = self.end_entity();
        let is_registered = |thumbprint: &Thumbprint| thumbprint.matches(end_entity.der());
        if !expected.thumbprints.iter().any(is_registered) {
            add(What::ThumbprintDiffers { found: Thumbprint::sha256(end_entity.der()) });
        }
        judge_each(end_entity, expected, now, add);
        self.judge_key(expected, add);
    }

    fn judge_key(&self, expected: &Expected<'_>, add: &mut dyn FnMut(What)) {
        if let Some(key) = expected.key
            && !self.end_entity().matches(key)
        {
            add(What::KeyDiffers);
        }
    }

    fn judge_end_entity(&self, expected: &Expected<'_>, add: &mut dyn FnMut(What)) {
        let end_entity = self.end_entity();
        let facts = end_entity.facts();
        match &*facts.common_names {
            [] => add(What::NoCommonName),
            [None] => add(What::CommonNameNotText),
            [Some(found)] => {
                if found.chars().count() > COMMON_NAME_MAX {
                    add(What::LongCommonName);
                }
                if let Some(id) = &expected.id
                    && !id.matches(found)
                {
                    let (expected, found) = (id.text(), found.clone());
                    add(if expected.eq_ignore_ascii_case(&found) {
                        What::CommonNameCase { expected, found }
                    } else {
                        What::CommonNameDiffers { expected, found }
                    });
                }
            }
            _ => add(What::SeveralCommonNames),
        }
        if end_entity.is_ca() {
            add(What::EndEntityIsCa);
        }
        judge_client_auth(facts.client_auth, add);
        if facts.key_usage.is_some_and(|usage| !usage.digital_signature) {
            add(What::NoDigitalSignature);
        }
        self.judge_key(expected, add);
    }

    /// Judges who issued whom. The path goes from the device's certificate from issuer to issuer; what is
    /// not on it is a duplicate, below the first (then the chain is upside down), or unrelated.
    fn judge_links(
        &self,
        expected: &Expected<'_>,
        now: UnixTime,
        add: &mut dyn FnMut(Place, What),
    ) {
        let (mut unique, mut duplicates) = (Vec::with_capacity(self.chain.len()), Vec::new());
        for (index, certificate) in self.chain.iter().enumerate() {
            if unique.iter().any(|(_, earlier)| *earlier == certificate) {
                duplicates.push(index);
            } else {
                unique.push((index, certificate));
            }
        }
        let candidates: Vec<_> = unique
            .iter()
            .map(|&(index, certificate)| {
                (index, certificate, issuers(certificate, &unique, expected))
            })
            .collect();
        let is_valid = |certificate: &Certificate| {
            let Validity { not_before, not_after } = certificate.validity();
            (not_before..=not_after).contains(&now)
        };
        let valid = steps_to_anchor(&candidates, expected, is_valid);
        let any = steps_to_anchor(&candidates, expected, |_| true);
        let choose = |(index, certificate, issuers)| {
            let issuers: Vec<Issuer<'_>> = issuers;
            let rank = |issuer: &Issuer<'_>| {
                let at = |steps: &[usize]| match issuer.place {
                    Place::Chain(place) => steps.get(place).copied().unwrap_or(usize::MAX),
                    _ => 0,
                };
                let distance = match issuer.place {
                    Place::Chain(place) => place.wrapping_sub(index),
                    _ => usize::MAX,
                };
                (issuer.check, at(&valid), at(&any), !is_valid(issuer.certificate), distance)
            };
            Link { index, certificate, issuer: issuers.into_iter().min_by_key(rank) }
        };
        let links = Links(candidates.into_iter().map(choose).collect());
        let path = links.path_from(0, expected);
        let (related, unrelated): (Vec<_>, Vec<_>) = links.0.iter().partition(|link| {
            let leads_to_first =
                || links.path_from(link.index, expected).iter().any(|on| on.index == 0);
            path.iter().any(|on| on.index == link.index) || leads_to_first()
        });

        for index in duplicates {
            add(Place::Chain(index), What::Duplicate);
        }
        for link in &unrelated {
            add(Place::Chain(link.index), What::Unrelated);
        }
        for (place, link) in related.iter().enumerate() {
            let next = related.get(place + 1).map(|next| next.index);
            let mut add = |what| add(Place::Chain(link.index), what);
            judge_each(link.certificate, expected, now, &mut add);
            judge_link(link, next, expected, &mut add);
        }
        for (place, link) in path.iter().enumerate() {
            let mut add = |what| add(Place::Chain(link.index), what);
            if place > 0 {
                let below = path.get(1..place).unwrap_or_default();
                judge_issuer(link.certificate, below, expected.trusts(link.certificate), &mut add);
            }
        }
        let Some(end) = path.last() else { return };
        let is_anchored = path.iter().any(|link| expected.trusts(link.certificate));
        let mut add_at_end = |what| add(Place::Chain(end.index), what);
        match &end.issuer {
            Some(Issuer { place: Place::Anchor, certificate: anchor, .. }) => {
                let below = path.get(1..).unwrap_or_default();
                let mut add = |what| add(Place::Anchor, what);
                judge_issuer(anchor, below, true, &mut add);
                judge_each(anchor, expected, now, &mut add);
            }
            _ if is_anchored => {}
            // It is self-signed, or its issuer is on the path already.
            Some(_) if expected.anchors.is_empty() => {}
            Some(_) => add_at_end(What::NotAnchored),
            None => {
                let issuer = end.certificate.issuer().into();
                // Where the hub can have the next one, that is none of the device's worries.
                let can_end = expected.anchors.is_empty()
                    && !unrelated.iter().any(|link| link.certificate.is_ca());
                add_at_end(if can_end {
                    What::IssuerElsewhere { issuer }
                } else {
                    What::MissingIssuer { issuer }
                });
                add_at_end(What::SignatureNotChecked);
            }
        }
    }
}

/// A certificate of the chain, and who issued it.
struct Link<'a> {
    index: usize,
    certificate: &'a Certificate,
    /// `None` if nobody at hand has the issuer's name.
    issuer: Option<Issuer<'a>>,
}

struct Issuer<'a> {
    place: Place,
    certificate: &'a Certificate,
    check: SignatureCheck,
}

/// The certificates of a chain, each once.
struct Links<'a>(Vec<Link<'a>>);

impl<'a> Links<'a> {
    /// From issuer to issuer within the chain, to one that is trusted, is self-signed, has its issuer
    /// elsewhere, or is issued by one before it.
    fn path_from(&self, index: usize, expected: &Expected<'_>) -> Vec<&Link<'a>> {
        let mut path: Vec<&Link<'a>> = Vec::new();
        let mut next = Some(index);
        while let Some(index) = next
            && path.iter().all(|link| link.index != index)
            && let Some(link) = self.0.iter().find(|link| link.index == index)
        {
            path.push(link);
            next = match &link.issuer {
                // Whoever checks it goes no further than to what is trusted.
                _ if expected.trusts(link.certificate) => None,
                Some(Issuer { place: Place::Chain(issuer), .. }) => Some(*issuer),
                _ => None,
            };
        }
        path
    }
}

/// Who may have issued a certificate: all that have the issuer's name. A name is nobody's own: a CA has
/// several certificates when its key changed or when another signed it as well, and an attacker takes any
/// name. So the signature decides.
fn issuers<'a>(
    certificate: &Certificate,
    chain: &[(usize, &'a Certificate)],
    expected: &Expected<'a>,
) -> Vec<Issuer<'a>> {
    let chain = chain.iter().map(|&(place, other)| (Place::Chain(place), other));
    let anchors = expected.anchors.iter().map(|anchor| (Place::Anchor, anchor));
    chain
        .chain(anchors)
        .filter(|(_, other)| other.facts().subject == certificate.facts().issuer)
        .map(|(place, other)| Issuer {
            place,
            certificate: other,
            check: check_signature(certificate, other, expected.algorithms),
        })
        .collect()
}

/// How many steps it is from each certificate to a trust anchor, over those that `may` be on the way.
fn steps_to_anchor(
    links: &[(usize, &Certificate, Vec<Issuer<'_>>)],
    expected: &Expected<'_>,
    may: impl Fn(&Certificate) -> bool,
) -> Vec<usize> {
    let mut steps = alloc::vec![usize::MAX; CHAIN_MAX];
    for _ in 0..links.len() {
        for (index, certificate, issuers) in links {
            let over = |issuer: &Issuer<'_>| match issuer.place {
                _ if issuer.check == SignatureCheck::Bad || !may(issuer.certificate) => usize::MAX,
                Place::Chain(place) => steps.get(place).copied().unwrap_or(usize::MAX),
                _ => 0,
            };
            let least = match expected.trusts(certificate) {
                true => 0,
                false => issuers.iter().map(over).min().unwrap_or(usize::MAX).saturating_add(1),
            };
            if let Some(steps) = steps.get_mut(*index) {
                *steps = least.min(*steps);
            }
        }
    }
    steps
}

/// Judges what an issuer did to a certificate that belongs to the chain; `next` stands behind it there.
fn judge_link(
    link: &Link<'_>,
    next: Option<usize>,
    expected: &Expected<'_>,
    add: &mut dyn FnMut(What),
) {
    let Link { index, certificate, issuer } = link;
    let mut is_self_signed = false;
    if let Some(Issuer { place: Place::Chain(issuer), check, .. }) = issuer {
        is_self_signed = issuer == index && *check != SignatureCheck::Bad;
        // Nobody looks for the issuer of what is trusted.
        let is_looked_for = issuer != index && !expected.trusts(certificate);
        if is_looked_for && Some(*issuer) != next {
            add(What::OutOfOrder { issuer: *issuer });
        }
    }
    if is_self_signed && *index == 0 {
        add(What::SelfSigned);
    }
    // A trust anchor is trusted as it is.
    if expected.anchors.contains(certificate) {
        return;
    }
    match issuer.as_ref().map(|issuer| issuer.check) {
        Some(SignatureCheck::Bad) => add(What::BadSignature),
        Some(SignatureCheck::NotChecked) => add(What::SignatureNotChecked),
        Some(SignatureCheck::Good) | None => {}
    }
    // Nobody relies on the signature of a root on itself.
    if (!is_self_signed || *index == 0)
        && let Some(hash) = certificate.weak_signature_hash()
    {
        add(What::WeakSignature { hash });
    }
}

/// Whether a certificate may issue others, with those of CAs that are `below` it on the path.
fn judge_issuer(
    certificate: &Certificate,
    below: &[&Link<'_>],
    is_anchor: bool,
    add: &mut dyn FnMut(What),
) {
    let facts = certificate.facts();
    // Before version 3 none could say so, and of a trust anchor nobody asks it.
    if facts.ca != Some(true) && !(is_anchor && facts.version < 3) {
        add(What::IssuerNotCa);
    }
    if facts.key_usage.is_some_and(|usage| !usage.key_cert_sign) {
        add(What::NoCertSign);
    }
    // What a CA is not for, its certificates are not for either, as OpenSSL and Windows have it.
    judge_client_auth(facts.client_auth, add);
    for what in &facts.constrains {
        add(What::Constrains { what });
    }
    // RFC 5280 section 4.2.1.9: the end entity and what is self-issued do not count.
    let below = below.iter().filter(|link| !link.certificate.is_self_issued()).count();
    if facts.path_len.is_some_and(|len| below > usize::try_from(len).unwrap_or(usize::MAX)) {
        add(What::PathTooLong);
    }
}

fn judge_client_auth(client_auth: Option<ClientAuth>, add: &mut dyn FnMut(What)) {
    match client_auth {
        Some(ClientAuth::Missing) => add(What::NoClientAuth),
        Some(ClientAuth::ByAny) => add(What::ClientAuthByAny),
        Some(ClientAuth::Named) | None => {}
    }
}

/// What every certificate of a chain is judged by.
fn judge_each(
    certificate: &Certificate,
    expected: &Expected<'_>,
    now: UnixTime,
    add: &mut dyn FnMut(What),
) {
    let facts = certificate.facts();
    let Validity { not_before, not_after } = facts.validity;
    if not_after < not_before {
        add(What::EndsBeforeItBegins { not_before, not_after });
    } else if now < not_before {
        // A clock that was never set is the likelier cause.
        if now.believed_from(UnixTime::BUILD_FLOOR).is_err() {
            add(What::CheckTheClock { not_before, now });
        } else {
            add(What::NotYetValid { not_before, now });
        }
    } else if now > not_after {
        add(What::Expired { not_after, now });
    } else if not_after.saturating_duration_since(now) <= expected.window
        && !expected.window.is_zero()
    {
        add(What::ExpiresSoon { not_after, now });
    }
    match facts.key_kind {
        PublicKeyKind::Rsa { bits } if bits < 2048 => add(What::WeakKey { bits }),
        PublicKeyKind::Rsa { .. } | PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 => {}
        kind => add(What::UnsupportedKey { kind }),
    }
    if facts.version != 3 {
        add(What::OldVersion { version: facts.version });
    }
    for oid in &facts.unknown_critical {
        add(What::UnknownCritical { oid: oid.clone() });
    }
}

/// What a certificate is judged against. Nothing is expected at first.
#[derive(Clone, Copy, Default)]
pub struct Expected<'a> {
    id: Option<Id<'a>>,
    key: Option<&'a dyn SigningKey>,
    window: Duration,
    algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    anchors: &'a [Certificate],
    thumbprints: &'a [Thumbprint],
}

#[derive(Clone, Copy)]
enum Id<'a> {
    Device(&'a DeviceId),
    Module(&'a DeviceId, &'a ModuleId),
    Registration(&'a RegistrationId),
}

impl Id<'_> {
    /// IDs of devices and modules are case-sensitive; registration IDs are not.
    fn matches(&self, common_name: &str) -> bool {
        match self {
            Self::Device(_) | Self::Module(..) => self.text() == common_name,
            Self::Registration(id) => id.as_str().eq_ignore_ascii_case(common_name),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Device(device) => device.as_str().into(),
            Self::Module(device, module) => module_common_name(device, module),
            Self::Registration(id) => id.as_str().into(),
        }
    }
}

/// What a module's certificate is for.
pub(super) fn module_common_name(device: &DeviceId, module: &ModuleId) -> String {
    alloc::format!("{device}/{module}")
}

impl<'a> Expected<'a> {
    /// Nothing in particular: only what is wrong for every device.
    pub const fn new() -> Self {
        Self {
            id: None,
            key: None,
            window: Duration::ZERO,
            algorithms: &[],
            anchors: &[],
            thumbprints: &[],
        }
    }

    /// The common name is that of a device.
    #[must_use]
    pub const fn device(self, device: &'a DeviceId) -> Self {
        Self { id: Some(Id::Device(device)), ..self }
    }

    /// The common name is that of a module: `deviceId/moduleId`.
    #[must_use]
    pub const fn module(self, device: &'a DeviceId, module: &'a ModuleId) -> Self {
        Self { id: Some(Id::Module(device, module)), ..self }
    }

    /// The common name is a registration ID of DPS, whose case does not count.
    #[must_use]
    pub const fn registration(self, registration: &'a RegistrationId) -> Self {
        Self { id: Some(Id::Registration(registration)), ..self }
    }

    /// The certificate is that of `key`.
    #[must_use]
    pub const fn key(self, key: &'a dyn SigningKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// What ends within `window` is a finding.
    #[must_use]
    pub const fn window(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// Signatures are checked by these: `RING_ALGORITHMS` and `AWS_LC_RS_ALGORITHMS` are at hand with their
    /// features. Without any, that no signature was checked is a finding.
    #[must_use]
    pub const fn algorithms(
        self,
        algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    ) -> Self {
        Self { algorithms, ..self }
    }

    /// The hub knows the certificate by its thumbprint, and these are the primary and the secondary. It then
    /// looks at nothing but that, the validity and the key, and so does the judgement: name, chain and
    /// purpose do not count. Without any, the certificate is judged as one of a CA.
    #[must_use]
    pub const fn thumbprints(self, thumbprints: &'a [Thumbprint]) -> Self {
        Self { thumbprints, ..self }
    }

    /// The chain ends at one of these, or has one in it: what was registered with the hub. Without any,
    /// where it ends is not looked at.
    #[must_use]
    pub const fn trust_anchors(self, anchors: &'a [Certificate]) -> Self {
        Self { anchors, ..self }
    }

    fn trusts(&self, certificate: &Certificate) -> bool {
        self.anchors.iter().any(|anchor| anchor.is_same_ca(certificate))
    }
}

impl fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, key, window, algorithms, anchors, thumbprints } = self;
        f.debug_struct("Expected")
            .field("id", &id.map(|id| id.text()))
            .field("key", key)
            .field("window", window)
            .field("algorithms", &algorithms.len())
            .field("anchors", anchors)
            .field("thumbprints", thumbprints)
            .finish()
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Note,
    /// It works now, or may not work everywhere.
    Warning,
    /// The hub will refuse it, or should.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// The findings, by certificate, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The worst severity; `None` if nothing was found.
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(Finding::severity).max()
    }

    /// The report as JSON: an array of objects with `severity`, `code`, `certificate` (an index from 0, or
    /// null) and `text`.
    pub fn to_json(&self) -> String {
        json::array(self.findings.iter().map(|finding| {
            let text = match finding.index() {
                Some(_) => finding.what.to_string(),
                // Here nothing but the text says what it is about.
                None => finding.to_string(),
            };
            json::Object::new()
                .text("severity", &finding.severity().to_string())
                .text("code", finding.what.code())
                .maybe_number("certificate", finding.index())
                .text("text", &text)
                .finish()
        }))
    }
}

/// A line for each finding.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings
            .iter()
            .try_for_each(|finding| writeln!(f, "{}: {finding}", finding.severity()))
    }
}

/// One thing that was found. `Display` says which certificate it is about, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    place: Place,
    what: What,
}

/// Where something is, in the order of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// About the judgement itself.
    Nowhere,
    /// A certificate of the chain, from 0.
    Chain(usize),
    /// The trust anchor behind the chain.
    Anchor,
}

impl Finding {
    /// Which certificate of the chain, from 0, the device's own; `None` if it is about none of them, but
    /// about the clock or the trust anchor behind the chain.
    pub const fn index(&self) -> Option<usize> {
        match self.place {
            Place::Chain(index) => Some(index),
            Place::Nowhere | Place::Anchor => None,
        }
    }

    /// What was found.
    pub const fn what(&self) -> &What {
        &self.what
    }

    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        self.what.severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Nowhere => fmt::Display::fmt(&self.what, f),
            Place::Chain(0) => write!(f, "the device's certificate: {}", self.what),
            Place::Chain(index) => {
                write!(f, "certificate {} of the chain: {}", index + 1, self.what)
            }
            Place::Anchor => write!(f, "the trust anchor: {}", self.what),
        }
    }
}

macro_rules! what {
    ($($severity:ident $code:literal $(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })? = $text:literal $(, $argument:expr)?;)*) => {
        /// What can be found.
        #[derive(Clone, Debug, PartialEq, Eq, Error)]
        #[non_exhaustive]
        pub enum What {
            $(
                $(#[$doc])*
                #[error($text $(, $argument)?)]
                $name $({ $($(#[$field_doc])* $field: $type),* })?,
            )*
        }

        impl What {
            /// How bad it is.
            pub const fn severity(&self) -> Severity {
                match self {
                    $(Self::$name $({ $($field: _),* })? => Severity::$severity,)*
                }
            }

            /// A name for programs, which does not change.
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $($field: _),* })? => $code,)*
                }
            }

            /// All codes.
            pub const CODES: &[&str] = &[$($code),*];
        }
    };
}

what! {
    Error "no-common-name"
        /// The subject has no common name.
        NoCommonName = "the subject has no common name (CN): it must be the device's ID";
    Error "several-common-names"
        /// The subject has more than one common name.
        SeveralCommonNames = "the subject has more than one common name (CN): it may have only the device's ID";
    Error "common-name-not-text"
        /// The common name is in an encoding that is no text.
        CommonNameNotText = "the common name (CN) is not text that can be read: use UTF8String";
    Error "common-name-differs"
        /// The common name is another one.
        CommonNameDiffers {
            /// What it should be.
            expected: String,
            /// What it is.
            found: String,
        } = "the common name (CN) is {found:?}, and the ID is {expected:?}: have it issued for the ID";
    Error "common-name-case"
        /// The common name differs in case, which counts.
        CommonNameCase {
            /// What it should be.
            expected: String,
            /// What it is.
            found: String,
        } = "the common name (CN) is {found:?}, and the ID is {expected:?}: upper and lower case count";
    Note "long-common-name"
        /// The common name has more than 64 characters (RFC 5280 appendix A.1).
        LongCommonName = "the common name (CN) has more than 64 characters: some tools refuse to issue or to read it";
    Error "not-yet-valid"
        /// It begins later.
        NotYetValid {
            /// When it begins.
            not_before: UnixTime,
            /// When it was judged.
            now: UnixTime,
        } = "it is valid from {not_before} on, and now it is {now}: wait, or check the clocks of both sides";
    Error "check-the-clock"
        /// It begins later, and the clock was never set.
        CheckTheClock {
            /// When it begins.
            not_before: UnixTime,
            /// What the clock shows.
            now: UnixTime,
        } = "it is valid from {not_before} on, and the clock shows {now}: check the clock";
    Error "expired"
        /// It has ended.
        Expired {
            /// When it ended.
            not_after: UnixTime,
            /// When it was judged.
            now: UnixTime,
        } = "it expired at {not_after}, and now it is {now}: have it issued anew";
    Warning "expires-soon"
        /// It ends within the window.
        ExpiresSoon {
            /// When it ends.
            not_after: UnixTime,
            /// When it was judged.
            now: UnixTime,
        } = "it expires at {not_after}, and now it is {now}: renew it";
    Error "ends-before-it-begins"
        /// No moment is within its validity.
        EndsBeforeItBegins {
            /// When it begins.
            not_before: UnixTime,
            /// When it ends.
            not_after: UnixTime,
        } = "it ends at {not_after}, before it begins at {not_before}: have it issued anew";
    Warning "clock-unknown"
        /// The clock was never set: what is said of validity is not to be relied on.
        ClockUnknown {
            /// What the clock shows.
            now: UnixTime,
        } = "the clock shows {now}, so it was never set, and validity cannot be judged: set the clock";
    Error "no-client-auth"
        /// There are extended key usages, and clientAuth is not among them.
        NoClientAuth = "its extended key usage lacks clientAuth: have it issued anew with it";
    Warning "client-auth-by-any"
        /// There are extended key usages, and anyExtendedKeyUsage stands for clientAuth.
        ClientAuthByAny = "its extended key usage is any and not clientAuth, which OpenSSL and rustls refuse: have it issued anew with clientAuth";
    Error "no-digital-signature"
        /// There is a key usage without digitalSignature.
        NoDigitalSignature = "its key usage lacks digitalSignature: have it issued anew with it";
    Error "end-entity-is-ca"
        /// The device's certificate is that of a CA.
        EndEntityIsCa = "it is marked as that of a CA: a device must not be able to issue certificates";
    Error "issuer-not-ca"
        /// An issuer is not marked as a CA.
        IssuerNotCa = "it issued another one and is not marked as that of a CA: have the other issued by a CA";
    Error "no-cert-sign"
        /// An issuer has a key usage without keyCertSign.
        NoCertSign = "it issued another one, and its key usage lacks keyCertSign: have the other issued by a CA";
    Error "path-too-long"
        /// More CAs are below it than it allows.
        PathTooLong = "more CAs are below it than its path length allows: have the device's certificate issued by one above";
    Note "constrains"
        /// An issuer constrains what is below it, which is not judged (RFC 5280 sections 4.2.1.10, 4.2.1.11).
        Constrains {
            /// Names or policies.
            what: &'static str,
        } = "it constrains the {what} of certificates below it, which is not judged here";
    Error "weak-key"
        /// RSA with less than 2048 bits.
        WeakKey {
            /// Bits of the modulus.
            bits: usize,
        } = "its RSA key has {bits} bits; at least 2048 are needed";
    Error "unsupported-key"
        /// A kind of key that the hub does not take.
        UnsupportedKey {
            /// Which.
            kind: PublicKeyKind,
        } = "its key ({kind}) is none that the hub takes: have it issued for RSA, or ECDSA with P-256 or P-384";
    Error "weak-signature"
        /// Signed over a broken hash.
        WeakSignature {
            /// Which.
            hash: &'static str,
        } = "it is signed over {hash}: have it issued anew with SHA-256";
    Error "key-differs"
        /// The private key is another one's.
        KeyDiffers = "the private key does not belong to it: give the one that it was requested with";
    Error "thumbprint-differs"
        /// Its thumbprint is none of those that were registered.
        ThumbprintDiffers {
            /// Its own, SHA-256.
            found: Thumbprint,
        } = "its thumbprint ({found}) is none of those that are registered: register it";
    Error "bad-signature"
        /// The signature is not its issuer's.
        BadSignature = "its signature is not by the key of its issuer: give the certificate that its issuer had then, or have it issued anew";
    Warning "signature-not-checked"
        /// Nobody could tell whether the signature is its issuer's.
        SignatureNotChecked = "its signature was not checked: the issuer or an algorithm for it is not at hand";
    Error "out-of-order"
        /// Its issuer does not follow it.
        OutOfOrder {
            /// Where its issuer is, from 0.
            issuer: usize,
        } = "its issuer, certificate {} of the chain, does not follow it: order the chain", issuer + 1;
    Warning "duplicate"
        /// It is there more than once.
        Duplicate = "it is in the chain already: leave it out here";
    Error "missing-issuer"
        /// Its issuer is neither in the chain nor among the trust anchors.
        MissingIssuer {
            /// The issuer's name.
            issuer: String,
        } = "its issuer ({issuer}) is missing: add the intermediate certificates to the chain";
    Note "issuer-elsewhere"
        /// The chain ends here, at an issuer that whoever checks it must have.
        IssuerElsewhere {
            /// The issuer's name.
            issuer: String,
        } = "its issuer ({issuer}) is not in the chain: it must be registered with the hub";
    Error "not-anchored"
        /// The chain ends here, at none of the trust anchors.
        NotAnchored = "the chain ends here, and it is none of the trust anchors: register it, or give a chain that ends at one of them";
    Warning "unrelated"
        /// It is no part of the way from the device's certificate to its last issuer.
        Unrelated = "the device's certificate does not need it: leave it out";
    Note "self-signed"
        /// It can be registered by its thumbprint only.
        SelfSigned = "it is self-signed: the hub takes it by its thumbprint, not by a CA";
    Warning "old-version"
        /// Not version 3.
        OldVersion {
            /// Which.
            version: u32,
        } = "it has version {version}: have it issued as version 3, which says what it is for";
    Error "unknown-critical"
        /// A critical extension that nobody here knows.
        UnknownCritical {
            /// Its object identifier.
            oid: String,
        } = "it has a critical extension that is not known ({oid}): have it issued without it, for whoever does not know it refuses it";
}

/// Why a chain was not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No certificate.
    #[error("the chain has no certificate")]
    Empty,
    /// More than [`CHAIN_MAX`] certificates.
    #[error("the chain has {len} certificates; at most {CHAIN_MAX} are read")]
    TooLong {
        /// Certificates given.
        len: usize,
    },
    /// One of them is not right.
    #[error("certificate {} of the chain: {error}", index + 1)]
    Certificate {
        /// Which, from 0.
        index: usize,
        /// Why.
        error: CertificateError,
    },
    /// The PEM is not right.
    #[error(transparent)]
    Pem(#[from] PemError),
}
