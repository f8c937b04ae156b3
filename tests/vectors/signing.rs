//! Tokens as this crate makes them, for all that compare with them.

use hubward::keystore::{KeyError, MacKey};
use hubward::sas::ResourceUriError;
use hubward::{
    IdScope, NameError, PolicyName, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasSigner,
    SymmetricKey, UnixTime,
};

/// Which of the inputs of a token is refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    Key(KeyError),
    Resource(ResourceUriError),
    Policy(NameError),
}

/// The token for a plain resource URI.
pub(crate) fn mint(
    key: &str,
    resource_uri: &str,
    expiry: u64,
    policy: Option<&str>,
) -> Result<String, Refused> {
    let key = SymmetricKey::from_base64(key).map_err(Refused::Key)?;
    let resource = ResourceUri::parse(resource_uri).map_err(Refused::Resource)?;
    let policy = policy.map(PolicyName::new).transpose().map_err(Refused::Policy)?;
    let signer = match &policy {
        None => SasSigner::new(&key, &resource),
        Some(policy) => SasSigner::with_policy(&key, &resource, policy),
    };
    let token = write(&signer.unwrap(), expiry);

    if let Some((scope, registration)) = resource_uri.split_once("/registrations/")
        && policy.is_some_and(|policy| policy.as_str() == "registration")
    {
        let scope = IdScope::new(scope).unwrap();
        let registration = RegistrationId::new(registration).unwrap();
        let signer = SasSigner::for_registration(&key, &scope, &registration);
        assert_eq!(write(&signer, expiry), token, "the paved path to DPS");
    }
    Ok(token)
}

/// The token that a signer writes, the same by every way that there is.
pub(crate) fn write<K: MacKey>(signer: &SasSigner<K>, expiry: u64) -> String {
    let expiry = UnixTime::from_secs(expiry);
    let mut buffer = [0; SAS_TOKEN_MAX];
    let len = signer.sign_into(expiry, &mut buffer).unwrap();
    let token = String::from_utf8(buffer[..len].to_vec()).unwrap();
    #[cfg(feature = "alloc")]
    assert_eq!(signer.sign(expiry).unwrap().expose_token(), token);
    token
}
