//! Unsigned decimal numbers: canonical reading, and writing fast enough for the signing path.

/// The decimal text of a `u64`, left-aligned; the bytes behind it are zero.
#[derive(Clone, Copy)]
pub(crate) struct Decimal {
    bytes: [u8; Decimal::PADDED_LEN],
    len: usize,
}

impl Decimal {
    /// The longest text, that of `u64::MAX`.
    pub(crate) const MAX_LEN: usize = 20;
    /// Length of [`Decimal::padded`]: the longest text and some zeroes.
    pub(crate) const PADDED_LEN: usize = 24;

    pub(crate) fn new(value: u64) -> Self {
        const TEN_TO_8: u64 = 100_000_000;
        const TEN_TO_16: u64 = TEN_TO_8 * TEN_TO_8;
        const ZEROES: u128 = 0x3030_3030_3030_3030_3030_3030_3030_3030;

        // Sixteen digits, one a byte, the first in the most significant byte.
        let low = value % TEN_TO_16;
        let digits = u128::from(eight_digits(low / TEN_TO_8)) << 64
            | u128::from(eight_digits(low % TEN_TO_8));
        let high = value / TEN_TO_16;

        let mut bytes = [0; Self::PADDED_LEN];
        if high == 0 {
            // Zero itself keeps its one digit.
            let leading = (digits | 1).leading_zeros() & !7;
            let text = ((digits | ZEROES) << leading).to_be_bytes();
            if let Some(start) = bytes.first_chunk_mut() {
                *start = text;
            }
            return Self {
                bytes,
                len: 16 - (leading / 8) as usize,
            };
        }
        // Seventeen digits and more: the year 316887646 and later. The first one to four digits,
        // then all sixteen.
        let Self { bytes: first, len } = Self::new(high);
        bytes.copy_from_slice(&first);
        if let Some(rest) = bytes.get_mut(len..).and_then(<[u8]>::first_chunk_mut) {
            *rest = (digits | ZEROES).to_be_bytes();
        }
        Self {
            bytes,
            len: len + 16,
        }
    }

    /// How many digits there are, 1 to [`Decimal::MAX_LEN`].
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The digits, and zeroes behind them.
    pub(crate) const fn padded(&self) -> &[u8; Self::PADDED_LEN] {
        &self.bytes
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The eight decimal digits of `value < 10^8`, one a byte, the first in the most significant byte:
/// halves of four digits, then of two, then single digits, all lanes at once. The multipliers are
/// reciprocals of 100 and 10, exact in the range of their lanes.
const fn eight_digits(value: u64) -> u64 {
    let fours = value / 10_000 << 32 | value % 10_000;
    let hundreds = (fours * 10_486 >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds << 16 | (fours - hundreds * 100);
    let tens = (twos * 103 >> 10) & 0x000F_000F_000F_000F;
    tens << 8 | (twos - tens * 10)
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
    use proptest::prelude::*;
    use std::string::ToString;

    fn check(value: u64) {
        let decimal = Decimal::new(value);
        let text = value.to_string();
        assert_eq!(decimal.as_bytes(), text.as_bytes());
        assert_eq!(decimal.len(), text.len());
        assert!(decimal.padded()[text.len()..].iter().all(|byte| *byte == 0));
        assert_eq!(parse(text.as_bytes()), Some(value));
    }

    #[test]
    fn every_power_of_ten_and_its_neighbours() {
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
    fn every_group_of_four_digits() {
        for value in 0..10_000 {
            check(value);
            check(12_340_000 + value);
            check(value * 10_000 + 9_999);
        }
    }

    #[test]
    fn only_canonical_text_is_read() {
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1 ",
            " 1",
            "0x1",
            "1e3",
            "١",
            "18446744073709551616",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"18446744073709551615"), Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn equals_to_string(value: u64, shift in 0_u32..64) {
            check(value >> shift);
        }
    }
}
