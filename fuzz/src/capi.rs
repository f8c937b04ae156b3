//! The C functions in whatever order a program may call them, against Rust where both say the same.
//!
//! An input is lines, and each a call: a letter, the slots of its objects (`0` to `2`), and behind `|` its
//! texts and numbers. What a slot held is freed when something else comes in. `^` in a text is a line end, and a
//! text of `!` and a number is NULL with that length. A slot that is empty is NULL.
//!
//! ```text
//! c0|connection string      m00|resource|policy (signer, key)    v|token|key|resource|now|tolerance
//! s0|connection string      t0|token                             d|group key|registration ID
//! S0|resource|key|policy    a00|lifetime|percent (cache, signer) u|connection string|product
//! k0|key   y00 (key, c.)    A0|resource|lifetime|percent         U|host|device|module|product
//! K0       a driver         g0|expiry     p0|now                 e|lifetime|now   T|part   f|feature   M|status
//! w|how drivers behave      r0|now|id     o0|id                  L|0 or 1         a log, or none
//! C0|PEM                    E00|kind|text|text (certificate, signing key)         J0|now
//! n00|kind (store, key)     i0|name|key   G0|name|kind   P0|name|PEM   D0|name    l0
//! h00|name (store, key)     H00|name (store, signing key)        z0|algorithm|message   R0|device|module
//! x    frees: `xs0` a signer, and so on by the letters c s k t a C n z
//! ```
//!
//! Each call with a buffer is made with none, with the exact one, with some that are too small, with a larger one,
//! and without a place for the length.

use core::cell::{Cell, RefCell};
use core::ffi::{CStr, c_char, c_void};
use core::ptr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use hubward::capi::*;
use hubward::sas::SasToken;
use hubward::{ConnectionString, PolicyName, ResourceUri, SasSigner, SymmetricKey, UnixTime};
use sha2::Sha256;

/// What the drivers sign with.
const CHIP_KEY: &[u8] = b"made up, and in no chip";

/// What no call writes.
const CANARY: u8 = 0xa7;
const CANARY_LEN: usize = 0xa7a7_a7a7;

const SLOTS: usize = 3;

/// A call: its pointers are NULL, or of as much memory as is said beside them, which nobody else uses; its handles are
/// NULL or not yet freed.
macro_rules! call {
    ($call:expr) => {{
        // SAFETY: as is said above.
        let status = unsafe { $call };
        checked(status)
    }};
}

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let (log, mode) = (Log::default(), Cell::new(0));
    let mut world = World::new(&log, &mode);
    for line in data.split(|byte| *byte == b'\n').take(40) {
        world.line(line);
    }
    let chips = world.free();
    for chip in chips {
        assert_eq!(
            chip.released.get(),
            1,
            "a driver is released once, when nothing needs it any more"
        );
    }
}

/// A status is one of the header, and never a mistake of the library.
fn checked(status: hubward_status) -> hubward_status {
    assert!(!matches!(status, HUBWARD_PANIC | HUBWARD_INTERNAL), "{status}");
    assert_ne!(sentence(status), "an unknown status");
    status
}

fn sentence(status: hubward_status) -> &'static str {
    // SAFETY: it is a text with a NUL behind it that stays.
    let text = unsafe { CStr::from_ptr(hubward_status_message(status)) };
    let text = text.to_str().expect("a text");
    assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('\n'));
    text
}

// Texts in.

/// A text in memory of its own, so that nothing beside it is read unseen.
struct Text {
    bytes: Option<Box<[u8]>>,
    len: usize,
}

impl Text {
    fn read(field: &[u8]) -> Self {
        if let Some(len) = field.strip_prefix(b"!") {
            let len = usize::try_from(number(len)).unwrap_or(usize::MAX);
            return Self { bytes: None, len };
        }
        let bytes = field.iter().map(|byte| if *byte == b'^' { b'\n' } else { *byte });
        let bytes: Box<[u8]> = bytes.collect();
        Self { len: bytes.len(), bytes: Some(bytes) }
    }

    fn ptr(&self) -> *const c_char {
        self.bytes.as_ref().map_or(ptr::null(), |bytes| bytes.as_ptr().cast())
    }

    fn text(&self) -> Option<&str> {
        core::str::from_utf8(self.bytes.as_deref()?).ok()
    }

    /// That of an optional one: `None` if it is NULL and may not be, or is no text.
    fn optional(&self) -> Option<Option<&str>> {
        match self.bytes {
            None => (self.len == 0).then_some(None),
            Some(_) => self.text().map(Some),
        }
    }

    fn is_null(&self) -> bool {
        self.bytes.is_none()
    }
}

fn number(field: &[u8]) -> u64 {
    core::str::from_utf8(field).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn narrow(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(-1)
}

// Texts out.

/// A buffer with nothing beside it, and a length.
struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    fn new(cap: usize) -> Self {
        Self { bytes: vec![CANARY; cap], len: CANARY_LEN }
    }

    fn ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    fn is_untouched(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == CANARY)
    }
}

/// What `write(out, cap, len)` writes; `nul` is 1 for a text, 0 for bytes. Checks the law of buffers.
fn outputs(
    nul: usize,
    write: impl Fn(*mut u8, usize, *mut usize) -> hubward_status,
) -> Result<Vec<u8>, hubward_status> {
    assert_eq!(write(ptr::null_mut(), 0, ptr::null_mut()), HUBWARD_NULL_POINTER);
    let mut len = CANARY_LEN;
    let query = write(ptr::null_mut(), 0, &raw mut len);
    let mut large = Buffer::new(if query == HUBWARD_OK { len + nul + 9 } else { 64 });
    let cap = large.bytes.len();
    if query != HUBWARD_OK {
        assert_eq!(len, CANARY_LEN, "{query}");
        let (out, place) = (large.ptr(), &raw mut large.len);
        let status = write(out, cap, place);
        assert_eq!(status, query);
        assert!(large.is_untouched() && large.len == CANARY_LEN, "{query}");
        return Err(query);
    }
    let mut place = CANARY_LEN;
    assert_eq!(write(ptr::null_mut(), 1, &raw mut place), HUBWARD_NULL_POINTER);
    assert_eq!(place, CANARY_LEN);
    for cap in [0, 1, len / 2, (len + nul).saturating_sub(1)] {
        if cap >= len + nul {
            continue;
        }
        let mut small = Buffer::new(cap);
        let (out, place) = (small.ptr(), &raw mut small.len);
        // A vector of no bytes has no memory, but a pointer that is not null.
        assert_eq!(write(out, cap, place), HUBWARD_BUFFER_TOO_SMALL, "{cap} of {len}");
        assert!(small.is_untouched() && small.len == len, "{cap} of {len}: {}", small.len);
    }
    let mut exact = Buffer::new(len + nul);
    for buffer in [&mut exact, &mut large] {
        let (out, cap, place) = (buffer.ptr(), buffer.bytes.len(), &raw mut buffer.len);
        assert_eq!(write(out, cap, place), HUBWARD_OK);
        assert_eq!(buffer.len, len);
        let (text, rest) = buffer.bytes.split_at(len);
        assert!(nul == 0 || rest.first() == Some(&0), "no NUL behind it");
        assert!(rest.iter().skip(nul).all(|byte| *byte == CANARY), "written behind the end");
        assert!(nul == 0 || core::str::from_utf8(text).is_ok());
    }
    assert_eq!(exact.bytes[..len], large.bytes[..len]);
    exact.bytes.truncate(len);
    Ok(exact.bytes)
}

