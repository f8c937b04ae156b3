//! Keeps the keys of a device in an encrypted file, and signs with them.
//!
//! ```text
//! cargo build --example key_store --features keystore-file,keystore-software
//! alias key_store='target/debug/examples/key_store --store /var/lib/contoso/keys'
//! key_store init
//! key_store import hub.primary < key.txt
//! key_store sign hub.primary --host contoso.azure-devices.net --device pump-7
//! ```
//!
//! The passphrase is asked for on the terminal, unless a file has it. A key is read from standard input,
//! and nothing gives it out again.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hubward::keystore::file::{FileKeyStore, StoreKey};
use hubward::keystore::fs_check::{FsReport, check_private_dir, check_private_file};
use hubward::keystore::{KeyKind, KeyName, KeyStore as _, KeyStoreAdmin as _, NewKey};
use hubward::pki_types::PrivateKeyDer;
use hubward::pki_types::pem::PemObject as _;
use hubward::secret::SecretText;
use hubward::{
    Clock as _, DeviceId, HubHost, KeyError, ResourceUri, SasSigner, SymmetricKey, SystemClock,
};
use zeroize::Zeroizing;

mod support;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const FILE: &str = "passphrase-file";
const NEW_FILE: &str = "new-passphrase-file";

fn main() -> ExitCode {
    support::run(command(), |matches| manage(matches).map_err(|error| told(&*error)))
}

fn command() -> Command {
    let name = |id: &'static str, value_name: &'static str| {
        Arg::new(id).value_name(value_name).required(true).help("Name of a key in the store")
    };
    let path = |id: &'static str| {
        Arg::new(id).long(id).value_name("PATH").value_parser(value_parser!(PathBuf))
    };
    let flag = |id: &'static str| Arg::new(id).long(id).action(ArgAction::SetTrue);
    let private = flag("private").help("Read a private key, PEM or DER, unencrypted");
    let value = |id: &'static str, value_name: &'static str| {
        Arg::new(id).long(id).value_name(value_name).allow_hyphen_values(true)
    };

    Command::new("key_store")
        .about("Keeps the keys of a device in an encrypted file, and signs with them")
        .after_help(
            "Without --passphrase-file the passphrase is asked for on the terminal.\n\
             Exit status: 0; 1 if `check` finds something; 2 for bad input, and for all that fails.",
        )
        .subcommand_required(true)
        .arg(path("store").global(true).help("File of the store, in a folder of its own"))
        .arg(path(FILE).global(true).help("File with the passphrase, for its owner alone"))
        .subcommand(
            Command::new("init").about("Creates an empty store, and its folder if there is none"),
        )
        .subcommand(
            Command::new("create").about("Generates a key").arg(name("name", "NAME")).arg(
                value("kind", "KIND").help("symmetric, p256 or p384 [default: symmetric]"),
            ),
        )
        .subcommand(
            Command::new("import")
                .about("Adds a key that standard input gives, in base64")
                .arg(name("name", "NAME"))
                .arg(&private),
        )
        .subcommand(Command::new("list").about("Shows names, kinds and protection of the keys"))
        .subcommand(
            Command::new("rotate")
                .about("Replaces a key by one of its kind, generated unless given")
                .arg(name("name", "NAME"))
                .arg(flag("import").help("Read the new key from standard input, in base64"))
                .arg(private.requires("import")),
        )
        .subcommand(
            Command::new("swap")
                .about("Exchanges two keys, for instance primary and secondary")
                .arg(name("a", "A"))
                .arg(name("b", "B")),
        )
        .subcommand(
            Command::new("sign")
                .about("Mints a SAS token; standard output is the token alone")
                .arg(name("name", "NAME"))
                .arg(value("host", "HOST").required(true).help("Host name of the hub"))
                .arg(value("device", "ID").required(true).help("ID of the device"))
                .arg(value("lifetime", "SECONDS").help("Lifetime of the token [default: 3600]")),
        )
        .subcommand(Command::new("delete").about("Deletes a key").arg(name("name", "NAME")))
        .subcommand(
            Command::new("rekey")
                .about("Puts the store under a new passphrase")
                .arg(path(NEW_FILE).help("File with the new passphrase, for its owner alone")),
        )
        .subcommand(
            Command::new("check")
                .about("Shows who else can get at the store's files, and what mends it"),
        )
}

