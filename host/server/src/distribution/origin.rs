//! Where a plugin comes from, read from its config.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use oci_client::Reference;
use url::{Host, Url};

use crate::config::{Plugin, pointer};
use crate::diagnostic::{Diagnostic, Source};

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, as config writes its path.
    File(PathBuf),
    /// An address.
    Url(Url),
    /// An artefact in an OCI registry.
    Oci {
        /// Registry, repository, and tag or digest.
        reference: Reference,
        /// Whether the registry is spoken to without TLS.
        plain_http: bool,
    },
}

/// Why a text names no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidOrigin {
    /// The key that is wrong; empty for the plugin as a whole.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: &'static str,
}

impl InvalidOrigin {
    /// The error at its place in `stepmill.yaml`.
    pub fn diagnostic(&self, source: &Source, name: &str) -> Diagnostic {
        let at = pointer(&["plugins", name]);
        if self.key.is_empty() {
            return source.error_at_key(&at, self.message.clone()).help(self.help);
        }
        source.error(&format!("{at}/{}", self.key), self.message.clone()).help(self.help)
    }
}

const ONE: &str = "give one of path (a file), url (https://…) and oci (registry/repository:tag)";
const URL: &str = "give one such as https://plugins.example.com/pricing-1.2.0.wasm";
const OCI: &str = "give registry, repository and tag, such as registry.example.com/acme/pricing:1.2.0";
const LOOPBACK: &str =
    "plain_http is for a registry or server on this machine, such as 127.0.0.1:5000; others need TLS";

impl Origin {
    /// What a plugin's config says.
    ///
    /// # Errors
    /// It says nothing, two things, or something that is none.
    pub fn of(plugin: &Plugin) -> Result<Self, InvalidOrigin> {
        if plugin.ca.is_some() && plugin.path.is_some() {
            return Err(invalid("ca", "a file is fetched from nowhere", "remove ca"));
        }
        if plugin.ca.is_some() && plugin.plain_http {
            return Err(invalid(
                "ca",
                "without TLS there is no certificate to sign",
                "remove ca or plain_http",
            ));
        }
        match (&plugin.path, &plugin.url, &plugin.oci) {
            (Some(path), None, None) => match (plugin.plain_http, &plugin.auth) {
                (false, None) => Ok(Self::File(path.clone())),
                (true, _) => {
                    Err(invalid("plain_http", "a file is fetched from nowhere", "remove plain_http"))
                }
                (false, Some(_)) => Err(invalid("auth", "a file is fetched from nowhere", "remove auth")),
            },
            (None, Some(url), None) => Self::url(url, plugin.plain_http),
            (None, None, Some(reference)) => Self::oci(reference, plugin.plain_http),
            (None, None, None) => Err(invalid("", "the plugin comes from nowhere", ONE)),
            _ => Err(invalid("", "the plugin comes from two places", ONE)),
        }
    }

    /// What somebody wrote on the command line: a file, an address, or a reference to a registry.
    ///
    /// # Errors
    /// It is an address or a reference that is none.
    pub fn parse(text: &str, plain_http: bool) -> Result<Self, InvalidOrigin> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Self::url(text, plain_http);
        }
        if let Some(reference) = text.strip_prefix("oci://") {
            return Self::oci(reference, plain_http);
        }
        let path = Path::new(text);
        if path.exists() || path.extension().is_some_and(|extension| extension == "wasm") {
            return Ok(Self::File(path.to_owned()));
        }
        Self::oci(text, plain_http)
    }

    fn url(text: &str, plain_http: bool) -> Result<Self, InvalidOrigin> {
        let wrong = |message: String| invalid("url", message, URL);
        let url = Url::parse(text).map_err(|error| wrong(format!("this is no URL: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            // The text is not shown: the password is in it.
            let message = "the URL holds a user or a password";
            return Err(invalid("url", message, "give them as references in `auth`"));
        }
        match (url.scheme(), plain_http) {
            ("https", false) => Ok(Self::Url(url)),
            ("https", true) => {
                Err(invalid("plain_http", "the address has TLS already (https)", "remove plain_http"))
            }
            ("http", true) if url.host().is_some_and(|host| is_loopback(&host)) => Ok(Self::Url(url)),
            ("http", true) => Err(invalid("plain_http", format!("{text} is not on this machine"), LOOPBACK)),
            ("http", false) => {
                Err(wrong(format!("{text} has no TLS, so anybody on the way could replace the plugin")))
            }
            _ => Err(wrong(format!("{text:?} is no https URL"))),
        }
    }

    fn oci(text: &str, plain_http: bool) -> Result<Self, InvalidOrigin> {
        let wrong = |message: String| invalid("oci", message, OCI);
        let reference: Reference =
            text.parse().map_err(|error| wrong(format!("{text:?} is no reference: {error}")))?;
        // Without a host, Docker's tools would ask docker.io: that is a guess, and not ours to make.
        let host = text.split_once('/').map_or("", |(host, _)| host);
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(wrong(format!("{text:?} names no registry")));
        }
        let name = text.rsplit('/').next().unwrap_or_default();
        if reference.digest().is_none() && !name.contains(':') {
            return Err(wrong(format!("{text:?} has neither tag nor digest")));
        }
        let loopback = Url::parse(&format!("http://{host}"))
            .ok()
            .and_then(|url| url.host().map(|host| is_loopback(&host)));
        if plain_http && loopback != Some(true) {
            return Err(invalid("plain_http", format!("{host} is not on this machine"), LOOPBACK));
        }
        Ok(Self::Oci { reference, plain_http })
    }

    /// The key of config that says it.
    pub fn key(&self) -> &'static str {
        match self {
            Self::File(_) => "path",
            Self::Url(_) => "url",
            Self::Oci { .. } => "oci",
        }
    }

    /// Whether it has to be fetched.
    pub fn is_remote(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Url(_) | Self::Oci { .. } => true,
        }
    }
}

