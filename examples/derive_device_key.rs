//! Derives a device's key from the key of its DPS enrollment group.
//!
//! ```text
//! cargo run --example derive_device_key -- --group-key-file group.txt --registration-id sn-007
//! ```
//!
//! For the factory or a provisioning service: the group key must never be on a device.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use hubward::{GroupKey, RegistrationId};
use zeroize::Zeroizing;

mod support;

const FILE: &str = "--group-key-file";

fn main() -> ExitCode {
    support::run(command(), derive)
}

fn command() -> Command {
    Command::new("derive_device_key")
        .about("Derives a device's key from a DPS group key; standard output is the key alone, a secret")
        .after_help(
            "Without --group-key-file the group key is read from standard input.\n\
             Exit status: 0, or 2 for bad input.",
        )
        .arg(
            Arg::new("file")
                .long("group-key-file")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("File with the group's primary or secondary key, in base64"),
        )
        .arg(
            Arg::new("registration")
                .long("registration-id")
                .value_name("ID")
                .required(true)
                .allow_hyphen_values(true)
                .help("Registration ID of the device, exactly as it will be registered"),
        )
}

fn derive(matches: &ArgMatches) -> Result<ExitCode, String> {
    let registration = matches.get_one::<String>("registration").map_or("", String::as_str);
    let registration =
        RegistrationId::new(registration).map_err(|error| format!("--registration-id: {error}"))?;

    let file = matches.get_one::<PathBuf>("file");
    let (source, text) = support::read_secret(file.map(|path| (FILE, path)))?;
    let group_key = GroupKey::from_base64(&text).map_err(|error| format!("{source}: {error}"))?;
    let device_key =
        group_key.derive_device_key(&registration).map_err(|error| error.to_string())?;
    let line = Zeroizing::new(format!("{}\n", device_key.expose_base64().expose_text()));
    support::print(&line)?;
    Ok(ExitCode::SUCCESS)
}
