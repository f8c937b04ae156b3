//! Requests a certificate for a device: makes or reads its private key, and writes the request that a CA
//! or the Device Provisioning Service takes.
//!
//! ```text
//! cargo run --example device_csr --features x509-issue,keystore-software -- \
//!     --device pump-7 --new-key pump-7.key.pem --out pump-7.csr.pem
//! ```
//!
//! The private key stays in its file. It is not encrypted: the mode 0600 and its folder keep it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use hubward::keystore::SoftwareSigningKey;
use hubward::x509::CertificateRequest;
use hubward::{DeviceId, ModuleId, RegistrationId};

#[path = "support/new_files.rs"]
mod new_files;
#[path = "support/private_keys.rs"]
mod private_keys;
mod support;

fn main() -> ExitCode {
    support::run(command(), request)
}

fn command() -> Command {
    let id =
        |name: &'static str| Arg::new(name).long(name).value_name("ID").allow_hyphen_values(true);
    let path = |name: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf))
    };
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);

    Command::new("device_csr")
        .about("Makes or reads a device's private key, and requests a certificate for it")
        .after_help(
            "The request goes to standard output as PEM, unless --out or --base64 is given.\n\
             A file that is there already is left alone and told about, unless --force is given.\n\
             Exit status: 0, or 2 for bad input.",
        )
        .arg(id("device").help("The request is for this device of the hub"))
        .arg(id("module").requires("device").help("The request is for this module of the device"))
        .arg(id("registration").help("The request is for this registration ID of DPS"))
        .group(ArgGroup::new("whose").args(["device", "registration"]).required(true))
        .arg(path("new-key").help("Make a private key, and write it to this file (mode 0600)"))
        .arg(path("key").help("Use the private key of this file, in PEM or DER"))
        .group(ArgGroup::new("which").args(["new-key", "key"]).required(true))
        .arg(
            Arg::new("algorithm")
                .long("algorithm")
                .value_name("CURVE")
                .requires("new-key")
                .default_value("p256")
                .help("What to make the key for: p256 or p384"),
        )
        .arg(
            path("passphrase-file")
                .requires("key")
                .help("File with the passphrase of a private key that is encrypted"),
        )
        .arg(path("out").help("Write the request to this file, as PEM"))
        .arg(flag("base64").help("Print the request on one line, in base64, as DPS takes it"))
        .arg(flag("force").help("Replace files that are there already"))
}

fn request(matches: &ArgMatches) -> Result<ExitCode, String> {
    let force = matches.get_flag("force");
    let whose = Whose::read(matches)?;
    let out = matches.get_one::<PathBuf>("out");
    // Before anything is written.
    if let (Some(out), Some(key)) = (out, matches.get_one::<PathBuf>("new-key"))
        && is_same_file(out, key)
    {
        return Err(
            "--new-key and --out name the same file: the request would replace the key".into()
        );
    }
    if let Some(out) = out
        && !force
        && out.symlink_metadata().is_ok()
    {
        return Err(format!("{}: it is there already", out.display()));
    }

    let request = if let Some(path) = matches.get_one::<PathBuf>("new-key") {
        let algorithm = matches.get_one::<String>("algorithm").map_or("", String::as_str);
        let (key, pem) = new_files::new_key(algorithm)?;
        let request = whose.request(&key)?;
        new_files::write(path, pem.as_bytes(), force)?;
        request
    } else {
        let path = matches.get_one::<PathBuf>("key").ok_or("no key is given")?;
        let passphrase_file = matches.get_one::<PathBuf>("passphrase-file");
        whose.request(&private_keys::read_key(path, passphrase_file)?)?
    };

    if let Some(out) = out {
        new_files::write(out, request.to_pem().as_bytes(), force)?;
    }
    if matches.get_flag("base64") {
        support::print(&format!("{}\n", request.to_base64()))?;
    } else if out.is_none() {
        support::print(&request.to_pem())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether two paths name one file, be it there or not.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(path.canonicalize().unwrap_or(folder.join(path.file_name()?)))
    };
    a == b || place(a).is_some_and(|a| place(b) == Some(a))
}

/// Whom the certificate is to name.
enum Whose {
    Device(DeviceId),
    Module(DeviceId, ModuleId),
    Registration(RegistrationId),
}

impl Whose {
    fn read(matches: &ArgMatches) -> Result<Self, String> {
        let id = |name| matches.get_one::<String>(name).map(String::as_str);
        let told = |error| format!("{error}");
        if let Some(registration) = id("registration") {
            return Ok(Self::Registration(RegistrationId::new(registration).map_err(told)?));
        }
        let device = DeviceId::new(id("device").unwrap_or_default()).map_err(told)?;
        Ok(match id("module") {
            Some(module) => Self::Module(device, ModuleId::new(module).map_err(told)?),
            None => Self::Device(device),
        })
    }

    fn request(&self, key: &SoftwareSigningKey) -> Result<CertificateRequest, String> {
        match self {
            Self::Device(device) => CertificateRequest::for_device(key, device),
            Self::Module(device, module) => CertificateRequest::for_module(key, device, module),
            Self::Registration(id) => CertificateRequest::for_registration(key, id),
        }
        .map_err(|error| error.to_string())
    }
}
