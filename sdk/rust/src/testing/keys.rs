//! Keys that say what they were told to.

use std::rc::Rc;

use crate::verify::{Backend, KeyError, Keys, Method};

/// A webhook's keys, without any cryptography: what they say fits is what a test says fits.
///
/// ```
/// use stepmill_sdk::testing::FakeKeys;
/// use stepmill_sdk::verify::{KeyError, Method};
///
/// let keys = FakeKeys::new().signature("signing", Method::HmacSha256, "1.{}", [0xab]).keys();
/// assert_eq!(keys.is_signed("signing", Method::HmacSha256, b"1.{}", &[vec![0xab]]), Ok(true));
/// let unknown = keys.equals("token", b"");
/// assert_eq!(unknown, Err(KeyError::UnknownKey("token".to_owned())));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeKeys {
    signatures: Vec<(String, Method, Vec<u8>, Vec<u8>)>,
    secrets: Vec<(String, Vec<u8>)>,
}

impl FakeKeys {
    /// No keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signature that the key of this name has made of the message.
    #[must_use]
    pub fn signature(
        mut self,
        key: &str,
        method: Method,
        message: impl Into<Vec<u8>>,
        signature: impl Into<Vec<u8>>,
    ) -> Self {
        self.signatures.push((key.to_owned(), method, message.into(), signature.into()));
        self
    }

    /// A key that is this secret.
    #[must_use]
    pub fn secret(mut self, key: &str, secret: impl Into<Vec<u8>>) -> Self {
        self.secrets.push((key.to_owned(), secret.into()));
        self
    }

    /// What a plugin asks.
    pub fn keys(&self) -> Keys {
        Keys::new(Rc::new(self.clone()))
    }

    fn check(&self, key: &str) -> Result<(), KeyError> {
        let is_known = self.signatures.iter().any(|(name, ..)| name == key)
            || self.secrets.iter().any(|(name, _)| name == key);
        if is_known { Ok(()) } else { Err(KeyError::UnknownKey(key.to_owned())) }
    }
}

impl Backend for FakeKeys {
    fn is_signed(
        &self,
        key: &str,
        method: Method,
        message: &[u8],
        signatures: &[Vec<u8>],
    ) -> Result<bool, KeyError> {
        self.check(key)?;
        Ok(self.signatures.iter().any(|(name, by, of, made)| {
            name == key && *by == method && of == message && signatures.contains(made)
        }))
    }

    fn equals(&self, key: &str, value: &[u8]) -> Result<bool, KeyError> {
        self.check(key)?;
        Ok(self.secrets.iter().any(|(name, secret)| name == key && secret == value))
    }
}
