//! What is refused when a configuration is built, and what it shows of its parts.

use std::error::Error as _;
use std::sync::Arc;

use hubward::keystore::{KeyError, SignatureAlgorithm, SigningKey};
use hubward::pki_types::{CertificateRevocationListDer, SubjectPublicKeyInfoDer};
use hubward::tls::{
    ClientNameError, ClientTls, IdentityError, Provider, ServerTls, TlsError, TlsIdentity,
};
use hubward::{DeviceId, FixedClock, OtherError};

use crate::world::{DEVICE, Kind, PROVIDERS, World, at, now};

#[test]
fn a_client_trusts_somebody() {
    for provider in PROVIDERS {
        let error = ClientTls::builder(provider).build(now()).unwrap_err();
        assert_eq!(error, TlsError::NoTrustAnchors);
        assert_eq!(
            error.to_string(),
            "there are no trust anchors: give those of a cloud, of the platform, or your own"
        );
        // What else was said does not matter.
        let builder = ClientTls::builder(provider).identity(World::get().device.clone());
        assert_eq!(builder.build(now()).map(drop), Err(TlsError::NoTrustAnchors));
    }
}

#[test]
fn a_server_is_somebody() {
    let anchors = World::get().device_ca.anchors();
    for provider in PROVIDERS {
        let builder = ServerTls::builder(provider).require_clients(anchors.clone());
        let error = builder.build(now()).unwrap_err();
        assert_eq!(error, TlsError::NoIdentity);
        assert_eq!(error.to_string(), "a server needs an identity: give its certificate and key");
    }
}

/// RFC 7301 section 3.1.
#[test]
fn names_of_protocols_have_1_to_255_bytes() {
    let world = World::get();
    let (longest, too_long) = ("x".repeat(255), "x".repeat(256));
    let too_wide = "ü".repeat(128);
    for (protocols, is_fine) in [
        (&[][..], true),
        (&["a"], true),
        (&[&*longest], true),
        (&[""], false),
        (&[&*too_long], false),
        (&[&*too_wide], false),
        (&["http/1.1", ""], false),
        (&[&*longest; 16], true),
        (&[&*longest; 17], false),
    ] {
        for provider in PROVIDERS {
            let expected = if is_fine { Ok(()) } else { Err(TlsError::Alpn) };
            let client = world.client(provider).alpn(protocols).build(now());
            assert_eq!(client.map(drop), expected);
            let server = world.server(provider).alpn(protocols).build(now());
            assert_eq!(server.map(drop), expected);
        }
    }
    assert!(TlsError::Alpn.to_string().contains("1 to 255 bytes"));
}

#[test]
fn only_a_provider_of_fips_is_one() {
    let world = World::get();
    for provider in PROVIDERS {
        let client = world.client(provider).require_fips().build(now());
        assert_eq!(client.map(drop), Err(TlsError::NotFips));
        let server = world.server(provider).require_fips().build(now());
        assert_eq!(server.map(drop), Err(TlsError::NotFips));
    }
    assert!(TlsError::NotFips.to_string().contains("FIPS 140-3"));
}

/// A key that answers with that.
#[derive(Debug)]
struct Answers(Arc<hubward::keystore::SoftwareSigningKey>, Result<Vec<u8>, KeyError>);

impl SigningKey for Answers {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        self.0.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.0.algorithms()
    }

    fn sign(&self, _: SignatureAlgorithm, _: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.1.clone()
    }
}

#[test]
fn errors_say_what_happened_and_what_to_do() {
    let world = World::get();
    let no_answer = KeyError::Other(OtherError::from_static("the chip does not answer"));
    let key = Kind::P256.generate();
    let chain = world.device_ca.device(DEVICE, key.clone()).certificate().clone();
    let build = |answer| {
        let key = Arc::new(Answers(key.clone(), answer));
        let identity = TlsIdentity::new(chain.clone(), key).unwrap();
        world.client(Provider::Ring).identity(identity).build(now()).unwrap_err()
    };
    for (error, expected, cause) in [
        (
            build(Err(no_answer.clone())),
            "the key did not sign when it was tested: the store or chip that holds the key failed",
            true,
        ),
        (
            build(Ok(Vec::new())),
            "the key's signature was tested and is not by the certificate's key: its store is at fault",
            false,
        ),
    ] {
        assert_eq!(error.to_string(), expected);
        let source = error.source().and_then(|source| source.downcast_ref::<KeyError>());
        assert_eq!(source, cause.then_some(&no_answer));
    }
    for (error, expected) in [
        (
            IdentityError::KeyDiffers,
            "the private key does not belong to the certificate, the first of the chain: give the one that \
             it was requested with, or order the chain",
        ),
        (
            IdentityError::UnsupportedKey,
            "the key signs in no way that TLS (1.3, where that is asked for alone) and the provider know: \
             give one of RSA from 2048 to 8192 bits, P-256 or P-384",
        ),
        (
            IdentityError::NotYetValid { not_before: at(1_800_000_000), now: at(1_799_999_999) },
            "the certificate is valid from 2027-01-15T08:00:00Z on, and now it is \
             2027-01-15T07:59:59Z",
        ),
        (
            IdentityError::Expired { not_after: at(1_800_000_000), now: at(1_800_000_001) },
            "the certificate expired at 2027-01-15T08:00:00Z, and now it is 2027-01-15T08:00:01Z",
        ),
    ] {
        assert_eq!(error.to_string(), expected);
        assert_eq!(TlsError::from(error.clone()).to_string(), expected);
        assert!(error.source().is_none());
    }
    for (error, expected) in [
        (ClientNameError::Handshaking, "the handshake is not over: nothing is proved before"),
        (ClientNameError::NoCertificate, "the client has no certificate"),
        (
            ClientNameError::NoCommonName,
            "the client's certificate has no common name (CN), or several",
        ),
    ] {
        assert_eq!(error.to_string(), expected);
    }
    let name = DeviceId::new("no device").unwrap_err();
    assert_eq!(
        ClientNameError::from(name.clone()).to_string(),
        format!("the common name (CN) of the client's certificate is no device ID: {name}")
    );
}

