//! Keys of each kind, a CA and its device made of them, and keys that only sign, or not even that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hubward::keystore::{KeyError, KeyKind, SignatureAlgorithm, SigningKey, SoftwareSigningKey};
use hubward::pki_types::SubjectPublicKeyInfoDer;
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, IssueError, RING_ALGORITHMS, Validity,
    private_key_from_pem, self_signed,
};
use hubward::{DeviceId, OtherError, UnixTime};

use crate::certificates::{DAY, NOW, OpenSsl};

pub(crate) const DEVICE: &str = "pump-7";

/// How `openssl genpkey` makes the kinds of keys that there are.
pub(crate) const KINDS: [(&str, &str); 3] = [
    ("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
    ("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
    ("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
];

/// A key of OpenSSL, in the file `name` as well.
pub(crate) fn new_key(openssl: &OpenSsl, name: &str, how: &str) -> SoftwareSigningKey {
    openssl.run(&format!("genpkey {how} -out {name}"));
    import(openssl, name)
}

pub(crate) fn import(openssl: &OpenSsl, name: &str) -> SoftwareSigningKey {
    let key = private_key_from_pem(&openssl.read(name)).unwrap();
    SoftwareSigningKey::from_der(key.expose_der()).unwrap()
}

pub(crate) fn p256() -> SoftwareSigningKey {
    SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap()
}

pub(crate) fn device() -> DeviceId {
    DeviceId::new(DEVICE).unwrap()
}

/// From now on, for so many days.
pub(crate) fn days(days: u64) -> Validity {
    days_from(NOW, days)
}

pub(crate) fn days_from(now: u64, days: u64) -> Validity {
    Validity::starting(UnixTime::from_secs(now), Duration::from_secs(days * DAY))
}

pub(crate) fn from_to(not_before: u64, not_after: u64) -> Validity {
    Validity {
        not_before: UnixTime::from_secs(not_before),
        not_after: UnixTime::from_secs(not_after),
    }
}

/// A device's certificate, from its request.
pub(crate) fn issue(
    authority: &CertificateAuthority<'_>,
    key: &dyn SigningKey,
    validity: Validity,
) -> Result<Certificate, IssueError> {
    let request = CertificateRequest::for_device(key, &device())?;
    authority.issue_device(&request, &device(), validity, RING_ALGORITHMS)
}

/// A key that signs and does nothing else, and counts.
#[derive(Debug)]
pub(crate) struct Remote {
    key: SoftwareSigningKey,
    algorithms: &'static [SignatureAlgorithm],
    signed: AtomicUsize,
    /// What it fails with instead.
    failure: Option<KeyError>,
}

impl Remote {
    pub(crate) fn new() -> Self {
        Self {
            key: p256(),
            algorithms: &[SignatureAlgorithm::EcdsaP256Sha256],
            signed: AtomicUsize::new(0),
            failure: None,
        }
    }

    pub(crate) fn broken(failure: &KeyError) -> Self {
        Self { failure: Some(failure.clone()), ..Self::new() }
    }

    pub(crate) fn signed(&self) -> usize {
        self.signed.load(Ordering::Relaxed)
    }
}

impl SigningKey for Remote {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        self.key.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.algorithms
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signed.fetch_add(1, Ordering::Relaxed);
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => self.key.sign(algorithm, message),
        }
    }
}

/// A key whose signatures are worth nothing, and cost nothing.
#[derive(Debug)]
pub(crate) struct Stamp(pub(crate) SoftwareSigningKey);

impl SigningKey for Stamp {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        self.0.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.0.algorithms()
    }

    fn sign(&self, _: SignatureAlgorithm, _: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(b"stamp".to_vec())
    }
}

/// A key that says anything of itself.
#[derive(Debug)]
struct Claims(Vec<u8>, &'static [SignatureAlgorithm]);

impl SigningKey for Claims {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        SubjectPublicKeyInfoDer::from(&*self.0)
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.1
    }

    fn sign(&self, _: SignatureAlgorithm, _: &[u8]) -> Result<Vec<u8>, KeyError> {
        panic!("it is not asked");
    }
}

#[test]
fn the_private_key_signs_where_it_is() {
    let (root_key, hall_key, device_key) = (Remote::new(), Remote::new(), Remote::new());
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    assert_eq!(root_key.signed(), 1);
    let hall = root.intermediate(&hall_key, "Contoso hall 3", days(60)).unwrap();
    assert_eq!((root_key.signed(), hall_key.signed()), (2, 0));
    let certificate = issue(&hall, &device_key, days(30)).unwrap();
    assert_eq!((root_key.signed(), hall_key.signed(), device_key.signed()), (2, 1, 1));
    let chain = [certificate, hall.certificate().clone()];
    let anchors = [root.certificate().clone()];
    OpenSsl::new().verify(&chain, &anchors, NOW, "-x509_strict").unwrap();

    // A key for a proof of possession need not sign at all.
    let proof_key = Remote::broken(&KeyError::NotFound);
    root.prove_possession(&proof_key, "7A6B5C", days(1)).unwrap();
    assert_eq!(proof_key.signed(), 0);
}

