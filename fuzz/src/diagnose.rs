//! `diagnose`, over trees of errors and over what a server really said.
//!
//! An input is text as far as it can be: five lines and a rest.
//!
//! ```text
//! wrappers   letters, from the inside out: what the error is wrapped in, see `wrap`
//! cause      a word and a number: what the error is, see `Cause::read`; `server` is what rustls makes of
//!            the server
//! name       by which the server is asked for
//! how        letters: c(lient has a certificate), r(equested by the server), a(nchors are those of Azure
//!            alone, else the last certificate as well), 3 (no TLS 1.2), t(wice, with the same record),
//!            n(o record)
//! now        seconds; anything else is a clock that does not know
//! rest       the DER of the certificates that the server has, its own first; or its bytes
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};

use hubward::keystore::{KeyError, KeyKind};
use hubward::pki_types::{CertificateDer, ServerName};
use hubward::tls::rustls::{
    self, AlertDescription, CertificateError, ClientConnection, InvalidMessage, PeerIncompatible,
    PeerMisbehaved,
};
use hubward::tls::{
    ClientTls, Cloud, Diagnosis, Fault, HandshakeRecord, Provider, TlsIdentity, TrustAnchors,
    diagnose,
};
use hubward::x509::{CHAIN_MAX, Certificate, DeviceCertificate};
use hubward::{FixedClock, OtherError, UnixTime};

use super::certificate::sample_key;
use super::der::{self, Element};
use super::oracle::shown;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let input = Input::read(data);
    let attempt = input.attempt();
    let diagnosis = input.diagnose(&attempt);
    is_sound(&diagnosis);
    // The same again, of the same error and of another attempt that is like it.
    assert_eq!(diagnosis, input.diagnose(&attempt));
    assert_eq!(diagnosis, input.diagnose(&input.attempt()));

    knows_the_record(&input, &attempt);
    says_what_was_seen(&input, &diagnosis);
    wrappers_do_not_count(&input, &attempt, &diagnosis);
    // Without a record no less is known of the error itself.
    is_sound(&diagnose(&*input.cause(&attempt), None));
}

/// The code of what is found.
pub fn code(data: &[u8]) -> &'static str {
    let input = Input::read(data);
    input.diagnose(&input.attempt()).fault().code()
}

// --- The input

