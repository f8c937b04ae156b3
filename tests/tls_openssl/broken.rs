//! What answers is no server of TLS, or breaks off: byte by byte.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hubward::pki_types::ServerName;
use hubward::tls::rustls::ClientConnection;
use hubward::tls::{Provider, diagnose};

use crate::connect::{codes, connect, socket, turned_away};
use crate::process::PATIENCE;
use crate::server::Server;
use crate::world::{DEVICE, HUB, P256, PROVIDERS, World};

/// Takes one connection, on a port of its own. Joined by whoever started it.
fn serve<T: Send + 'static>(
    script: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    let thread = std::thread::spawn(move || {
        let deadline = Instant::now() + PATIENCE;
        let mut socket = loop {
            match listener.accept() {
                Ok((socket, _)) => break socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "nobody came");
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("{error}"),
            }
        };
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        script(&mut socket)
    });
    (address, thread)
}

/// What the client says first, whole.
fn client_hello(socket: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 5];
    socket.read_exact(&mut head).unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    socket.read_exact(&mut body).unwrap();
    assert_eq!((head[0], body[0]), (22, 1));
    body
}

/// Answers, and hangs up when the client does.
fn answer(socket: &mut TcpStream, bytes: &[u8]) {
    client_hello(socket);
    // The client may have hung up already.
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(Shutdown::Write);
    let _ = io::copy(socket, &mut io::sink());
}

/// A record of the handshake with a `ServerHello` of this version and suite.
fn server_hello(version: u16, suite: u16, extensions: &[u8]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    // No session.
    body.push(0);
    body.extend(suite.to_be_bytes());
    // No compression.
    body.push(0);
    if !extensions.is_empty() {
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
    }
    let message = [&[2, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
    record(22, &message)
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3][..], &len, content].concat()
}

/// `supported_versions` with the one that was picked (RFC 8446 section 4.2.1).
const TLS13: [u8; 6] = [0, 43, 0, 2, 3, 4];

#[test]
fn answers_that_are_no_tls() {
    let world = World::new();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec(), "plain-text"),
        ("a page", b"<html><body>Sign in</body></html>".to_vec(), "plain-text"),
        ("CONNACK of MQTT", vec![0x20, 2, 0, 1], "plain-text"),
        ("DISCONNECT of MQTT 5", vec![0xe0, 2, 0x81, 0], "plain-text"),
        ("AMQP", b"AMQP\x03\x01\x00\x00".to_vec(), "plain-text"),
        ("SSH", b"SSH-2.0-server\r\n".to_vec(), "plain-text"),
        ("zeros", vec![0; 64], "plain-text"),
        ("ones", vec![0xff; 64], "plain-text"),
        ("a record of another version", vec![22, 9, 9, 0, 4, 2, 0, 0, 0], "plain-text"),
        (
            "a record that is too long",
            [&[22, 3, 3, 0xff, 0xff][..], &[2; 70_000]].concat(),
            "plain-text",
        ),
        ("an empty record", record(22, &[]), "plain-text"),
        ("noise in a record", record(22, &[0xff; 40]), "protocol"),
        ("data before the handshake", record(23, &[7; 40]), "protocol"),
        ("another client", record(22, &[1, 0, 0, 2, 3, 3]), "protocol"),
        ("nothing", vec![], "broken-off"),
        ("half a head", vec![22, 3], "broken-off"),
        ("half a record", server_hello(0x0303, 0xc02b, &[])[..20].to_vec(), "broken-off"),
        ("half a handshake", server_hello(0x0303, 0xc02b, &[]), "broken-off"),
        ("goodbye", record(21, &[1, 0]), "broken-off"),
        ("a warning", record(21, &[1, 112]), "broken-off"),
        ("SSL 3", server_hello(0x0300, 0xc013, &[]), "version-refused"),
        ("TLS 1.1", server_hello(0x0302, 0xc013, &[]), "version-refused"),
        ("TLS 1.4", server_hello(0x0303, 0x1301, &[0, 43, 0, 2, 3, 5]), "version-refused"),
        // Servers that take what was not offered.
        ("CBC", server_hello(0x0303, 0xc027, &[]), "suite-refused"),
        ("static RSA", server_hello(0x0303, 0x009c, &[]), "suite-refused"),
        ("a suite of 1.3 in 1.2", server_hello(0x0303, 0x1301, &[]), "suite-refused"),
        ("CCM", server_hello(0x0303, 0x1304, &TLS13), "suite-refused"),
        ("no key share", server_hello(0x0303, 0x1301, &TLS13), "protocol"),
    ];
    for (about, bytes, expected) in cases {
        for provider in PROVIDERS {
            println!("{about} {provider}"); // the last line that a failed test shows
            let bytes = bytes.clone();
            let (address, thread) = serve(move |socket| answer(socket, &bytes));
            let (error, record) = turned_away(&world.client(provider, None), &address, HUB);
            thread.join().unwrap();
            assert_eq!(codes(&error, &record), [*expected; 2], "{error:?}");
            let advice = diagnose(&error, Some(&record)).advice();
            match *expected {
                "plain-text" => assert!(advice.contains("MQTT 8883, AMQP 5671, HTTPS 443")),
                // That is what a broker for plain text does.
                "broken-off" => assert!(advice.contains("one for plain text hangs up on TLS")),
                _ => {}
            }
        }
    }
}

