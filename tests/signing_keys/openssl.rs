//! The command `openssl`, as the other opinion about keys and signatures.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::{LazyLock, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::keystore::SignatureAlgorithm;
use tempfile::TempDir;

/// No call takes that long: making the longest RSA key takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to call `openssl` in, so that arguments name files by their bare names.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room for temporary files"))
    }

    pub(crate) fn put(&self, file: &str, content: &[u8]) {
        fs::write(self.0.path().join(file), content).expect("the file can be written");
    }

    pub(crate) fn get(&self, file: &str) -> Vec<u8> {
        fs::read(self.0.path().join(file)).expect("the file can be read")
    }

    /// Calls it with arguments that are separated by spaces.
    pub(crate) fn try_call(&self, arguments: &str) -> Output {
        let mut child = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command `openssl` is installed: these tests need it");
        let start = Instant::now();
        // What it writes fits into the pipes: files take all that is long.
        while child.try_wait().expect("it is our child").is_none() {
            if start.elapsed() > PATIENCE {
                child.kill().expect("it is our child");
                panic!("`openssl {arguments}` does not end");
            }
            sleep(Duration::from_millis(2));
        }
        child.wait_with_output().expect("it has ended")
    }

    /// Calls it and answers with what it wrote, which it must do without complaint.
    pub(crate) fn call(&self, arguments: &str) -> Vec<u8> {
        let output = self.try_call(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`openssl {arguments}`: {complaint}");
        output.stdout
    }
}

/// Whether a signature is that of the message, under the key of a SubjectPublicKeyInfo.
pub(crate) fn verifies(
    spki: &[u8],
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    use SignatureAlgorithm as A;

    // A salt as long as the hash, and no other.
    const PSS: &str = " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1";
    let (hash, options) = match algorithm {
        A::EcdsaP256Sha256 | A::RsaPkcs1Sha256 => ("sha256", ""),
        A::EcdsaP384Sha384 | A::RsaPkcs1Sha384 => ("sha384", ""),
        A::RsaPkcs1Sha512 => ("sha512", ""),
        A::RsaPssSha256 => ("sha256", PSS),
        A::RsaPssSha384 => ("sha384", PSS),
        A::RsaPssSha512 => ("sha512", PSS),
        other => panic!("{other:?} is new here"),
    };
    let desk = Desk::new();
    let lines = STANDARD.encode(spki);
    let lines: Vec<_> = lines.as_bytes().chunks(64).map(|line| [line, b"\n"].concat()).collect();
    let begin = b"-----BEGIN PUBLIC KEY-----\n".to_vec();
    let end = b"-----END PUBLIC KEY-----\n".to_vec();
    desk.put("spki.pem", &[begin, lines.concat(), end].concat());
    desk.put("message", message);
    desk.put("signature", signature);
    let output = desk
        .try_call(&format!("dgst -{hash} -verify spki.pem{options} -signature signature message"));
    let verified = output.stdout == b"Verified OK\n";
    assert_eq!(output.status.success(), verified);
    verified
}

/// An RSA key in every form.
pub(crate) struct RsaKey {
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) pkcs1: Vec<u8>,
    pub(crate) spki: Vec<u8>,
}

/// An RSA key of so many bits: 2048, 3072 or 4096. It takes a while, so each is made once.
pub(crate) fn rsa(bits: usize) -> &'static RsaKey {
    static KEYS: LazyLock<[(usize, OnceLock<RsaKey>); 3]> =
        LazyLock::new(|| [2048, 3072, 4096].map(|bits| (bits, OnceLock::new())));
    let (_, key) = KEYS.iter().find(|(found, _)| *found == bits).expect("it is one of those");
    key.get_or_init(|| {
        let desk = Desk::new();
        desk.call(&format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -out key.pem"));
        desk.call("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out pkcs8");
        desk.call("rsa -traditional -in key.pem -outform DER -out pkcs1");
        desk.call("pkey -in key.pem -pubout -outform DER -out spki");
        RsaKey { pkcs8: desk.get("pkcs8"), pkcs1: desk.get("pkcs1"), spki: desk.get("spki") }
    })
}
