//! What every store of keys does, whatever it keeps them in.
//!
//! A store joins with one line, `conformance!(name keeps keys, subject)`, where `subject` makes a
//! [`Subject`], or `None` where the machine has no such store; one that is a [`CredentialStore`]
//! `keeps credentials`. Each case is then a test of its own, on a store of its own. For stores that are
//! slow to open, `in turn` behind either makes all cases one test on one store.
//!
//! Keys are told by what they answer: none is read back. The program that includes this has a module
//! `openssl` as well, which judges what private keys sign.

use std::any::Any;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use hubward::keystore::{
    AtLeast, CredentialStore, KeyError, KeyInfo, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey,
    NewKey, Protection, RecordKind, Records, SignatureAlgorithm, SigningKey, Slot,
};
use hubward::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use hubward::{DeviceId, HubHost, OtherError, ResourceUri, SasSigner, SymmetricKey, UnixTime};

use crate::openssl;

/// A store under test.
pub(crate) struct Subject {
    store: Store,
    abilities: Abilities,
    /// Opens it once more; absent if it does not outlive its value.
    open: Option<Box<dyn Fn() -> Store>>,
    /// What the store is in, to be removed after it.
    _place: Option<Box<dyn Any>>,
}

/// A store by the most that it does.
pub(crate) enum Store {
    #[cfg_attr(
        not(all(feature = "keystore-os", target_os = "linux")),
        expect(dead_code, reason = "no such store in this build")
    )]
    Keys(Box<dyn KeyStoreAdmin>),
    Credentials(Box<dyn CredentialStore>),
}

/// What a store can do, as its documentation says.
#[derive(Clone, Copy)]
pub(crate) struct Abilities {
    /// The kinds of keys that it makes.
    pub(crate) generates: &'static [KeyKind],
    /// The kinds of keys that it takes over.
    pub(crate) imports: &'static [KeyKind],
    /// It exchanges two keys at once.
    pub(crate) swaps: bool,
    /// Its symmetric keys are in memory while they are used, and so can be prepared.
    pub(crate) prepares: bool,
    /// Its keys were to be in locked pages.
    pub(crate) locked: bool,
    /// How well it protects its keys.
    pub(crate) protection: Protection,
}

/// Runs every case over a store, as the documentation of this module says.
macro_rules! conformance {
    ($store:ident keeps keys, $subject:path) => {
        key_cases! { each_alone! { $store, $subject } }
    };
    ($store:ident keeps keys in turn, $subject:path) => {
        key_cases! { in_turn! { $store, $subject } }
    };
    ($store:ident keeps credentials, $subject:path) => {
        credential_cases! { each_alone! { $store, $subject } }
    };
    ($store:ident keeps credentials in turn, $subject:path) => {
        credential_cases! { in_turn! { $store, $subject } }
    };
}

/// The cases for every store, and more of them.
macro_rules! key_cases {
    ($run:ident! { $store:ident, $subject:path } $($more:ident)*) => {
        $run! { $store, $subject;
            create_makes_a_key_unless_there_is_one
            keys_that_are_made_differ
            a_kind_that_is_not_kept_is_refused
            import_keeps_the_key
            import_keeps_private_keys
            import_replaces_nothing
            what_is_no_key_is_not_imported
            rotate_replaces_the_key_and_handles_go_on
            rotate_replaces_private_keys
            rotate_replaces_only_what_is_there_and_of_its_kind
            swap_exchanges_keys
            swap_wants_both
            delete_deletes_once
            list_is_in_order
            what_is_missing_is_not_found
            the_wrong_kind_is_told
            names_are_told_apart
            private_keys_sign
            public_keys_stay
            prepared_states_agree
            handles_outlive_their_key
            what_one_changes_the_other_sees
            several_threads_use_the_store
            of_several_creates_one_is_first
            of_several_imports_one_is_first
            pointers_and_policies_hand_out_the_same
            signers_make_the_same_tokens
            nothing_shows_a_key
            $($more)*
        }
    };
}

/// The cases for stores of credentials.
macro_rules! credential_cases {
    ($run:ident! { $store:ident, $subject:path }) => {
        key_cases! { $run! { $store, $subject }
            transactions_are_all_or_nothing
            transactions_that_panic_change_nothing
            transactions_see_what_they_did
            transactions_follow_one_another
            slots_are_apart
            certificates_are_kept_with_their_key
            certificates_move_with_their_key
            certificates_go_with_their_key
            records_have_a_bound
        }
    };
}

macro_rules! each_alone {
    ($store:ident, $subject:path; $($case:ident)*) => {
        mod $store {
            $(#[test]
            fn $case() {
                if let Some(mut subject) = $subject() {
                    crate::conformance::$case(&mut subject);
                }
            })*
        }
    };
}

macro_rules! in_turn {
    ($store:ident, $subject:path; $($case:ident)*) => {
        #[test]
        fn $store() {
            if let Some(mut subject) = $subject() {
                $(
                    println!("{}", stringify!($case));
                    crate::conformance::$case(&mut subject);
                    subject.clear();
                )*
            }
        }
    };
}

impl Subject {
    /// A store that ends with its value.
    pub(crate) fn fleeting(abilities: Abilities, store: Store) -> Self {
        Self { store, abilities, open: None, _place: None }
    }

    /// A store that is in some place and too slow to be opened again and again.
    #[cfg_attr(
        not(all(feature = "keystore-file", unix)),
        expect(dead_code, reason = "no such store in this build")
    )]
    pub(crate) fn slow(abilities: Abilities, store: Store, place: impl Any) -> Self {
        Self { store, abilities, open: None, _place: Some(Box::new(place)) }
    }

    /// A store that can be opened again, by what can own the place that it is in.
    #[cfg_attr(
        not(any(
            all(feature = "keystore-file", unix),
            all(feature = "keystore-os", target_os = "linux")
        )),
        expect(dead_code, reason = "no such store in this build")
    )]
    pub(crate) fn lasting(
        abilities: Abilities,
        store: Store,
        open: impl Fn() -> Store + 'static,
    ) -> Self {
        Self { store, abilities, open: Some(Box::new(open)), _place: None }
    }

    pub(crate) fn keys(&self) -> &dyn KeyStoreAdmin {
        self.store.keys()
    }

    fn credentials(&self) -> &dyn CredentialStore {
        self.store.credentials().expect("the table says that it keeps credentials")
    }

    /// Deletes all keys.
    pub(crate) fn clear(&self) {
        for info in self.keys().list().unwrap() {
            self.keys().delete(&info.name).unwrap();
        }
    }

    /// Looks at the store as it is, and again once it was opened anew.
    fn twice(&mut self, look: impl Fn(&dyn KeyStoreAdmin)) {
        look(self.keys());
        if let Some(open) = &self.open {
            self.store = open();
            look(self.keys());
        }
    }

    /// Looks at a second value over the same store, if there can be one.
    fn other(&self, look: impl FnOnce(&dyn KeyStoreAdmin)) {
        if let Some(open) = &self.open {
            look(open().keys());
        }
    }

    fn state(&self) -> BTreeMap<KeyName, Held> {
        let keys = self.keys();
        let held = keys.list().unwrap().into_iter().map(|info| {
            let held = Held {
                kind: info.kind,
                protection: info.protection,
                answer: answer(keys, &info),
                certificates: match &self.store {
                    Store::Keys(_) => Ok(Vec::new()),
                    Store::Credentials(store) => store.certificates(&info.name),
                },
            };
            (info.name, held)
        });
        held.collect()
    }

    /// Sees that attempts change nothing.
    fn keeps(&self, attempts: impl FnOnce(&dyn KeyStoreAdmin)) {
        let before = self.state();
        attempts(self.keys());
        assert_eq!(self.state(), before);
    }

    /// Sees that an attempt is refused and changes nothing.
    fn refuses<T: Debug>(
        &self,
        attempt: impl FnOnce(&dyn KeyStoreAdmin) -> Result<T, KeyError>,
    ) -> KeyError {
        let mut error = None;
        self.keeps(|store| error = Some(refused(attempt(store))));
        error.expect("it was attempted")
    }

    fn makes(&self, kind: KeyKind) -> bool {
        self.abilities.generates.contains(&kind)
    }

    fn takes(&self, kind: KeyKind) -> bool {
        self.abilities.imports.contains(&kind)
    }

    /// Private keys that the store takes over.
    fn known_keys(&self) -> Vec<Known> {
        self.abilities.imports.iter().filter_map(|kind| Known::of(*kind)).collect()
    }
}

