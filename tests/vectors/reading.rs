//! Tokens as this crate reads and judges them, for all that compare with it.

use core::time::Duration;

use hubward::sas::{ResourceUriError, TokenParseError, TokenVerifyError};
use hubward::{MacKey as _, ResourceUri, SasToken, SymmetricKey, UnixTime};

use crate::harness::{Vector, from_base64, token_fields};

/// What comes of a token that somebody made for a resource.
#[derive(Debug, PartialEq)]
pub(crate) enum Reading {
    /// It is good for that resource, and for no other.
    Good,
    /// It is good, but for the resource that it names once decoded, not for the one it was made for.
    GoodFor(String),
    /// The key signed it, for a resource whose name no device can have here.
    NoSuchResource(ResourceUriError),
    /// It is not read at all.
    Unread(TokenParseError),
}

/// Reads and judges the token of a vector, by what the vector says that it was made of.
pub(crate) fn read(vector: &mut Vector) -> Reading {
    let (inputs, expected) = (&mut vector.inputs, &mut vector.expected);
    Made {
        token: &expected.text("token"),
        string_to_sign: &expected.text("string_to_sign"),
        key: &inputs.text("key_base64"),
        resource_uri: &inputs.text("resource_uri"),
        expiry: inputs.number("expiry"),
        policy: inputs.optional_text("policy").as_deref(),
    }
    .read()
}

/// A token of a vector, and what it was made of.
struct Made<'a> {
    token: &'a str,
    string_to_sign: &'a str,
    key: &'a str,
    resource_uri: &'a str,
    expiry: u64,
    policy: Option<&'a str>,
}

impl Made<'_> {
    /// Checks that the token says what it was made of, and judges it with this key and others, at
    /// this moment and others, for this resource and others.
    fn read(&self) -> Reading {
        let fields = token_fields(self.token);
        let (sr, se) = (fields["sr"], fields["se"]);
        assert_eq!(se, self.expiry.to_string());
        assert_eq!(self.string_to_sign, format!("{sr}\n{se}"));
        let key = SymmetricKey::from_base64(self.key).unwrap();
        let signature = from_base64(&urlencoding::decode(fields["sig"]).unwrap());
        let tag = key.hmac_sha256(&[self.string_to_sign.as_bytes()]).unwrap();
        assert!(tag.matches(&signature.try_into().unwrap()), "sig is not the HMAC");

        let token = match SasToken::parse(self.token) {
            Ok(token) => token,
            Err(error) => return Reading::Unread(error),
        };
        assert_eq!(token.expose_token(), self.token);
        assert_eq!(token.resource_text(), sr);
        assert_eq!(token.expiry().as_secs(), self.expiry);
        let policy = token.policy_name();
        assert_eq!(policy.as_ref().map(AsRef::as_ref), self.policy);

        let named = token.resource().to_string();
        match ResourceUri::parse(&named) {
            Ok(resource) => self.judge(&token, &key, &resource),
            Err(error) => {
                assert_eq!(named, self.resource_uri);
                let other = ResourceUri::parse("other.azure-devices.net").unwrap();
                // The signature is looked at first, so it is right.
                assert_eq!(
                    token.verify(&key, &other, self.before(), Duration::ZERO),
                    Err(TokenVerifyError::OutOfScope)
                );
                return Reading::NoSuchResource(error);
            }
        }
        if named == self.resource_uri {
            return Reading::Good;
        }
        if let Ok(made_for) = ResourceUri::parse(self.resource_uri) {
            assert_eq!(
                token.verify(&key, &made_for, self.before(), Duration::ZERO),
                Err(TokenVerifyError::OutOfScope)
            );
        }
        Reading::GoodFor(named)
    }

    fn judge(&self, token: &SasToken<'_>, key: &SymmetricKey, resource: &ResourceUri) {
        let expiry = token.expiry();
        let second = Duration::from_secs(1);
        let expired_at = |now| Err(TokenVerifyError::Expired { expiry, now });
        let at = |now, tolerance| token.verify(key, resource, now, tolerance);

        assert_eq!(at(self.before(), Duration::ZERO), Ok(()));
        assert_eq!(at(expiry, Duration::ZERO), expired_at(expiry));
        assert_eq!(at(expiry, second), Ok(()));
        let after = expiry.saturating_add(second);
        assert_eq!(at(after, Duration::ZERO), expired_at(after));
        assert_eq!(at(after, second), expired_at(after));
        assert!(!token.is_expired_at(self.before()) && token.is_expired_at(expiry));

        let mut other_key = key.expose_bytes().to_vec();
        other_key[0] ^= 1;
        let other_key = SymmetricKey::from_bytes(&other_key).unwrap();
        assert_eq!(
            token.verify(&other_key, resource, self.before(), Duration::ZERO),
            Err(TokenVerifyError::SignatureMismatch)
        );
        assert_eq!(
            token.verify(key, &sibling(resource), self.before(), Duration::ZERO),
            Err(TokenVerifyError::OutOfScope)
        );
    }

    fn before(&self) -> UnixTime {
        UnixTime::from_secs(self.expiry - 1)
    }
}

/// The resource whose last name has one more character; one less where the name is full.
fn sibling(resource: &ResourceUri) -> ResourceUri {
    let uri = resource.to_string();
    ResourceUri::parse(&format!("{uri}1"))
        .or_else(|_| ResourceUri::parse(&uri[..uri.len() - 1]))
        .unwrap()
}
