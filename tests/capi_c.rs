//! The C interface, called from C: suites of C programs (`capi_c/*.c`), each run as it is, under the sanitizers of
//! GCC and under Valgrind, and what the real OpenSSL and this crate say of what they made.
//!
//! What is wrong, the programs find themselves. Here they are built and run, it is seen to that they call all that
//! the header has, and that the tools would find what they are for.

#[path = "common/c_library.rs"]
mod c_library;
#[path = "capi_c/header.rs"]
mod header;
#[path = "capi_c/judged.rs"]
mod judged;
#[path = "signing_keys/openssl.rs"]
#[expect(dead_code, reason = "the rest of it is for other tests of keys")]
mod openssl;
#[path = "capi_c/panics.rs"]
mod panics;
#[path = "capi_c/suite.rs"]
mod suite;
#[path = "vectors/harness.rs"]
#[expect(dead_code, reason = "its other half is for other vectors")]
mod vector_files;
#[path = "capi_c/vectors.rs"]
mod vectors;

use std::path::Path;

use c_library::{Library, built};
use suite::{Folder, Under};

/// Three tests of a suite, and of what it leaves in its folder.
macro_rules! suite {
    ($name:ident, $judge:expr) => {
        mod $name {
            use super::*;

            fn under(tool: Under) {
                let folder = Folder::new();
                suite::run(built(), stringify!($name), tool, &folder, "");
                let judge: fn(&Path) = $judge;
                judge(folder.path());
            }

            #[test]
            fn as_it_is() {
                under(Under::Nothing);
            }

            #[test]
            fn under_sanitizers() {
                under(Under::Sanitizers);
            }

            #[test]
            fn under_valgrind() {
                under(Under::Valgrind);
            }
        }
    };
}

suite!(calls, |_| ());
suite!(tokens, |_| ());
suite!(caches, |_| ());
suite!(callbacks, |_| ());
suite!(logging, |_| ());
suite!(threads, |_| ());
suite!(forks, |_| ());
#[cfg(feature = "keystore-file")]
suite!(stores, judged::stores);
#[cfg(feature = "x509")]
suite!(certificates, judged::certificates);

/// The functions that need more are there, and say that they were not compiled in; the others work.
#[test]
fn a_build_of_nothing_else_answers_the_same_calls() {
    let library = Library::build("minimal", "capi", "dev");
    assert_eq!(header::exported(&library.shared()), header::functions().into_keys().collect());
    for name in ["calls", "tokens", "caches", "callbacks", "logging", "threads", "forks"] {
        let said = suite::run(&library, name, Under::Nothing, &Folder::new(), "");
        assert!(said.starts_with("alloc capi session std\n"), "{said}");
    }
}

/// Eight threads with 100 000 tokens each, for which the library is optimised; twice, as a key in locked memory is
/// tried as well.
#[test]
fn many_tokens_are_what_they_should_be() {
    let library = Library::build("optimised", "capi mlock", "release");
    let said = suite::run_with(
        &library,
        "threads",
        Under::Nothing,
        &Folder::new(),
        "",
        &[("HUBWARD_TEST_TOKENS", "100000")],
    );
    assert!(said.starts_with("alloc capi mlock session std\n800000 tokens\n"), "{said}");
}

/// A tool that finds nothing must be one that would find something.
#[test]
fn the_tools_find_what_they_are_for() {
    let fails = |name, tool| {
        let said = suite::mistake(built(), name, tool, &Folder::new());
        assert!(!said.contains("does not hold"), "it is the tool that must see it: {said}");
        said
    };
    let said = fails("leak", Under::Sanitizers);
    assert!(said.contains("LeakSanitizer"), "{said}");
    let said = fails("leak", Under::Valgrind);
    assert!(said.contains("lost in loss record"), "{said}");
    let said = fails("overrun", Under::Valgrind);
    assert!(said.contains("Invalid write"), "{said}");
    let said = fails("use-after-free", Under::Valgrind);
    assert!(said.contains("Invalid read"), "{said}");
    let said = fails("overflow", Under::Sanitizers);
    assert!(said.contains("runtime error"), "{said}");
}
