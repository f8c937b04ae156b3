//! Files and folders are for their owner alone: made so, and refused otherwise, with a command that
//! mends it.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::slice;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::fs_check::{FsFinding, FsReport, check_private_dir, check_private_file};
use hubward::keystore::{KeyError, KeyStoreAdmin as _};

use super::child::{self, Arguments};
use super::{
    Place, READING, Snapshot, WRITING, fill, import, mode, private_folder, put_private, raw,
    set_mode, snapshot, state, text,
};

/// A user that owns nothing.
const STRANGER: u32 = 12_345;

fn is_root() -> bool {
    // SAFETY: it only answers.
    unsafe { libc::geteuid() == 0 }
}

/// Lets a shell do what a finding says.
pub(super) fn shell(command: &str, folder: &Path) {
    let mut shell = Command::new("sh");
    let status = shell.arg("-c").arg(command).current_dir(folder).stdin(Stdio::null()).status();
    assert!(status.unwrap().success(), "{command}");
}

fn open_within_seconds(path: &Path) -> Result<FileKeyStore, FileStoreError> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    thread::spawn(move || sender.send(FileKeyStore::open(path, StoreKey::Raw(&raw(1)))));
    receiver.recv_timeout(Duration::from_secs(20)).expect("opening does not wait")
}

fn report(result: Result<FileKeyStore, FileStoreError>) -> FsReport {
    match result {
        Err(FileStoreError::NotPrivate(report)) => report,
        other => panic!("{other:?}"),
    }
}

// What is made.

pub(super) fn create_with_umask(arguments: &Arguments) {
    let path = arguments.path(0);
    let umask = libc::mode_t::from_str_radix(&arguments.text(1), 8).unwrap();
    // SAFETY: this process has one test, and so nobody else makes files.
    unsafe { libc::umask(umask) };
    let store = FileKeyStore::create(&path, StoreKey::Raw(&raw(1))).unwrap();
    import(&store, "a", b"a").unwrap();
    store.rekey(StoreKey::Raw(&raw(2))).unwrap();
    drop(store);
    FileKeyStore::open(&path, StoreKey::Raw(&raw(2))).unwrap();
}

fn modes_under_umask(umask: &str) {
    let place = Place::new();
    child::run("permissions::create_with_umask", &[&place.path, &umask]);
    assert_eq!(
        [place.dir(), &place.path].map(|path| format!("{:04o}", mode(path))),
        ["0700", "0600"],
        "umask {umask}"
    );
    assert_eq!(place.names(), ["keys"]);
}

#[test]
fn modes_are_private_whatever_the_umask() {
    for umask in ["0", "002", "022", "027", "037", "066", "077"] {
        modes_under_umask(umask);
    }
}

/// A mask that takes from the owner as well leaves a folder that nobody can enter.
#[test]
fn modes_are_private_where_the_umask_takes_from_the_owner() {
    for umask in ["0177", "0277", "0300", "0777"] {
        modes_under_umask(umask);
    }
}

// What is refused, and mends.

/// What is wrong, where, and what the shell is told.
struct Wrong {
    what: &'static str,
    path: fn(&Place) -> PathBuf,
    mode: u32,
}

const WRONG_MODES: [Wrong; 3] = [
    Wrong { what: "file", path: |place| place.path.clone(), mode: 0o600 },
    Wrong { what: "folder", path: |place| place.dir().into(), mode: 0o700 },
    Wrong { what: "parent", path: |place| place.root.path().into(), mode: 0o700 },
];

