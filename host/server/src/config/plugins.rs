//! Where plugins come from, and whose are trusted.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Auth;

/// One plugin: exactly one of `path`, `url` and `oci` says where it comes from. What is not a file is loaded as
/// `stepmill.lock` pins it; `stepmill plugin lock` writes that.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plugin {
    /// The component's file (`.wasm`), relative to this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The component's address, such as `https://plugins.example.com/pricing-1.2.0.wasm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The component in an OCI registry, such as `registry.example.com/acme/pricing:1.2.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oci: Option<String>,
    /// The component's digest, as `sha256:` and 64 hexadecimal digits: no other component is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The key of `trust.keys` that must have signed it, whatever `trust.require` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// What the host proves itself with where it fetches the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// File with the certificates (PEM) of the authority that signed that place's, relative to this file; trusted in
    /// place of those that the host trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Fetches over HTTP without TLS: from this machine (loopback) only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub plain_http: bool,
}

/// Whose plugins are loaded.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// Which plugins must be signed by one of `keys`; none unless given. Those that `stepmill` brings along need no
    /// signature.
    pub require: Require,
    /// The public keys (PEM, ECDSA over P-256, as cosign and openssl write them), each a file relative to this one,
    /// by the names that `stepmill.lock` and errors give them.
    pub keys: IndexMap<String, PathBuf>,
}

/// Which plugins must be signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// None but those that say `signed_by`.
    #[default]
    None,
    /// Those that are fetched: from a `url` or a registry.
    Remote,
    /// These, and files.
    All,
}
