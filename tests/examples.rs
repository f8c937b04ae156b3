//! The examples as people run them: what they print where, and the exit status.

#[path = "common/examples.rs"]
mod examples;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const DEVICE: &str = "HostName=contoso-hub.azure-devices.net;DeviceId=device1;\
                      SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What the official Python and Node SDKs make of `DEVICE` and this expiry.
const TOKEN: &str = "SharedAccessSignature sr=contoso-hub.azure-devices.net%2Fdevices%2Fdevice1\
                     &sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se=1735689600";
const EXPIRY: &str = "1735689600";
const VARIABLE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";

/// Whether the example `key_store` can be built; its tests stand at the end.
const HAS_KEY_STORE: bool =
    cfg!(all(unix, feature = "keystore-file", feature = "keystore-software"));

fn example(name: &str) -> PathBuf {
    const KEY_STORE: &str = "--features=keystore-file,keystore-software";

    let arguments = ["--examples", if HAS_KEY_STORE { KEY_STORE } else { "--quiet" }];
    examples::built(name, &arguments)
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
        // Options and paths are no secrets, and what is short may be part of a word.
        if secret.len() > 15 && !secret.starts_with("--") && !secret.starts_with('/') {
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
    let key_store = HAS_KEY_STORE.then_some("key_store");
    for name in ["mint_token", "inspect_token", "derive_device_key"].into_iter().chain(key_store) {
        let Run { status, stdout, stderr } = run(name, &["--help"], None, "");
        assert_eq!((status, &*stderr), (Some(0), ""));
        assert!(stdout.contains("Usage: ") && stdout.contains("Exit status: 0"), "{stdout}");
    }
}

#[cfg(all(unix, feature = "keystore-file", feature = "keystore-software"))]
mod key_store {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hubward::sas::TokenVerifyError;
    use hubward::{Clock as _, ResourceUri, SasToken, SymmetricKey, SystemClock};
    use tempfile::TempDir;

    use super::*;

    const PASSPHRASE: &str = "wrong horse battery staple";
    /// Made for this test; one key in two forms.
    const PKCS8: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglA+FvscCJCbfoKg9FZTnXdtd2WWV\
                         EVprY+DMMAysimGhRANCAATjnZwJmnEpTbecho5or9rUeg9NxjQuWzXo0ySj3IvCHZsiKBiL4GNn\
                         D5YlMYL38mJ1/yabMQtfSaJ7DFD90jEB";
    const SEC1: &str = "MHcCAQEEIJQPhb7HAiQm36CoPRWU513bXdlllRFaa2PgzDAMrIphoAoGCCqGSM49AwEHoUQDQgAE\
                        452cCZpxKU23nIaOaK/a1HoPTcY0Lls16NMko9yLwh2bIigYi+BjZw+WJTGC9/Jidf8mmzELX0mi\
                        ewxQ/dIxAQ==";

    /// A folder for a store, and a file with its passphrase.
    struct Store {
        folder: TempDir,
        path: String,
        passphrase: String,
    }

    impl Store {
        /// Nothing but the file with the passphrase.
        fn none() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store/keys").to_str().unwrap().to_owned();
            let passphrase = private_file(&folder, "passphrase", &format!("{PASSPHRASE}\n"));
            Self { folder, path, passphrase }
        }

        /// An empty store.
        fn new() -> Self {
            let store = Self::none();
            assert_eq!(store.done(&["init"], ""), "");
            store
        }

        fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
            let passphrase = ["--passphrase-file", &self.passphrase];
            [&["--store", &self.path], arguments, &passphrase].concat()
        }

        /// What is on standard output of a command that says nothing else.
        fn done(&self, arguments: &[&str], stdin: &str) -> String {
            let run = run("key_store", &self.arguments(arguments), None, stdin);
            assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{arguments:?}");
            run.stdout
        }

        fn refused(&self, arguments: &[&str], stdin: &str, says: &str) {
            refused("key_store", &self.arguments(arguments), None, stdin, says);
        }

        /// Whether the token of the key `name` is signed with `key`.
        fn signs_with(&self, name: &str, key: &str) -> bool {
            let token = self.done(&["sign", name, "--host", "h", "--device", "d"], "");
            let token = SasToken::parse(token.trim_end()).unwrap();
            let key = SymmetricKey::from_base64(key).unwrap();
            let device = ResourceUri::parse("h/devices/d").unwrap();
            let now = SystemClock.now().unwrap();
            assert!(token.expires_in(now) <= Duration::from_secs(3600));
            assert!(token.expires_in(now) > Duration::from_secs(3500));
            match token.verify(&key, &device, now, Duration::ZERO) {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error, TokenVerifyError::SignatureMismatch);
                    false
                }
            }
        }
    }

    fn private_file(folder: &TempDir, name: &str, content: &str) -> String {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        mode(&path, 0o600);
        path.to_str().unwrap().to_owned()
    }

    fn mode(path: impl AsRef<std::path::Path>, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn pem(label: &str, base64: &str) -> String {
        let lines = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
        let lines: Vec<&str> = lines.collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn the_life_of_a_store() {
        let store = Store::new();
        assert_eq!(store.done(&["list"], ""), "");
        assert_eq!(store.done(&["create", "hub.secondary"], ""), "");
        assert_eq!(store.done(&["import", "hub.primary"], &format!("{KEY}\n")), "");
        let list = "hub.primary              symmetric    by a passphrase\n\
                    hub.secondary            symmetric    by a passphrase\n";
        assert_eq!(store.done(&["list"], ""), list);
        assert!(store.signs_with("hub.primary", KEY));
        assert!(!store.signs_with("hub.secondary", KEY));

        // What is there is not replaced.
        let arguments = store.arguments(&["create", "hub.primary", "--kind", "symmetric"]);
        let Run { status, stdout, stderr } = run("key_store", &arguments, None, "");
        assert_eq!((status, &*stdout), (Some(0), ""));
        assert!(stderr.contains("left as it is"), "{stderr}");
        store.refused(&["import", "hub.primary"], "Zm9vYmFy", "already");
        store.refused(&["create", "hub.primary", "--kind", "p256"], "", "another kind: symmetric");
        assert!(store.signs_with("hub.primary", KEY));

        // As IoT Hub means it: the secondary one is replaced, and then takes the other's place.
        assert_eq!(store.done(&["rotate", "hub.secondary", "--import"], "Zm9vYmFy"), "");
        assert!(store.signs_with("hub.secondary", "Zm9vYmFy"));
        assert_eq!(store.done(&["swap", "hub.primary", "hub.secondary"], ""), "");
        assert!(store.signs_with("hub.primary", "Zm9vYmFy"));
        assert!(store.signs_with("hub.secondary", KEY));
        assert_eq!(store.done(&["rotate", "hub.secondary"], ""), "");
        assert!(!store.signs_with("hub.secondary", KEY));

        let new = private_file(&store.folder, "new", "another passphrase\r\n");
        assert_eq!(store.done(&["rekey", "--new-passphrase-file", &new], ""), "");
        store.refused(&["list"], "", "give it the present one");
        let store = Store { passphrase: new, ..store };
        assert_eq!(store.done(&["delete", "hub.secondary"], ""), "");
        store.refused(&["delete", "hub.secondary"], "", "no key of that name");
        assert_eq!(store.done(&["list"], ""), list.split_inclusive('\n').next().unwrap());
        assert!(store.signs_with("hub.primary", "Zm9vYmFy"));
        assert_eq!(store.done(&["check"], ""), "");
    }

    #[test]
    fn private_keys_come_in_by_pem_and_der() {
        let store = Store::new();
        store.done(&["create", "made", "--kind", "p384"], "");
        store.done(&["import", "pkcs8", "--private"], &pem("PRIVATE KEY", PKCS8));
        let behind_others =
            format!("{}{}", pem("EC PARAMETERS", "BggqhkjOPQMBBw=="), pem("EC PRIVATE KEY", SEC1));
        store.done(&["import", "sec1", "--private"], &behind_others);
        for (name, der) in [("pkcs8.der", PKCS8), ("sec1.der", SEC1)] {
            let mut child = Command::new(example("key_store"))
                .args(store.arguments(&["import", name, "--private"]))
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&STANDARD.decode(der).unwrap()).unwrap();
            drop(stdin);
            assert!(child.wait().unwrap().success());
        }
        store.done(&["rotate", "pkcs8"], "");
        store.done(&["rotate", "sec1", "--import", "--private"], &pem("PRIVATE KEY", PKCS8));
        let list = store.done(&["list"], "");
        let kinds = ["P-384", "P-256", "P-256", "P-256", "P-256"];
        let names = ["made", "pkcs8", "pkcs8.der", "sec1", "sec1.der"];
        assert_eq!(list.lines().count(), names.len());
        for (line, (name, kind)) in list.lines().zip(names.into_iter().zip(kinds)) {
            assert!(line.starts_with(&format!("{name} ")) && line.contains(kind), "{line}");
        }

        store.refused(
            &["sign", "made", "--host", "h", "--device", "d"],
            "",
            "another kind: ECDSA P-384",
        );
        store.refused(
            &["rotate", "made", "--import", "--private"],
            &pem("PRIVATE KEY", PKCS8),
            "another kind",
        );
        for content in [
            KEY,
            PKCS8,
            &pem("PRIVATE KEY", &PKCS8[..60]),
            &pem("ENCRYPTED PRIVATE KEY", PKCS8),
            &pem("CERTIFICATE", PKCS8),
            // The decoder's own errors would quote this line.
            &format!("-----BEGIN {PKCS8}"),
            &pem("PRIVATE KEY", PKCS8).replace("END", "end"),
        ] {
            store.refused(&["import", "new", "--private"], content, "unencrypted PKCS#8");
        }
        store.refused(&["import", "new"], &pem("PRIVATE KEY", PKCS8), "not canonical base64");
        store.refused(&["import", "new", "--private"], "", "standard input");
    }

    #[test]
    fn bad_input_is_refused_on_one_line() {
        let store = Store::none();
        store.refused(&["list"], "", "no store at that path");
        store.done(&["init"], "");
        store.refused(&["init"], "", "left as it is");
        store.done(&["create", "a"], "");

        for name in ["a/b", "../a", "", "a b", KEY] {
            store.refused(&["create", name], "", "name of the key");
            store.refused(&["import", name], KEY, "name of the key");
            store.refused(&["delete", name], "", "name of the key");
            store.refused(&["swap", "a", name], "", "name of the key");
        }
        for command in ["rotate", "delete"] {
            store.refused(&[command, "b"], "", "no key of that name");
        }
        store.refused(&["swap", "a", "b"], "", "no key of that name");
        let sign = |more: &[&'static str]| [&["sign", "a"], more].concat();
        store.refused(&["sign", "b", "--host", "h", "--device", "d"], "", "no key of that name");
        store.refused(&sign(&["--host", "h"]), "", "missing");
        store.refused(&sign(&["--host", "h/", "--device", "d"]), "", "--host: ");
        store.refused(&sign(&["--host", "h", "--device", "d/"]), "", "--device: ");
        for (lifetime, says) in [("-1", "whole number"), ("1h", "whole number"), ("0", "lifetime")]
        {
            store.refused(
                &sign(&["--host", "h", "--device", "d", "--lifetime", lifetime]),
                "",
                says,
            );
        }
        for kind in ["rsa", "P256", ""] {
            store.refused(&["create", "b", "--kind", kind], "", "--kind takes");
        }
        store.refused(&["rotate", "a", "--private"], KEY, "missing");
        store.refused(&["import", "b"], "", "is empty");
        store.refused(&["import", "b"], "not base64 at all!", "not canonical base64");
        store.refused(&["import", "b", KEY], "", "could read it in `ps`");
        store.refused(&[], "", "a command is missing");
        store.refused(&["frobnicate"], "", "not known");
        refused("key_store", &["list"], None, "", "--store is missing");
        assert_eq!(store.done(&["list"], "").lines().count(), 1);

        // Nothing was changed in the store's folder but the store.
        let names = fs::read_dir(store.folder.path().join("store")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["keys"]);
    }

    #[test]
    fn passphrases_that_are_wrong_or_open_to_others_are_refused() {
        let store = Store::new();
        let file = |name, content| private_file(&store.folder, name, content);
        let refused = |passphrase: &str, says| {
            let arguments = ["--store", &store.path, "list", "--passphrase-file", passphrase];
            refused("key_store", &arguments, None, "", says);
        };
        for content in
            ["wrong", "", "wrong horse battery staple \n", "wrong horse battery staple\n\n"]
        {
            refused(&file("wrong", content), "not the store's");
        }
        let path = file("binary", "");
        fs::write(&path, b"\xFF\xFE").unwrap();
        refused(&path, "not UTF-8");
        refused(PASSPHRASE, "there is no such file");
        refused(store.folder.path().to_str().unwrap(), "not a regular file");
        refused(&file("long", &"a".repeat(65 * 1024)), "longer than 64 KiB");
        let none = Store::none();
        let empty = private_file(&none.folder, "empty", "\n");
        Store { passphrase: empty, ..none }.refused(&["init"], "", "the passphrase is empty");

        let path = &store.passphrase;
        mode(path, 0o644);
        refused(path, &format!("chmod 600 '{path}'"));
        let Run { status, stdout, .. } = run("key_store", &store.arguments(&["check"]), None, "");
        assert_eq!(status, Some(1));
        assert_eq!(stdout, format!("{path} is open to others (mode 0644): chmod 600 '{path}'\n"));
    }

    #[test]
    fn stores_that_are_open_to_others_are_refused_with_the_repair() {
        let store = Store::new();
        let (folder, file) = (store.folder.path().join("store"), &store.path);
        mode(&folder, 0o750);
        mode(file, 0o640);
        let repairs = [format!("chmod 600 '{file}'"), format!("chmod 700 '{}'", folder.display())];
        store.refused(&["list"], "", &repairs[1]);
        let Run { status, stdout, stderr } =
            run("key_store", &["check", "--store", file], None, "");
        assert_eq!((status, &*stderr), (Some(1), ""));
        assert_eq!(stdout.lines().count(), 2, "{stdout}");
        for (line, repair) in stdout.lines().zip(&repairs) {
            assert!(line.contains("is open to others") && line.ends_with(repair), "{line}");
        }

        for repair in repairs {
            assert!(Command::new("sh").args(["-c", &repair]).status().unwrap().success());
        }
        assert_eq!(store.done(&["check"], ""), "");
        assert_eq!(store.done(&["list"], ""), "");
        let missing = format!("{file}-2");
        let Run { status, stdout, .. } =
            run("key_store", &["check", "--store", &missing], None, "");
        assert_eq!(status, Some(1));
        assert!(stdout.starts_with(&format!("{missing} does not exist: ")), "{stdout}");
    }

    #[test]
    fn damage_is_told_and_left() {
        let store = Store::new();
        let mut file = fs::read(&store.path).unwrap();
        file[100] ^= 1;
        fs::write(&store.path, &file).unwrap();
        for arguments in [&["list"][..], &["create", "a"], &["rekey"]] {
            store.refused(arguments, "", "damaged or was tampered with");
        }
        assert_eq!(fs::read(&store.path).unwrap(), file);
        store.refused(&["init"], "", "left as it is");
    }

    #[test]
    fn without_a_terminal_nobody_waits_for_a_passphrase() {
        let store = Store::new();
        for arguments in [&["list"][..], &["import", "a"], &["rekey"]] {
            let mut command = Command::new(example("key_store"));
            command.args(["--store", &store.path]).args(arguments);
            // SAFETY: it is async-signal-safe. The session that it begins has no terminal.
            unsafe {
                command.pre_exec(|| {
                    libc::setsid();
                    Ok(())
                });
            }
            let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // Open until the end: who reads from it waits for ever.
            let stdin = child.stdin.take();
            let output = child.wait_with_output().unwrap();
            drop(stdin);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
            assert!(
                stderr.contains("terminal") && stderr.contains("--passphrase-file"),
                "{stderr}"
            );
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_passphrase_that_is_typed_is_not_shown() {
        let store = Store::none();
        let typed = |arguments: &[&str], lines: &[&str], stdin: &str| {
            let arguments = [&["--store", &store.path], arguments].concat();
            let (run, shown) = terminal::run(&arguments, lines, stdin);
            for secret in lines {
                assert!(!format!("{}{}{shown}", run.stdout, run.stderr).contains(secret));
            }
            (run.status, run.stdout, run.stderr, shown)
        };
        let both = "New passphrase: \r\nThe same again: \r\n".to_owned();
        let once = "Passphrase: \r\n".to_owned();

        let (status, _, stderr, shown) = typed(&["init"], &[PASSPHRASE, "another one"], "");
        assert_eq!((status, shown), (Some(2), both.clone()));
        assert!(stderr.contains("differ") && !fs::exists(&store.path).unwrap(), "{stderr}");

        let nothing = String::new;
        let done = typed(&["init"], &[PASSPHRASE, PASSPHRASE], "");
        assert_eq!(done, (Some(0), nothing(), nothing(), both.clone()));
        // What is on standard input is the key: the passphrase does not come from there.
        let done = typed(&["import", "a"], &[PASSPHRASE], KEY);
        assert_eq!(done, (Some(0), nothing(), nothing(), once.clone()));
        let done = typed(&["rekey"], &[PASSPHRASE, "another one", "another one"], "");
        assert_eq!(done, (Some(0), nothing(), nothing(), format!("{once}{both}")));
        let (status, _, stderr, _) = typed(&["list"], &[PASSPHRASE], "");
        assert_eq!(status, Some(2), "{stderr}");
        let (status, stdout, ..) = typed(&["list"], &["another one"], "");
        assert_eq!((status, stdout.lines().count()), (Some(0), 1));
    }

    /// A pseudo-terminal with the example on it.
    #[cfg(target_os = "linux")]
    mod terminal {
        use std::io::Read as _;
        use std::mem::MaybeUninit;
        use std::os::fd::{AsRawFd as _, FromRawFd as _};
        use std::ptr::null_mut;
        use std::sync::{Arc, Mutex};
        use std::time::Instant;

        use super::*;

        /// Types one of `lines` whenever the example asks for it; also returns what was to be seen.
        pub(super) fn run(arguments: &[&str], lines: &[&str], stdin: &str) -> (Run, String) {
            let (mut keyboard, inner) = open();
            let terminal = inner.as_raw_fd();
            let mut command = Command::new(example("key_store"));
            command.args(arguments);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            // SAFETY: both are async-signal-safe.
            unsafe {
                command.pre_exec(move || {
                    if libc::setsid() == -1 || libc::ioctl(terminal, libc::TIOCSCTTY, 0) == -1 {
                        return Err(std::io::Error::last_os_error());
                    }
                    Ok(())
                });
            }
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();

            let shown = Arc::new(Mutex::new(String::new()));
            let mut screen = keyboard.try_clone().unwrap();
            let reader = std::thread::spawn({
                let shown = Arc::clone(&shown);
                move || {
                    let mut bytes = [0; 256];
                    // An error is the end: nobody has the terminal any more.
                    while let Ok(len @ 1..) = screen.read(&mut bytes) {
                        shown.lock().unwrap().push_str(str::from_utf8(&bytes[..len]).unwrap());
                    }
                }
            });
            for (asked, line) in lines.iter().enumerate() {
                let started = Instant::now();
                // Typed before the terminal is set, it would be shown.
                while shown.lock().unwrap().matches(": ").count() <= asked || echoes(&inner) {
                    assert!(started.elapsed() < Duration::from_secs(60), "not asked: {shown:?}");
                    std::thread::sleep(Duration::from_millis(2));
                }
                keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
            }
            let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
            drop(inner);
            reader.join().unwrap();
            let run = Run {
                status: status.code(),
                stdout: String::from_utf8(stdout).unwrap(),
                stderr: String::from_utf8(stderr).unwrap(),
            };
            let shown = shown.lock().unwrap().clone();
            (run, shown)
        }

        /// Both ends of a pseudo-terminal, the one that programs see last.
        fn open() -> (fs::File, fs::File) {
            let (mut outer, mut inner) = (-1, -1);
            // SAFETY: both are places for a descriptor; null is allowed for the rest.
            let status = unsafe {
                libc::openpty(&raw mut outer, &raw mut inner, null_mut(), null_mut(), null_mut())
            };
            assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
            // SAFETY: they were opened here, and nothing else owns them.
            let ends = unsafe { [outer, inner].map(|end| fs::File::from_raw_fd(end)) };
            for end in &ends {
                // SAFETY: it is open. Programs that other tests start are not to keep it open.
                unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
            }
            ends.into()
        }

        /// Whether what is typed is shown.
        fn echoes(terminal: &fs::File) -> bool {
            let mut settings = MaybeUninit::<libc::termios>::uninit();
            // SAFETY: it is a terminal, and a place for its settings.
            let status = unsafe { libc::tcgetattr(terminal.as_raw_fd(), settings.as_mut_ptr()) };
            assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
            // SAFETY: they were just written.
            unsafe { settings.assume_init() }.c_lflag & libc::ECHO != 0
        }
    }
}
