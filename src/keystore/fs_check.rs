//! Whether files that hold secrets are for their owner alone.
//!
//! A file of secrets is only as private as its mode, its owner and the folders on the way to it: who
//! can write one of those can put another file in its place. What is looked at is what POSIX
//! permissions say; access control lists beyond them, and what other systems mount, are not.
//!
//! # Examples
//!
//! ```
//! use hubward::keystore::fs_check::check_private_file;
//!
//! if let Err(report) = check_private_file("/etc/contoso/device.key") {
//!     // "/etc/contoso/device.key is open to others (mode 0644): chmod 600 '/etc/contoso/device.key'"
//!     eprintln!("{report}");
//! }
//! ```

use core::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;

/// Checks a file that holds a secret: a regular file, not reached by a symbolic link at its end, of the
/// user of this process (or of root), readable and writable by nobody else, in folders that nobody else
/// can write to.
///
/// # Errors
///
/// All that is wrong, each with the command that mends it.
pub fn check_private_file(path: impl AsRef<Path>) -> Result<(), FsReport> {
    let path = &named(path.as_ref());
    let mut findings = Vec::new();
    look(path, &mut findings, judge_file);
    check_parents(path, &mut findings);
    FsReport::of(findings)
}

/// Checks a folder that holds secrets: not a symbolic link, of the user of this process (or of root),
/// open to nobody else, in folders that nobody else can write to.
///
/// # Errors
///
/// All that is wrong, each with the command that mends it.
pub fn check_private_dir(path: impl AsRef<Path>) -> Result<(), FsReport> {
    let path = &named(path.as_ref());
    let mut findings = Vec::new();
    look(path, &mut findings, judge_dir);
    check_parents(path, &mut findings);
    FsReport::of(findings)
}

/// The path without `/` or `/.` at its end, which would have the system follow a link.
fn named(path: &Path) -> PathBuf {
    path.components().collect()
}

fn look(
    path: &Path,
    findings: &mut Vec<FsFinding>,
    judge: fn(&Path, &Metadata, &mut Vec<FsFinding>),
) {
    match fs::symlink_metadata(path) {
        Ok(metadata) => judge(path, &metadata, findings),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(FsFinding::Missing { path: path.into() });
        }
        Err(error) => {
            findings.push(FsFinding::Unreadable { path: path.into(), kind: error.kind() });
        }
    }
}

/// What is wrong with a file, as somebody who opened it sees it.
pub(super) fn judge_file(path: &Path, metadata: &Metadata, findings: &mut Vec<FsFinding>) {
    judge_private(path, metadata, metadata.is_file(), FsFinding::FILE_MODE, 0o077, findings);
}

/// The same for a credential that systemd passes, which an access control list may open to the user of
/// the service: in the mode that appears as its group's right to read.
#[cfg(feature = "keystore-systemd")]
pub(super) fn judge_credential(path: &Path, metadata: &Metadata, findings: &mut Vec<FsFinding>) {
    judge_private(path, metadata, metadata.is_file(), FsFinding::FILE_MODE, 0o037, findings);
}

/// The same for a folder.
pub(super) fn judge_dir(path: &Path, metadata: &Metadata, findings: &mut Vec<FsFinding>) {
    judge_private(path, metadata, metadata.is_dir(), FsFinding::DIR_MODE, 0o077, findings);
}

fn judge_private(
    path: &Path,
    metadata: &Metadata,
    of_its_kind: bool,
    wanted: u32,
    forbidden: u32,
    findings: &mut Vec<FsFinding>,
) {
    let path = || PathBuf::from(path);
    if metadata.is_symlink() {
        findings.push(FsFinding::Symlink { path: path() });
        return;
    }
    if !of_its_kind {
        findings
            .push(FsFinding::WrongType { path: path(), wanted_dir: wanted == FsFinding::DIR_MODE });
        return;
    }
    judge_owner(&path(), metadata, findings);
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden != 0 {
        findings.push(FsFinding::OpenToOthers { path: path(), mode, wanted });
    }
}

fn judge_owner(path: &Path, metadata: &Metadata, findings: &mut Vec<FsFinding>) {
    let user = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    if owner != user && owner != 0 {
        findings.push(FsFinding::ForeignOwner { path: path.into(), owner, user });
    }
}