#[test]
fn wrong_modes_are_refused_and_mend() {
    let place = Place::new();
    let store = place.create();
    fill(&store);
    let expected = state(&store).unwrap();
    for Wrong { what, path, mode: right } in WRONG_MODES {
        let path = path(&place);
        let wrong: &[u32] = match what {
            "file" => &[0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601, 0o660, 0o666, 0o777],
            "folder" => &[0o750, 0o705, 0o755, 0o770, 0o707, 0o720, 0o710, 0o701, 0o777, 0o1777],
            _ => &[0o720, 0o702, 0o770, 0o777, 0o722, 0o757],
        };
        for wrong in wrong {
            set_mode(&path, *wrong);
            let before = snapshot(place.root.path());
            let report = report(place.open());
            let finding = match what {
                "parent" => FsFinding::ParentWritable { path: path.clone(), mode: *wrong },
                _ => {
                    let path = path.clone();
                    FsFinding::OpenToOthers { path, mode: *wrong, wanted: right }
                }
            };
            assert_eq!(report.findings(), slice::from_ref(&finding));
            let quoted = format!("'{}'", path.display());
            let repair = match what {
                "parent" => format!("chmod go-w {quoted}"),
                _ => format!("chmod {right:o} {quoted}"),
            };
            assert_eq!(finding.repair(), repair);
            let shown = report.to_string();
            assert!(shown.contains(&format!("(mode {wrong:04o})")), "{shown}");
            assert!(shown.ends_with(&format!(": {repair}")), "{shown}");
            let error = FileStoreError::NotPrivate(report);
            assert_eq!(error.to_string(), shown);
            assert_eq!(snapshot(place.root.path()), before, "{what} {wrong:o}");

            // Who has the store open already: folders above it were looked at when it was opened.
            for (operation, run) in READING.into_iter().chain(WRITING) {
                if what == "parent" {
                    break;
                }
                let error = run(&store).expect_err(operation);
                assert!(matches!(error, KeyError::Refused(_)), "{operation}: {error:?}");
                assert!(text(&error).contains(&repair), "{operation}: {error:?}");
            }
            let unchanged = place.names() == ["keys"];
            assert!(unchanged && mode(&path) == *wrong, "{what} {wrong:o}");

            shell(&repair, place.root.path());
            let allowed = if what == "parent" { wrong & !0o022 } else { right };
            assert_eq!(mode(&path), allowed);
            assert_eq!(state(&place.open().unwrap()).as_ref(), Ok(&expected));
            assert_eq!(state(&store).as_ref(), Ok(&expected));
            set_mode(&path, right);
        }
    }
    // Less than what is asked for, a folder that others can look into on the way, and one that others
    // can write to where nobody can replace what is another's.
    for (path, mode) in [
        (&*place.path, 0o400),
        (&place.path, 0o700),
        (place.dir(), 0o1700),
        (place.root.path(), 0o755),
        (place.root.path(), 0o1777),
    ] {
        set_mode(path, mode);
        assert_eq!(state(&place.open().unwrap()).as_ref(), Ok(&expected), "{mode:o}");
        set_mode(path, if path == place.path { 0o600 } else { 0o700 });
    }
}

#[test]
fn all_that_is_wrong_is_told_from_the_file_upwards() {
    let place = Place::new();
    place.create();
    set_mode(&place.path, 0o644);
    set_mode(place.dir(), 0o757);
    set_mode(place.root.path(), 0o777);
    let report = check_private_file(&place.path).unwrap_err();
    let [file, folder, parent] =
        [&place.path, place.dir(), place.root.path()].map(|path| path.display().to_string());
    assert_eq!(
        report.to_string(),
        format!(
            "{file} is open to others (mode 0644): chmod 600 '{file}'; \
             {folder} can be written to by others (mode 0757): chmod go-w '{folder}'; \
             {parent} can be written to by others (mode 0777): chmod go-w '{parent}'"
        )
    );
    for finding in report.findings() {
        shell(&finding.repair(), place.root.path());
    }
    assert_eq!(check_private_file(&place.path), Ok(()));

    // One command after the other until the store opens; it ends.
    let report = check_private_dir(place.dir()).unwrap_err();
    shell(&report.findings()[0].repair(), place.root.path());
    place.open().unwrap();
}

