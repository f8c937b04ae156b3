//! Secrets are gone from memory before it is freed.
//!
//! The allocator of this test looks through every block that is freed for a list of needles: a key,
//! its text, its padded blocks, the states of a prepared HMAC, a derived key, a signature, a
//! passphrase, a private key. While a value is alive its needles are looked for in the blocks in use,
//! which proves both that the needle has the form that the secret has in memory, and that nothing else
//! is kept. What is on the stack is not seen: what the crate promises about it stands in the
//! documentation of `hubward::secret`. Neither are locked pages, which are no blocks of the allocator:
//! tests/locked_memory.rs looks at them.
//!
//! The test's own copies of the needles live in memory that is never freed.

#[cfg(feature = "capi")]
#[path = "zeroize/capi.rs"]
mod capi;
#[path = "common/hmac.rs"]
mod hmac_states;
#[cfg(all(feature = "keystore-file", unix))]
#[path = "zeroize/file.rs"]
mod in_file;
#[cfg(feature = "keystore-memory")]
#[path = "zeroize/memory.rs"]
mod in_memory;
#[cfg(feature = "mlock")]
#[path = "zeroize/locked.rs"]
mod locked;
#[cfg(all(feature = "keystore-os", target_os = "linux"))]
#[path = "zeroize/os.rs"]
mod os;
#[cfg(feature = "keystore-software")]
#[path = "zeroize/private_keys.rs"]
mod private_keys;
#[cfg(all(feature = "keystore-systemd", unix))]
#[path = "zeroize/systemd.rs"]
mod systemd;
#[cfg(feature = "x509")]
#[path = "zeroize/x509.rs"]
mod x509;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hubward::identity::Authentication;
use hubward::keystore::{KeyError, PreparedMac, Tag};
use hubward::sas::{ServiceBusKey, TokenVerifyError};
use hubward::secret::SecretBytes;
use hubward::{
    ConnectionString, ConnectionStringError, DeviceId, GroupKey, HubHost, MacKey, OtherError,
    PolicyName, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasError, SasSigner, SasToken,
    SymmetricKey, UnixTime,
};
use sha2::Sha256;

// The allocator.

struct Scanning;

/// What one thread allocates and frees while it watches. By thread, so that neither the harness nor
/// another test is mistaken for the crate.
struct Heap {
    /// None where the thread does not watch.
    needles: Cell<Option<&'static Needles>>,
    /// One bit a needle, set where it was in a block that was freed.
    freed: Cell<u64>,
    /// The blocks in use that were allocated while watching.
    blocks: [Cell<(*const u8, usize)>; Heap::BLOCKS],
    overflowed: Cell<bool>,
}

#[derive(Clone)]
struct Needle {
    name: &'static str,
    bytes: &'static [u8],
}

/// Needles, and what makes it quick to look for them: Argon2id frees 19 MiB at a time.
struct Needles {
    list: Vec<Needle>,
    /// By two bytes, whether a piece begins with them.
    begins: Vec<bool>,
    /// Eight bytes each, and the bit of the needle that they are of.
    pieces: Vec<([u8; 8], u64)>,
}

impl Needles {
    /// In memory that is never freed.
    fn new(list: Vec<Needle>) -> &'static Self {
        assert!(list.len() <= 64, "one bit a needle");
        let mut begins = vec![false; 1 << 16];
        let mut pieces = Vec::new();
        for (index, needle) in list.iter().enumerate() {
            for piece in needle.bytes.as_chunks().0 {
                begins[begin(piece)] = true;
                pieces.push((*piece, 1 << index));
            }
        }
        Box::leak(Box::new(Self { list, begins, pieces }))
    }

    fn names(&self, bits: u64) -> Vec<&'static str> {
        let list = self.list.iter().enumerate();
        list.filter(|(index, _)| bits >> index & 1 == 1).map(|(_, needle)| needle.name).collect()
    }
}

