//! A change of credential, interrupted wherever it can be.
//!
//! A rotation writes four times: staged, proved, committed, retired. Here the process "dies" before or
//! after each of these writes, an operator interferes between any two of them, and the device starts
//! again: it must end with a credential that was proved, and never be without one.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::Mutex;

use hubward::keystore::rotation::{Candidate, Outcome, Phase, Proof, Rotation, RotationError};
use hubward::keystore::{
    CredentialStore, KeyError, KeyInfo, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey,
    MemoryKeyStore, NewKey, RecordKind, Records, SigningKey, Slot,
};
use hubward::pki_types::CertificateDer;
use hubward::{OtherError, SymmetricKey};

const OLD: &[u8] = b"the old key, plainly fake";
const NEW: &[u8] = b"the new key, plainly fake";
const BY_HAND: &[u8] = b"the operator's key, plainly fake";

fn name() -> KeyName {
    KeyName::new("hub.primary").unwrap()
}

fn key(bytes: &[u8]) -> SymmetricKey {
    SymmetricKey::from_bytes(bytes).unwrap()
}

fn chain(content: &[&'static [u8]]) -> Vec<CertificateDer<'static>> {
    content.iter().map(|der| CertificateDer::from(*der)).collect()
}

/// Which of the known keys a handle is.
fn which(handle: &dyn MacKey) -> &'static [u8] {
    let tag = handle.hmac_sha256(&[b"which"]).unwrap();
    [OLD, NEW, BY_HAND]
        .into_iter()
        .find(|bytes| key(bytes).hmac_sha256(&[b"which"]).unwrap() == tag)
        .expect("one of the known keys")
}

fn in_use(store: &dyn CredentialStore) -> &'static [u8] {
    which(&*store.mac_key(&name()).expect("a credential is in use"))
}

/// Whether anything is left of a change.
fn is_clear(store: &dyn CredentialStore) -> bool {
    let mut clear = true;
    store
        .transact(&mut |records| {
            for slot in [Slot::Staged, Slot::Retired] {
                clear &= records.kind(slot, &name())?.is_none();
                clear &= records.record(RecordKind::Certificates, slot, &name())?.is_none();
            }
            clear &= records.record(RecordKind::Journal, Slot::Current, &name())?.is_none();
            Ok(())
        })
        .unwrap();
    clear
}

/// A process that dies at one of its writes: what was to be written is or is not, and everything that
/// it tries afterwards fails.
#[derive(Debug)]
struct Mortal<'a> {
    store: &'a dyn CredentialStore,
    /// Writes until it dies; `None` once it has.
    left: Mutex<Option<usize>>,
    /// Whether the last write is done before it dies.
    last_is_written: bool,
}

impl<'a> Mortal<'a> {
    fn new(store: &'a dyn CredentialStore, writes: usize, last_is_written: bool) -> Self {
        Self { store, left: Mutex::new(Some(writes)), last_is_written }
    }
}

const DEAD: KeyError = KeyError::Other(OtherError::from_static("the process is dead"));

impl CredentialStore for Mortal<'_> {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Records) -> Result<(), KeyError>,
    ) -> Result<(), KeyError> {
        let mut left = self.left.lock().unwrap();
        let count = left.ok_or(DEAD)?;
        let mut writes = false;
        let died = self.store.transact(&mut |records| {
            let mut watched = Watched { records, writes: false };
            work(&mut watched)?;
            writes = watched.writes;
            if writes && count == 0 && !self.last_is_written { Err(DEAD) } else { Ok(()) }
        });
        if writes {
            *left = count.checked_sub(1);
            if left.is_none() {
                return Err(DEAD);
            }
        }
        died
    }
}

impl KeyStore for Mortal<'_> {
    fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
        self.store.mac_key(name)
    }

    fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        self.store.signing_key(name)
    }
}