/// Each is refused without waiting for anything, and without being changed.
#[test]
fn what_is_no_private_file_is_refused() {
    type Put = fn(&Path);
    fn pipe(path: &Path) {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the path is a string that ends, and lives.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    }
    let link: Put = |path| {
        fs::rename(path.with_file_name("good"), path.with_file_name("elsewhere")).unwrap();
        symlink("elsewhere", path).unwrap();
    };
    let dangling: Put = |path| symlink("nowhere", path).unwrap();
    let circle: Put = |path| symlink("keys", path).unwrap();
    let folder: Put = |path| fs::create_dir(path).unwrap();
    let socket: Put = |path| drop(UnixListener::bind(path).unwrap());
    let cases: [(&str, Put, bool); 6] = [
        ("a link", link, true),
        ("a link to nowhere", dangling, true),
        ("a link to itself", circle, true),
        ("a folder", folder, false),
        ("a pipe", pipe, false),
        ("a socket", socket, false),
    ];
    for (what, put, is_link) in cases {
        let place = Place::new();
        let store = place.create();
        fill(&store);
        fs::rename(&place.path, place.path.with_file_name("good")).unwrap();
        put(&place.path);
        let before = snapshot(place.dir());
        let path = place.path.clone();
        let expected = if is_link {
            FsFinding::Symlink { path }
        } else {
            FsFinding::WrongType { path, wanted_dir: false }
        };
        let report = report(open_within_seconds(&place.path));
        assert_eq!(report.findings(), slice::from_ref(&expected), "{what}");
        assert_eq!(check_private_file(&place.path).unwrap_err(), report, "{what}");
        let shown = report.to_string();
        assert!(shown.contains(&expected.repair()), "{what}: {shown}");
        assert!(shown.contains(&format!("'{}'", place.path.display())), "{what}: {shown}");
        assert_eq!(snapshot(place.dir()), before, "{what}");

        for (operation, run) in READING.into_iter().chain(WRITING) {
            let error = run(&store).expect_err(operation);
            assert!(matches!(error, KeyError::Refused(_)), "{what}: {operation}: {error:?}");
        }
        // Whatever it is, nothing is made over it.
        let created = FileKeyStore::create(&place.path, StoreKey::Raw(&raw(1)));
        assert_eq!(created.unwrap_err(), FileStoreError::AlreadyExists, "{what}");
        assert_eq!(snapshot(&place.path), part_of(&before, &place.path), "{what}");
    }
}

fn part_of(all: &Snapshot, path: &Path) -> Snapshot {
    let part = all.iter().filter(|(found, _)| found.starts_with(path));
    part.map(|(path, looks)| (path.clone(), looks.clone())).collect()
}

#[test]
fn a_device_is_refused() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.put(b"");
    fs::remove_file(&place.path).unwrap();
    let path = CString::new(place.path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a string that ends, and lives.
    let made = unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o600, libc::makedev(1, 5)) };
    if made != 0 {
        // In many a container nobody can.
        return;
    }
    let report = report(open_within_seconds(&place.path));
    let path = place.path.clone();
    assert_eq!(report.findings(), [FsFinding::WrongType { path, wanted_dir: false }]);
    assert!(report.to_string().contains("is not a regular file"));
}

#[test]
fn a_folder_behind_a_link_is_refused() {
    let place = Place::new();
    place.create();
    let link = place.root.path().join("link");
    symlink(place.dir(), &link).unwrap();
    let before = snapshot(place.root.path());
    let through = link.join("keys");
    let expected = [FsFinding::Symlink { path: link.clone() }];
    for path in [&through, &link.join("new")] {
        assert_eq!(report(FileKeyStore::open(path, StoreKey::Raw(&raw(1)))).findings(), expected);
        let created = FileKeyStore::create(path, StoreKey::Raw(&raw(1)));
        assert_eq!(report(created).findings(), expected);
    }
    assert_eq!(check_private_dir(&link).unwrap_err().findings(), expected);
    assert_eq!(snapshot(place.root.path()), before);

    // A link on the way is as private as the folder that it is in, and what it points to.
    let deep = Place::new();
    let way = deep.root.path().join("way");
    symlink(place.root.path(), &way).unwrap();
    let path = way.join("store").join("keys");
    FileKeyStore::open(&path, StoreKey::Raw(&raw(1))).unwrap();
    check_private_file(&path).unwrap();
    for folder in [deep.root.path(), place.root.path()] {
        set_mode(folder, 0o777);
        let report = report(FileKeyStore::open(&path, StoreKey::Raw(&raw(1))));
        let path = folder.to_owned();
        assert_eq!(report.findings(), [FsFinding::ParentWritable { path, mode: 0o777 }]);
        set_mode(folder, 0o700);
    }
}

