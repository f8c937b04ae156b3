//! The examples of certificates as people run them, one after the other, and what OpenSSL makes of the
//! result.

#![cfg(unix)]

#[path = "common/examples.rs"]
mod examples;
#[path = "x509_examples/preflight.rs"]
mod preflight;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const FEATURES: &str = "x509-issue,keystore-software,ring,session";
const EXAMPLES: [&str; 4] = ["device_csr", "dev_ca", "inspect_certificate", "preflight"];

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
        assert_eq!(self.status, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Nothing on standard output, one line on standard error that says `says`.
    #[track_caller]
    fn refused(self, status: i32, says: &str) {
        let Self { status: found, stdout, stderr } = self;
        assert_eq!((found, &*stdout), (Some(status), ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

/// A folder to work in.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a CA in the folder `dev-ca`.
    fn with_ca() -> Self {
        let desk = Self::new();
        desk.run("dev_ca", &["root", "--name", "Test root"]).ok();
        desk.run("dev_ca", &["intermediate", "--name", "Test intermediate"]).ok();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.path(name)).unwrap().mode() & 0o7777
    }

    fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.0.path()).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Run {
        Self::run_command(&mut self.command(example(name), arguments))
    }

    fn openssl(&self, arguments: &str) -> Run {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        Self::run_command(&mut self.command("openssl", &arguments))
    }

    fn run_command(command: &mut Command) -> Run {
        let Output { status, stdout, stderr } = command.output().unwrap();
        Run {
            status: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// A device with a key and a certificate of the CA in `dev-ca`.
    fn device(&self, id: &str) {
        let (key, csr) = (format!("{id}.key.pem"), format!("{id}.csr.pem"));
        self.run("device_csr", &["--device", id, "--new-key", &key, "--out", &csr]).ok();
        self.run("dev_ca", &["device", "--device", id, "--csr", &csr]).ok();
    }

    /// The codes of what `inspect_certificate` finds, one that follows itself once, with its exit status.
    fn findings(&self, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
        let run = self.run("inspect_certificate", &[&["--json"], arguments].concat());
        let object: serde_json::Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
        let findings = object["findings"].as_array().unwrap();
        let codes = findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
        let mut codes: Vec<String> = codes.collect();
        codes.dedup();
        (run.status, codes)
    }
}

#[test]
fn the_three_chain_together() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    assert_eq!(desk.openssl("req -in pump-7.csr.pem -noout -verify").status, Some(0));
    let verified = desk.openssl(
        "verify -x509_strict -purpose sslclient -CAfile dev-ca/root.cert.pem -untrusted \
         dev-ca/intermediate.cert.pem dev-ca/devices/pump-7.chain.pem",
    );
    assert_eq!(verified.ok(), "dev-ca/devices/pump-7.chain.pem: OK\n");

    let all = ["--device", "pump-7", "--key", "pump-7.key.pem", "--ca", "dev-ca/root.cert.pem"];
    let chain = "dev-ca/devices/pump-7.chain.pem";
    let text = desk.run("inspect_certificate", &[&all[..], &[chain]].concat()).ok();
    for part in [
        "certificate 1 of 2\n  subject  CN=pump-7\n  issuer   CN=Test intermediate\n",
        "certificate 2 of 2, a CA\n  subject  CN=Test intermediate\n  issuer   CN=Test root\n",
        "key      ECDSA P-256\n",
        "nothing is wrong\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(desk.findings(&[&all[..], &[chain]].concat()), (Some(0), vec![]));

    // The thumbprints are those that OpenSSL counts.
    for hash in ["sha256", "sha1"] {
        let printed = desk.openssl(&format!("x509 -in {chain} -noout -fingerprint -{hash}")).ok();
        let fingerprint = printed.trim().split_once('=').unwrap().1.replace(':', "");
        assert!(text.contains(&fingerprint), "{fingerprint}: {text}");
    }
    let serial = desk.openssl(&format!("x509 -in {chain} -noout -serial")).ok();
    assert!(text.contains(serial.trim().split_once('=').unwrap().1), "{serial}: {text}");

    // DER, in files of their own, says the same.
    desk.openssl(&format!("x509 -in {chain} -outform DER -out device.der")).ok();
    desk.openssl("x509 -in dev-ca/intermediate.cert.pem -outform DER -out intermediate.der").ok();
    desk.openssl("x509 -in dev-ca/root.cert.pem -outform DER -out root.der").ok();
    desk.openssl("pkcs8 -topk8 -nocrypt -in pump-7.key.pem -outform DER -out key.der").ok();
    let der = ["--device", "pump-7", "--key", "key.der", "--ca", "root.der"];
    let files = ["device.der", "intermediate.der"];
    let from_der = desk.run("inspect_certificate", &[&der[..], &files].concat()).ok();
    assert_eq!(from_der, text);
}

/// What listens on a free port of this machine and gives back each line reversed, to whoever has a
/// certificate of the CA.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(desk: &Desk) -> Self {
        desk.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
             -keyout server.key -out server.pem",
        )
        .ok();
        let mut child = desk
            .command(
                "openssl",
                &[
                    "s_server",
                    "-accept",
                    "127.0.0.1:0",
                    "-cert",
                    "server.pem",
                    "-key",
                    "server.key",
                    "-CAfile",
                    "dev-ca/root.cert.pem",
                    "-Verify",
                    "1",
                    "-verify_return_error",
                    "-rev",
                ],
            )
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

    /// Whether a client with these options gets an answer.
    fn answers(&self, desk: &Desk, options: &[&str]) -> bool {
        let fixed = [
            "s_client",
            "-quiet",
            "-connect",
            &self.address,
            "-CAfile",
            "server.pem",
            "-verify_return_error",
        ];
        let mut client = desk
            .command("openssl", &[&fixed[..], options].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = lines(client.stdout.take().unwrap());
        let mut input = client.stdin.take().unwrap();
        // One that was refused already does not read.
        let _ = input.write_all(b"hello\n");
        // No line comes if the connection ends.
        let answer = lines.recv_timeout(PATIENCE);
        let _ = client.kill();
        client.wait().unwrap();
        answer.is_ok_and(|line| line == "olleh")
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
fn a_server_of_openssl_lets_the_device_in() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    // Another CA of the same name.
    let other = Desk::with_ca();
    other.device("pump-7");
    for (from, to) in [
        ("pump-7.key.pem", "other.key.pem"),
        ("dev-ca/devices/pump-7.chain.pem", "other.chain.pem"),
        ("dev-ca/intermediate.cert.pem", "other.intermediate.pem"),
    ] {
        fs::copy(other.path(from), desk.path(to)).unwrap();
    }

    let server = Server::start(&desk);
    let device = ["-cert", "dev-ca/devices/pump-7.chain.pem", "-key", "pump-7.key.pem"];
    let chain = ["-cert_chain", "dev-ca/intermediate.cert.pem"];
    for version in ["-tls1_2", "-tls1_3"] {
        let answers = |options: &[&str]| server.answers(&desk, &[&[version], options].concat());
        assert!(answers(&[&device[..], &chain].concat()), "{version}");
        assert!(!answers(&[]), "{version}: without a certificate");
        assert!(!answers(&device), "{version}: without the intermediate");
        assert!(
            !answers(&[
                "-cert",
                "other.chain.pem",
                "-key",
                "other.key.pem",
                "-cert_chain",
                "other.intermediate.pem"
            ]),
            "{version}: of another CA"
        );
    }
}

#[test]
fn files_are_for_their_owner_alone() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    desk.write("ids", "a\n");
    desk.run("dev_ca", &["devices", "--ids", "ids"]).ok();
    desk.run("dev_ca", &["verify-code", "C0DE"]).ok();
    for folder in ["dev-ca", "dev-ca/devices"] {
        assert_eq!(desk.mode(folder), 0o700, "{folder}");
    }
    for file in [
        "pump-7.key.pem",
        "pump-7.csr.pem",
        "dev-ca/root.key.pem",
        "dev-ca/root.cert.pem",
        "dev-ca/intermediate.key.pem",
        "dev-ca/intermediate.cert.pem",
        "dev-ca/verify-C0DE.cert.pem",
        "dev-ca/devices/pump-7.chain.pem",
        "dev-ca/devices/a.key.pem",
        "dev-ca/devices/a.chain.pem",
    ] {
        assert_eq!(desk.mode(file), 0o600, "{file}");
    }
    // Its key never was with the CA.
    assert!(!desk.path("dev-ca/devices/pump-7.key.pem").exists());
    // What a device says of itself is not taken over by a list that names it.
    let chain = desk.read("dev-ca/devices/pump-7.chain.pem");
    desk.write("ids", "pump-7\n");
    assert!(desk.run("dev_ca", &["devices", "--ids", "ids"]).ok().ends_with("\tkept\n"));
    assert_eq!(desk.read("dev-ca/devices/pump-7.chain.pem"), chain);
    assert!(!desk.path("dev-ca/devices/pump-7.key.pem").exists());

    // A folder that others can enter is not worked in.
    for folder in ["dev-ca", "dev-ca/devices"] {
        fs::set_permissions(desk.path(folder), Permissions::from_mode(0o750)).unwrap();
        desk.run("dev_ca", &["verify-code", "C0DE-2"]).refused(2, &format!("chmod 700 {folder}"));
        fs::set_permissions(desk.path(folder), Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn nothing_is_replaced_unasked() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    let all = [
        "pump-7.key.pem",
        "pump-7.csr.pem",
        "dev-ca/root.key.pem",
        "dev-ca/root.cert.pem",
        "dev-ca/intermediate.cert.pem",
        "dev-ca/devices/pump-7.chain.pem",
    ];
    let before = all.map(|name| desk.read(name));
    let there = "it is there already";
    let request =
        |options: &[&str]| desk.run("device_csr", &[&["--device", "pump-7"], options].concat());
    request(&["--new-key", "pump-7.key.pem"]).refused(2, there);
    request(&["--new-key", "new.pem", "--out", "pump-7.csr.pem"]).refused(2, there);
    request(&["--key", "pump-7.key.pem", "--out", "pump-7.csr.pem"]).refused(2, there);
    assert!(!desk.path("new.pem").exists(), "a key was made and its request refused");
    desk.run("dev_ca", &["root", "--name", "n"]).refused(2, there);
    desk.run("dev_ca", &["intermediate", "--name", "n"]).refused(2, there);
    let issue = ["device", "--device", "pump-7", "--csr", "pump-7.csr.pem"];
    desk.run("dev_ca", &issue).refused(2, there);
    desk.run("dev_ca", &["verify-code", "C0DE"]).ok();
    desk.run("dev_ca", &["verify-code", "C0DE"]).refused(2, there);
    assert_eq!(all.map(|name| desk.read(name)), before);

    // A link that leads nowhere is there as well.
    std::os::unix::fs::symlink("nowhere", desk.path("link")).unwrap();
    request(&["--new-key", "link"]).refused(2, there);
    assert!(!desk.path("nowhere").exists());

    // Asked for, it is; and a file that was open to others no longer is.
    fs::set_permissions(desk.path("pump-7.key.pem"), Permissions::from_mode(0o644)).unwrap();
    request(&["--new-key", "pump-7.key.pem", "--out", "pump-7.csr.pem", "--force"]).ok();
    desk.run("dev_ca", &[&issue[..], &["--force"]].concat()).ok();
    for (place, name) in all.iter().enumerate() {
        let is_new = [0, 1, 5].contains(&place);
        assert_eq!(desk.read(name) != before[place], is_new, "{name}");
    }
    assert_eq!(desk.mode("pump-7.key.pem"), 0o600);
}

#[test]
fn a_request_is_made_over_keys_of_openssl() {
    let desk = Desk::new();
    for command in [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem",
        "genpkey -algorithm ED25519 -out ed25519.pem",
        "ec -in p256.pem -out sec1.pem",
        "ec -in p384.pem -outform DER -out sec1.der",
        "rsa -in rsa.pem -traditional -out pkcs1.pem",
        "pkcs8 -topk8 -in p256.pem -passout pass:correct-horse -iter 1000 -out encrypted.pem",
        "pkcs8 -in encrypted.pem -passin pass:correct-horse -topk8 -passout pass:correct-horse -iter 1000 \
         -outform DER -out encrypted.der",
        "req -new -x509 -key p256.pem -subj /CN=d -outform DER -out cert.der",
    ] {
        desk.openssl(command).ok();
    }
    for key in ["p256.pem", "p384.pem", "sec1.pem", "sec1.der", "rsa.pem", "pkcs1.pem"] {
        let pem = desk.run("device_csr", &["--registration", "sn-007", "--key", key]).ok();
        desk.write("csr.pem", &pem);
        let text = desk.openssl("req -in csr.pem -noout -verify -subject").ok();
        assert_eq!(text.trim(), "subject=CN = sn-007", "{key}");
    }
    desk.write("passphrase", "correct-horse\n");
    desk.write("wrong", "battery-staple\n");
    for key in ["encrypted.pem", "encrypted.der"] {
        let encrypted = ["--device", "d", "--key", key];
        desk.run("device_csr", &encrypted).refused(2, "is encrypted: give its passphrase");
        let with = |file| [&encrypted[..], &["--passphrase-file", file]].concat();
        desk.run("device_csr", &with("wrong")).refused(2, "passphrase does not open");
        let pem = desk.run("device_csr", &with("passphrase")).ok();
        desk.write("csr.pem", &pem);
        // The same public key as that of the key before it was encrypted.
        let public = desk.openssl("req -in csr.pem -noout -pubkey").ok();
        assert_eq!(public, desk.openssl("pkey -in p256.pem -pubout").ok());
    }

    let id = ["--device", "d", "--module", "m", "--key", "p384.pem"];
    desk.write("csr.pem", desk.run("device_csr", &id).ok());
    let subject = desk.openssl("req -in csr.pem -noout -subject -nameopt RFC2253").ok();
    assert_eq!(subject, "subject=CN=d/m\n");
    // For DPS: one line, the DER of the same request.
    let line = desk.run("device_csr", &[&id[..], &["--base64"]].concat()).ok();
    assert_eq!(line.lines().count(), 1);
    desk.write("csr.b64", &line);
    desk.openssl("base64 -d -A -in csr.b64 -out csr.der").ok();
    desk.openssl("req -inform DER -in csr.der -noout -verify").ok();

    for (key, says) in [
        ("ed25519.pem", "not support"),
        ("csr.pem", "the file has no private key"),
        ("passphrase", "no line `-----BEGIN ...-----`"),
        ("csr.der", "the file has no private key"),
        ("cert.der", "were the two files exchanged"),
        ("encrypted.der", "is encrypted: give its passphrase"),
        ("none.pem", "no such file"),
    ] {
        desk.run("device_csr", &["--device", "d", "--key", key]).refused(2, says);
    }
}

#[test]
fn new_keys_are_of_the_curve_that_was_asked_for() {
    let desk = Desk::new();
    for (algorithm, name) in [("p256", "prime256v1"), ("p384", "secp384r1")] {
        let key = format!("{algorithm}.pem");
        let options = ["--device", "d", "--new-key", &key, "--algorithm", algorithm];
        desk.run("device_csr", &options).ok();
        assert!(desk.read(&key).starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(desk.read(&key).lines().all(|line| line.len() <= 64));
        let text = desk.openssl(&format!("pkey -in {key} -noout -check -text")).ok();
        assert!(text.contains(name) && text.contains("Key is valid"), "{text}");
    }
    assert_ne!(desk.read("p256.pem"), desk.read("p384.pem"));
}

#[test]
fn bad_input_is_refused_on_one_line() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    let request = |options: &[&str], says| {
        desk.run("device_csr", &[options, &["--new-key", "k"]].concat()).refused(2, says);
        assert!(!desk.path("k").exists(), "{says}");
    };
    request(&[], "missing");
    request(&["--device", ""], "is empty");
    request(&["--device", "a/b"], "not allowed at byte 1");
    request(&["--device", "a b"], "not allowed at byte 1");
    request(&["--device", "d", "--module", "ä"], "not allowed at byte 0");
    request(&["--module", "m"], "missing");
    request(&["--registration", "ends-in."], "must end in");
    request(&["--device", "d", "--registration", "r"], "exclude each other");
    request(&["--device", "d", "--algorithm", "rsa"], "p256 or p384");
    request(&["--device", "d", "--key", "pump-7.key.pem"], "exclude each other");
    desk.run("device_csr", &["--device", "d"]).refused(2, "missing");

    let ca = |arguments: &[&str], says: &str| desk.run("dev_ca", arguments).refused(2, says);
    let new = |name: &str, options: &[&str], says| {
        let folder = desk.path("new");
        let arguments = ["root", "--folder", "new", "--name", name];
        ca(&[&arguments[..], options].concat(), says);
        assert!(!folder.join("root.cert.pem").exists() && !folder.join("root.key.pem").exists());
    };
    new("", &[], "the name is empty");
    new("a\nb", &[], "control characters");
    new(&"x".repeat(65), &[], "too long");
    new("n", &["--algorithm", "rsa"], "p256 or p384");
    for days in ["0", "3651", "-1", "1.5", ""] {
        new("n", &["--days", days], "--days takes a whole number, 1 to 3650");
    }
    ca(&["intermediate", "--folder", "none", "--name", "n"], "no such file");
    ca(&["intermediate", "--folder", "new", "--name", "n"], "make it first");
    ca(&["device", "--device", "a/b", "--csr", "pump-7.csr.pem"], "not allowed at byte 1");
    ca(&["device", "--device", "pump-8", "--csr", "pump-7.csr.pem"], "is for \"pump-7\"");
    ca(&["device", "--device", "PUMP-7", "--csr", "pump-7.csr.pem"], "is for \"pump-7\"");
    ca(&["device", "--device", "d", "--csr", "pump-7.key.pem"], "not a PKCS#10");
    ca(&["device", "--device", "d", "--csr", "pump-7.csr.pem", "--days", "181"], "outlive");
    ca(&["verify-code", "C0DE", "--ca", "leaf"], "root or intermediate");
    ca(&["verify-code", ""], "the name is empty");

    // Somebody else's signature on the request.
    let pem = desk.read("pump-7.csr.pem");
    let (at, _) = pem.match_indices('\n').nth_back(1).unwrap();
    let mut changed = pem.into_bytes();
    changed[at - 8] = if changed[at - 8] == b'A' { b'B' } else { b'A' };
    desk.write("changed.pem", changed);
    ca(
        &["device", "--device", "pump-7", "--csr", "changed.pem", "--force"],
        "signature is not by its own key",
    );

    for (list, says) in [
        ("a\nb/c\n", "line 2: "),
        ("a\n\nb\na\n", "line 4: the ID is there twice"),
        ("", "it has no ID"),
        (&"*".repeat(128), "too long for the name of a file"),
    ] {
        desk.write("ids", list);
        ca(&["devices", "--ids", "ids"], says);
        assert!(!desk.path("dev-ca/devices/a.key.pem").exists(), "before the list was read");
    }
    desk.write("ids", b"\xff\xfe");
    ca(&["devices", "--ids", "ids"], "not UTF-8");
}

#[test]
fn a_ca_signs_with_its_own_key_only() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    let refused = |arguments: &[&str], says| desk.run("dev_ca", arguments).refused(2, says);
    let issue = ["device", "--device", "pump-7", "--csr", "pump-7.csr.pem", "--force"];

    let key = desk.read("dev-ca/intermediate.key.pem");
    fs::copy(desk.path("dev-ca/root.key.pem"), desk.path("dev-ca/intermediate.key.pem")).unwrap();
    refused(&issue, "does not belong to the CA's certificate");
    desk.write("dev-ca/intermediate.key.pem", key);
    desk.run("dev_ca", &issue).ok();

    // A device is no CA, and neither is an intermediate one for CAs.
    let root = desk.read("dev-ca/root.cert.pem");
    fs::copy(desk.path("dev-ca/devices/pump-7.chain.pem"), desk.path("dev-ca/root.cert.pem"))
        .unwrap();
    refused(&["verify-code", "C0DE"], "more than one certificate");
    desk.openssl("x509 -in dev-ca/devices/pump-7.chain.pem -out dev-ca/root.cert.pem").ok();
    refused(&["verify-code", "C0DE"], "not marked as that of a CA");
    desk.write("dev-ca/root.cert.pem", root);
    for (from, to) in [
        ("intermediate.cert.pem", "below/root.cert.pem"),
        ("intermediate.key.pem", "below/root.key.pem"),
    ] {
        let folder = desk.path("dev-ca/below");
        let _ = fs::create_dir(&folder);
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        fs::copy(desk.path(&format!("dev-ca/{from}")), desk.path(&format!("dev-ca/{to}"))).unwrap();
    }
    let below = ["intermediate", "--folder", "dev-ca/below", "--name", "n", "--days", "1"];
    refused(&below, "no CA below it");

    refused(&["intermediate", "--folder", "dev-ca", "--name", "n"], "it is there already");
    fs::remove_file(desk.path("dev-ca/intermediate.cert.pem")).unwrap();
    refused(&["intermediate", "--name", "Test root"], "that of the root");
    // The key that is there is taken up again.
    let key = desk.read("dev-ca/intermediate.key.pem");
    desk.run("dev_ca", &["intermediate", "--name", "Again"]).ok();
    assert_eq!(desk.read("dev-ca/intermediate.key.pem"), key);
}

#[test]
fn a_root_alone_issues_as_well() {
    let desk = Desk::new();
    desk.run("dev_ca", &["root", "--name", "Test root", "--algorithm", "p256"]).ok();
    desk.write("ids", "a\n");
    desk.run("dev_ca", &["devices", "--ids", "ids", "--algorithm", "p384"]).ok();
    let chain = desk.read("dev-ca/devices/a.chain.pem");
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 1);
    let found = desk.findings(&[
        "--device",
        "a",
        "--key",
        "dev-ca/devices/a.key.pem",
        "--ca",
        "dev-ca/root.cert.pem",
        "dev-ca/devices/a.chain.pem",
    ]);
    assert_eq!(found, (Some(0), vec![]));
}

#[test]
fn a_code_is_proved_by_either_ca() {
    let desk = Desk::with_ca();
    let code = "75B86466DA34D2B04C0C4C9557A119687ADAE7D4732BDDB3";
    let text = desk.run("dev_ca", &["verify-code", code]).ok();
    assert!(text.starts_with(&format!("CN={code}\n")), "{text}");
    let options = ["verify-code", "a/../b", "--ca", "intermediate", "--days", "1"];
    desk.run("dev_ca", &options).ok();
    for (file, issuer) in
        [(format!("verify-{code}"), "root"), ("verify-a%2F..%2Fb".to_owned(), "intermediate")]
    {
        desk.openssl(&format!(
            "verify -partial_chain -CAfile dev-ca/{issuer}.cert.pem dev-ca/{file}.cert.pem"
        ))
        .ok();
    }
}

#[test]
fn severity_is_the_exit_status() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    let chain = "dev-ca/devices/pump-7.chain.pem";
    let ca = ["--ca", "dev-ca/root.cert.pem"];
    let found = |options: &[&str], status, codes: &[&str]| {
        let expected = codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
        assert_eq!(desk.findings(options), (Some(status), expected), "{options:?}");
        // The same words and status for people.
        let run = desk.run("inspect_certificate", options);
        assert_eq!(run.status, Some(status), "{options:?}");
        assert_eq!(run.stdout.contains("nothing is wrong"), codes.is_empty(), "{}", run.stdout);
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (soon, late) = ((now + 25 * 86_400).to_string(), (now + 31 * 86_400).to_string());
    let with_ca = |options: &[&'static str]| [&ca[..], options, &[chain]].concat();

    found(&with_ca(&[]), 0, &[]);
    found(&with_ca(&["--device", "pump-7"]), 0, &[]);
    found(&with_ca(&["--registration", "PUMP-7"]), 0, &[]);
    found(&with_ca(&["--window", "31"]), 1, &["expires-soon"]);
    found(&[&ca[..], &["--now", &soon, chain]].concat(), 1, &["expires-soon"]);
    found(&[&ca[..], &["--now", &soon, "--window", "0", chain]].concat(), 0, &[]);
    found(&[&ca[..], &["--now", &late, chain]].concat(), 2, &["expired"]);
    found(&with_ca(&["--now", "0"]), 2, &["clock-unknown", "check-the-clock"]);
    found(&with_ca(&["--device", "Pump-7"]), 2, &["common-name-case"]);
    found(&with_ca(&["--device", "pump-7", "--module", "m"]), 2, &["common-name-differs"]);
    found(&with_ca(&["--key", "dev-ca/root.key.pem"]), 2, &["key-differs"]);
    // Without the hub's certificate the end of the chain cannot be checked.
    found(&[chain], 1, &["signature-not-checked", "issuer-elsewhere"]);
    // The intermediate alone is no device's certificate.
    let alone = ["end-entity-is-ca", "no-digital-signature"];
    found(&[&ca[..], &["dev-ca/intermediate.cert.pem"]].concat(), 2, &alone);

    // A note is no warning.
    desk.openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=alone \
         -addext basicConstraints=critical,CA:FALSE -keyout alone.key -out alone.pem",
    )
    .ok();
    found(&["--device", "alone", "--key", "alone.key", "alone.pem"], 0, &["self-signed"]);

    // What cannot be judged at all is told apart from what is wrong.
    let refused =
        |options: &[&str], says| desk.run("inspect_certificate", options).refused(3, says);
    refused(&[], "missing");
    refused(&["--unknown", chain], "not known");
    refused(&["--now", "soon", chain], "--now takes a whole number");
    refused(&["--window", "-1", chain], "--window takes a whole number");
    refused(&["--device", "a/b", chain], "not allowed");
    refused(&["--device", "a", "--registration", "a", chain], "exclude each other");
    refused(&["none.pem"], "no such file");
    refused(&["pump-7.key.pem"], "has a private key and no certificate");
    refused(&[chain, "--key", chain], "has a certificate and no private key");
    refused(&["--ca", "pump-7.csr.pem", chain], "has no certificate");
    desk.write("text", "no certificate\n");
    refused(&["text"], "no line `-----BEGIN ...-----`");
    desk.write("bad.der", [0x30, 3, 2, 1, 0]);
    refused(&["bad.der"], "bad.der: the certificate is malformed");
    desk.write("bad.pem", "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n");
    refused(&[chain, "bad.pem"], "bad.pem: certificate 1: the certificate is malformed");
    refused(&[chain; 9], "at most 16");
}

#[test]
fn the_json_says_what_the_certificates_say() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    let chain = "dev-ca/devices/pump-7.chain.pem";
    let run = desk.run("inspect_certificate", &["--json", "--device", "Pump-7", chain]);
    assert_eq!((run.status, &*run.stderr), (Some(2), ""));
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(object["severity"], "error");
    let (first, second) = (&object["certificates"][0], &object["certificates"][1]);
    assert_eq!((&first["subject"], &first["ca"]), (&"CN=pump-7".into(), &false.into()));
    assert_eq!(
        (&second["common_name"], &second["ca"]),
        (&"Test intermediate".into(), &true.into())
    );
    assert_eq!(first["issuer"], second["subject"]);
    assert_eq!(first["key"], "ECDSA P-256");
    let (begin, end) =
        (first["not_before"].as_u64().unwrap(), first["not_after"].as_u64().unwrap());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(begin <= now && (now + 29 * 86_400..=now + 30 * 86_400).contains(&end));
    assert!(first["not_after_utc"].as_str().unwrap().ends_with('Z'));
    let finding = &object["findings"][0];
    assert_eq!((&finding["certificate"], &finding["severity"]), (&0.into(), &"error".into()));
    assert!(finding["text"].as_str().unwrap().contains("\"Pump-7\""), "{finding}");

    // A name with all that JSON escapes.
    desk.openssl(
        r#"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -days 1
           -subj /CN=a"b\\c -keyout odd.key -out odd.pem"#,
    )
    .ok();
    let run = desk.run("inspect_certificate", &["--json", "--device", "d", "odd.pem"]);
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(object["certificates"][0]["common_name"], "a\"b\\c");
}

/// What is in the folder of the devices: contents, and when they were written.
fn devices(desk: &Desk) -> BTreeMap<String, (Vec<u8>, i64, i64, u64)> {
    let Ok(entries) = fs::read_dir(desk.path("dev-ca/devices")) else {
        return BTreeMap::new();
    };
    entries
        .map(|entry| entry.unwrap())
        .filter_map(|entry| {
            // One that is still being written may be gone by now.
            let metadata = entry.metadata().ok()?;
            let content = fs::read(entry.path()).ok()?;
            let name = entry.file_name().into_string().unwrap();
            Some((name, (content, metadata.mtime(), metadata.mtime_nsec(), metadata.ino())))
        })
        .collect()
}

fn is_partial(name: &str) -> bool {
    name.starts_with(".partial-")
}

#[test]
fn a_list_is_taken_up_where_it_was_killed() {
    const COUNT: usize = 50;
    let desk = Desk::with_ca();
    let ids: Vec<String> = (1..=COUNT).map(|number| format!("pump:{number}*")).collect();
    desk.write("ids", ids.join("\n"));
    let begun = Instant::now();
    let mut kept: BTreeMap<String, (Vec<u8>, i64, i64, u64)> = BTreeMap::new();
    let mut kills = 0;
    loop {
        assert!(begun.elapsed() < PATIENCE * 4, "it gets no further");
        let mut child = desk
            .command(example("dev_ca"), &["devices", "--ids", "ids"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        // In the middle of whatever it does after the seventh new one: now sooner, now later.
        let mut new = 0;
        while new < 7 {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => new += usize::from(line.ends_with("\tissued")),
                Err(_) => break,
            }
        }
        if new == 7 {
            std::thread::sleep(Duration::from_micros(1_700 * kills));
            // SIGKILL: nothing of its own is run any more.
            child.kill().unwrap();
        }
        let is_over = child.wait().unwrap().success();
        assert!(is_over || new == 7, "it failed by itself");
        kills += u64::from(!is_over);

        let found = devices(&desk);
        for (name, before) in &kept {
            assert_eq!(found.get(name), Some(before), "{name} was finished and was touched");
        }
        // What has its name is whole.
        for (name, (content, ..)) in found.iter().filter(|(name, _)| !is_partial(name)) {
            let content = core::str::from_utf8(content).unwrap();
            let (label, count) = match name.ends_with(".key.pem") {
                true => ("PRIVATE KEY", 1),
                false => ("CERTIFICATE", 2),
            };
            assert_eq!(content.matches(&format!("-----BEGIN {label}-----\n")).count(), count);
            assert!(content.ends_with(&format!("\n-----END {label}-----\n")), "{name}");
        }
        kept = found.into_iter().filter(|(name, _)| !is_partial(name)).collect();
        if is_over {
            break;
        }
        // What a write that was cut short leaves behind.
        desk.write("dev-ca/devices/.partial-left", "-----BEGIN PRIVATE KEY-----\nMIG");
        desk.write("dev-ca/.partial-left", "");
    }
    assert!(kills > 1, "it was over before it could be killed");

    assert!(!devices(&desk).keys().any(|name| is_partial(name)), "something was left behind");
    assert!(!desk.path("dev-ca/.partial-left").exists());
    assert_eq!(kept.len(), 2 * COUNT);
    let mut serials = Vec::new();
    for number in 1..=COUNT {
        let name = format!("dev-ca/devices/pump%3A{number}%2A");
        let (key, chain) = (format!("{name}.key.pem"), format!("{name}.chain.pem"));
        desk.openssl(&format!(
            "verify -x509_strict -purpose sslclient -CAfile dev-ca/root.cert.pem \
             -untrusted {chain} {chain}"
        ))
        .ok();
        serials.push(desk.openssl(&format!("x509 -in {chain} -noout -serial")).ok());
        let found = desk.findings(&[
            "--device",
            &format!("pump:{number}*"),
            "--key",
            &key,
            "--ca",
            "dev-ca/root.cert.pem",
            &chain,
        ]);
        assert_eq!(found, (Some(0), vec![]), "{name}");
    }
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), COUNT, "serial numbers are there twice");

    // Once more, and nothing happens but a line for each.
    let text = desk.run("dev_ca", &["devices", "--ids", "ids"]).ok();
    assert_eq!(text.lines().filter(|line| line.ends_with("\tkept")).count(), COUNT);
    assert_eq!(devices(&desk), kept);
}

