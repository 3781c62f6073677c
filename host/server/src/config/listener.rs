//! How the listeners take connections, and whom they believe.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_core::secret::SecretRef;
use stepmill_core::{duration, size};

/// TLS of a listener, 1.2 and 1.3. The files are read again by a reload and when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// File with the certificate (PEM) and those between it and its authority, relative to this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM: PKCS #8, PKCS #1 or SEC 1), such as `file:tls/key.pem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// In place of the two: several. A client is shown the first that has the name which it calls, else the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// File with the certificates (PEM) of those who sign the certificates of clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// Whether clients show a certificate; `required` with `client_ca`, else `none`, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// File with the certificate (PEM) and those between it and its authority, relative to this file.
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: SecretRef,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked for one.
    None,
    /// They are asked; one that is shown must be good.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

impl Tls {
    /// The certificates with their keys, each with the pointer to where it stands below `tls`.
    pub fn pairs(&self) -> Vec<(String, Certificate)> {
        let only = self.certificate.clone().zip(self.key.clone());
        let only = only.map(|(certificate, key)| (String::new(), Certificate { certificate, key }));
        let several = self.certificates.iter().enumerate();
        only.into_iter()
            .chain(several.map(|(at, pair)| (format!("/certificates/{at}"), pair.clone())))
            .collect()
    }

    /// Whether clients show a certificate.
    pub fn client_auth(&self) -> ClientAuth {
        let by_default = if self.client_ca.is_some() { ClientAuth::Required } else { ClientAuth::None };
        self.client_auth.unwrap_or(by_default)
    }

    /// The files that are read.
    pub fn files(&self) -> Vec<PathBuf> {
        let of_pair = |(_, pair): (String, Certificate)| {
            let key = match pair.key {
                SecretRef::File(path) => Some(path),
                SecretRef::Env(_) => None,
            };
            [Some(pair.certificate), key].into_iter().flatten()
        };
        self.pairs().into_iter().flat_map(of_pair).chain(self.client_ca.clone()).collect()
    }
}

/// The header by which trusted proxies say for whom they call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Limits of the connections of each listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Connections {
    /// How many there may be; 8192 unless given, and fewer where the process may not open as many files. Beyond, the one that has
    /// been idle for longest is closed; if none is, the new one is answered 503.
    pub max: u32,
    /// How many of these one address may have, or one network of 64 bits of IPv6; 1024 unless given. It does not count for trusted
    /// proxies.
    pub per_address: u32,
    /// How long TLS may take, and a request's headers from their first byte; 10s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub headers: Duration,
    /// How long a whole body may take; 30s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub body: Duration,
    /// The least pace of a body after its first 5 seconds, in bytes a second, such as `1KiB`; that unless given.
    #[serde(with = "size")]
    #[schemars(with = "String")]
    pub body_rate: u64,
    /// How long a connection may be without a request; 75s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub idle: Duration,
    /// How long an answer may wait to be taken; 30s unless given.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub write: Duration,
    /// How long a request's first line and headers may be together; 32KiB unless given.
    #[serde(with = "size")]
    #[schemars(with = "String")]
    pub header_bytes: u64,
    /// How many headers a request may have; 100 unless given, which is the most.
    pub header_count: u32,
    /// How many requests a connection of HTTP/2 may have at once; 128 unless given.
    pub streams: u32,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            max: 8_192,
            per_address: 1_024,
            headers: Duration::from_secs(10),
            body: Duration::from_secs(30),
            body_rate: 1 << 10,
            // Longer than the 60 s of the usual proxies, so that it is they who close (nginx' upstream keepalive_timeout).
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            header_bytes: 32 << 10,
            header_count: 100,
            streams: 128,
        }
    }
}

impl Connections {
    /// What is out of its bounds: the key, and a sentence.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        let numbers = [
            ("max", u64::from(self.max), 16, 1_000_000),
            ("per_address", self.per_address.into(), 1, 1_000_000),
            ("header_count", self.header_count.into(), 16, 100),
            ("streams", self.streams.into(), 1, 1_000),
        ];
        let sizes = [
            ("body_rate", self.body_rate, 1, 1 << 30),
            ("header_bytes", self.header_bytes, 4 << 10, 256 << 10),
        ];
        let times = [
            ("headers", self.headers, ms(100), s(120)),
            ("body", self.body, ms(100), s(3_600)),
            ("idle", self.idle, ms(100), s(3_600)),
            ("write", self.write, ms(100), s(3_600)),
        ];
        let shown = |time: Duration| humantime::format_duration(time).to_string();
        let numbers = numbers.map(|(key, is, least, most)| {
            (key, (least..=most).contains(&is), is.to_string(), least.to_string(), most.to_string())
        });
        let sizes = sizes.map(|(key, is, least, most)| {
            (key, (least..=most).contains(&is), size::format(is), size::format(least), size::format(most))
        });
        let times = times.map(|(key, is, least, most)| {
            (key, (least..=most).contains(&is), shown(is), shown(least), shown(most))
        });
        (numbers.into_iter().chain(sizes).chain(times))
            .filter(|(_, is_within, ..)| !is_within)
            .map(|(key, _, is, least, most)| (key, format!("{key} is {is}: give {least} to {most}")))
            .collect()
    }
}