/// Whichever is found first, each is found.
#[test]
fn nothing_wrong_is_covered_by_something_else() {
    let world = World::get();
    let garbage = CertificateRevocationListDer::from(b"garbage".to_vec());
    for provider in PROVIDERS {
        for builder in [
            world.client(provider).alpn(&[""]).require_fips(),
            world.client(provider).crls([garbage.clone()]),
            world.client(provider).crls([garbage.clone()]).dangerous().allow_unknown_revocation(),
            ClientTls::builder(provider).crls([garbage.clone()]),
        ] {
            assert!(builder.build(FixedClock::unknown()).is_err());
        }
    }
}

/// A builder is a value: what is built of it and of its clone is the same, and nothing is shared.
#[test]
fn builders_can_be_used_again() {
    let world = World::get();
    for provider in PROVIDERS {
        let builder = world.client(provider).identity(world.device.clone());
        let [one, other] = [builder.clone(), builder].map(|builder| builder.build(now()).unwrap());
        assert_eq!(one.explain(), other.explain());
        one.install(world.device.clone()).unwrap();
        assert_eq!((one.generation(), other.generation()), (1, 0));
    }
}

#[test]
fn nothing_shows_a_key() {
    let world = World::get();
    for provider in PROVIDERS {
        let client = world.client(provider).identity(world.device.clone());
        let server = world.server(provider).require_clients(world.device_ca.anchors());
        let tls = client.clone().build(now()).unwrap();
        let serving = server.clone().build(now()).unwrap();
        let (recorded, record) = tls.recorded();
        for (shown, name) in [
            (format!("{:?}", world.device), "CN=pump-7"),
            (format!("{client:?}"), "CN=pump-7"),
            (format!("{:?}", client.clone().dangerous()), "CN=pump-7"),
            (format!("{tls:?}"), "CN=pump-7"),
            (format!("{server:?}"), "CN=contoso.azure-devices.net"),
            (format!("{serving:?}"), "CN=contoso.azure-devices.net"),
            // What rustls shows of it.
            (format!("{:?}", tls.config()), ""),
            (format!("{:?}", tls.rotating_config()), "CN=pump-7"),
            (format!("{recorded:?} {record:?}"), ""),
            (format!("{:?}", serving.config()), ""),
        ] {
            assert!(shown.contains(name), "{shown}");
            // The key shows itself, and shows nothing; tests/redaction.rs looks closer.
            assert!(shown.contains("<redacted>"), "{shown}");
        }
    }
}

#[test]
fn the_identity_is_who_it_is() {
    let world = World::get();
    let identity = &world.device;
    let end_entity = identity.certificate().end_entity();
    assert_eq!(identity.certificate().chain().len(), 2);
    assert!(identity.thumbprint().matches(end_entity.der()));
    for provider in PROVIDERS {
        let tls = world.client(provider).build(now()).unwrap();
        assert!(tls.identity().is_none());
        assert!(!tls.config().client_auth_cert_resolver.has_certs());
        let tls = world.client(provider).identity(identity.clone()).build(now()).unwrap();
        assert_eq!(tls.identity().unwrap().thumbprint(), identity.thumbprint());
        assert!(tls.config().client_auth_cert_resolver.has_certs());
        // The last one counts.
        let other = world.device_ca.device("pump-8", Kind::P256.key());
        let tls = world.client(provider).identity(identity.clone()).identity(other.clone());
        let tls = tls.build(now()).unwrap();
        assert_eq!(tls.identity().unwrap().thumbprint(), other.thumbprint());
    }
}

#[test]
fn providers_have_names() {
    assert_eq!(PROVIDERS.map(|provider| provider.to_string()), ["aws-lc-rs", "ring"]);
    assert_eq!(format!("{:>6}", Provider::Ring), "  ring");
}