/// A link that points to a link: who can write to the folder of the second decides where the way ends.
#[test]
fn every_link_on_the_way_is_looked_at() {
    let place = Place::new();
    place.create();
    let (first, second) = (private_folder(), private_folder());
    symlink(second.path().join("b"), first.path().join("a")).unwrap();
    symlink(place.root.path(), second.path().join("b")).unwrap();
    let path = first.path().join("a").join("store").join("keys");
    check_private_file(&path).unwrap();
    FileKeyStore::open(&path, StoreKey::Raw(&raw(1))).unwrap();

    set_mode(second.path(), 0o777);
    let expected = [FsFinding::ParentWritable { path: second.path().into(), mode: 0o777 }];
    let report_of_check = check_private_file(&path).unwrap_err();
    assert_eq!(report_of_check.findings(), expected);
    assert_eq!(report(FileKeyStore::open(&path, StoreKey::Raw(&raw(1)))).findings(), expected);
}

#[test]
fn links_beside_the_store_lead_nowhere() {
    let place = Place::new();
    let store = place.create();
    let target = place.root.path().join("target");
    put_private(&target, b"not to be touched");
    // What a killed writer left would be of this name: it is removed, never written through.
    symlink(&target, place.dir().join(".keys.new")).unwrap();
    import(&store, "a", b"a").unwrap();
    assert_eq!(place.names(), ["keys"]);
    import(&store, "b", b"b").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"not to be touched");
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    const MOST: u64 = 16 * 1024 * 1024;
    let place = Place::new();
    let store = place.create();
    let file = fs::OpenOptions::new().write(true).open(&place.path).unwrap();
    // Nothing is behind them on the disk; reading the last would take more memory than there is.
    for len in [MOST, MOST + 1, 1 << 32, 1 << 42] {
        file.set_len(len).unwrap();
        let error = place.open().unwrap_err();
        assert!(matches!(error, FileStoreError::Damaged(_)), "{len}: {error:?}");
        assert_eq!(text(&error).contains("longer than any store"), len > MOST, "{error}");
        assert!(matches!(store.list(), Err(KeyError::Corrupt(_))));
        assert!(matches!(import(&store, "a", b"a"), Err(KeyError::Corrupt(_))));
        assert_eq!(fs::metadata(&place.path).unwrap().len(), len);
    }
}

// Whose it is.

#[test]
fn what_belongs_to_others_is_refused_and_mends() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let store = place.create();
    fill(&store);
    let expected = state(&store).unwrap();
    let finding =
        |path: &Path| FsFinding::ForeignOwner { path: path.into(), owner: STRANGER, user: 0 };
    for path in [&*place.path, place.dir(), place.root.path()] {
        chown(path, Some(STRANGER), None).unwrap();
        let before = snapshot(place.root.path());
        let report = report(place.open());
        assert_eq!(report.findings(), [finding(path)]);
        let repair = format!("chown 0 '{}'", path.display());
        assert_eq!(
            report.to_string(),
            format!("{} belongs to user {STRANGER}, not to user 0: {repair}", path.display())
        );
        assert!(check_private_file(&place.path).unwrap_err().findings().contains(&finding(path)));
        assert_eq!(snapshot(place.root.path()), before);
        shell(&repair, place.root.path());
        assert_eq!(state(&place.open().unwrap()).as_ref(), Ok(&expected));
    }
}

