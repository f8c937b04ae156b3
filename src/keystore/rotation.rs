//! A change of credential that survives anything.
//!
//! A device that replaces its key, or its key and certificate, must never be left without one that works.
//! So the new one is *staged* beside the one in use, *proved* (a connection with it succeeds),
//! *committed* (from here on it is the one in use), and then the old one is *retired*. How far the change
//! got is a record of the same store, written in the same step as what it speaks of: whenever the
//! process is killed, [`Rotation::resume`] goes on where it stopped.
//!
//! ```text
//!             current   staged   retired   journal
//! begin       old       new      -         staged
//! prove       old       new      -         proved
//! commit      new       -        old       committed
//! retire      new       -        -         -
//! ```
//!
//! Until it is committed the old credential is in use, and afterwards one that was proved. If somebody
//! changes the credential by other means meanwhile (an operator, another tool), the next step notices,
//! leaves what they put there in use, clears its own traces and answers
//! [`RotationError::Superseded`].
//!
//! # Examples
//!
//! At each start of the device, and when a new key is there:
//!
//! ```
//! use hubward::SymmetricKey;
//! use hubward::keystore::rotation::{Candidate, Outcome, Proof, Rotation};
//! # #[cfg(feature = "keystore-memory")] {
//! # use hubward::keystore::MemoryKeyStore;
//! use hubward::keystore::{KeyName, KeyStore, KeyStoreAdmin, NewKey};
//!
//! fn connects(candidate: &Candidate) -> Proof {
//!     // Connect to the hub with `candidate.mac_key()`.
//! #   let _ = candidate;
//!     Proof::Accepted
//! }
//!
//! # let store = MemoryKeyStore::new();
//! let name = KeyName::new("hub.primary")?;
//! # store.import(&name, NewKey::Symmetric(&SymmetricKey::from_base64("b2xk")?))?;
//! if let Some(unfinished) = Rotation::resume(&store, &name)? {
//!     unfinished.finish(connects)?;
//! }
//!
//! let new = SymmetricKey::from_base64("bmV3")?;
//! let rotation = Rotation::begin(&store, &name, NewKey::Symmetric(&new), &[])?;
//! assert_eq!(rotation.finish(connects)?, Outcome::Done);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;

use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::store::{corrupt, read_certificates, write_certificates};
use super::{
    CredentialStore, KeyError, KeyKind, KeyName, MacKey, NewKey, RecordKind, Records, SigningKey,
    Slot,
};

const VERSION: u8 = 1;
const FINGERPRINT: usize = 32;
/// HMAC over it tells two symmetric keys apart.
const LABEL: &[u8] = b"hubward rotation 1: fingerprint";

/// How far a change of credential got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The new credential waits for its proof.
    Staged,
    /// The new credential is proved, and not yet in use.
    Proved,
    /// The new credential is in use, and the old one not yet deleted.
    Committed,
}

/// What came of trying a new credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The service took it.
    Accepted,
    /// The service refused it: it is given up.
    Rejected,
    /// Nobody could tell, for want of a network for instance: it stays staged.
    Unknown,
}

/// How [`Rotation::finish`] left the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The new credential is in use, and the old one is deleted.
    Done,
    /// The new credential was refused and deleted; the old one is in use.
    Rejected,
    /// The new credential is staged, the old one in use: [`Rotation::resume`] later.
    Unproved,
}

/// The new credential, for a trial.
#[derive(Clone)]
pub struct Candidate {
    key: CandidateKey,
    certificates: Vec<CertificateDer<'static>>,
    fingerprint: [u8; FINGERPRINT],
}

#[derive(Clone, Debug)]
enum CandidateKey {
    Mac(Arc<dyn MacKey>),
    Signing(Arc<dyn SigningKey>),
}

/// Without the fingerprint, by which a guessed key could be told.
impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, certificates, fingerprint: _ } = self;
        f.debug_struct("Candidate")
            .field("key", key)
            .field("certificates", certificates)
            .finish_non_exhaustive()
    }
}

impl Candidate {
    /// The symmetric key, if it is one.
    pub fn mac_key(&self) -> Option<&Arc<dyn MacKey>> {
        match &self.key {
            CandidateKey::Mac(key) => Some(key),
            CandidateKey::Signing(_) => None,
        }
    }

    /// The private key, if it is one.
    pub fn signing_key(&self) -> Option<&Arc<dyn SigningKey>> {
        match &self.key {
            CandidateKey::Mac(_) => None,
            CandidateKey::Signing(key) => Some(key),
        }
    }

    /// The certificates, end entity first; empty if there are none.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

/// A change of credential in progress. Dropping it changes nothing: see [`Rotation::resume`].
#[derive(Clone)]
pub struct Rotation<'a> {
    store: &'a dyn CredentialStore,
    name: KeyName,
}

