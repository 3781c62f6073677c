//! The texts that go back to whoever asks.

use super::Refusal;

/// Longest text that goes back, in bytes; the longest that a provider documents are well under half of it.
const MOST_BYTES: usize = 1_024;

/// The signs of a text besides letters and digits of ASCII. None of them can make a page, and those of the two providers
/// that are answered by an HMAC make no event.
#[derive(Clone, Copy)]
pub(super) struct Signs(&'static str);

impl Signs {
    /// Of base64 in either alphabet, of ids and of words.
    pub const OPAQUE: Self = Self("-._~+/=");
    /// Of Zoom's tokens. Not `:`, which stands in whatever Zoom signs.
    pub const ZOOM: Self = Self("-_");
    /// Of Microsoft Graph's, which are sentences.
    pub const SENTENCE: Self = Self("-._~+/= :;,@!*()$?#[]|");

    /// Whether a text is made of these, and is one.
    pub fn make(self, text: &[u8]) -> bool {
        let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || self.0.as_bytes().contains(byte);
        !text.is_empty() && text.iter().all(is_sign)
    }

    /// A text that may go back.
    pub fn check(self, text: String) -> Result<String, Refusal> {
        if text.len() > MOST_BYTES {
            Err(Refusal::TooLong)
        } else if self.make(text.as_bytes()) {
            Ok(text)
        } else {
            Err(Refusal::Token)
        }
    }

    /// Whether [`Signs::check`] lets these bytes back.
    pub fn allow(self, text: &[u8]) -> bool {
        text.len() <= MOST_BYTES && self.make(text)
    }
}
