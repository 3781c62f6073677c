//! How commands reach the places that plugins are fetched from and sent to, and the keys of those who sign.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use stepmill_core::secret::SecretRef;

use crate::cli::{Error, Exit};
use crate::distribution::{Authorities, Contact, Credentials, Origin, PrivateKey, PublicKey, Text};

/// What a registry or server wants to know.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct Access {
    /// The user's name, with --password
    #[arg(long, value_name = "NAME", requires = "password")]
    user: Option<String>,
    /// Where the user's password is: env:NAME or file:PATH
    #[arg(long, value_name = "SECRET", requires = "user")]
    password: Option<SecretRef>,
    /// Where a bearer token is: env:NAME or file:PATH
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["user", "password"])]
    token: Option<SecretRef>,
    /// Certificates (PEM) of the authority that signed the place's; trusted in place of those that this machine trusts
    #[arg(long, value_name = "FILE", conflicts_with = "plain_http")]
    ca: Option<PathBuf>,
    /// Go without TLS, to this machine (loopback) only
    #[arg(long)]
    plain_http: bool,
}

impl Access {
    pub(super) fn contact(&self) -> Result<Contact, Error> {
        let text = |secret| Text::resolve(secret, Path::new("")).map_err(anyhow::Error::from);
        let credentials = match (&self.user, &self.password, &self.token) {
            (_, _, Some(token)) => Credentials::Bearer(text(token)?),
            (Some(user), Some(password), None) => {
                Credentials::Basic { user: user.clone(), password: text(password)? }
            }
            _ => Credentials::None,
        };
        let authorities = self.ca.as_deref().map(Authorities::read).transpose();
        let authorities = authorities
            .map_err(|wrong| Error::new(Exit::Usage, format_args!("--ca: {wrong}: {}", wrong.help())))?;
        Ok(Contact { credentials, authorities })
    }

    pub(super) fn origin(&self, text: &str) -> Result<Origin, Error> {
        Origin::parse(text, self.plain_http)
            .map_err(|wrong| Error::new(Exit::Usage, format_args!("{wrong}: {}", wrong.help)))
    }
}

/// A private key's file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKey, Error> {
    let pem = std::fs::read(path).with_context(|| format!("failed to read the key {}", path.display()))?;
    let key =
        PrivateKey::from_pem(&pem).with_context(|| format!("{} is no key to sign with", path.display()))?;
    Ok(key)
}

/// A public key's file.
pub(super) fn public_key(path: &PathBuf) -> Result<PublicKey, Error> {
    let pem = std::fs::read(path).with_context(|| format!("failed to read the key {}", path.display()))?;
    let key = PublicKey::from_pem(&pem).with_context(|| format!("{} is no public key", path.display()))?;
    Ok(key)
}
