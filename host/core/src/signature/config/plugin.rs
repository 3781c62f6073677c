//! A scheme that a plugin has.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Credential, Encoding, Parts, PublicKey, Reference};
use crate::pointer::token;
use crate::secret::SecretRef;
use crate::signature::key::Form;
use crate::signature::preset;

/// A plugin of the kind `verify`, and what it may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ByPlugin {
    /// Name of the plugin.
    #[serde(rename = "use")]
    pub plugin: String,
    /// The plugin's config.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Value>,
    /// The keys that the plugin may ask for, by the names that it knows them by. It never sees them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub keys: IndexMap<String, NamedKey>,
}

/// A secret that the sender has too, or the public half of a key that it signs with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct NamedKey {
    /// The secret, as the sender shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// The public key of Ed25519, P-256 or RSA, or where it is found: PEM, the base64 of its DER, and of Ed25519 also 64
    /// hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    /// Another of the same kind that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PublicKey>,
    /// How the secret's bytes are written; as they are unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

impl ByPlugin {
    pub(super) fn parts(&self) -> Parts<'_> {
        let credentials = self.keys.iter().flat_map(|(name, key)| key.credentials(name)).collect();
        Parts { preset: &preset::PLUGIN, credentials, tolerance: None }
    }

    /// What is wrong with the keys, by the key of the config.
    pub(super) fn key_problems(&self) -> Vec<(String, String)> {
        self.keys.iter().filter_map(|(name, key)| key.problem(name)).collect()
    }
}

impl NamedKey {
    fn credentials(&self, name: &str) -> impl Iterator<Item = Credential<'_>> {
        let secret = self.secret.as_ref().map(|secret| ("secret", Reference::from(secret)));
        let public_key = self.public_key.as_ref().map(|key| ("public_key", Reference::from(key)));
        let previous = self.previous.as_ref().map(|key| ("previous", Reference::from(key)));
        let form = if self.public_key.is_some() { Form::Public } else { Form::of_secret(self.encoding) };
        let path = path(name);
        let all = secret.into_iter().chain(public_key).chain(previous);
        all.map(move |(key, reference)| Credential {
            key: Cow::Owned(format!("{path}/{key}")),
            reference,
            form,
            user: None,
        })
    }

    /// How many values it has.
    pub(in crate::signature) fn count(&self) -> usize {
        self.credentials("").count()
    }

    fn problem(&self, name: &str) -> Option<(String, String)> {
        let (key, why) = match (&self.secret, &self.public_key) {
            (None, None) => ("", "there is no key: give its secret, or else its public_key"),
            (Some(_), Some(_)) => {
                ("/public_key", "secret and public_key are two kinds: give each a name of its own")
            }
            (None, Some(_)) if self.encoding.is_some() => {
                ("/encoding", "a public key says by itself how it is written: remove encoding")
            }
            (Some(_), None) if matches!(self.previous, Some(PublicKey::Written(_))) => {
                ("/previous", "a secret is named, not written here: give env:NAME or file:PATH")
            }
            (Some(_), None) | (None, Some(_)) => return None,
        };
        Some((format!("{}{key}", path(name)), why.to_owned()))
    }
}

/// Where a key stands, as a JSON pointer below `verify`.
fn path(name: &str) -> String {
    format!("keys/{}", token(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use serde_json::json;

    use crate::signature::Verify;

    #[test]
    fn each_mistake_in_a_key_is_told_at_its_place() {
        let of = |key| {
            let verify = json!({ "scheme": "plugin", "use": "acme", "keys": { "a/b": key } });
            let verify: Verify = serde_json::from_value(verify).unwrap();
            verify.problems().into_iter().map(|(at, _)| at.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(json!({})), ["keys/a~1b"]);
        assert_eq!(of(json!({ "previous": "env:A" })), ["keys/a~1b"]);
        assert_eq!(of(json!({ "secret": "env:A", "public_key": "ab" })), ["keys/a~1b/public_key"]);
        assert_eq!(of(json!({ "public_key": "ab", "encoding": "hex" })), ["keys/a~1b/encoding"]);
        assert_eq!(of(json!({ "secret": "env:A", "previous": "hunter2" })), ["keys/a~1b/previous"]);
        for right in [
            json!({ "secret": "env:A", "previous": "file:b", "encoding": "base64" }),
            json!({ "public_key": "ab", "previous": "cd" }),
        ] {
            assert!(of(right).is_empty());
        }
    }

    #[test]
    fn secrets_are_told_by_where_they_stand() {
        let keys = json!({ "a": { "secret": "env:A", "previous": "env:B" }, "b": { "public_key": "ab", "previous": "env:C" } });
        let verify = json!({ "scheme": "plugin", "use": "acme", "keys": keys });
        let verify: Verify = serde_json::from_value(verify).unwrap();
        let secrets = verify.secrets();
        let told: Vec<_> = secrets.iter().map(|(at, secret)| format!("{at} {secret}")).collect();
        assert_eq!(told, ["keys/a/secret env:A", "keys/a/previous env:B", "keys/b/previous env:C"]);
    }
}
