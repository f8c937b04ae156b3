//! As much of MQTT 3.1.1 as a device needs, packet by packet.

use std::io::{self, ErrorKind, Read as _, Write as _};

use hubward::tls::rustls::ClientConnection;

use crate::connect::Connected;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

/// At least once (section 4.3.2).
const QOS_1: u8 = 0x02;

/// A session that the broker accepted.
pub(crate) struct Session {
    connected: Connected,
    last: u16,
    /// What came before it was asked for.
    received: Vec<(String, Vec<u8>)>,
}

impl Session {
    /// Section 3.1: a clean session without user name and password.
    pub(crate) fn begin(connected: Connected, id: &str) -> io::Result<Self> {
        let mut session = Self { connected, last: 0, received: Vec::new() };
        let head = [&text("MQTT")[..], &[4, 0x02, 0, 60]].concat();
        session.send(CONNECT, &[head, text(id)].concat())?;
        match session.read()? {
            (CONNACK, packet) if packet == [0, 0] => Ok(session),
            (kind, packet) => {
                Err(io::Error::new(ErrorKind::PermissionDenied, format!("{kind:#x} {packet:?}")))
            }
        }
    }

    pub(crate) fn tls(&self) -> &ClientConnection {
        self.connected.tls()
    }

    /// Until the broker has it, whether it passes it on or not.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) -> io::Result<()> {
        let id = self.next();
        self.send(PUBLISH | QOS_1, &[&text(topic)[..], &id, payload].concat())?;
        self.wait_for(PUBACK, &id)
    }

    pub(crate) fn subscribe(&mut self, topic: &str) -> io::Result<()> {
        let id = self.next();
        self.send(SUBSCRIBE, &[&id[..], &text(topic), &[0]].concat())?;
        self.wait_for(SUBACK, &[id[0], id[1], 0])
    }

    /// The next topic and payload.
    pub(crate) fn receive(&mut self) -> io::Result<(String, Vec<u8>)> {
        while self.received.is_empty() {
            let (kind, packet) = self.read()?;
            self.take(kind, &packet);
        }
        Ok(self.received.remove(0))
    }

    fn wait_for(&mut self, expected: u8, content: &[u8]) -> io::Result<()> {
        loop {
            let (kind, packet) = self.read()?;
            if kind == expected {
                assert_eq!(packet, content);
                return Ok(());
            }
            self.take(kind, &packet);
        }
    }

    /// A message that was sent at most once.
    fn take(&mut self, kind: u8, packet: &[u8]) {
        assert_eq!(kind, PUBLISH);
        let (len, rest) = packet.split_at(2);
        let (topic, payload) = rest.split_at(usize::from(u16::from_be_bytes([len[0], len[1]])));
        self.received.push((String::from_utf8(topic.to_vec()).unwrap(), payload.to_vec()));
    }

    fn next(&mut self) -> [u8; 2] {
        self.last += 1;
        self.last.to_be_bytes()
    }

    fn send(&mut self, kind: u8, content: &[u8]) -> io::Result<()> {
        let stream = self.connected.0.get_mut();
        // A length of one byte (section 2.2.3).
        let len = u8::try_from(content.len()).unwrap();
        assert!(len < 128);
        stream.write_all(&[&[kind, len], content].concat())?;
        stream.flush()
    }

    fn read(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.connected.0.read_exact(&mut head)?;
        assert!(head[1] < 128);
        let mut packet = vec![0; usize::from(head[1])];
        self.connected.0.read_exact(&mut packet)?;
        Ok((head[0], packet))
    }
}

/// Section 1.5.3.
fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}