/// Each alert that there is, before the server showed a certificate or asked for one. The server cannot
/// have refused what it never got; without a record that is not known.
#[test]
fn alerts() {
    let world = World::new();
    for alert in 0..=u8::MAX {
        let expected = match alert {
            40 | 71 => ["suite-refused"; 2],
            41 | 116 => ["client-certificate-required"; 2],
            42..=46 | 48 | 49 => ["protocol", "client-certificate-refused"],
            70 => ["version-refused"; 2],
            112 => ["name-refused"; 2],
            120 => ["no-protocol"; 2],
            _ => ["protocol"; 2],
        };
        let (address, thread) = serve(move |socket| answer(socket, &record(21, &[2, alert])));
        let tls = world.client(PROVIDERS[usize::from(alert) % 2], None);
        let (error, record) = turned_away(&tls, &address, HUB);
        thread.join().unwrap();
        assert_eq!(codes(&error, &record), expected, "{alert}: {error:?}");
        assert!(record.server_chain().is_empty() && record.server_name().is_none());
    }
}

/// What OpenSSL's server sends, up to a byte, and all that the client does. How much came from the server.
fn relay(client: &mut TcpStream, server: &str, bytes: u64) -> u64 {
    let mut server = socket(server).unwrap();
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    let up = std::thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let sent = io::copy(&mut (&mut server).take(bytes), client);
    for socket in [client, &mut server] {
        let _ = socket.shutdown(Shutdown::Both);
    }
    up.join().unwrap();
    sent.unwrap()
}

/// A server's handshake that is cut off anywhere.
#[test]
fn truncated_handshakes() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    for version in ["-tls1_2", "-tls1_3"] {
        let options = format!("{version} -Verify 3 -CAfile devices.pem");
        let server = Server::start(&world, "server", &options);
        let relayed = |bytes| {
            let to = server.address.clone();
            serve(move |socket| relay(socket, &to, bytes))
        };
        let tls = PROVIDERS.map(|provider| world.client(provider, Some(world.identity(DEVICE))));
        let (address, thread) = relayed(u64::MAX);
        // As long as those below: without a ticket for a session.
        let mut connected = connect(tls[0].recorded().0, &address, HUB).unwrap();
        assert_eq!(connected.ask("pump-7").unwrap(), "7-pmup");
        drop(connected);
        let whole = thread.join().unwrap();
        assert!(whole > 1_000, "{whole}");
        // Behind that is the answer, and a goodbye.
        for twentieths in 0..18 {
            println!("{version} {twentieths}/20"); // the last line that a failed test shows
            let (address, thread) = relayed(whole * twentieths / 20);
            let tls = &tls[usize::from(twentieths % 2 == 0)];
            let (error, record) = turned_away(tls, &address, HUB);
            thread.join().unwrap();
            assert_eq!(codes(&error, &record), ["broken-off"; 2], "{error:?}");
        }
    }
}

