//! TLS with what we did not write at the other end: OpenSSL's server and client, over loopback, and servers
//! that break off, byte by byte. Each refusal ends in a diagnosis that a technician can act on.

#![cfg(unix)]

#[path = "tls_openssl/broken.rs"]
mod broken;
#[path = "common/certificates.rs"]
#[expect(dead_code, reason = "most of it is for certificates put together byte by byte")]
mod certificates;
#[path = "tls_openssl/connect.rs"]
mod connect;
#[path = "tls_openssl/devices.rs"]
mod devices;
#[path = "tls_openssl/process.rs"]
mod process;
#[path = "tls_openssl/s_client.rs"]
mod s_client;
#[path = "tls_openssl/server.rs"]
mod server;
#[path = "tls_openssl/servers.rs"]
mod servers;
#[path = "tls_openssl/sessions.rs"]
mod sessions;
#[path = "tls_openssl/world.rs"]
mod world;
