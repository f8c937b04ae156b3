//! A hub on this machine, to try everything without an account: it lets devices in, or turns them away, as
//! the service would, and shows the settings of two devices ready to be pasted.
//!
//! ```text
//! cargo run --manifest-path examples/connected/Cargo.toml --bin local_hub
//! ```
//!
//! Standard output has the settings, standard error what happens. A line on standard input, `pump-7 open`,
//! sends a device the rest of the line.

use std::fs::Permissions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use hubward::session::HubIdentity;
use hubward::session::mqtt::HubSession;
use hubward::x509::Validity;
use hubward::{Clock, ConnectionString, DeviceId, HubHost, PolicyName, SymmetricKey, SystemClock};
use hubward_connected::certificates::Certificates;
use hubward_connected::hub::{Config, Credential, Event, LocalHub, Refused, Registry};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

#[path = "../../../support/new_files.rs"]
mod new_files;
#[path = "../../../support/mod.rs"]
#[expect(dead_code, reason = "it is told no secret")]
mod support;

const DAY: Duration = Duration::from_secs(86_400);
/// It has a key.
const WITH_KEY: &str = "pump-7";
/// It has a certificate.
const WITH_CERTIFICATE: &str = "valve-3";
const RUN: &str = "cargo run --manifest-path examples/connected/Cargo.toml --bin";

fn main() -> ExitCode {
    support::run(command(), |matches| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        let done = runtime.block_on(run(matches));
        // Standard input is read by a thread that nobody can end.
        runtime.shutdown_background();
        done
    })
}

fn command() -> Command {
    let port = |name, default, help| {
        Arg::new(name)
            .long(name)
            .value_name("NUMBER")
            .default_value(default)
            .value_parser(value_parser!(u16))
            .help(help)
    };
    Command::new("local_hub")
        .about("A hub on this machine, with two devices, whose settings it prints")
        .after_help(
            "A line on standard input, `pump-7 open`, sends a device the rest of the line.\n\
             The keys and certificates are new each time, and the files with them go when it ends.\n\
             Exit status: 0, or 2 for bad input.",
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("HOST")
                .default_value("localhost")
                .help("The hub's name, which its certificate is for: a host name or an address"),
        )
        .arg(
            Arg::new("address")
                .long("address")
                .value_name("ADDRESS")
                .default_value("127.0.0.1")
                .value_parser(value_parser!(IpAddr))
                .help("Where to listen"),
        )
        .arg(port("mqtt-port", "8883", "The port of MQTT, which the official SDKs expect at 8883"))
        .arg(port("https-port", "8443", "The port of HTTPS, which the official SDKs expect at 443"))
}

async fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let name = matches.get_one::<String>("name").map_or("localhost", String::as_str);
    let host = HubHost::new(name).map_err(|error| format!("--name: {error}"))?;
    let now = SystemClock.now().map_err(|error| error.to_string())?;
    let certificates = Certificates::new(now).map_err(|error| error.to_string())?;
    let [key_device, certificate_device] =
        [WITH_KEY, WITH_CERTIFICATE].map(|id| DeviceId::new(id).map_err(|error| error.to_string()));
    let (key_device, certificate_device) = (key_device?, certificate_device?);

    // From here on there is something to clean up.
    let mut stop = Stop::new()?;
    let folder = tempfile::Builder::new()
        .prefix("local-hub-")
        // Nobody else is to see even what there is.
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| format!("no folder for the files: {error}"))?;
    let folder = folder.path();

    // --- What the hub knows.
    let mut registry = Registry::new(host.clone());
    let (primary, secondary) = (new_key()?, new_key()?);
    let connection = Zeroizing::new(format!(
        "HostName={host};DeviceId={key_device};SharedAccessKey={}",
        primary.expose_base64().expose_text()
    ));
    registry.device(&key_device, Credential::Keys(primary, secondary));
    registry.device(&certificate_device, Credential::Authority);
    registry.authority(certificates.devices()).map_err(|error| error.to_string())?;
    let policy = PolicyName::new("device").map_err(|error| error.to_string())?;
    registry.policy(&policy, new_key()?);

    // --- What the devices are given.
    let write = |name: &str, content: &[u8]| new_files::write(&folder.join(name), content, false);
    let (key, key_pem) = new_files::new_key("p256")?;
    let validity = Validity::starting(now, DAY * 30);
    let chain = certificates
        .device(&certificate_device, &key, validity)
        .map_err(|error| error.to_string())?;
    let x509 = format!("HostName={host};DeviceId={certificate_device};x509=true");
    write("hub-ca.pem", certificates.servers_pem().as_bytes())?;
    write("pump-7.txt", connection.as_bytes())?;
    write("valve-3.txt", x509.as_bytes())?;
    write("valve-3.pem", chain.to_pem().as_bytes())?;
    write("valve-3.key", key_pem.as_bytes())?;

    // --- The hub.
    let tls = certificates.server(name, SystemClock).map_err(|error| error.to_string())?;
    let address = *matches.get_one("address").ok_or("--address is missing")?;
    let (sender, mut events) = mpsc::channel(64);
    let port = |name| matches.get_one(name).copied().unwrap_or(0_u16);
    let config = Config {
        registry,
        tls,
        clock: Arc::new(SystemClock),
        address,
        mqtt_port: port("mqtt-port"),
        https_port: port("https-port"),
    };
    let hub = LocalHub::start(config, sender).await.map_err(|error| {
        format!("cannot listen at {address}: {error}; choose other ports, see --help")
    })?;
    support::print(&settings(&hub, &connection, folder)?)?;

    // --- What happens.
    let mut input = BufReader::new(tokio::io::stdin());
    let (mut line, mut is_open) = (Vec::new(), true);
    loop {
        tokio::select! {
            Some(event) = events.recv() => support::say(&told(&event)),
            // What was read of a line when something else happens stays in `line`.
            read = input.read_until(b'\n', &mut line), if is_open => match read {
                Ok(0) | Err(_) => is_open = false,
                Ok(_) => {
                    support::say(&command_line(&hub, &line));
                    line.clear();
                }
            },
            () = stop.wait() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Whoever ends the program: Ctrl-C, Ctrl-\\, a terminal that is closed, `kill`.
struct Stop([Signal; 4]);

impl Stop {
    fn new() -> Result<Self, String> {
        let signal = |kind| signal(kind).map_err(|error| error.to_string());
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::terminate())?,
        ]))
    }

    async fn wait(&mut self) {
        let Self([interrupt, quit, hangup, terminate]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
            _ = hangup.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// A key of 32 bytes, as the service makes them.
fn new_key() -> Result<SymmetricKey, String> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| error.to_string())?;
    SymmetricKey::from_bytes(&*bytes).map_err(|error| error.to_string())
}