struct Input<'a> {
    wrappers: &'a [u8],
    cause: &'a str,
    name: ServerName<'static>,
    how: &'a [u8],
    now: Option<UnixTime>,
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn read(data: &'a [u8]) -> Self {
        let mut rest = data;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            line
        };
        let [wrappers, cause, name, how, now] = [line(), line(), line(), line(), line()];
        let text = |line| core::str::from_utf8(line).unwrap_or_default();
        let name = ServerName::try_from(text(name).to_owned());
        let usual = || ServerName::try_from("contoso.azure-devices.net").expect("a name");
        Self {
            wrappers,
            cause: text(cause),
            name: name.unwrap_or_else(|_| usual()),
            how,
            now: text(now).parse().ok().map(UnixTime::from_secs),
            rest,
        }
    }

    fn has(&self, letter: u8) -> bool {
        self.how.contains(&letter)
    }

    /// What the server has; nothing if the rest is its bytes.
    fn certificates(&self) -> Vec<&'a [u8]> {
        let mut rest = self.rest;
        let mut certificates = Vec::new();
        while rest.first() == Some(&der::SEQUENCE) {
            let Some((element, after)) = Element::first(rest) else {
                // One that is broken is sent as well.
                certificates.push(rest);
                break;
            };
            certificates.push(element.whole);
            rest = after;
        }
        certificates
    }

    fn is_of_certificates(&self) -> bool {
        self.rest.is_empty() || self.rest.first() == Some(&der::SEQUENCE)
    }

    fn client(&self) -> ClientTls {
        static AZURE: OnceLock<TrustAnchors> = OnceLock::new();
        static DEVICE: OnceLock<TlsIdentity> = OnceLock::new();

        let mut anchors = AZURE.get_or_init(|| TrustAnchors::of(Cloud::Public)).clone();
        if !self.has(b'a')
            && let Some(last) = self.certificates().last()
            && let Ok(last) = TrustAnchors::from_der(&[CertificateDer::from(*last)])
        {
            anchors = anchors.and(&last);
        }
        let mut builder = ClientTls::builder(Provider::Ring).trust(anchors);
        if self.has(b'c') {
            let identity = DEVICE.get_or_init(|| {
                let certificate =
                    CertificateDer::from(&include_bytes!("../corpus/certificate/self-signed")[..]);
                let certificate = DeviceCertificate::from_chain(&[certificate]);
                let key = Arc::new(sample_key());
                TlsIdentity::new(certificate.expect("a certificate"), key).expect("of that key")
            });
            builder = builder.identity(identity.clone());
        }
        if self.has(b'3') {
            builder = builder.tls13_only();
        }
        builder.build(self.now.map_or(FixedClock::unknown(), FixedClock::at)).expect("it builds")
    }

    fn attempt(&self) -> Attempt {
        let (config, record) = self.client().recorded();
        let certificates = self.certificates();
        let bytes = if self.is_of_certificates() {
            flight(&certificates, self.has(b'r'))
        } else {
            self.rest.to_vec()
        };
        let connect = || {
            let connection = ClientConnection::new(Arc::clone(&config), self.name.clone());
            answered(&mut connection.expect("a connection"), &bytes)
        };
        let mut error = connect();
        if self.has(b't') {
            error = connect();
        }
        Attempt { record, error }
    }

    fn cause(&self, attempt: &Attempt) -> Box<dyn StdError + Send + Sync> {
        Cause::read(self.cause, attempt).into_error()
    }

    /// What is made of the cause, wrapped as the input says.
    fn diagnose(&self, attempt: &Attempt) -> Diagnosis {
        let mut error = self.cause(attempt);
        for letter in self.wrappers.iter().take(64) {
            error = wrap(error, *letter);
        }
        diagnose(&*error, attempt.record(self))
    }
}

/// A handshake that came to nothing.
struct Attempt {
    record: HandshakeRecord,
    error: AttemptError,
}

impl Attempt {
    fn record(&self, input: &Input<'_>) -> Option<&HandshakeRecord> {
        (!input.has(b'n')).then_some(&self.record)
    }
}

#[derive(Clone)]
enum AttemptError {
    Tls(rustls::Error),
    Ended,
}

// --- A server of TLS 1.2

/// Lets the server say `bytes`, and then nothing more.
fn answered(connection: &mut ClientConnection, bytes: &[u8]) -> AttemptError {
    let mut rest = bytes;
    while !rest.is_empty() {
        match connection.read_tls(&mut rest) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if let Err(error) = connection.process_new_packets() {
            return AttemptError::Tls(error);
        }
    }
    AttemptError::Ended
}

/// All that a server of TLS 1.2 says first (RFC 5246 section 7.3), over a key exchange that nobody signed:
/// the client looks at the certificates before that.
fn flight(certificates: &[&[u8]], asks_for_certificate: bool) -> Vec<u8> {
    let hello = [&[3, 3][..], &[7; 32], &[0], &[0xc0, 0x2b], &[0]].concat();
    let list: Vec<u8> =
        certificates.iter().flat_map(|der| [&length24(der.len())[..], der].concat()).collect();
    let list = [&length24(list.len())[..], &list].concat();
    // X25519, a key, and ECDSA over SHA-256 with P-256.
    let exchange = [&[3, 0, 29, 32][..], &[9; 32], &[4, 3, 0, 1, 0]].concat();
    // ecdsa_sign, ECDSA over SHA-256, and no names.
    let request = [1, 64, 0, 2, 4, 3, 0, 0];

    let mut messages = vec![(2, &hello[..]), (11, &list), (12, &exchange)];
    if asks_for_certificate {
        messages.push((13, &request));
    }
    messages.push((14, &[]));
    let messages: Vec<u8> = messages
        .into_iter()
        .flat_map(|(kind, body)| [&[kind][..], &length24(body.len()), body].concat())
        .collect();
    // In records of at most 2^14 bytes (section 6.2.1).
    messages
        .chunks(1 << 14)
        .flat_map(|part| {
            let [.., high, low] = part.len().to_be_bytes();
            [&[22, 3, 3, high, low][..], part].concat()
        })
        .collect()
}

