//! Secrets that vanish: redacted, wiped on drop, compared in constant time.
//!
//! A secret type of this crate has no derived `Clone`, no serialization and no dereference to its
//! content; its `Debug` and `Display` show none of it, and it is read only through a method whose
//! name starts with `expose_`.
//!
//! # What is promised
//!
//! With the feature `alloc`, secret bytes live behind one heap allocation that is filled in place
//! and never grows, so that moving the owner copies a pointer, and dropping it wipes the only copy
//! that the owner made. Without `alloc` the bytes are stored inline: they are wiped on drop, but a
//! move may leave a copy behind on the stack that nothing wipes.
//!
//! With the feature `mlock`, and where it is asked for (`to_locked`, `lock_memory`, `from_base64_locked`),
//! a secret has pages of its own instead: between guard pages, never swapped, left out of core dumps, and
//! wiped in a forked child, where its use is answered with an error. What is prepared or derived from it
//! goes into such pages too. On by itself, the feature changes nothing.
//!
//! # What is not
//!
//! * **Registers, and stack slots that a compiler spills to**, are out of reach of safe Rust. What this
//!   crate computes with a key in place is tested to leave nothing on the stack when it is optimised;
//!   what a compiler of the future does is not known.
//! * **Swap**, for what is not in locked pages, as the memory that Argon2id works in.
//! * **Hibernation** writes all memory to the disk, locked pages included; so does a snapshot of a
//!   virtual machine.
//! * **Core dumps and debuggers**, for what is not in locked pages. The kernel lets who may trace a
//!   process (root, or its user) read all of it at any time.
//! * **Texts and buffers of the caller**, and what other libraries copy: those for RSA, ECDSA and PBES2
//!   compute with copies of their own, which they wipe or leave by their own lights.

mod held;
#[cfg(feature = "mlock")]
#[expect(unsafe_code, reason = "page locking; the only file outside the C interface")]
mod locked;

pub(crate) use held::{Held, Memory};

use core::fmt;

use ctutils::CtEq;
use thiserror::Error;
use zeroize::Zeroize;

#[cfg(feature = "alloc")]
use alloc::{borrow::ToOwned, string::String};

/// What secrets look like in `Debug` and `Display`.
pub(crate) const REDACTED: &str = "<redacted>";

/// `true` if `a` and `b` are equal; the time taken depends on their lengths alone.
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).to_bool()
}

/// Whether a secret may live in memory that is less than locked.
///
/// # Examples
///
/// ```
/// use hubward::SymmetricKey;
/// use hubward::MacKey as _;
/// use hubward::secret::LockPolicy;
///
/// let key = SymmetricKey::from_base64_locked("Zm9vYmFy", LockPolicy::Prefer)?;
/// if let Some(outcome) = key.lock_outcome() && !outcome.is_complete() {
///     eprintln!("the key is in memory that is not fully protected: {outcome}");
/// }
/// # Ok::<(), hubward::KeyError>(())
/// ```
#[cfg(feature = "mlock")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockPolicy {
    /// All that [`LockOutcome`] names, or an error: Linux and Android only, for no other system gives all.
    Require,
    /// As much of it as the system gives; what it gave can be read from the [`LockOutcome`].
    Prefer,
}

/// How the memory of a secret is protected: what came of asking for locked pages (feature `mlock`).
///
/// `Display` names what is missing. The limit of locked memory is `RLIMIT_MEMLOCK` (`ulimit -l`,
/// `LimitMEMLOCK=` of a systemd unit); each secret takes a page of it, and so does each prepared state.
/// Of mappings, which Linux limits for a process (`vm.max_map_count`, 65530 by default), each takes two
/// or three: a gateway with tens of thousands of devices raises both, or locks what opens its store and
/// no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockOutcome {
    /// Pages without access stand before and behind the secret.
    pub guarded: bool,
    /// The pages are never written to swap (`mlock`).
    pub locked: bool,
    /// The pages are left out of core dumps (Linux, `MADV_DONTDUMP`).
    pub undumped: bool,
    /// A forked child finds the pages wiped (Linux, `MADV_WIPEONFORK`) and is told so by
    /// [`SecretError::WipedByFork`].
    pub wiped_on_fork: bool,
}

impl LockOutcome {
    #[cfg(feature = "mlock")]
    pub(crate) const NONE: Self =
        Self { guarded: false, locked: false, undumped: false, wiped_on_fork: false };

    /// `true` if nothing is missing.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        let Self { guarded, locked, undumped, wiped_on_fork } = self;
        guarded && locked && undumped && wiped_on_fork
    }
}

impl fmt::Display for LockOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { guarded, locked, undumped, wiped_on_fork } = *self;
        let missing = [
            (guarded, "no guard pages"),
            (locked, "can be swapped"),
            (undumped, "goes into core dumps"),
            (wiped_on_fork, "is copied by fork"),
        ];
        let mut missing = missing.iter().filter(|(given, _)| !given).map(|(_, what)| *what);
        let Some(first) = missing.next() else {
            return f.write_str("fully protected");
        };
        f.write_str(first)?;
        missing.try_for_each(|what| write!(f, ", {what}"))
    }
}

