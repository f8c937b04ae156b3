//! What this crate adds to TLS, against rustls alone: `hubward` to be read as a ratio to `bare`.
//!
//! `bare` is rustls with the same provider, suites, groups, anchors, verifier and session stores, and with
//! the same keys in memory, signed with by the same code: what is left is what the configurations here put
//! between. Client and server prove themselves with P-256, both ends run in this thread, and nothing but the
//! handshake is in the figures. `ServerTls` cannot be told to leave out TLS 1.3, so that for TLS 1.2 the
//! server is one of rustls alone on both sides.
//!
//! `in_turn` makes one handshake of each in turn, so that whatever else the machine does meets both. It
//! prints the ratio of the medians, which is to be at most 1.02.
//!
//! `config_build` is another matter: `hubward` signs and checks that signature, so that a key that does not
//! work is noticed then. It is done once in the life of a certificate.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use hubward::UnixTime;
use hubward::keystore::{KeyKind, SignatureAlgorithm, SigningKey, SoftwareSigningKey};
use hubward::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer};
use hubward::tls::rustls::client::{Resumption, WebPkiServerVerifier};
use hubward::tls::rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use hubward::tls::rustls::server::{
    NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier,
};
use hubward::tls::rustls::sign::{CertifiedKey, Signer, SingleCertAndKey};
use hubward::tls::rustls::version::{TLS12, TLS13};
use hubward::tls::rustls::{
    self, ClientConfig, ClientConnection, ConnectionCommon, HandshakeKind, ProtocolVersion,
    RootCertStore, ServerConfig, ServerConnection, SideData, SignatureScheme,
    SupportedProtocolVersion,
};
use hubward::tls::{ClientTls, PostQuantum, Provider, ServerTls, TlsIdentity, TrustAnchors};
use hubward::x509::{
    CertificateAuthority, CertificateRequest, DeviceCertificate, RING_ALGORITHMS, Validity,
};
use hubward::{Clock as _, DeviceId, SystemClock};

#[path = "../examples/support/server_certificate.rs"]
mod server_certificate;

const HUB: &str = "contoso.azure-devices.net";
/// As many as a client keeps unless told otherwise, each with as many tickets as rustls counts.
const SESSIONS: usize = 8;
const TICKETS: usize = 8 * SESSIONS;

/// Who the ends are, and whom they trust.
struct World {
    anchors: TrustAnchors,
    store: Arc<RootCertStore>,
    device: End,
    hub: End,
}

struct End {
    key: Arc<SoftwareSigningKey>,
    chain: Vec<CertificateDer<'static>>,
    identity: TlsIdentity,
}

impl End {
    fn new(key: SoftwareSigningKey, certificate: CertificateDer<'static>) -> Self {
        let (key, chain) = (Arc::new(key), vec![certificate]);
        let certificate = DeviceCertificate::from_chain(&chain).unwrap();
        let identity = TlsIdentity::new(certificate, Arc::<SoftwareSigningKey>::clone(&key));
        Self { key, chain, identity: identity.unwrap() }
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        let key = Arc::new(BareKey(Arc::clone(&self.key)));
        Arc::new(CertifiedKey::new(self.chain.clone(), key))
    }
}

impl World {
    fn new() -> Self {
        let p256 = || SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap();
        let [ca_key, device_key, hub_key] = [p256(), p256(), p256()];
        let now = SystemClock.now().unwrap();
        let validity = Validity::starting(now, Duration::from_secs(86_400));
        let ca = CertificateAuthority::root(&ca_key, "Contoso root", validity).unwrap();
        let device = DeviceId::new("pump-7").unwrap();
        let request = CertificateRequest::for_device(&device_key, &device).unwrap();
        let issued = ca.issue_device(&request, &device, validity, RING_ALGORITHMS).unwrap();
        let hub = server_certificate::issue(&ca, &ca_key, &hub_key, HUB, validity).unwrap();
        let mut store = RootCertStore::empty();
        store.add(ca.certificate().der().clone()).unwrap();
        Self {
            anchors: TrustAnchors::from_certificates(vec![ca.certificate().clone()]).unwrap(),
            store: Arc::new(store),
            device: End::new(device_key, issued.der().clone()),
            hub: End::new(hub_key, hub),
        }
    }

    fn client(&self, provider: Provider, post_quantum: PostQuantum) -> ClientTls {
        ClientTls::builder(provider)
            .trust(self.anchors.clone())
            .identity(self.device.identity.clone())
            .post_quantum(post_quantum)
            .sessions(SESSIONS)
            .build(SystemClock)
            .unwrap()
    }