/// What to paste, into a shell at the project's root and elsewhere.
fn settings(hub: &LocalHub, connection: &str, folder: &Path) -> Result<Zeroizing<String>, String> {
    let folder = folder.display();
    let connection_string =
        ConnectionString::parse(connection).map_err(|error| error.to_string())?;
    let identity = HubIdentity::from_connection_string(&connection_string)
        .map_err(|error| error.to_string())?;
    let session = HubSession::new(&identity);
    let (host, mqtt, https) = (identity.host(), hub.mqtt().port(), hub.https().port());
    let (id, user, topic) = (session.client_id(), session.user_name(), session.telemetry_topic());
    Ok(Zeroizing::new(format!(
        r#"MQTT at {host}:{mqtt}, HTTPS at {host}:{https}; Ctrl-C ends the hub.

# pump-7, with a key
{RUN} connect_mqtt -- --trust {folder}/hub-ca.pem --port {mqtt} --connection-string-file {folder}/pump-7.txt
{RUN} https_telemetry -- --trust {folder}/hub-ca.pem --port {https} --connection-string-file {folder}/pump-7.txt

# valve-3, with a certificate
{RUN} connect_mqtt -- --trust {folder}/hub-ca.pem --port {mqtt} --connection-string-file {folder}/valve-3.txt --certificate {folder}/valve-3.pem --key {folder}/valve-3.key

# pump-7, with any client of MQTT
mosquitto_pub -h {host} -p {mqtt} --cafile {folder}/hub-ca.pem -V mqttv311 -q 1 -i {id} -u '{user}' -P "$(cargo run -q --example mint_token -- --connection-string-file {folder}/pump-7.txt)" -t {topic} -m hello

# pump-7, with an official SDK; it is to trust {folder}/hub-ca.pem
{connection}

"#
    )))
}

/// Sends a message to a device.
fn command_line(hub: &LocalHub, line: &[u8]) -> String {
    let Some((device, message)) =
        str::from_utf8(line).ok().and_then(|line| line.trim().split_once(' '))
    else {
        return "local_hub: a device and a message in UTF-8, as in `pump-7 open`".to_owned();
    };
    if hub.send(device, message.to_owned()) {
        format!("{device} is sent a message")
    } else {
        format!("{device} is not sent it: unknown, or more than 64 KiB, or too many are waiting")
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Connected { admitted } => {
            format!("{} is connected, until {} at most", admitted.identity, admitted.until)
        }
        Event::Refused { claim, refused } => {
            format!("{} is refused: {} {refused}", claim.escape_debug(), Refused::CODE)
        }
        Event::Message { id, over, payload, .. } => {
            let text = String::from_utf8_lossy(payload);
            let text: String = text.chars().take(200).collect();
            format!("{id} over {over:?}: {}", text.escape_debug())
        }
        Event::Disconnected { id, reason } => format!("{id} is gone: {reason:?}"),
    }
}
