//! One record: a checksum, the length of the content, the record's number (with its segment's salt added), and the content. Each change is
//! the length of its key, the length of its value (or [`REMOVED`]), the key and the value. All numbers
//! are big-endian.

use std::io;

use crate::tree::{Change, Changes};

/// Bytes before a record's content: CRC-32 of all that follows, length, number.
pub(super) const HEADER_BYTES: usize = 16;
/// The length of a value that is none: the key is removed.
const REMOVED: u32 = u32::MAX;

/// A record read back.
pub(super) struct Record {
    /// Its number.
    pub(super) number: u64,
    /// What it changes.
    pub(super) changes: Changes,
    /// Its length in bytes, header and all.
    pub(super) length: usize,
}

/// Writes a record in place of what is in `buffer`.
pub(super) fn encode(buffer: &mut Vec<u8>, number: u64, changes: &Changes) -> io::Result<()> {
    let too_large = |_| io::Error::other("a batch is larger than a record of the log can be");
    buffer.clear();
    buffer.extend_from_slice(&[0; HEADER_BYTES]);
    for (key, change) in changes {
        let value = change.value();
        let key_length = u32::try_from(key.len()).map_err(too_large)?;
        let value_length = match value {
            Some(value) => u32::try_from(value.len()).map_err(too_large)?,
            None => REMOVED,
        };
        buffer.extend_from_slice(&key_length.to_be_bytes());
        buffer.extend_from_slice(&value_length.to_be_bytes());
        buffer.extend_from_slice(key);
        buffer.extend_from_slice(value.unwrap_or_default());
    }
    let length = u32::try_from(buffer.len() - HEADER_BYTES).map_err(too_large)?;
    let head = length.to_be_bytes().into_iter().chain(number.to_be_bytes());
    buffer.iter_mut().skip(4).zip(head).for_each(|(to, byte)| *to = byte);
    let checksum = crc32fast::hash(buffer.get(4..).unwrap_or_default());
    buffer.iter_mut().zip(checksum.to_be_bytes()).for_each(|(to, byte)| *to = byte);
    Ok(())
}

/// The record at the beginning of `bytes`; none if there is no whole one.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let (number, length) = whole(bytes)?;
    let mut content = bytes.get(HEADER_BYTES..length)?;
    let mut changes = Changes::new();
    while !content.is_empty() {
        let key_length = take_u32(&mut content)?;
        let value_length = take_u32(&mut content)?;
        let key = take(&mut content, key_length)?.to_vec();
        let change = match value_length {
            REMOVED => Change::Remove,
            length => Change::Put(take(&mut content, length)?.to_vec()),
        };
        changes.insert(key, change);
    }
    Some(Record { number, changes, length })
}

/// Number and length of the record at the beginning of `bytes`, if a whole one is there.
pub(super) fn whole(bytes: &[u8]) -> Option<(u64, usize)> {
    let (number, length) = head(bytes)?;
    let checksum = u32::from_be_bytes(*bytes.first_chunk()?);
    (crc32fast::hash(bytes.get(4..length)?) == checksum).then_some((number, length))
}

/// Number and length that the header says, its checksum not looked at.
pub(super) fn head(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut rest = bytes.get(4..HEADER_BYTES)?;
    let length = usize::try_from(take_u32(&mut rest)?).ok()?;
    let number = u64::from_be_bytes(*rest.first_chunk()?);
    Some((number, length.checked_add(HEADER_BYTES)?))
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*number))
}

fn take<'a>(bytes: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}
