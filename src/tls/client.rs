//! Configurations of clients, and their rotation.

use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};
use thiserror::Error;

use super::clock::ClockTime;
use super::explain::{Explanation, Facts};
use super::identity::{IdentityError, TlsIdentity};
use super::provider::{PostQuantum, Provider};
use super::record::{HandshakeRecord, RecordingResolver, RecordingVerifier};
use super::roots::{Cloud, Readiness, TrustAnchors};
use super::sessions::ClientSessions;
use crate::error::OtherError;
use crate::time::{Clock, UnixTime};

/// How many servers a client keeps sessions of, unless told otherwise: a device has one or two.
const SESSIONS: usize = 8;

/// How many it keeps sessions of at most: there is room for them from the beginning.
const SESSIONS_MAX: usize = 1024;

/// Puts a [`ClientTls`] together. What is said of each method's opposite in [the module](super) is so
/// unless the method is called.
#[derive(Clone)]
#[must_use]
pub struct ClientTlsBuilder {
    provider: Provider,
    anchors: Option<TrustAnchors>,
    identity: Option<TlsIdentity>,
    is_tls13_only: bool,
    post_quantum: PostQuantum,
    alpn: Vec<Vec<u8>>,
    sessions: usize,
    /// `None` unless they are asked for.
    crls: Option<Vec<CertificateRevocationListDer<'static>>>,
    requires_fips: bool,
    allows_unknown_revocation: bool,
    verifier: Option<Arc<dyn ServerCertVerifier>>,
}

impl ClientTlsBuilder {
    /// Trusts servers whose chain ends at one of `anchors`; called again, those as well.
    pub fn trust(mut self, anchors: TrustAnchors) -> Self {
        self.anchors = Some(match self.anchors {
            Some(before) => before.and(&anchors),
            None => anchors,
        });
        self
    }

    /// Proves itself with a certificate where a server asks for one. Without, the client has none, as with
    /// SAS tokens.
    pub fn identity(mut self, identity: TlsIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Raises the floor from TLS 1.2 to 1.3. IoT Hub speaks 1.3 on its newer host names only.
    pub fn tls13_only(mut self) -> Self {
        self.is_tls13_only = true;
        self
    }

    /// Whether post-quantum key exchange is offered.
    pub fn post_quantum(mut self, post_quantum: PostQuantum) -> Self {
        self.post_quantum = post_quantum;
        self
    }

    /// The protocols to offer (ALPN, RFC 7301), best first: `http/1.1` for HTTPS and for MQTT and AMQP over
    /// WebSocket. MQTT and AMQP by themselves have none.
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Of how many servers sessions are kept for resumption, in memory, up to 1024; 0 turns it off. 8 unless
    /// it is called.
    pub fn sessions(mut self, servers: usize) -> Self {
        self.sessions = servers.min(SESSIONS_MAX);
        self
    }

    /// Checks every certificate of the server's chain below the anchor by these revocation lists. They must
    /// be there for each issuer, and in date: who gives some sees to it that new ones are given in time, for
    /// without them no handshake succeeds. New lists need a new [`ClientTls`]: do not keep a
    /// [`ClientTls::rotating_config`] with them. Sessions are not resumed, since who resumes does not look at
    /// the lists.
    pub fn crls(
        mut self,
        crls: impl IntoIterator<Item = CertificateRevocationListDer<'static>>,
    ) -> Self {
        self.crls.get_or_insert_default().extend(crls);
        self
    }

    /// Refuses to build what FIPS 140-3 does not approve, and a verifier of the caller's, of which nobody can
    /// tell. The key of the identity signs where its store is, which is not looked at here.
    pub fn require_fips(mut self) -> Self {
        self.requires_fips = true;
        self
    }

    /// What is weaker than it should be.
    pub const fn dangerous(self) -> DangerousClientTls {
        DangerousClientTls(self)
    }

    /// Builds it. The clock is asked at each handshake. A certificate of the identity that has expired, or
    /// begins later, is taken, for there is no better one: judge it before
    /// ([`DeviceCertificate::judge`](crate::x509::DeviceCertificate::judge)).
    ///
    /// # Errors
    ///
    /// [`TlsError::NoTrustAnchors`]; [`TlsError::Identity`] if the key does not do what is needed;
    /// [`TlsError::NoCrl`]; [`TlsError::Crl`]; [`TlsError::Alpn`]; [`TlsError::NotFips`].
    pub fn build(mut self, clock: impl Clock + 'static) -> Result<ClientTls, TlsError> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let crypto = Arc::new(self.provider.crypto(self.post_quantum, self.is_tls13_only));
        if let Some(identity) = &self.identity {
            identity.test_sign(&crypto.signature_verification_algorithms, self.is_tls13_only)?;
        }
        check_alpn(&self.alpn)?;
        let (verifier, is_verifier_custom) = match self.verifier.clone() {
            Some(verifier) => (verifier, true),
            None => (self.verifier_of(&crypto)?, false),
        };

        let config = ClientConfig::builder_with_details(
            Arc::clone(&crypto),
            Arc::new(ClockTime(Arc::clone(&clock))),
        );
        let config = config
            .with_protocol_versions(&versions(self.is_tls13_only))
            .map_err(|error| TlsError::Other(OtherError::new(error)))?;
        let mut template = config
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier))
            .with_no_client_auth();
        template.alpn_protocols = core::mem::take(&mut self.alpn);
        template.resumption = Resumption::disabled();
        if self.requires_fips && (!template.fips() || is_verifier_custom) {
            return Err(TlsError::NotFips);
        }

