//! Whether a webhook's request is its sender's: what a [`Verify`](crate::Verify) is given, what it may ask, and what it
//! answers. See its example.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Failure, document};

pub use crate::bindings::verify::exports::stepmill::plugin::verify::{
    Header, Reason, Refusal, Request, Verified,
};
pub use crate::bindings::verify::stepmill::plugin::keys::{KeyError, Method};

impl Request {
    /// The values of all headers of a name, in whatever case it is written.
    ///
    /// ```
    /// let request = stepmill_sdk::testing::request(&[("x-a", "1"), ("X-A", "2")], "");
    /// assert_eq!(request.headers_of("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
    /// ```
    pub fn headers_of<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        let named = self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value.as_slice())
    }

    /// The one header of a name, which is ASCII and not empty. None, two, and what programs on the way could read
    /// differently are refused.
    ///
    /// ```
    /// use stepmill_sdk::testing::request;
    /// use stepmill_sdk::verify::Reason;
    /// assert_eq!(request(&[("X-Time", "1")], "").header("x-time"), Ok("1"));
    /// let refused = |headers| request(headers, "").header("x-time").unwrap_err().reason;
    /// assert_eq!(refused(&[]), Reason::MissingHeader);
    /// assert_eq!(refused(&[("x-time", "1"), ("x-time", "2")]), Reason::RepeatedHeader);
    /// assert_eq!(refused(&[("x-time", "é")]), Reason::MalformedHeader);
    /// ```
    pub fn header<'r>(&'r self, name: &'r str) -> Result<&'r str, Refusal> {
        let refused = |reason, what: &str| Err(Refusal::new(reason, format!("the header {name} {what}")));
        let mut values = self.headers_of(name);
        match (values.next(), values.next()) {
            (None, _) => refused(Reason::MissingHeader, "is missing"),
            (Some(_), Some(_)) => refused(Reason::RepeatedHeader, "is there more than once"),
            (Some(value), None) => match std::str::from_utf8(value) {
                Ok(text) if text.is_ascii() && !text.is_empty() => Ok(text),
                Ok(_) | Err(_) => refused(Reason::MalformedHeader, "is empty or not ASCII"),
            },
        }
    }

    /// The body as JSON.
    ///
    /// ```
    /// let request = stepmill_sdk::testing::request(&[], r#"{"id": 7}"#);
    /// assert_eq!(request.json::<serde_json::Value>().unwrap()["id"], 7);
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        document::from_slice(&self.body, "body")
            .map_err(|failure| Refusal::new(Reason::MalformedBody, failure.message()))
    }

    /// Whether a time, in milliseconds since the Unix epoch, is no farther from when the request was received than this,
    /// either way.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stepmill_sdk::verify::Reason;
    /// let request = stepmill_sdk::testing::request(&[], "");
    /// let at_ms = request.received_at_ms;
    /// let tolerance = Duration::from_secs(300);
    /// assert!(request.is_within(at_ms - 300_000, tolerance).is_ok());
    /// assert_eq!(request.is_within(at_ms - 300_001, tolerance).unwrap_err().reason, Reason::TooOld);
    /// assert_eq!(request.is_within(at_ms + 300_001, tolerance).unwrap_err().reason, Reason::TooNew);
    /// ```
    pub fn is_within(&self, at_ms: u64, tolerance: Duration) -> Result<(), Refusal> {
        let tolerance_ms = u64::try_from(tolerance.as_millis()).unwrap_or(u64::MAX);
        if at_ms.saturating_add(tolerance_ms) < self.received_at_ms {
            return Err(Refusal::new(Reason::TooOld, "the signed time is too far back"));
        }
        if at_ms > self.received_at_ms.saturating_add(tolerance_ms) {
            return Err(Refusal::new(Reason::TooNew, "the signed time is too far ahead"));
        }
        Ok(())
    }
}

