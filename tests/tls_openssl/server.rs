//! OpenSSL's server.

use crate::process::Process;
use crate::world::World;

/// What every server that asks for a certificate is started with: it wants one of a device.
pub(crate) const WANTS_DEVICES: &str = "-CAfile devices.pem -Verify 3 -verify_return_error";

/// A server on a free port. It has one connection at a time, and sends lines back reversed.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Server {
    /// With the certificate in `name.pem`, issued by `hall`.
    pub(crate) fn start(world: &World, name: &str, options: &str) -> Self {
        Self::with(
            world,
            &format!("-rev -cert {name}.pem -key {name}.key -cert_chain hall.pem {options}"),
        )
    }

    pub(crate) fn with(world: &World, options: &str) -> Self {
        let arguments = format!("s_server -accept 127.0.0.1:0 {options}");
        let process = Process::start(world.openssl.command(&arguments));
        let line = process.wait_for("ACCEPT ");
        let line = line.unwrap_or_else(|said| panic!("{arguments}: {said}"));
        Self { process, address: line["ACCEPT ".len()..].trim().to_owned() }
    }
}
