//! Shows what a SAS token says, and verifies it where the key is at hand.
//!
//! ```text
//! cargo run --example inspect_token < token.txt
//! cargo run --example inspect_token -- --verify-key-file key.txt \
//!     --resource contoso.azure-devices.net/devices/pump-7 < token.txt
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hubward::sas::TokenVerifyError;
use hubward::{Clock, ResourceUri, SasToken, SymmetricKey, SystemClock, UnixTime};
use serde_json::json;

mod support;

const KEY_FILE: &str = "--verify-key-file";

fn main() -> ExitCode {
    support::run(command(), inspect)
}

fn command() -> Command {
    Command::new("inspect_token")
        .about(
            "Reads a SAS token from standard input and shows what it says, without its signature",
        )
        .after_help("Exit status: 0; 1 if the token does not verify; 2 for bad input.")
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print one JSON object instead of lines"),
        )
        .arg(
            Arg::new("key")
                .long("verify-key-file")
                .value_name("PATH")
                .requires("resource")
                .value_parser(value_parser!(PathBuf))
                .help("File with the key, in base64, that the token should be signed with; needs --resource"),
        )
        .arg(
            Arg::new("resource")
                .long("resource")
                .value_name("URI")
                .requires("key")
                .help("Resource that the token should cover, host/devices/ID, not percent-encoded; needs \
                     --verify-key-file"),
        )
}

fn inspect(matches: &ArgMatches) -> Result<ExitCode, String> {
    let (source, text) = support::read_secret(None)?;
    let token = SasToken::parse(&text).map_err(|error| format!("{source}: {error}"))?;
    let now = SystemClock.now();
    let verdict = match (matches.get_one::<PathBuf>("key"), matches.get_one::<String>("resource")) {
        (Some(path), Some(resource)) => {
            let resource =
                ResourceUri::parse(resource).map_err(|error| format!("--resource: {error}"))?;
            let (source, text) = support::read_secret(Some((KEY_FILE, path)))?;
            let key =
                SymmetricKey::from_base64(&text).map_err(|error| format!("{source}: {error}"))?;
            let now = now.clone().map_err(|error| error.to_string())?;
            Some(token.verify(&key, &resource, now, Duration::ZERO))
        }
        _ => None,
    };

    let report = if matches.get_flag("json") { json } else { lines };
    support::print(&report(&token, now.ok(), verdict.as_ref()))?;
    Ok(if matches!(verdict, Some(Err(_))) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

type Verdict = Result<(), TokenVerifyError>;

fn lines(token: &SasToken<'_>, now: Option<UnixTime>, verdict: Option<&Verdict>) -> String {
    let policy = match token.policy_name() {
        Some(policy) => policy.to_string(),
        None => "none: for the key of the resource itself".to_owned(),
    };
    let state = match now {
        None => "unknown: the clock of this machine is not set".to_owned(),
        Some(now) if token.is_expired_at(now) => {
            format!("expired {} ago", span(now.saturating_duration_since(token.expiry())))
        }
        Some(now) => format!("valid for another {}", span(token.expires_in(now))),
    };
    let verified = match verdict {
        None => "not checked: no key was given".to_owned(),
        Some(Ok(())) => "yes: signed with this key, and covers the resource".to_owned(),
        Some(Err(error)) => format!("no: {error}"),
    };
    format!(
        "resource  {}\npolicy    {policy}\nexpiry    {} ({})\nstate     {state}\n\
         verified  {verified}\n",
        token.resource(),
        token.expiry(),
        token.expiry().as_secs(),
    )
}

fn json(token: &SasToken<'_>, now: Option<UnixTime>, verdict: Option<&Verdict>) -> String {
    let object = json!({
        "resource": token.resource().to_string(),
        "policy": token.policy_name().map(|policy| policy.to_string()),
        "expiry": token.expiry().as_secs(),
        "expiry_utc": token.expiry().to_string(),
        "seconds_left": now.map(|now| token.expires_in(now).as_secs()),
        "expired": now.map(|now| token.is_expired_at(now)),
        "verified": verdict.map(Result::is_ok),
        "reason": verdict.and_then(|verdict| verdict.as_ref().err()).map(ToString::to_string),
    });
    format!("{object}\n")
}

/// A span in its two largest units.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown: Vec<String> =
        parts.iter().skip(first).take(2).map(|(count, unit)| format!("{count} {unit}")).collect();
    shown.join(" ")
}
