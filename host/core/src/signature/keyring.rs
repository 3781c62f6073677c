//! What a plugin may ask of a webhook's keys: whether a signature is by one of them, and never what one is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use subtle::Choice;

use super::ByPlugin;
use super::key::Key;
use super::recipe::Method;

/// Most signatures that one question may be about: more than any sender sends, and few enough to be checked.
pub const MOST_SIGNATURES: usize = 32;

/// The keys that a webhook's plugin may ask for, by name. Its `Debug` does not show them.
#[derive(Clone, Debug, Default)]
pub struct Keyring(BTreeMap<String, Vec<Key>>);

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// No key has this name.
    #[error("there is no key {0:?}")]
    Unknown(String),
    /// The key is none for this method.
    #[error("the key {name:?} is none for {method}: it is {is}")]
    WrongKind {
        /// The name.
        name: String,
        /// What was asked.
        method: &'static str,
        /// What the key is.
        is: &'static str,
    },
    /// More signatures than [`MOST_SIGNATURES`].
    #[error("there are {0} signatures: at most {MOST_SIGNATURES} are looked at")]
    TooManySignatures(usize),
}

impl Keyring {
    /// Of keys in the order of their config.
    pub(super) fn of(config: &ByPlugin, keys: Vec<Key>) -> Self {
        let mut keys = keys.into_iter();
        let named = |(name, key): (&String, &super::NamedKey)| {
            (name.clone(), keys.by_ref().take(key.count()).collect())
        };
        Self(config.keys.iter().map(named).collect())
    }

    /// Whether any of the signatures is one of the message by the key of this name.
    ///
    /// # Errors
    /// The question has no answer.
    pub fn is_signed(
        &self,
        name: &str,
        method: Method,
        message: &[u8],
        signatures: &[Vec<u8>],
    ) -> Result<bool, KeyringError> {
        if signatures.len() > MOST_SIGNATURES {
            return Err(KeyringError::TooManySignatures(signatures.len()));
        }
        let keys = self.0.get(name).ok_or_else(|| KeyringError::Unknown(name.to_owned()))?;
        if let Some(other) = keys.iter().find(|key| !key.is_for(method)) {
            let (method, is) = (method.name(), other.describe());
            return Err(KeyringError::WrongKind { name: name.to_owned(), method, is });
        }
        // Every one is asked, whichever fits.
        let mut is_signed = Choice::from(0);
        for key in keys {
            is_signed |= key.has_made(method, &[Cow::Borrowed(message)], signatures);
        }
        Ok(bool::from(is_signed))
    }

