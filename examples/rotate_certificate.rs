//! Renews a device's certificate while its connections are up: a CA, a gateway that lets nobody in without
//! a certificate, and a device, all on this machine.
//!
//! ```text
//! cargo run --example rotate_certificate --features tls,x509-issue,keystore-software,ring
//! ```
//!
//! What a device needs of it is in `main`, from "The device" on. It asks three things of the library:
//! [`next_renewal`] when to renew, [`CertificateRequest`] for what the CA is sent, and
//! [`ClientTls::install`] to show the new certificate from then on.

use std::error::Error;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hubward::keystore::{KeyKind, SoftwareSigningKey};
use hubward::pki_types::ServerName;
use hubward::tls::rustls::{ClientConfig, ClientConnection, ServerConnection, StreamOwned};
use hubward::tls::{ClientTls, Provider, ServerTls, TlsIdentity, TrustAnchors};
use hubward::x509::{
    CertificateAuthority, CertificateRequest, DeviceCertificate, RING_ALGORITHMS, Renewal,
    RenewalPolicy, Thumbprint, Validity, next_renewal,
};
use hubward::{Clock, DeviceId, TimeError, UnixTime};

#[path = "support/server_certificate.rs"]
mod server_certificate;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DAY: Duration = Duration::from_secs(86_400);
/// 2027-01-15T08:00:00Z.
const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const GATEWAY: &str = "localhost";

fn main() -> Result<()> {
    let clock = MovedClock::at(START);

    // --- The CA, which is elsewhere: what it is sent is a request, what it gives is a certificate.
    let ca_key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
    let ca =
        CertificateAuthority::root(&ca_key, "Contoso root", Validity::starting(START, DAY * 365))?;
    let anchors = TrustAnchors::from_certificates(vec![ca.certificate().clone()])?;

    // --- The gateway.
    let gateway_key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
    let validity = Validity::starting(START, DAY * 90);
    let certificate = server_certificate::issue(&ca, &ca_key, &gateway_key, GATEWAY, validity)?;
    let certificate = DeviceCertificate::from_chain(&[certificate])?;
    let server = ServerTls::builder(Provider::Ring)
        .identity(TlsIdentity::new(certificate, Arc::new(gateway_key))?)
        .require_clients(anchors.clone())
        .build(clock.clone())?;
    let gateway = listen(server)?;

    // --- The device, with a certificate for ten days.
    let device = DeviceId::new("pump-7")?;
    let renew = |now: UnixTime| -> Result<TlsIdentity> {
        // A new key for each certificate. Keep it where keys are kept: see `hubward::keystore`.
        let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
        let request = CertificateRequest::for_device(&key, &device)?;
        // Over the network, for real: by EST, or from the Device Provisioning Service.
        let validity = Validity::starting(now, DAY * 10);
        let issued = ca.issue_device(&request, &device, validity, RING_ALGORITHMS)?;
        let chain = DeviceCertificate::from_certificates(vec![issued])?;
        Ok(TlsIdentity::new(chain, Arc::new(key))?)
    };
    let first = renew(clock.now()?)?;
    let tls = ClientTls::builder(Provider::Ring)
        .trust(anchors)
        .identity(first.clone())
        .build(clock.clone())?;
    // For a library that takes a configuration once and keeps it.
    let rotating = tls.rotating_config();

    let (config, old_generation) = tls.config_and_generation();
    let mut old = Connection::open(gateway, config)?;
    println!("the device shows {}", shown(&first));
    println!("the gateway sees {}", old.ask()?);

    // --- When to renew. A device asks again at that moment; nothing waits here.
    let policy: RenewalPolicy = "80%".parse()?;
    let validity = first.certificate().end_entity().validity();
    match next_renewal(validity, policy, clock.now()?) {
        Renewal::At(moment) => {
            println!("it is {}; renew at {moment}", clock.now()?);
            clock.move_to(moment);
        }
        Renewal::Now => {}
        _ => return Err("nobody knows when to renew: set the clock".into()),
    }
    assert_eq!(next_renewal(validity, policy, clock.now()?), Renewal::Now);

    // --- Renew: a request, a certificate, and from now on connections show it.
    let second = renew(clock.now()?)?;
    tls.install(second.clone())?;
    println!("it is {}; the device shows {}", clock.now()?, shown(&second));

    // The connection of before goes on with the certificate that it began with. It is older than the
    // identity: end it when it suits, before that certificate expires.
    println!("the old connection: the gateway sees {}", old.ask()?);
    assert!(tls.generation() > old_generation);

    // A new one shows the new certificate, whether its configuration was taken anew or kept.
    let mut new = Connection::open(gateway, tls.config())?;
    println!("a new connection: the gateway sees {}", new.ask()?);
    let mut kept = Connection::open(gateway, rotating)?;
    println!("one with the configuration kept: the gateway sees {}", kept.ask()?);

    // --- What is not right is not installed, and what was there stays.
    let key_of_another = Arc::new(SoftwareSigningKey::generate(KeyKind::EcdsaP256)?);
    let mismatched = TlsIdentity::new(second.certificate().clone(), key_of_another);
    println!("refused: {}", mismatched.err().ok_or("the key of another was taken")?);
    clock.move_to(validity.not_after.saturating_add(Duration::from_secs(1)));
    let expired = tls.install(first);
    println!("refused: {}", expired.err().ok_or("a certificate that has expired was taken")?);
    assert_eq!(tls.generation(), old_generation + 1);
    let mut last = Connection::open(gateway, tls.config())?;
    println!("it is {}; the gateway sees {}", clock.now()?, last.ask()?);
    Ok(())
}

