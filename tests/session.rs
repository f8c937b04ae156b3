//! Sessions: what is sent in the words of MQTT, AMQP and HTTPS, against the vectors of the official SDKs
//! (`data/vectors/SOURCE.md`) and texts written out; and the place for a file, judged.

#[path = "session/amqp.rs"]
mod amqp;
#[path = "vectors/harness.rs"]
#[expect(dead_code, reason = "its other half is for other vectors")]
mod harness;
#[path = "session/https.rs"]
mod https;
#[path = "session/identity.rs"]
mod identity;
#[path = "session/mqtt.rs"]
mod mqtt;
#[path = "session/preflight.rs"]
mod preflight;
#[path = "common/source.rs"]
#[expect(dead_code, reason = "lines are for messages")]
mod source;
#[path = "session/storage.rs"]
mod storage;
#[path = "session/vectors.rs"]
mod vectors;

use hubward::session::HubIdentity;
use hubward::{
    DeviceId, HubHost, ModuleId, ResourceUri, SasSigner, SasToken, SymmetricKey, UnixTime,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const HOST: &str = "contoso.azure-devices.net";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn host(name: &str) -> HubHost {
    HubHost::new(name).expect("a host")
}

fn device(id: &str) -> HubIdentity {
    HubIdentity::device(host(HOST), DeviceId::new(id).expect("an ID"))
}

fn module(id: &str, module: &str) -> HubIdentity {
    let id = DeviceId::new(id).expect("an ID");
    HubIdentity::module(host(HOST), id, ModuleId::new(module).expect("an ID"))
}

/// A token with a key that is made up.
fn token(resource: &ResourceUri) -> SasToken<'static> {
    let key = SymmetricKey::from_bytes(b"made up").expect("a key");
    let signer = SasSigner::new(key, resource).expect("not Service Bus");
    signer.sign(NOW).expect("in memory")
}

/// All that IDs may have in them, and what looks like an escape.
fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9:.+%_#*?!(),=@;$'-]{1,128}", "(%[0-9A-Fa-f]{2}|%|#|\\+|[a-c2]){1,12}"]
}

fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 4,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..usual
    }
}
