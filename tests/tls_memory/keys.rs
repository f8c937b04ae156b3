//! Identities: keys of every kind out of every store, and keys that fail, lie and change their minds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hubward::OtherError;
use hubward::keystore::{KeyError, SignatureAlgorithm, SigningKey, SoftwareSigningKey};
use hubward::pki_types::SubjectPublicKeyInfoDer;
use hubward::tls::rustls::server::WebPkiClientVerifier;
use hubward::tls::rustls::{Error, ServerConfig, SignatureScheme, SupportedProtocolVersion};
use hubward::tls::{IdentityError, Provider, TlsError, TlsIdentity};
use hubward::x509::private_key_from_pem;

use crate::certificates::OpenSsl;
use crate::peers::{VERSIONS, client, crypto, hub_for_devices, roots, server_for, server_resolver};
use crate::world::{Authority, DEVICE, HUB, Kind, Link, PROVIDERS, World, now};

/// The identity as the client's, with which it gets to the hub.
fn gets_in(provider: Provider, identity: &TlsIdentity) {
    let tls = World::get().client(provider).identity(identity.clone()).build(now()).unwrap();
    for version in VERSIONS {
        for config in [tls.config(), tls.rotating_config(), tls.recorded().0] {
            let mut link = Link::new(config, hub_for_devices(provider, version));
            link.talk().unwrap();
            let shown = link.server.peer_certificates().unwrap();
            assert_eq!(shown, identity.certificate().to_der());
        }
    }
}

/// And as a server's.
fn serves(provider: Provider, identity: &TlsIdentity) {
    let server = World::get().server(provider).identity(identity.clone()).build(now()).unwrap();
    for version in VERSIONS {
        let mut link = Link::new(client(crypto(provider), &[version], None), server.config());
        link.talk().unwrap();
        let shown = link.client.peer_certificates().unwrap();
        assert_eq!(shown, identity.certificate().to_der());
    }
}

#[test]
fn keys_of_every_kind_prove_both_ends() {
    let world = World::get();
    for provider in PROVIDERS {
        for kind in Kind::ALL {
            println!("{provider} {kind:?}");
            gets_in(provider, &world.device_ca.device(DEVICE, kind.key()));
            serves(provider, &world.hub_ca.server(&[HUB], kind.key()));
        }
    }
}

/// One key of each kind, as OpenSSL makes it, in every store that takes it.
#[test]
fn keys_of_every_store_prove_the_device() {
    let openssl = OpenSsl::new();
    for (kind, how) in [
        ("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
        ("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
        ("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:3072"),
    ] {
        openssl.run(&format!("genpkey {how} -out {kind}"));
        let der = private_key_from_pem(&openssl.read(kind)).unwrap();
        let software = SoftwareSigningKey::from_der(der.expose_der()).unwrap();
        #[cfg_attr(
            not(any(feature = "keystore-memory", all(feature = "keystore-file", unix))),
            expect(unused_mut, reason = "there are more stores")
        )]
        let mut keys: Vec<(&str, Arc<dyn SigningKey>)> = vec![("software", Arc::new(software))];
        #[cfg(feature = "keystore-memory")]
        {
            let store = hubward::keystore::MemoryKeyStore::new();
            keys.push(("memory", out_of(&store, der.expose_der())));
        }
        #[cfg(all(feature = "keystore-file", unix))]
        {
            use std::os::unix::fs::PermissionsExt as _;

            let private = std::fs::Permissions::from_mode(0o700);
            let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
            let raw = hubward::secret::SecretBytes::copy_from(&[7; 32]).unwrap();
            let raw = hubward::keystore::file::StoreKey::Raw(&raw);
            let path = folder.path().join("keys");
            let store = hubward::keystore::file::FileKeyStore::create(path, raw).unwrap();
            // The handle outlives the store and its file.
            keys.push(("file", out_of(&store, der.expose_der())));
        }
        for (store, key) in keys {
            println!("{kind} {store}");
            let identity = World::get().device_ca.device(DEVICE, key);
            PROVIDERS.iter().for_each(|provider| gets_in(*provider, &identity));
        }
    }
}

