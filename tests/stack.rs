//! What is left of keys on the stack that an operation has used and given back: nothing, where the
//! feature `alloc` keeps secrets behind a pointer.
//!
//! The dead part of the stack is read through `/proc/self/mem`. Only optimised code is judged: without
//! optimisation every move is a copy.
#![cfg(target_os = "linux")]

#[path = "common/hmac.rs"]
mod hmac_states;

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use hubward::keystore::{MacKey, PreparedMac};
use hubward::{
    ConnectionString, GroupKey, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasSigner, SasToken,
    SymmetricKey, UnixTime,
};

const KEY: [u8; 32] = [
    0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15, 0xf3, 0x9c, 0xc0, 0x60, 0x5c, 0xed, 0xc8, 0x34,
    0x10, 0x82, 0x27, 0x6b, 0xf3, 0xa2, 0x72, 0x51, 0xf8, 0x6c, 0x6a, 0x11, 0xd0, 0xc1, 0x8e, 0x95,
];
/// The scalar of a private key on P-256.
const SCALAR: [u8; 32] = *b"a<Scalar>of<a>curve<with>32<oct>";
const TEXT: &str = "njd5uX9KfBXznMBgXO3INBCCJ2vzonJR+GxqEdDBjpU=";
const URI: &str =
    "h.example/devices/a-device-with-a-name-that-is-long-enough-to-fill-a-block-of-it";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// How far above the operation's frames the reader's are, which would overwrite them.
const GAP: usize = 16 * 1024;
const DEPTH: usize = 256 * 1024;

type Needles = Vec<(&'static str, Vec<u8>)>;

/// Runs `operation` well below this frame, and returns the names of what it left there.
#[inline(never)]
fn left_behind(needles: &Needles, operation: &mut dyn FnMut()) -> Vec<&'static str> {
    let memory = File::open("/proc/self/mem").unwrap();
    let mut stack = vec![0; DEPTH];
    // What earlier calls left is overwritten first.
    below(&mut || {
        black_box([0_u8; DEPTH - GAP]);
    });
    below(operation);
    let here = 0_u8;
    let top = black_box(&raw const here) as usize as u64;
    memory.read_exact_at(&mut stack, top - DEPTH as u64).unwrap();
    // Eight bytes of it are enough.
    needles
        .iter()
        .filter(|(_, needle)| {
            needle.chunks_exact(8).any(|part| stack.windows(8).any(|window| window == part))
        })
        .map(|(name, _)| *name)
        .collect()
}

#[inline(never)]
fn below(operation: &mut dyn FnMut()) {
    let gap = black_box([0_u8; GAP]);
    operation();
    black_box(&gap);
}

/// What is looked for; made by another thread, whose stack is its own.
fn needles() -> Needles {
    std::thread::spawn(make_needles).join().unwrap()
}

fn make_needles() -> Needles {
    let padded = |pad| hmac_states::padded(&KEY, pad)[..KEY.len()].to_vec();
    let state = |pad, blocks: &[_]| -> Vec<u8> {
        let words = hmac_states::state(&KEY, pad, blocks);
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    };
    let resource = ResourceUri::parse(URI).unwrap();
    let message = format!("{}\n", resource.as_encoded());
    let derived = derived().expose_bytes().to_vec();
    vec![
        ("key", KEY.to_vec()),
        ("key ^ ipad", padded(0x36)),
        ("key ^ opad", padded(0x5c)),
        ("inner state of the key", state(0x36, &[])),
        ("inner state of the signer", state(0x36, message.as_bytes().as_chunks().0)),
        ("outer state", state(0x5c, &[])),
        ("derived key", derived.clone()),
        (
            "derived key as words",
            derived.chunks(4).flat_map(|word| word.iter().rev().copied()).collect(),
        ),
        ("scalar", SCALAR.to_vec()),
        // As numbers are in memory: the least part first.
        ("scalar as words", SCALAR.iter().rev().copied().collect()),
    ]
}

fn derived() -> SymmetricKey {
    let group = GroupKey::from_bytes(&KEY).unwrap();
    group.derive_device_key(&RegistrationId::new("sn-7").unwrap()).unwrap()
}

