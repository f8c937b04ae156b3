//! What allocates and what does not, counted.
//!
//! `sign_into` is for the loop that must not meet the allocator, with whatever features; without
//! `alloc` nothing of the crate may meet it at all.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use hubward::keystore::{KeyError, Tag};
use hubward::sas::{ServiceBusKey, TokenVerifyError};
use hubward::{
    ConnectionString, DeviceId, GroupKey, HubHost, IdScope, MacKey, ModuleId, OtherError,
    PolicyName, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasError, SasSigner, SasToken,
    SymmetricKey, UnixTime,
};

/// Counts by thread, so that tests may run side by side.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed to the system's allocator as it came; counting allocates nothing,
// because the counter is initialised at compile time and has no destructor to register.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `run` makes on this thread, and what it gives.
fn counted<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = COUNT.get();
    let result = run();
    (COUNT.get() - before, result)
}

#[test]
fn the_counter_counts() {
    let (count, mut bytes) = counted(|| std::hint::black_box(Vec::<u8>::with_capacity(1)));
    assert_eq!(count, 1, "an allocation");
    let (count, ()) = counted(|| bytes.reserve_exact(1000));
    assert_eq!(count, 1, "a growth");
    let (count, ()) = counted(|| drop(bytes));
    assert_eq!(count, 0, "freeing is not counted");
    let (count, _) = counted(|| std::hint::black_box(vec![0_u8; 100]));
    assert_eq!(count, 1, "zeroed memory");
    assert_eq!(counted(|| ()).0, 0, "nothing");
}

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn key() -> SymmetricKey {
    SymmetricKey::from_base64(KEY).expect("a key")
}

fn host() -> HubHost {
    HubHost::new("contoso.azure-devices.net").expect("a host")
}

/// Devices whose URIs end at every place in a block of the hash, so that the digits behind them
/// spill into one more block for some and not for others.
fn devices() -> impl Iterator<Item = DeviceId> {
    let name = "a".repeat(64);
    (1..=64).map(move |len| DeviceId::new(&name[..len]).expect("an ID"))
}

/// Twenty expiries, one of each length.
fn expiries() -> impl Iterator<Item = UnixTime> {
    (0..20).map(|digits| UnixTime::from_secs(10_u64.pow(digits) + 7 * u64::from(digits)))
}

/// A key out of reach of `prepare`.
#[derive(Debug)]
struct Element(SymmetricKey);

impl MacKey for Element {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        self.0.hmac_sha256(parts)
    }
}

/// A key that does not answer.
#[derive(Debug)]
struct Broken;

impl MacKey for Broken {
    fn hmac_sha256(&self, _: &[&[u8]]) -> Result<Tag, KeyError> {
        Err(KeyError::Other(OtherError::from_static("does not answer")))
    }
}

/// Signs for all [`expiries`] and returns the number of tokens.
fn sign_all<K: MacKey>(signer: &SasSigner<K>) -> usize {
    let mut buffer = [0; SAS_TOKEN_MAX];
    let mut tokens = 0;
    for expiry in expiries() {
        let (count, len) = counted(|| signer.sign_into(expiry, &mut buffer));
        let len = len.expect("the buffer is large enough");
        assert_eq!(count, 0, "{expiry} {:?}", std::str::from_utf8(&buffer[..len]));
        let (count, short) = counted(|| signer.sign_into(expiry, &mut buffer[..len - 1]));
        assert!(matches!(short, Err(SasError::BufferTooSmall { .. })));
        assert_eq!(count, 0, "a buffer that is too small");
        tokens += 1;
    }
    tokens
}

#[test]
fn sign_into_allocates_nothing() {
    let policy = PolicyName::new("name@policy").expect("a policy");
    let module_id = ModuleId::new("$edgeAgent").expect("an ID");
    let mut tokens = 0;
    for device_id in devices() {
        let device = ResourceUri::device(&host(), &device_id);
        let module = ResourceUri::module(&host(), &device_id, &module_id);
        tokens += sign_all(&SasSigner::new(key(), &device).expect("not Service Bus"));
        tokens += sign_all(&SasSigner::new(key(), &module).expect("not Service Bus"));
        tokens += sign_all(&SasSigner::with_policy(key(), &device, &policy).expect("the same"));
        tokens += sign_all(&SasSigner::new(Element(key()), &module).expect("the same"));
    }
    assert!(tokens > 1000, "{tokens}");

    let entity = ResourceUri::service_bus("sb://contoso.example/entity").expect("a URI");
    let key = ServiceBusKey::from_text("the text is the key").expect("a key");
    sign_all(&SasSigner::for_service_bus(key, &entity, &policy).expect("Service Bus"));

    let broken = SasSigner::new(Broken, &ResourceUri::hub(&host())).expect("not Service Bus");
    let mut buffer = [0; SAS_TOKEN_MAX];
    let (count, refused) = counted(|| broken.sign_into(NOW, &mut buffer));
    assert!(matches!(refused, Err(SasError::Key(_))));
    assert_eq!(count, 0, "a key that does not answer");
}