        // Who resumes does not look at the lists.
        let sessions = if self.crls.is_none() { self.sessions } else { 0 };
        let facts = Facts {
            provider: self.provider,
            is_tls13_only: self.is_tls13_only,
            anchors: self.anchors.filter(|_| !is_verifier_custom),
            sessions,
            crls: if is_verifier_custom { 0 } else { self.crls.as_deref().map_or(0, <[_]>::len) },
            allows_unknown_revocation: self.allows_unknown_revocation,
        };
        let config = config_of(&template, sessions, &clock, self.identity.as_ref());
        let first = Published { generation: 0, identity: self.identity, config };
        let slot = Arc::new(Slot(RwLock::new(first)));
        let mut rotating = template.clone();
        rotating.client_auth_cert_resolver = Arc::new(SlotResolver(Arc::clone(&slot)));
        let rotating = Arc::new(rotating);
        Ok(ClientTls(Arc::new(Inner { template, verifier, rotating, slot, clock, facts })))
    }

    fn verifier_of(
        &self,
        crypto: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let anchors = self.anchors.as_ref().ok_or(TlsError::NoTrustAnchors)?;
        let store = Arc::clone(anchors.store());
        let mut builder = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(crypto));
        if let Some(crls) = some_crls(self.crls.as_deref())? {
            builder = builder.with_crls(crls.iter().cloned()).enforce_revocation_expiration();
        }
        if self.allows_unknown_revocation {
            builder = builder.allow_unknown_revocation_status();
        }
        let built = builder.build().map_err(|error| TlsError::Crl(OtherError::new(error)))?;
        Ok(built)
    }
}

impl fmt::Debug for ClientTlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, anchors, identity, .. } = self;
        f.debug_struct("ClientTlsBuilder")
            .field("provider", provider)
            .field("anchors", anchors)
            .field("identity", identity)
            .finish_non_exhaustive()
    }
}

/// What is weaker than it should be: each method says what an attacker gains by it. All of it shows in
/// [`ClientTls::explain`].
#[derive(Clone, Debug)]
#[must_use]
pub struct DangerousClientTls(ClientTlsBuilder);

impl DangerousClientTls {
    /// Believes certificates of which no revocation list tells, where some are given
    /// ([`ClientTlsBuilder::crls`]). Who holds back a list then keeps a revoked certificate alive.
    pub fn allow_unknown_revocation(mut self) -> ClientTlsBuilder {
        self.0.allows_unknown_revocation = true;
        self.0
    }

    /// Leaves it to `verifier` which servers are believed: trust anchors, revocation lists and the check of
    /// names count no longer. A verifier that believes too much lets anybody be the hub.
    pub fn server_verifier(mut self, verifier: Arc<dyn ServerCertVerifier>) -> ClientTlsBuilder {
        self.0.verifier = Some(verifier);
        self.0
    }
}

