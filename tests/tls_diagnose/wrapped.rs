//! Errors as libraries wrap them.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::ToSocketAddrs as _;
use std::sync::Arc;

use hubward::keystore::KeyError;
use hubward::tls::diagnose;
use hubward::tls::rustls::{AlertDescription, Error, OtherError};
use hubward::tls::{IdentityError, TlsError};

use crate::{code, say};

/// An error with a cause.
#[derive(Debug)]
struct Wrap<E>(E);

impl<E> fmt::Display for Wrap<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection failed")
    }
}

impl<E: StdError + 'static> StdError for Wrap<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// An error with a cause of any type.
#[derive(Debug)]
struct Erased(Box<dyn StdError + Send + Sync>);

impl fmt::Display for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Erased {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// Which shows its cause as itself, as `#[error(transparent)]` does.
#[derive(Debug)]
struct Transparent(io::Error);

impl fmt::Display for Transparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Transparent {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

fn tls() -> Error {
    Error::AlertReceived(AlertDescription::ProtocolVersion)
}

fn in_io() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, tls())
}

#[test]
fn however_it_is_wrapped() {
    let found = "version-refused";
    assert_eq!(code(tls()), found);
    assert_eq!(code(in_io()), found);
    assert_eq!(code(io::Error::other(in_io())), found);
    assert_eq!(code(io::Error::new(ErrorKind::ConnectionAborted, in_io())), found);
    assert_eq!(code(io::Error::new(ErrorKind::UnexpectedEof, tls())), found);
    assert_eq!(code(Wrap(tls())), found);
    assert_eq!(code(Wrap(in_io())), found);
    assert_eq!(code(Wrap(Wrap(Wrap(in_io())))), found);
    assert_eq!(code(Erased(Box::new(in_io()))), found);
    assert_eq!(code(Erased(Box::new(Erased(Box::new(tls()))))), found);
    assert_eq!(code(io::Error::other(Wrap(io::Error::other(Wrap(tls()))))), found);
    // A pointer to an error is an error, whose cause is the cause of that.
    assert_eq!(code(Box::new(tls())), found);
    assert_eq!(code(Arc::new(tls())), found);
    assert_eq!(code(Wrap(Box::new(tls()))), found);
    assert_eq!(code(Wrap(Arc::new(tls()))), found);
    assert_eq!(code(Wrap(Box::new(in_io()))), found);
    assert_eq!(code(Wrap(Arc::new(in_io()))), found);
    let shared: Arc<dyn StdError + Send + Sync> = Arc::new(tls());
    assert_eq!(code(Wrap(shared)), found);
    let shared: Arc<dyn StdError + Send + Sync> = Arc::new(Wrap(in_io()));
    assert_eq!(code(Wrap(shared)), found);
    // What rustls itself passes on.
    assert_eq!(code(Error::Other(OtherError(Arc::new(tls())))), found);
    assert_eq!(code(Error::Other(OtherError(Arc::new(Wrap(in_io()))))), found);
    // As a caller has it.
    let boxed: Box<dyn StdError + Send + Sync> = Box::new(Wrap(in_io()));
    assert_eq!(say(&*boxed, None).fault().code(), found);
    assert_eq!(diagnose(boxed.as_ref(), None).fault().code(), found);

    // Who shows only the text has lost it.
    assert_eq!(code(Transparent(in_io())), "unknown");
    assert_eq!(code(io::Error::other(tls().to_string())), "unknown");
}