/// [`outputs`] of a text.
fn text(
    write: impl Fn(*mut c_char, usize, *mut usize) -> hubward_status,
) -> Result<String, hubward_status> {
    let bytes = outputs(1, |out, cap, len| write(out.cast(), cap, len))?;
    Ok(String::from_utf8(bytes).expect("it was looked at"))
}

// Objects.

/// A handle, freed when it is dropped.
struct Handle<T> {
    handle: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Handle<T> {
    const fn none(free: unsafe extern "C" fn(*mut T)) -> Self {
        Self { handle: ptr::null_mut(), free }
    }

    fn get(&self) -> *const T {
        self.handle
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: it is NULL, or came from the library and nobody uses it any more.
        unsafe { (self.free)(self.handle) }
    }
}

/// A new object: what `make(out)` answers and gives; `out` is written exactly on success.
fn make<T>(
    free: unsafe extern "C" fn(*mut T),
    make: impl Fn(*mut *mut T) -> hubward_status,
) -> (hubward_status, Handle<T>) {
    assert_eq!(make(ptr::null_mut()), HUBWARD_NULL_POINTER);
    let before = ptr::without_provenance_mut::<T>(usize::MAX);
    let mut handle = before;
    let status = make(&raw mut handle);
    assert_eq!(handle == before, status != HUBWARD_OK);
    let handle = if status == HUBWARD_OK { handle } else { ptr::null_mut() };
    assert_eq!(handle.is_null(), status != HUBWARD_OK);
    (status, Handle { handle, free })
}

/// Drivers have pointers into them, so that they must stay where they are.
type Chips<'a> = Vec<Box<Chip<'a>>>;

/// What a driver has for its user data.
struct Chip<'a> {
    /// How it behaves: see `World`.
    mode: &'a Cell<u64>,
    released: Cell<u32>,
    /// The cache that asks it, if one does.
    cache: Cell<*const hubward_token_cache>,
    resource: Option<ResourceUri>,
}

impl Chip<'_> {
    /// # Safety
    ///
    /// `user_data` is one, for as long as the answer is used.
    unsafe fn of<'b>(user_data: *mut c_void) -> &'b Self {
        // SAFETY: so it was promised.
        let chip = unsafe { &*user_data.cast::<Self>() };
        assert_eq!(chip.released.get(), 0, "used after it was released");
        chip
    }
}

unsafe extern "C-unwind" fn chip_hmac(
    user_data: *mut c_void,
    message: *const u8,
    len: usize,
    tag: *mut u8,
) -> i32 {
    // SAFETY: it is what was given with this function.
    let chip = unsafe { Chip::of(user_data) };
    let mode = chip.mode.get();
    if mode != 0 {
        return narrow(mode);
    }
    // SAFETY: so the header says.
    let message = unsafe { core::slice::from_raw_parts(message, len) };
    let mut hmac = Hmac::<Sha256>::new_from_slice(CHIP_KEY).expect("any length");
    hmac.update(message);
    // SAFETY: there are 32 bytes.
    unsafe { tag.copy_from(hmac.finalize().into_bytes().as_ptr(), 32) };
    0
}

