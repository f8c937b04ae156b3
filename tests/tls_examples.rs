//! The examples of TLS as people run them: `tls_probe` against servers of OpenSSL, and the output of
//! `rotate_certificate`.

#![cfg(unix)]

#[path = "common/examples.rs"]
mod examples;

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

const FEATURES: &str = "tls,x509-issue,keystore-software,ring,aws-lc-rs";
const EXAMPLES: [&str; 3] = ["dev_ca", "rotate_certificate", "tls_probe"];

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn example(name: &str) -> PathBuf {
    let mut arguments = vec!["--features", FEATURES];
    arguments.extend(EXAMPLES.iter().flat_map(|name| ["--example", name]));
    examples::built(name, &arguments)
}

struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!((self.status, &*self.stderr), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// Nothing on standard output, one line on standard error that says `says`.
    #[track_caller]
    fn bad_input(self, says: &str) {
        let Self { status, stdout, stderr } = self;
        assert_eq!((status, &*stdout), (Some(2), ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }

    /// What was seen on standard output, and on standard error one line: what is wrong, and what to do.
    #[track_caller]
    fn fails(self, says: &str) -> String {
        let Self { status, stdout, stderr } = self;
        assert_eq!(status, Some(1), "{stdout}{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("tls_probe: ") && stderr.contains(says), "{stderr}");
        stdout
    }

    #[track_caller]
    fn json(self, status: i32) -> Value {
        assert_eq!((self.status, &*self.stderr), (Some(status), ""), "{}", self.stdout);
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A folder with the CA of the servers in `ca.pem`, a server's certificate for `localhost` in `server.pem`,
/// and the CA of devices in `dev-ca`, with the device `pump-7`.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 \
             -subj /CN=Servers -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem",
        );
        desk.server("server", "localhost");
        desk.run("dev_ca", &["root", "--name", "Devices"]).ok();
        fs::write(desk.path("ids"), "pump-7\n").unwrap();
        let devices = desk.run("dev_ca", &["devices", "--ids", "ids"]);
        assert_eq!(devices.status, Some(0), "{}", devices.stderr);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A server's certificate, in `file.pem` with its key in `file.key`.
    fn server(&self, file: &str, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -CA ca.pem \
             -CAkey ca.key -subj /CN={name} -addext subjectAltName=DNS:{name} \
             -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
             -keyout {file}.key -out {file}.pem"
        ));
    }

    fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.0.path()).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Run {
        let Output { status, stdout, stderr } =
            self.command(example(name), arguments).output().unwrap();
        Run {
            status: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    fn openssl(&self, arguments: &str) -> String {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output = self.command("openssl", &arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Probes as `localhost`, with the CA of the servers trusted.
    fn probe(&self, address: &str, options: &[&str]) -> Run {
        let fixed = ["--name", "localhost", "--anchors", "ca.pem", "--only", address];
        self.run("tls_probe", &[options, &fixed].concat())
    }
}

const DEVICE: [&str; 4] =
    ["--certificate", "dev-ca/devices/pump-7.chain.pem", "--key", "dev-ca/devices/pump-7.key.pem"];
const WANTS_DEVICES: &str = "-CAfile dev-ca/root.cert.pem -Verify 2 -verify_return_error";

/// A server of OpenSSL on a free port of this machine.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(desk: &Desk, options: &str) -> Self {
        let fixed = ["s_server", "-accept", "127.0.0.1:0", "-rev"];
        let options: Vec<&str> = options.split_whitespace().collect();
        let files: &[&str] = if options.contains(&"-cert") {
            &[]
        } else {
            &["-cert", "server.pem", "-key", "server.key"]
        };
        let mut child = desk
            .command("openssl", &[&fixed[..], files, &options].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let mut server = Self { child, address: String::new() };
        while server.address.is_empty() {
            let line = lines.recv_timeout(PATIENCE).expect("the server says where it listens");
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                server.address = address.to_owned();
            }
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a child, as they come.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[test]
fn what_a_server_is_like_is_told() {
    let desk = Desk::new();
    let server = Server::start(&desk, "-alpn http/1.1,other");
    let text = desk.probe(&server.address, &[]).ok();
    let fingerprint = |file: &str| {
        let printed = desk.openssl(&format!("x509 -in {file} -noout -fingerprint -sha256"));
        printed.trim().split_once('=').unwrap().1.replace(':', "")
    };
    for part in [
        &*format!("server       {0} at {0}\nversion      TLS 1.3\n", server.address),
        "suite        TLS13_AES_256_GCM_SHA384\nkey exchange X25519\nALPN         none\n\
         certificate of the device: not asked for\n",
        "certificate 1 of 1 of the server\n  subject  CN=localhost\n  issuer   CN=Servers\n",
        &format!("  SHA-256  {}\ntrust anchor\n  subject  CN=Servers\n", fingerprint("server.pem")),
        &format!("  SHA-256  {}\n", fingerprint("ca.pem")),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("error: ") && !text.contains("DANGER"), "{text}");

    // The policy comes first.
    let text = desk.probe(&server.address, &["--explain", "--tls13-only"]).ok();
    let (policy, rest) = text.split_once("\n\n").unwrap();
    assert!(policy.starts_with("provider: ring\n") && rest.starts_with("server "), "{text}");
    assert!(policy.contains("versions: TLS 1.3\n"), "{policy}");
    assert!(policy.contains("trust anchor: CN=Servers, "), "{policy}");

    let object = desk
        .probe(&server.address, &["--json", "--explain", "--alpn", "x", "--alpn", "http/1.1"])
        .json(0);
    assert_eq!(object["address"], *server.address);
    assert_eq!(object["version"], "TLS 1.3");
    assert_eq!(object["alpn"], "http/1.1");
    assert_eq!(object["certificate_asked_for"], false);
    assert_eq!(object["chain"][0]["subject"], "CN=localhost");
    assert_eq!(object["chain"][0]["sha256"], *fingerprint("server.pem"));
    assert_eq!(object["anchor"]["sha256"], *fingerprint("ca.pem"));
    assert_eq!(object["diagnosis"], Value::Null);
    assert_eq!(object["policy"]["alpn"], json!(["x", "http/1.1"]));
    assert_eq!(object["policy"]["dangers"], json!([]));
}

#[test]
fn the_options_change_what_is_spoken() {
    let desk = Desk::new();
    let older = Server::start(&desk, "-tls1_2");
    let object = desk.probe(&older.address, &["--json"]).json(0);
    assert_eq!(object["version"], "TLS 1.2");
    assert_eq!(object["suite"], "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    desk.probe(&older.address, &["--tls13-only"]).fails("no version of TLS");

    // The anchors of a cloud beside one's own.
    let policy = |options: &[&str]| {
        let fixed = ["--json", "--explain", "--name", "localhost", &older.address];
        let object = desk.run("tls_probe", &[&fixed, options].concat()).json(0);
        object["policy"].clone()
    };
    let both = policy(&["--anchors", "ca.pem", "--cloud", "china"]);
    assert_eq!(both["anchors"].as_array().unwrap().len(), 6);
    let other = policy(&["--anchors", "ca.pem", "--only", "--provider", "aws-lc-rs"]);
    assert_eq!(other["provider"], "aws-lc-rs");
    assert_eq!(other["groups"][0], "X25519MLKEM768");
    let none = ["--anchors", "ca.pem", "--provider", "aws-lc-rs", "--no-post-quantum"];
    assert_eq!(policy(&none)["groups"][0], "X25519");
}

#[test]
fn the_device_proves_itself() {
    let desk = Desk::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = Server::start(&desk, &format!("{version} {WANTS_DEVICES}"));
        let text = desk.probe(&server.address, &DEVICE).ok();
        assert!(text.contains("certificate of the device: asked for, and sent\n"), "{text}");
        let object = desk.probe(&server.address, &[&DEVICE[..], &["--json"]].concat()).json(0);
        assert_eq!(object["certificate_sent"], true);

        let text = desk.probe(&server.address, &[]).fails("the server wants a certificate");
        assert!(text.contains("asked for, and none was sent\n"), "{text}");
        let object = desk.probe(&server.address, &["--json"]).json(1);
        assert_eq!(object["diagnosis"]["code"], "client-certificate-required", "{version}");

        // One that the server's CA did not issue: in TLS 1.3 that is told when the handshake is over.
        let own = ["--certificate", "server.pem", "--key", "server.key"];
        let object = desk.probe(&server.address, &[&own[..], &["--json"]].concat()).json(1);
        assert_eq!(object["diagnosis"]["code"], "client-certificate-refused", "{version}");
        assert_eq!(object["version"], if version == "-tls1_3" { "TLS 1.3" } else { "TLS 1.2" });
    }
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let desk = Desk::new();
    let server = Server::start(&desk, "");
    let run = desk.run("tls_probe", &["--name", "localhost", &server.address]);
    let text = run.fails("ends at a CA that is not trusted (CN=Servers): ");
    for part in ["subject  CN=localhost\n", "trust anchor none\n", "error: certificate 1: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let object = desk.run("tls_probe", &["--json", "--name", "localhost", &server.address]).json(1);
    assert_eq!(object["diagnosis"]["code"], "unknown-issuer");
    assert_eq!(object["anchor"], Value::Null);
    assert_eq!(object["chain"][0]["issuer"], "CN=Servers");

    desk.server("hub", "hub.contoso.example");
    let hub = Server::start(&desk, "-cert hub.pem -key hub.key");
    let named =
        |name: &str| desk.run("tls_probe", &["--anchors", "ca.pem", "--name", name, &hub.address]);
    let text = named("gateway.contoso.example")
        .fails(r#"asked for as "gateway.contoso.example", and its certificate is for hub.contoso"#);
    // It leads to an anchor all the same.
    assert!(text.contains("trust anchor\n  subject  CN=Servers\n"), "{text}");
    named("contoso.azure-devices.net").fails("captive portal");

    // The host is the name, unless another is given.
    let by_host = server.address.replace("127.0.0.1", "localhost");
    desk.run("tls_probe", &["--anchors", "ca.pem", &by_host]).ok();
    desk.run("tls_probe", &["--anchors", "ca.pem", &server.address]).fails("an IP address");
}

#[test]
fn what_is_no_server_of_tls_is_told() {
    let desk = Desk::new();
    // What answers whatever it is sent.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let plain = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            let mut begin = [0; 5];
            socket.read_exact(&mut begin).unwrap();
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = socket.read_to_end(&mut Vec::new());
        }
    });
    let text = desk.probe(&address, &[]).fails("does not speak TLS: check the port");
    assert!(text.contains("version      none\n") && !text.contains("trust anchor"), "{text}");
    assert_eq!(desk.probe(&address, &["--json"]).json(1)["diagnosis"]["code"], "plain-text");
    plain.join().unwrap();

    // What says nothing at all, and what hangs up.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let object = desk.probe(&address, &["--json", "--timeout", "1"]).json(1);
    assert_eq!(object["diagnosis"]["code"], "no-answer");
    let silent = std::thread::spawn(move || {
        // The one before waits still.
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            let mut begin = [0; 5];
            socket.read_exact(&mut begin).unwrap();
        }
    });
    assert_eq!(desk.probe(&address, &["--json"]).json(1)["diagnosis"]["code"], "broken-off");
    silent.join().unwrap();

    // Nobody.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    desk.probe(&address, &[]).bad_input("connection refused");
}

#[test]
fn bad_input_is_refused() {
    let desk = Desk::new();
    for (arguments, says) in [
        (&[][..], "is missing"),
        (&["localhost"], "HOST:PORT"),
        (&[":443"], "HOST:PORT"),
        (&["localhost:https"], "HOST:PORT"),
        (&["localhost:65536"], "HOST:PORT"),
        (&["a b:443"], "neither a DNS name nor an IP address"),
        (&["localhost:1", "--name", "a..b"], "neither a DNS name nor an IP address"),
        (&["localhost:1", "--cloud", "private"], "--cloud takes"),
        (&["localhost:1", "--provider", "openssl"], "--provider takes"),
        (&["localhost:1", "--timeout", "0"], "--timeout takes"),
        (&["localhost:1", "--only"], "is missing"),
        (&["localhost:1", "--key", "server.key"], "is missing"),
        (&["localhost:1", "--alpn", ""], "ALPN"),
        (&["localhost:1", "--anchors", "nowhere"], "nowhere: there is no such file"),
        (&["localhost:1", "--anchors", "server.pem"], "it is not the certificate of a CA"),
        (&["localhost:1", "--insecure"], "an argument is not known"),
        (
            &["localhost:1", "--certificate", "server.pem", "--key", "ca.key"],
            "server.pem: the private key does not belong to the certificate",
        ),
        (&["nowhere.invalid:1"], "nowhere.invalid is not known here: "),
    ] {
        desk.run("tls_probe", arguments).bad_input(says);
    }
    let help = desk.run("tls_probe", &["--help"]).ok();
    assert!(help.contains("HOST:PORT") && help.contains("Exit status"), "{help}");
}

#[test]
fn a_certificate_is_renewed_while_connections_are_up() {
    let desk = TempDir::new().unwrap();
    let output =
        Command::new(example("rotate_certificate")).current_dir(desk.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let thumbprint = |line: &str| {
        let mut words = line.split([' ', ',']);
        words.find(|word| word.len() == 64).unwrap_or_else(|| panic!("{line}")).to_owned()
    };
    let [shown, seen, when, renewed, old, new, kept, mismatched, expired, last] = lines[..] else {
        panic!("{text}")
    };
    let (first, second) = (thumbprint(shown), thumbprint(renewed));
    assert_ne!(first, second);
    assert_eq!(seen, format!("the gateway sees pump-7 with {first}"));
    assert_eq!(when, "it is 2027-01-15T08:00:00Z; renew at 2027-01-23T08:00:00Z");
    assert!(renewed.starts_with("it is 2027-01-23T08:00:00Z; the device shows "), "{renewed}");
    assert_eq!(
        [old, new, kept, last].map(thumbprint),
        [&first, &second, &second, &second].map(String::clone)
    );
    assert!(mismatched.starts_with("refused: the private key does not belong"), "{mismatched}");
    assert!(expired.starts_with("refused: the certificate expired at 2027-01-25"), "{expired}");
    assert!(fs::read_dir(desk.path()).unwrap().next().is_none(), "it leaves nothing behind");
}
