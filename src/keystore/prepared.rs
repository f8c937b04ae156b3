//! The hot path: HMAC-SHA256 (RFC 2104) from block states that are kept.
//!
//! A token of one signer differs from the last only in its expiry, so what comes before it, the key's
//! padded blocks included, is hashed once. What is left to each token is one compression for the rest
//! of the inner message (two where it spills) and one for the outer. This is the only file that
//! drives SHA-256 blocks itself; tests and the fuzz target `sign_differential` hold it against the
//! `hmac` crate.
//!
//! ```text
//!            once per signer                          once per token
//! inner:  [ key ^ ipad ][ prefix … whole blocks ] [ prefix's rest ‖ suffix ‖ 80 00 … length ]
//! outer:  [ key ^ opad ]                          [ inner digest ‖ 80 00 … length           ]
//! ```

use core::fmt;

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::Tag;
use crate::encoding::decimal::TenDigits;
use crate::secret::{Held, REDACTED};

const BLOCK: usize = 64;
/// Bytes of the message length that end the last block.
const LENGTH: usize = 8;

/// Eight words of SHA-256 state.
type State = [u32; 8];

/// HMAC-SHA256 state for messages that begin with a fixed prefix, from [`MacKey::prepare`].
///
/// Opaque, of fixed size, as secret as its key, wiped on drop.
///
/// # Examples
///
/// ```
/// use hubward::keystore::{MacKey, SymmetricKey};
///
/// let key = SymmetricKey::from_bytes(b"a key for the example")?;
/// let prepared = key.prepare(b"a common beginning, ").expect("the key is in memory");
/// assert_eq!(
///     prepared.finish(b"and an end"),
///     key.hmac_sha256(&[b"a common beginning, and an end"])?
/// );
/// # Ok::<(), hubward::keystore::KeyError>(())
/// ```
///
/// [`MacKey::prepare`]: super::MacKey::prepare
pub struct PreparedMac(Held<Prepared>);

struct Prepared {
    /// After `key ^ ipad` and the whole blocks of the prefix.
    inner: State,
    /// After `key ^ opad`.
    outer: State,
    /// The end of the inner message for a suffix of ten digits: what is left of the prefix, less than
    /// a block, room for the digits, the end mark, zeroes and the length.
    end: [[u8; BLOCK]; 2],
    /// Where the suffix begins in `end`.
    at: usize,
    /// Whether `end` is two blocks; else the first is all of it.
    spills: bool,
    /// Bytes in `inner`.
    absorbed: u64,
}

impl Default for Prepared {
    fn default() -> Self {
        Self {
            inner: INITIAL,
            outer: INITIAL,
            end: [[0; BLOCK]; 2],
            at: 0,
            spills: false,
            absorbed: 0,
        }
    }
}

impl Zeroize for Prepared {
    fn zeroize(&mut self) {
        let Self { inner, outer, end, at, spills, absorbed } = self;
        inner.zeroize();
        outer.zeroize();
        end.zeroize();
        *at = 0;
        *spills = false;
        *absorbed = 0;
    }
}

/// FIPS 180-4 section 5.3.3.
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

impl PreparedMac {
    pub(super) fn new(key: &[u8], prefix: &[u8]) -> Self {
        let fill = |prepared: &mut Prepared| {
            // RFC 2104 section 2: a key longer than a block is hashed first.
            let mut block = Zeroizing::new([0; BLOCK]);
            match block.get_mut(..key.len()) {
                Some(start) => start.copy_from_slice(key),
                None => {
                    if let Some(start) = block.first_chunk_mut() {
                        Sha256::new_with_prefix(key).finalize_into(start.into());
                    }
                }
            }
            block.iter_mut().for_each(|byte| *byte ^= 0x36);
            compress256(&mut prepared.inner, &[*block]);
            block.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
            compress256(&mut prepared.outer, &[*block]);

            let (blocks, rest) = prefix.as_chunks();
            compress256(&mut prepared.inner, blocks);
            prepared.absorbed = (BLOCK + blocks.len() * BLOCK) as u64;
            prepared.at = rest.len();
            let mark = rest.len() + TenDigits::LEN;
            prepared.spills = mark >= BLOCK - LENGTH;
            let length = bit_length(prepared.absorbed + mark as u64);
            let [first, second] = &mut prepared.end;
            let last = if prepared.spills { second } else { first };
            if let Some(end) = last.last_chunk_mut() {
                *end = length;
            }
            let end = prepared.end.as_flattened_mut();
            if let Some(start) = end.get_mut(..rest.len()) {
                start.copy_from_slice(rest);
            }
            if let Some(mark) = end.get_mut(mark) {
                *mark = 0x80;
            }
            Ok::<(), core::convert::Infallible>(())
        };
        match Held::build(fill) {
            Ok(prepared) => Self(prepared),
            Err(never) => match never {},
        }
    }