/// What belongs to the arguments is judged before anybody is asked for a passphrase.
fn manage(matches: &ArgMatches) -> Result<ExitCode> {
    let (command, matches) = matches.subcommand().ok_or("a command is missing")?;
    let path: &PathBuf = matches.get_one("store").ok_or("--store is missing (see --help)")?;
    let open = || -> Result<FileKeyStore> {
        Ok(FileKeyStore::open(path, StoreKey::Passphrase(&passphrase(matches)?))?)
    };

    match command {
        "init" => {
            FileKeyStore::create(path, StoreKey::Passphrase(&new_passphrase(matches, FILE)?))?;
        }
        "create" => {
            let (name, kind) = (name(matches, "name")?, kind(matches)?);
            if !open()?.create(&name, kind)? {
                support::say("key_store: there is such a key already; it was left as it is");
            }
        }
        "import" => {
            let (name, store) = (name(matches, "name")?, open()?);
            store.import(&name, GivenKey::read(matches)?.as_new())?;
        }
        "list" => {
            for key in open()?.list()? {
                support::print(&format!("{:<24} {:<12} {}\n", key.name, key.kind, key.protection))?;
            }
        }
        "rotate" => {
            let (name, store) = (name(matches, "name")?, open()?);
            if matches.get_flag("import") {
                store.rotate(&name, GivenKey::read(matches)?.as_new())?;
            } else {
                let old = store.list()?.into_iter().find(|key| key.name == name);
                store.rotate(&name, NewKey::Generate(old.ok_or(KeyError::NotFound)?.kind))?;
            }
        }
        "swap" => {
            let (a, b) = (name(matches, "a")?, name(matches, "b")?);
            open()?.swap(&a, &b)?;
        }
        "sign" => {
            let (name, resource, lifetime) =
                (name(matches, "name")?, resource(matches)?, lifetime(matches)?);
            let signer = SasSigner::new(open()?.mac_key(&name)?, &resource)?;
            let token = signer.sign_for(lifetime, SystemClock.now()?)?;
            let line = Zeroizing::new(format!("{}\n", token.expose_token()));
            support::print(&line)?;
        }
        "delete" => {
            let name = name(matches, "name")?;
            open()?.delete(&name)?;
        }
        "rekey" => {
            let store = open()?;
            store.rekey(StoreKey::Passphrase(&new_passphrase(matches, NEW_FILE)?))?;
        }
        _ => return check(path, matches.get_one(FILE)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what is wrong with the files and folders, each with what mends it.
fn check(store: &Path, passphrase: Option<&PathBuf>) -> Result<ExitCode> {
    let dir = store.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut reports = vec![check_private_file(store), check_private_dir(dir)];
    reports.extend(passphrase.map(check_private_file));

    let mut lines = Vec::new();
    for finding in
        reports.iter().filter_map(|report| report.as_ref().err()).flat_map(FsReport::findings)
    {
        let line = format!("{finding}: {}\n", finding.repair());
        // The folders on the way are the same ones.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    support::print(&lines.concat())?;
    Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

// --- What the arguments say

fn text<'a>(matches: &'a ArgMatches, id: &str) -> &'a str {
    matches.get_one::<String>(id).map_or("", String::as_str)
}

fn name(matches: &ArgMatches, id: &str) -> Result<KeyName> {
    Ok(KeyName::new(text(matches, id))?)
}

fn kind(matches: &ArgMatches) -> Result<KeyKind> {
    match matches.get_one::<String>("kind").map_or("symmetric", String::as_str) {
        "symmetric" => Ok(KeyKind::Symmetric),
        "p256" => Ok(KeyKind::EcdsaP256),
        "p384" => Ok(KeyKind::EcdsaP384),
        _ => Err("--kind takes symmetric, p256 or p384".into()),
    }
}

fn resource(matches: &ArgMatches) -> Result<ResourceUri> {
    let host = HubHost::new(text(matches, "host")).map_err(|error| format!("--host: {error}"))?;
    let device =
        DeviceId::new(text(matches, "device")).map_err(|error| format!("--device: {error}"))?;
    Ok(ResourceUri::device(&host, &device))
}

fn lifetime(matches: &ArgMatches) -> Result<Duration> {
    let seconds = matches.get_one::<String>("lifetime").map_or("3600", String::as_str);
    let seconds = seconds.parse().map_err(|_| "--lifetime takes a whole number of seconds")?;
    Ok(Duration::from_secs(seconds))
}

// --- Secrets that come in

/// The passphrase of a store that there is.
fn passphrase(matches: &ArgMatches) -> Result<SecretText<'static>> {
    match matches.get_one::<PathBuf>(FILE) {
        Some(path) => passphrase_of_file(FILE, path),
        None => ask("Passphrase: ", FILE),
    }
}

/// A passphrase to be set. One that is typed is typed twice.
fn new_passphrase(matches: &ArgMatches, option: &str) -> Result<SecretText<'static>> {
    if let Some(path) = matches.get_one::<PathBuf>(option) {
        return passphrase_of_file(option, path);
    }
    let passphrase = ask("New passphrase: ", option)?;
    if ask("The same again: ", option)? != passphrase {
        return Err("the two passphrases differ, and nothing was changed".into());
    }
    Ok(passphrase)
}

/// Asks on the terminal, without showing what is typed.
fn ask(prompt: &str, option: &str) -> Result<SecretText<'static>> {
    // Its buffer grows while somebody types, so parts of what is typed stay in freed memory for as long
    // as this process lives. A passphrase from a file leaves none.
    match rpassword::prompt_password(prompt) {
        Ok(passphrase) => Ok(SecretText::owned(passphrase)),
        Err(error) => Err(format!(
            "the passphrase cannot be asked for on a terminal ({}): give it by --{option}",
            support::reason(&error),
        )
        .into()),
    }
}

