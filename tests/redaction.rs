//! No secret shows: not in `Debug`, not in `Display`, not in an error or in its causes.
//!
//! Every secret here is a canary that is looked for in whatever form it could show: as text, as
//! hexadecimal, as a list of numbers, as base64, percent-encoded; a few bytes of it are enough. The
//! last test reads the crate's source, so that a new public type joins one of the lists or fails.

#[path = "common/hmac.rs"]
mod hmac_states;
#[path = "common/source.rs"]
mod source;

use std::borrow::Borrow;
use std::error::Error;
use std::fmt::{self, Debug, Display, LowerHex};
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hubward::identity::Authentication;
use hubward::keystore::rotation::RotationError;
use hubward::keystore::{KeyError, KeyName, NewKey, PreparedMac, Tag};
use hubward::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use hubward::sas::{ServiceBusKey, TokenCache, TokenFn, TokenPolicy, TokenSource};
use hubward::secret::{SecretBytes, SecretText};
use hubward::time::TrustedTime;
use hubward::{
    Clock, ConnectionString, DeviceId, FixedClock, GroupKey, HubHost, IdScope, MacKey, ModuleId,
    OtherError, PolicyName, RegistrationId, ResourceUri, SasError, SasSigner, SasToken,
    SymmetricKey, UnixTime,
};
use sha2::Sha256;
use source::{Source, sources};

// The canaries.

/// Printable, so that it would show as text too; its base64 has `+`, `/` and `=` in it.
const KEY: [u8; 32] = *b"~cAnArY~kEy~oF~tHiRtY~tWo~bYtEs~";
const HOST: &str = "contoso.azure-devices.net";
const DEVICE: &str = "pump-7";
const RESOURCE: &str = "contoso.azure-devices.net%2Fdevices%2Fpump-7";
const EXPIRY: UnixTime = UnixTime::from_secs(1_800_003_600);
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn key_text() -> String {
    STANDARD.encode(KEY)
}

fn hmac(message: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(&KEY).expect("HMAC takes any key");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

fn signature() -> [u8; 32] {
    hmac(format!("{RESOURCE}\n{}", EXPIRY.as_secs()).as_bytes())
}

fn token_text() -> String {
    let signature = STANDARD.encode(signature());
    format!(
        "SharedAccessSignature sr={RESOURCE}&sig={}&se={}",
        urlencoding::encode(&signature),
        EXPIRY.as_secs()
    )
}

fn connection_text() -> String {
    format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={}", key_text())
}

/// An ECDSA key on P-256 whose scalar is the key, in the DER of PKCS#8.
fn private_key() -> Vec<u8> {
    let mut der = vec![0x30, 0x41, 2, 1, 0];
    // AlgorithmIdentifier: id-ecPublicKey, prime256v1.
    der.extend([0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);
    der.extend([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    // An OCTET STRING with an ECPrivateKey: version 1 and the scalar.
    der.extend([4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 32]);
    assert_eq!(der.len(), SCALAR);
    der.extend(KEY);
    der
}

/// Where the scalar begins in [`private_key`].
const SCALAR: usize = 35;

/// A secret in every form in which a piece of it could show.
struct Canary {
    name: &'static str,
    /// To be found as they are.
    as_is: Vec<String>,
    /// To be found in what [`squeezed`] leaves.
    numbers: Vec<String>,
}

impl Canary {
    fn new(name: &'static str, bytes: &[u8]) -> Self {
        let base64 = STANDARD.encode(bytes);
        let percent = urlencoding::encode(&base64).into_owned();
        let mut as_is = pieces(&base64, 8);
        as_is.extend(pieces(&percent, 8));
        as_is.extend(pieces(&percent.to_lowercase(), 8));
        if let Ok(text) = str::from_utf8(bytes) {
            as_is.extend(pieces(text, 6));
        }
        let six_of = |number: fn(&u8) -> String| {
            let windows = bytes.windows(6);
            windows.map(move |six| six.iter().map(number).collect::<String>())
        };
        let mut numbers: Vec<String> = six_of(|byte| format!("{byte:02x}")).collect();
        numbers.extend(six_of(|byte| format!("{byte:x}")));
        numbers.extend(six_of(u8::to_string));
        Self { name, as_is, numbers }
    }

    /// A state of the hash.
    fn of_words(name: &'static str, words: &[u32]) -> Self {
        let two_of = |number: fn(&u32) -> String| {
            let windows = words.windows(2);
            windows.map(move |two| two.iter().map(number).collect::<String>())
        };
        let mut numbers: Vec<String> = two_of(|word| format!("{word:x}")).collect();
        numbers.extend(two_of(|word| format!("{word:08x}")));
        numbers.extend(two_of(u32::to_string));
        Self { name, as_is: Vec::new(), numbers }
    }

    fn shows_in(&self, text: &str) -> bool {
        let squeezed = squeezed(text);
        self.as_is.iter().any(|piece| text.contains(piece.as_str()))
            || self.numbers.iter().any(|piece| squeezed.contains(piece))
    }
}

/// All runs of `len` characters, and the whole where it is shorter.
fn pieces(text: &str, len: usize) -> Vec<String> {
    assert!(text.is_ascii());
    (0..=text.len().saturating_sub(len))
        .map(|start| text[start..text.len().min(start + len)].to_owned())
        .collect()
}

/// What is left of lists of numbers, in whichever layout, without what stands between them.
fn squeezed(text: &str) -> String {
    let text = text.to_lowercase().replace("0x", "");
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn canaries() -> &'static [Canary] {
    static CANARIES: OnceLock<Vec<Canary>> = OnceLock::new();
    CANARIES.get_or_init(|| {
        // The states of the hash after the key's padded blocks.
        let [inner, outer] = [0x36, 0x5c].map(|pad| hmac_states::state(&KEY, pad, &[]));
        vec![
            Canary::new("the key", &KEY),
            Canary::of_words("the inner state", &inner),
            Canary::of_words("the outer state", &outer),
            Canary::new("the derived key", &hmac(b"sn-7")),
            Canary::new("the signature", &signature()),
            // As it is in PEM: base64 that begins three bytes further on each time.
            Canary::new("the private key", &private_key()[SCALAR / 3 * 3..]),
        ]
    })
}

fn assert_hidden(what: &str, shown: &str) {
    for canary in canaries() {
        assert!(!canary.shows_in(shown), "{what} shows {}: {shown}", canary.name);
    }
}

#[test]
fn a_canary_is_seen_in_every_form() {
    #[derive(Debug)]
    struct Careless<T>(T);

    let [key, inner, ..] = canaries() else {
        panic!("the list was changed");
    };
    let percent = urlencoding::encode(&key_text()).into_owned();
    let hex: String = KEY.iter().map(|byte| format!("{byte:02X}")).collect();
    for shown in [
        format!("{:?}", Careless(KEY)),
        format!("{:#?}", Careless(KEY)),
        format!("{KEY:x?}"),
        format!("{KEY:#04X?}"),
        format!("{:?}", Careless(key_text())),
        format!("{:?}", String::from_utf8_lossy(&KEY)),
        format!("The key is {hex}."),
        format!("sig={}", percent.to_lowercase()),
        percent,
        // Pieces.
        format!("{}...", &key_text()[..10]),
        format!("{:?}", &KEY[20..27]),
    ] {
        assert!(key.shows_in(&shown), "missed: {shown}");
    }
    let state = hmac_states::state(&KEY, 0x36, &[]);
    for shown in
        [format!("{:?}", Careless(state)), format!("{state:#x?}"), format!("{:#?}", &state[5..])]
    {
        assert!(inner.shows_in(&shown), "missed: {shown}");
    }
    for harmless in
        ["SharedAccessKey=<redacted>", "", &format!("{HOST} {RESOURCE} {DEVICE} {EXPIRY}")]
    {
        assert!(canaries().iter().all(|canary| !canary.shows_in(harmless)));
    }
}

// Types that hold a secret.

fn key() -> SymmetricKey {
    SymmetricKey::from_bytes(&KEY).expect("a key")
}

fn device() -> ResourceUri {
    ResourceUri::parse(&format!("{HOST}/devices/{DEVICE}")).expect("a resource")
}

/// A key whose own `Debug` shows everything: a signer must not ask it.
#[derive(Debug)]
struct Talkative([u8; 32]);

impl MacKey for Talkative {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        SymmetricKey::from_bytes(&self.0)?.hmac_sha256(parts)
    }
}

fn debugged(value: &dyn Debug) -> Vec<String> {
    vec![
        format!("{value:?}"),
        format!("{value:#?}"),
        format!("{value:x?}"),
        format!("{value:300?}"),
    ]
}

fn displayed(value: &dyn Display) -> Vec<String> {
    vec![value.to_string(), format!("{value:#}"), format!("{value:300}")]
}

/// Names of the types that hold a secret, and how values of them show.
fn holders() -> Holders {
    let token_text = token_text();
    let identity = format!("HostName={HOST};DeviceId={DEVICE}");
    let with_key = connection_text();
    let with_token = format!("{identity};SharedAccessSignature={token_text}");
    let with_key = ConnectionString::parse(&with_key).expect("it is in order");
    let with_token = ConnectionString::parse(&with_token).expect("it is in order");
    let bytes = || SecretBytes::copy_from(&KEY).expect("it fits");
    let policy = PolicyName::new("device").expect("a policy");
    let host = HubHost::new(HOST).expect("a host");
    let of_policy = ConnectionString::policy(host, policy.clone(), bytes());
    let exposed = with_key.expose_connection_string().expect("no `;`");

    let signer = SasSigner::new(key(), &device()).expect("not Service Bus");
    let talkative = SasSigner::new(Talkative(KEY), &device()).expect("not Service Bus");
    let shared: Arc<dyn MacKey> = Arc::new(key());
    let boxed: Box<dyn MacKey> = Box::new(key());
    let by_handle = SasSigner::new(Arc::clone(&shared), &device()).expect("not Service Bus");
    let by_policy = SasSigner::with_policy(&*shared, &device(), &policy).expect("the same");
    let made = signer.sign(EXPIRY).expect("in memory");
    let parsed = SasToken::parse(&token_text).expect("it is in order");
    let group = GroupKey::from_bytes(&KEY).expect("a key");
    let registration = RegistrationId::new("sn-7").expect("an ID");
    let derived = group.derive_device_key(&registration);
    let text_key = ServiceBusKey::from_text(&key_text()).expect("a key");
    let prepared = key().prepare(b"").expect("in memory");
    let symmetric = key();
    let pkcs8 = private_key();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&*pkcs8));
    let sec1 = PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(&pkcs8[SCALAR - 7..]));

    let mut holders = vec![
        ("SecretBytes", debugged(&bytes())),
        ("SecretText", debugged(&key().expose_base64())),
        ("SecretText", debugged(&exposed)),
        ("SymmetricKey", debugged(&key())),
        ("SymmetricKey", debugged(&shared)),
        ("SymmetricKey", debugged(&boxed)),
        ("SymmetricKey", debugged(&derived)),
        ("GroupKey", debugged(&group)),
        ("ServiceBusKey", debugged(&text_key)),
        ("PreparedMac", debugged(&prepared)),
        ("Tag", debugged(&Tag::from_bytes(KEY))),
        ("Tag", debugged(&key().hmac_sha256(&[b"sn-7"]))),
        ("SasSigner", debugged(&signer)),
        ("SasSigner", debugged(&talkative)),
        ("SasSigner", debugged(&by_handle)),
        ("SasSigner", debugged(&by_policy)),
        ("SasToken", debugged(&made)),
        ("SasToken", displayed(&made)),
        ("SasToken", debugged(&parsed)),
        ("SasToken", displayed(&parsed)),
        ("ConnectionString", debugged(&with_key)),
        ("ConnectionString", displayed(&with_key)),
        ("ConnectionString", debugged(&with_token)),
        ("ConnectionString", displayed(&with_token)),
        ("ConnectionString", debugged(&of_policy)),
        ("ConnectionString", displayed(&of_policy)),
        ("Authentication", debugged(with_key.authentication())),
        ("Authentication", debugged(with_token.authentication())),
        ("NewKey", debugged(&NewKey::Symmetric(&symmetric))),
        ("NewKey", debugged(&NewKey::Private(&private))),
        ("NewKey", debugged(&NewKey::Private(&sec1))),
    ];
    holders.extend(token_caches());
    holders.extend(MORE_HOLDERS.iter().flat_map(|holders| holders()));
    holders
}

