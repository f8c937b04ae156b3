//! How a device introduces itself over MQTT.

use core::ffi::c_char;

use super::boundary::{TextIn, TextOut, call, read};
use super::failure::Failure;
use super::status::hubward_status;
use crate::identity::{ConnectionString, DeviceId, HubHost, ModuleId};
use crate::session::HubIdentity;
use crate::session::mqtt::HubSession;

/// The port of MQTT over TLS.
pub const HUBWARD_MQTT_PORT: u16 = 8883;

const _: () = assert!(HUBWARD_MQTT_PORT == crate::session::mqtt::PORT);

/// The user name for MQTT. `product_info` is name and version of the product, which the hub shows to the operator; it
/// may be NULL with a length of 0.
///
/// The password is a token, of `hubward_signer_sign` or `hubward_token_cache_poll`. With a certificate on the
/// connection (`x509=true`) there is none.
///
/// Ownership: the text is written to the caller's buffer. Threads: any.
///
/// Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_USER_NAME_TOO_LONG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mqtt_username(
    connection_string: *const c_char,
    connection_string_len: usize,
    product_info: *const c_char,
    product_info_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (connection, product, out) = unsafe {
            (
                TextIn::new(connection_string, connection_string_len)?,
                TextIn::optional(product_info, product_info_len)?,
                TextOut::new(out.cast(), cap, len)?,
            )
        };
        let identity = identity(connection)?;
        out.write(session(&identity, read(product)?)?.user_name().as_bytes())
    })
}

/// The client ID for MQTT: `deviceId` or `deviceId/moduleId`.
///
/// Ownership: the text is written to the caller's buffer. Threads: any.
///
/// Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mqtt_client_id(
    connection_string: *const c_char,
    connection_string_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe {
        of_connection_string(
            connection_string,
            connection_string_len,
            out,
            cap,
            len,
            |identity, out| out.write(HubSession::new(identity).client_id().as_bytes()),
        )
    }
}

/// Whom to connect to, and whose name TLS is to verify: the gateway, else the hub.
///
/// Ownership: the text is written to the caller's buffer. Threads: any.
///
/// Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mqtt_host(
    connection_string: *const c_char,
    connection_string_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe {
        of_connection_string(
            connection_string,
            connection_string_len,
            out,
            cap,
            len,
            |identity, out| out.write(identity.connect_to().as_str().as_bytes()),
        )
    }
}

/// The topic of messages to the hub, to which properties may be added.
///
/// Ownership: the text is written to the caller's buffer. Threads: any.
///
/// Errors: those of connection strings (200 to 299); `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mqtt_telemetry_topic(
    connection_string: *const c_char,
    connection_string_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe {
        of_connection_string(
            connection_string,
            connection_string_len,
            out,
            cap,
            len,
            |identity, out| out.write(HubSession::new(identity).telemetry_topic().as_bytes()),
        )
    }
}

/// `hubward_mqtt_username` for a device that has no connection string, because its key is in a chip or it has a
/// certificate. `module_id` and `product_info` may be NULL with a length of 0.
///
/// Ownership: the text is written to the caller's buffer. Threads: any.
///
/// Errors: those of names (100 to 104); `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_USER_NAME_TOO_LONG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mqtt_username_for(
    host: *const c_char,
    host_len: usize,
    device_id: *const c_char,
    device_id_len: usize,
    module_id: *const c_char,
    module_id_len: usize,
    product_info: *const c_char,
    product_info_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (host, device, module, product, out) = unsafe {
            (
                TextIn::new(host, host_len)?,
                TextIn::new(device_id, device_id_len)?,
                TextIn::optional(module_id, module_id_len)?,
                TextIn::optional(product_info, product_info_len)?,
                TextOut::new(out.cast(), cap, len)?,
            )
        };
        let identity = named(HubHost::new(host.read()?)?, device, module)?;
        out.write(session(&identity, read(product)?)?.user_name().as_bytes())
    })
}

/// `hubward_mqtt_client_id` for a device that has no connection string. `module_id` may be NULL with a length of 0.
///
/// Ownership: the text is written to the caller's buffer. Threads: any.
///
/// Errors: those of names (100 to 104); `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mqtt_client_id_for(
    device_id: *const c_char,
    device_id_len: usize,
    module_id: *const c_char,
    module_id_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (device, module, out) = unsafe {
            (
                TextIn::new(device_id, device_id_len)?,
                TextIn::optional(module_id, module_id_len)?,
                TextOut::new(out.cast(), cap, len)?,
            )
        };
        // The client ID does not name the hub, which is the same for all of them.
        let identity = named(HubHost::new("hub")?, device, module)?;
        out.write(HubSession::new(&identity).client_id().as_bytes())
    })
}

/// What `write` writes for the identity of a connection string.
///
/// # Safety
///
/// As the header asks of pointers.
unsafe fn of_connection_string(
    connection_string: *const c_char,
    connection_string_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
    write: impl FnOnce(&HubIdentity, TextOut) -> Result<(), Failure>,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (connection, out) = unsafe {
            (
                TextIn::new(connection_string, connection_string_len)?,
                TextOut::new(out.cast(), cap, len)?,
            )
        };
        write(&identity(connection)?, out)
    })
}

fn identity(connection: TextIn<'_>) -> Result<HubIdentity, Failure> {
    let connection = ConnectionString::parse(connection.read()?)?;
    Ok(HubIdentity::from_connection_string(&connection)?)
}

fn named(
    host: HubHost,
    device: TextIn<'_>,
    module: Option<TextIn<'_>>,
) -> Result<HubIdentity, Failure> {
    let device = DeviceId::new(device.read()?)?;
    Ok(match read(module)? {
        None => HubIdentity::device(host, device),
        Some(module) => HubIdentity::module(host, device, ModuleId::new(module)?),
    })
}

fn session(identity: &HubIdentity, product: Option<&str>) -> Result<HubSession, Failure> {
    let session = HubSession::new(identity);
    match product {
        // A product without a name is none.
        None | Some("") => Ok(session),
        Some(product) => Ok(session.product(product)?),
    }
}
