//! One file that is replaced as a whole, by one writer at a time.
//!
//! ```text
//! lock           the folder            one writer, in this process or another
//! read           NAME
//! create         .NAME.new             0600, after removing what a killed writer left
//! write, sync    .NAME.new
//! rename         .NAME.new -> NAME     here the new state begins
//! sync           the folder
//! ```
//!
//! Whoever reads sees the old file or the new one, without a lock. The folder is what is locked, because
//! nobody can tidy it away while the store is in it. All names are looked up in a folder that was opened
//! once, and no link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use alloc::vec::Vec;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::FileStoreError;
use crate::error::OtherError;
use crate::keystore::fs_check::{self, FsFinding, FsReport};

/// The most bytes of a store's file.
pub(super) const FILE_MAX: usize = 16 * 1024 * 1024;

/// Mode 0600.
const OWNER: Mode = Mode::RUSR.union(Mode::WUSR);

#[derive(Debug)]
pub(super) struct Disk {
    dir: File,
    path: PathBuf,
    name: OsString,
}

/// Held by the one writer.
pub(super) struct Lock(File);

impl Disk {
    /// Opens the folder of `path` and checks it.
    pub(super) fn open(path: &Path) -> Result<Self, FileStoreError> {
        let (dir_path, name) = split(path)?;
        check_way(dir_path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match rustix::fs::open(dir_path, flags, Mode::empty()) {
            Ok(dir) => File::from(dir),
            Err(Errno::NOENT) => return Err(FileStoreError::NotFound),
            // A link, or no folder: the check tells which.
            Err(Errno::LOOP | Errno::NOTDIR) => {
                fs_check::check_private_dir(dir_path)?;
                return Err(failed("opening the folder")(io::ErrorKind::NotADirectory.into()));
            }
            Err(error) => return Err(failed("opening the folder")(error.into())),
        };
        let disk = Self { dir, path: path.into(), name: name.into() };
        disk.check_dir()?;
        Ok(disk)
    }

    /// Makes the folder of `path` with mode 0700, if it is not there.
    pub(super) fn make_dir(path: &Path) -> Result<(), FileStoreError> {
        let (dir, _) = split(path)?;
        match check_way(dir) {
            // Only the last folder is made, and the system says so.
            Ok(()) | Err(FileStoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
        match rustix::fs::mkdir(dir, Mode::RWXU) {
            // A umask can only take away, from the owner as well.
            Ok(()) => {
                rustix::fs::chmod(dir, Mode::RWXU)
                    .map_err(|error| failed("opening the folder to its owner")(error.into()))?;
                // Else a loss of power could take the folder, and the store with it.
                let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
                File::open(parent.unwrap_or(Path::new(".")))
                    .and_then(|parent| parent.sync_all())
                    .map_err(failed("syncing the folder above"))
            }
            Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(failed("making the folder")(error.into())),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn check_dir(&self) -> Result<(), FileStoreError> {
        let metadata = self.dir.metadata().map_err(failed("looking at the folder"))?;
        let mut findings = Vec::new();
        fs_check::judge_dir(split(&self.path)?.0, &metadata, &mut findings);
        Ok(FsReport::of(findings)?)
    }

    /// The file's bytes, once it is found to be private.
    pub(super) fn read(&self) -> Result<Vec<u8>, FileStoreError> {
        self.check_dir()?;
        fault::point("read: open")?;
        // Without `NONBLOCK`, opening a pipe would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.dir, &self.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Err(FileStoreError::NotFound),
            Err(error) => {
                // A link, for instance: the check tells.
                fs_check::check_private_file(&self.path)?;
                return Err(failed("opening the file")(error.into()));
            }
        };
        let metadata = file.metadata().map_err(failed("looking at the file"))?;
        let mut findings = Vec::new();
        fs_check::judge_file(&self.path, &metadata, &mut findings);
        FsReport::of(findings)?;
        let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if len > FILE_MAX {
            return Err(FileStoreError::Damaged("the file is longer than any store"));
        }
        let mut bytes = Vec::with_capacity(len);
        fault::point("read: read")?;
        // It is replaced and never changed, so it does not grow under the reader.
        let mut file = file.take(FILE_MAX as u64);
        file.read_to_end(&mut bytes).map_err(failed("reading the file"))?;
        Ok(bytes)
    }

    /// Whether there is something of the file's name, whatever it is.
    pub(super) fn exists(&self) -> Result<bool, FileStoreError> {
        match rustix::fs::statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("looking for the file")(error.into())),
        }
    }

    /// Waits until nobody else writes.
    pub(super) fn lock(&self) -> Result<Lock, FileStoreError> {
        self.check_dir()?;
        fault::point("lock: open")?;
        // Opened once more, because a lock belongs to what was opened: threads wait for each other too.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(&self.dir, ".", flags, Mode::empty())
            .map_err(|error| failed("opening the folder to lock it")(error.into()))?;
        let dir = File::from(dir);
        fault::point("lock: wait")?;
        while let Err(error) = dir.lock() {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(failed("waiting for the lock")(error));
            }
        }
        Ok(Lock(dir))
    }

    /// Replaces the file by `bytes`. On an error the old file stands, or the new one does and it is not
    /// known whether a loss of power would undo it.
    pub(super) fn replace(&self, _held: &Lock, bytes: &[u8]) -> Result<(), FileStoreError> {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(".new");
        let written = self.write_new(&name, bytes).and_then(|()| {
            fault::point("write: rename")?;
            rustix::fs::renameat(&self.dir, &name, &self.dir, &self.name)
                .map_err(|error| failed("putting the new file in place")(error.into()))
        });
        if let Err(error) = written {
            // Tidiness only: the next writer removes it as well.
            let _ = rustix::fs::unlinkat(&self.dir, &name, AtFlags::empty());
            return Err(error);
        }
        fault::point("write: sync folder")
            .map_err(|error| FileStoreError::NotSynced(OtherError::new(error)))?;
        self.dir.sync_all().map_err(|error| FileStoreError::NotSynced(OtherError::new(error)))
    }

    fn write_new(&self, name: &OsStr, bytes: &[u8]) -> Result<(), FileStoreError> {
        fault::point("write: remove")?;
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed("removing what a killed writer left")(error.into())),
        }
        fault::point("write: create")?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, name, flags, OWNER)
            .map_err(|error| failed("creating the new file")(error.into()))?;
        rustix::fs::fchmod(&file, OWNER)
            .map_err(|error| failed("opening the new file to its owner")(error.into()))?;
        let mut file = File::from(file);
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first).map_err(failed("writing the new file"))?;
        fault::point("write: half")?;
        file.write_all(second).map_err(failed("writing the new file"))?;
        fault::point("write: sync")?;
        file.sync_all().map_err(failed("syncing the new file"))
    }
}

