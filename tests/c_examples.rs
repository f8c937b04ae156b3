//! The examples in C and C++, built against an installed library by CMake and by pkg-config, and run as people
//! run them.

#![cfg(target_os = "linux")]

#[path = "c_examples/broker.rs"]
mod broker;
#[path = "c_examples/build.rs"]
mod build;
#[path = "common/examples.rs"]
mod examples;
#[path = "tls_openssl/process.rs"]
#[expect(dead_code, reason = "nobody speaks to the broker over its input")]
mod process;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hubward::{ConnectionString, ResourceUri, SasSigner, SymmetricKey, UnixTime};

use broker::{Broker, openssl_config};
use build::{built, configure, folder, installed, pkg_config, sources, succeed, tool};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const DEVICE: &str = "HostName=contoso-hub.azure-devices.net;DeviceId=device1;\
                      SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const RESOURCE: &str = "contoso-hub.azure-devices.net/devices/device1";
/// What the official Python and Node SDKs make of `DEVICE` and this expiry.
const TOKEN: &str = "SharedAccessSignature sr=contoso-hub.azure-devices.net%2Fdevices%2Fdevice1\
                     &sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se=1735689600";
const EXPIRY: &str = "1735689600";
/// The one of the examples.
const DEMONSTRATION: &str = "HostName=demonstration.azure-devices.net;DeviceId=demonstration;\
                             SharedAccessKey=bm90IGEgc2VjcmV0LCBhIGRlbW9uc3RyYXRpb24ga2V5";
const VARIABLE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";

/// Both builds: with the shared library, and with the static one.
const KINDS: [bool; 2] = [false, true];

#[derive(Debug, PartialEq)]
struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variable: Option<&str>,
) -> Run {
    let mut command = Command::new(program);
    command.args(arguments).env_remove(VARIABLE).stdin(Stdio::null());
    if let Some(value) = variable {
        command.env(VARIABLE, value);
    }
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

// The library, and the ways to build with it.

#[test]
fn the_library_is_laid_out_as_cargo_c_does() {
    let (lib, version) = (installed().join("lib"), env!("CARGO_PKG_VERSION"));
    let (major, rest) = version.split_once('.').unwrap();
    let minor = rest.split('.').next().unwrap();
    let soname = match major {
        "0" => format!("libhubward.so.0.{minor}"),
        major => format!("libhubward.so.{major}"),
    };
    let link = |name: &str| fs::read_link(lib.join(name)).unwrap();
    assert_eq!(link("libhubward.so"), Path::new(&soname));
    assert_eq!(link(&soname), PathBuf::from(format!("libhubward.so.{version}")));
    assert!(lib.join("libhubward.a").is_file());
    let dynamic = succeed(tool("readelf").arg("-d").arg(lib.join("libhubward.so"))).stdout;
    let dynamic = String::from_utf8(dynamic).unwrap();
    assert!(dynamic.contains(&format!("soname: [{soname}]")), "{dynamic}");

    let header = fs::read(installed().join("include/hubward.h")).unwrap();
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/include/hubward.h");
    assert!(header == fs::read(ours).unwrap());

    assert_eq!(pkg_config(&["--modversion"]), version);
    assert!(pkg_config(&["--libs"]).ends_with(" -lhubward"));
    // What a static library needs of the system is for a static one only.
    let private = pkg_config(&["--libs", "--static"]);
    assert!(private.contains(" -lhubward -l"), "{private}");
}

#[test]
fn an_installed_library_can_be_moved() {
    let moved = tempfile::tempdir().unwrap();
    let copy = Command::new("cp").arg("-a").arg(installed()).arg(moved.path().join("sdk")).output();
    assert!(copy.unwrap().status.success());
    let build = moved.path().join("build");
    succeed(&mut configure(&build, &moved.path().join("sdk"), false));
    succeed(tool("cmake").arg("--build").arg(&build).args(["--target", "mint_token"]));
    let ran = run(&build.join("mint_token"), ["--expiry", EXPIRY], Some(DEVICE));
    assert_eq!(ran.stdout, format!("{TOKEN}\n"));
}

#[test]
fn cmake_says_where_there_is_no_library() {
    let nowhere = tempfile::tempdir().unwrap();
    let mut cmake = configure(&nowhere.path().join("build"), nowhere.path(), false);
    let output = cmake.env("PKG_CONFIG_LIBDIR", nowhere.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("Could NOT find Hubward"), "{stderr}");
}

/// The command of the README, with both libraries.
#[test]
fn a_compiler_and_pkg_config_are_enough() {
    let shared = pkg_config(&["--cflags", "--libs"]);
    let archive =
        pkg_config(&["--cflags", "--libs", "--static"]).replace("-lhubward", "-l:libhubward.a");
    for (name, flags) in [("by-hand", &shared), ("by-hand-static", &archive)] {
        let program = folder("by-hand").join(name);
        let mut cc = tool("cc");
        cc.args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "mint_token.c",
            "support.c",
        ]);
        cc.args(flags.split(' ')).arg("-o").arg(&program).current_dir(sources());
        succeed(&mut cc);
        let mut command = Command::new(&program);
        command.args(["--expiry", EXPIRY]).env(VARIABLE, DEVICE);
        command.env("LD_LIBRARY_PATH", installed().join("lib"));
        assert_eq!(String::from_utf8(succeed(&mut command).stdout).unwrap(), format!("{TOKEN}\n"));
        let needed = succeed(tool("readelf").arg("-d").arg(&program)).stdout;
        let needs_it = String::from_utf8_lossy(&needed).contains("libhubward");
        assert_eq!(needs_it, name == "by-hand");
    }
}

