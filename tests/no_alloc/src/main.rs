//! Tokens without the standard library and without an allocator: from a connection string to a
//! token, checked against one that the official Python SDK made.
//!
//! That this program links says most of it: it has no `#[global_allocator]`, and rustc refuses a
//! program in which anything uses the `alloc` crate without one. Whoever runs it also looks at what
//! it imports from the C library.
//!
//! It writes the token to standard output and returns 0, or the number of the first [`Step`] that
//! failed.

#![no_std]
#![no_main]

use core::ffi::{c_int, c_void};
use core::panic::PanicInfo;
use core::time::Duration;

use hubward::{
    ConnectionString, GroupKey, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasSigner, SasToken,
    SymmetricKey, UnixTime,
};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const CONNECTION: &str = "HostName=contoso-hub.azure-devices.net;DeviceId=device1;\
                          SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const RESOURCE: &str = "contoso-hub.azure-devices.net/devices/device1";
const EXPIRY: UnixTime = UnixTime::from_secs(1_735_689_600);
/// Made by azure-iot-device 2.14.0.
const TOKEN: &str = "SharedAccessSignature sr=contoso-hub.azure-devices.net%2Fdevices%2Fdevice1\
                     &sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se=1735689600";

/// The example of the service's documentation of group enrollments.
const GROUP_KEY: &str =
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
const REGISTRATION: &str = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
const DEVICE_KEY: &str = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";

/// What can fail; its number is the exit code.
#[derive(Clone, Copy)]
enum Step {
    ParseConnectionString = 10,
    PrepareSigner,
    SignInto,
    CompareToken,
    ParseToken,
    VerifyToken,
    RefuseOtherResource,
    ParseGroupKey,
    DeriveDeviceKey,
    CompareDeviceKey,
    WriteToken,
    Panic = 99,
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    match run() {
        Ok(()) => 0,
        Err(step) => step as c_int,
    }
}

fn run() -> Result<(), Step> {
    let connection =
        ConnectionString::parse(CONNECTION).map_err(|_| Step::ParseConnectionString)?;
    let signer = SasSigner::from_connection_string(&connection).map_err(|_| Step::PrepareSigner)?;
    let mut buffer = [0; SAS_TOKEN_MAX];
    let len = signer.sign_into(EXPIRY, &mut buffer).map_err(|_| Step::SignInto)?;
    let token =
        buffer.get(..len).filter(|token| *token == TOKEN.as_bytes()).ok_or(Step::CompareToken)?;

    let parsed = core::str::from_utf8(token)
        .ok()
        .and_then(|token| SasToken::parse(token).ok())
        .ok_or(Step::ParseToken)?;
    let key = SymmetricKey::from_base64(KEY).map_err(|_| Step::VerifyToken)?;
    let now = UnixTime::from_secs(EXPIRY.as_secs() - 1);
    let verify = |resource: &str| {
        ResourceUri::parse(resource)
            .is_ok_and(|resource| parsed.verify(&key, &resource, now, Duration::ZERO).is_ok())
    };
    check(verify(RESOURCE), Step::VerifyToken)?;
    check(!verify("contoso-hub.azure-devices.net/devices/device2"), Step::RefuseOtherResource)?;

    let group_key = GroupKey::from_base64(GROUP_KEY).map_err(|_| Step::ParseGroupKey)?;
    let registration = RegistrationId::new(REGISTRATION).map_err(|_| Step::DeriveDeviceKey)?;
    let device_key =
        group_key.derive_device_key(&registration).map_err(|_| Step::DeriveDeviceKey)?;
    let expected = SymmetricKey::from_base64(DEVICE_KEY).map_err(|_| Step::CompareDeviceKey)?;
    check(device_key == expected, Step::CompareDeviceKey)?;

    check(write_line(token), Step::WriteToken)
}

fn check(holds: bool, step: Step) -> Result<(), Step> {
    if holds { Ok(()) } else { Err(step) }
}

/// Writes `text` and a line feed to standard output: two short writes, which a pipe takes whole.
fn write_line(text: &[u8]) -> bool {
    [text, b"\n"].iter().all(|part| {
        // SAFETY: the pointer and the length are those of one live slice, which is only read.
        let written = unsafe { write(1, part.as_ptr().cast(), part.len()) };
        usize::try_from(written) == Ok(part.len())
    })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: ends the process, whatever its state.
    unsafe { _exit(Step::Panic as c_int) }
}

/// The personality routine, which the unwinder of the standard library would bring.
///
/// The `core` that comes with the toolchain is compiled to unwind, and the unwind tables of its
/// landing pads name this symbol, so the linker asks for it although this program aborts on panic.
/// Nothing here raises or catches an exception, so nothing calls it. The language item
/// (`#[lang = "eh_personality"]`) is not stable; the symbol is all that it would provide.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    // SAFETY: ends the process, whatever its state.
    unsafe { _exit(Step::Panic as c_int) }
}

// The C library also has `main`'s caller and the `mem…` functions to which the compiler turns
// copies and comparisons.
#[link(name = "c")]
unsafe extern "C" {
    fn write(file: c_int, bytes: *const c_void, len: usize) -> isize;
    fn _exit(code: c_int) -> !;
}