    /// The tag of the prefix followed by `suffix`.
    pub fn finish(&self, suffix: &[u8]) -> Tag {
        let Prepared { inner, outer, end, at, spills: _, absorbed } = self.0.get();
        let rest = end.as_flattened().get(..*at).unwrap_or_default();
        let length = bit_length(absorbed + (rest.len() + suffix.len()) as u64);

        let mut state = *inner;
        let mut block = [0; BLOCK];
        let mut filled = 0;
        let mut put = |byte| {
            if let Some(slot) = block.get_mut(filled) {
                *slot = byte;
            }
            filled += 1;
            if filled == BLOCK {
                compress256(&mut state, &[block]);
                filled = 0;
            }
            filled
        };
        for byte in rest.iter().chain(suffix) {
            put(*byte);
        }
        let mut at = put(0x80);
        while at != BLOCK - LENGTH {
            at = put(0);
        }
        for byte in length {
            put(byte);
        }
        Tag::from_words(finish_outer(*outer, state))
    }

    /// The tag, as words, of the prefix followed by ten digits: [`PreparedMac::finish`] for the one
    /// suffix whose time counts.
    ///
    /// What is copied here is overwritten by the compressions; the inner digest, which stays on the
    /// stack, is of no use without the outer state.
    #[inline(always)]
    pub(crate) fn finish_ten(&self, suffix: TenDigits) -> State {
        let Prepared { inner, outer, end, at, spills, absorbed: _ } = self.0.get();
        let mut state = *inner;
        let mut end = *end;
        if let Some(room) = end.as_flattened_mut().get_mut(*at..) {
            // `end` has room for the digits behind any rest.
            let _ = suffix.write(room);
        }
        if *spills {
            compress256(&mut state, &end);
        } else {
            let [end, _] = &end;
            compress256(&mut state, core::slice::from_ref(end));
        }
        finish_outer(*outer, state)
    }
}

/// The outer hash over the inner digest.
#[inline(always)]
fn finish_outer(mut outer: State, inner: State) -> State {
    /// The end of the outer message behind the digest: the end mark, zeroes and the length.
    const END: [u8; BLOCK - Tag::LEN] = {
        let [.., high, low] = bit_length((BLOCK + Tag::LEN) as u64);
        let mut end = [0; BLOCK - Tag::LEN];
        end[0] = 0x80;
        end[30] = high;
        end[31] = low;
        end
    };
    let mut block = [0; BLOCK];
    if let Some((digest, end)) = block.split_first_chunk_mut() {
        *digest = to_bytes(inner);
        end.copy_from_slice(&END);
    }
    compress256(&mut outer, &[block]);
    outer
}

/// FIPS 180-4 section 5.1.1: the length in bits, modulo 2^64.
const fn bit_length(bytes: u64) -> [u8; LENGTH] {
    (bytes << 3).to_be_bytes()
}

/// The words of a digest as its bytes.
#[inline(always)]
pub(super) fn to_bytes(words: State) -> [u8; Tag::LEN] {
    let mut bytes = [0; Tag::LEN];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
    bytes
}

impl fmt::Debug for PreparedMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedMac({REDACTED})")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MacKey as _, SymmetricKey};
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    fn check(key: &SymmetricKey, prefix: &[u8], suffix: u64) {
        let text = suffix.to_string();
        let expected = key.hmac_sha256(&[prefix, text.as_bytes()]).unwrap();
        let prepared = key.prepare(prefix).unwrap();
        assert_eq!(prepared.finish(text.as_bytes()), expected);
        if let Some(digits) = TenDigits::new(suffix) {
            assert_eq!(Tag::from_words(prepared.finish_ten(digits)), expected);
        }
    }

    #[test]
    fn every_length_of_key_prefix_and_number() {
        // Every place of the suffix in a block, with every length: both sides of each spill.
        let key = SymmetricKey::from_bytes(b"key").unwrap();
        for prefix_len in 0..=2 * BLOCK {
            for digits in 0..20 {
                check(&key, &vec![b'p'; prefix_len], 10_u64.pow(digits));
            }
        }
        for key_len in 1..=SymmetricKey::MAX_LEN {
            check(
                &SymmetricKey::from_bytes(&vec![b'k'; key_len]).unwrap(),
                b"prefix\n",
                1_735_689_600,
            );
        }
    }

    proptest! {
        #[test]
        fn equals_hmac(
            key in prop::collection::vec(any::<u8>(), 1..200),
            prefix in prop::collection::vec(any::<u8>(), 0..300),
            suffix in prop::collection::vec(any::<u8>(), 0..300),
            number: u64,
            ten_digits in 1_000_000_000..10_000_000_000_u64,
        ) {
            let key = SymmetricKey::from_bytes(&key).unwrap();
            let expected = key.hmac_sha256(&[&prefix, &suffix]).unwrap();
            prop_assert_eq!(key.prepare(&prefix).unwrap().finish(&suffix), expected);
            check(&key, &prefix, number);
            check(&key, &prefix, ten_digits);
        }
    }
}