/// The folders on the way: as the path names them, and those that the links among them lead through.
pub(super) fn check_parents(path: &Path, findings: &mut Vec<FsFinding>) {
    let unreadable = |path: &Path, kind| FsFinding::Unreadable { path: path.into(), kind };
    let Ok(absolute) = std::path::absolute(path) else {
        return findings.push(unreadable(path, io::ErrorKind::InvalidInput));
    };
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut ways: Vec<PathBuf> = absolute.parent().map(PathBuf::from).into_iter().collect();
    let mut links = 0;
    while let Some(way) = ways.pop() {
        for parent in way.ancestors() {
            if seen.iter().any(|seen| seen == parent) {
                continue;
            }
            seen.push(parent.into());
            match fs::symlink_metadata(parent) {
                // Whoever may change a link is whoever may write to its folder, and its owner.
                Ok(metadata) if metadata.is_symlink() => {
                    judge_owner(parent, &metadata, findings);
                    links += 1;
                    match fs::read_link(parent) {
                        Ok(target) if links <= LINKS_MAX => {
                            ways.push(parent.parent().unwrap_or(Path::new("/")).join(target));
                        }
                        Ok(_) => findings.push(unreadable(parent, io::ErrorKind::Other)),
                        Err(error) => findings.push(unreadable(parent, error.kind())),
                    }
                }
                Ok(metadata) => {
                    judge_owner(parent, &metadata, findings);
                    let mode = metadata.mode() & 0o7777;
                    // In a folder with the sticky bit nobody can replace what is another's.
                    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
                        findings.push(FsFinding::ParentWritable { path: parent.into(), mode });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    findings.push(FsFinding::Missing { path: parent.into() });
                }
                Err(error) => findings.push(unreadable(parent, error.kind())),
            }
        }
    }
}

/// As many links as Linux follows on one way (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// All that is wrong with a file or a folder; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsReport(Vec<FsFinding>);

impl FsReport {
    pub(super) fn of(findings: Vec<FsFinding>) -> Result<(), Self> {
        if findings.is_empty() { Ok(()) } else { Err(Self(findings)) }
    }

    /// What is wrong, from the file upwards.
    pub fn findings(&self) -> &[FsFinding] {
        &self.0
    }
}

/// Finding and repair, one after the other, with `; ` between.
impl fmt::Display for FsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, finding) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{finding}: {}", finding.repair())?;
        }
        Ok(())
    }
}

impl core::error::Error for FsReport {}

/// One thing that is wrong. `Display` says what, [`FsFinding::repair`] how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FsFinding {
    /// There is nothing of that name.
    #[error("{} does not exist", path.display())]
    Missing {
        /// What was looked at.
        path: PathBuf,
    },
    /// The system does not let this process look.
    #[error("{} cannot be looked at ({kind})", path.display())]
    Unreadable {
        /// What was looked at.
        path: PathBuf,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// A symbolic link, which somebody else may point elsewhere.
    #[error("{} is a symbolic link", path.display())]
    Symlink {
        /// What was looked at.
        path: PathBuf,
    },
    /// Neither link nor what it should be: a folder, a pipe, a device.
    #[error("{} is not a {}", path.display(), if *wanted_dir { "folder" } else { "regular file" })]
    WrongType {
        /// What was looked at.
        path: PathBuf,
        /// Whether a folder was wanted; else a regular file.
        wanted_dir: bool,
    },
    /// It belongs to another user, who can change its mode at any time.
    #[error("{} belongs to user {owner}, not to user {user}", path.display())]
    ForeignOwner {
        /// What was looked at.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be: the effective user of this process.
        user: u32,
    },
    /// Its group or everybody can read it, write it or enter it.
    #[error("{} is open to others (mode {mode:04o})", path.display())]
    OpenToOthers {
        /// What was looked at.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// A folder on the way that others can write to, and so put another file in place of this one.
    #[error("{} can be written to by others (mode {mode:04o})", path.display())]
    ParentWritable {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl FsFinding {
    const FILE_MODE: u32 = 0o600;
    const DIR_MODE: u32 = 0o700;

    /// What mends it: a shell command, or a sentence where no command can.
    pub fn repair(&self) -> String {
        match self {
            Self::Missing { path } => {
                format!("check the path, and that the file is there: {}", quoted(path))
            }
            Self::Unreadable { path, .. } => {
                format!("run as a user who may enter the folders on the way to {}", quoted(path))
            }
            Self::Symlink { path } => {
                format!("give the path that {} points to, not the link", quoted(path))
            }
            Self::WrongType { path, .. } => {
                format!("move {} away, or give another path", quoted(path))
            }
            Self::ForeignOwner { path, user, .. } => format!("chown {user} {}", quoted(path)),
            Self::OpenToOthers { path, wanted, .. } => format!("chmod {wanted:o} {}", quoted(path)),
            Self::ParentWritable { path, .. } => format!("chmod go-w {}", quoted(path)),
        }
    }
}

/// A path as a POSIX shell reads it back, and as no command takes for an option.
fn quoted(path: &Path) -> String {
    let here = if path.as_os_str().as_bytes().starts_with(b"-") { "./" } else { "" };
    match path.to_str() {
        Some(text) => format!("'{here}{}'", text.replace('\'', r"'\''")),
        // What is no text goes through printf, byte by byte.
        None => {
            let bytes = path.as_os_str().as_bytes().iter();
            let octal: String = bytes.map(|byte| format!(r"\{byte:03o}")).collect();
            format!("\"{here}$(printf '{octal}')\"")
        }
    }
}
