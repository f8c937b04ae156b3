//! Stores of sessions that end: rustls' own keep a session of TLS 1.2 until another takes its place, and do
//! not ask the clock.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

use crate::time::{Clock, UnixTime};

/// How long a client resumes a session of TLS 1.2. Those of 1.3 say so themselves, up to a week (RFC 8446
/// section 4.6.1).
const LIFETIME: Duration = Duration::from_secs(86_400);

/// How many places rustls reserves for the tickets of a server.
const TICKETS_OF_A_SERVER: usize = 8;

/// The sessions of a client.
#[derive(Debug)]
pub(super) struct ClientSessions {
    kept: ClientSessionMemoryCache,
    /// Since when there is one of TLS 1.2 with a server, the oldest first.
    since: Mutex<VecDeque<(ServerName<'static>, UnixTime)>>,
    servers: usize,
    clock: Arc<dyn Clock>,
}

impl ClientSessions {
    pub(super) fn new(servers: usize, clock: Arc<dyn Clock>) -> Self {
        let kept = ClientSessionMemoryCache::new(servers.saturating_mul(TICKETS_OF_A_SERVER));
        Self { kept, since: Mutex::default(), servers, clock }
    }

    fn since(&self) -> MutexGuard<'_, VecDeque<(ServerName<'static>, UnixTime)>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session that is kept since then is still good.
    fn is_good(&self, since: UnixTime) -> bool {
        let Ok(now) = self.clock.now() else { return false };
        now >= since && now.saturating_duration_since(since) <= LIFETIME
    }
}

impl ClientSessionStore for ClientSessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.kept.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        let Ok(now) = self.clock.now() else { return };
        {
            let mut since = self.since();
            since.retain(|(known, _)| *known != server);
            since.push_back((server.clone(), now));
            // What has no beginning is not resumed.
            if since.len() > self.servers {
                since.pop_front();
            }
        }
        self.kept.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let server = server.to_owned();
        let since =
            self.since().iter().find(|(known, _)| *known == server).map(|(_, since)| *since);
        if since.is_some_and(|since| self.is_good(since)) {
            return self.kept.tls12_session(&server);
        }
        self.remove_tls12_session(&server);
        None
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.since().retain(|(known, _)| known != server);
        self.kept.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.kept.insert_tls13_ticket(server, ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.kept.take_tls13_ticket(server)
    }
}

/// The sessions of a server. It knows none while the clock does not know the time: in TLS 1.2 rustls does not
/// ask it whether to resume one.
#[derive(Debug)]
pub(super) struct ServerSessions {
    kept: Arc<dyn StoresServerSessions>,
    clock: Arc<dyn Clock>,
}

impl ServerSessions {
    pub(super) fn new(clients: usize, clock: Arc<dyn Clock>) -> Self {
        Self { kept: ServerSessionMemoryCache::new(clients), clock }
    }
}

impl StoresServerSessions for ServerSessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.clock.now().ok()?;
        self.kept.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.clock.now().ok()?;
        self.kept.take(key)
    }

    fn can_cache(&self) -> bool {
        self.kept.can_cache()
    }
}
