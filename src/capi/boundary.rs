//! The border itself: what comes in is checked and becomes Rust's, what goes out is written once and whole.
//!
//! A call is one [`call`]: a single `unsafe` block at its beginning turns every pointer into one of the types
//! here, which checks it and reads nothing through it. So all are checked before any is used. What is behind
//! that block is safe code.

use core::ffi::c_char;
use core::panic::AssertUnwindSafe;
use core::ptr::NonNull;
use core::slice;
use std::panic::catch_unwind;

use super::failure::Failure;
use super::status::*;

/// Runs the body of a call, and answers with its status. No panic leaves it.
pub(super) fn call(body: impl FnOnce() -> Result<(), Failure>) -> hubward_status {
    match quietly(body) {
        Some(Ok(())) => HUBWARD_OK,
        Some(Err(failure)) => failure.report(),
        None => Failure::new(HUBWARD_PANIC).report(),
    }
}

/// What `body` returns; `None` if it panics.
pub(super) fn quietly<T>(body: impl FnOnce() -> T) -> Option<T> {
    // What a panic may have left half done is nothing that anybody relies on: handles are changed behind locks
    // of types that hold after any of their own panics, and a caller sees outputs only of what succeeded.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // Dropping what was thrown could throw again.
            let _ =
                catch_unwind(AssertUnwindSafe(move || drop(payload))).map_err(core::mem::forget);
            None
        }
    }
}

/// Bytes that a caller lends for the call.
///
/// # Errors
///
/// `HUBWARD_NULL_POINTER`; `HUBWARD_INVALID_LENGTH` for more than fit in memory.
///
/// # Safety
///
/// Unless `data` is null or `len` is too large, `len` bytes at `data` can be read, and nobody writes to them, for `'a`.
pub(super) unsafe fn bytes<'a>(data: *const u8, len: usize) -> Result<&'a [u8], Failure> {
    if data.is_null() {
        return Err(Failure::new(HUBWARD_NULL_POINTER));
    }
    if len > isize::MAX.unsigned_abs() {
        return Err(Failure::new(HUBWARD_INVALID_LENGTH));
    }
    // SAFETY: not null, not longer than memory is; the rest is the caller's promise. Bytes are always aligned.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// [`bytes`], or `None` for null and a length of 0.
///
/// # Errors
///
/// As [`bytes`].
///
/// # Safety
///
/// As [`bytes`].
pub(super) unsafe fn optional_bytes<'a>(
    data: *const u8,
    len: usize,
) -> Result<Option<&'a [u8]>, Failure> {
    if data.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the same.
    unsafe { bytes(data, len) }.map(Some)
}

/// A text that a caller lends for the call, not yet read.
#[derive(Clone, Copy)]
pub(super) struct TextIn<'a>(&'a [u8]);

impl<'a> TextIn<'a> {
    /// # Errors
    ///
    /// As [`bytes`].
    ///
    /// # Safety
    ///
    /// As [`bytes`].
    pub(super) unsafe fn new(data: *const c_char, len: usize) -> Result<Self, Failure> {
        // SAFETY: the caller's promise is the same.
        unsafe { bytes(data.cast(), len) }.map(Self)
    }

    /// `None` for null and a length of 0.
    ///
    /// # Errors
    ///
    /// As [`bytes`].
    ///
    /// # Safety
    ///
    /// As [`bytes`].
    pub(super) unsafe fn optional(
        data: *const c_char,
        len: usize,
    ) -> Result<Option<Self>, Failure> {
        // SAFETY: the caller's promise is the same.
        Ok(unsafe { optional_bytes(data.cast(), len) }?.map(Self))
    }

    /// Reads it.
    pub(super) fn read(self) -> Result<&'a str, Failure> {
        core::str::from_utf8(self.0).map_err(|_| Failure::new(HUBWARD_NOT_UTF8))
    }
}

/// Reads an optional text.
pub(super) fn read(text: Option<TextIn<'_>>) -> Result<Option<&str>, Failure> {
    text.map(TextIn::read).transpose()
}