fn length24(len: usize) -> [u8; 3] {
    let [.., high, middle, low] = len.to_be_bytes();
    [high, middle, low]
}

// --- Trees of errors

/// What an error is about.
enum Cause {
    Key(KeyError),
    Tls(rustls::Error),
    Io(io::Error),
    Nothing,
}

impl Cause {
    /// Of lists, the number says which; of none it begins again at the first one.
    fn read(text: &str, attempt: &Attempt) -> Self {
        let (word, number) = text.split_once(' ').unwrap_or((text, ""));
        let number: usize = number.trim().parse().unwrap_or_default();
        match word {
            "server" => match attempt.error.clone() {
                AttemptError::Tls(error) => Self::Tls(error),
                AttemptError::Ended => Self::Io(ErrorKind::UnexpectedEof.into()),
            },
            "alert" => {
                let number = u8::try_from(number % 256).unwrap_or_default();
                Self::Tls(rustls::Error::AlertReceived(AlertDescription::from(number)))
            }
            "certificate" => {
                let list = certificate_errors();
                let error = list[number % list.len()].clone();
                Self::Tls(rustls::Error::InvalidCertificate(error))
            }
            "tls" => {
                let list = tls_errors();
                Self::Tls(list[number % list.len()].clone())
            }
            "key" => {
                let list = key_errors();
                Self::Key(list[number % list.len()].clone())
            }
            "io" => Self::Io(KINDS[number % KINDS.len()].into()),
            "os" => {
                Self::Io(io::Error::from_raw_os_error(i32::try_from(number % 200).unwrap_or(0)))
            }
            _ => Self::Nothing,
        }
    }

    fn into_error(self) -> Box<dyn StdError + Send + Sync> {
        match self {
            Self::Key(error) => Box::new(error),
            Self::Tls(error) => Box::new(error),
            Self::Io(error) => Box::new(error),
            Self::Nothing => "something else".into(),
        }
    }
}

const KINDS: [ErrorKind; 20] = [
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::NotConnected,
    ErrorKind::AddrInUse,
    ErrorKind::AddrNotAvailable,
    ErrorKind::NetworkDown,
    ErrorKind::NetworkUnreachable,
    ErrorKind::HostUnreachable,
    ErrorKind::BrokenPipe,
    ErrorKind::WouldBlock,
    ErrorKind::TimedOut,
    ErrorKind::UnexpectedEof,
    ErrorKind::WriteZero,
    ErrorKind::Interrupted,
    ErrorKind::NotFound,
    ErrorKind::PermissionDenied,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidData,
    ErrorKind::Other,
];

fn key_errors() -> [KeyError; 8] {
    [
        KeyError::NotFound,
        KeyError::Empty,
        KeyError::InvalidPrivateKey,
        KeyError::UnsupportedAlgorithm("none"),
        KeyError::WrongKind { found: Some(KeyKind::Symmetric) },
        KeyError::Locked(OtherError::from_static("the chip does not answer")),
        KeyError::Refused(OtherError::from_static("permission denied")),
        KeyError::WipedByFork,
    ]
}

