//! What a key store costs: opening it, loading a key, and signing with the handle that it gives.
//!
//! `sign_direct` signs with a key that was never in a store; `sign_handle` with the handle of one that
//! is, prepared, which is to cost the same. `sign_unprepared` is what a handle costs that cannot be
//! prepared, as one of a chip cannot, without the chip. To be read as ratios, in the same run.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use hubward::keystore::file::{FileKeyStore, StoreKey};
use hubward::keystore::{
    KeyError, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MemoryKeyStore, NewKey,
    SignatureAlgorithm, SigningKey as _, SoftwareSigningKey, Tag,
};
use hubward::secret::{SecretBytes, SecretText};
use hubward::{MacKey, ResourceUri, SAS_TOKEN_MAX, SasSigner, SymmetricKey, UnixTime};

const KEYS: usize = 16;
const RESOURCE: &str = "contoso.azure-devices.net/devices/pump-7";
const EXPIRY: u64 = 1_735_689_600;
const KEY: [u8; 32] = [0x5A; 32];

fn name(number: usize) -> KeyName {
    KeyName::new(&format!("hub.{number}")).unwrap()
}

/// Puts as many keys into a store as a device with a few identities has.
fn fill(store: &dyn KeyStoreAdmin) {
    let key = SymmetricKey::from_bytes(&KEY).unwrap();
    for number in 0..KEYS {
        store.import(&name(number), NewKey::Symmetric(&key)).unwrap();
    }
}

/// A key that cannot be prepared.
#[derive(Debug)]
struct Unprepared(Arc<dyn MacKey>);

impl MacKey for Unprepared {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        self.0.hmac_sha256(parts)
    }
}

