//! Says why a hub, or the provisioning service, will refuse a device, without asking it.
//!
//! ```text
//! cargo run --example preflight --features session,x509,keystore-software,ring -- \
//!     --connection-string-file device.txt
//! cargo run --example preflight --features session,x509,keystore-software,ring -- \
//!     --id-scope 0ne00000001 --registration-id pump-7 \
//!     --certificate pump-7.chain.pem --key pump-7.key.pem --ca root.cert.pem
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use hubward::keystore::SoftwareSigningKey;
use hubward::session::mqtt::DpsSession;
use hubward::session::preflight::{DpsPreflight, Preflight, PreflightReport, Weight};
use hubward::x509::{Certificate, DeviceCertificate, Expected, RING_ALGORITHMS};
use hubward::{Clock as _, SystemClock, TimeError, UnixTime};
use serde_json::{Value, json};
use zeroize::Zeroizing;

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/json.rs"]
mod json;
#[path = "support/private_keys.rs"]
mod private_keys;
mod support;

const VARIABLE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";

/// For bad input. Most other examples have 2 for that, which here is a device that will be refused.
const BAD_INPUT: u8 = 3;

fn main() -> ExitCode {
    let mut is_judged = false;
    let status = support::run(command(), |matches| {
        let worst = preflight(matches)?;
        is_judged = true;
        Ok(match worst {
            None | Some(Weight::Advice) => ExitCode::SUCCESS,
            Some(Weight::Doubt) => ExitCode::from(1),
            _ => ExitCode::from(2),
        })
    });
    if !is_judged && status != ExitCode::SUCCESS { ExitCode::from(BAD_INPUT) } else { status }
}

fn command() -> Command {
    let option = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).allow_hyphen_values(true)
    };
    let path = |name: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf))
    };
    let secret = |name: &'static str| path(name).requires("id-scope");

    Command::new("preflight")
        .about("Says why a hub, or the provisioning service, will refuse a device, without asking it")
        .after_help(format!(
            "The connection string comes from --connection-string-file, from {VARIABLE} or from standard \
             input. With --id-scope the device is judged as one that registers with the provisioning \
             service.\n\n\
             Exit status: 0 if nothing speaks against it, or there is advice; 1 if it may be refused; 2 if \
             it will be; 3 for bad input."
        ))
        .arg(path("connection-string-file").help("File with the connection string"))
        .arg(
            option("id-scope", "SCOPE")
                .requires("registration-id")
                .conflicts_with("connection-string-file")
                .help("ID scope of the provisioning service"),
        )
        .arg(
            option("registration-id", "ID")
                .requires("id-scope")
                .help("Registration ID of the device"),
        )
        .arg(
            option("host", "HOST")
                .requires("id-scope")
                .default_value(DpsSession::HOST)
                .help("Host of the provisioning service"),
        )
        .arg(secret("device-key-file").help("File with the device's key, in base64"))
        .arg(secret("group-key-file").help("File with the key of the enrollment group, in base64"))
        .arg(secret("token-file").help("File with a ready-made token"))
        .group(ArgGroup::new("secret").args(["device-key-file", "group-key-file", "token-file"]))
        .arg(
            path("certificate")
                .num_args(1..)
                .conflicts_with("secret")
                .help("Certificates, PEM or DER: together what the device sends, its own first"),
        )
        .arg(
            path("key")
                .requires("certificate")
                .help("The private key that should belong to the certificate, PEM or DER"),
        )
        .arg(
            path("passphrase-file")
                .requires("key")
                .help("File with the passphrase of a private key that is encrypted"),
        )
        .arg(
            path("ca")
                .requires("certificate")
                .help("Certificates that the service has, PEM or DER: the chain ends there"),
        )
        .arg(
            option("now", "UNIX_SECONDS").help("Judge as of this moment, not of that of the clock"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print one JSON object instead of lines"),
        )
}

/// Prints the report; the worst of it.
fn preflight(matches: &ArgMatches) -> Result<Option<Weight>, String> {
    let now = now(matches)?;
    let sent = Sent::read(matches)?;
    let report = match matches.get_one::<String>("id-scope") {
        Some(scope) => of_registration(matches, scope, sent.as_ref(), now)?,
        None => {
            let text = connection_string(matches)?;
            let preflight = Preflight::new(&text);
            let preflight = sent.as_ref().map_or(preflight, |sent| {
                preflight.certificate(&sent.certificate, sent.expected())
            });
            preflight.check(now)
        }
    };
    let write = if matches.get_flag("json") { json } else { lines };
    support::print(&write(&report)?)?;
    Ok(report.weight())
}

