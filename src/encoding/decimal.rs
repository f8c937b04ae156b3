//! Unsigned decimal numbers: canonical reading, and writing fast enough for the signing path.

/// The decimal text of a `u64`.
#[derive(Clone, Copy)]
pub(crate) struct Decimal {
    /// Right-aligned.
    bytes: [u8; Decimal::MAX_LEN],
    len: usize,
}

impl Decimal {
    /// The longest text, that of `u64::MAX`.
    pub(crate) const MAX_LEN: usize = 20;

    pub(crate) fn new(value: u64) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        let mut len = 0;
        let mut rest = value;
        for digit in bytes.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            len += 1;
            if rest == 0 {
                break;
            }
        }
        Self { bytes, len }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(Self::MAX_LEN - self.len..).unwrap_or_default()
    }
}

/// The text of a number that has ten digits, as every expiry from September 2001 to November 2286
/// has: made without a division, and kept in registers until it is stored.
#[derive(Clone, Copy)]
pub(crate) struct TenDigits {
    /// The first eight, the first of them in the lowest byte.
    first: u64,
    last: u16,
}

impl TenDigits {
    pub(crate) const LEN: usize = 10;

    /// `None` if `value` has more or fewer digits.
    #[expect(clippy::cast_possible_truncation, reason = "takes numbers apart into their halves")]
    #[inline]
    pub(crate) fn new(value: u64) -> Option<Self> {
        /// `2^64 / 10^8`, rounded up. Times a number below `10^10` the error stays below `2^-30`, less
        /// than the eighth decimal place that is read from the fraction.
        const SCALE: u128 = (1 << 64) / 100_000_000 + 1;
        /// The texts of 0 to 99.
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        const PAIRS: [u16; 100] = {
            let mut pairs = [0; 100];
            let mut pair = 0;
            while pair < 100 {
                pairs[pair as usize] = u16::from_le_bytes([b'0' + pair / 10, b'0' + pair % 10]);
                pair += 1;
            }
            pairs
        };

        if !(1_000_000_000..10_000_000_000).contains(&value) {
            return None;
        }
        // A fixed-point number, 64 bits before the point and 64 after: the first two digits, then
        // each time a hundred times the fraction, two more.
        let mut scaled = u128::from(value) * SCALE;
        let mut next = || {
            let pair = PAIRS.get((scaled >> 64) as usize).copied();
            scaled = u128::from(scaled as u64) * 100;
            pair.map(u64::from)
        };
        let first = next()? | next()? << 16 | next()? << 32 | next()? << 48;
        Some(Self { first, last: next()? as u16 })
    }

    /// Writes the digits to the beginning of `out`; `None` where they do not fit.
    #[inline]
    pub(crate) fn write(self, out: &mut [u8]) -> Option<()> {
        let (first, rest) = out.split_first_chunk_mut()?;
        *first = self.first.to_le_bytes();
        *rest.first_chunk_mut()? = self.last.to_le_bytes();
        Some(())
    }
}

/// Reads a canonical decimal: digits alone, no leading zero, fits in a `u64`.
pub(crate) fn parse(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => text.iter().try_fold(0_u64, |value, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            value.checked_mul(10)?.checked_add(u64::from(digit))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn check(value: u64) {
        let text = value.to_string();
        assert_eq!(Decimal::new(value).as_bytes(), text.as_bytes());
        assert_eq!(parse(text.as_bytes()), Some(value));
        let mut ten = [0; 12];
        match TenDigits::new(value) {
            Some(digits) => {
                digits.write(&mut ten).unwrap();
                assert_eq!(ten.strip_suffix(&[0; 2]), Some(text.as_bytes()));
                assert!(digits.write(&mut ten[..9]).is_none());
            }
            None => assert_ne!(text.len(), 10),
        }
    }

    #[test]
    fn every_power_of_ten_and_its_neighbours() {
        check(0);
        let mut power = 1_u64;
        loop {
            for value in [power - 1, power, power + 1, power / 2, power / 100 * 99] {
                check(value);
            }
            let Some(next) = power.checked_mul(10) else {
                break;
            };
            power = next;
        }
        check(u64::MAX);
    }

    #[test]
    fn every_pair_in_every_place_of_ten_digits() {
        // What is behind a pair is all nines or all zeroes: the ends of its interval.
        for place in [1_u64, 100, 10_000, 1_000_000, 100_000_000] {
            for pair in 0..100 {
                for rest in [0, place - 1] {
                    for above in [1_000_000_000, 9_999_999_999] {
                        check(above / (100 * place) * (100 * place) + pair * place + rest);
                    }
                }
            }
        }
    }

    #[test]
    fn only_canonical_text_is_read() {
        for text in
            ["", "00", "01", "+1", "-1", "1 ", " 1", "0x1", "1e3", "١", "18446744073709551616"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"18446744073709551615"), Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn equals_to_string(value: u64, shift in 0_u32..64, ten in 1_000_000_000..10_000_000_000_u64) {
            check(value >> shift);
            check(ten);
        }
    }
}
