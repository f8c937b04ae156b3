//! What is wrong, from the error of whichever library: a fault, and what a technician can do.

use core::error::Error as StdError;
use core::fmt;

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::io;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

use super::clock::from_pki;
use super::record::HandshakeRecord;
use crate::encoding::json;
use crate::keystore::KeyError;
use crate::time::UnixTime;
use crate::x509::{Certificate, PublicKeyKind};

/// How far down the causes of an error are followed.
const CAUSES_MAX: usize = 32;

macro_rules! faults {
    ($($code:literal $(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })? = $text:literal $(, $argument:expr)?; $advice:literal)*) => {
        /// What is wrong with a connection. `Display` says what happened.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Fault {
            $(
                $(#[$doc])*
                #[error($text $(, $argument)?)]
                $name $({ $($(#[$field_doc])* $field: $type),* })?,
            )*
        }

        impl Fault {
            /// A name for programs, which does not change.
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $($field: _),* })? => $code,)*
                }
            }

            /// What to do about it.
            pub const fn advice(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $($field: _),* })? => $advice,)*
                }
            }

            /// All codes.
            pub const CODES: &[&str] = &[$($code),*];
        }
    };
}

faults! {
    "clock-unknown"
        /// The clock does not know the time.
        ClockUnknown = "the device does not know the time";
        "set the clock, by NTP or by hand, and try again: without the time no certificate can be checked"
    "clock-behind"
        /// The server's certificate is not valid yet.
        ClockBehind {
            /// When it begins.
            not_before: UnixTime,
            /// What the clock shows.
            now: UnixTime,
        } = "the server's certificate is valid from {not_before} on, and the device's clock shows {now}";
        "the clock is behind: set it, by NTP or by hand"
    "expired"
        /// The server's certificate has expired, unless the clock is ahead.
        ServerExpired {
            /// When it ended.
            not_after: UnixTime,
            /// What the clock shows.
            now: UnixTime,
        } = "the server's certificate expired at {not_after}, and the device's clock shows {now}";
        "if that is not the time, the clock is ahead: set it; if it is, the server must get a new certificate"
    "unknown-issuer"
        /// The server's chain ends at none of the trust anchors.
        UnknownIssuer {
            /// Whom the last certificate on the way up names as its issuer; `None` if nobody knows.
            issuer: Option<String>,
        } = "the server's chain ends at a CA that is not trusted{}", named(issuer);
        "if the server is an Azure hub, something between may break TLS open: a proxy that inspects traffic; if the CA is known, add its certificate to the trust anchors; if it is an intermediate one, the server must send its certificate too"
    "self-signed"
        /// The server's certificate is its own issuer.
        SelfSigned {
            /// Its subject.
            subject: String,
        } = "the server's certificate ({subject}) is self-signed";
        "a hub never has such a one: check address and port; for a server of your own, have its certificate issued by a CA and trust that"
    "name-mismatch"
        /// The server's certificate is for other names.
        NameMismatch {
            /// The name that it was asked for by.
            expected: String,
            /// The names of its certificate.
            presented: Vec<String>,
        } = "the server was asked for as {expected:?}, and its certificate is for {}", list(presented);
        "correct the host name; an IP address or an alias does not work where the certificate does not name it, and a name in its subject (CN) alone does not count"
    "captive-portal"
        /// The server's certificate is for a name that has nothing to do with the one asked for.
        CaptivePortal {
            /// The name that it was asked for by.
            expected: String,
            /// The names of its certificate.
            presented: Vec<String>,
        } = "somebody else answered for {expected:?}: a server whose certificate is for {}", list(presented);
        "the network may lead to a page of its own until somebody signs in (a captive portal), or DNS answers with another address: check both from this network; an alias does not work where the certificate does not name it"
    "name-refused"
        /// The server has no certificate for the name that it was asked for by.
        NameRefused = "the server does not know the name that it was asked for by";
        "correct the host name, or connect to the server that has it"
    "revoked"
        /// The server's certificate was revoked, or its list is not at hand or too old.
        Revoked {
            /// What is known.
            reason: &'static str,
        } = "the server's certificate is not believed: {reason}";
        "get the current revocation lists; if it was revoked, the server must get a new certificate"
    "weak-server-key"
        /// The server's key or the signature on its certificate is too weak.
        WeakServerKey {
            /// What is known of it.
            key: String,
        } = "the server's certificate is too weak: {key}";
        "the server must get a certificate with RSA from 2048 bits, or ECDSA, signed over SHA-256 or better"
    "bad-server-certificate"
        /// The server's certificate is wrong otherwise.
        BadServerCertificate {
            /// How.
            reason: String,
        } = "the server's certificate is not right: {reason}";
        "the server must get a certificate that is made for servers; if it is an Azure hub, something between answers in its place"
    "client-certificate-required"
        /// The server wants a certificate of the client.
        ClientCertificateRequired = "the server wants a certificate of the device, and got none";
        "give an identity that the hub knows; a key whose signatures the server does not take counts as none"
    "client-certificate-refused"
        /// The server refused the client's certificate.
        ClientCertificateRefused {
            /// What it said.
            alert: String,
        } = "the server refused the device's certificate ({alert})";
        "judge the certificate: validity, chain with its intermediates, clientAuth; and check that its CA or thumbprint is registered"
    "version-refused"
        /// No version of TLS in common.
        VersionRefused = "the server speaks no version of TLS that is allowed here";
        "the server must speak TLS 1.2 or 1.3 (1.3, where it was asked for alone): older ones are broken"
    "suite-refused"
        /// No suite, key exchange or kind of signature in common.
        SuiteRefused = "server and device have no suite, key exchange or kind of signature in common";
        "the server must have ECDHE with AES-GCM or ChaCha20-Poly1305, by X25519, P-256 or P-384, and a certificate with a key of RSA, P-256 or P-384"
    "plain-text"
        /// What answered does not speak TLS.
        PlainText = "what answered does not speak TLS";
        "check the port (MQTT 8883, AMQP 5671, HTTPS 443): this one may be for plain text, or a proxy answered"
    "broken-off"
        /// The connection ended without a word of TLS, within the handshake or later.
        BrokenOff = "the other end cut the connection off without a word";
        "if it had been up, connect again; if it never comes up: check the port, for one for plain text hangs up on TLS; try from another network, for a firewall or proxy may cut TLS off; ask whether the server refuses so; if the first message is lost, turn post-quantum key exchange off"
    "no-answer"
        /// Nothing came in time.
        NoAnswer = "no answer came in time";
        "check address, port and firewall: nothing is there, or something that waits for plain text; if the first message is lost, turn post-quantum key exchange off"
    "no-protocol"
        /// No protocol in common (ALPN).
        NoProtocol = "the server speaks none of the protocols that were offered (ALPN)";
        "check that this is the port of that protocol, and what is offered"
    "key-failed"
        /// The device's own key did not sign.
        KeyFailed {
            /// Why.
            error: KeyError,
        } = "the device's key did not sign: {error}";
        "check the key store: whether its chip answers, and whether it is open"
    "unreachable"
        /// There is no connection to speak TLS on.
        Unreachable {
            /// What the operating system says.
            kind: io::ErrorKind,
        } = "there is no connection: {kind}";
        "check address, port, DNS and firewall: TLS has not begun"
    "protocol"
        /// One of the two ends does not keep to TLS.
        Protocol {
            /// What rustls says.
            reason: String,
        } = "the handshake failed: {reason}";
        "the server, or something between, may not keep to TLS: try from another network, look into the log of the server, and report it with this text"
    "unknown"
        /// No error of TLS is in it.
        Unknown = "this is no error of TLS";
        "look at the error itself"
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map(|name| alloc::format!(" ({name})")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "no name at all".into(),
        names if names.len() > NAMES_SHOWN => {
            let (shown, rest) = names.split_at(NAMES_SHOWN);
            alloc::format!("{} and {} more", shown.join(", "), rest.len())
        }
        names => names.join(", "),
    }
}

