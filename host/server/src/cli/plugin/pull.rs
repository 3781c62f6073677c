//! `stepmill plugin pull`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::access::Access;
use crate::cli::output;
use crate::cli::{Error, Exit};
use crate::distribution::{Contact, FetchError, Fetched, Origin, component, digest_of};

#[derive(Debug, Args)]
#[command(after_help = "\
What is pulled is not run and not checked: see `stepmill plugin inspect` and `stepmill plugin verify`.

Example:
  stepmill plugin pull registry.example.com/acme/pricing:1.2.0 -o pricing.wasm")]
pub(in crate::cli) struct PullArguments {
    /// Where it is: REGISTRY/REPOSITORY:TAG, …@sha256:DIGEST, or an https URL
    #[arg(value_name = "REFERENCE|URL")]
    origin: String,
    /// The file that it goes into; the last part of its name with .wasm unless given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl PullArguments {
    pub(super) async fn run(&self) -> Result<Exit, Error> {
        let origin = self.access.origin(&self.origin)?;
        let file = match (&self.output, &origin) {
            (Some(file), _) => file.clone(),
            (None, Origin::Oci { reference, .. }) => {
                let name = reference.repository().rsplit('/').next().unwrap_or_default();
                PathBuf::from(format!("{name}.wasm"))
            }
            (None, Origin::Url(url)) => {
                let name = url.path().rsplit('/').next().filter(|name| !name.is_empty());
                PathBuf::from(name.unwrap_or("plugin.wasm"))
            }
            (None, Origin::File(path)) => {
                let message = format_args!("{} is a file, which is here already", path.display());
                return Err(Error::new(Exit::Usage, message));
            }
        };
        if self.output.is_none() && file.exists() {
            let message = format_args!("{} is there already: say -o {0} to replace it", file.display());
            return Err(Error::new(Exit::Usage, message));
        }
        let fetched = fetched(&origin, &self.access.contact()?).await?;
        std::fs::write(&file, &fetched.bytes)
            .with_context(|| format!("failed to write {}", file.display()))?;
        let (digest, manifest) =
            (digest_of(&fetched.bytes), fetched.manifest.map(|manifest| manifest.digest));
        if self.json {
            output::print_json(&json!({
                "file": file, "size": fetched.bytes.len(), "digest": digest, "manifest": manifest,
            }))?;
        } else {
            let manifest = manifest.map(|digest| format!("  manifest  {digest}\n")).unwrap_or_default();
            output::print(&format!(
                "pulled {origin} into {}\n{manifest}  digest    {digest}\n",
                file.display()
            ))?;
        }
        Ok(Exit::Done)
    }
}

/// A component, with an error that says what to do.
pub(super) async fn fetched(origin: &Origin, contact: &Contact) -> Result<Fetched, Error> {
    component(origin, contact, None).await.map_err(|error| {
        let exit = if matches!(error, FetchError::NotFound { .. }) { Exit::NotFound } else { Exit::Failed };
        let (why, help) = (crate::catalog::chain(&error), error.help());
        Error::new(exit, format_args!("{why}: {help}"))
    })
}
