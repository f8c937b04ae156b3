//! Shared access signatures: what IoT Hub, DPS, Event Hubs and Service Bus take as a token.
//!
//! A token says *where* (`sr`, a [`ResourceUri`]), *until when* (`se`, a [`UnixTime`]), perhaps *by
//! which policy* (`skn`, a [`PolicyName`]), and proves it (`sig`): base64 of HMAC-SHA256, under the
//! decoded key (for Event Hubs and Service Bus under the key's text), over the `sr` text exactly as
//! sent, a line feed, and the decimal expiry.
//!
//! ```text
//! SharedAccessSignature sr=contoso.azure-devices.net%2Fdevices%2Fpump-7&sig=…%3D&se=1735689600
//! ```
//!
//! A [`SasSigner`] prepares key and resource once and then makes tokens; a [`SasToken`] is made by a
//! signer or parsed from what any SDK emits, and can be inspected and verified; a [`GroupKey`] derives
//! the keys of the devices of a DPS enrollment group.
//!
//! [`UnixTime`]: crate::UnixTime
//! [`PolicyName`]: crate::PolicyName

#[cfg(feature = "alloc")]
mod cache;
mod derive;
mod resource;
mod signer;
mod token;

#[cfg(feature = "alloc")]
pub use cache::{
    CachedToken, Refusal, Step, TokenCache, TokenFn, TokenId, TokenPolicy, TokenPolicyError,
    TokenSchedule, TokenSource,
};
pub use derive::GroupKey;
pub use resource::{ResourceUri, ResourceUriError};
pub use signer::{SAS_TOKEN_MAX, SasError, SasSigner, ServiceBusKey};
pub use token::{SasField, SasToken, TokenParseError, TokenVerifyError};

use crate::encoding::TOKEN_PREFIX as PREFIX;

// The fields in the order in which they are written.
const RESOURCE: &str = "sr=";
const SIGNATURE: &str = "&sig=";
const EXPIRY: &str = "&se=";
const POLICY: &str = "&skn=";