fn sign<K: MacKey>(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, key: K) {
    let resource = ResourceUri::parse(RESOURCE).unwrap();
    let signer = SasSigner::new(key, &resource).unwrap();
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

fn keystore(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (raw_path, passphrase_path) =
        (folder.path().join("raw/keys"), folder.path().join("passphrase/keys"));
    let raw = SecretBytes::copy_from(&KEY).unwrap();
    let raw = StoreKey::Raw(&raw);
    let passphrase = SecretText::borrowed("not a secret, a benchmark");
    let passphrase = StoreKey::Passphrase(&passphrase);
    let store = FileKeyStore::create(&raw_path, raw).unwrap();
    fill(&store);
    fill(&FileKeyStore::create(&passphrase_path, passphrase).unwrap());
    let memory = MemoryKeyStore::new();
    fill(&memory);

    let mut group = criterion.benchmark_group("keystore");
    let open = |path: &Path, key| FileKeyStore::open(black_box(path), black_box(key)).unwrap();
    group.bench_function("open_raw", |bencher| bencher.iter(|| open(&raw_path, raw)));
    group.bench_function("load", |bencher| {
        bencher.iter(|| store.mac_key(black_box(&name(7))).unwrap());
    });
    group.bench_function("load_memory", |bencher| {
        bencher.iter(|| memory.mac_key(black_box(&name(7))).unwrap());
    });

    // One behind the other, for they are compared.
    let handle = store.mac_key(&name(7)).unwrap();
    sign(&mut group, "sign_direct", SymmetricKey::from_bytes(&KEY).unwrap());
    sign(&mut group, "sign_handle", Arc::clone(&handle));
    #[cfg(feature = "mlock")]
    {
        use hubward::secret::LockPolicy;

        let options = FileKeyStore::options().lock_memory(LockPolicy::Prefer);
        let locked = options.open(&raw_path, raw).unwrap();
        sign(&mut group, "sign_handle_locked", locked.mac_key(&name(7)).unwrap());
    }
    sign(&mut group, "sign_unprepared", Unprepared(handle));

    let message = [0x5A; 256];
    let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap();
    group.bench_function("ecdsa_p256_sign", |bencher| {
        bencher
            .iter(|| key.sign(SignatureAlgorithm::EcdsaP256Sha256, black_box(&message)).unwrap());
    });
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    {
        let key = rsa2048();
        group.bench_function("rsa2048_sign", |bencher| {
            bencher
                .iter(|| key.sign(SignatureAlgorithm::RsaPssSha256, black_box(&message)).unwrap());
        });
    }

    // Slow on purpose: a few will do.
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.bench_function("open_argon2id", |bencher| {
        bencher.iter(|| open(&passphrase_path, passphrase));
    });
    group.finish();
}

/// Made for this benchmark; it opens nothing.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
fn rsa2048() -> SoftwareSigningKey {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hubward::pki_types::PrivateKeyDer;

    const PKCS8: &str = concat!(
        "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDILOY3GBXSoqxVPMPtRf4WHkAGvNZXqzjC",
        "RvGi+Yd7gI+AuSj9dXs2AHYjTnRbYmdi90kmyFyyi+OCwxLOFM1yHGNojGIM8ZavsOaDzxq8NRskVvJEA5ly",
        "LERWirAPH/9craZ7d5CVuxCV7EGI0iKzJVbGEH6L59OEOtwn8UGFRnEPEl1moz7Kyi8pYOOR2D9Go3uMgoZS",
        "54/aKmMrBTqmzEmOAIM02K2TqcvPYkO4xIkQNhPGgfUkv0aqyZxHKDr6qaD+ccVss6IP/NaMCRij9pmriseA",
        "GVb9desPiMb1209Z2WtWKHg/yG8jX6NxvhtECgt/qWYDWmzckmGXkgE7AgMBAAECggEAQ8ECyTojRNDf4Nf4",
        "/ypWNtlVVZJ8QF9JjmSh7EZmh7R7nhfOGoA1zJD6a7fl5XqYwOQvg+uEiMCVqNBrYIqlAU8/jIcbtwLcvKn1",
        "VD747yRQhAvT45aOTRlTpjE6J1xuvElglODi9PNEyWIWyn9J1HY6eT7i/mrg6pxboT9lLH0RmiensJFgGii9",
        "PC7Ua8sbVRAekQMYuZX0++8BgGnFdCnFyfSPW2r2uh8ZxdhSF12mC/GT5PpF8rqnO41vKZA2n4/8SvY7Tsw2",
        "nrgYdiYDV9laKqlYIKVfjNyFaFSYuHtRhskQ78gSg/GjrBw691dTw8hhmaG95Q80Z+8idHugyQKBgQD9KnGz",
        "bd+QGuEtzYv2sJcuiOoBWIh9apHv2WRlldx1jd1Xgc60idvwP45X0usmgxWf4yuA3MMIQIxYyTrE0+cpsfPk",
        "+XMRxCWzOqyfpoCtkUQSIgdEc6C21R88ishekVlvtTMiUB6jJZGwZKUUB22Ey+hQdXpXr3SkhVhkVRc56QKB",
        "gQDKapaXPRzuC3g21UdfXgZ9TsAZpZehgdcNZ1dCS+bnPzMSBLBqemusFIDH8GpxdzbEpJzBT8BhXXvoJhcP",
        "Fm211Ti45fwnapY22+3tNPYofypd/aEvb91m4m4v1rr7rFdtVQA2iYm6X8Xwm/U8111VStPMUOIu+/ZuKpqt",
        "jwoHgwKBgDlkStxbVygq/8tLYqRtCgjRnwLpGCAebbEK/liNLao0m+3/jmWdLw/6yIEeXpKfeuKBNFaFNW2E",
        "fIyQKdN/GlN4dQr+hdiMN+O2tHWI4Hj4io71yeH5uIBaNjeaWqwdlUHeuRXZRejEVo+/cTDmMiy9sQ+0YiTI",
        "sM+vLwenxpkpAoGBAIgG/VCBp1Fpr83Zom86ds37ACm8GJxW7zh4vDE3ZOL+m8l+EThdMMKhvLGgpUe/P7UC",
        "kr1uZPCJrF0kS9a90diig83t8HhkrrILNmd0cgBhBQ3JBmskl/suK7JGcb3z4YT93HjKER6IgjLh+/p5GKXa",
        "9V6W9IlylfcO9oewWqMVAoGBAOf9BPJ4ReulNAAcM5oQ8AoNgC9qm4F36pNO296pgSYA6x0ouRfnjZ7CV0hJ",
        "hIaSzGdAooRr8Mv2vTHxP8OezMnbVtl6MaZujDPdd+M7QmWjz/8xaZ3X8x2Pk0IcqaFVdNQVoRMQn9V+u3/Y",
        "rSNd/IyHqRWIsT4ei/Csiea1M3wF",
    );
    let der = STANDARD.decode(PKCS8).unwrap();
    SoftwareSigningKey::from_der(&PrivateKeyDer::try_from(&der[..]).unwrap()).unwrap()
}

criterion_group!(benches, keystore);
criterion_main!(benches);
