//! Connection strings, and what they are over MQTT.

use std::ptr;

use hubward::capi::*;

use crate::calls::{CONNECTION, NOW, at, made, refuses_what_is_no_text, sign, signer_of, text};
use crate::harness::load;

type Getter = unsafe extern "C" fn(
    *const hubward_connection_string,
    *mut core::ffi::c_char,
    usize,
    *mut usize,
) -> hubward_status;

fn parsed(string: &str) -> Result<*mut hubward_connection_string, hubward_status> {
    // SAFETY: a text with its length, and a place for the result or null.
    made(|out| unsafe { hubward_connection_string_parse(at(string), string.len(), out) })
}

#[test]
fn every_part_is_told() {
    const TOKEN: &str = "SharedAccessSignature sr=h&sig=x&se=1";
    // Host, gateway, device, module, policy, resource, token; how it authenticates.
    let cases = [
        (
            "HostName=h.x;GatewayHostName=g;DeviceId=d;ModuleId=m;SharedAccessKey=AAAA",
            ["h.x", "g", "d", "m", "", "h.x/devices/d/modules/m", ""],
            HUBWARD_AUTHENTICATION_KEY,
        ),
        (
            "HostName=h;SharedAccessKeyName=p;SharedAccessKey=AAAA",
            ["h", "", "", "", "p", "h", ""],
            HUBWARD_AUTHENTICATION_KEY,
        ),
        (
            "HostName=h;DeviceId=a%23;x509=true",
            ["h", "", "a%23", "", "", "h/devices/a%23", ""],
            HUBWARD_AUTHENTICATION_X509,
        ),
        (
            &format!("HostName=h;DeviceId=d;SharedAccessSignature={TOKEN}"),
            ["h", "", "d", "", "", "h/devices/d", TOKEN],
            HUBWARD_AUTHENTICATION_TOKEN,
        ),
    ];
    let getters: [Getter; 7] = [
        hubward_connection_string_host,
        hubward_connection_string_gateway,
        hubward_connection_string_device_id,
        hubward_connection_string_module_id,
        hubward_connection_string_policy_name,
        hubward_connection_string_resource,
        hubward_connection_string_token,
    ];
    for (string, parts, authentication) in cases {
        let connection = parsed(string).expect("it is one");
        for (getter, part) in getters.into_iter().zip(parts) {
            let expected = if part.is_empty() { Err(HUBWARD_ABSENT) } else { Ok(part.to_owned()) };
            // SAFETY: what was made, or null, and a buffer or null with its length.
            let got =
                |connection| text(|out, cap, len| unsafe { getter(connection, out, cap, len) });
            assert_eq!(got(connection.cast_const()), expected, "{string}");
            assert_eq!(got(ptr::null()), Err(HUBWARD_NULL_POINTER));
        }
        let mut found = -1;
        // SAFETY: what was made, or null, and a place or null; it is given back once.
        unsafe {
            let ask = hubward_connection_string_authentication;
            assert_eq!(ask(connection, &raw mut found), HUBWARD_OK);
            assert_eq!(found, authentication);
            assert_eq!(ask(connection, ptr::null_mut()), HUBWARD_NULL_POINTER);
            assert_eq!(ask(ptr::null(), &raw mut found), HUBWARD_NULL_POINTER);
            hubward_connection_string_free(connection);
        }
    }
    // SAFETY: null is fine.
    unsafe { hubward_connection_string_free(ptr::null_mut()) };
}

#[test]
fn the_key_signs_what_the_connection_string_does() {
    let connection = parsed(CONNECTION).expect("it is one");
    // SAFETY: what was made is given back once and not used afterwards; texts with their lengths; places.
    unsafe {
        let key = made(|out| hubward_connection_string_mac_key(connection, out)).expect("a key");
        let resource =
            text(|out, cap, len| hubward_connection_string_resource(connection, out, cap, len));
        let resource = resource.expect("a resource");
        // The key needs neither of the two any more, nor the signer the key.
        hubward_connection_string_free(connection);
        let signer = made(|out| {
            let len = resource.len();
            hubward_signer_from_mac_key(at(&resource), len, ptr::null(), 0, key, out)
        });
        let signer = signer.expect("a signer");
        hubward_mac_key_free(key);
        let other = signer_of(CONNECTION).expect("a signer");
        assert_eq!(sign(signer, NOW), sign(other, NOW));
        hubward_signer_free(signer);
        hubward_signer_free(other);

        let certificate = parsed("HostName=h;DeviceId=d;x509=true").expect("it is one");
        let key = made(|out| hubward_connection_string_mac_key(certificate, out));
        assert_eq!(key, Err(HUBWARD_SIGNER_NO_KEY));
        let key = made(|out| hubward_connection_string_mac_key(ptr::null(), out));
        assert_eq!(key, Err(HUBWARD_NULL_POINTER));
        hubward_connection_string_free(certificate);
    }
}

