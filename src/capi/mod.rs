//! The C interface: `include/hubward.h`, generated from the files of this module (feature `capi`).
//!
//! The docs of each function are those of the header, and written for C; how a program is built with it is in
//! the README. From Rust there is nothing here that is not elsewhere, with types.
//!
//! ```text
//! boundary   pointers and lengths become slices, results are written, panics end
//! handle     objects that a program holds: made, lent, given back
//! status     the numbers, and a sentence for each
//! failure    from the errors of each domain to a number
//! the rest   one file per family of functions
//! ```
//!
//! Every function is there in every build. What needs a feature that is off answers
//! `HUBWARD_NOT_COMPILED_IN`, and `hubward_features` says what there is: one header fits every build of a
//! version, a program that links against one links against any, and turning a feature on changes nothing for
//! who does not use it.
//!
//! # Security
//!
//! Pointers are believed but for null, lengths but for what no memory has: a program that hands in others has the
//! undefined behaviour that C gives it. Secrets that come in are read where they are; what is kept of them is
//! wiped when the last handle that needs it is freed.

#![expect(
    non_camel_case_types,
    clippy::missing_safety_doc,
    reason = "names and docs are those of C: the header says once what it asks of pointers"
)]

mod boundary;
mod failure;
mod handle;

// The header follows the order of these.

mod library;

mod status;

mod connection_string;

mod signer;

mod token;

mod cache;

mod mqtt;

mod key;

mod store;

mod certificate;

mod tls;

mod log;

pub use cache::*;
pub use certificate::*;
pub use connection_string::*;
pub use key::*;
pub use library::*;
pub use log::*;
pub use mqtt::*;
pub use signer::*;
pub use status::*;
pub use store::*;
pub use tls::*;
pub use token::*;