impl<'a> Rotation<'a> {
    /// Stages a new credential beside the one in use, if there is one.
    ///
    /// For a certificate that is still to be issued, stage the key without one
    /// ([`NewKey::Generate`]), have it sign the request, and call [`Rotation::set_certificates`].
    ///
    /// # Errors
    ///
    /// [`RotationError::InProgress`] if one is staged already; a failure of the store.
    pub fn begin(
        store: &'a dyn CredentialStore,
        name: &KeyName,
        key: NewKey<'_>,
        certificates: &[CertificateDer<'_>],
    ) -> Result<Self, RotationError> {
        let rotation = Self { store, name: name.clone() };
        rotation.step(|records| {
            if Journal::read(records, name)?.is_some() {
                return Err(RotationError::InProgress);
            }
            records.put_key(Slot::Staged, name, key)?;
            write_certificates(records, Slot::Staged, name, certificates)?;
            let journal = Journal {
                phase: Phase::Staged,
                old: fingerprint(records, Slot::Current, name)?,
                new: fingerprint(records, Slot::Staged, name)?.ok_or(MISSING)?,
            };
            journal.write(records, name)?;
            Ok(())
        })?;
        Ok(rotation)
    }

    /// The change of that credential that was begun and not finished; `None` if there is none.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub fn resume(
        store: &'a dyn CredentialStore,
        name: &KeyName,
    ) -> Result<Option<Self>, RotationError> {
        let rotation = Self { store, name: name.clone() };
        let mut found = false;
        rotation.step(|records| {
            found = Journal::read(records, name)?.is_some();
            Ok(())
        })?;
        Ok(found.then_some(rotation))
    }

    /// How far it got.
    ///
    /// # Errors
    ///
    /// [`RotationError::Superseded`]; [`RotationError::NotInProgress`]; a failure of the store.
    pub fn phase(&self) -> Result<Phase, RotationError> {
        self.advance(|_, journal| Ok(journal.phase))
    }

    /// The new credential, for a trial or to sign the request for its certificate.
    ///
    /// # Errors
    ///
    /// [`RotationError::AlreadyCommitted`]; [`RotationError::Superseded`];
    /// [`RotationError::NotInProgress`]; a failure of the store.
    pub fn candidate(&self) -> Result<Candidate, RotationError> {
        self.advance(|records, journal| {
            journal.uncommitted()?;
            let name = &self.name;
            let key = match records.kind(Slot::Staged, name)?.ok_or(MISSING)? {
                KeyKind::Symmetric => CandidateKey::Mac(records.mac_key(Slot::Staged, name)?),
                _ => CandidateKey::Signing(records.signing_key(Slot::Staged, name)?),
            };
            let certificates = read_certificates(records, Slot::Staged, name)?;
            Ok(Candidate { key, certificates, fingerprint: journal.new })
        })
    }