/// At most `N` secret bytes.
pub(crate) struct SecretArray<const N: usize>(Held<Bytes<N>>);

struct Bytes<const N: usize> {
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize> Bytes<N> {
    fn fill<E>(&mut self, fill: impl FnOnce(&mut [u8; N]) -> Result<usize, E>) -> Result<(), E> {
        self.len = fill(&mut self.bytes)?;
        Ok(())
    }
}

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self { len: 0, bytes: [0; N] }
    }
}

impl<const N: usize> Zeroize for Bytes<N> {
    fn zeroize(&mut self) {
        let Self { len, bytes } = self;
        bytes.zeroize();
        *len = 0;
    }
}

impl<const N: usize> SecretArray<N> {
    pub(crate) fn copy_from(memory: Memory, bytes: &[u8]) -> Result<Self, SecretError> {
        Self::build(memory, |buffer| {
            let len = bytes.len();
            let target = buffer.get_mut(..len).ok_or(SecretError::TooLong { len, max: N })?;
            target.copy_from_slice(bytes);
            Ok(len)
        })
    }

    /// Lets `fill` write into the final place and say how many bytes it wrote.
    pub(crate) fn build<E: From<SecretError>>(
        memory: Memory,
        fill: impl FnOnce(&mut [u8; N]) -> Result<usize, E>,
    ) -> Result<Self, E> {
        Held::build(memory, |content: &mut Bytes<N>| content.fill(fill)).map(Self)
    }

    pub(crate) const fn memory(&self) -> Memory {
        self.0.memory()
    }

    #[cfg(feature = "mlock")]
    pub(crate) const fn lock_outcome(&self) -> Option<LockOutcome> {
        self.0.lock_outcome()
    }

    pub(crate) fn expose(&self) -> Result<&[u8], SecretError> {
        let Bytes { len, bytes } = self.0.get()?;
        Ok(bytes.get(..*len).unwrap_or_default())
    }
}

/// A few secret bytes, at most [`SecretBytes::MAX_LEN`].
///
/// Equality is decided in time that depends on the lengths alone.
///
/// # Examples
///
/// ```
/// use hubward::secret::SecretBytes;
///
/// let secret = SecretBytes::copy_from(b"not for your logs")?;
/// assert_eq!(format!("{secret:?}"), "SecretBytes(<redacted>)");
/// assert_eq!(secret.expose_bytes(), b"not for your logs");
/// # Ok::<(), hubward::secret::SecretError>(())
/// ```
pub struct SecretBytes(SecretArray<{ Self::MAX_LEN }>);

impl SecretBytes {
    /// The most bytes that one value holds: four times the longest key that IoT Hub and DPS take.
    pub const MAX_LEN: usize = 256;

    /// Copies `bytes`; wiping the source is up to the caller.
    ///
    /// # Errors
    ///
    /// [`SecretError::TooLong`] for more than [`SecretBytes::MAX_LEN`] bytes.
    pub fn copy_from(bytes: &[u8]) -> Result<Self, SecretError> {
        SecretArray::copy_from(Memory::Plain, bytes).map(Self)
    }

    /// Copies the secret into locked pages. Drop the original, and its own copy is wiped.
    ///
    /// # Errors
    ///
    /// [`SecretError::NotLocked`] if the policy is [`LockPolicy::Require`] and the system does not give
    /// all of it; [`SecretError::WipedByFork`].
    #[cfg(feature = "mlock")]
    pub fn to_locked(&self, policy: LockPolicy) -> Result<Self, SecretError> {
        SecretArray::copy_from(Memory::Locked(policy), self.expose()?).map(Self)
    }

    /// How the memory of the secret is protected; `None` if it is not in locked pages and was not meant
    /// to be.
    #[cfg(feature = "mlock")]
    pub const fn lock_outcome(&self) -> Option<LockOutcome> {
        self.0.lock_outcome()
    }

    /// Lets `fill` write into the final place and say how many bytes it wrote.
    pub(crate) fn build<E>(
        fill: impl FnOnce(&mut [u8; Self::MAX_LEN]) -> Result<usize, E>,
    ) -> Result<Self, E> {
        Held::build_plain(|content: &mut Bytes<{ Self::MAX_LEN }>| content.fill(fill))
            .map(|held| Self(SecretArray(held)))
    }

    /// [`SecretBytes::build`] in memory that may not be had.
    pub(crate) fn build_in<E: From<SecretError>>(
        memory: Memory,
        fill: impl FnOnce(&mut [u8; Self::MAX_LEN]) -> Result<usize, E>,
    ) -> Result<Self, E> {
        SecretArray::build(memory, fill).map(Self)
    }

    /// The bytes themselves. None in a forked child, if the secret is in locked pages: what computes
    /// with a key tells that by an error, and what is written outside this crate uses
    /// [`SecretBytes::expose_bytes_checked`].
    pub fn expose_bytes(&self) -> &[u8] {
        self.expose().unwrap_or_default()
    }

