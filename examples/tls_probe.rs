//! Tells how a server answers a device that speaks TLS to it, and what is wrong if it does not let it in.
//!
//! ```text
//! cargo run --example tls_probe --features tls,keystore-software,ring -- \
//!     --certificate pump-7.chain.pem --key pump-7.key.pem contoso.azure-devices.net:8883
//! ```
//!
//! With the feature `aws-lc-rs` there is post-quantum key exchange as well: `--provider aws-lc-rs`.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hubward::pki_types::ServerName;
use hubward::tls::rustls::{ClientConnection, ProtocolVersion};
use hubward::tls::{
    ClientTls, Cloud, Diagnosis, HandshakeRecord, PostQuantum, Provider, TlsIdentity, TrustAnchors,
    diagnose,
};
use hubward::x509::{
    Certificate, ChainError, DeviceCertificate, Expected, Finding, RING_ALGORITHMS, Thumbprint,
};
use hubward::{Clock as _, SystemClock};
use serde_json::{Value, json};

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/json.rs"]
mod json;
#[path = "support/private_keys.rs"]
mod private_keys;
mod support;

const PROVIDERS: &[Provider] = &[
    Provider::Ring,
    #[cfg(feature = "aws-lc-rs")]
    Provider::AwsLcRs,
];

const CLOUDS: [(&str, Cloud); 3] =
    [("public", Cloud::Public), ("us-government", Cloud::UsGovernment), ("china", Cloud::China)];

/// How long a server may take to say that it does not like the certificate. In TLS 1.3 the handshake is
/// over for the client before the server has looked at it.
const SECOND_THOUGHTS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    support::run(command(), probe)
}

fn command() -> Command {
    let path = |name: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf))
    };
    let text = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).allow_hyphen_values(true)
    };
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);

    Command::new("tls_probe")
        .about(
            "Tells how a server answers a device that speaks TLS to it, and what is wrong if it does not \
             let it in",
        )
        .after_help(
            "Exit status: 0 if the handshake succeeds; 1 if it fails; 2 if there is no connection, and for \
             bad input.",
        )
        .arg(
            Arg::new("server")
                .value_name("HOST:PORT")
                .required(true)
                .help("The server: 8883 for MQTT, 5671 for AMQP, 443 for HTTPS and WebSocket"),
        )
        .arg(text("name", "NAME").help("The name of its certificate, if that is not HOST"))
        .arg(
            text("cloud", "CLOUD")
                .default_value("public")
                .help("Trust this Azure cloud: public, us-government or china"),
        )
        .arg(path("anchors").help("Trust these CAs as well, PEM or DER"))
        .arg(flag("only").requires("anchors").help("Trust those of --anchors alone"))
        .arg(
            path("certificate")
                .requires("key")
                .help("The device's certificate and those of its issuers, PEM or DER"),
        )
        .arg(path("key").requires("certificate").help("Its private key, PEM or DER"))
        .arg(
            path("passphrase-file")
                .requires("key")
                .help("File with the passphrase of a private key that is encrypted"),
        )
        .arg(
            text("provider", "PROVIDER")
                .default_value("ring")
                .help("What encrypts: ring, or aws-lc-rs where that feature is on"),
        )
        .arg(flag("tls13-only").help("Do not speak TLS 1.2"))
        .arg(flag("no-post-quantum").help("Do not offer post-quantum key exchange"))
        .arg(
            text("alpn", "PROTOCOL")
                .action(ArgAction::Append)
                .help("Offer this protocol (ALPN), for instance http/1.1; may be given again"),
        )
        .arg(
            text("timeout", "SECONDS")
                .default_value("10")
                .help("How long to wait for the server, each time"),
        )
        .arg(flag("explain").help("Print the policy as well, before anything is sent"))
        .arg(flag("json").help("Print one JSON object instead of lines"))
}

