//! How well a key is protected, and the policy that refuses less.

use core::fmt;

/// What stands between a key and somebody who takes the device's storage. Ordered: later is better.
///
/// A store says what it knows, never what it hopes: where it cannot tell, it says [`Plain`].
///
/// [`Plain`]: Protection::Plain
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Nothing that the store knows of: a key from a connection string or a file.
    #[default]
    Plain,
    /// Encrypted under a passphrase.
    Passphrase,
    /// Kept by the operating system for one user or session.
    OperatingSystem,
    /// Encrypted under a key that never leaves a chip; in memory while it is used.
    Sealed,
    /// Never leaves a chip.
    Hardware,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Passphrase => "by a passphrase",
            Self::OperatingSystem => "by the operating system",
            Self::Sealed => "sealed by hardware",
            Self::Hardware => "in hardware",
        })
    }
}

#[cfg(feature = "alloc")]
mod policy {
    use super::super::{KeyError, KeyName, KeyStore, MacKey, SigningKey};
    use super::Protection;
    use alloc::sync::Arc;

    /// A [`KeyStore`] that hands out no key with less than a given protection.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn load(store: impl hubward::keystore::KeyStore) {
    /// use hubward::keystore::{AtLeast, KeyError, KeyName, KeyStore, Protection};
    ///
    /// let store = AtLeast::new(store, Protection::Sealed);
    /// match store.mac_key(&KeyName::new("hub.primary").unwrap()) {
    ///     Ok(key) => println!("{key:?}"),
    ///     Err(KeyError::ProtectionTooLow { actual, .. }) => eprintln!("only {actual}"),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct AtLeast<S> {
        store: S,
        required: Protection,
    }

    impl<S> AtLeast<S> {
        /// `store`, but for keys with less than `required`.
        pub const fn new(store: S, required: Protection) -> Self {
            Self { store, required }
        }

        /// The store itself, to manage its keys.
        pub const fn inner(&self) -> &S {
            &self.store
        }
    }

    impl<S: KeyStore> KeyStore for AtLeast<S> {
        fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
            let key = self.store.mac_key(name)?;
            key.protection().require(self.required)?;
            Ok(key)
        }

        fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
            let key = self.store.signing_key(name)?;
            key.protection().require(self.required)?;
            Ok(key)
        }
    }
}

#[cfg(feature = "alloc")]
pub use policy::AtLeast;

impl Protection {
    /// Refuses less than `required`.
    ///
    /// # Errors
    ///
    /// [`KeyError::ProtectionTooLow`].
    ///
    /// [`KeyError::ProtectionTooLow`]: super::KeyError::ProtectionTooLow
    pub fn require(self, required: Self) -> Result<(), super::KeyError> {
        if self < required {
            return Err(super::KeyError::ProtectionTooLow { required, actual: self });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Protection::{Hardware, OperatingSystem, Passphrase, Plain, Sealed};
    use crate::keystore::KeyError;

    #[test]
    fn each_level_meets_itself_and_all_below() {
        let levels = [Plain, Passphrase, OperatingSystem, Sealed, Hardware];
        for (place, actual) in levels.into_iter().enumerate() {
            for (needed, required) in levels.into_iter().enumerate() {
                let expected = if place < needed {
                    Err(KeyError::ProtectionTooLow { required, actual })
                } else {
                    Ok(())
                };
                assert_eq!(actual.require(required), expected);
            }
        }
    }
}
