//! OpenSSL's client, and what our server makes of it.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hubward::SystemClock;
use hubward::UnixTime;
use hubward::keystore::SoftwareSigningKey;
use hubward::tls::rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use hubward::tls::{ServerTls, ServerTlsBuilder, TlsIdentity, diagnose};
use hubward::x509::{DeviceCertificate, private_key_from_pem};

use crate::process::{PATIENCE, Process};
use crate::world::{DEVICE, HUB, P256, PROVIDERS, World, from_to};

/// What the server has to say of a connection.
#[derive(Debug, PartialEq)]
struct Seen {
    device: Result<String, String>,
    agreed: String,
    is_resumed: bool,
}

/// Takes as many connections, one after the other, answers a line with the same one, and says what it saw
/// of each.
fn serve(
    config: Arc<ServerConfig>,
    connections: usize,
) -> (String, JoinHandle<Vec<Result<Seen, String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    let thread = std::thread::spawn(move || {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while seen.len() < connections {
            match listener.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false).unwrap();
                    seen.push(serve_one(&config, socket));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "nobody came");
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("{error}"),
            }
        }
        seen
    });
    (address, thread)
}

fn serve_one(config: &Arc<ServerConfig>, mut socket: TcpStream) -> Result<Seen, String> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut connection = ServerConnection::new(Arc::clone(config)).unwrap();
    assert!(ServerTls::device_of(&connection, UnixTime::BUILD_FLOOR).is_err());
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut socket) {
            // What is in it is for clients, but there is always an answer.
            assert!(!diagnose(&error, None).to_string().is_empty());
            return Err(error.to_string());
        }
    }
    let seen = Seen {
        device: ServerTls::device_of(&connection, UnixTime::BUILD_FLOOR)
            .map(|device| device.to_string())
            .map_err(|error| error.to_string()),
        agreed: format!(
            "{:?} {:?}",
            connection.protocol_version().unwrap(),
            connection.negotiated_cipher_suite().unwrap().suite()
        ),
        is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
    };
    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    let mut line = String::new();
    stream.read_line(&mut line).map_err(|error| error.to_string())?;
    stream.get_mut().write_all(line.as_bytes()).map_err(|error| error.to_string())?;
    stream.get_mut().conn.send_close_notify();
    let _ = stream.get_mut().flush();
    Ok(seen)
}

/// A client that sends a line and gets it back; all that it said if it does not.
fn ask(world: &World, address: &str, options: &str) -> Result<String, String> {
    let mut client = Process::start(world.openssl.command(&format!(
        "s_client -connect {address} -servername {HUB} -verify_hostname {HUB} -verify_return_error \
         -CAfile root.pem -no_ign_eof -nocommands {options}"
    )));
    let mut input = client.input.take().unwrap();
    let _ = input.write_all(b"pump-7\n");
    client.wait_for("pump-7\n".trim_end()).map(|_| client.said())
}

/// The identity in `name.pem` and `name.key`, below `hall`.
fn identity(world: &World, name: &str) -> TlsIdentity {
    let chain = [name, "hall"].map(|name| world.certificate(name));
    let key = private_key_from_pem(&world.openssl.read(&format!("{name}.key"))).unwrap();
    let key = SoftwareSigningKey::from_der(key.expose_der()).unwrap();
    TlsIdentity::new(DeviceCertificate::from_certificates(chain.into()).unwrap(), Arc::new(key))
        .unwrap()
}

/// A device of `openssl s_client`, with the certificate in `device.pem`.
fn write_device(world: &World) -> &'static str {
    world.openssl.run(&format!("genpkey -algorithm {P256} -out device.key"));
    let key = private_key_from_pem(&world.openssl.read("device.key")).unwrap();
    let key = SoftwareSigningKey::from_der(key.expose_der()).unwrap();
    let chain = world.device_chain(&key, DEVICE, from_to(-1, 7));
    let [device, hall] = chain.chain() else { panic!("it is two certificates") };
    world.openssl.write("device.pem", device.to_pem());
    world.openssl.write("device-hall.pem", hall.to_pem());
    "-cert device.pem -key device.key -cert_chain device-hall.pem"
}

