//! What the tests with official SDKs have in common: programs that do what they are told in JSON, and a hub
//! at an address of its own, since the SDKs fix the port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use hubward::SymmetricKey;
use hubward::keystore::SoftwareSigningKey;
use hubward::pki_types::PrivateKeyDer;
use p256::pkcs8::EncodePrivateKey as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The folder of the official SDKs.
fn peers() -> PathBuf {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers");
    for part in ["python/azure/iot/device", "node/node_modules/azure-iot-device-amqp"] {
        assert!(peers.join(part).is_dir(), "{part} is missing: run scripts/peers/install");
    }
    peers
}

/// A program that answers each line with a line.
pub struct Client {
    program: &'static str,
    /// What it was told last.
    told: String,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// Starts a program of this folder, with the official SDKs at hand.
    pub fn start(program: &'static str, arguments: &[&str]) -> Self {
        let mut command = if program.ends_with(".py") {
            let mut python = Command::new("python3");
            python.arg("-B").env("PYTHONPATH", peers().join("python"));
            python
        } else {
            let mut node = Command::new("node");
            // It does not like addresses where names may stand.
            node.arg("--no-warnings").env("NODE_PATH", peers().join("node/node_modules"));
            node
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let mut child = command
            .arg(folder.join(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { program, told: String::new(), child, input, output }
    }

    /// Says something.
    pub async fn say(&mut self, line: &Value) {
        self.told = format!("{line}\n");
        let write = self.input.write_all(self.told.as_bytes());
        timeout(PATIENCE, write).await.unwrap().unwrap();
    }

    /// The next line, whenever it comes. Whoever stops waiting loses nothing.
    pub async fn wait(&mut self) -> Value {
        let Self { program, told, output, .. } = self;
        let line = output.next_line().await.unwrap();
        let line = line.unwrap_or_else(|| panic!("{program} has ended: {told}"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// The next line, which answers what was said.
    async fn hear(&mut self) -> Value {
        let (program, told) = (self.program, self.told.clone());
        let line = timeout(PATIENCE, self.wait()).await;
        line.unwrap_or_else(|_| panic!("{program} does not answer: {told}"))
    }

    /// Asks for something, and has the answer.
    pub async fn ask(&mut self, line: &Value) -> Value {
        self.say(line).await;
        self.hear().await
    }

    /// Asks for something that has to succeed.
    pub async fn must(&mut self, line: Value) -> Value {
        let answer = self.ask(&line).await;
        assert!(answer.get("error").is_none(), "{} was told {line}: {answer}", self.program);
        answer
    }

    /// Ends it.
    pub async fn end(mut self) {
        drop(self.input);
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{}: {status}", self.program);
    }
}

/// An address of 127.0.0.0/8 where nobody listens at these ports.
pub fn free_address(ports: &[u16]) -> IpAddr {
    for _ in 0..100 {
        let mut bytes = [0; 3];
        getrandom::fill(&mut bytes).unwrap();
        // From 127.1.0.1 on: what is before has other uses.
        let [a, b, c] = bytes.map(|byte| byte % 254 + 1);
        let address = IpAddr::V4(Ipv4Addr::new(127, a, b, c));
        if ports.iter().all(|port| TcpListener::bind(SocketAddr::new(address, *port)).is_ok()) {
            return address;
        }
    }
    panic!("no address of 127.0.0.0/8 is free");
}

/// A key of P-256 for a certificate, and its PEM.
pub fn new_signing_key() -> (SoftwareSigningKey, String) {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    let der = p256::SecretKey::from_slice(&bytes).unwrap().to_pkcs8_der().unwrap();
    let text = Base64::encode_string(der.as_bytes());
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let body = lines.join("\n");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    (SoftwareSigningKey::from_der(&PrivateKeyDer::Pkcs8(der.as_bytes().into())).unwrap(), pem)
}

/// A key of 32 bytes, and the same once more.
pub fn new_key() -> (SymmetricKey, SymmetricKey) {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    (SymmetricKey::from_bytes(&bytes).unwrap(), SymmetricKey::from_bytes(&bytes).unwrap())
}