/// What a client needs of TLS, with an identity that can be exchanged while connections are up. A handle:
/// clones share the identity.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "ring")] {
/// use hubward::SystemClock;
/// use hubward::tls::{ClientTls, Cloud, Provider, TrustAnchors};
///
/// let tls = ClientTls::builder(Provider::Ring)
///     .trust(TrustAnchors::of(Cloud::Public))
///     .build(SystemClock)?;
/// assert!(tls.explain().to_string().contains("TLS 1.2"));
/// # }
/// # Ok::<(), hubward::tls::TlsError>(())
/// ```
#[derive(Clone)]
pub struct ClientTls(Arc<Inner>);

struct Inner {
    /// Without an identity, and without sessions.
    template: ClientConfig,
    verifier: Arc<dyn ServerCertVerifier>,
    rotating: Arc<ClientConfig>,
    slot: Arc<Slot>,
    clock: Arc<dyn Clock>,
    facts: Facts,
}

/// Where the identity is that is shown now.
struct Slot(RwLock<Published>);

struct Published {
    generation: u64,
    identity: Option<TlsIdentity>,
    config: Arc<ClientConfig>,
}

/// The configuration that shows `identity`.
fn config_of(
    template: &ClientConfig,
    sessions: usize,
    clock: &Arc<dyn Clock>,
    identity: Option<&TlsIdentity>,
) -> Arc<ClientConfig> {
    let mut config = template.clone();
    if let Some(identity) = identity {
        let certified = Arc::clone(identity.certified());
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    }
    // A store of its own: no session outlives the identity that it was made with.
    if sessions > 0 {
        let sessions = ClientSessions::new(sessions, Arc::clone(clock));
        config.resumption = Resumption::store(Arc::new(sessions));
    }
    Arc::new(config)
}

impl Slot {
    fn read(&self) -> RwLockReadGuard<'_, Published> {
        // It is replaced as a whole.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self) -> Option<TlsIdentity> {
        self.read().identity.clone()
    }
}

impl ClientTls {
    /// Begins one. The provider is always named: none is taken because it happens to be the process' own.
    pub const fn builder(provider: Provider) -> ClientTlsBuilder {
        ClientTlsBuilder {
            provider,
            anchors: None,
            identity: None,
            is_tls13_only: false,
            post_quantum: PostQuantum::Preferred,
            alpn: Vec::new(),
            sessions: SESSIONS,
            crls: None,
            requires_fips: false,
            allows_unknown_revocation: false,
            verifier: None,
        }
    }

