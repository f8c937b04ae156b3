//! What a core dump holds of keys that were in use.
//!
//! A child takes random secrets from its parent, uses them in every way that there is, wipes what it
//! made itself, and aborts. The parent looks through the core file for the secrets and for all that is
//! made of them: derived keys, padded blocks, states of the hash.

use std::any::Any;
use std::collections::HashMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, MemoryKeyStore, NewKey};
use hubward::secret::{LockPolicy, SecretBytes};
use hubward::{
    GroupKey, MacKey, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasSigner, SymmetricKey, UnixTime,
};
use sha2::Sha256;
use zeroize::Zeroize as _;

use super::process::{Mapping, secret_pages};
use super::{Outcome, Skip, hmac_states};

/// The argument that makes this program a child.
pub(crate) const CHILD: &str = "--abort-with-keys-in-use";

/// Bytes of a key, and of its base64.
const KEY: usize = 32;
const TEXT: usize = 44;

/// A resource whose text fits into a block of the hash, and one whose text does not.
const RESOURCES: [&str; 2] =
    ["h.example", "h.example/devices/a-device-with-a-name-that-fills-more-than-one-block"];
/// Beginnings of other messages, likewise.
const PREFIXES: [&[u8]; 2] = [b"short", &[b'p'; 150]];
const REGISTRATION: &str = "sn-7";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// Where the child has its store, below its folder.
const STORE: &str = "store/keys";
/// Where it says which pages are not to be in the core file.
const PAGES: &str = "pages";

/// PKCS#8 of an ECDSA key on P-256, up to the scalar.
const PKCS8: [u8; 35] = [
    0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 32,
];
const DER: usize = PKCS8.len() + KEY;

/// What the parent makes up.
struct Secrets {
    key: [u8; KEY],
    store_key: [u8; KEY],
    scalar: [u8; KEY],
    /// No secret: it is to be found in every core file.
    marker: [u8; KEY],
}

impl Secrets {
    fn random() -> Self {
        let mut random = File::open("/dev/urandom").expect("it is there");
        let mut bytes = || {
            let mut bytes = [0; KEY];
            random.read_exact(&mut bytes).expect("it gives as much as one wants");
            bytes
        };
        let (key, store_key, mut scalar, marker) = (bytes(), bytes(), bytes(), bytes());
        // Less than the order of the curve, which begins with a one.
        scalar[0] &= 0x7f;
        Self { key, store_key, scalar, marker }
    }

    /// What the child reads.
    fn send(&self, locked: bool) -> Vec<u8> {
        let mut input = vec![u8::from(locked)];
        input.extend(STANDARD.encode(self.key).into_bytes());
        input.extend(STANDARD.encode(self.store_key).into_bytes());
        input.extend(PKCS8);
        input.extend(self.scalar);
        input.extend(self.marker);
        input
    }
}

const INPUT: usize = 1 + TEXT + TEXT + DER + KEY;

// The child.

/// Has keys in use and aborts.
pub(crate) fn child() -> ! {
    allow_core_dumps();
    let mut input = [0; INPUT];
    // Not through the library's standard input, which has a buffer of its own.
    let mut stdin = File::open("/dev/stdin").expect("the parent holds it open");
    stdin.read_exact(&mut input).expect("the parent writes as much");
    let kept = use_keys(&input);
    input.zeroize();

    let mut pages = String::new();
    for Mapping { start, .. } in secret_pages() {
        pages.push_str(&format!("{start}\n"));
    }
    fs::write(PAGES, pages).expect("the folder is ours");
    // Without optimisation every move is a copy, on the stack, that nobody knows of. What is promised
    // is what lives long; what else is left there by optimised code, tests/stack.rs looks for.
    if cfg!(debug_assertions) {
        overwrite_stack(256);
    }
    std::mem::forget(black_box(kept));
    std::process::abort()
}

