//! A device that stays connected: it sends a message every few seconds over MQTT, takes messages, and renews
//! its token or certificate while it runs.
//!
//! ```text
//! cargo run --manifest-path examples/connected/Cargo.toml --bin connect_mqtt -- --help
//! ```
//!
//! What there is to learn from it:
//!
//! - A token is asked of the [`TokenCache`] for each connection, and each second while there is one: that
//!   signs nothing until it is time, and is right whatever the clock does.
//! - MQTT takes a new token with a new connection. The old one ends once nothing is on its way, and what was
//!   not acknowledged is sent again, so that nothing is lost. It may arrive twice.
//! - The client library keeps no message from one connection to the next: rumqttc drops what is pending where
//!   the server has forgotten the session.
//! - A certificate is read again when its file changes, and shown by the next connection.
//!
//! Standard output is one line for each message that the device was sent, standard error tells the rest.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use hubward::sas::{CachedToken, Refusal, TokenCache, TokenId, TokenPolicy};
use hubward::session::HubIdentity;
use hubward::session::mqtt::{HubSession, KEEP_ALIVE_MAX, PORT};
use hubward::tls::{ClientTls, Provider};
use hubward::{Clock, SasSigner, SystemClock};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, MqttOptions, Packet, QoS,
    TlsConfiguration, Transport,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

#[path = "../../../support/certificates.rs"]
mod certificates;
#[path = "../../../support/private_keys.rs"]
mod private_keys;
#[path = "../settings.rs"]
mod settings;
#[path = "../../../support/mod.rs"]
mod support;

use settings::{CertificateFiles, Settings};

/// How often the device asks whether there is something to renew.
const ASK: Duration = Duration::from_secs(1);
/// How long an acknowledgement may take once the connection is to be exchanged for another.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take once the program is to end, and how long a goodbye.
const HURRY: Duration = Duration::from_millis(600);
/// The longest pause before the next try to connect.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How many messages wait at most; after that, the device makes no more until some are sent.
const WAITING_MAX: usize = 1000;

fn main() -> ExitCode {
    support::run(command(), |matches| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(run(matches))
    })
}

fn command() -> Command {
    settings::add_to(
        Command::new("connect_mqtt")
            .about("Stays connected to a hub over MQTT, sending a message every few seconds"),
        PORT,
        "0, or 2 for bad input",
    )
    .arg(
        Arg::new("interval")
            .long("interval")
            .value_name("MILLISECONDS")
            .default_value("5000")
            .value_parser(value_parser!(u64).range(1..))
            .help("From one message to the next"),
    )
    .arg(
        Arg::new("count")
            .long("count")
            .value_name("NUMBER")
            .value_parser(value_parser!(u64).range(1..))
            .help("Ends once so many messages are acknowledged; else Ctrl-C ends it"),
    )
}

async fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let settings = Settings::read(matches)?;
    let interval_ms = *matches.get_one("interval").unwrap_or(&5000);
    let count = matches.get_one("count").copied().unwrap_or(u64::MAX);
    let mut device = Device::new(settings)?;
    let mut work = Work::new(Duration::from_millis(interval_ms), count)?;
    let mut pause = Duration::ZERO;
    loop {
        let ended = match device.log_in() {
            Ok(login) => device.session(login, &mut work).await,
            Err(wait) => wait,
        };
        pause = match ended {
            Ended::Stopped => break,
            Ended::Renewed => Duration::ZERO,
            // The cache says when to try again: it is asked each second.
            Ended::Waiting(reason) => {
                support::say(&format!("connect_mqtt: {reason}"));
                ASK
            }
            Ended::Lost { reason, was_up } => {
                let next = if was_up { ASK } else { (pause * 2).clamp(ASK, PAUSE_MAX) };
                support::say(&format!("connect_mqtt: {reason}; trying again in {next:?}"));
                next
            }
        };
        // What the device has to say meanwhile waits.
        let _ = timeout(pause, async {
            while !work.is_stopped {
                work.turn().await;
            }
        })
        .await;
        if work.is_stopped {
            break;
        }
    }
    let (sent, unsent) = (work.acknowledged, work.unsent.len());
    support::say(&format!("connect_mqtt: {sent} messages acknowledged, {unsent} left"));
    Ok(ExitCode::SUCCESS)
}

/// Who connects, and with what.
struct Device {
    identity: HubIdentity,
    session: HubSession,
    port: u16,
    tls: ClientTls,
    credential: Credential,
}

enum Credential {
    Token(TokenCache),
    Certificate(CertificateFiles),
}

/// What a connection is begun with.
struct Login {
    /// The token, as a password, and which one it is; none with a certificate.
    token: Option<(String, TokenId)>,
    /// Which certificate TLS shows.
    generation: u64,
}