/// A state in locked pages is only read; one that could not be had is done without.
#[cfg(feature = "mlock")]
#[test]
fn sign_into_with_a_locked_key_allocates_nothing() {
    use hubward::secret::LockPolicy;

    let locked = || SymmetricKey::from_base64_locked(KEY, LockPolicy::Prefer).expect("preferred");
    let policy = PolicyName::new("name@policy").expect("a policy");
    for device_id in devices() {
        let device = ResourceUri::device(&host(), &device_id);
        let signer = SasSigner::with_policy(locked(), &device, &policy).expect("not Service Bus");
        assert!(signer.lock_outcome().is_some(), "a state is prepared");
        sign_all(&signer);
        sign_all(&SasSigner::new(Element(locked()), &device).expect("the same"));
    }
    let key = locked();
    let prepared = key.prepare(b"prefix").expect("in memory");
    for message in [&b""[..], &[b'm'; 200]] {
        let (count, tag) = counted(|| key.hmac_sha256(&[message, message]));
        assert!(tag.is_ok());
        assert_eq!(count, 0, "hmac_sha256");
        let (count, tag) = counted(|| prepared.finish(message));
        assert!(tag.is_ok());
        assert_eq!(count, 0, "finish");
    }
}

/// The handle of a store is no slower than the key itself.
#[cfg(feature = "keystore-memory")]
#[test]
fn sign_into_with_a_handle_of_a_store_allocates_nothing() {
    use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, MemoryKeyStore, NewKey};

    let name = KeyName::new("hub.primary").expect("a name");
    let store = MemoryKeyStore::new();
    store.import(&name, NewKey::Symmetric(&key())).expect("it is new");
    for device_id in devices() {
        let device = ResourceUri::device(&host(), &device_id);
        let handle = store.mac_key(&name).expect("it is there");
        sign_all(&SasSigner::new(handle, &device).expect("not Service Bus"));
    }
}

#[test]
fn reading_and_judging_a_token_allocate_nothing() {
    let key = key();
    let device = ResourceUri::device(&host(), &DeviceId::new("pump#7").expect("an ID"));
    let other = ResourceUri::device(&host(), &DeviceId::new("pump#77").expect("an ID"));
    let policy = PolicyName::new("name@policy").expect("a policy");
    let before = UnixTime::from_secs(NOW.as_secs() - 1);

    let plain = SasSigner::new(self::key(), &device).expect("not Service Bus");
    let with_policy = SasSigner::with_policy(self::key(), &device, &policy).expect("the same");
    for signer in [plain, with_policy] {
        let mut buffer = [0; SAS_TOKEN_MAX];
        let len = signer.sign_into(NOW, &mut buffer).expect("it fits");
        let text = std::str::from_utf8(&buffer[..len]).expect("tokens are ASCII");

        let (count, token) = counted(|| SasToken::parse(text));
        let token = token.expect("a token");
        assert_eq!(count, 0, "parse: {token}");
        let (count, refused) = counted(|| SasToken::parse(&text[..len / 2]).is_err());
        assert!(refused);
        assert_eq!(count, 0, "parse: half of {token}");

        let expired = TokenVerifyError::Expired { expiry: NOW, now: NOW };
        for (expected, now, judgement) in [
            (&device, before, Ok(())),
            (&other, before, Err(TokenVerifyError::OutOfScope)),
            (&device, NOW, Err(expired)),
        ] {
            let (count, found) = counted(|| token.verify(&key, expected, now, Duration::ZERO));
            assert_eq!(found, judgement);
            assert_eq!(count, 0, "verify: {judgement:?}");
        }
        let (count, found) = counted(|| token.verify(&Broken, &device, before, Duration::ZERO));
        assert!(matches!(found, Err(TokenVerifyError::Key(_))));
        assert_eq!(count, 0, "verify: a key that does not answer");
    }
}