impl Store {
    fn keys(&self) -> &dyn KeyStoreAdmin {
        match self {
            Self::Keys(store) => &**store,
            Self::Credentials(store) => &**store,
        }
    }

    fn credentials(&self) -> Option<&dyn CredentialStore> {
        match self {
            Self::Keys(_) => None,
            Self::Credentials(store) => Some(&**store),
        }
    }
}

/// What a store has under a name.
#[derive(Debug, PartialEq)]
struct Held {
    kind: KeyKind,
    protection: Protection,
    answer: Vec<u8>,
    certificates: Result<Vec<CertificateDer<'static>>, KeyError>,
}

/// What tells a key from all others: a MAC, or its public key.
fn answer(store: &dyn KeyStore, info: &KeyInfo) -> Vec<u8> {
    match info.kind {
        KeyKind::Symmetric => tag(&*store.mac_key(&info.name).unwrap()).to_vec(),
        _ => store.signing_key(&info.name).unwrap().public_key().to_vec(),
    }
}

fn tag(key: &dyn MacKey) -> [u8; 32] {
    *key.hmac_sha256(&[b"which ", b"key"]).unwrap().expose_bytes()
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

/// One of many symmetric keys.
fn key(number: u8) -> SymmetricKey {
    SymmetricKey::from_bytes(format!("conformance key {number}, plainly fake").as_bytes()).unwrap()
}

fn import(store: &dyn KeyStoreAdmin, text: &str, number: u8) {
    store.import(&name(text), NewKey::Symmetric(&key(number))).unwrap();
}

fn has(store: &dyn KeyStore, text: &str, number: u8) -> bool {
    store.mac_key(&name(text)).is_ok_and(|found| tag(&*found) == tag(&key(number)))
}

fn names(store: &dyn KeyStoreAdmin) -> Vec<String> {
    store.list().unwrap().iter().map(|info| info.name.to_string()).collect()
}

const KINDS: [KeyKind; 4] =
    [KeyKind::Symmetric, KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa];

/// A private key with its public one, as somebody else computed it.
struct Known {
    kind: KeyKind,
    /// The same key in every form that is read.
    forms: Vec<PrivateKeyDer<'static>>,
    spki: Vec<u8>,
}

const P256_SCALAR: &[u8; 32] = b"conformance key of P-256, a fake";
const P256_POINT: &str = "046e74bc77bbd6c1f6c41a0aeecd14ba830e7e6c9b59230172bdf4c95803b6b59bd2965df\
    9388421ac1aa90442c68a04b31666041c7986a760382778496f539af3";
const P384_SCALAR: &[u8; 48] = b"conformance key of P-384, a fake of greater size";
const P384_POINT: &str = "0452bf823f34e87f2b98d749262475f65be85473a10dfb6c235757f9c49c70ace3776e162\
    c63ef37f80c36b9abeeda662a4221f115c24bc0e90c9b82d2a0dc17a7a20aff3f91d87158aa047d3dd7761489f3b8ba\
    e75f556f95ee94f74a4046ae6e";

impl Known {
    fn of(kind: KeyKind) -> Option<Self> {
        // prime256v1 and secp384r1 (RFC 5480 section 2.1.1.1).
        match kind {
            KeyKind::EcdsaP256 => {
                Some(Self::ecdsa(kind, "06082a8648ce3d030107", P256_SCALAR, P256_POINT))
            }
            KeyKind::EcdsaP384 => {
                Some(Self::ecdsa(kind, "06052b81040022", P384_SCALAR, P384_POINT))
            }
            KeyKind::Rsa => {
                let key = openssl::rsa(2048);
                let forms = vec![
                    PrivatePkcs8KeyDer::from(&*key.pkcs8).into(),
                    PrivatePkcs1KeyDer::from(&*key.pkcs1).into(),
                ];
                Some(Self { kind, forms, spki: key.spki.clone() })
            }
            _ => None,
        }
    }

    fn ecdsa(kind: KeyKind, curve: &str, scalar: &[u8], point: &str) -> Self {
        let (curve, point) = (from_hex(curve), tlv(3, &[&[0], &*from_hex(point)]));
        // id-ecPublicKey
        let algorithm = tlv(0x30, &[&from_hex("06072a8648ce3d0201"), &curve]);
        let (version, scalar, public) = (tlv(2, &[&[1]]), tlv(4, &[scalar]), tlv(0xa1, &[&point]));
        let inner = tlv(0x30, &[&version, &scalar, &public]);
        let pkcs8 = tlv(0x30, &[&tlv(2, &[&[0]]), &algorithm, &tlv(4, &[&inner])]);
        let sec1 = tlv(0x30, &[&version, &scalar, &tlv(0xa0, &[&curve]), &public]);
        let forms =
            vec![PrivatePkcs8KeyDer::from(pkcs8).into(), PrivateSec1KeyDer::from(sec1).into()];
        Self { kind, forms, spki: tlv(0x30, &[&algorithm, &point]) }
    }

    fn pkcs8(&self) -> NewKey<'_> {
        NewKey::Private(&self.forms[0])
    }
}

/// One element of DER: tag, length, content.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut element = vec![tag];
    match u8::try_from(content.len()).expect("a short element") {
        len @ ..0x80 => element.push(len),
        len => element.extend([0x81, len]),
    }
    element.extend(content);
    element
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// The error of what must fail, once it is found to show no key.
fn refused<T: Debug>(answer: Result<T, KeyError>) -> KeyError {
    let error = answer.expect_err("it is refused");
    hides_keys(&text(&error));
    error
}

/// Fails where a key of these tests shows: as text, as base64, as hexadecimal, as a list of numbers.
pub(crate) fn hides_keys(text: &str) {
    let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let lower = text.to_lowercase();
    for piece in ["636f6e666f726d616e6365206b6579", "9911111010211111410997110991013210710112"] {
        assert!(!lower.contains(piece), "a key shows as numbers");
    }
    assert!(!text.contains("Y29uZm9ybWFuY2Uga2V5"), "a key shows as base64");
    assert!(!lower.contains("conformancekey"), "a key shows");
}

