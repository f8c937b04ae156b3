//! The broker mosquitto, with TLS and the plugin that takes tokens.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::build::succeed;
use crate::process::Process;

/// A broker on a port of its own, and the folder of its files.
pub(crate) struct Broker {
    pub(crate) process: Process,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Broker {
    /// With `config` for its listener; its version of TLS is at most `maximum`.
    pub(crate) fn start(
        plugin: &Path,
        resource: &str,
        key: &str,
        config: &str,
        maximum: &str,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        authority(folder.path());
        fs::write(path("key.txt"), format!("{key}\n")).unwrap();
        fs::write(path("openssl.cnf"), openssl_config(&format!("MaxProtocol = {maximum}")))
            .unwrap();
        let plugin = plugin.display();
        // It does not choose a port by itself, and the one that was free may be taken by now.
        let mut complaints = String::new();
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let text = format!(
                "user root\npersistence false\nlog_dest stderr\nlog_type all\n\
                 listener {port} 127.0.0.1\ncertfile server.pem\nkeyfile server.key\n{config}\
                 plugin {plugin}\nplugin_opt_resource {resource}\nplugin_opt_key_file key.txt\n"
            );
            fs::write(path("mosquitto.conf"), text).unwrap();
            let mut command = program();
            command.args(["-c", "mosquitto.conf"]).current_dir(folder.path());
            command.env("OPENSSL_CONF", path("openssl.cnf"));
            let process = Process::start(command);
            match process.wait_for(" running") {
                Ok(_) => return Self { process, port, folder },
                Err(said) => complaints += &said,
            }
        }
        panic!("mosquitto does not start: {complaints}");
    }

    /// A file of its folder: `ca.pem` is whom to trust.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A configuration of OpenSSL that allows everything but what `more` says.
pub(crate) fn openssl_config(more: &str) -> String {
    format!(
        "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n\
         MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n{more}\n"
    )
}

/// A CA in `ca.pem`, and below it the certificate of `localhost` in `server.pem`.
fn authority(folder: &Path) {
    let request = |options: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-config", "plain.cnf", "-noenc", "-days", "2"]);
        openssl.args("-newkey ec -pkeyopt ec_paramgen_curve:P-256".split(' '));
        succeed(openssl.args(options.split(' ')).current_dir(folder));
    };
    fs::write(folder.join("plain.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n").unwrap();
    request(
        "-keyout ca.key -out ca.pem -subj /CN=Test -addext basicConstraints=critical,CA:TRUE \
         -addext keyUsage=critical,keyCertSign -addext subjectKeyIdentifier=hash",
    );
    request(
        "-keyout server.key -out server.pem -subj /CN=server -addext subjectAltName=DNS:localhost \
         -addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca.key",
    );
}

/// Where Debian puts it is not always in `PATH`.
fn program() -> Command {
    let found = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
        .into_iter()
        .find(|program| Command::new(program).arg("-h").output().is_ok());
    Command::new(found.expect("the program mosquitto can be run (Debian: mosquitto)"))
}
