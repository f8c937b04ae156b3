//! A certificate authority for development: a root, an intermediate below it, and devices' certificates,
//! in one folder.
//!
//! ```text
//! cargo build --example dev_ca --features x509-issue,keystore-software,ring
//! alias dev_ca='target/debug/examples/dev_ca --folder dev-ca'
//! dev_ca root --name 'Contoso development root'
//! dev_ca intermediate --name 'Contoso development intermediate'
//! dev_ca device --device pump-7 --csr pump-7.csr.pem      # from a request, see `device_csr`
//! dev_ca devices --ids all-pumps.txt                      # keys and certificates, one ID a line
//! dev_ca verify-code 3F2A...                              # proves to the hub who has the root's key
//! ```
//!
//! ```text
//! dev-ca/                             mode 0700
//!     root.key.pem                    mode 0600, as all files
//!     root.cert.pem                   what to upload to the hub or to DPS
//!     intermediate.key.pem
//!     intermediate.cert.pem
//!     devices/pump-7.key.pem          not there if the device made its own request
//!     devices/pump-7.chain.pem        what the device sends: its certificate, and the intermediate's
//! ```
//!
//! Files are written under another name first, so that one with its own name is whole, whenever the
//! program is stopped; the same command takes it up again. Keys are not encrypted: the folder keeps them.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hubward::keystore::SoftwareSigningKey;
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, DeviceCertificate, Expected, PEM_MAX,
    RING_ALGORITHMS, Severity, Thumbprint, Validity,
};
use hubward::{Clock as _, DeviceId, SystemClock, UnixTime};
use indicatif::ProgressBar;
use zeroize::Zeroizing;

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/new_files.rs"]
mod new_files;
#[path = "support/private_keys.rs"]
mod private_keys;
mod support;

const ROOT: &str = "root";
const INTERMEDIATE: &str = "intermediate";
const DEVICES: &str = "devices";

const DAY: Duration = Duration::from_secs(86_400);
const DAYS_MAX: u32 = 3650;

/// Devices' clocks differ: what is issued now is valid since then, if its issuer is.
const CLOCKS_DIFFER: u64 = 3600;

/// The longest list of IDs.
const IDS_MAX: usize = 16 * 1024 * 1024;

fn main() -> ExitCode {
    support::run(command(), |matches| match matches.subcommand() {
        Some(("root", matches)) => root(matches),
        Some(("intermediate", matches)) => intermediate(matches),
        Some(("device", matches)) => device(matches),
        Some(("devices", matches)) => devices(matches),
        Some(("verify-code", matches)) => verify_code(matches),
        _ => Err("a command is missing (see --help)".to_owned()),
    })
}

fn command() -> Command {
    let name = || {
        Arg::new("name")
            .long("name")
            .required(true)
            .allow_hyphen_values(true)
            .help("Name of the CA: the common name of its certificate")
    };
    let days = |default: &'static str| {
        Arg::new("days")
            .long("days")
            .value_name("NUMBER")
            .allow_hyphen_values(true)
            .default_value(default)
            .help("How long the certificate is valid, 1 to 3650")
    };
    let algorithm = |default: &'static str| {
        Arg::new("algorithm")
            .long("algorithm")
            .value_name("CURVE")
            .default_value(default)
            .help("What to make a key for: p256 or p384")
    };
    let path = |name: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf))
    };

    Command::new("dev_ca")
        .about("A certificate authority for development: a root, an intermediate, devices")
        .after_help(
            "Nothing that is there already is replaced, but for a device's certificate that is no longer \
             good.\n\
             Exit status: 0, or 2 for bad input and for all that fails.",
        )
        .subcommand_required(true)
        .arg(path("folder").global(true).default_value("dev-ca").help("Folder of the CA"))
        .subcommand(
            Command::new("root")
                .about("Makes the folder, and a root in it")
                .args([name(), days("365"), algorithm("p384")]),
        )
        .subcommand(
            Command::new("intermediate")
                .about("Makes a CA below the root, which then issues for devices")
                .args([name(), days("180"), algorithm("p256")]),
        )
        .subcommand(
            Command::new("device")
                .about("Issues a device's certificate from its request")
                .arg(
                    Arg::new("device")
                        .long("device")
                        .value_name("ID")
                        .required(true)
                        .allow_hyphen_values(true)
                        .help("The device that the request must be for: its ID, or registration ID"),
                )
                .arg(path("csr").required(true).help("The request, as PEM"))
                .arg(days("30"))
                .arg(
                    Arg::new("force")
                        .long("force")
                        .action(ArgAction::SetTrue)
                        .help("Replace the certificate that the device has"),
                ),
        )
        .subcommand(
            Command::new("devices")
                .about("Makes a key and issues a certificate for each device of a list")
                .after_help(
                    "Prints a line for each: its ID, the SHA-256 thumbprint of its certificate, and \
                     `issued` or `kept`.\n\
                     Stop it at any moment, and take it up again: what is there whole is kept.",
                )
                .arg(path("ids").required(true).help("Text with one device ID a line"))
                .args([days("30"), algorithm("p256")]),
        )
        .subcommand(
            Command::new("verify-code")
                .about("Proves to the hub or to DPS that the CA's key is at hand")
                .arg(
                    Arg::new("code")
                        .value_name("CODE")
                        .required(true)
                        .help("The verification code that the service gave out"),
                )
                .arg(
                    Arg::new("ca")
                        .long("ca")
                        .value_name("WHICH")
                        .default_value(ROOT)
                        .help("The CA that was uploaded: root or intermediate"),
                )
                .arg(days("7")),
        )
}