/// Those that no handshake of this target brings.
fn certificate_errors() -> [CertificateError; 12] {
    let now = rustls::pki_types::UnixTime::since_unix_epoch;
    let now = now(core::time::Duration::from_secs(1_800_000_000));
    [
        CertificateError::BadSignature,
        CertificateError::Revoked,
        CertificateError::UnknownRevocationStatus,
        CertificateError::ExpiredRevocationList,
        CertificateError::ExpiredRevocationListContext { time: now, next_update: now },
        CertificateError::Expired,
        CertificateError::NotValidYet,
        CertificateError::NotValidForName,
        CertificateError::InvalidPurpose,
        CertificateError::InvalidOcspResponse,
        CertificateError::ApplicationVerificationFailure,
        CertificateError::Other(rustls::OtherError(Arc::new(Text("it is not liked")))),
    ]
}

fn tls_errors() -> Vec<rustls::Error> {
    let incompatible = [
        PeerIncompatible::ServerDoesNotSupportTls12Or13,
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        PeerIncompatible::Tls12NotOfferedOrEnabled,
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon,
        PeerIncompatible::NoCipherSuitesInCommon,
        PeerIncompatible::NoKxGroupsInCommon,
        PeerIncompatible::ExtendedMasterSecretExtensionRequired,
        PeerIncompatible::ServerRejectedEncryptedClientHello(None),
    ];
    let misbehaved = [
        PeerMisbehaved::SelectedUnofferedCipherSuite,
        PeerMisbehaved::SelectedUnofferedKxGroup,
        PeerMisbehaved::SelectedUnofferedApplicationProtocol,
        PeerMisbehaved::TooManyWarningAlertsReceived,
    ];
    let messages = [
        InvalidMessage::InvalidContentType,
        InvalidMessage::UnknownProtocolVersion,
        InvalidMessage::MessageTooLarge,
        InvalidMessage::MissingData("Certificate"),
    ];
    let others = [
        rustls::Error::FailedToGetCurrentTime,
        rustls::Error::NoCertificatesPresented,
        rustls::Error::NoApplicationProtocol,
        rustls::Error::DecryptError,
        rustls::Error::PeerSentOversizedRecord,
        rustls::Error::General("what rustls says".to_owned()),
        rustls::CertRevocationListError::ParseError.into(),
        rustls::Error::HandshakeNotComplete,
    ];
    incompatible
        .map(rustls::Error::PeerIncompatible)
        .into_iter()
        .chain(misbehaved.map(rustls::Error::PeerMisbehaved))
        .chain(messages.map(rustls::Error::InvalidMessage))
        .chain(others)
        .collect()
}

/// As libraries wrap errors; other letters leave it as it is.
fn wrap(error: Box<dyn StdError + Send + Sync>, letter: u8) -> Box<dyn StdError + Send + Sync> {
    match letter {
        b'i' => Box::new(io::Error::other(error)),
        b'd' => Box::new(io::Error::new(ErrorKind::InvalidData, error)),
        b'e' => Box::new(io::Error::new(ErrorKind::UnexpectedEof, error)),
        b't' => Box::new(io::Error::new(ErrorKind::TimedOut, error)),
        b'w' => Box::new(Wrapper(error)),
        b'a' => Box::new(Arc::<dyn StdError + Send + Sync>::from(error)),
        b'r' => Box::new(rustls::Error::Other(rustls::OtherError(error.into()))),
        b'x' => Box::new(Text("the cause is lost")),
        _ => error,
    }
}

#[derive(Debug)]
struct Wrapper(Box<dyn StdError + Send + Sync>);

impl fmt::Display for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it did not work")
    }
}