fn allow_core_dumps() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls have a place for the limit; the third sets a flag of this process.
    let done = unsafe {
        libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
        libc::prctl(libc::PR_SET_DUMPABLE, 1)
    };
    assert_eq!(done, 0, "prctl");
}

#[inline(never)]
fn overwrite_stack(depth: usize) {
    let mut frame = [0_u8; 4096];
    black_box(&mut frame);
    if depth > 0 {
        overwrite_stack(depth - 1);
    }
    black_box(&frame);
}

/// All that is made of secrets and kept.
type Kept = Vec<Box<dyn Any>>;

/// In a function of its own, so that its frame is gone when it is done.
#[inline(never)]
fn use_keys(input: &[u8; INPUT]) -> Kept {
    let ([locked], rest) = input.split_first_chunk().expect("it is longer");
    let locked = *locked == 1;
    let (texts, rest) = rest.split_at(TEXT + TEXT);
    let (der, marker) = rest.split_at(DER);
    let (text, store_text) = texts.split_at(TEXT);
    let read = |text| {
        let text = str::from_utf8(text).expect("base64");
        let key = if locked {
            SymmetricKey::from_base64_locked(text, LockPolicy::Require)
        } else {
            SymmetricKey::from_base64(text)
        };
        let key = key.expect("a key, and pages for it");
        assert_eq!(key.lock_outcome().is_some_and(|outcome| outcome.is_complete()), locked);
        key
    };
    let secret = |key: &SymmetricKey| {
        let bytes = SecretBytes::copy_from(key.expose_bytes()).expect("it fits");
        if locked { bytes.to_locked(LockPolicy::Require).expect("there are pages") } else { bytes }
    };

    let mut kept: Kept = vec![Box::new(marker.to_vec())];
    let key = read(text);
    for prefix in PREFIXES {
        let prepared = key.prepare(prefix).expect("in memory");
        for suffix in 0..100_u8 {
            prepared.finish(&[suffix]).expect("in memory");
        }
        kept.push(Box::new(prepared));
    }
    sign(read(text), &mut kept);

    let group = GroupKey::from_secret(secret(&key)).expect("a key");
    let registration = RegistrationId::new(REGISTRATION).expect("an ID");
    let derive = || group.derive_device_key(&registration).expect("in memory");
    sign(derive(), &mut kept);
    kept.push(Box::new(derive()));
    kept.push(Box::new(group));

    let store =
        if locked { MemoryKeyStore::locked(LockPolicy::Require) } else { MemoryKeyStore::new() };
    let name = KeyName::new("hub.primary").expect("a name");
    store.import(&name, NewKey::Symmetric(&key)).expect("it is new");
    let handle = store.mac_key(&name).expect("it is there");
    sign(Arc::clone(&handle), &mut kept);
    store.rotate(&name, NewKey::Symmetric(&key)).expect("it is there");
    kept.push(Box::new(handle));
    kept.push(Box::new(store));

    #[cfg(feature = "keystore-file")]
    {
        let store_key = secret(&read(store_text));
        keep_in_file(locked, &store_key, &key, &mut kept);
        kept.push(Box::new(store_key));
    }
    #[cfg(not(feature = "keystore-file"))]
    drop(secret(&read(store_text)));
    #[cfg(feature = "keystore-software")]
    sign_with_private_key(locked, der, &mut kept);
    #[cfg(not(feature = "keystore-software"))]
    let _ = der;
    kept.push(Box::new(key));
    kept
}

/// Signers for both resources, and many tokens of each.
fn sign<K: MacKey + 'static>(key: K, kept: &mut Kept) {
    let key = Arc::new(key);
    for resource in RESOURCES {
        let resource = ResourceUri::parse(resource).expect("a resource");
        let signer = SasSigner::new(Arc::clone(&key), &resource).expect("not Service Bus");
        let mut buffer = [0; SAS_TOKEN_MAX];
        for expiry in 0..100 {
            let expiry = UnixTime::from_secs(NOW.as_secs() + expiry);
            signer.sign_into(expiry, &mut buffer).expect("it fits");
            signer.sign(expiry).expect("in memory");
            // Not of ten digits, by the other way.
            signer.sign(UnixTime::from_secs(17)).expect("in memory");
        }
        kept.push(Box::new(signer));
    }
    kept.push(Box::new(key));
}

