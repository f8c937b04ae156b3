//! The kernel keyring: whose keys are seen by whom, and what the kernel and others do with them.
//!
//! The other opinion is the kernel's own, through the system calls. Where the kernel gives no keyring
//! (in a container, by seccomp), a test is skipped, which is counted and said.

use std::env;
use std::io::Write as _;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hubward::keystore::os::{Keyring, OsKeyStore};
use hubward::keystore::{
    KeyError, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey, NewKey, Protection,
};
use hubward::{OtherError, SymmetricKey};
use linux_keyutils::{Key, KeyRing, KeyRingIdentifier};

use crate::ABILITIES;
use crate::conformance::{Abilities, Store, Subject, hides_keys};

/// Exchanging two keys at once is beyond the kernel.
const OF_THE_KERNEL: Abilities =
    Abilities { swaps: false, protection: Protection::OperatingSystem, ..ABILITIES };

const ALL: [Keyring; 3] = [Keyring::User, Keyring::Session, Keyring::Process];

pub(crate) fn of_the_user() -> Option<Subject> {
    subject(Keyring::User)
}

pub(crate) fn of_the_session() -> Option<Subject> {
    subject(Keyring::Session)
}

pub(crate) fn of_the_process() -> Option<Subject> {
    subject(Keyring::Process)
}

fn subject(keyring: Keyring) -> Option<Subject> {
    let place = Place::new(keyring)?;
    let open = move || Store::Keys(Box::new(place.open()));
    Some(Subject::lasting(OF_THE_KERNEL, open(), open))
}

#[cfg(feature = "mlock")]
pub(crate) fn locked() -> Option<Subject> {
    use hubward::secret::LockPolicy;

    let place = Place::new(Keyring::Process)?;
    let open = move || Store::Keys(Box::new(place.open().lock_memory(LockPolicy::Prefer)));
    Some(Subject::lasting(Abilities { locked: true, ..OF_THE_KERNEL }, open(), open))
}

/// A namespace of its own in a keyring, emptied on drop. For the thread that made it, and those which
/// that thread starts.
struct Place {
    keyring: Keyring,
    ring: KeyRing,
    namespace: KeyName,
}

impl Place {
    /// `None` if the kernel does not give this process such a keyring.
    fn new(keyring: Keyring) -> Option<Self> {
        static SKIPPED: AtomicUsize = AtomicUsize::new(0);
        static COUNT: AtomicUsize = AtomicUsize::new(0);

        let ring = match KeyRing::from_special_id(identifier(keyring), true) {
            Ok(ring) => ring,
            Err(error) => {
                let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
                let thread = thread::current();
                let test = thread.name().unwrap_or("a thread");
                let text =
                    format!("SKIPPED ({count} so far): {test}: no {keyring:?} keyring: {error}\n");
                // Past the harness, which keeps the output of tests that pass.
                std::io::stderr().write_all(text.as_bytes()).unwrap();
                return None;
            }
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        Some(Self { keyring, ring, namespace: name(&format!("t.{}.{now}.{count}", process::id())) })
    }

    fn open(&self) -> OsKeyStore {
        OsKeyStore::open(self.keyring, &self.namespace).unwrap()
    }

    fn description(&self, name: &str) -> String {
        format!("hubward:{}:{name}", self.namespace)
    }

    /// The key as the kernel has it.
    fn key(&self, name: &str) -> Key {
        self.find(name).expect("it is in the keyring")
    }

    fn find(&self, name: &str) -> Option<Key> {
        let description = self.description(name);
        self.keys().into_iter().find(|(found, _)| *found == description).map(|(_, key)| key)
    }

    /// What the keyring has in this namespace, with the descriptions.
    fn keys(&self) -> Vec<(String, Key)> {
        let links = self.ring.get_links(100_000).unwrap();
        let keys = links.iter().filter_map(|link| {
            let key = link.as_key()?;
            Some((key.metadata().ok()?.get_description().to_owned(), key))
        });
        keys.filter(|(found, _)| found.starts_with(&self.description(""))).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for (_, key) in self.keys() {
            self.ring.unlink_key(key).unwrap();
        }
    }
}

fn identifier(keyring: Keyring) -> KeyRingIdentifier {
    match keyring {
        Keyring::User => KeyRingIdentifier::User,
        Keyring::Session => KeyRingIdentifier::Session,
        Keyring::Process => KeyRingIdentifier::Process,
        other => panic!("{other:?} is new here"),
    }
}

/// Gives the thread a new session keyring that nothing is linked to, as systemd gives each service.
fn join_new_session() {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: the name is null, which asks for a keyring without one; nothing is written to memory.
    let serial = unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<u8>())
    };
    assert!(serial > 0, "{}", std::io::Error::last_os_error());
}