#[test]
fn keys_come_first() {
    let found = "key-failed";
    let key = || KeyError::NotFound;
    let of_rustls = || Error::Other(OtherError(Arc::new(key())));
    assert_eq!(code(key()), found);
    assert_eq!(code(of_rustls()), found);
    assert_eq!(code(io::Error::other(of_rustls())), found);
    assert_eq!(code(Wrap(io::Error::other(Wrap(of_rustls())))), found);
    assert_eq!(code(Wrap(Arc::new(key()))), found);
    assert_eq!(code(Error::Other(OtherError(Arc::new(Wrap(key()))))), found);
    assert_eq!(code(IdentityError::Key(key())), found);
    assert_eq!(code(TlsError::Identity(IdentityError::Key(key()))), found);
    // Other errors of configurations are none of connections.
    assert_eq!(code(IdentityError::KeyDiffers), "unknown");
    assert_eq!(code(TlsError::NoTrustAnchors), "unknown");
}

/// An end to every search: too deep, and in a circle.
#[test]
fn it_ends() {
    fn nested(depth: usize) -> Erased {
        (0..depth).fold(Erased(Box::new(tls())), |error, _| Erased(Box::new(error)))
    }

    #[derive(Debug)]
    struct Circle;

    impl fmt::Display for Circle {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("again")
        }
    }

    impl StdError for Circle {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(self)
        }
    }

    assert_eq!(code(nested(0)), "version-refused");
    assert_eq!(code(nested(30)), "version-refused");
    assert_eq!(code(nested(100)), "unknown");
    assert_eq!(code(Circle), "unknown");
    assert_eq!(code(io::Error::new(ErrorKind::ConnectionReset, Circle)), "broken-off");
}

#[test]
fn errors_of_the_system() {
    for (kind, expected) in [
        (ErrorKind::ConnectionRefused, "unreachable"),
        (ErrorKind::HostUnreachable, "unreachable"),
        (ErrorKind::NetworkUnreachable, "unreachable"),
        (ErrorKind::NetworkDown, "unreachable"),
        (ErrorKind::AddrNotAvailable, "unreachable"),
        (ErrorKind::NotConnected, "unreachable"),
        // What a firewall of the device itself says.
        (ErrorKind::PermissionDenied, "unreachable"),
        (ErrorKind::UnexpectedEof, "broken-off"),
        (ErrorKind::ConnectionReset, "broken-off"),
        (ErrorKind::ConnectionAborted, "broken-off"),
        (ErrorKind::BrokenPipe, "broken-off"),
        (ErrorKind::TimedOut, "no-answer"),
        (ErrorKind::WouldBlock, "no-answer"),
        // A file is not there.
        (ErrorKind::NotFound, "unknown"),
    ] {
        assert_eq!(code(io::Error::from(kind)), expected, "{kind:?}");
        assert_eq!(code(Wrap(io::Error::from(kind))), expected, "{kind:?}");
        // The kind is all that some say.
        assert_eq!(code(io::Error::new(kind, "a text")), expected, "{kind:?}");
        // The inner one knows better.
        let inner = io::Error::other(Wrap(io::Error::from(kind)));
        assert_eq!(code(inner), expected, "{kind:?}");
        let outer = io::Error::new(ErrorKind::ConnectionReset, io::Error::from(kind));
        assert_eq!(code(outer), expected, "{kind:?}");
        // And TLS knows best.
        assert_eq!(code(io::Error::new(kind, tls())), "version-refused", "{kind:?}");
    }
    for kind in [ErrorKind::Other, ErrorKind::InvalidData, ErrorKind::InvalidInput] {
        assert_eq!(code(io::Error::new(kind, "a text")), "unknown", "{kind:?}");
    }
    // With a number.
    assert_eq!(code(io::Error::from_raw_os_error(libc::ECONNRESET)), "broken-off");
    assert_eq!(code(io::Error::from_raw_os_error(libc::ENETUNREACH)), "unreachable");
    assert_eq!(code(io::Error::from_raw_os_error(libc::EAGAIN)), "no-answer");

    // A name without an address, and an address that is none.
    for address in ["not a host name:8883", "127.0.0.1", "127.0.0.1:mqtt"] {
        let error = address.to_socket_addrs().unwrap_err();
        assert_eq!(code(error), "unreachable", "{address}");
    }
}
