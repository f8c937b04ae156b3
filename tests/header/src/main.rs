//! Writes `include/hubward.h` from `src/capi`, or with `--check` says whether it is as it would be written.
//!
//! ```text
//! cargo run --locked --manifest-path tests/header/Cargo.toml [-- --check]
//! ```

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use cbindgen::{Builder, Config};

fn main() -> ExitCode {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let path = root.join("include/hubward.h");
    let header = header(root);
    match env::args().nth(1).as_deref() {
        None => fs::write(&path, header).expect("the header can be written"),
        Some("--check") => {
            let found = fs::read_to_string(&path).expect("there is a header");
            if let Some(line) = difference(&found, &header) {
                eprintln!(
                    "include/hubward.h is not what src/capi says, from line {line} on: run \
                     `cargo run --locked --manifest-path tests/header/Cargo.toml`"
                );
                return ExitCode::FAILURE;
            }
        }
        Some(_) => {
            eprintln!("the only argument is --check");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The header as cbindgen writes it.
fn header(root: &Path) -> String {
    let mut config =
        Config::from_file(root.join("cbindgen.toml")).expect("there is a configuration");
    config.after_includes = Some(version(root));
    let mut builder = Builder::new().with_config(config);
    for file in files(root) {
        builder = builder.with_src(file);
    }
    let mut header = Vec::new();
    builder.generate().expect("src/capi can be read").write(&mut header);
    String::from_utf8(header).expect("the header is text")
}

/// The version of the crate, as macros: cbindgen knows no constants that are computed.
fn version(root: &Path) -> String {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("there is a manifest");
    let lines = &mut manifest.lines();
    let version = lines.find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    let version = version.expect("the manifest has a version");
    let parts: Vec<u8> = version.split('.').map(|part| part.parse().expect("a number")).collect();
    let [major, minor, patch] = parts[..] else { panic!("a version has three parts") };
    let number =
        "((HUBWARD_VERSION_MAJOR << 16) | (HUBWARD_VERSION_MINOR << 8) | HUBWARD_VERSION_PATCH)";
    format!(
        "
/**
 * The version of this header; `hubward_version` and `hubward_version_number` are those of the library.
 */
#define HUBWARD_VERSION_MAJOR {major}
#define HUBWARD_VERSION_MINOR {minor}
#define HUBWARD_VERSION_PATCH {patch}
#define HUBWARD_VERSION_STRING \"{version}\"

/**
 * The version as a number that grows with it: 0xMMmmpp.
 */
#define HUBWARD_VERSION_NUMBER {number}"
    )
}

/// The files of the module, in its own order, which is that of the header.
fn files(root: &Path) -> Vec<std::path::PathBuf> {
    let folder = root.join("src/capi");
    let module = fs::read_to_string(folder.join("mod.rs")).expect("there is a module");
    let names = module.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let files: Vec<_> = names.map(|name| folder.join(format!("{name}.rs"))).collect();
    assert!(!files.is_empty(), "src/capi/mod.rs names its files");
    files
}

/// The first line that differs, from 1.
fn difference(found: &str, expected: &str) -> Option<usize> {
    if found == expected {
        return None;
    }
    let same = found.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}