    /// Puts certificates to the staged key, end entity first, which then has to be proved with them.
    ///
    /// # Errors
    ///
    /// As [`Rotation::candidate`].
    pub fn set_certificates(&self, chain: &[CertificateDer<'_>]) -> Result<(), RotationError> {
        self.advance(|records, journal| {
            journal.uncommitted()?;
            write_certificates(records, Slot::Staged, &self.name, chain)?;
            journal.phase = Phase::Staged;
            journal.new = fingerprint(records, Slot::Staged, &self.name)?.ok_or(MISSING)?;
            journal.write(records, &self.name)?;
            Ok(())
        })
    }

    /// Notes that the service took the candidate.
    ///
    /// # Errors
    ///
    /// [`RotationError::NotProved`] if what is staged is no longer that candidate; as
    /// [`Rotation::candidate`].
    pub fn accept(&self, candidate: &Candidate) -> Result<(), RotationError> {
        self.advance(|records, journal| {
            journal.uncommitted()?;
            if journal.new != candidate.fingerprint {
                return Err(RotationError::NotProved);
            }
            journal.phase = Phase::Proved;
            journal.write(records, &self.name)?;
            Ok(())
        })
    }

    /// Takes the new credential into use, if it is proved. The old one is kept until
    /// [`Rotation::retire`].
    ///
    /// # Errors
    ///
    /// [`RotationError::NotProved`]; as [`Rotation::candidate`].
    pub fn commit(&self) -> Result<(), RotationError> {
        self.advance(|records, journal| {
            journal.uncommitted()?;
            if journal.phase != Phase::Proved {
                return Err(RotationError::NotProved);
            }
            if records.kind(Slot::Current, &self.name)?.is_some() {
                self.shift(records, Slot::Current, Slot::Retired)?;
            }
            self.shift(records, Slot::Staged, Slot::Current)?;
            journal.phase = Phase::Committed;
            journal.write(records, &self.name)?;
            Ok(())
        })
    }

    /// Deletes the old credential. The change is finished.
    ///
    /// # Errors
    ///
    /// [`RotationError::NotCommitted`]; [`RotationError::Superseded`];
    /// [`RotationError::NotInProgress`]; a failure of the store.
    pub fn retire(self) -> Result<(), RotationError> {
        self.advance(|records, journal| match journal.phase {
            Phase::Committed => Ok(self.clear(records)?),
            Phase::Staged | Phase::Proved => Err(RotationError::NotCommitted),
        })
    }

    /// Gives the new credential up and deletes it. The old one is in use, as it was.
    ///
    /// # Errors
    ///
    /// As [`Rotation::candidate`].
    pub fn abandon(self) -> Result<(), RotationError> {
        self.advance(|records, journal| {
            journal.uncommitted()?;
            Ok(self.clear(records)?)
        })
    }

    /// Takes all the steps that are left. `try_out` is called if the new credential is not yet proved,
    /// outside of any transaction: it may take its time.
    ///
    /// # Errors
    ///
    /// [`RotationError::Superseded`]; [`RotationError::NotInProgress`], [`RotationError::NotProved`] and
    /// [`RotationError::AlreadyCommitted`] if somebody else took steps of the same change meanwhile; a
    /// failure of the store. After any of them [`Rotation::resume`] goes on.
    pub fn finish(
        self,
        try_out: impl FnOnce(&Candidate) -> Proof,
    ) -> Result<Outcome, RotationError> {
        let mut phase = self.phase()?;
        if phase == Phase::Staged {
            let candidate = self.candidate()?;
            match try_out(&candidate) {
                Proof::Accepted => self.accept(&candidate)?,
                Proof::Unknown => return Ok(Outcome::Unproved),
                Proof::Rejected => {
                    self.abandon()?;
                    return Ok(Outcome::Rejected);
                }
            }
            phase = Phase::Proved;
        }
        if phase == Phase::Proved {
            self.commit()?;
        }
        self.retire()?;
        Ok(Outcome::Done)
    }

    /// Key and certificates, over what was there.
    fn shift(&self, records: &mut dyn Records, from: Slot, to: Slot) -> Result<(), KeyError> {
        let name = &self.name;
        records.move_key((from, name), (to, name))?;
        let chain = records.record(RecordKind::Certificates, from, name)?;
        records.put_record(RecordKind::Certificates, to, name, chain.as_deref())?;
        records.put_record(RecordKind::Certificates, from, name, None)
    }

    /// Deletes all that is not in use, and the journal.
    fn clear(&self, records: &mut dyn Records) -> Result<(), KeyError> {
        for slot in [Slot::Staged, Slot::Retired] {
            records.delete_key(slot, &self.name)?;
            records.put_record(RecordKind::Certificates, slot, &self.name, None)?;
        }
        records.put_record(RecordKind::Journal, Slot::Current, &self.name, None)
    }

    /// One step of a change that is in progress and that nobody else interfered with.
    fn advance<T>(
        &self,
        work: impl FnOnce(&mut dyn Records, &mut Journal) -> Result<T, RotationError>,
    ) -> Result<T, RotationError> {
        let name = &self.name;
        let done = self.step(|records| {
            let mut journal = Journal::read(records, name)?.ok_or(RotationError::NotInProgress)?;
            if !journal.fits(records, name)? {
                self.clear(records)?;
                return Ok(None);
            }
            work(records, &mut journal).map(Some)
        })?;
        done.ok_or(RotationError::Superseded)
    }

    /// One transaction, with our own errors.
    fn step<T>(
        &self,
        work: impl FnOnce(&mut dyn Records) -> Result<T, RotationError>,
    ) -> Result<T, RotationError> {
        let mut work = Some(work);
        let mut answer = None;
        let committed = self.store.transact(&mut |records| {
            match answer.insert(work.take().ok_or(BROKEN)?(records)) {
                Ok(_) => Ok(()),
                Err(RotationError::Key(error)) => Err(error.clone()),
                // Undoes the transaction; told below.
                Err(_) => Err(BROKEN),
            }
        });
        match answer {
            Some(Err(error)) => Err(error),
            Some(Ok(answer)) => Ok(committed.map(|()| answer)?),
            // The store did not come so far.
            None => Err(committed.err().unwrap_or(BROKEN).into()),
        }
    }
}

impl fmt::Debug for Rotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, name } = self;
        f.debug_struct("Rotation").field("store", store).field("name", name).finish()
    }
}