impl KeyStoreAdmin for Mortal<'_> {
    fn create(&self, name: &KeyName, kind: KeyKind) -> Result<bool, KeyError> {
        self.store.create(name, kind)
    }

    fn import(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        self.store.import(name, key)
    }

    fn rotate(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        self.store.rotate(name, key)
    }

    fn swap(&self, a: &KeyName, b: &KeyName) -> Result<(), KeyError> {
        self.store.swap(a, b)
    }

    fn delete(&self, name: &KeyName) -> Result<(), KeyError> {
        self.store.delete(name)
    }

    fn list(&self) -> Result<Vec<KeyInfo>, KeyError> {
        self.store.list()
    }
}

/// Notes whether anything was written.
struct Watched<'a> {
    records: &'a mut dyn Records,
    writes: bool,
}

impl Records for Watched<'_> {
    fn kind(&self, slot: Slot, name: &KeyName) -> Result<Option<KeyKind>, KeyError> {
        self.records.kind(slot, name)
    }

    fn mac_key(&self, slot: Slot, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
        self.records.mac_key(slot, name)
    }

    fn signing_key(&self, slot: Slot, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        self.records.signing_key(slot, name)
    }

    fn put_key(&mut self, slot: Slot, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        self.writes = true;
        self.records.put_key(slot, name, key)
    }

    fn move_key(&mut self, from: (Slot, &KeyName), to: (Slot, &KeyName)) -> Result<(), KeyError> {
        self.writes = true;
        self.records.move_key(from, to)
    }

    fn delete_key(&mut self, slot: Slot, name: &KeyName) -> Result<(), KeyError> {
        self.writes = true;
        self.records.delete_key(slot, name)
    }

    fn record(
        &self,
        kind: RecordKind,
        slot: Slot,
        name: &KeyName,
    ) -> Result<Option<Vec<u8>>, KeyError> {
        self.records.record(kind, slot, name)
    }

    fn put_record(
        &mut self,
        kind: RecordKind,
        slot: Slot,
        name: &KeyName,
        content: Option<&[u8]>,
    ) -> Result<(), KeyError> {
        self.writes = true;
        self.records.put_record(kind, slot, name, content)
    }

    fn keys(&self) -> Result<Vec<(KeyName, KeyKind)>, KeyError> {
        self.records.keys()
    }
}

/// What a device does at each start, until its key is the new one.
fn start(
    store: &dyn CredentialStore,
    proof: &dyn Fn(&Candidate) -> Proof,
) -> Result<(), RotationError> {
    if let Some(unfinished) = Rotation::resume(store, &name())? {
        let _ = unfinished.finish(proof)?;
    }
    if in_use(store) != NEW {
        let new = key(NEW);
        let rotation = Rotation::begin(store, &name(), NewKey::Symmetric(&new), &chain(&[b"new"]))?;
        let _ = rotation.finish(proof)?;
    }
    Ok(())
}

/// Runs `check` over each store that can do several things at once.
fn over_each_store(check: impl Fn(&dyn CredentialStore)) {
    let prepare = |store: &dyn CredentialStore| {
        store.import(&name(), NewKey::Symmetric(&key(OLD))).unwrap();
        store.set_certificates(&name(), &chain(&[b"old", b"its issuer"])).unwrap();
    };
    let store = MemoryKeyStore::new();
    prepare(&store);
    check(&store);
    #[cfg(feature = "keystore-file")]
    {
        use hubward::keystore::file::{FileKeyStore, StoreKey};
        use hubward::secret::SecretBytes;

        let dir = tempfile::tempdir().unwrap();
        let raw = SecretBytes::copy_from(&[7; 32]).unwrap();
        let store =
            FileKeyStore::create(dir.path().join("store").join("keys"), StoreKey::Raw(&raw))
                .unwrap();
        prepare(&store);
        check(&store);
    }
}

