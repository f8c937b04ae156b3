//! The examples, built for tests that run them as people do.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The path of an example. The first call builds those that `arguments` of `cargo build` name, as they are
/// now; they are the same in each call.
pub(crate) fn built(name: &str, arguments: &[&str]) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--message-format=json", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| {
                let message: serde_json::Value = serde_json::from_str(line).unwrap();
                message["executable"].as_str().map(PathBuf::from)
            })
            .collect()
    });
    let wanted = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    built.iter().find(|path| path.ends_with(&wanted)).expect("the example was built").clone()
}
