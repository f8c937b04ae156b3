//! Who may come in: the devices that a hub knows, and the judgement about those who say they are one.
//!
//! What the service says of its order of checks is nothing; here, who somebody claims to be comes first, then
//! the proof of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hubward::pki_types::{self, CertificateDer};
use hubward::sas::{TokenParseError, TokenVerifyError};
use hubward::session::HubIdentity;
use hubward::session::policy::{Permission, permissions};
use hubward::tls::rustls::crypto::ring;
use hubward::tls::rustls::server::WebPkiClientVerifier;
use hubward::tls::rustls::{self, CertificateError, RootCertStore};
use hubward::x509::{Certificate, Thumbprint};
use hubward::{DeviceId, HubHost, ModuleId, PolicyName, SasToken, SymmetricKey, UnixTime};

/// How far the clocks of devices may differ. The service publishes no figure.
const TOLERANCE: Duration = Duration::from_secs(0);

/// What a device or module proves itself with.
#[derive(Debug)]
pub enum Credential {
    /// Tokens that one of two keys signed.
    Keys(SymmetricKey, SymmetricKey),
    /// A certificate of a CA that the hub trusts, with the device's ID as common name.
    Authority,
    /// A certificate with one of these thumbprints, whoever issued it and whatever it names.
    Thumbprints(Vec<Thumbprint>),
    /// None: the operator has disabled it.
    Disabled,
}

/// The devices, modules and policies of a hub.
#[derive(Debug)]
pub struct Registry {
    host: HubHost,
    /// By `deviceId` or `deviceId/moduleId`, case and all.
    identities: HashMap<String, Credential>,
    /// By name in lower case: the service compares them so.
    policies: HashMap<String, SymmetricKey>,
    authorities: RootCertStore,
}

/// What somebody came with.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The password of MQTT, the header of HTTPS; nothing where it is empty.
    pub token: Option<&'a str>,
    /// The chain of the TLS connection. Nothing is known of it but that the client has the key.
    pub chain: &'a [CertificateDer<'a>],
}

/// Who was let in, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Who it is.
    pub identity: HubIdentity,
    /// The end of the token or certificate, at which the hub closes the connection.
    pub until: UnixTime,
}

impl Registry {
    /// A registry of the hub of this name, which nobody is in.
    #[must_use]
    pub fn new(host: HubHost) -> Self {
        let (identities, policies) = (HashMap::new(), HashMap::new());
        Self { host, identities, policies, authorities: RootCertStore::empty() }
    }

    /// The hub's name, as tokens and user names have it.
    #[must_use]
    pub fn host(&self) -> &HubHost {
        &self.host
    }

    /// Registers a device, or changes what it proves itself with.
    pub fn device(&mut self, id: &DeviceId, credential: Credential) {
        self.identities.insert(id.to_string(), credential);
    }

    /// Registers a module, or changes what it proves itself with.
    pub fn module(&mut self, device: &DeviceId, module: &ModuleId, credential: Credential) {
        self.identities.insert(format!("{device}/{module}"), credential);
    }

    /// Sets the key of a policy, one of those that every hub has.
    pub fn policy(&mut self, name: &PolicyName, key: SymmetricKey) {
        self.policies.insert(name.as_str().to_ascii_lowercase(), key);
    }

