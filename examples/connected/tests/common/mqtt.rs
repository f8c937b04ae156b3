//! A client of MQTT: packets that `rumqttc` sends, and bytes that it would not.

use std::sync::Arc;
use std::time::Duration;

use hubward::session::mqtt::HubSession;
use hubward::tls::rustls::ClientConfig;
use hubward::tls::rustls::pki_types::ServerName;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, LastWill, MqttOptions, Packet, Publish,
    QoS, SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::PATIENCE;
use super::hub::{HUB, identity};

/// How somebody introduces itself.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) port: u16,
    pub(crate) client_id: String,
    pub(crate) user_name: String,
    pub(crate) password: String,
    pub(crate) clean: bool,
    pub(crate) will: Option<LastWill>,
}

impl Login {
    /// As the device would.
    pub(crate) fn new(device: &str, port: u16, tls: Arc<ClientConfig>, password: &str) -> Self {
        let session = HubSession::new(&identity(device));
        Self {
            tls: Some(tls),
            port,
            client_id: session.client_id(),
            user_name: session.user_name(),
            password: password.to_owned(),
            clean: true,
            will: None,
        }
    }

    /// Connects once.
    pub(crate) async fn connect(&self) -> Result<Session, ConnectionError> {
        let mut options = MqttOptions::new(&self.client_id, HUB, self.port);
        if !self.user_name.is_empty() {
            options.set_credentials(&self.user_name, &self.password);
        }
        options.set_clean_session(self.clean);
        options.set_keep_alive(Duration::from_secs(60));
        options.set_max_packet_size(1 << 20, 1 << 20);
        if let Some(will) = &self.will {
            options.set_last_will(will.clone());
        }
        if let Some(tls) = &self.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(tls))));
        }
        let (client, mut network) = AsyncClient::new(options, 100);
        let first = timeout(PATIENCE, network.poll()).await.expect("an answer");
        let Event::Incoming(Packet::ConnAck(answer)) = first? else { panic!("no CONNACK") };
        let (sender, events) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let event = network.poll().await;
                let is_over = event.is_err();
                if sender.send(event).is_err() || is_over {
                    break;
                }
            }
        });
        Ok(Session { client, events, is_resumed: answer.session_present, task })
    }

    /// Connects, and is refused.
    pub(crate) async fn refused(&self) -> ConnectReturnCode {
        match self.connect().await {
            Ok(_) => panic!("{} was let in", self.client_id),
            Err(ConnectionError::ConnectionRefused(code)) => code,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A session that the server accepted. Dropped, the connection is lost, without a goodbye.
pub(crate) struct Session {
    pub(crate) client: AsyncClient,
    events: mpsc::UnboundedReceiver<Result<Event, ConnectionError>>,
    /// Whether the server still had what was asked for before.
    pub(crate) is_resumed: bool,
    task: JoinSet<()>,
}

impl Session {
    /// The next packet from the server; none once the connection is over.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        loop {
            match timeout(PATIENCE, self.events.recv()).await.expect("a packet, or the end") {
                Some(Ok(Event::Incoming(packet))) => return Some(packet),
                Some(Ok(Event::Outgoing(_))) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Publishes with QoS 1, and waits for the acknowledgement. `false` if the connection ends before.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &str) -> bool {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
        while let Some(packet) = self.next().await {
            if let Packet::PubAck(_) = packet {
                return true;
            }
        }
        false
    }

    /// What the server makes of a subscription.
    pub(crate) async fn subscribe(&mut self, filter: &str, qos: QoS) -> SubscribeReasonCode {
        self.client.subscribe(filter, qos).await.unwrap();
        loop {
            match self.next().await.expect("a SUBACK") {
                Packet::SubAck(answer) => return answer.return_codes[0],
                // A message may come before.
                Packet::Publish(_) => panic!("a message before the answer"),
                _ => {}
            }
        }
    }

    /// The next message; none once the connection is over.
    pub(crate) async fn message(&mut self) -> Option<Publish> {
        while let Some(packet) = self.next().await {
            if let Packet::Publish(publish) = packet {
                return Some(publish);
            }
        }
        None
    }

    /// The next message, if it comes within `time`.
    pub(crate) async fn message_within(&mut self, time: Duration) -> Option<Publish> {
        timeout(time, self.message()).await.ok().flatten()
    }

    /// Waits until the server ends the connection.
    pub(crate) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Says goodbye.
    pub(crate) async fn disconnect(mut self) {
        self.client.disconnect().await.unwrap();
        self.closed().await;
    }
}

/// A connection over TLS, for any bytes.
pub(crate) struct Bytes(TlsStream<TcpStream>);

impl Bytes {
    pub(crate) async fn connect(port: u16, tls: Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from(HUB).unwrap();
        Self(TlsConnector::from(tls).connect(name, stream).await.unwrap())
    }

    /// Sends what the server takes of it: it may have closed by then.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
        let _ = self.0.flush().await;
    }

    /// So many bytes of the server.
    pub(crate) async fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        timeout(PATIENCE, self.0.read_exact(&mut bytes)).await.expect("an answer").unwrap();
        bytes
    }

    /// All that the server still has to say before it closes.
    pub(crate) async fn closed(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 256];
        let read = async {
            while let Ok(len @ 1..) = self.0.read(&mut buffer).await {
                bytes.extend_from_slice(&buffer[..len]);
            }
        };
        timeout(PATIENCE, read).await.expect("the server closes the connection");
        bytes
    }
}
