//! How plugins get here: from files, addresses and OCI registries, pinned by digest in `stepmill.lock`, kept by
//! content, signed by people who are trusted, with permissions that somebody has accepted.
//!
//! `stepmill plugin lock` ([`propose()`]) is the one place where something new is taken in. Whoever loads plugins afterwards
//! ([`Supply`]) gets the bytes that are locked or an error: a tag that was moved, a file that was replaced, a key that was taken away are
//! found before any of it runs. It is not a package manager: there are no version ranges and no dependencies, a
//! component is whole.

mod bundle;
mod cache;
mod contact;
mod credentials;
mod error;
mod fetch;
mod lock;
mod oci;
mod origin;
mod permissions;
mod propose;
mod signature;
mod supply;
mod trust;

use sha2::{Digest as _, Sha256};

pub use cache::Cache;
pub use contact::{Authorities, Contact, InvalidAuthorities};
pub use credentials::{Credentials, Text};
pub use error::FetchError;
pub use fetch::{BUNDLE, Fetched, Manifest, SIGNATURE, beside, component, proofs, read_file};
pub use lock::{LOCK, Lock, Locked};
pub use oci::Registry;
pub use origin::{InvalidOrigin, Origin};
pub use permissions::{listed, meaning, permission, permissions};
pub use propose::{Proposal, is_stale, propose};
pub use signature::{InvalidKey, PrivateKey, Proof, PublicKey};
pub use supply::{Fetching, Supplied, Supply, configured};
pub use trust::Trust;

/// Media type of a component in a registry.
const WASM_LAYER: &str = "application/wasm";

/// `sha256:` and the hash in lower-case hexadecimal.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A digest without the name of its hash.
pub fn bare(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}
