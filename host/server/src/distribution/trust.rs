//! Whose plugins are loaded: `trust` of `stepmill.yaml`.

use std::fs;

use super::origin::Origin;
use super::signature::{Proof, PublicKey};
use crate::config::{Plugin, Project, Require, pointer};
use crate::diagnostic::Diagnostics;

/// The keys of config, read.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    require: Require,
    keys: Vec<(String, PublicKey)>,
}

/// Who must have signed a plugin.
#[derive(Clone, Debug)]
pub struct Demand<'a> {
    keys: Vec<&'a (String, PublicKey)>,
    /// The setting that demands it, for a sentence.
    pub setting: String,
}

/// Why a plugin is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Nobody signed it.
    #[error("it is not signed, and {setting} demands it")]
    Unsigned {
        /// The setting.
        setting: String,
    },
    /// The signatures fit no key.
    #[error("no signature of it fits {keys}: it was signed with another key, or changed after it was signed")]
    NoneFits {
        /// The keys that were tried, in words.
        keys: String,
    },
}

impl Trust {
    /// Reads the keys.
    ///
    /// # Errors
    /// Each that cannot be read.
    pub fn of(project: &Project) -> Result<Self, Diagnostics> {
        let mut found = Diagnostics::default();
        let mut keys = Vec::new();
        let trust = &project.config.trust;
        for (name, file) in &trust.keys {
            let path = project.path(file);
            let read = match fs::read(&path) {
                Ok(pem) => PublicKey::from_pem(&pem).map_err(|error| error.to_string()),
                Err(error) => Err(format!("it cannot be read: {error}")),
            };
            match read {
                Ok(key) => keys.push((name.clone(), key)),
                Err(why) => found.push(project.source.error(
                    &pointer(&["trust", "keys", name]),
                    format!("{} is no public key: {why}", path.display()),
                )),
            }
        }
        found.or(()).map(|_| Self { require: trust.require, keys })
    }

    /// Who must have signed this plugin; none if nobody has to.
    pub fn demand(&self, plugin: &Plugin, origin: &Origin) -> Option<Demand<'_>> {
        if let Some(signer) = &plugin.signed_by {
            let keys = self.keys.iter().filter(|(name, _)| name == signer).collect();
            return Some(Demand { keys, setting: format!("signed_by: {signer}") });
        }
        let (is_demanded, value) = match self.require {
            Require::None => (false, "none"),
            Require::Remote => (origin.is_remote(), "remote"),
            Require::All => (true, "all"),
        };
        is_demanded
            .then(|| Demand { keys: self.keys.iter().collect(), setting: format!("trust.require: {value}") })
    }
}

impl Demand<'_> {
    /// Whose signature there is.
    ///
    /// # Errors
    /// There is none that counts.
    pub fn signer(&self, proofs: &[Proof], component: &[u8]) -> Result<String, Distrust> {
        if proofs.is_empty() {
            return Err(Distrust::Unsigned { setting: self.setting.clone() });
        }
        let signed = |key: &PublicKey| proofs.iter().any(|proof| proof.is_of(key, component));
        match self.keys.iter().find(|(_, key)| signed(key)) {
            Some((name, _)) => Ok(name.clone()),
            None => {
                let names: Vec<&str> = self.keys.iter().map(|(name, _)| name.as_str()).collect();
                let keys = match names.as_slice() {
                    [name] => format!("the key {name}"),
                    names => format!("any of the keys {}", names.join(", ")),
                };
                Err(Distrust::NoneFits { keys })
            }
        }
    }
}

impl Distrust {
    /// What to do about it.
    pub fn help(&self, origin: &Origin) -> String {
        let how = match origin {
            Origin::File(path) => {
                format!("`stepmill plugin sign {} --key KEY.pem` or `cosign sign-blob`", path.display())
            }
            Origin::Url(url) => {
                format!("`stepmill plugin sign` or `cosign sign-blob`, with the signature at {url}.sig")
            }
            Origin::Oci { .. } => "`stepmill plugin push --sign KEY.pem` or `cosign sign --key`".into(),
        };
        match self {
            Self::Unsigned { .. } => format!("have whoever made it sign it: {how}"),
            Self::NoneFits { .. } => {
                format!(
                    "find out who signed it; if they are to be trusted, add their public key to trust.keys, else have it signed again: {how}"
                )
            }
        }
    }
}
