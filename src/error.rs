//! The opaque door for a foreign cause.
//!
//! Each domain of hubward has its own error enum. Where the cause lies in somebody else's code (a
//! key store, a driver of a secure element), it travels as an [`OtherError`], so that no foreign
//! error type becomes part of this crate's interface.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;

/// A cause from outside this crate, kept for display and for [`Error::source`].
///
/// Whoever builds one sees to it that neither the message nor the error holds a secret: both are
/// printed as they are.
///
/// Two values are equal if they are handles of the same cause.
#[derive(Clone)]
pub struct OtherError(Cause);

#[derive(Clone)]
enum Cause {
    Message(&'static str),
    #[cfg(feature = "alloc")]
    Error(Arc<dyn Error + Send + Sync>),
}

impl OtherError {
    /// A cause that is only a fixed text; needs no allocator.
    pub const fn from_static(message: &'static str) -> Self {
        Self(Cause::Message(message))
    }

    /// The cause, if it is a `T`.
    #[cfg(all(feature = "capi", feature = "keystore-file"))]
    pub(crate) fn downcast_ref<T: Error + 'static>(&self) -> Option<&T> {
        match &self.0 {
            Cause::Message(_) => None,
            Cause::Error(error) => error.downcast_ref(),
        }
    }

    /// Keeps `error` as the cause.
    #[cfg(feature = "alloc")]
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Cause::Error(Arc::new(error)))
    }
}

// What is kept is only displayed: a panic elsewhere cannot leave it half changed. Without these, the
// feature `alloc` would take the traits away from every error that can carry a cause.
impl core::panic::UnwindSafe for OtherError {}
impl core::panic::RefUnwindSafe for OtherError {}

impl PartialEq for OtherError {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Cause::Message(a), Cause::Message(b)) => a == b,
            #[cfg(feature = "alloc")]
            (Cause::Error(a), Cause::Error(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "alloc")]
            _ => false,
        }
    }
}

impl Eq for OtherError {}

impl fmt::Debug for OtherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Message(message) => f.debug_tuple("OtherError").field(message).finish(),
            #[cfg(feature = "alloc")]
            Cause::Error(error) => f.debug_tuple("OtherError").field(error).finish(),
        }
    }
}

impl fmt::Display for OtherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Message(message) => f.write_str(message),
            #[cfg(feature = "alloc")]
            Cause::Error(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for OtherError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Cause::Message(_) => None,
            #[cfg(feature = "alloc")]
            Cause::Error(error) => error.source(),
        }
    }
}
