//! `stepmill:plugin/keys`: what a guest may ask of the keys of the webhook that it verifies for.
//!
//! Threats: a guest that is after a key. It is told of signatures that it gives whether they fit, and never one that it
//! could show to others: no function here answers more than a yes or a no. What it could guess by many questions is bounded
//! by their number.

use std::sync::Arc;

use stepmill_core::signature::{Algorithm, Keyring, KeyringError, Method};
use wasmtime::component::HasData;

use crate::bindings::keys;
use crate::state::State;

/// Questions of one verification: more than any scheme needs, and too few to guess by.
const CALLS: u32 = 64;

/// The reach of a component that verifies.
pub(crate) struct Keyed {
    /// None while the component is asked what it is, or a config is made ready.
    keyring: Option<Arc<Keyring>>,
    left: u32,
}

impl Keyed {
    pub(crate) fn by(keyring: Arc<Keyring>) -> Self {
        Self { keyring: Some(keyring), left: CALLS }
    }

    /// Of a component that verifies nothing now.
    pub(crate) fn without() -> Self {
        Self { keyring: None, left: CALLS }
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&Keyring) -> Result<T, KeyringError>,
    ) -> Result<T, keys::KeyError> {
        let Some(keyring) = &self.keyring else {
            return Err(keys::KeyError::Other("there are no keys but while a request is verified".into()));
        };
        self.left = self.left.checked_sub(1).ok_or(keys::KeyError::TooManyCalls(CALLS))?;
        question(keyring).map_err(|error| match error {
            KeyringError::Unknown(name) => keys::KeyError::UnknownKey(name),
            KeyringError::WrongKind { .. } => keys::KeyError::WrongKind(error.to_string()),
            KeyringError::TooManySignatures(_) => keys::KeyError::Other(error.to_string()),
        })
    }
}

pub(crate) struct HasKeys;

impl HasData for HasKeys {
    type Data<'a> = View<'a>;
}

pub(crate) struct View<'a>(&'a mut Keyed);

pub(crate) fn view(state: &mut State<Keyed>) -> View<'_> {
    View(&mut state.reach)
}

impl keys::Host for View<'_> {
    fn is_signed(
        &mut self,
        key: String,
        method: keys::Method,
        message: Vec<u8>,
        signatures: Vec<Vec<u8>>,
    ) -> Result<bool, keys::KeyError> {
        let method = match method {
            keys::Method::HmacSha1 => Method::Hmac(Algorithm::Sha1),
            keys::Method::HmacSha256 => Method::Hmac(Algorithm::Sha256),
            keys::Method::HmacSha512 => Method::Hmac(Algorithm::Sha512),
            keys::Method::Ed25519 => Method::Ed25519,
            keys::Method::EcdsaP256 => Method::EcdsaP256,
            keys::Method::RsaPkcs1Sha256 => Method::RsaPkcs1Sha256,
            keys::Method::RsaPssSha256 => Method::RsaPssSha256,
        };
        self.0.ask(|keyring| keyring.is_signed(&key, method, &message, &signatures))
    }

    fn equals(&mut self, key: String, value: Vec<u8>) -> Result<bool, keys::KeyError> {
        self.0.ask(|keyring| keyring.equals(&key, &value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_can_ask_so_often_and_nothing_when_there_is_nothing_to_verify() {
        let mut keyed = Keyed::by(Arc::default());
        for _ in 0..CALLS {
            assert!(matches!(keyed.ask(|keys| keys.equals("a", b"")), Err(keys::KeyError::UnknownKey(_))));
        }
        let beyond = keyed.ask(|keys| keys.equals("a", b""));
        assert!(matches!(beyond, Err(keys::KeyError::TooManyCalls(CALLS))));
        let mut idle = Keyed::without();
        assert!(matches!(idle.ask(|keys| keys.equals("a", b"")), Err(keys::KeyError::Other(_))));
    }
}