/// What is in a file that nobody else can read, but for a line end.
fn passphrase_of_file(option: &str, path: &Path) -> Result<SecretText<'static>> {
    // Opened first: a file that is not there is told without its name, which may be a passphrase that
    // somebody typed in the wrong place.
    let file = File::open(path).map_err(|error| unreadable(option, &error))?;
    check_private_file(path).map_err(|report| format!("--{option}: {report}"))?;
    let mut bytes = support::read(file).map_err(|error| unreadable(option, &error))?;
    if str::from_utf8(&bytes).is_err() {
        return Err(format!("what --{option} gives is not UTF-8").into());
    }
    // It was just checked; the buffer is taken over, not copied.
    let mut text = String::from_utf8(std::mem::take(&mut *bytes)).unwrap_or_default();
    // That one is the editor's; every other byte counts.
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    text.truncate(line.map_or(text.len(), str::len));
    Ok(SecretText::owned(text))
}

fn unreadable(option: &str, error: &std::io::Error) -> String {
    format!("--{option} cannot be read: {}", support::reason(error))
}

/// A key from standard input, wiped on drop.
enum GivenKey {
    Symmetric(SymmetricKey),
    Private(Zeroizing<PrivateKeyDer<'static>>),
}

impl GivenKey {
    fn read(matches: &ArgMatches) -> Result<Self> {
        if !matches.get_flag("private") {
            let (source, text) = support::read_secret(None)?;
            let key =
                SymmetricKey::from_base64(&text).map_err(|error| format!("{source}: {error}"))?;
            return Ok(Self::Symmetric(key));
        }
        let bytes = support::read(std::io::stdin().lock()).map_err(|error| {
            format!("standard input cannot be read: {}", support::reason(&error))
        })?;
        // The errors are dropped: they may quote what they could not read. The decoder of PEM leaves its
        // base64 in freed memory, for as long as this process lives; DER is not copied on the way.
        let der = PrivateKeyDer::try_from(&bytes[..]).ok().map(|key| key.clone_key());
        let key = der.or_else(|| PrivateKeyDer::from_pem_slice(&bytes).ok());
        match key {
            Some(key) => Ok(Self::Private(Zeroizing::new(key))),
            None => Err(format!("standard input: {}", KeyError::InvalidPrivateKey).into()),
        }
    }

    fn as_new(&self) -> NewKey<'_> {
        match self {
            Self::Symmetric(key) => NewKey::Symmetric(key),
            Self::Private(key) => NewKey::Private(key),
        }
    }
}

/// An error and what caused it, on one line.
fn told(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