fn begin(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

const NO_BLOCK: (*const u8, usize) = (std::ptr::null(), 0);

thread_local! {
    // Initialised at compile time and without a destructor, so that its use allocates nothing.
    static HEAP: Heap = const {
        Heap {
            needles: Cell::new(None),
            freed: Cell::new(0),
            blocks: [const { Cell::new(NO_BLOCK) }; Heap::BLOCKS],
            overflowed: Cell::new(false),
        }
    };
}

impl Heap {
    const BLOCKS: usize = 512;

    fn allocated(&self, block: *const u8, size: usize) {
        if self.needles.get().is_none() || block.is_null() {
            return;
        }
        match self.blocks.iter().find(|slot| slot.get() == NO_BLOCK) {
            Some(slot) => slot.set((block, size)),
            None => self.overflowed.set(true),
        }
    }

    /// # Safety
    ///
    /// `block` is one of this allocator's, of that size, and still in use.
    unsafe fn freed(&self, block: *const u8, size: usize) {
        let Some(needles) = self.needles.get() else {
            return;
        };
        // SAFETY: the caller's promise.
        let found = unsafe { found_in(block, size, needles) };
        self.freed.set(self.freed.get() | found);
        if let Some(slot) = self.blocks.iter().find(|slot| slot.get().0 == block) {
            slot.set(NO_BLOCK);
        }
    }

    fn in_use(&self) -> u64 {
        let needles = self.needles.get().expect("the thread watches");
        let mut found = 0;
        for (block, size) in self.blocks.iter().map(Cell::get) {
            if !block.is_null() {
                // SAFETY: blocks leave the list before they are freed.
                found |= unsafe { found_in(block, size, needles) };
            }
        }
        found
    }
}

/// One bit for each needle of which the block holds eight neighbouring bytes.
///
/// # Safety
///
/// `block` points to `size` bytes of this allocator that are in use and that no other thread
/// writes.
unsafe fn found_in(block: *const u8, size: usize, needles: &Needles) -> u64 {
    // SAFETY: the caller's promise; and every block came zeroed, so that each byte has a value.
    let block = unsafe { std::slice::from_raw_parts(block, size) };
    let mut found = 0;
    for window in block.windows(8) {
        if needles.begins[begin(window)] {
            let pieces = needles.pieces.iter().filter(|(piece, _)| window == piece);
            found |= pieces.fold(0, |bits, (_, bit)| bits | bit);
        }
    }
    found
}

// `realloc` is the trait's own: allocate, copy, free, so that what a growing `Vec` leaves behind is
// looked through as well.
//
// SAFETY: blocks come from the system's allocator and go back to it with the layout they came with;
// what happens in between reads them only, and neither allocates nor panics.
unsafe impl GlobalAlloc for Scanning {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Zeroed, so that no block shows what an earlier one held.
        // SAFETY: the caller's promises are the ones asked for.
        let block = unsafe { System.alloc_zeroed(layout) };
        HEAP.with(|heap| heap.allocated(block, layout.size()));
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller hands back a block of this allocator, of that layout.
        HEAP.with(|heap| unsafe { heap.freed(block, layout.size()) });
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Scanning = Scanning;

// Watching.

/// Which needles were in memory that was freed, and which are in memory that was never freed.
struct Watched {
    freed: Vec<&'static str>,
    left: Vec<&'static str>,
}

fn watch(run: impl FnOnce()) -> Watched {
    watch_for(needles(), run)
}

fn watch_for(needles: &'static Needles, run: impl FnOnce()) -> Watched {
    HEAP.with(|heap| {
        heap.freed.set(0);
        heap.overflowed.set(false);
        heap.blocks.iter().for_each(|slot| slot.set(NO_BLOCK));
        heap.needles.set(Some(needles));
    });
    // A failed assertion must not leave the thread watching with a list of blocks long gone.
    let result = catch_unwind(AssertUnwindSafe(run));
    let (freed, left, overflowed) = HEAP.with(|heap| {
        let left = heap.in_use();
        heap.needles.set(None);
        (heap.freed.get(), left, heap.overflowed.get())
    });
    if let Err(panic) = result {
        resume_unwind(panic);
    }
    assert!(!overflowed, "more blocks at a time than the list has room for");
    Watched { freed: needles.names(freed), left: needles.names(left) }
}

/// Runs and fails if a secret is in memory that was freed, or that is still in use afterwards.
fn clean(run: impl FnOnce()) {
    clean_of(needles(), run);
}

fn clean_of(needles: &'static Needles, run: impl FnOnce()) {
    let Watched { freed, left } = watch_for(needles, run);
    assert!(freed.is_empty(), "freed without being wiped: {freed:?}");
    assert!(left.is_empty(), "never freed: {left:?}");
}

/// The needles in blocks that are in use, while watching.
fn alive() -> Vec<&'static str> {
    let needles = HEAP.with(|heap| heap.needles.get()).expect("the thread watches");
    needles.names(HEAP.with(Heap::in_use))
}

// The needles.

const KEY: [u8; 32] = [
    0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15, 0xf3, 0x9c, 0xc0, 0x60, 0x5c, 0xed, 0xc8, 0x34,
    0x10, 0x82, 0x27, 0x6b, 0xf3, 0xa2, 0x72, 0x51, 0xf8, 0x6c, 0x6a, 0x11, 0xd0, 0xc1, 0x8e, 0x95,
];
const KEY_TEXT: &str = "njd5uX9KfBXznMBgXO3INBCCJ2vzonJR+GxqEdDBjpU=";
const HOST: &str = "canary.azure-devices.net";
/// Long enough for the signed text to fill a block of the hash before the expiry.
const DEVICE: &str = "a-device-with-a-name-of-some-length-0123456789";
const EXPIRY: UnixTime = UnixTime::from_secs(1_800_003_600);
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const REGISTRATION: &str = "sn-007";

fn encoded_resource() -> String {
    format!("{HOST}%2Fdevices%2F{DEVICE}")
}

/// The token that the key makes for the device, in memory that is never freed.
fn token_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let resource = encoded_resource();
        let message = format!("{resource}\n{}", EXPIRY.as_secs());
        let signature = STANDARD.encode(hmac(&KEY, message.as_bytes()));
        format!(
            "SharedAccessSignature sr={resource}&sig={}&se={}",
            urlencoding::encode(&signature),
            EXPIRY.as_secs()
        )
    })
}

