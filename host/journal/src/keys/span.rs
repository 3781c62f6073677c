//! Ranges of keys.

/// A half-open range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first key.
    pub(crate) start: Vec<u8>,
    /// The first key after it; none for the end of all keys.
    pub(crate) end: Option<Vec<u8>>,
}

impl Span {
    /// All keys that begin with `prefix`.
    pub(crate) fn prefix(prefix: Vec<u8>) -> Self {
        let end = successor(&prefix);
        Self { start: prefix, end }
    }

    /// The part from `key` on.
    pub(crate) fn from(mut self, key: Vec<u8>) -> Self {
        self.start = self.start.max(key);
        self
    }

    /// The part after `key`.
    pub(crate) fn after(self, mut key: Vec<u8>) -> Self {
        key.push(0);
        self.from(key)
    }

    /// The part after all keys that begin with `prefix`.
    pub(crate) fn beyond(mut self, prefix: &[u8]) -> Self {
        match successor(prefix) {
            Some(next) => self.from(next),
            // There are no keys after those.
            None => {
                self.end = Some(Vec::new());
                self
            }
        }
    }

    /// The part before `key`.
    pub(crate) fn before(mut self, key: Vec<u8>) -> Self {
        self.end = Some(self.end.map_or_else(|| key.clone(), |end| end.min(key.clone())));
        self
    }

    /// Whether a key is in it.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }

    /// Whether it can hold no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// The first key after all that begin with `prefix`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < u8::MAX {
            next.push(last + 1);
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_the_last_prefix_is_the_end() {
        assert_eq!(successor(&[1, 255]), Some(vec![2]));
        assert_eq!(successor(&[255]), None);
        assert!(Span::prefix(vec![255]).beyond(&[255]).is_empty());
    }
}