#[test]
fn every_standard_compiles_without_a_warning() {
    let warnings =
        ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"];
    let mut count = 0;
    for entry in fs::read_dir(sources()).unwrap() {
        let path = entry.unwrap().path();
        let (compiler, standards) = match path.extension().and_then(OsStr::to_str) {
            Some("c") => ("cc", ["c99", "c11"]),
            Some("cpp") => ("g++", ["c++11", "c++17"]),
            _ => continue,
        };
        for standard in standards {
            let mut command = tool(compiler);
            command.arg(format!("-std={standard}")).args(warnings).arg(&path);
            command.arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/include"));
            succeed(&mut command);
        }
        count += 1;
    }
    assert!(count >= 6);
}

// mint_token: what tests/examples.rs holds the one in Rust to.

#[test]
fn mint_is_the_example_in_rust() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        fs::write(folder.path().join(name), content).unwrap();
        format!("--connection-string-file={}", folder.path().join(name).display())
    };
    let device = file("device", format!("{DEVICE}\n").as_bytes());
    let marked = file("marked", format!("\u{FEFF}{DEVICE};\r\n").as_bytes());
    let module = file("module", format!("{DEVICE};ModuleId=valve").as_bytes());
    let policy = "HostName=h.example;SharedAccessKeyName=iothubowner;SharedAccessKey=Zm9vYmFy";
    let bad: [(&str, &[u8]); 6] = [
        ("empty", b" \n"),
        ("utf16", b"\xFF\xFEH\0o\0s\0t\0"),
        ("binary", b"HostName=\xC3\x28"),
        ("long", &[b'a'; 65 * 1024]),
        ("key", b"HostName=h;DeviceId=d;SharedAccessKey=abc"),
        ("x509", b"HostName=h;DeviceId=d;x509=true"),
    ];
    let bad = bad.map(|(name, content)| file(name, content));
    let missing = file("missing", b"");
    fs::remove_file(folder.path().join("missing")).unwrap();
    let directory = format!("--connection-string-file={}", folder.path().display());
    let split = device.split_once('=').unwrap();

    let expiry = format!("--expiry={EXPIRY}");
    let mut cases: Vec<(Vec<&str>, Option<&str>)> = vec![
        (vec![&device, &expiry], None),
        (vec![split.0, split.1, "--expiry", EXPIRY], None),
        (vec![&marked, &expiry], None),
        (vec![&module, &expiry], None),
        // The file wins.
        (vec![&device, &expiry], Some("garbage")),
        (vec![&expiry], Some(DEVICE)),
        (vec![&expiry], Some(policy)),
        (vec![&expiry], None),
        (vec!["--expiry", "0"], Some(DEVICE)),
        (vec!["--expiry", "18446744073709551615"], Some(DEVICE)),
        (vec!["--expiry", "+007"], Some(DEVICE)),
        // Bad input.
        (vec![&device, &device, &expiry], None),
        (vec!["--expiry", "18446744073709551616"], None),
        (vec!["--expiry", "-1"], None),
        (vec!["--expiry", ""], None),
        (vec!["--expiry", "1 "], None),
        (vec!["--ttl", "ten"], None),
        (vec!["--ttl", "0"], None),
        (vec!["--ttl", "18446744073709551615"], Some(DEVICE)),
        (vec!["--ttl", "1", "--expiry", "1"], Some(DEVICE)),
        (vec!["--ttl"], Some(DEVICE)),
        (vec!["--no-such-option"], Some(DEVICE)),
        (vec![], Some("")),
        (vec![], Some(" \n")),
        (vec![], Some("HostName=h;DeviceId=d")),
        (vec![], Some("HostName=h;DeviceId=d;x509=true")),
        (vec![&missing], None),
        (vec![&directory], None),
        // Secrets.
        (vec![DEVICE], None),
        (vec![TOKEN], None),
        (vec![KEY], None),
        (vec!["--connection-string", DEVICE], None),
        (vec!["--connection-string-file", DEVICE], None),
        (vec!["--ttl", DEVICE], None),
    ];
    cases.extend(bad.iter().map(|file| (vec![&**file], None)));

    let rust = examples::built("mint_token", &["--example", "mint_token"]);
    let programs = KINDS.map(|is_static| built(is_static).join("mint_token"));
    let mut minted = 0;
    for (arguments, variable) in cases {
        let expected = run(&rust, &arguments, variable);
        minted += usize::from(expected.status == Some(0));
        for program in &programs {
            let ran = run(program, &arguments, variable);
            assert_eq!(
                (ran.status, &ran.stdout),
                (expected.status, &expected.stdout),
                "{arguments:?}: {ran:?}"
            );
            let lines = |text: &str| text.lines().count();
            assert_eq!(lines(&ran.stderr), lines(&expected.stderr), "{arguments:?}: {ran:?}");
            if expected.status == Some(0) {
                assert_eq!(ran.stderr, expected.stderr, "{arguments:?}");
            } else {
                assert!(ran.stderr.starts_with("mint_token: "), "{ran:?}");
                let is_about_secrets = |text: &str| text.contains("could read it in `ps`");
                assert_eq!(
                    is_about_secrets(&ran.stderr),
                    is_about_secrets(&expected.stderr),
                    "{ran:?}"
                );
            }
            for secret in [KEY, TOKEN] {
                assert!(!ran.stderr.contains(secret), "{ran:?}");
            }
        }
    }
    assert_eq!(minted, 11);
}

