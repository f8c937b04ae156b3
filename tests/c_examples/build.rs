//! The C library, installed by its script, and the examples, built with it by CMake.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Where the examples are.
pub(crate) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c")
}

/// A folder of this test's own, which stays, so that what is built once is not built again.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_examples").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Where the library is installed: as `examples/c/build-library` does it, unoptimised.
pub(crate) fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let prefix = folder("installed");
        // Nothing of a run before.
        fs::remove_dir_all(&prefix).unwrap();
        let mut script = Command::new(sources().join("build-library"));
        script.arg(&prefix).arg("tls").env("PROFILE", "dev");
        succeed(&mut script);
        prefix
    })
}

/// The programs, linked with the shared library, and with the static one.
pub(crate) fn built(is_static: bool) -> &'static Path {
    static BUILT: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
    BUILT[usize::from(is_static)].get_or_init(|| {
        let build = folder(if is_static { "static" } else { "shared" });
        let _ = fs::remove_file(build.join("CMakeCache.txt"));
        succeed(&mut configure(&build, installed(), is_static));
        succeed(tool("cmake").arg("--build").arg(&build));
        for (target, packages) in [
            ("mint_token", "gcc"),
            ("cpp_raii", "g++"),
            ("secure_element", "libssl-dev"),
            ("mqtt_paho", "libssl-dev libpaho-mqtt-dev"),
            ("libmosquitto_tokens.so", "mosquitto-dev libmosquitto-dev"),
        ] {
            // CMake leaves out what lacks a library.
            assert!(build.join(target).is_file(), "no {target}: install (Debian) {packages}");
        }
        build
    })
}

/// Takes every warning for an error.
pub(crate) fn configure(build: &Path, prefix: &Path, is_static: bool) -> Command {
    let mut cmake = tool("cmake");
    cmake.arg("-S").arg(sources()).arg("-B").arg(build);
    cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    cmake.arg(format!("-DHUBWARD_STATIC={}", if is_static { "ON" } else { "OFF" }));
    cmake.args(["-DCMAKE_C_FLAGS=-Werror", "-DCMAKE_CXX_FLAGS=-Werror"]);
    cmake
}

/// What `pkg-config` says of the installed library.
pub(crate) fn pkg_config(arguments: &[&str]) -> String {
    let mut command = tool("pkg-config");
    command.args(arguments).arg("hubward");
    command.env("PKG_CONFIG_PATH", installed().join("lib/pkgconfig"));
    String::from_utf8(succeed(&mut command).stdout).unwrap().trim().to_owned()
}

/// A program that is not part of Rust.
pub(crate) fn tool(name: &str) -> Command {
    let package = match name {
        "cc" => "gcc",
        "readelf" => "binutils",
        name => name,
    };
    let is_there = Command::new(name).arg("--version").output().is_ok();
    assert!(is_there, "`{name}` cannot be run: install it (Debian: {package})");
    Command::new(name)
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    output
}