/// An error in every way that it could be printed, causes included.
fn text(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

// Making keys.

pub(crate) fn create_makes_a_key_unless_there_is_one(subject: &mut Subject) {
    for &kind in subject.abilities.generates {
        let name = name("created");
        assert_eq!(subject.keys().create(&name, kind), Ok(true), "{kind}");
        let made = subject.state();
        assert_eq!(made[&name].kind, kind);
        subject.twice(|store| assert_eq!(store.create(&name, kind), Ok(false), "{kind}"));
        assert_eq!(subject.state(), made, "{kind}");
        for other in KINDS {
            if other != kind && subject.makes(other) {
                let error = subject.refuses(|store| store.create(&name, other));
                assert_eq!(error, KeyError::WrongKind { found: Some(kind) });
            }
        }
        subject.keys().delete(&name).unwrap();
    }
}

pub(crate) fn keys_that_are_made_differ(subject: &mut Subject) {
    for &kind in subject.abilities.generates {
        for text in ["a", "b"] {
            assert_eq!(subject.keys().create(&name(text), kind), Ok(true));
        }
        subject.keys().import(&name("c"), NewKey::Generate(kind)).unwrap();
        let mut answers: Vec<_> = subject.state().into_values().map(|held| held.answer).collect();
        subject.keys().rotate(&name("a"), NewKey::Generate(kind)).unwrap();
        answers.extend(subject.state().remove(&name("a")).map(|held| held.answer));
        answers.sort();
        answers.dedup();
        assert_eq!(answers.len(), 4, "{kind}");
        subject.clear();
    }
}

pub(crate) fn a_kind_that_is_not_kept_is_refused(subject: &mut Subject) {
    import(subject.keys(), "taken", 1);
    for kind in KINDS {
        let free = name("free");
        if !subject.makes(kind) {
            for error in [
                subject.refuses(|store| store.create(&free, kind)),
                subject.refuses(|store| store.import(&free, NewKey::Generate(kind))),
            ] {
                assert!(matches!(error, KeyError::UnsupportedAlgorithm(_)), "{kind}: {error:?}");
            }
            subject.refuses(|store| store.create(&name("taken"), kind));
            subject.refuses(|store| store.rotate(&name("taken"), NewKey::Generate(kind)));
        }
        if !subject.takes(kind)
            && kind != KeyKind::Rsa
            && let Some(known) = Known::of(kind)
        {
            let error = subject.refuses(|store| store.import(&free, known.pkcs8()));
            assert!(matches!(error, KeyError::UnsupportedAlgorithm(_)), "{kind}: {error:?}");
        }
    }
}

// Taking keys over.

pub(crate) fn import_keeps_the_key(subject: &mut Subject) {
    assert_eq!(SymmetricKey::from_bytes(b""), Err(KeyError::Empty));
    let name = name("imported");
    // Around the words, the blocks and the longest key of the hash and of the crate.
    let lengths = [1, 2, 3, 4, 5, 7, 8, 15, 16, 20, 31, 32, 33, 47, 48, 55, 56, 63, 64, 65, 66];
    for len in lengths.into_iter().chain([100, 127, 128, 129, 191, 192, 193, 254, 255, 256]) {
        let bytes: Vec<u8> = (1..=u8::MAX).cycle().skip(len).take(len).collect();
        let key = SymmetricKey::from_bytes(&bytes).unwrap();
        subject.keys().import(&name, NewKey::Symmetric(&key)).unwrap();
        let found = subject.keys().mac_key(&name).unwrap();
        for message in [&b""[..], b"message", &[0; 200]] {
            assert_eq!(found.hmac_sha256(&[message]), key.hmac_sha256(&[message]), "{len} bytes");
        }
        if [1, 256].contains(&len) {
            subject.twice(|store| assert_eq!(tag(&*store.mac_key(&name).unwrap()), tag(&key)));
        }
        subject.keys().delete(&name).unwrap();
    }
}

pub(crate) fn import_keeps_private_keys(subject: &mut Subject) {
    for known in subject.known_keys() {
        for form in &known.forms {
            subject.keys().import(&name("imported"), NewKey::Private(form)).unwrap();
            let protection = subject.abilities.protection;
            let info = KeyInfo::new(name("imported"), known.kind, protection);
            subject.twice(|store| {
                assert_eq!(store.list().as_deref(), Ok(&[info.clone()][..]));
                signs(&*store.signing_key(&info.name).unwrap(), &known.spki);
            });
            subject.keys().delete(&info.name).unwrap();
        }
    }
}

pub(crate) fn import_replaces_nothing(subject: &mut Subject) {
    import(subject.keys(), "symmetric", 1);
    let mut taken = vec![name("symmetric")];
    for known in subject.known_keys() {
        let name = name(&format!("private-{}", taken.len()));
        subject.keys().import(&name, known.pkcs8()).unwrap();
        taken.push(name);
    }
    let known = subject.known_keys();
    let (same, another) = (key(1), key(2));
    // The very same key is no exception.
    let mut new_keys = vec![NewKey::Symmetric(&same), NewKey::Symmetric(&another)];
    new_keys.extend(subject.abilities.generates.iter().map(|kind| NewKey::Generate(*kind)));
    new_keys.extend(known.iter().map(Known::pkcs8));
    subject.keeps(|store| {
        for name in &taken {
            for new in &new_keys {
                assert_eq!(refused(store.import(name, *new)), KeyError::AlreadyExists);
            }
        }
    });
    subject.twice(|store| assert!(has(store, "symmetric", 1)));
}

pub(crate) fn what_is_no_key_is_not_imported(subject: &mut Subject) {
    import(subject.keys(), "symmetric", 1);
    let mut broken = vec![Vec::new(), b"conformance key, but not in DER".to_vec(), vec![0x30, 0]];
    for known in subject.known_keys() {
        subject.keys().import(&name(&format!("{:?}", known.kind)), known.pkcs8()).unwrap();
        let der = known.forms[0].secret_der();
        broken.push(der[..der.len() - 1].to_vec());
        if known.kind != KeyKind::Rsa {
            broken.push([der, &[0]].concat());
        }
    }
    let taken = subject.keys().list().unwrap();
    subject.keeps(|store| {
        for der in &broken {
            for form in [
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&**der)),
                PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(&**der)),
                PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(&**der)),
            ] {
                let expected = |error: KeyError| match error {
                    KeyError::InvalidPrivateKey => subject.abilities.imports.len() > 1,
                    KeyError::UnsupportedAlgorithm(_) => {
                        let is_rsa = matches!(form, PrivateKeyDer::Pkcs1(_));
                        !subject.takes(if is_rsa { KeyKind::Rsa } else { KeyKind::EcdsaP256 })
                    }
                    _ => false,
                };
                let new = NewKey::Private(&form);
                assert!(expected(refused(store.import(&name("free"), new))));
                for info in &taken {
                    // Which fault is seen first is up to the store.
                    let error = refused(store.rotate(&info.name, new));
                    assert!(matches!(error, KeyError::WrongKind { .. }) || expected(error));
                }
            }
        }
    });
}

// Replacing keys.

pub(crate) fn rotate_replaces_the_key_and_handles_go_on(subject: &mut Subject) {
    let name = name("rotated");
    import(subject.keys(), "rotated", 1);
    import(subject.keys(), "another", 9);
    let first = subject.keys().mac_key(&name).unwrap();
    subject.keys().rotate(&name, NewKey::Symmetric(&key(2))).unwrap();
    assert_eq!(tag(&*first), tag(&key(1)));
    subject.twice(|store| assert!(has(store, "rotated", 2)));

    // By a key of another length, by itself, and back to the first.
    let long = SymmetricKey::from_bytes(&[7; 256]).unwrap();
    subject.keys().rotate(&name, NewKey::Symmetric(&long)).unwrap();
    subject.twice(|store| assert_eq!(tag(&*store.mac_key(&name).unwrap()), tag(&long)));
    subject.keys().rotate(&name, NewKey::Symmetric(&long)).unwrap();
    subject.keys().rotate(&name, NewKey::Symmetric(&key(1))).unwrap();
    subject.twice(|store| assert!(has(store, "rotated", 1) && has(store, "another", 9)));

    let second = subject.keys().mac_key(&name).unwrap();
    subject.keys().rotate(&name, NewKey::Generate(KeyKind::Symmetric)).unwrap();
    let third = subject.keys().mac_key(&name).unwrap();
    assert_eq!(tag(&*second), tag(&key(1)));
    assert_ne!(tag(&*third), tag(&key(1)));
    subject.twice(|store| assert_eq!(tag(&*store.mac_key(&name).unwrap()), tag(&*third)));
    assert_eq!(tag(&*first), tag(&key(1)));
}