/// A passphrase of a store, and raw bytes that open one.
const PASSPHRASE: &str = "seven pumps hum in the dark, plainly fake";
const RAW: [u8; 32] = *b"Raw~bytes~that~open~one~store~!!";
/// The scalars of two private keys; the second is for P-384.
const SCALAR: [u8; 32] = *b"a<Scalar>of<a>curve<with>32<oct>";
const LONG_SCALAR: [u8; 48] = *b"THE{LONGER}CURVE{HAS}SCALARS{OF}FORTY{EIGHT}OCTE";

/// PKCS#8 of the first on P-256.
fn private_key() -> Vec<u8> {
    let mut der = vec![0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    der.extend([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 32]);
    der.extend(SCALAR);
    der
}

/// The part of its text in PEM that is secret.
fn private_key_text() -> String {
    STANDARD.encode(&private_key()[33..])
}

fn needles() -> &'static Needles {
    static NEEDLES: OnceLock<&Needles> = OnceLock::new();
    NEEDLES.get_or_init(|| Needles::new(make_needles()))
}

fn make_needles() -> Vec<Needle> {
    let derived = hmac(&KEY, REGISTRATION.as_bytes());
    let message = format!("{}\n{}", encoded_resource(), EXPIRY.as_secs());
    let signature = hmac(&KEY, message.as_bytes());
    // Made here, so that it is not made while a test watches.
    let (_, sig) = token_text().split_once("&sig=").expect("it has one");
    let (sig, _) = sig.split_once('&').expect("the expiry follows");

    let (whole_blocks, _) = message.as_bytes().as_chunks();
    assert!(!whole_blocks.is_empty(), "the prefix fills no block");
    let inner_of_key = state(&KEY, 0x36, &[]);
    [
        ("key", KEY.to_vec()),
        ("key text", KEY_TEXT.into()),
        ("key ^ ipad", KEY.map(|byte| byte ^ 0x36).to_vec()),
        ("key ^ opad", KEY.map(|byte| byte ^ 0x5c).to_vec()),
        ("inner state of the key", inner_of_key),
        ("inner state", state(&KEY, 0x36, whole_blocks)),
        ("outer state", state(&KEY, 0x5c, &[])),
        ("derived key", derived.to_vec()),
        ("derived key text", STANDARD.encode(derived).into()),
        ("derived key ^ ipad", derived.map(|byte| byte ^ 0x36).to_vec()),
        ("derived key ^ opad", derived.map(|byte| byte ^ 0x5c).to_vec()),
        ("inner state of the derived key", state(&derived, 0x36, &[])),
        ("outer state of the derived key", state(&derived, 0x5c, &[])),
        ("sig", sig.into()),
        ("sig, decoded", signature.to_vec()),
        ("passphrase", PASSPHRASE.into()),
        ("raw key", RAW.to_vec()),
        ("raw key ^ ipad", RAW.map(|byte| byte ^ 0x36).to_vec()),
        ("raw key ^ opad", RAW.map(|byte| byte ^ 0x5c).to_vec()),
        ("scalar", SCALAR.to_vec()),
        // As numbers are in memory: the least part first.
        ("scalar, as words", SCALAR.iter().rev().copied().collect()),
        ("long scalar", LONG_SCALAR.to_vec()),
        ("long scalar, as words", LONG_SCALAR.iter().rev().copied().collect()),
        ("private key text", private_key_text().into()),
    ]
    .map(|(name, bytes)| Needle { name, bytes: bytes.leak() })
    .to_vec()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

/// SHA-256's state after a key's padded block and more blocks, as it is in memory.
fn state(key: &[u8; 32], pad: u8, blocks: &[[u8; 64]]) -> Vec<u8> {
    hmac_states::state(key, pad, blocks).iter().flat_map(|word| word.to_ne_bytes()).collect()
}

// The watch itself.

#[test]
fn what_is_not_wiped_is_found() {
    for needle in &needles().list {
        let Watched { freed, left } = watch(|| {
            let copy = needle.bytes.to_vec();
            assert_eq!(alive(), [needle.name]);
            drop(std::hint::black_box(copy));
        });
        assert_eq!(freed, [needle.name], "in a `Vec` that was dropped");
        assert!(left.is_empty());
    }
}

#[test]
fn what_a_growing_text_leaves_behind_is_found() {
    let Watched { freed, left } = watch(|| {
        let mut text = String::from(KEY_TEXT);
        text.reserve_exact(1000);
        zeroize::Zeroize::zeroize(&mut text);
    });
    assert_eq!(freed, ["key text"]);
    assert!(left.is_empty());
}

#[test]
fn a_part_is_found() {
    let Watched { freed, .. } = watch(|| {
        let mut copy = KEY.to_vec();
        copy[..16].fill(0);
        drop(std::hint::black_box(copy));
    });
    assert_eq!(freed, ["key"]);
}

#[test]
fn what_is_never_freed_is_found() {
    let mut kept = None;
    let Watched { freed, left } = watch(|| kept = Some(KEY.to_vec()));
    assert_eq!((freed, left), (vec![], vec!["key"]));
    drop(kept);
}

#[test]
fn what_is_wiped_is_not_found() {
    clean(|| {
        let mut copy = KEY.to_vec();
        assert_eq!(alive(), ["key"]);
        zeroize::Zeroize::zeroize(&mut copy);
        assert!(alive().is_empty());
    });
}

// Keys.

fn key() -> SymmetricKey {
    SymmetricKey::from_base64(KEY_TEXT).expect("a key")
}

fn device() -> ResourceUri {
    ResourceUri::device(
        &HubHost::new(HOST).expect("a host"),
        &DeviceId::new(DEVICE).expect("an ID"),
    )
}

#[test]
fn keys_are_wiped() {
    clean(|| {
        let key = key();
        assert_eq!(alive(), ["key"]);
        drop(key);
        let key = SymmetricKey::from_bytes(&KEY).expect("a key");
        assert_eq!(alive(), ["key"]);
        // What moves is the pointer.
        let moved = vec![key];
        assert_eq!(alive(), ["key"]);
        drop(moved);
        assert!(alive().is_empty());

        let bytes = SecretBytes::copy_from(&KEY).expect("it fits");
        assert_eq!(alive(), ["key"]);
        let key = SymmetricKey::from_secret(bytes).expect("a key");
        assert_eq!(alive(), ["key"]);
        drop(key);

        let shared: Arc<dyn MacKey> = Arc::new(self::key());
        let boxed: Box<dyn MacKey> = Box::new(Arc::clone(&shared));
        drop(shared);
        assert_eq!(alive(), ["key"]);
        drop(boxed);
        assert!(alive().is_empty());

        let key = ServiceBusKey::from_text(KEY_TEXT).expect("a key");
        assert_eq!(alive(), ["key text"]);
        drop(key);
    });
}

#[test]
fn refused_keys_are_wiped() {
    // All but the end is right, so that most of the key is decoded before the fault is seen.
    let not_canonical = KEY_TEXT.replace("jpU=", "jpV=").leak();
    let not_base64 = KEY_TEXT.replace("jpU=", "jp!=").leak();
    let too_long = KEY_TEXT.replace('=', "A").repeat(10).leak();
    for (text, error) in [
        (not_canonical, KeyError::NotBase64),
        (not_base64, KeyError::NotBase64),
        (too_long, KeyError::TooLong),
    ] {
        clean(|| assert_eq!(SymmetricKey::from_base64(text), Err(error)));
    }
    let too_long = KEY.repeat(9).leak();
    clean(|| assert_eq!(SymmetricKey::from_bytes(too_long), Err(KeyError::TooLong)));
}

#[test]
fn the_text_of_a_key_is_wiped() {
    clean(|| {
        let key = key();
        let text = key.expose_base64();
        assert_eq!(text.expose_text(), KEY_TEXT);
        assert_eq!(alive(), ["key", "key text"]);
        drop(key);
        // Owned already, so nothing is copied.
        let text = text.into_owned();
        assert_eq!(alive(), ["key text"]);
        drop(text);
        assert!(alive().is_empty());
    });
}

#[test]
fn derived_keys_are_wiped() {
    let registration = RegistrationId::new(REGISTRATION).expect("an ID");
    clean(|| {
        let group = GroupKey::from_base64(KEY_TEXT).expect("a key");
        let derived = group.derive_device_key(&registration).expect("in memory");
        assert_eq!(alive(), ["key", "derived key"]);
        drop(group);
        let text = derived.expose_base64();
        assert_eq!(alive(), ["derived key", "derived key text"]);
        drop(text);
        let signer = SasSigner::new(derived, &device()).expect("not Service Bus");
        assert_eq!(alive(), ["outer state of the derived key"]);
        drop(signer);
        assert!(alive().is_empty());
    });
}

#[test]
fn prepared_states_are_wiped() {
    clean(|| {
        let key = key();
        let prepared: PreparedMac = key.prepare(b"short").expect("in memory");
        drop(key);
        assert_eq!(alive(), ["inner state of the key", "outer state"]);
        let moved = Box::new(prepared);
        let tag = moved.finish(b"suffix").unwrap();
        drop(moved);
        assert!(alive().is_empty());
        drop(tag);
    });
    // A tag can be a derived key.
    clean(|| {
        let tag = key().hmac_sha256(&[REGISTRATION.as_bytes()]).expect("in memory");
        let tag = Box::new(tag);
        assert_eq!(alive(), ["derived key"]);
        drop(tag);
    });
}

// Connection strings.

#[test]
fn connection_strings_are_wiped() {
    let with_key = |fields: &str| format!("{fields};SharedAccessKey={KEY_TEXT}").leak();
    for text in [
        with_key(&format!("HostName={HOST};DeviceId={DEVICE}")),
        with_key(&format!("HostName={HOST};DeviceId={DEVICE};ModuleId=m")),
        with_key(&format!("HostName={HOST};SharedAccessKeyName=device")),
        with_key(&format!("  HostName={HOST};DeviceId=d;GatewayHostName=g")),
    ] {
        clean(|| {
            let mut owned = String::with_capacity(text.len() + 100);
            owned.push_str(text);
            assert_eq!(alive(), ["key text"]);
            let connection = ConnectionString::from_string(owned).expect("it is in order");
            assert_eq!(alive(), ["key"]);

            let exposed = connection.expose_connection_string().expect("no `;`");
            assert_eq!(alive(), ["key", "key text"]);
            drop(connection);
            assert_eq!(alive(), ["key text"]);
            drop(exposed);
            assert!(alive().is_empty());
        });
        clean(|| {
            let borrowed = ConnectionString::parse(text).expect("it is in order");
            assert_eq!(alive(), ["key"]);
            let owned = borrowed.into_owned().through_gateway(HubHost::new("g").expect("a host"));
            assert_eq!(alive(), ["key"]);
            drop(owned);
            let parsed: ConnectionString<'static> = text.parse().expect("it is in order");
            assert_eq!(alive(), ["key"]);
            drop(parsed);
        });
    }
}

#[test]
fn tokens_in_connection_strings_are_wiped() {
    let text = format!("SharedAccessSignature={};HostName={HOST};DeviceId={DEVICE}", token_text());
    clean(|| {
        let owned = text.clone();
        assert_eq!(alive(), ["sig"]);
        let connection = ConnectionString::from_string(owned).expect("it is in order");
        assert_eq!(alive(), ["sig"]);
        let exposed = connection.expose_connection_string().expect("no `;`");
        drop(connection);
        assert_eq!(alive(), ["sig"]);
        drop(exposed);
        assert!(alive().is_empty());
    });
    clean(|| {
        let borrowed = ConnectionString::parse(&text).expect("it is in order");
        assert!(alive().is_empty());
        let owned = borrowed.into_owned();
        assert_eq!(alive(), ["sig"]);
        drop(owned);
    });
    clean(|| {
        let built = ConnectionString::device(
            HubHost::new(HOST).expect("a host"),
            DeviceId::new("a;b").expect("an ID"),
            Authentication::SharedAccessKey(SecretBytes::copy_from(&KEY).expect("it fits")),
        );
        assert!(built.expose_connection_string().is_err());
        assert_eq!(alive(), ["key"]);
    });
}

#[test]
fn refused_connection_strings_are_wiped() {
    use ConnectionStringError as E;

    let key = format!("SharedAccessKey={KEY_TEXT}");
    let base = format!("HostName=h;DeviceId=d;{key}");
    let wrong_end = base.replace("jpU=", "jpV=");
    let too_long =
        format!("HostName=h;DeviceId=d;SharedAccessKey={}", KEY_TEXT.replace('=', "A").repeat(10));
    type Expected = fn(&E) -> bool;
    let cases: [(String, Expected); 19] = [
        (format!("{base};DeviceId="), |e| matches!(e, E::EmptyValue { .. })),
        (format!("DeviceId=d;{key}"), |e| matches!(e, E::MissingField { .. })),
        (format!("HostName=h;{key}"), |e| matches!(e, E::MissingField { .. })),
        (format!("{base};{key}"), |e| matches!(e, E::DuplicateField { .. })),
        (format!("{base};RepositoryId=r;RepositoryId=r"), |e| {
            matches!(e, E::DuplicateIgnoredField { .. })
        }),
        (format!("{base};Key={KEY_TEXT}"), |e| matches!(e, E::UnknownField { .. })),
        (format!("{base};{}", &KEY_TEXT[..43]), |e| matches!(e, E::MissingEqualsSign { .. })),
        // A key that was pasted alone looks like a field name without a value.
        (KEY_TEXT.to_owned(), |e| matches!(e, E::NotAConnectionString)),
        (KEY_TEXT[..43].to_owned(), |e| matches!(e, E::NotAConnectionString)),
        (format!("Endpoint=sb://h/;SharedAccessKeyName=p;{key}"), |e| matches!(e, E::ServiceBus)),
        (format!("HostName=h;DeviceId=d;RepositoryId={KEY_TEXT}"), |e| {
            matches!(e, E::MissingAuthentication)
        }),
        (format!("{base};x509=true"), |e| matches!(e, E::TwoAuthentications { .. })),
        (format!("{base};SharedAccessSignature={}", token_text()), |e| {
            matches!(e, E::TwoAuthentications { .. })
        }),
        (format!("HostName=h;DeviceId=d;x509={KEY_TEXT}"), |e| matches!(e, E::X509NotTrue)),
        (wrong_end, |e| matches!(e, E::KeyNotBase64)),
        (too_long, |e| matches!(e, E::KeyTooLong { .. })),
        (format!("HostName=h;DeviceId=d;SharedAccessSignature={KEY_TEXT}"), |e| {
            matches!(e, E::NotAToken)
        }),
        // The key is decoded by the time the name is looked at.
        (format!("HostName=h h;DeviceId=d;{key}"), |e| matches!(e, E::InvalidName { .. })),
        (format!("HostName=h;DeviceId={KEY_TEXT}/;{key}"), |e| matches!(e, E::InvalidName { .. })),
    ];
    for (text, is_expected) in cases {
        clean(|| {
            let owned = text.clone();
            assert!(alive().contains(&"key text"), "a bad case: the key is not in it");
            let error = ConnectionString::from_string(owned).expect_err("it is wrong");
            assert!(is_expected(&error), "{error:?}");
            assert!(alive().is_empty(), "{error:?}");
        });
    }
}

// Signers and tokens.

/// A key out of reach of `prepare`, as in a secure element, that fails or panics if it is told to.
#[derive(Debug)]
struct Element {
    key: SymmetricKey,
    mood: Mood,
}

#[derive(Debug, PartialEq)]
enum Mood {
    Fine,
    Refusing,
    /// Panics when it signs.
    Panicking,
    /// Panics when it is asked to prepare.
    PanickingEarly,
}

impl MacKey for Element {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        match self.mood {
            Mood::Refusing => Err(KeyError::Other(OtherError::from_static("no answer"))),
            // Quietly: no message, and no backtrace to be allocated.
            Mood::Panicking => resume_unwind(Box::new(())),
            Mood::Fine | Mood::PanickingEarly => self.key.hmac_sha256(parts),
        }
    }

    fn prepare(&self, _: &[u8]) -> Option<PreparedMac> {
        if self.mood == Mood::PanickingEarly {
            resume_unwind(Box::new(()));
        }
        None
    }
}

