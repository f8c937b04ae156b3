//! DER as a tree that can be changed and written again, for what OpenSSL does not write by itself.

use std::ops::Range;

#[derive(Clone)]
pub(crate) struct Der {
    tag: u8,
    content: Content,
    length: Length,
}

/// How a length is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Shortest,
    /// In so many more bytes than it needs behind the one that counts them; with none, one that fits into
    /// that one still stands behind it.
    Padded(u8),
    /// Not at all: two zeroes end the content.
    Indefinite,
}

#[derive(Clone)]
enum Content {
    Bytes(Vec<u8>),
    Values(Vec<Der>),
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const T61_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

// The places within a certificate of version 3 (RFC 5280 section 4.1).
pub(crate) const TO_BE_SIGNED: &[usize] = &[0];
pub(crate) const SERIAL: &[usize] = &[0, 1];
pub(crate) const VALIDITY: &[usize] = &[0, 4];
pub(crate) const SUBJECT: &[usize] = &[0, 5];
pub(crate) const PUBLIC_KEY: &[usize] = &[0, 6];
pub(crate) const EXTENSIONS: &[usize] = &[0, 7, 0];

pub(crate) fn value(tag: u8, content: &[u8]) -> Der {
    Der { tag, content: Content::Bytes(content.to_vec()), length: Length::Shortest }
}

pub(crate) fn values<const N: usize>(tag: u8, values: [Der; N]) -> Der {
    Der { tag, content: Content::Values(values.into()), length: Length::Shortest }
}

/// An object identifier of up to two numbers below 16384 behind `1.3`.
pub(crate) fn oid(numbers: &[u16]) -> Der {
    let mut content = vec![0x2b];
    for number in numbers {
        let [high, low] = [number >> 7, number & 0x7f].map(|part| u8::try_from(part).unwrap());
        if high > 0 {
            content.push(0x80 | high);
        }
        content.push(low);
    }
    value(OID, &content)
}

/// An extension without a `critical`.
pub(crate) fn extension(kind: Der, content: &[u8]) -> Der {
    values(SEQUENCE, [kind, value(OCTET_STRING, content)])
}

impl Der {
    /// Reads one value that is all of `der`.
    pub(crate) fn parse(der: &[u8]) -> Self {
        let mut values = Self::parse_all(der);
        assert_eq!(values.len(), 1);
        values.remove(0)
    }

    fn parse_all(mut der: &[u8]) -> Vec<Self> {
        let mut values = Vec::new();
        while let [tag, first, rest @ ..] = der {
            let (len, rest) = match first {
                ..0x80 => (usize::from(*first), rest),
                _ => {
                    let (len, rest) = rest.split_at(usize::from(first & 0x7f));
                    (len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
                }
            };
            let (content, rest) = rest.split_at(len);
            let content = match tag & 0x20 {
                0 => Content::Bytes(content.to_vec()),
                _ => Content::Values(Self::parse_all(content)),
            };
            values.push(Self { tag: *tag, content, length: Length::Shortest });
            der = rest;
        }
        assert!(der.is_empty());
        values
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let content = self.content();
        let len = content.len().to_be_bytes();
        let zeroes = len.iter().take_while(|byte| **byte == 0).count();
        let mut der = vec![self.tag];
        let padding = match (self.length, content.len()) {
            (Length::Indefinite, _) => return [&[self.tag, 0x80], &*content, &[0, 0]].concat(),
            (Length::Shortest, len @ ..0x80) => {
                der.push(u8::try_from(len).unwrap());
                der.extend(content);
                return der;
            }
            (Length::Shortest, _) => 0,
            (Length::Padded(padding), _) => padding,
        };
        der.push(0x80 | (u8::try_from(len.len() - zeroes).unwrap() + padding));
        der.extend(vec![0; usize::from(padding)]);
        der.extend(&len[zeroes..]);
        der.extend(content);
        der
    }

    fn content(&self) -> Vec<u8> {
        match &self.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Values(values) => values.iter().flat_map(Self::encode).collect(),
        }
    }

    pub(crate) const fn tag(&mut self) -> &mut u8 {
        &mut self.tag
    }

    pub(crate) const fn length(&mut self) -> &mut Length {
        &mut self.length
    }

    /// Takes the bytes of a string for the values that they are.
    pub(crate) fn open(&mut self) {
        self.content = Content::Values(Self::parse_all(self.bytes()));
    }

    /// Where identifier and length of this value and of each within it are, with the path that leads there.
    pub(crate) fn headers(&self) -> Vec<(Vec<usize>, Range<usize>)> {
        let start = self.encode().len() - self.content().len();
        let mut headers = vec![(Vec::new(), 0..start)];
        let values: &[Self] = match &self.content {
            Content::Values(values) => values,
            Content::Bytes(_) => &[],
        };
        let mut at = start;
        for (index, value) in values.iter().enumerate() {
            for (path, header) in value.headers() {
                let path = [vec![index], path].concat();
                headers.push((path, at + header.start..at + header.end));
            }
            at += value.encode().len();
        }
        headers
    }

    /// The value to which a path of indices leads.
    pub(crate) fn at(&mut self, path: &[usize]) -> &mut Self {
        path.iter().fold(self, |value, index| &mut value.values()[*index])
    }

    pub(crate) fn values(&mut self) -> &mut Vec<Self> {
        match &mut self.content {
            Content::Values(values) => values,
            Content::Bytes(_) => panic!("not made of values"),
        }
    }

    pub(crate) fn push(&mut self, value: Self) {
        self.values().push(value);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Values(_) => panic!("made of values"),
        }
    }
}

/// A certificate, changed in one place.
pub(crate) fn changed(der: &[u8], change: impl FnOnce(&mut Der)) -> Vec<u8> {
    let mut certificate = Der::parse(der);
    change(&mut certificate);
    certificate.encode()
}
