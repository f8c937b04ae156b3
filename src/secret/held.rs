//! Where secrets live: built in place, never moved, wiped on drop.

use zeroize::Zeroize;

use super::SecretError;

#[cfg(feature = "mlock")]
use super::locked::Page;
#[cfg(feature = "mlock")]
use super::{LockOutcome, LockPolicy};
#[cfg(feature = "alloc")]
use alloc::boxed::Box;

/// Which memory a secret is to live in. What is made from a secret (a prepared state, a derived key)
/// goes where the secret is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Memory {
    /// Behind a `Box` where there is an allocator, inline elsewhere.
    #[default]
    Plain,
    /// In locked pages.
    #[cfg(feature = "mlock")]
    Locked(LockPolicy),
}

/// Owner of a `T` that is built in place and wiped on drop.
pub(crate) struct Held<T: Zeroize> {
    place: Place<T>,
    memory: Memory,
}

enum Place<T: Zeroize> {
    #[cfg(not(feature = "alloc"))]
    Inline(T),
    #[cfg(feature = "alloc")]
    Heap(Box<T>),
    /// Boxed, so that what is moved with a key is as large as what is in it: the rest of a larger variant
    /// would be whatever was on the stack, and taken along.
    #[cfg(feature = "mlock")]
    Page(Box<Page<T>>),
}

impl<T: Zeroize + Default> Held<T> {
    /// Starts from `T::default()`, which must hold no secret, and lets `fill` write the content into
    /// its final place.
    pub(crate) fn build<E: From<SecretError>>(
        memory: Memory,
        fill: impl FnOnce(&mut T) -> Result<(), E>,
    ) -> Result<Self, E> {
        match memory {
            Memory::Plain => Self::build_plain(fill),
            #[cfg(feature = "mlock")]
            Memory::Locked(policy) => Self { place: Self::lock(policy)?, memory }.fill(fill),
        }
    }

    /// [`Held::build`] in memory that always can be had.
    pub(crate) fn build_plain<E>(fill: impl FnOnce(&mut T) -> Result<(), E>) -> Result<Self, E> {
        #[cfg(not(feature = "alloc"))]
        let place = Place::Inline(T::default());
        #[cfg(feature = "alloc")]
        let place = Place::Heap(Box::default());
        Self { place, memory: Memory::Plain }.fill(fill)
    }

    fn fill<E>(mut self, fill: impl FnOnce(&mut T) -> Result<(), E>) -> Result<Self, E> {
        // On an error `self` is dropped here, and what was written so far is wiped. What a fork wiped
        // meanwhile stays empty and says so when it is read.
        if let Ok(value) = self.get_mut() {
            fill(value)?;
        }
        Ok(self)
    }

    #[cfg(feature = "mlock")]
    fn lock(policy: LockPolicy) -> Result<Place<T>, SecretError> {
        let page = Page::new();
        let outcome = page.as_ref().map_or(LockOutcome::NONE, Page::outcome);
        match (page, policy) {
            (_, LockPolicy::Require) if !outcome.is_complete() => {
                Err(SecretError::NotLocked(outcome))
            }
            (Some(page), _) => Ok(Place::Page(Box::new(page))),
            (None, _) => Ok(Place::Heap(Box::default())),
        }
    }
}

impl<T: Zeroize> Held<T> {
    /// The content.
    ///
    /// # Errors
    ///
    /// [`SecretError::WipedByFork`] if it was in a locked page of the process that this one was forked
    /// from.
    #[inline(always)]
    pub(crate) fn get(&self) -> Result<&T, SecretError> {
        match &self.place {
            #[cfg(not(feature = "alloc"))]
            Place::Inline(value) => Ok(value),
            #[cfg(feature = "alloc")]
            Place::Heap(value) => Ok(value),
            #[cfg(feature = "mlock")]
            Place::Page(page) => page.get().ok_or(SecretError::WipedByFork),
        }
    }

    fn get_mut(&mut self) -> Result<&mut T, SecretError> {
        match &mut self.place {
            #[cfg(not(feature = "alloc"))]
            Place::Inline(value) => Ok(value),
            #[cfg(feature = "alloc")]
            Place::Heap(value) => Ok(value),
            #[cfg(feature = "mlock")]
            Place::Page(page) => page.get_mut().ok_or(SecretError::WipedByFork),
        }
    }

    /// The memory that was asked for.
    pub(crate) const fn memory(&self) -> Memory {
        self.memory
    }

    /// What came of asking for locked pages; `None` if nobody asked.
    #[cfg(feature = "mlock")]
    pub(crate) const fn lock_outcome(&self) -> Option<LockOutcome> {
        match (&self.place, self.memory) {
            (_, Memory::Plain) => None,
            (Place::Heap(_), Memory::Locked(_)) => Some(LockOutcome::NONE),
            (Place::Page(page), Memory::Locked(_)) => Some(page.outcome()),
        }
    }
}

impl<T: Zeroize> Drop for Held<T> {
    fn drop(&mut self) {
        // A page that a fork wiped has nothing left to wipe.
        if let Ok(value) = self.get_mut() {
            value.zeroize();
        }
    }
}