#[cfg(any(feature = "keystore-memory", all(feature = "keystore-file", unix)))]
fn out_of(
    store: &dyn hubward::KeyStoreAdmin,
    der: &hubward::pki_types::PrivateKeyDer<'_>,
) -> Arc<dyn SigningKey> {
    let name = hubward::KeyName::new("hub.device").unwrap();
    store.import(&name, hubward::keystore::NewKey::Private(der)).unwrap();
    store.signing_key(&name).unwrap()
}

/// The hub, which takes signatures of that scheme and no other from its devices.
fn hub_for(
    provider: Provider,
    version: &'static SupportedProtocolVersion,
    scheme: SignatureScheme,
) -> Arc<ServerConfig> {
    let world = World::get();
    let mut limited = crypto(provider);
    let mapping = limited.signature_verification_algorithms.mapping.iter();
    let mapping: Vec<_> = mapping.filter(|(known, _)| *known == scheme).copied().collect();
    limited.signature_verification_algorithms.mapping = mapping.leak();
    let devices = WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots(&world.device_ca)),
        Arc::new(limited),
    );
    let resolver = server_resolver(&world.hub);
    server_for(crypto(provider), &[version], resolver, devices.build().unwrap())
}

/// RFC 8446 section 4.2.3: in TLS 1.3 a scheme of ECDSA names its curve, and PKCS#1 v1.5 is for certificates
/// only.
#[test]
fn each_way_to_sign_works_alone() {
    use SignatureScheme as Scheme;

    for (kind, schemes) in [
        (Kind::P256, &[(Scheme::ECDSA_NISTP256_SHA256, true)][..]),
        (Kind::P384, &[(Scheme::ECDSA_NISTP384_SHA384, true)]),
        (
            Kind::Rsa,
            &[
                (Scheme::RSA_PSS_SHA256, true),
                (Scheme::RSA_PSS_SHA384, true),
                (Scheme::RSA_PSS_SHA512, true),
                (Scheme::RSA_PKCS1_SHA256, false),
                (Scheme::RSA_PKCS1_SHA384, false),
                (Scheme::RSA_PKCS1_SHA512, false),
            ],
        ),
    ] {
        let identity = World::get().device_ca.device(DEVICE, kind.key());
        for provider in PROVIDERS {
            let tls = World::get().client(provider).identity(identity.clone());
            let tls = tls.build(now()).unwrap();
            for (scheme, is_of_13) in schemes {
                for (version, works) in VERSIONS.into_iter().zip([true, *is_of_13]) {
                    println!("{provider} {scheme:?} {:?}", version.version);
                    let mut link = Link::new(tls.config(), hub_for(provider, version, *scheme));
                    assert_eq!(link.talk().is_ok(), works);
                }
            }
        }
    }
}

/// Whose key the server takes in no way is as one without a certificate.
#[test]
fn a_key_that_the_server_does_not_take_is_not_shown() {
    let identity = World::get().device_ca.device(DEVICE, Kind::P256.key());
    for provider in PROVIDERS {
        let tls = World::get().client(provider).identity(identity.clone()).build(now()).unwrap();
        for version in VERSIONS {
            let server = hub_for(provider, version, SignatureScheme::RSA_PSS_SHA256);
            let (config, record) = tls.recorded();
            for config in [tls.config(), tls.rotating_config(), config] {
                let broken = Link::new(config, server.clone()).talk().unwrap_err();
                assert_eq!(broken.server, Some(Error::NoCertificatesPresented));
            }
            assert!(record.asked_for_certificate() && !record.sent_certificate());
        }
    }
}

/// How a key behaves.
type Sign = fn(&SoftwareSigningKey, SignatureAlgorithm, &[u8]) -> Result<Vec<u8>, KeyError>;

/// A key in a store that is at fault: from a certain signature on, if it ever was right.
#[derive(Debug)]
struct Faulty {
    key: Arc<SoftwareSigningKey>,
    claims: &'static [SignatureAlgorithm],
    /// What it claims from the moment of its fault on.
    claims_then: &'static [SignatureAlgorithm],
    sign: Sign,
    /// How many signatures are right.
    right: AtomicUsize,
    signed: AtomicUsize,
}

const P256: &[SignatureAlgorithm] = &[SignatureAlgorithm::EcdsaP256Sha256];

impl Faulty {
    fn new(sign: Sign) -> Self {
        Self {
            key: Kind::P256.key(),
            claims: P256,
            claims_then: P256,
            sign,
            right: AtomicUsize::new(0),
            signed: AtomicUsize::new(0),
        }
    }