/// Runs the test in a thread with a session of its own.
fn in_new_session<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            join_new_session();
            run()
        });
        thread.join().unwrap()
    })
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn key(number: u8) -> SymmetricKey {
    SymmetricKey::from_bytes(format!("conformance key {number}, plainly fake").as_bytes()).unwrap()
}

fn import(store: &OsKeyStore, text: &str, number: u8) {
    store.import(&name(text), NewKey::Symmetric(&key(number))).unwrap();
}

fn is(found: &dyn MacKey, number: u8) -> bool {
    found.hmac_sha256(&[b"which"]) == key(number).hmac_sha256(&[b"which"])
}

fn names(store: &OsKeyStore) -> Vec<String> {
    store.list().unwrap().iter().map(|info| info.name.to_string()).collect()
}

/// What others look for: type, description, and who may what with a key.
#[test]
fn keys_are_described_as_documented() {
    for place in ALL.into_iter().filter_map(Place::new) {
        let store = place.open();
        import(&store, "hub.primary", 1);
        store.create(&name("hub.secondary"), KeyKind::Symmetric).unwrap();
        let mut described: Vec<_> = place.keys().into_iter().map(|(text, _)| text).collect();
        described.sort();
        let expected = ["hub.primary", "hub.secondary"].map(|name| place.description(name));
        assert_eq!(described, expected);
        // Who possesses it may do everything, group and others nothing.
        let permissions = place.key("hub.primary").metadata().unwrap().get_perms().bits();
        assert_eq!((permissions >> 24, permissions & 0xffff), (0x3f, 0));
        let shown = format!("{store:?}");
        assert!(shown.contains(&place.description("")) && shown.contains("OsKeyStore"), "{shown}");
    }
}

#[test]
fn expired_keys_are_gone() {
    // All wait at the same time.
    thread::scope(|scope| {
        for keyring in ALL {
            scope.spawn(move || expired_keys_of(keyring));
        }
    });
}

fn expired_keys_of(keyring: Keyring) {
    if let Some(place) = Place::new(keyring) {
        let store = place.open();
        import(&store, "expires", 1);
        import(&store, "expires.and.is.imported", 2);
        import(&store, "stays", 3);
        let handle = store.mac_key(&name("expires")).unwrap();
        let expiring = ["expires", "expires.and.is.imported"];
        let keys = expiring.map(|text| place.key(text));
        keys.iter().for_each(|key| key.set_timeout(1).unwrap());
        let start = Instant::now();
        while keys.iter().any(|key| key.metadata().is_ok()) {
            assert!(start.elapsed() < Duration::from_secs(10), "it does not expire");
            sleep(Duration::from_millis(20));
        }
        for text in expiring {
            let name = name(text);
            assert_eq!(store.mac_key(&name).err(), Some(KeyError::NotFound));
            assert_eq!(store.signing_key(&name).err(), Some(KeyError::NotFound));
            let rotated = store.rotate(&name, NewKey::Symmetric(&key(4)));
            assert_eq!(rotated, Err(KeyError::NotFound));
            assert_eq!(store.delete(&name), Err(KeyError::NotFound));
        }
        assert_eq!(names(&store), ["stays"]);
        assert!(is(&*handle, 1));
        // The names are free, and what comes under them has no end.
        assert_eq!(store.create(&name("expires"), KeyKind::Symmetric), Ok(true));
        import(&store, "expires.and.is.imported", 5);
        sleep(Duration::from_millis(1100));
        assert_eq!(names(&store), ["expires", "expires.and.is.imported", "stays"]);
        assert!(is(&*store.mac_key(&name("expires.and.is.imported")).unwrap(), 5));
        assert!(!is(&*store.mac_key(&name("expires")).unwrap(), 1));
    }
}

