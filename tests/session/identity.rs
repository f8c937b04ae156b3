//! Whom a session is for.

use hubward::session::{HubIdentity, NoDeviceError};
use hubward::{ConnectionString, DeviceId, HubHost, ModuleId, ResourceUri};
use proptest::prelude::*;

use crate::{HOST, config, device, host, id, module};

#[test]
fn identities_of_connection_strings() {
    const KEY: &str = "SharedAccessKey=Zm9vYmFy";
    for (text, expected) in [
        (format!("HostName={HOST};DeviceId=pump-7;{KEY}"), Ok(device("pump-7"))),
        (format!("HostName={HOST};DeviceId=pump-7;x509=true"), Ok(device("pump-7"))),
        (
            format!("HostName={HOST};DeviceId=pump-7;ModuleId=fan;{KEY}"),
            Ok(module("pump-7", "fan")),
        ),
        (
            format!("HostName={HOST};DeviceId=pump-7;GatewayHostName=edge;{KEY}"),
            Ok(device("pump-7").through_gateway(host("edge"))),
        ),
        (
            format!("HostName={HOST};DeviceId=pump-7;ModuleId=$edgeHub;GatewayHostName=edge;{KEY}"),
            Ok(module("pump-7", "$edgeHub").through_gateway(host("edge"))),
        ),
        (format!("HostName={HOST};SharedAccessKeyName=service;{KEY}"), Err(NoDeviceError)),
    ] {
        let connection = ConnectionString::parse(&text).expect("it is in order");
        assert_eq!(HubIdentity::from_connection_string(&connection), expected, "{text}");
    }
}

#[test]
fn a_gateway_changes_whom_to_connect_to_and_nothing_else() {
    for direct in [device("pump-7"), module("pump-7", "fan")] {
        let through = direct.clone().through_gateway(host("edge"));
        assert_eq!(direct.connect_to(), &host(HOST));
        assert_eq!(through.connect_to(), &host("edge"));
        assert_eq!(through.host(), direct.host());
        assert_eq!(through.device_id(), direct.device_id());
        assert_eq!(through.module_id(), direct.module_id());
        assert_eq!(through.resource(), direct.resource());
        assert_eq!(through.to_string(), direct.to_string());
        // The last one counts.
        let other = through.through_gateway(host("other"));
        assert_eq!(other.connect_to(), &host("other"));
    }
    assert_eq!(module("pump-7", "fan").to_string(), "contoso.azure-devices.net/pump-7/fan");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tokens_are_for_the_device_or_module(id in id(), module_id in id()) {
        let (device_id, module) = (DeviceId::new(&id)?, ModuleId::new(&module_id)?);
        let host = HubHost::new(HOST)?;
        let of_device = HubIdentity::device(host.clone(), device_id.clone());
        prop_assert_eq!(of_device.resource(), ResourceUri::device(&host, &device_id));
        prop_assert_eq!(of_device.to_string(), format!("{HOST}/{id}"));
        let of_module = HubIdentity::module(host.clone(), device_id.clone(), module.clone());
        prop_assert_eq!(of_module.resource(), ResourceUri::module(&host, &device_id, &module));
        prop_assert_eq!(of_module.to_string(), format!("{HOST}/{id}/{module_id}"));
    }
}