/// A token that is good, none, or one of all that is wrong.
unsafe extern "C-unwind" fn chip_token(
    user_data: *mut c_void,
    expiry: u64,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> i32 {
    // SAFETY: it is what was given with this function.
    let chip = unsafe { Chip::of(user_data) };
    let cache = chip.cache.get();
    let mut refusal = 0;
    if !cache.is_null() {
        // SAFETY: the cache lives, for it calls this.
        let status = unsafe { hubward_token_cache_refused(cache, 0, 0, &raw mut refusal) };
        assert_eq!((status, refusal), (HUBWARD_BUSY, 0), "from within");
    }
    let resource = chip.resource.as_ref().expect("one for tokens has it");
    let key = SymmetricKey::from_bytes(CHIP_KEY).expect("a key");
    let signer = SasSigner::new(key, resource).expect("not Service Bus");
    let (token, said) = match chip.mode.get() {
        0 => (
            signer.sign(UnixTime::from_secs(expiry)).expect("in memory").expose_token().to_owned(),
            None,
        ),
        1 => return 1,
        2 => (String::from("SharedAccessSignature "), None),
        3 => (String::from("\u{e9}"), Some(1)),
        4 => (String::new(), Some(cap + 1)),
        5 => (String::new(), Some(usize::MAX)),
        6 => return 0,
        early => {
            let expiry = UnixTime::from_secs(expiry.saturating_sub(early));
            (signer.sign(expiry).expect("in memory").expose_token().to_owned(), None)
        }
    };
    assert!(token.len() < cap);
    // SAFETY: there is as much room.
    unsafe {
        out.cast::<u8>().copy_from(token.as_ptr(), token.len());
        len.write(said.unwrap_or(token.len()));
    }
    0
}

unsafe extern "C-unwind" fn chip_release(user_data: *mut c_void) {
    // SAFETY: it is what was given with this function.
    let chip = unsafe { Chip::of(user_data) };
    chip.released.set(1);
}

/// Where the log goes, and what must not.
#[derive(Default)]
struct Log {
    secrets: RefCell<Vec<String>>,
}

unsafe extern "C-unwind" fn hear(
    user_data: *mut c_void,
    level: i32,
    message: *const c_char,
    len: usize,
) {
    // SAFETY: it is what was given with this function.
    let log = unsafe { &*user_data.cast::<Log>() };
    assert!(matches!(level, HUBWARD_LOG_ERROR | HUBWARD_LOG_WARNING));
    // SAFETY: so the header says.
    let message = unsafe { CStr::from_ptr(message) };
    assert_eq!(message.count_bytes(), len);
    let message = message.to_str().expect("UTF-8");
    assert!(!message.chars().any(char::is_control), "{message:?}");
    for secret in &*log.secrets.borrow() {
        assert!(!message.contains(secret), "a secret in the log");
    }
    // What it calls is not told to itself, which would not end.
    // SAFETY: as above.
    let status = unsafe { hubward_log_set(None, ptr::null_mut()) };
    assert_eq!(status, HUBWARD_BUSY);
}

/// No log for whoever comes next.
struct NoLog;

impl Drop for NoLog {
    fn drop(&mut self) {
        // SAFETY: there is nothing that it could need.
        unsafe { hubward_log_set(None, ptr::null_mut()) };
    }
}

/// What a key in a slot signs like.
#[derive(Clone)]
enum Model {
    /// In base64.
    Known(String),
    /// A driver's.
    Driver,
    /// One of a store's.
    Unknown,
}

impl Model {
    /// The signer in Rust that makes the same tokens.
    fn signer(&self, resource: &ResourceUri, policy: Option<&PolicyName>) -> Option<SasSigner> {
        let key = match self {
            Self::Known(key) => SymmetricKey::from_base64(key).expect("it was one"),
            Self::Driver => SymmetricKey::from_bytes(CHIP_KEY).expect("a key"),
            Self::Unknown => return None,
        };
        let signer = match policy {
            None => SasSigner::new(key, resource),
            Some(policy) => SasSigner::with_policy(key, resource, policy),
        };
        Some(signer.expect("not Service Bus"))
    }
}

struct Signer {
    handle: Handle<hubward_signer>,
    model: Option<SasSigner>,
    has_driver: bool,
}

struct Key {
    handle: Handle<hubward_mac_key>,
    model: Model,
}

struct Connection {
    handle: Handle<hubward_connection_string>,
    model: Option<ConnectionString<'static>>,
}

/// All that a program holds. It goes in the order of the fields, which is as good as any other.
struct World<'a> {
    connections: [Connection; SLOTS],
    keys: [Key; SLOTS],
    signers: [Signer; SLOTS],
    tokens: [Handle<hubward_token>; SLOTS],
    certificates: [Handle<hubward_certificate>; SLOTS],
    stores: [Handle<hubward_store>; SLOTS],
    signing_keys: [Handle<hubward_signing_key>; SLOTS],
    caches: [Handle<hubward_token_cache>; SLOTS],
    /// Of the token that each cache handed out last.
    ids: [Cell<u32>; SLOTS],
    /// What drivers do: 0 works; any other fails, each in its way.
    mode: &'a Cell<u64>,
    /// Kept for as long as anything may call them.
    chips: Chips<'a>,
    log: &'a Log,
    _no_log: NoLog,
    folder: Option<tempfile::TempDir>,
}

impl<'a> World<'a> {
    fn new(log: &'a Log, mode: &'a Cell<u64>) -> Self {
        use core::array::from_fn;
        Self {
            connections: from_fn(|_| Connection {
                handle: Handle::none(hubward_connection_string_free),
                model: None,
            }),
            keys: from_fn(|_| Key {
                handle: Handle::none(hubward_mac_key_free),
                model: Model::Unknown,
            }),
            signers: from_fn(|_| Signer {
                handle: Handle::none(hubward_signer_free),
                model: None,
                has_driver: false,
            }),
            tokens: from_fn(|_| Handle::none(hubward_token_free)),
            certificates: from_fn(|_| Handle::none(hubward_certificate_free)),
            stores: from_fn(|_| Handle::none(hubward_store_free)),
            signing_keys: from_fn(|_| Handle::none(hubward_signing_key_free)),
            caches: from_fn(|_| Handle::none(hubward_token_cache_free)),
            ids: from_fn(|_| Cell::new(0)),
            mode,
            chips: Vec::new(),
            log,
            _no_log: NoLog,
            folder: None,
        }
    }