#[test]
fn revoked_keys_are_gone() {
    for place in ALL.into_iter().filter_map(Place::new) {
        let store = place.open();
        for (number, text) in (1..).zip(["revoked", "invalidated", "stays"]) {
            import(&store, text, number);
        }
        let handle = store.mac_key(&name("revoked")).unwrap();
        place.key("revoked").revoke().unwrap();
        place.key("invalidated").invalidate().unwrap();
        for text in ["revoked", "invalidated"] {
            let name = name(text);
            assert_eq!(store.mac_key(&name).err(), Some(KeyError::NotFound));
            let rotated = store.rotate(&name, NewKey::Symmetric(&key(4)));
            assert_eq!(rotated, Err(KeyError::NotFound));
            assert_eq!(store.delete(&name), Err(KeyError::NotFound));
        }
        assert_eq!(names(&store), ["stays"]);
        assert!(is(&*handle, 1));
        assert_eq!(store.create(&name("revoked"), KeyKind::Symmetric), Ok(true));
        import(&store, "invalidated", 5);
        assert_eq!(names(&store), ["invalidated", "revoked", "stays"]);
        assert!(is(&*store.mac_key(&name("invalidated")).unwrap(), 5));
    }
}

#[test]
fn namespaces_are_apart() {
    for keyring in ALL {
        let Some(place) = Place::new(keyring) else { continue };
        // One begins as the other does.
        let longer = Place { namespace: name(&format!("{}.1", place.namespace)), ..place };
        let (a, b) = (place.open(), longer.open());
        import(&a, "key", 1);
        assert_eq!(b.mac_key(&name("key")).err(), Some(KeyError::NotFound));
        assert_eq!(b.delete(&name("key")), Err(KeyError::NotFound));
        import(&b, "key", 2);
        import(&b, "another", 3);
        assert!(is(&*a.mac_key(&name("key")).unwrap(), 1));
        assert!(is(&*b.mac_key(&name("key")).unwrap(), 2));
        assert_eq!(names(&a), ["key"]);
        assert_eq!(names(&b), ["another", "key"]);
        b.delete(&name("key")).unwrap();
        assert!(is(&*a.mac_key(&name("key")).unwrap(), 1));
    }
}

#[test]
fn keyrings_are_apart() {
    let places: Vec<_> = ALL.into_iter().filter_map(Place::new).collect();
    let Some(first) = places.first() else { return };
    let namespace = first.namespace.clone();
    let places: Vec<_> =
        places.iter().map(|place| Place { namespace: namespace.clone(), ..*place }).collect();
    for (number, place) in (1..).zip(&places) {
        import(&place.open(), "key", number);
    }
    for (number, place) in (1..).zip(&places) {
        assert!(is(&*place.open().mac_key(&name("key")).unwrap(), number));
        place.open().delete(&name("key")).unwrap();
        assert_eq!(names(&place.open()), [""; 0]);
    }
}

