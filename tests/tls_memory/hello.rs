//! The first message of a client, read from the wire (RFC 8446 section 4.1.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use hubward::tls::rustls::{ClientConfig, ClientConnection};

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// What stands in it.
pub(crate) struct Hello {
    pub(crate) suites: Vec<u16>,
    pub(crate) compressions: Vec<u8>,
    /// Of the whole message.
    pub(crate) len: usize,
    extensions: BTreeMap<u16, Vec<u8>>,
}

impl Hello {
    /// That of a client which asks for a server of that name.
    pub(crate) fn of(config: Arc<ClientConfig>, name: &str) -> Self {
        let name = name.to_owned().try_into().unwrap();
        let mut client = ClientConnection::new(config, name).unwrap();
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        Self::read(&wire)
    }

    fn read(wire: &[u8]) -> Self {
        let mut wire = Bytes(wire);
        // One record with a handshake.
        assert_eq!((wire.number(1), wire.number(2)), (22, 0x0301));
        let mut record = wire.vector(2);
        let len = record.0.len();
        assert!(wire.0.is_empty());
        // A ClientHello.
        assert_eq!(record.number(1), 1);
        let mut hello = record.vector(3);
        assert!(record.0.is_empty());
        // Of what was the version, 1.2 is all that is ever said; what counts is an extension.
        assert_eq!(hello.number(2), 0x0303);
        hello.take(32);
        hello.vector(1);
        let suites = hello.vector(2).numbers();
        let compressions = hello.vector(1).0.to_vec();
        let mut rest = hello.vector(2);
        assert!(hello.0.is_empty());
        let mut extensions = BTreeMap::new();
        while !rest.0.is_empty() {
            let (kind, content) = (rest.number(2), rest.vector(2).0.to_vec());
            let kind = u16::try_from(kind).unwrap();
            assert!(extensions.insert(kind, content).is_none(), "{kind} is there twice");
        }
        Self { suites, compressions, len, extensions }
    }

    fn extension(&self, kind: u16) -> Option<Bytes<'_>> {
        self.extensions.get(&kind).map(|content| Bytes(content))
    }

    pub(crate) fn versions(&self) -> Vec<u16> {
        self.extension(SUPPORTED_VERSIONS).unwrap().vector(1).numbers()
    }

    pub(crate) fn groups(&self) -> Vec<u16> {
        self.extension(SUPPORTED_GROUPS).unwrap().vector(2).numbers()
    }

    pub(crate) fn signature_algorithms(&self) -> Vec<u16> {
        self.extension(SIGNATURE_ALGORITHMS).unwrap().vector(2).numbers()
    }

    /// The groups for which there is a key already, and how many bytes each takes.
    pub(crate) fn key_shares(&self) -> Vec<(u16, usize)> {
        let mut shares = self.extension(KEY_SHARE).unwrap().vector(2);
        let mut found = Vec::new();
        while !shares.0.is_empty() {
            let group = u16::try_from(shares.number(2)).unwrap();
            found.push((group, shares.vector(2).0.len()));
        }
        found
    }

    pub(crate) fn server_name(&self) -> Option<String> {
        let mut names = self.extension(SERVER_NAME)?.vector(2);
        // One name, of a host.
        assert_eq!(names.number(1), 0);
        let name = String::from_utf8(names.vector(2).0.to_vec()).unwrap();
        assert!(names.0.is_empty());
        Some(name)
    }

    pub(crate) fn protocols(&self) -> Vec<String> {
        let Some(mut content) = self.extension(ALPN) else { return Vec::new() };
        let mut names = content.vector(2);
        let mut found = Vec::new();
        while !names.0.is_empty() {
            found.push(String::from_utf8(names.vector(1).0.to_vec()).unwrap());
        }
        found
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn number(&mut self, len: usize) -> usize {
        self.take(len).iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// What is behind its own length, which has `len` bytes.
    fn vector(&mut self, len: usize) -> Self {
        let len = self.number(len);
        Self(self.take(len))
    }

    fn numbers(&self) -> Vec<u16> {
        let (numbers, rest) = self.0.as_chunks();
        assert!(rest.is_empty());
        numbers.iter().map(|two| u16::from_be_bytes(*two)).collect()
    }
}