    /// Whether there is such a device, or `deviceId/moduleId`.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.identities.contains_key(id)
    }

    /// Adds a CA that devices may have their certificates of.
    ///
    /// # Errors
    ///
    /// If it cannot be a trust anchor.
    pub fn authority(&mut self, certificate: &Certificate) -> Result<(), crate::Error> {
        Ok(self.authorities.add(certificate.der().clone())?)
    }

    /// Judges a `CONNECT` by its client ID and user name.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn admit_mqtt(
        &self,
        client_id: &str,
        user_name: &str,
        proof: Proof<'_>,
        now: UnixTime,
    ) -> Result<Admitted, Refused> {
        // `{host}/{device}[/{module}]/?api-version=...`; old SDKs leave the question mark out.
        let (path, query) = user_name
            .split_once("/?")
            .or_else(|| user_name.find("/api-version=").map(|at| user_name.split_at(at)))
            .ok_or(Refused::UserName)?;
        if !query.contains("api-version=") {
            return Err(Refused::ApiVersion);
        }
        let (host, id) = path.split_once('/').ok_or(Refused::UserName)?;
        if id != client_id {
            return Err(Refused::ClientId);
        }
        self.admit(host, id, proof, now)
    }

    /// Judges whoever says to be `id`, a device or `deviceId/moduleId`, of the hub `host`.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn admit(
        &self,
        host: &str,
        id: &str,
        proof: Proof<'_>,
        now: UnixTime,
    ) -> Result<Admitted, Refused> {
        if !host.eq_ignore_ascii_case(self.host.as_str()) {
            return Err(Refused::Host);
        }
        let identity = self.identity(id).ok_or(Refused::UnknownDevice)?;
        let credential = self.identities.get(id).ok_or(Refused::UnknownDevice)?;
        let until = match (proof.token, credential) {
            (_, Credential::Disabled) => return Err(Refused::Disabled),
            (Some(token), credential) => self.check_token(token, credential, &identity, now)?,
            (None, Credential::Keys(..)) => return Err(Refused::NoToken),
            (None, Credential::Authority) => {
                self.check_chain(proof.chain, now)?;
                let certificate = shown(proof.chain)?;
                if certificate.common_name() != Some(id) {
                    return Err(Refused::CommonName);
                }
                certificate.validity().not_after
            }
            (None, Credential::Thumbprints(known)) => {
                let certificate = shown(proof.chain)?;
                if !known.iter().any(|known| known.matches(certificate.der())) {
                    return Err(Refused::Thumbprint);
                }
                let validity = certificate.validity();
                if !(validity.not_before..=validity.not_after).contains(&now) {
                    return Err(Refused::CertificateTime);
                }
                validity.not_after
            }
        };
        Ok(Admitted { identity, until })
    }

    fn identity(&self, id: &str) -> Option<HubIdentity> {
        let host = self.host.clone();
        Some(match id.split_once('/') {
            None => HubIdentity::device(host, DeviceId::new(id).ok()?),
            Some((device, module)) => {
                HubIdentity::module(host, DeviceId::new(device).ok()?, ModuleId::new(module).ok()?)
            }
        })
    }

    fn check_token(
        &self,
        token: &str,
        credential: &Credential,
        identity: &HubIdentity,
        now: UnixTime,
    ) -> Result<UnixTime, Refused> {
        let token = SasToken::parse(token)?;
        let resource = identity.resource();
        match token.policy_name() {
            Some(policy) => {
                let key = self.policies.get(&policy.as_str().to_ascii_lowercase());
                token.verify(key.ok_or(Refused::Policy)?, &resource, now, TOLERANCE)?;
                let opens = permissions(&policy).unwrap_or_default();
                if !opens.contains(&Permission::DeviceConnect) {
                    return Err(Refused::Policy);
                }
            }
            None => {
                let Credential::Keys(primary, secondary) = credential else {
                    return Err(Refused::NoKeys);
                };
                match token.verify(primary, &resource, now, TOLERANCE) {
                    Err(TokenVerifyError::SignatureMismatch) => {
                        token.verify(secondary, &resource, now, TOLERANCE)?;
                    }
                    judged => judged?,
                }
            }
        }
        Ok(token.expiry())
    }

    /// Whether the chain leads from a CA that the hub trusts to a client's certificate, and is in date.
    fn check_chain(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Refused> {
        let (end_entity, intermediates) = chain.split_first().ok_or(Refused::NoCertificate)?;
        let (roots, crypto) = (self.authorities.clone(), ring::default_provider());
        // Without any CA, there is nothing to build.
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::new(crypto))
            .build()
            .map_err(|_| Refused::Chain)?;
        let now = pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
        match verifier.verify_client_cert(end_entity, intermediates, now) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            )) => Err(Refused::CertificateTime),
            Err(_) => Err(Refused::Chain),
        }
    }
}