fn element(mood: Mood) -> Element {
    Element { key: key(), mood }
}

const STATES: [&str; 2] = ["inner state", "outer state"];

#[test]
fn signers_are_wiped() {
    let connection = format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={KEY_TEXT}");
    let policy = PolicyName::new("device").expect("a policy");
    clean(|| {
        // The key itself is let go as soon as its states are there.
        let signer = SasSigner::new(key(), &device()).expect("not Service Bus");
        assert_eq!(alive(), STATES);
        drop(signer);
        let signer = SasSigner::with_policy(key(), &device(), &policy).expect("the same");
        assert_eq!(alive(), STATES);
        drop(signer);
        let parsed = ConnectionString::parse(&connection).expect("it is in order");
        let signer = SasSigner::from_connection_string(&parsed).expect("it has a key");
        drop(parsed);
        assert_eq!(alive(), STATES);
        drop(signer);
        assert!(alive().is_empty());

        let shared: Arc<dyn MacKey> = Arc::new(key());
        let signer = SasSigner::new(Arc::clone(&shared), &device()).expect("not Service Bus");
        assert_eq!(alive(), ["key", "inner state", "outer state"]);
        drop(shared);
        assert_eq!(alive(), STATES);
        drop(signer);

        let signer = SasSigner::new(element(Mood::Fine), &device()).expect("not Service Bus");
        assert_eq!(alive(), ["key"]);
        drop(signer);
        assert!(alive().is_empty());
    });
}

