//! What the host proves itself with where it fetches plugins.

use std::path::Path;

use oci_client::secrets::RegistryAuth;
use stepmill_core::secret::{Secret, SecretRef};

use crate::config::Auth;
use crate::secrets::{self, SecretError};

/// What a request carries so that it is answered.
#[derive(Debug, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// A token.
    Bearer(Text),
    /// A name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Text,
    },
    /// A header of the place's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Text,
    },
}

/// A secret that is text.
#[derive(Debug)]
pub struct Text(Secret);

impl Text {
    /// Looks a secret up; files are relative to `root`.
    ///
    /// # Errors
    /// It is not there, or is no text.
    pub fn resolve(reference: &SecretRef, root: &Path) -> Result<Self, SecretError> {
        let secret = secrets::resolve(reference, root)?.secret;
        match secret.expose_str() {
            Some(text) if !text.contains(char::is_control) => Ok(Self(secret)),
            Some(_) | None => Err(SecretError::NotText(reference.clone())),
        }
    }

    fn expose(&self) -> &str {
        self.0.expose_str().unwrap_or_default()
    }
}

impl Credentials {
    /// Looks up what config names.
    ///
    /// # Errors
    /// A secret cannot be used; with the key below `auth` that names it.
    pub fn resolve(auth: Option<&Auth>, root: &Path) -> Result<Self, (&'static str, SecretError)> {
        let text = |reference: &SecretRef, key| Text::resolve(reference, root).map_err(|error| (key, error));
        Ok(match auth {
            // Nobody's place: `check` refuses it.
            None | Some(Auth::StandardWebhooks { .. }) => Self::None,
            Some(Auth::Bearer(token)) => Self::Bearer(text(token, "bearer")?),
            Some(Auth::Basic { user, password }) => {
                Self::Basic { user: user.clone(), password: text(password, "basic/password")? }
            }
            Some(Auth::Header { name, value }) => {
                Self::Header { name: name.clone(), value: text(value, "header/value")? }
            }
        })
    }

    /// Whether they are a header that only the place itself may see.
    pub(super) fn is_header(&self) -> bool {
        match self {
            Self::Header { .. } => true,
            Self::None | Self::Bearer(_) | Self::Basic { .. } => false,
        }
    }

    pub(super) fn apply(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self {
            Self::None => request,
            Self::Bearer(token) => request.bearer_auth(token.expose()),
            Self::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Self::Header { name, value } => request.header(name, value.expose()),
        }
    }

    /// For a registry, which knows no headers of its own.
    pub(super) fn to_registry(&self) -> RegistryAuth {
        match self {
            Self::None | Self::Header { .. } => RegistryAuth::Anonymous,
            Self::Bearer(token) => RegistryAuth::Bearer(token.expose().to_owned()),
            Self::Basic { user, password } => RegistryAuth::Basic(user.clone(), password.expose().to_owned()),
        }
    }
}
