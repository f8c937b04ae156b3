//! Programs that run beside a test and end with it.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long anything may take: a handshake is a matter of milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A process, and what it says line by line. Killed when it is dropped, also by a test that fails.
pub(crate) struct Process {
    child: Child,
    pub(crate) input: Option<ChildStdin>,
    lines: Receiver<String>,
    said: RefCell<String>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            // Ends when the process does.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Self { input: child.stdin.take(), child, lines, said: RefCell::default() }
    }

    /// The next line with `part` in it; all that it said if it ends before.
    pub(crate) fn wait_for(&self, part: &str) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.keep(&line);
                    if line.contains(part) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.said.borrow().clone()),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{part:?} is not said: {}", self.said.borrow())
                }
            }
        }
    }

    /// All that it said until now.
    pub(crate) fn said(&self) -> String {
        self.lines.try_iter().for_each(|line| self.keep(&line));
        self.said.borrow().clone()
    }

    fn keep(&self, line: &str) {
        let mut said = self.said.borrow_mut();
        said.push_str(line);
        said.push('\n');
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
