//! The C library, built for tests that link C programs with it, and the compilers that do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// Where this build's library is: both kinds of it, with the features of the test.
pub(crate) fn built() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| Library::build("tested", &features(), "dev"))
}

/// The features that this test was built with.
pub(crate) fn features() -> String {
    // SAFETY: it is a text with a NUL behind it that stays.
    let features = unsafe { std::ffi::CStr::from_ptr(hubward::capi::hubward_features()) };
    features.to_str().expect("names are text").to_owned()
}

/// A build of the C library, in a folder of its own.
pub(crate) struct Library {
    folder: PathBuf,
}

impl Library {
    /// Builds it with the features, separated by spaces, and the profile, by the command of the README.
    pub(crate) fn build(name: &str, features: &str, profile: &str) -> Self {
        // Cargo puts every build at the same place, from where it must be taken before the next.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let output = Command::new(env!("CARGO"))
            .args(["rustc", "--lib", "--locked", "--message-format=json", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .args(["--no-default-features", "--features", features, "--profile", profile])
            .args(["--crate-type", "cdylib,staticlib"])
            .output()
            .expect("cargo can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_library").join(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        let mut copied = 0;
        for line in String::from_utf8(output.stdout).expect("cargo writes text").lines() {
            let message: Value = serde_json::from_str(line).expect("cargo writes JSON");
            if message["target"]["name"] != "hubward" {
                continue;
            }
            for file in message["filenames"].as_array().into_iter().flatten() {
                let file = Path::new(file.as_str().expect("paths are text"));
                let name = file.file_name().expect("files have names");
                // What is running has the old one still, under its own number.
                let _ = fs::remove_file(folder.join(name));
                fs::copy(file, folder.join(name)).expect("the library can be copied");
                copied += 1;
            }
        }
        assert_eq!(copied, 2, "a shared library and a static one");
        Self { folder }
    }

    pub(crate) fn shared(&self) -> PathBuf {
        self.folder.join("libhubward.so")
    }

    /// Compiles a C or C++ program and links it with the shared library.
    pub(crate) fn program(
        &self,
        name: &str,
        compiler: &str,
        flags: &[&str],
        source: &Path,
    ) -> PathBuf {
        let program = self.folder.join(name);
        let rpath = format!("-Wl,-rpath,{}", self.folder.display());
        let mut command = compile(compiler, flags, source);
        command.arg("-o").arg(&program).arg("-L").arg(&self.folder).args(["-lhubward", &rpath]);
        succeed(command);
        program
    }
}

/// A compiler that knows the header and takes every warning for an error.
pub(crate) fn compile(compiler: &str, flags: &[&str], source: &Path) -> Command {
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]).args(flags);
    command.arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/include")).arg(source);
    command
}

/// Runs a command that must succeed.
pub(crate) fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    output
}