fn probe(matches: &ArgMatches) -> Result<ExitCode, String> {
    let is_json = matches.get_flag("json");
    let timeout = timeout(matches)?;
    let server = text(matches, "server");
    let (host, port) = host_and_port(server)?;
    let name = matches.get_one::<String>("name").map_or(host, String::as_str);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| format!("{name:?} is neither a DNS name nor an IP address"))?;
    let anchors = anchors(matches)?;
    let tls = client(matches, &anchors)?;
    let policy = matches.get_flag("explain").then(|| tls.explain());
    if let Some(policy) = policy.as_ref().filter(|_| !is_json) {
        support::print(&format!("{policy}\n"))?;
    }

    let mut socket = connect(host, port, timeout)?;
    let address = socket.peer_addr().map_err(|error| error.to_string())?;
    let (config, record) = tls.recorded();
    let mut connection = ClientConnection::new(config, name).map_err(|error| error.to_string())?;
    let diagnosis = shake_hands(&mut connection, &mut socket)
        .err()
        .map(|error| diagnose(&error, Some(&record)));

    let seen = Seen { server, address, connection: &connection, record: &record };
    let chain = Chain::read(&record, &anchors);
    if is_json {
        let policy = policy.map(|policy| policy.to_json());
        support::print(&seen.json(&chain, diagnosis.as_ref(), policy.as_deref())?)?;
    } else {
        support::print(&seen.lines(&chain).map_err(|error| error.to_string())?)?;
        if let Some(diagnosis) = &diagnosis {
            support::say(&format!("tls_probe: {diagnosis}"));
        }
    }
    Ok(if diagnosis.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

// --- What the arguments say

fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

fn timeout(matches: &ArgMatches) -> Result<Duration, String> {
    let seconds =
        text(matches, "timeout").parse().ok().filter(|seconds| (1..=3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "--timeout takes 1 to 3600 seconds".to_owned())
}

/// The host without the brackets of an IPv6 address.
fn host_and_port(server: &str) -> Result<(&str, u16), String> {
    let parts = server.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts
        .filter(|(host, _)| !host.is_empty())
        .ok_or("the server is given as HOST:PORT, for instance contoso.azure-devices.net:8883")?;
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok((inner.unwrap_or(host), port))
}

fn anchors(matches: &ArgMatches) -> Result<TrustAnchors, String> {
    let cloud = text(matches, "cloud");
    let (_, cloud) = CLOUDS
        .into_iter()
        .find(|(name, _)| *name == cloud)
        .ok_or("--cloud takes public, us-government or china")?;
    let of_cloud = TrustAnchors::of(cloud);
    let Some(path) = matches.get_one::<PathBuf>("anchors") else { return Ok(of_cloud) };
    let own = TrustAnchors::from_certificates(certificates::read_certificates(path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(if matches.get_flag("only") { own } else { of_cloud.and(&own) })
}

fn client(matches: &ArgMatches, anchors: &TrustAnchors) -> Result<ClientTls, String> {
    let provider = text(matches, "provider");
    let provider = PROVIDERS
        .iter()
        .find(|known| known.to_string() == provider)
        .ok_or("--provider takes ring, or aws-lc-rs where that feature is on")?;
    let mut builder = ClientTls::builder(*provider).trust(anchors.clone());
    if let (Some(path), Some(key)) =
        (matches.get_one::<PathBuf>("certificate"), matches.get_one::<PathBuf>("key"))
    {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let chain = DeviceCertificate::from_certificates(certificates::read_certificates(path)?)
            .map_err(|error| told(&error))?;
        let key = private_keys::read_key(key, matches.get_one("passphrase-file"))?;
        let identity = TlsIdentity::new(chain, Arc::new(key)).map_err(|error| told(&error))?;
        builder = builder.identity(identity);
    }
    if matches.get_flag("tls13-only") {
        builder = builder.tls13_only();
    }
    if matches.get_flag("no-post-quantum") {
        builder = builder.post_quantum(PostQuantum::Off);
    }
    let protocols = matches.get_many::<String>("alpn").into_iter().flatten();
    let protocols: Vec<&str> = protocols.map(String::as_str).collect();
    builder.alpn(&protocols).build(SystemClock).map_err(|error| error.to_string())
}

// --- The connection

/// A connection to the first of the host's addresses that answers.
fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, String> {
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("{host} is not known here: {error}"))?;
    let mut failure = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(socket) => {
                let set = socket.set_read_timeout(Some(timeout));
                set.and_then(|()| socket.set_write_timeout(Some(timeout)))
                    .map_err(|error| error.to_string())?;
                return Ok(socket);
            }
            Err(error) => failure = format!("{address}: {}", diagnose(&error, None)),
        }
    }
    Err(failure)
}

fn shake_hands(connection: &mut ClientConnection, socket: &mut TcpStream) -> io::Result<()> {
    while connection.is_handshaking() || connection.wants_write() {
        connection.complete_io(socket)?;
    }
    if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
        wait_for_second_thoughts(connection, socket)?;
    }
    // Not heard any more if the server has gone.
    connection.send_close_notify();
    let _ = connection.write_tls(socket);
    Ok(())
}

