//! A project to begin a plugin with: a template under the author's names, and what it is built on.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use include_dir::Dir;
use stepmill_core::manifest::Kind;

use super::cases;
use super::kit::{Language, all_files};
use super::name::Name;
use crate::config::schema;

/// Where a project has what it is built on; the templates refer to it.
const VENDOR: &str = "vendor/stepmill";

/// What the templates call the step's type.
const TYPE: &str = "MyStep";

/// What is to be begun.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    pub(crate) name: Name,
    pub(crate) kind: Kind,
    pub(crate) language: Language,
}

impl Beginning {
    /// The template.
    ///
    /// # Errors
    /// This build carries none.
    pub(crate) fn template(&self) -> anyhow::Result<&'static Dir<'static>> {
        let Self { kind, language, .. } = self;
        language.template(*kind).ok_or_else(|| {
            anyhow!("this build of stepmill carries no {} template in {}", kind.name(), language.title())
        })
    }

    /// Writes the project into a folder that is there and empty.
    ///
    /// # Errors
    /// A file cannot be written, or this build carries no such template.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let Self { kind, language, .. } = self;
        let template = self.template()?;
        let files = all_files(template);
        let names = self.names(&files);
        for (path, content) in files {
            let path = Path::new(path).strip_prefix(template.path())?.to_string_lossy();
            let content = match std::str::from_utf8(content) {
                Ok(text) => renamed(text, &names).into_bytes(),
                Err(_) => content.to_vec(),
            };
            write(&folder.join(renamed(&path, &names)), &content)?;
        }
        for (path, content) in language.vendored() {
            write(&folder.join(VENDOR).join(path), content)?;
        }
        // Editors complete and check cases by it: see .vscode/settings.json.
        let schema = match kind {
            Kind::Transform | Kind::Validate | Kind::Connector => schema::<cases::Definition>(),
            Kind::Verify => schema::<cases::VerifyDefinition>(),
        };
        let schema = serde_json::to_vec_pretty(&schema)?;
        write(&folder.join(VENDOR).join("case.schema.json"), &schema)
    }

    /// What to type next, a command a line.
    pub(crate) fn next_commands(&self) -> &'static [&'static str] {
        match self.language {
            Language::Rust => &["cargo test", "stepmill plugin build", "stepmill plugin test"],
            Language::Js => &["npm install", "npm test", "stepmill plugin build", "stepmill plugin test"],
            Language::Python => &[
                "stepmill plugin build",
                "stepmill plugin test",
                ".venv/bin/pip install -r requirements-dev.txt",
                ".venv/bin/pytest",
            ],
        }
    }

    /// The template's names, each with the author's. A type's name that the template uses for something else, such
    /// as `Order`, becomes `OrderStep`.
    fn names(&self, files: &[(&str, &[u8])]) -> [(&'static str, String); 3] {
        let Self { name, .. } = self;
        let mut camel = name.camel();
        let texts = files.iter().filter_map(|(_, content)| std::str::from_utf8(content).ok());
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut words = texts.flat_map(|text| text.split(|c| !is_word(c)));
        if camel != TYPE && words.any(|word| word == camel) {
            camel.push_str("Step");
        }
        [("my-step", name.dashed().to_owned()), ("my_step", name.snake()), (TYPE, camel)]
    }
}

fn renamed(text: &str, names: &[(&str, String)]) -> String {
    names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(path, content)),
        None => fs::write(path, content),
    };
    written
        .and_then(|()| if content.starts_with(b"#!") { executable(path) } else { Ok(()) })
        .with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(unix)]
fn executable(script: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