#[cfg(feature = "keystore-file")]
fn keep_in_file(locked: bool, store_key: &SecretBytes, key: &SymmetricKey, kept: &mut Kept) {
    use hubward::keystore::file::{FileKeyStore, StoreKey};

    let mut options = FileKeyStore::options();
    if locked {
        options = options.lock_memory(LockPolicy::Require);
    }
    let name = KeyName::new("hub.primary").expect("a name");
    let created = options.create(STORE, StoreKey::Raw(store_key)).expect("it is new");
    created.import(&name, NewKey::Symmetric(key)).expect("it is new");
    let store = options.open(STORE, StoreKey::Raw(store_key)).expect("it is there");
    sign(store.mac_key(&name).expect("it is there"), kept);
    store.rotate(&name, NewKey::Symmetric(key)).expect("it is there");
    let outcome = store.lock_outcome();
    assert_eq!(outcome.is_some_and(|outcome| outcome.is_complete()), locked);
    kept.push(Box::new(created));
    kept.push(Box::new(store));
}

#[cfg(feature = "keystore-software")]
fn sign_with_private_key(locked: bool, der: &[u8], kept: &mut Kept) {
    use hubward::keystore::{SignatureAlgorithm, SigningKey as _, SoftwareSigningKey};
    use hubward::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der));
    let mut key = SoftwareSigningKey::from_der(&der).expect("a key");
    if locked {
        key = key.to_locked(LockPolicy::Require).expect("there are pages");
    }
    for message in 0..3_u8 {
        key.sign(SignatureAlgorithm::EcdsaP256Sha256, &[message]).expect("in memory");
    }
    kept.push(Box::new(key));
}

// The parent.

/// Names of what is looked for, and its bytes.
type Needles = Vec<(String, Vec<u8>)>;

fn hmac(key: &[u8; KEY], message: &[u8]) -> [u8; KEY] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

fn state(needles: &mut Needles, name: &str, words: [u32; 8]) {
    needles.push((name.to_owned(), words.map(u32::to_ne_bytes).concat()));
    needles.push((format!("{name}, as bytes"), words.map(u32::to_be_bytes).concat()));
}

/// A key and all that HMAC makes of it.
fn mac_key(needles: &mut Needles, name: &str, key: &[u8; KEY]) {
    needles.push((name.to_owned(), key.to_vec()));
    needles.push((format!("text of the {name}"), STANDARD.encode(key).into()));
    for (pad, padded, hashed) in [(0x36, "ipad", "inner"), (0x5c, "opad", "outer")] {
        // The rest of the block is the same for every key.
        let block = hmac_states::padded(key, pad);
        needles.push((format!("{name} ^ {padded}"), block[..KEY].to_vec()));
        state(needles, &format!("{hashed} state of the {name}"), hmac_states::state(key, pad, &[]));
    }
    let prefixes = PREFIXES.map(<[u8]>::to_vec);
    let resources = RESOURCES.map(|resource| {
        let resource = ResourceUri::parse(resource).expect("a resource");
        format!("{}\n", resource.as_encoded()).into_bytes()
    });
    for prefix in prefixes.into_iter().chain(resources) {
        let (blocks, _) = prefix.as_chunks();
        if !blocks.is_empty() {
            let name = format!("inner state of the {name} after {} bytes", prefix.len());
            state(needles, &name, hmac_states::state(key, 0x36, blocks));
        }
    }
}

