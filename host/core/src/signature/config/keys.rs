//! Where a scheme's keys are found.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ApiKey, Basic, Dated, EitherKey, Gitlab, Hmac, Jwks, Jwt, Parts, Public, Shared};
use crate::secret::{InvalidSecretRef, SecretRef};
use crate::signature::key::Form;
use crate::signature::preset::{self, Preset};

/// A public key: as it is, since it is no secret, or where it is found (`env:NAME`, `file:PATH`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Where it is found.
    Named(SecretRef),
    /// As it is.
    Written(String),
}

impl FromStr for PublicKey {
    type Err = InvalidSecretRef;

    fn from_str(text: &str) -> Result<Self, InvalidSecretRef> {
        // What is a secret does not belong here, although it may stand where a public key may.
        if text.starts_with("env:") || text.starts_with("file:") || text.starts_with("whsec_") {
            text.parse().map(Self::Named)
        } else {
            Ok(Self::Written(text.to_owned()))
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(reference) => reference.fmt(f),
            Self::Written(text) => f.write_str(text),
        }
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PublicKey {
    fn schema_name() -> Cow<'static, str> {
        "PublicKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A public key as it is, or where it is found: env:NAME or file:PATH.",
        })
    }
}

/// A key of a [`Verify`](super::Verify).
pub(in crate::signature) struct Credential<'v> {
    /// The key of the config that it stands under.
    pub key: Cow<'static, str>,
    /// Where it is found.
    pub reference: Reference<'v>,
    /// How it is written.
    pub form: Form,
    /// What belongs before it.
    pub user: Option<&'v str>,
}

/// Where a key is found.
#[derive(Clone, Copy)]
pub(in crate::signature) enum Reference<'v> {
    /// Elsewhere.
    Named(&'v SecretRef),
    /// Here.
    Written(&'v str),
}

impl<'v> From<&'v SecretRef> for Reference<'v> {
    fn from(reference: &'v SecretRef) -> Self {
        Self::Named(reference)
    }
}

impl<'v> From<&'v PublicKey> for Reference<'v> {
    fn from(key: &'v PublicKey) -> Self {
        match key {
            PublicKey::Named(reference) => Self::Named(reference),
            PublicKey::Written(text) => Self::Written(text),
        }
    }
}

/// What most schemes come down to.
fn parts<'v, R: Into<Reference<'v>>>(
    preset: &'static Preset,
    (key, reference): (&'static str, R),
    previous: Option<R>,
    tolerance: Option<Duration>,
) -> Parts<'v> {
    let mut credentials = vec![preset.key.of(key, reference)];
    credentials.extend(previous.map(|previous| preset.key.of("previous", previous)));
    Parts { preset, credentials, tolerance }
}

impl Shared {
    pub(super) fn parts(&self, preset: &'static Preset) -> Parts<'_> {
        parts(preset, ("secret", &self.secret), self.previous.as_ref(), None)
    }
}

impl Dated {
    pub(super) fn parts(&self, preset: &'static Preset) -> Parts<'_> {
        parts(preset, ("secret", &self.secret), self.previous.as_ref(), self.tolerance)
    }
}

impl Public {
    pub(super) fn parts(&self, preset: &'static Preset) -> Parts<'_> {
        parts(preset, ("public_key", &self.public_key), self.previous.as_ref(), self.tolerance)
    }
}

impl EitherKey {
    pub(super) fn parts(&self, preset: &'static Preset) -> Parts<'_> {
        let secret = self.secret.as_ref().map(|secret| Form::Whsec.of("secret", secret));
        let public_key = self.public_key.as_ref().map(|key| Form::Whpk.of("public_key", key));
        let previous = self.previous.as_ref().map(|key| preset.key.of("previous", key));
        let credentials = secret.into_iter().chain(public_key).chain(previous).collect();
        Parts { preset, credentials, tolerance: self.tolerance }
    }
}

impl Gitlab {
    pub(super) fn parts(&self) -> Parts<'_> {
        let preset = if self.secret.is_some() { &preset::GITLAB_TOKEN } else { &preset::GITLAB };
        let signing = self.signing_token.as_ref().map(|token| ("signing_token", token));
        let secret = self.secret.as_ref().map(|secret| ("secret", secret));
        let previous = self.previous.as_ref().map(|previous| ("previous", previous));
        let all = signing.into_iter().chain(secret).chain(previous);
        let credentials = all.map(|(key, reference)| preset.key.of(key, reference)).collect();
        Parts { preset, credentials, tolerance: self.tolerance }
    }
}

impl Hmac {
    pub(super) fn parts(&self) -> Parts<'_> {
        parts(&preset::HMAC, ("secret", &self.secret), self.previous.as_ref(), self.tolerance)
    }
}

impl Jwt {
    /// A key set that is in a file is no secret, and found as one.
    pub(super) fn parts(&self) -> Parts<'_> {
        let set = match &self.jwks {
            Some(Jwks::File(file)) => Some(("jwks", file)),
            Some(Jwks::Url(_)) | None => None,
        };
        let secret = self.secret.as_ref().map(|secret| ("secret", secret));
        let previous = self.previous.as_ref().map(|previous| ("previous", previous));
        let all = set.into_iter().chain(secret).chain(previous);
        let credentials = all.map(|(key, reference)| preset::JWT.key.of(key, reference)).collect();
        Parts { preset: &preset::JWT, credentials, tolerance: None }
    }
}

impl Basic {
    pub(super) fn parts(&self) -> Parts<'_> {
        let mut parts = parts(&preset::BASIC, ("password", &self.password), self.previous.as_ref(), None);
        for password in &mut parts.credentials {
            password.user = Some(&self.user);
        }
        parts
    }
}

impl ApiKey {
    pub(super) fn parts(&self) -> Parts<'_> {
        parts(&preset::API_KEY, ("secret", &self.secret), self.previous.as_ref(), None)
    }
}
