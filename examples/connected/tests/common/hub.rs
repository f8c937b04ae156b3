//! A local hub, its clock, and the devices that it knows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use hubward::keystore::SoftwareSigningKey;
use hubward::pki_types::PrivateKeyDer;
use hubward::sas::{Step, TokenPolicy, TokenSchedule};
use hubward::session::HubIdentity;
use hubward::tls::{ClientTls, Provider, TlsIdentity};
use hubward::x509::{DeviceCertificate, Validity};
use hubward::{
    Clock, DeviceId, HubHost, ResourceUri, SasSigner, SymmetricKey, SystemClock, TimeError,
    UnixTime,
};
use hubward_connected::certificates::Certificates;
use hubward_connected::hub::{Config, Credential, Event, LocalHub, Registry};
use p256::pkcs8::EncodePrivateKey as _;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::wait_for;

/// The name of the hub, which its certificate is for.
pub(crate) const HUB: &str = "localhost";
const DAY: Duration = Duration::from_secs(86_400);

/// A folder with files for the clients, and both CAs.
pub(crate) struct World {
    pub(crate) certificates: Certificates,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let certificates = Certificates::new(now()).unwrap();
        let world = Self { certificates, folder: tempfile::tempdir().unwrap() };
        world.write("hub-ca.pem", world.certificates.servers_pem());
        world
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path as an argument.
    pub(crate) fn argument(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes `{device}.txt` with the connection string of a device with [`key`] 1.
    pub(crate) fn with_key(&self, device: &str) {
        let key = key(1);
        let key = key.expose_base64();
        let text =
            format!("HostName={HUB};DeviceId={device};SharedAccessKey={}", key.expose_text());
        self.write(&format!("{device}.txt"), text);
    }

    /// Writes `{device}.txt`, and `{device}.pem` and `{device}.key` with a new certificate.
    pub(crate) fn with_certificate(&self, device: &str) -> Issued {
        self.write(&format!("{device}.txt"), format!("HostName={HUB};DeviceId={device};x509=true"));
        let issued = self.issue(device, 30);
        self.write(&format!("{device}.pem"), issued.chain.to_pem());
        self.write(&format!("{device}.key"), &issued.key_pem);
        issued
    }

    /// A certificate for a device, which is good for so many days.
    pub(crate) fn issue(&self, device: &str, days: u32) -> Issued {
        let (key, key_pem) = new_key();
        let validity = Validity::starting(now(), DAY * days);
        let chain = self.certificates.device(&id(device), &key, validity).unwrap();
        Issued { until: chain.end_entity().validity().not_after, chain, key, key_pem }
    }

    /// TLS that trusts this world's servers, and shows a certificate if there is one.
    pub(crate) fn client(&self, identity: Option<TlsIdentity>) -> ClientTls {
        let tls = ClientTls::builder(Provider::Ring).trust(self.certificates.trust().unwrap());
        match identity {
            Some(identity) => tls.identity(identity),
            None => tls,
        }
        .build(SystemClock)
        .unwrap()
    }
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) chain: DeviceCertificate,
    pub(crate) key: SoftwareSigningKey,
    pub(crate) key_pem: String,
    /// The end of the certificate.
    pub(crate) until: UnixTime,
}

impl Issued {
    pub(crate) fn identity(self) -> TlsIdentity {
        TlsIdentity::new(self.chain, Arc::new(self.key)).unwrap()
    }
}

