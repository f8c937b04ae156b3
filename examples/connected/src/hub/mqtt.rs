//! MQTT 3.1.1 as the hub speaks it: no QoS 2, no retained messages, and each device on its own topics.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hubward::session::mqtt::{HubSession, MESSAGE_MAX};
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Error as PacketError, Packet, PubAck, Publish, QoS,
    SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::{
    Admitted, Disconnect, Event, PATIENCE, Proof, Protocol, Refused, Session, Shared, lock,
};

/// The longest packet: a message, and a topic before it.
const PACKET_MAX: usize = MESSAGE_MAX + 64 * 1024;
/// The hub's bound on silence, whatever the client asks for.
const SILENCE_MAX: Duration = Duration::from_secs(1767);
/// How often a connection looks whether it is still right, and whether there is something to send.
const TICK: Duration = Duration::from_millis(50);

/// What somebody is told who asks for a twin, in the service's form: the Node SDK looks at this and not at
/// the status.
const NO_TWINS: &str = r#"{"errorCode":501000,"message":"this hub has no twins"}"#;

/// Serves one connection.
pub(super) async fn serve(hub: Arc<Shared>, stream: TlsStream<TcpStream>) {
    let mut wire = Wire { stream, read: BytesMut::new(), written: BytesMut::new() };
    let Ok(Ok(Packet::Connect(connect))) = timeout(PATIENCE, wire.receive()).await else { return };
    let admitted = match admit(&hub, &wire, &connect) {
        Ok(admitted) => admitted,
        Err(refused) => {
            let refusal = ConnAck::new(Refused::MQTT, false);
            hub.tell(Event::Refused { claim: connect.client_id, refused }).await;
            let _ = wire.send(Packet::ConnAck(refusal)).await;
            let _ = wire.stream.shutdown().await;
            return;
        }
    };
    let id = connect.client_id.clone();
    let mut connection = Connection::begin(hub, wire, connect, admitted);
    let reason = match connection.run().await {
        Ok(never) => match never {},
        Err(reason) => reason,
    };
    connection.end(&reason).await;
    connection.hub.tell(Event::Disconnected { id, reason }).await;
}

fn admit(hub: &Shared, wire: &Wire, connect: &Connect) -> Result<Admitted, Refused> {
    let (user_name, password) = match &connect.login {
        Some(login) => (login.username.as_str(), login.password.as_str()),
        None => ("", ""),
    };
    let (_, tls) = wire.stream.get_ref();
    let proof = Proof {
        token: (!password.is_empty()).then_some(password),
        chain: tls.peer_certificates().unwrap_or_default(),
    };
    let now = hub.clock.now().map_err(|_| Refused::NoTime)?;
    lock(&hub.registry).admit_mqtt(&connect.client_id, user_name, proof, now)
}

struct Connection {
    hub: Arc<Shared>,
    wire: Wire,
    connect: Connect,
    admitted: Admitted,
    session: HubSession,
    /// Which of the device's connections this is.
    number: u64,
    /// Whether the hub still had what the device asked for before.
    is_resumed: bool,
    /// When it must have been heard of.
    deadline: Instant,
    /// The message to the device that is not acknowledged.
    in_flight: Option<u16>,
    last_id: u16,
}

impl Connection {
    fn begin(hub: Arc<Shared>, wire: Wire, connect: Connect, admitted: Admitted) -> Self {
        let mut sessions = lock(&hub.sessions);
        let kept = sessions.entry(connect.client_id.clone()).or_default();
        let is_resumed = kept.is_kept && !connect.clean_session;
        kept.is_kept = !connect.clean_session;
        if !is_resumed {
            (kept.subscribed, kept.wants_twins) = (None, false);
        }
        kept.connection += 1;
        let number = kept.connection;
        drop(sessions);
        Self {
            session: HubSession::new(&admitted.identity),
            deadline: Instant::now() + silence(connect.keep_alive),
            in_flight: None,
            last_id: 0,
            hub,
            wire,
            connect,
            admitted,
            number,
            is_resumed,
        }
    }

