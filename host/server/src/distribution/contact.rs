//! How a place that plugins are fetched from or sent to is spoken to: what the host proves itself with, and whom it
//! believes that the place is the place.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::credentials::Credentials;

/// How a place is spoken to.
#[derive(Debug, Default)]
pub struct Contact {
    /// What requests carry.
    pub credentials: Credentials,
    /// Who signs the place's certificate; whom the machine trusts unless given.
    pub authorities: Option<Authorities>,
}

/// Certificates of authorities that are trusted in place of those that the machine trusts. There is one at least.
#[derive(Clone, Debug)]
pub struct Authorities(Vec<CertificateDer<'static>>);

/// Why a file gives no authorities.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthorities {
    /// It cannot be read.
    #[error("the certificates {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It has none, or one that is damaged.
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
}

impl InvalidAuthorities {
    /// What would be right.
    pub fn help(&self) -> &'static str {
        "give a file that begins with -----BEGIN CERTIFICATE-----"
    }
}

impl Authorities {
    /// Reads a file of certificates in PEM (RFC 7468).
    ///
    /// # Errors
    /// It cannot be read, or has something else in it.
    pub fn read(path: &Path) -> Result<Self, InvalidAuthorities> {
        let unreadable = |source| InvalidAuthorities::Unreadable { path: path.to_owned(), source };
        let none = || InvalidAuthorities::NoCertificate { path: path.to_owned() };
        let pem = std::fs::read(path).map_err(unreadable)?;
        let all: Vec<_> =
            CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| none())?;
        // What is no certificate within its armour is refused here, and not at the first request.
        if all.is_empty() || all.iter().any(|one| Certificate::from_der(one).is_err()) {
            return Err(none());
        }
        Ok(Self(all))
    }

    /// Has a client trust these alone.
    pub(super) fn apply(&self, client: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let all = self.0.iter().map(|one| Certificate::from_der(one)).collect::<reqwest::Result<Vec<_>>>()?;
        Ok(client.tls_certs_only(all))
    }

    /// The same for a registry's client.
    pub(super) fn to_registry(&self) -> Vec<oci_client::client::Certificate> {
        let encoding = || oci_client::client::CertificateEncoding::Der;
        let one = |one: &CertificateDer<'_>| oci_client::client::Certificate {
            encoding: encoding(),
            data: one.to_vec(),
        };
        self.0.iter().map(one).collect()
    }
}