fn root(matches: &ArgMatches) -> Result<ExitCode, String> {
    let days = days(matches)?;
    let now = now()?;
    let folder = Folder::make(matches)?;
    let path = folder.free(certificate_of(ROOT))?;
    let key = KeyFile::at(folder.path(key_of(ROOT)), text(matches, "algorithm"))?;
    let validity = validity(now, days, None)?;
    let root = CertificateAuthority::root(&key.key, text(matches, "name"), validity)
        .map_err(|error| error.to_string())?;
    let certificate = root.certificate();
    key.keep()?;
    new_files::write(&path, certificate.to_pem().as_bytes(), false)?;
    support::print(&format!(
        "{}upload {} to the hub or to DPS (\"Certificates\"), and prove that you have its key: \
         verify-code\n",
        shown(certificate),
        path.display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn intermediate(matches: &ArgMatches) -> Result<ExitCode, String> {
    let days = days(matches)?;
    let now = now()?;
    let folder = Folder::open(matches)?;
    let path = folder.free(certificate_of(INTERMEDIATE))?;
    let (root, root_key) = folder.ca(ROOT)?;
    let validity = validity(now, days, Some(&root))?;
    let root = CertificateAuthority::from_certificate(root, &root_key)
        .map_err(|error| error.to_string())?;
    let name = text(matches, "name");
    if root.certificate().common_name() == Some(name) {
        return Err("--name is that of the root: give the intermediate another".to_owned());
    }
    let key = KeyFile::at(folder.path(key_of(INTERMEDIATE)), text(matches, "algorithm"))?;
    let intermediate =
        root.intermediate(&key.key, name, validity).map_err(|error| error.to_string())?;
    let certificate = intermediate.certificate();
    key.keep()?;
    new_files::write(&path, certificate.to_pem().as_bytes(), false)?;
    support::print(&format!(
        "{}not to be uploaded: devices send it behind their own certificate\n",
        shown(certificate)
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn device(matches: &ArgMatches) -> Result<ExitCode, String> {
    let days = days(matches)?;
    let now = now()?;
    let device = DeviceId::new(text(matches, "device")).map_err(|error| error.to_string())?;
    let folder = Folder::open(matches)?;
    let force = matches.get_flag("force");
    let name = chain_of(&device)?;
    let path = if force { folder.path(name) } else { folder.free(name)? };

    let csr = matches.get_one::<PathBuf>("csr").ok_or("--csr is missing")?;
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", csr.display());
    let request = CertificateRequest::from_pem(&certificates::read(csr, PEM_MAX)?)
        .map_err(|error| told(&error))?;

    let (ca, ca_key) = folder.issuer()?;
    let issuer = Issuer::new(&folder, ca, &ca_key)?;
    let validity = validity(now, days, Some(issuer.ca.certificate()))?;
    let certificate = issuer
        .ca
        .issue_device(&request, &device, validity, RING_ALGORITHMS)
        .map_err(|error| told(&error))?;
    make_private(&folder.path(DEVICES))?;
    new_files::write(&path, issuer.chain(&certificate).as_bytes(), force)?;
    support::print(&format!(
        "{}register {device} as \"X.509 CA signed\", or by the thumbprint; it sends {}\n",
        shown(&certificate),
        path.display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn devices(matches: &ArgMatches) -> Result<ExitCode, String> {
    let days = days(matches)?;
    let algorithm = text(matches, "algorithm");
    let ids = matches.get_one::<PathBuf>("ids").ok_or("--ids is missing")?;
    // All of them before the first is made.
    let ids = read_ids(ids)?;
    let folder = Folder::open(matches)?;
    let (ca, ca_key) = folder.issuer()?;
    let issuer = Issuer::new(&folder, ca, &ca_key)?;
    make_private(&folder.path(DEVICES))?;

    // On standard error, and only if that is a terminal.
    let progress = ProgressBar::new(ids.len() as u64);
    let mut issued = 0;
    for id in &ids {
        let (certificate, is_new) =
            complete(&folder, &issuer, id, days, algorithm).map_err(|error| {
                progress.abandon();
                format!("{id}: {error}")
            })?;
        issued += usize::from(is_new);
        let line = format!(
            "{id}\t{}\t{}\n",
            Thumbprint::sha256(certificate.der()),
            if is_new { "issued" } else { "kept" },
        );
        progress.suspend(|| support::print(&line))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    support::say(&format!("dev_ca: {issued} issued, {} kept", ids.len() - issued));
    Ok(ExitCode::SUCCESS)
}

fn verify_code(matches: &ArgMatches) -> Result<ExitCode, String> {
    let days = days(matches)?;
    let now = now()?;
    let code = text(matches, "code");
    let folder = Folder::open(matches)?;
    let which = match text(matches, "ca") {
        which @ (ROOT | INTERMEDIATE) => which,
        _ => return Err("--ca takes root or intermediate".to_owned()),
    };
    let path = folder.free(format!("verify-{}.cert.pem", file_name(code)?))?;
    let (ca, ca_key) = folder.ca(which)?;
    let validity = validity(now, days, Some(&ca))?;
    let ca =
        CertificateAuthority::from_certificate(ca, &ca_key).map_err(|error| error.to_string())?;
    // Nobody uses it again.
    let (key, _) = new_files::new_key("p256")?;
    let certificate =
        ca.prove_possession(&key, code, validity).map_err(|error| error.to_string())?;
    new_files::write(&path, certificate.to_pem().as_bytes(), false)?;
    support::print(&format!(
        "{}upload {} where the service gave out the code\n",
        shown(&certificate),
        path.display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What issues for devices.
struct Issuer<'a> {
    ca: CertificateAuthority<'a>,
    root: [Certificate; 1],
}

impl<'a> Issuer<'a> {
    fn new(
        folder: &Folder,
        certificate: Certificate,
        key: &'a SoftwareSigningKey,
    ) -> Result<Self, String> {
        let root = folder.certificate(&certificate_of(ROOT))?;
        let ca = CertificateAuthority::from_certificate(certificate, key)
            .map_err(|error| error.to_string())?;
        Ok(Self { ca, root: [root] })
    }

    /// What the device sends. The root is left out: the hub has it.
    fn chain(&self, certificate: &Certificate) -> String {
        let mut chain = certificate.to_pem();
        if !self.ca.certificate().is_self_issued() {
            chain.push_str(&self.ca.certificate().to_pem());
        }
        chain
    }
}

/// Sees to it that a device has a key and a certificate; whether the certificate is a new one.
fn complete(
    folder: &Folder,
    issuer: &Issuer<'_>,
    id: &DeviceId,
    days: u32,
    algorithm: &str,
) -> Result<(Certificate, bool), String> {
    let now = now()?;
    let key_path = folder.path(format!("{DEVICES}/{}.key.pem", file_name(id.as_str())?));
    let path = folder.path(chain_of(id)?);
    let has_chain = path.symlink_metadata().is_ok();
    // The key is written before the certificate: one that is not here is the device's own.
    let is_elsewhere = has_chain && key_path.symlink_metadata().is_err();
    let key = if is_elsewhere { None } else { Some(KeyFile::at(key_path, algorithm)?) };

    // One that cannot be read is damaged, and is issued anew.
    if has_chain
        && let Ok(chain) = DeviceCertificate::from_pem(&certificates::read(&path, PEM_MAX)?)
    {
        let certificate = chain.end_entity();
        // Some file systems take two names that differ in case for one.
        if certificate.common_name() != Some(id.as_str()) {
            return Err(format!("{} has the certificate of another", path.display()));
        }
        let mut expected =
            Expected::new().device(id).algorithms(RING_ALGORITHMS).trust_anchors(&issuer.root);
        if let Some(key) = &key {
            expected = expected.key(&key.key);
        }
        if chain.judge(&expected, now).severity() < Some(Severity::Error) {
            return Ok((certificate.clone(), false));
        }
    }
    let key = key.ok_or(
        "its certificate is no longer good, and its key is not here: `device --force`, from a request",
    )?;
    let validity = validity(now, days, Some(issuer.ca.certificate()))?;
    let request =
        CertificateRequest::for_device(&key.key, id).map_err(|error| error.to_string())?;
    let certificate = issuer
        .ca
        .issue_device(&request, id, validity, RING_ALGORITHMS)
        .map_err(|error| error.to_string())?;
    key.keep()?;
    new_files::write(&path, issuer.chain(&certificate).as_bytes(), true)?;
    Ok((certificate, true))
}

/// The IDs of a list, each once.
fn read_ids(path: &Path) -> Result<Vec<DeviceId>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = String::from_utf8(certificates::read(path, IDS_MAX)?)
        .map_err(|_| told(&"it is not UTF-8"))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut ids = Vec::new();
    let mut seen = HashSet::new();
    for (line, id) in (1..).zip(text.lines().map(str::trim)) {
        if id.is_empty() {
            continue;
        }
        let told = |error: &dyn std::fmt::Display| told(&format_args!("line {line}: {error}"));
        if !seen.insert(id) {
            return Err(told(&"the ID is there twice"));
        }
        let id = DeviceId::new(id).map_err(|error| told(&error))?;
        chain_of(&id).map_err(|error| told(&error))?;
        ids.push(id);
    }
    if ids.is_empty() {
        return Err(told(&"it has no ID"));
    }
    Ok(ids)
}

/// The folder of the CA, which one process at a time works in.
struct Folder {
    path: PathBuf,
    /// Held as long as the process lives, however that ends.
    _lock: File,
}

impl Folder {
    /// The folder, made if it is not there.
    fn make(matches: &ArgMatches) -> Result<Self, String> {
        let path = matches.get_one::<PathBuf>("folder").ok_or("--folder is missing")?;
        make_private(path)?;
        Self::open(matches)
    }

    fn open(matches: &ArgMatches) -> Result<Self, String> {
        let path = matches.get_one::<PathBuf>("folder").ok_or("--folder is missing")?.clone();
        let told =
            |error: std::io::Error| format!("{}: {}", path.display(), support::reason(&error));
        let lock = File::open(&path).map_err(told)?;
        check_private(&path)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => format!("{}: another one is at work", path.display()),
            TryLockError::Error(error) => told(error),
        })?;
        let folder = Self { path, _lock: lock };
        // What was begun when the process before this one was stopped.
        folder.remove_partial(&folder.path)?;
        let devices = folder.path(DEVICES);
        if devices.is_dir() {
            check_private(&devices)?;
            folder.remove_partial(&devices)?;
        }
        Ok(folder)
    }

    fn remove_partial(&self, folder: &Path) -> Result<(), String> {
        let told =
            |error: std::io::Error| format!("{}: {}", folder.display(), support::reason(&error));
        for entry in fs::read_dir(folder).map_err(told)? {
            let entry = entry.map_err(told)?;
            if entry.file_name().to_string_lossy().starts_with(new_files::PARTIAL) {
                fs::remove_file(entry.path()).map_err(told)?;
            }
        }
        Ok(())
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// The path of a file that is to be made.
    fn free(&self, name: impl AsRef<Path>) -> Result<PathBuf, String> {
        let path = self.path(name);
        if path.symlink_metadata().is_ok() {
            return Err(format!("{}: it is there already", path.display()));
        }
        Ok(path)
    }

    fn certificate(&self, name: &str) -> Result<Certificate, String> {
        let path = self.path(name);
        if path.symlink_metadata().is_err() {
            return Err(format!("{}: it is not there: make it first", path.display()));
        }
        let mut certificates = certificates::read_certificates(&path)?;
        if certificates.len() != 1 {
            return Err(format!("{}: it has more than one certificate", path.display()));
        }
        Ok(certificates.remove(0))
    }

    /// Certificate and key of a CA.
    fn ca(&self, which: &str) -> Result<(Certificate, SoftwareSigningKey), String> {
        let certificate = self.certificate(&certificate_of(which))?;
        Ok((certificate, private_keys::read_key(&self.path(key_of(which)), None)?))
    }

    /// What issues for devices: the intermediate, if there is one.
    fn issuer(&self) -> Result<(Certificate, SoftwareSigningKey), String> {
        let intermediate = self.path(certificate_of(INTERMEDIATE)).symlink_metadata().is_ok();
        self.ca(if intermediate { INTERMEDIATE } else { ROOT })
    }
}

/// A private key with its file.
struct KeyFile {
    key: SoftwareSigningKey,
    path: PathBuf,
    /// What is to be written, of a key that is new.
    pem: Option<Zeroizing<String>>,
}

impl KeyFile {
    /// The key in that file; a new one if there is none.
    fn at(path: PathBuf, algorithm: &str) -> Result<Self, String> {
        if path.symlink_metadata().is_ok() {
            return Ok(Self { key: private_keys::read_key(&path, None)?, path, pem: None });
        }
        let (key, pem) = new_files::new_key(algorithm)?;
        Ok(Self { key, path, pem: Some(pem) })
    }

    /// Writes the key, if it is new: before its certificate, so that there is none without a key.
    fn keep(&self) -> Result<(), String> {
        self.pem.as_ref().map_or(Ok(()), |pem| new_files::write(&self.path, pem.as_bytes(), false))
    }
}

/// Makes a folder for its owner alone, unless it is there.
fn make_private(path: &Path) -> Result<(), String> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {}", path.display(), support::reason(&error)))
        }
        _ => check_private(path),
    }
}

/// What is in the folder is as private as the folder is.
fn check_private(path: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let metadata =
            fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            let path = path.display();
            return Err(format!(
                "{path}: it is open to others (mode {mode:04o}): chmod 700 {path}"
            ));
        }
    }
    let _ = path;
    Ok(())
}

fn key_of(ca: &str) -> String {
    format!("{ca}.key.pem")
}

fn certificate_of(ca: &str) -> String {
    format!("{ca}.cert.pem")
}

fn chain_of(id: &DeviceId) -> Result<String, String> {
    Ok(format!("{DEVICES}/{}.chain.pem", file_name(id.as_str())?))
}

/// A name of a file from a text: letters, digits and a few marks stay, all else becomes `%XX`, so that two
/// texts never get one name.
fn file_name(text: &str) -> Result<String, String> {
    // 255 bytes is what file systems take, and something is put before and behind it.
    const MAX: usize = 230;

    let mut name = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' => name.push(char::from(byte)),
            // Not hidden, and no option of a command.
            b'.' | b'-' if !name.is_empty() => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.len() > MAX {
        return Err("with its marks as `%XX` it is too long for the name of a file".to_owned());
    }
    Ok(name)
}

fn now() -> Result<UnixTime, String> {
    SystemClock.now().map_err(|error| error.to_string())
}

fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

fn days(matches: &ArgMatches) -> Result<u32, String> {
    let days = text(matches, "days").parse().ok().filter(|days| (1..=DAYS_MAX).contains(days));
    days.ok_or_else(|| format!("--days takes a whole number, 1 to {DAYS_MAX}"))
}

/// From an hour ago on for `days`, within what the issuer's certificate allows.
fn validity(now: UnixTime, days: u32, issuer: Option<&Certificate>) -> Result<Validity, String> {
    let mut validity = Validity::starting(now, DAY * days);
    validity.not_before = UnixTime::from_secs(now.as_secs().saturating_sub(CLOCKS_DIFFER));
    if let Some(issuer) = issuer {
        let allowed = issuer.validity();
        validity.not_before = validity.not_before.max(allowed.not_before);
        if validity.not_after > allowed.not_after {
            return Err(format!(
                "that would outlive its issuer, which ends at {}: --days {} at most",
                allowed.not_after,
                allowed.not_after.saturating_duration_since(now).as_secs() / DAY.as_secs(),
            ));
        }
    }
    Ok(validity)
}

fn shown(certificate: &Certificate) -> String {
    let Validity { not_before, not_after } = certificate.validity();
    format!(
        "{}\nvalid from {not_before} to {not_after}\nSHA-256 {}\nSHA-1   {}\n",
        certificate.subject(),
        Thumbprint::sha256(certificate.der()),
        Thumbprint::sha1(certificate.der()),
    )
}