/// What somebody else put under a description of this store's is left alone until it is deleted.
#[test]
fn what_hubward_did_not_write_is_told() {
    let Some(place) = Place::new(Keyring::Process) else { return };
    let store = place.open();
    import(&store, "own", 1);
    let foreign = name("foreign");
    let payloads: [&[u8]; 9] = [
        b"\0",
        b"\0conformance key",
        b"\x05conformance key",
        b"conformance key",
        b"\xff",
        // Kinds of keys, and nothing behind them.
        b"\x01",
        b"\x02",
        // Longer than any symmetric key, and than any key.
        &[1; 1 + 257],
        &[4; 5000],
    ];
    for payload in payloads {
        place.ring.add_key(&place.description("foreign"), payload).unwrap();
        let what = format!("{} bytes of {}", payload.len(), payload[0]);
        for error in [
            store.mac_key(&foreign).map(drop),
            store.signing_key(&foreign).map(drop),
            store.create(&foreign, KeyKind::Symmetric).map(drop),
            store.rotate(&foreign, NewKey::Symmetric(&key(2))),
            store.list().map(drop),
        ] {
            let error = error.expect_err("it is no key");
            assert!(matches!(error, KeyError::Corrupt(_)), "{what}: {error:?}");
            hides_keys(&format!("{error} {error:?}"));
        }
        let imported = store.import(&foreign, NewKey::Symmetric(&key(2)));
        assert_eq!(imported, Err(KeyError::AlreadyExists), "{what}");
        assert_eq!(place.key("foreign").read_to_vec().unwrap(), payload, "{what}");
        // It stands in nobody's way.
        assert!(is(&*store.mac_key(&name("own")).unwrap(), 1), "{what}");
    }
    store.delete(&foreign).unwrap();
    assert_eq!(names(&store), ["own"]);
}

/// A kind of key that is known, before bytes that are no such key.
#[cfg(feature = "keystore-software")]
#[test]
fn private_keys_that_hubward_did_not_write_are_told() {
    let Some(place) = Place::new(Keyring::Process) else { return };
    let store = place.open();
    let foreign = name("foreign");
    let payloads: [&[u8]; 7] = [
        b"\x02short",
        &[2; 1 + 31],
        &[2; 1 + 33],
        &[3; 1 + 32],
        // Beyond the order of the group, and nothing.
        &[&[2][..], &[0xff; 32]].concat(),
        &[&[3][..], &[0; 48]].concat(),
        b"\x04not the DER of an RSA key",
    ];
    for payload in payloads {
        place.ring.add_key(&place.description("foreign"), payload).unwrap();
        let error = store.signing_key(&foreign).expect_err("it is no key");
        let what = format!("{} bytes of {}: {error:?}", payload.len(), payload[0]);
        if payload[0] == 4 && !cfg!(any(feature = "aws-lc-rs", feature = "ring")) {
            assert!(matches!(error, KeyError::UnsupportedAlgorithm(_)), "{what}");
        } else {
            assert!(matches!(error, KeyError::Corrupt(_)), "{what}");
        }
    }
}

/// Others may keep what they like in the same keyring.
#[test]
fn what_is_none_of_this_store_is_passed_over() {
    let Some(place) = Place::new(Keyring::Process) else { return };
    let store = place.open();
    import(&store, "key", 1);
    let of_others = [
        "something else".to_owned(),
        format!("hubward:{}", place.namespace),
        place.description(""),
        place.description(".hidden"),
        place.description("a:b"),
        place.description("a name with spaces"),
        place.description(&"n".repeat(65)),
        format!("x{}", place.description("key")),
        format!("HUBWARD:{}:key", place.namespace),
    ];
    let keys = of_others.map(|description| place.ring.add_key(&description, b"\x01x").unwrap());
    // A keyring is of another type, whatever its description.
    let inner = add_keyring(&place, "ring");
    assert_eq!(names(&store), ["key"]);
    assert_eq!(store.mac_key(&name("ring")).err(), Some(KeyError::NotFound));
    assert_eq!(store.create(&name("ring"), KeyKind::Symmetric), Ok(true));
    assert_eq!(names(&store), ["key", "ring"]);
    store.delete(&name("ring")).unwrap();
    store.delete(&name("key")).unwrap();
    assert_eq!(names(&store), [""; 0]);
    for key in keys.into_iter().chain([inner]) {
        // They are all still there.
        place.ring.unlink_key(key).unwrap();
    }
}