/// Over sources that hold a key themselves, with a token and with a token's error.
fn token_caches() -> Holders {
    let boxed: Box<dyn TokenSource> =
        Box::new(SasSigner::new(key(), &device()).expect("not Service Bus"));
    let by_signer = SasSigner::new(Talkative(KEY), &device()).expect("not Service Bus");
    let source =
        TokenFn(|_| SasToken::from_string(token_text()).map_err(|_| SasError::ZeroLifetime));
    let mut by_function = TokenCache::new(source, &device(), TokenPolicy::default());
    let mut by_signer = TokenCache::for_signer(by_signer, TokenPolicy::default());
    let mut holders = vec![
        ("TokenCache", debugged(&by_signer)),
        ("TokenCache", debugged(&TokenCache::new(boxed, &device(), TokenPolicy::default()))),
        ("CachedToken", debugged(&by_function.poll(NOW))),
        ("CachedToken", debugged(&by_signer.poll(NOW))),
    ];
    holders.extend([("TokenCache", debugged(&by_function)), ("TokenCache", debugged(&by_signer))]);
    holders
}

/// Whoever reads a log sees that there was something.
const MARKS: [&str; 3] = [
    "<redacted>",
    // How `rustls-pki-types` says it.
    "[secret key elided]",
    // Stores show none of what they hold, and that this is not all.
    "..",
];

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    for (name, shown) in holders() {
        for shown in shown {
            assert_hidden(name, &shown);
            assert!(MARKS.iter().any(|mark| shown.contains(mark)), "{name}: {shown}");
        }
    }
    let token_text = token_text();
    let token = SasToken::parse(&token_text).expect("it is in order");
    for shown in displayed(&token.resource()) {
        assert_hidden("SasToken::resource", &shown);
    }
}

/// What hides too much gets switched off.
#[test]
fn what_is_no_secret_shows() {
    for (name, shown) in holders() {
        if matches!(name, "SasSigner" | "SasToken" | "ConnectionString") {
            let shows = shown.iter().all(|shown| shown.contains(HOST));
            assert!(shows, "{name}: {shown:?}");
        }
    }
}

// Keys in locked memory and in stores, as far as this build has them.

type Holders = Vec<(&'static str, Vec<String>)>;

const MORE_HOLDERS: &[fn() -> Holders] = &[
    #[cfg(feature = "capi")]
    capi::holders,
    #[cfg(all(
        feature = "tls",
        feature = "x509-issue",
        feature = "keystore-software",
        feature = "ring"
    ))]
    tls::holders,
    #[cfg(feature = "session")]
    session::holders,
    #[cfg(feature = "x509")]
    x509::holders,
    #[cfg(feature = "mlock")]
    locked::holders,
    #[cfg(feature = "keystore-memory")]
    memory::holders,
    #[cfg(feature = "keystore-software")]
    software::holders,
    #[cfg(all(feature = "keystore-file", unix))]
    file::holders,
    #[cfg(all(feature = "keystore-systemd", unix))]
    systemd::holders,
    #[cfg(all(feature = "keystore-os", target_os = "linux"))]
    os::holders,
];

const MORE_FAILURES: &[fn() -> Vec<Option<Failure>>] = &[
    #[cfg(feature = "x509")]
    x509::failures,
    #[cfg(all(
        feature = "tls",
        feature = "x509-issue",
        feature = "keystore-software",
        feature = "ring"
    ))]
    tls::failures,
    #[cfg(feature = "session")]
    session::failures,
    #[cfg(feature = "keystore-memory")]
    memory::failures,
    #[cfg(feature = "keystore-software")]
    software::failures,
    #[cfg(all(feature = "keystore-file", unix))]
    file::failures,
    #[cfg(all(any(feature = "keystore-file", feature = "keystore-systemd"), unix))]
    file_checks,
    #[cfg(all(feature = "keystore-systemd", unix))]
    systemd::failures,
];

#[cfg(any(
    feature = "keystore-file",
    feature = "keystore-memory",
    feature = "keystore-os",
    feature = "keystore-systemd"
))]
fn name() -> KeyName {
    KeyName::new("hub.primary").expect("a name")
}

#[cfg(feature = "mlock")]
mod locked {
    use hubward::secret::LockPolicy;

    use super::*;

    pub(super) fn holders() -> Holders {
        let policy = LockPolicy::Prefer;
        let key = SymmetricKey::from_base64_locked(&key_text(), policy).expect("preferred");
        let bytes = SecretBytes::copy_from(&KEY).expect("it fits");
        let prepared = key.prepare(b"").expect("in memory");
        let mut holders = vec![
            ("SecretBytes", debugged(&bytes.to_locked(policy))),
            ("SymmetricKey", debugged(&key)),
            ("PreparedMac", debugged(&prepared)),
            ("SasSigner", debugged(&SasSigner::new(key, &device()).expect("not Service Bus"))),
        ];
        holders.extend(software_holders(policy));
        holders
    }

    #[cfg(feature = "keystore-software")]
    fn software_holders(policy: LockPolicy) -> Holders {
        use hubward::keystore::SoftwareSigningKey;

        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private_key()));
        let key = SoftwareSigningKey::from_der(&der).expect("a key").to_locked(policy);
        vec![("SoftwareSigningKey", debugged(&key))]
    }

    #[cfg(not(feature = "keystore-software"))]
    fn software_holders(_: LockPolicy) -> Holders {
        Vec::new()
    }
}

/// What a C program holds, shown by whoever looks at it in Rust.
#[cfg(feature = "capi")]
mod capi {
    use hubward::capi::*;

    use super::*;

    /// What `make` makes, shown, and given back by `free`.
    pub(super) fn shown<T: Debug>(
        make: impl FnOnce(*mut *mut T) -> hubward_status,
        free: unsafe extern "C" fn(*mut T),
        and: impl FnOnce(*mut T),
    ) -> Vec<String> {
        let mut object = std::ptr::null_mut();
        assert_eq!(make(&raw mut object), HUBWARD_OK);
        and(object);
        // SAFETY: it was made just now, and is given back once.
        unsafe {
            let shown = debugged(&*object);
            free(object);
            shown
        }
    }

