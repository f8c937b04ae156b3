//! What a key looks like inside HMAC-SHA256, for tests that look for it in memory: computed here by
//! themselves, not by the crate.

use sha2::block_api::compress256;

/// FIPS 180-4 section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The key's block, padded with 0x36 for the inner hash or 0x5c for the outer.
pub(crate) fn padded(key: &[u8; 32], pad: u8) -> [u8; 64] {
    let mut block = [pad; 64];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    block
}

/// SHA-256's state after a key's padded block and more blocks.
pub(crate) fn state(key: &[u8; 32], pad: u8, blocks: &[[u8; 64]]) -> [u32; 8] {
    let mut state = INITIAL;
    compress256(&mut state, &[padded(key, pad)]);
    compress256(&mut state, blocks);
    state
}
