//! Both ends of TLS in one process, and whom they trust.
//!
//! CAs and devices are this crate's own. It issues no certificates for servers, so that those are put
//! together byte by byte. It is [`NOW`] for all of them.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use hubward::keystore::{KeyKind, SigningKey, SoftwareSigningKey};
use hubward::tls::rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, Error, HandshakeKind, ServerConfig,
    ServerConnection, SideData,
};
use hubward::tls::{
    ClientTls, ClientTlsBuilder, Provider, ServerTls, ServerTlsBuilder, TlsIdentity, TrustAnchors,
};
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, DeviceCertificate, RING_ALGORITHMS,
    Validity, private_key_from_pem,
};
use hubward::{Clock, DeviceId, FixedClock, TimeError, UnixTime};

use crate::certificates::{DAY, Draft, NOW, OpenSsl, SERVER_AUTH, sequence, tlv};

pub(crate) const HUB: &str = "contoso.azure-devices.net";
pub(crate) const DEVICE: &str = "pump-7";

pub(crate) const PROVIDERS: [Provider; 2] = [Provider::AwsLcRs, Provider::Ring];

pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

pub(crate) const fn now() -> FixedClock {
    FixedClock::at(UnixTime::from_secs(NOW))
}

pub(crate) fn from_to(not_before: u64, not_after: u64) -> Validity {
    Validity { not_before: at(not_before), not_after: at(not_after) }
}

/// A clock that can be set, and that can forget the time.
#[derive(Clone, Debug)]
pub(crate) struct Dial(Arc<AtomicU64>);

impl Dial {
    const UNKNOWN: u64 = u64::MAX;

    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW)))
    }

    pub(crate) fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self) {
        self.set(Self::UNKNOWN);
    }
}

impl Clock for Dial {
    fn now(&self) -> Result<UnixTime, TimeError> {
        match self.0.load(Ordering::Relaxed) {
            Self::UNKNOWN => FixedClock::unknown().now(),
            now => Ok(at(now)),
        }
    }
}

// Keys.

/// The kinds of keys that TLS takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    P256,
    P384,
    Rsa,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::Rsa];

    /// A new one. RSA is OpenSSL's, for this crate makes none.
    pub(crate) fn generate(self) -> Arc<SoftwareSigningKey> {
        let kind = match self {
            Self::P256 => KeyKind::EcdsaP256,
            Self::P384 => KeyKind::EcdsaP384,
            Self::Rsa => {
                let openssl = OpenSsl::new();
                openssl.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key");
                let key = private_key_from_pem(&openssl.read("key")).unwrap();
                return Arc::new(SoftwareSigningKey::from_der(key.expose_der()).unwrap());
            }
        };
        Arc::new(SoftwareSigningKey::generate(kind).unwrap())
    }

    /// The same one each time.
    pub(crate) fn key(self) -> Arc<SoftwareSigningKey> {
        static KEYS: [LazyLock<Arc<SoftwareSigningKey>>; 3] = [
            LazyLock::new(|| Kind::P256.generate()),
            LazyLock::new(|| Kind::P384.generate()),
            LazyLock::new(|| Kind::Rsa.generate()),
        ];
        Arc::clone(&KEYS[self as usize])
    }
}

// Who issues.

/// A CA with a P-256 key.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) key: Arc<SoftwareSigningKey>,
    /// Its own certificate, and those above it without the root's.
    pub(crate) chain: Vec<Certificate>,
    pub(crate) root: Certificate,
}

impl Authority {
    /// A root, from thirty days ago on for ten years.
    pub(crate) fn root(name: &str) -> Self {
        let key = Kind::P256.generate();
        let validity = from_to(NOW - 30 * DAY, NOW + 3650 * DAY);
        let root = CertificateAuthority::root(&*key, name, validity).unwrap();
        let root = root.certificate().clone();
        Self { key, chain: Vec::new(), root }
    }

    /// A CA below this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = Kind::P256.generate();
        let below = self.ca().intermediate(&*key, name, self.root.validity()).unwrap();
        let chain = [&[below.certificate().clone()], &*self.chain].concat();
        Self { key, chain, root: self.root.clone() }
    }

    pub(crate) fn certificate(&self) -> &Certificate {
        self.chain.first().unwrap_or(&self.root)
    }

    pub(crate) fn ca(&self) -> CertificateAuthority<'_> {
        CertificateAuthority::from_certificate(self.certificate().clone(), &*self.key).unwrap()
    }

    /// The root, for others to trust.
    pub(crate) fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_certificates(vec![self.root.clone()]).unwrap()
    }

    /// The chain of one that this CA issued.
    pub(crate) fn chain_of(&self, end_entity: Certificate) -> DeviceCertificate {
        let chain = [&[end_entity], &*self.chain].concat();
        DeviceCertificate::from_certificates(chain).unwrap()
    }

    /// A device's certificate.
    pub(crate) fn issue_device(
        &self,
        id: &str,
        key: &dyn SigningKey,
        validity: Validity,
    ) -> Certificate {
        let id = DeviceId::new(id).unwrap();
        let request = CertificateRequest::for_device(key, &id).unwrap();
        self.ca().issue_device(&request, &id, validity, RING_ALGORITHMS).unwrap()
    }

    /// A device that is who it says, for thirty days from yesterday on.
    pub(crate) fn device(&self, id: &str, key: Arc<dyn SigningKey>) -> TlsIdentity {
        let validity = from_to(NOW - DAY, NOW + 30 * DAY);
        let certificate = self.issue_device(id, &key, validity);
        TlsIdentity::new(self.chain_of(certificate), key).unwrap()
    }

    /// A server's certificate to be, for a day before and after.
    pub(crate) fn server_draft(&self, names: &[&str], spki: &[u8]) -> Draft {
        let issuer = self.certificate().common_name().unwrap();
        let mut draft = Draft::device(spki, names.first().copied().unwrap_or("none"), issuer);
        draft.extended_key_usage(&[SERVER_AUTH]);
        // RFC 5280 section 4.2.1.6.
        let names: Vec<_> = names
            .iter()
            .map(|name| match name.parse::<std::net::IpAddr>() {
                Ok(std::net::IpAddr::V4(address)) => tlv(0x87, &address.octets()),
                Ok(std::net::IpAddr::V6(address)) => tlv(0x87, &address.octets()),
                Err(_) => tlv(0x82, name.as_bytes()),
            })
            .collect();
        draft.extension("2.5.29.17", false, &sequence(&names));
        draft
    }

    /// A server of these names.
    pub(crate) fn server(&self, names: &[&str], key: Arc<dyn SigningKey>) -> TlsIdentity {
        self.sign(&self.server_draft(names, &key.public_key()), key)
    }

    /// What the draft says, signed.
    pub(crate) fn sign(&self, draft: &Draft, key: Arc<dyn SigningKey>) -> TlsIdentity {
        TlsIdentity::new(self.chain_of(draft.signed_by(&*self.key)), key).unwrap()
    }
}

