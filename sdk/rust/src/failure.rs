//! Failures: how a step says that it could not do its work.

use std::fmt::Display;
use std::time::Duration;

use crate::{Failure, Rejection, RetryHint};

impl Failure {
    /// Passing trouble: try again when the step's retry policy says so.
    ///
    /// ```
    /// use stepmill_sdk::Failure;
    /// assert!(Failure::retry("the ERP is being restarted").is_retry());
    /// ```
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry(RetryHint { message: message.into(), after_ms: None })
    }

    /// Passing trouble with a time: not before `delay` from now. The step's retry policy clamps it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stepmill_sdk::Failure;
    /// let failure = Failure::retry_after(Duration::from_secs(30), "rate limited");
    /// assert_eq!(failure.delay(), Some(Duration::from_secs(30)));
    /// ```
    pub fn retry_after(delay: Duration, message: impl Into<String>) -> Self {
        let after_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self::Retry(RetryHint { message: message.into(), after_ms: Some(after_ms) })
    }

    /// Lasting trouble: the run becomes a dead letter. `code` is a short stable name for grouping.
    ///
    /// ```
    /// use stepmill_sdk::Failure;
    /// assert_eq!(Failure::reject("unknown-sku", "no SKU 4711").code(), Some("unknown-sku"));
    /// ```
    pub fn reject(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Reject(Rejection { code: code.into(), message: message.into() })
    }

    /// Whether another attempt is asked for.
    ///
    /// ```
    /// # use stepmill_sdk::Failure;
    /// assert!(!Failure::reject("a", "b").is_retry());
    /// ```
    pub fn is_retry(&self) -> bool {
        match self {
            Self::Retry(_) => true,
            Self::Reject(_) => false,
        }
    }

    /// The rejection's code.
    ///
    /// ```
    /// # use stepmill_sdk::Failure;
    /// assert_eq!(Failure::retry("a").code(), None);
    /// ```
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Retry(_) => None,
            Self::Reject(rejection) => Some(&rejection.code),
        }
    }

    /// What went wrong, for a person.
    ///
    /// ```
    /// # use stepmill_sdk::Failure;
    /// assert_eq!(Failure::retry("busy").message(), "busy");
    /// ```
    pub fn message(&self) -> &str {
        match self {
            Self::Retry(hint) => &hint.message,
            Self::Reject(rejection) => &rejection.message,
        }
    }

    /// The earliest time of the next attempt, from now.
    ///
    /// ```
    /// # use stepmill_sdk::Failure;
    /// assert_eq!(Failure::retry("busy").delay(), None);
    /// ```
    pub fn delay(&self) -> Option<Duration> {
        match self {
            Self::Retry(hint) => hint.after_ms.map(Duration::from_millis),
            Self::Reject(_) => None,
        }
    }
}

/// JSON that does not parse or cannot be written: a rejection with code `json`.
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::reject("json", error.to_string())
    }
}

/// Bytes that are not UTF-8: a rejection with code `utf-8`.
impl From<std::string::FromUtf8Error> for Failure {
    fn from(error: std::string::FromUtf8Error) -> Self {
        Self::reject("utf-8", error.to_string())
    }
}

/// Bytes that are not UTF-8: a rejection with code `utf-8`.
impl From<std::str::Utf8Error> for Failure {
    fn from(error: std::str::Utf8Error) -> Self {
        Self::reject("utf-8", error.to_string())
    }
}

/// Turns any error into a failure, for those that `?` does not know.
///
/// ```
/// use stepmill_sdk::{Failure, OrFail};
///
/// fn quantity(text: &str) -> Result<u32, Failure> {
///     text.parse().or_reject("quantity", "the quantity")
/// }
/// assert_eq!(quantity("x").unwrap_err().message(), "the quantity: invalid digit found in string");
/// ```
pub trait OrFail<T> {
    /// The value, or a rejection with this code, whose message is `what` and the error.
    fn or_reject(self, code: &str, what: &str) -> Result<T, Failure>;
    /// The value, or the wish for another attempt, whose message is `what` and the error.
    fn or_retry(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    fn or_reject(self, code: &str, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::reject(code, format!("{what}: {error}")))
    }

    fn or_retry(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::retry(format!("{what}: {error}")))
    }
}

impl<T> OrFail<T> for Option<T> {
    fn or_reject(self, code: &str, what: &str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::reject(code, format!("{what} is missing")))
    }

    fn or_retry(self, what: &str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::retry(format!("{what} is missing")))
    }
}
