//! The `sig` of a token: 32 bytes as base64, percent-encoded, in one pass for the signing path.
//!
//! A signature is public once it is sent, so this may branch on it. Its oracle in tests and fuzzing
//! is `base64` followed by `urlencoding`.

/// Base64 characters of 32 bytes, the `=` at the end left out.
const CHARACTERS: usize = 43;

/// The longest text: all characters escaped, and the escaped `=`.
pub(crate) const MAX_LEN: usize = 3 * (CHARACTERS + 1);

/// Characters in whole groups of eight.
const LANES: usize = 48;

/// Room for [`write`]: what is behind the text is overwritten with filling.
pub(crate) const SCRATCH_LEN: usize = MAX_LEN + LANES;

/// Writes the text of `tag`, given as big-endian words, to the beginning of `out` and returns its
/// length.
#[inline]
pub(crate) fn write(tag: [u32; 8], out: &mut [u8; SCRATCH_LEN]) -> usize {
    let [a, b, c, d] = pairs(tag);
    // 48 bits are eight characters; the last group is 16 bits and filling.
    let groups = [
        a >> 16,
        a << 32 | b >> 32,
        b << 16 | c >> 48,
        c,
        d >> 16,
        d << 32,
    ];
    let mut sextets = [0; LANES];
    // One bit a character, set where it is `+` or `/`.
    let mut escaped = 0_u64;
    for (index, (group, bytes)) in groups.iter().zip(sextets.as_chunks_mut().0).enumerate() {
        let lanes = eight_sextets(*group);
        *bytes = lanes.to_be_bytes();
        // 62 and 63 carry into bit 6; the multiplication gathers the eight bits in the top byte,
        // the first character's lowest.
        let marks = ((lanes + 0x0202_0202_0202_0202) >> 6) & 0x0101_0101_0101_0101;
        escaped |= (marks.wrapping_mul(0x8040_2010_0804_0201) >> 56) << (8 * index);
    }
    // The filling behind the 43 characters is zero bits, which are the letter `A`.
    let characters = sextets.map(character);

    // Each copy has the full length, so that it is a few wide moves; the next one overwrites what is
    // too much.
    let mut text = [0; 2 * LANES];
    if let Some(start) = text.first_chunk_mut() {
        *start = characters;
    }
    copy_lanes(&text, 0, out, 0);
    let mut len = CHARACTERS;
    while escaped != 0 {
        let from = escaped.trailing_zeros() as usize;
        escaped &= escaped - 1;
        let at = from + len - CHARACTERS;
        if let Some(escape) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *escape = if text.get(from) == Some(&b'+') {
                *b"%2B"
            } else {
                *b"%2F"
            };
        }
        copy_lanes(&text, from + 1, out, at + 3);
        len += 2;
    }
    if let Some(padding) = out.get_mut(len..).and_then(<[u8]>::first_chunk_mut) {
        *padding = *b"%3D";
    }
    len + 3
}

#[inline]
fn pairs(words: [u32; 8]) -> [u64; 4] {
    let [a, b, c, d, e, f, g, h] = words.map(u64::from);
    [a << 32 | b, c << 32 | d, e << 32 | f, g << 32 | h]
}

/// The low 48 bits as eight lanes of six, the first in the most significant byte: halves of 24 bits,
/// then of 12, then of six.
#[inline]
const fn eight_sextets(group: u64) -> u64 {
    let lanes = (group << 8 & 0x00FF_FFFF_0000_0000) | (group & 0x0000_0000_00FF_FFFF);
    let lanes = (lanes << 4 & 0x0FFF_0000_0FFF_0000) | (lanes & 0x0000_0FFF_0000_0FFF);
    (lanes << 2 & 0x3F00_3F00_3F00_3F00) | (lanes & 0x003F_003F_003F_003F)
}

/// The base64 character of a sextet, in steps that compile to vector instructions.
#[inline]
const fn character(sextet: u8) -> u8 {
    let mut character = sextet + b'A';
    character += if sextet > 25 { b'a' - b'Z' - 1 } else { 0 };
    character -= if sextet > 51 { b'z' + 1 - b'0' } else { 0 };
    character -= if sextet > 61 { b'9' + 1 - b'+' } else { 0 };
    character += if sextet > 62 { b'/' - b'+' - 1 } else { 0 };
    character
}

#[inline]
fn copy_lanes(text: &[u8; 2 * LANES], from: usize, out: &mut [u8; SCRATCH_LEN], at: usize) {
    let source = text.get(from..).and_then(<[u8]>::first_chunk::<LANES>);
    let target = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<LANES>);
    if let (Some(source), Some(target)) = (source, target) {
        *target = *source;
    }
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
        let mut out = [0; SCRATCH_LEN];
        let len = write(words, &mut out);
        let base64 = base64::engine::general_purpose::STANDARD.encode(tag);
        assert_eq!(
            core::str::from_utf8(&out[..len]),
            Ok(&*urlencoding::encode(&base64))
        );
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
        let mut out = [0; SCRATCH_LEN];
        assert_eq!(write([u32::MAX; 8], &mut out), MAX_LEN - 2);
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