/// Why there is no connection now.
enum Ended {
    /// Somebody wants the program to end, or it has done what it was to do.
    Stopped,
    /// There is a new token or certificate.
    Renewed,
    /// There is nothing to connect with.
    Waiting(String),
    /// It was lost, or there was none.
    Lost { reason: String, was_up: bool },
}

impl Device {
    fn new(settings: Settings) -> Result<Self, String> {
        let Settings { connection, trust, certificate, port, lifetime } = settings;
        let identity =
            HubIdentity::from_connection_string(&connection).map_err(|error| error.to_string())?;
        let session = HubSession::new(&identity)
            .product(concat!("hubward-example/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| error.to_string())?;
        if let Some(hazard) = session.topic_hazards().first() {
            return Err(hazard.to_string());
        }
        let mut tls = ClientTls::builder(Provider::Ring).trust(trust);
        let credential = match certificate {
            Some(mut files) => {
                tls = tls.identity(files.read()?);
                Credential::Certificate(files)
            }
            None => {
                let policy =
                    TokenPolicy::new(lifetime, 80).map_err(|error| format!("--ttl: {error}"))?;
                let signer = SasSigner::from_connection_string(&connection)
                    .map_err(|error| error.to_string())?;
                Credential::Token(TokenCache::for_signer(signer, policy))
            }
        };
        let tls = tls.build(SystemClock).map_err(|error| error.to_string())?;
        Ok(Self { identity, session, port: port.unwrap_or(PORT), tls, credential })
    }

    /// What to connect with now.
    fn log_in(&mut self) -> Result<Login, Ended> {
        let generation = self.tls.generation();
        let Credential::Token(cache) = &mut self.credential else {
            return Ok(Login { token: None, generation });
        };
        // `SystemClock` knows whether it was ever set.
        let now = SystemClock.now().map_err(|error| Ended::Waiting(error.to_string()))?;
        match cache.poll(now) {
            CachedToken::Use { token, id, .. } => {
                let password = self.session.expose_password(token).to_owned();
                Ok(Login { token: Some((password, id)), generation })
            }
            CachedToken::Wait { until, error: Some(error) } => {
                Err(Ended::Waiting(format!("no token until {until}: {error}")))
            }
            CachedToken::Wait { until, error: None } => {
                Err(Ended::Waiting(format!("the hub refused the token; another one at {until}")))
            }
            _ => Err(Ended::Waiting("the clock is not set".to_owned())),
        }
    }

    /// Whether there is something newer than what the connection began with.
    fn is_renewed(&mut self, login: &Login) -> bool {
        match &mut self.credential {
            Credential::Token(cache) => {
                let Ok(now) = SystemClock.now() else { return false };
                let used = login.token.as_ref().map(|(_, id)| *id);
                matches!(cache.poll(now), CachedToken::Use { id, .. } if Some(id) != used)
            }
            Credential::Certificate(files) => {
                if let Some(changed) = files.read_if_changed() {
                    let installed = changed
                        .and_then(|new| self.tls.install(new).map_err(|error| error.to_string()));
                    if let Err(reason) = installed {
                        support::say(&format!("connect_mqtt: the certificate stays: {reason}"));
                    }
                }
                self.tls.generation() != login.generation
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn session(&mut self, login: Login, work: &mut Work) -> Ended {
        let options = self.options(&login);
        let (client, mut network) = AsyncClient::new(options, 10);
        // What the network has to say comes over a channel: a `poll` that is given up halfway, as within
        // `select!`, would give up connecting as well.
        let (sender, mut events) = mpsc::channel(16);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let event = network.poll().await;
                let is_over = event.is_err();
                if sender.send(event).await.is_err() || is_over {
                    break;
                }
            }
        });

        let topic = self.session.telemetry_topic();
        let (mut is_up, mut in_flight) = (false, false);
        let mut renewed = false;
        let mut over_since = None;
        let mut ask = every(ASK);
        loop {
            let is_over = renewed || work.is_done();
            if is_over {
                over_since = over_since.or_else(|| Some(Instant::now()));
            }
            // Then the goodbye is said, whatever is on its way.
            let patience = if work.is_stopped { HURRY } else { PATIENCE };
            let late = over_since.map(|since| since + patience);
            let is_late = late.is_some_and(|late| late <= Instant::now());
            if is_up && is_over && (!in_flight || is_late) {
                // It is behind everything else, and the answer to it is the end.
                let _ = client.disconnect().await;
                let _ = timeout(HURRY, async { while events.recv().await.is_some() {} }).await;
                return if work.is_done() { Ended::Stopped } else { Ended::Renewed };
            }
            if is_up
                && !is_over
                && !in_flight
                && let Some(message) = work.unsent.front()
            {
                let sent = client.try_publish(&topic, QoS::AtLeastOnce, false, message.clone());
                in_flight = sent.is_ok();
            }
            tokio::select! {
                event = events.recv() => match event {
                    Some(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                        is_up = true;
                        self.let_in(&login);
                        if let Some(filter) = self.session.commands_filter() {
                            let _ = client.try_subscribe(filter, QoS::AtLeastOnce);
                        }
                    }
                    Some(Ok(Event::Incoming(Packet::PubAck(_)))) => {
                        in_flight = false;
                        work.acknowledge();
                    }
                    Some(Ok(Event::Incoming(Packet::Publish(command)))) => {
                        let text = String::from_utf8_lossy(&command.payload);
                        if let Err(reason) = support::print(&format!("{}\n", text.escape_debug())) {
                            support::say(&format!("connect_mqtt: {reason}"));
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return self.lost(&login, is_up, &error),
                    None => return self.lost(&login, is_up, &ConnectionError::RequestsDone),
                },
                _ = ask.tick() => renewed = renewed || (is_up && self.is_renewed(&login)),
                () = work.turn() => if work.is_stopped && !is_up {
                    return Ended::Stopped;
                },
                () = until(late) => {}
            }
        }
    }

    fn options(&self, login: &Login) -> MqttOptions {
        let host = self.identity.connect_to().as_str();
        let mut options = MqttOptions::new(self.session.client_id(), host, self.port);
        let password = login.token.as_ref().map_or("", |(password, _)| password);
        options.set_credentials(self.session.user_name(), password);
        // The hub keeps what was asked for, and what was not acknowledged, from one connection to the next.
        options.set_clean_session(false);
        options.set_keep_alive(Duration::from_secs(240).min(KEEP_ALIVE_MAX));
        options.set_max_packet_size(256 * 1024, 256 * 1024);
        options.set_transport(Transport::Tls(TlsConfiguration::Rustls(self.tls.config())));
        options
    }

    fn let_in(&mut self, login: &Login) {
        support::say(&format!("connect_mqtt: {} is connected", self.identity));
        if let (Credential::Token(cache), Some((_, id))) = (&mut self.credential, &login.token) {
            cache.accepted(*id);
        }
    }

    fn lost(&mut self, login: &Login, was_up: bool, error: &ConnectionError) -> Ended {
        let reason = match error {
            ConnectionError::ConnectionRefused(code) => {
                format!("the hub refused the device: {code:?}")
            }
            error => settings::explain(error),
        };
        let is_refusal = matches!(
            error,
            ConnectionError::ConnectionRefused(
                ConnectReturnCode::NotAuthorized | ConnectReturnCode::BadUserNamePassword
            )
        );
        let (Credential::Token(cache), Some((_, id)), true, Ok(now)) =
            (&mut self.credential, &login.token, is_refusal, SystemClock.now())
        else {
            return Ended::Lost { reason, was_up };
        };
        match cache.refused(*id, now) {
            Refusal::Again => Ended::Lost {
                reason: format!(
                    "{reason}, and a new token as well: is the clock right, and the key?"
                ),
                was_up,
            },
            _ => Ended::Waiting(format!("{reason}; trying once more with a new token")),
        }
    }
}

/// What the device does beside being connected.
struct Work {
    ticks: Interval,
    made: u64,
    acknowledged: u64,
    count: u64,
    /// Messages that are not acknowledged, the oldest first.
    unsent: VecDeque<String>,
    interrupt: Signal,
    terminate: Signal,
    is_stopped: bool,
}

impl Work {
    fn new(pause: Duration, count: u64) -> Result<Self, String> {
        let signal = |kind| signal(kind).map_err(|error| error.to_string());
        Ok(Self {
            ticks: every(pause),
            made: 0,
            acknowledged: 0,
            count,
            unsent: VecDeque::new(),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            is_stopped: false,
        })
    }

    /// Waits until there is a new message, or the program is to end.
    async fn turn(&mut self) {
        loop {
            if self.is_stopped {
                return std::future::pending().await;
            }
            tokio::select! {
                _ = self.interrupt.recv() => self.is_stopped = true,
                _ = self.terminate.recv() => self.is_stopped = true,
                _ = self.ticks.tick() => {
                    if self.made == self.count || self.unsent.len() == WAITING_MAX {
                        continue;
                    }
                    self.made += 1;
                    self.unsent.push_back(format!(r#"{{"message":{}}}"#, self.made));
                }
            }
            return;
        }
    }

    fn acknowledge(&mut self) {
        if self.unsent.pop_front().is_some() {
            self.acknowledged += 1;
        }
    }

    fn is_done(&self) -> bool {
        self.is_stopped || self.acknowledged >= self.count
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