    /// Frees all that a program still holds. What drivers have outlives it.
    fn free(self) -> Chips<'a> {
        let Self { chips, connections, keys, signers, tokens, .. } = self;
        drop((connections, keys, signers, tokens));
        chips
    }

    fn line(&mut self, line: &[u8]) {
        let mut fields = line.split(|byte| *byte == b'|');
        let head = fields.next().unwrap_or_default();
        let Some((letter, slots)) = head.split_first() else {
            return;
        };
        if *letter == b'x' {
            self.free_one(slots);
            return;
        }
        let slot =
            |index: usize| usize::from(slots.get(index).copied().unwrap_or(b'0') % 8) % SLOTS;
        let (slot, other) = (slot(0), slot(1));
        let fields: [&[u8]; 6] = core::array::from_fn(|_| fields.next().unwrap_or_default());
        match letter {
            b'c' => self.connection_string(slot, &Text::read(fields[0])),
            b's' => self.signer_from_connection_string(slot, &Text::read(fields[0])),
            b'S' => self.signer_new(slot, fields.map(Text::read)),
            b'k' => self.key(slot, &Text::read(fields[0])),
            b'y' => self.key_of_connection_string(slot, other),
            b'K' => self.driver(slot),
            b'm' => {
                self.signer_from_key(slot, other, &Text::read(fields[0]), &Text::read(fields[1]));
            }
            b't' => self.token(slot, &Text::read(fields[0])),
            b'a' => self.cache(slot, other, number(fields[0]), number(fields[1])),
            b'A' => self.cache_of_driver(
                slot,
                &Text::read(fields[0]),
                number(fields[1]),
                number(fields[2]),
            ),
            b'g' => self.sign(slot, number(fields[0])),
            b'p' => self.poll(slot, number(fields[0])),
            b'r' => self.refused(slot, self.id(slot, fields[1]), number(fields[0])),
            b'o' => {
                let status = call!(hubward_token_cache_accepted(
                    self.caches[slot].get(),
                    self.id(slot, fields[0])
                ));
                assert_eq!(status == HUBWARD_OK, !self.caches[slot].get().is_null());
            }
            b'v' => verify(&fields.map(Text::read), number(fields[3]), number(fields[4])),
            b'd' => derive(&Text::read(fields[0]), &Text::read(fields[1])),
            b'u' => mqtt(&Text::read(fields[0]), &Text::read(fields[1])),
            b'U' => mqtt_for(&fields.map(Text::read)),
            b'e' => expiry_for(number(fields[0]), number(fields[1])),
            b'T' => tls(narrow(number(fields[0]))),
            b'f' => feature(&Text::read(fields[0])),
            b'M' => assert!(!sentence(narrow(number(fields[0]))).is_empty()),
            b'w' => self.mode.set(number(fields[0])),
            b'L' => self.listen(number(fields[0]) != 0),
            b'C' => self.certificate(slot, &Text::read(fields[0])),
            b'E' => self.expect(
                slot,
                other,
                number(fields[0]),
                &Text::read(fields[1]),
                &Text::read(fields[2]),
            ),
            b'J' => self.judge(slot, number(fields[0])),
            b'n' => self.store(slot, other, number(fields[0])),
            b'i' | b'G' | b'P' | b'D' => {
                self.manage(*letter, slot, &Text::read(fields[0]), fields[1]);
            }
            b'l' => self.list(slot),
            b'h' | b'H' => self.key_of_store(*letter, slot, other, &Text::read(fields[0])),
            b'z' => self.sign_message(slot, narrow(number(fields[0])), &Text::read(fields[1])),
            b'R' => self.request(slot, &Text::read(fields[0]), &Text::read(fields[1])),
            _ => {}
        }
    }

    fn free_one(&mut self, slots: &[u8]) {
        let [letter, slot, ..] = *slots else {
            return;
        };
        let slot = usize::from(slot % 8) % SLOTS;
        match letter {
            b'c' => self.connections[slot].handle = Handle::none(hubward_connection_string_free),
            b's' => self.signers[slot].handle = Handle::none(hubward_signer_free),
            b'k' => self.keys[slot].handle = Handle::none(hubward_mac_key_free),
            b't' => self.tokens[slot] = Handle::none(hubward_token_free),
            b'a' => self.caches[slot] = Handle::none(hubward_token_cache_free),
            b'C' => self.certificates[slot] = Handle::none(hubward_certificate_free),
            b'n' => self.stores[slot] = Handle::none(hubward_store_free),
            b'z' => self.signing_keys[slot] = Handle::none(hubward_signing_key_free),
            _ => {}
        }
    }

    /// From here on a log must not show it.
    fn is_secret(&self, text: &Text) {
        if let Some(key) = text.text()
            && key.len() >= 20
            && SymmetricKey::from_base64(key).is_ok()
        {
            self.log.secrets.borrow_mut().push(key.to_owned());
        }
    }

    fn listen(&self, is_on: bool) {
        let log = ptr::from_ref(self.log).cast_mut().cast();
        let status = match is_on {
            true => call!(hubward_log_set(Some(hear), log)),
            false => call!(hubward_log_set(None, ptr::null_mut())),
        };
        assert_eq!(status, HUBWARD_OK);
    }

    // Identities.

    fn connection_string(&mut self, slot: usize, connection: &Text) {
        let model = connection.text().and_then(|text| ConnectionString::parse(text).ok());
        let (status, handle) = make(hubward_connection_string_free, |out| {
            call!(hubward_connection_string_parse(connection.ptr(), connection.len, out))
        });
        assert_eq!(status == HUBWARD_OK, model.is_some(), "{status}");
        assert_eq!(status == HUBWARD_NULL_POINTER, connection.is_null(), "{status}");
        type Part = unsafe extern "C" fn(
            *const hubward_connection_string,
            *mut c_char,
            usize,
            *mut usize,
        ) -> i32;
        let part = |part: Part| text(|out, cap, len| call!(part(handle.get(), out, cap, len)));
        if let Some(model) = &model {
            let device = model.device_id().map(|id| id.as_str().to_owned());
            assert_eq!(part(hubward_connection_string_host).as_deref(), Ok(model.host().as_str()));
            assert_eq!(part(hubward_connection_string_device_id), device.ok_or(HUBWARD_ABSENT));
            let policy = model.policy_name().map(|name| name.as_str().to_owned());
            assert_eq!(part(hubward_connection_string_policy_name), policy.ok_or(HUBWARD_ABSENT));
            let resource = part(hubward_connection_string_resource).expect("each has one");
            ResourceUri::parse(&resource).expect("the plain URI of a resource");
            for optional in [
                hubward_connection_string_gateway,
                hubward_connection_string_module_id,
                hubward_connection_string_token,
            ] {
                assert!(part(optional).map_or_else(|status| status == HUBWARD_ABSENT, |_| true));
            }
            let mut kind = 0;
            let status =
                call!(hubward_connection_string_authentication(handle.get(), &raw mut kind));
            assert_eq!(status, HUBWARD_OK);
            assert!((HUBWARD_AUTHENTICATION_KEY..=HUBWARD_AUTHENTICATION_X509).contains(&kind));
        } else {
            assert_eq!(part(hubward_connection_string_host), Err(HUBWARD_NULL_POINTER));
        }
        let model = model.map(ConnectionString::into_owned);
        self.connections[slot] = Connection { handle, model };
    }

    // Keys and signers.

    fn key(&mut self, slot: usize, key: &Text) {
        self.is_secret(key);
        let is_key = key.text().is_some_and(|text| SymmetricKey::from_base64(text).is_ok());
        let (status, handle) =
            make(hubward_mac_key_free, |out| call!(hubward_mac_key_new(key.ptr(), key.len, out)));
        assert_eq!(status == HUBWARD_OK, is_key, "{status}");
        // Whether memory can be locked is the system's to say.
        let (status, _) = make(hubward_mac_key_free, |out| {
            call!(hubward_mac_key_new_locked(key.ptr(), key.len, HUBWARD_LOCK_PREFER, out))
        });
        assert!(
            status == HUBWARD_NOT_COMPILED_IN || (status == HUBWARD_OK) == is_key || key.is_null()
        );
        let model = key.text().map_or(Model::Unknown, |text| Model::Known(text.to_owned()));
        self.keys[slot] = Key { handle, model };
    }

    fn key_of_connection_string(&mut self, slot: usize, connection: usize) {
        let Connection { handle: connection, model } = &self.connections[connection];
        let (status, handle) = make(hubward_mac_key_free, |out| {
            call!(hubward_connection_string_mac_key(connection.get(), out))
        });
        let signs =
            model.as_ref().is_some_and(|model| SasSigner::from_connection_string(model).is_ok());
        assert_eq!(status == HUBWARD_OK, signs && !connection.get().is_null(), "{status}");
        let key = model.as_ref().and_then(|model| {
            let text = model.expose_connection_string().ok()?;
            let (_, key) = text.expose_text().split_once("SharedAccessKey=")?;
            Some(key.split(';').next().unwrap_or_default().to_owned())
        });
        self.keys[slot] = Key { handle, model: key.map_or(Model::Unknown, Model::Known) };
    }

    fn chip(&mut self, resource: Option<ResourceUri>) -> *mut c_void {
        let chip = Box::new(Chip {
            mode: self.mode,
            released: Cell::new(0),
            cache: Cell::new(ptr::null()),
            resource,
        });
        self.chips.push(chip);
        let chip = self.chips.last().expect("it was put there");
        ptr::from_ref::<Chip<'_>>(chip).cast_mut().cast()
    }

    fn driver(&mut self, slot: usize) {
        let none = hubward_mac_key_callbacks {
            user_data: ptr::null_mut(),
            hmac_sha256: None,
            release: Some(chip_release),
        };
        // Nothing is released by what fails.
        for callbacks in [ptr::null(), &raw const none] {
            let (status, _) = make(hubward_mac_key_free, |out| {
                call!(hubward_mac_key_from_callbacks(callbacks, out))
            });
            assert_eq!(status, HUBWARD_NULL_POINTER);
        }
        let user_data = self.chip(None);
        let callbacks = hubward_mac_key_callbacks {
            user_data,
            hmac_sha256: Some(chip_hmac),
            release: Some(chip_release),
        };
        let (status, handle) = make(hubward_mac_key_free, |out| {
            call!(hubward_mac_key_from_callbacks(&raw const callbacks, out))
        });
        assert_eq!(status, HUBWARD_OK);
        self.keys[slot] = Key { handle, model: Model::Driver };
    }

    fn signer_from_connection_string(&mut self, slot: usize, connection: &Text) {
        let model = connection.text().and_then(|text| {
            SasSigner::from_connection_string(&ConnectionString::parse(text).ok()?).ok()
        });
        let (status, handle) = make(hubward_signer_free, |out| {
            call!(hubward_signer_from_connection_string(connection.ptr(), connection.len, out))
        });
        assert_eq!(status == HUBWARD_OK, model.is_some(), "{status}");
        let (status, _) = make(hubward_signer_free, |out| {
            call!(hubward_signer_from_connection_string_locked(
                connection.ptr(),
                connection.len,
                HUBWARD_LOCK_PREFER,
                out
            ))
        });
        assert!(status != HUBWARD_OK || model.is_some(), "{status}");
        self.signers[slot] = Signer { handle, model, has_driver: false };
    }

    fn signer_new(&mut self, slot: usize, [resource, key, policy, ..]: [Text; 6]) {
        self.is_secret(&key);
        let uri = resource.text().and_then(|text| ResourceUri::parse(text).ok());
        let known = key.text().and_then(|text| SymmetricKey::from_base64(text).ok()).is_some();
        let model = key.text().map_or(Model::Unknown, |text| Model::Known(text.to_owned()));
        let (status, handle) = make(hubward_signer_free, |out| {
            call!(hubward_signer_new(resource.ptr(), resource.len, key.ptr(), key.len, out))
        });
        assert_eq!(status == HUBWARD_OK, uri.is_some() && known, "{status}");
        let signer = (uri.as_ref()).filter(|_| known).and_then(|uri| model.signer(uri, None));
        self.signers[slot] = Signer { handle, model: signer, has_driver: false };

        let name = policy.text().and_then(|text| PolicyName::new(text).ok());
        let (status, handle) = make(hubward_signer_free, |out| {
            call!(hubward_signer_with_policy(
                resource.ptr(),
                resource.len,
                policy.ptr(),
                policy.len,
                key.ptr(),
                key.len,
                out
            ))
        });
        assert_eq!(status == HUBWARD_OK, uri.is_some() && known && name.is_some(), "{status}");
        if let (true, Some(uri), Some(name)) = (known, uri, name) {
            let signer = model.signer(&uri, Some(&name));
            self.signers[slot] = Signer { handle, model: signer, has_driver: false };
        }
    }

    fn signer_from_key(&mut self, slot: usize, key: usize, resource: &Text, policy: &Text) {
        let Key { handle: key, model } = &self.keys[key];
        let (status, handle) = make(hubward_signer_free, |out| {
            call!(hubward_signer_from_mac_key(
                resource.ptr(),
                resource.len,
                policy.ptr(),
                policy.len,
                key.get(),
                out
            ))
        });
        let uri = resource.text().and_then(|text| ResourceUri::parse(text).ok());
        let name = policy.optional().and_then(|name| match name {
            None => Some(None),
            Some(name) => PolicyName::new(name).ok().map(Some),
        });
        let is_right = uri.is_some() && name.is_some() && !key.get().is_null();
        assert_eq!(status == HUBWARD_OK, is_right, "{status}");
        let signer = match (is_right, uri, name) {
            (true, Some(uri), Some(name)) => model.signer(&uri, name.as_ref()),
            _ => None,
        };
        let has_driver = matches!(model, Model::Driver);
        self.signers[slot] = Signer { handle, model: signer, has_driver };
    }

    fn sign(&self, slot: usize, expiry: u64) {
        let Signer { handle, model, has_driver } = &self.signers[slot];
        let token =
            text(|out, cap, len| call!(hubward_signer_sign(handle.get(), expiry, out, cap, len)));
        let is_broken = *has_driver && self.mode.get() != 0;
        match (token, model) {
            (Ok(token), _) => {
                assert!(!handle.get().is_null() && !is_broken);
                assert!(token.len() < HUBWARD_SAS_TOKEN_MAX);
                let read = SasToken::parse(&token).expect("a token");
                assert_eq!(read.expiry(), UnixTime::from_secs(expiry));
                if let Some(model) = model {
                    let expected = model.sign(UnixTime::from_secs(expiry)).expect("in memory");
                    assert_eq!(token, expected.expose_token());
                }
            }
            (Err(status), _) if handle.get().is_null() => assert_eq!(status, HUBWARD_NULL_POINTER),
            (Err(status), _) => {
                assert!(is_broken, "{status}");
                assert_eq!(status, HUBWARD_KEY_FAILED);
            }
        }
    }

    // Caches.

    fn cache(&mut self, slot: usize, signer: usize, lifetime: u64, percent: u64) {
        let signer = &self.signers[signer].handle;
        let percent = u32::try_from(percent).unwrap_or(u32::MAX);
        let (status, handle) = make(hubward_token_cache_free, |out| {
            call!(hubward_token_cache_new(signer.get(), lifetime, percent, out))
        });
        let is_policy = (60..=31_536_000).contains(&lifetime) && (10..=90).contains(&percent);
        assert_eq!(status == HUBWARD_OK, is_policy && !signer.get().is_null(), "{status}");
        self.caches[slot] = handle;
    }

    fn cache_of_driver(&mut self, slot: usize, resource: &Text, lifetime: u64, percent: u64) {
        let uri = resource.text().and_then(|text| ResourceUri::parse(text).ok());
        let percent = u32::try_from(percent).unwrap_or(u32::MAX);
        let is_policy = (60..=31_536_000).contains(&lifetime) && (10..=90).contains(&percent);
        let user_data = self.chip(uri.clone());
        let callbacks = hubward_token_callbacks {
            user_data,
            token: Some(chip_token),
            release: Some(chip_release),
        };
        let (status, handle) = make(hubward_token_cache_free, |out| {
            call!(hubward_token_cache_from_callbacks(
                &raw const callbacks,
                resource.ptr(),
                resource.len,
                lifetime,
                percent,
                out
            ))
        });
        assert_eq!(status == HUBWARD_OK, uri.is_some() && is_policy, "{status}");
        let chip = self.chips.last().expect("it was put there");
        chip.cache.set(handle.get());
        if status != HUBWARD_OK {
            // It stayed ours.
            assert_eq!(chip.released.get(), 0);
            self.chips.pop();
        }
        self.caches[slot] = handle;
    }

    fn poll(&self, slot: usize, now: u64) {
        let cache = self.caches[slot].get();
        let before = hubward_token_cache_result { next: 1, action: 2, reason: 3, is_new: 4, id: 5 };
        let same = |result: &hubward_token_cache_result| {
            let hubward_token_cache_result { next, action, reason, is_new, id } = *result;
            (next, action, reason, is_new, id) == (1, 2, 3, 4, 5)
        };
        let mut len = CANARY_LEN;
        assert_eq!(
            call!(hubward_token_cache_poll(
                cache,
                now,
                ptr::null_mut(),
                0,
                &raw mut len,
                ptr::null_mut()
            )),
            HUBWARD_NULL_POINTER
        );
        let last = Cell::new(before);
        let token = text(|out, cap, len| {
            let mut result = before;
            let place = if len.is_null() { ptr::null_mut() } else { &raw mut result };
            let status = call!(hubward_token_cache_poll(cache, now, out, cap, len, place));
            assert_eq!(same(&result), status != HUBWARD_OK);
            last.set(result);
            status
        });
        let Ok(token) = token else {
            assert!(cache.is_null());
            return;
        };
        let hubward_token_cache_result { next, action, reason, is_new, id } = last.get();
        assert_eq!(is_new, 0, "it was handed out just before");
        assert_eq!(id == 0, action != HUBWARD_CACHE_USE);
        self.ids[slot].set(id);
        assert_ne!(sentence(reason), "");
        match action {
            HUBWARD_CACHE_USE => {
                let token = SasToken::parse(&token).expect("a token");
                assert!(token.expiry() > UnixTime::from_secs(now));
                assert!(next >= now);
            }
            HUBWARD_CACHE_WAIT => assert!(token.is_empty() && reason != HUBWARD_OK),
            HUBWARD_CACHE_CLOCK_UNKNOWN => {
                assert!(token.is_empty() && next == 0 && reason == HUBWARD_CLOCK_UNKNOWN);
            }
            other => panic!("a new action: {other}"),
        }
    }

    /// A field's, else that of the token that was handed out last.
    fn id(&self, slot: usize, field: &[u8]) -> u32 {
        match field {
            [] => self.ids[slot].get(),
            field => u32::try_from(number(field)).unwrap_or(u32::MAX),
        }
    }

    fn refused(&self, slot: usize, id: u32, now: u64) {
        let cache = self.caches[slot].get();
        assert_eq!(
            call!(hubward_token_cache_refused(cache, id, now, ptr::null_mut())),
            HUBWARD_NULL_POINTER
        );
        let mut refusal = 77;
        let status = call!(hubward_token_cache_refused(cache, id, now, &raw mut refusal));
        assert_eq!(status == HUBWARD_OK, !cache.is_null());
        match status {
            HUBWARD_OK => {
                assert!((HUBWARD_REFUSED_ONCE..=HUBWARD_REFUSED_REPLACED).contains(&refusal));
            }
            _ => assert_eq!(refusal, 77),
        }
    }

    // Tokens.

    fn token(&mut self, slot: usize, token: &Text) {
        let model = token.text().and_then(|text| SasToken::parse(text).ok());
        let (status, handle) =
            make(hubward_token_free, |out| call!(hubward_token_parse(token.ptr(), token.len, out)));
        assert_eq!(status == HUBWARD_OK, model.is_some(), "{status}");
        type Part =
            unsafe extern "C" fn(*const hubward_token, *mut c_char, usize, *mut usize) -> i32;
        let part = |part: Part| text(|out, cap, len| call!(part(handle.get(), out, cap, len)));
        let mut expiry = 77;
        let status = call!(hubward_token_expiry(handle.get(), &raw mut expiry));
        if let Some(model) = &model {
            assert_eq!((status, expiry), (HUBWARD_OK, model.expiry().as_secs()));
            assert_eq!(part(hubward_token_resource).as_deref(), Ok(model.resource_text()));
            let policy = model.policy_name().map(|name| name.as_str().to_owned());
            assert_eq!(part(hubward_token_policy_name), policy.ok_or(HUBWARD_ABSENT));
            assert_eq!(part(hubward_token_describe), Ok(model.to_string()));
        } else {
            assert_eq!((status, expiry), (HUBWARD_NULL_POINTER, 77));
            assert_eq!(part(hubward_token_describe), Err(HUBWARD_NULL_POINTER));
        }
        self.tokens[slot] = handle;
    }

    // Certificates.

    fn certificate(&mut self, slot: usize, pem: &Text) {
        let (status, handle) = make(hubward_certificate_free, |out| {
            call!(hubward_certificate_parse(pem.ptr(), pem.len, out))
        });
        let thumbprint = text(|out, cap, len| {
            call!(hubward_certificate_thumbprint(handle.get(), out, cap, len))
        });
        let (mut begin, mut end) = (77, 77);
        let validity =
            call!(hubward_certificate_validity(handle.get(), &raw mut begin, &raw mut end));
        if status == HUBWARD_OK {
            let thumbprint = thumbprint.expect("each has one");
            assert!(
                thumbprint.len() == 64 && thumbprint.bytes().all(|byte| byte.is_ascii_hexdigit())
            );
            assert_eq!(validity, HUBWARD_OK);
        } else {
            assert!(thumbprint.is_err() && validity != HUBWARD_OK && (begin, end) == (77, 77));
        }
        self.certificates[slot] = handle;
    }

    fn expect(&self, slot: usize, key: usize, kind: u64, one: &Text, two: &Text) {
        let certificate = self.certificates[slot].get();
        let status = match kind {
            0 => call!(hubward_certificate_expect_device(
                certificate,
                one.ptr(),
                one.len,
                two.ptr(),
                two.len
            )),
            1 => call!(hubward_certificate_expect_registration(certificate, one.ptr(), one.len)),
            2 => call!(hubward_certificate_expect_key(certificate, self.signing_keys[key].get())),
            3 => call!(hubward_certificate_expect_trust_anchors(certificate, one.ptr(), one.len)),
            4 => call!(hubward_certificate_expect_thumbprint(certificate, one.ptr(), one.len)),
            window => call!(hubward_certificate_expect_window(certificate, window)),
        };
        assert!(status != HUBWARD_OK || !certificate.is_null());
    }

    fn judge(&self, slot: usize, now: u64) {
        let certificate = self.certificates[slot].get();
        let json =
            text(|out, cap, len| call!(hubward_certificate_judge(certificate, now, out, cap, len)));
        assert_eq!(json.is_ok(), !certificate.is_null());
        if let Ok(json) = json {
            let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            for finding in json.as_array().expect("an array") {
                assert!(matches!(finding["severity"].as_str(), Some("error" | "warning" | "note")));
                assert!(finding["code"].is_string() && finding["text"].is_string());
            }
        }
    }

    // Stores.

    /// One in a folder of this input's, opened or created by a key.
    fn store(&mut self, slot: usize, key: usize, kind: u64) {
        if !cfg!(all(feature = "keystore-file", unix)) {
            return;
        }
        let folder = self.folder.get_or_insert_with(|| {
            let places = [std::path::Path::new("/dev/shm"), &std::env::temp_dir()];
            let folder = places.into_iter().find_map(|place| tempfile::tempdir_in(place).ok());
            folder.expect("a folder")
        });
        let path = folder.path().join("own/keys");
        let path = path.to_str().expect("a text");
        let (path, len) = (path.as_ptr().cast(), path.len());
        let key = self.keys[key].handle.get();
        // Not `make`, for each of its calls would do what it says: a store is there, or it is not.
        let mut store = ptr::null_mut();
        let status = match kind {
            0 => call!(hubward_store_create_with_key(path, len, key, &raw mut store)),
            _ => call!(hubward_store_open_with_key(path, len, key, &raw mut store)),
        };
        assert_eq!(store.is_null(), status != HUBWARD_OK, "{status}");
        self.stores[slot] = Handle { handle: store, free: hubward_store_free };
    }

    fn manage(&self, letter: u8, slot: usize, name: &Text, field: &[u8]) {
        let (store, content) = (self.stores[slot].get(), Text::read(field));
        if store.is_null() {
            return;
        }
        self.is_secret(&content);
        let before = self.names(store);
        let status = match letter {
            b'i' => {
                call!(hubward_store_import(store, name.ptr(), name.len, content.ptr(), content.len))
            }
            b'G' => {
                call!(hubward_store_generate(store, name.ptr(), name.len, narrow(number(field))))
            }
            b'P' => call!(hubward_store_import_private_pem(
                store,
                name.ptr(),
                name.len,
                content.ptr(),
                content.len
            )),
            _ => call!(hubward_store_delete(store, name.ptr(), name.len)),
        };
        let mut expected = before.clone();
        if status == HUBWARD_OK {
            let name = name.text().expect("a text").to_owned();
            // Only what is there can be deleted, and only what is not imported. One that is there is not made anew.
            assert!(letter == b'G' || before.contains(&name) == (letter == b'D'));
            expected.retain(|other| *other != name);
            if letter != b'D' {
                expected.push(name);
            }
            expected.sort();
        }
        assert_eq!(self.names(store), expected, "{status}");
    }

    fn names(&self, store: *const hubward_store) -> Vec<String> {
        let list = text(|out, cap, len| call!(hubward_store_list(store, out, cap, len)));
        let list = list.expect("what is there can be listed");
        list.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
    }

    fn list(&self, slot: usize) {
        let store = self.stores[slot].get();
        let list = text(|out, cap, len| call!(hubward_store_list(store, out, cap, len)));
        assert_eq!(list.is_ok(), !store.is_null());
    }

    fn key_of_store(&mut self, letter: u8, slot: usize, target: usize, name: &Text) {
        let store = self.stores[slot].get();
        if letter == b'h' {
            let (_, handle) = make(hubward_mac_key_free, |out| {
                call!(hubward_store_mac_key(store, name.ptr(), name.len, out))
            });
            self.keys[target] = Key { handle, model: Model::Unknown };
        } else {
            let (status, handle) = make(hubward_signing_key_free, |out| {
                call!(hubward_store_signing_key(store, name.ptr(), name.len, out))
            });
            let public = outputs(0, |out, cap, len| {
                call!(hubward_signing_key_public_key(handle.get(), out, cap, len))
            });
            assert_eq!(public.is_ok(), status == HUBWARD_OK);
            self.signing_keys[target] = handle;
        }
    }

    fn sign_message(&self, slot: usize, algorithm: i32, message: &Text) {
        let key = self.signing_keys[slot].get();
        let (bytes, len) = (message.ptr().cast(), message.len);
        let signature = outputs(0, |out, cap, place| {
            call!(hubward_signing_key_sign(key, algorithm, bytes, len, out, cap, place))
        });
        if let Ok(signature) = signature {
            assert!(!key.is_null() && (1..=HUBWARD_SIGNATURE_MAX).contains(&signature.len()));
        }
    }

    fn request(&self, slot: usize, device: &Text, module: &Text) {
        let key = self.signing_keys[slot].get();
        let request = text(|out, cap, len| {
            call!(hubward_certificate_request(
                key,
                device.ptr(),
                device.len,
                module.ptr(),
                module.len,
                out,
                cap,
                len
            ))
        });
        if let Ok(pem) = request {
            assert!(!key.is_null() && pem.starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
        }
    }
}

