//! Fetching components and their signatures, from files, addresses and registries.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use stepmill_sandbox::MAX_COMPONENT_BYTES;
use url::Url;

use super::bundle::{self, MAX_BUNDLE};
use super::contact::Contact;
use super::error::FetchError;
use super::oci::Registry;
use super::origin::Origin;
use super::signature::Proof;

/// Until a connection stands.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
pub(super) const READ: Duration = Duration::from_secs(30);
/// The whole of it: at a bad connection's 500 kB/s the largest plugin takes half of this.
const WHOLE: Duration = Duration::from_secs(300);
/// Bytes of a detached signature; one has about a hundred.
const MAX_SIGNATURE: usize = 4 << 10;
/// What a signature's file has after the name of what is signed.
pub const SIGNATURE: &str = ".sig";
/// The same of a bundle.
pub const BUNDLE: &str = ".sigstore.json";
const MAX_REDIRECTS: usize = 5;

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The component.
    pub bytes: Vec<u8>,
    /// The manifest of the artefact that it was in, from a registry.
    pub manifest: Option<Manifest>,
}

/// A manifest as a registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Its JSON.
    pub text: String,
}

/// A component, and what there is to prove whose it is. `pinned` is a manifest's digest that a registry is asked for in place of the tag.
///
/// # Errors
/// It cannot be fetched.
pub async fn component(
    origin: &Origin,
    contact: &Contact,
    pinned: Option<&str>,
) -> Result<Fetched, FetchError> {
    match origin {
        Origin::File(path) => {
            let at = || origin.to_string();
            match read_file(path) {
                Ok(bytes) => Ok(Fetched { bytes, manifest: None }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(FetchError::NotFound { at: at() })
                }
                Err(error) => Err(FetchError::Failed { at: at(), source: error.into() }),
            }
        }
        Origin::Url(url) => {
            let bytes = in_time(url.as_str(), get(url, contact, MAX_COMPONENT_BYTES)).await?;
            Ok(Fetched { bytes, manifest: None })
        }
        Origin::Oci { reference, plain_http } => {
            let registry = Registry::try_new(reference, *plain_http, contact)?;
            in_time(&origin.to_string(), registry.pull(pinned)).await
        }
    }
}

/// The signatures of what was fetched; none if there are none.
///
/// # Errors
/// It cannot be told whether there are some.
pub async fn proofs(
    origin: &Origin,
    contact: &Contact,
    manifest: Option<&Manifest>,
) -> Result<Vec<Proof>, FetchError> {
    match origin {
        Origin::File(path) => {
            let read = |file: PathBuf| match std::fs::read(&file) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => {
                    Err(FetchError::Failed { at: file.display().to_string(), source: error.into() })
                }
            };
            Ok(of_blob(read(beside(path, SIGNATURE))?, read(beside(path, BUNDLE))?))
        }
        Origin::Url(url) => {
            let get = async |suffix: &str, limit| {
                let mut address = url.clone();
                address.set_path(&format!("{}{suffix}", url.path()));
                match in_time(address.as_str(), get(&address, contact, limit)).await {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(FetchError::NotFound { .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            };
            Ok(of_blob(get(SIGNATURE, MAX_SIGNATURE).await?, get(BUNDLE, MAX_BUNDLE).await?))
        }
        Origin::Oci { reference, plain_http } => {
            let Some(manifest) = manifest else { return Ok(Vec::new()) };
            let registry = Registry::try_new(reference, *plain_http, contact)?;
            in_time(&origin.to_string(), registry.proofs(manifest)).await
        }
    }
}

/// A component's file. No more of it is read than a component may have, and a byte, so that it is refused by its size.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_COMPONENT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file beside a file that has this after its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn of_blob(signature: Option<Vec<u8>>, bundle: Option<Vec<u8>>) -> Vec<Proof> {
    let signature =
        signature.map(|text| Proof::Blob { signature: String::from_utf8_lossy(&text).trim().to_owned() });
    signature.into_iter().chain(bundle.and_then(|bundle| bundle::of_blob(&bundle))).collect()
}

pub(super) async fn in_time<T>(
    at: &str,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    match tokio::time::timeout(WHOLE, work).await {
        Ok(done) => done,
        Err(_) => Err(FetchError::Slow { at: at.to_owned(), limit: WHOLE }),
    }
}

async fn get(url: &Url, contact: &Contact, limit: usize) -> Result<Vec<u8>, FetchError> {
    let at = || url.to_string();
    let client = client(url.scheme() == "http", contact).map_err(|error| failed(at(), error))?;
    read(at(), contact.credentials.apply(client.get(url.clone())), limit).await
}

/// Sends a request, and reads no more of the answer than this many bytes.
pub(super) async fn read(at: String, request: RequestBuilder, limit: usize) -> Result<Vec<u8>, FetchError> {
    let response = request.send().await.map_err(|error| failed(at.clone(), error))?;
    match response.status() {
        status if status.is_success() => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchError::NotFound { at }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(FetchError::Unauthorized { at }),
        status => return Err(FetchError::Status { at, status: status.as_u16() }),
    }
    let mut bytes = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| failed(at.clone(), error))?;
        if bytes.len() + piece.len() > limit {
            return Err(FetchError::TooLarge { at, limit });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn failed(at: String, error: reqwest::Error) -> FetchError {
    FetchError::Failed { at, source: error.without_url().into() }
}

/// Redirects lead to TLS only, as hosts of releases use them. reqwest takes `Authorization` from requests to another
/// host; a header of the place's own it would not, so that such requests stay where they are.
pub(super) fn client(is_plain: bool, contact: &Contact) -> reqwest::Result<Client> {
    // An error says that there is a provider already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = if is_plain || contact.credentials.is_header() {
        redirect::Policy::none()
    } else {
        redirect::Policy::limited(MAX_REDIRECTS)
    };
    let builder = Client::builder()
        .user_agent(concat!("stepmill/", env!("CARGO_PKG_VERSION")))
        .https_only(!is_plain)
        .redirect(redirects)
        .referer(false)
        .connect_timeout(CONNECT)
        .read_timeout(READ);
    let builder = match &contact.authorities {
        Some(authorities) => authorities.apply(builder)?,
        None => builder,
    };
    // What is fetched without TLS is on this machine.
    if is_plain { builder.no_proxy() } else { builder }.build()
}