#[test]
fn killed_at_every_write_it_ends_with_a_proved_credential() {
    const WRITES: usize = 4;
    for last_is_written in [false, true] {
        for first_death in 0..=WRITES {
            for second_death in 0..=WRITES {
                over_each_store(|store| {
                    let proved = Cell::new(false);
                    let proof = |candidate: &Candidate| {
                        assert_eq!(which(&**candidate.mac_key().unwrap()), NEW);
                        assert_eq!(candidate.certificates(), chain(&[b"new"]));
                        // Until it is proved, the old one is in use.
                        assert_eq!(in_use(store), OLD);
                        proved.set(true);
                        Proof::Accepted
                    };
                    for writes in [first_death, second_death] {
                        let mortal = Mortal::new(store, writes, last_is_written);
                        let ended = start(&mortal, &proof);
                        assert!(
                            ended.is_ok() || ended == Err(RotationError::Key(DEAD)),
                            "{ended:?}"
                        );
                        assert!(proved.get() || in_use(store) == OLD);
                    }
                    start(store, &proof).unwrap();
                    assert!(proved.get());
                    assert_eq!(in_use(store), NEW);
                    assert_eq!(store.certificates(&name()).unwrap(), chain(&[b"new"]));
                    assert!(is_clear(store));
                    assert_eq!(store.list().unwrap().len(), 1);
                });
            }
        }
    }
}

#[test]
fn each_write_is_one_that_can_be_the_last() {
    // That the test above dies four times and not more says that it dies at every write.
    for (writes, expected) in [(0, None), (1, Some(Phase::Staged)), (2, Some(Phase::Proved))] {
        over_each_store(|store| {
            let mortal = Mortal::new(store, writes, false);
            start(&mortal, &|_| Proof::Accepted).unwrap_err();
            let left = Rotation::resume(store, &name()).unwrap();
            assert_eq!(left.map(|left| left.phase().unwrap()), expected);
        });
    }
    over_each_store(|store| {
        start(&Mortal::new(store, 3, false), &|_| Proof::Accepted).unwrap_err();
        let left = Rotation::resume(store, &name()).unwrap().unwrap();
        assert_eq!((left.phase().unwrap(), in_use(store)), (Phase::Committed, NEW));
        left.retire().unwrap();
    });
    over_each_store(|store| {
        start(&Mortal::new(store, 4, false), &|_| Proof::Accepted).unwrap();
    });
}

#[test]
fn a_refused_credential_is_given_up_and_an_untried_one_waits() {
    over_each_store(|store| {
        let new = key(NEW);
        let begin = || Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]).unwrap();
        assert_eq!(begin().finish(|_| Proof::Rejected).unwrap(), Outcome::Rejected);
        assert!(is_clear(store));
        assert_eq!(in_use(store), OLD);
        assert_eq!(store.certificates(&name()).unwrap(), chain(&[b"old", b"its issuer"]));

        assert_eq!(begin().finish(|_| Proof::Unknown).unwrap(), Outcome::Unproved);
        assert_eq!(in_use(store), OLD);
        let again = Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]);
        assert_eq!(again.unwrap_err(), RotationError::InProgress);
        let waiting = Rotation::resume(store, &name()).unwrap().unwrap();
        assert_eq!(waiting.finish(|_| Proof::Accepted).unwrap(), Outcome::Done);
        assert_eq!(in_use(store), NEW);
        // The old certificates do not stay with the new key.
        assert_eq!(store.certificates(&name()).unwrap(), []);
        assert!(is_clear(store));
    });
}