/// The CA of the hub, and that of the devices: two roots with an intermediate each.
pub(crate) struct World {
    pub(crate) hub_ca: Authority,
    pub(crate) device_ca: Authority,
    /// For [`HUB`].
    pub(crate) hub: TlsIdentity,
    /// For [`DEVICE`].
    pub(crate) device: TlsIdentity,
}

impl World {
    /// The same one each time.
    pub(crate) fn get() -> &'static Self {
        static WORLD: LazyLock<World> = LazyLock::new(|| {
            let hub_ca = Authority::root("Contoso server root").intermediate("Contoso servers");
            let device_ca = Authority::root("Contoso device root").intermediate("Contoso hall 3");
            World {
                hub: hub_ca.server(&[HUB], Kind::P256.generate()),
                device: device_ca.device(DEVICE, Kind::P256.generate()),
                hub_ca,
                device_ca,
            }
        });
        &WORLD
    }

    /// A client that trusts the hub.
    pub(crate) fn client(&self, provider: Provider) -> ClientTlsBuilder {
        ClientTls::builder(provider).trust(self.hub_ca.anchors())
    }

    /// The hub, which asks for nobody's certificate.
    pub(crate) fn server(&self, provider: Provider) -> ServerTlsBuilder {
        ServerTls::builder(provider).identity(self.hub.clone())
    }
}

// The wire.

/// A client and a server that hand each other what they write.
pub(crate) struct Link {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
}

/// What each end failed with.
#[derive(Clone, PartialEq)]
pub(crate) struct Broken {
    pub(crate) client: Option<Error>,
    pub(crate) server: Option<Error>,
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, server } = self;
        write!(f, "client: {client:?}, server: {server:?}")
    }
}

impl Link {
    pub(crate) fn new(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Self {
        Self::to(HUB, client, server)
    }

    /// The client asks for a server of this name.
    pub(crate) fn to(name: &str, client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Self {
        let name = name.to_owned().try_into().unwrap();
        Self {
            client: ClientConnection::new(client, name).unwrap(),
            server: ServerConnection::new(server).unwrap(),
        }
    }

    /// What each has to say, until neither has more. Where one gives up, the other hears of it.
    pub(crate) fn run(&mut self) -> Result<(), Box<Broken>> {
        let mut broken = Broken { client: None, server: None };
        loop {
            let moved = carry(&mut self.client, &mut self.server, &mut broken.server)
                | carry(&mut self.server, &mut self.client, &mut broken.client);
            if !moved {
                break;
            }
        }
        match broken {
            Broken { client: None, server: None } => Ok(()),
            broken => Err(Box::new(broken)),
        }
    }

    /// A question and its answer, behind the handshake.
    pub(crate) fn talk(&mut self) -> Result<(), Box<Broken>> {
        self.run()?;
        assert!(!self.client.is_handshaking() && !self.server.is_handshaking());
        say(&mut self.client, b"ping");
        self.run()?;
        assert_eq!(heard(&mut self.server), b"ping");
        say(&mut self.server, b"pong");
        self.run()?;
        assert_eq!(heard(&mut self.client), b"pong");
        Ok(())
    }

    /// Whether the session is one of before; both ends say the same.
    pub(crate) fn is_resumed(&self) -> bool {
        let [client, server] = [self.client.handshake_kind(), self.server.handshake_kind()]
            .map(|kind| kind.expect("the handshake is over") == HandshakeKind::Resumed);
        assert_eq!(client, server);
        client
    }
}

/// Hands over what one end has to say; `true` if that was anything.
fn carry<F: SideData, T: SideData>(
    from: &mut ConnectionCommon<F>,
    to: &mut ConnectionCommon<T>,
    broken: &mut Option<Error>,
) -> bool {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut left = &*wire;
    // Who gave up listens no longer.
    while !left.is_empty() && broken.is_none() {
        to.read_tls(&mut left).unwrap();
        *broken = to.process_new_packets().err();
    }
    !wire.is_empty()
}

fn say<S: SideData>(end: &mut ConnectionCommon<S>, text: &[u8]) {
    end.writer().write_all(text).unwrap();
}

fn heard<S: SideData>(end: &mut ConnectionCommon<S>) -> Vec<u8> {
    let mut text = vec![0; 64];
    let len = end.reader().read(&mut text).unwrap();
    text.truncate(len);
    text
}
