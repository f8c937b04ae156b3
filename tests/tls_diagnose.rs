//! What is said of errors, without any network: each fault and a case beside it, every error that rustls has,
//! and whatever libraries wrap around it.

#[path = "common/certificates.rs"]
#[expect(dead_code, reason = "made for tests of certificates")]
mod certificates;
#[path = "tls_diagnose/every.rs"]
mod every;
#[path = "tls_diagnose/records.rs"]
mod records;
#[path = "common/tls.rs"]
#[expect(dead_code, reason = "made for handshakes of all kinds")]
mod world;
#[path = "tls_diagnose/wrapped.rs"]
mod wrapped;

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use hubward::UnixTime;
use hubward::keystore::KeyError;
use hubward::pki_types::{self, ServerName};
use hubward::tls::rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
};
use hubward::tls::{Diagnosis, Fault, HandshakeRecord, diagnose};
use serde_json::Value;

/// What is said of an error; all forms of it must agree.
pub(crate) fn say(error: &(dyn StdError + 'static), record: Option<&HandshakeRecord>) -> Diagnosis {
    let diagnosis = diagnose(error, record);
    let fault = diagnosis.fault();
    assert!(Fault::CODES.contains(&fault.code()));
    let json: Value = serde_json::from_str(&diagnosis.to_json()).unwrap();
    let expected = serde_json::json!({
        "code": fault.code(),
        "fault": fault.to_string(),
        "advice": diagnosis.advice(),
        "missing": diagnosis.missing(),
    });
    assert_eq!(json, expected);
    let shown = diagnosis.to_string();
    assert!(shown.starts_with(&format!("{fault}: {}", diagnosis.advice())), "{shown}");
    let missing = diagnosis.missing().map(|missing| format!("({missing})")).unwrap_or_default();
    assert!(shown.ends_with(&missing), "{shown}");
    assert!(!diagnosis.advice().is_empty() && !fault.to_string().is_empty());
    // A line.
    assert!(!shown.contains(char::is_control), "{shown:?}");
    diagnosis
}

pub(crate) fn code(error: impl StdError + 'static) -> &'static str {
    say(&error, None).fault().code()
}

pub(crate) fn moment(seconds: u64) -> pki_types::UnixTime {
    pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}

fn of_name(expected: &str, presented: &[&str]) -> Error {
    let expected = ServerName::try_from(expected.to_owned()).unwrap();
    let presented = presented.iter().map(|name| (*name).to_owned()).collect();
    Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented })
}

fn other(error: impl StdError + Send + Sync + 'static) -> OtherError {
    OtherError(Arc::new(error))
}

type Any = Box<dyn StdError>;

