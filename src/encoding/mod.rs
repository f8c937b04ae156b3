//! Texts of the wire: base64, percent-encoding, decimal numbers, bounded strings.
//!
//! Nothing here allocates by itself: decoders write into a caller's `&mut [u8]`, encoders into a
//! [`text::TextBuilder`] or a fixed array.

/// How every token begins, the space included.
pub(crate) const TOKEN_PREFIX: &str = "SharedAccessSignature ";

pub(crate) mod base64;
pub(crate) mod decimal;
#[cfg(any(feature = "session", feature = "x509"))]
pub(crate) mod json;
pub(crate) mod percent;
pub(crate) mod signature;
pub(crate) mod text;