    fn bare_client(&self, provider: Provider, post_quantum: PostQuantum) -> ClientConfig {
        let crypto = Arc::new(crypto(provider, post_quantum));
        let store = Arc::clone(&self.store);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&crypto)).build();
        let mut config = ClientConfig::builder_with_provider(crypto)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_webpki_verifier(verifier.unwrap())
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(self.device.certified())));
        config.resumption = Resumption::in_memory_sessions(TICKETS);
        config
    }

    fn server(&self, case: &Case) -> Arc<ServerConfig> {
        ServerTls::builder(case.provider)
            .identity(self.hub.identity.clone())
            .require_clients(self.anchors.clone())
            .post_quantum(case.post_quantum)
            .sessions(case.sessions())
            .build(SystemClock)
            .unwrap()
            .config()
    }

    fn bare_server(&self, case: &Case) -> Arc<ServerConfig> {
        let crypto = Arc::new(crypto(case.provider, case.post_quantum));
        let store = Arc::clone(&self.store);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(store, Arc::clone(&crypto)).build();
        let versions: &[&SupportedProtocolVersion] =
            if case.is_1_2() { &[&TLS12] } else { &[&TLS13, &TLS12] };
        let mut config = ServerConfig::builder_with_provider(crypto)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier.unwrap())
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(self.hub.certified())));
        if case.is_resumed {
            config.session_storage = ServerSessionMemoryCache::new(case.sessions());
            config.send_tls13_tickets = 1;
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Arc::new(config)
    }
}

/// The provider of rustls with the groups that this crate takes; its suites are the same.
fn crypto(provider: Provider, post_quantum: PostQuantum) -> CryptoProvider {
    let (base, hybrid, classic) = match provider {
        Provider::AwsLcRs => {
            use aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
            let classic = [X25519, SECP256R1, SECP384R1];
            (aws_lc_rs::default_provider(), Some(X25519MLKEM768), classic)
        }
        _ => {
            use ring::kx_group::{SECP256R1, SECP384R1, X25519};
            (ring::default_provider(), None, [X25519, SECP256R1, SECP384R1])
        }
    };
    let hybrid = hybrid.filter(|_| post_quantum == PostQuantum::Preferred);
    CryptoProvider { kx_groups: hybrid.into_iter().chain(classic).collect(), ..base }
}

/// A key of this crate as one that signs for rustls, and nothing else.
#[derive(Debug)]
struct BareKey(Arc<SoftwareSigningKey>);

impl rustls::sign::SigningKey for BareKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let is_offered = offered.contains(&SignatureScheme::ECDSA_NISTP256_SHA256);
        is_offered.then(|| -> Box<dyn Signer> { Box::new(Self(Arc::clone(&self.0))) })
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.0.public_key())
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        rustls::SignatureAlgorithm::ECDSA
    }
}

impl Signer for BareKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signed = self.0.sign(SignatureAlgorithm::EcdsaP256Sha256, message);
        signed.map_err(|error| rustls::Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// A kind of handshake.
struct Case {
    name: &'static str,
    provider: Provider,
    version: ProtocolVersion,
    post_quantum: PostQuantum,
    is_resumed: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for provider in [Provider::AwsLcRs, Provider::Ring] {
            let mut push = |name, version, post_quantum, is_resumed| {
                all.push(Self { name, provider, version, post_quantum, is_resumed });
            };
            push("handshake_1_2", ProtocolVersion::TLSv1_2, PostQuantum::Off, false);
            push("handshake_1_3", ProtocolVersion::TLSv1_3, PostQuantum::Off, false);
            if provider == Provider::AwsLcRs {
                let hybrid = PostQuantum::Preferred;
                push("handshake_1_3_pq", ProtocolVersion::TLSv1_3, hybrid, false);
            }
            push("resumed_1_2", ProtocolVersion::TLSv1_2, PostQuantum::Off, true);
            push("resumed_1_3", ProtocolVersion::TLSv1_3, PostQuantum::Off, true);
        }
        all
    }

    fn is_1_2(&self) -> bool {
        self.version == ProtocolVersion::TLSv1_2
    }

    fn sessions(&self) -> usize {
        if self.is_resumed { SESSIONS } else { 0 }
    }
}