impl StdError for Wrapper {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[derive(Debug)]
struct Text(&'static str);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Text {}

// --- What holds

fn is_sound(diagnosis: &Diagnosis) {
    let fault = diagnosis.fault();
    assert!(Fault::CODES.contains(&fault.code()));
    assert!(!diagnosis.advice().is_empty());
    let text = diagnosis.to_string();
    assert!(text.starts_with(&format!("{fault}: {}", diagnosis.advice())), "{text:?}");
    // These go to terminals, and a line is a line.
    assert!(!shown_on_one_line(diagnosis).contains(char::is_control), "{text:?}");
    let json: serde_json::Value =
        serde_json::from_str(&diagnosis.to_json()).expect("JSON of an object");
    assert_eq!(json["code"], fault.code());
    assert_eq!(json["fault"], fault.to_string());
    assert_eq!(json["advice"], diagnosis.advice());
    assert_eq!(json["missing"].as_str(), diagnosis.missing());
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(4));
    assert!(!shown(diagnosis).is_empty());
}

fn shown_on_one_line(diagnosis: &Diagnosis) -> String {
    format!("{diagnosis} {diagnosis:?} {}", diagnosis.fault())
}

/// The record has what the server sent, and of several attempts nothing.
fn knows_the_record(input: &Input<'_>, attempt: &Attempt) {
    let record = &attempt.record;
    assert!(record.asked_for_certificate() || !record.sent_certificate());
    if !input.is_of_certificates() {
        return;
    }
    let sent = input.certificates();
    // A server that shows no certificate, and one that does not speak what is asked for.
    let is_shown = !sent.is_empty() && !input.has(b'3') && input.now.is_some();
    assert_eq!(record.is_of_several(), input.has(b't'));
    let chain = record.server_chain();
    if is_shown && !input.has(b't') {
        assert_eq!(chain.len(), sent.len().min(CHAIN_MAX));
        assert!(chain.iter().zip(&sent).all(|(found, sent)| **found == **sent));
        assert_eq!(record.server_name().as_deref(), Some(&*input.name.to_str()));
    } else {
        assert!(chain.is_empty() && record.server_name().is_none());
    }
    let is_asked = input.has(b'r') && !input.has(b'3') && !input.has(b't');
    assert_eq!(record.asked_for_certificate(), is_asked);
    assert_eq!(record.sent_certificate(), is_asked && input.has(b'c'));
}

/// What is told of the server's certificates is what is in them.
fn says_what_was_seen(input: &Input<'_>, diagnosis: &Diagnosis) {
    if input.cause != "server" {
        return;
    }
    let read = |der: &&[u8]| Certificate::from_der(CertificateDer::from(*der)).ok();
    let sent: Vec<Certificate> = input.certificates().iter().filter_map(read).collect();
    match diagnosis.fault() {
        Fault::ClockUnknown => assert!(input.now.is_none()),
        Fault::ClockBehind { not_before, now } => {
            assert!(input.now == Some(*now) && now < not_before);
        }
        Fault::ServerExpired { not_after, now } => {
            assert!(input.now == Some(*now) && not_after < now);
        }
        Fault::UnknownIssuer { issuer: Some(issuer) } => {
            assert!(sent.iter().any(|certificate| certificate.issuer() == issuer));
        }
        Fault::SelfSigned { subject } => {
            let mut sent = sent.iter().filter(|certificate| certificate.is_self_issued());
            assert!(sent.any(|certificate| certificate.subject() == subject));
        }
        Fault::NameMismatch { expected, .. } | Fault::CaptivePortal { expected, .. } => {
            assert_eq!(*expected, input.name.to_str());
        }
        Fault::KeyFailed { .. } | Fault::Unreachable { .. } => {
            panic!("the key was not asked, and the server was reached: {diagnosis}");
        }
        _ => {}
    }
}

/// How an error came here makes no difference, unless it was lost on the way.
fn wrappers_do_not_count(input: &Input<'_>, attempt: &Attempt, diagnosis: &Diagnosis) {
    // More than that are not followed.
    let is_kept = input.wrappers.len() < 31 && !input.wrappers.contains(&b'x');
    match Cause::read(input.cause, attempt) {
        Cause::Key(error) if is_kept => {
            assert_eq!(*diagnosis.fault(), Fault::KeyFailed { error });
        }
        Cause::Tls(error) if is_kept => {
            assert_eq!(*diagnosis, diagnose(&error, attempt.record(input)));
        }
        Cause::Nothing if input.wrappers.iter().all(|letter| !b"idetr".contains(letter)) => {
            assert_eq!(*diagnosis.fault(), Fault::Unknown);
        }
        _ => {}
    }
}
