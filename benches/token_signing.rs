//! What a token costs, against the hash that it cannot do without.
//!
//! `floor` is two dependent SHA-256 compressions of one block each: the end of the inner message and
//! the outer hash. `floor_spill` is the same where the end of the inner message spills into a second
//! block. Every other figure is to be read as a ratio to them, in the same run.

use std::hint::black_box;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hubward::{
    ConnectionString, DeviceId, GroupKey, HubHost, RegistrationId, ResourceUri, SAS_TOKEN_MAX,
    SasSigner, SasToken, SymmetricKey, UnixTime,
};
use sha2::Sha256;
use sha2::block_api::compress256;

const HOST: &str = "contoso.azure-devices.net";
const DEVICE: &str = "pump-7";
// The line feed behind the encoded resource ends 54 bytes into a block: ten digits and the length
// do not fit behind it.
const DEVICE_SPILL: &str = "pump-7-of-hall-3";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const CONNECTION: &str = "HostName=contoso.azure-devices.net;DeviceId=pump-7;\
                          SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const EXPIRY: u64 = 1_735_689_600;

fn signer(device: &str) -> SasSigner {
    let host = HubHost::new(HOST).unwrap();
    let resource = ResourceUri::device(&host, &DeviceId::new(device).unwrap());
    SasSigner::new(SymmetricKey::from_base64(KEY).unwrap(), &resource).unwrap()
}

/// What others do on every call: decode the key, build the HMAC, format, encode.
fn one_shot(key: &str, host: &str, device: &str, expiry: u64) -> String {
    let resource = urlencoding::encode(&format!("{host}/devices/{device}")).into_owned();
    let key = STANDARD.decode(key).unwrap();
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    hmac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(hmac.finalize().into_bytes());
    let signature = urlencoding::encode(&signature);
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}")
}

fn token_signing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("token_signing");

    // One state, carried from compression to compression: a token is a chain of dependent
    // compressions, and a processor that overlaps the independent ones of two iterations would
    // measure something that no token can have.
    let block = [0x5a_u8; 64];
    let mut state = [0x6a09_e667_u32; 8];
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            compress256(black_box(&mut state), black_box(&[block]));
            compress256(black_box(&mut state), black_box(&[block]));
        });
    });
    group.bench_function("floor_spill", |bencher| {
        bencher.iter(|| {
            compress256(black_box(&mut state), black_box(&[block; 2]));
            compress256(black_box(&mut state), black_box(&[block]));
        });
    });

    for (id, device) in [("sign_into", DEVICE), ("sign_into_spill", DEVICE_SPILL)] {
        let signer = signer(device);
        let mut buffer = [0; SAS_TOKEN_MAX];
        let mut expiry = EXPIRY;
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                // Another expiry each time, so that nothing is learned from the last token.
                expiry += 1;
                let expiry = black_box(UnixTime::from_secs(expiry));
                signer.sign_into(expiry, black_box(&mut buffer)).unwrap()
            });
        });
    }

    let device_signer = signer(DEVICE);
    group.bench_function("sign", |bencher| {
        bencher.iter(|| device_signer.sign(black_box(UnixTime::from_secs(EXPIRY))));
    });
    group.bench_function("cold", |bencher| {
        bencher.iter(|| {
            let connection = ConnectionString::parse(black_box(CONNECTION)).unwrap();
            let signer = SasSigner::from_connection_string(&connection).unwrap();
            signer.sign(black_box(UnixTime::from_secs(EXPIRY)))
        });
    });

    let group_key = GroupKey::from_base64(KEY).unwrap();
    let registration = RegistrationId::new("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6").unwrap();
    group.bench_function("derive_device_key", |bencher| {
        bencher.iter(|| group_key.derive_device_key(black_box(&registration)));
    });

    let token = device_signer.sign(UnixTime::from_secs(EXPIRY)).unwrap();
    let key = SymmetricKey::from_base64(KEY).unwrap();
    let resource = ResourceUri::parse("contoso.azure-devices.net/devices/pump-7").unwrap();
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            let token = SasToken::parse(black_box(token.expose_token())).unwrap();
            token.verify(&key, &resource, UnixTime::from_secs(EXPIRY - 1), Duration::ZERO)
        });
    });

    assert_eq!(one_shot(KEY, HOST, DEVICE, EXPIRY), token.expose_token());
    group.bench_function("one_shot", |bencher| {
        bencher.iter(|| one_shot(black_box(KEY), HOST, DEVICE, black_box(EXPIRY)));
    });
    group.finish();
}

criterion_group!(benches, token_signing);
criterion_main!(benches);