fn add_keyring(place: &Place, name: &str) -> Key {
    let description = std::ffi::CString::new(place.description(name)).unwrap();
    let ring = libc::c_long::from(
        place.ring.metadata().map(|_| identifier(place.keyring) as i32).unwrap(),
    );
    let nothing = std::ptr::null::<u8>();
    // SAFETY: type and description are texts that end in zero and outlive the call; there is no payload.
    let serial = unsafe {
        let kind = c"keyring".as_ptr();
        libc::syscall(libc::SYS_add_key, kind, description.as_ptr(), nothing, 0_usize, ring)
    };
    assert!(serial > 0, "{}", std::io::Error::last_os_error());
    Key::from_id(i32::try_from(serial).unwrap().into())
}

#[test]
fn any_number_of_keys_is_listed() {
    let Some(place) = Place::new(Keyring::Process) else { return };
    let store = place.open();
    let mut expected: Vec<String> = Vec::new();
    // Around what the first look has room for.
    for count in [1, 62, 63, 64, 65, 66, 100] {
        while expected.len() < count {
            let text = format!("key-{:03}", expected.len());
            import(&store, &text, 1);
            expected.push(text);
        }
        assert_eq!(names(&store), expected);
    }
    for (number, text) in (0..).zip(&expected) {
        store.rotate(&name(text), NewKey::Symmetric(&key(number))).unwrap();
    }
    for (number, text) in (0..).zip(&expected) {
        assert!(is(&*store.mac_key(&name(text)).unwrap(), number));
        store.delete(&name(text)).unwrap();
    }
    assert_eq!(names(&store), [""; 0]);
}

#[test]
fn two_keys_are_not_exchanged() {
    let Some(place) = Place::new(Keyring::Process) else { return };
    let store = place.open();
    import(&store, "a", 1);
    import(&store, "b", 2);
    let error = store.swap(&name("a"), &name("b")).unwrap_err();
    let reason = OtherError::from_static("the kernel cannot exchange two keys at once");
    assert_eq!(error, KeyError::Refused(reason));
}

// Other threads, sessions and processes.

/// A store is used in whatever thread: one that was there before it was opened sees the same keys, or is
/// told that it may not. It must not look into another keyring and find nothing.
fn is_used_in_a_thread_that_was_there_before(keyring: Keyring) {
    let (sender, receiver) = mpsc::channel::<OsKeyStore>();
    let (report, reports) = mpsc::channel::<[Result<bool, KeyError>; 3]>();
    let before = thread::spawn(move || {
        let store = receiver.recv().unwrap();
        let answers = [
            store.mac_key(&name("key")).map(|found| is(&*found, 1)),
            store.list().map(|list| list.len() == 1),
            store.create(&name("key"), KeyKind::Symmetric).map(|created| !created),
        ];
        report.send(answers).unwrap();
    });
    let Some(place) = Place::new(keyring) else { return };
    let store = place.open();
    import(&store, "key", 1);
    sender.send(store).unwrap();
    let answers = reports.recv_timeout(Duration::from_secs(10)).unwrap();
    before.join().unwrap();
    for (what, answer) in ["mac_key", "list", "create"].into_iter().zip(answers) {
        let told = matches!(answer, Ok(true) | Err(KeyError::Refused(_)));
        assert!(told, "{what} in another thread: {answer:?}");
    }
    assert!(is(&*place.open().mac_key(&name("key")).unwrap(), 1));
}

#[test]
fn the_keyring_of_the_user_is_used_in_a_thread_that_was_there_before() {
    is_used_in_a_thread_that_was_there_before(Keyring::User);
}

#[test]
fn the_keyring_of_the_session_is_used_in_a_thread_that_was_there_before() {
    is_used_in_a_thread_that_was_there_before(Keyring::Session);
}

#[test]
fn the_keyring_of_the_process_is_used_in_a_thread_that_was_there_before() {
    is_used_in_a_thread_that_was_there_before(Keyring::Process);
}

