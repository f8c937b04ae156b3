//! Keys of the devices of an enrollment group.

use core::fmt;

use crate::identity::RegistrationId;
use crate::keystore::{KeyError, SymmetricKey};
use crate::secret::{REDACTED, SecretBytes};

#[cfg(feature = "mlock")]
use crate::secret::{LockOutcome, LockPolicy};

/// The key of a DPS enrollment group, from which the key of each of its devices is derived.
///
/// It cannot sign, that is, it is no [`MacKey`](crate::MacKey): a group key on a device would let whoever opens one device impersonate them all.
/// It belongs in the factory or in a provisioning service; devices get their derived key.
///
/// # Examples
///
/// ```
/// use hubward::{GroupKey, RegistrationId, SymmetricKey};
///
/// // The example of the service's own documentation.
/// let group_key = GroupKey::from_base64(
///     "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==",
/// )?;
/// let registration = RegistrationId::new("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6")?;
/// let device_key = group_key.derive_device_key(&registration)?;
/// assert_eq!(
///     device_key,
///     SymmetricKey::from_base64("Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=")?
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A group key in place of a device's is a mistake that does not compile:
///
/// ```compile_fail,E0277
/// # use hubward::{GroupKey, ResourceUri, SasSigner};
/// # let resource = ResourceUri::parse("h/devices/d").unwrap();
/// let signer = SasSigner::new(GroupKey::from_bytes(b"key").unwrap(), &resource);
/// ```
#[derive(PartialEq, Eq)]
pub struct GroupKey(SymmetricKey);

impl GroupKey {
    /// Decodes the group's primary or secondary key, as [`SymmetricKey::from_base64`] does.
    ///
    /// # Errors
    ///
    /// As [`SymmetricKey::from_base64`].
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        SymmetricKey::from_base64(text).map(Self)
    }

    /// Copies the raw bytes of the key.
    ///
    /// # Errors
    ///
    /// As [`SymmetricKey::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        SymmetricKey::from_bytes(bytes).map(Self)
    }

    /// Takes secret bytes over as the key.
    ///
    /// # Errors
    ///
    /// As [`SymmetricKey::from_secret`].
    pub fn from_secret(bytes: SecretBytes) -> Result<Self, KeyError> {
        SymmetricKey::from_secret(bytes).map(Self)
    }

    /// [`GroupKey::from_base64`] into locked pages, so that the key is never in any other memory. The keys
    /// that are derived from it go there too.
    ///
    /// # Errors
    ///
    /// As [`SymmetricKey::from_base64_locked`].
    #[cfg(feature = "mlock")]
    pub fn from_base64_locked(text: &str, policy: LockPolicy) -> Result<Self, KeyError> {
        SymmetricKey::from_base64_locked(text, policy).map(Self)
    }

    /// How the memory of the key is protected; `None` if it is not in locked pages and was not meant to be.
    #[cfg(feature = "mlock")]
    pub fn lock_outcome(&self) -> Option<LockOutcome> {
        crate::keystore::MacKey::lock_outcome(&self.0)
    }

    /// The key of one device: HMAC-SHA256, under the group key, over the registration ID exactly as
    /// it is written. The device signs with it for DPS and later for its hub.
    ///
    /// # Errors
    ///
    /// None with a key in memory; [`KeyError::WipedByFork`] in a forked child and [`KeyError::NotLocked`],
    /// if it is in locked pages: the derived key goes there too.
    pub fn derive_device_key(
        &self,
        registration: &RegistrationId,
    ) -> Result<SymmetricKey, KeyError> {
        self.0.derive(registration.as_str().as_bytes())
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupKey({REDACTED})")
    }
}
