//! HTTPS: the `Authorization` header, and where to send.

use core::fmt;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Encoded, HubIdentity};
use crate::sas::SasToken;
use crate::secret::REDACTED;
use crate::time::UnixTime;

/// The port of HTTPS.
pub const PORT: u16 = 443;

/// The API version of requests, unless told otherwise.
pub const API_VERSION: &str = "2020-03-13";

/// The value of the header `Authorization`: the token, and nothing before it. `Debug` hides it.
///
/// # Examples
///
/// ```
/// # fn header(token: &hubward::SasToken<'_>) {
/// use hubward::session::https::Authorization;
///
/// let authorization = Authorization::new(token);
/// let value: &[u8] = authorization.expose_value(); // for `HeaderValue::from_bytes`, marked sensitive
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Authorization<'t>(&'t str);

impl<'t> Authorization<'t> {
    /// The name of the header.
    pub const HEADER: &'static str = "authorization";

    /// That of a token. With a certificate on the connection, the header is left out.
    pub fn new(token: &'t SasToken<'_>) -> Self {
        Self(token.expose_token())
    }

    /// The value: visible ASCII.
    pub const fn expose_value(self) -> &'t [u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorization({REDACTED})")
    }
}

/// Where a device or module posts its messages.
#[must_use]
pub fn telemetry_url(identity: &HubIdentity) -> String {
    url(identity, "messages/events")
}

/// Where a device asks for a place to upload a file to: `POST` with `{"blobName":"..."}`. What comes back is
/// to be judged before it is used.
#[must_use]
pub fn file_upload_url(identity: &HubIdentity) -> String {
    url(identity, "files")
}

/// Where a device says what became of an upload.
#[must_use]
pub fn file_notification_url(identity: &HubIdentity) -> String {
    url(identity, "files/notifications")
}

/// The moment of a reply's header `Date`, as in `Tue, 24 Nov 2026 12:00:00 GMT` (RFC 9110 section 5.6.7);
/// `None` for another form. Over a connection with the server's name verified, it is what
/// [`TrustedTime::learn`](crate::time::TrustedTime::learn) takes.
#[must_use]
pub fn date(value: &str) -> Option<UnixTime> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    let (weekday, rest) = value.split_once(", ")?;
    let [day, month, year, time, "GMT"] = *rest.split(' ').collect::<Vec<_>>() else { return None };
    let [hour, minute, second] = *time.split(':').collect::<Vec<_>>() else { return None };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = u64::try_from(month).ok()? + 1;
    let date = [digits(year, 4)?, month, digits(day, 2)?];
    let time = [digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?];
    UnixTime::from_civil(date, time).filter(|_| DAYS.contains(&weekday))
}

/// A number of exactly so many digits.
pub(super) fn digits(text: &str, len: usize) -> Option<u64> {
    let is_number = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn url(identity: &HubIdentity, what: &str) -> String {
    let host = identity.connect_to();
    let device = Encoded(identity.device_id().as_str());
    let module =
        identity.module_id().map(|module| format!("/modules/{}", Encoded(module.as_str())));
    let module = module.unwrap_or_default();
    format!("https://{host}/devices/{device}{module}/{what}?api-version={API_VERSION}")
}
