//! What the examples share: secrets are read without copies left behind, arguments are never echoed,
//! and what is wrong is said on one line.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use zeroize::Zeroizing;

/// The longest secret that is read; the longest token and connection string are well below.
const LIMIT: usize = 64 * 1024;

/// Runs `body` on the arguments. Bad input is one line on standard error and the exit status 2.
pub(crate) fn run(
    command: Command,
    body: impl FnOnce(&ArgMatches) -> Result<ExitCode, String>,
) -> ExitCode {
    let name = command.get_name().to_owned();
    match arguments(command).and_then(|matches| matches.map_or(Ok(ExitCode::SUCCESS), |m| body(&m)))
    {
        Ok(code) => code,
        Err(message) => {
            say(&format!("{name}: {message}"));
            ExitCode::from(2)
        }
    }
}

/// Parses the arguments; `None` if it was help that was asked for. An argument that is not known may
/// be a secret, so what clap would print about it, which quotes it, is not printed.
fn arguments(command: Command) -> Result<Option<ArgMatches>, String> {
    use clap::error::ErrorKind;

    const SECRET: &str = "a key, token or connection string is never taken as an argument, because \
                          every user of the machine could read it in `ps`";
    let unknown = || format!("an argument is not known (see --help); {SECRET}");
    if std::env::args_os().skip(1).any(|argument| is_secret(&argument)) {
        return Err(SECRET.to_owned());
    }
    match command.try_get_matches() {
        Ok(matches) => Ok(Some(matches)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp => print(&error.to_string()).map(|()| None),
            ErrorKind::ArgumentConflict => {
                Err("an option is given twice, or two exclude each other (see --help)".to_owned())
            }
            ErrorKind::InvalidValue | ErrorKind::NoEquals | ErrorKind::TooFewValues => {
                Err("an option lacks its value (see --help)".to_owned())
            }
            ErrorKind::ValueValidation => {
                Err("an option does not take that value (see --help)".to_owned())
            }
            ErrorKind::MissingRequiredArgument => {
                Err("an argument or option that is needed, or needed by another, is missing (see --help)"
                    .to_owned())
            }
            ErrorKind::MissingSubcommand => Err("a command is missing (see --help)".to_owned()),
            ErrorKind::InvalidUtf8 => Err("an argument is not UTF-8".to_owned()),
            _ => Err(unknown()),
        },
    }
}

/// Writes to standard output; what cannot be written is bad input too.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut output = std::io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|error| format!("standard output cannot be written: {}", reason(&error)))
}

/// Writes a line to standard error, if there is one.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `true` for what is a secret wherever it stands, the value of an option included.
fn is_secret(argument: &OsString) -> bool {
    let argument = argument.to_string_lossy();
    argument.contains("SharedAccessKey=") || argument.contains("SharedAccessSignature")
}

/// Reads a secret from a file, given with the option that names it, else from standard input.
/// Returns where it came from, for people, and the text.
pub(crate) fn read_secret(
    file: Option<(&'static str, &PathBuf)>,
) -> Result<(&'static str, Zeroizing<String>), String> {
    let (source, bytes) = match file {
        Some((option, path)) => (option, File::open(path).and_then(read)),
        None => ("standard input", read(std::io::stdin().lock())),
    };
    let bytes = bytes.map_err(|error| format!("{source} cannot be read: {}", reason(&error)))?;
    let text = text(bytes).map_err(|reason| format!("what {source} gives {reason}"))?;
    Ok((source, text))
}

/// Reads into a buffer that has its full length from the start: one that grew would leave the
/// secret's beginning in freed memory.
pub(crate) fn read(source: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 64));
    source.take(LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LIMIT {
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, "it is longer than 64 KiB"));
    }
    Ok(bytes)
}

fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, &'static str> {
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err("is UTF-16: save it as UTF-8");
    }
    if bytes.contains(&0) {
        return Err("is UTF-16 or binary: save it as UTF-8");
    }
    if std::str::from_utf8(&bytes).is_err() {
        return Err("is not UTF-8");
    }
    // It was just checked; the buffer is taken over, not copied.
    let text = Zeroizing::new(String::from_utf8(std::mem::take(&mut *bytes)).unwrap_or_default());
    // What some editors put before the text, and the line end behind it, do not belong to it.
    let inner = text.strip_prefix('\u{FEFF}').unwrap_or(&text).trim();
    if inner.is_empty() {
        return Err("is empty");
    }
    Ok(Zeroizing::new(inner.to_owned()))
}

pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
