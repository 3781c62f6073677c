//! How a large value stands in the tree: in pieces, of which the long ones are in files, by the SHA-256 of their
//! content. What repeats from value to value are payloads, while what is around them differs; so each long text or
//! byte string of a value is a piece of its own, and the same payload is one file whoever has it.
//!
//! A byte that no other value begins with; then for each piece either 0, its length (32 bits, big-endian) and itself,
//! or 1, the SHA-256 of its content and its length (64 bits).

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::codec::NAMED;

/// First byte of a value in pieces.
const IN_PIECES: u8 = 0x81;
const HERE: u8 = 0;
const FILE: u8 = 1;

/// SHA-256 of a file's content, which is its name.
pub(crate) type Digest = [u8; 32];

/// The first byte of a value in the tree that is in pieces, and of no other.
pub(crate) const FIRST_BYTE: u8 = IN_PIECES;

/// A piece of a value in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// As it is.
    Here(&'a [u8]),
    /// In a file.
    File {
        /// Its name.
        digest: Digest,
        /// Its length.
        length: u64,
    },
}

/// A value that was cut.
pub(crate) struct Cut<'a> {
    /// As it stands in the tree.
    pub(crate) raw: Vec<u8>,
    /// What goes into files.
    pub(crate) files: Vec<(Digest, &'a [u8])>,
}

/// Whether a value in the tree is in pieces.
pub(crate) fn is_cut(raw: &[u8]) -> bool {
    raw.first() == Some(&IN_PIECES)
}

/// Cuts a value that is longer than `threshold` such that what stays is not.
pub(crate) fn cut(value: &[u8], threshold: usize) -> Cut<'_> {
    // A payload of nearly all of the value counts as one, though it be somewhat shorter than the threshold.
    let long = payloads(value, threshold / 2);
    let rest = value.len().saturating_sub(long.iter().map(|range| range.len()).sum());
    // Of each file its digest and length stay.
    let whole = std::iter::once(0..value.len()).collect();
    let long = if rest + 64 * long.len() > threshold { whole } else { long };
    let (mut raw, mut files, mut at) = (vec![IN_PIECES], Vec::new(), 0);
    for range in long {
        push_here(&mut raw, value.get(at..range.start).unwrap_or_default());
        at = range.end;
        let content = value.get(range).unwrap_or_default();
        let digest: Digest = Sha256::digest(content).into();
        raw.push(FILE);
        raw.extend_from_slice(&digest);
        raw.extend_from_slice(&(content.len() as u64).to_be_bytes());
        files.push((digest, content));
    }
    push_here(&mut raw, value.get(at..).unwrap_or_default());
    Cut { raw, files }
}

fn push_here(raw: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() {
        raw.push(HERE);
        // What stays is no longer than the threshold.
        raw.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        raw.extend_from_slice(bytes);
    }
}

/// The pieces of a value in the tree; none if it is damaged.
pub(crate) fn pieces(raw: &[u8]) -> Option<Vec<Piece<'_>>> {
    let mut rest = raw.strip_prefix(&[IN_PIECES])?;
    let mut pieces = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        rest = match *kind {
            HERE => {
                let (length, after) = after.split_first_chunk::<4>()?;
                let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
                let (bytes, after) = after.split_at_checked(length)?;
                pieces.push(Piece::Here(bytes));
                after
            }
            FILE => {
                let (digest, after) = after.split_first_chunk::<32>()?;
                let (length, after) = after.split_first_chunk::<8>()?;
                pieces.push(Piece::File { digest: *digest, length: u64::from_be_bytes(*length) });
                after
            }
            _ => return None,
        };
    }
    Some(pieces)
}

/// The files of a value in the tree.
pub(crate) fn files(raw: &[u8]) -> BTreeSet<Digest> {
    let pieces = pieces(raw).unwrap_or_default();
    let file = |piece| match piece {
        Piece::File { digest, .. } => Some(digest),
        Piece::Here(_) => None,
    };
    pieces.into_iter().filter_map(file).collect()
}

