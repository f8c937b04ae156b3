//! Handshakes in memory: what is offered and taken, who is believed, and by which key.

#[path = "tls_memory/believed.rs"]
mod believed;
#[path = "common/certificates.rs"]
#[expect(dead_code, reason = "made for tests of certificates")]
mod certificates;
#[path = "tls_memory/crls.rs"]
mod crls;
#[path = "tls_memory/hello.rs"]
mod hello;
#[path = "tls_memory/keys.rs"]
mod keys;
#[path = "tls_memory/negotiation.rs"]
mod negotiation;
#[path = "tls_memory/offers.rs"]
mod offers;
#[path = "tls_memory/peers.rs"]
mod peers;
#[path = "tls_memory/records.rs"]
mod records;
#[path = "tls_memory/servers.rs"]
mod servers;
#[path = "tls_memory/sessions.rs"]
mod sessions;
#[path = "common/tls.rs"]
mod world;