// What needs no objects.

fn verify([token, key, resource, ..]: &[Text; 6], now: u64, tolerance: u64) {
    let status = call!(hubward_token_verify(
        token.ptr(),
        token.len,
        key.ptr(),
        key.len,
        resource.ptr(),
        resource.len,
        now,
        tolerance
    ));
    let expected = || {
        let key = SymmetricKey::from_base64(key.text()?).ok()?;
        let resource = ResourceUri::parse(resource.text()?).ok()?;
        let token = SasToken::parse(token.text()?).ok()?;
        let tolerance = core::time::Duration::from_secs(tolerance);
        token.verify(&key, &resource, UnixTime::from_secs(now), tolerance).ok()
    };
    assert_eq!(status == HUBWARD_OK, expected().is_some(), "{status}");
    let is_null = [token, key, resource].iter().any(|text| text.is_null());
    assert_eq!(status == HUBWARD_NULL_POINTER, is_null, "{status}");
}

fn derive(group: &Text, registration: &Text) {
    let key = text(|out, cap, len| {
        call!(hubward_derive_device_key(
            group.ptr(),
            group.len,
            registration.ptr(),
            registration.len,
            out,
            cap,
            len
        ))
    });
    let expected = || {
        let group = hubward::GroupKey::from_base64(group.text()?).ok()?;
        let registration = hubward::RegistrationId::new(registration.text()?).ok()?;
        let key = group.derive_device_key(&registration).ok()?.expose_base64();
        Some(key.expose_text().to_owned())
    };
    assert_eq!(key.ok(), expected());
}