/// What a user that is not root finds.
pub(super) fn as_user(arguments: &Arguments) {
    let (path, case) = (arguments.path(0), arguments.text(1));
    // SAFETY: this process has one test, and none of its other threads does anything.
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setgid(STRANGER), 0);
        assert_eq!(libc::setuid(STRANGER), 0);
        assert_eq!(libc::geteuid(), STRANGER);
    }
    let open = || FileKeyStore::open(&path, StoreKey::Raw(&raw(1)));
    let refusal = |doing: &str| {
        let error = open().unwrap_err();
        let shown = text(&error);
        assert!(matches!(error, FileStoreError::Io { .. }), "{case}: {error:?}");
        assert!(shown.contains(doing) && shown.contains("ermission denied"), "{case}: {shown}");
    };
    match &*case {
        "in order" => {
            let store = open().unwrap();
            import(&store, "by-the-user", b"b").unwrap();
            check_private_file(&path).unwrap();
            check_private_dir(path.parent().unwrap()).unwrap();
            let new = path.with_file_name("new");
            FileKeyStore::create(&new, StoreKey::Raw(&raw(1))).unwrap();
            check_private_file(new).unwrap();
        }
        "all of root" => {
            refusal("opening the folder");
            let path = path.clone();
            let kind = io::ErrorKind::PermissionDenied;
            let report = check_private_file(&path).unwrap_err();
            assert_eq!(report.findings(), [FsFinding::Unreadable { path, kind }]);
            assert!(report.to_string().contains("run as a user who may"), "{report}");
        }
        "the file of root" => refusal("opening the file"),
        "where nothing can be written" => {
            let store = open().unwrap();
            let expected = state(&store).unwrap();
            for (operation, run) in READING {
                assert_eq!(run(&store), Ok(()), "{case}: {operation}");
            }
            for (operation, run) in WRITING {
                let error = run(&store).expect_err(operation);
                assert!(matches!(error, KeyError::Other(_)), "{case}: {operation}: {error:?}");
                assert!(text(&error).contains("ermission denied"), "{case}: {}", text(&error));
            }
            assert_eq!(state(&open().unwrap()), Ok(expected));
        }
        "a parent of another" => {
            let parent = path.parent().unwrap().parent().unwrap().to_owned();
            let (owner, user) = (STRANGER + 1, STRANGER);
            assert_eq!(
                report(open()).findings(),
                [FsFinding::ForeignOwner { path: parent, owner, user }]
            );
        }
        "the folder of another" => {
            let path = path.parent().unwrap().to_owned();
            let (owner, user) = (STRANGER + 1, STRANGER);
            let report = check_private_dir(&path).unwrap_err();
            assert_eq!(report.findings(), [FsFinding::ForeignOwner { path, owner, user }]);
            refusal("opening the folder");
        }
        // Open to all, and still of another: that comes first, for who owns it opens it again.
        "the open folder of another" => {
            let path = path.parent().unwrap().to_owned();
            let (owner, user) = (STRANGER + 1, STRANGER);
            let expected = [
                FsFinding::ForeignOwner { path: path.clone(), owner, user },
                FsFinding::OpenToOthers { path, mode: 0o755, wanted: 0o700 },
            ];
            assert_eq!(report(open()).findings(), expected);
        }
        other => panic!("no such case: {other}"),
    }
}

#[test]
fn other_users_find_what_is_theirs() {
    if !is_root() {
        return;
    }
    let cases: [(&str, [u32; 3], u32); 7] = [
        // Whose the parent, the folder and the file are, and the mode of the folder.
        ("in order", [0, STRANGER, STRANGER], 0o700),
        ("all of root", [0, 0, 0], 0o700),
        ("the file of root", [0, STRANGER, 0], 0o700),
        ("where nothing can be written", [0, STRANGER, STRANGER], 0o500),
        ("a parent of another", [STRANGER + 1, STRANGER, STRANGER], 0o700),
        ("the folder of another", [0, STRANGER + 1, STRANGER + 1], 0o700),
        ("the open folder of another", [0, STRANGER + 1, STRANGER + 1], 0o755),
    ];
    for (case, owners, folder_mode) in cases {
        let place = Place::new();
        fill(&place.create());
        for (path, owner) in [place.root.path(), place.dir(), &place.path].into_iter().zip(owners) {
            chown(path, Some(owner), Some(owner)).unwrap();
        }
        set_mode(place.root.path(), 0o755);
        set_mode(place.dir(), folder_mode);
        child::run("permissions::as_user", &[&place.path, &case]);
    }
}