pub(crate) fn rotate_replaces_private_keys(subject: &mut Subject) {
    for known in subject.known_keys() {
        let name = name("rotated");
        if subject.makes(known.kind) {
            subject.keys().create(&name, known.kind).unwrap();
        } else {
            subject.keys().import(&name, known.pkcs8()).unwrap();
        }
        let old = subject.keys().signing_key(&name).unwrap();
        let old_public = old.public_key().to_vec();
        subject.keys().rotate(&name, known.pkcs8()).unwrap();
        subject.twice(|store| signs(&*store.signing_key(&name).unwrap(), &known.spki));
        signs(&*old, &old_public);
        if subject.makes(known.kind) {
            assert_ne!(old_public, known.spki);
            subject.keys().rotate(&name, NewKey::Generate(known.kind)).unwrap();
            let new = subject.keys().signing_key(&name).unwrap();
            assert_ne!(new.public_key().to_vec(), known.spki);
            assert_ne!(new.public_key().to_vec(), old_public);
        }
        subject.clear();
    }
}

pub(crate) fn rotate_replaces_only_what_is_there_and_of_its_kind(subject: &mut Subject) {
    import(subject.keys(), "symmetric", 1);
    let known = subject.known_keys();
    let symmetric = key(2);
    let mut new_keys: Vec<_> = known.iter().map(|known| (known.kind, known.pkcs8())).collect();
    new_keys.push((KeyKind::Symmetric, NewKey::Symmetric(&symmetric)));
    new_keys
        .extend(subject.abilities.generates.iter().map(|kind| (*kind, NewKey::Generate(*kind))));
    for known in &known {
        subject.keys().import(&name(&format!("{:?}", known.kind)), known.pkcs8()).unwrap();
    }
    let taken = subject.keys().list().unwrap();
    subject.keeps(|store| {
        for (kind, new) in new_keys {
            assert_eq!(refused(store.rotate(&name("free"), new)), KeyError::NotFound);
            for info in taken.iter().filter(|info| info.kind != kind) {
                let error = refused(store.rotate(&info.name, new));
                assert_eq!(error, KeyError::WrongKind { found: Some(info.kind) }, "by {kind}");
            }
        }
    });
    subject.twice(|store| assert_eq!(store.list().as_ref(), Ok(&taken)));
}

pub(crate) fn swap_exchanges_keys(subject: &mut Subject) {
    import(subject.keys(), "primary", 1);
    import(subject.keys(), "secondary", 2);
    import(subject.keys(), "third", 3);
    let (primary, secondary) = (name("primary"), name("secondary"));
    if !subject.abilities.swaps {
        let error = subject.refuses(|store| store.swap(&primary, &secondary));
        assert!(matches!(error, KeyError::Refused(_)), "{error:?}");
        return;
    }
    let handle = subject.keys().mac_key(&primary).unwrap();
    subject.keys().swap(&primary, &secondary).unwrap();
    subject.twice(|store| {
        assert!(has(store, "primary", 2) && has(store, "secondary", 1) && has(store, "third", 3));
    });
    assert_eq!(tag(&*handle), tag(&key(1)));
    // The other way round, and so back.
    subject.keys().swap(&primary, &secondary).unwrap();
    subject.twice(|store| {
        assert!(has(store, "primary", 1) && has(store, "secondary", 2) && has(store, "third", 3));
    });
    assert_eq!(names(subject.keys()), ["primary", "secondary", "third"]);

    // Keys of different kinds.
    for known in subject.known_keys() {
        let private = name("private");
        subject.keys().import(&private, known.pkcs8()).unwrap();
        subject.keys().swap(&private, &secondary).unwrap();
        subject.twice(|store| {
            assert!(has(store, "private", 2));
            let found = store.signing_key(&secondary).unwrap();
            assert_eq!(found.public_key().as_ref(), known.spki);
        });
        subject.keys().swap(&private, &secondary).unwrap();
        subject.keys().delete(&private).unwrap();
    }
}

pub(crate) fn swap_wants_both(subject: &mut Subject) {
    import(subject.keys(), "there", 1);
    let (there, missing) = (name("there"), name("missing"));
    for (a, b) in [(&there, &missing), (&missing, &there), (&missing, &missing)] {
        assert_eq!(subject.refuses(|store| store.swap(a, b)), KeyError::NotFound);
    }
    // A key that is exchanged with itself stays.
    subject.keys().swap(&there, &there).unwrap();
    subject.twice(|store| assert!(has(store, "there", 1)));
    assert_eq!(names(subject.keys()), ["there"]);
}

pub(crate) fn delete_deletes_once(subject: &mut Subject) {
    let name = name("deleted");
    import(subject.keys(), "deleted", 1);
    import(subject.keys(), "deleted.too", 2);
    import(subject.keys(), "delete", 3);
    subject.keys().delete(&name).unwrap();
    subject.twice(|store| {
        assert_eq!(store.mac_key(&name).err(), Some(KeyError::NotFound));
        assert_eq!(names(store), ["delete", "deleted.too"]);
        assert!(has(store, "delete", 3) && has(store, "deleted.too", 2));
    });
    assert_eq!(subject.refuses(|store| store.delete(&name)), KeyError::NotFound);
    // The name is free for any key.
    import(subject.keys(), "deleted", 4);
    subject.twice(|store| assert!(has(store, "deleted", 4)));
    for &kind in subject.abilities.generates {
        subject.keys().delete(&name).unwrap();
        assert_eq!(subject.keys().create(&name, kind), Ok(true), "{kind}");
        assert_eq!(subject.state()[&name].kind, kind);
    }
    for known in subject.known_keys() {
        subject.keys().delete(&name).unwrap();
        subject.keys().import(&name, known.pkcs8()).unwrap();
        assert_eq!(subject.state()[&name].kind, known.kind);
    }
}

// Looking.

pub(crate) fn list_is_in_order(subject: &mut Subject) {
    subject.twice(|store| assert_eq!(store.list(), Ok(Vec::new())));
    let protection = subject.abilities.protection;
    let mut expected = Vec::new();
    for (number, text) in (1..).zip(["b", "aa", "B", "a", "a.", "a-", "-", "1", "_"]) {
        import(subject.keys(), text, number);
        expected.push(KeyInfo::new(name(text), KeyKind::Symmetric, protection));
    }
    for known in subject.known_keys() {
        let name = name(&format!("a.{:?}", known.kind));
        subject.keys().import(&name, known.pkcs8()).unwrap();
        expected.push(KeyInfo::new(name, known.kind, protection));
    }
    for &kind in subject.abilities.generates {
        let name = name(&format!("Z-{kind:?}"));
        subject.keys().create(&name, kind).unwrap();
        expected.push(KeyInfo::new(name, kind, protection));
    }
    expected.sort_by(|a, b| a.name.as_str().as_bytes().cmp(b.name.as_str().as_bytes()));
    subject.twice(|store| {
        assert_eq!(store.list().as_ref(), Ok(&expected));
        for info in &expected {
            let handle_protection = match info.kind {
                KeyKind::Symmetric => store.mac_key(&info.name).unwrap().protection(),
                _ => store.signing_key(&info.name).unwrap().protection(),
            };
            assert_eq!(handle_protection, protection, "{}", info.name);
        }
    });
    for info in &expected {
        let locked = match info.kind {
            KeyKind::Symmetric => subject.keys().mac_key(&info.name).unwrap().lock_outcome(),
            _ => subject.keys().signing_key(&info.name).unwrap().lock_outcome(),
        };
        assert_eq!(locked.is_some(), subject.abilities.locked, "{}", info.name);
    }
}

pub(crate) fn what_is_missing_is_not_found(subject: &mut Subject) {
    // In an empty store, and beside other keys.
    for round in 0..2 {
        for text in ["missing", "ther", "There", "there.", "there-1"] {
            let name = name(text);
            for error in [
                subject.refuses(|store| store.mac_key(&name)),
                subject.refuses(|store| store.signing_key(&name)),
                subject.refuses(|store| store.delete(&name)),
                subject.refuses(|store| store.rotate(&name, NewKey::Symmetric(&key(1)))),
            ] {
                assert_eq!(error, KeyError::NotFound, "{name}, round {round}");
            }
        }
        if round == 0 {
            import(subject.keys(), "there", 1);
        }
    }
    assert_eq!(names(subject.keys()), ["there"]);
}

