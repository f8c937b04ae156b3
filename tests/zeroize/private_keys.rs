//! Private keys in memory.
//!
//! ECDSA, and RSA with `aws-lc-rs`, which has an allocator of its own. RSA with `ring` is left out: it
//! reads the key into numbers on the heap and does not wipe them. What other libraries do with their
//! copies is not promised; see the documentation of `hubward::secret`.

use hubward::keystore::{KeyKind, SignatureAlgorithm, SigningKey, SoftwareSigningKey};
use hubward::pki_types::{
    PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};

use super::*;

/// PKCS#8 of the longer scalar on P-384.
fn long_private_key() -> Vec<u8> {
    let mut der = vec![0x30, 0x4e, 2, 1, 0, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    der.extend([6, 5, 0x2b, 0x81, 4, 0, 0x22, 4, 0x37, 0x30, 0x35, 2, 1, 1, 4, 48]);
    der.extend(LONG_SCALAR);
    der
}

/// SEC 1 of either: version 1, the scalar, the curve.
fn sec1(scalar: &[u8], curve: &[u8]) -> Vec<u8> {
    let content = 3 + 2 + scalar.len() + 2 + curve.len();
    let mut der = vec![0x30, content.try_into().expect("short"), 2, 1, 1, 4];
    der.push(scalar.len().try_into().expect("short"));
    der.extend(scalar);
    der.extend([0xa0, curve.len().try_into().expect("short")]);
    der.extend(curve);
    der
}

/// A private key in memory that is never freed, what it signs with, and its needle.
pub(crate) type Key = (PrivateKeyDer<'static>, SignatureAlgorithm, &'static str);

/// All forms of both keys.
pub(crate) fn keys() -> Vec<Key> {
    let p256 = sec1(&SCALAR, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let p384 = sec1(&LONG_SCALAR, &[6, 5, 0x2b, 0x81, 4, 0, 0x22]);
    let pkcs8 = |der: Vec<u8>| PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&*der.leak()));
    let sec1 = |der: Vec<u8>| PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(&*der.leak()));
    let (first, second) =
        (SignatureAlgorithm::EcdsaP256Sha256, SignatureAlgorithm::EcdsaP384Sha384);
    vec![
        (pkcs8(private_key()), first, "scalar"),
        (sec1(p256), first, "scalar"),
        (pkcs8(long_private_key()), second, "long scalar"),
        (sec1(p384), second, "long scalar"),
    ]
}

#[test]
fn private_keys_are_wiped() {
    for (der, algorithm, scalar) in keys() {
        clean(|| {
            let key = SoftwareSigningKey::from_der(&der).expect("a key");
            assert_eq!(alive(), [scalar]);
            key.sign(algorithm, b"message").expect("in memory");
            assert_eq!(key.algorithms(), [algorithm]);
            assert!(!key.public_key().is_empty());
            let shared: Arc<dyn SigningKey> = Arc::new(key);
            assert_eq!(alive(), [scalar]);
            let refused = shared.sign(SignatureAlgorithm::RsaPssSha256, b"message");
            assert!(matches!(refused, Err(KeyError::UnsupportedAlgorithm(_))));
            drop(shared);
            assert!(alive().is_empty());
        });
    }
    clean(|| {
        for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384] {
            let key = SoftwareSigningKey::generate(kind).expect("random numbers");
            key.sign(key.algorithms()[0], b"message").expect("in memory");
        }
    });
}

#[cfg(feature = "mlock")]
#[test]
fn private_keys_in_locked_pages_are_not_on_the_heap() {
    use hubward::secret::LockPolicy;

    for (der, algorithm, scalar) in keys() {
        clean(|| {
            let key = SoftwareSigningKey::from_der(&der).expect("a key");
            let locked = key.to_locked(LockPolicy::Prefer).expect("preferred");
            assert_eq!(alive(), [scalar]);
            drop(key);
            assert!(alive().is_empty());
            locked.sign(algorithm, b"message").expect("in memory");
            assert!(alive().is_empty());
        });
    }
}