    pub(super) fn holders() -> Holders {
        let (with_key, key, token) = (connection_text(), key_text(), token_text());
        let with_token = format!("HostName={HOST};DeviceId={DEVICE};SharedAccessSignature={token}");
        let at = |text: &str| (text.as_ptr().cast(), text.len());
        let ((cs, cs_len), (key, key_len), (token, token_len)) =
            (at(&with_key), at(&key), at(&token));
        let (with_token, with_token_len) = at(&with_token);
        let nothing = |_| {};
        // SAFETY: texts with their lengths, places for the results, and what was made and is not freed yet.
        let mut holders: Holders = unsafe {
            let free = hubward_connection_string_free;
            let parse = hubward_connection_string_parse;
            let string = |text, len| shown(|out| parse(text, len, out), free, |_| {});
            let by_key =
                shown(|out| hubward_mac_key_new(key, key_len, out), hubward_mac_key_free, nothing);
            let mut caches = Vec::new();
            let signer = shown(
                |out| hubward_signer_from_connection_string(cs, cs_len, out),
                hubward_signer_free,
                |signer| {
                    let new = |out| hubward_token_cache_new(signer, 3600, 80, out);
                    caches = shown(new, hubward_token_cache_free, |cache| {
                        let mut buffer = [0; HUBWARD_SAS_TOKEN_MAX];
                        let (mut len, mut result) = (0, std::mem::zeroed());
                        let (out, cap) = (buffer.as_mut_ptr(), buffer.len());
                        let poll = hubward_token_cache_poll;
                        let now = NOW.as_secs();
                        let status = poll(cache, now, out, cap, &raw mut len, &raw mut result);
                        assert_eq!((status, result.action), (HUBWARD_OK, HUBWARD_CACHE_USE));
                    });
                },
            );
            vec![
                ("hubward_connection_string", string(cs, cs_len)),
                ("hubward_connection_string", string(with_token, with_token_len)),
                ("hubward_mac_key", by_key),
                ("hubward_signer", signer),
                ("hubward_token_cache", caches),
                (
                    "hubward_token",
                    shown(
                        |out| hubward_token_parse(token, token_len, out),
                        hubward_token_free,
                        |_| {},
                    ),
                ),
            ]
        };
        holders.extend(in_a_file());
        holders
    }

    #[cfg(all(feature = "keystore-file", unix))]
    fn in_a_file() -> Holders {
        let dir = private_dir();
        let path = dir.path().join("keys").into_os_string().into_string().expect("it is text");
        let (at, len) = (path.as_ptr().cast(), path.len());
        let passphrase = key_text();
        let (secret, secret_len) = (passphrase.as_ptr().cast(), passphrase.len());
        let (key, key_len) = (secret, secret_len);
        let private = private_key();
        let name = "key".as_ptr().cast();
        let mut keys = Holders::new();
        let store = shown(
            // SAFETY: texts with their lengths, and a place for the result.
            |out| unsafe { hubward_store_create(at, len, secret, secret_len, out) },
            hubward_store_free,
            // SAFETY: a store, texts and bytes with their lengths, and places for the results.
            |store| unsafe {
                assert_eq!(hubward_store_import(store, name, 2, key, key_len), HUBWARD_OK);
                let key = |out| hubward_store_mac_key(store, name, 2, out);
                keys.push(("hubward_mac_key", shown(key, hubward_mac_key_free, |_| {})));
                if cfg!(feature = "keystore-software") {
                    let import = hubward_store_import_private_der;
                    let (der, der_len) = (private.as_ptr(), private.len());
                    assert_eq!(import(store, name, 3, der, der_len), HUBWARD_OK);
                    let key = |out| hubward_store_signing_key(store, name, 3, out);
                    let shown = shown(key, hubward_signing_key_free, |_| {});
                    keys.push(("hubward_signing_key", shown));
                }
            },
        );
        keys.push(("hubward_store", store));
        keys
    }

    #[cfg(not(all(feature = "keystore-file", unix)))]
    fn in_a_file() -> Holders {
        Vec::new()
    }
}

#[cfg(feature = "keystore-memory")]
mod memory {
    use hubward::keystore::rotation::{Proof, Rotation};
    use hubward::keystore::{
        AtLeast, CredentialStore, KeyKind, KeyStore, KeyStoreAdmin, MemoryKeyStore, Protection,
    };

    use super::*;

    fn store() -> MemoryKeyStore {
        let store = MemoryKeyStore::new();
        store.import(&name(), NewKey::Symmetric(&key())).expect("it is new");
        store
    }

    pub(super) fn holders() -> Holders {
        let store = store();
        let handle = store.mac_key(&name()).expect("it is there");
        let by_handle = SasSigner::new(Arc::clone(&handle), &device()).expect("not Service Bus");
        let rotation = Rotation::begin(&store, &name(), NewKey::Symmetric(&key()), &[]);
        let rotation = rotation.expect("none is in progress");
        let candidate = rotation.candidate().expect("it is staged");
        vec![
            ("MemoryKeyStore", debugged(&store)),
            ("SymmetricKey", debugged(&handle)),
            ("SasSigner", debugged(&by_handle)),
            ("Rotation", debugged(&rotation)),
            ("Candidate", debugged(&candidate)),
            ("Candidate", debugged(&candidate.mac_key())),
            ("AtLeast", debugged(&AtLeast::new(self::store(), Protection::Plain))),
        ]
    }

    pub(super) fn failures() -> Vec<Option<Failure>> {
        let store = store();
        let missing = KeyName::new("missing").expect("a name");
        let new = key();
        let new = || NewKey::Symmetric(&new);
        let mut failures = vec![
            failure("KeyError", "a missing key", store.mac_key(&missing)),
            failure("KeyError", "another kind", store.signing_key(&name())),
            failure("KeyError", "twice", store.import(&name(), new())),
            failure("KeyError", "nothing to replace", store.rotate(&missing, new())),
            failure("KeyError", "no RSA", store.create(&missing, KeyKind::Rsa)),
            failure(
                "KeyError",
                "too plain",
                AtLeast::new(self::store(), Protection::Hardware).mac_key(&name()),
            ),
        ];
        for garbage in misplaced() {
            let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(garbage.as_bytes()));
            let imported = store.import(&missing, NewKey::Private(&der));
            failures.push(failure("KeyError", &garbage, imported));
        }

        let rotation = Rotation::begin(&store, &name(), new(), &[]).expect("none is in progress");
        let other = KeyName::new("other").expect("a name");
        store.import(&other, new()).expect("it is new");
        failures.extend([
            failure("RotationError", "twice", Rotation::begin(&store, &name(), new(), &[])),
            failure("RotationError", "too early", rotation.clone().retire()),
            failure("RotationError", "not proved", rotation.commit()),
            failure(
                "KeyError",
                "in progress",
                store.swap(&name(), &other).and(Err::<(), _>(KeyError::NotFound)),
            ),
        ]);
        let candidate = rotation.candidate().expect("it is staged");
        rotation.accept(&candidate).expect("it is the one");
        rotation.commit().expect("it is proved");
        failures.push(failure("RotationError", "too late", rotation.clone().abandon()));
        store.rotate(&name(), NewKey::Generate(KeyKind::Symmetric)).expect("it is there");
        let finished = rotation.clone().finish(|_| Proof::Accepted);
        failures.push(failure("RotationError", "by hand", finished));
        failures.push(failure("RotationError", "gone", rotation.phase()));
        // What the work of a transaction answers comes out as it is.
        let silent = store.transact(&mut |_| Broken.hmac_sha256(&[]).map(drop));
        failures.push(failure("KeyError", "a transaction", silent));
        failures
    }
}

#[cfg(feature = "session")]
mod session {
    use hubward::session::HubIdentity;
    use hubward::session::amqp::{PutToken, SaslPlain};
    use hubward::session::https::Authorization;
    use hubward::session::mqtt::HubSession;
    use hubward::session::preflight::{DpsPreflight, Preflight, PreflightReport};
    use hubward::session::storage::FileUpload;

    use super::*;

    fn device_id() -> DeviceId {
        DeviceId::new(DEVICE).expect("an ID")
    }

    /// A signature for a blob, with the canary in the place of the one that is secret.
    fn blob_sas() -> String {
        let signature = STANDARD.encode(signature());
        let signature = urlencoding::encode(&signature).into_owned();
        format!("?sv=2018-03-28&sr=b&sig={signature}&se=2027-01-15T09%3A00%3A00Z&sp=rw")
    }