pub(crate) fn the_wrong_kind_is_told(subject: &mut Subject) {
    import(subject.keys(), "symmetric", 1);
    for known in subject.known_keys() {
        subject.keys().import(&name(&format!("{:?}", known.kind)), known.pkcs8()).unwrap();
    }
    for info in subject.keys().list().unwrap() {
        let error = match info.kind {
            KeyKind::Symmetric => subject.refuses(|store| store.signing_key(&info.name)),
            _ => subject.refuses(|store| store.mac_key(&info.name)),
        };
        assert_eq!(error, KeyError::WrongKind { found: Some(info.kind) });
        assert_eq!(error.to_string(), format!("the key is of another kind: {}", info.kind));
    }
}

pub(crate) fn names_are_told_apart(subject: &mut Subject) {
    let texts = [
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
        "abcdefghijklmnopqrstuvwxyz0123456789-_.",
        &"n".repeat(KeyName::MAX_LEN),
        &"n".repeat(KeyName::MAX_LEN - 1),
        "n",
        "N",
        "n.",
        "n..n",
        "-",
        "--",
        "_",
        "0",
    ];
    for (number, text) in (1..).zip(texts) {
        import(subject.keys(), text, number);
    }
    subject.twice(|store| {
        assert_eq!(store.list().unwrap().len(), texts.len());
        for (number, text) in (1..).zip(texts) {
            assert!(has(store, text, number), "{text}");
        }
    });
    // Each goes by itself.
    for (number, text) in (1..).zip(texts) {
        subject.keys().delete(&name(text)).unwrap();
        for (other, text) in (1..).zip(texts) {
            assert_eq!(has(subject.keys(), text, other), other > number, "{text}");
        }
    }
}

// Using keys.

/// Sees that a key signs with all that it says it does, and with nothing else.
pub(crate) fn signs(key: &dyn SigningKey, spki: &[u8]) {
    use SignatureAlgorithm as A;

    assert_eq!(key.public_key().as_ref(), spki);
    let algorithms = key.algorithms();
    assert!(!algorithms.is_empty());
    for algorithm in [
        A::EcdsaP256Sha256,
        A::EcdsaP384Sha384,
        A::RsaPssSha256,
        A::RsaPssSha384,
        A::RsaPssSha512,
        A::RsaPkcs1Sha256,
        A::RsaPkcs1Sha384,
        A::RsaPkcs1Sha512,
    ] {
        match key.sign(algorithm, b"message") {
            Ok(signature) => {
                assert!(algorithms.contains(&algorithm), "{algorithm:?}");
                assert!(openssl::verifies(spki, algorithm, b"message", &signature));
            }
            Err(error) => {
                assert!(!algorithms.contains(&algorithm), "{algorithm:?}");
                assert!(matches!(error, KeyError::UnsupportedAlgorithm(_)), "{error:?}");
                hides_keys(&text(&error));
            }
        }
    }
}

pub(crate) fn private_keys_sign(subject: &mut Subject) {
    for &kind in subject.abilities.generates {
        if kind == KeyKind::Symmetric {
            continue;
        }
        subject.keys().create(&name("signs"), kind).unwrap();
        let made = subject.keys().signing_key(&name("signs")).unwrap();
        let spki = made.public_key().to_vec();
        signs(&*made, &spki);
        subject.twice(|store| {
            let key = store.signing_key(&name("signs")).unwrap();
            let algorithm = key.algorithms()[0];
            for message in [&b""[..], b"m", &[0x5a; 5000]] {
                let signature = key.sign(algorithm, message).unwrap();
                assert!(openssl::verifies(&spki, algorithm, message, &signature));
                assert!(!openssl::verifies(&spki, algorithm, b"another message", &signature));
            }
        });
        subject.clear();
    }
}

pub(crate) fn public_keys_stay(subject: &mut Subject) {
    for &kind in subject.abilities.generates {
        if kind == KeyKind::Symmetric {
            continue;
        }
        subject.keys().create(&name("stays"), kind).unwrap();
        let handle = subject.keys().signing_key(&name("stays")).unwrap();
        let spki = handle.public_key().to_vec();
        for _ in 0..3 {
            subject.twice(|store| {
                let again = store.signing_key(&name("stays")).unwrap();
                assert_eq!(again.public_key().as_ref(), spki);
                assert_eq!(again.algorithms(), handle.algorithms());
            });
        }
        assert_eq!(handle.public_key().as_ref(), spki);
        subject.clear();
    }
}

pub(crate) fn prepared_states_agree(subject: &mut Subject) {
    for len in [1, 32, 64, 65, 256] {
        let key = SymmetricKey::from_bytes(&vec![3; len]).unwrap();
        subject.keys().import(&name("prepared"), NewKey::Symmetric(&key)).unwrap();
        let found = subject.keys().mac_key(&name("prepared")).unwrap();
        let message: Vec<u8> = (0..=u8::MAX).collect();
        for split in [0, 1, 54, 55, 56, 63, 64, 65, 127, 128, 129, 256] {
            let (prefix, suffix) = message.split_at(split);
            let expected = key.hmac_sha256(&[&message]);
            assert_eq!(found.hmac_sha256(&[prefix, suffix]), expected);
            assert_eq!(found.hmac_sha256(&[&message]), expected);
            assert_eq!(found.hmac_sha256(&[prefix, b"", suffix]), expected);
            let prepared = found.prepare(prefix);
            assert_eq!(prepared.is_some(), subject.abilities.prepares);
            if let Some(prepared) = prepared {
                assert_eq!(prepared.finish(suffix), expected);
                // Again: it is not used up.
                assert_eq!(prepared.finish(suffix), expected);
                #[cfg(feature = "mlock")]
                assert_eq!(prepared.lock_outcome().is_some(), subject.abilities.locked);
            }
        }
        subject.keys().delete(&name("prepared")).unwrap();
    }
}

pub(crate) fn handles_outlive_their_key(subject: &mut Subject) {
    import(subject.keys(), "outlived", 1);
    let found = subject.keys().mac_key(&name("outlived")).unwrap();
    let prepared = found.prepare(b"which ");
    let known = subject.known_keys();
    let private: Vec<_> = known
        .iter()
        .map(|known| {
            let name = name(&format!("{:?}", known.kind));
            subject.keys().import(&name, known.pkcs8()).unwrap();
            subject.keys().signing_key(&name).unwrap()
        })
        .collect();
    let mut of_another = None;
    subject.other(|store| of_another = Some(store.mac_key(&name("outlived")).unwrap()));

    subject.clear();
    import(subject.keys(), "outlived", 2);
    subject.twice(|store| {
        assert!(has(store, "outlived", 2));
        for handle in of_another.iter().chain([&found]) {
            assert_eq!(tag(&**handle), tag(&key(1)));
        }
        if let Some(prepared) = &prepared {
            assert_eq!(prepared.finish(b"key").unwrap().expose_bytes(), &tag(&key(1)));
        }
    });
    for (handle, known) in private.iter().zip(&known) {
        signs(&**handle, &known.spki);
    }
}

pub(crate) fn what_one_changes_the_other_sees(subject: &mut Subject) {
    subject.other(|other| {
        let (this, text) = (subject.keys(), "shared");
        import(this, text, 1);
        assert!(has(other, text, 1));
        assert_eq!(other.create(&name(text), KeyKind::Symmetric), Ok(false));
        let taken = other.import(&name(text), NewKey::Symmetric(&key(2)));
        assert_eq!(taken, Err(KeyError::AlreadyExists));
        other.rotate(&name(text), NewKey::Symmetric(&key(2))).unwrap();
        assert!(has(this, text, 2));
        import(other, "another", 3);
        assert_eq!(this.list(), other.list());
        if subject.abilities.swaps {
            this.swap(&name(text), &name("another")).unwrap();
            assert!(has(other, text, 3) && has(other, "another", 2));
        }
        this.delete(&name(text)).unwrap();
        assert_eq!(other.delete(&name(text)), Err(KeyError::NotFound));
        assert_eq!(other.mac_key(&name(text)).err(), Some(KeyError::NotFound));
        other.delete(&name("another")).unwrap();
        assert_eq!(this.list(), Ok(Vec::new()));
    });
}