    /// The bytes themselves, for whoever computes with them.
    ///
    /// # Errors
    ///
    /// [`SecretError::WipedByFork`] in a forked child, if the secret is in locked pages.
    pub fn expose_bytes_checked(&self) -> Result<&[u8], SecretError> {
        self.expose()
    }

    /// The bytes themselves, or that a fork wiped them.
    pub(crate) fn expose(&self) -> Result<&[u8], SecretError> {
        self.0.expose()
    }

    pub(crate) const fn memory(&self) -> Memory {
        self.0.memory()
    }
}

/// A secret that a fork wiped is equal to none.
impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        match (self.expose(), other.expose()) {
            (Ok(a), Ok(b)) => constant_time_eq(a, b),
            _ => false,
        }
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({REDACTED})")
    }
}

/// A secret text: borrowed from the caller, or owned and wiped on drop.
///
/// Equality is decided in time that depends on the lengths alone.
pub struct SecretText<'a>(Text<'a>);

enum Text<'a> {
    Borrowed(&'a str),
    #[cfg(feature = "alloc")]
    Owned(String),
}

impl<'a> SecretText<'a> {
    /// Lends a text; wiping it is up to its owner.
    pub const fn borrowed(text: &'a str) -> Self {
        Self(Text::Borrowed(text))
    }

    /// Takes a text over, to be wiped on drop. A `String` that grew on the way has left its old content
    /// in freed memory, where this cannot reach it.
    #[cfg(feature = "alloc")]
    pub const fn owned(text: String) -> Self {
        Self(Text::Owned(text))
    }

    /// The text itself.
    pub fn expose_text(&self) -> &str {
        match &self.0 {
            Text::Borrowed(text) => text,
            #[cfg(feature = "alloc")]
            Text::Owned(text) => text,
        }
    }

    /// Copies a borrowed text, so that the value can outlive what it came from.
    #[cfg(feature = "alloc")]
    pub fn into_owned(mut self) -> SecretText<'static> {
        match &mut self.0 {
            Text::Borrowed(text) => SecretText::owned((*text).to_owned()),
            Text::Owned(text) => SecretText::owned(core::mem::take(text)),
        }
    }
}

impl Drop for SecretText<'_> {
    fn drop(&mut self) {
        match &mut self.0 {
            Text::Borrowed(_) => {}
            #[cfg(feature = "alloc")]
            Text::Owned(text) => text.zeroize(),
        }
    }
}

impl PartialEq for SecretText<'_> {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.expose_text().as_bytes(), other.expose_text().as_bytes())
    }
}

impl Eq for SecretText<'_> {}

impl fmt::Debug for SecretText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretText({REDACTED})")
    }
}

/// Why bytes could not be held as a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// More bytes than fit.
    #[error("the secret has {len} bytes; at most {max} are held")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Bytes that fit.
        max: usize,
    },
    /// Locked pages were required, and the system does not give all that belongs to them.
    #[error(
        "the secret cannot be held in locked memory ({0}): raise the limit of locked memory \
         (RLIMIT_MEMLOCK, `LimitMEMLOCK=` of a systemd unit), or take `LockPolicy::Prefer`"
    )]
    NotLocked(LockOutcome),
    /// The secret was in locked pages when this process was forked, and was wiped in it.
    #[error("the secret was wiped in this forked process: load it after the fork")]
    WipedByFork,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_up_to_the_bound() {
        let full = [7; SecretBytes::MAX_LEN];
        assert_eq!(SecretBytes::copy_from(&full).unwrap().expose_bytes(), full);
        assert_eq!(SecretBytes::copy_from(b"").unwrap().expose_bytes(), b"");
        assert_eq!(
            SecretBytes::copy_from(&[7; SecretBytes::MAX_LEN + 1]).unwrap_err(),
            SecretError::TooLong { len: 257, max: 256 }
        );
    }

    #[test]
    fn equality_looks_at_length_and_content() {
        let a = SecretBytes::copy_from(b"one").unwrap();
        assert_eq!(a, SecretBytes::copy_from(b"one").unwrap());
        assert_ne!(a, SecretBytes::copy_from(b"onE").unwrap());
        assert_ne!(a, SecretBytes::copy_from(b"one\0").unwrap());
        assert_ne!(SecretText::borrowed("one"), SecretText::borrowed("two"));
        assert_eq!(SecretText::borrowed("one"), SecretText::borrowed("one"));
    }

    #[test]
    fn held_wipes_what_it_drops() {
        // Looks at the wiping itself; that it happens before the memory is freed is proved by the
        // scanning allocator in tests/zeroize.rs.
        let mut content = Bytes::<256> { len: 3, bytes: [9; 256] };
        content.zeroize();
        assert_eq!((content.len, content.bytes), (0, [0; 256]));
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn owned_text_keeps_its_buffer() {
        let text = String::from("keep");
        let at = text.as_ptr();
        let secret = SecretText::owned(text).into_owned();
        assert_eq!((secret.expose_text(), secret.expose_text().as_ptr()), ("keep", at));
        assert_eq!(SecretText::borrowed("x").into_owned().expose_text(), "x");
    }
}