/// systemd gives each service a session keyring that the user's is not linked to, and so do containers:
/// the keys of the user are reached all the same.
#[test]
fn the_keyring_of_the_user_needs_no_link_from_the_session() {
    if Place::new(Keyring::User).is_none() {
        return;
    }
    in_new_session(|| {
        let Some(place) = Place::new(Keyring::User) else { return };
        let store = place.open();
        let created = store.create(&name("created"), KeyKind::Symmetric);
        // Whatever the answer, nothing is there in part.
        assert_eq!(place.find("created").is_some(), created == Ok(true), "{created:?}");
        assert_eq!(created, Ok(true));
        import(&store, "imported", 1);
        assert!(is(&*store.mac_key(&name("imported")).unwrap(), 1));
        store.rotate(&name("imported"), NewKey::Symmetric(&key(2))).unwrap();
        // Another service of the same user, with a session of its own.
        in_new_session(|| {
            let other = place.open();
            assert!(is(&*other.mac_key(&name("imported")).unwrap(), 2));
            other.rotate(&name("imported"), NewKey::Symmetric(&key(3))).unwrap();
            other.delete(&name("created")).unwrap();
        });
        assert!(is(&*store.mac_key(&name("imported")).unwrap(), 3));
        assert_eq!(names(&store), ["imported"]);
    });
}

/// What a program of the user's session put there is seen by a service with a session of its own.
#[test]
fn keys_of_the_user_are_seen_from_another_session() {
    let Some(place) = Place::new(Keyring::User) else { return };
    import(&place.open(), "key", 1);
    in_new_session(|| {
        let store = place.open();
        assert_eq!(names(&store), ["key"]);
        assert!(is(&*store.mac_key(&name("key")).unwrap(), 1));
    });
}

const TASK_KEYRING: &str = "HUBWARD_TEST_KEYRING";
const TASK_NAMESPACE: &str = "HUBWARD_TEST_NAMESPACE";
const TASK_SEES: &str = "HUBWARD_TEST_SEES";
const TASK_SESSION: &str = "HUBWARD_TEST_NEW_SESSION";

/// What another process does: it looks for a key and, if it should see that, answers with one.
#[test]
#[ignore = "a task of other tests; by itself, it does nothing"]
fn task() {
    let Ok(keyring) = env::var(TASK_KEYRING) else { return };
    let keyring = ALL.into_iter().find(|known| format!("{known:?}") == keyring).unwrap();
    if env::var_os(TASK_SESSION).is_some() {
        join_new_session();
    }
    let store = OsKeyStore::open(keyring, &name(&env::var(TASK_NAMESPACE).unwrap())).unwrap();
    let found = store.mac_key(&name("question"));
    if env::var(TASK_SEES).unwrap() == "true" {
        assert!(is(&*found.unwrap(), 1));
        import(&store, "answer", 2);
        store.rotate(&name("question"), NewKey::Symmetric(&key(3))).unwrap();
    } else {
        assert_eq!(found.err(), Some(KeyError::NotFound));
        assert_eq!(names(&store), [""; 0]);
    }
}

/// Runs the task in a process of its own.
fn run_task(place: &Place, sees: bool, new_session: bool) {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["keyring::task", "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(TASK_KEYRING, format!("{:?}", place.keyring))
        .env(TASK_NAMESPACE, place.namespace.as_str())
        .env(TASK_SEES, sees.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if new_session {
        command.env(TASK_SESSION, "1");
    }
    // It is started by this thread and so has the keyring of its session.
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("the task does not end");
        }
        sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{:?}: {text}", place.keyring);
    // A task that does not run is no success.
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn keyrings_reach_as_far_as_documented() {
    for (keyring, new_session, sees) in [
        // For all processes of the user.
        (Keyring::User, false, true),
        // For a service and what it starts.
        (Keyring::Session, false, true),
        (Keyring::Session, true, false),
        // For the process alone.
        (Keyring::Process, false, false),
    ] {
        let Some(place) = Place::new(keyring) else { continue };
        let store = place.open();
        import(&store, "question", 1);
        run_task(&place, sees, new_session);
        if sees {
            assert!(is(&*store.mac_key(&name("answer")).unwrap(), 2));
            assert!(is(&*store.mac_key(&name("question")).unwrap(), 3));
        } else {
            assert_eq!(names(&store), ["question"]);
        }
    }
}
