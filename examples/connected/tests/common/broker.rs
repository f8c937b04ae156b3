//! The broker mosquitto.

use std::net::TcpListener;
use std::process::Command;

use super::hub::{HUB, World, new_key};
use super::program::Program;

/// A broker with TLS for devices, and a listener without for the test.
pub(crate) struct Broker {
    program: Option<Program>,
    /// Where devices connect.
    pub(crate) port: u16,
    /// Where the test listens.
    pub(crate) plain: u16,
}

impl Broker {
    /// With `config` for the listener with TLS.
    pub(crate) async fn start(world: &World, config: &str) -> Self {
        let (key, key_pem) = new_key();
        let chain = world.certificates.server_chain(HUB, &key).unwrap();
        world.write("server.pem", chain.to_pem());
        world.write("server.key", key_pem);
        world.write("devices.pem", world.certificates.devices_pem());
        // It does not choose a port by itself, and the one that was free may be taken by now.
        let mut complaints = String::new();
        for _ in 0..5 {
            let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
            let [port, plain] = free.map(|listener| listener.local_addr().unwrap().port());
            // It reads as root what root owns, and keeps sessions where it may write.
            world.write(
                "mosquitto.conf",
                format!(
                    "user root\nper_listener_settings true\nlog_dest stderr\nlog_type all\n\
                     persistence true\npersistence_location {}/\n\
                     listener {plain} 127.0.0.1\nallow_anonymous true\n\
                     listener {port} 127.0.0.1\ncafile devices.pem\ncertfile server.pem\n\
                     keyfile server.key\n{config}",
                    world.folder().display(),
                ),
            );
            let mut broker = Self { program: None, port, plain };
            match broker.try_restart(world).await {
                Ok(()) => return broker,
                Err(said) => complaints += &said,
            }
        }
        panic!("mosquitto does not start: {complaints}");
    }

    /// It runs again on the same ports.
    pub(crate) async fn restart(&mut self, world: &World) {
        self.try_restart(world).await.unwrap();
    }

    async fn try_restart(&mut self, world: &World) -> Result<(), String> {
        let mut command = find("mosquitto");
        command.args(["-c", "mosquitto.conf"]).current_dir(world.folder());
        let program = Program::start(command);
        let is_up = super::wait_for(
            || program.err(),
            || {
                let said = program.err();
                let is_up = said.contains(" running");
                (is_up || said.contains("Error")).then_some(is_up)
            },
        )
        .await;
        let said = program.err();
        self.program = is_up.then_some(program);
        if is_up { Ok(()) } else { Err(said) }
    }

    /// All that it said in this life.
    pub(crate) fn said(&self) -> String {
        self.program.as_ref().unwrap().err()
    }

    /// It keeps what it has, and ends.
    pub(crate) async fn stop(&mut self) {
        let program = self.program.take().unwrap();
        program.signal(libc::SIGTERM);
        program.end(super::PATIENCE).await;
    }

    /// It ends as in a power cut.
    pub(crate) fn kill(&mut self) {
        self.program.take().unwrap().kill();
    }
}

/// Where Debian puts it is not always in `PATH`.
pub(crate) fn find(program: &str) -> Command {
    let found = ["", "/usr/sbin/", "/usr/local/sbin/", "/usr/bin/"]
        .map(|folder| format!("{folder}{program}"))
        .into_iter()
        .find(|program| Command::new(program).arg("-h").output().is_ok());
    Command::new(found.unwrap_or_else(|| panic!("the program {program} cannot be run")))
}