#[test]
fn steps_out_of_order_are_refused_and_change_nothing() {
    over_each_store(|store| {
        let new = key(NEW);
        let rotation = Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]).unwrap();
        assert_eq!(rotation.commit(), Err(RotationError::NotProved));
        assert_eq!(rotation.clone().retire(), Err(RotationError::NotCommitted));
        assert_eq!(rotation.phase(), Ok(Phase::Staged));

        // Certificates that come later have to be proved with the key.
        let candidate = rotation.candidate().unwrap();
        rotation.accept(&candidate).unwrap();
        rotation.set_certificates(&chain(&[b"issued"])).unwrap();
        assert_eq!(rotation.phase(), Ok(Phase::Staged));
        assert_eq!(rotation.accept(&candidate), Err(RotationError::NotProved));
        assert_eq!(rotation.commit(), Err(RotationError::NotProved));
        let candidate = rotation.candidate().unwrap();
        assert_eq!(candidate.certificates(), chain(&[b"issued"]));
        rotation.accept(&candidate).unwrap();
        rotation.commit().unwrap();

        for refused in [
            rotation.commit(),
            rotation.accept(&candidate),
            rotation.set_certificates(&[]),
            rotation.candidate().map(|_| ()),
            rotation.clone().abandon(),
        ] {
            assert_eq!(refused, Err(RotationError::AlreadyCommitted));
        }
        rotation.clone().retire().unwrap();
        for refused in [
            rotation.commit(),
            rotation.phase().map(|_| ()),
            rotation.clone().retire(),
            rotation.clone().abandon(),
        ] {
            assert_eq!(refused, Err(RotationError::NotInProgress));
        }
        assert_eq!(store.certificates(&name()).unwrap(), chain(&[b"issued"]));
        assert!(Rotation::resume(store, &name()).unwrap().is_none());
    });
}

#[test]
fn the_first_credential_of_all_is_proved_as_well() {
    let store = MemoryKeyStore::new();
    let new = key(NEW);
    let rotation = Rotation::begin(&store, &name(), NewKey::Symmetric(&new), &[]).unwrap();
    assert_eq!(store.mac_key(&name()).unwrap_err(), KeyError::NotFound);
    assert_eq!(rotation.finish(|_| Proof::Accepted).unwrap(), Outcome::Done);
    assert_eq!(in_use(&store), NEW);
    assert!(is_clear(&store));
}

/// What an operator may do to a credential by hand.
type ByHand = fn(&dyn CredentialStore);

#[test]
fn an_operator_is_noticed_and_not_fought() {
    let by_hand: [(&str, ByHand, &[u8]); 3] = [
        (
            "rotate",
            |store| store.rotate(&name(), NewKey::Symmetric(&key(BY_HAND))).unwrap(),
            BY_HAND,
        ),
        (
            "swap",
            |store| {
                let other = KeyName::new("other").unwrap();
                store.import(&other, NewKey::Symmetric(&key(BY_HAND))).unwrap();
                // Not while an old key is kept in the place that a swap goes through.
                if store.swap(&name(), &other).is_err() {
                    store.rotate(&name(), NewKey::Symmetric(&key(BY_HAND))).unwrap();
                }
            },
            BY_HAND,
        ),
        (
            "certificates",
            |store| store.set_certificates(&name(), &chain(&[b"by hand"])).unwrap(),
            b"",
        ),
    ];
    for (what, change, expected) in by_hand {
        for phase in [Phase::Staged, Phase::Proved, Phase::Committed] {
            over_each_store(|store| {
                let new = key(NEW);
                let rotation =
                    Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]).unwrap();
                if phase != Phase::Staged {
                    rotation.accept(&rotation.candidate().unwrap()).unwrap();
                }
                if phase == Phase::Committed {
                    rotation.commit().unwrap();
                }
                let before = in_use(store);
                change(store);
                let certificates = store.certificates(&name()).unwrap();

                let next = Rotation::resume(store, &name()).unwrap().unwrap();
                let ended = next.finish(|_| panic!("{what}: nothing is left to be proved"));
                assert_eq!(ended, Err(RotationError::Superseded), "{what}, {phase:?}");
                let expected = if expected.is_empty() { before } else { expected };
                assert_eq!(in_use(store), expected, "{what}, {phase:?}");
                assert_eq!(store.certificates(&name()).unwrap(), certificates);
                assert!(is_clear(store), "{what}, {phase:?}");
                assert_eq!(rotation.phase(), Err(RotationError::NotInProgress));
            });
        }
    }
}

#[test]
fn a_deleted_credential_takes_the_change_with_it() {
    over_each_store(|store| {
        let new = key(NEW);
        let rotation = Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]).unwrap();
        store.delete(&name()).unwrap();
        assert!(is_clear(store));
        assert_eq!(rotation.finish(|_| Proof::Accepted), Err(RotationError::NotInProgress));
        assert_eq!(store.mac_key(&name()).unwrap_err(), KeyError::NotFound);
    });
}