#[test]
fn mint_takes_a_lifetime() {
    let program = built(false).join("mint_token");
    for (arguments, lifetime) in [(&[][..], 3600), (&["--ttl", "60"], 60)] {
        let ran = run(&program, arguments, Some(DEVICE));
        assert_eq!((ran.status, &*ran.stderr), (Some(0), ""));
        let expiry: u64 = ran.stdout.trim().rsplit_once("&se=").unwrap().1.parse().unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        assert!((now + lifetime - 60..=now + lifetime).contains(&expiry));
    }
    let help = run(&program, ["--help"], None);
    assert_eq!((help.status, &*help.stderr), (Some(0), ""));
    for option in ["--connection-string-file", "--ttl", "--expiry", "Exit status"] {
        assert!(help.stdout.contains(option));
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    for (name, arguments) in
        [("mint_token", &[][..]), ("mint_token", &["--help"]), ("secure_element", &[])]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(built(false).join(name));
        let output = command.args(arguments).env_remove(VARIABLE).stdout(full).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("standard output cannot be written: No space left"), "{stderr}");
    }
}

// The others.

fn token(resource: &str, key: &[u8]) -> String {
    let key = SymmetricKey::from_bytes(key).unwrap();
    let signer = SasSigner::new(key, &ResourceUri::parse(resource).unwrap()).unwrap();
    let token = signer.sign(UnixTime::from_secs(EXPIRY.parse().unwrap())).unwrap();
    format!("{}\n", token.expose_token())
}

#[test]
fn a_key_behind_a_driver_makes_the_same_token() {
    let resource = "demonstration.azure-devices.net/devices/demonstration";
    let expected = token(resource, b"not a secret, a demonstration key");
    for is_static in KINDS {
        let program = built(is_static).join("secure_element");
        let ran = run(&program, ["--expiry", EXPIRY], None);
        assert_eq!((ran.status, &ran.stdout), (Some(0), &expected), "{ran:?}");
        for part in
            ["/demonstration/?api-version=", "client ID demonstration\n", "a slot without a key: "]
        {
            assert!(ran.stderr.contains(part), "{ran:?}");
        }
        assert_eq!(run(&program, ["--expiry", "x"], None).status, Some(2));
    }
}