#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation every move is a copy")]
fn nothing_of_a_key_is_left_on_the_stack() {
    let needles = needles();
    let check = |what: &str, operation: &mut dyn FnMut()| {
        let left = left_behind(&needles, operation);
        assert!(left.is_empty(), "{what}: {left:?}");
    };
    // What is made is kept outside, so that only what the making left is seen.
    let resource = ResourceUri::parse(URI).unwrap();
    let mut keys: Vec<SymmetricKey> = Vec::with_capacity(4);
    let mut prepared: Vec<PreparedMac> = Vec::with_capacity(4);
    let mut signers: Vec<SasSigner> = Vec::with_capacity(4);

    check("from_base64", &mut || keys.push(SymmetricKey::from_base64(TEXT).unwrap()));
    let key = keys.pop().unwrap();
    check("hmac_sha256", &mut || drop(black_box(key.hmac_sha256(&[b"message"]))));
    check("prepare", &mut || prepared.push(key.prepare(b"prefix").unwrap()));
    keys.push(key);
    check("new", &mut || signers.push(SasSigner::new(keys.pop().unwrap(), &resource).unwrap()));
    let signer = signers.pop().unwrap();

    let mut buffer = [0; SAS_TOKEN_MAX];
    for (what, expiry) in [("sign_into, fast", NOW), ("sign_into", UnixTime::from_secs(18))] {
        check(what, &mut || {
            signer.sign_into(black_box(expiry), &mut buffer).unwrap();
        });
    }
    check("sign", &mut || drop(black_box(signer.sign(NOW))));

    let token = signer.sign(NOW).unwrap().expose_token().to_owned();
    let token = SasToken::parse(&token).unwrap();
    let key = SymmetricKey::from_base64(TEXT).unwrap();
    check("verify", &mut || {
        token.verify(&key, &resource, UnixTime::from_secs(1), Duration::ZERO).unwrap();
    });
    check("derive_device_key", &mut || keys.push(derived()));
    check("drop", &mut || keys.clear());

    let text = format!("HostName=h.example;DeviceId=d;SharedAccessKey={TEXT}");
    check("from a connection string", &mut || {
        let connection = ConnectionString::parse(&text).unwrap();
        signers.push(SasSigner::from_connection_string(&connection).unwrap());
    });
}

/// The same with keys in locked pages, which is another way to them.
#[cfg(feature = "mlock")]
#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation every move is a copy")]
fn nothing_of_a_locked_key_is_left_on_the_stack() {
    use hubward::secret::{LockPolicy, SecretBytes};

    const POLICY: LockPolicy = LockPolicy::Prefer;

    let needles = needles();
    let check = |what: &str, operation: &mut dyn FnMut()| {
        let left = left_behind(&needles, operation);
        assert!(left.is_empty(), "{what}: {left:?}");
    };
    let resource = ResourceUri::parse(URI).unwrap();
    let registration = RegistrationId::new("sn-7").unwrap();
    let mut keys: Vec<SymmetricKey> = Vec::with_capacity(4);
    let mut prepared: Vec<PreparedMac> = Vec::with_capacity(4);
    let mut signers: Vec<SasSigner> = Vec::with_capacity(4);
    let mut groups: Vec<GroupKey> = Vec::with_capacity(4);

    check("from_base64_locked", &mut || {
        keys.push(SymmetricKey::from_base64_locked(TEXT, POLICY).unwrap());
    });
    let key = keys.pop().unwrap();
    check("to_locked", &mut || keys.push(key.to_locked(POLICY).unwrap()));
    check("hmac_sha256", &mut || drop(black_box(key.hmac_sha256(&[b"message"]))));
    check("prepare", &mut || prepared.push(key.prepare(b"prefix").unwrap()));
    check("finish", &mut || drop(black_box(prepared[0].finish(b"suffix"))));
    check("from_secret", &mut || {
        let bytes = SecretBytes::copy_from(key.expose_bytes()).unwrap();
        groups.push(GroupKey::from_secret(bytes.to_locked(POLICY).unwrap()).unwrap());
    });
    check("derive_device_key", &mut || {
        keys.push(groups[0].derive_device_key(&registration).unwrap());
    });
    check("new", &mut || signers.push(SasSigner::new(keys.remove(0), &resource).unwrap()));
    let signer = signers.pop().unwrap();
    let mut buffer = [0; SAS_TOKEN_MAX];
    for (what, expiry) in [("sign_into, fast", NOW), ("sign_into", UnixTime::from_secs(18))] {
        check(what, &mut || {
            signer.sign_into(black_box(expiry), &mut buffer).unwrap();
        });
    }
    check("sign", &mut || drop(black_box(signer.sign(NOW))));
    let token = signer.sign(NOW).unwrap();
    check("verify", &mut || {
        token.verify(&key, &resource, UnixTime::from_secs(1), Duration::ZERO).unwrap();
    });
    check("drop", &mut || keys.clear());
}

