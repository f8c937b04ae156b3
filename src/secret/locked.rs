//! Locked pages: the one file with `unsafe` outside the C interface.
//!
//! ```text
//! [ no access ][ marker, value … ][ no access ]
//!               locked, left out of core dumps, wiped in forked children
//! ```
//!
//! The crate `region` maps, protects and locks, and undoes it on drop; `rustix` passes the two advices
//! of Linux. What is left to this file is a pointer into the middle. One secret has one mapping: no
//! list of free slots is shared, so that a fork cannot leave a lock of it held for ever.

use core::ptr::NonNull;

use region::{Allocation, LockGuard, Protection};
use zeroize::Zeroize;

use super::LockOutcome;

/// Not zero, so that a page that a fork wiped cannot be taken for one that was filled.
const MARKER: u64 = u64::from_be_bytes(*b"hubward!");

#[repr(C)]
struct Slot<T> {
    marker: u64,
    value: T,
}

/// Owner of a `T` in pages of its own.
pub(super) struct Page<T> {
    slot: NonNull<Slot<T>>,
    outcome: LockOutcome,
    // In this order: unlocked first, then unmapped.
    _lock: Option<LockGuard>,
    _pages: Allocation,
}

// SAFETY: `Page` owns the mapping and hands out `&T` and `&mut T` as a `Box<T>` would.
unsafe impl<T: Send> Send for Page<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Page<T> {}

impl<T: Default + Zeroize> Page<T> {
    /// `None` if the system gives no pages or no guards around them; what else it refused is in the
    /// outcome.
    pub(super) fn new() -> Option<Self> {
        // What a fork wiped is never dropped as a `T`, and every `T` fits in front of the second guard.
        // Who holds a `&T` while the process is forked reads zeroes in the child, so all zeroes must be a `T`
        // as well: the two kinds that there are, bytes with their length and words of hash states, are such.
        const { assert!(!core::mem::needs_drop::<T>()) };
        const { assert!(align_of::<Slot<T>>() <= 4096) };

        let page = region::page::size();
        let len = size_of::<Slot<T>>().checked_next_multiple_of(page)?;
        let mut pages =
            region::alloc(page.checked_add(len)?.checked_add(page)?, Protection::NONE).ok()?;
        let start = pages.as_mut_ptr::<u8>().wrapping_add(page);
        // SAFETY: the range is the middle of `pages`, which nobody else knows of yet.
        unsafe { region::protect(start, len, Protection::READ_WRITE) }.ok()?;

        let lock = region::lock(start, len).ok();
        let (undumped, wiped_on_fork) = advise(start, len);
        let outcome =
            LockOutcome { guarded: true, locked: lock.is_some(), undumped, wiped_on_fork };

        let slot = NonNull::new(start.cast::<Slot<T>>())?;
        // SAFETY: `start` is the beginning of a page, hence aligned; `len` bytes from there on can be
        // written and belong to this value alone.
        unsafe { slot.write(Slot { marker: MARKER, value: T::default() }) };
        Some(Self { slot, outcome, _lock: lock, _pages: pages })
    }
}

impl<T> Page<T> {
    pub(super) const fn outcome(&self) -> LockOutcome {
        self.outcome
    }

    /// `None` in a forked child, where the content is gone.
    #[inline(always)]
    pub(super) fn get(&self) -> Option<&T> {
        if !self.is_whole() {
            return None;
        }
        // SAFETY: `new` wrote the slot, the marker says that no fork wiped it since, and `self` lends it.
        Some(unsafe { &self.slot.as_ref().value })
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        if !self.is_whole() {
            return None;
        }
        // SAFETY: as in `get`; `self` is borrowed uniquely.
        Some(unsafe { &mut self.slot.as_mut().value })
    }

    #[inline(always)]
    fn is_whole(&self) -> bool {
        // SAFETY: the slot is mapped and readable as long as `self` lives. The kernel zeroes it between
        // two instructions of one program, which the compiler cannot see: hence volatile.
        let marker = unsafe { (&raw const (*self.slot.as_ptr()).marker).read_volatile() };
        marker == MARKER
    }
}

/// Whether the kernel leaves the pages out of core dumps, and whether it wipes them in a forked child.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn advise(start: *mut u8, len: usize) -> (bool, bool) {
    use rustix::mm::{Advice, madvise};

    // SAFETY: the pages hold nothing yet, belong to the caller, and neither advice changes them in this
    // process.
    let [undumped, wiped_on_fork] = [Advice::LinuxDontDump, Advice::LinuxWipeOnFork]
        .map(|advice| unsafe { madvise(start.cast(), len, advice) }.is_ok());
    (undumped, wiped_on_fork)
}

/// No other system has both advices.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn advise(_: *mut u8, _: usize) -> (bool, bool) {
    (false, false)
}
