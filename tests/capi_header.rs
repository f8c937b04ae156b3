//! `include/hubward.h` is what `src/capi` and `Cargo.toml` say. The one test of the C interface that needs
//! cbindgen, which the package `tests/header` brings.

use std::process::Command;

#[test]
fn the_header_has_not_drifted() {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/header/Cargo.toml"))
        .args(["--target-dir", concat!(env!("CARGO_TARGET_TMPDIR"), "/header"), "--", "--check"])
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "see above");
}
