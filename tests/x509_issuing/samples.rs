//! Samples for judges in other languages: `scripts/judge-certificates` asks for them.

use std::fs;
use std::path::Path;

use hubward::keystore::SigningKey;
use hubward::x509::{
    Certificate, CertificateAuthority, CertificateRequest, RING_ALGORITHMS, self_signed,
};
use hubward::{DeviceId, ModuleId, RegistrationId};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::certificates::{NOW, OpenSsl, to_pem};
use crate::keys::{KINDS, days, new_key};

/// The folder to write into; without it, they are only made.
const FOLDER: &str = "HUBWARD_SAMPLES";

/// Files of PEM, and `samples.json`, which says what they should be.
#[test]
#[ignore = "for scripts/judge-certificates"]
fn are_written_for_other_judges() {
    let temporary = TempDir::new().unwrap();
    let folder = std::env::var_os(FOLDER);
    let folder = folder.as_deref().map_or(temporary.path(), Path::new);
    let openssl = OpenSsl::new();
    let mut samples = Vec::new();
    for (ca_kind, how) in KINDS {
        let (root_key, hall_key) = (new_key(&openssl, "root", how), new_key(&openssl, "hall", how));
        let root =
            CertificateAuthority::root(&root_key, "Contoso Würzburg, root", days(90)).unwrap();
        let hall = root.intermediate(&hall_key, "Contoso hall 3", days(60)).unwrap();
        for (kind, how) in KINDS {
            let key = new_key(&openssl, "device", how);
            let authorities = [&hall, &root];
            for sample in of_one_device(&key, &authorities) {
                let file = format!("{}-{kind}-by-{ca_kind}.pem", sample.what);
                fs::write(folder.join(&file), sample.pem).unwrap();
                samples.push(json!({
                    "file": file,
                    "what": sample.what,
                    "common_names": sample.common_names,
                    "key": kind,
                    "ca_key": ca_kind,
                    "now": NOW,
                    "days": sample.days,
                }));
            }
        }
    }
    fs::write(folder.join("samples.json"), Value::from(samples).to_string()).unwrap();
}

struct Sample {
    what: &'static str,
    pem: String,
    common_names: Vec<String>,
    /// How long each certificate is valid, from now on.
    days: Vec<u64>,
}

fn of_one_device(
    key: &dyn SigningKey,
    authorities: &[&CertificateAuthority<'_>; 2],
) -> [Sample; 8] {
    let device = DeviceId::new("Pump-7.$%_#*?!(),:=@").unwrap();
    let module = ModuleId::new("$edgeAgent").unwrap();
    let registration = RegistrationId::new("contoso:pump_7.b").unwrap();
    let request = |what, request: CertificateRequest| Sample {
        what,
        pem: request.to_pem(),
        common_names: request.common_name().map(String::from).into_iter().collect(),
        days: Vec::new(),
    };
    let chain = |what, chain: &[Certificate], days: &[u64]| Sample {
        what,
        pem: to_pem(chain),
        common_names: chain.iter().map(|c| c.common_name().unwrap().to_owned()).collect(),
        days: days.to_vec(),
    };
    let asked = CertificateRequest::for_device(key, &device).unwrap();
    let [hall, root] = authorities;
    let module_asked = CertificateRequest::for_module(key, &device, &module).unwrap();
    let registration_asked = CertificateRequest::for_registration(key, &registration).unwrap();
    let issued = hall.issue_device(&asked, &device, days(30), RING_ALGORITHMS).unwrap();
    let of_module = hall.issue_module(&module_asked, &device, &module, days(30), RING_ALGORITHMS);
    let of_registration =
        hall.issue_registration(&registration_asked, &registration, days(30), RING_ALGORITHMS);
    let [of_module, of_registration] = [of_module, of_registration].map(Result::unwrap);
    let proof = root.prove_possession(key, "75B86466DA34D2B04C0C4C9557A11968", days(1)).unwrap();
    let own = self_signed(key, &device, days(30)).unwrap();
    let [hall, root] = authorities.map(|authority| authority.certificate().clone());
    [
        request("request", asked),
        request("module-request", module_asked),
        request("registration-request", registration_asked),
        chain("chain", &[issued, hall.clone(), root.clone()], &[30, 60, 90]),
        chain("module-chain", &[of_module, hall.clone(), root.clone()], &[30, 60, 90]),
        chain("registration-chain", &[of_registration, hall, root.clone()], &[30, 60, 90]),
        chain("proof", &[proof, root], &[1, 90]),
        chain("self-signed", &[own], &[30]),
    ]
}