#[cfg(feature = "keystore-memory")]
#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation every move is a copy")]
fn nothing_of_a_stored_key_is_left_on_the_stack() {
    use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, MemoryKeyStore, NewKey};

    let needles = needles();
    let check = |what: &str, operation: &mut dyn FnMut()| {
        let left = left_behind(&needles, operation);
        assert!(left.is_empty(), "{what}: {left:?}");
    };
    let resource = ResourceUri::parse(URI).unwrap();
    let name = KeyName::new("hub.primary").unwrap();
    let store = MemoryKeyStore::new();
    let key = SymmetricKey::from_base64(TEXT).unwrap();
    let new = NewKey::Symmetric(&key);
    check("import", &mut || store.import(&name, new).unwrap());
    check("rotate", &mut || store.rotate(&name, new).unwrap());
    let handle = store.mac_key(&name).unwrap();
    check("hmac_sha256", &mut || drop(black_box(handle.hmac_sha256(&[b"message"]))));
    let mut signers = Vec::with_capacity(2);
    check("new", &mut || {
        signers.push(SasSigner::new(store.mac_key(&name).unwrap(), &resource).unwrap());
    });
    check("sign", &mut || drop(black_box(signers[0].sign(NOW))));
    check("delete", &mut || store.delete(&name).unwrap());
}

#[cfg(feature = "keystore-file")]
#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation every move is a copy")]
fn nothing_of_a_key_in_a_file_is_left_on_the_stack() {
    use hubward::keystore::file::{FileKeyStore, StoreKey};
    use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, NewKey};
    use hubward::secret::SecretBytes;

    let needles = needles();
    let check = |what: &str, operation: &mut dyn FnMut()| {
        let left = left_behind(&needles, operation);
        assert!(left.is_empty(), "{what}: {left:?}");
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store/keys");
    let name = KeyName::new("hub.primary").unwrap();
    let key = SymmetricKey::from_base64(TEXT).unwrap();
    let new = NewKey::Symmetric(&key);
    // The key that is looked for opens the store as well.
    let raw = SecretBytes::copy_from(key.expose_bytes()).unwrap();
    let mut stores = Vec::with_capacity(2);
    check("create", &mut || {
        stores.push(FileKeyStore::create(&path, StoreKey::Raw(&raw)).unwrap());
    });
    check("open", &mut || {
        stores.push(FileKeyStore::open(&path, StoreKey::Raw(&raw)).unwrap());
    });
    check("open with a MAC key", &mut || {
        assert!(FileKeyStore::open(&path, StoreKey::MacKey(&key)).is_err());
    });
    let store = stores.pop().unwrap();
    check("import", &mut || store.import(&name, new).unwrap());
    let mut handles = Vec::with_capacity(2);
    check("mac_key", &mut || handles.push(store.mac_key(&name).unwrap()));
    check("rotate", &mut || store.rotate(&name, new).unwrap());
    check("rekey", &mut || store.rekey(StoreKey::Raw(&raw)).unwrap());
    check("delete", &mut || store.delete(&name).unwrap());
}

#[cfg(feature = "keystore-software")]
#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation every move is a copy")]
fn nothing_of_a_private_key_is_left_on_the_stack() {
    use hubward::keystore::{SignatureAlgorithm, SigningKey as _, SoftwareSigningKey};
    use hubward::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

    let needles = needles();
    let check = |what: &str, operation: &mut dyn FnMut()| {
        let left = left_behind(&needles, operation);
        assert!(left.is_empty(), "{what}: {left:?}");
    };
    let curve = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let mut sec1 = vec![0x30, 0x31, 2, 1, 1, 4, 32];
    sec1.extend(SCALAR);
    sec1.extend([0xa0, 10]);
    sec1.extend(curve);
    let mut pkcs8 = vec![0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    pkcs8.extend(curve);
    pkcs8.extend([4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 32]);
    pkcs8.extend(SCALAR);
    let mut keys = Vec::with_capacity(4);
    for der in [
        PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(sec1)),
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8)),
    ] {
        check("from_der", &mut || keys.push(SoftwareSigningKey::from_der(&der).unwrap()));
    }
    check("sign", &mut || {
        drop(black_box(keys[0].sign(SignatureAlgorithm::EcdsaP256Sha256, b"message")));
    });
    #[cfg(feature = "mlock")]
    check("to_locked", &mut || {
        let locked = keys[0].to_locked(hubward::secret::LockPolicy::Prefer).unwrap();
        keys.push(locked);
    });
    check("drop", &mut || keys.clear());
}

/// The reader sees what is there to be seen.
#[test]
fn a_key_that_is_left_is_found() {
    let left = left_behind(&needles(), &mut || {
        black_box(black_box(KEY).map(|byte| byte ^ 0x5c));
    });
    assert!(left.contains(&"key ^ opad"), "{left:?}");
}