/// The certificate that the client showed.
fn shown(chain: &[CertificateDer<'_>]) -> Result<Certificate, Refused> {
    let der = chain.first().ok_or(Refused::NoCertificate)?;
    Certificate::from_der(CertificateDer::from(&**der)).map_err(|_| Refused::Chain)
}

/// Why somebody was not let in, for the operator. Who asked learns less: the code of [`Refused::MQTT`] or the
/// status of [`Refused::HTTPS`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// A user name of another form.
    UserName,
    /// A user name without `api-version`.
    ApiVersion,
    /// A client ID that is not that of the user name.
    ClientId,
    /// Another hub.
    Host,
    /// The hub does not know it.
    UnknownDevice,
    /// The operator has disabled it.
    Disabled,
    /// It has keys and brought no token.
    NoToken,
    /// It brought a token and has no keys.
    NoKeys,
    /// What it brought is no token.
    Token(TokenParseError),
    /// A wrong key, too late, or for something else.
    Verify(TokenVerifyError),
    /// A policy that the hub does not have, or that does not open it to devices.
    Policy,
    /// It has a certificate and brought none.
    NoCertificate,
    /// A certificate of a CA that the hub does not trust, or one that is not for clients.
    Chain,
    /// A certificate that is not registered.
    Thumbprint,
    /// A certificate of somebody else.
    CommonName,
    /// A certificate that has expired, or is not valid yet.
    CertificateTime,
    /// A hub that does not know the time lets nobody in.
    NoTime,
}

impl Refused {
    /// What the operator of a hub reads: every one of these is a 401003.
    pub const CODE: u32 = 401_003;

    /// The return code of `CONNACK`: "not authorized", whatever it was.
    pub const MQTT: rumqttc::ConnectReturnCode = rumqttc::ConnectReturnCode::NotAuthorized;

    /// The status of an answer over HTTPS.
    pub const HTTPS: hyper::StatusCode = hyper::StatusCode::UNAUTHORIZED;
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserName => "the user name is not {host}/{device}/?api-version=...",
            Self::ApiVersion => "the user name has no api-version",
            Self::ClientId => "client ID and user name name different devices",
            Self::Host => "the user name is for another hub",
            Self::UnknownDevice => "the hub does not contain the device",
            Self::Disabled => "the device is disabled",
            Self::NoToken => "the device has keys, and brought no token",
            Self::NoKeys => "the device has a certificate and no keys: no token will do",
            Self::Token(error) => return error.fmt(f),
            Self::Verify(error) => return error.fmt(f),
            Self::Policy => "the authorization rule does not allow access for devices",
            Self::NoCertificate => "the device has a certificate, and showed none in the handshake",
            Self::Chain => "the certificate is not one for clients of a CA that the hub trusts",
            Self::Thumbprint => "the thumbprint is not that of the registration",
            Self::CommonName => "the certificate's common name is not the device",
            Self::CertificateTime => "the certificate has expired or is not valid yet",
            Self::NoTime => "the hub does not know the time",
        })
    }
}

impl std::error::Error for Refused {}

impl From<TokenParseError> for Refused {
    fn from(error: TokenParseError) -> Self {
        Self::Token(error)
    }
}

impl From<TokenVerifyError> for Refused {
    fn from(error: TokenVerifyError) -> Self {
        Self::Verify(error)
    }
}

#[cfg(test)]
mod tests {
    use hubward::{ResourceUri, SasSigner};

    use super::*;

    const HOST: &str = "Contoso.azure-devices.net";
    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

    fn key() -> SymmetricKey {
        SymmetricKey::from_base64(KEY).unwrap()
    }

    fn host() -> HubHost {
        HubHost::new(HOST).unwrap()
    }

    fn id(device: &str) -> DeviceId {
        DeviceId::new(device).unwrap()
    }

    fn registry() -> Registry {
        let other = || SymmetricKey::from_bytes(b"another one").unwrap();
        let mut registry = Registry::new(host());
        registry.device(&id("pump-7"), Credential::Keys(key(), other()));
        let module = ModuleId::new("fan").unwrap();
        registry.module(&id("pump-7"), &module, Credential::Keys(other(), key()));
        registry.device(&id("valve-3"), Credential::Authority);
        registry.policy(&PolicyName::new("Device").unwrap(), key());
        registry
    }

    fn token(resource: &ResourceUri, policy: Option<&str>) -> String {
        let signer = match policy {
            None => SasSigner::new(key(), resource),
            Some(name) => SasSigner::with_policy(key(), resource, &PolicyName::new(name).unwrap()),
        };
        let expiry = UnixTime::from_secs(NOW.as_secs() + 3600);
        signer.unwrap().sign(expiry).unwrap().expose_token().to_owned()
    }