    fn is_right(&self) -> bool {
        self.right.load(Ordering::Relaxed) > 0
    }
}

impl SigningKey for Faulty {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        self.key.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        if self.is_right() { self.claims } else { self.claims_then }
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signed.fetch_add(1, Ordering::Relaxed);
        if self.is_right() {
            self.right.fetch_sub(1, Ordering::Relaxed);
            return self.key.sign(algorithm, message);
        }
        (self.sign)(&self.key, algorithm, message)
    }
}

fn broken_chip() -> KeyError {
    KeyError::Other(OtherError::from_static("the secure element does not answer"))
}

const FAILS: Sign = |_, _, _| Err(broken_chip());
/// A signature over something else.
const SIGNS_ELSE: Sign = |key, algorithm, _| key.sign(algorithm, b"something else");
const SIGNS_NOTHING: Sign = |_, _, _| Ok(Vec::new());
const SIGNS_TOO_MUCH: Sign = |_, _, _| Ok(vec![0x30; 100_000]);
/// A signature by another key.
const IS_ANOTHER: Sign = |_, algorithm, message| {
    let kind = match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => Kind::P256,
        SignatureAlgorithm::EcdsaP384Sha384 => Kind::P384,
        _ => Kind::Rsa,
    };
    kind.generate().sign(algorithm, message)
};
/// Two numbers instead of DER.
const SIGNS_RAW: Sign = |_, _, _| Ok(vec![7; 64]);
/// What the key can do, whatever it is asked for.
const SIGNS_ITS_WAY: Sign = |key, _, message| key.sign(key.algorithms()[0], message);
/// Right in the one way that it has.
const SIGNS: Sign = |key, algorithm, message| key.sign(algorithm, message);

fn faulty(key: Faulty) -> Result<TlsIdentity, IdentityError> {
    let chain = World::get().device_ca.device(DEVICE, key.key.clone()).certificate().clone();
    TlsIdentity::new(chain, Arc::new(key))
}

#[test]
fn a_key_at_fault_is_found_when_the_configuration_is_built() {
    use SignatureAlgorithm::{
        EcdsaP256Sha256, EcdsaP384Sha384, RsaPkcs1Sha256, RsaPssSha256, RsaPssSha384,
    };
    const NOT_KNOWN: KeyError = KeyError::UnsupportedAlgorithm("this algorithm with this key");

    let with = |claims, sign| Faulty { claims_then: claims, ..Faulty::new(sign) };
    let p384 = |claims, sign| Faulty { key: Kind::P384.key(), ..with(claims, sign) };
    let rsa = |claims, sign| Faulty { key: Kind::Rsa.key(), ..with(claims, sign) };
    for provider in PROVIDERS {
        for (what, key, expected) in [
            ("it fails", Faulty::new(FAILS), IdentityError::Key(broken_chip())),
            ("it signs something else", Faulty::new(SIGNS_ELSE), IdentityError::BadSignature),
            ("it signs nothing", Faulty::new(SIGNS_NOTHING), IdentityError::BadSignature),
            ("it signs too much", Faulty::new(SIGNS_TOO_MUCH), IdentityError::BadSignature),
            ("it is another", Faulty::new(IS_ANOTHER), IdentityError::BadSignature),
            ("it has a form of its own", Faulty::new(SIGNS_RAW), IdentityError::BadSignature),
            (
                "it claims another curve",
                with(&[EcdsaP384Sha384], SIGNS),
                IdentityError::Key(NOT_KNOWN),
            ),
            (
                "it claims another curve, and signs",
                with(&[EcdsaP384Sha384], SIGNS_ITS_WAY),
                IdentityError::BadSignature,
            ),
            (
                "it claims another curve beside",
                with(&[EcdsaP256Sha256, EcdsaP384Sha384], SIGNS_ITS_WAY),
                IdentityError::BadSignature,
            ),
            ("it claims RSA", with(&[RsaPssSha256], SIGNS_ITS_WAY), IdentityError::BadSignature),
            (
                "P-384 that claims P-256",
                p384(&[EcdsaP384Sha384, EcdsaP256Sha256], SIGNS_ITS_WAY),
                IdentityError::BadSignature,
            ),
            (
                "RSA with one way too many",
                rsa(&[RsaPssSha256, RsaPssSha384], |key, algorithm, message| match algorithm {
                    RsaPssSha256 => key.sign(algorithm, message),
                    _ => Err(KeyError::UnsupportedAlgorithm("PSS with SHA-384")),
                }),
                IdentityError::Key(KeyError::UnsupportedAlgorithm("PSS with SHA-384")),
            ),
            (
                "PKCS#1 instead of PSS",
                rsa(&[RsaPssSha256], |key, _, message| key.sign(RsaPkcs1Sha256, message)),
                IdentityError::BadSignature,
            ),
        ] {
            println!("{what}: {provider}");
            let identity = faulty(key).unwrap();
            let client = World::get().client(provider).identity(identity.clone()).build(now());
            assert_eq!(client.map(drop).unwrap_err(), TlsError::Identity(expected.clone()));
            let server = World::get().server(provider).identity(identity.clone()).build(now());
            assert_eq!(server.map(drop).unwrap_err(), TlsError::Identity(expected.clone()));
            let tls = World::get().client(provider).build(now()).unwrap();
            assert_eq!(tls.install(identity), Err(expected));
        }
    }
}