    /// Whether a value is the secret of this name itself.
    ///
    /// # Errors
    /// The question has no answer.
    pub fn equals(&self, name: &str, value: &[u8]) -> Result<bool, KeyringError> {
        self.is_signed(name, Method::Token, b"", &[value.to_vec()])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaKeyPair,
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::secret::{InvalidSecretRef, Secret, SecretRef};
    use crate::signature::{Algorithm, Verifier, VerifierError, Verify, sign};

    /// A key of no other use, and its public half: `openssl genrsa`, then `openssl pkcs8 -topk8` and `openssl rsa -pubout`.
    const RSA: &str = include_str!("keyring/rsa.pem");
    const RSA_PUBLIC: &str = include_str!("keyring/rsa.pub.pem");

    fn verifier(keys: &Value) -> Result<Verifier, VerifierError<InvalidSecretRef>> {
        let verify: Verify =
            serde_json::from_value(json!({ "scheme": "plugin", "use": "acme", "keys": keys })).unwrap();
        assert_eq!(verify.problems(), []);
        // A secret is here what its variable is called.
        Verifier::try_new(&verify, |reference: &SecretRef| {
            Ok(Secret::new(reference.to_string().trim_start_matches("env:")))
        })
    }

    fn keyring(keys: &Value) -> Keyring {
        (**verifier(keys).unwrap().keyring().unwrap()).clone()
    }

    #[test]
    fn a_signature_by_the_present_or_the_previous_secret_is_known_and_no_other() {
        let keys = json!({
            "plain": { "secret": "env:NOW", "previous": "env:THEN" },
            "base64": { "secret": "env:QUJD", "encoding": "base64" },
            "hex": { "secret": "env:A1", "encoding": "hex" },
        });
        let keyring = keyring(&keys);
        for (method, algorithm) in [
            (Method::Hmac(Algorithm::Sha1), Algorithm::Sha1),
            (Method::Hmac(Algorithm::Sha256), Algorithm::Sha256),
            (Method::Hmac(Algorithm::Sha512), Algorithm::Sha512),
        ] {
            let by = |key: &[u8]| sign::hmac(algorithm, key, &[b"a message"]);
            let is_by =
                |name: &str, key: &[u8]| keyring.is_signed(name, method, b"a message", &[by(b"x"), by(key)]);
            assert_eq!(is_by("plain", b"NOW"), Ok(true));
            assert_eq!(is_by("plain", b"THEN"), Ok(true));
            assert_eq!(is_by("plain", b"EVER"), Ok(false));
            assert_eq!(is_by("base64", b"ABC"), Ok(true));
            assert_eq!(is_by("base64", b"QUJD"), Ok(false));
            assert_eq!(is_by("hex", &[0xa1]), Ok(true));
            assert_eq!(keyring.is_signed("plain", method, b"another", &[by(b"NOW")]), Ok(false));
            assert_eq!(keyring.is_signed("plain", method, b"a message", &[]), Ok(false));
        }
        assert_eq!(keyring.equals("plain", b"THEN"), Ok(true));
        assert_eq!(keyring.equals("plain", b"THE"), Ok(false));
    }

    #[test]
    fn a_public_key_says_by_itself_what_it_is() {
        let random = SystemRandom::new();
        let (message, mut keys) = (b"a message", serde_json::Map::new());
        let edwards = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let spki =
            [&hex::decode("302a300506032b6570032100").unwrap(), edwards.public_key().as_ref()].concat();
        keys.insert("hex".into(), json!({ "public_key": hex::encode(edwards.public_key()) }));
        keys.insert("ed25519".into(), json!({ "public_key": STANDARD.encode(spki) }));
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let curve =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
        let header = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let spki = STANDARD.encode([&header, curve.public_key().as_ref()].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
        keys.insert("p256".into(), json!({ "public_key": pem }));
        keys.insert("rsa".into(), json!({ "public_key": RSA_PUBLIC }));
        let keyring = keyring(&Value::Object(keys));

        let der: String = RSA.lines().filter(|line| !line.starts_with('-')).collect();
        let rsa = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
        let by_rsa = |padding: &'static dyn ring::signature::RsaEncoding| {
            let mut signature = vec![0; rsa.public().modulus_len()];
            rsa.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        let by_curve = curve.sign(&random, message).unwrap().as_ref().to_vec();
        for (name, method, signature) in [
            ("hex", Method::Ed25519, edwards.sign(message).as_ref().to_vec()),
            ("ed25519", Method::Ed25519, edwards.sign(message).as_ref().to_vec()),
            ("p256", Method::EcdsaP256, by_curve),
            ("rsa", Method::RsaPkcs1Sha256, by_rsa(&RSA_PKCS1_SHA256)),
            ("rsa", Method::RsaPssSha256, by_rsa(&RSA_PSS_SHA256)),
        ] {
            let ask = |message: &[u8], signature: &[u8]| {
                keyring.is_signed(name, method, message, &[b"none".to_vec(), signature.to_vec()])
            };
            assert_eq!(ask(message, &signature), Ok(true), "{name}");
            assert_eq!(ask(b"a massage", &signature), Ok(false), "{name}");
            let mut flipped = signature.clone();
            flipped[9] ^= 1;
            assert_eq!(ask(message, &flipped), Ok(false), "{name}");
            let wrong = keyring.is_signed(name, Method::Hmac(Algorithm::Sha256), message, &[signature]);
            assert!(matches!(wrong, Err(KeyringError::WrongKind { .. })), "{wrong:?}");
        }
        assert_eq!(
            keyring.equals("rsa", b"").unwrap_err().to_string(),
            "the key \"rsa\" is none for a token: it is a public key of RSA"
        );
    }

    #[test]
    fn what_is_no_key_or_no_question_is_refused() {
        for (key, at) in [
            (json!({ "public_key": "hunter2" }), "keys/a/public_key"),
            (json!({ "public_key": "00" }), "keys/a/public_key"),
            (json!({ "secret": "env:_", "encoding": "base64" }), "keys/a/secret"),
            (json!({ "secret": "env:NOW", "previous": "env:NO", "encoding": "hex" }), "keys/a/secret"),
        ] {
            assert_eq!(verifier(&json!({ "a": key })).unwrap_err().key(), at);
        }
        let keyring = keyring(&json!({ "a": { "secret": "env:A" } }));
        assert_eq!(keyring.equals("b", b"A"), Err(KeyringError::Unknown("b".into())));
        let many = vec![Vec::new(); MOST_SIGNATURES + 1];
        let asked = keyring.is_signed("a", Method::Hmac(Algorithm::Sha256), b"", &many);
        assert_eq!(asked, Err(KeyringError::TooManySignatures(33)));
        assert!(
            !format!("{:?}", self::keyring(&json!({ "a": { "secret": "env:HUNTER2" } }))).contains("HUNTER2")
        );
    }
}
