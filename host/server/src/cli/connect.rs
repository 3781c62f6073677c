//! Finding the admin API of the service that a command is about.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use stepmill_core::secret::SecretRef;

use super::client::{Client, ClientError, Pinned};
use crate::config::{self, Server, Tls};
use crate::diagnostic::Source;
use crate::secrets;
use crate::service::Addresses;

/// Where the service is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Service")]
pub struct Connection {
    /// Base URL of the admin API; else the one that the service on this project's data folder wrote down
    #[arg(long, value_name = "URL", env = "STEPMILL_ADMIN")]
    pub admin: Option<String>,
    /// Token of the admin API; else the one that the project names
    #[arg(long, value_name = "TOKEN", env = "STEPMILL_ADMIN_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The project: stepmill.yaml or its folder
    #[arg(long, short, value_name = "PATH", default_value = ".", env = "STEPMILL_CONFIG")]
    pub config: PathBuf,
}

impl Connection {
    /// Whether the service is named by itself, not only by its project.
    pub fn is_named(&self) -> bool {
        self.admin.as_ref().is_some_and(|admin| !admin.is_empty())
    }

    /// A client of the service.
    ///
    /// # Errors
    /// The given address is none.
    pub fn client(&self) -> Result<Client, ClientError> {
        let project = Glance::at(&self.config);
        let given = self.admin.clone().filter(|admin| !admin.is_empty());
        // The project's token goes only to the project's service.
        let token = self.token.clone().filter(|token| !token.is_empty());
        let token = token.or_else(|| project.token().filter(|_| given.is_none()));
        let is_own = given.is_none();
        let client = Client::try_new(&given.unwrap_or_else(|| project.admin()), token)?;
        match project.tls().filter(|_| is_own) {
            Some(pinned) => client.pinned(&pinned),
            None => Ok(client),
        }
    }
}

/// As much of a project as finding its service takes. Damaged config does not hinder it, since people
/// look at a running service while they edit.
struct Glance {
    root: PathBuf,
    server: Value,
}

impl Glance {
    fn at(path: &Path) -> Self {
        let file = if path.is_dir() { path.join(config::FILE) } else { path.to_owned() };
        let root = file.parent().unwrap_or(Path::new("")).to_owned();
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let config: Value = Source::new(file.to_string_lossy(), text).parse().unwrap_or_default();
        Self { root, server: config.get("server").cloned().unwrap_or_default() }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.server.get(key)?.as_str()
    }

    fn admin(&self) -> String {
        let defaults = Server::default();
        let data = self.text("data").map_or(defaults.data, PathBuf::from);
        match Addresses::read(&self.root.join(data)) {
            Ok(addresses) => addresses.admin,
            Err(_) => {
                let address = self.text("admin").map_or_else(|| defaults.admin.to_string(), str::to_owned);
                let scheme = if self.server.get("admin_tls").is_some() { "https" } else { "http" };
                format!("{scheme}://{address}")
            }
        }
    }

    /// The certificates of the admin API, if it has TLS.
    fn tls(&self) -> Option<Pinned> {
        let tls: Tls = serde_json::from_value(self.server.get("admin_tls")?.clone()).ok()?;
        Some(Pinned::new(&self.root, tls.pairs().into_iter().map(|(_, pair)| pair.certificate)))
    }

    fn token(&self) -> Option<String> {
        let reference: SecretRef = self.text("admin_token")?.parse().ok()?;
        let found = secrets::resolve(&reference, &self.root).ok()?;
        found.secret.expose_str().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_service_is_found_by_what_it_wrote_down_else_by_its_config() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let admin = || Glance::at(root).admin();
        assert_eq!(admin(), "http://127.0.0.1:8081");
        fs::write(
            root.join("stepmill.yaml"),
            "server: { admin: 127.0.0.1:7000, data: here }\nworkflow: damaged\n",
        )
        .expect("written");
        assert_eq!(admin(), "http://127.0.0.1:7000");
        fs::create_dir(root.join("here")).expect("made");
        let addresses = r#"{"ingress":"http://127.0.0.1:1","admin":"http://127.0.0.1:2","pid":3}"#;
        fs::write(root.join("here/addresses.json"), addresses).expect("written");
        assert_eq!(admin(), "http://127.0.0.1:2");
    }
}
