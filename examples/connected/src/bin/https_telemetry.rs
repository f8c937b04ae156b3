//! Sends messages to a hub over HTTPS, one request each.
//!
//! ```text
//! cargo run --manifest-path examples/connected/Cargo.toml --bin https_telemetry -- --help
//! ```
//!
//! What there is to learn from it:
//!
//! - The token is asked of the [`TokenCache`] for each request, which signs when it is time.
//! - A device whose clock was never set cannot sign, and learns the time from a reply of the hub: each reply
//!   has its `Date`, whatever it says of the request. Only a reply over a connection with the certificate and
//!   the host name verified teaches, as here.
//! - A hub that answers 401 is told to the cache. It signs anew once, and then further and further apart.
//!
//! Standard output is one line for each message that the hub has.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hubward::sas::{CachedToken, Refusal, TokenCache, TokenId, TokenPolicy};
use hubward::session::HubIdentity;
use hubward::session::https::{Authorization, PORT, date, telemetry_url};
use hubward::time::{FloorClock, TrustedTime};
use hubward::tls::{ClientTls, Provider};
use hubward::{Clock, FixedClock, SasSigner, SystemClock, UnixTime};
use reqwest::header::{DATE, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::sleep;

#[path = "../../../support/certificates.rs"]
mod certificates;
#[path = "../../../support/private_keys.rs"]
mod private_keys;
#[path = "../settings.rs"]
#[expect(dead_code, reason = "each run has its certificate from the beginning to the end")]
mod settings;
#[path = "../../../support/mod.rs"]
mod support;

use settings::Settings;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a message is tried.
const TRIES: u32 = 5;

fn main() -> ExitCode {
    support::run(command(), |matches| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(run(matches))
    })
}

fn command() -> Command {
    settings::add_to(
        Command::new("https_telemetry").about("Sends messages to a hub over HTTPS"),
        PORT,
        "0; 1 if a message could not be sent; 2 for bad input",
    )
    .arg(
        Arg::new("count")
            .long("count")
            .value_name("NUMBER")
            .value_parser(value_parser!(u64).range(1..))
            .help("How many messages [default: 1]"),
    )
    .arg(
        Arg::new("without-clock")
            .long("without-clock")
            .action(ArgAction::SetTrue)
            .help("As if the device's clock had never been set: the hub tells the time"),
    )
}

async fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let count = matches.get_one("count").copied().unwrap_or(1_u64);
    let settings = Settings::read(matches)?;
    let mut device = if matches.get_flag("without-clock") {
        // It counts the seconds since it was switched on, and no more.
        Device::new(settings, Box::new(FixedClock::at(UnixTime::from_secs(42))))?
    } else {
        Device::new(settings, Box::new(SystemClock))?
    };
    for number in 1..=count {
        if let Err(reason) = device.send(&format!(r#"{{"message":{number}}}"#)).await {
            support::say(&format!("https_telemetry: message {number}: {reason}"));
            return Ok(ExitCode::from(1));
        }
        support::print(&format!("message {number} is sent\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who sends, and with what.
struct Device {
    url: Url,
    client: Client,
    time: TrustedTime<Box<dyn Clock>>,
    /// None with a certificate.
    tokens: Option<TokenCache>,
}

impl Device {
    fn new(settings: Settings, clock: Box<dyn Clock>) -> Result<Self, String> {
        let Settings { connection, trust, certificate, port, lifetime } = settings;
        let identity =
            HubIdentity::from_connection_string(&connection).map_err(|error| error.to_string())?;
        let mut url = Url::parse(&telemetry_url(&identity)).map_err(|error| error.to_string())?;
        let _ = url.set_port(port);

        let mut tls = ClientTls::builder(Provider::Ring).trust(trust);
        let tokens = match certificate {
            Some(mut files) => {
                tls = tls.identity(files.read()?);
                None
            }
            None => {
                let policy =
                    TokenPolicy::new(lifetime, 80).map_err(|error| format!("--ttl: {error}"))?;
                let signer = SasSigner::from_connection_string(&connection)
                    .map_err(|error| error.to_string())?;
                Some(TokenCache::for_signer(signer, policy))
            }
        };
        // Where the clock was never set, certificates are judged as of this version's release: in full, but
        // for what has expired since.
        let tls = tls
            .build(FloorClock::new(SystemClock, UnixTime::BUILD_FLOOR))
            .map_err(|error| error.to_string())?;
        let client = Client::builder()
            .tls_backend_preconfigured((*tls.config()).clone())
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { url, client, time: TrustedTime::new(clock), tokens })
    }

    /// Sends a message, and again where that may help.
    async fn send(&mut self, message: &str) -> Result<(), String> {
        let mut reason = String::new();
        for try_number in 1..=TRIES {
            let (authorization, id) = match self.authorization()? {
                Some((value, id)) => (Some(value), Some(id)),
                None => (None, None),
            };
            match self.post(message, authorization).await {
                Ok(response) if response.status().is_success() => {
                    if let (Some(tokens), Some(id)) = (&mut self.tokens, id) {
                        tokens.accepted(id);
                    }
                    return Ok(());
                }
                Ok(response) => {
                    let status = response.status();
                    reason = format!("the hub answered {status}");
                    match status {
                        StatusCode::UNAUTHORIZED if self.tokens.is_some() => {
                            reason = self.refused(id, reason)?;
                        }
                        status if status.is_server_error() => {}
                        StatusCode::TOO_MANY_REQUESTS => {}
                        // It would be answered so each time.
                        _ => return Err(reason),
                    }
                }
                Err(error) => reason = settings::explain(&error),
            }
            support::say(&format!("https_telemetry: {reason}"));
            sleep(Duration::from_millis(200) * try_number).await;
        }
        Err(reason)
    }

    /// The header for a request now, and which token it is of; none with a certificate, or while nobody knows
    /// the time.
    fn authorization(&mut self) -> Result<Option<(HeaderValue, TokenId)>, String> {
        let (Some(tokens), Ok(now)) = (&mut self.tokens, self.time.now()) else { return Ok(None) };
        match tokens.poll(now) {
            CachedToken::Use { token, id, .. } => {
                let value = Authorization::new(token).expose_value();
                let mut value =
                    HeaderValue::from_bytes(value).map_err(|error| error.to_string())?;
                value.set_sensitive(true);
                Ok(Some((value, id)))
            }
            CachedToken::Wait { until, error: Some(error) } => {
                Err(format!("no token until {until}: {error}"))
            }
            CachedToken::Wait { until, error: None } => {
                Err(format!("the hub refused the token; another one at {until}"))
            }
            _ => Ok(None),
        }
    }

    async fn post(
        &mut self,
        message: &str,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, reqwest::Error> {
        let mut request = self.client.post(self.url.clone()).body(message.to_owned());
        if let Some(value) = authorization {
            request = request.header(Authorization::HEADER, value);
        }
        let response = request.send().await?;
        let header = response.headers().get(DATE).and_then(|value| value.to_str().ok());
        if let Some(Err(error)) = header.and_then(date).map(|date| self.time.learn(date)) {
            support::say(&format!("https_telemetry: the hub's Date is not believed: {error}"));
        }
        Ok(response)
    }

    /// What to make of a 401, if it is worth another try.
    fn refused(&mut self, id: Option<TokenId>, reason: String) -> Result<String, String> {
        let now = self.time.now().map_err(|error| format!("{reason}; {error}"))?;
        match (id, &mut self.tokens) {
            (Some(id), Some(tokens)) => match tokens.refused(id, now) {
                Refusal::Again => Err(format!(
                    "{reason}, also with a new token: is the clock right, and the key?"
                )),
                _ => Ok(format!("{reason}; trying once more with a new token")),
            },
            _ => Ok(format!("the time was not known; the hub says that it is {now}")),
        }
    }
}