fn mqtt(connection: &Text, product: &Text) {
    let is_device = connection
        .text()
        .and_then(|text| ConnectionString::parse(text).ok())
        .is_some_and(|connection| connection.device_id().is_some());
    let user_name = text(|out, cap, len| {
        call!(hubward_mqtt_username(
            connection.ptr(),
            connection.len,
            product.ptr(),
            product.len,
            out,
            cap,
            len
        ))
    });
    assert_eq!(user_name.is_ok(), is_device && product.optional().is_some());
    for function in [hubward_mqtt_client_id, hubward_mqtt_host, hubward_mqtt_telemetry_topic] {
        let text =
            text(|out, cap, len| call!(function(connection.ptr(), connection.len, out, cap, len)));
        assert_eq!(text.is_ok_and(|text| !text.is_empty()), is_device);
    }
}

fn mqtt_for([host, device, module, product, ..]: &[Text; 6]) {
    let user_name = text(|out, cap, len| {
        call!(hubward_mqtt_username_for(
            host.ptr(),
            host.len,
            device.ptr(),
            device.len,
            module.ptr(),
            module.len,
            product.ptr(),
            product.len,
            out,
            cap,
            len
        ))
    });
    let client_id = text(|out, cap, len| {
        call!(hubward_mqtt_client_id_for(
            device.ptr(),
            device.len,
            module.ptr(),
            module.len,
            out,
            cap,
            len
        ))
    });
    let expected = match (device.text(), module.optional()) {
        (Some(device), Some(None)) => Some(device.to_owned()),
        (Some(device), Some(Some(module))) => Some(format!("{device}/{module}")),
        _ => None,
    };
    if let Ok(client_id) = &client_id {
        assert_eq!(Some(client_id), expected.as_ref());
    }
    if let Ok(user_name) = user_name {
        let start = format!("{}/{}/?", host.text().expect("a text"), client_id.expect("as well"));
        assert!(user_name.starts_with(&start));
    }
}