#[test]
fn what_is_no_private_key_leaves_nothing() {
    for (der, ..) in keys() {
        let der = der.secret_der();
        for end in (0..der.len()).chain([der.len() + 1]) {
            let mut wrong = der.to_vec();
            wrong.resize(end, 0);
            let wrong = wrong.leak();
            for wrong in [
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&*wrong)),
                PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(&*wrong)),
                PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(&*wrong)),
            ] {
                clean(|| assert!(SoftwareSigningKey::from_der(&wrong).is_err()));
            }
        }
        // Scalars that are none: nothing, and more than the order.
        for byte in [0, 0xff] {
            let mut wrong = der.to_vec();
            let scalars = [&SCALAR[..], &LONG_SCALAR];
            let (at, len) = scalars
                .iter()
                .find_map(|scalar| {
                    let at = der.windows(scalar.len()).position(|part| part == *scalar)?;
                    Some((at, scalar.len()))
                })
                .expect("one of them is in there");
            wrong[at..at + len].fill(byte);
            let wrong = wrong.leak();
            let wrong = PrivateKeyDer::try_from(&*wrong).expect("it looks like one");
            clean(|| assert!(SoftwareSigningKey::from_der(&wrong).is_err()));
        }
    }
}

#[cfg(feature = "keystore-memory")]
#[test]
fn private_keys_in_a_store_are_wiped() {
    use hubward::keystore::rotation::{Outcome, Proof, Rotation};
    use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, MemoryKeyStore, NewKey};

    for (der, algorithm, scalar) in keys() {
        clean(|| {
            let store = MemoryKeyStore::new();
            let (a, b) = (KeyName::new("a").expect("a name"), KeyName::new("b").expect("a name"));
            let kind = match algorithm {
                SignatureAlgorithm::EcdsaP256Sha256 => KeyKind::EcdsaP256,
                _ => KeyKind::EcdsaP384,
            };
            store.import(&a, NewKey::Private(&der)).expect("it is new");
            store.create(&b, kind).expect("in memory");
            store.swap(&a, &b).expect("both are there");
            assert_eq!(alive(), [scalar]);
            let handle = store.signing_key(&b).expect("it is there");
            handle.sign(algorithm, b"message").expect("in memory");
            let begun = Rotation::begin(&store, &a, NewKey::Private(&der), &[]);
            assert_eq!(begun.expect("the first").finish(|_| Proof::Accepted), Ok(Outcome::Done));
            assert!(store.rotate(&a, NewKey::Symmetric(&key())).is_err());
            store.delete(&a).expect("it is there");
            store.delete(&b).expect("it is there");
            assert_eq!(alive(), [scalar]);
            drop(handle);
            assert!(alive().is_empty());
        });
    }
}

/// In the middle of a change, when the key is in the store's content: once, and in the form in which it
/// is kept.
#[cfg(feature = "keystore-memory")]
pub(crate) fn use_records(store: &dyn hubward::keystore::CredentialStore, keys: &[Key]) {
    use hubward::keystore::{KeyName, NewKey, Slot};

    let name = KeyName::new("a").expect("a name");
    for (der, algorithm, scalar) in keys {
        let put = store.transact(&mut |records| {
            records.put_key(Slot::Staged, &name, NewKey::Private(der))?;
            assert_eq!(alive(), [*scalar]);
            records.move_key((Slot::Staged, &name), (Slot::Current, &name))?;
            assert_eq!(alive(), [*scalar]);
            let key = records.signing_key(Slot::Current, &name)?;
            key.sign(*algorithm, b"message").map(drop)?;
            assert_eq!(alive(), [*scalar]);
            drop(key);
            records.delete_key(Slot::Current, &name)
        });
        assert_eq!(put, Ok(()));
        assert!(alive().is_empty());
    }
}

#[cfg(feature = "keystore-memory")]
#[test]
fn transactions_leave_nothing_of_private_keys() {
    let keys = keys();
    clean(|| use_records(&hubward::keystore::MemoryKeyStore::new(), &keys));
}

/// The library's own memory is not of this allocator; what is looked at is what is between it and the
/// key's bytes.
#[cfg(feature = "aws-lc-rs")]
#[test]
fn rsa_keys_are_wiped() {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};

    let made = KeyPair::generate(KeySize::Rsa2048).expect("random numbers");
    let der: Pkcs8V1Der<'_> = made.as_der().expect("it can be written");
    let der: &[u8] = der.as_ref().to_vec().leak();
    // Behind the modulus, which is public: both exponents, the primes and what is made of them.
    let secret = &der[320..];
    let needles = Needles::new(vec![Needle { name: "RSA", bytes: secret }]);
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der));
    clean_of(needles, || {
        let key = SoftwareSigningKey::from_der(&der).expect("a key");
        assert_eq!(alive(), ["RSA"]);
        for algorithm in key.algorithms() {
            key.sign(*algorithm, b"message").expect("in memory");
        }
        drop(key);
        assert!(alive().is_empty());
    });
    let cut = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&der.secret_der()[..1000]));
    clean_of(needles, || assert!(SoftwareSigningKey::from_der(&cut).is_err()));
}