fn needles(secrets: &Secrets, salt: Option<&[u8]>) -> Needles {
    let mut needles = Needles::new();
    mac_key(&mut needles, "key", &secrets.key);
    mac_key(&mut needles, "derived key", &hmac(&secrets.key, REGISTRATION.as_bytes()));
    // As the format has it: see src/keystore/file/format.rs.
    if let Some(salt) = salt {
        let from_raw = [b"hubward file store 1: root key from a raw key", salt].concat();
        let root = hmac(&secrets.store_key, &from_raw);
        mac_key(&mut needles, "store's raw key", &secrets.store_key);
        mac_key(&mut needles, "store's root key", &root);
        for (name, label) in [
            ("store's check key", "hubward file store 1: check key"),
            ("store's encryption key", "hubward file store 1: encryption key"),
        ] {
            mac_key(&mut needles, name, &hmac(&root, label.as_bytes()));
        }
    }
    let mut reversed = secrets.scalar;
    reversed.reverse();
    needles.push(("scalar".to_owned(), secrets.scalar.to_vec()));
    needles.push(("scalar, as words".to_owned(), reversed.to_vec()));
    needles.push(("marker".to_owned(), secrets.marker.to_vec()));
    needles
}

/// A core file, and what its segments were in memory.
struct Core {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
}

/// An entry of the program header (elf(5)).
struct Segment {
    offset: usize,
    /// In the file; less than in memory, if the system left some of it out.
    size: usize,
    address: usize,
    size_in_memory: usize,
}

impl Core {
    /// The core file in a folder.
    fn find(dir: &Path) -> Option<Self> {
        const ELF: &[u8] = b"\x7fELF";

        let files = fs::read_dir(dir).expect("it can be listed");
        files
            .map(|file| file.expect("it can be listed").path())
            .filter(|path| path.is_file())
            .map(|path| fs::read(path).expect("it can be read"))
            .find(|bytes| bytes.starts_with(ELF))
            .map(|bytes| Self { segments: segments(&bytes), bytes })
    }

    /// Where a byte of the file was in memory; `None` for what is no memory: registers, for instance.
    fn address(&self, offset: usize) -> Option<usize> {
        let of =
            |segment: &&Segment| (segment.offset..segment.offset + segment.size).contains(&offset);
        let segment = self.segments.iter().find(of)?;
        Some(segment.address + offset - segment.offset)
    }

    /// The needles of which eight neighbouring bytes are in the file, and where the first are.
    fn search(&self, needles: &Needles) -> Vec<(String, usize)> {
        let mut pieces: HashMap<[u8; 8], &str> = HashMap::new();
        // Most places are ruled out by their first two bytes.
        let mut begins = vec![false; 1 << 16];
        let begin = |piece: &[u8]| usize::from(piece[0]) << 8 | usize::from(piece[1]);
        for (name, needle) in needles {
            for piece in needle.as_chunks().0 {
                pieces.entry(*piece).or_insert(name);
                begins[begin(piece)] = true;
            }
        }
        let mut found: Vec<(String, usize)> = Vec::new();
        for (offset, window) in self.bytes.windows(8).enumerate() {
            if !begins[begin(window)] {
                continue;
            }
            let name = window.first_chunk().and_then(|window| pieces.get(window));
            if let Some(name) = name.filter(|name| found.iter().all(|(found, _)| found != *name)) {
                found.push(((*name).to_owned(), offset));
            }
        }
        found
    }
}

/// What was mapped, of a core file of 64 bits.
fn segments(bytes: &[u8]) -> Vec<Segment> {
    const LOAD: usize = 1;

    assert_eq!(bytes[4], 2, "not of 64 bits");
    let half = |at: usize| usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
    let word = |at: usize| {
        let word = bytes[at..].first_chunk().expect("the file goes on");
        usize::try_from(u64::from_ne_bytes(*word)).expect("64 bits")
    };
    let (start, entry, count) = (word(32), half(54), half(56));
    (0..count)
        .map(|index| start + index * entry)
        .filter(|at| half(*at) == LOAD)
        .map(|at| Segment {
            offset: word(at + 8),
            address: word(at + 16),
            size: word(at + 32),
            size_in_memory: word(at + 40),
        })
        .collect()
}

