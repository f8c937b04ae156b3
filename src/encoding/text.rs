//! Short ASCII strings with a bound: allocated exactly where there is an allocator, inline elsewhere.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use super::percent;

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

/// At most `N` bytes of ASCII.
#[derive(Clone)]
pub(crate) struct Text<const N: usize> {
    #[cfg(feature = "alloc")]
    text: Box<str>,
    #[cfg(not(feature = "alloc"))]
    text: TextBuilder<N>,
}

impl<const N: usize> Text<N> {
    /// Copies `text`, which must be ASCII; `None` if it is not, or longer than `N`.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if text.len() > N || !text.is_ascii() {
            return None;
        }
        #[cfg(feature = "alloc")]
        return Some(Self { text: text.into() });
        #[cfg(not(feature = "alloc"))]
        {
            let mut builder = TextBuilder::new();
            builder.push(text);
            Some(Self { text: builder })
        }
    }

    /// The text as bytes, which without an allocator saves looking at them once more.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        #[cfg(feature = "alloc")]
        return self.text.as_bytes();
        #[cfg(not(feature = "alloc"))]
        self.text.as_bytes()
    }

    pub(crate) fn as_str(&self) -> &str {
        #[cfg(feature = "alloc")]
        return &self.text;
        #[cfg(not(feature = "alloc"))]
        self.text.as_str()
    }
}

impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> PartialOrd for Text<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for Text<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl<const N: usize> Hash for Text<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// Where a [`Text`] is put together. `N` is computed from the bounds of what is pushed, so that all of
/// it fits; debug builds see to it.
#[derive(Clone)]
pub(crate) struct TextBuilder<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> TextBuilder<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    pub(crate) fn push(&mut self, text: &str) {
        for byte in text.bytes() {
            self.push_byte(byte);
        }
    }

    pub(crate) fn push_percent_encoded(&mut self, text: &str) {
        for byte in text.bytes() {
            let (encoded, len) = percent::encode_byte(byte);
            for byte in encoded.into_iter().take(len) {
                self.push_byte(byte);
            }
        }
    }

    /// Takes back what was pushed after the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn push_byte(&mut self, byte: u8) {
        debug_assert!(byte.is_ascii() && self.len < N);
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII was pushed.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(crate) fn finish(self) -> Text<N> {
        #[cfg(feature = "alloc")]
        return Text { text: self.as_str().into() };
        #[cfg(not(feature = "alloc"))]
        Text { text: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_ascii() {
        assert_eq!(Text::<3>::new("abc").unwrap().as_str(), "abc");
        assert_eq!(Text::<3>::new("").unwrap().as_str(), "");
        assert!(Text::<3>::new("abcd").is_none());
        assert!(Text::<3>::new("é").is_none());
    }

    #[test]
    fn builder_joins_plain_and_encoded() {
        let mut builder = TextBuilder::<9>::new();
        builder.push("a/x");
        builder.truncate(2);
        builder.push_percent_encoded("b/%");
        assert_eq!(builder.finish().as_str(), "a/b%2F%25");
    }
}