/// As `stepmill.lock` and errors say it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => write!(f, "{url}"),
            Self::Oci { reference, .. } => write!(f, "oci://{}", reference.whole()),
        }
    }
}

fn invalid(key: &'static str, message: impl Into<String>, help: &'static str) -> InvalidOrigin {
    InvalidOrigin { key, message: message.into(), help }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    fn said(plugin: Plugin) -> Result<String, (&'static str, String)> {
        Origin::of(&plugin).map(|origin| origin.to_string()).map_err(|wrong| (wrong.key, wrong.message))
    }

    fn at(oci: Option<&str>, url: Option<&str>, plain_http: bool) -> Plugin {
        Plugin { oci: oci.map(Into::into), url: url.map(Into::into), plain_http, ..Plugin::default() }
    }

    #[test]
    fn an_origin_is_a_file_an_https_address_or_a_whole_reference() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for right in ["registry.example.com/acme/pricing:1.2.0", "localhost:5000/pricing:1", "ghcr.io/a/b:c"]
        {
            assert_eq!(said(at(Some(right), None, false)).unwrap(), format!("oci://{right}"));
        }
        assert!(said(at(Some(&format!("ghcr.io/a/b@{digest}")), None, false)).is_ok());
        assert!(said(at(Some("127.0.0.1:5000/pricing:1"), None, true)).is_ok());
        assert!(said(at(None, Some("https://example.com/a.wasm"), false)).is_ok());
        assert!(said(at(None, Some("http://[::1]:7/a.wasm"), true)).is_ok());
        let wrong = [
            (at(None, None, false), "", "comes from nowhere"),
            (at(Some("ghcr.io/a/b:c"), Some("https://a/b"), false), "", "two places"),
            (at(Some("acme/pricing:1"), None, false), "oci", "names no registry"),
            (at(Some("ghcr.io/acme/pricing"), None, false), "oci", "neither tag nor digest"),
            (at(Some("localhost:5000/pricing"), None, false), "oci", "neither tag nor digest"),
            (at(Some("ghcr.io/acme/Pricing:1"), None, false), "oci", "is no reference"),
            (at(Some("ghcr.io/acme/pricing:1"), None, true), "plain_http", "not on this machine"),
            (at(None, Some("http://127.0.0.1/a.wasm"), false), "url", "no TLS"),
            (at(None, Some("http://example.com/a.wasm"), true), "plain_http", "not on this machine"),
            (at(None, Some("http://127.0.0.1.example.com/a"), true), "plain_http", "not on this machine"),
            (at(None, Some("https://user:hunter2@example.com/a"), false), "url", "holds a user"),
            (at(None, Some("ftp://example.com/a"), false), "url", "no https URL"),
        ];
        for (plugin, key, part) in wrong {
            let (at, message) = said(plugin).unwrap_err();
            assert!(at == key && message.contains(part) && !message.contains("hunter2"), "{at}: {message}");
        }
    }
}
