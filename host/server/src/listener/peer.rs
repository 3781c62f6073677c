//! Who has sent a request, as far as it is believed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Who has sent a request: an extension of each.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address: the connection's, or what a trusted proxy says.
    pub address: IpAddr,
    /// The certificate that it has shown, which one of `client_ca` has signed.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// Whether it has called by https, as far as is known.
    pub is_https: bool,
    /// The host that it has called, if a trusted proxy says so.
    pub host: Option<Arc<str>>,
}

/// A client's certificate, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// Its subject, such as `CN=shop, O=Acme`.
    pub subject: String,
    /// Its other names: of hosts, mailboxes, URIs and addresses.
    pub names: Vec<String>,
}

impl Peer {
    /// The URL by which a sender has called: below the public URL, if there is one, else with the host that it gives.
    pub fn called(&self, public_url: Option<&str>, headers: &HeaderMap, uri: &Uri) -> String {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if let Some(base) = public_url {
            return format!("{}{path}", base.trim_end_matches('/'));
        }
        let given = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = self.host.as_deref().or_else(|| uri.authority().map(|of| of.as_str())).or(given);
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}{path}", host.unwrap_or_default())
    }
}

impl ClientCertificate {
    /// What a certificate that was verified says.
    pub(super) fn read(der: CertificateDer<'static>) -> Self {
        // rustls has parsed it, so that this does not fail; if it did, it would have no names to be known by.
        let (subject, names) = X509Certificate::from_der(&der)
            .map(|(_, certificate)| (certificate.subject().to_string(), names(&certificate)))
            .unwrap_or_default();
        Self { subject, names, der }
    }
}

/// The names of a certificate besides its subject (RFC 5280, section 4.2.1.6).
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(found)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .ok()
            .map(|address| address.to_string()),
        GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    };
    found.value.general_names.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_that_was_called_is_the_public_one_else_what_is_believed_of_the_request() {
        let mut peer =
            Peer { address: IpAddr::from([127, 0, 0, 1]), certificate: None, is_https: false, host: None };
        let uri: Uri = "/orders?a=%2F&b".parse().expect("a target");
        let headers = HeaderMap::from_iter([(header::HOST, "hooks.test:81".parse().expect("a value"))]);
        assert_eq!(peer.called(None, &headers, &uri), "http://hooks.test:81/orders?a=%2F&b");
        assert_eq!(
            peer.called(Some("https://a.test/in/"), &headers, &uri),
            "https://a.test/in/orders?a=%2F&b"
        );
        let absolute: Uri = "https://b.test/orders".parse().expect("a URL");
        peer.is_https = true;
        assert_eq!(peer.called(None, &HeaderMap::new(), &absolute), "https://b.test/orders");
        peer.host = Some("c.test".into());
        assert_eq!(peer.called(None, &headers, &uri), "https://c.test/orders?a=%2F&b");
    }
}
