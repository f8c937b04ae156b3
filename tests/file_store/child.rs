//! Tasks in a process of their own: this test program, run again, with the task in its environment.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

const TASK: &str = "HUBWARD_TEST_TASK";
const ARGUMENT: &str = "HUBWARD_TEST_ARGUMENT";

type Task = fn(&Arguments);

/// What a process of its own can do.
const TASKS: [(&str, Task); 11] = [
    ("crash::write", super::crash::write),
    ("crash::create", super::crash::create),
    ("crash::write_on_a_full_disk", super::crash::write_on_a_full_disk),
    ("paths::use_path", super::paths::use_path),
    ("paths::refuse_path", super::paths::refuse_path),
    ("paths::mend_paths", super::paths::mend_paths),
    ("permissions::create_with_umask", super::permissions::create_with_umask),
    ("permissions::as_user", super::permissions::as_user),
    ("rekey::find_it_locked", super::rekey::find_it_locked),
    ("rekey::rekey", super::rekey::rekey),
    ("writers::import_many", super::writers::import_many),
];

#[test]
#[ignore = "a task of other tests; by itself, it does nothing"]
fn task() {
    let Some(wanted) = env::var_os(TASK) else { return };
    let (_, task) = TASKS.iter().find(|(task, _)| wanted == *task).expect("the task is listed");
    task(&Arguments);
}

/// What the task was given.
pub(super) struct Arguments;

impl Arguments {
    pub(super) fn path(&self, number: usize) -> PathBuf {
        env::var_os(format!("{ARGUMENT}_{number}")).expect("the argument is given").into()
    }

    pub(super) fn text(&self, number: usize) -> String {
        self.path(number).into_os_string().into_string().expect("the argument is text")
    }
}

/// A command that runs the task.
pub(super) fn command(task: &str, arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command
        .args(["child::task", "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    for (number, argument) in arguments.iter().enumerate() {
        command.env(format!("{ARGUMENT}_{number}"), argument);
    }
    command
}

/// Runs the task to its end, which must be a good one.
pub(super) fn run(task: &str, arguments: &[&dyn AsRef<OsStr>]) {
    finish(&mut command(task, arguments), task);
}

pub(super) fn finish(command: &mut Command, what: &str) {
    let output = command.output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{text}", output.status);
}

/// A task that tells how far it got, a line at a time.
pub(super) struct Reporting {
    pub(super) child: Child,
    lines: BufReader<ChildStderr>,
}

impl Reporting {
    pub(super) fn start(task: &str, arguments: &[&dyn AsRef<OsStr>]) -> Self {
        let mut child =
            command(task, arguments).stderr(Stdio::piped()).spawn().expect("the program runs");
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, lines }
    }

    /// The next line; `None` once the task is gone.
    pub(super) fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).expect("a pipe can be read");
        let line = line.strip_suffix(b"\n")?;
        Some(OsStr::from_bytes(line).to_str().expect("reports are text").to_owned())
    }
}

/// Tells the one who started this task something. It is told once this returns, whatever happens to
/// this process.
pub(super) fn report(line: &str) {
    use std::io::Write as _;
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("a pipe can be written");
}
