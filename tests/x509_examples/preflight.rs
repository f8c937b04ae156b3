//! The example `preflight`: where it reads, what it says, and that the worst of it is the exit status.

use std::io::Write as _;
use std::process::Stdio;

use super::{Desk, Run, example};

const VARIABLE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const DEVICE: &str = "HostName=contoso.azure-devices.net;DeviceId=pump-7;";
const CHAIN: [&str; 2] = ["--certificate", "dev-ca/devices/pump-7.chain.pem"];
const REGISTRATION: [&str; 4] = ["--id-scope", "0ne00000001", "--registration-id", "pump-7"];

/// Runs it with a connection string in the environment, on standard input, or both.
fn run(desk: &Desk, arguments: &[&str], variable: Option<&str>, stdin: &str) -> Run {
    let mut command = desk.command(example("preflight"), arguments);
    command.env_remove(VARIABLE).envs(variable.map(|value| (VARIABLE, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that reads elsewhere does not read here.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let run = Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    let shown = format!("{}{}", run.stdout, run.stderr);
    assert!(!shown.contains("AAECAwQF"), "{arguments:?}: a key is shown");
    run
}

/// What it finds, for people and for programs, and with which exit status.
#[track_caller]
fn found(desk: &Desk, arguments: &[&str], stdin: &str, status: i32, codes: &[&str]) {
    let lines = run(desk, arguments, None, stdin);
    assert_eq!((lines.status, &*lines.stderr), (Some(status), ""), "{arguments:?}");
    let text = lines.stdout;
    assert_eq!(text.contains("nothing speaks against it"), codes.is_empty(), "{text}");

    let json = run(desk, &[&["--json"], arguments].concat(), None, stdin);
    assert_eq!((json.status, &*json.stderr), (Some(status), ""), "{arguments:?}");
    assert_eq!(json.stdout.lines().count(), 1);
    let object: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let reasons = object["reasons"].as_array().unwrap();
    let of = |field: &str| -> Vec<&str> {
        reasons.iter().map(|reason| reason[field].as_str().unwrap()).collect()
    };
    assert_eq!(of("code"), codes, "{text}");
    let weights = of("weight");
    assert_eq!(object["weight"].as_str(), weights.first().copied());
    for (weight, (what, fix)) in weights.into_iter().zip(of("text").into_iter().zip(of("fix"))) {
        assert!(text.contains(&format!("{weight}: {what}: {fix}\n")), "{text}");
    }
}

#[test]
fn the_connection_string_comes_from_each_source() {
    let desk = Desk::new();
    let good = format!("{DEVICE}SharedAccessKey={KEY}");
    desk.write("device.txt", format!("\u{FEFF}{good}\r\n"));
    let file = ["--connection-string-file", "device.txt"];
    for (arguments, variable, stdin) in [
        (&file[..], None, ""),
        // The file wins, and then the environment.
        (&file, Some("garbage"), "garbage"),
        (&[], Some(&*good), "garbage"),
        (&[], None, &*format!("{good}\n")),
    ] {
        let text = run(&desk, arguments, variable, stdin).ok();
        assert_eq!(text, "nothing speaks against it, as far as can be told from here\n");
    }
}

#[test]
fn the_worst_is_the_exit_status() {
    let desk = Desk::new();
    let device = |more: &str| format!("{DEVICE}{more}");
    let key = format!("SharedAccessKey={KEY}");
    found(&desk, &[], &device(&key), 0, &[]);
    let owner = device(&format!("SharedAccessKeyName=iothubowner;{key}"));
    found(&desk, &[], &owner, 0, &["policy-too-much"]);
    found(&desk, &[], &device("SharedAccessKey=Zm9vYmFy"), 1, &["key-short"]);
    found(&desk, &[], &device("SharedAccessKe=y"), 2, &["connection-string"]);
    found(&desk, &["--now", "0"], &device(&key), 2, &["clock-unknown"]);
    let signature = "sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se=1800000000";
    let resource = "contoso.azure-devices.net%2Fdevices%2Fpump-7";
    let token =
        device(&format!("SharedAccessSignature=SharedAccessSignature sr={resource}&{signature}"));
    found(&desk, &["--now", "1799999999"], &token, 0, &[]);
    found(&desk, &["--now", "1800000000"], &token, 2, &["token-expired"]);
}

#[test]
fn certificates_are_judged_with_the_connection_string_or_the_registration() {
    let desk = Desk::with_ca();
    desk.device("pump-7");
    let x509 = format!("{DEVICE}x509=true");
    let all = [&CHAIN[..], &["--key", "pump-7.key.pem", "--ca", "dev-ca/root.cert.pem"]].concat();
    found(&desk, &[], &x509, 2, &["certificate-missing"]);
    found(&desk, &all, &x509, 0, &[]);
    found(&desk, &all, &x509.replace("pump-7", "pump-8"), 2, &["certificate"]);
    found(&desk, &all, &format!("{DEVICE}SharedAccessKey={KEY}"), 0, &["certificate-unused"]);
    // Where the chain ends is not known: that is no reason to refuse it.
    found(&desk, &CHAIN, &x509, 0, &["certificate-unchecked", "certificate-note"]);

    let with = |more: &[&'static str]| [&REGISTRATION[..], more].concat();
    found(&desk, &with(&all), "", 0, &[]);
    let other = [&CHAIN[..], &["--key", "dev-ca/root.key.pem"]].concat();
    let codes = ["certificate", "certificate-unchecked", "certificate-note"];
    found(&desk, &with(&other), "", 2, &codes);
    let late = (std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 31 * 86_400).to_string();
    found(&desk, &[&with(&all)[..], &["--now", &late]].concat(), "", 2, &["certificate"]);
}

#[test]
fn a_registration_is_judged_by_what_it_has() {
    let desk = Desk::new();
    desk.write("key", format!("{KEY}\n"));
    desk.write("short", "Zm9vYmFy");
    let signature = "sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se=1800000000";
    let resource = "0ne00000001%2Fregistrations%2Fpump-7";
    desk.write(
        "token",
        format!("SharedAccessSignature sr={resource}&{signature}&skn=registration"),
    );
    let with = |more: &[&'static str]| [&REGISTRATION[..], more].concat();
    found(&desk, &with(&[]), "", 2, &["credential-missing"]);
    found(&desk, &with(&["--device-key-file", "key"]), "", 0, &[]);
    found(&desk, &with(&["--device-key-file", "short"]), "", 1, &["key-short"]);
    found(&desk, &with(&["--group-key-file", "key"]), "", 0, &["group-key"]);
    let token = with(&["--token-file", "token", "--now", "1799999999"]);
    found(&desk, &token, "", 0, &[]);
    let hub = with(&["--device-key-file", "key", "--host", "contoso.azure-devices.net"]);
    found(&desk, &hub, "", 2, &["host-of-hub"]);
    let odd = ["--id-scope", "contoso", "--registration-id", "a.", "--device-key-file", "key"];
    found(&desk, &odd, "", 2, &["registration-id", "id-scope-odd"]);
}

#[test]
fn what_cannot_be_judged_is_told_apart() {
    let desk = Desk::new();
    desk.write("empty", "\n");
    desk.write("key", KEY);
    let connection = format!("{DEVICE}SharedAccessKey={KEY}");
    let refused = |arguments: &[&str], variable, stdin: &str, says| {
        run(&desk, arguments, variable, stdin).refused(3, says);
    };
    refused(&[], None, "", "standard input gives is empty");
    refused(&[], Some(""), &connection, "is set but empty");
    refused(&[&connection], None, "", "could read it in `ps`");
    refused(&["--connection-string-file", "none"], None, "", "no such file");
    refused(&["--connection-string-file", "empty"], None, "", "is empty");
    refused(&["--frobnicate"], None, &connection, "not known");
    refused(&["--now", "soon"], None, &connection, "--now takes a whole number");
    refused(&["--certificate", "none.pem"], None, &connection, "no such file");
    refused(&["--key", "key"], None, &connection, "missing");
    refused(&["--id-scope", "0ne"], None, "", "missing");
    refused(&["--device-key-file", "key"], None, &connection, "missing");
    let both = [&REGISTRATION[..], &["--connection-string-file", "key"]].concat();
    refused(&both, None, "", "exclude each other");
    for two in [
        ["--device-key-file", "key", "--group-key-file", "key"],
        ["--device-key-file", "key", "--certificate", "key"],
        ["--token-file", "key", "--certificate", "key"],
    ] {
        refused(&[&REGISTRATION[..], &two].concat(), None, "", "exclude each other");
    }
    let help = run(&desk, &["--help"], None, "").ok();
    assert!(help.contains("Exit status: 0") && help.contains(VARIABLE), "{help}");
}
