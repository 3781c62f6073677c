//! A message without what differs from one event to the next.
//!
//! | in the message | becomes |
//! |---|---|
//! | a number, date, time, IP address or version; a word that begins with a digit | `#` |
//! | a word with a digit inside, such as a ULID; a UUID; 8 or more hexadecimal digits | `#` |
//! | a word with digits at its end (`SKU4711`) | `SKU#` |
//! | a name of a day or a month, AM and PM, beside a number | `#` |
//! | a text in quotes | `""` |
//! | an e-mail address | `@` |
//! | a URL | the same without user, query and fragment; `#` for segments of its path that have a digit |
//! | white space and control characters | one space |
//!
//! What stands in backticks names a thing (`` `customer` is missing ``) and is kept, as are the keys of JSON
//! objects: they tell failures apart. One pass, in time linear in what is read.

mod scanner;
mod word;

use scanner::Scanner;

use crate::attempt::capped;

/// Bytes of a message that are read: as many as are kept of one, whoever calls.
const READ_BYTES: usize = 4 << 10;
/// Bytes of a normal message. Less than is read, so that a longer id does not push words over the end.
const NORMAL_BYTES: usize = 512;

/// The normal form of a message; total on any text.
pub(super) fn normal(message: &str) -> String {
    let end = message.floor_char_boundary(READ_BYTES);
    let normal = Scanner::new(message.get(..end).unwrap_or_default()).run();
    capped(normal, NORMAL_BYTES).trim_end().to_owned()
}

#[cfg(test)]
mod tests;