#[test]
fn tokens_are_wiped() {
    let mut buffer = [0; SAS_TOKEN_MAX];
    clean(|| {
        let signer = SasSigner::new(key(), &device()).expect("not Service Bus");
        let len = signer.sign_into(EXPIRY, &mut buffer).expect("it fits");
        assert_eq!(buffer.get(..len), Some(token_text().as_bytes()));
        assert_eq!(alive(), STATES);
        assert!(matches!(
            signer.sign_into(EXPIRY, &mut buffer[..len - 1]),
            Err(SasError::BufferTooSmall { .. })
        ));

        let token = signer.sign(EXPIRY).expect("in memory");
        drop(signer);
        assert_eq!(token.expose_token(), token_text());
        assert_eq!(alive(), ["sig"]);
        let token = token.into_owned();
        assert_eq!(alive(), ["sig"]);
        token.verify(&key(), &device(), NOW, Duration::ZERO).expect("it is good");
        assert_eq!(alive(), ["sig"]);
        drop(token);
        assert!(alive().is_empty());
    });
    clean(|| {
        let parsed = SasToken::parse(token_text()).expect("it is in order");
        assert!(alive().is_empty());
        let owned = parsed.into_owned();
        assert_eq!(alive(), ["sig"]);
        drop(owned);
    });
    clean(|| {
        let signer = SasSigner::new(element(Mood::Fine), &device()).expect("not Service Bus");
        let token = signer.sign(EXPIRY).expect("it answers");
        assert_eq!(alive(), ["key", "sig"]);
        drop(token);
        drop(signer);
        let signer = SasSigner::new(element(Mood::Refusing), &device()).expect("not Service Bus");
        assert!(matches!(signer.sign(EXPIRY), Err(SasError::Key(_))));
    });
}