/// A new key of P-256, and its PKCS#8 in PEM.
pub(crate) fn new_key() -> (SoftwareSigningKey, String) {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    let der = p256::SecretKey::from_slice(&bytes).unwrap().to_pkcs8_der().unwrap();
    let key = PrivateKeyDer::Pkcs8(der.as_bytes().to_vec().into());
    let key = SoftwareSigningKey::from_der(&key).unwrap();
    let text = Base64::encode_string(der.as_bytes());
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    (key, format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

/// A key that is plainly none. Devices have 1 as their primary key and 2 as their secondary.
pub(crate) fn key(number: u8) -> SymmetricKey {
    SymmetricKey::from_bytes(&[number; 32]).unwrap()
}

pub(crate) fn keys() -> Credential {
    Credential::Keys(key(1), key(2))
}

pub(crate) fn id(device: &str) -> DeviceId {
    DeviceId::new(device).unwrap()
}

pub(crate) fn host() -> HubHost {
    HubHost::new(HUB).unwrap()
}

pub(crate) fn identity(device: &str) -> HubIdentity {
    HubIdentity::device(host(), id(device))
}

pub(crate) fn now() -> UnixTime {
    SystemClock.now().unwrap()
}

/// A token of the device, by key 1, that is good for so long.
pub(crate) fn token(device: &str, lifetime: Duration) -> String {
    let resource = ResourceUri::device(&host(), &id(device));
    let signer = SasSigner::new(key(1), &resource).unwrap();
    signer.sign_for(lifetime, now()).unwrap().expose_token().to_owned()
}

/// The name of a device that renews its first token of `lifetime` after so many seconds, and all of them
/// once 80 % are over.
pub(crate) fn device_that_renews(lifetime: Duration, after: RangeInclusive<u64>) -> String {
    let policy = TokenPolicy::new(lifetime, 80).unwrap();
    let now = now();
    (0..)
        .map(|number| format!("meter-{number}"))
        .find(|device| {
            let mut schedule =
                TokenSchedule::new(policy, &ResourceUri::device(&host(), &id(device)));
            schedule.signed(now.saturating_add(lifetime), now).unwrap();
            let Step::Use { next } = schedule.poll(now) else { panic!("it was signed now") };
            after.contains(&next.saturating_duration_since(now).as_secs())
        })
        .unwrap()
}

/// The system's clock, moved forward.
#[derive(Clone, Debug, Default)]
pub(crate) struct MovedClock(Arc<AtomicI64>);

impl MovedClock {
    /// The clock is so far ahead from now on.
    pub(crate) fn set_ahead(&self, by: Duration) {
        self.0.store(by.as_secs().try_into().unwrap(), Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Result<UnixTime, TimeError> {
        let ahead = self.0.load(Ordering::SeqCst).try_into().unwrap();
        Ok(SystemClock.now()?.saturating_add(Duration::from_secs(ahead)))
    }
}

/// A hub that runs, and may stop and run again.
pub(crate) struct Hub {
    running: Option<LocalHub>,
    register: Box<dyn Fn(&mut Registry)>,
    pub(crate) clock: MovedClock,
    mqtt: SocketAddr,
    https: SocketAddr,
    told: Arc<Mutex<Vec<Event>>>,
}

impl Hub {
    /// One on ports that are free, which `register` tells whom to let in.
    pub(crate) async fn start(world: &World, register: impl Fn(&mut Registry) + 'static) -> Self {
        let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut hub = Self {
            running: None,
            register: Box::new(register),
            clock: MovedClock::default(),
            mqtt: unknown,
            https: unknown,
            told: Arc::default(),
        };
        hub.restart(world).await;
        hub
    }

    /// All connections end here and now, and nobody listens.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// It runs again on the same ports, and has forgotten what is not in its registry.
    pub(crate) async fn restart(&mut self, world: &World) {
        self.stop();
        let mut registry = Registry::new(host());
        registry.authority(world.certificates.devices()).unwrap();
        (self.register)(&mut registry);
        let (sender, mut events) = mpsc::channel(64);
        let config = || Config {
            registry,
            tls: world.certificates.server(HUB, SystemClock).unwrap(),
            clock: Arc::new(self.clock.clone()),
            address: IpAddr::from(Ipv4Addr::LOCALHOST),
            mqtt_port: self.mqtt.port(),
            https_port: self.https.port(),
        };
        let running = LocalHub::start(config(), sender).await.unwrap();
        (self.mqtt, self.https) = (running.mqtt(), running.https());
        self.running = Some(running);
        let told = Arc::clone(&self.told);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                told.lock().unwrap().push(event);
            }
        });
    }

    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    pub(crate) fn https(&self) -> SocketAddr {
        self.https
    }

    pub(crate) fn running(&self) -> &LocalHub {
        self.running.as_ref().unwrap()
    }

    /// All that happened, over all its lives.
    pub(crate) fn told(&self) -> Vec<Event> {
        self.told.lock().unwrap().clone()
    }

    /// Waits until `look` sees what it looks for in all that happened.
    pub(crate) async fn wait_for<T>(&self, look: impl Fn(&[Event]) -> Option<T>) -> T {
        let told = || format!("{:#?}", self.told());
        wait_for(told, || look(&self.told())).await
    }

    /// Waits for the event that `which` is true of.
    pub(crate) async fn wait_for_event(&self, which: impl Fn(&Event) -> bool) -> Event {
        self.wait_for(|events| events.iter().find(|event| which(event)).cloned()).await
    }

    /// Waits until so many messages of the device are there, and returns the texts of all.
    pub(crate) async fn wait_for_messages(&self, device: &str, count: usize) -> Vec<String> {
        self.wait_for(|events| {
            let messages = messages(events, device);
            (messages.len() >= count).then_some(messages)
        })
        .await
    }

    /// The texts of the device's messages, in the order in which they came.
    pub(crate) fn messages(&self, device: &str) -> Vec<String> {
        messages(&self.told.lock().unwrap(), device)
    }

    /// How many connections the device has had.
    pub(crate) fn connections(&self, device: &str) -> usize {
        let events = self.told.lock().unwrap();
        events.iter().filter(|event| is_connected(event, device)).count()
    }

    /// How its connections ended, in order.
    pub(crate) fn ends(&self, device: &str) -> Vec<hubward_connected::hub::Disconnect> {
        let events = self.told.lock().unwrap();
        events
            .iter()
            .filter_map(|event| match event {
                Event::Disconnected { id, reason } if id == device => Some(reason.clone()),
                _ => None,
            })
            .collect()
    }
}

pub(crate) fn is_connected(event: &Event, device: &str) -> bool {
    matches!(event, Event::Connected { admitted } if admitted.identity == identity(device))
}

fn messages(events: &[Event], device: &str) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Message { id, payload, .. } if id == device => {
                Some(String::from_utf8(payload.to_vec()).unwrap())
            }
            _ => None,
        })
        .collect()
}

/// Asserts that each of `connect_mqtt`'s messages up to the `last` is there, and in order. A message may
/// stand there twice, one behind the other. Returns how many do.
pub(crate) fn count_all(messages: &[String], last: usize) -> usize {
    let mut once = messages.to_vec();
    once.dedup();
    let expected: Vec<_> = (1..=last).map(|number| format!(r#"{{"message":{number}}}"#)).collect();
    assert_eq!(once, expected);
    messages.len() - last
}