#[test]
fn cpp_makes_the_same_token() {
    let connection = ConnectionString::parse(DEMONSTRATION).unwrap();
    let signer = SasSigner::from_connection_string(&connection).unwrap();
    let expected = signer.sign(UnixTime::from_secs(7)).unwrap();
    for is_static in KINDS {
        let ran = run(&built(is_static).join("cpp_raii"), ["7"], None);
        let expected = format!("{}\n", expected.expose_token());
        assert_eq!((ran.status, &ran.stdout), (Some(0), &expected), "{ran:?}");
        for part in [
            "client ID demonstration\n",
            "without a key: ",
            "(208)",
            "with a broken chip: ",
            "(514)",
        ] {
            assert!(ran.stderr.contains(part), "{ran:?}");
        }
    }
}

/// No leak, and nothing read or written that is not the program's, also where it fails.
#[test]
fn memory_is_used_as_it_should_be() {
    let bad = "HostName=h;DeviceId=d;SharedAccessKey=abc";
    let cases = [
        ("mint_token", &["--expiry", EXPIRY][..], DEVICE, 0),
        ("mint_token", &["--expiry", EXPIRY], bad, 2),
        ("mint_token", &["--ttl", "0"], DEVICE, 2),
        ("secure_element", &[], "", 0),
        ("cpp_raii", &[], "", 0),
    ];
    for (name, arguments, variable, status) in cases {
        let mut valgrind = tool("valgrind");
        valgrind.args([
            "--quiet",
            "--error-exitcode=99",
            "--leak-check=full",
            "--show-leak-kinds=all",
        ]);
        valgrind.args(["--errors-for-leak-kinds=all"]).arg(built(false).join(name)).args(arguments);
        let output = valgrind.env(VARIABLE, variable).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    let flags = pkg_config(&["--cflags", "--libs"]);
    for (name, arguments, variable, status) in cases {
        let source = match name {
            "cpp_raii" => ["cpp_raii.cpp"].as_slice(),
            "secure_element" => &["secure_element.c", "support.c", "-lcrypto", "-pthread"],
            _ => &["mint_token.c", "support.c"],
        };
        let program = folder("sanitized").join(name);
        let mut command = tool(if name == "cpp_raii" { "g++" } else { "cc" });
        command
            .args(["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
            .args(source);
        command.args(flags.split(' ')).arg("-o").arg(&program).current_dir(sources());
        succeed(&mut command);
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .env(VARIABLE, variable)
            .env("LD_LIBRARY_PATH", installed().join("lib"));
        let output = command.output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

// Sessions with a broker.

fn broker(config: &str, maximum: &str) -> Broker {
    let plugin = built(false).join("libmosquitto_tokens.so");
    Broker::start(&plugin, RESOURCE, KEY, config, maximum)
}

/// Runs `mqtt_paho` with the connection string of the device, which is changed by `change`, to the broker.
fn session(broker: &Broker, change: (&str, &str), arguments: &[&str]) -> Run {
    let connection = format!("{DEVICE};GatewayHostName=localhost").replace(change.0, change.1);
    let file = broker.path("device.txt");
    fs::write(&file, connection).unwrap();
    // Nothing that is refused is refused by the system's own policy.
    let weak = broker.path("weak.cnf");
    fs::write(&weak, openssl_config("")).unwrap();
    let mut command = Command::new(built(false).join("mqtt_paho"));
    command.arg("--connection-string-file").arg(file).arg(format!("--port={}", broker.port));
    if !arguments.contains(&"--trust-azure") {
        command.arg("--ca-file").arg(broker.path("ca.pem"));
    }
    command.args(arguments.iter().filter(|argument| **argument != "--trust-azure"));
    let output = command.env("OPENSSL_CONF", weak).output().unwrap();
    Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

const SAME: (&str, &str) = ("", "");

#[test]
fn a_session_with_our_token() {
    for maximum in ["TLSv1.2", "TLSv1.3"] {
        let broker = broker("", maximum);
        let ran = session(&broker, SAME, &["--interval=0"]);
        assert_eq!((ran.status, &*ran.stderr), (Some(0), ""), "{ran:?}");
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), 4, "{ran:?}");
        assert!(lines[0].starts_with("connected, with a token to be renewed at "), "{ran:?}");
        assert_eq!(lines[1..], ["message 1 taken", "message 2 taken", "message 3 taken"]);
        broker.process.wait_for("device1: token: ").unwrap();
        let line = broker.process.wait_for("New client connected").unwrap();
        assert!(
            line.contains("as device1 ")
                && line.contains("u'contoso-hub.azure-devices.net/device1/?"),
            "{line}"
        );
        let line = broker.process.wait_for("Received PUBLISH").unwrap();
        assert!(
            line.contains("q1") && line.contains("'devices/device1/messages/events/'"),
            "{line}"
        );
    }
}

/// A token is renewed after a tenth of its minute, each time by a new connection.
#[test]
fn a_session_that_outlives_its_token() {
    let broker = broker("", "TLSv1.3");
    let ran = session(&broker, SAME, &["--ttl=60", "--renew-percent=10", "--messages=14"]);
    assert_eq!((ran.status, &*ran.stderr), (Some(0), ""), "{ran:?}");
    let connections = ran.stdout.lines().filter(|line| line.starts_with("connected")).count();
    // The first one is renewed at a moment of the device's own, within the first six seconds.
    assert!((2..=4).contains(&connections), "{ran:?}");
    assert_eq!(ran.stdout.lines().filter(|line| line.ends_with(" taken")).count(), 14);
    let said = broker.process.said();
    assert_eq!(said.matches("Received DISCONNECT from device1").count(), connections, "{said}");
    assert_eq!(said.matches("Received PUBLISH from device1").count(), 14, "{said}");
}

#[test]
fn sessions_that_do_not_come_about() {
    let tokens = broker("", "TLSv1.3");
    let old = broker("tls_version tlsv1.1\n", "TLSv1.1");
    let weak = broker("tls_version tlsv1.2\nciphers ECDHE-ECDSA-AES128-SHA256\n", "TLSv1.2");
    // OpenSSL by itself, allowed everything, gets through to both.
    for broker in [&old, &weak] {
        let config = broker.path("weak.cnf");
        fs::write(&config, openssl_config("")).unwrap();
        let mut openssl = Command::new("openssl");
        openssl
            .args(["s_client", "-CAfile"])
            .arg(broker.path("ca.pem"))
            .arg("-verify_return_error");
        openssl
            .arg("-connect")
            .arg(format!("localhost:{}", broker.port))
            .env("OPENSSL_CONF", config);
        succeed(openssl.stdin(Stdio::null()));
    }

    let key = (KEY, "c29tZWJvZHkgZWxzZSdzIGtleQ==");
    for (about, broker, change, arguments, says) in [
        ("another key", &tokens, key, &[][..], "a new token was refused as well"),
        ("another device", &tokens, ("device1", "device2"), &[], "a new token was refused as well"),
        ("nobody to trust", &tokens, SAME, &["--trust-azure"], "certificate verify failed"),
        ("another name", &tokens, ("=localhost", "=127.0.0.1"), &[], "no connection"),
        ("TLS 1.1", &old, SAME, &[], "TLS: "),
        ("CBC", &weak, SAME, &[], "TLS: "),
    ] {
        let ran = session(broker, change, arguments);
        assert_eq!((ran.status, &*ran.stdout), (Some(1), ""), "{about}: {ran:?}");
        assert!(ran.stderr.contains(says), "{about}: {ran:?}");
        assert!(!ran.stderr.contains("sig="), "{about}: {ran:?}");
        assert!(!broker.process.said().contains("New client connected"), "{about}");
    }

    let program = built(false).join("mqtt_paho");
    for (arguments, variable, says) in [
        (&[][..], None, "no connection string is given"),
        (&["--port=0"], Some(DEVICE), "--port takes"),
        (&["--ttl=1"], Some(DEVICE), "lifetime"),
        (&["--ca-file=/no/such/file"], Some(DEVICE), "--ca-file cannot be read"),
    ] {
        let ran = run(&program, arguments, variable);
        assert_eq!((ran.status, &*ran.stdout), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(says), "{arguments:?}: {ran:?}");
    }
}