/// A place for a value of the caller's.
pub(super) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Errors
    ///
    /// `HUBWARD_NULL_POINTER`.
    ///
    /// # Safety
    ///
    /// Unless null, `place` is aligned and can be written to for as long as this is used.
    pub(super) unsafe fn new(place: *mut T) -> Result<Self, Failure> {
        NonNull::new(place).map(Self).ok_or(Failure::new(HUBWARD_NULL_POINTER))
    }

    /// Writes the value, whatever was there before.
    pub(super) fn set(self, value: T) {
        // SAFETY: whoever made this promised so.
        unsafe { self.0.write(value) }
    }
}

/// A buffer of the caller's and a place for the length: for a text, with a NUL behind it, or for bytes,
/// without.
pub(super) struct Buffer<const NUL: usize> {
    /// Null if only the size is asked for.
    out: *mut u8,
    cap: usize,
    len: Out<usize>,
}

/// For a text.
pub(super) type TextOut = Buffer<1>;

/// For bytes.
pub(super) type BytesOut = Buffer<0>;

impl<const NUL: usize> Buffer<NUL> {
    /// # Errors
    ///
    /// `HUBWARD_NULL_POINTER`, also where there is a length but no buffer; `HUBWARD_INVALID_LENGTH`.
    ///
    /// # Safety
    ///
    /// Unless null, `len` is as for [`Out::new`], and `cap` bytes at `out` can be written to, and nobody else
    /// reads or writes them, for as long as this is used.
    pub(super) unsafe fn new(out: *mut u8, cap: usize, len: *mut usize) -> Result<Self, Failure> {
        if out.is_null() && cap != 0 {
            return Err(Failure::new(HUBWARD_NULL_POINTER));
        }
        // SAFETY: the caller's promise is the same.
        let len = unsafe { Out::new(len) }?;
        if cap > isize::MAX.unsigned_abs() {
            return Err(Failure::new(HUBWARD_INVALID_LENGTH));
        }
        Ok(Self { out, cap, len })
    }

    /// Whether only the size is asked for.
    pub(super) const fn is_query(&self) -> bool {
        self.out.is_null()
    }

    /// Where to write, without the place of the NUL. Nothing must be read from it that was not written, and nothing
    /// written unless [`Buffer::finish`] follows.
    pub(super) const fn room(&mut self) -> &mut [u8] {
        if self.out.is_null() {
            return &mut [];
        }
        // SAFETY: `cap` bytes can be written to, and are nobody else's. What C left there is bytes of any value.
        unsafe { slice::from_raw_parts_mut(self.out, self.cap.saturating_sub(NUL)) }
    }

    /// Ends what [`Buffer::room`] began: `len` bytes are in it.
    pub(super) fn finish(self, len: usize) -> Result<(), Failure> {
        if self.is_query() {
            self.len.set(len);
            return Ok(());
        }
        if len > self.cap.saturating_sub(NUL) || self.cap < NUL {
            return Err(self.too_small(len));
        }
        if NUL == 1 {
            // SAFETY: `len` is less than `cap`, so that this is within the buffer.
            unsafe { self.out.add(len).write(0) }
        }
        self.len.set(len);
        Ok(())
    }

    /// Says what is needed.
    pub(super) fn too_small(self, len: usize) -> Failure {
        self.len.set(len);
        Failure::new(HUBWARD_BUFFER_TOO_SMALL)
    }

    /// Writes all of `bytes`, or nothing.
    pub(super) fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(room) = self.room().get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.finish(bytes.len())
    }
}

/// `$body` where the build has what `$condition` says, else `HUBWARD_NOT_COMPILED_IN`; `$used` are then
/// the variables that nobody uses.
///
/// Every function is there in every build, so that a header and the symbols of a library are the same
/// whatever was compiled in: a program links against any build, and asks.
macro_rules! compiled_in {
    ($condition:meta, ($($used:expr),* $(,)?), $body:block) => {{
        #[cfg($condition)]
        {
            $body
        }
        #[cfg(not($condition))]
        {
            let _ = ($($used,)*);
            Err($crate::capi::failure::Failure::new($crate::capi::HUBWARD_NOT_COMPILED_IN))
        }
    }};
}

pub(super) use compiled_in;