fn of_registration(
    matches: &ArgMatches,
    scope: &str,
    sent: Option<&Sent>,
    now: UnixTime,
) -> Result<PreflightReport, String> {
    let text = |name| matches.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let secret = |option: &'static str| {
        let path = matches.get_one::<PathBuf>(option.trim_start_matches('-'));
        path.map(|path| support::read_secret(Some((option, path)))).transpose()
    };
    let key = secret("--device-key-file")?;
    let group_key = secret("--group-key-file")?;
    let token = secret("--token-file")?;

    // At most one of them is given.
    let mut preflight = DpsPreflight::new(scope, text("registration-id")).host(text("host"));
    if let Some((_, key)) = &key {
        preflight = preflight.key(key);
    }
    if let Some((_, key)) = &group_key {
        preflight = preflight.group_key(key);
    }
    if let Some((_, token)) = &token {
        preflight = preflight.token(token);
    }
    if let Some(sent) = sent {
        preflight = preflight.certificate(&sent.certificate, sent.expected());
    }
    Ok(preflight.check(now))
}

/// What a device sends to prove itself by a certificate, and what is known of it.
struct Sent {
    certificate: DeviceCertificate,
    key: Option<SoftwareSigningKey>,
    anchors: Vec<Certificate>,
}

impl Sent {
    fn read(matches: &ArgMatches) -> Result<Option<Self>, String> {
        let Some(paths) = matches.get_many::<PathBuf>("certificate") else {
            return Ok(None);
        };
        let mut chain = Vec::new();
        for path in paths {
            chain.extend(certificates::read_certificates(path)?);
        }
        let key = matches.get_one::<PathBuf>("key");
        let passphrase = matches.get_one("passphrase-file");
        let anchors = matches.get_one::<PathBuf>("ca");
        Ok(Some(Self {
            certificate: DeviceCertificate::from_certificates(chain)
                .map_err(|error| error.to_string())?,
            key: key.map(|path| private_keys::read_key(path, passphrase)).transpose()?,
            anchors: anchors
                .map_or(Ok(Vec::new()), |path| certificates::read_certificates(path))?,
        }))
    }

    fn expected(&self) -> Expected<'_> {
        let expected = Expected::new().algorithms(RING_ALGORITHMS).trust_anchors(&self.anchors);
        self.key.as_ref().map_or(expected, |key| expected.key(key))
    }
}

fn connection_string(matches: &ArgMatches) -> Result<Zeroizing<String>, String> {
    let file = matches.get_one::<PathBuf>("connection-string-file");
    if file.is_none()
        && let Some(value) = std::env::var_os(VARIABLE)
    {
        let text = value.into_string().map_err(|_| format!("{VARIABLE} is not UTF-8"))?;
        if text.trim().is_empty() {
            return Err(format!("{VARIABLE} is set but empty: set it, or unset it"));
        }
        return Ok(Zeroizing::new(text));
    }
    let (_, text) = support::read_secret(file.map(|path| ("--connection-string-file", path)))?;
    Ok(text)
}

fn now(matches: &ArgMatches) -> Result<UnixTime, String> {
    match matches.get_one::<String>("now") {
        Some(text) => text
            .parse()
            .map(UnixTime::from_secs)
            .map_err(|_| format!("--now takes a whole number, at most {}", u64::MAX)),
        None => match SystemClock.now() {
            Ok(now) => Ok(now),
            // The report says what that means.
            Err(TimeError::ClockUnknown { now, .. }) => Ok(now),
            Err(error) => Err(error.to_string()),
        },
    }
}

fn lines(report: &PreflightReport) -> Result<String, String> {
    Ok(match report.weight() {
        None => "nothing speaks against it, as far as can be told from here\n".to_owned(),
        Some(_) => report.to_string(),
    })
}

fn json(report: &PreflightReport) -> Result<String, String> {
    let reasons: Value =
        serde_json::from_str(&report.to_json()).map_err(|error| error.to_string())?;
    let weight = report.weight().map(|weight| weight.to_string());
    Ok(json::line(&json!({ "reasons": reasons, "weight": weight })))
}