/// How many names of a certificate a text shows.
const NAMES_SHOWN: usize = 8;

/// What is wrong, what to do, and what is not known. `Display` has all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    fault: Fault,
    missing: Option<&'static str>,
}

impl Diagnosis {
    /// What is wrong.
    pub const fn fault(&self) -> &Fault {
        &self.fault
    }

    /// What to do about it.
    pub const fn advice(&self) -> &'static str {
        self.fault.advice()
    }

    /// What is not certain, and would be with a record of the handshake, or whatever else the record gives to
    /// think of; `None` if nothing.
    pub const fn missing(&self) -> Option<&'static str> {
        self.missing
    }

    /// The same as JSON: an object with `code`, `fault`, `advice` and `missing` (which may be null).
    pub fn to_json(&self) -> String {
        let Self { fault, missing } = self;
        json::Object::new()
            .text("code", fault.code())
            .text("fault", &fault.to_string())
            .text("advice", fault.advice())
            .maybe_text("missing", *missing)
            .finish()
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, missing } = self;
        write!(f, "{fault}: {}", fault.advice())?;
        match missing {
            Some(missing) => write!(f, " ({missing})"),
            None => Ok(()),
        }
    }
}

/// Finds out what is wrong. `error` may be any that has an error of rustls, of this crate's keys or of the
/// operating system somewhere within: what an MQTT or HTTP library answered. With the record of the attempt
/// ([`ClientTls::recorded`](super::ClientTls::recorded)) more is known.
///
/// A server of TLS 1.3 checks the client's certificate when the handshake is over for the client, so that
/// its refusal comes with the first bytes that are read: hand over that error as well. Whoever speaks on in
/// place of reading may get a reset instead.
///
/// What a library keeps as a text only is not found, nor what an [`io::Error`] holds that is shown as another
/// one (`#[error(transparent)]`): that is [`Fault::Unknown`].
///
/// # Examples
///
/// ```
/// use hubward::tls::rustls::{AlertDescription, Error};
/// use hubward::tls::{Fault, diagnose};
///
/// let error = std::io::Error::other(Error::AlertReceived(AlertDescription::ProtocolVersion));
/// let diagnosis = diagnose(&error, None);
/// assert_eq!(*diagnosis.fault(), Fault::VersionRefused);
/// println!("{diagnosis}");
/// ```
#[must_use]
pub fn diagnose(error: &(dyn StdError + 'static), record: Option<&HandshakeRecord>) -> Diagnosis {
    let seen = Seen::new(record);
    match Cause::of(error) {
        Some(Cause::Key(error)) => Fault::KeyFailed { error: error.clone() }.into(),
        Some(Cause::Tls(error)) => seen.diagnose(error),
        Some(Cause::Io(kind)) => seen.of_io(kind),
        None => Fault::Unknown.into(),
    }
}

impl From<Fault> for Diagnosis {
    fn from(fault: Fault) -> Self {
        Self { fault, missing: None }
    }
}

/// What an error is about in the end.
enum Cause<'a> {
    Key(&'a KeyError),
    Tls(&'a Error),
    Io(io::ErrorKind),
}

impl<'a> Cause<'a> {
    /// The innermost that is known: a key's before that of rustls, and that before the system's.
    fn of(error: &'a (dyn StdError + 'static)) -> Option<Self> {
        let mut found = None;
        let mut next = Some(error);
        let mut left = CAUSES_MAX;
        while let Some(error) = next
            && left > 0
        {
            left -= 1;
            next = error.source();
            if let Some(error) = known::<KeyError>(error) {
                return Some(Self::Key(error));
            } else if let Some(error) = known::<Error>(error) {
                found = Some(Self::Tls(error));
                // Its `source` is nothing; what it holds is what it says.
                if let Error::Other(rustls::OtherError(inner)) = error {
                    next = Some(&**inner);
                }
            } else if let Some(error) = known::<io::Error>(error) {
                // `source` of an error of the system leaves out the one that it holds.
                next = error.get_ref().map(|inner| -> &(dyn StdError + 'static) { inner });
                if !matches!(found, Some(Self::Tls(_))) && (next.is_none() || tells(error.kind())) {
                    found = Some(Self::Io(error.kind()));
                }
            } else if let Some(shared) = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
                next = Some(&**shared);
            }
        }
        found
    }
}

/// The error itself, also behind a pointer: a pointer's `source` leaves out what it points to.
fn known<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    error
        .downcast_ref::<T>()
        .or_else(|| error.downcast_ref::<Box<T>>().map(|error| &**error))
        .or_else(|| error.downcast_ref::<Arc<T>>().map(|error| &**error))
}

/// Whether the kind of an error that holds another one says something of a connection. The lookup of a name
/// fails with a text, of a kind that has no name.
const fn tells(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other};

    !matches!(kind, InvalidData | InvalidInput | Other)
}