#[test]
fn what_is_not_good_is_issued_anew() {
    let desk = Desk::with_ca();
    desk.write("ids", "a\nb\nc\n");
    let issue = || desk.run("dev_ca", &["devices", "--ids", "ids"]);
    issue().ok();
    let before = devices(&desk);
    let chain = |id: &str| format!("dev-ca/devices/{id}.chain.pem");

    // Cut short, of another key, untouched.
    let text = desk.read(&chain("a"));
    desk.write(&chain("a"), &text[..text.len() / 3]);
    fs::copy(desk.path("dev-ca/devices/c.key.pem"), desk.path("dev-ca/devices/b.key.pem")).unwrap();
    let output = issue().ok();
    let what = |id: &str| {
        let line = output.lines().find(|line| line.starts_with(id)).unwrap();
        line.rsplit_once('\t').unwrap().1.to_owned()
    };
    assert_eq!([what("a"), what("b"), what("c")], ["issued", "issued", "kept"]);
    let after = devices(&desk);
    assert_eq!(after["a.key.pem"], before["a.key.pem"]);
    assert_eq!(after["c.chain.pem"], before["c.chain.pem"]);
    assert_ne!(after["a.chain.pem"], before["a.chain.pem"]);
    for id in ["a", "b"] {
        desk.openssl(&format!("verify -CAfile dev-ca/root.cert.pem -untrusted {0} {0}", chain(id)))
            .ok();
    }

    // Another's certificate and a key that cannot be read are never replaced.
    fs::copy(desk.path(&chain("a")), desk.path(&chain("c"))).unwrap();
    let run = issue();
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("has the certificate of another"), "{}", run.stderr);
    assert_eq!(desk.read(&chain("c")), desk.read(&chain("a")));
    desk.write("dev-ca/devices/c.key.pem", "no key");
    let run = issue();
    assert!(run.status == Some(2) && run.stderr.contains("c.key.pem"), "{}", run.stderr);
    assert_eq!(desk.read("dev-ca/devices/c.key.pem"), "no key");

    // A device that made its own request is not given a key by a list.
    fs::remove_file(desk.path("dev-ca/devices/b.key.pem")).unwrap();
    desk.write(&chain("b"), "damaged");
    let run = issue();
    assert!(run.status == Some(2) && run.stderr.contains("its key is not here"), "{}", run.stderr);
    assert!(!desk.path("dev-ca/devices/b.key.pem").exists());
}

#[test]
fn one_works_in_a_folder_at_a_time() {
    let desk = Desk::with_ca();
    let folder = fs::File::open(desk.path("dev-ca")).unwrap();
    folder.lock().unwrap();
    desk.run("dev_ca", &["verify-code", "C0DE"]).refused(2, "another one is at work");
    folder.unlock().unwrap();
    desk.run("dev_ca", &["verify-code", "C0DE"]).ok();
}

#[test]
fn help_is_no_error() {
    let desk = Desk::new();
    for name in EXAMPLES {
        let text = desk.run(name, &["--help"]).ok();
        assert!(text.contains("Usage: ") && text.contains("Exit status: 0"), "{text}");
    }
    let text = desk.run("inspect_certificate", &["--help"]).ok();
    assert!(text.contains("1 if there is a warning; 2 if there is an error; 3 for bad input"));
    for command in ["root", "intermediate", "device", "devices", "verify-code"] {
        assert!(desk.run("dev_ca", &[command, "--help"]).ok().contains("Usage: "));
    }
}
