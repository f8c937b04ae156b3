//! A stand-in for the front door of a hub: TLS, and behind it MQTT and HTTPS, where a device is let in or
//! turned away as the service would.
//!
//! It has what a device's security is about and little else: messages to the hub are acknowledged and told as
//! [`Event`]s, messages to a device wait in a queue, and twins and methods are not there. A second connection
//! of a device ends the first, and a connection ends with the token or certificate that it began with.

mod https;
mod mqtt;
mod registry;
mod tls;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hubward::Clock;
use hubward::tls::ServerTls;
use rumqttc::QoS;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use registry::{Admitted, Credential, Proof, Refused, Registry};

/// How long a client may take for its handshake, and then again until it has said who it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many connections there may be at once.
const CONNECTIONS_MAX: usize = 256;
/// The longest message to a device, as with the service.
const COMMAND_MAX: usize = 64 * 1024;
/// How many messages wait for a device, as with the service.
const MAILBOX_MAX: usize = 50;

/// What a hub is made of.
#[derive(Debug)]
pub struct Config {
    /// Who may come in.
    pub registry: Registry,
    /// The TLS of both listeners, whose certificate names the hub. The hub asks clients for a certificate, takes
    /// any or none in the handshake, and leaves the rest to the registry.
    pub tls: ServerTls,
    /// The hub's time.
    pub clock: Arc<dyn Clock>,
    /// Where to listen.
    pub address: IpAddr,
    /// The port of MQTT, 8883 with the service; 0 for one that is free.
    pub mqtt_port: u16,
    /// The port of HTTPS, 443 with the service; 0 for one that is free.
    pub https_port: u16,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device has a session over MQTT.
    Connected {
        /// Who.
        admitted: Admitted,
    },
    /// Somebody was turned away.
    Refused {
        /// Who it said it was.
        claim: String,
        /// Why.
        refused: Refused,
    },
    /// A message came from a device. It was acknowledged after this was told.
    Message {
        /// `deviceId` or `deviceId/moduleId`.
        id: String,
        /// By which way.
        over: Protocol,
        /// What the topic has after that of the device: its properties, still encoded. Those of HTTPS, whose
        /// names are in lower case, are written the same way.
        properties: String,
        /// The message.
        payload: Bytes,
        /// Whether the sender says that it may have come before.
        is_duplicate: bool,
    },
    /// A session has ended.
    Disconnected {
        /// `deviceId` or `deviceId/moduleId`.
        id: String,
        /// Why.
        reason: Disconnect,
    },
}

/// The ways to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1.
    Mqtt,
    /// HTTPS.
    Https,
}

/// Why a session over MQTT ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The device said goodbye.
    Orderly,
    /// The connection was lost, or the device has been silent for longer than its keep-alive allows.
    Lost,
    /// The token or certificate has expired: 401003, then 404104.
    Expired,
    /// The device connected once more: 400027.
    TakenOver,
    /// The device did what the service does not take.
    Protocol(&'static str),
}

/// A hub that runs. Dropped, it stops, and all connections with it.
#[derive(Debug)]
pub struct LocalHub {
    mqtt: SocketAddr,
    https: SocketAddr,
    shared: Arc<Shared>,
    /// Aborted on drop.
    _tasks: JoinSet<()>,
}

impl LocalHub {
    /// Listens, and tells what happens to `events`. A message of a device waits until it is taken there.
    ///
    /// # Errors
    ///
    /// If the ports are not free, or not for everybody. None is expected of TLS.
    pub async fn start(config: Config, events: mpsc::Sender<Event>) -> io::Result<Self> {
        let Config { registry, tls, clock, address, mqtt_port, https_port } = config;
        let mqtt = TcpListener::bind((address, mqtt_port)).await?;
        let https = TcpListener::bind((address, https_port)).await?;
        let shared = Arc::new(Shared {
            registry: Mutex::new(registry),
            clock,
            events,
            sessions: Mutex::new(HashMap::new()),
        });
        let acceptor = TlsAcceptor::from(tls::asking(&tls.config()).map_err(io::Error::other)?);
        let mut tasks = JoinSet::new();
        let (mqtt_address, https_address) = (mqtt.local_addr()?, https.local_addr()?);
        let (hub, tls) = (Arc::clone(&shared), acceptor.clone());
        tasks.spawn(listen(mqtt, tls, move |stream| mqtt::serve(Arc::clone(&hub), stream)));
        let hub = Arc::clone(&shared);
        tasks.spawn(listen(https, acceptor, move |stream| https::serve(Arc::clone(&hub), stream)));
        Ok(Self { mqtt: mqtt_address, https: https_address, shared, _tasks: tasks })
    }

    /// Where MQTT is.
    #[must_use]
    pub fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    /// Where HTTPS is.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        self.https
    }

    /// Changes who may come in. Whoever is in stays.
    pub fn with_registry<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        change(&mut lock(&self.shared.registry))
    }

    /// Sends a message to a device, which has it when it next listens. `false` if too many wait or it has more
    /// than 64 KiB, and for a module or a device that the hub does not know: the service has none for those.
    #[must_use]
    pub fn send(&self, device: &str, payload: impl Into<Bytes>) -> bool {
        let payload = payload.into();
        let is_known = lock(&self.shared.registry).knows(device);
        if !is_known || device.contains('/') || payload.len() > COMMAND_MAX {
            return false;
        }
        let mut sessions = lock(&self.shared.sessions);
        let session = sessions.entry(device.to_owned()).or_default();
        let has_room = session.mailbox.len() < MAILBOX_MAX;
        if has_room {
            session.mailbox.push_back(payload);
        }
        has_room
    }
}

/// What the connections have in common.
#[derive(Debug)]
struct Shared {
    registry: Mutex<Registry>,
    clock: Arc<dyn Clock>,
    events: mpsc::Sender<Event>,
    /// By `deviceId` or `deviceId/moduleId`.
    sessions: Mutex<HashMap<String, Session>>,
}

/// What the hub keeps of a device from one connection to the next.
#[derive(Debug, Default)]
struct Session {
    /// Counts the connections: only the latest counts.
    connection: u64,
    /// The device has said that it will come back for what it asked for.
    is_kept: bool,
    /// The device listens for messages, and how.
    subscribed: Option<QoS>,
    /// The device listens for what becomes of its requests about twins.
    wants_twins: bool,
    mailbox: VecDeque<Bytes>,
}

impl Shared {
    /// Where nobody takes what happens any more, the hub goes on.
    async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

/// Of what is locked, nothing is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes connections, does the handshake, and serves each in a task of its own.
async fn listen<S, F>(listener: TcpListener, tls: TlsAcceptor, serve: S)
where
    S: Fn(TlsStream<TcpStream>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Packets are short, and somebody waits for each.
        let _ = stream.set_nodelay(true);
        // Closed at once where there is no room.
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let (tls, serve) = (tls.clone(), serve.clone());
        connections.spawn(async move {
            if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
                serve(stream).await;
            }
            drop(permit);
        });
    }
}