impl Refusal {
    /// A refusal; the message gets into the operator's log and must not hold a secret.
    ///
    /// ```
    /// use stepmill_sdk::verify::{Reason, Refusal};
    /// assert_eq!(Refusal::new(Reason::Mismatch, "it does not fit").message, "it does not fit");
    /// ```
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl Verified {
    /// The request is its sender's, and an event that is sent again is known by this.
    ///
    /// ```
    /// use stepmill_sdk::verify::Verified;
    /// assert_eq!(Verified::known_by("evt_1").dedupe_key.as_deref(), Some("evt_1"));
    /// ```
    pub fn known_by(key: impl Into<String>) -> Self {
        Self { dedupe_key: Some(key.into()) }
    }

    /// The same, and the sender says nothing by which one that is sent again is known.
    ///
    /// ```
    /// use stepmill_sdk::verify::Verified;
    /// assert_eq!(Verified::each().dedupe_key, None);
    /// ```
    pub fn each() -> Self {
        Self { dedupe_key: None }
    }
}

/// Why there is no [`Verified`]; `?` makes it of a [`Refusal`] and of a [`KeyError`].
///
/// ```
/// use stepmill_sdk::verify::{KeyError, Reason, Refusal, Unverified};
/// assert!(matches!(Unverified::from(KeyError::UnknownKey("a".into())), Unverified::Fault(_)));
/// assert!(matches!(Refusal::new(Reason::Mismatch, "").into(), Unverified::Refused(_)));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Unverified {
    /// The request is not believed: its sender reads 401.
    Refused(Refusal),
    /// That cannot be told, by a fault of the plugin or of config: the component traps with this message, and the sender is
    /// told to come again.
    Fault(String),
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => f.write_str(&refusal.message),
            Self::Fault(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Unverified {}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<KeyError> for Unverified {
    fn from(error: KeyError) -> Self {
        Self::Fault(match error {
            KeyError::UnknownKey(name) => format!("the webhook's config has no key {name:?}"),
            KeyError::WrongKind(message) | KeyError::Other(message) => message,
            KeyError::TooManyCalls(most) => format!("the keys were asked more than {most} times"),
        })
    }
}

/// A config that cannot be made ready verifies nothing.
impl From<Failure> for Unverified {
    fn from(failure: Failure) -> Self {
        Self::Fault(failure.message().to_owned())
    }
}

/// The keys of the webhook's config: they stay with the host, which says whether a signature fits.
#[derive(Clone)]
pub struct Keys {
    backend: Rc<dyn Backend>,
}

impl Keys {
    pub(crate) fn new(backend: Rc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// Whether any of the signatures, of which there are at most 32, is one of the message by the key of this name. They are
    /// bytes, not their hexadecimal or base64.
    ///
    /// ```
    /// use stepmill_sdk::testing::FakeKeys;
    /// use stepmill_sdk::verify::Method;
    /// let keys = FakeKeys::new().signature("signing", Method::HmacSha256, "a message", [1, 2, 3]).keys();
    /// assert!(keys.is_signed("signing", Method::HmacSha256, b"a message", &[vec![0], vec![1, 2, 3]])?);
    /// assert!(!keys.is_signed("signing", Method::HmacSha256, b"another", &[vec![1, 2, 3]])?);
    /// # Ok::<(), stepmill_sdk::verify::Unverified>(())
    /// ```
    pub fn is_signed(
        &self,
        key: &str,
        method: Method,
        message: &[u8],
        signatures: &[Vec<u8>],
    ) -> Result<bool, KeyError> {
        self.backend.is_signed(key, method, message, signatures)
    }

    /// Whether a value is the secret of this name itself.
    ///
    /// ```
    /// use stepmill_sdk::testing::FakeKeys;
    /// let keys = FakeKeys::new().secret("token", "s3cret").keys();
    /// assert!(keys.equals("token", b"s3cret")? && !keys.equals("token", b"other")?);
    /// # Ok::<(), stepmill_sdk::verify::Unverified>(())
    /// ```
    pub fn equals(&self, key: &str, value: &[u8]) -> Result<bool, KeyError> {
        self.backend.equals(key, value)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// What answers [`Keys`]: the host, or a fake in tests.
pub trait Backend {
    /// See [`Keys::is_signed`].
    fn is_signed(
        &self,
        key: &str,
        method: Method,
        message: &[u8],
        signatures: &[Vec<u8>],
    ) -> Result<bool, KeyError>;

    /// See [`Keys::equals`].
    fn equals(&self, key: &str, value: &[u8]) -> Result<bool, KeyError>;
}

/// The host's `keys` import.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl Backend for Host {
    fn is_signed(
        &self,
        key: &str,
        method: Method,
        message: &[u8],
        signatures: &[Vec<u8>],
    ) -> Result<bool, KeyError> {
        crate::bindings::verify::stepmill::plugin::keys::is_signed(key, method, message, signatures)
    }

    fn equals(&self, key: &str, value: &[u8]) -> Result<bool, KeyError> {
        crate::bindings::verify::stepmill::plugin::keys::equals(key, value)
    }
}