const BROKEN: KeyError = KeyError::Other(crate::error::OtherError::from_static(
    "the store did not do what it was asked to",
));
const MISSING: KeyError = corrupt("a change of credential is noted whose new key is not there");

/// What is kept of a change: how far it got, and which credentials it speaks of.
struct Journal {
    phase: Phase,
    /// What was in use when it began; nothing, for a first credential.
    old: Option<[u8; FINGERPRINT]>,
    new: [u8; FINGERPRINT],
}

impl Journal {
    /// Version, phase, whether there was an old credential, and both fingerprints.
    const LEN: usize = 3 + 2 * FINGERPRINT;

    fn read(records: &dyn Records, name: &KeyName) -> Result<Option<Self>, KeyError> {
        let content = records.record(RecordKind::Journal, Slot::Current, name)?;
        content
            .map(|content| {
                Self::parse(&content)
                    .ok_or(corrupt("the journal of a change of credential is not one"))
            })
            .transpose()
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let [version, phase, has_old, fingerprints @ ..] =
            content.first_chunk::<{ Self::LEN }>()?;
        if content.len() != Self::LEN || *version != VERSION {
            return None;
        }
        let phase = match phase {
            1 => Phase::Staged,
            2 => Phase::Proved,
            3 => Phase::Committed,
            _ => return None,
        };
        let (old, new) = fingerprints.split_first_chunk::<FINGERPRINT>()?;
        let old = match has_old {
            0 => None,
            1 => Some(*old),
            _ => return None,
        };
        Some(Self { phase, old, new: *new.first_chunk()? })
    }

    fn write(&self, records: &mut dyn Records, name: &KeyName) -> Result<(), KeyError> {
        let Self { phase, old, new } = self;
        let phase = match phase {
            Phase::Staged => 1,
            Phase::Proved => 2,
            Phase::Committed => 3,
        };
        let mut content = Vec::with_capacity(Self::LEN);
        content.extend([VERSION, phase, old.is_some().into()]);
        content.extend(old.unwrap_or_default());
        content.extend(new);
        records.put_record(RecordKind::Journal, Slot::Current, name, Some(&content))
    }

    /// Whether the credentials are still those that it speaks of.
    fn fits(&self, records: &dyn Records, name: &KeyName) -> Result<bool, KeyError> {
        let at = |slot| fingerprint(records, slot, name);
        Ok(match self.phase {
            Phase::Staged | Phase::Proved => {
                at(Slot::Current)? == self.old && at(Slot::Staged)? == Some(self.new)
            }
            Phase::Committed => at(Slot::Current)? == Some(self.new),
        })
    }

    fn uncommitted(&self) -> Result<(), RotationError> {
        match self.phase {
            Phase::Staged | Phase::Proved => Ok(()),
            Phase::Committed => Err(RotationError::AlreadyCommitted),
        }
    }
}

/// Tells credentials apart: a key with its certificates.
fn fingerprint(
    records: &dyn Records,
    slot: Slot,
    name: &KeyName,
) -> Result<Option<[u8; FINGERPRINT]>, KeyError> {
    let mut hash = Sha256::new_with_prefix(LABEL);
    match records.kind(slot, name)? {
        None => return Ok(None),
        Some(KeyKind::Symmetric) => {
            hash.update(b"symmetric");
            hash.update(records.mac_key(slot, name)?.hmac_sha256(&[LABEL])?.expose_bytes());
        }
        Some(_) => {
            hash.update(b"private");
            let key = records.signing_key(slot, name)?;
            let public_key = key.public_key();
            hash.update((public_key.len() as u64).to_be_bytes());
            hash.update(&*public_key);
        }
    }
    hash.update(records.record(RecordKind::Certificates, slot, name)?.unwrap_or_default());
    Ok(Some(hash.finalize().into()))
}

/// Why a step of a change of credential was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RotationError {
    /// A change of that credential was begun and not finished.
    #[error("a change of this credential is in progress: resume it and finish or abandon it first")]
    InProgress,
    /// No change of that credential is in progress.
    #[error("no change of this credential is in progress: it was finished, abandoned or deleted")]
    NotInProgress,
    /// What is staged was not proved, or is no longer what was.
    #[error("the new credential is not proved: try it out, and accept it if it works")]
    NotProved,
    /// The new credential is in use already: the old one can only be retired.
    #[error("the new credential is in use already: retire the old one")]
    AlreadyCommitted,
    /// The old credential is still the one in use.
    #[error("the new credential is not in use yet: commit it first")]
    NotCommitted,
    /// Somebody changed the credential by other means. What they put there is in use; the change was
    /// given up and its traces are cleared.
    #[error(
        "the credential was changed by other means: what is there now stays, and the change is given up"
    )]
    Superseded,
    /// The store or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}