/// The two ends of many handshakes.
struct Ends {
    name: ServerName<'static>,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Ends {
    /// Ends whose handshakes are of that kind.
    fn new(client: Arc<ClientConfig>, server: Arc<ServerConfig>, case: &Case) -> Self {
        let ends = Self { name: ServerName::try_from(HUB).unwrap(), client, server };
        // What is resumed was begun once.
        ends.handshake();
        let (client, server) = ends.handshake();
        assert_eq!(client.protocol_version(), Some(case.version));
        let kind = if case.is_resumed { HandshakeKind::Resumed } else { HandshakeKind::Full };
        assert_eq!(client.handshake_kind(), Some(kind));
        let group =
            client.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
        let has_group = case.post_quantum == PostQuantum::Preferred;
        assert_eq!(group.as_deref() == Some("X25519MLKEM768"), has_group, "{group:?}");
        assert_eq!(
            ServerTls::device_of(&server, UnixTime::BUILD_FLOOR).unwrap().as_str(),
            "pump-7"
        );
        ends
    }

    fn handshake(&self) -> (ClientConnection, ServerConnection) {
        let config = Arc::clone(black_box(&self.client));
        let mut client = ClientConnection::new(config, self.name.clone()).unwrap();
        let mut server = ServerConnection::new(Arc::clone(black_box(&self.server))).unwrap();
        let mut buffer = Vec::with_capacity(16 * 1024);
        while client.wants_write() || server.wants_write() {
            transfer(&mut client, &mut server, &mut buffer);
            transfer(&mut server, &mut client, &mut buffer);
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        (client, server)
    }

    fn timed(&self) -> Duration {
        let start = Instant::now();
        black_box(self.handshake());
        start.elapsed()
    }
}

fn transfer<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
    buffer: &mut Vec<u8>,
) {
    buffer.clear();
    while from.wants_write() {
        from.write_tls(buffer).unwrap();
    }
    let mut rest = &**buffer;
    while !rest.is_empty() {
        to.read_tls(&mut rest).unwrap();
        to.process_new_packets().unwrap();
    }
}

fn tls(criterion: &mut Criterion) {
    let world = World::new();
    config_build(criterion, &world);
    for case in Case::all() {
        let name = format!("{}/{}", case.name, case.provider);
        let client = world.client(case.provider, case.post_quantum).config();
        let bare_client = Arc::new(world.bare_client(case.provider, case.post_quantum));
        assert_same(client.crypto_provider(), bare_client.crypto_provider());
        let bare_server = world.bare_server(&case);
        let server = if case.is_1_2() { Arc::clone(&bare_server) } else { world.server(&case) };
        let hubward = Ends::new(client, server, &case);
        let bare = Ends::new(bare_client, bare_server, &case);

        let mut group = criterion.benchmark_group(&name);
        group.bench_function("bare", |bencher| bencher.iter(|| bare.handshake()));
        group.bench_function("hubward", |bencher| bencher.iter(|| hubward.handshake()));
        in_turn(&mut group, &name, &bare, &hubward);
        group.finish();
    }
}

fn config_build(criterion: &mut Criterion, world: &World) {
    for provider in [Provider::AwsLcRs, Provider::Ring] {
        let hybrid = PostQuantum::Preferred;
        let mut group = criterion.benchmark_group(format!("config_build/{provider}"));
        group.bench_function("bare", |bencher| {
            bencher.iter(|| Arc::new(world.bare_client(black_box(provider), hybrid)));
        });
        group.bench_function("hubward", |bencher| {
            bencher.iter(|| world.client(black_box(provider), hybrid).config());
        });
        group.finish();
    }
}

/// Suites and groups, in their order.
fn assert_same(one: &CryptoProvider, other: &CryptoProvider) {
    let names = |crypto: &CryptoProvider| {
        let suites = crypto.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite()));
        let groups = crypto.kx_groups.iter().map(|group| format!("{:?}", group.name()));
        suites.chain(groups).collect::<Vec<_>>()
    };
    assert_eq!(names(one), names(other));
}

fn in_turn(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, bare: &Ends, hubward: &Ends) {
    // Fewer say nothing.
    const ENOUGH: usize = 100;

    let (mut of_bare, mut of_hubward) = (Vec::new(), Vec::new());
    group.bench_function("in_turn", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut sum = Duration::ZERO;
            for place in 0..iterations {
                // Neither is always the second.
                let (time_of_bare, time_of_hubward) = if place % 2 == 0 {
                    let time_of_bare = bare.timed();
                    (time_of_bare, hubward.timed())
                } else {
                    let time_of_hubward = hubward.timed();
                    (bare.timed(), time_of_hubward)
                };
                of_bare.push(time_of_bare);
                of_hubward.push(time_of_hubward);
                sum += time_of_hubward;
            }
            sum
        });
    });
    if of_bare.len() >= ENOUGH {
        let pairs = of_bare.len();
        let ratio = median(of_hubward).as_secs_f64() / median(of_bare).as_secs_f64();
        println!("{name}: hubward takes {ratio:.4} of bare (medians of {pairs} pairs)");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

criterion_group!(benches, tls);
criterion_main!(benches);
