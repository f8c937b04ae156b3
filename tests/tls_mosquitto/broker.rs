//! The broker.

use std::net::TcpListener;
use std::process::Command;

use crate::process::Process;
use crate::world::World;

/// A broker on a port of its own.
pub(crate) struct Broker {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Broker {
    /// With `config` for its listener, and TLS of at most the version `maximum`.
    pub(crate) fn start(world: &World, config: &str, maximum: &str) -> Self {
        let openssl = &world.openssl;
        openssl.write(
            "maximum.cnf",
            format!(
                "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n\
                 MaxProtocol = {maximum}\nCipherString = DEFAULT@SECLEVEL=0\n"
            ),
        );
        // It does not choose a port by itself, and the one that was free may be taken by now.
        let mut complaints = String::new();
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            openssl.write(
                "mosquitto.conf",
                format!(
                    "user root\npersistence false\nlog_dest stderr\nlog_type all\n\
                     listener {} 127.0.0.1\n{config}",
                    free.port()
                ),
            );
            let mut command = program();
            command.args(["-c", "mosquitto.conf"]).current_dir(openssl.path(""));
            command.env("OPENSSL_CONF", openssl.path("maximum.cnf"));
            let process = Process::start(command);
            match process.wait_for(" running") {
                Ok(_) => return Self { process, address: free.to_string() },
                Err(said) => complaints += &said,
            }
        }
        panic!("mosquitto does not start: {complaints}");
    }
}

/// Where Debian puts it is not always in `PATH`.
fn program() -> Command {
    let found = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
        .into_iter()
        .find(|program| Command::new(program).arg("-h").output().is_ok());
    Command::new(found.expect("the program mosquitto can be run"))
}
