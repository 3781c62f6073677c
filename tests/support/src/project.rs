//! A project in a temporary folder: what an operator would write, without fixed ports.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::guests;

/// The secret that projects of the tests sign their webhooks with.
pub const SECRET: &str = "a secret of the tests";

/// A project being put together.
pub struct Project {
    folder: TempDir,
    plugins: String,
    systems: String,
    server: String,
    extra: String,
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}

impl Project {
    /// A project without plugins, systems and workflows.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("stepmill-").unwrap();
        fs::create_dir(folder.path().join("workflows")).unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, SECRET).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            folder,
            plugins: String::new(),
            systems: String::new(),
            server: String::new(),
            extra: String::new(),
        }
    }

    /// Adds guests of tests/guests, each under its own name.
    pub fn guests(mut self, names: &[&str]) -> Self {
        for name in names {
            self = self.plugin(name, &guests::path(name));
        }
        self
    }

    /// Adds a plugin by file.
    pub fn plugin(mut self, name: &str, path: &Path) -> Self {
        self.plugins += &format!("  {name}: {{ path: {:?} }}\n", path.display().to_string());
        self
    }

    /// Adds a system without credentials.
    pub fn system(mut self, name: &str, url: &str) -> Self {
        self.systems += &format!("  {name}: {{ url: {url:?} }}\n");
        self
    }

    /// Adds a system with more keys, such as `auth: { bearer: "file:secret" }`.
    pub fn system_with(mut self, name: &str, url: &str, keys: &str) -> Self {
        self.systems += &format!("  {name}: {{ url: {url:?}, {keys} }}\n");
        self
    }

    /// Adds keys of `server`, such as `proxy_protocol: true`.
    pub fn server(mut self, keys: &str) -> Self {
        self.server += &format!(", {keys}");
        self
    }

    /// Adds top-level YAML to `stepmill.yaml`.
    pub fn extra(mut self, yaml: &str) -> Self {
        self.extra += yaml;
        self.extra += "\n";
        self
    }

    /// Adds a workflow with a webhook at `/NAME`, signed with [`SECRET`] in `x-signature` and deduped
    /// by `x-id`; `steps` is a YAML list.
    pub fn workflow(self, name: &str, steps: &str) -> Self {
        self.workflow_with(name, "dedupe: \"${{ headers['x-id'] }}\"", steps)
    }

    /// The same with these keys of the webhook in place of the dedupe key; more lines are indented by four.
    pub fn workflow_with(self, name: &str, keys: &str, steps: &str) -> Self {
        let on = format!(
            "on:\n  webhook:\n    path: /{name}\n    verify: {{ scheme: hmac, header: x-signature, secret: \"file:secret\" }}\n    {keys}\n"
        );
        self.file(&format!("workflows/{name}.yaml"), &format!("name: {name}\n{on}steps:\n{steps}\n"))
    }

    /// Adds a file.
    pub fn file(self, path: &str, content: &str) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Writes `stepmill.yaml` and answers its path. Listeners take free ports.
    pub fn write(&self) -> PathBuf {
        let mut yaml = format!(
            "server: {{ ingress: \"127.0.0.1:0\", admin: \"127.0.0.1:0\", data: data, compiled: {:?}, drain: 5s{} }}\n",
            guests::compiled(),
            self.server
        );
        if !self.plugins.is_empty() {
            yaml += &format!("plugins:\n{}", self.plugins);
        }
        if !self.systems.is_empty() {
            yaml += &format!("systems:\n{}", self.systems);
        }
        yaml += &self.extra;
        let path = self.folder.path().join("stepmill.yaml");
        fs::write(&path, yaml).unwrap();
        path
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
