//! What the clients of this package are told on the command line.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::{Arg, ArgMatches, Command, value_parser};
use hubward::ConnectionString;
use hubward::identity::Authentication;
use hubward::tls::{Cloud, Fault, TlsIdentity, TrustAnchors, diagnose};
use hubward::x509::DeviceCertificate;

use crate::{certificates, private_keys, support};

const FILE: &str = "--connection-string-file";
const VARIABLE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";

/// Adds the options that the clients share, for a protocol with this port.
pub(crate) fn add_to(command: Command, port: u16, exit_status: &str) -> Command {
    let path = |name, help| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf)).help(help)
    };
    command
        .after_help(format!(
            "The connection string comes from the file, else from the variable {VARIABLE}. With \
             `x509=true` in it, the device has a certificate, and both files of it are needed.\n\
             Exit status: {exit_status}."
        ))
        .arg(path("connection-string-file", "File with the connection string"))
        .arg(path("trust", "File with the trust anchors, in PEM [default: those of public Azure]"))
        .arg(
            path("certificate", "File with the device's certificate and its chain").requires("key"),
        )
        .arg(path("key", "File with the certificate's private key").requires("certificate"))
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("NUMBER")
                .value_parser(value_parser!(u16).range(1..))
                .help(format!("Port of the hub [default: {port}]")),
        )
        .arg(
            Arg::new("ttl")
                .long("ttl")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64))
                .help("Lifetime of the tokens [default: 3600]"),
        )
}

/// What they were told.
pub(crate) struct Settings {
    pub(crate) connection: ConnectionString<'static>,
    pub(crate) trust: TrustAnchors,
    pub(crate) certificate: Option<CertificateFiles>,
    pub(crate) port: Option<u16>,
    pub(crate) lifetime: Duration,
}

impl Settings {
    pub(crate) fn read(matches: &ArgMatches) -> Result<Self, String> {
        let (source, text) = match matches.get_one::<PathBuf>("connection-string-file") {
            Some(path) => support::read_secret(Some((FILE, path)))?,
            None => {
                let value = std::env::var(VARIABLE);
                (VARIABLE, value.map_err(|_| format!("give {FILE}, or set {VARIABLE}"))?.into())
            }
        };
        let connection = ConnectionString::parse(text.trim())
            .map_err(|error| format!("{source}: {error}"))?
            .into_owned();
        let path = |name| matches.get_one::<PathBuf>(name);
        let trust = match path("trust") {
            None => TrustAnchors::of(Cloud::Public),
            Some(path) => TrustAnchors::from_certificates(certificates::read_certificates(path)?)
                .map_err(|error| format!("--trust: {error}"))?,
        };
        let certificate = match (path("certificate"), path("key")) {
            (Some(certificate), Some(key)) => Some(CertificateFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                read_at: None,
                complaint: None,
            }),
            _ => None,
        };
        let is_x509 = matches!(connection.authentication(), Authentication::X509);
        match (is_x509, &certificate) {
            (true, None) => {
                return Err(format!("{source} says x509=true: give --certificate and --key"));
            }
            (false, Some(_)) => {
                return Err(format!(
                    "{source} has a key or a token: with a certificate, it says x509=true"
                ));
            }
            _ => {}
        }
        let lifetime = Duration::from_secs(matches.get_one("ttl").copied().unwrap_or(3600));
        let port = matches.get_one("port").copied();
        Ok(Self { connection, trust, certificate, port, lifetime })
    }
}

/// A certificate and its key, and when they were last written.
pub(crate) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    read_at: Option<[SystemTime; 2]>,
    /// What was wrong with them when they were last read again.
    complaint: Option<String>,
}

impl CertificateFiles {
    /// Reads both.
    pub(crate) fn read(&mut self) -> Result<TlsIdentity, String> {
        self.read_at = self.written_at();
        let chain = DeviceCertificate::from_certificates(certificates::read_certificates(
            &self.certificate,
        )?)
        .map_err(|error| error.to_string())?;
        let key = private_keys::read_key(&self.key, None)?;
        TlsIdentity::new(chain, Arc::new(key)).map_err(|error| error.to_string())
    }

    /// Reads both again if one of them was written since. Between the one and the other they do not belong
    /// together, which is an error, told once, until both are there.
    pub(crate) fn read_if_changed(&mut self) -> Option<Result<TlsIdentity, String>> {
        let written_at = self.written_at();
        if written_at.is_none() || written_at == self.read_at {
            return None;
        }
        let read = self.read();
        let complaint = read.as_ref().err().cloned();
        if complaint.is_some() {
            // What is missing may be written before the clock of the files has ticked.
            self.read_at = None;
        }
        let is_told = complaint.is_some() && complaint == self.complaint;
        self.complaint = complaint;
        (!is_told).then_some(read)
    }

    fn written_at(&self) -> Option<[SystemTime; 2]> {
        let at = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
        Some([at(&self.certificate)?, at(&self.key)?])
    }
}

/// Why there is no connection: where TLS does not believe the server, in its words and with what to do, else
/// in those of the client library, to the bottom of it.
pub(crate) fn explain(error: &(dyn Error + 'static)) -> String {
    let diagnosis = diagnose(error, None);
    match diagnosis.fault() {
        Fault::Unknown | Fault::BrokenOff | Fault::NoAnswer | Fault::Unreachable { .. } => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                let further = error.to_string();
                // Some say it twice.
                if !text.ends_with(&further) {
                    text = format!("{text}: {further}");
                }
                cause = error.source();
            }
            text
        }
        _ => diagnosis.to_string(),
    }
}