/// The curve of a signature counts in TLS 1.3: a key that signs over the other hash as well is of no use
/// there.
#[test]
fn a_curve_with_the_hash_of_another_is_found_too() {
    // OpenSSL signs with P-256 over SHA-384.
    let openssl = OpenSsl::new();
    openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key");
    #[derive(Debug)]
    struct Odd(SoftwareSigningKey, std::path::PathBuf);
    impl SigningKey for Odd {
        fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
            self.0.public_key()
        }

        fn algorithms(&self) -> &[SignatureAlgorithm] {
            &[SignatureAlgorithm::EcdsaP384Sha384, SignatureAlgorithm::EcdsaP256Sha256]
        }

        fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
            if algorithm == SignatureAlgorithm::EcdsaP256Sha256 {
                return self.0.sign(algorithm, message);
            }
            let at = |name: &str| self.1.with_file_name(name);
            std::fs::write(at("message"), message).unwrap();
            let done = std::process::Command::new("openssl")
                .args(["dgst", "-sha384", "-sign"])
                .arg(&self.1)
                .arg("-out")
                .args([at("signature"), at("message")])
                .status();
            assert!(done.unwrap().success());
            Ok(std::fs::read(at("signature")).unwrap())
        }
    }
    let key = private_key_from_pem(&openssl.read("key")).unwrap();
    let key = SoftwareSigningKey::from_der(key.expose_der()).unwrap();
    let key = Arc::new(Odd(key, openssl.path("key")));
    let chain = {
        let id = hubward::DeviceId::new(DEVICE).unwrap();
        let request = hubward::x509::CertificateRequest::for_device(&key.0, &id).unwrap();
        let ca = &World::get().device_ca;
        let validity = World::get().device.certificate().end_entity().validity();
        let algorithms = hubward::x509::RING_ALGORITHMS;
        ca.chain_of(ca.ca().issue_device(&request, &id, validity, algorithms).unwrap())
    };
    let identity = TlsIdentity::new(chain, key).unwrap();
    for provider in PROVIDERS {
        let built = World::get().client(provider).identity(identity.clone()).build(now());
        let refused = TlsError::Identity(IdentityError::BadSignature);
        assert_eq!(built.map(drop), Err(refused), "{provider}");
    }
}

#[test]
fn what_does_not_belong_together_is_refused_at_once() {
    let world = World::get();
    let chain = world.device.certificate().clone();
    for kind in Kind::ALL {
        let mismatch = TlsIdentity::new(chain.clone(), kind.key()).unwrap_err();
        assert_eq!(mismatch, IdentityError::KeyDiffers);
    }
    // The key of another in the chain.
    let of_issuer = TlsIdentity::new(chain, world.device_ca.key.clone());
    assert_eq!(of_issuer.unwrap_err(), IdentityError::KeyDiffers);
    // A key that signs in no way.
    let silent = faulty(Faulty { claims_then: &[], ..Faulty::new(SIGNS) });
    assert_eq!(silent.unwrap_err(), IdentityError::UnsupportedKey);
    // Or in none any longer.
    let right = AtomicUsize::new(1);
    let key = Arc::new(Faulty { claims_then: &[], right, ..Faulty::new(SIGNS) });
    let chain = world.device_ca.device(DEVICE, key.key.clone()).certificate().clone();
    let identity = TlsIdentity::new(chain, key.clone()).unwrap();
    key.right.store(0, Ordering::Relaxed);
    for provider in PROVIDERS {
        let built = world.client(provider).identity(identity.clone()).build(now());
        let refused = TlsError::Identity(IdentityError::UnsupportedKey);
        assert_eq!(built.map(drop), Err(refused));
    }
}

