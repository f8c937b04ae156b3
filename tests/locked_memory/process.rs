//! Children, limits and memory maps: the few calls of the system that the cases need.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Outcome, Skip};

/// Bytes of a page.
pub(crate) fn page() -> usize {
    // SAFETY: it asks for a number.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).expect("every system has pages")
}

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    Signal(i32),
}

/// Runs `work` in a forked child, which ends with it: with 0, or with 101 after a panic.
pub(crate) fn fork(work: impl FnOnce()) -> End {
    io::stdout().flush().expect("it can be flushed");
    // SAFETY: the child goes on with a copy of this thread alone. Where there are others, it only
    // does what does not wait for them; see `forks::threads`.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            // A child that hangs is a failure, not a test that never ends.
            // SAFETY: it sets a timer and nothing else.
            unsafe { libc::alarm(60) };
            let code = if catch_unwind(AssertUnwindSafe(work)).is_ok() { 0 } else { 101 };
            // SAFETY: it ends the child at once: no destructor or handler of the parent's runs.
            unsafe { libc::_exit(code) }
        }
        child => wait(child),
    }
}

fn wait(child: libc::pid_t) -> End {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a place for an `int`.
        match unsafe { libc::waitpid(child, &raw mut status, 0) } {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            -1 => panic!("waitpid: {}", io::Error::last_os_error()),
            _ => break,
        }
    }
    if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Code(libc::WEXITSTATUS(status))
    }
}

/// Runs `work` in a forked child, where it must not fail.
pub(crate) fn in_child(work: impl FnOnce()) {
    assert_eq!(fork(work), End::Code(0), "the child failed: see above");
}

/// Sets both values of a limit of this process.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, bytes: usize) {
    let bytes = bytes as libc::rlim_t;
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: `limit` is read.
    let done = unsafe { libc::setrlimit(resource, &raw const limit) };
    assert_eq!(done, 0, "setrlimit: {}", io::Error::last_os_error());
}

/// Runs `work` in a child that may lock `bytes` of memory and no more, whoever started it.
pub(crate) fn with_locked_limit(bytes: usize, work: impl FnOnce()) -> Outcome {
    const NOBODY: libc::uid_t = 65_534;
    const CANNOT: i32 = 77;

    let end = fork(|| {
        limit(libc::RLIMIT_MEMLOCK, bytes);
        // The limit is none for root, who gives up more than the name by this.
        // SAFETY: both look at or change the user of this process and nothing else.
        unsafe {
            if libc::geteuid() == 0 && libc::setuid(NOBODY) != 0 {
                libc::_exit(CANNOT);
            }
        }
        work();
    });
    if end == End::Code(CANNOT) {
        return Err(Skip("root cannot become another user here, and has no limit".to_owned()));
    }
    assert_eq!(end, End::Code(0), "the child failed: see above");
    Ok(())
}

/// A line of `/proc/self/smaps` and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) permissions: String,
    /// Of it in locked memory, in bytes.
    pub(crate) locked: usize,
    /// Two letters each; see proc(5).
    pub(crate) flags: Vec<String>,
}

impl Mapping {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|has| has == flag)
    }

    /// Its bytes, as this process finds them.
    pub(crate) fn read(&self) -> Vec<u8> {
        let mut bytes = vec![0xff; self.end - self.start];
        let memory = File::open("/proc/self/mem").expect("it is there");
        memory.read_exact_at(&mut bytes, self.start as u64).expect("it is mapped");
        bytes
    }
}

/// What is mapped in this process, in the order of addresses.
pub(crate) fn mappings() -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in fs::read_to_string("/proc/self/smaps").expect("it is text").lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some((start, end)) = first.split_once('-') {
            let address = |text| usize::from_str_radix(text, 16).expect("it is hexadecimal");
            mappings.push(Mapping {
                start: address(start),
                end: address(end),
                permissions: words.next().unwrap_or_default().to_owned(),
                locked: 0,
                flags: Vec::new(),
            });
            continue;
        }
        let mapping = mappings.last_mut().expect("a mapping comes first");
        match first {
            "Locked:" => {
                let kilobytes = words.next().and_then(|number| number.parse::<usize>().ok());
                mapping.locked = kilobytes.expect("a number") * 1024;
            }
            "VmFlags:" => mapping.flags = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    mappings
}

/// The pages of this process that a fork wipes.
pub(crate) fn secret_pages() -> Vec<Mapping> {
    mappings().into_iter().filter(|mapping| mapping.has("wf")).collect()
}
