//! What a million renewals leave behind: nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use hubward::keystore::KeyError;
use hubward::sas::{CachedToken, SasError, TokenCache, TokenFn, TokenPolicy, TokenSchedule};
use hubward::{OtherError, SasSigner, SymmetricKey, UnixTime};

use super::{START, at, device};

/// Counts by thread, so that tests may run side by side.
struct Counting;

thread_local! {
    static MADE: Cell<usize> = const { Cell::new(0) };
    static BLOCKS: Cell<isize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(made: usize, blocks: isize, bytes: isize) {
    MADE.set(MADE.get() + made);
    BLOCKS.set(BLOCKS.get() + blocks);
    BYTES.set(BYTES.get() + bytes);
}

fn size(layout: Layout) -> isize {
    isize::try_from(layout.size()).unwrap_or(isize::MAX)
}

// SAFETY: every call is handed to the system's allocator as it came; counting allocates nothing,
// because the counters are initialised at compile time and have no destructor to register.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 1, size(layout));
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 1, size(layout));
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, 0, isize::try_from(new_size).unwrap_or(isize::MAX) - size(layout));
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -1, -size(layout));
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Blocks and bytes of this thread that are in use.
fn held() -> (isize, isize) {
    (BLOCKS.get(), BYTES.get())
}

#[test]
fn the_counters_count() {
    let (made, before) = (MADE.get(), held());
    let mut bytes = std::hint::black_box(Vec::<u8>::with_capacity(10));
    assert_eq!(held(), (before.0 + 1, before.1 + 10));
    bytes.reserve_exact(100);
    assert_eq!(held(), (before.0 + 1, before.1 + 100));
    drop(bytes);
    assert_eq!(held(), before);
    assert_eq!(MADE.get() - made, 2);
}

/// A million where that takes a second.
const RENEWALS: usize = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };

fn signer() -> SasSigner {
    let key = SymmetricKey::from_bytes(b"made up").expect("a key");
    SasSigner::new(key, &device("pump-7")).expect("not Service Bus")
}

#[test]
fn renewals_leave_nothing_behind() {
    let mut cache = TokenCache::for_signer(signer(), TokenPolicy::default());
    // What is held beside the text of the token: signatures have more or fewer characters to escape.
    let mut renew = |now: UnixTime| match cache.poll(now) {
        CachedToken::Use { token, is_new: true, next, .. } => {
            let (blocks, bytes) = held();
            (next, blocks, bytes - isize::try_from(token.expose_token().len()).unwrap())
        }
        other => panic!("not renewed: {other:?}"),
    };
    let (mut now, blocks, bytes) = renew(at(START));
    let made = MADE.get();
    for _ in 0..RENEWALS {
        let renewed = renew(now);
        assert_eq!((renewed.1, renewed.2), (blocks, bytes));
        now = renewed.0;
    }
    // The text of each token, and nothing else.
    assert_eq!(MADE.get() - made, RENEWALS);
}

#[test]
fn failures_and_refusals_leave_nothing_behind() {
    let signer = signer();
    let mut turn = 0;
    let source = TokenFn(|expiry| {
        turn += 1;
        match turn % 3 {
            0 => Err(SasError::Key(KeyError::Other(OtherError::from_static("does not answer")))),
            1 => signer.sign(expiry),
            _ => signer.sign(at(1_000_000_000)),
        }
    });
    let mut cache = TokenCache::new(source, &device("pump-7"), TokenPolicy::default());
    let mut now = START;
    let mut step = |now: u64| match cache.poll(at(now)) {
        CachedToken::Use { id, .. } if now.is_multiple_of(7) => {
            cache.refused(id, at(now));
        }
        CachedToken::Use { .. } | CachedToken::Wait { .. } => {}
        other => panic!("{other:?}"),
    };
    // As many of each kind before as after.
    let round = |now: &mut u64, step: &mut dyn FnMut(u64)| {
        for _ in 0..RENEWALS / 50 {
            *now += 61;
            step(*now);
        }
    };
    round(&mut now, &mut step);
    let before = held();
    round(&mut now, &mut step);
    let after = held();
    // At most one token is held, or none.
    let token = 200;
    assert!(
        (after.0 - before.0).abs() <= 1 && (after.1 - before.1).abs() < token,
        "{before:?} {after:?}"
    );
}

/// Neither asking nor reporting allocates.
#[test]
fn a_schedule_allocates_nothing() {
    let resource = device("pump-7");
    let (made, before) = (MADE.get(), held());
    let mut schedule = TokenSchedule::new(TokenPolicy::default(), &resource);
    for number in 0..1000 {
        let now = at(START + 100 * number);
        let _ = schedule.poll(now);
        let token = schedule.signed(at(START + 100 * number + 3600), now).expect("it is good");
        schedule.failed(now);
        schedule.refused(token, now);
        schedule.accepted(token);
    }
    assert_eq!(held(), before);
    assert_eq!(MADE.get(), made);
}

/// Where a token is good, looking it up costs nothing.
#[test]
fn a_token_that_is_good_is_handed_out_without_allocating() {
    let mut cache = TokenCache::for_signer(signer(), TokenPolicy::default());
    let CachedToken::Use { next, .. } = cache.poll(at(START)) else {
        panic!("no token");
    };
    let made = MADE.get();
    for now in START..next.as_secs() {
        assert!(matches!(cache.poll(at(now)), CachedToken::Use { is_new: false, .. }));
    }
    assert_eq!(MADE.get(), made);
}
