//! Reading and judging tokens.

use core::fmt;
use core::ops::Range;
use core::time::Duration;

use thiserror::Error;

use super::resource::ResourceUri;
use super::signer::ServiceBusKey;
use super::{EXPIRY, POLICY, PREFIX, RESOURCE, SIGNATURE};
use crate::encoding::base64;
use crate::encoding::decimal::{self, Decimal};
use crate::encoding::percent::Decoded;
use crate::identity::{NameError, PolicyName};
use crate::keystore::{KeyError, MacKey, Tag};
use crate::secret::{REDACTED, SecretText};
use crate::time::UnixTime;

#[cfg(feature = "alloc")]
use alloc::string::String;

/// A token, made by a [`SasSigner`] or parsed from what any SDK emits.
///
/// A token is a credential: `Debug` and `Display` hide its signature, and
/// [`expose_token`](Self::expose_token) is the one way to the text. An owned text is wiped on drop.
///
/// # Examples
///
/// ```
/// use hubward::{SasToken, UnixTime};
///
/// let token = SasToken::parse(
///     "SharedAccessSignature sr=contoso.azure-devices.net%2fdevices%2fpump-7\
///      &sig=z14iWpfqe3qRZCoEvIiCg5pAaVZ941HPKOI6Ax9DR%2f0%3d&se=1735689600",
/// )?;
/// assert_eq!(token.resource_text(), "contoso.azure-devices.net%2fdevices%2fpump-7");
/// assert!(!token.is_expired_at(UnixTime::from_secs(1_735_689_599)));
/// assert!(token.is_expired_at(token.expiry()));
/// assert_eq!(
///     token.to_string(),
///     "SharedAccessSignature sr=contoso.azure-devices.net%2fdevices%2fpump-7\
///      &sig=<redacted>&se=1735689600"
/// );
/// # Ok::<(), hubward::sas::TokenParseError>(())
/// ```
///
/// [`SasSigner`]: super::SasSigner
pub struct SasToken<'a> {
    text: SecretText<'a>,
    expiry: UnixTime,
    parts: SasTokenParts,
}

/// Where the values are in the text of a token.
pub(super) struct SasTokenParts {
    pub(super) resource: Range<usize>,
    /// Canonical base64 of a tag, once decoded.
    pub(super) signature: Range<usize>,
    /// A name, once decoded.
    pub(super) policy: Option<Range<usize>>,
}

impl<'a> SasToken<'a> {
    /// Reads a token, its fields in any order, percent-encoded in either case or raw.
    ///
    /// # Errors
    ///
    /// A [`TokenParseError`] for the first thing that is wrong. Whitespace around the token is an
    /// error: trim it, if that is right where the text came from.
    pub fn parse(text: &'a str) -> Result<Self, TokenParseError> {
        Self::read(SecretText::borrowed(text))
    }

