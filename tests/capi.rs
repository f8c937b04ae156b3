//! The C interface, through its functions as Rust sees them, and one program in C.
//!
//! Every function that writes a text or bytes is called with no buffer, one that is too small by one, one that
//! is just right and one with room to spare: see [`calls`].

#[path = "common/c_library.rs"]
mod c_library;
#[path = "capi/caches.rs"]
mod caches;
#[path = "capi/callbacks.rs"]
mod callbacks;
#[path = "capi/calls.rs"]
mod calls;
#[path = "capi/connection_strings.rs"]
mod connection_strings;
#[path = "vectors/harness.rs"]
#[expect(dead_code, reason = "its other half is for other vectors")]
mod harness;
#[path = "capi/header.rs"]
mod header;
#[path = "capi/log.rs"]
mod log;
#[path = "capi/program.rs"]
mod program;
#[path = "capi/statuses.rs"]
mod statuses;
#[path = "capi/stores.rs"]
mod stores;
#[path = "capi/tls.rs"]
mod tls;
#[path = "capi/tokens.rs"]
mod tokens;
