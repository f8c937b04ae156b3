//! Paths of all sorts: relative ones, ones that no store can have, and ones that a shell must not take
//! for something else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::fs_check::check_private_file;

use super::child::{self, Arguments};
use super::permissions::shell;
use super::{
    Place, fill, has_staged, import, private_folder, put_private, raw, set_mode, snapshot, text,
};

fn create(path: &Path) -> Result<FileKeyStore, FileStoreError> {
    FileKeyStore::create(path, StoreKey::Raw(&raw(1)))
}

fn open(path: &Path) -> Result<FileKeyStore, FileStoreError> {
    FileKeyStore::open(path, StoreKey::Raw(&raw(1)))
}

/// A folder of mode 0700 as the present one of a task.
fn in_folder(task: &str, path: &OsStr) {
    let folder = private_folder();
    child::finish(child::command(task, &[&path]).current_dir(&folder), &format!("{path:?}"));
}

/// Creates a store in the present folder, and opens it.
pub(super) fn use_path(arguments: &Arguments) {
    let path = arguments.path(0);
    assert_eq!(open(&path).unwrap_err(), FileStoreError::NotFound);
    let store = create(&path).unwrap();
    fill(&store);
    assert_eq!(create(&path).unwrap_err(), FileStoreError::AlreadyExists);
    let again = open(&path).unwrap();
    assert!(has_staged(&again));
    assert_eq!(again.path(), path);
    check_private_file(&path).unwrap();
    // The folder is held, not its name: the store stays where it was opened.
    let folder = private_folder();
    std::env::set_current_dir(&folder).unwrap();
    assert!(has_staged(&again));
    import(&again, "later", b"later").unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn relative_paths_are_fine() {
    for path in ["keys", "./keys", "dir/keys", "./dir/keys", "dir//keys", ".hidden", "a b/c d"] {
        in_folder("paths::use_path", OsStr::new(path));
    }
}

/// Neither opens nor creates anything, and says why.
pub(super) fn refuse_path(arguments: &Arguments) {
    let path = arguments.path(0);
    let present = std::env::current_dir().unwrap();
    let before = snapshot(&present);
    for result in [open(&path), create(&path)] {
        let error = result.expect_err("it is refused");
        let shown = text(&error);
        assert!(shown.contains("the file's name in its path"), "{path:?}: {shown}");
    }
    assert_eq!(snapshot(&present), before, "{path:?}");
}

#[test]
fn paths_without_a_name_are_refused() {
    for path in ["", ".", "..", "/", "./..", "/.."] {
        in_folder("paths::refuse_path", OsStr::new(path));
    }
}

/// They name a folder, whatever is there.
#[test]
fn paths_of_folders_are_refused() {
    for path in ["keys/", "dir/keys/", "dir/keys/.", "dir/.."] {
        in_folder("paths::refuse_path", OsStr::new(path));
    }
}

/// What another store writes and removes without asking.
#[test]
fn names_of_new_files_are_refused() {
    for path in [".keys.new", "dir/.keys.new", ".new"] {
        in_folder("paths::refuse_path", OsStr::new(path));
    }
    for path in ["keys.new", ".keys.newer"] {
        in_folder("paths::use_path", OsStr::new(path));
    }
}

/// Names beside which there is no room for that of the new file.
#[test]
fn names_that_are_too_long_are_refused() {
    let place = Place::new();
    place.create();
    for len in [251, 255, 256, 5000] {
        let path = place.path.with_file_name("n".repeat(len));
        assert!(open(&path).is_err());
        let error = create(&path).unwrap_err();
        assert!(matches!(error, FileStoreError::Io { .. }), "{error:?}");
        assert!(text(&error).contains("name too long"), "{}", text(&error));
        assert_eq!(place.names(), ["keys"]);
    }
}

#[test]
fn what_is_missing_is_not_found() {
    let place = Place::new();
    fs::create_dir(place.dir()).unwrap();
    set_mode(place.dir(), 0o700);
    assert_eq!(open(&place.path).unwrap_err(), FileStoreError::NotFound);
    fs::remove_dir(place.dir()).unwrap();
    assert_eq!(open(&place.path).unwrap_err(), FileStoreError::NotFound);
    assert!(!place.dir().exists());
}

/// Wherever on the way something is missing, the store is not there.
#[test]
fn what_is_missing_far_up_is_not_found() {
    let place = Place::new();
    for path in [place.dir().join("deep/keys"), place.dir().join("deep/deeper/keys")] {
        assert_eq!(open(&path).unwrap_err(), FileStoreError::NotFound, "{path:?}");
        // One folder is made, and not the ones above it.
        let error = create(&path).unwrap_err();
        assert!(matches!(error, FileStoreError::Io { .. }), "{error:?}");
        assert!(!place.dir().exists());
    }
}

#[test]
fn a_refused_store_leaves_no_folder_behind() {
    let place = Place::new();
    set_mode(place.root.path(), 0o777);
    assert!(matches!(create(&place.path), Err(FileStoreError::NotPrivate(_))));
    assert!(!place.dir().exists());
}

/// Opens what is open to others in the present folder, and does what the error says.
pub(super) fn mend_paths(arguments: &Arguments) {
    let path = arguments.path(0);
    let present = std::env::current_dir().unwrap();
    create(&path).unwrap();
    set_mode(&path, 0o644);
    let Err(FileStoreError::NotPrivate(report)) = open(&path) else { panic!("{path:?}") };
    shell(&report.findings()[0].repair(), &present);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    set_mode(folder, 0o755);
    let Err(FileStoreError::NotPrivate(report)) = open(&path) else { panic!("{path:?}") };
    shell(&report.findings()[0].repair(), &present);
    open(&path).unwrap();

    // A whole line at once, as one would copy it.
    set_mode(&path, 0o666);
    let report = check_private_file(&path).unwrap_err();
    let shown = report.to_string();
    let (_, command) = shown.rsplit_once("chmod").unwrap();
    shell(&format!("chmod{command}"), &present);
    open(&path).unwrap();
}

#[test]
fn repairs_are_for_a_shell() {
    for path in [
        "keys",
        "dir/keys",
        "with space/the keys",
        "it's/bob's 'keys'",
        "'/'",
        "a\"b/$HOME `date` \\ * ? ;&|<>()#!~",
        "new\nline/keys\n",
        "\u{fc}ml\u{e4}ut/\u{1f511}",
        "dir/-keys",
    ] {
        in_folder("paths::mend_paths", OsStr::new(path));
    }
}

#[test]
fn repairs_are_no_options() {
    for path in ["-keys", "--help", "-dir/keys", "-R/keys"] {
        in_folder("paths::mend_paths", OsStr::new(path));
    }
}

#[test]
fn repairs_know_every_byte() {
    for path in [&b"\xff/keys"[..], b"dir/\xc3\x28\x80"] {
        in_folder("paths::mend_paths", OsStr::from_bytes(path));
    }
}

/// The same for folders on the way, which come from the system and not from the caller.
#[test]
fn repairs_of_parents_are_for_a_shell() {
    let root = private_folder();
    let parent = root.path().join("it's $HOME");
    fs::create_dir(&parent).unwrap();
    put_private(&parent.join("file"), b"");
    set_mode(&parent, 0o777);
    let report = check_private_file(parent.join("file")).unwrap_err();
    shell(&report.findings()[0].repair(), Path::new("/"));
    check_private_file(parent.join("file")).unwrap();
}