    /// Reads a token and takes the text over, to be wiped on drop, also where it is refused.
    ///
    /// # Errors
    ///
    /// As [`SasToken::parse`].
    #[cfg(feature = "alloc")]
    pub fn from_string(text: String) -> Result<SasToken<'static>, TokenParseError> {
        SasToken::read(SecretText::owned(text))
    }

    fn read(token: SecretText<'a>) -> Result<Self, TokenParseError> {
        let text = token.expose_text();
        let fields = text.strip_prefix(PREFIX).ok_or(TokenParseError::NotAToken)?;
        if let Some(position) =
            text.bytes().skip(PREFIX.len()).position(|byte| !byte.is_ascii_graphic())
        {
            return Err(TokenParseError::InvalidCharacter { position: PREFIX.len() + position });
        }

        let (mut resource, mut signature, mut expiry, mut policy) = (None, None, None, None);
        let mut start = PREFIX.len();
        for (index, pair) in fields.split('&').enumerate() {
            let end = start + pair.len();
            let (name, value) = pair
                .split_once('=')
                .ok_or(TokenParseError::MissingEqualsSign { pair: index + 1 })?;
            let field = SasField::from_name(name)
                .ok_or(TokenParseError::UnknownField { pair: index + 1 })?;
            if value.is_empty() {
                return Err(TokenParseError::EmptyValue { field });
            }
            let slot = match field {
                SasField::Resource => &mut resource,
                SasField::Signature => &mut signature,
                SasField::Expiry => &mut expiry,
                SasField::PolicyName => &mut policy,
            };
            if slot.replace(end - value.len()..end).is_some() {
                return Err(TokenParseError::DuplicateField { field });
            }
            start = end + 1;
        }

        let required = |range: Option<Range<usize>>, field| {
            range.ok_or(TokenParseError::MissingField { field })
        };
        let resource = required(resource, SasField::Resource)?;
        let signature = required(signature, SasField::Signature)?;
        let expiry = required(expiry, SasField::Expiry)?;
        let at = |range: Range<usize>| text.get(range).unwrap_or_default();

        decode_signature(at(signature.clone())).ok_or(TokenParseError::SignatureNotCanonical)?;
        let mut buffer = [0; Decimal::MAX_LEN];
        let expiry = Decoded::new(at(expiry))
            .write(&mut buffer)
            .and_then(decimal::parse)
            .ok_or(TokenParseError::ExpiryNotCanonical)?;
        if let Some(policy) = &policy {
            PolicyName::check_alphabet(Decoded::new(at(policy.clone())))
                .map_err(TokenParseError::InvalidPolicyName)?;
        }
        let parts = SasTokenParts { resource, signature, policy };
        Ok(Self { text: token, expiry: UnixTime::from_secs(expiry), parts })
    }

    /// A token that a signer wrote.
    #[cfg(feature = "alloc")]
    pub(super) const fn made(text: SecretText<'a>, expiry: UnixTime, parts: SasTokenParts) -> Self {
        Self { text, expiry, parts }
    }

    /// Copies a borrowed text, so that the token can outlive what it came from.
    #[cfg(feature = "alloc")]
    pub fn into_owned(self) -> SasToken<'static> {
        let Self { text, expiry, parts } = self;
        SasToken { text: text.into_owned(), expiry, parts }
    }

    /// The token as it is sent: a password of MQTT, an `Authorization` header of HTTPS.
    pub fn expose_token(&self) -> &str {
        self.text.expose_text()
    }

    /// `sr` as it was received: the text that is signed.
    pub fn resource_text(&self) -> &str {
        self.part(&self.parts.resource)
    }

    /// `sr`, decoded once, for people: bytes outside printable ASCII show as `?`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubward::SasToken;
    /// let token = SasToken::parse(
    ///     "SharedAccessSignature sr=h%2Fdevices%2Fdev%2523\
    ///      &sig=z14iWpfqe3qRZCoEvIiCg5pAaVZ941HPKOI6Ax9DR%2F0%3D&se=1735689600",
    /// )?;
    /// assert_eq!(token.resource().to_string(), "h/devices/dev%23");
    /// # Ok::<(), hubward::sas::TokenParseError>(())
    /// ```
    pub fn resource(&self) -> impl fmt::Display {
        Plain(self.resource_text())
    }

    /// `se`: the moment from which on the token is no longer good.
    pub const fn expiry(&self) -> UnixTime {
        self.expiry
    }

    /// `skn`, decoded once.
    ///
    /// # Security
    ///
    /// The name is not signed: whoever sends a token can write any policy into it. It may say which
    /// key to look up; it means something only once the token verifies under that policy's key.
    pub fn policy_name(&self) -> Option<PolicyName> {
        let policy = self.part(self.parts.policy.as_ref()?);
        // It was a name when the token was made or parsed.
        let mut buffer = [0; PolicyName::MAX_LEN];
        let policy = Decoded::new(policy).write(&mut buffer)?;
        PolicyName::new(core::str::from_utf8(policy).ok()?).ok()
    }

    /// `true` from the expiry on.
    #[must_use]
    pub fn is_expired_at(&self, now: UnixTime) -> bool {
        now >= self.expiry
    }

    /// What is left of the token's life; zero once it has expired.
    ///
    /// # Examples
    ///
    /// Renew when less than a fifth of the lifetime is left:
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use hubward::{SasToken, UnixTime};
    /// fn is_due(token: &SasToken<'_>, lifetime: Duration, now: UnixTime) -> bool {
    ///     token.expires_in(now) < lifetime / 5
    /// }
    /// ```
    pub const fn expires_in(&self, now: UnixTime) -> Duration {
        self.expiry.saturating_duration_since(now)
    }

    /// Judges the token, for gateways and test hubs: that `key` signed it, that it has not expired
    /// (for longer than `tolerance` in whole seconds, for clocks that differ), and that it covers `expected` by whole
    /// segments.
    ///
    /// `now` comes from a clock that knows the time: [`Clock::now`] answers an error where it does
    /// not, and a guess in its place would let every expired token in.
    ///
    /// # Errors
    ///
    /// A [`TokenVerifyError`]; a token that is not signed by `key` is told so before anything else
    /// about it is looked at.
    ///
    /// # Security
    ///
    /// The signature is compared in constant time. `skn` is not signed: look the key up by it, but
    /// believe it only if the token verifies under that key. The owner of a key can sign for any
    /// resource, so choose the key by who is asking and `expected` by what is asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use hubward::sas::TokenVerifyError;
    /// use hubward::{ResourceUri, SasToken, SymmetricKey, UnixTime};
    ///
    /// let key = SymmetricKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
    /// let token = SasToken::parse(
    ///     "SharedAccessSignature sr=contoso-hub.azure-devices.net%2Fdevices%2Fdevice1\
    ///      &sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se=1735689600",
    /// )?;
    /// let now = UnixTime::from_secs(1_735_689_500);
    ///
    /// let device1 = ResourceUri::parse("contoso-hub.azure-devices.net/devices/device1")?;
    /// token.verify(&key, &device1, now, Duration::ZERO)?;
    ///
    /// let device10 = ResourceUri::parse("contoso-hub.azure-devices.net/devices/device10")?;
    /// assert_eq!(
    ///     token.verify(&key, &device10, now, Duration::ZERO),
    ///     Err(TokenVerifyError::OutOfScope)
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Clock::now`]: crate::Clock::now
    pub fn verify(
        &self,
        key: &dyn MacKey,
        expected: &ResourceUri,
        now: UnixTime,
        tolerance: Duration,
    ) -> Result<(), TokenVerifyError> {
        if expected.is_service_bus() {
            return Err(TokenVerifyError::ServiceBus);
        }
        self.judge(key, expected, now, tolerance)
    }

    /// [`SasToken::verify`] for Event Hubs and Service Bus, whose keys are used undecoded.
    ///
    /// A scheme is part of the text: `ns/hub` and `sb://ns/hub` do not cover each other. Build
    /// `expected` with the scheme that the clients use, or judge once for each.
    ///
    /// # Errors
    ///
    /// As [`SasToken::verify`], and [`TokenVerifyError::NotServiceBus`].
    pub fn verify_service_bus(
        &self,
        key: &ServiceBusKey,
        expected: &ResourceUri,
        now: UnixTime,
        tolerance: Duration,
    ) -> Result<(), TokenVerifyError> {
        if !expected.is_service_bus() {
            return Err(TokenVerifyError::NotServiceBus);
        }
        self.judge(&key.0, expected, now, tolerance)
    }

    /// Whether the token's resource is `resource` or one that holds it, whole segment by whole segment. Says
    /// nothing of the signature: [`SasToken::verify`] does.
    #[must_use]
    pub fn covers(&self, resource: &ResourceUri) -> bool {
        resource.is_covered_by(self.resource_text())
    }

    fn judge(
        &self,
        key: &dyn MacKey,
        expected: &ResourceUri,
        now: UnixTime,
        tolerance: Duration,
    ) -> Result<(), TokenVerifyError> {
        let expiry = Decimal::new(self.expiry.as_secs());
        let message = [self.resource_text().as_bytes(), b"\n", expiry.as_bytes()];
        let tag = key.hmac_sha256(&message)?;
        let signature = decode_signature(self.part(&self.parts.signature));
        if !signature.is_some_and(|signature| tag.matches(&signature)) {
            return Err(TokenVerifyError::SignatureMismatch);
        }
        if now >= self.expiry.saturating_add(tolerance) {
            return Err(TokenVerifyError::Expired { expiry: self.expiry, now });
        }
        if !self.covers(expected) {
            return Err(TokenVerifyError::OutOfScope);
        }
        Ok(())
    }

    fn part(&self, range: &Range<usize>) -> &str {
        self.text.expose_text().get(range.clone()).unwrap_or_default()
    }
}