fn shown(identity: &TlsIdentity) -> String {
    let validity = identity.certificate().end_entity().validity();
    format!("{}, valid until {}", identity.thumbprint(), validity.not_after)
}

/// A clock that the example moves, so that nobody waits for days. A device has `SystemClock`.
#[derive(Clone, Debug)]
struct MovedClock(Arc<AtomicU64>);

impl MovedClock {
    fn at(now: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_secs())))
    }

    fn move_to(&self, now: UnixTime) {
        self.0.store(now.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> std::result::Result<UnixTime, TimeError> {
        Ok(UnixTime::from_secs(self.0.load(Ordering::Relaxed)))
    }
}

/// The device's end of a connection.
struct Connection(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Connection {
    fn open(gateway: SocketAddr, config: Arc<ClientConfig>) -> Result<Self> {
        let connection = ClientConnection::new(config, ServerName::try_from(GATEWAY)?)?;
        let socket = TcpStream::connect(gateway)?;
        Ok(Self(BufReader::new(StreamOwned::new(connection, socket))))
    }

    /// Whom the gateway takes the device for.
    fn ask(&mut self) -> Result<String> {
        self.0.get_mut().write_all(b"who am I?\n")?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let answer = line.strip_suffix('\n').ok_or("the gateway did not answer")?;
        Ok(answer.to_owned())
    }
}

/// Starts the gateway on a free port of this machine.
fn listen(tls: ServerTls) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for socket in listener.incoming().map_while(std::io::Result::ok) {
            let tls = tls.clone();
            thread::spawn(move || {
                if let Err(error) = serve(&tls, socket) {
                    eprintln!("gateway: {error}");
                }
            });
        }
    });
    Ok(address)
}

/// Tells a device, as often as it asks, who it is.
fn serve(tls: &ServerTls, mut socket: TcpStream) -> Result<()> {
    let mut connection = ServerConnection::new(tls.config())?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    // Not before the handshake is over: until then the device has proved nothing.
    let device = ServerTls::device_of(&connection, START)?;
    let chain = connection.peer_certificates().unwrap_or_default();
    let thumbprint = Thumbprint::sha256(chain.first().ok_or("the device has no certificate")?);

    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    let mut question = String::new();
    loop {
        question.clear();
        match stream.read_line(&mut question) {
            Ok(0) => return Ok(()),
            Ok(_) => writeln!(stream.get_mut(), "{device} with {thumbprint}")?,
            // The example ends without a word.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
