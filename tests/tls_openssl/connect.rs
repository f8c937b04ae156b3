//! Connections of a client, with nothing but rustls and a socket.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use hubward::pki_types::ServerName;
use hubward::tls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use hubward::tls::{ClientTls, HandshakeRecord, diagnose};

use crate::process::PATIENCE;

/// A connection whose handshake is over, as far as the client knows.
pub(crate) struct Connected(pub(crate) BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Connected {
    pub(crate) fn tls(&self) -> &ClientConnection {
        &self.0.get_ref().conn
    }

    /// Sends a line and reads one.
    pub(crate) fn ask(&mut self, line: &str) -> io::Result<String> {
        let stream = self.0.get_mut();
        stream.write_all(format!("{line}\n").as_bytes())?;
        stream.flush()?;
        let mut answer = String::new();
        match self.0.read_line(&mut answer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(answer.trim_end().to_owned()),
        }
    }
}

pub(crate) fn socket(address: &str) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// A handshake with the server at `address`, which is asked for as `name`.
pub(crate) fn connect(
    config: Arc<ClientConfig>,
    address: &str,
    name: &str,
) -> io::Result<Connected> {
    let mut socket = socket(address)?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    connection.complete_io(&mut socket)?;
    Ok(Connected(BufReader::new(StreamOwned::new(connection, socket))))
}

/// A connection to a server that sends lines back reversed, with an answer: in TLS 1.3 only that shows
/// that the server takes the client's certificate.
pub(crate) fn let_in(tls: &ClientTls, address: &str, name: &str) -> io::Result<Connected> {
    let mut connected = connect(tls.config(), address, name)?;
    assert_eq!(connected.ask("pump-7")?, "7-pmup");
    Ok(connected)
}

/// The same with a record, for a connection that must fail.
pub(crate) fn turned_away(
    tls: &ClientTls,
    address: &str,
    name: &str,
) -> (io::Error, HandshakeRecord) {
    let (config, record) = tls.recorded();
    let answer = connect(config, address, name).and_then(|mut connected| connected.ask("pump-7"));
    (answer.expect_err("it was let in"), record)
}

/// The codes of the diagnosis with the record and without.
pub(crate) fn codes(error: &io::Error, record: &HandshakeRecord) -> [&'static str; 2] {
    [Some(record), None].map(|record| diagnose(error, record).fault().code())
}
