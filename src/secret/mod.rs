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
//! move may leave a copy behind on the stack that nothing wipes. Registers, and stack slots that
//! the compiler spills to, are outside what safe Rust can promise in either case.

use core::fmt;

use ctutils::CtEq;
use thiserror::Error;
use zeroize::Zeroize;

#[cfg(feature = "alloc")]
use alloc::{borrow::ToOwned, boxed::Box, string::String};

/// What secrets look like in `Debug` and `Display`.
pub(crate) const REDACTED: &str = "<redacted>";

/// `true` if `a` and `b` are equal; the time taken depends on their lengths alone.
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).to_bool()
}

/// Owner of a `T` that is built in place and wiped on drop: behind a `Box` where there is an
/// allocator, so that moves do not copy it; inline elsewhere.
pub(crate) struct Held<T: Zeroize> {
    #[cfg(feature = "alloc")]
    value: Box<T>,
    #[cfg(not(feature = "alloc"))]
    value: T,
}

impl<T: Zeroize + Default> Held<T> {
    /// Starts from `T::default()`, which must hold no secret, and lets `fill` write the content into
    /// its final place.
    pub(crate) fn build<E>(fill: impl FnOnce(&mut T) -> Result<(), E>) -> Result<Self, E> {
        let mut held = Self {
            #[cfg(feature = "alloc")]
            value: Box::default(),
            #[cfg(not(feature = "alloc"))]
            value: T::default(),
        };
        // On an error `held` is dropped here, and what was written so far is wiped.
        fill(&mut held.value)?;
        Ok(held)
    }

    pub(crate) fn get(&self) -> &T {
        &self.value
    }
}

impl<T: Zeroize> Drop for Held<T> {
    fn drop(&mut self) {
        self.value.zeroize();
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
pub struct SecretBytes(Held<Bytes>);

struct Bytes {
    len: usize,
    bytes: [u8; SecretBytes::MAX_LEN],
}

impl Default for Bytes {
    fn default() -> Self {
        Self { len: 0, bytes: [0; SecretBytes::MAX_LEN] }
    }
}

impl Zeroize for Bytes {
    fn zeroize(&mut self) {
        let Self { len, bytes } = self;
        bytes.zeroize();
        *len = 0;
    }
}

impl SecretBytes {
    /// The most bytes that one value holds: four times the longest key that IoT Hub and DPS take.
    pub const MAX_LEN: usize = 256;

    /// Copies `bytes`; wiping the source is up to the caller.
    ///
    /// # Errors
    ///
    /// [`SecretError::TooLong`] for more than [`SecretBytes::MAX_LEN`] bytes.
    pub fn copy_from(bytes: &[u8]) -> Result<Self, SecretError> {
        Self::build(|buffer| {
            let len = bytes.len();
            let target =
                buffer.get_mut(..len).ok_or(SecretError::TooLong { len, max: Self::MAX_LEN })?;
            target.copy_from_slice(bytes);
            Ok(len)
        })
    }

    /// Lets `fill` write into the final place and say how many bytes it wrote.
    pub(crate) fn build<E>(
        fill: impl FnOnce(&mut [u8; Self::MAX_LEN]) -> Result<usize, E>,
    ) -> Result<Self, E> {
        Held::build(|content: &mut Bytes| {
            content.len = fill(&mut content.bytes)?;
            Ok(())
        })
        .map(Self)
    }

    /// The bytes themselves.
    pub fn expose_bytes(&self) -> &[u8] {
        let Bytes { len, bytes } = self.0.get();
        bytes.get(..*len).unwrap_or_default()
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.expose_bytes(), other.expose_bytes())
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
        let mut content = Bytes { len: 3, bytes: [9; SecretBytes::MAX_LEN] };
        content.zeroize();
        assert_eq!((content.len, content.bytes), (0, [0; SecretBytes::MAX_LEN]));
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
