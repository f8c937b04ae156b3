//! The programs, built and run.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::c_library::{Library, compile, succeed};
use crate::openssl::{self, Desk};

/// No suite takes that long, also under a tool on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(300);

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/capi_c");

/// What looks on while a program runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Under {
    Nothing,
    /// Address, leaks and undefined behaviour, linked with the static library.
    Sanitizers,
    Valgrind,
}

/// A folder for a program, with what the suites read.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        // Of its owner alone, as stores want it.
        let private = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(private).tempdir();
        let folder = folder.expect("there is room for temporary files");
        for (name, content) in FILES.iter() {
            fs::write(folder.path().join(name), content).expect("a file can be written");
        }
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A root, a certificate of `device1` under it, and private keys: all made by OpenSSL.
static FILES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    const NEW: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let desk = Desk::new();
    let extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                      extendedKeyUsage=clientAuth\n";
    desk.put("extensions", extensions.as_bytes());
    desk.call(&format!("req -x509 {NEW} -keyout ca.key -out ca.pem -days 3650 -subj /CN=Root"));
    desk.call(&format!("req -new {NEW} -keyout key.pem -out device.csr -subj /CN=device1"));
    desk.call(
        "x509 -req -in device.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 30 -extfile extensions -out device.pem",
    );
    desk.call("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der");
    desk.call("pkcs8 -topk8 -in key.pem -passout pass:secret -out encrypted.pem");
    desk.put("rsa.der", &openssl::rsa(2048).pkcs8);
    ["ca.pem", "device.pem", "key.pem", "key.der", "encrypted.pem", "rsa.der"]
        .map(|name| (name, desk.get(name)))
        .into()
});

/// Runs a suite, which must come to its end and find nothing; so must the tool. Answers with what it printed.
pub(crate) fn run(
    library: &Library,
    name: &str,
    tool: Under,
    folder: &Folder,
    input: &str,
) -> String {
    run_with(library, name, tool, folder, input, &[])
}

/// [`run`] with variables of the environment.
pub(crate) fn run_with(
    library: &Library,
    name: &str,
    tool: Under,
    folder: &Folder,
    input: &str,
    variables: &[(&str, &str)],
) -> String {
    let (status, printed, complaint) = start(library, name, tool, folder, input, variables);
    assert!(
        status.success() && complaint.is_empty() && printed.ends_with("done\n"),
        "{name} under {tool:?}: {status}\n{printed}\n{complaint}"
    );
    printed
}

/// Runs a program that makes a mistake, of which the tool must complain.
pub(crate) fn mistake(library: &Library, name: &str, tool: Under, folder: &Folder) -> String {
    let (status, printed, complaint) = start(library, name, tool, folder, "", &[]);
    assert!(!status.success(), "{name} under {tool:?}: {printed}\n{complaint}");
    complaint
}

fn start(
    library: &Library,
    name: &str,
    tool: Under,
    folder: &Folder,
    input: &str,
    variables: &[(&str, &str)],
) -> (ExitStatus, String, String) {
    let program = program(library, tool);
    let mut command = match tool {
        Under::Nothing | Under::Sanitizers => Command::new(program),
        Under::Valgrind => {
            let mut command = Command::new("valgrind");
            // In a forked child, what other threads held of its parent is lost: leaks are for the sanitizer, which
            // looks for them at the end of the parent.
            let leaks = if name == "forks" { "--leak-check=no" } else { "--leak-check=full" };
            command.args(["--quiet", leaks, "--error-exitcode=9", "--gen-suppressions=no"]);
            command.arg("--errors-for-leak-kinds=definite,indirect,possible");
            command.arg("--show-leak-kinds=definite,indirect,possible");
            command.arg(format!("--suppressions={SOURCES}/valgrind.supp"));
            command.arg(program);
            command
        }
    };
    let file = |name: &str| folder.path().join(name);
    fs::write(file("input"), input).expect("a file can be written");
    command
        .arg(name)
        .arg(folder.path())
        // Where Cargo has another build of the library.
        .env_remove("LD_LIBRARY_PATH")
        .env("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0")
        .env("UBSAN_OPTIONS", "print_stacktrace=1")
        .envs(variables.iter().copied())
        .stdin(File::open(file("input")).expect("it is there"))
        .stdout(File::create(file("printed")).expect("a file can be made"))
        .stderr(File::create(file("complaint")).expect("a file can be made"));
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: these tests need gcc, g++, openssl and valgrind")
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().expect("it is our child") {
            Some(status) => break status,
            None if started.elapsed() > PATIENCE => {
                child.kill().expect("it is our child");
                break child.wait().expect("it is our child");
            }
            None => sleep(Duration::from_millis(5)),
        }
    };
    let read = |name| {
        let content = fs::read(file(name)).expect("it is there");
        String::from_utf8_lossy(&content).into_owned()
    };
    (status, read("printed"), read("complaint"))
}

/// The program of all suites, linked with the library: made once, for several tests at once ask for it.
pub(crate) fn program(library: &Library, tool: Under) -> PathBuf {
    static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = library.shared();
    let folder = shared.parent().expect("it is in a folder");
    let is_sanitized = tool == Under::Sanitizers;
    let program = folder.join(if is_sanitized { "suite-sanitized" } else { "suite" });
    if made.contains(&program) {
        return program;
    }
    let mut sources: Vec<PathBuf> = fs::read_dir(SOURCES)
        .expect("the sources are there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    let (first, others) = sources.split_first().expect("there are sources");
    let mut command = compile("gcc", &["-std=c11", "-g", "-pthread"], first);
    command.args(others).arg("-o").arg(&program);
    if is_sanitized {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        command.arg(folder.join("libhubward.a")).args(["-ldl", "-lm"]);
    } else {
        command.arg("-L").arg(folder).arg("-lhubward");
        command.arg(format!("-Wl,-rpath,{}", folder.display()));
    }
    succeed(command);
    made.push(program.clone());
    program
}
