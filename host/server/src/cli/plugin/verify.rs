//! `stepmill plugin verify`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::access::{Access, public_key};
use super::pull::fetched;
use crate::cli::output;
use crate::cli::{Error, Exit};
use crate::distribution::{digest_of, proofs};

#[derive(Debug, Args)]
#[command(after_help = "\
A file's signature is read from FILE.sig and from FILE.sigstore.json, a URL's from the same beside
it, an artefact's from where cosign keeps it. Nothing else is asked: neither a transparency log nor
an authority. Exits with 0 if one of the keys has signed it, else with 1.

Examples:
  stepmill plugin verify pricing.wasm --key acme.pub
  stepmill plugin verify registry.example.com/acme/pricing:1.2.0 --key acme.pub --key acme-2027.pub")]
pub(in crate::cli) struct VerifyArguments {
    /// What was signed: a file, REGISTRY/REPOSITORY:TAG, or an https URL
    #[arg(value_name = "FILE|REFERENCE|URL")]
    origin: String,
    /// A public key (PEM, ECDSA over P-256); may be given several times
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl VerifyArguments {
    pub(super) async fn run(&self) -> Result<Exit, Error> {
        let keys = self.key.iter().map(public_key).collect::<Result<Vec<_>, _>>()?;
        let origin = self.access.origin(&self.origin)?;
        let contact = self.access.contact()?;
        let fetched = fetched(&origin, &contact).await?;
        let proofs =
            proofs(&origin, &contact, fetched.manifest.as_ref()).await.map_err(anyhow::Error::from)?;
        let digest = digest_of(&fetched.bytes);
        let signed = |key| proofs.iter().any(|proof| proof.is_of(key, &fetched.bytes));
        let signer = self.key.iter().zip(&keys).find(|(_, key)| signed(key)).map(|(file, _)| file);
        if self.json {
            output::print_json(&json!({
                "source": origin.to_string(), "digest": digest, "signatures": proofs.len(), "signed_by": signer,
            }))?;
        }
        match signer {
            Some(_) if self.json => Ok(Exit::Done),
            Some(key) => {
                output::print(&format!(
                    "{origin} is signed by the holder of {}\n  digest  {digest}\n",
                    key.display()
                ))?;
                Ok(Exit::Done)
            }
            None if proofs.is_empty() => Err(Error::new(
                Exit::Failed,
                format_args!(
                    "{origin} is not signed: see `stepmill plugin sign` and `stepmill plugin push --sign`"
                ),
            )),
            None => Err(Error::new(
                Exit::Failed,
                format_args!(
                    "no signature of {origin} is good under these keys: it was signed with another, or changed \
                     after it was signed"
                ),
            )),
        }
    }
}
