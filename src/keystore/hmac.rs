//! HMAC-SHA256 (RFC 2104) with keys in memory, and the hot path from block states that are kept.
//!
//! A token of one signer differs from the last only in its expiry, so what comes before it, the key's
//! padded blocks included, is hashed once. What is left to each token is one compression for the rest
//! of the inner message (two where it spills) and one for the outer. This is the only file that
//! drives SHA-256 blocks itself; tests and the fuzz target `sign_differential` hold it against the
//! `hmac` crate. That crate is not used here, because it leaves the padded key and its states on the
//! stack.
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

use super::{BROKEN, KeyError, Tag};
use crate::encoding::decimal::TenDigits;
use crate::secret::{Held, Memory, REDACTED};

#[cfg(feature = "mlock")]
use crate::secret::LockOutcome;

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
///     prepared.finish(b"and an end")?,
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
    /// `None` if the state may not live where it must, or this file is wrong: whoever asked then signs
    /// without a prepared state.
    pub(super) fn new(memory: Memory, key: &[u8], prefix: &[u8]) -> Option<Self> {
        let fill = |prepared: &mut Prepared| {
            let Prepared { inner, outer, end, at, spills, absorbed } = prepared;
            absorb_key(key, inner, outer)?;
            let (blocks, rest) = prefix.as_chunks();
            compress256(inner, blocks);
            *absorbed = (BLOCK + blocks.len() * BLOCK) as u64;
            *at = rest.len();

            let mark = rest.len() + TenDigits::LEN;
            *spills = mark >= BLOCK - LENGTH;
            let [first, second] = end;
            let last = if *spills { second } else { first };
            *last.last_chunk_mut()? = bit_length(*absorbed + mark as u64);
            let end = end.as_flattened_mut();
            end.get_mut(..rest.len())?.copy_from_slice(rest);
            *end.get_mut(mark)? = 0x80;
            Some(())
        };
        Held::build(memory, |prepared| fill(prepared).ok_or(BROKEN)).ok().map(Self)
    }

    /// The tag of the prefix followed by `suffix`.
    ///
    /// # Errors
    ///
    /// [`KeyError::WipedByFork`] in a forked child, if the key is in locked pages.
    pub fn finish(&self, suffix: &[u8]) -> Result<Tag, KeyError> {
        let Prepared { inner, outer, end, at, spills: _, absorbed } = self.0.get()?;
        // In one place that is wiped: taken by value, the optimiser keeps a second copy where reading the
        // state can fail.
        let mut states = Zeroizing::new([*inner, *outer]);
        let [inner, outer] = &mut *states;
        let rest = end.as_flattened().iter().take(*at);
        absorb_end(inner, *absorbed, (at + suffix.len()) as u64, rest.chain(suffix));
        finish_outer(outer, inner);
        let mut tag = Tag::from_bytes([0; Tag::LEN]);
        write_bytes(outer, &mut tag.0);
        Ok(tag)
    }

    /// How the memory of the state is protected; `None` if its key is not in locked pages.
    #[cfg(feature = "mlock")]
    pub const fn lock_outcome(&self) -> Option<LockOutcome> {
        self.0.lock_outcome()
    }

    /// The tag, as words, of the prefix followed by ten digits: [`PreparedMac::finish`] for the one
    /// suffix whose time counts. `None` if the state was wiped, or this file is wrong.
    ///
    /// What is copied here is overwritten by the compressions; the inner digest, which stays on the
    /// stack, is of no use without the outer state.
    #[inline(always)]
    pub(crate) fn finish_ten(&self, suffix: TenDigits) -> Option<State> {
        let Prepared { inner, outer, end, at, spills, absorbed: _ } = self.0.get().ok()?;
        let (mut inner, mut outer) = (*inner, *outer);
        if *spills {
            let mut end = *end;
            suffix.write(end.as_flattened_mut().get_mut(*at..)?)?;
            compress256(&mut inner, &end);
        } else {
            let [mut end, _] = *end;
            suffix.write(end.get_mut(*at..)?)?;
            compress256(&mut inner, core::slice::from_ref(&end));
        }
        finish_outer(&mut outer, &inner);
        Some(outer)
    }
}

/// HMAC-SHA256 over the concatenation of `parts`.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> Result<Tag, KeyError> {
    let mut tag = Tag::from_bytes([0; Tag::LEN]);
    mac_into(key, parts, &mut tag.0)?;
    Ok(tag)
}

/// [`mac`] into its place.
pub(super) fn mac_into(
    key: &[u8],
    parts: &[&[u8]],
    tag: &mut [u8; Tag::LEN],
) -> Result<(), KeyError> {
    hmac_sha256(key, parts, tag).ok_or(BROKEN)
}

/// [`mac`] into its place. `None`, and nothing of use written,
/// only if this file is wrong.
fn hmac_sha256(key: &[u8], parts: &[&[u8]], tag: &mut [u8; Tag::LEN]) -> Option<()> {
    let mut states = Zeroizing::new([INITIAL; 2]);
    let [inner, outer] = &mut *states;
    absorb_key(key, inner, outer)?;
    let len = parts.iter().map(|part| part.len() as u64).sum();
    absorb_end(inner, BLOCK as u64, len, parts.iter().copied().flatten());
    finish_outer(outer, inner);
    write_bytes(outer, tag);
    Some(())
}