// Several at once.

const THREADS: usize = 8;

/// What `work` answers on each of several threads that begin at once.
fn at_once<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        let run = |number| {
            start.wait();
            work(number)
        };
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || run(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

pub(crate) fn several_threads_use_the_store(subject: &mut Subject) {
    import(subject.keys(), "shared", 1);
    let known = subject.known_keys();
    for known in &known {
        subject.keys().import(&name(&format!("{:?}", known.kind)), known.pkcs8()).unwrap();
    }
    let store = subject.keys();
    let handle = store.mac_key(&name("shared")).unwrap();
    let prepared = handle.prepare(b"which ");
    let listed = store.list().unwrap();
    let expected = tag(&key(1));
    let signatures = at_once(|number| {
        for _ in 0..5 {
            assert_eq!(tag(&*handle), expected);
            assert_eq!(tag(&*store.mac_key(&name("shared")).unwrap()), expected);
            let now = store.list().unwrap();
            assert!(listed.iter().all(|info| now.contains(info)));
            if let Some(prepared) = &prepared {
                assert_eq!(prepared.finish(b"key").unwrap().expose_bytes(), &expected);
            }
        }
        // Each changes what is its own.
        import(store, &format!("thread-{number}"), 2);
        store.rotate(&name(&format!("thread-{number}")), NewKey::Symmetric(&key(3))).unwrap();
        known
            .iter()
            .map(|known| {
                let key = store.signing_key(&name(&format!("{:?}", known.kind))).unwrap();
                let algorithm = key.algorithms()[0];
                (algorithm, key.sign(algorithm, &number.to_be_bytes()).unwrap())
            })
            .collect::<Vec<_>>()
    });
    for (number, signatures) in signatures.into_iter().enumerate() {
        for (known, (algorithm, signature)) in known.iter().zip(signatures) {
            let message = number.to_be_bytes();
            assert!(openssl::verifies(&known.spki, algorithm, &message, &signature));
        }
    }
    subject.twice(|store| {
        assert_eq!(store.list().unwrap().len(), listed.len() + THREADS);
        for number in 0..THREADS {
            assert!(has(store, &format!("thread-{number}"), 3));
        }
    });
}

pub(crate) fn of_several_creates_one_is_first(subject: &mut Subject) {
    for round in 0..4 {
        let name = name(&format!("round-{round}"));
        let store = subject.keys();
        let answers = at_once(|_| {
            let first = store.create(&name, KeyKind::Symmetric).unwrap();
            (first, tag(&*store.mac_key(&name).unwrap()))
        });
        assert_eq!(answers.iter().filter(|(first, _)| *first).count(), 1);
        assert!(answers.iter().all(|(_, tag)| *tag == answers[0].1));
        subject.twice(|store| assert_eq!(tag(&*store.mac_key(&name).unwrap()), answers[0].1));
    }
}

pub(crate) fn of_several_imports_one_is_first(subject: &mut Subject) {
    let name = name("imported");
    let store = subject.keys();
    let answers = at_once(|number| {
        store.import(&name, NewKey::Symmetric(&key(u8::try_from(number).unwrap())))
    });
    let first = answers.iter().position(Result::is_ok).expect("one is first");
    for (number, answer) in answers.iter().enumerate() {
        let expected = if number == first { Ok(()) } else { Err(KeyError::AlreadyExists) };
        assert_eq!(*answer, expected);
    }
    let first = u8::try_from(first).unwrap();
    subject.twice(|store| assert!(has(store, "imported", first)));
}

// What stands before a store, and what it is for.

pub(crate) fn pointers_and_policies_hand_out_the_same(subject: &mut Subject) {
    let protection = subject.abilities.protection;
    import(subject.keys(), "symmetric", 1);
    for known in subject.known_keys() {
        subject.keys().import(&name(&format!("{:?}", known.kind)), known.pkcs8()).unwrap();
    }
    let store = subject.keys();
    let policy = AtLeast::new(store, protection);
    let below = AtLeast::new(store, Protection::Plain);
    let shared: Arc<dyn KeyStore> = Arc::new(store);
    let nested = AtLeast::new(Arc::clone(&shared), protection);
    assert_eq!(policy.inner().list(), store.list());
    for info in store.list().unwrap() {
        let expected = answer(store, &info);
        let views: [&dyn KeyStore; 6] = [&store, &&store, &shared, &policy, &below, &nested];
        for view in views {
            assert_eq!(answer(view, &info), expected);
            let wrong = match info.kind {
                KeyKind::Symmetric => view.signing_key(&info.name).map(drop),
                _ => view.mac_key(&info.name).map(drop),
            };
            assert_eq!(wrong, Err(KeyError::WrongKind { found: Some(info.kind) }));
            assert_eq!(view.mac_key(&name("missing")).err(), Some(KeyError::NotFound));
            assert_eq!(view.signing_key(&name("missing")).err(), Some(KeyError::NotFound));
            hides_keys(&format!("{view:?} {view:#?}"));
        }
        for required in [
            Protection::Plain,
            Protection::Passphrase,
            Protection::OperatingSystem,
            Protection::Sealed,
            Protection::Hardware,
        ] {
            let policy = AtLeast::new(store, required);
            let found = match info.kind {
                KeyKind::Symmetric => policy.mac_key(&info.name).map(drop),
                _ => policy.signing_key(&info.name).map(drop),
            };
            let too_low = KeyError::ProtectionTooLow { required, actual: protection };
            assert_eq!(found, if required > protection { Err(too_low) } else { Ok(()) });
        }
    }
}

pub(crate) fn signers_make_the_same_tokens(subject: &mut Subject) {
    let host = HubHost::new("contoso.azure-devices.net").unwrap();
    let resource = ResourceUri::device(&host, &DeviceId::new("pump-7").unwrap());
    let expiry = UnixTime::from_secs(1_800_000_000);
    let key = key(1);
    let expected = SasSigner::new(&key, &resource).unwrap().sign(expiry).unwrap();
    import(subject.keys(), "hub.primary", 1);
    subject.twice(|store| {
        let found: Arc<dyn MacKey> = store.mac_key(&name("hub.primary")).unwrap();
        let signer = SasSigner::new(found, &resource).unwrap();
        assert_eq!(signer.sign(expiry).unwrap().expose_token(), expected.expose_token());
    });
    // A signer goes on after the key is gone.
    let found = subject.keys().mac_key(&name("hub.primary")).unwrap();
    let signer = SasSigner::new(found, &resource).unwrap();
    subject.keys().delete(&name("hub.primary")).unwrap();
    assert_eq!(signer.sign(expiry).unwrap().expose_token(), expected.expose_token());
    hides_keys(&format!("{signer:?}"));
}

pub(crate) fn nothing_shows_a_key(subject: &mut Subject) {
    import(subject.keys(), "first", 1);
    import(subject.keys(), "second", 2);
    for &kind in subject.abilities.generates {
        subject.keys().create(&name(&format!("made-{kind:?}")), kind).unwrap();
    }
    let known = subject.known_keys();
    for known in &known {
        hides_keys(&format!("{:?} {:#?}", known.pkcs8(), known.pkcs8()));
        subject.keys().import(&name(&format!("known-{:?}", known.kind)), known.pkcs8()).unwrap();
    }
    subject.twice(|store| {
        hides_keys(&format!("{store:?} {store:#?} {:?}", store.list()));
        let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for info in store.list().unwrap() {
            let text = match info.kind {
                KeyKind::Symmetric => {
                    let key = store.mac_key(&info.name).unwrap();
                    hides_keys(&format!("{:?}", key.prepare(b"prefix")));
                    format!("{key:?} {key:#?}")
                }
                _ => {
                    let key = store.signing_key(&info.name).unwrap();
                    format!("{key:?} {key:#?}")
                }
            };
            hides_keys(&text);
            shown.entry(info.kind.to_string()).or_default().push(text);
        }
        // What a key is made of makes no difference to what is shown.
        for (kind, mut texts) in shown {
            texts.dedup();
            assert_eq!(texts.len(), 1, "{kind}: {texts:?}");
        }
    });
}

// Several changes at once.

const NO: KeyError = KeyError::Refused(OtherError::from_static("the test says no"));

/// A chain of certificates, for which anything goes: stores do not look into them.
fn chain(lens: &[usize]) -> Vec<CertificateDer<'static>> {
    (1..).zip(lens).map(|(fill, len)| CertificateDer::from(vec![fill; *len])).collect()
}

