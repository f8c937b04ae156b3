//! Standard base64 with padding (RFC 4648 section 4), canonical only: secrets through `base64ct`,
//! whose time does not depend on the data; public data through `base64`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64ct::{Base64, Encoding as _};

/// Why a secret's base64 text was refused; says nothing about what the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base64Error {
    /// Not canonical base64 with padding.
    NotCanonical,
    /// More bytes than the output holds.
    TooLong,
}

/// Decodes a secret without data-dependent branches and returns its length.
pub(crate) fn decode_secret(text: &str, out: &mut [u8]) -> Result<usize, Base64Error> {
    // `base64ct` reports a short output and some malformed texts with the same error, so the length
    // is judged here. It is no secret, and so neither is the padding.
    let padding = text.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
    if text.len() / 4 * 3 > out.len() + padding {
        return Err(Base64Error::TooLong);
    }
    Base64::decode(text, out).map(<[u8]>::len).map_err(|_| Base64Error::NotCanonical)
}

/// Encodes a secret without data-dependent branches, in one allocation of the full length.
#[cfg(feature = "alloc")]
pub(crate) fn encode_secret(bytes: &[u8]) -> alloc::string::String {
    Base64::encode_string(bytes)
}

/// Decodes a public 32-byte value; `None` if it is anything but canonical base64 of 32 bytes.
pub(crate) fn decode_32(text: &[u8]) -> Option<[u8; 32]> {
    // `decode_slice` wants room for whole groups of three.
    let mut bytes = [0; 33];
    match STANDARD.decode_slice(text, &mut bytes) {
        Ok(32) => bytes.first_chunk().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_text_is_a_key() {
        let mut out = [0; 8];
        for text in [
            "A", "AA", "AAA", "AA=", "AB==", "AAB=", "AA A=", "AA\nAA", "AA-_", "AAAA=", "====",
            "AAAA====",
        ] {
            assert_eq!(decode_secret(text, &mut out), Err(Base64Error::NotCanonical), "{text}");
        }
        assert_eq!(decode_secret("", &mut out), Ok(0));
        assert_eq!(decode_secret("AA==", &mut out), Ok(1));
    }

    #[test]
    fn the_output_bounds_the_length() {
        let mut out = [0; 8];
        assert_eq!(decode_secret("AAAAAAAAAAA=", &mut out), Ok(8));
        assert_eq!(decode_secret("AAAAAAAAAAAA", &mut out), Err(Base64Error::TooLong));
        assert_eq!(decode_secret("AAAAAAAAAAAAAAAA", &mut out), Err(Base64Error::TooLong));
    }

    proptest! {
        #[test]
        fn agrees_with_the_public_decoder(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = STANDARD.encode(&bytes);
            let mut out = [0; 40];
            let len = decode_secret(&text, &mut out).unwrap();
            prop_assert_eq!(&out[..len], &bytes[..]);
            #[cfg(feature = "alloc")]
            prop_assert_eq!(&encode_secret(&bytes), &text);
            let expected: Option<[u8; 32]> = bytes.try_into().ok();
            prop_assert_eq!(decode_32(text.as_bytes()), expected);
        }

        #[test]
        fn both_decoders_refuse_the_same(text in "[A-Za-z0-9+/=]{40,48}") {
            let mut out = [0; 40];
            let secret = decode_secret(&text, &mut out).is_ok();
            let public: Result<Vec<u8>, _> = STANDARD.decode(&text);
            prop_assert_eq!(secret, public.is_ok());
        }
    }
}