fn expiry_for(lifetime: u64, now: u64) {
    let mut expiry = 77;
    let status = call!(hubward_signer_expiry_for(lifetime, now, &raw mut expiry));
    let is_known = UnixTime::from_secs(now) >= UnixTime::BUILD_FLOOR;
    let expected = now.checked_add(lifetime).filter(|_| is_known && lifetime != 0);
    assert_eq!(status == HUBWARD_OK, expected.is_some(), "{status}");
    assert_eq!(expiry, expected.unwrap_or(77));
}

fn tls(part: i32) {
    for function in [hubward_tls_policy, hubward_tls_trust_anchors] {
        match text(|out, cap, len| call!(function(part, out, cap, len))) {
            Ok(text) => assert!(!text.is_empty()),
            Err(HUBWARD_NOT_COMPILED_IN) if !cfg!(feature = "tls") => {}
            Err(status) => assert_eq!(status, HUBWARD_INVALID_ARGUMENT),
        }
    }
}

fn feature(name: &Text) {
    // SAFETY: NULL, or as many bytes; the other is a text that stays.
    let (has, all) =
        unsafe { (hubward_has_feature(name.ptr(), name.len), CStr::from_ptr(hubward_features())) };
    let all = all.to_str().expect("a text");
    let is_one = name.text().is_some_and(|name| all.split(' ').any(|feature| feature == name));
    assert_eq!(has, i32::from(is_one));
}