#[test]
fn what_the_operator_does_during_the_trial_stands() {
    over_each_store(|store| {
        let new = key(NEW);
        let rotation = Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]).unwrap();
        let ended = rotation.finish(|_| {
            store.rotate(&name(), NewKey::Symmetric(&key(BY_HAND))).unwrap();
            Proof::Accepted
        });
        assert_eq!(ended, Err(RotationError::Superseded));
        assert_eq!(in_use(store), BY_HAND);
        assert!(is_clear(store));
    });
}

#[test]
fn other_credentials_are_left_alone() {
    over_each_store(|store| {
        let other = KeyName::new("other").unwrap();
        store.import(&other, NewKey::Symmetric(&key(OLD))).unwrap();
        let new = key(NEW);
        let rotation = Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]).unwrap();
        let second = Rotation::begin(store, &other, NewKey::Symmetric(&new), &[]).unwrap();
        assert_eq!(rotation.finish(|_| Proof::Accepted).unwrap(), Outcome::Done);
        assert_eq!(which(&*store.mac_key(&other).unwrap()), OLD);
        assert_eq!(second.finish(|_| Proof::Rejected).unwrap(), Outcome::Rejected);
        assert_eq!(which(&*store.mac_key(&other).unwrap()), OLD);
    });
}

#[test]
fn a_damaged_journal_is_told_and_left() {
    over_each_store(|store| {
        for content in [&b""[..], &[0; 67], &[1; 66], &[1; 68], &[2; 67], &[1, 4, 1]] {
            let journal = |content: Option<&[u8]>| {
                store.transact(&mut |records| {
                    records.put_record(RecordKind::Journal, Slot::Current, &name(), content)
                })
            };
            journal(Some(content)).unwrap();
            let new = key(NEW);
            let begun = Rotation::begin(store, &name(), NewKey::Symmetric(&new), &[]);
            assert!(matches!(begun, Err(RotationError::Key(KeyError::Corrupt(_)))), "{begun:?}");
            let resumed = Rotation::resume(store, &name());
            assert!(
                matches!(resumed, Err(RotationError::Key(KeyError::Corrupt(_)))),
                "{resumed:?}"
            );
            assert_eq!(in_use(store), OLD);
            journal(None).unwrap();
        }
    });
}

/// From a shared access key to a private key with a certificate that is issued on the way.
#[cfg(feature = "keystore-software")]
#[test]
fn from_a_symmetric_key_to_a_certificate() {
    over_each_store(|store| {
        let generate = NewKey::Generate(KeyKind::EcdsaP256);
        let rotation = Rotation::begin(store, &name(), generate, &[]).unwrap();
        let public_key = {
            let candidate = rotation.candidate().unwrap();
            assert!(candidate.mac_key().is_none());
            let key = candidate.signing_key().unwrap();
            let algorithm = key.algorithms()[0];
            // Here the request for the certificate is signed.
            key.sign(algorithm, b"request").unwrap();
            key.public_key().to_vec()
        };
        rotation.set_certificates(&chain(&[b"issued", b"issuer"])).unwrap();
        assert_eq!(rotation.finish(|_| Proof::Accepted).unwrap(), Outcome::Done);
        assert_eq!(*store.signing_key(&name()).unwrap().public_key(), *public_key);
        assert_eq!(store.certificates(&name()).unwrap(), chain(&[b"issued", b"issuer"]));
        assert!(is_clear(store));

        // And the next one, from certificate to certificate.
        let rotation = Rotation::begin(store, &name(), generate, &chain(&[b"next"])).unwrap();
        assert_eq!(rotation.finish(|_| Proof::Accepted).unwrap(), Outcome::Done);
        assert_ne!(*store.signing_key(&name()).unwrap().public_key(), *public_key);
        assert!(is_clear(store));
    });
}
