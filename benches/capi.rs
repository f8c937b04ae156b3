//! What a token costs through the C interface, beside what it costs in Rust: read `capi_sign` as a ratio to
//! `sign_into` of the same run. It is to be at most 1.1.

use std::ffi::{c_char, c_void};
use std::hint::black_box;
use std::ptr;

use criterion::{Criterion, criterion_group, criterion_main};
use hubward::capi::{
    HUBWARD_OK, HUBWARD_SAS_TOKEN_MAX, hubward_mac_key, hubward_mac_key_callbacks,
    hubward_mac_key_free, hubward_mac_key_from_callbacks, hubward_signer, hubward_signer_free,
    hubward_signer_from_connection_string, hubward_signer_from_mac_key, hubward_signer_sign,
};
use hubward::{ConnectionString, SAS_TOKEN_MAX, SasSigner, UnixTime};

const RESOURCE: &str = "contoso.azure-devices.net/devices/pump-7";
const CONNECTION: &str = "HostName=contoso.azure-devices.net;DeviceId=pump-7;\
                          SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const EXPIRY: u64 = 1_735_689_600;

type Sign = unsafe extern "C" fn(*const hubward_signer, u64, *mut c_char, usize, *mut usize) -> i32;

/// Freed when it is dropped.
struct Signer(*mut hubward_signer);

impl Signer {
    fn new() -> Self {
        let mut signer = ptr::null_mut();
        // SAFETY: the text and the place are there.
        let status = unsafe {
            hubward_signer_from_connection_string(
                CONNECTION.as_ptr().cast(),
                CONNECTION.len(),
                &raw mut signer,
            )
        };
        assert_eq!(status, HUBWARD_OK);
        Self(signer)
    }

    /// With a driver that does nothing, so that what is left is what a driver costs beside its own work.
    fn behind_a_driver() -> Self {
        let callbacks = hubward_mac_key_callbacks {
            user_data: ptr::null_mut(),
            hmac_sha256: Some(driver),
            release: None,
        };
        let (mut key, mut signer) = (ptr::null_mut::<hubward_mac_key>(), ptr::null_mut());
        // SAFETY: the functions keep what the header asks of them; the text and the places are there.
        unsafe {
            assert_eq!(
                hubward_mac_key_from_callbacks(&raw const callbacks, &raw mut key),
                HUBWARD_OK
            );
            let status = hubward_signer_from_mac_key(
                RESOURCE.as_ptr().cast(),
                RESOURCE.len(),
                ptr::null(),
                0,
                key,
                &raw mut signer,
            );
            assert_eq!(status, HUBWARD_OK);
            hubward_mac_key_free(key);
        }
        Self(signer)
    }

    /// As a C program calls it: by the address that the linker found.
    fn sign(&self, expiry: u64, out: &mut [u8]) -> usize {
        let sign: Sign = black_box(hubward_signer_sign);
        let mut len = 0;
        // SAFETY: the signer lives, and the buffer and the place are there.
        let status =
            unsafe { sign(self.0, expiry, out.as_mut_ptr().cast(), out.len(), &raw mut len) };
        assert_eq!(status, HUBWARD_OK);
        len
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { hubward_signer_free(self.0) }
    }
}

unsafe extern "C-unwind" fn driver(
    _: *mut c_void,
    message: *const u8,
    len: usize,
    tag: *mut u8,
) -> i32 {
    black_box((message, len));
    // SAFETY: there are 32 bytes.
    unsafe { tag.write_bytes(0x5a, 32) };
    0
}

fn capi(criterion: &mut Criterion) {
    let connection = ConnectionString::parse(CONNECTION).unwrap();
    let in_rust = SasSigner::from_connection_string(&connection).unwrap();
    let in_c = Signer::new();
    let mut buffer = [0; HUBWARD_SAS_TOKEN_MAX];
    let len = in_c.sign(EXPIRY, &mut buffer);
    let token = in_rust.sign(UnixTime::from_secs(EXPIRY)).unwrap();
    assert_eq!(&buffer[..len], token.expose_token().as_bytes());

    let mut group = criterion.benchmark_group("capi");
    // Another expiry each time, so that nothing is learned from the last token.
    let mut expiry = EXPIRY;
    group.bench_function("sign_into", |bencher| {
        let buffer = &mut buffer[..SAS_TOKEN_MAX];
        bencher.iter(|| {
            expiry += 1;
            let expiry = black_box(UnixTime::from_secs(expiry));
            in_rust.sign_into(expiry, black_box(buffer)).unwrap()
        });
    });
    for (id, signer) in [("capi_sign", &in_c), ("capi_sign_driver", &Signer::behind_a_driver())] {
        let mut buffer = [0; HUBWARD_SAS_TOKEN_MAX];
        let mut expiry = EXPIRY;
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                expiry += 1;
                signer.sign(black_box(expiry), black_box(&mut buffer))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, capi);
criterion_main!(benches);
