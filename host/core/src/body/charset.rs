//! From bytes of any charset to UTF-8: the byte order mark counts, then what the content type says.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, Encoding, UTF_8};

use super::refused::{Format, Place, QUOTED_BYTES, Refused};
use crate::attempt::capped;

/// Bytes that are decoded at a time.
const CHUNK: usize = 16 << 10;

/// The charset of this name, as in the Encoding Standard (<https://encoding.spec.whatwg.org>), which has those of IANA
/// that are in use.
pub(super) fn named(name: &str) -> Result<&'static Encoding, Refused> {
    Encoding::for_label_no_replacement(name.as_bytes())
        .ok_or_else(|| Refused::Charset(capped(name.to_owned(), QUOTED_BYTES)))
}

/// The text of bytes, without its byte order mark; at most `limit` bytes of it. `fallback` is the charset of what has
/// no mark.
pub(super) fn text<'b>(
    bytes: &'b [u8],
    fallback: &'static Encoding,
    limit: u64,
) -> Result<Cow<'b, str>, Refused> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((fallback, 0));
    decode(encoding, bytes.get(mark..).unwrap_or_default(), mark, limit)
}

/// The same of bytes in which no mark is looked for.
pub(super) fn unmarked<'b>(
    bytes: &'b [u8],
    encoding: &'static Encoding,
    limit: u64,
) -> Result<Cow<'b, str>, Refused> {
    decode(encoding, bytes, 0, limit)
}

/// `before` bytes stand in front of the content.
fn decode<'b>(
    encoding: &'static Encoding,
    content: &'b [u8],
    before: usize,
    limit: u64,
) -> Result<Cow<'b, str>, Refused> {
    if encoding == UTF_8 {
        let text = std::str::from_utf8(content);
        return text.map(Cow::Borrowed).map_err(|error| malformed(before + error.valid_up_to(), UTF_8));
    }
    transcode(encoding, content, before, limit).map(Cow::Owned)
}

fn transcode(
    encoding: &'static Encoding,
    content: &[u8],
    before: usize,
    limit: u64,
) -> Result<String, Refused> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::new();
    let mut at = 0;
    loop {
        text.reserve(CHUNK);
        let rest = content.get(at..).unwrap_or_default();
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, true);
        at += read;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > limit {
            return Err(Refused::Inflated { limit });
        }
        match result {
            DecoderResult::InputEmpty => return Ok(text),
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bad, after) => {
                let bad = usize::from(bad) + usize::from(after);
                return Err(malformed(before + at.saturating_sub(bad), encoding));
            }
        }
    }
}

fn malformed(at: usize, encoding: &'static Encoding) -> Refused {
    let why = format!("it is said to be {}", encoding.name());
    Refused::malformed(Format::Text, Place::Byte(at), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], charset: &str) -> Result<String, Refused> {
        text(bytes, named(charset)?, 1_000).map(Cow::into_owned)
    }

    #[test]
    fn a_mark_counts_for_more_than_a_name() {
        assert_eq!(read(b"\xef\xbb\xbf\xc3\xa4", "iso-8859-1").unwrap(), "ä");
        assert_eq!(read(b"\xff\xfea\0\xe4\0", "utf-8").unwrap(), "aä");
        assert_eq!(read(b"\xe4", "ISO-8859-1").unwrap(), "ä");
        assert_eq!(read(b"\x82\xa0", "Shift_JIS").unwrap(), "あ");
    }

    #[test]
    fn what_is_malformed_is_told_with_its_byte() {
        for (bytes, charset, at) in [
            (&b"ab\xffc"[..], "utf-8", 2),
            (b"\xef\xbb\xbfab\xe4", "utf-8", 5),
            (b"ab\x82", "Shift_JIS", 2),
            (b"\xff\xfea\0\0\xd8b\0", "utf-8", 4),
        ] {
            let refused = read(bytes, charset).unwrap_err();
            let Refused::Malformed { format: Format::Text, place, .. } = refused else { panic!("{refused}") };
            assert_eq!(place, Place::Byte(at), "{bytes:?}");
        }
        assert_eq!(read(b"a", "utf-7").unwrap_err().code(), "unsupported-charset");
    }

    #[test]
    fn text_that_grows_stops_at_the_limit() {
        let bytes = vec![0xe4; 100_000];
        assert!(matches!(text(&bytes, named("latin1").unwrap(), 150_000), Err(Refused::Inflated { .. })));
        assert_eq!(text(&bytes, named("latin1").unwrap(), 200_000).unwrap().len(), 200_000);
    }
}
