//! The examples as people run them: what they print where, and the exit status.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const DEVICE: &str = "HostName=contoso-hub.azure-devices.net;DeviceId=device1;\
                      SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What the official Python and Node SDKs make of `DEVICE` and this expiry.
const TOKEN: &str = "SharedAccessSignature sr=contoso-hub.azure-devices.net%2Fdevices%2Fdevice1\
                     &sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se=1735689600";
const EXPIRY: &str = "1735689600";
const VARIABLE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";

/// Builds the examples once, as they are now, and returns the path of one.
fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--examples", "--message-format=json", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| {
                let message: serde_json::Value = serde_json::from_str(line).unwrap();
                message["executable"].as_str().map(PathBuf::from)
            })
            .collect()
    });
    let wanted = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    built.iter().find(|path| path.ends_with(&wanted)).expect("the example was built").clone()
}

/// A file in a folder that is removed at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = std::env::temp_dir().join(format!("hubward-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("file");
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(name: &str, arguments: &[&str], variable: Option<&str>, stdin: &str) -> Run {
    let mut command = Command::new(example(name));
    command.args(arguments).env_remove(VARIABLE);
    if let Some(value) = variable {
        command.env(VARIABLE, value);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Run {
        status: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Bad input: nothing on standard output, one line on standard error that says `says`, status 2.
fn refused(name: &str, arguments: &[&str], variable: Option<&str>, stdin: &str, says: &str) {
    let Run { status, stdout, stderr } = run(name, arguments, variable, stdin);
    assert_eq!((status, &*stdout), (Some(2), ""), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    assert!(stderr.starts_with(&format!("{name}: ")) && stderr.contains(says), "{stderr}");
    for secret in arguments.iter().copied().chain(variable).chain([stdin, KEY]) {
        // Options are no secrets, and what is short may be part of a word.
        if secret.len() > 15 && !secret.starts_with("--") {
            assert!(!stderr.contains(secret.trim()), "{arguments:?}: {stderr}");
        }
    }
}

#[test]
fn mint_makes_the_sdks_token_from_each_source() {
    let file = File::new("mint", format!("{DEVICE}\n"));
    let marked = File::new("mint-bom", format!("\u{FEFF}{DEVICE};\r\n"));
    for (arguments, variable) in [
        (vec!["--connection-string-file", file.path()], None),
        (vec!["--connection-string-file", marked.path()], None),
        // The file wins.
        (vec!["--connection-string-file", file.path()], Some("garbage")),
        (vec![], Some(DEVICE)),
    ] {
        let arguments = [&arguments[..], &["--expiry", EXPIRY]].concat();
        let Run { status, stdout, stderr } = run("mint_token", &arguments, variable, "");
        assert_eq!((status, stdout), (Some(0), format!("{TOKEN}\n")), "{arguments:?}");
        // That moment is past.
        assert_eq!(
            stderr,
            "mint_token: warning: the token has expired already, at 2025-01-01T00:00:00Z\n"
        );
    }
}

#[test]
fn mint_runs_with_nothing_set_and_says_what_it_did() {
    let Run { status, stdout, stderr } = run("mint_token", &[], None, "");
    assert_eq!(status, Some(0));
    assert_eq!(stdout.lines().count(), 1);
    assert!(stdout.starts_with("SharedAccessSignature sr=demonstration."));
    assert_eq!(stderr.lines().count(), 1);
    assert!(stderr.contains("demonstration device"), "{stderr}");
}

#[test]
fn mint_takes_a_lifetime() {
    for (arguments, lifetime) in [(&[][..], 3600), (&["--ttl", "60"], 60)] {
        let Run { status, stdout, .. } = run("mint_token", arguments, Some(DEVICE), "");
        assert_eq!(status, Some(0));
        let expiry: u64 = stdout.trim().rsplit_once("&se=").unwrap().1.parse().unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        assert!((now + lifetime - 60..=now + lifetime).contains(&expiry));
    }
    // Any expiry, the furthest one included, without a warning.
    let Run { status, stdout, stderr } =
        run("mint_token", &["--expiry", "18446744073709551615"], Some(DEVICE), "");
    assert_eq!((status, &*stderr), (Some(0), ""));
    assert!(stdout.ends_with("&se=18446744073709551615\n"));
    let Run { status, stdout, .. } = run("mint_token", &["--expiry", "0"], Some(DEVICE), "");
    assert_eq!(status, Some(0));
    assert!(stdout.ends_with("&se=0\n"));
}

#[test]
fn mint_refuses_bad_input_on_one_line() {
    let refused = |arguments: &[&str], variable, says| {
        refused("mint_token", arguments, variable, "", says);
    };
    refused(&["--ttl", "0"], None, "lifetime");
    refused(&["--ttl", "ten"], None, "--ttl takes a whole number");
    refused(&["--ttl", "-1"], None, "--ttl takes a whole number");
    refused(&["--expiry", "18446744073709551616"], None, "--expiry takes a whole number");
    refused(&["--ttl", "18446744073709551615"], Some(DEVICE), "too far in the future");
    refused(&["--ttl", "1", "--expiry", "1"], Some(DEVICE), "exclude each other");
    refused(&["--ttl"], Some(DEVICE), "lacks its value");

    // A variable that is set but bad is never the demonstration.
    refused(&[], Some(""), "IOTHUB_DEVICE_CONNECTION_STRING is set but empty");
    refused(&[], Some(" \n"), "IOTHUB_DEVICE_CONNECTION_STRING is set but empty");
    refused(&[], Some("HostName=h;DeviceId=d"), "STRING: one of SharedAccessKey");
    refused(&[], Some("HostName=h;DeviceId=d;x509=true"), "nothing to sign with");

    // A secret as an argument is refused with the reason, wherever it stands.
    for arguments in [
        &[DEVICE][..],
        &[TOKEN],
        &[KEY],
        &["--connection-string", DEVICE],
        &["--connection-string-file", DEVICE],
        &["--ttl", DEVICE],
    ] {
        refused(arguments, None, "could read it in `ps`");
    }
    let joined = format!("--connection-string={DEVICE}");
    refused(&[&joined], None, "could read it in `ps`");

    let folder = std::env::temp_dir();
    let file = "--connection-string-file";
    refused(&[file, "/no/such/file"], None, "no such file");
    refused(&[file, folder.to_str().unwrap()], None, "directory");
    for (name, content, says) in [
        ("empty", &b" \n"[..], "is empty"),
        ("utf16", b"\xFF\xFEH\0o\0s\0t\0", "UTF-16"),
        ("binary", b"HostName=\xC3\x28", "not UTF-8"),
        ("long", &[b'a'; 65 * 1024], "longer than 64 KiB"),
        ("bad", b"HostName=h;DeviceId=d;SharedAccessKey=abc", "SharedAccessKey is not canonical"),
    ] {
        refused(&[file, File::new(name, content).path()], None, says);
    }
}

#[test]
fn inspect_shows_everything_but_the_signature() {
    let Run { status, stdout, stderr } = run("inspect_token", &[], None, &format!("{TOKEN}\n"));
    assert_eq!((status, &*stderr), (Some(0), ""));
    for part in [
        "contoso-hub.azure-devices.net/devices/device1",
        "none",
        "2025-01-01T00:00:00Z (1735689600)",
        "expired",
        "not checked: no key was given",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    assert!(!stdout.contains("hr4h"));

    let policy = format!("{}&skn=iothubowner", TOKEN.replace(EXPIRY, "9999999999"));
    let Run { stdout, .. } = run("inspect_token", &[], None, &policy);
    assert!(stdout.contains("iothubowner") && stdout.contains("valid for another"), "{stdout}");

    let Run { stdout, .. } = run("inspect_token", &["--json"], None, &policy);
    let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["resource"], "contoso-hub.azure-devices.net/devices/device1");
    assert_eq!(object["policy"], "iothubowner");
    assert_eq!(object["expiry"], 9_999_999_999_u64);
    assert_eq!(object["expiry_utc"], "2286-11-20T17:46:39Z");
    assert_eq!(object["expired"], false);
    assert_eq!(object["verified"], serde_json::Value::Null);
    assert!(object["seconds_left"].as_u64().unwrap() > 0);
}

#[test]
fn inspect_verifies_what_mint_made() {
    let token = run("mint_token", &[], Some(DEVICE), "").stdout;
    let key = File::new("inspect-key", KEY);
    let other = File::new("inspect-other", "Zm9vYmFy");
    let resource = "contoso-hub.azure-devices.net/devices/device1";
    let verify = |token: &str, key: &File, resource: &str, json: bool| {
        let mut arguments = vec!["--verify-key-file", key.path(), "--resource", resource];
        arguments.extend(json.then_some("--json"));
        run("inspect_token", &arguments, None, token)
    };

    let Run { status, stdout, .. } = verify(&token, &key, resource, false);
    assert_eq!(status, Some(0), "{stdout}");
    assert!(stdout.contains("verified  yes"), "{stdout}");
    // The expired one, another key, a sibling whose name begins alike.
    for (token, key, resource, reason) in [
        (TOKEN, &key, resource, "expired"),
        (&token, &other, resource, "not by this key"),
        (&token, &key, "contoso-hub.azure-devices.net/devices/device10", "does not cover"),
    ] {
        let Run { status, stdout, .. } = verify(token, key, resource, false);
        assert_eq!(status, Some(1), "{stdout}");
        assert!(stdout.contains("verified  no: ") && stdout.contains(reason), "{stdout}");
        let Run { status, stdout, .. } = verify(token, key, resource, true);
        let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((status, &object["verified"]), (Some(1), &serde_json::Value::Bool(false)));
        assert!(object["reason"].as_str().unwrap().contains(reason));
    }
}

#[test]
fn inspect_refuses_bad_input_on_one_line() {
    let key = File::new("inspect-bad", "not a key at all");
    let refused = |arguments: &[&str], stdin, says| {
        refused("inspect_token", arguments, None, stdin, says);
    };
    refused(&[], "", "is empty");
    refused(&[], "Bearer abcdefghijklmnop", "not a token");
    refused(&[TOKEN], "", "could read it in `ps`");
    refused(&["--resource", "h/devices/d"], TOKEN, "missing");
    refused(&["--verify-key-file", key.path()], TOKEN, "missing");
    refused(
        &["--verify-key-file", key.path(), "--resource", "h/devices/d"],
        TOKEN,
        "not canonical base64",
    );
    refused(&["--verify-key-file", key.path(), "--resource", "h%2Fd"], TOKEN, "--resource: ");
}

#[test]
fn derive_gives_the_documented_key() {
    let group =
        "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
    let file = File::new("derive", format!("{group}\n"));
    let id = ["--registration-id", "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"];
    let from_file = [&["--group-key-file", file.path()], &id[..]].concat();
    for (arguments, stdin) in [(&id[..], group), (&from_file, "")] {
        let Run { status, stdout, stderr } = run("derive_device_key", arguments, None, stdin);
        assert_eq!((status, &*stderr), (Some(0), ""));
        assert_eq!(stdout, "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=\n");
    }

    let refused = |arguments: &[&str], stdin, says| {
        refused("derive_device_key", arguments, None, stdin, says);
    };
    refused(&[], group, "missing");
    refused(&["--registration-id", ""], group, "empty");
    refused(&["--registration-id", "ends-in-a-dot."], group, "must end in");
    refused(&id, "", "is empty");
    refused(&id, "not base64 at all!", "not canonical base64");
    refused(&[&id[..], &[group]].concat(), "", "could read it in `ps`");
}

/// A disk that is full, or a reader that went away, is told and not panicked about.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&[][..], &["--help"]] {
        let output = Command::new(example("mint_token"))
            .args(arguments)
            .env(VARIABLE, DEVICE)
            .stdout(full())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("standard output cannot be written"), "{stderr}");
    }
    // Standard error is for people: the token does not depend on it.
    let output = Command::new(example("mint_token"))
        .args(["--expiry", EXPIRY])
        .env(VARIABLE, DEVICE)
        .stderr(full())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{TOKEN}\n"));
}

#[test]
fn help_is_no_error() {
    for name in ["mint_token", "inspect_token", "derive_device_key"] {
        let Run { status, stdout, stderr } = run(name, &["--help"], None, "");
        assert_eq!((status, &*stderr), (Some(0), ""));
        assert!(stdout.contains("Usage: ") && stdout.contains("Exit status: 0"), "{stdout}");
    }
}