    async fn run(&mut self) -> Result<Infallible, Disconnect> {
        let accepted = ConnAck::new(ConnectReturnCode::Success, self.is_resumed);
        self.wire.send(Packet::ConnAck(accepted)).await?;
        self.hub.tell(Event::Connected { admitted: self.admitted.clone() }).await;
        loop {
            self.deliver().await?;
            tokio::select! {
                packet = self.wire.receive() => {
                    self.deadline = Instant::now() + silence(self.connect.keep_alive);
                    self.take(packet?).await?;
                }
                () = sleep(TICK) => {}
            }
            self.check()?;
        }
    }

    /// Whether the connection may go on.
    fn check(&self) -> Result<(), Disconnect> {
        self.with_session(|_| ())?;
        if self.hub.clock.now().is_ok_and(|now| now >= self.admitted.until) {
            return Err(Disconnect::Expired);
        }
        if Instant::now() > self.deadline { Err(Disconnect::Lost) } else { Ok(()) }
    }

    async fn take(&mut self, packet: Packet) -> Result<(), Disconnect> {
        match packet {
            Packet::Publish(publish) => self.published(publish).await,
            Packet::PubAck(ack) => {
                if self.in_flight == Some(ack.pkid) {
                    self.in_flight = None;
                    self.with_session(|session| drop(session.mailbox.pop_front()))?;
                }
                Ok(())
            }
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => {
                for filter in &unsubscribe.topics {
                    self.listen(filter, None)?;
                }
                self.wire.send(Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid))).await
            }
            Packet::PingReq => self.wire.send(Packet::PingResp).await,
            Packet::Disconnect => Err(Disconnect::Orderly),
            _ => Err(Disconnect::Protocol("a packet that no client sends")),
        }
    }

    async fn published(&mut self, publish: Publish) -> Result<(), Disconnect> {
        if publish.qos == QoS::ExactlyOnce {
            return Err(Disconnect::Protocol("QoS 2"));
        }
        if publish.payload.len() > MESSAGE_MAX {
            return Err(Disconnect::Protocol("a message of more than 256 KiB"));
        }
        let topic = publish.topic.as_str();
        if let Some(properties) = self.properties(topic) {
            self.tell(properties.to_owned(), publish.payload, publish.dup).await;
        } else if let Some((_, request)) =
            topic.strip_prefix("$iothub/twin/").and_then(|topic| topic.split_once("?$rid="))
        {
            let request = request.split('&').next().unwrap_or_default();
            let topic = format!("$iothub/twin/res/501/?$rid={request}");
            let refusal = Publish::new(topic, QoS::AtMostOnce, NO_TWINS);
            if self.with_session(|session| session.wants_twins)? {
                self.wire.send(Packet::Publish(refusal)).await?;
            }
        } else if !topic.starts_with("$iothub/methods/res/") {
            return Err(Disconnect::Protocol("a topic that is not the device's own"));
        }
        match publish.qos {
            QoS::AtMostOnce => Ok(()),
            _ => self.wire.send(Packet::PubAck(PubAck::new(publish.pkid))).await,
        }
    }

    /// What stands after the device's own topic.
    fn properties<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let own = self.session.telemetry_topic();
        let rest = topic.strip_prefix(own.strip_suffix('/').unwrap_or(&own))?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    async fn tell(&self, properties: String, payload: Bytes, is_duplicate: bool) {
        let id = self.connect.client_id.clone();
        let over = Protocol::Mqtt;
        self.hub.tell(Event::Message { id, over, properties, payload, is_duplicate }).await;
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), Disconnect> {
        let mut codes = Vec::new();
        for filter in subscribe.filters {
            let granted = match filter.qos {
                QoS::AtMostOnce => QoS::AtMostOnce,
                _ => QoS::AtLeastOnce,
            };
            codes.push(if self.listen(&filter.path, Some(granted))? {
                SubscribeReasonCode::Success(granted)
            } else {
                SubscribeReasonCode::Failure
            });
        }
        self.wire.send(Packet::SubAck(SubAck::new(subscribe.pkid, codes))).await
    }

    /// Begins or ends to listen. `false` if there is nothing there for this device.
    fn listen(&self, filter: &str, qos: Option<QoS>) -> Result<bool, Disconnect> {
        if self.session.commands_filter().as_deref() == Some(filter) {
            self.with_session(|session| session.subscribed = qos)?;
            return Ok(true);
        }
        if filter == "$iothub/twin/res/#" {
            self.with_session(|session| session.wants_twins = qos.is_some())?;
            return Ok(true);
        }
        let identity = &self.admitted.identity;
        let inputs = identity
            .module_id()
            .map(|module| format!("devices/{}/modules/{module}/inputs/#", identity.device_id()));
        // Where nothing ever comes from this hub, as with the inputs of modules at any but a gateway.
        Ok(filter.starts_with("$iothub/") || inputs.as_deref() == Some(filter))
    }

    /// Sends the next message to the device, if it listens and has the one before.
    async fn deliver(&mut self) -> Result<(), Disconnect> {
        if self.in_flight.is_some() {
            return Ok(());
        }
        let next = self.with_session(|session| {
            let qos = session.subscribed?;
            match qos {
                QoS::AtMostOnce => session.mailbox.pop_front(),
                _ => session.mailbox.front().cloned(),
            }
            .map(|payload| (qos, payload))
        })?;
        let Some((qos, payload)) = next else { return Ok(()) };
        let device = &self.connect.client_id;
        let topic = format!(
            "devices/{device}/messages/devicebound/%24.to=%2Fdevices%2F{device}%2Fmessages%2FdeviceBound"
        );
        let mut publish = Publish::from_bytes(topic, qos, payload);
        if qos == QoS::AtLeastOnce {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            publish.pkid = self.last_id;
            self.in_flight = Some(self.last_id);
        }
        self.wire.send(Packet::Publish(publish)).await
    }

    /// Changes what the hub keeps of the device, unless that belongs to a later connection by now.
    fn with_session<T>(&self, body: impl FnOnce(&mut Session) -> T) -> Result<T, Disconnect> {
        match lock(&self.hub.sessions).get_mut(&self.connect.client_id) {
            Some(session) if session.connection == self.number => Ok(body(session)),
            _ => Err(Disconnect::TakenOver),
        }
    }

    /// Publishes the last will, unless the device said goodbye.
    async fn end(&mut self, reason: &Disconnect) {
        if let Some(will) = self.connect.last_will.take().filter(|_| *reason != Disconnect::Orderly)
            && let Some(properties) = self.properties(&will.topic)
        {
            let separator = if properties.is_empty() { "" } else { "&" };
            let properties = format!("{properties}{separator}iothub-MessageType=Will");
            self.tell(properties, will.message, false).await;
        }
        let _ = timeout(PATIENCE, self.wire.stream.shutdown()).await;
    }
}