fn transact<T>(
    store: &dyn CredentialStore,
    mut work: impl FnMut(&mut dyn Records) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let mut answer = None;
    store.transact(&mut |records| {
        answer = Some(work(records)?);
        Ok(())
    })?;
    Ok(answer.expect("work was done"))
}

const SLOTS: [Slot; 3] = [Slot::Current, Slot::Staged, Slot::Retired];
const RECORD_KINDS: [RecordKind; 2] = [RecordKind::Certificates, RecordKind::Journal];

/// All that a store has under a name, in every place.
fn everything(records: &dyn Records, name: &KeyName) -> Result<Vec<Option<Vec<u8>>>, KeyError> {
    let mut found = Vec::new();
    for slot in SLOTS {
        found.push(match records.kind(slot, name)? {
            None => None,
            Some(KeyKind::Symmetric) => Some(tag(&*records.mac_key(slot, name)?).to_vec()),
            Some(_) => Some(records.signing_key(slot, name)?.public_key().to_vec()),
        });
        for kind in RECORD_KINDS {
            found.push(records.record(kind, slot, name)?);
        }
    }
    Ok(found)
}

/// Keys and records in every place under the name `full`.
fn fill(store: &dyn CredentialStore) {
    let name = name("full");
    let filled = transact(store, |records| {
        for (number, slot) in (1..).zip(SLOTS) {
            records.put_key(slot, &name, NewKey::Symmetric(&key(number)))?;
            for kind in RECORD_KINDS {
                records.put_record(kind, slot, &name, Some(&[number; 100]))?;
            }
        }
        Ok(())
    });
    filled.unwrap();
}

/// One change of every sort.
fn change_all(records: &mut dyn Records) -> Result<(), KeyError> {
    let (full, new) = (name("full"), name("new"));
    records.put_key(Slot::Current, &new, NewKey::Generate(KeyKind::Symmetric))?;
    records.put_key(Slot::Current, &full, NewKey::Symmetric(&key(9)))?;
    records.move_key((Slot::Staged, &full), (Slot::Staged, &new))?;
    records.delete_key(Slot::Retired, &full)?;
    records.put_record(RecordKind::Certificates, Slot::Current, &full, Some(b"other"))?;
    records.put_record(RecordKind::Certificates, Slot::Staged, &full, None)?;
    records.put_record(RecordKind::Journal, Slot::Current, &new, Some(b""))
}

pub(crate) fn transactions_are_all_or_nothing(subject: &mut Subject) {
    let store = subject.credentials();
    fill(store);
    let look = |store: &dyn CredentialStore| {
        transact(store, |records| {
            let names = ["full", "new"].map(name);
            Ok((names.map(|name| everything(records, &name).unwrap()), records.keys()?))
        })
        .unwrap()
    };
    let before = look(store);
    // An error of the work undoes what was done before it.
    let answer = store.transact(&mut |records| {
        change_all(records)?;
        Err(NO)
    });
    assert_eq!(answer, Err(NO));
    assert_eq!(look(store), before);
    // So does one of the records that the work passes on.
    let answer = store.transact(&mut |records| {
        change_all(records)?;
        records.move_key((Slot::Current, &name("missing")), (Slot::Staged, &name("missing")))
    });
    assert_eq!(answer, Err(KeyError::NotFound));
    assert_eq!(look(store), before);
    // One that it swallows does not.
    store
        .transact(&mut |records| {
            let missing = (Slot::Current, &name("missing"));
            assert_eq!(records.move_key(missing, missing), Err(KeyError::NotFound));
            change_all(records)
        })
        .unwrap();
    let after = look(store);
    assert_ne!(after, before);
    let open = subject.open.as_ref().map(|open| open());
    if let Some(store) = open.as_ref().and_then(Store::credentials) {
        assert_eq!(look(store), after);
    }
}

pub(crate) fn transactions_that_panic_change_nothing(subject: &mut Subject) {
    let store = subject.credentials();
    fill(store);
    let before = transact(store, |records| everything(records, &name("full")));
    let result = catch_unwind(AssertUnwindSafe(|| {
        store.transact(&mut |records| {
            change_all(records)?;
            // Quietly: without a message.
            resume_unwind(Box::new(()))
        })
    }));
    assert!(result.is_err());
    assert_eq!(transact(store, |records| everything(records, &name("full"))), before);
    assert_eq!(names(store), ["full"]);
    // Nobody waits for it.
    import(store, "new", 1);
    subject.twice(|store| assert!(has(store, "new", 1) && has(store, "full", 1)));
}

pub(crate) fn transactions_see_what_they_did(subject: &mut Subject) {
    let store = subject.credentials();
    fill(store);
    let full = name("full");
    let work = transact(store, |records| {
        for (number, slot) in (1..).zip(SLOTS) {
            assert_eq!(records.kind(slot, &full)?, Some(KeyKind::Symmetric));
            assert_eq!(tag(&*records.mac_key(slot, &full)?), tag(&key(number)));
            let wrong = records.signing_key(slot, &full).err();
            assert_eq!(wrong, Some(KeyError::WrongKind { found: Some(KeyKind::Symmetric) }));
            let missing = name("missing");
            assert_eq!(records.kind(slot, &missing)?, None);
            assert_eq!(records.mac_key(slot, &missing).err(), Some(KeyError::NotFound));
            assert_eq!(records.signing_key(slot, &missing).err(), Some(KeyError::NotFound));
            assert_eq!(records.record(RecordKind::Journal, slot, &missing)?, None);
        }
        change_all(records)?;
        let new = name("new");
        assert_eq!(tag(&*records.mac_key(Slot::Current, &full)?), tag(&key(9)));
        assert_eq!(records.kind(Slot::Staged, &full)?, None);
        assert_eq!(tag(&*records.mac_key(Slot::Staged, &new)?), tag(&key(2)));
        assert_eq!(records.kind(Slot::Retired, &full)?, None);
        let certificates = |slot| records.record(RecordKind::Certificates, slot, &full);
        assert_eq!(certificates(Slot::Current)?.as_deref(), Some(&b"other"[..]));
        assert_eq!(certificates(Slot::Staged)?, None);
        assert_eq!(certificates(Slot::Retired)?, Some(vec![3; 100]));
        let journal = records.record(RecordKind::Journal, Slot::Current, &new)?;
        assert_eq!(journal.as_deref(), Some(&b""[..]));
        let keys = [full.clone(), new].map(|name| (name, KeyKind::Symmetric));
        assert_eq!(records.keys()?, keys);
        Ok(())
    });
    work.unwrap();
    subject.twice(|store| {
        assert!(has(store, "full", 9));
        assert_eq!(names(store), ["full", "new"]);
    });
}

