//! Configurations of servers: gateways whose devices prove themselves, and hubs for tests.

use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, ServerConnection};
use thiserror::Error;

use super::client::{TlsError, check_alpn, some_crls, versions};
use super::clock::ClockTime;
use super::identity::TlsIdentity;
use super::provider::{PostQuantum, Provider};
use super::roots::TrustAnchors;
use super::sessions::ServerSessions;
use crate::error::OtherError;
use crate::identity::{DeviceId, NameError};
use crate::time::{Clock, UnixTime};
use crate::x509::{Certificate, CertificateError};

/// How many clients a server keeps sessions of at most: there is room for them from the beginning.
const SESSIONS_MAX: usize = 65_536;

/// Puts a [`ServerTls`] together.
#[derive(Clone)]
#[must_use]
pub struct ServerTlsBuilder {
    provider: Provider,
    identity: Option<TlsIdentity>,
    clients: Clients,
    is_tls13_only: bool,
    post_quantum: PostQuantum,
    alpn: Vec<Vec<u8>>,
    sessions: usize,
    /// `None` unless they are asked for.
    crls: Option<Vec<CertificateRevocationListDer<'static>>>,
    requires_fips: bool,
}

#[derive(Clone)]
enum Clients {
    NotAsked,
    Asked(TrustAnchors),
    Required(TrustAnchors),
}

impl ServerTlsBuilder {
    /// Who the server is.
    pub fn identity(mut self, identity: TlsIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Refuses clients without a certificate under one of `anchors`: those of a CA that issues to these
    /// devices and to nobody else, for whoever has a certificate of it with the name of a device is that
    /// device. Called again, these instead, as with [`ServerTlsBuilder::ask_clients`].
    pub fn require_clients(mut self, anchors: TrustAnchors) -> Self {
        self.clients = Clients::Required(anchors);
        self
    }

    /// Asks clients for a certificate under one of `anchors`, and takes those that have none: they prove
    /// themselves otherwise, by SAS tokens. One with a certificate of others is refused.
    pub fn ask_clients(mut self, anchors: TrustAnchors) -> Self {
        self.clients = Clients::Asked(anchors);
        self
    }

    /// Raises the floor from TLS 1.2 to 1.3.
    pub fn tls13_only(mut self) -> Self {
        self.is_tls13_only = true;
        self
    }

    /// Whether post-quantum key exchange is taken.
    pub fn post_quantum(mut self, post_quantum: PostQuantum) -> Self {
        self.post_quantum = post_quantum;
        self
    }

    /// The protocols to choose from (ALPN, RFC 7301), best first.
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Of how many clients sessions are kept for resumption, in memory, up to 65536. None unless it is
    /// called: who resumes is not asked for a certificate, and may do so without end. The one of the first
    /// handshake may have expired since, which [`ServerTls::device_of`] looks at. While the clock does not
    /// know the time, nobody connects, be a certificate asked for or not.
    pub fn sessions(mut self, clients: usize) -> Self {
        self.sessions = clients.min(SESSIONS_MAX);
        self
    }

    /// Checks every certificate of a client's chain below the anchor by these revocation lists, which must
    /// be there for each issuer, and in date. New lists need a new [`ServerTls`]. Sessions are not resumed,
    /// since who resumes does not look at the lists.
    pub fn crls(
        mut self,
        crls: impl IntoIterator<Item = CertificateRevocationListDer<'static>>,
    ) -> Self {
        self.crls.get_or_insert_default().extend(crls);
        self
    }

    /// Refuses to build what FIPS 140-3 does not approve. The key of the identity signs where its store is,
    /// which is not looked at here.
    pub fn require_fips(mut self) -> Self {
        self.requires_fips = true;
        self
    }

    /// Builds it. The clock is asked at each handshake.
    ///
    /// # Errors
    ///
    /// [`TlsError::NoIdentity`]; [`TlsError::Identity`]; [`TlsError::NoCrl`]; [`TlsError::Crl`];
    /// [`TlsError::Alpn`]; [`TlsError::NotFips`]; [`TlsError::Other`].
    pub fn build(self, clock: impl Clock + 'static) -> Result<ServerTls, TlsError> {
        let identity = self.identity.ok_or(TlsError::NoIdentity)?;
        let crypto = Arc::new(self.provider.crypto(self.post_quantum, self.is_tls13_only));
        identity.test_sign(&crypto.signature_verification_algorithms, self.is_tls13_only)?;
        check_alpn(&self.alpn)?;
        let crls = some_crls(self.crls.as_deref())?;
        let verifier = |anchors: &TrustAnchors| {
            let store = Arc::clone(anchors.store());
            let verifier = WebPkiClientVerifier::builder_with_provider(store, Arc::clone(&crypto));
            match crls {
                None => verifier,
                Some(crls) => {
                    verifier.with_crls(crls.iter().cloned()).enforce_revocation_expiration()
                }
            }
        };
        let verifier = match &self.clients {
            Clients::NotAsked => Ok(WebPkiClientVerifier::no_client_auth()),
            Clients::Asked(anchors) => verifier(anchors).allow_unauthenticated().build(),
            Clients::Required(anchors) => verifier(anchors).build(),
        };
        let verifier: Arc<dyn ClientCertVerifier> =
            verifier.map_err(|error| TlsError::Crl(OtherError::new(error)))?;

        let clock: Arc<dyn Clock> = Arc::new(clock);
        let time = ClockTime(Arc::clone(&clock));
        let config = ServerConfig::builder_with_details(crypto, Arc::new(time))
            .with_protocol_versions(&versions(self.is_tls13_only))
            .map_err(|error| TlsError::Other(OtherError::new(error)))?;
        let resolver = SingleCertAndKey::from(Arc::clone(identity.certified()));
        let mut config =
            config.with_client_cert_verifier(verifier).with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = self.alpn;
        // Who resumes does not look at the lists.
        if self.sessions > 0 && self.crls.is_none() {
            config.session_storage = Arc::new(ServerSessions::new(self.sessions, clock));
            // Each takes a place.
            config.send_tls13_tickets = 1;
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        if self.requires_fips && !config.fips() {
            return Err(TlsError::NotFips);
        }
        Ok(ServerTls { config: Arc::new(config), identity })
    }
}

impl fmt::Debug for ServerTlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, identity, .. } = self;
        f.debug_struct("ServerTlsBuilder")
            .field("provider", provider)
            .field("identity", identity)
            .finish_non_exhaustive()
    }
}

