//! A chain of three that is as it should be, and all that can be changed about it.

use std::sync::LazyLock;
use std::time::Duration;

use hubward::keystore::{KeyKind, SigningKey, SoftwareSigningKey};
use hubward::pki_types::SignatureVerificationAlgorithm;
use hubward::x509::{
    Certificate, DeviceCertificate, Expected, RING_ALGORITHMS, Report, Thumbprint,
};
use hubward::{DeviceId, ModuleId, RegistrationId, UnixTime};

use crate::certificates::{DAY, Draft, NOW, OpenSsl, certificate, oid, sequence, tlv};

pub(crate) const DEVICE: &str = "pump-7";
pub(crate) const INTERMEDIATE: &str = "Contoso hall 3";
pub(crate) const ROOT: &str = "Contoso root";

/// Keys of this crate, made once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Device,
    Intermediate,
    Root,
    /// Somebody else's.
    Other,
}

impl Key {
    pub(crate) fn get(self) -> &'static SoftwareSigningKey {
        static KEYS: LazyLock<[SoftwareSigningKey; 4]> = LazyLock::new(|| {
            [(); 4].map(|()| SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap())
        });
        &KEYS[self as usize]
    }

    pub(crate) fn spki(self) -> Vec<u8> {
        self.get().public_key().to_vec()
    }
}

/// Keys and signatures of kinds that this crate does not make.
pub(crate) struct Foreign(OpenSsl);