/// The whole value on the heap, so that everything in it is seen, not the text alone: the decoded
/// signature would be as good as the token.
#[test]
fn a_token_behind_a_box_is_wiped() {
    clean(|| {
        let signer = SasSigner::new(key(), &device()).expect("not Service Bus");
        let made = Box::new(signer.sign(EXPIRY).expect("in memory"));
        drop(signer);
        assert_eq!(alive(), ["sig"]);
        let parsed = Box::new(SasToken::parse(token_text()).expect("it is in order"));
        made.verify(&key(), &device(), NOW, Duration::ZERO).expect("it is good");
        drop(parsed);
        assert_eq!(alive(), ["sig"]);
        drop(made);
        assert!(alive().is_empty());
    });
}

#[test]
fn judging_leaves_nothing() {
    let other = ResourceUri::hub(&HubHost::new("other.example").expect("a host"));
    clean(|| {
        let key = key();
        let token = SasToken::parse(token_text()).expect("it is in order");
        let expired = TokenVerifyError::Expired { expiry: EXPIRY, now: EXPIRY };
        for (expected, now, judgement) in [
            (&device(), NOW, Ok(())),
            (&device(), EXPIRY, Err(expired)),
            (&other, NOW, Err(TokenVerifyError::OutOfScope)),
        ] {
            assert_eq!(token.verify(&key, expected, now, Duration::ZERO), judgement);
            assert_eq!(alive(), ["key"]);
        }
        let refusing = element(Mood::Refusing);
        assert!(token.verify(&refusing, &device(), NOW, Duration::ZERO).is_err());
        drop(refusing);
        drop(key);
        assert!(alive().is_empty());
    });
}

