//! Values in DER, exactly as it has them (X.690 sections 8, 10 and 11): what another reader might take for
//! something else is no value here.

use alloc::vec::Vec;

// Identifiers: class, whether it is constructed, and number.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const NUMERIC_STRING: u8 = 0x12;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const TELETEX_STRING: u8 = 0x14;
pub(super) const IA5_STRING: u8 = 0x16;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const VISIBLE_STRING: u8 = 0x1a;
pub(super) const UNIVERSAL_STRING: u8 = 0x1c;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const EXPLICIT_0: u8 = 0xa0;
pub(super) const EXPLICIT_3: u8 = 0xa3;
/// The bit that tells that other values are within.
const CONSTRUCTED: u8 = 0x20;
/// The bits of the number; all of them are set where it follows, as no value here has it.
const NUMBER: u8 = 0x1f;

/// How deep values may lie in each other. Those of a certificate have eight levels.
const NESTING_MAX: usize = 16;

/// A value, as it is encoded.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) identifier: u8,
    pub(super) content: &'a [u8],
    /// With identifier and length.
    pub(super) der: &'a [u8],
}

impl<'a> Value<'a> {
    /// The first value, and what follows it. Its length is definite and as short as can be.
    pub(super) fn first(der: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[identifier, first], rest) = der.split_first_chunk()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let len = bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
                let is_shortest = bytes.first() != Some(&0) && len > 0x7f;
                is_shortest.then_some((len, rest))?
            }
            // None has 16 MiB.
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        let (der, _) = der.split_at_checked(der.len() - rest.len())?;
        (identifier & NUMBER != NUMBER).then_some((Self { identifier, content, der }, rest))
    }

    /// The only value, DER through and through.
    pub(super) fn only(der: &'a [u8], identifier: u8) -> Option<Self> {
        let (value, rest) = Self::first(der)?;
        let is_only = rest.is_empty() && value.identifier == identifier;
        (is_only && value.is_der()).then_some(value)
    }

    pub(super) const fn header_len(self) -> usize {
        self.der.len() - self.content.len()
    }

    /// The values of which the content is made, one after the other; `None` if a part of it is none.
    pub(super) fn values(self) -> Option<Vec<Self>> {
        let mut content = self.content;
        let mut values = Vec::new();
        while !content.is_empty() {
            let (value, rest) = Self::first(content)?;
            values.push(value);
            content = rest;
        }
        Some(values)
    }

    /// The same where it is known what it is.
    pub(super) fn values_of(self, identifier: u8) -> Option<Vec<Self>> {
        if self.identifier == identifier { self.values() } else { None }
    }

    /// The same where it is known how many they are as well.
    pub(super) fn exactly<const N: usize>(self, identifier: u8) -> Option<[Self; N]> {
        self.values_of(identifier)?.try_into().ok()
    }

    /// The content of a BIT STRING of whole bytes.
    pub(super) fn bits(self) -> Option<&'a [u8]> {
        self.content.strip_prefix(&[0]).filter(|_| self.identifier == BIT_STRING)
    }

    pub(super) const fn is_time(self) -> bool {
        matches!(self.identifier, UTC_TIME | GENERALIZED_TIME)
    }

    /// Whether it is DER through and through, as far as can be told without knowing what it is.
    pub(super) fn is_der(self) -> bool {
        self.is_der_within(NESTING_MAX)
    }

    fn is_der_within(self, nesting: usize) -> bool {
        let is_constructed = self.identifier & CONSTRUCTED != 0;
        let has_its_form = match self.identifier >> 6 {
            // Sequences and sets, and nothing else.
            0 => is_constructed == matches!(self.identifier | CONSTRUCTED, SEQUENCE | SET),
            2 => true,
            // Neither certificates nor keys have values of the other classes.
            _ => false,
        };
        let is_der = |values: Vec<Self>, nesting| {
            values.into_iter().all(|value| value.is_der_within(nesting))
        };
        match nesting.checked_sub(1) {
            _ if !has_its_form => false,
            _ if !is_constructed => self.has_its_content(),
            Some(nesting) => self.values().is_some_and(|values| is_der(values, nesting)),
            None => false,
        }
    }

    /// Whether the content is one of its kind, where the kind has rules (X.690 sections 8.2, 8.3, 8.6, 8.8,
    /// 8.19, 11.1 and 11.2.1).
    fn has_its_content(self) -> bool {
        match (self.identifier, self.content) {
            (BOOLEAN, content) => matches!(content, [0 | 0xff]),
            // As short as can be.
            (INTEGER, [0, second, ..]) => second & 0x80 != 0,
            (INTEGER, [0xff, second, ..]) => second & 0x80 == 0,
            (INTEGER, content) => !content.is_empty(),
            // Bits that are no part of it are zero.
            (BIT_STRING, [unused @ 0..8, .., last]) => last.trailing_zeros() >= (*unused).into(),
            (BIT_STRING, content) => content == [0],
            (NULL, content) => content.is_empty(),
            // The last of its numbers has an end, and none begins with zeroes.
            (OID, content) => {
                let ends = content.last().is_some_and(|last| last & 0x80 == 0);
                let is_padded = |pair: &[u8]| matches!(pair, [0..0x80, 0x80]);
                ends && content.first() != Some(&0x80) && !content.windows(2).any(is_padded)
            }
            // As certificates have them (RFC 5280 section 4.1.2.5).
            (UTC_TIME, content) => is_digits_and_z(content, 12),
            (GENERALIZED_TIME, content) => is_digits_and_z(content, 14),
            _ => true,
        }
    }
}

fn is_digits_and_z(content: &[u8], digits: usize) -> bool {
    matches!(content, [time @ .., b'Z'] if time.len() == digits && time.iter().all(u8::is_ascii_digit))
}
