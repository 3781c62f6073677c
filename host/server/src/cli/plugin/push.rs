//! `stepmill plugin push`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::access::{Access, private_key};
use crate::author::Workbench;
use crate::cli::output;
use crate::cli::{Error, Exit};
use crate::distribution::{Origin, Registry, listed, permissions};

#[derive(Debug, Args)]
#[command(after_help = "\
The component is loaded first, so that nothing is pushed that no host would load. The artefact is
as `wkg` writes it; its signature is as `cosign sign --key` writes it.

Examples:
  stepmill plugin push pricing.wasm registry.example.com/acme/pricing:1.2.0 --sign acme.pem \\
    --user robot --password env:REGISTRY_PASSWORD
  stepmill plugin push pricing.wasm 127.0.0.1:5000/pricing:dev --plain-http")]
pub(in crate::cli) struct PushArguments {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where it goes: REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// Sign it with this private key: PEM (PKCS #8), ECDSA over P-256
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl PushArguments {
    pub(super) async fn run(&self) -> Result<Exit, Error> {
        let Origin::Oci { reference, plain_http } = self.access.origin(&self.reference)? else {
            let message = format_args!(
                "{} is no place in a registry: give one such as registry.example.com/acme/pricing:1.2.0",
                self.reference
            );
            return Err(Error::new(Exit::Usage, message));
        };
        if reference.digest().is_some() {
            let message =
                format_args!("{} has a digest, which only what is there has: give a tag", self.reference);
            return Err(Error::new(Exit::Usage, message));
        }
        let key = self.sign.as_deref().map(private_key).transpose()?;
        let bytes = std::fs::read(&self.file)
            .with_context(|| format!("failed to read the component {}", self.file.display()))?;
        let loaded = Workbench::try_new()?.load(&self.file.display().to_string(), &bytes).await?;
        let registry = Registry::try_new(&reference, plain_http, &self.access.contact()?)
            .map_err(anyhow::Error::from)?;
        let manifest = registry
            .push(&bytes, &loaded)
            .await
            .with_context(|| format!("failed to push {}", self.file.display()))?;
        if let Some(key) = &key {
            registry.sign(&bytes, &manifest, key).await.with_context(|| {
                format!("failed to sign {}, which is pushed ({})", reference.whole(), manifest.digest)
            })?;
        }
        let reaches = permissions(&loaded.imports);
        if self.json {
            output::print_json(&json!({
                "reference": reference.whole(),
                "manifest": manifest.digest,
                "digest": format!("sha256:{}", loaded.digest),
                "permissions": reaches,
                "is_signed": key.is_some(),
            }))?;
        } else {
            output::print(&format!(
                "pushed {} {} to {}\n  manifest  {}\n  digest    sha256:{}\n  reaches   {}\n  signed    {}\n",
                loaded.manifest.name,
                output::short(&loaded.manifest.version, 40),
                reference.whole(),
                manifest.digest,
                loaded.digest,
                output::harmless(&listed(&reaches)),
                if key.is_some() { "yes" } else { "no" },
            ))?;
        }
        Ok(Exit::Done)
    }
}