/// Two tokens are equal if their texts are; compared in constant time.
impl PartialEq for SasToken<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for SasToken<'_> {}

/// The fields in the order in which this crate writes them, the signature as `<redacted>`.
impl fmt::Display for SasToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text: _, expiry, parts } = self;
        let resource = self.part(&parts.resource);
        write!(f, "{PREFIX}{RESOURCE}{resource}{SIGNATURE}{REDACTED}{EXPIRY}{}", expiry.as_secs())?;
        match &parts.policy {
            Some(policy) => write!(f, "{POLICY}{}", self.part(policy)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for SasToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SasToken({self})")
    }
}

fn decode_signature(text: &str) -> Option<[u8; Tag::LEN]> {
    const BASE64_LEN: usize = 44;

    let mut buffer = [0; BASE64_LEN];
    base64::decode_32(Decoded::new(text).write(&mut buffer)?)
}

/// A percent-encoded text decoded once, for display.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        Decoded::new(self.0).try_for_each(|byte| {
            f.write_char(if byte.is_ascii_graphic() || byte == b' ' {
                char::from(byte)
            } else {
                '?'
            })
        })
    }
}

/// A field of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SasField {
    /// `sr`: the resource.
    Resource,
    /// `sig`: the signature.
    Signature,
    /// `se`: the expiry.
    Expiry,
    /// `skn`: the policy's name.
    PolicyName,
}