/// What the record tells.
struct Seen {
    /// Whether there is one that knows of a single attempt.
    is_known: bool,
    /// By which the server was asked for.
    name: Option<ServerName<'static>>,
    chain: Vec<Certificate>,
    asked_for_certificate: bool,
    sent_certificate: bool,
}

impl Seen {
    fn new(record: Option<&HandshakeRecord>) -> Self {
        let record = record.filter(|record| record.is_of_one());
        let chain = record.map(HandshakeRecord::server_chain).unwrap_or_default();
        let read = |der: CertificateDer<'static>| Certificate::from_der(der).ok();
        Self {
            is_known: record.is_some(),
            name: record
                .and_then(HandshakeRecord::server_name)
                .and_then(|name| ServerName::try_from(name).ok()),
            chain: chain.into_iter().map_while(read).collect(),
            asked_for_certificate: record.is_some_and(HandshakeRecord::asked_for_certificate),
            sent_certificate: record.is_some_and(HandshakeRecord::sent_certificate),
        }
    }

    fn diagnose(&self, error: &Error) -> Diagnosis {
        match error {
            Error::FailedToGetCurrentTime => Fault::ClockUnknown.into(),
            Error::InvalidCertificate(error) => self.of_certificate(error),
            Error::NoCertificatesPresented => {
                Fault::BadServerCertificate { reason: "it sent none".into() }.into()
            }
            Error::AlertReceived(alert) => self.of_alert(*alert),
            Error::PeerIncompatible(error) => self.of_incompatible(error),
            // A version or a suite that was not offered.
            Error::PeerMisbehaved(
                PeerMisbehaved::SelectedUnofferedCipherSuite
                | PeerMisbehaved::SelectedUnofferedKxGroup
                | PeerMisbehaved::SelectedUnusableCipherSuiteForVersion,
            ) => Fault::SuiteRefused.into(),
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::InvalidEmptyPayload
                | InvalidMessage::MessageTooLarge,
            ) => Fault::PlainText.into(),
            Error::InvalidCertRevocationList(_) => {
                Fault::Revoked { reason: "a revocation list is not right" }.into()
            }
            Error::NoApplicationProtocol => Fault::NoProtocol.into(),
            error => Fault::Protocol { reason: error.to_string() }.into(),
        }
    }

    fn of_io(&self, kind: io::ErrorKind) -> Diagnosis {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, NotFound, TimedOut, UnexpectedEof,
            WouldBlock,
        };

        match kind {
            UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => Diagnosis {
                fault: Fault::BrokenOff,
                // Whoever hangs up at once after its alert may take the alert back with that.
                missing: match (self.is_known, self.asked_for_certificate, self.sent_certificate) {
                    (false, ..) => Some(
                        "without a record of this one handshake it is not known whether the server asked \
                         for a certificate of the device",
                    ),
                    (true, true, false) => Some(
                        "the server asked for a certificate of the device, and got none: that may be \
                         why",
                    ),
                    (true, true, true) => Some(
                        "the server got the certificate of the device, and may have refused it",
                    ),
                    (true, false, _) => None,
                },
            },
            // Reading and writing say the one or the other, depending on the system.
            TimedOut | WouldBlock => Fault::NoAnswer.into(),
            // A file.
            NotFound => Fault::Unknown.into(),
            kind => Fault::Unreachable { kind }.into(),
        }
    }

    fn of_certificate(&self, error: &CertificateError) -> Diagnosis {
        let bad = |reason: &str| Fault::BadServerCertificate { reason: reason.into() }.into();
        match error {
            CertificateError::NotValidYetContext { time, not_before } => {
                Fault::ClockBehind { not_before: from_pki(*not_before), now: from_pki(*time) }
                    .into()
            }
            CertificateError::ExpiredContext { time, not_after } => {
                Fault::ServerExpired { not_after: from_pki(*not_after), now: from_pki(*time) }
                    .into()
            }
            CertificateError::UnknownIssuer => self.of_unknown_issuer(),
            CertificateError::NotValidForNameContext { expected, presented } => {
                of_names(expected, presented).into()
            }
            CertificateError::Revoked => Fault::Revoked { reason: "it was revoked" }.into(),
            CertificateError::UnknownRevocationStatus => {
                Fault::Revoked { reason: "no revocation list tells of it" }.into()
            }
            CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => {
                Fault::Revoked { reason: "the revocation list is too old" }.into()
            }
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                match self.weakness() {
                    Some(key) => Fault::WeakServerKey { key }.into(),
                    None => self.with_missing(
                        Fault::BadServerCertificate {
                            reason: match error {
                                CertificateError::BadSignature => {
                                    "a signature, its own or in its chain, is not by the key that it \
                                     should be by: a CA that was made anew under the same name has \
                                     another key"
                                }
                                _ => "it, or one of its chain, is signed in a way that is not known",
                            }
                            .into(),
                        },
                        "without a record of this one handshake it is not known how strong its key is",
                    ),
                }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                bad("it is not for servers (serverAuth)")
            }
            CertificateError::BadEncoding => bad("it is malformed"),
            CertificateError::UnhandledCriticalExtension => {
                bad("it has a critical extension that is not known")
            }
            // What a verifier of the caller's says.
            CertificateError::Expired => bad("it has expired, or the clock is ahead"),
            CertificateError::NotValidYet => bad("it is not valid yet, or the clock is behind"),
            CertificateError::NotValidForName => bad("it is for another name"),
            // Among them that of a CA, which `openssl req -x509` makes of every certificate.
            CertificateError::Other(rustls::OtherError(inner)) => match self.chain.first() {
                Some(first) if first.is_ca() => {
                    self.self_signed().unwrap_or_else(|| bad("it is that of a CA"))
                }
                _ => self.with_missing(
                    Fault::BadServerCertificate { reason: inner.to_string() },
                    "without a record of this one handshake it is not known whether it is self-signed",
                ),
            },
            error => bad(&error.to_string()),
        }
    }

    fn of_unknown_issuer(&self) -> Diagnosis {
        if let Some(found) = self.portal().or_else(|| self.self_signed()) {
            return found;
        }
        self.with_missing(
            Fault::UnknownIssuer { issuer: self.end().map(|end| end.issuer().into()) },
            "without a record of this one handshake its name is not known",
        )
    }

    /// That somebody else answered: who trusts few CAs knows a portal's as little as its name.
    fn portal(&self) -> Option<Diagnosis> {
        let first = ParsedCertificate::try_from(self.chain.first()?.der()).ok()?;
        let Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        }) = verify_server_name(&first, self.name.as_ref()?).err()?
        else {
            return None;
        };
        let fault = of_names(&expected, &presented);
        matches!(fault, Fault::CaptivePortal { .. }).then(|| fault.into())
    }

    fn self_signed(&self) -> Option<Diagnosis> {
        let first = self.chain.first().filter(|first| first.is_self_issued())?;
        Some(Fault::SelfSigned { subject: first.subject().into() }.into())
    }

    /// The last certificate on the way up from the server's, whatever else it sent.
    fn end(&self) -> Option<&Certificate> {
        let mut end = self.chain.first()?;
        for _ in &self.chain {
            let above = |other: &&Certificate| *other != end && other.subject() == end.issuer();
            match self.chain.iter().find(above) {
                Some(above) => end = above,
                None => break,
            }
        }
        Some(end)
    }

    /// What is too weak in the server's chain.
    fn weakness(&self) -> Option<String> {
        self.chain.iter().find_map(|certificate| match certificate.public_key_kind() {
            kind @ PublicKeyKind::Rsa { bits } if bits < 2048 => Some(kind.to_string()),
            kind @ PublicKeyKind::Other => Some(kind.to_string()),
            _ => certificate.weak_signature_hash().map(|hash| alloc::format!("signed over {hash}")),
        })
    }

    fn of_alert(&self, alert: AlertDescription) -> Diagnosis {
        let refused = || Fault::ClientCertificateRefused { alert: alloc::format!("{alert:?}") };
        let broken_off = || {
            let reason = alloc::format!("the server broke it off ({alert:?})");
            Diagnosis::from(Fault::Protocol { reason })
        };
        match alert {
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
                Fault::ClientCertificateRequired.into()
            }
            // TLS 1.2 has no alert of its own for that; 40 is what servers say of anything.
            alert
                if (alert == AlertDescription::HandshakeFailure || is_of_certificates(alert))
                    && self.asked_for_certificate
                    && !self.sent_certificate =>
            {
                Fault::ClientCertificateRequired.into()
            }
            AlertDescription::HandshakeFailure if self.sent_certificate => refused().into(),
            // It cannot have refused what it never got.
            alert if is_of_certificates(alert) && self.is_known && !self.sent_certificate => {
                broken_off()
            }
            alert if is_of_certificates(alert) => refused().into(),
            // Our signature does not fit to our certificate, as the server sees it.
            AlertDescription::DecryptError if self.sent_certificate => Diagnosis {
                fault: refused(),
                missing: Some(
                    "it does not believe the signature of the device's key: the key store may be at fault",
                ),
            },
            AlertDescription::DecryptError if !self.is_known => Diagnosis {
                missing: Some(
                    "without a record of this one handshake it may also be that it does not believe the \
                     signature of the device's key",
                ),
                ..broken_off()
            },
            AlertDescription::ProtocolVersion => Fault::VersionRefused.into(),
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => self
                .with_missing(
                    Fault::SuiteRefused,
                    "without a record of this one handshake it may also be that the server wants a \
                     certificate of the device",
                ),
            AlertDescription::NoApplicationProtocol => Fault::NoProtocol.into(),
            AlertDescription::UnrecognisedName => Fault::NameRefused.into(),
            _ => broken_off(),
        }
    }

    fn of_incompatible(&self, error: &PeerIncompatible) -> Diagnosis {
        match error {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired => Fault::VersionRefused,
            PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
                Fault::ClientCertificateRequired
            }
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoEcPointFormatsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::ExtendedMasterSecretExtensionRequired => Fault::SuiteRefused,
            error => Fault::Protocol { reason: alloc::format!("{error:?}") },
        }
        .into()
    }

    fn with_missing(&self, fault: Fault, missing: &'static str) -> Diagnosis {
        Diagnosis { fault, missing: (!self.is_known).then_some(missing) }
    }
}