/// How long a client with this keep-alive may be silent (MQTT 3.1.1 section 3.1.2.10).
fn silence(keep_alive: u16) -> Duration {
    match keep_alive {
        0 => SILENCE_MAX,
        seconds => (Duration::from_secs(seconds.into()) * 3 / 2).min(SILENCE_MAX),
    }
}

/// Packets on a stream.
struct Wire {
    stream: TlsStream<TcpStream>,
    read: BytesMut,
    written: BytesMut,
}

impl Wire {
    /// The next packet. Whoever stops waiting loses nothing.
    async fn receive(&mut self) -> Result<Packet, Disconnect> {
        loop {
            match Packet::read(&mut self.read, PACKET_MAX) {
                Ok(packet) => return Ok(packet),
                Err(PacketError::InsufficientBytes(_)) => {}
                Err(_) => return Err(Disconnect::Protocol("a packet that is none")),
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return Err(Disconnect::Lost),
                Ok(_) => {}
            }
        }
    }

    async fn send(&mut self, packet: Packet) -> Result<(), Disconnect> {
        self.written.clear();
        let written = packet.write(&mut self.written, PACKET_MAX);
        written.map_err(|_| Disconnect::Protocol("an answer that is no packet"))?;
        let sent = timeout(PATIENCE, async {
            self.stream.write_all(&self.written).await?;
            self.stream.flush().await
        });
        match sent.await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Disconnect::Lost),
        }
    }
}