/// What a server needs of TLS, with the same floor as [`ClientTls`](super::ClientTls).
///
/// # Examples
///
/// A transparent gateway, whose devices prove themselves with certificates of one CA:
///
/// ```no_run
/// # #[cfg(feature = "ring")]
/// # fn serve(
/// #     identity: hubward::tls::TlsIdentity, socket: std::net::TcpStream,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use hubward::{Clock, SystemClock};
/// use hubward::tls::rustls::ServerConnection;
/// use hubward::tls::{Provider, ServerTls, TrustAnchors};
///
/// let tls = ServerTls::builder(Provider::Ring)
///     .identity(identity)
///     .require_clients(TrustAnchors::from_pem(&std::fs::read("devices-ca.pem")?)?)
///     .build(SystemClock)?;
///
/// let mut socket = socket;
/// let mut connection = ServerConnection::new(tls.config())?;
/// while connection.is_handshaking() {
///     connection.complete_io(&mut socket)?;
/// }
/// let device = ServerTls::device_of(&connection, SystemClock.now()?)?;
/// println!("{device} is connected");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    identity: TlsIdentity,
}

impl ServerTls {
    /// Begins one.
    pub const fn builder(provider: Provider) -> ServerTlsBuilder {
        ServerTlsBuilder {
            provider,
            identity: None,
            clients: Clients::NotAsked,
            is_tls13_only: false,
            post_quantum: PostQuantum::Preferred,
            alpn: Vec::new(),
            sessions: 0,
            crls: None,
            requires_fips: false,
        }
    }

    /// The configuration.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Who the server is.
    pub const fn identity(&self) -> &TlsIdentity {
        &self.identity
    }

    /// The device at the other end: the common name of the certificate that it proved itself with, in this
    /// handshake or, where sessions are kept, in the one that it goes on from. `now` comes from a clock that
    /// knows the time. A module's certificate names a module, which is no device.
    ///
    /// # Errors
    ///
    /// [`ClientNameError::Handshaking`] until the handshake is over, since before, nothing is proved;
    /// [`ClientNameError::NoCertificate`] if it has none; [`ClientNameError::Certificate`],
    /// [`ClientNameError::NoCommonName`] and [`ClientNameError::Name`] if it names no device;
    /// [`ClientNameError::Expired`] if it has expired since.
    pub fn device_of(
        connection: &ServerConnection,
        now: UnixTime,
    ) -> Result<DeviceId, ClientNameError> {
        if connection.is_handshaking() {
            return Err(ClientNameError::Handshaking);
        }
        let chain = connection.peer_certificates().unwrap_or_default();
        let der = chain.first().ok_or(ClientNameError::NoCertificate)?;
        let certificate = Certificate::from_der(CertificateDer::from(&**der))?;
        let not_after = certificate.validity().not_after;
        if now > not_after {
            return Err(ClientNameError::Expired { not_after, now });
        }
        let name = certificate.common_name().ok_or(ClientNameError::NoCommonName)?;
        Ok(DeviceId::new(name)?)
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config: _, identity } = self;
        f.debug_struct("ServerTls").field("identity", identity).finish_non_exhaustive()
    }
}

/// Why the device at the other end has no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClientNameError {
    /// The handshake is not over.
    #[error("the handshake is not over: nothing is proved before")]
    Handshaking,
    /// It proved itself with no certificate.
    #[error("the client has no certificate")]
    NoCertificate,
    /// Its certificate was not read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Its certificate has expired since it proved itself with it.
    #[error("the client's certificate expired at {not_after}, and now it is {now}")]
    Expired {
        /// When it ended.
        not_after: UnixTime,
        /// When it was looked at.
        now: UnixTime,
    },
    /// The subject of its certificate has no common name, or several.
    #[error("the client's certificate has no common name (CN), or several")]
    NoCommonName,
    /// The common name is no device ID.
    #[error("the common name (CN) of the client's certificate is no device ID: {0}")]
    Name(#[from] NameError),
}
