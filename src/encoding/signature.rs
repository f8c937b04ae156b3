//! The `sig` of a token: 32 bytes as base64, percent-encoded, in one pass for the signing path.
//!
//! A signature is public once it is sent, so this may look it up in a table. Its oracle in tests and
//! fuzzing is `base64` followed by `urlencoding`.

use super::percent;

/// Base64 characters of 32 bytes, the `=` at the end left out.
const CHARACTERS: usize = 43;

/// The longest text: all characters escaped, and the escaped `=`.
pub(crate) const MAX_LEN: usize = 3 * (CHARACTERS + 1);

/// For each sextet the text of its character, one byte or three, in the low three bytes (the first
/// the lowest), and the length of the text in the top two bits.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated at compile time, of lengths one and three"
)]
const TEXTS: [u32; 64] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut texts = [0; 64];
    let mut sextet = 0;
    while sextet < 64 {
        let (text, len) = percent::encode_byte(alphabet[sextet]);
        let [first, second, third] = text;
        texts[sextet] = u32::from_le_bytes([first, second, third, (len as u8) << 6]);
        sextet += 1;
    }
    texts
};

/// Writes the text of `tag`, given as big-endian words, to the beginning of `out` and returns its
/// length. What is behind the text is left alone. `None` only if this file is wrong.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "six bits index a table of 64"
)]
#[inline(always)]
pub(crate) fn write(tag: [u32; 8], out: &mut [u8; MAX_LEN]) -> Option<usize> {
    let [a, b, c, d, e, f, g, h] = tag.map(u64::from);
    let [a, b, c, d] = [a << 32 | b, c << 32 | d, e << 32 | f, g << 32 | h];
    // Ten sextets from the top bit down in each; in the last, 16 bits and two of filling.
    let groups = [a, a << 60 | b >> 4, b << 56 | c >> 8, c << 52 | d >> 12, d << 48];

    let mut len = 0;
    for (index, group) in groups.into_iter().enumerate() {
        for place in 0..usize::min(10, CHARACTERS - 10 * index) {
            let text = TEXTS[(group >> (58 - 6 * place)) as usize & 0x3F];
            // Always four bytes: the next store overwrites what is too much.
            put(text.to_le_bytes(), out, len)?;
            len += (text >> 30) as usize;
        }
    }
    put(*b"%3D", out, len)?;
    Some(len + 3)
}

#[inline(always)]
fn put<const N: usize>(bytes: [u8; N], out: &mut [u8; MAX_LEN], at: usize) -> Option<()> {
    *out.get_mut(at..)?.first_chunk_mut()? = bytes;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use proptest::prelude::*;

    fn check(tag: [u8; 32]) {
        let words = core::array::from_fn(|index| {
            u32::from_be_bytes(*tag.as_chunks().0.get(index).unwrap())
        });
        let mut out = [0; MAX_LEN];
        let len = write(words, &mut out).unwrap();
        let base64 = base64::engine::general_purpose::STANDARD.encode(tag);
        assert_eq!(core::str::from_utf8(&out[..len]), Ok(&*urlencoding::encode(&base64)));
    }

    #[test]
    fn every_sextet_in_every_place() {
        for place in 0..CHARACTERS {
            for sextet in 0..64_u8 {
                let mut tag = [0; 32];
                for bit in (0..6).filter(|bit| sextet >> (5 - bit) & 1 == 1) {
                    let at = 6 * place + bit;
                    if let Some(byte) = tag.get_mut(at / 8) {
                        *byte |= 0x80 >> (at % 8);
                    }
                }
                check(tag);
            }
        }
    }

    #[test]
    fn the_longest_text() {
        check([0xFF; 32]);
        // Every character but the last, whose low bits are filling, can be escaped.
        let mut out = [0; MAX_LEN];
        assert_eq!(write([u32::MAX; 8], &mut out), Some(MAX_LEN - 2));
        check([0; 32]);
        check([0xFB; 32]);
    }

    proptest! {
        #[test]
        fn equals_base64_then_percent(tag: [u8; 32]) {
            check(tag);
        }

        #[test]
        fn also_where_much_is_escaped(tag in prop::array::uniform32(prop::sample::select(
            &[0xFF_u8, 0xFB, 0xEF, 0xBE, 0x00][..],
        ))) {
            check(tag);
        }
    }
}