    fn upload(sas: &str) -> FileUpload<'_> {
        let host = "contoso.blob.core.windows.net";
        FileUpload { host, container: "logs", blob: "pump-7/today.txt", sas }
    }

    pub(super) fn holders() -> Holders {
        let token_text = token_text();
        let token = SasToken::parse(&token_text).expect("it is in order");
        let host = HubHost::new(HOST).expect("a host");
        let policy = PolicyName::new("device").expect("a policy");
        let identity = HubIdentity::device(host.clone(), device_id());
        let sas = blob_sas();
        let url = upload(&sas).check(&device_id(), NOW).expect("it is in order");
        let connection = connection_text();
        vec![
            ("PutToken", debugged(&PutToken::new(&token))),
            ("SaslPlain", debugged(&SaslPlain::device(&identity, &token))),
            ("SaslPlain", debugged(&SaslPlain::policy(&host, &policy, &token))),
            ("Authorization", debugged(&Authorization::new(&token))),
            ("FileUpload", debugged(&upload(&sas))),
            ("UploadUrl", debugged(&url)),
            ("Preflight", debugged(&Preflight::new(&connection))),
            ("DpsPreflight", debugged(&DpsPreflight::new(DEVICE, DEVICE).key(&key_text()))),
            ("DpsPreflight", debugged(&DpsPreflight::new(DEVICE, DEVICE).token(&token_text))),
        ]
    }

    /// Each reason of a report; the report itself has nothing either.
    fn reasons(what: &str, report: &PreflightReport) -> Vec<Option<Failure>> {
        for shown in displayed(report).into_iter().chain([report.to_json()]) {
            assert_hidden("PreflightReport", &shown);
        }
        let reasons = report.reasons().iter();
        reasons.map(|reason| failure::<(), _>("Reason", what, Err(reason.clone()))).collect()
    }

    pub(super) fn failures() -> Vec<Option<Failure>> {
        let good = blob_sas();
        let mut failures = Vec::new();
        for secret in misplaced() {
            let refused = [
                FileUpload { host: &secret, ..upload(&good) },
                FileUpload { container: &secret, ..upload(&good) },
                FileUpload { blob: &secret, ..upload(&good) },
                upload(&secret),
                upload(&format!("{good}&{secret}")),
                upload(&format!("{good}&{secret}={secret}")),
                upload(&format!("{good}&st={secret}")),
            ]
            .map(|upload| upload.check(&device_id(), NOW));
            let refused = refused.into_iter();
            failures.extend(refused.map(|refused| failure("UploadRefused", &secret, refused)));

            let texts = [
                secret.clone(),
                format!("HostName={HOST};{secret}"),
                format!("HostName={HOST};DeviceId={DEVICE};SharedAccessSignature={secret}"),
                format!("HostName={HOST};DeviceId={DEVICE};SharedAccessSignature={}", token_text()),
                format!("HostName=h;DeviceId={DEVICE};SharedAccessKey={}", key_text()),
            ];
            for text in texts {
                for now in [NOW, EXPIRY, UnixTime::from_secs(0)] {
                    failures.extend(reasons(&text, &Preflight::new(&text).check(now)));
                }
            }
            let registration = DpsPreflight::new("0ne", DEVICE);
            for preflight in [
                DpsPreflight::new(&secret, DEVICE),
                DpsPreflight::new("0ne", &secret),
                registration.host(&secret),
                registration.key(&secret),
                registration.group_key(&secret),
                registration.group_key(&key_text()),
                registration.token(&secret),
                registration.token(&token_text()),
            ] {
                for now in [NOW, EXPIRY, UnixTime::from_secs(0)] {
                    failures.extend(reasons(&secret, &preflight.check(now)));
                }
            }
        }
        let of_policy =
            format!("HostName={HOST};SharedAccessKeyName=p;SharedAccessKey={}", key_text());
        let of_policy = ConnectionString::parse(&of_policy).expect("it is in order");
        let identity = HubIdentity::from_connection_string(&of_policy);
        let session =
            HubSession::new(&HubIdentity::device(HubHost::new(HOST).expect("a host"), device_id()));
        let long = misplaced().concat().repeat(100);
        failures.push(failure("UserNameError", "a long name", session.product(&long)));
        failures.push(failure("NoDeviceError", "a policy", identity));
        failures
    }
}

#[cfg(feature = "x509")]
mod x509 {
    use hubward::secret::SecretText;
    use hubward::x509::{
        Certificate, DeviceCertificate, certificates_from_pem, private_key_from_der,
        private_key_from_encrypted_der, private_key_from_encrypted_pem, private_key_from_pem,
    };

    use super::*;

    pub(super) fn holders() -> Holders {
        let label = "PRIVATE KEY";
        let text = STANDARD.encode(private_key());
        let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
        let key = private_key_from_pem(pem.as_bytes()).expect("a key");
        let same = private_key_from_der(&private_key()).expect("a key");
        vec![("PrivateKey", debugged(&key)), ("PrivateKey", debugged(&same))]
    }

    /// A key where a certificate belongs, damaged, and in place of a text; and a secret in its place.
    pub(super) fn failures() -> Vec<Option<Failure>> {
        let mut inputs: Vec<(String, Vec<u8>)> =
            misplaced().into_iter().map(|secret| (secret.clone(), secret.into_bytes())).collect();
        let der = private_key();
        let text = STANDARD.encode(&der);
        let block = |begin: &str, text: &str, end: &str| {
            format!("-----BEGIN {begin}-----\n{text}\n-----END {end}-----\n").into_bytes()
        };
        let key = "PRIVATE KEY";
        inputs.extend([
            ("DER".to_owned(), der.clone()),
            ("DER, short".to_owned(), der[..der.len() - 1].to_vec()),
            ("DER, long".to_owned(), [&der[..], b"\0"].concat()),
            ("PEM, damaged".to_owned(), block(key, &format!("{text}!"), key)),
            ("PEM, short".to_owned(), block(key, &text[1..], key)),
            ("PEM, no end".to_owned(), block(key, &text, "CERTIFICATE")),
            ("PEM, twice".to_owned(), block(key, &text, key).repeat(2)),
            ("PEM of a certificate".to_owned(), block("CERTIFICATE", &text, "CERTIFICATE")),
            ("PEM, encrypted".to_owned(), {
                block("ENCRYPTED PRIVATE KEY", &text, "ENCRYPTED PRIVATE KEY")
            }),
            (
                "PEM of OpenSSH".to_owned(),
                block("OPENSSH PRIVATE KEY", &text, "OPENSSH PRIVATE KEY"),
            ),
            ("PEM with the key as its label".to_owned(), block(&text, &text, &text)),
            ("PEM on one line".to_owned(), format!("-----BEGIN {key}-----{text}").into_bytes()),
        ]);
        let mut failures = Vec::new();
        for (what, bytes) in inputs {
            let passphrase = key_text();
            let passphrase = SecretText::borrowed(&passphrase);
            for opened in [
                private_key_from_pem(&bytes),
                private_key_from_encrypted_pem(&bytes, &passphrase),
                private_key_from_der(&bytes),
                private_key_from_encrypted_der(&bytes, &passphrase),
            ] {
                // What is a key is no failure.
                if let Err(error) = opened {
                    failures.push(failure("PemError", &what, Err::<(), _>(error)));
                }
            }
            let read = certificates_from_pem(&bytes);
            failures.extend(read.is_err().then(|| failure("PemError", &what, read)));
            let chain = DeviceCertificate::from_pem(&bytes);
            failures.push(failure("ChainError", &what, chain));
            let certificate = Certificate::from_der(bytes.into());
            failures.push(failure("CertificateError", &what, certificate));
        }
        failures
    }
}

#[cfg(all(
    feature = "tls",
    feature = "x509-issue",
    feature = "keystore-software",
    feature = "ring"
))]
mod tls {
    use hubward::keystore::SoftwareSigningKey;
    use hubward::pki_types::{CertificateDer, CertificateRevocationListDer};
    use hubward::tls::{
        ClientTls, ClientTlsBuilder, Cloud, Provider, ServerTls, ServerTlsBuilder, TlsIdentity,
        TrustAnchors,
    };
    use hubward::x509::{DeviceCertificate, Validity, self_signed};

    use super::*;

    fn identity() -> TlsIdentity {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private_key()));
        let key = SoftwareSigningKey::from_der(&der).expect("a key");
        let device = DeviceId::new(DEVICE).expect("an ID");
        let validity = Validity::starting(NOW, Duration::from_secs(3600));
        let certificate = self_signed(&key, &device, validity).expect("it is in order");
        let certificate = DeviceCertificate::from_certificates(vec![certificate]);
        TlsIdentity::new(certificate.expect("one"), Arc::new(key)).expect("they fit")
    }

    fn client() -> ClientTlsBuilder {
        ClientTls::builder(Provider::Ring).trust(TrustAnchors::of(Cloud::Public))
    }

    fn server() -> ServerTlsBuilder {
        ServerTls::builder(Provider::Ring).identity(identity())
    }

    pub(super) fn holders() -> Holders {
        let tls = client().identity(identity()).build(FixedClock::at(NOW)).expect("it is right");
        let serving = server().build(FixedClock::at(NOW)).expect("it is right");
        let (recorded, _) = tls.recorded();
        vec![
            ("TlsIdentity", debugged(&identity())),
            ("ClientTlsBuilder", debugged(&client().identity(identity()))),
            ("DangerousClientTls", debugged(&client().identity(identity()).dangerous())),
            ("ClientTls", debugged(&tls)),
            ("ServerTlsBuilder", debugged(&server())),
            ("ServerTls", debugged(&serving)),
            // What rustls shows of them.
            ("ClientTls", debugged(&tls.config())),
            ("ClientTls", debugged(&tls.rotating_config())),
            ("ClientTls", debugged(&recorded)),
            ("ServerTls", debugged(&serving.config())),
        ]
    }

    /// What is no certificate may be a key.
    pub(super) fn failures() -> Vec<Option<Failure>> {
        let mut failures = Vec::new();
        let label = "PRIVATE KEY";
        let text = STANDARD.encode(private_key());
        let mut secrets = misplaced();
        secrets.push(format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n"));
        secrets.push(format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
        secrets.push(format!("-----BEGIN CERTIFICATE-----\n{text}"));
        let mut inputs: Vec<Vec<u8>> = secrets.into_iter().map(String::into_bytes).collect();
        inputs.push(private_key());
        for input in inputs {
            let shown = String::from_utf8_lossy(&input).into_owned();
            let anchors = TrustAnchors::from_pem(&input);
            failures.push(failure("TrustAnchorError", &shown, anchors));
            let anchors = TrustAnchors::from_der(&[CertificateDer::from(&*input)]);
            failures.push(failure("TrustAnchorError", &shown, anchors));
            let list = CertificateRevocationListDer::from(input);
            let built = client().crls([list]).build(FixedClock::at(NOW));
            failures.push(failure("TlsError", &shown, built));
        }
        let protocol = key_text().repeat(10);
        let built = client().alpn(&[&protocol]).build(FixedClock::at(NOW));
        failures.push(failure("TlsError", "a protocol", built));
        let other = identity().certificate().clone();
        let key = SoftwareSigningKey::generate(hubward::keystore::KeyKind::EcdsaP256);
        let identity = TlsIdentity::new(other, Arc::new(key.expect("it is random")));
        failures.push(failure("IdentityError", "another key", identity));
        failures
    }
}

#[cfg(feature = "keystore-software")]
mod software {
    use hubward::keystore::{SignatureAlgorithm, SigningKey, SoftwareSigningKey};
    use hubward::pki_types::PrivatePkcs1KeyDer;

    use super::*;

    pub(super) fn holders() -> Holders {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private_key()));
        let key = SoftwareSigningKey::from_der(&der).expect("a key");
        let sec1 = PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(sec1()));
        let shared: Arc<dyn SigningKey> =
            Arc::new(SoftwareSigningKey::from_der(&sec1).expect("a key"));
        vec![
            ("SoftwareSigningKey", debugged(&key)),
            ("SoftwareSigningKey", debugged(&shared)),
            ("NewKey", debugged(&NewKey::Private(&sec1))),
        ]
    }

    /// The same key as SEC 1 has it: version 1, the scalar, the curve.
    fn sec1() -> Vec<u8> {
        let mut der = vec![0x30, 0x31, 2, 1, 1, 4, 32];
        der.extend(KEY);
        der.extend([0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
        der
    }

    pub(super) fn failures() -> Vec<Option<Failure>> {
        let mut inputs: Vec<(String, Vec<u8>)> =
            misplaced().into_iter().map(|secret| (secret.clone(), secret.into_bytes())).collect();
        for (what, good) in [("PKCS#8", private_key()), ("SEC 1", sec1())] {
            let short = good[..good.len() - 1].to_vec();
            let mut long = good.clone();
            long.push(0);
            // Of a curve that is not supported.
            let mut other_curve = good.clone();
            let at = other_curve.windows(4).rposition(|four| four == [0x3d, 3, 1, 7]);
            other_curve[at.expect("the curve is named") + 3] = 8;
            let mut twice = good.clone();
            twice.extend(&good);
            for (how, der) in
                [("short", short), ("long", long), ("curve", other_curve), ("twice", twice)]
            {
                inputs.push((format!("{what}, {how}"), der));
            }
        }
        let mut failures = Vec::new();
        for (what, der) in inputs {
            for der in [
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.as_slice())),
                PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der.as_slice())),
                PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der.as_slice())),
            ] {
                failures.push(failure("KeyError", &what, SoftwareSigningKey::from_der(&der)));
            }
        }
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private_key()));
        let key = SoftwareSigningKey::from_der(&der).expect("a key");
        let signed = key.sign(SignatureAlgorithm::RsaPssSha256, &KEY);
        failures.push(failure("KeyError", "another algorithm", signed));
        failures
    }
}

