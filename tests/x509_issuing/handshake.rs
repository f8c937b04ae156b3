//! Real handshakes: OpenSSL's server asks for a certificate, and OpenSSL's client has one of ours.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, RING_ALGORITHMS, self_signed,
};

use crate::certificates::{OpenSsl, to_pem};
use crate::keys::{KINDS, days_from, device, new_key, p256};

/// How long either side may take: a handshake is a matter of milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that ends with its test, and what it says line by line.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    fn start(openssl: &OpenSsl, arguments: &str) -> Self {
        let mut command = openssl.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program openssl can be run");
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            // Ends when the process does.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Self { input: child.stdin.take(), child, lines }
    }

    /// The first line that `is_it` says yes to; the other ones if it ends before.
    fn wait_for(&self, is_it: impl Fn(&str) -> bool) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut others = String::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if is_it(&line) => return Ok(line),
                Ok(line) => others += &format!("{line}\n"),
                Err(RecvTimeoutError::Disconnected) => return Err(others),
                Err(RecvTimeoutError::Timeout) => panic!("it takes too long: {others}"),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that wants a certificate of the root in `root.pem`, and sends each line back reversed.
struct Server {
    process: Process,
    address: String,
}

impl Server {
    fn start(openssl: &OpenSsl, version: &str) -> Self {
        let process = Process::start(
            openssl,
            &format!(
                "s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -CAfile root.pem \
                 -Verify 1 -verify_return_error {version} -rev"
            ),
        );
        let line = process.wait_for(|line| line.starts_with("ACCEPT ")).expect("it starts");
        let address = line["ACCEPT ".len()..].trim().to_owned();
        Self { process, address }
    }

    /// Connects with `device.pem` and `device.key`; what went wrong, on either side.
    fn connect(&self, openssl: &OpenSsl, options: &str) -> Result<(), String> {
        let mut client = Process::start(
            openssl,
            &format!(
                "s_client -connect {} -servername localhost -verify_return_error \
                 -CAfile server.pem -cert device.pem -key device.key {options} -quiet -no_ign_eof",
                self.address
            ),
        );
        // With TLS 1.3 a client is done before the server has looked at its certificate, so that only
        // an answer shows that it was let in.
        let mut input = client.input.take().unwrap();
        let _ = input.write_all(b"pump-7\n");
        client.wait_for(|line| line == "7-pmup").map(drop)
    }
}

#[test]
fn a_server_lets_our_devices_in_and_nobody_else() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let openssl = OpenSsl::new();
    openssl.run(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=localhost \
         -keyout server.key -out server.pem",
    );
    let (root_key, hall_key, other_key) = (p256(), p256(), p256());
    let begin = now - 60;
    let root = CertificateAuthority::root(&root_key, "Contoso root", days_from(begin, 9)).unwrap();
    let hall = root.intermediate(&hall_key, "Contoso hall 3", days_from(begin, 8)).unwrap();
    let other =
        CertificateAuthority::root(&other_key, "Contoso root", days_from(begin, 9)).unwrap();
    openssl.write("root.pem", root.certificate().to_pem());
    openssl.write("hall.pem", hall.certificate().to_pem());
    openssl.write("other.pem", other.certificate().to_pem());

    for version in ["-tls1_2", "-tls1_3"] {
        let server = Server::start(&openssl, version);
        for (kind, how) in KINDS {
            println!("{version} {kind}");
            let key = new_key(&openssl, "device.key", how);
            let request = CertificateRequest::for_device(&key, &device()).unwrap();
            let certificate_of = |authority: &CertificateAuthority<'_>, validity| {
                authority.issue_device(&request, &device(), validity, RING_ALGORITHMS).unwrap()
            };
            let with = |certificate: &Certificate, options| {
                openssl.write("device.pem", to_pem(std::slice::from_ref(certificate)));
                server.connect(&openssl, options)
            };
            let week = days_from(begin, 7);

            let good = certificate_of(&hall, week);
            with(&good, "-cert_chain hall.pem").unwrap();
            with(&certificate_of(&root, week), "").unwrap();

            let missing = with(&good, "").unwrap_err();
            assert!(missing.contains("alert"), "{missing}");
            let foreign = with(&certificate_of(&other, week), "-cert_chain other.pem").unwrap_err();
            assert!(foreign.contains("alert"), "{foreign}");
            let own = self_signed(&key, &device(), week).unwrap();
            assert!(with(&own, "").unwrap_err().contains("alert"));
            // It was valid for one second, a minute ago.
            let expired = crate::keys::from_to(begin, begin + 1);
            let expired =
                with(&certificate_of(&hall, expired), "-cert_chain hall.pem").unwrap_err();
            assert!(expired.contains("certificate expired"), "{expired}");
            // And the server is still there.
            with(&good, "-cert_chain hall.pem").unwrap();
        }
        assert!(server.process.lines.try_iter().any(|line| line.contains("verify error")));
    }
}