/// Who hangs up in place of an alert. What the record saw may be the reason.
#[test]
fn hung_up_without_a_word() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    for (asks, identity, open) in [
        (true, None, Some("asked for a certificate of the device, and got none")),
        (
            true,
            Some(world.identity(DEVICE)),
            Some("got the certificate of the device, and may have refused it"),
        ),
        (false, None, None),
    ] {
        let options = if asks { "-tls1_3 -verify 3 -CAfile devices.pem" } else { "-tls1_3" };
        let server = Server::start(&world, "server", options);
        let to = server.address.clone();
        let (cut, cutting) = channel();
        let (address, thread) = serve(move |client| {
            let server = socket(&to).unwrap();
            let ways = [(&*client, &server), (&server, &*client)].map(|(from, to)| {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || drop(io::copy(&mut from, &mut to)))
            });
            let told = cutting.recv_timeout(PATIENCE);
            for socket in [&*client, &server] {
                let _ = socket.shutdown(Shutdown::Both);
            }
            ways.into_iter().for_each(|way| way.join().unwrap());
            told.unwrap();
        });
        let sends = identity.is_some();
        let (config, record) = world.client(Provider::Ring, identity).recorded();
        let mut connected = connect(config, &address, HUB).unwrap();
        cut.send(()).unwrap();
        thread.join().unwrap();
        let error = connected.ask("pump-7").unwrap_err();
        let diagnosis = diagnose(&error, Some(&record));
        assert_eq!(diagnosis.fault().code(), "broken-off", "{error:?}");
        let seen = (record.asked_for_certificate(), record.sent_certificate());
        assert_eq!(seen, (asks, sends));
        match open {
            Some(open) => assert!(diagnosis.missing().unwrap().contains(open), "{diagnosis}"),
            None => assert_eq!(diagnosis.missing(), None),
        }
        let missing = diagnose(&error, None).missing().unwrap();
        assert!(missing.starts_with("without a record of this one handshake"), "{missing}");
    }
}

/// The system's own words, where there is nothing to read.
#[test]
fn resets_and_silence() {
    let world = World::new();
    for provider in PROVIDERS {
        let tls = world.client(provider, None);
        // What was not read when the socket is closed becomes a reset.
        let (address, thread) = serve(|socket| assert!(socket.peek(&mut [0]).unwrap() > 0));
        let (error, record) = turned_away(&tls, &address, HUB);
        thread.join().unwrap();
        assert_eq!(codes(&error, &record), ["broken-off"; 2], "{error:?}");

        // Somebody listens and says nothing, such as a server of plain text that waits for a line.
        let (address, thread) = serve(|socket| {
            client_hello(socket);
            let _ = io::copy(socket, &mut io::sink());
        });
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let name = ServerName::try_from(HUB).unwrap();
        let mut connection = ClientConnection::new(tls.config(), name).unwrap();
        let error = connection.complete_io(&mut socket).unwrap_err();
        drop(socket);
        thread.join().unwrap();
        let diagnosis = diagnose(&error, None);
        assert_eq!(diagnosis.fault().code(), "no-answer", "{error:?}");
        assert!(diagnosis.advice().contains("something that waits for plain text"));

        // Nobody listens: the port was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = connect(tls.config(), &free.to_string(), HUB).err().unwrap();
        let diagnosis = diagnose(&error, None);
        assert_eq!(diagnosis.fault().code(), "unreachable", "{error:?}");
        assert!(diagnosis.to_string().contains("connection refused"), "{diagnosis}");
        // Nor has the name an address.
        let error = connect(tls.config(), "not a host name:8883", HUB).err().unwrap();
        assert_eq!(diagnose(&error, None).fault().code(), "unreachable", "{error:?}");
    }
}
