//! Mints a SAS token for a device from its connection string.
//!
//! ```text
//! cargo run --example mint_token -- --connection-string-file device.txt --ttl 3600
//! ```
//!
//! Standard output is the token and a line end, nothing else.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use hubward::{Clock, ConnectionString, SasSigner, SystemClock, UnixTime};
use zeroize::Zeroizing;

mod support;

const FILE: &str = "--connection-string-file";
const VARIABLE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";

const NOWHERE: &str = "the demonstration";

/// No such device, and everybody knows its key.
const DEMONSTRATION: &str = "HostName=demonstration.azure-devices.net;DeviceId=demonstration;\
                             SharedAccessKey=bm90IGEgc2VjcmV0LCBhIGRlbW9uc3RyYXRpb24ga2V5";

fn main() -> ExitCode {
    support::run(command(), mint)
}

fn command() -> Command {
    Command::new("mint_token")
        .about("Mints a SAS token for Azure IoT Hub; standard output is the token alone")
        .after_help(
            "The connection string comes from the file, else from the variable \
             IOTHUB_DEVICE_CONNECTION_STRING, else it is that of a demonstration device.\n\
             Exit status: 0, or 2 for bad input.",
        )
        .arg(
            Arg::new("file")
                .long("connection-string-file")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("File with the connection string"),
        )
        .arg(
            Arg::new("ttl")
                .long("ttl")
                .value_name("SECONDS")
                .allow_hyphen_values(true)
                .help("Lifetime of the token [default: 3600]"),
        )
        .arg(
            Arg::new("expiry")
                .long("expiry")
                .value_name("UNIX_SECONDS")
                .allow_hyphen_values(true)
                .conflicts_with("ttl")
                .help("Moment at which the token expires, instead of a lifetime; any moment"),
        )
}

fn mint(matches: &ArgMatches) -> Result<ExitCode, String> {
    let expiry = number(matches, "expiry")?;
    let lifetime = Duration::from_secs(number(matches, "ttl")?.unwrap_or(3600));
    let (source, text) = connection_string(matches)?;
    let connection =
        ConnectionString::parse(&text).map_err(|error| format!("{source}: {error}"))?;
    let signer = SasSigner::from_connection_string(&connection)
        .map_err(|error| format!("{source}: {error}"))?;

    let now = SystemClock.now();
    let token = match expiry {
        Some(expiry) => signer.sign(UnixTime::from_secs(expiry)),
        None => signer.sign_for(lifetime, now.clone().map_err(|error| error.to_string())?),
    };
    let token = token.map_err(|error| error.to_string())?;

    if source == NOWHERE {
        support::say(&format!(
            "mint_token: no connection string is given: this token is for a demonstration device \
             that does not exist; use {FILE} or {VARIABLE}"
        ));
    }
    // Any expiry is minted; whether it is past only a clock that knows the time can tell.
    if now.is_ok_and(|now| token.is_expired_at(now)) {
        let expiry = token.expiry();
        support::say(&format!("mint_token: warning: the token has expired already, at {expiry}"));
    }
    let line = Zeroizing::new(format!("{}\n", token.expose_token()));
    support::print(&line)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the connection string came from, for people, and its text.
fn connection_string(matches: &ArgMatches) -> Result<(&'static str, Zeroizing<String>), String> {
    if let Some(path) = matches.get_one::<PathBuf>("file") {
        return support::read_secret(Some((FILE, path)));
    }
    if let Some(value) = std::env::var_os(VARIABLE) {
        let text = value.into_string().map_err(|_| format!("{VARIABLE} is not UTF-8"))?;
        if text.trim().is_empty() {
            return Err(format!("{VARIABLE} is set but empty: set it, or unset it"));
        }
        return Ok((VARIABLE, Zeroizing::new(text)));
    }
    Ok((NOWHERE, Zeroizing::new(DEMONSTRATION.to_owned())))
}

fn number(matches: &ArgMatches, option: &str) -> Result<Option<u64>, String> {
    matches
        .get_one::<String>(option)
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| format!("--{option} takes a whole number of seconds, at most {}", u64::MAX))
}