/// Whether an alert is about the certificate of whoever gets it.
fn is_of_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

/// `DnsName("a.example")`, as webpki shows a name, without what is around it, and without what a terminal
/// might obey.
fn plain_name(shown: &str) -> String {
    let inner = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(shown).trim_matches('"').escape_debug().to_string()
}

/// A portal's names have all nothing to do with the one that was asked for. A certificate without names is
/// carelessly made, and tells nothing.
fn of_names(expected: &ServerName<'_>, presented: &[String]) -> Fault {
    let expected = expected.to_str().to_string();
    let presented: Vec<_> = presented.iter().map(|name| plain_name(name)).collect();
    if !presented.is_empty() && presented.iter().all(|name| is_elsewhere(name, &expected)) {
        Fault::CaptivePortal { expected, presented }
    } else {
        Fault::NameMismatch { expected, presented }
    }
}

/// Whether two names have nothing to do with each other: not the last two labels in common.
fn is_elsewhere(name: &str, expected: &str) -> bool {
    fn end(name: &str) -> impl Iterator<Item = &str> {
        name.trim_end_matches('.').rsplit('.').take(2)
    }

    let is_address = |name: &str| name.parse::<core::net::IpAddr>().is_ok();
    if is_address(expected) || is_address(name) {
        return false;
    }
    !end(name).map(str::to_ascii_lowercase).eq(end(expected).map(str::to_ascii_lowercase))
}
