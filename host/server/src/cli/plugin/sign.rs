//! `stepmill plugin sign`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::access::private_key;
use crate::cli::output;
use crate::cli::{Error, Exit};
use crate::distribution::{FetchError, SIGNATURE, beside};

#[derive(Debug, Args)]
#[command(after_help = "\
The signature is ECDSA over P-256 with SHA-256, as `cosign sign-blob --key` and
`openssl dgst -sha256 -sign` make it. A component in a registry is signed there:
`stepmill plugin push --sign`.

Examples:
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out acme.pem
  openssl pkey -in acme.pem -pubout -out acme.pub
  stepmill plugin sign pricing.wasm --key acme.pem")]
pub(in crate::cli) struct SignArguments {
    /// The component; its signature goes beside it, into FILE.sig
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The private key: PEM (PKCS #8), ECDSA over P-256
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
}

impl SignArguments {
    pub(super) fn run(&self) -> Result<Exit, Error> {
        let key = private_key(&self.key)?;
        let bytes = std::fs::read(&self.file)
            .with_context(|| format!("failed to read the component {}", self.file.display()))?;
        let signature = key.sign(&bytes).ok_or(FetchError::Random).map_err(anyhow::Error::from)?;
        let file = beside(&self.file, SIGNATURE);
        std::fs::write(&file, format!("{signature}\n"))
            .with_context(|| format!("failed to write {}", file.display()))?;
        output::print(&format!("signed {} in {}\n", self.file.display(), file.display()))?;
        Ok(Exit::Done)
    }
}