/// An error that produces the fault, and one that is near and produces another.
#[test]
fn every_fault_and_a_case_beside_it() {
    let certificate = Error::InvalidCertificate;
    let (early, late) = (moment(1_700_000_000), moment(1_800_000_000));
    let expired = || CertificateError::ExpiredContext { time: late, not_after: early };
    let not_yet = || CertificateError::NotValidYetContext { time: early, not_before: late };
    let hub = "contoso.azure-devices.net";
    let portal = || of_name(hub, &["DnsName(\"portal.example\")"]);
    let other_hub = || of_name(hub, &["DnsName(\"fabrikam.azure-devices.net\")"]);
    let alert = Error::AlertReceived;
    let io = |kind: ErrorKind| -> Any { Box::new(io::Error::from(kind)) };
    let tls = |error: Error| -> Any { Box::new(error) };

    let rows: Vec<(&str, Any, Any)> = vec![
        ("clock-unknown", tls(Error::FailedToGetCurrentTime), tls(Error::FailedToGetRandomBytes)),
        ("clock-behind", tls(certificate(not_yet())), tls(certificate(expired()))),
        ("expired", tls(certificate(expired())), tls(certificate(not_yet()))),
        (
            "unknown-issuer",
            tls(certificate(CertificateError::UnknownIssuer)),
            tls(certificate(CertificateError::UnknownRevocationStatus)),
        ),
        ("name-mismatch", tls(other_hub()), tls(portal())),
        ("captive-portal", tls(portal()), tls(other_hub())),
        (
            "name-refused",
            tls(alert(AlertDescription::UnrecognisedName)),
            tls(alert(AlertDescription::BadCertificateStatusResponse)),
        ),
        (
            "revoked",
            tls(certificate(CertificateError::Revoked)),
            tls(alert(AlertDescription::CertificateRevoked)),
        ),
        (
            "bad-server-certificate",
            tls(certificate(CertificateError::BadSignature)),
            tls(alert(AlertDescription::BadCertificate)),
        ),
        (
            "client-certificate-required",
            tls(alert(AlertDescription::CertificateRequired)),
            tls(Error::NoCertificatesPresented),
        ),
        (
            "client-certificate-refused",
            tls(alert(AlertDescription::UnknownCA)),
            tls(certificate(CertificateError::UnknownIssuer)),
        ),
        (
            "version-refused",
            tls(alert(AlertDescription::ProtocolVersion)),
            tls(Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic)),
        ),
        (
            "suite-refused",
            tls(alert(AlertDescription::HandshakeFailure)),
            tls(alert(AlertDescription::InternalError)),
        ),
        (
            "plain-text",
            tls(Error::InvalidMessage(InvalidMessage::InvalidContentType)),
            tls(Error::InvalidMessage(InvalidMessage::InvalidCcs)),
        ),
        ("broken-off", io(ErrorKind::UnexpectedEof), io(ErrorKind::ConnectionRefused)),
        ("no-answer", io(ErrorKind::TimedOut), io(ErrorKind::Interrupted)),
        (
            "no-protocol",
            tls(alert(AlertDescription::NoApplicationProtocol)),
            tls(alert(AlertDescription::UnsupportedExtension)),
        ),
        (
            "key-failed",
            tls(Error::Other(other(KeyError::NotFound))),
            tls(Error::Other(other(io::Error::other("anything")))),
        ),
        ("unreachable", io(ErrorKind::ConnectionRefused), io(ErrorKind::ConnectionReset)),
        ("protocol", tls(Error::DecryptError), tls(alert(AlertDescription::HandshakeFailure))),
        ("unknown", Box::new(std::fmt::Error), tls(Error::DecryptError)),
    ];
    let mut produced = BTreeSet::new();
    for (expected, error, beside) in &rows {
        assert_eq!(say(&**error, None).fault().code(), *expected, "{error:?}");
        assert_ne!(say(&**beside, None).fault().code(), *expected, "{beside:?}");
        produced.insert(*expected);
    }
    // Those for which the server's chain must be seen.
    produced.extend(records::FAULTS);
    assert_eq!(produced, Fault::CODES.iter().copied().collect());
    assert_eq!(produced.len(), Fault::CODES.len());
}

/// Whoever sets the clock must know which way.
#[test]
fn what_is_known_is_named() {
    let (early, late) = (UnixTime::from_secs(1_700_000_000), UnixTime::from_secs(1_800_000_000));
    let context = CertificateError::ExpiredContext {
        time: moment(1_800_000_000),
        not_after: moment(1_700_000_000),
    };
    let said = say(&Error::InvalidCertificate(context), None);
    assert_eq!(*said.fault(), Fault::ServerExpired { not_after: early, now: late });
    let shown = said.to_string();
    assert!(shown.contains("expired at 2023-11-14T22:13:20Z"), "{shown}");
    assert!(shown.contains("clock shows 2027-01-15T08:00:00Z"), "{shown}");
    assert!(shown.contains("the clock is ahead"), "{shown}");

    let context = CertificateError::NotValidYetContext {
        time: moment(1_700_000_000),
        not_before: moment(1_800_000_000),
    };
    let said = say(&Error::InvalidCertificate(context), None);
    assert_eq!(*said.fault(), Fault::ClockBehind { not_before: late, now: early });
    assert!(said.advice().contains("the clock is behind"));

    let said = say(&Error::Other(other(KeyError::NotFound)), None);
    assert_eq!(*said.fault(), Fault::KeyFailed { error: KeyError::NotFound });
    assert!(said.to_string().contains(&KeyError::NotFound.to_string()));

    let said = say(&Error::AlertReceived(AlertDescription::CertificateExpired), None);
    assert!(said.to_string().contains("(CertificateExpired)"));
}

