//! From files to what rustls needs: certificates that fit their keys, and the authorities of clients.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{
    ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::{Certificate, ClientAuth, Project, Tls};
use crate::diagnostic::Diagnostics;
use crate::secrets;

/// Days before its end from which a certificate is said to end soon: renewal by ACME has begun weeks before.
const SOON_DAYS: i64 = 14;
const DAY: i64 = 24 * 3600;

/// What a listener greets its clients with. What is wrong, or suspicious, goes to `found`; then there is nothing.
pub(super) fn server_config(
    project: &Project,
    key: &'static str,
    tls: &Tls,
    found: &mut Diagnostics,
) -> Option<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let at = format!("/server/{key}");
    let errors = found.errors();
    let mut problem = |pointer: &str, message: String, help: &str| {
        found.push(project.source.error(&format!("{at}{pointer}"), message).help(help));
    };
    if tls.certificate.is_some() != tls.key.is_some() {
        problem("", "a certificate and its key go together".into(), "give both certificate and key");
    } else if tls.pairs().is_empty() {
        problem("", "there is no certificate".into(), "give certificate and key, or certificates");
    }
    let keys: Vec<_> = (tls.pairs().iter())
        .filter_map(|(pointer, pair)| certified(project, &format!("{at}{pointer}"), pair, &provider, found))
        .collect();
    let verifier = verifier(project, &at, tls, &provider, found);
    if found.errors() > errors {
        return None;
    }
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = match builder {
        Ok(builder) => builder,
        Err(error) => {
            found.push(project.source.error(&at, format!("TLS cannot be prepared: {error}")));
            return None;
        }
    };
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName(keys)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

/// Chooses by the name that a client calls, else the first (RFC 6066, section 3).
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let has_name = |key: &&Arc<CertifiedKey>| {
            let parsed = key.end_entity_cert().ok().and_then(|der| ParsedCertificate::try_from(der).ok());
            name.as_ref().zip(parsed).is_some_and(|(name, parsed)| verify_server_name(&parsed, name).is_ok())
        };
        let several = (self.0.len() > 1).then_some(&self.0);
        several.and_then(|keys| keys.iter().find(has_name)).or_else(|| self.0.first()).map(Arc::clone)
    }
}

fn certified(
    project: &Project,
    at: &str,
    pair: &Certificate,
    provider: &CryptoProvider,
    found: &mut Diagnostics,
) -> Option<Arc<CertifiedKey>> {
    let (at_certificate, at_key) = (format!("{at}/certificate"), format!("{at}/key"));
    let chain = chain(project, &at_certificate, &pair.certificate, found);
    let key = match secrets::resolve(&pair.key, &project.root) {
        Ok(resolved) => {
            found.extend(
                resolved.warning.map(|warning| project.source.error(&at_key, warning.to_string()).warning()),
            );
            let key = PrivateKeyDer::from_pem_slice(resolved.secret.expose());
            let help = "give a file that begins with -----BEGIN PRIVATE KEY-----";
            key.map_err(|_| {
                let message = format!("{} is no private key in PEM", pair.key);
                found.push(project.source.error(&at_key, message).help(help));
            })
            .ok()
        }
        Err(error) => {
            found.push(error.diagnostic(&project.source, &at_key));
            None
        }
    };
    let (chain, key) = (chain?, key?);
    look_at_times(project, &at_certificate, &pair.certificate, &chain, found);
    let (pointer, message, help) = match CertifiedKey::from_der(chain, key, provider) {
        Ok(certified) => return Some(Arc::new(certified)),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => (
            &at_key,
            format!("the key {} is not that of the certificate {}", pair.key, pair.certificate.display()),
            "give the key with which the certificate was asked for; the certificate comes first in its file, then those of its issuers",
        ),
        Err(Error::InvalidCertificate(error)) => (
            &at_certificate,
            format!("{} is no certificate that can be used: {error}", pair.certificate.display()),
            "give the certificate in PEM, then those of its issuers",
        ),
        Err(error) => (
            &at_key,
            format!("the key {} cannot be used: {error}", pair.key),
            "give a key of ECDSA (P-256 or P-384), Ed25519, or RSA of 2048 bits at least",
        ),
    };
    found.push(project.source.error(pointer, message).help(help));
    None
}

/// The certificates of a file, at least one.
fn chain(
    project: &Project,
    pointer: &str,
    file: &Path,
    found: &mut Diagnostics,
) -> Option<Vec<CertificateDer<'static>>> {
    let path = project.path(file);
    let problem = match std::fs::read(&path) {
        Ok(pem) => match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
            Ok(chain) if !chain.is_empty() => return Some(chain),
            Ok(_) | Err(_) => format!("{} holds no certificate in PEM", path.display()),
        },
        Err(error) => format!("the certificate {} cannot be read: {error}", path.display()),
    };
    let help = "give a file that begins with -----BEGIN CERTIFICATE-----";
    found.push(project.source.error(pointer, problem).help(help));
    None
}

/// Says which certificates are over, or soon will be, or have not begun.
fn look_at_times(
    project: &Project,
    pointer: &str,
    file: &Path,
    chain: &[CertificateDer<'_>],
    found: &mut Diagnostics,
) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    for der in chain {
        // One that cannot be parsed has an error of its own.
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { continue };
        let validity = certificate.validity();
        let (begin, end) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let subject = certificate.subject();
        let of = format!("the certificate of {subject} in {}", file.display());
        let message = if now > end {
            format!("{of} has ended: {}", validity.not_after)
        } else if now < begin {
            format!("{of} has not begun: {}", validity.not_before)
        } else if end.saturating_sub(now) < SOON_DAYS * DAY {
            format!("{of} ends within {SOON_DAYS} days: {}", validity.not_after)
        } else {
            continue;
        };
        let help = "renew it; the service takes the new one as soon as it is in the file";
        found.push(project.source.error(pointer, message).help(help).warning());
    }
}

/// Checks the certificates of clients; nothing if they show none, or if something is wrong.
fn verifier(
    project: &Project,
    at: &str,
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
    found: &mut Diagnostics,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let auth = tls.client_auth();
    let Some(file) = &tls.client_ca else {
        if auth != ClientAuth::None {
            let help = "give client_ca, the certificates of those who sign your clients' certificates";
            let pointer = format!("{at}/client_auth");
            found.push(project.source.error(&pointer, "no certificate of a client could be good").help(help));
        }
        return None;
    };
    let pointer = format!("{at}/client_ca");
    let authorities = chain(project, &pointer, file, found)?;
    look_at_times(project, &pointer, file, &authorities, found);
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        if let Err(error) = roots.add(authority) {
            let message = format!("{} holds a certificate that cannot be used: {error}", file.display());
            found.push(project.source.error(&pointer, message));
            return None;
        }
    }
    if auth == ClientAuth::None {
        let message = "client_ca has no effect, as clients are not asked for a certificate";
        let help = "set client_auth to optional or required, or remove client_ca";
        found.push(project.source.error(&pointer, message).help(help).warning());
        return None;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if auth == ClientAuth::Optional { builder.allow_unauthenticated() } else { builder };
    let problem = match builder.build() {
        Ok(verifier) => return Some(verifier),
        Err(error) => format!("{} cannot be used: {error}", file.display()),
    };
    found.push(project.source.error(&pointer, problem));
    None
}
