//! The real `openssl`, in a folder of its own and for a bounded time.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// RSA keys of 4096 bits take a while on a busy machine.
const LONGEST: Duration = Duration::from_secs(300);

pub(crate) struct OpenSsl {
    folder: TempDir,
}

impl OpenSsl {
    pub(crate) fn new() -> Self {
        let openssl = Self { folder: TempDir::new().unwrap() };
        // In place of the configuration of the system, which may forbid what is odd.
        openssl.write("openssl.cnf", "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\n");
        openssl
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn read_text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Runs it with arguments that are parted by spaces, and returns what it prints.
    pub(crate) fn run(&self, arguments: &str) -> String {
        self.run_with(arguments, &[])
    }

    /// The same with more arguments, in which spaces may be.
    pub(crate) fn run_with(&self, arguments: &str, more: &[&str]) -> String {
        let [mut printed, mut complaints] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        let mut process = Command::new("openssl")
            .args(arguments.split_ascii_whitespace())
            .args(more)
            .current_dir(self.folder.path())
            .env("OPENSSL_CONF", self.path("openssl.cnf"))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(printed.try_clone().unwrap())
            .stderr(complaints.try_clone().unwrap())
            .spawn()
            .expect("these tests need the program `openssl`");
        let deadline = Instant::now() + LONGEST;
        let status = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() > deadline {
                process.kill().unwrap();
                process.wait().unwrap();
                break None;
            }
            thread::sleep(Duration::from_millis(2));
        };
        let printed = content(&mut printed);
        if !status.is_some_and(|status| status.success()) {
            let complaints = content(&mut complaints);
            panic!("openssl {arguments} {more:?}: {status:?}\n{printed}\n{complaints}");
        }
        printed
    }

    /// A private key, in `name`.
    pub(crate) fn key(&self, name: &str, kind: &str) {
        self.run(&format!("genpkey -algorithm {kind} -out {name}"));
    }

    /// The DER of a self-signed certificate of `key` by a configuration.
    pub(crate) fn self_signed(&self, key: &str, config: &str, arguments: &str) -> Vec<u8> {
        self.write("self.cnf", config);
        self.run(&format!(
            "req -new -x509 -key {key} -config self.cnf -outform DER -out self.der {arguments}"
        ));
        self.read("self.der")
    }
}

fn content(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

pub(crate) const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";