    #[test]
    fn a_user_name_says_who_and_where() {
        let (registry, token) =
            (registry(), token(&ResourceUri::all_devices(&host()), Some("device")));
        let proof = Proof { token: Some(&token), chain: &[] };
        for (client, user) in [
            ("pump-7", "Contoso.azure-devices.net/pump-7/?api-version=2021-04-12"),
            (
                "pump-7",
                "CONTOSO.azure-devices.net/pump-7/?api-version=2021-04-12&DeviceClientType=x",
            ),
            ("pump-7", "Contoso.azure-devices.net/pump-7/api-version=2016-11-14"),
            ("pump-7/fan", "Contoso.azure-devices.net/pump-7/fan/?api-version=2021-04-12"),
        ] {
            let admitted = registry.admit_mqtt(client, user, proof, NOW).unwrap();
            assert_eq!(registry.identity(client), Some(admitted.identity), "{user}");
        }
        for (client, user, refused) in [
            ("pump-7", "", Refused::UserName),
            ("pump-7", "Contoso.azure-devices.net/pump-7", Refused::UserName),
            ("pump-7", "pump-7/?api-version=2021-04-12", Refused::UserName),
            ("pump-7", "Contoso.azure-devices.net/pump-7/?DeviceClientType=x", Refused::ApiVersion),
            ("pump-8", "Contoso.azure-devices.net/pump-7/?api-version=1", Refused::ClientId),
            ("pump-7", "Contoso.azure-devices.net/pump-7/fan/?api-version=1", Refused::ClientId),
            ("pump-7", "other.azure-devices.net/pump-7/?api-version=1", Refused::Host),
            ("Pump-7", "Contoso.azure-devices.net/Pump-7/?api-version=1", Refused::UnknownDevice),
            ("pump-7/", "Contoso.azure-devices.net/pump-7//?api-version=1", Refused::UnknownDevice),
            (
                "pump-7/a/b",
                "Contoso.azure-devices.net/pump-7/a/b/?api-version=1",
                Refused::UnknownDevice,
            ),
        ] {
            assert_eq!(registry.admit_mqtt(client, user, proof, NOW), Err(refused), "{user}");
        }
    }

    #[test]
    fn a_token_opens_what_it_is_for() {
        let registry = registry();
        let device = ResourceUri::device(&host(), &id("pump-7"));
        let module = ResourceUri::module(&host(), &id("pump-7"), &ModuleId::new("fan").unwrap());
        let admit = |id: &str, token: &str| {
            let admitted = registry.admit(HOST, id, Proof { token: Some(token), chain: &[] }, NOW);
            admitted.map(|admitted| admitted.until.as_secs() - NOW.as_secs())
        };
        let out_of_scope = Err(Refused::Verify(TokenVerifyError::OutOfScope));
        // A device's token opens its modules, with a key of the module's.
        for (id, token, expected) in [
            ("pump-7", token(&device, None), Ok(3600)),
            ("pump-7", token(&module, None), out_of_scope.clone()),
            ("pump-7/fan", token(&module, None), Ok(3600)),
            ("pump-7/fan", token(&device, None), Ok(3600)),
            ("pump-7", token(&ResourceUri::hub(&host()), Some("DEVICE")), Ok(3600)),
            ("valve-3", token(&device, Some("device")), out_of_scope),
            ("pump-7", token(&device, Some("service")), Err(Refused::Policy)),
            ("pump-7", token(&device, Some("nobody")), Err(Refused::Policy)),
            (
                "valve-3",
                token(&ResourceUri::device(&host(), &id("valve-3")), None),
                Err(Refused::NoKeys),
            ),
        ] {
            assert_eq!(admit(id, &token), expected, "{id}: {token}");
        }
    }

    #[test]
    fn without_a_ca_no_chain_is_good() {
        let registry = registry();
        let admit = |chain| registry.admit(HOST, "valve-3", Proof { token: None, chain }, NOW);
        assert_eq!(admit(&[]), Err(Refused::NoCertificate));
        assert_eq!(
            admit(&[CertificateDer::from(b"no certificate".as_slice())]),
            Err(Refused::Chain)
        );
    }
}