fn build(builder: ServerTlsBuilder) -> Arc<ServerConfig> {
    builder.build(SystemClock).unwrap().config()
}

#[test]
fn clients_that_are_let_in() {
    let world = World::new();
    let dns = &format!("DNS:{HUB}");
    world.server("p256", P256, dns, "");
    world.server("rsa", "rsa:2048", dns, "");
    for (name, options, agreed) in [
        ("p256", "-tls1_3", "TLSv1_3 TLS13_AES_256_GCM_SHA384"),
        (
            "rsa",
            "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
            "TLSv1_3 TLS13_CHACHA20_POLY1305_SHA256",
        ),
        ("p256", "-tls1_3 -groups P-384", "TLSv1_3 TLS13_AES_256_GCM_SHA384"),
        ("p256", "-tls1_2", "TLSv1_2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        ("rsa", "-tls1_2", "TLSv1_2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
        (
            "rsa",
            "-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305",
            "TLSv1_2 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
    ] {
        for provider in PROVIDERS {
            println!("{name} {options} {provider}"); // the last line that a failed test shows
            let tls = ServerTls::builder(provider).identity(identity(&world, name));
            let (address, thread) = serve(build(tls), 1);
            let said = ask(&world, &address, options).unwrap();
            assert!(said.contains("Verification: OK"), "{said}");
            let device = Err("the client has no certificate".to_owned());
            let seen = Seen { device, agreed: agreed.into(), is_resumed: false };
            assert_eq!(thread.join().unwrap(), [Ok(seen)]);
        }
    }
}

/// Each row: what the client is told, what it complains of, what the server complains of.
#[test]
fn clients_that_are_turned_down() {
    let world = World::new();
    world.server("server", "rsa:2048", &format!("DNS:{HUB}"), "");
    let weak = "@SECLEVEL=0";
    for (options, client, server) in [
        (
            format!("-tls1_1 -cipher ALL:{weak}"),
            "alert handshake failure",
            "SignatureAlgorithmsExtensionRequired",
        ),
        (
            format!("-tls1 -cipher ALL:{weak}"),
            "alert handshake failure",
            "SignatureAlgorithmsExtensionRequired",
        ),
        (
            "-tls1_2 -cipher ECDHE-RSA-AES128-SHA256".into(),
            "alert handshake failure",
            "NoCipherSuitesInCommon",
        ),
        (
            "-tls1_2 -cipher ECDHE-RSA-AES256-SHA".into(),
            "alert handshake failure",
            "NoCipherSuitesInCommon",
        ),
        (
            "-tls1_2 -cipher AES128-GCM-SHA256".into(),
            "alert handshake failure",
            "NoKxGroupsInCommon",
        ),
        (
            "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256".into(),
            "alert handshake failure",
            "NoKxGroupsInCommon",
        ),
        (
            "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256".into(),
            "alert handshake failure",
            "NoCipherSuitesInCommon",
        ),
        ("-tls1_3 -groups P-521".into(), "alert handshake failure", "NoKxGroupsInCommon"),
        ("-tls1_2 -groups P-521".into(), "alert handshake failure", "NoKxGroupsInCommon"),
        (
            format!("-tls1_2 -sigalgs RSA+SHA1 -cipher DEFAULT:{weak}"),
            "alert handshake failure",
            "NoSignatureSchemesInCommon",
        ),
    ] {
        for provider in PROVIDERS {
            println!("{options} {provider}"); // the last line that a failed test shows
            let tls = ServerTls::builder(provider).identity(identity(&world, "server"));
            let (address, thread) = serve(build(tls), 1);
            let said = ask(&world, &address, &options).unwrap_err();
            assert!(said.contains(client), "{said}");
            let [seen] = <[_; 1]>::try_from(thread.join().unwrap()).unwrap();
            let error = seen.unwrap_err();
            assert!(error.contains(server), "{error}");
        }
    }
}

#[test]
fn a_server_of_1_3_alone() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    for provider in PROVIDERS {
        let tls = ServerTls::builder(provider).identity(identity(&world, "server")).tls13_only();
        let (address, thread) = serve(build(tls), 2);
        let said = ask(&world, &address, "-tls1_2").unwrap_err();
        assert!(said.contains("alert protocol version"), "{said}");
        ask(&world, &address, "").unwrap();
        let [older, newer] = <[_; 2]>::try_from(thread.join().unwrap()).unwrap();
        assert!(older.is_err() && newer.is_ok());
    }
}

#[test]
fn devices() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    let device = write_device(&world);
    // Below the CA of the hub, not that of the devices.
    world.server("stranger", P256, "", "-addext extendedKeyUsage=clientAuth");
    world.request(&format!(
        "-newkey {P256} -keyout own.key -out own.pem -days 2 -subj /CN={DEVICE} \
         -addext extendedKeyUsage=clientAuth -addext basicConstraints=CA:FALSE"
    ));
    let stranger = "-cert stranger.pem -key stranger.key -cert_chain hall.pem";
    let own = "-cert own.pem -key own.key";
    let alone = "-cert device.pem -key device.key";
    let none = "the client has no certificate";
    // What comes of it where the server asks for a certificate, and where it must have one: the device, or
    // the alert.
    let required = "alert certificate required";
    let rows = [
        ("-tls1_2", device, Ok(DEVICE), Ok(DEVICE)),
        ("-tls1_3", device, Ok(DEVICE), Ok(DEVICE)),
        ("-tls1_2", "", Ok(none), Err(required)),
        ("-tls1_3", "", Ok(none), Err(required)),
        ("-tls1_2", stranger, Err("alert unknown ca"), Err("alert unknown ca")),
        ("-tls1_3", stranger, Err("alert unknown ca"), Err("alert unknown ca")),
        ("-tls1_2", own, Err("alert unknown ca"), Err("alert unknown ca")),
        ("-tls1_3", own, Err("alert unknown ca"), Err("alert unknown ca")),
        ("-tls1_3", alone, Err("alert unknown ca"), Err("alert unknown ca")),
    ];
    for provider in PROVIDERS {
        let server = ServerTls::builder(provider).identity(identity(&world, "server"));
        let asks = build(server.clone().ask_clients(world.device_anchors()));
        let requires = build(server.require_clients(world.device_anchors()));
        for (version, options, asked, required) in rows {
            for (config, expected) in [(&asks, asked), (&requires, required)] {
                println!("{provider} {version} {options} {expected:?}");
                let (address, thread) = serve(Arc::clone(config), 1);
                let said = ask(&world, &address, &format!("{version} {options}"));
                let [seen] = <[_; 1]>::try_from(thread.join().unwrap()).unwrap();
                match expected {
                    Ok(device) => {
                        said.unwrap();
                        let (Ok(found) | Err(found)) = seen.unwrap().device;
                        assert_eq!(found, device);
                    }
                    Err(alert) => {
                        let said = said.unwrap_err();
                        assert!(said.contains(alert), "{said}");
                        seen.unwrap_err();
                    }
                }
            }
        }
    }
}