/// The folder and the name of a path; a path that ends as that of a folder has no name.
fn split(path: &Path) -> Result<(&Path, &OsStr), FileStoreError> {
    let bytes = path.as_os_str().as_bytes();
    let is_folder = bytes.ends_with(b"/") || bytes.ends_with(b"/.");
    // Of such a name is the new file of another store, which is removed without asking.
    let is_new =
        |name: &OsStr| name.as_bytes().starts_with(b".") && name.as_bytes().ends_with(b".new");
    match (path.parent(), path.file_name()) {
        (Some(dir), Some(name)) if !is_folder && !is_new(name) => {
            Ok((if dir.as_os_str().is_empty() { Path::new(".") } else { dir }, name))
        }
        _ => Err(failed("finding the file's name in its path")(
            io::ErrorKind::InvalidFilename.into(),
        )),
    }
}

/// Checks the folders on the way to `dir`. If one is not there, nor is the store.
fn check_way(dir: &Path) -> Result<(), FileStoreError> {
    let mut findings = Vec::new();
    fs_check::check_parents(dir, &mut findings);
    if findings.iter().any(|finding| matches!(finding, FsFinding::Missing { .. })) {
        return Err(FileStoreError::NotFound);
    }
    Ok(FsReport::of(findings)?)
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing unlocks; a forked child that still has the file open would keep it locked.
        let _ = self.0.unlock();
    }
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> FileStoreError {
    move |error| FileStoreError::Io { doing, cause: OtherError::new(error) }
}

/// Steps that tests let fail.
#[cfg(not(test))]
mod fault {
    #[inline(always)]
    #[expect(clippy::unnecessary_wraps, reason = "it fails in tests")]
    pub(super) const fn point(_: &'static str) -> Result<(), super::FileStoreError> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod fault {
    use core::cell::Cell;

    use super::{FileStoreError, failed};

    std::thread_local! {
        /// Steps until one fails; those after it fail as well, as if the process were gone.
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
        static FAILED: Cell<bool> = const { Cell::new(false) };
    }

    /// Lets the step number `left` from here and all after it fail.
    pub(in super::super) fn after(left: u32) {
        LEFT.set(Some(left));
        FAILED.set(false);
    }

    /// Lets nothing fail; answers whether something did.
    pub(in super::super) fn clear() -> bool {
        LEFT.set(None);
        FAILED.replace(false)
    }

    pub(super) fn point(step: &'static str) -> Result<(), FileStoreError> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => {
                FAILED.set(true);
                Err(failed(step)(std::io::Error::other("injected")))
            }
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }
}