/// What a child left, and what is found in it.
struct Search {
    secrets_found: Vec<String>,
    /// The same, with its address or that it has none.
    report: String,
    marker_found: bool,
    /// Pages that were to be left out, and those of them that have bytes in the file.
    pages: usize,
    pages_dumped: usize,
}

fn search(locked: bool) -> Result<Search, Skip> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").expect("it is there");
    if pattern.starts_with(['|', '/']) {
        return Err(Skip(format!("core files go elsewhere: {}", pattern.trim_end())));
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it has a place for the limit.
    unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) };
    if limit.rlim_max == 0 {
        return Err(Skip("no core file may be written here (ulimit -Hc)".to_owned()));
    }

    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::random();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg(CHILD)
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("it has one");
    stdin.write_all(&secrets.send(locked)).expect("it reads");
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(libc::SIGABRT), "the child failed: {status}");
    assert!(status.core_dumped(), "no core file, with the pattern {pattern:?}");

    let core = Core::find(dir.path()).expect("there is a core file");
    let file = fs::read(dir.path().join(STORE)).ok();
    assert_eq!(file.is_some(), cfg!(feature = "keystore-file"));
    let needles = needles(&secrets, file.as_ref().map(|file| &file[24..56]));
    let found = core.search(&needles);

    let pages = fs::read_to_string(dir.path().join(PAGES)).expect("the child wrote it");
    let pages: Vec<usize> = pages.lines().map(|line| line.parse().expect("a number")).collect();
    let dumped = core.segments.iter().filter(|segment| {
        let memory = segment.address..segment.address + segment.size_in_memory;
        segment.size > 0 && pages.iter().any(|page| memory.contains(page))
    });
    let (marker, secrets): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(name, _)| name == "marker");
    let report: Vec<_> = secrets
        .iter()
        .map(|(name, offset)| match core.address(*offset) {
            Some(address) => format!("{name} at {address:#x}"),
            None => format!("{name} in no memory, at {offset:#x} of the file"),
        })
        .collect();
    Ok(Search {
        report: report.join("\n"),
        secrets_found: secrets.into_iter().map(|(name, _)| name).collect(),
        marker_found: !marker.is_empty(),
        pages: pages.len(),
        pages_dumped: dumped.count(),
    })
}

/// The search finds what is there, and in the form that it has in memory.
pub(crate) fn ordinary() -> Outcome {
    let search = search(false)?;
    assert!(search.marker_found, "the heap is not in the core file");
    let long = [150, RESOURCES[1].replace('/', "%2F").len() + 1];
    let mut expected = Vec::new();
    for name in ["key", "derived key"] {
        expected.push(name.to_owned());
        expected.push(format!("inner state of the {name}"));
        expected.push(format!("outer state of the {name}"));
        expected.push(format!("inner state of the {name} after {} bytes", long[1]));
    }
    expected.push(format!("inner state of the key after {} bytes", long[0]));
    if cfg!(feature = "keystore-file") {
        let keys = ["store's raw key", "store's check key", "store's encryption key"];
        expected.extend(keys.map(str::to_owned));
    }
    if cfg!(feature = "keystore-software") {
        expected.push("scalar".to_owned());
    }
    for name in expected {
        assert!(search.secrets_found.contains(&name), "missed: {name}\n{}", search.report);
    }
    Ok(())
}

pub(crate) fn locked() -> Outcome {
    let search = search(true)?;
    assert!(search.marker_found, "the heap is not in the core file");
    assert!(search.secrets_found.is_empty(), "\n{}", search.report);
    assert!(search.pages > 10, "{} pages", search.pages);
    assert_eq!(search.pages_dumped, 0, "of {}", search.pages);
    Ok(())
}