#[test]
fn a_panic_leaves_nothing() {
    let connection = format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={KEY_TEXT}");
    let all = ["key", "key text", "inner state", "outer state", "sig"];
    for mood in [Mood::Panicking, Mood::PanickingEarly] {
        clean(|| {
            let result = catch_unwind(AssertUnwindSafe(|| {
                let connection = ConnectionString::from_string(connection.clone()).expect("fine");
                let text = connection.expose_connection_string().expect("no `;`");
                let signer = SasSigner::from_connection_string(&connection).expect("it has a key");
                let token = signer.sign(EXPIRY).expect("in memory");
                let element = element(mood);
                assert_eq!(alive(), all);
                let panicking = SasSigner::new(element, &device()).expect("not Service Bus");
                let _ = panicking.sign(EXPIRY);
                drop((connection, text, signer, token));
            }));
            assert!(result.is_err_and(|panic| panic.is::<()>()), "it did not panic");
            assert!(alive().is_empty());
        });
    }
    clean(|| {
        let panicking = element(Mood::Panicking);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let token = SasToken::parse(token_text()).expect("it is in order").into_owned();
            token.verify(&panicking, &device(), NOW, Duration::ZERO)
        }));
        assert!(result.is_err());
        assert_eq!(alive(), ["key"]);
    });
}
