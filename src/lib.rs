//! Device-side security for Azure IoT Hub: who a device is, what it signs with, and the tokens that
//! prove it.
//!
//! A device has an **identity** (hub host, device, module), a **key** (a secret, or a handle to one
//! that never leaves its chip), and from the two it makes **tokens**, **certificates** and **TLS
//! configurations**.
//!
//! ```text
//! floor 5   capi                          all of it for C: `include/hubward.h`
//! floor 4   tls          session          connections: whom to trust; the words of MQTT, AMQP, HTTPS
//! floor 3   sas          x509             tokens and certificates: made, read, judged
//! floor 2   keystore     identity         keys as handles and their stores; names, connection strings
//! floor 1   secret   time   encoding      what vanishes, what is now, what the wire looks like
//! floor 0   error
//! ```
//!
//! # Quick start
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```text")]
//! use core::time::Duration;
//! use hubward::{Clock, ConnectionString, SasSigner, SystemClock};
//!
//! // From a file or the environment, never from the source or an argument.
//! let text = String::from(
//!     "HostName=contoso.azure-devices.net;DeviceId=pump-7;SharedAccessKey=Zm9vYmFy",
//! );
//! let connection = ConnectionString::from_string(text)?;
//! let signer = SasSigner::from_connection_string(&connection)?;
//!
//! let token = signer.sign_for(Duration::from_secs(3600), SystemClock.now()?)?;
//! let password: &str = token.expose_token();
//! # assert!(password.starts_with("SharedAccessSignature sr=contoso.azure-devices.net%2Fdevices"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it is not
//!
//! Not a client: it opens no socket, starts no thread and keeps no timer. It makes and judges the
//! credentials; whichever MQTT, AMQP or HTTP library you use sends them.
//!
//! # Features
//!
//! | feature | adds | without it |
//! |---|---|---|
//! | `std` (the only default) | `alloc`, `SystemClock` | `#![no_std]` |
//! | `alloc` | owned forms, `SasSigner::sign`, `Arc` and `Box` handles, secrets behind a `Box`, the traits of key stores, rotation | names, borrowing [`ConnectionString`], [`SymmetricKey`], [`GroupKey`], [`ResourceUri`], [`SasSigner::sign_into`], borrowing [`SasToken`], verification: no allocator needed |
//! | `mlock` | secrets in locked pages, where asked for | without it and `capi`, `#![forbid(unsafe_code)]` |
//! | `keystore-memory`, `keystore-file`, `keystore-systemd`, `keystore-os` | a [store of keys](keystore) each | |
//! | `keystore-software` | private keys in memory: P-256, P-384 | |
//! | `x509`, `x509-issue` | certificates read and judged; requested and issued | |
//! | `tls`, `tls-platform-roots` | configurations for rustls; the platform's trust anchors | |
//! | `session` | credentials in the words of the protocols | |
//! | `capi` | the C functions; those that need a feature that is off say so | |
//! | `aws-lc-rs`, `ring`, `fips` | a provider for `tls` each; RSA for `keystore-software`, checking signatures for `x509` | |
//!
//! Features only add. Everything that takes the time takes it as an argument; `SystemClock` is the
//! only reader of the operating system's clock.

#![no_std]
#![cfg_attr(not(any(feature = "mlock", feature = "capi")), forbid(unsafe_code))]
#![deny(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable
    )
)]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

/// The code of the README, compiled with the doc tests.
#[cfg(all(doctest, feature = "tls", feature = "session", feature = "aws-lc-rs"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "capi")]
#[expect(unsafe_code, reason = "the C interface")]
pub mod capi;
mod encoding;
mod error;
pub mod identity;
pub mod keystore;
pub mod sas;
pub mod secret;
#[cfg(feature = "session")]
pub mod session;
pub mod time;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "x509")]
pub mod x509;

pub use error::OtherError;
pub use identity::{
    ConnectionString, ConnectionStringError, DeviceId, HubHost, IdScope, ModuleId, NameError,
    PolicyName, RegistrationId,
};
pub use keystore::{KeyError, KeyName, MacKey, SymmetricKey};
#[cfg(feature = "alloc")]
pub use keystore::{KeyStore, KeyStoreAdmin, SigningKey};
#[cfg(feature = "alloc")]
pub use rustls_pki_types as pki_types;
pub use sas::{GroupKey, ResourceUri, SAS_TOKEN_MAX, SasError, SasSigner, SasToken, ServiceBusKey};
#[cfg(feature = "std")]
pub use time::SystemClock;
pub use time::{Clock, FixedClock, TimeError, UnixTime};

#[cfg(test)]
mod tests {
    use super::*;
    use core::panic::{RefUnwindSafe, UnwindSafe};

    /// What every feature set must keep: values go to other threads and survive a panic.
    const fn is_portable<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

    const _: () = {
        is_portable::<ConnectionString<'static>>();
        is_portable::<ConnectionStringError>();
        is_portable::<DeviceId>();
        is_portable::<GroupKey>();
        is_portable::<HubHost>();
        is_portable::<KeyError>();
        is_portable::<OtherError>();
        is_portable::<PolicyName>();
        is_portable::<ResourceUri>();
        is_portable::<SasError>();
        is_portable::<SasSigner>();
        is_portable::<SasToken<'static>>();
        is_portable::<ServiceBusKey>();
        is_portable::<SymmetricKey>();
        is_portable::<KeyName>();
        is_portable::<keystore::PreparedMac>();
        #[cfg(feature = "keystore-file")]
        is_portable::<keystore::file::FileKeyStore>();
        #[cfg(feature = "keystore-memory")]
        is_portable::<keystore::MemoryKeyStore>();
        #[cfg(feature = "keystore-software")]
        is_portable::<keystore::SoftwareSigningKey>();
        is_portable::<keystore::Tag>();
        is_portable::<sas::TokenParseError>();
        is_portable::<sas::TokenVerifyError>();
        is_portable::<secret::SecretBytes>();
        is_portable::<secret::SecretText<'static>>();
    };
}