/// A key that shows a public key of a kind that TLS is not told of.
#[test]
fn kinds_that_are_not_taken() {
    #[derive(Debug)]
    struct Claims(Vec<u8>);
    impl SigningKey for Claims {
        fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
            SubjectPublicKeyInfoDer::from(&*self.0)
        }

        fn algorithms(&self) -> &[SignatureAlgorithm] {
            P256
        }

        fn sign(&self, _: SignatureAlgorithm, _: &[u8]) -> Result<Vec<u8>, KeyError> {
            panic!("it is not asked");
        }
    }
    let openssl = OpenSsl::new();
    for (name, how) in [
        ("ed25519", "-algorithm ED25519"),
        ("p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
        ("secp256k1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"),
    ] {
        openssl.run(&format!("genpkey {how} -out {name}"));
        openssl.run(&format!("pkey -in {name} -pubout -outform DER -out {name}.spki"));
        let spki = openssl.read(&format!("{name}.spki"));
        let ca = &World::get().device_ca;
        let draft = crate::certificates::Draft::device(&spki, DEVICE, "Contoso hall 3");
        let chain = ca.chain_of(draft.signed_by(&*ca.key));
        let error = TlsIdentity::new(chain, Arc::new(Claims(spki))).unwrap_err();
        assert_eq!(error, IdentityError::UnsupportedKey, "{name}");
    }
}

/// The tests of the key are over when it is built: a handshake signs once.
#[test]
fn a_key_signs_no_more_than_it_must() {
    for provider in PROVIDERS {
        let all = &[
            SignatureAlgorithm::RsaPssSha256,
            SignatureAlgorithm::RsaPkcs1Sha256,
            SignatureAlgorithm::RsaPkcs1Sha512,
        ];
        let key = Arc::new(Faulty {
            key: Kind::Rsa.key(),
            claims: all,
            claims_then: all,
            ..Faulty::new(SIGNS)
        });
        let signed = || key.signed.swap(0, Ordering::Relaxed);
        let chain = World::get().device_ca.device(DEVICE, Kind::Rsa.key()).certificate().clone();
        let identity = TlsIdentity::new(chain, key.clone()).unwrap();
        assert_eq!(signed(), 0);
        let tls = World::get().client(provider).identity(identity.clone()).build(now()).unwrap();
        assert_eq!(signed(), 3);
        for version in VERSIONS {
            for config in [tls.config(), tls.rotating_config(), tls.recorded().0] {
                Link::new(config, hub_for_devices(provider, version)).talk().unwrap();
                assert_eq!(signed(), 1);
            }
        }
        let _ = (tls.explain(), tls.identity(), tls.config().client_auth_cert_resolver.has_certs());
        assert_eq!(signed(), 0);
        tls.install(identity).unwrap();
        assert_eq!(signed(), 3);
    }
}

/// A chip that was there when it was tested, and is gone when it is needed.
#[test]
fn a_key_that_fails_later_ends_the_handshake_and_says_why() {
    let faults: [(&str, Sign, Option<KeyError>); 3] = [
        ("it fails", FAILS, Some(broken_chip())),
        ("it signs something else", SIGNS_ELSE, None),
        ("it signs nothing", SIGNS_NOTHING, None),
    ];
    for provider in PROVIDERS {
        for version in VERSIONS {
            for (what, sign, expected) in &faults {
                println!("{what}: {provider} {:?}", version.version);
                let key = Faulty { right: AtomicUsize::new(2), ..Faulty::new(*sign) };
                let identity = faulty(key).unwrap();
                let tls = World::get().client(provider).identity(identity).build(now()).unwrap();
                let server = hub_for_devices(provider, version);
                let mut before = Link::new(tls.config(), server.clone());
                before.talk().unwrap();
                // Behind the test and that one, nothing is right any longer.
                let mut link = Link::new(tls.rotating_config(), server);
                let broken = link.talk().unwrap_err();
                match (expected, broken.client, broken.server) {
                    (Some(expected), Some(Error::Other(error)), _) => {
                        assert_eq!(error.0.downcast_ref(), Some(expected));
                    }
                    // The server finds it out.
                    (None, Some(Error::AlertReceived(_)), Some(Error::InvalidCertificate(_))) => {}
                    (_, client, server) => panic!("{client:?} {server:?}"),
                }
                // Who is connected stays so.
                before.talk().unwrap();
            }
        }
    }
}

