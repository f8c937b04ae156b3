//! Programs that run beside a test and end with it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::hub::World;
use super::wait_for;

/// A program that runs, and what it says. Killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    out: Text,
    err: Text,
    readers: Vec<JoinHandle<()>>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status; none after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

type Text = Arc<Mutex<String>>;

impl Program {
    /// Starts `connect_mqtt` as a device whose files are there.
    pub(crate) fn connect_mqtt(world: &World, device: &str, port: u16, more: &[&str]) -> Self {
        Self::device(env!("CARGO_BIN_EXE_connect_mqtt"), world, device, port, more)
    }

    /// Starts `https_telemetry` as a device whose files are there.
    pub(crate) fn https_telemetry(world: &World, device: &str, port: u16, more: &[&str]) -> Self {
        Self::device(env!("CARGO_BIN_EXE_https_telemetry"), world, device, port, more)
    }

    fn device(program: &str, world: &World, device: &str, port: u16, more: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg("--trust").arg(world.path("hub-ca.pem"));
        command.arg("--connection-string-file").arg(world.path(&format!("{device}.txt")));
        let certificate = world.path(&format!("{device}.pem"));
        if certificate.exists() {
            command.arg("--certificate").arg(certificate);
            command.arg("--key").arg(world.path(&format!("{device}.key")));
        }
        command.arg("--port").arg(port.to_string()).args(more);
        Self::start(command)
    }

    pub(crate) fn start(command: Command) -> Self {
        Self::start_with(command, &[])
    }

    /// With variables of the environment.
    pub(crate) fn start_with(mut command: Command, variables: &[(&str, &str)]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // What the machine's user has set is no part of a test.
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        command.env_remove("IOTHUB_DEVICE_CONNECTION_STRING");
        command.envs(variables.iter().copied());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
        let (out, out_reader) = keep(child.stdout.take().unwrap());
        let (err, err_reader) = keep(child.stderr.take().unwrap());
        let input = child.stdin.take();
        Self { child, input, out, err, readers: vec![out_reader, err_reader] }
    }

    /// What it said until now on standard output.
    pub(crate) fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    /// What it said until now on standard error.
    pub(crate) fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    fn said(&self) -> String {
        format!("{}\n{}", self.out(), self.err())
    }

    /// Waits until `part` is on standard output so many times.
    pub(crate) async fn wait_for_out(&self, part: &str, times: usize) {
        let told = || format!("{part:?} on standard output of: {}", self.said());
        wait_for(told, || (self.out().matches(part).count() >= times).then_some(())).await;
    }

    /// Waits until `part` is on standard error so many times.
    pub(crate) async fn wait_for_err(&self, part: &str, times: usize) {
        let told = || format!("{part:?} on standard error of: {}", self.said());
        wait_for(told, || (self.err().matches(part).count() >= times).then_some(())).await;
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: impl AsRef<[u8]>) {
        let input = self.input.as_mut().unwrap();
        input.write_all(&[line.as_ref(), b"\n"].concat()).unwrap();
        input.flush().unwrap();
    }

    /// Has no more to type.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends a signal, such as `libc::SIGINT`.
    pub(crate) fn signal(&self, signal: i32) {
        let pid = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: it takes two numbers. The process was not waited for, so that its number is its own.
        let done = unsafe { libc::kill(pid, signal) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    }

    /// Waits until it ends, which is to be within `time`.
    pub(crate) async fn end(mut self, time: Duration) -> Ended {
        let deadline = Instant::now() + time;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end within {time:?}: {}", self.said());
            sleep(Duration::from_millis(5)).await;
        };
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Ended { code: status.code(), out: self.out(), err: self.err() }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the program ends.
fn keep(output: impl Read + Send + 'static) -> (Text, JoinHandle<()>) {
    let text = Text::default();
    let kept = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut text = kept.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
    (text, reader)
}