pub(crate) fn transactions_follow_one_another(subject: &mut Subject) {
    let store = subject.credentials();
    const ROUNDS: usize = 3;
    let name = name("counter");
    let count = |content: &Option<Vec<u8>>| content.as_ref().map_or(0, Vec::len);
    let runs = AtomicUsize::new(0);
    at_once(|_| {
        for _ in 0..ROUNDS {
            let work = transact(store, |records| {
                runs.fetch_add(1, Ordering::Relaxed);
                let content = records.record(RecordKind::Journal, Slot::Current, &name)?;
                let longer = vec![1; count(&content) + 1];
                records.put_record(RecordKind::Journal, Slot::Current, &name, Some(&longer))
            });
            work.unwrap();
        }
    });
    let read = transact(store, |records| records.record(RecordKind::Journal, Slot::Current, &name));
    assert_eq!(count(&read.unwrap()), THREADS * ROUNDS);
    assert!(runs.into_inner() >= THREADS * ROUNDS);
}

pub(crate) fn slots_are_apart(subject: &mut Subject) {
    let store = subject.credentials();
    let (only_staged, full) = (name("only-staged"), name("full"));
    fill(store);
    transact(store, |records| {
        records.put_key(Slot::Staged, &only_staged, NewKey::Symmetric(&key(8)))?;
        assert_eq!(records.keys()?, [(full.clone(), KeyKind::Symmetric)]);
        // Over what is there, and back to where it came from.
        records.move_key((Slot::Staged, &full), (Slot::Retired, &full))?;
        records.move_key((Slot::Retired, &full), (Slot::Staged, &full))?;
        assert_eq!(records.kind(Slot::Retired, &full)?, None);
        records.move_key((Slot::Current, &full), (Slot::Current, &full))?;
        records.delete_key(Slot::Retired, &full)
    })
    .unwrap();
    // What is not current is not there for those who only use keys.
    let missing = &only_staged;
    for error in [
        subject.refuses(|store| store.mac_key(missing)),
        subject.refuses(|store| store.signing_key(missing)),
        subject.refuses(|store| store.delete(missing)),
        subject.refuses(|store| store.swap(missing, &full)),
        subject.refuses(|store| store.rotate(missing, NewKey::Symmetric(&key(1)))),
    ] {
        assert_eq!(error, KeyError::NotFound);
    }
    subject.twice(|store| {
        assert_eq!(names(store), ["full"]);
        assert!(has(store, "full", 1));
    });
    let store = subject.credentials();
    transact(store, |records| {
        assert_eq!(tag(&*records.mac_key(Slot::Staged, &full)?), tag(&key(2)));
        assert_eq!(tag(&*records.mac_key(Slot::Staged, missing)?), tag(&key(8)));
        records.delete_key(Slot::Staged, missing)
    })
    .unwrap();
}

pub(crate) fn certificates_are_kept_with_their_key(subject: &mut Subject) {
    let store = subject.credentials();
    let name = name("hub.primary");
    let chains = [chain(&[900, 1100, 700]), chain(&[1]), chain(&[0, 5]), Vec::new()];
    assert_eq!(store.certificates(&name), Ok(Vec::new()));
    let error = subject.refuses(|_| store.set_certificates(&name, &chains[0]));
    assert_eq!(error, KeyError::NotFound);
    import(store, "hub.primary", 1);
    assert_eq!(store.certificates(&name), Ok(Vec::new()));
    let mut open = None;
    for chain in &chains {
        store.set_certificates(&name, chain).unwrap();
        assert_eq!(store.certificates(&name).as_ref(), Ok(chain));
        open = subject.open.as_ref().map(|open| open());
        if let Some(store) = open.as_ref().and_then(Store::credentials) {
            assert_eq!(store.certificates(&name).as_ref(), Ok(chain));
        }
        assert!(has(store, "hub.primary", 1));
    }
    drop(open);
    // A certificate that is too long for any record is refused, and the chain stays.
    store.set_certificates(&name, &chains[0]).unwrap();
    let error = subject.refuses(|_| store.set_certificates(&name, &chain(&[64 * 1024])));
    assert!(matches!(error, KeyError::Refused(_)), "{error:?}");
    for known in subject.known_keys() {
        let name = self::name(&format!("{:?}", known.kind));
        store.import(&name, known.pkcs8()).unwrap();
        store.set_certificates(&name, &chains[1]).unwrap();
        assert_eq!(store.certificates(&name).as_ref(), Ok(&chains[1]));
    }
}

pub(crate) fn certificates_move_with_their_key(subject: &mut Subject) {
    let store = subject.credentials();
    assert!(subject.abilities.swaps, "what does several things at once can swap");
    let names = ["a", "b", "c"].map(name);
    for (number, text) in (1..).zip(["a", "b", "c"]) {
        import(store, text, number);
    }
    store.set_certificates(&names[0], &chain(&[10])).unwrap();
    store.set_certificates(&names[1], &chain(&[20, 30])).unwrap();
    store.swap(&names[0], &names[1]).unwrap();
    store.swap(&names[2], &names[1]).unwrap();
    // a, b, c have now what b, c, a had.
    assert!(has(store, "a", 2) && has(store, "b", 3) && has(store, "c", 1));
    let lens = names.each_ref().map(|name| {
        store.certificates(name).unwrap().iter().map(|der| der.len()).collect::<Vec<_>>()
    });
    assert_eq!(lens, [vec![20, 30], vec![], vec![10]]);
    let before = subject.state();
    store.swap(&names[0], &names[0]).unwrap();
    assert_eq!(subject.state(), before);
}

pub(crate) fn certificates_go_with_their_key(subject: &mut Subject) {
    let store = subject.credentials();
    fill(store);
    let full = name("full");
    import(store, "other", 5);
    store.set_certificates(&name("other"), &chain(&[7])).unwrap();
    store.delete(&full).unwrap();
    assert_eq!(store.certificates(&full), Ok(Vec::new()));
    let left = transact(store, |records| everything(records, &full)).unwrap();
    // A journal is that of the credential, and is in its current place alone.
    let journals = [Slot::Staged, Slot::Retired];
    assert_eq!(left.iter().flatten().count(), journals.len());
    assert_eq!(store.certificates(&name("other")), Ok(chain(&[7])));
    // What comes under that name has none.
    import(store, "full", 6);
    assert_eq!(store.certificates(&full), Ok(Vec::new()));
    transact(store, |records| {
        for slot in journals {
            records.put_record(RecordKind::Journal, slot, &full, None)?;
        }
        Ok(())
    })
    .unwrap();
}

pub(crate) fn records_have_a_bound(subject: &mut Subject) {
    let store = subject.credentials();
    import(store, "full", 1);
    let full = name("full");
    let most = vec![0xa5; 64 * 1024];
    let put = |slot, kind, content: Option<&[u8]>| {
        transact(store, |records| records.put_record(kind, slot, &full, content))
    };
    for slot in SLOTS {
        for kind in RECORD_KINDS {
            put(slot, kind, Some(&most)).unwrap();
            let error = put(slot, kind, Some(&vec![0; most.len() + 1])).unwrap_err();
            assert!(matches!(error, KeyError::Refused(_)), "{error:?}");
            assert!(text(&error).contains("64 KiB"), "{error:?}");
            let found = transact(store, |records| records.record(kind, slot, &full));
            assert_eq!(found.as_ref(), Ok(&Some(most.clone())));
        }
    }
    let open = subject.open.as_ref().map(|open| open());
    if let Some(store) = open.as_ref().and_then(Store::credentials) {
        let found = transact(store, |records| everything(records, &full)).unwrap();
        assert_eq!(found.iter().flatten().filter(|found| **found == most).count(), 6);
    }
    for slot in SLOTS {
        for kind in RECORD_KINDS {
            // Deleted, and deleted once more.
            put(slot, kind, None).unwrap();
            put(slot, kind, None).unwrap();
        }
    }
    assert!(has(store, "full", 1));
}