#[cfg(all(feature = "keystore-file", unix))]
mod file {
    use std::fs;

    use hubward::keystore::file::{FileKeyStore, StoreKey};
    use hubward::keystore::{KeyStore, KeyStoreAdmin, Protection};

    use super::*;

    fn raw() -> SecretBytes {
        SecretBytes::copy_from(&KEY).expect("it fits")
    }

    pub(super) fn holders() -> Holders {
        let dir = private_dir();
        let (raw, passphrase, mac_key) = (raw(), key().expose_base64(), key());
        let store = FileKeyStore::create(dir.path().join("keys"), StoreKey::Raw(&raw));
        let store = store.expect("it is new");
        store.import(&name(), NewKey::Symmetric(&key())).expect("it is new");
        vec![
            ("StoreKey", debugged(&StoreKey::Raw(&raw))),
            ("StoreKey", debugged(&StoreKey::Passphrase(&passphrase))),
            ("StoreKey", debugged(&StoreKey::MacKey(&mac_key))),
            ("FileKeyStore", debugged(&store)),
            ("SymmetricKey", debugged(&store.mac_key(&name()))),
        ]
    }

    pub(super) fn failures() -> Vec<Option<Failure>> {
        let dir = private_dir();
        let at = |name: &str| dir.path().join(name);
        let (raw, mac_key) = (raw(), key());
        let mut failures = Vec::new();
        let mut refused = |what: &str, path: &str, key: StoreKey<'_>| {
            failures.push(failure("FileStoreError", what, FileKeyStore::open(at(path), key)));
        };

        let store = FileKeyStore::create(at("keys"), StoreKey::Raw(&raw)).expect("it is new");
        store.import(&name(), NewKey::Symmetric(&key())).expect("it is new");
        let other = SecretBytes::copy_from(&KEY.map(|byte| byte ^ 1)).expect("it fits");
        refused("another key", "keys", StoreKey::Raw(&other));
        refused("another kind of key", "keys", StoreKey::MacKey(&mac_key));
        refused("no file", "nothing", StoreKey::Raw(&raw));
        let file = fs::read(store.path()).expect("it can be read");
        for (what, place) in [("sum", 150), ("index", 180), ("entry", file.len() - 1)] {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            write_private(&at("damaged"), &damaged);
            refused(what, "damaged", StoreKey::Raw(&raw));
        }
        for secret in misplaced() {
            let text = SecretText::borrowed(&secret);
            refused(&secret, "keys", StoreKey::Passphrase(&text));
            write_private(&at("text"), secret.as_bytes());
            refused(&secret, "text", StoreKey::Raw(&raw));
        }
        refused("a broken key", "keys", StoreKey::MacKey(&Broken));

        let weak = SecretBytes::copy_from(&KEY[1..]).expect("it fits");
        let created = [
            FileKeyStore::create(at("keys"), StoreKey::Raw(&raw)),
            FileKeyStore::create(at("weak"), StoreKey::Raw(&weak)),
            FileKeyStore::create(at("broken"), StoreKey::MacKey(&Broken)),
            FileKeyStore::create(at("a/b/c"), StoreKey::Raw(&raw)),
        ];
        for created in created {
            failures.push(failure("FileStoreError", "create", created));
        }
        // The store fails under somebody who has it open.
        fs::write(store.path(), &file[..file.len() - 1]).expect("it can be written");
        failures.push(failure("KeyError", "damaged", store.mac_key(&name())));
        failures.push(failure(
            "KeyError",
            "damaged",
            store.rotate(&name(), NewKey::Symmetric(&key())),
        ));
        let rekeyed = store.rekey(StoreKey::Raw(&other));
        failures.push(failure("FileStoreError", "damaged", rekeyed));
        failures.push(failure(
            "KeyError",
            "too plain",
            Protection::Plain.require(Protection::Sealed),
        ));
        failures
    }
}

#[cfg(all(any(feature = "keystore-file", feature = "keystore-systemd"), unix))]
fn private_dir() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;

    let private = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().expect("a folder")
}

#[cfg(all(any(feature = "keystore-file", feature = "keystore-systemd"), unix))]
fn write_private(path: &std::path::Path, content: &[u8]) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).and_then(|mut file| file.write_all(content)).expect("it can be written");
}

#[cfg(all(any(feature = "keystore-file", feature = "keystore-systemd"), unix))]
fn file_checks() -> Vec<Option<Failure>> {
    use hubward::keystore::fs_check::{check_private_dir, check_private_file};

    let dir = private_dir();
    let path = dir.path().join("file");
    write_private(&path, &KEY);
    let as_dir = check_private_dir(&path);
    let finding = as_dir.clone().err().map(|report| report.findings()[0].clone());
    vec![
        failure("FsReport", "not there", check_private_file(dir.path().join("missing"))),
        failure("FsReport", "no folder", as_dir),
        failure("FsFinding", "no folder", finding.map_or(Ok(()), Err)),
    ]
}

#[cfg(all(feature = "keystore-systemd", unix))]
mod systemd {
    use hubward::keystore::{KeyStore, SystemdCredentials};

    use super::*;

    pub(super) fn holders() -> Holders {
        let dir = private_dir();
        let store = SystemdCredentials::new(dir.path());
        write_private(&dir.path().join("hub.primary"), key_text().as_bytes());
        vec![("SymmetricKey", debugged(&store.mac_key(&name())))]
    }

    pub(super) fn failures() -> Vec<Option<Failure>> {
        let dir = private_dir();
        let store = SystemdCredentials::new(dir.path());
        let mut failures = vec![failure("KeyError", "not there", store.mac_key(&name()))];
        let pem = STANDARD.encode(private_key());
        let mut contents = vec![
            // PEM that another parser would quote.
            format!("-----BEGIN PRIVATE KEY-----\n{pem}\n"),
            format!("-----BEGIN PRIVATE KEY-----\n{pem}!\n-----END PRIVATE KEY-----\n"),
            format!("-----BEGIN PRIVATE KEY----- {pem}\n-----END PRIVATE KEY-----\n"),
            format!("-----BEGIN {pem}-----\n{pem}\n-----END PRIVATE KEY-----\n"),
            format!("-----BEGIN {pem}"),
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", &pem[4..]),
            format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n"),
            "A".repeat(5000),
        ];
        for secret in misplaced() {
            contents.push(format!("{secret}\n\n"));
            contents.push(format!("{secret}!"));
            contents.push(format!("-----BEGIN {secret}"));
            contents.push(format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END X-----"));
        }
        for content in contents {
            write_private(&dir.path().join("hub.primary"), content.as_bytes());
            failures.push(failure("KeyError", &content, store.mac_key(&name())));
            failures.push(failure("KeyError", &content, store.signing_key(&name())));
        }
        // DER that is none.
        let mut der = private_key();
        der.truncate(60);
        write_private(&dir.path().join("hub.primary"), &der);
        failures.push(failure("KeyError", "DER", store.signing_key(&name())));
        failures
    }
}

#[cfg(all(feature = "keystore-os", target_os = "linux"))]
mod os {
    use hubward::keystore::os::{Keyring, OsKeyStore};
    use hubward::keystore::{KeyStore, KeyStoreAdmin};