/// The first block of either hash.
fn absorb_key(key: &[u8], inner: &mut State, outer: &mut State) -> Option<()> {
    let mut block = Zeroizing::new([0; BLOCK]);
    // RFC 2104 section 2: a key longer than a block is hashed first.
    match block.get_mut(..key.len()) {
        Some(start) => start.copy_from_slice(key),
        None => Sha256::new_with_prefix(key)
            .finalize_into(block.first_chunk_mut::<{ Tag::LEN }>()?.into()),
    }
    block.iter_mut().for_each(|byte| *byte ^= 0x36);
    compress256(inner, core::slice::from_ref(&*block));
    block.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
    compress256(outer, core::slice::from_ref(&*block));
    Some(())
}

/// The last `len` bytes of a message, behind `absorbed` bytes in whole blocks, and the padding
/// (FIPS 180-4 section 5.1.1).
fn absorb_end<'a>(state: &mut State, absorbed: u64, len: u64, bytes: impl Iterator<Item = &'a u8>) {
    let unpadded = len % BLOCK as u64 + 1 + LENGTH as u64;
    let zeroes = unpadded.next_multiple_of(BLOCK as u64) - unpadded;
    let mut message = bytes
        .copied()
        .chain([0x80])
        .chain((0..zeroes).map(|_| 0))
        .chain(bit_length(absorbed.wrapping_add(len)));
    while let Some(first) = message.next() {
        let mut block = [first; BLOCK];
        block.iter_mut().skip(1).zip(&mut message).for_each(|(slot, byte)| *slot = byte);
        compress256(state, core::slice::from_ref(&block));
    }
}

/// The outer hash over the inner digest.
#[inline(always)]
fn finish_outer(outer: &mut State, inner: &State) {
    /// The end of the outer message behind the digest: the end mark, zeroes and the length.
    const END: [u8; BLOCK - Tag::LEN] = {
        let [.., high, low] = bit_length((BLOCK + Tag::LEN) as u64);
        let mut end = [0; BLOCK - Tag::LEN];
        end[0] = 0x80;
        end[30] = high;
        end[31] = low;
        end
    };
    compress256(outer, [to_bytes(inner), END].as_flattened().as_chunks().0);
}

/// FIPS 180-4 section 5.1.1: the length in bits, modulo 2^64.
const fn bit_length(bytes: u64) -> [u8; LENGTH] {
    (bytes << 3).to_be_bytes()
}

/// The words of a digest as its bytes.
#[inline(always)]
fn to_bytes(words: &State) -> [u8; Tag::LEN] {
    let mut bytes = [0; Tag::LEN];
    write_bytes(words, &mut bytes);
    bytes
}

/// The same into their place, so that no copy of a key that is derived stays on the stack.
#[inline(always)]
fn write_bytes(words: &State, bytes: &mut [u8; Tag::LEN]) {
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
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
    use ::hmac::{Hmac, KeyInit as _, Mac as _};
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    /// What another implementation says.
    fn oracle(key: &[u8], parts: &[&[u8]]) -> Tag {
        let mut hmac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| hmac.update(part));
        Tag::from_bytes(hmac.finalize().into_bytes().into())
    }

    fn check(key: &[u8], prefix: &[u8], suffix: &[u8]) {
        let expected = oracle(key, &[prefix, suffix]);
        let key = SymmetricKey::from_bytes(key).unwrap();
        assert_eq!(key.hmac_sha256(&[prefix, suffix]).unwrap(), expected);
        let prepared = key.prepare(prefix).unwrap();
        assert_eq!(prepared.finish(suffix).unwrap(), expected);
    }

    fn check_number(key: &[u8], prefix: &[u8], number: u64) {
        let text = number.to_string();
        check(key, prefix, text.as_bytes());
        let prepared = SymmetricKey::from_bytes(key).unwrap().prepare(prefix).unwrap();
        if let Some(digits) = TenDigits::new(number) {
            let words = prepared.finish_ten(digits).unwrap();
            assert_eq!(Tag::from_bytes(to_bytes(&words)), oracle(key, &[prefix, text.as_bytes()]));
        }
    }

    #[test]
    fn every_length_of_key_prefix_and_number() {
        // Every place of the suffix in a block, with every length: both sides of each spill.
        for prefix_len in 0..=2 * BLOCK {
            for digits in 0..20 {
                check_number(b"key", &vec![b'p'; prefix_len], 10_u64.pow(digits));
            }
        }
        for key_len in 1..=SymmetricKey::MAX_LEN {
            check_number(&vec![b'k'; key_len], b"prefix\n", 1_735_689_600);
        }
    }

    #[test]
    fn nothing_of_the_state_is_shown() {
        let prepared = SymmetricKey::from_bytes(b"key").unwrap().prepare(b"prefix").unwrap();
        assert_eq!(alloc::format!("{prepared:?}"), "PreparedMac(<redacted>)");
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
            check(&key, &prefix, &suffix);
            check_number(&key, &prefix, number);
            check_number(&key, &prefix, ten_digits);
        }
    }
}