/// What the key failed with is told, not that some library failed.
#[test]
fn a_key_that_fails_says_why() {
    let failure = KeyError::Other(OtherError::from_static("the secure element does not answer"));
    let broken = Remote::broken(&failure);
    let expected = IssueError::Key(failure.clone());
    let asked = CertificateRequest::for_device(&broken, &device()).unwrap_err();
    assert_eq!(asked, expected);
    assert_eq!(asked.to_string(), failure.to_string());
    assert_eq!(self_signed(&broken, &device(), days(1)).unwrap_err(), expected);
    let root = CertificateAuthority::root(&broken, "Contoso root", days(1)).map(drop);
    assert_eq!(root.unwrap_err(), expected);

    // A CA whose key was there when its certificate was made.
    let working = Remote::new();
    let root = CertificateAuthority::root(&working, "Contoso root", days(90)).unwrap();
    let certificate = root.certificate().clone();
    let gone = Remote { key: working.key, ..Remote::broken(&KeyError::NotFound) };
    let root = CertificateAuthority::from_certificate(certificate, &gone).unwrap();
    let expected = IssueError::Key(KeyError::NotFound);
    assert_eq!(issue(&root, &p256(), days(1)).unwrap_err(), expected);
    assert_eq!(root.prove_possession(&p256(), "7A6B5C", days(1)).unwrap_err(), expected);
    assert_eq!(root.intermediate(&p256(), "hall", days(1)).map(drop).unwrap_err(), expected);
}

#[test]
fn keys_that_no_certificate_is_for() {
    let openssl = OpenSsl::new();
    let all = &[SignatureAlgorithm::EcdsaP256Sha256, SignatureAlgorithm::RsaPkcs1Sha256];
    let mut claims = vec![
        Claims(Vec::new(), all),
        Claims(b"no key".to_vec(), all),
        Claims(p256().public_key().to_vec(), &[]),
        Claims(p256().public_key().to_vec(), &[SignatureAlgorithm::EcdsaP384Sha384]),
    ];
    for (name, how) in [
        ("rsa1024", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024"),
        ("ed25519", "-algorithm ED25519"),
        ("p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
        ("secp256k1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"),
    ] {
        openssl.run(&format!("genpkey {how} -out {name}"));
        openssl.run(&format!("pkey -in {name} -pubout -outform DER -out {name}.spki"));
        claims.push(Claims(openssl.read(&format!("{name}.spki")), all));
    }
    // P-256, but for the bit of a tag, and with something behind it.
    let spki = p256().public_key().to_vec();
    let curve = spki.windows(2).rposition(|part| part == [0x06, 0x08]).unwrap();
    let mut tagged = spki.clone();
    tagged[curve] = 0x86;
    claims.push(Claims(tagged, all));
    claims.push(Claims([&spki[..], &[0]].concat(), all));
    let root_key = p256();
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    for key in &claims {
        println!("{key:?}");
        let unsupported = Err(IssueError::UnsupportedKey);
        assert_eq!(CertificateRequest::for_device(key, &device()).map(drop), unsupported);
        assert_eq!(self_signed(key, &device(), days(1)).map(drop), unsupported);
        assert_eq!(CertificateAuthority::root(key, "root", days(1)).map(drop), unsupported);
        assert_eq!(root.intermediate(key, "hall", days(1)).map(drop), unsupported);
        assert_eq!(root.prove_possession(key, "7A6B5C", days(1)).map(drop), unsupported);
    }
}

/// A handle out of a store is a key like any other.
#[cfg(feature = "keystore-memory")]
#[test]
fn keys_of_a_store_ask_and_issue() {
    use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, MemoryKeyStore, NewKey};
    use hubward::x509::{DeviceCertificate, Expected};

    let store = MemoryKeyStore::new();
    let names = ["ca.root", "hub.device"].map(|name| KeyName::new(name).unwrap());
    for name in &names {
        store.import(name, NewKey::Generate(KeyKind::EcdsaP256)).unwrap();
    }
    let [root_key, device_key] = names.map(|name| store.signing_key(&name).unwrap());
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    let certificate = issue(&root, &device_key, days(30)).unwrap();
    let anchors = [root.certificate().clone()];
    let device = device();
    let expected = Expected::new()
        .device(&device)
        .key(&device_key)
        .algorithms(RING_ALGORITHMS)
        .trust_anchors(&anchors);
    let chain = DeviceCertificate::from_chain(&[certificate.der().clone()]).unwrap();
    assert_eq!(chain.judge(&expected, UnixTime::from_secs(NOW)).to_string(), "");
}