    use super::*;

    /// Nothing where the kernel lets this process have no keyring.
    pub(super) fn holders() -> Holders {
        let namespace = KeyName::new("redaction").expect("a name");
        let Ok(store) = OsKeyStore::open(Keyring::Process, &namespace) else {
            return Vec::new();
        };
        let mut holders = vec![("OsKeyStore", debugged(&store))];
        if store.import(&name(), NewKey::Symmetric(&key())).is_ok() {
            holders.push(("SymmetricKey", debugged(&store.mac_key(&name()))));
            store.delete(&name()).expect("it is there");
        }
        holders
    }
}

// Traits that would let a secret out.

struct Probe<T>(PhantomData<T>);

/// The methods of [`Probe`] itself come first in the search for one, and exist where `T` has the
/// trait; where it has not, those of [`Without`] are found.
macro_rules! probes {
    ($($method:ident => $bound:path;)+) => {
        trait Without {
            $(fn $method(&self) -> bool {
                false
            })+
        }

        impl<T> Without for Probe<T> {}

        $(impl<T: $bound> Probe<T> {
            fn $method(&self) -> bool {
                true
            }
        })+
    };
}

probes! {
    is_clone => Clone;
    is_copy => Copy;
    is_deref => Deref;
    is_as_bytes => AsRef<[u8]>;
    is_as_str => AsRef<str>;
    is_borrow_bytes => Borrow<[u8]>;
    is_borrow_str => Borrow<str>;
    is_into_bytes => Into<Vec<u8>>;
    is_into_string => Into<String>;
    is_display => Display;
    is_lower_hex => LowerHex;
    is_hash => Hash;
    is_ord => PartialOrd;
}

/// The traits of the list above that a type has.
macro_rules! traits_of {
    ($type:ty) => {{
        let probe = Probe::<$type>(PhantomData);
        let answers = [
            ("Clone", probe.is_clone()),
            ("Copy", probe.is_copy()),
            ("Deref", probe.is_deref()),
            ("AsRef<[u8]>", probe.is_as_bytes()),
            ("AsRef<str>", probe.is_as_str()),
            ("Borrow<[u8]>", probe.is_borrow_bytes()),
            ("Borrow<str>", probe.is_borrow_str()),
            ("Into<Vec<u8>>", probe.is_into_bytes()),
            ("Into<String>", probe.is_into_string()),
            ("Display", probe.is_display()),
            ("LowerHex", probe.is_lower_hex()),
            ("Hash", probe.is_hash()),
            ("PartialOrd", probe.is_ord()),
        ];
        answers.into_iter().filter_map(|(name, has)| has.then_some(name)).collect::<Vec<_>>()
    }};
}

#[test]
fn no_secret_has_a_trait_that_lets_it_out() {
    // The probe itself.
    let of_string = traits_of!(String);
    for expected in ["Clone", "Deref", "AsRef<[u8]>", "AsRef<str>", "Borrow<str>", "Into<Vec<u8>>"]
    {
        assert!(of_string.contains(&expected), "{expected}: {of_string:?}");
    }
    assert!(traits_of!(Vec<u8>).contains(&"Borrow<[u8]>"));
    assert_eq!(traits_of!(u8), ["Clone", "Copy", "Display", "LowerHex", "Hash", "PartialOrd"]);
    assert!(of_string.contains(&"Into<String>"));

    macro_rules! none {
        ($($type:ty),+) => {
            [$((stringify!($type), traits_of!($type))),+]
        };
    }
    for (name, traits) in none![
        SecretBytes,
        SecretText<'static>,
        SymmetricKey,
        GroupKey,
        ServiceBusKey,
        PreparedMac,
        Tag,
        SasSigner,
        SasSigner<Arc<dyn MacKey>>,
        Authentication<'static>
    ] {
        assert!(traits.is_empty(), "{name}: {traits:?}");
    }
    // These two show themselves without their secret.
    for (name, traits) in none![SasToken<'static>, ConnectionString<'static>] {
        assert_eq!(traits, ["Display"], "{name}");
    }
    // It borrows its secret.
    assert_eq!(traits_of!(NewKey<'static>), ["Clone", "Copy"]);
    assert!(traits_of!(TokenCache).is_empty());
    assert!(traits_of!(hubward::sas::CachedToken<'static>).is_empty());
    #[cfg(feature = "session")]
    {
        use hubward::session::amqp::{PutToken, SaslPlain};
        use hubward::session::https::Authorization;
        use hubward::session::storage::{FileUpload, UploadUrl};

        assert!(traits_of!(UploadUrl).is_empty());
        // These borrow theirs.
        assert_eq!(traits_of!(PutToken<'static>), ["Clone"]);
        assert_eq!(traits_of!(SaslPlain<'static>), ["Clone"]);
        assert_eq!(traits_of!(Authorization<'static>), ["Clone", "Copy"]);
        assert_eq!(traits_of!(FileUpload<'static>), ["Clone", "Copy"]);
    }
    #[cfg(feature = "keystore-memory")]
    {
        use hubward::keystore::MemoryKeyStore;
        use hubward::keystore::rotation::{Candidate, Rotation};

        assert!(traits_of!(MemoryKeyStore).is_empty());
        // What is cloned is a handle.
        assert_eq!(traits_of!(Candidate), ["Clone"]);
        assert_eq!(traits_of!(Rotation<'static>), ["Clone"]);
    }
    #[cfg(feature = "keystore-software")]
    assert!(traits_of!(hubward::keystore::SoftwareSigningKey).is_empty());
    #[cfg(feature = "x509")]
    assert!(traits_of!(hubward::x509::PrivateKey).is_empty());
    #[cfg(all(feature = "keystore-file", unix))]
    {
        use hubward::keystore::file::{FileKeyStore, StoreKey};

        assert!(traits_of!(FileKeyStore).is_empty());
        assert_eq!(traits_of!(StoreKey<'static>), ["Clone", "Copy"]);
    }
    #[cfg(all(feature = "keystore-systemd", unix))]
    assert!(traits_of!(hubward::keystore::SystemdCredentials).is_empty());
    #[cfg(all(feature = "keystore-os", target_os = "linux"))]
    assert!(traits_of!(hubward::keystore::os::OsKeyStore).is_empty());
}

// Errors.

/// The error type, what was wrong, and the error.
type Failure = (&'static str, String, Box<dyn Error>);

fn failure<T, E: Error + 'static>(
    name: &'static str,
    input: &str,
    result: Result<T, E>,
) -> Option<Failure> {
    let error = result.err()?;
    Some((name, input.to_owned(), Box::new(error)))
}

/// Texts that are secret, and that people and programs put into the wrong place.
fn misplaced() -> Vec<String> {
    let (key, token, connection) = (key_text(), token_text(), connection_text());
    vec![
        format!("{key} "),
        format!("{connection}\n"),
        // A part of a key has no `=` at its end.
        key[..42].to_owned(),
        STANDARD.encode(signature()),
        token[22..].to_owned(),
        key.repeat(10),
        String::from_utf8(KEY.to_vec()).expect("the canary is text"),
        key,
        token,
        connection,
    ]
}

/// Errors from a secret in every wrong place, and some from it in the right one.
fn failures() -> Vec<Failure> {
    let mut failures = Vec::new();
    for secret in misplaced() {
        let connections = [
            secret.clone(),
            format!("HostName={HOST};{secret}"),
            format!("HostName={HOST};{secret}=x"),
            format!("{secret};HostName={HOST};DeviceId={DEVICE}"),
            format!("HostName={secret};DeviceId={DEVICE};x509=true"),
            format!("HostName={HOST};DeviceId={secret}/;x509=true"),
            format!("HostName={HOST};DeviceId={DEVICE};ModuleId={secret}/;x509=true"),
            format!("HostName={HOST};DeviceId={DEVICE};GatewayHostName={secret};x509=true"),
            format!("HostName={HOST};SharedAccessKeyName={secret}/;SharedAccessKey=AAAA"),
            format!("HostName={HOST};DeviceId={DEVICE};x509={secret}"),
            format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={secret}"),
            format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={secret}!"),
            format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={secret};SharedAccessKey=A"),
            format!("HostName={HOST};DeviceId={DEVICE};SharedAccessSignature={secret}\u{7f}"),
            format!("HostName={HOST};RepositoryId={secret};RepositoryId={secret}"),
            format!("sharedaccesskey={secret};HostName={HOST}"),
            format!(" SharedAccessKey ={secret};HostName={HOST}"),
        ];
        for text in connections {
            let owned = ConnectionString::from_string(text.clone());
            failures.extend(failure("ConnectionStringError", &text, owned));
            let parsed = ConnectionString::parse(&text);
            failures.extend(failure("ConnectionStringError", &text, parsed));
        }

        let tokens = [
            secret.clone(),
            format!("SharedAccessSignature {secret}"),
            format!("SharedAccessSignature {secret}=x"),
            format!("SharedAccessSignature sr={secret} &sig=A&se=1"),
            format!("SharedAccessSignature sr={secret}\u{e9}&sig=A&se=1"),
            format!("SharedAccessSignature sr=h&sig={secret}&se=1"),
            format!("SharedAccessSignature sr=h&sig={secret}%&se=1"),
            format!("SharedAccessSignature sr=h&sig={secret}&sig={secret}&se=1"),
            format!("SharedAccessSignature sr={secret}&se=1"),
            format!("{}{secret}", token_text()),
            format!("{}&skn={secret}/", token_text()),
            format!("{}&skn={secret}/", token_text().replace("SharedAccessSignature ", "")),
            format!("{}&{secret}", token_text()),
            format!("{}&{secret}=", token_text()),
            format!(" {}", token_text()),
        ];
        for text in tokens {
            failures.extend(failure("TokenParseError", &text, SasToken::parse(&text)));
        }

        let name = format!("{secret}/");
        failures.extend(failure("NameError", &name, HubHost::new(&name)));
        failures.extend(failure("NameError", &name, DeviceId::new(&name)));
        failures.extend(failure("NameError", &name, ModuleId::new(&name)));
        failures.extend(failure("NameError", &name, PolicyName::new(&name)));
        failures.extend(failure("NameError", &name, IdScope::new(&name)));
        failures.extend(failure("NameError", &name, RegistrationId::new(&name)));
        failures.extend(failure("NameError", &secret, HubHost::new(&secret)));
        for name in [&name, &format!(".{secret}"), &secret.repeat(3)] {
            failures.extend(failure("KeyNameError", name, KeyName::new(name)));
        }

        for uri in [
            secret.clone(),
            format!("{secret}/devices/{DEVICE}"),
            format!("{HOST}/devices/{secret}/"),
            format!("{HOST}/{secret}"),
            format!("sb://{secret}/x y"),
            format!("{HOST}/{secret}\n"),
        ] {
            failures.extend(failure("ResourceUriError", &uri, ResourceUri::parse(&uri)));
            let entity = ResourceUri::service_bus(&uri);
            failures.extend(failure("ResourceUriError", &uri, entity));
        }

        for text in [format!("{secret}!"), secret.repeat(20)] {
            let bytes = text.as_bytes();
            failures.extend(failure("KeyError", &text, SymmetricKey::from_base64(&text)));
            failures.extend(failure("KeyError", &text, GroupKey::from_base64(&text)));
            failures.extend(failure("KeyError", &text, SymmetricKey::from_bytes(bytes)));
            failures.extend(failure("KeyError", &text, GroupKey::from_bytes(bytes)));
            failures.extend(failure("KeyError", &text, ServiceBusKey::from_text(&text)));
            failures.extend(failure("SecretError", &text, SecretBytes::copy_from(bytes)));
        }
    }
    failures.extend(uses_that_fail());
    let by_hand: Result<(), _> = Err(RotationError::Key(KeyError::InvalidPrivateKey));
    let by_hand = failure("RotationError", "by hand", by_hand);
    let more = MORE_FAILURES.iter().flat_map(|failures| failures());
    failures.extend(more.chain([by_hand]).map(|failure| failure.expect("it does not fail")));
    failures
}

/// A key that fails.
#[derive(Debug)]
struct Broken;

impl MacKey for Broken {
    fn hmac_sha256(&self, _: &[&[u8]]) -> Result<Tag, KeyError> {
        // The cause has causes of its own, and they are walked as well.
        Err(KeyError::Other(OtherError::new(Outer(fmt::Error))))
    }
}

#[derive(Debug)]
struct Outer(fmt::Error);

impl Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bus is silent")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Right texts, wrong uses.
fn uses_that_fail() -> Vec<Failure> {
    let token_text = token_text();
    let token = SasToken::parse(&token_text).expect("it is in order");
    let with_token =
        format!("HostName={HOST};DeviceId={DEVICE};SharedAccessSignature={token_text}");
    let with_token = ConnectionString::parse(&with_token).expect("it is in order");
    let other_key = SymmetricKey::from_bytes(b"another").expect("a key");
    let other = ResourceUri::parse("other.example").expect("a resource");
    let entity = ResourceUri::service_bus("ns.example/entity").expect("a resource");
    let policy = PolicyName::new("send").expect("a policy");
    let text_key = || ServiceBusKey::from_text(&key_text()).expect("a key");
    let signer = SasSigner::new(key(), &device()).expect("not Service Bus");
    let broken = SasSigner::new(Broken, &device()).expect("not Service Bus");
    let hour = Duration::from_secs(3600);
    let unrepresentable = ConnectionString::device(
        HubHost::new(HOST).expect("a host"),
        DeviceId::new(&format!("{};", key_text().replace('/', "_"))).expect("an ID"),
        Authentication::SharedAccessKey(SecretBytes::copy_from(&KEY).expect("it fits")),
    );
    let verify = |key: &dyn MacKey, expected: &ResourceUri, now| {
        failure("TokenVerifyError", "verify", token.verify(key, expected, now, Duration::ZERO))
    };
    let sas =
        |input, result: Option<SasError>| failure("SasError", input, result.map_or(Ok(()), Err));
    [
        verify(&other_key, &device(), NOW),
        verify(&key(), &device(), EXPIRY),
        verify(&key(), &other, NOW),
        verify(&key(), &entity, NOW),
        verify(&Broken, &device(), NOW),
        failure(
            "TokenVerifyError",
            "verify_service_bus",
            token.verify_service_bus(&text_key(), &device(), NOW, Duration::ZERO),
        ),
        sas("a token", SasSigner::from_connection_string(&with_token).err()),
        sas("no room", signer.sign_into(EXPIRY, &mut [0; 10]).err()),
        sas("a broken key", broken.sign(EXPIRY).err()),
        sas("Service Bus", SasSigner::new(key(), &entity).err()),
        sas("not Service Bus", SasSigner::for_service_bus(text_key(), &device(), &policy).err()),
        sas("1970", signer.sign_for(hour, UnixTime::from_secs(0)).err()),
        sas("no lifetime", signer.sign_for(Duration::ZERO, NOW).err()),
        sas("no end", signer.sign_for(hour, UnixTime::MAX).err()),
        failure("TimeError", "1970", FixedClock::unknown().now()),
        failure("LearnError", "1970", TrustedTime::new(FixedClock::at(NOW)).learn(UnixTime::MAX)),
        failure("TokenPolicyError", "no lifetime", TokenPolicy::new(Duration::ZERO, 80)),
        failure("KeyError", "no key", SymmetricKey::from_base64("")),
        failure(
            "OtherError",
            "a broken key",
            Broken.hmac_sha256(&[]).map_err(|error| match error {
                KeyError::Other(cause) => cause,
                _ => OtherError::from_static("another error"),
            }),
        ),
        failure(
            "ConnectionStringError",
            "`;` in an ID",
            unrepresentable.expose_connection_string(),
        ),
    ]
    .into_iter()
    .map(|failure| failure.expect("it does not fail"))
    .collect()
}

#[test]
fn no_error_repeats_a_secret() {
    let failures = failures();
    assert!(failures.len() > 500, "{}", failures.len());
    for (name, input, error) in failures {
        let mut next: Option<&dyn Error> = Some(&*error);
        while let Some(error) = next {
            for shown in debugged(&error).into_iter().chain(displayed(&error)) {
                assert_hidden(&format!("{name} for {input:?}"), &shown);
            }
            next = error.source();
        }
    }
}

// The lists against the source.

/// Public types without a secret in them, and why.
const WITHOUT_SECRETS: [(&str, &str); 86] = [
    ("UnixTime", "a moment"),
    ("SystemClock", "has no state"),
    ("FixedClock", "a moment"),
    ("Field", "names of fields, not their values"),
    ("SasField", "names of fields, not their values"),
    ("NameKind", "kinds of names"),
    ("HubHost", "a public name"),
    ("DeviceId", "a public name"),
    ("ModuleId", "a public name"),
    ("PolicyName", "a public name"),
    ("IdScope", "a public name"),
    ("RegistrationId", "a public name"),
    ("ResourceUri", "public names"),
    ("OtherError", "shows what whoever made it gave it; see its documentation"),
    ("LockPolicy", "a choice"),
    ("LockOutcome", "four yes or no"),
    ("KeyKind", "kinds of keys"),
    ("SignatureAlgorithm", "names of algorithms"),
    ("Protection", "levels"),
    ("KeyName", "a public name"),
    ("KeyInfo", "a name, a kind and a level"),
    ("Slot", "names of places"),
    ("RecordKind", "kinds of records"),
    ("Phase", "names of steps"),
    ("Proof", "an answer"),
    ("Outcome", "an answer"),
    ("Argon2Params", "what is in the clear at the beginning of the file"),
    ("FileStoreOptions", "parameters and a choice"),
    ("Keyring", "a choice"),
    ("Certificate", "public"),
    ("DeviceCertificate", "public"),
    ("CertificateRequest", "public"),
    ("CertificateAuthority", "a certificate, and a key that shows itself"),
    ("Validity", "two moments"),
    ("PublicKeyKind", "kinds of keys"),
    ("Thumbprint", "the hash of something public"),
    ("RenewalPolicy", "a rule"),
    ("Renewal", "a moment"),
    ("RetrySchedule", "a rule"),
    ("Expected", "public names, and a key that shows itself"),
    ("Report", "what is wrong with something public"),
    ("Finding", "what is wrong with something public"),
    ("What", "what is wrong with something public"),
    ("Severity", "levels"),
    ("CertificateError", "says what is wrong with something public"),
    ("ChainError", "says what is wrong with something public"),
    ("PemError", "says which block and where; see the tests of reading"),
    ("RenewalPolicyError", "says what is wrong, not what it was"),
    ("ThumbprintError", "says what is wrong, and where"),
    ("IssueError", "names of something public, and the errors of keys"),
    ("Provider", "names of libraries"),
    ("PostQuantum", "a choice"),
    ("Cloud", "a choice"),
    ("BuiltInRoot", "public"),
    ("TrustAnchors", "public"),
    ("Readiness", "what is public of something public"),
    ("RootReadiness", "what is public of something public"),
    ("AnchorReadiness", "what is public of something public"),
    ("Explanation", "a policy, and names of something public"),
    ("HandshakeRecord", "what a server shows to anybody"),
    ("Fault", "names of something public, and the errors of keys and of rustls"),
    ("Diagnosis", "a fault, and what to do"),
    ("SystemdCredentials", "a path: what is in the files is read when it is asked for"),
    ("TokenPolicy", "a rule"),
    ("TokenSchedule", "a rule and moments"),
    ("Step", "a moment"),
    ("Refusal", "an answer"),
    ("TokenId", "a number that counts tokens"),
    ("FloorClock", "a moment, and a clock"),
    ("Confidence", "levels"),
    ("TrustedTime", "moments, and a clock"),
    ("TimeEstimate", "a moment"),
    ("HubIdentity", "public names"),
    ("HubSession", "public names"),
    ("DpsSession", "public names"),
    ("DpsReply", "what a topic says"),
    ("TopicHazard", "a public name, and where"),
    ("StorageReason", "says what is wrong, not what it was"),
    ("Permission", "names of permissions"),
    ("Weight", "levels"),
    ("PreflightReport", "reasons, which show themselves"),
    ("TokenFn", "shows nothing of the function"),
    ("hubward_token_cache_result", "a moment and numbers"),
    ("hubward_mac_key_callbacks", "shows nothing of the functions"),
    ("hubward_token_callbacks", "shows nothing of the functions"),
    ("hubward_certificate", "something public, and a key that shows itself"),
];

/// Types of which this build may have no value, and whether it must have one.
const BEHIND_FEATURES: [(&str, bool); 40] = {
    const MEMORY: bool = cfg!(feature = "keystore-memory");
    const SOFTWARE: bool = cfg!(feature = "keystore-software");
    const FILE: bool = cfg!(all(feature = "keystore-file", unix));
    const SESSION: bool = cfg!(feature = "session");
    const CAPI: bool = cfg!(feature = "capi");
    const CHECKS: bool = FILE || cfg!(all(feature = "keystore-systemd", unix));
    const TLS: bool = cfg!(all(
        feature = "tls",
        feature = "x509-issue",
        feature = "keystore-software",
        feature = "ring"
    ));
    [
        ("MemoryKeyStore", MEMORY),
        ("AtLeast", MEMORY),
        ("Rotation", MEMORY),
        ("Candidate", MEMORY),
        ("SoftwareSigningKey", SOFTWARE),
        ("PrivateKey", cfg!(feature = "x509")),
        ("FileKeyStore", FILE),
        ("StoreKey", FILE),
        ("FileStoreError", FILE),
        ("FsReport", CHECKS),
        ("FsFinding", CHECKS),
        ("TlsIdentity", TLS),
        ("ClientTlsBuilder", TLS),
        ("DangerousClientTls", TLS),
        ("ClientTls", TLS),
        ("ServerTlsBuilder", TLS),
        ("ServerTls", TLS),
        ("TlsError", TLS),
        ("IdentityError", TLS),
        ("TrustAnchorError", TLS),
        // It takes a handshake to have one; it says what is wrong with something public.
        ("ClientNameError", false),
        ("PutToken", SESSION),
        ("SaslPlain", SESSION),
        ("Authorization", SESSION),
        ("FileUpload", SESSION),
        ("UploadUrl", SESSION),
        ("UploadRefused", SESSION),
        ("NoDeviceError", SESSION),
        ("UserNameError", SESSION),
        ("Preflight", SESSION),
        ("DpsPreflight", SESSION),
        ("Reason", SESSION),
        ("hubward_connection_string", CAPI),
        ("hubward_mac_key", CAPI),
        ("hubward_signer", CAPI),
        ("hubward_token", CAPI),
        ("hubward_token_cache", CAPI),
        ("hubward_store", CAPI && FILE),
        ("hubward_signing_key", CAPI && FILE && SOFTWARE),
        // The kernel may not let a process have a keyring.
        ("OsKeyStore", false),
    ]
};

#[test]
fn every_public_type_is_on_a_list() {
    let failures = failures();
    let mut listed: Vec<&str> = WITHOUT_SECRETS.iter().map(|(name, _)| *name).collect();
    listed.extend(holders().iter().map(|(name, _)| *name));
    listed.extend(failures.iter().map(|(name, ..)| *name));
    listed.extend(BEHIND_FEATURES.iter().filter(|(_, must)| !must).map(|(name, _)| *name));
    listed.sort_unstable();
    listed.dedup();

    let mut public = Vec::new();
    for source in sources() {
        for (index, token) in source.tokens.iter().enumerate() {
            let word = |offset: usize| {
                let token = source.tokens.get(index + offset);
                token.map_or("", |token| token.text.as_str())
            };
            let name = match (&*token.text, word(1), word(2)) {
                ("pub", "struct" | "enum" | "union", "$") => continue,
                ("pub", "struct" | "enum" | "union", name) => name,
                // The names are made by a macro: `name! { Name, …`, attributes apart.
                ("name", "!", "{") => word(3),
                _ => continue,
            };
            let place = format!("src/{}:{}", source.path, token.line);
            assert!(
                listed.contains(&name),
                "{place}: `{name}` is new: show that it hides its secret, or say why it has none"
            );
            public.push(name.to_owned());
        }
    }
    for name in listed {
        assert!(public.iter().any(|public| public == name), "there is no `{name}`");
    }
}

/// Secrets are compared by `constant_time_eq` and by nothing else, and that by `ctutils`: no test can
/// see the difference from outside.
#[test]
fn secrets_are_compared_in_constant_time() {
    let read = |path: &str| {
        std::fs::read_to_string(format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let body = |text: &str, start: &str| {
        let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no `{start}`"));
        rest.split_once("\n}\n").expect("it ends").0.to_owned()
    };
    let secret = read("secret/mod.rs");
    let equality = body(&secret, "pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {");
    assert_eq!(equality.trim(), "a.ct_eq(b).to_bool()");
    for start in ["impl PartialEq for SecretBytes {", "impl PartialEq for SecretText<'_> {"] {
        assert!(body(&secret, start).contains("constant_time_eq("), "{start}");
    }
    let keystore = read("keystore/mod.rs");
    assert!(body(&keystore, "impl PartialEq for Tag {").contains("self.matches("));
    assert!(body(&keystore, "impl Tag {").contains("constant_time_eq(&self.0, expected)"));
    // The other secrets are made of these, and compare through them.
    for (path, derived) in [
        (
            "keystore/symmetric.rs",
            "#[derive(PartialEq, Eq)]\npub struct SymmetricKey(SecretBytes);",
        ),
        ("sas/derive.rs", "#[derive(PartialEq, Eq)]\npub struct GroupKey(SymmetricKey);"),
        (
            "sas/signer.rs",
            "#[derive(PartialEq, Eq)]\npub struct ServiceBusKey(pub(super) SymmetricKey);",
        ),
        ("sas/token.rs", "        self.text == other.text\n"),
        // The MAC over the header of a store's file.
        ("keystore/file/format.rs", "if !keys.check.hmac_sha256(&[checked])?.matches(check) {\n"),
    ] {
        assert!(read(path).contains(derived), "{path}: {derived}");
    }

    // Everything else that can be compared is no secret.
    let secrets = [
        "SecretBytes",
        "SecretText",
        "SymmetricKey",
        "GroupKey",
        "ServiceBusKey",
        "Tag",
        "SasToken",
    ];
    // Beside what is on the other list, what only the crate itself sees. `Text` is that of names.
    let internal = [
        "Text",
        "Root",
        "Kdf",
        "EntryClass",
        "EntryId",
        "Base64Error",
        "SignatureCheck",
        "SignatureHash",
        "Facts",
        "ClientAuth",
        "KeyUsage",
        "RequestFacts",
        "Place",
        "Threshold",
        "Hash",
        "Shown",
        "ClientAuth",
    ];
    let harmless = |name: &str| {
        internal.contains(&name)
            || name.ends_with("Error")
            || matches!(name, "FsReport" | "FsFinding" | "UploadRefused" | "Reason")
            || WITHOUT_SECRETS.iter().any(|(listed, _)| *listed == name)
    };
    let mut compared = Vec::new();
    for source in sources() {
        for (place, name) in comparable(&source) {
            let known = secrets.contains(&&*name) || harmless(&name);
            assert!(known, "src/{}:{place}: how is `{name}` compared?", source.path);
            compared.push(name);
        }
    }
    for secret in secrets {
        assert!(compared.iter().any(|name| name == secret), "{secret} is compared no longer");
    }
}

/// The types of a file that have an `==`, and where it is.
fn comparable(source: &Source) -> Vec<(usize, String)> {
    let word = |index: usize| source.tokens.get(index).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        if token.text != "PartialEq" {
            continue;
        }
        let name = if word(index + 1) == "for" {
            word(index + 2)
        } else {
            // Derived: what follows is the type, behind other derives and attributes.
            let rest = (index..).take_while(|index| !word(*index).is_empty());
            let mut types = rest.filter(|index| matches!(word(*index), "struct" | "enum"));
            types.next().map_or("", |index| word(index + 1))
        };
        // The name is that of a macro's argument: the names of devices and the like.
        if name != "$" {
            found.push((token.line, name.to_owned()));
        }
    }
    found
}