#[test]
fn sessions() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    let device = write_device(&world);
    for provider in PROVIDERS {
        for version in ["-tls1_2", "-tls1_3"] {
            for (sessions, resumes) in [(0, false), (8, true)] {
                println!("{provider} {version} {sessions}"); // the last line that a failed test shows
                let tls = ServerTls::builder(provider)
                    .identity(identity(&world, "server"))
                    .require_clients(world.device_anchors())
                    .sessions(sessions);
                let (address, thread) = serve(build(tls), 2);
                let options = format!("{version} {device}");
                ask(&world, &address, &format!("{options} -sess_out session.pem")).unwrap();
                // Without a session there is no file to begin with.
                let session = world.openssl.path("session.pem");
                let with = if session.exists() { "-sess_in session.pem" } else { "" };
                ask(&world, &address, &format!("{options} {with}")).unwrap();
                let _ = std::fs::remove_file(session);
                let seen: Vec<_> = thread.join().unwrap();
                let seen = seen.into_iter().map(|seen| {
                    let seen = seen.unwrap();
                    // Also where no certificate was shown anew.
                    assert_eq!(seen.device.as_deref(), Ok(DEVICE));
                    seen.is_resumed
                });
                assert_eq!(seen.collect::<Vec<_>>(), [false, resumes]);
            }
        }
    }
}