// The check by itself.

#[test]
fn the_check_knows_what_is_there() {
    let root = private_folder();
    let at = |name: &str| root.path().join(name);
    put_private(&at("file"), b"");
    fs::create_dir(at("folder")).unwrap();
    set_mode(&at("folder"), 0o700);
    symlink("file", at("link")).unwrap();
    symlink("folder", at("link-to-folder")).unwrap();

    check_private_file(at("file")).unwrap();
    check_private_dir(at("folder")).unwrap();
    check_private_dir(root.path()).unwrap();

    let path = at("missing");
    for check in [check_private_file, check_private_dir] {
        let report = check(path.clone()).unwrap_err();
        assert_eq!(report.findings(), [FsFinding::Missing { path: path.clone() }]);
        assert_eq!(
            report.to_string(),
            format!(
                "{0} does not exist: check the path, and that the file is there: '{0}'",
                path.display()
            )
        );
        let path = at("link");
        assert_eq!(
            check(path.clone()).unwrap_err().findings(),
            [FsFinding::Symlink { path: path.clone() }]
        );
        let deep = at("missing").join("deep");
        let report = check(deep.clone()).unwrap_err();
        assert_eq!(
            report.findings(),
            [FsFinding::Missing { path: deep }, FsFinding::Missing { path: at("missing") }]
        );
        // Below a file there is nothing to look at.
        let below = at("file").join("below");
        let report = check(below.clone()).unwrap_err();
        let kind = io::ErrorKind::NotADirectory;
        assert_eq!(report.findings(), [FsFinding::Unreadable { path: below, kind }]);
        assert!(report.to_string().contains("cannot be looked at"), "{report}");
        let long = at(&"n".repeat(300));
        let kind = io::ErrorKind::InvalidFilename;
        let report = check(long.clone()).unwrap_err();
        assert_eq!(report.findings(), [FsFinding::Unreadable { path: long, kind }]);
        // No path at all.
        assert!(check(PathBuf::new()).is_err());
    }
    let report = check_private_dir(at("link-to-folder")).unwrap_err();
    assert_eq!(report.findings(), [FsFinding::Symlink { path: at("link-to-folder") }]);
    assert!(report.to_string().contains("is a symbolic link: give the path that"), "{report}");

    let report = check_private_file(at("folder")).unwrap_err();
    assert_eq!(report.findings(), [FsFinding::WrongType { path: at("folder"), wanted_dir: false }]);
    assert!(report.to_string().contains("is not a regular file: move "), "{report}");
    let report = check_private_dir(at("file")).unwrap_err();
    assert_eq!(report.findings(), [FsFinding::WrongType { path: at("file"), wanted_dir: true }]);
    assert!(report.to_string().contains("is not a folder: move "), "{report}");

    for mode in 0..=0o777 {
        set_mode(&at("file"), mode);
        assert_eq!(check_private_file(at("file")).is_ok(), mode & 0o077 == 0, "{mode:o}");
        set_mode(&at("folder"), mode);
        assert_eq!(check_private_dir(at("folder")).is_ok(), mode & 0o077 == 0, "{mode:o}");
    }
    set_mode(&at("file"), 0o600);
    put_private(&at("other"), b"");
    for mode in (0o700..=0o777).flat_map(|mode| [mode, 0o1000 | mode]) {
        set_mode(root.path(), mode);
        let private = mode & 0o022 == 0 || mode & 0o1000 != 0;
        assert_eq!(check_private_file(at("other")).is_ok(), private, "{mode:o}");
    }
}
