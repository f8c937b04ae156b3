//! Connection strings: read back as they were written, whatever their order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::identity::{Authentication, Field};
use hubward::sas::TokenVerifyError;
use hubward::secret::SecretBytes;
use hubward::{
    ConnectionString, ConnectionStringError, DeviceId, HubHost, ModuleId, PolicyName, ResourceUri,
    SasError, SasSigner, UnixTime,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    NO_TOLERANCE, config, expiry, expiry_after_0, host, id, id_without_semicolon, key, policy,
    symmetric, token_text,
};

/// The fields of one connection string.
#[derive(Clone, Debug)]
struct Parts {
    host: String,
    gateway: Option<String>,
    device: Option<String>,
    module: Option<String>,
    policy: Option<String>,
    secret: Secret,
}

#[derive(Clone, Debug)]
enum Secret {
    Key(Vec<u8>),
    Token(String),
    X509,
}

impl Parts {
    /// The fields with their values, in the portal's order.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let (name, secret) = match &self.secret {
            Secret::Key(key) => ("SharedAccessKey", STANDARD.encode(key)),
            Secret::Token(token) => ("SharedAccessSignature", token.clone()),
            Secret::X509 => ("x509", "true".to_owned()),
        };
        [
            ("HostName", Some(self.host.clone())),
            ("GatewayHostName", self.gateway.clone()),
            ("DeviceId", self.device.clone()),
            ("ModuleId", self.module.clone()),
            ("SharedAccessKeyName", self.policy.clone()),
            (name, Some(secret)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    fn text(&self) -> String {
        join(&self.fields())
    }

    fn assert_same(&self, connection: &ConnectionString<'_>) {
        assert_eq!(connection.host().as_str(), self.host);
        assert_eq!(connection.gateway().map(HubHost::as_str), self.gateway.as_deref());
        assert_eq!(connection.device_id().map(DeviceId::as_str), self.device.as_deref());
        assert_eq!(connection.module_id().map(ModuleId::as_str), self.module.as_deref());
        assert_eq!(connection.policy_name().map(PolicyName::as_str), self.policy.as_deref());
        match (connection.authentication(), &self.secret) {
            (Authentication::SharedAccessKey(key), Secret::Key(expected)) => {
                assert_eq!(key.expose_bytes(), expected);
            }
            (Authentication::SharedAccessSignature(token), Secret::Token(expected)) => {
                assert_eq!(token.expose_text(), expected);
            }
            (Authentication::X509, Secret::X509) => {}
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
        let mut shown = self.fields();
        if let Some((_, secret)) = shown.last_mut().filter(|(name, _)| *name != "x509") {
            "<redacted>".clone_into(secret);
        }
        // A `;` in an ID is not the end of the field, and is not shown as if it were.
        for (_, value) in &mut shown {
            *value = value.replace(';', "\\;");
        }
        assert_eq!(connection.to_string(), join(&shown));
    }
}

fn join(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.join(";")
}

fn a_token() -> impl Strategy<Value = String> {
    prop_oneof![
        (key(), "[a-z/%2F]{1,20}", expiry())
            .prop_map(|(key, plain, expiry)| token_text(&key, &plain, expiry, None)),
        // Its beginning is all that is looked at.
        "SharedAccessSignature [!-:<-~]{1,40}",
    ]
}

/// All forms, each with all that it can authenticate with.
fn parts() -> impl Strategy<Value = Parts> {
    let device_or_module = (
        id_without_semicolon(),
        prop::option::of(id_without_semicolon()),
        prop_oneof![
            key().prop_map(Secret::Key),
            a_token().prop_map(Secret::Token),
            Just(Secret::X509)
        ],
    )
        .prop_map(|(device, module, secret)| (Some(device), module, None, secret));
    let of_a_policy = (
        prop::option::of((id_without_semicolon(), prop::option::of(id_without_semicolon()))),
        policy(),
        prop_oneof![key().prop_map(Secret::Key), a_token().prop_map(Secret::Token)],
    )
        .prop_map(|(ids, policy, secret)| {
            let (device, module) = ids.map_or((None, None), |(d, m)| (Some(d), m));
            (device, module, Some(policy), secret)
        });
    let form = prop_oneof![device_or_module, of_a_policy];
    (host(), prop::option::of(host()), form).prop_map(
        |(host, gateway, (device, module, policy, secret))| Parts {
            host,
            gateway,
            device,
            module,
            policy,
            secret,
        },
    )
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn a_connection_string_comes_back_whatever_its_order(
        parts in parts(),
        // Six fields at most, and four that are ignored.
        order in Just((0..10).collect::<Vec<usize>>()).prop_shuffle(),
        ignored in prop::collection::vec(any::<bool>(), 4),
        alias: bool,
        before in select(&["", " ", "\r\n\t"][..]),
        behind in select(&["", ";", "\n", ";\n", "; "][..]),
    ) {
        let canonical = parts.text();
        let mut fields = parts.fields();
        if alias {
            for (name, _) in &mut fields {
                *name = if *name == "x509" { "X509Cert" } else { name };
            }
        }
        let names = ["RepositoryId", "UseProvisioning", "CredentialScope", "CredentialType"];
        for (name, _) in names.into_iter().zip(ignored).filter(|(_, ignored)| *ignored) {
            fields.push((name, "whatever = it / says".to_owned()));
        }
        let shuffled = order.iter().filter_map(|index| fields.get(*index).cloned());
        let text = join(&shuffled.collect::<Vec<_>>());
        let text = format!("{before}{text}{behind}");

        for connection in [
            ConnectionString::parse(&text)?,
            ConnectionString::parse(&text)?.into_owned(),
            ConnectionString::from_string(text.clone())?,
            text.parse()?,
        ] {
            parts.assert_same(&connection);
            let exposed = connection.expose_connection_string()?;
            prop_assert_eq!(exposed.expose_text(), canonical.as_str());
            let again = ConnectionString::parse(exposed.expose_text())?;
            parts.assert_same(&again);
            prop_assert_eq!(again.to_string(), connection.to_string());
        }
    }

    #[test]
    fn a_connection_string_that_is_built_is_read_back(
        host in host(),
        gateway in prop::option::of(host()),
        device in id(),
        module in prop::option::of(id()),
        policy in prop::option::of(policy()),
        key in prop::option::of(key()),
    ) {
        let secret = || match &key {
            Some(key) => Authentication::SharedAccessKey(SecretBytes::copy_from(key).unwrap()),
            None => Authentication::X509,
        };
        let (hub, id) = (HubHost::new(&host)?, DeviceId::new(&device)?);
        let mut parts = Parts {
            host,
            gateway,
            device: Some(device),
            module,
            policy: None,
            secret: key.clone().map_or(Secret::X509, Secret::Key),
        };
        let mut built = match (&policy, &key, &parts.module) {
            (Some(policy), Some(key), _) => {
                parts = Parts { device: None, module: None, policy: Some(policy.clone()), ..parts };
                let key = SecretBytes::copy_from(key)?;
                ConnectionString::policy(hub, PolicyName::new(policy)?, key)
            }
            (_, _, Some(module)) => {
                ConnectionString::module(hub, id, ModuleId::new(module)?, secret())
            }
            _ => ConnectionString::device(hub, id, secret()),
        };
        if let Some(gateway) = &parts.gateway {
            built = built.through_gateway(HubHost::new(gateway)?);
        }
        parts.assert_same(&built);

        let has_semicolon = |id: &Option<String>| id.as_ref().is_some_and(|id| id.contains(';'));
        let exposed = built.expose_connection_string();
        if has_semicolon(&parts.device) {
            let field = Field::DeviceId;
            prop_assert_eq!(exposed, Err(ConnectionStringError::NotRepresentable { field }));
        } else if has_semicolon(&parts.module) {
            let field = Field::ModuleId;
            prop_assert_eq!(exposed, Err(ConnectionStringError::NotRepresentable { field }));
        } else {
            let exposed = exposed?;
            prop_assert_eq!(exposed.expose_text(), parts.text());
            parts.assert_same(&ConnectionString::parse(exposed.expose_text())?);
        }
    }

    /// The hub, the device or the module, whatever the order; the policy's name goes along.
    #[test]
    fn a_signer_is_scoped_to_what_its_connection_string_names(
        parts in parts(),
        expiry in expiry_after_0(),
    ) {
        let text = parts.text();
        let connection = ConnectionString::parse(&text)?;
        let signer = SasSigner::from_connection_string(&connection);
        let Secret::Key(key) = &parts.secret else {
            let found = connection.authentication().field();
            prop_assert_eq!(signer.err(), Some(SasError::NoKey { found }));
            return Ok(());
        };
        // The gateway is connected to; the hub is what the token is for.
        let mut plain = parts.host.clone();
        if let Some(device) = &parts.device {
            plain = format!("{plain}/devices/{device}");
        }
        if let Some(module) = &parts.module {
            plain = format!("{plain}/modules/{module}");
        }
        let token = signer?.sign(UnixTime::from_secs(expiry))?;
        prop_assert_eq!(
            token.expose_token(),
            token_text(key, &plain, expiry, parts.policy.as_deref())
        );
        let verify = |expected: &ResourceUri| {
            token.verify(&symmetric(key), expected, UnixTime::from_secs(0), NO_TOLERANCE)
        };
        prop_assert_eq!(verify(&ResourceUri::parse(&plain)?), Ok(()));
        if parts.device.is_some() {
            // Even a policy's key opens one device only.
            let hub = ResourceUri::hub(connection.host());
            prop_assert_eq!(verify(&hub), Err(TokenVerifyError::OutOfScope));
            let other = DeviceId::new("another-device-than-any-of-the-test")?;
            let other = ResourceUri::device(connection.host(), &other);
            prop_assert_eq!(verify(&other), Err(TokenVerifyError::OutOfScope));
        }
    }

    #[test]
    fn no_connection_string_panics(text in connection_like()) {
        if let Ok(connection) = ConnectionString::from_string(text) {
            let _ = connection.to_string();
            let _ = connection.expose_connection_string();
            let _ = SasSigner::from_connection_string(&connection);
        }
    }
}

fn connection_like() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "HostName=",
        "DeviceId=",
        "ModuleId=",
        "SharedAccessKeyName=",
        "SharedAccessKey=",
        "SharedAccessSignature=",
        "SharedAccessSignature ",
        "GatewayHostName=",
        "x509=",
        "X509Cert=",
        "RepositoryId=",
        ";",
        ";",
        "=",
        "h",
        "d",
        "true",
        "AAAA",
        "A",
        " ",
        "\u{e9}",
    ];
    let piece = prop_oneof![9 => select(PIECES).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}
