//! Shows what a device's certificate and its chain say, and what is wrong with them.
//!
//! ```text
//! cargo run --example inspect_certificate --features x509,keystore-software,ring -- \
//!     --device pump-7 --key pump-7.key.pem --ca root.cert.pem pump-7.chain.pem
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use hubward::x509::{
    Certificate, DeviceCertificate, Expected, RING_ALGORITHMS, Report, Severity, Thumbprint,
};
use hubward::{Clock as _, DeviceId, ModuleId, RegistrationId, SystemClock, TimeError, UnixTime};
use serde_json::{Value, json};

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/json.rs"]
mod json;
#[path = "support/private_keys.rs"]
mod private_keys;
mod support;

/// For bad input. Every other example has 2 for that, which here is what is wrong with a certificate.
const BAD_INPUT: u8 = 3;

fn main() -> ExitCode {
    let mut worst = None;
    let status = support::run(command(), |matches| {
        worst = inspect(matches)?;
        Ok(match worst {
            None | Some(Severity::Note) => ExitCode::SUCCESS,
            Some(Severity::Warning) => ExitCode::from(1),
            _ => ExitCode::from(2),
        })
    });
    if worst.is_none() && status != ExitCode::SUCCESS { ExitCode::from(BAD_INPUT) } else { status }
}

fn command() -> Command {
    let id =
        |name: &'static str| Arg::new(name).long(name).value_name("ID").allow_hyphen_values(true);
    let path = |name: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf))
    };
    let number = |name: &'static str| Arg::new(name).long(name).allow_hyphen_values(true);

    Command::new("inspect_certificate")
        .about("Shows what a device's certificate and its chain say, and what is wrong with them")
        .after_help(
            "Exit status: 0 if nothing is wrong; 1 if there is a warning; 2 if there is an error; 3 for \
             bad input.",
        )
        .arg(
            Arg::new("files")
                .value_name("PATH")
                .num_args(1..)
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Certificates, PEM or DER: together what the device sends, its own first"),
        )
        .arg(id("device").help("The certificate should be for this device of the hub"))
        .arg(
            id("module")
                .requires("device")
                .help("The certificate should be for this module of the device"),
        )
        .arg(id("registration").help("The certificate should be for this registration ID of DPS"))
        .group(ArgGroup::new("whose").args(["device", "registration"]))
        .arg(path("key").help("The private key that should belong to it, PEM or DER"))
        .arg(
            path("passphrase-file")
                .requires("key")
                .help("File with the passphrase of a private key that is encrypted"),
        )
        .arg(path("ca").help("Certificates that the hub has, PEM or DER: the chain ends there"))
        .arg(
            number("window")
                .value_name("DAYS")
                .default_value("7")
                .help("Warn of what expires within so many days"),
        )
        .arg(
            number("now")
                .value_name("UNIX_SECONDS")
                .help("Judge as of this moment, not of that of the clock"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print one JSON object instead of lines"),
        )
}

/// Prints the report; the worst of it.
fn inspect(matches: &ArgMatches) -> Result<Option<Severity>, String> {
    let id = |name| matches.get_one::<String>(name).map(String::as_str);
    let told = |error| format!("{error}");
    let device = id("device").map(DeviceId::new).transpose().map_err(told)?;
    let module = id("module").map(ModuleId::new).transpose().map_err(told)?;
    let registration = id("registration").map(RegistrationId::new).transpose().map_err(told)?;
    let window = number(matches, "window")?.unwrap_or_default();
    let now = match number(matches, "now")? {
        Some(seconds) => UnixTime::from_secs(seconds),
        None => match SystemClock.now() {
            Ok(now) => now,
            // The report says what that means.
            Err(TimeError::ClockUnknown { now, .. }) => now,
            Err(error) => return Err(error.to_string()),
        },
    };
    let key = matches
        .get_one::<PathBuf>("key")
        .map(|path| private_keys::read_key(path, matches.get_one("passphrase-file")))
        .transpose()?;
    let anchors = matches
        .get_one::<PathBuf>("ca")
        .map_or(Ok(Vec::new()), |path| certificates::read_certificates(path))?;
    let mut chain = Vec::new();
    for path in matches.get_many::<PathBuf>("files").into_iter().flatten() {
        chain.extend(certificates::read_certificates(path)?);
    }
    let chain = DeviceCertificate::from_certificates(chain).map_err(|error| error.to_string())?;

    let mut expected = Expected::new()
        .window(Duration::from_secs(window.saturating_mul(86_400)))
        .algorithms(RING_ALGORITHMS)
        .trust_anchors(&anchors);
    expected = match (&device, &module, &registration) {
        (Some(device), Some(module), _) => expected.module(device, module),
        (Some(device), None, _) => expected.device(device),
        (None, _, Some(registration)) => expected.registration(registration),
        (None, _, None) => expected,
    };
    if let Some(key) = &key {
        expected = expected.key(key);
    }
    let report = chain.judge(&expected, now);

    let write = if matches.get_flag("json") { json } else { lines };
    support::print(&write(&chain, &report)?)?;
    Ok(report.severity())
}

fn lines(chain: &DeviceCertificate, report: &Report) -> Result<String, String> {
    use std::fmt::Write as _;

    let mut text = String::new();
    for (number, certificate) in (1..).zip(chain.chain()) {
        let validity = certificate.validity();
        let is_ca = if certificate.is_ca() { ", a CA" } else { "" };
        write!(
            text,
            "certificate {number} of {}{is_ca}\n  \
             subject  {}\n  issuer   {}\n  serial   {}\n  valid    {} to {}\n  key      {}\n  \
             SHA-256  {}\n  SHA-1    {}\n",
            chain.chain().len(),
            certificate.subject(),
            certificate.issuer(),
            hex(certificate.serial()),
            validity.not_before,
            validity.not_after,
            certificate.public_key_kind(),
            Thumbprint::sha256(certificate.der()),
            Thumbprint::sha1(certificate.der()),
        )
        .map_err(|error| error.to_string())?;
    }
    if report.findings().is_empty() {
        text.push_str("nothing is wrong\n");
    }
    Ok(format!("{text}{report}"))
}

fn json(chain: &DeviceCertificate, report: &Report) -> Result<String, String> {
    let certificate = |certificate: &Certificate| {
        json!({
            "subject": certificate.subject(),
            "issuer": certificate.issuer(),
            "common_name": certificate.common_name(),
            "serial": hex(certificate.serial()),
            "not_before": certificate.validity().not_before.as_secs(),
            "not_after": certificate.validity().not_after.as_secs(),
            "not_before_utc": certificate.validity().not_before.to_string(),
            "not_after_utc": certificate.validity().not_after.to_string(),
            "key": certificate.public_key_kind().to_string(),
            "ca": certificate.is_ca(),
            "sha256": Thumbprint::sha256(certificate.der()).to_string(),
            "sha1": Thumbprint::sha1(certificate.der()).to_string(),
        })
    };
    let findings: Value =
        serde_json::from_str(&report.to_json()).map_err(|error| error.to_string())?;
    let object = json!({
        "certificates": chain.chain().iter().map(certificate).collect::<Vec<_>>(),
        "findings": findings,
        "severity": report.severity().map(|severity| severity.to_string()),
    });
    Ok(json::line(&object))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn number(matches: &ArgMatches, name: &str) -> Result<Option<u64>, String> {
    matches
        .get_one::<String>(name)
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| format!("--{name} takes a whole number, at most {}", u64::MAX))
}