#[test]
fn what_is_none_is_refused() {
    let mut out = ptr::null_mut();
    // SAFETY: a text, or what is refused before it is read, and a place for the result.
    refuses_what_is_no_text(|text, len| unsafe {
        hubward_connection_string_parse(text, len, &raw mut out)
    });
    for (string, status) in [
        (" ", HUBWARD_CONNECTION_STRING_EMPTY),
        ("garbage", HUBWARD_CONNECTION_STRING_UNRECOGNIZED),
        ("Endpoint=sb://x/;SharedAccessKey=AAAA", HUBWARD_CONNECTION_STRING_SERVICE_BUS),
        ("HostName=;DeviceId=d;x509=true", HUBWARD_CONNECTION_STRING_EMPTY_VALUE),
        ("DeviceId=d;x509=true", HUBWARD_CONNECTION_STRING_MISSING_FIELD),
        ("HostName=h;HostName=h", HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD),
        ("RepositoryId=h;HostName=h;RepositoryId=x", HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD),
        ("HostName=h;deviceid=d", HUBWARD_CONNECTION_STRING_UNKNOWN_FIELD),
        ("HostName=h;x", HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN),
        ("HostName=h;DeviceId=d", HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION),
        (
            "HostName=h;DeviceId=d;SharedAccessKey=AAAA;x509=true",
            HUBWARD_CONNECTION_STRING_TWO_AUTHENTICATIONS,
        ),
        ("HostName=h;DeviceId=d;x509=yes", HUBWARD_CONNECTION_STRING_X509_NOT_TRUE),
        ("HostName=h;DeviceId=d;SharedAccessKey=A", HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64),
        (
            &format!("HostName=h;DeviceId=d;SharedAccessKey={}", "AAAA".repeat(86)),
            HUBWARD_CONNECTION_STRING_KEY_TOO_LONG,
        ),
        ("HostName=h;DeviceId=d;SharedAccessSignature=x", HUBWARD_CONNECTION_STRING_NOT_A_TOKEN),
        ("HostName=h;DeviceId=a b;x509=true", HUBWARD_CONNECTION_STRING_INVALID_NAME),
    ] {
        assert_eq!(parsed(string), Err(status), "{string}");
    }
}