impl Foreign {
    pub(crate) fn get() -> &'static Self {
        static FOREIGN: LazyLock<Foreign> = LazyLock::new(|| {
            let openssl = OpenSsl::new();
            for (key, how) in [
                ("rsa1024", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024"),
                ("rsa2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
                ("ed25519", "-algorithm ED25519"),
                ("p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
                ("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
                ("secp256k1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"),
                ("dsa.parameters", "-genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024"),
                ("dsa", "-paramfile dsa.parameters"),
            ] {
                openssl.run(&format!("genpkey {how} -out {key}"));
            }
            Foreign(openssl)
        });
        &FOREIGN
    }

    pub(crate) fn spki(&self, key: &str) -> Vec<u8> {
        self.0.run(&format!("pkey -in {key} -pubout -outform DER -out {key}.spki"));
        self.0.read(&format!("{key}.spki"))
    }
}

/// Who signs a certificate, and how.
#[derive(Clone, Copy)]
pub(crate) enum Signer {
    Ours(Key),
    /// A key of [`Foreign`], a hash, and the object identifier of the two.
    Foreign(&'static str, &'static str, &'static str),
    /// A key of [`Foreign`], how `openssl dgst` signs with it, and the algorithm in DER.
    With(&'static str, &'static str, fn() -> Vec<u8>),
}

/// A certificate of a chain, before it is issued.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) draft: Draft,
    pub(crate) signer: Signer,
}

impl Part {
    fn new(draft: Draft, signer: Key) -> Self {
        Self { draft, signer: Signer::Ours(signer) }
    }

    pub(crate) fn issue(&self) -> Certificate {
        match self.signer {
            Signer::Ours(key) => self.draft.signed_by(key.get()),
            Signer::Foreign(key, hash, algorithm) => {
                // Not every one has parameters, and a reader may insist on those that it has.
                let parameters = if key.starts_with("rsa") { tlv(0x05, &[]) } else { Vec::new() };
                let algorithm = sequence(&[oid(algorithm), parameters]);
                self.signed_with(key, &format!("-{hash}"), &algorithm)
            }
            Signer::With(key, how, algorithm) => self.signed_with(key, how, &algorithm()),
        }
    }

    fn signed_with(&self, key: &str, how: &str, algorithm: &[u8]) -> Certificate {
        let Foreign(openssl) = Foreign::get();
        certificate(&self.draft.finish(algorithm, |message| {
            openssl.write("message", message);
            openssl.run(&format!("dgst {how} -sign {key} -out signature message"));
            openssl.read("signature")
        }))
    }
}

/// The certificates before they are issued.
pub(crate) struct Drafts {
    pub(crate) device: Part,
    pub(crate) intermediate: Part,
    pub(crate) root: Part,
}

impl Drafts {
    pub(crate) fn good() -> Self {
        let mut device = Draft::device(&Key::Device.spki(), DEVICE, INTERMEDIATE);
        let mut intermediate = Draft::authority(&Key::Intermediate.spki(), INTERMEDIATE, ROOT, 0);
        let mut root = Draft::authority(&Key::Root.spki(), ROOT, ROOT, 1);
        (device.not_before, device.not_after) = (NOW - 10 * DAY, NOW + 30 * DAY);
        (intermediate.not_before, intermediate.not_after) = (NOW - 20 * DAY, NOW + 300 * DAY);
        (root.not_before, root.not_after) = (NOW - 30 * DAY, NOW + 3000 * DAY);
        Self {
            device: Part::new(device, Key::Intermediate),
            intermediate: Part::new(intermediate, Key::Root),
            root: Part::new(root, Key::Root),
        }
    }

    pub(crate) fn issue(&self) -> Vec<Certificate> {
        [&self.device, &self.intermediate, &self.root].map(Part::issue).to_vec()
    }
}

/// A root of somebody else, and one of our root's name.
pub(crate) fn other_root(name: &str) -> Certificate {
    Draft::authority(&Key::Other.spki(), name, name, 1).signed_by(Key::Other.get())
}

#[derive(Clone, Copy)]
pub(crate) enum Id {
    None,
    Device(&'static str),
    Module(&'static str, &'static str),
    Registration(&'static str),
}

/// A chain, and what it is judged against.
#[derive(Clone)]
pub(crate) struct Judged {
    pub(crate) chain: Vec<Certificate>,
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) id: Id,
    pub(crate) key: Option<Key>,
    pub(crate) window: Duration,
    pub(crate) algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
    pub(crate) now: u64,
    /// Those that are registered.
    pub(crate) thumbprints: Vec<Thumbprint>,
}

impl Judged {
    /// The chain with its root, which is the trust anchor.
    pub(crate) fn new(chain: Vec<Certificate>) -> Self {
        Self {
            anchors: chain.last().cloned().into_iter().collect(),
            chain,
            id: Id::Device(DEVICE),
            key: Some(Key::Device),
            window: Duration::ZERO,
            algorithms: RING_ALGORITHMS,
            now: NOW,
            thumbprints: Vec::new(),
        }
    }

    pub(crate) fn good() -> Self {
        Self::new(Drafts::good().issue())
    }

    /// Leaves the root out of the chain: it is the trust anchor only.
    pub(crate) fn without_root(&mut self) {
        self.chain.pop().unwrap();
    }

    pub(crate) fn certificate(&self) -> DeviceCertificate {
        let chain: Vec<_> =
            self.chain.iter().map(|certificate| certificate.der().clone()).collect();
        DeviceCertificate::from_chain(&chain).unwrap()
    }

    pub(crate) fn report(&self) -> Report {
        self.judge(&self.certificate())
    }

    pub(crate) fn judge(&self, certificate: &DeviceCertificate) -> Report {
        let (device, module, registration);
        let mut expected = match self.id {
            Id::None => Expected::new(),
            Id::Device(id) => {
                device = DeviceId::new(id).unwrap();
                Expected::new().device(&device)
            }
            Id::Module(of, id) => {
                device = DeviceId::new(of).unwrap();
                module = ModuleId::new(id).unwrap();
                Expected::new().module(&device, &module)
            }
            Id::Registration(id) => {
                registration = RegistrationId::new(id).unwrap();
                Expected::new().registration(&registration)
            }
        };
        expected = expected.thumbprints(&self.thumbprints);
        expected =
            expected.window(self.window).algorithms(self.algorithms).trust_anchors(&self.anchors);
        if let Some(key) = self.key {
            expected = expected.key(key.get());
        }
        certificate.judge(&expected, UnixTime::from_secs(self.now))
    }
}

/// The certificate with one bit of its last byte, which is one of its signature, turned over.
pub(crate) fn with_broken_signature(good: &Certificate) -> Certificate {
    let mut der = good.der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    certificate(&der)
}