#[cfg(feature = "alloc")]
#[test]
fn sign_allocates_the_text_and_nothing_else() {
    for device_id in devices() {
        let device = ResourceUri::device(&host(), &device_id);
        let policy = PolicyName::new("name@policy").expect("a policy");
        let prepared = SasSigner::with_policy(key(), &device, &policy).expect("not Service Bus");
        let handle = SasSigner::new(Element(key()), &device).expect("not Service Bus");
        for expiry in expiries() {
            let (count, token) = counted(|| prepared.sign(expiry));
            assert!(token.is_ok());
            assert_eq!(count, 1, "{token:?}");
            let (count, token) = counted(|| handle.sign(expiry));
            assert!(token.is_ok());
            assert_eq!(count, 1, "{token:?}");
        }
    }
}

fn why<E>(_: E) -> &'static str {
    "the way is blocked"
}

/// From a connection string to a token that is accepted.
fn way_of_a_module() -> Result<(), &'static str> {
    let text = "HostName=contoso.azure-devices.net;DeviceId=pump-7;ModuleId=m;GatewayHostName=g;\
                SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let connection = ConnectionString::parse(text).map_err(why)?;
    let signer = SasSigner::from_connection_string(&connection).map_err(why)?;
    let expiry = SasSigner::expiry_for(Duration::from_secs(3600), NOW).map_err(why)?;
    let mut buffer = [0; SAS_TOKEN_MAX];
    let len = signer.sign_into(expiry, &mut buffer).map_err(why)?;
    let token = std::str::from_utf8(&buffer[..len]).map_err(why)?;
    let token = SasToken::parse(token).map_err(why)?;
    let uri = "contoso.azure-devices.net/devices/pump-7/modules/m";
    let module = ResourceUri::parse(uri).map_err(why)?;
    token.verify(&key(), &module, NOW, Duration::ZERO).map_err(why)?;

    let refused =
        ["HostName", "HostName=?;DeviceId=d;x509=true", "HostName=h;DeviceId=d;SharedAccessKey=AA"];
    if refused.iter().any(|text| ConnectionString::parse(text).is_ok()) {
        return Err("accepted");
    }
    Ok(())
}

/// From a group's key to a token for one device.
fn way_of_a_registration() -> Result<(), &'static str> {
    let group = GroupKey::from_base64(KEY).map_err(why)?;
    let scope = IdScope::new("0ne00000001").map_err(why)?;
    let registration = RegistrationId::new("sn-7").map_err(why)?;
    let derived = group.derive_device_key(&registration).map_err(why)?;
    let signer = SasSigner::for_registration(derived, &scope, &registration);
    let mut buffer = [0; SAS_TOKEN_MAX];
    let len = signer.sign_into(NOW, &mut buffer).map_err(why)?;
    let token = std::str::from_utf8(&buffer[..len]).map_err(why)?;
    match SasToken::parse(token).map_err(why)?.policy_name() {
        Some(policy) if policy.as_str() == "registration" => Ok(()),
        _ => Err("another policy"),
    }
}

fn way_of_service_bus() -> Result<(), &'static str> {
    let entity = ResourceUri::service_bus("sb://contoso.example/entity").map_err(why)?;
    let policy = PolicyName::new("send").map_err(why)?;
    let key = || ServiceBusKey::from_text("the text is the key").map_err(why);
    let signer = SasSigner::for_service_bus(key()?, &entity, &policy).map_err(why)?;
    let mut buffer = [0; SAS_TOKEN_MAX];
    let len = signer.sign_into(NOW, &mut buffer).map_err(why)?;
    let token = std::str::from_utf8(&buffer[..len]).map_err(why)?;
    let before = UnixTime::from_secs(NOW.as_secs() - 1);
    SasToken::parse(token)
        .map_err(why)?
        .verify_service_bus(&key()?, &entity, before, Duration::ZERO)
        .map_err(why)
}

#[test]
fn the_whole_way_needs_no_allocator() {
    for way in [way_of_a_module, way_of_a_registration, way_of_service_bus] {
        let (count, result) = counted(way);
        assert_eq!(result, Ok(()));
        if cfg!(feature = "alloc") {
            assert_ne!(count, 0, "there, names and secrets are behind a `Box`");
        } else {
            assert_eq!(count, 0);
        }
    }
}