impl SasField {
    /// The name as it stands in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "sr",
            Self::Signature => "sig",
            Self::Expiry => "se",
            Self::PolicyName => "skn",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Resource, Self::Signature, Self::Expiry, Self::PolicyName]
            .into_iter()
            .find(|field| field.name() == name)
    }
}

impl fmt::Display for SasField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is not a token. Pairs are what stands between the `&`, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenParseError {
    /// It does not begin with `SharedAccessSignature` and one space.
    #[error("not a token: it does not begin with `SharedAccessSignature` and one space")]
    NotAToken,
    /// A space, a control character, or a character outside ASCII.
    #[error("the token has a character that is not allowed at byte {position}")]
    InvalidCharacter {
        /// Offset of the character in bytes, from 0.
        position: usize,
    },
    /// A pair without `=`.
    #[error("pair {pair} of the token has no `=`")]
    MissingEqualsSign {
        /// Which pair.
        pair: usize,
    },
    /// A name that is none of `sr`, `sig`, `se`, `skn`.
    #[error("pair {pair} of the token is none of sr, sig, se, skn")]
    UnknownField {
        /// Which pair.
        pair: usize,
    },
    /// A field without a value.
    #[error("{field} has no value")]
    EmptyValue {
        /// Which field.
        field: SasField,
    },
    /// The same field twice.
    #[error("{field} is there more than once")]
    DuplicateField {
        /// Which field.
        field: SasField,
    },
    /// `sr`, `sig` or `se` is not there.
    #[error("{field} is missing")]
    MissingField {
        /// Which field.
        field: SasField,
    },
    /// The signature, decoded, is not canonical base64 of 32 bytes.
    #[error("sig is not canonical base64 of 32 bytes")]
    SignatureNotCanonical,
    /// The expiry, decoded, is not a decimal number of seconds, or has a leading zero or sign, or
    /// does not fit in 64 bits.
    #[error("se is not a whole number of seconds in plain decimal, without leading zeroes")]
    ExpiryNotCanonical,
    /// The policy name, decoded, is not one.
    #[error("skn: {0}")]
    InvalidPolicyName(NameError),
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenVerifyError {
    /// Another key signed it, or something in it was changed.
    #[error("the signature is not by this key")]
    SignatureMismatch,
    /// It has expired, the tolerance included.
    #[error("the token expired at {expiry}; it is {now}")]
    Expired {
        /// The token's expiry.
        expiry: UnixTime,
        /// The moment given as the present.
        now: UnixTime,
    },
    /// It is for another resource.
    #[error("the token does not cover the expected resource")]
    OutOfScope,
    /// A resource of Service Bus where one of IoT Hub or DPS is needed.
    #[error("the resource is one of Event Hubs or Service Bus: use `SasToken::verify_service_bus`")]
    ServiceBus,
    /// A resource of IoT Hub or DPS where one of Service Bus is needed.
    #[error("the resource is not one of Event Hubs or Service Bus: use `SasToken::verify`")]
    NotServiceBus,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "SharedAccessSignature sr=h&sig=\
                        z14iWpfqe3qRZCoEvIiCg5pAaVZ941HPKOI6Ax9DR%2F0%3D&se=1735689600&skn=p";

    #[test]
    fn what_is_shown_is_all_but_the_signature() {
        let token = SasToken::parse(TEXT).unwrap();
        let shown = "SharedAccessSignature sr=h&sig=<redacted>&se=1735689600&skn=p";
        assert_eq!(alloc::format!("{token}"), shown);
        assert_eq!(alloc::format!("{token:?}"), alloc::format!("SasToken({shown})"));
    }

    #[test]
    fn tokens_are_equal_if_their_texts_are() {
        let token = SasToken::parse(TEXT).unwrap();
        assert_eq!(token, SasToken::parse(TEXT).unwrap());
        // Another policy, another spelling of the same signature.
        for other in [TEXT.replace("skn=p", "skn=q"), TEXT.replace("%2F", "%2f")] {
            assert_ne!(token, SasToken::parse(&other).unwrap());
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_token_takes_its_text_over() {
        let text = String::from(TEXT);
        let at = text.as_ptr();
        let token = SasToken::from_string(text).unwrap();
        assert_eq!((token.expose_token(), token.expose_token().as_ptr()), (TEXT, at));
        let refused = SasToken::from_string(String::from("no token"));
        assert_eq!(refused, Err(TokenParseError::NotAToken));
    }
}