/// Reads for a moment, and fails if what comes is a refusal.
fn wait_for_second_thoughts(
    connection: &mut ClientConnection,
    socket: &mut TcpStream,
) -> io::Result<()> {
    let end = Instant::now() + SECOND_THOUGHTS;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || !connection.wants_read() {
            return Ok(());
        }
        socket.set_read_timeout(Some(left))?;
        match connection.read_tls(socket) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                let state = connection.process_new_packets().map_err(io::Error::other)?;
                // It takes its leave, and refuses nothing.
                if state.peer_has_closed() {
                    return Ok(());
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

// --- What was seen

/// What the server sent, and whether it leads to a trust anchor.
struct Chain {
    read: Result<DeviceCertificate, ChainError>,
    findings: Vec<Finding>,
    anchor: Option<Certificate>,
}

impl Chain {
    fn read(record: &HandshakeRecord, anchors: &TrustAnchors) -> Self {
        let read = DeviceCertificate::from_chain(&record.server_chain());
        let (mut findings, mut anchor) = (Vec::new(), None);
        if let Ok(chain) = &read {
            findings = judge(chain, anchors.certificates());
            let ends_at = |anchor: &&Certificate| {
                !judge(chain, slice::from_ref(*anchor)).iter().any(is_loose)
            };
            anchor = anchors.certificates().iter().find(ends_at).cloned();
        }
        Self { read, findings, anchor }
    }

    fn certificates(&self) -> &[Certificate] {
        self.read.as_ref().map(DeviceCertificate::chain).unwrap_or_default()
    }

    /// Why nothing of it can be shown, unless it is that nothing was sent.
    fn unread(&self) -> Option<&ChainError> {
        self.read.as_ref().err().filter(|error| !matches!(error, ChainError::Empty))
    }
}

/// What is found in a server's chain. Chains are judged as those of devices; what makes no difference to a
/// server is left out.
fn judge(chain: &DeviceCertificate, anchors: &[Certificate]) -> Vec<Finding> {
    const OF_DEVICES: [&str; 6] = [
        "no-common-name",
        "several-common-names",
        "common-name-not-text",
        "long-common-name",
        "no-client-auth",
        "client-auth-by-any",
    ];

    let expected = Expected::new().algorithms(RING_ALGORITHMS).trust_anchors(anchors);
    // The handshake has told already if nobody knows the time.
    let Ok(now) = SystemClock.now() else { return Vec::new() };
    let report = chain.judge(&expected, now);
    let findings = report.findings().iter();
    findings.filter(|finding| !OF_DEVICES.contains(&finding.what().code())).cloned().collect()
}

/// Whether a chain with that finding ends elsewhere.
fn is_loose(finding: &Finding) -> bool {
    matches!(
        finding.what().code(),
        "missing-issuer" | "issuer-elsewhere" | "not-anchored" | "bad-signature"
    )
}

struct Seen<'a> {
    server: &'a str,
    address: SocketAddr,
    connection: &'a ClientConnection,
    record: &'a HandshakeRecord,
}

impl Seen<'_> {
    fn version(&self) -> Option<String> {
        self.connection.protocol_version().map(|version| match version {
            ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
            ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
            other => format!("{other:?}"),
        })
    }

    fn suite(&self) -> Option<String> {
        let suite = self.connection.negotiated_cipher_suite()?;
        Some(format!("{:?}", suite.suite()))
    }

    fn group(&self) -> Option<String> {
        let group = self.connection.negotiated_key_exchange_group()?;
        Some(format!("{:?}", group.name()))
    }

    fn alpn(&self) -> Option<String> {
        self.connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    fn lines(&self, chain: &Chain) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let asked = match (self.record.asked_for_certificate(), self.record.sent_certificate()) {
            (false, _) => "not asked for",
            (true, false) => "asked for, and none was sent",
            (true, true) => "asked for, and sent",
        };
        writeln!(text, "server       {} at {}", self.server, self.address)?;
        writeln!(text, "version      {}", or_none(self.version()))?;
        writeln!(text, "suite        {}", or_none(self.suite()))?;
        writeln!(text, "key exchange {}", or_none(self.group()))?;
        writeln!(text, "ALPN         {}", or_none(self.alpn()))?;
        writeln!(text, "certificate of the device: {asked}")?;

        let certificates = chain.certificates();
        for (number, certificate) in (1..).zip(certificates) {
            let validity = certificate.validity();
            writeln!(
                text,
                "certificate {number} of {} of the server\n  subject  {}\n  issuer   {}\n  \
                 valid    {} to {}\n  key      {}\n  SHA-256  {}",
                certificates.len(),
                certificate.subject(),
                certificate.issuer(),
                validity.not_before,
                validity.not_after,
                certificate.public_key_kind(),
                Thumbprint::sha256(certificate.der()),
            )?;
        }
        if let Some(error) = chain.unread() {
            writeln!(text, "the server's certificates cannot be read: {error}")?;
        }
        if let Some(anchor) = &chain.anchor {
            let hash = Thumbprint::sha256(anchor.der());
            writeln!(text, "trust anchor\n  subject  {}\n  SHA-256  {hash}", anchor.subject())?;
        } else if !certificates.is_empty() {
            writeln!(text, "trust anchor none")?;
        }
        for finding in &chain.findings {
            let whose = finding.index().map(|index| format!("certificate {}: ", index + 1));
            let whose = whose.unwrap_or_default();
            writeln!(text, "{}: {whose}{}", finding.severity(), finding.what())?;
        }
        Ok(text)
    }

    fn json(
        &self,
        chain: &Chain,
        diagnosis: Option<&Diagnosis>,
        policy: Option<&str>,
    ) -> Result<String, String> {
        let read = |text: &str| -> Result<Value, String> {
            serde_json::from_str(text).map_err(|error| error.to_string())
        };
        let certificate = |certificate: &Certificate| {
            json!({
                "subject": certificate.subject(),
                "issuer": certificate.issuer(),
                "not_before": certificate.validity().not_before.to_string(),
                "not_after": certificate.validity().not_after.to_string(),
                "key": certificate.public_key_kind().to_string(),
                "sha256": Thumbprint::sha256(certificate.der()).to_string(),
            })
        };
        let finding = |finding: &Finding| {
            json!({
                "severity": finding.severity().to_string(),
                "code": finding.what().code(),
                "certificate": finding.index(),
                "text": finding.what().to_string(),
            })
        };
        let mut object = json!({
            "server": self.server,
            "address": self.address.to_string(),
            "version": self.version(),
            "suite": self.suite(),
            "group": self.group(),
            "alpn": self.alpn(),
            "certificate_asked_for": self.record.asked_for_certificate(),
            "certificate_sent": self.record.sent_certificate(),
            "chain": chain.certificates().iter().map(certificate).collect::<Vec<_>>(),
            "anchor": chain.anchor.as_ref().map(certificate),
            "findings": chain.findings.iter().map(finding).collect::<Vec<_>>(),
            "diagnosis": diagnosis.map(|it| read(&it.to_json())).transpose()?,
        });
        if let (Some(policy), Some(object)) = (policy, object.as_object_mut()) {
            object.insert("policy".to_owned(), read(policy)?);
        }
        Ok(json::line(&object))
    }
}