    /// The configuration with the identity of now: take it anew for each connection.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config_and_generation().0
    }

    /// The same with the [generation](Self::generation) of its identity, to be remembered with the
    /// connection.
    pub fn config_and_generation(&self) -> (Arc<ClientConfig>, u64) {
        let published = self.0.slot.read();
        (Arc::clone(&published.config), published.generation)
    }

    /// A configuration that asks for the identity of the moment in each handshake, for libraries that keep
    /// one for ever. Sessions are not resumed with it: a ticket does not say which identity it was given to.
    pub fn rotating_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.rotating)
    }

    /// The configuration of now for one attempt, which is remembered in the record. Sessions are not resumed
    /// with it.
    pub fn recorded(&self) -> (Arc<ClientConfig>, HandshakeRecord) {
        let record = HandshakeRecord::new();
        let mut config = ClientConfig::clone(&self.config());
        let resolver = Arc::clone(&config.client_auth_cert_resolver);
        config.client_auth_cert_resolver =
            Arc::new(RecordingResolver::new(resolver, record.clone()));
        let verifier = RecordingVerifier::new(Arc::clone(&self.0.verifier), record.clone());
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        config.resumption = Resumption::disabled();
        (Arc::new(config), record)
    }

    /// Exchanges the identity: connections that begin from now on show the new one, and none of them resumes
    /// a session of the old one. Those that are up go on. Answers the new [generation](Self::generation).
    ///
    /// The key is tested as by [`ClientTlsBuilder::build`]: it signs once in each of its ways, which may
    /// take a while where it is in a chip. Whatever fails, the identity of before stays.
    ///
    /// # Errors
    ///
    /// An [`IdentityError`]: [`IdentityError::Expired`] and [`IdentityError::NotYetValid`] where the clock
    /// knows the time: an identity that no server believes is not exchanged for one that may be good.
    pub fn install(&self, identity: TlsIdentity) -> Result<u64, IdentityError> {
        let Inner { template, slot, clock, facts, .. } = &*self.0;
        if let Ok(now) = clock.now() {
            identity.check_validity(now)?;
        }
        let algorithms = &template.crypto_provider().signature_verification_algorithms;
        identity.test_sign(algorithms, facts.is_tls13_only)?;
        let config = config_of(template, facts.sessions, clock, Some(&identity));
        let (generation, before) = {
            let mut published = slot.0.write().unwrap_or_else(PoisonError::into_inner);
            let generation = published.generation.saturating_add(1);
            let now = Published { generation, identity: Some(identity), config };
            (generation, core::mem::replace(&mut *published, now))
        };
        // A key may do as it likes when it is dropped, so that nobody waits for it.
        drop(before);
        Ok(generation)
    }

    /// How often the identity was exchanged. A connection is of an older identity than this if the
    /// [generation of its configuration](Self::config_and_generation) is less.
    pub fn generation(&self) -> u64 {
        self.0.slot.read().generation
    }

    /// The identity of now.
    pub fn identity(&self) -> Option<TlsIdentity> {
        self.0.slot.identity()
    }

    /// What it does and does not, for people and for programs.
    pub fn explain(&self) -> Explanation {
        Explanation::new(&self.0.facts, &self.config(), self.identity().as_ref())
    }

    /// Whether servers of `cloud` would be believed; `None` if that is up to a verifier of the caller's.
    pub fn readiness(&self, cloud: Cloud, now: UnixTime) -> Option<Readiness> {
        Some(self.0.facts.anchors.as_ref()?.readiness(cloud, now))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("identity", &self.identity())
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

/// Looks up the identity of the moment.
struct SlotResolver(Arc<Slot>);

impl ResolvesClientCert for SlotResolver {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.read().identity.as_ref().map(|identity| Arc::clone(identity.certified()))
    }

    /// It is asked when a handshake begins, and one may come before it is needed.
    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for SlotResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SlotResolver").field(&self.0.identity()).finish()
    }
}

pub(super) fn versions(is_tls13_only: bool) -> Vec<&'static SupportedProtocolVersion> {
    use rustls::version::{TLS12, TLS13};

    let older = (!is_tls13_only).then_some(&TLS12);
    core::iter::once(&TLS13).chain(older).collect()
}

/// The lists, of which there are some where any were asked for.
pub(super) fn some_crls<'a>(
    crls: Option<&'a [CertificateRevocationListDer<'static>]>,
) -> Result<Option<&'a [CertificateRevocationListDer<'static>]>, TlsError> {
    match crls {
        Some([]) => Err(TlsError::NoCrl),
        crls => Ok(crls),
    }
}

/// The most bytes of all names of protocols: the first message of a handshake has other things in it.
const ALPN_MAX: usize = 4096;

/// RFC 7301 section 3.1.
pub(super) fn check_alpn(protocols: &[Vec<u8>]) -> Result<(), TlsError> {
    let fits = |protocol: &Vec<u8>| (1..=255).contains(&protocol.len());
    let len: usize = protocols.iter().map(|protocol| protocol.len() + 1).sum();
    if protocols.iter().all(fits) && len <= ALPN_MAX { Ok(()) } else { Err(TlsError::Alpn) }
}

/// Why a configuration was not built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Nobody is trusted.
    #[error("there are no trust anchors: give those of a cloud, of the platform, or your own")]
    NoTrustAnchors,
    /// The identity is not right.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Revocation lists were asked for, and there is none.
    #[error(
        "revocation lists are asked for, and none is given: an empty folder is no reason to do without"
    )]
    NoCrl,
    /// A revocation list is not right.
    #[error("a revocation list is not right")]
    Crl(#[source] OtherError),
    /// The name of a protocol is empty or has more than 255 bytes, or all have more than 4096.
    #[error("the name of a protocol (ALPN) has 1 to 255 bytes, and all together at most 4096")]
    Alpn,
    /// FIPS was asked for, and the configuration is not.
    #[error("the configuration is not one of FIPS 140-3: name the provider of the feature `fips`")]
    NotFips,
    /// A server without an identity.
    #[error("a server needs an identity: give its certificate and key")]
    NoIdentity,
    /// rustls refuses the configuration.
    #[error("rustls refuses the configuration")]
    Other(#[source] OtherError),
}