#[test]
fn mqtt_is_told_what_the_vectors_say() {
    let mut seen = 0;
    for mut vector in load(include_str!("../data/vectors/mqtt_username.json")) {
        let (host, device) = (vector.inputs.text("hostname"), vector.inputs.text("device_id"));
        let module = vector.inputs.optional_text("module_id");
        let Some(client_id) = vector.expected.optional_text("client_id") else { continue };
        let user_agent = vector.inputs.text("user_agent");
        let module_field =
            module.as_ref().map(|module| format!("ModuleId={module};")).unwrap_or_default();
        let string = format!("HostName={host};DeviceId={device};{module_field}x509=true");
        // IDs that no connection string has.
        let refused = match client_id.chars().find(|character| matches!(character, ' ' | ';')) {
            None => None,
            Some(' ') => Some(HUBWARD_CONNECTION_STRING_INVALID_NAME),
            Some(_) => Some(HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN),
        };
        if let Some(status) = refused {
            assert_eq!(told(Told::ClientId, &string), Err(status), "{string}");
            continue;
        }
        assert_eq!(told(Told::ClientId, &string).as_ref(), Ok(&client_id));
        assert_eq!(told(Told::Host, &string).as_ref(), Ok(&host));

        let module = module.as_deref();
        let user_name = user_name(&string, Some(&user_agent)).expect("a user name");
        assert_eq!(user_name_for(&host, &device, module, Some(&user_agent)), Ok(user_name.clone()));
        assert_eq!(client_id_for(&device, module), Ok(client_id.clone()));
        let expected = format!(
            "{host}/{client_id}/?api-version=2021-04-12&DeviceClientType={}",
            urlencoding::encode(&user_agent)
        );
        assert_eq!(user_name, expected);
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn mqtt_is_told_of_gateways_and_products() {
    let string = "HostName=h;GatewayHostName=g;DeviceId=d;ModuleId=m;x509=true";
    assert_eq!(told(Told::Host, string), Ok("g".into()));
    assert_eq!(told(Told::ClientId, string), Ok("d/m".into()));
    assert_eq!(told(Told::Topic, string), Ok("devices/d/modules/m/messages/events/".into()));
    let plain = "h/d/m/?api-version=2021-04-12".to_owned();
    assert_eq!(user_name(string, None), Ok(plain.clone()));
    assert_eq!(user_name(string, Some("")), Ok(plain.clone()));
    assert_eq!(user_name_for("h", "d", Some("m"), None), Ok(plain));

    let service = "HostName=h;SharedAccessKeyName=p;SharedAccessKey=AAAA";
    assert_eq!(user_name(service, None), Err(HUBWARD_CONNECTION_STRING_NO_DEVICE));
    for what in [Told::Host, Told::ClientId, Told::Topic] {
        assert_eq!(told(what, service), Err(HUBWARD_CONNECTION_STRING_NO_DEVICE));
        assert_eq!(told(what, "x"), Err(HUBWARD_CONNECTION_STRING_UNRECOGNIZED));
    }
    assert_eq!(user_name_for("", "d", None, None), Err(HUBWARD_NAME_EMPTY));
    assert_eq!(user_name_for("h", "d", Some(""), None), Err(HUBWARD_NAME_EMPTY));
    assert_eq!(client_id_for("a b", None), Err(HUBWARD_NAME_INVALID_CHARACTER));

    let (mut len, out) = (0, ptr::null_mut());
    let len = &raw mut len;
    // SAFETY: texts, or what is refused before it is read; the size is asked for.
    unsafe {
        refuses_what_is_no_text(|text, n| {
            hubward_mqtt_username(text, n, ptr::null(), 0, out, 0, len)
        });
        let cs = CONNECTION;
        assert_eq!(
            hubward_mqtt_username(at(cs), cs.len(), ptr::null(), 1, out, 0, len),
            HUBWARD_NULL_POINTER
        );
        refuses_what_is_no_text(|text, n| hubward_mqtt_client_id(text, n, out, 0, len));
        refuses_what_is_no_text(|text, n| hubward_mqtt_host(text, n, out, 0, len));
        refuses_what_is_no_text(|text, n| hubward_mqtt_telemetry_topic(text, n, out, 0, len));
        refuses_what_is_no_text(|text, n| {
            hubward_mqtt_client_id_for(text, n, ptr::null(), 0, out, 0, len)
        });
    }
}

#[derive(Clone, Copy)]
enum Told {
    Host,
    ClientId,
    Topic,
}

fn told(what: Told, string: &str) -> Result<String, hubward_status> {
    let ask = match what {
        Told::Host => hubward_mqtt_host,
        Told::ClientId => hubward_mqtt_client_id,
        Told::Topic => hubward_mqtt_telemetry_topic,
    };
    // SAFETY: a text with its length, and a buffer or null with its length.
    text(|out, cap, len| unsafe { ask(at(string), string.len(), out, cap, len) })
}

fn user_name(string: &str, product: Option<&str>) -> Result<String, hubward_status> {
    let (product, product_len) = optional(product);
    // SAFETY: texts with their lengths, and a buffer or null with its length.
    text(|out, cap, len| unsafe {
        hubward_mqtt_username(at(string), string.len(), product, product_len, out, cap, len)
    })
}

fn user_name_for(
    host: &str,
    device: &str,
    module: Option<&str>,
    product: Option<&str>,
) -> Result<String, hubward_status> {
    let ((module, module_len), (product, product_len)) = (optional(module), optional(product));
    // SAFETY: texts with their lengths, and a buffer or null with its length.
    text(|out, cap, len| unsafe {
        hubward_mqtt_username_for(
            at(host),
            host.len(),
            at(device),
            device.len(),
            module,
            module_len,
            product,
            product_len,
            out,
            cap,
            len,
        )
    })
}

fn client_id_for(device: &str, module: Option<&str>) -> Result<String, hubward_status> {
    let (module, module_len) = optional(module);
    // SAFETY: texts with their lengths, and a buffer or null with its length.
    text(|out, cap, len| unsafe {
        hubward_mqtt_client_id_for(at(device), device.len(), module, module_len, out, cap, len)
    })
}

fn optional(text: Option<&str>) -> (*const core::ffi::c_char, usize) {
    text.map_or((ptr::null(), 0), |text| (at(text), text.len()))
}
