//! AMQP 1.0: a token for a link to `$cbs` (claims-based security), and SASL.

use core::fmt;

use alloc::format;
use alloc::string::{String, ToString as _};

use super::{HubIdentity, WEBSOCKET_PATH};
use crate::identity::{HubHost, PolicyName};
use crate::sas::SasToken;
use crate::secret::{REDACTED, SecretText};

/// The port of AMQP over TLS.
pub const PORT: u16 = 5671;

/// The subprotocol of AMQP over WebSocket.
pub const WEBSOCKET_SUBPROTOCOL: &str = "AMQPWSB10";

/// Where tokens are put: the address of a link in each direction.
pub const CBS_ADDRESS: &str = "$cbs";

/// The URL over WebSocket, with [`WEBSOCKET_SUBPROTOCOL`].
#[must_use]
pub fn websocket_url(identity: &HubIdentity) -> String {
    format!("wss://{}:443{WEBSOCKET_PATH}", identity.connect_to())
}

/// The message that puts a token, for whichever library sends it: over a link to [`CBS_ADDRESS`], after
/// SASL ANONYMOUS or with no SASL at all, which is what the Node SDK does. The reply comes over a link from
/// there. It has the property `status-code`, 200 to 299 where the token was taken, and `status-description`,
/// and as `correlation-id` the `message-id` that the caller gave the message, a string of its own each time.
/// A token is put anew before it expires, on the same links.
///
/// Source: OASIS AMQP Claims-based Security 1.0, section 2.4, and what Azure's SDKs send.
///
/// # Examples
///
/// ```
/// # fn put(token: &hubward::SasToken<'_>) {
/// use hubward::session::amqp::PutToken;
///
/// let put = PutToken::new(token);
/// for (key, value) in put.application_properties() {
///     println!("{key} = {value}");
/// }
/// let body: &str = put.expose_body();
/// # }
/// ```
#[derive(Clone)]
pub struct PutToken<'t> {
    token: &'t str,
    audience: String,
}

impl<'t> PutToken<'t> {
    /// The property `to`.
    pub const TO: &'static str = CBS_ADDRESS;

    /// The property `reply-to`, as the Node SDK has it. It names nothing: the reply takes the link from
    /// [`CBS_ADDRESS`].
    pub const REPLY_TO: &'static str = "cbs";

    /// That of a token. Its audience is the token's own resource, as the token says it.
    pub fn new(token: &'t SasToken<'_>) -> Self {
        Self { token: token.expose_token(), audience: token.resource_text().to_string() }
    }

    /// The application properties, all of them strings.
    pub fn application_properties(&self) -> [(&'static str, &str); 3] {
        [
            ("operation", "put-token"),
            ("type", "servicebus.windows.net:sastoken"),
            ("name", &self.audience),
        ]
    }

    /// The body: a value of the type string.
    pub const fn expose_body(&self) -> &'t str {
        self.token
    }
}

impl fmt::Debug for PutToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token: _, audience } = self;
        f.debug_struct("PutToken").field("audience", audience).field("token", &REDACTED).finish()
    }
}

/// SASL PLAIN (RFC 4616): user name and token at once, for libraries without `$cbs`. The connection ends
/// when the token expires. A frame of SASL has at most 512 bytes (AMQP 1.0 section 5.3.1), which long names
/// do not fit in together with their token: `$cbs` has no such limit.
#[derive(Clone)]
pub struct SaslPlain<'t> {
    user: String,
    token: &'t str,
}

impl<'t> SaslPlain<'t> {
    /// That of a device, with its own token.
    pub fn device(identity: &HubIdentity, token: &'t SasToken<'_>) -> Self {
        let user = format!("{}@sas.{}", identity.path(), hub_name(identity.host()));
        Self { user, token: token.expose_token() }
    }

    /// That of a policy of the hub, with a token of that policy.
    pub fn policy(host: &HubHost, policy: &PolicyName, token: &'t SasToken<'_>) -> Self {
        let user = format!("{policy}@sas.root.{}", hub_name(host));
        Self { user, token: token.expose_token() }
    }

    /// The user name.
    pub fn user_name(&self) -> &str {
        &self.user
    }

    /// The password: the token.
    pub const fn expose_password(&self) -> &'t str {
        self.token
    }

    /// The initial response: no authorization identity, a zero, the user name, a zero, the token. It is
    /// wiped on drop.
    pub fn response(&self) -> SecretText<'static> {
        // As long as it will be, so that no copy is left where it grew.
        let mut response = String::with_capacity(2 + self.user.len() + self.token.len());
        for part in ["\0", &self.user, "\0", self.token] {
            response.push_str(part);
        }
        SecretText::owned(response)
    }
}

impl fmt::Debug for SaslPlain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, token: _ } = self;
        f.debug_struct("SaslPlain").field("user", user).field("token", &REDACTED).finish()
    }
}

/// The first label of the host.
fn hub_name(host: &HubHost) -> &str {
    host.as_str().split('.').next().unwrap_or_default()
}
