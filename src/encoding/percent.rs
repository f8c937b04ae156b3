//! Percent-encoding (RFC 3986 section 2.1) with the one escape set of this crate: the unreserved
//! characters `A-Z a-z 0-9 - . _ ~` stay, every other byte becomes `%` and two upper-case hex
//! digits. Decoding takes either case.

/// `true` for what RFC 3986 section 2.3 calls unreserved.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The encoded form of one byte, and how many bytes of it count.
pub(crate) const fn encode_byte(byte: u8) -> ([u8; 3], usize) {
    const fn digit(nibble: u8) -> u8 {
        if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
    }
    if is_unreserved(byte) {
        ([byte, 0, 0], 1)
    } else {
        ([b'%', digit(byte >> 4), digit(byte & 0xF)], 3)
    }
}

/// Decodes once, byte by byte. A `%` that two hex digits do not follow stands for itself, as the
/// URL decoders of the services have it: some emitters send raw identifiers.
#[derive(Clone)]
pub(crate) struct Decoded<'a>(&'a [u8]);

impl<'a> Decoded<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    /// Decodes into `out` and returns what was written, or `None` where it does not fit.
    pub(crate) fn write(self, out: &mut [u8]) -> Option<&[u8]> {
        let mut len = 0;
        for byte in self {
            *out.get_mut(len)? = byte;
            len += 1;
        }
        out.get(..len)
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        const fn value(digit: u8) -> Option<u8> {
            match digit {
                b'0'..=b'9' => Some(digit - b'0'),
                b'a'..=b'f' => Some(digit - b'a' + 10),
                b'A'..=b'F' => Some(digit - b'A' + 10),
                _ => None,
            }
        }
        if let [b'%', high, low, rest @ ..] = self.0
            && let (Some(high), Some(low)) = (value(*high), value(*low))
        {
            self.0 = rest;
            return Some(high << 4 | low);
        }
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn encode(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        for byte in bytes {
            let (encoded, len) = encode_byte(*byte);
            text.extend_from_slice(&encoded[..len]);
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn decoding_happens_once_and_takes_either_case() {
        for (text, decoded) in [
            ("%2523", "%23"),
            ("%2f%2F", "//"),
            ("a+b", "a+b"),
            ("100%", "100%"),
            ("%p%4", "%p%4"),
            ("%%41", "%A"),
            ("", ""),
        ] {
            assert_eq!(Decoded::new(text).collect::<Vec<u8>>(), decoded.as_bytes(), "{text}");
        }
    }

    #[test]
    fn writing_stops_at_the_end_of_the_buffer() {
        let mut out = [0; 2];
        assert_eq!(Decoded::new("%41B").write(&mut out), Some(&b"AB"[..]));
        assert_eq!(Decoded::new("ABC").write(&mut out), None);
    }

    proptest! {
        #[test]
        fn equals_urlencoding_and_comes_back(bytes: Vec<u8>) {
            let text = encode(&bytes);
            prop_assert_eq!(&text, &urlencoding::encode_binary(&bytes).into_owned());
            prop_assert_eq!(Decoded::new(&text).collect::<Vec<u8>>(), bytes);
        }

        #[test]
        fn is_injective(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(a == b, encode(&a) == encode(&b));
        }
    }
}