/// Where the texts and byte strings of at least `shortest` bytes are in an encoded value; none in one of another
/// encoding. Every item of MessagePack says at its begin how long it is, and what arrays and maps hold follows them as
/// items of their own, so that nothing need be remembered.
fn payloads(value: &[u8], shortest: usize) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    if value.first() != Some(&NAMED) {
        return found;
    }
    let mut at = 1;
    while at < value.len() {
        let Some((head, length)) = item(value.get(at..).unwrap_or_default()) else { return Vec::new() };
        let begin = at + head;
        let Some(end) = begin.checked_add(length).filter(|end| *end <= value.len()) else {
            return Vec::new();
        };
        if length >= shortest.max(1) {
            found.push(begin..end);
        }
        at = end;
    }
    found
}

/// How many bytes the head of an item has and how many of content follow that are no items.
fn item(bytes: &[u8]) -> Option<(usize, usize)> {
    let (first, rest) = bytes.split_first()?;
    let sized = |width: usize, more: usize| {
        let number =
            rest.get(..width)?.iter().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte));
        Some((1 + width + more, number))
    };
    match *first {
        // Text of up to 31 bytes.
        first @ 0xa0..=0xbf => Some((1, usize::from(first & 0x1f))),
        // Bytes and text whose length takes one, two or four bytes.
        0xc4 | 0xd9 => sized(1, 0),
        0xc5 | 0xda => sized(2, 0),
        0xc6 | 0xdb => sized(4, 0),
        // Extensions have a type besides.
        0xc7 => sized(1, 1),
        0xc8 => sized(2, 1),
        0xc9 => sized(4, 1),
        first @ 0xd4..=0xd8 => Some((2, 1 << (first - 0xd4))),
        // Numbers of one, two, four and eight bytes.
        0xcc | 0xd0 => Some((2, 0)),
        0xcd | 0xd1 => Some((3, 0)),
        0xca | 0xce | 0xd2 => Some((5, 0)),
        0xcb | 0xcf | 0xd3 => Some((9, 0)),
        // Arrays and maps whose length takes two or four bytes.
        0xdc | 0xde => Some((3, 0)),
        0xdd | 0xdf => Some((5, 0)),
        // Small numbers, arrays and maps, nil and booleans.
        _ => Some((1, 0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::codec::encode;

    fn joined(cut: &Cut<'_>) -> Vec<u8> {
        let find = |wanted| cut.files.iter().find(|(digest, _)| *digest == wanted).unwrap().1;
        let mut whole = Vec::new();
        for piece in pieces(&cut.raw).unwrap() {
            match piece {
                Piece::Here(bytes) => whole.extend_from_slice(bytes),
                Piece::File { digest, length } => {
                    assert_eq!(find(digest).len() as u64, length);
                    whole.extend_from_slice(find(digest));
                }
            }
        }
        whole
    }

    #[test]
    fn a_payload_is_the_same_piece_whatever_is_around_it() {
        let (text, other) = ("ä".repeat(3_000), "x".repeat(70_000));
        let around = [
            json!([1.5, -7, u64::MAX, null, true, { "of": text, "n": 300 }]),
            json!({ "a": ["short", text, "y".repeat(300)], "b": [other, -40_000, 70_000, i64::MIN] }),
        ];
        let mut both = around.iter().map(|value| {
            let value = encode(value).unwrap();
            let cut = cut(&value, 5_000);
            assert_eq!(joined(&cut), value);
            assert!(cut.raw.len() < 1_000);
            cut.files.iter().map(|(_, content)| content.to_vec()).collect::<Vec<_>>()
        });
        assert_eq!(both.next().unwrap(), [text.as_bytes()]);
        assert_eq!(both.next().unwrap(), [text.as_bytes(), other.as_bytes()]);
    }

    #[test]
    fn a_value_without_a_long_payload_is_one_piece() {
        let many = encode(&vec!["item"; 4_000]).unwrap();
        for value in [many, vec![7; 20_000], vec![NAMED, 0xdb, 0xff, 0xff, 0xff, 0xff]] {
            let cut = cut(&value, 4);
            assert_eq!((joined(&cut), cut.files.len()), (value, 1));
        }
        assert_eq!(pieces(&[IN_PIECES, HERE, 0, 0, 0, 9, 1]), None);
        assert_eq!(pieces(&[IN_PIECES, 7]), None);
    }
}