/// What a key says of itself after it was tested.
#[test]
fn a_key_that_changes_its_mind_is_not_shown() {
    let ways: [&[SignatureAlgorithm]; 3] =
        [&[], &[SignatureAlgorithm::RsaPssSha256], &[SignatureAlgorithm::EcdsaP384Sha384]];
    for provider in PROVIDERS {
        for version in VERSIONS {
            for claims_then in ways {
                println!("{claims_then:?}: {provider} {:?}", version.version);
                let right = AtomicUsize::new(1);
                let key = Faulty { right, claims_then, ..Faulty::new(SIGNS) };
                let identity = faulty(key).unwrap();
                let tls = World::get().client(provider).identity(identity).build(now()).unwrap();
                let broken = Link::new(tls.config(), hub_for_devices(provider, version)).talk();
                let broken = broken.unwrap_err();
                if claims_then.is_empty() {
                    assert_eq!(broken.server, Some(Error::NoCertificatesPresented));
                } else {
                    let Some(Error::Other(error)) = broken.client else { panic!("{broken:?}") };
                    let error = error.0.downcast_ref::<KeyError>();
                    assert!(matches!(error, Some(KeyError::UnsupportedAlgorithm(_))), "{error:?}");
                }
            }
        }
    }
}

/// A certificate that nobody knows is the server's business.
#[test]
fn who_issued_the_device_is_not_the_clients_question() {
    let identity = Authority::root("Nobody's root").device(DEVICE, Kind::P256.key());
    for provider in PROVIDERS {
        let tls = World::get().client(provider).identity(identity.clone()).build(now()).unwrap();
        for version in VERSIONS {
            let server = hub_for_devices(provider, version);
            let broken = Link::new(tls.config(), server).talk().unwrap_err();
            assert!(matches!(broken.client, Some(Error::AlertReceived(_))), "{broken:?}");
            let broken = format!("{:?}", broken.server);
            assert_eq!(broken, "Some(InvalidCertificate(UnknownIssuer))");
        }
    }
}

/// Signs as a chip that knows nothing of PSS.
#[derive(Debug)]
struct OnlyPkcs1(Arc<SoftwareSigningKey>);

impl SigningKey for OnlyPkcs1 {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        self.0.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        &[SignatureAlgorithm::RsaPkcs1Sha256]
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.sign(algorithm, message)
    }
}

#[test]
fn a_key_without_pss_is_for_tls_1_2() {
    let world = World::get();
    let old = world.device_ca.device(DEVICE, Arc::new(OnlyPkcs1(Kind::Rsa.key())));
    for provider in PROVIDERS {
        let tls = world.client(provider).identity(old.clone());
        let refused = tls.clone().tls13_only().build(now()).map(drop);
        assert_eq!(refused, Err(TlsError::Identity(IdentityError::UnsupportedKey)));
        let tls = tls.build(now()).unwrap();
        assert!(tls.explain().to_string().contains("shown in TLS 1.2 only"));
        let only_13 = world.client(provider).tls13_only().build(now()).unwrap();
        assert_eq!(only_13.install(old.clone()), Err(IdentityError::UnsupportedKey));
        assert_eq!(only_13.generation(), 0);

        let hub = world.server(provider).require_clients(world.device_ca.anchors());
        let hub = hub.build(now()).unwrap();
        let broken = Link::new(tls.config(), hub.config()).talk().unwrap_err();
        assert_eq!(broken.server, Some(Error::NoCertificatesPresented));
        let server = world.server(provider).identity(old.clone()).tls13_only().build(now());
        assert_eq!(server.map(drop), Err(TlsError::Identity(IdentityError::UnsupportedKey)));
    }
}
