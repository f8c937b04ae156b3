//! What goes wrong, told in full to a function of the program's.

use core::cell::Cell;
use core::error::Error;
use core::ffi::{c_char, c_void};
use core::fmt::Write as _;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::thread_local;

use alloc::string::String;

use super::boundary::{call, quietly};
use super::failure::Failure;
use super::status::*;

/// A level of the log: a call did not succeed.
pub const HUBWARD_LOG_ERROR: i32 = 1;
/// A level of the log: it goes on, though something does not work.
pub const HUBWARD_LOG_WARNING: i32 = 2;

/// A function that is told what goes wrong. `message` is UTF-8 without a line end, with a NUL behind its
/// `message_len` bytes, and valid during the call only. It names fields and places, never a secret. A later version
/// may have more levels.
///
/// It is called by whichever thread called the library, by several at once if they do. It must not throw, and what it
/// calls of the library is not logged.
pub type hubward_log_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        level: i32,
        message: *const c_char,
        message_len: usize,
    ),
>;

/// Sets the function that is told, in words, what a status says in a number: which field of a connection string is
/// wrong, which file is open to others. One for the whole process; NULL for none, which it is at first.
///
/// Once this returns, the function before is not running and is not called again, so that its `user_data` can be
/// freed: it waits for that, so hold nothing that the function waits for. In a forked child of a process with several
/// threads, set none.
///
/// Ownership: `user_data` stays the caller's, for as long as the function is set. Threads: any.
///
/// Errors: `HUBWARD_BUSY` from within such a function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_log_set(
    function: hubward_log_fn,
    user_data: *mut c_void,
) -> hubward_status {
    call(|| {
        // What is said while the function is exchanged, this thread would say to a lock that it holds itself.
        let _inside = Inside::enter().ok_or(Failure::new(HUBWARD_BUSY))?;
        let mut sink = SINK.write().unwrap_or_else(PoisonError::into_inner);
        *sink = Sink { function, user_data };
        IS_ON.store(function.is_some(), Ordering::Relaxed);
        Ok(())
    })
}

static SINK: RwLock<Sink> = RwLock::new(Sink { function: None, user_data: ptr::null_mut() });

/// So that nothing is done where nobody listens.
static IS_ON: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

struct Sink {
    function: hubward_log_fn,
    user_data: *mut c_void,
}

// SAFETY: the pointer is only handed back to the program's function, of which the header says that any thread calls
// it.
unsafe impl Send for Sink {}
// SAFETY: as above, and several at once.
unsafe impl Sync for Sink {}

/// While it lives, this thread is in the log.
struct Inside;

impl Inside {
    /// `None` if it is there already, or ends just now.
    fn enter() -> Option<Self> {
        let was_inside = IS_INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(true);
        // Not `then_some`: what it would drop would leave for whoever is inside.
        (!was_inside).then(|| Self)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = IS_INSIDE.try_with(|inside| inside.set(false));
    }
}

/// Whether anybody listens.
fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// A call does not succeed, and why.
pub(super) fn error(error: &impl Error) {
    tell(HUBWARD_LOG_ERROR, error);
}

/// It goes on, but not well.
pub(super) fn warning(error: &impl Error) {
    tell(HUBWARD_LOG_WARNING, error);
}

/// A call does not succeed, and there is no more to tell than its status.
pub(super) fn status(status: hubward_status) {
    say(HUBWARD_LOG_ERROR, message(status).to_str().unwrap_or_default());
}

/// Says an error and its causes, on one line.
fn tell(level: i32, error: &impl Error) {
    if !is_on() {
        return;
    }
    let mut text = String::new();
    let _ = write!(text, "{error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    say(level, &text);
}

fn say(level: i32, what: &str) {
    if !is_on() {
        return;
    }
    let Some(_inside) = Inside::enter() else {
        return;
    };
    // Whoever exchanges the function does not want to hear this any more; and nobody is to wait for a log.
    let Ok(sink) = SINK.try_read() else {
        return;
    };
    let Some(function) = sink.function else {
        return;
    };
    // Errors show control characters escaped, but a cause of somebody else's may not.
    let mut text: String = what.chars().filter(|character| !character.is_control()).collect();
    let len = text.len();
    text.push('\0');
    let _ = quietly(|| {
        // SAFETY: the program gave the function and what belongs to it, and the text is one with a NUL behind it.
        unsafe { function(sink.user_data, level, text.as_ptr().cast(), len) }
    });
}