/// Names as webpki shows them, and whether they have to do with each other.
#[test]
fn names() {
    let hub = "contoso.azure-devices.net";
    for (asked, presented, is_portal, listed) in [
        (hub, &["DnsName(\"portal.example\")"][..], true, "portal.example"),
        (
            hub,
            &["DnsName(\"portal.example\")", "DnsName(\"*.portal.example\")"],
            true,
            "portal.example, *.portal.example",
        ),
        // One that is near is enough.
        (
            hub,
            &["DnsName(\"portal.example\")", "DnsName(\"fabrikam.azure-devices.net\")"],
            false,
            "portal.example, fabrikam.azure-devices.net",
        ),
        (hub, &["DnsName(\"*.AZURE-devices.NET\")"], false, "*.AZURE-devices.NET"),
        (hub, &["DnsName(\"azure-devices.net\")"], false, "azure-devices.net"),
        (hub, &["DnsName(\"net\")"], true, "net"),
        (
            hub,
            &["DnsName(\"azure-devices.net.portal.example\")"],
            true,
            "azure-devices.net.portal.example",
        ),
        // An address may be anybody's.
        (hub, &["IpAddress(127.0.0.1)"], false, "127.0.0.1"),
        ("127.0.0.1", &["DnsName(\"gateway.example\")"], false, "gateway.example"),
        ("::1", &["DnsName(\"gateway.example\")"], false, "gateway.example"),
        ("localhost", &["DnsName(\"gateway\")"], true, "gateway"),
        ("gateway.hall.local", &["DnsName(\"gateway2.hall.local\")"], false, "gateway2.hall.local"),
        // Nothing is carelessness.
        (hub, &[], false, "no name at all"),
        // What no name should be is shown as it is.
        (hub, &["DirectoryName"], true, "DirectoryName"),
        (
            hub,
            &["UniformResourceIdentifier(\"https://portal.example\")"],
            true,
            "https://portal.example",
        ),
        (hub, &["", "DnsName(\"\")", "DnsName(", "\""], true, ", , DnsName(, "),
    ] {
        let said = say(&of_name(asked, presented), None);
        let (code, names) = match said.fault() {
            Fault::CaptivePortal { expected, presented } => {
                ("captive-portal", (expected, presented))
            }
            Fault::NameMismatch { expected, presented } => ("name-mismatch", (expected, presented)),
            fault => panic!("{fault}"),
        };
        let expected = if is_portal { "captive-portal" } else { "name-mismatch" };
        assert_eq!(code, expected, "{asked} {presented:?}");
        assert_eq!(names.0, asked);
        assert_eq!(names.1.len(), presented.len());
        let shown = said.fault().to_string();
        assert!(shown.ends_with(&format!("is for {listed}")), "{shown}");
        assert!(shown.contains(&format!("{asked:?}")), "{shown}");
    }
}

/// What a server writes into its certificate goes no further than the text: neither into JSON nor onto a
/// terminal.
#[test]
fn hostile_names() {
    for name in [
        "DnsName(\"a\\\", \"code\": \"unknown\")",
        "DnsName(\"\u{1b}[2J\u{7}\")",
        "DnsName(\"line\r\nline\")",
        "DnsName(\"\u{202e}moc.elpmaxe\")",
    ] {
        say(&of_name("contoso.azure-devices.net", &[name]), None);
    }
}

/// Codes are for programs, and stay.
#[test]
fn codes() {
    assert_eq!(
        Fault::CODES,
        [
            "clock-unknown",
            "clock-behind",
            "expired",
            "unknown-issuer",
            "self-signed",
            "name-mismatch",
            "captive-portal",
            "name-refused",
            "revoked",
            "weak-server-key",
            "bad-server-certificate",
            "client-certificate-required",
            "client-certificate-refused",
            "version-refused",
            "suite-refused",
            "plain-text",
            "broken-off",
            "no-answer",
            "no-protocol",
            "key-failed",
            "unreachable",
            "protocol",
            "unknown",
        ]
    );
}
