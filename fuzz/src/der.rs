//! DER (X.690) as far as the oracles read it: tags of one byte, definite lengths in the shortest form.

/// What the body of a SEQUENCE has.
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element, and what follows it.
    pub(super) fn first(der: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[tag, len], rest) = der.split_first_chunk()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (len, rest) = match len {
            0..=0x7f => (usize::from(len), rest),
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(len & 0x0f))?;
                let len = octets.iter().fold(0, |len, octet| len << 8 | usize::from(*octet));
                // Nothing that would fit into fewer.
                let is_shortest = octets.first() != Some(&0) && len >= 0x80;
                is_shortest.then_some((len, rest))?
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        Some((Self { tag, content, whole: &der[..der.len() - rest.len()] }, rest))
    }

    /// The only element, with that tag.
    pub(super) fn only(der: &'a [u8], tag: u8) -> Option<&'a [u8]> {
        let (element, rest) = Self::first(der)?;
        (element.tag == tag && rest.is_empty()).then_some(element.content)
    }

    /// One element after the other, and nothing else.
    pub(super) fn all(mut der: &'a [u8]) -> Option<Vec<Self>> {
        let mut elements = Vec::new();
        while !der.is_empty() {
            let (element, rest) = Self::first(der)?;
            elements.push(element);
            der = rest;
        }
        Some(elements)
    }
}

/// Whether an element is DER as far as can be told without knowing what it is for: its class and form,
/// those of all that is in it, and what the usual kinds may have in them (X.690).
pub(super) fn is_strict(element: Element<'_>) -> bool {
    match (element.tag >> 6, element.tag & 0x20 != 0) {
        (2, false) => true,
        (2, true) => all_strict(element.content),
        // SEQUENCE and SET alone are made of others.
        (0, true) => matches!(element.tag & 0x1f, 16 | 17) && all_strict(element.content),
        (0, false) => match (element.tag, element.content) {
            (16 | 17, _) => false,
            (BOOLEAN, content) => content == [0] || content == [0xff],
            (INTEGER, []) => false,
            (INTEGER, [first, second, ..]) => {
                !(*first == 0 && *second < 0x80 || *first == 0xff && *second >= 0x80)
            }
            (BIT_STRING, []) => false,
            (BIT_STRING, [unused, bits @ ..]) => match bits.last() {
                Some(last) => *unused < 8 && u16::from(*last) % (1 << *unused) == 0,
                None => *unused == 0,
            },
            (NULL, content) => content.is_empty(),
            // Fifteen or thirteen characters, of which the last is no digit.
            (UTC_TIME | GENERALIZED_TIME, content) => match content {
                [digits @ .., b'Z'] => {
                    digits.iter().all(u8::is_ascii_digit)
                        && digits.len() == if element.tag == UTC_TIME { 12 } else { 14 }
                }
                _ => false,
            },
            (OID, content) => {
                // A number ends with the first byte below 0x80.
                let mut numbers = content.split_inclusive(|byte| *byte < 0x80).peekable();
                numbers.peek().is_some()
                    && numbers.all(|number| number[0] != 0x80 && number[number.len() - 1] < 0x80)
            }
            _ => true,
        },
        _ => false,
    }
}

/// How deep elements lie in each other, of one that is strict.
pub(super) fn levels(element: Element<'_>) -> usize {
    if element.tag & 0x20 == 0 {
        return 0;
    }
    let within = Element::all(element.content).unwrap_or_default();
    1 + within.into_iter().map(levels).max().unwrap_or_default()
}

fn all_strict(content: &[u8]) -> bool {
    Element::all(content).is_some_and(|elements| elements.into_iter().all(is_strict))
}

/// The number of an INTEGER that is not negative; `None` if it does not fit.
pub(super) fn number(content: &[u8]) -> Option<u64> {
    let content = content.strip_prefix(&[0]).unwrap_or(content);
    (content.len() <= 8)
        .then(|| content.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}

/// The elements of an `AlgorithmIdentifier` as one piece, and the bits of the key.
pub(super) fn public_key(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    match Element::all(Element::only(spki, SEQUENCE)?)?[..] {
        [algorithm, key] if algorithm.tag == SEQUENCE && key.tag == BIT_STRING => {
            Some((algorithm.content, key.content.strip_prefix(&[0])?))
        }
        _ => None,
    }
}
