//! Objects that a C program holds: made here, lent for a call, given back once.
//!
//! What a program holds is the pointer of an [`Arc`], so that one object can keep another that it needs (a
//! cache its signer) in whatever order they are freed. All are `Send` and `Sync`: what changes is behind a
//! lock.

use alloc::sync::Arc;

use super::boundary::{Out, quietly};
use super::failure::Failure;
use super::status::HUBWARD_NULL_POINTER;

/// What a program can hold.
pub(super) trait Handle: Sized + Send + Sync + 'static {}

impl<T: Handle> Out<*mut T> {
    /// Hands an object over to the caller.
    pub(super) fn give(self, object: T) {
        self.set(Arc::into_raw(Arc::new(object)).cast_mut());
    }
}

/// Lends the object for the call.
///
/// # Errors
///
/// `HUBWARD_NULL_POINTER`.
///
/// # Safety
///
/// Unless null, `handle` came from [`Out::give`] and is not freed during `'a`.
pub(super) unsafe fn lend<'a, T: Handle>(handle: *const T) -> Result<&'a T, Failure> {
    // SAFETY: it points into an `Arc` that lives for as long as it is used.
    unsafe { handle.as_ref() }.ok_or(Failure::new(HUBWARD_NULL_POINTER))
}

/// [`lend`], for an object that is to be kept. It is counted at once: every other pointer is checked before.
///
/// # Errors
///
/// As [`lend`].
///
/// # Safety
///
/// As [`lend`].
pub(super) unsafe fn share<T: Handle>(handle: *const T) -> Result<Arc<T>, Failure> {
    if handle.is_null() {
        return Err(Failure::new(HUBWARD_NULL_POINTER));
    }
    // SAFETY: it came from `Arc::into_raw`, and was not freed: there is at least the caller's own count.
    unsafe {
        Arc::increment_strong_count(handle);
        Ok(Arc::from_raw(handle))
    }
}

/// Takes the object back.
///
/// # Safety
///
/// Unless null, `handle` came from [`Out::give`], and nobody uses it any more.
pub(super) unsafe fn free<T: Handle>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: it came from `Arc::into_raw`, and the caller gives its own count up.
    let object = unsafe { Arc::from_raw(handle) };
    // A callback of the caller's may be told that it is let go.
    let _ = quietly(move || drop(object));
}
