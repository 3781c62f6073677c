//! Who has sent a request, as far as it is believed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use rustls::pki_types::CertificateDer;

/// Who has sent a request: an extension of each.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address: the connection's, or what a trusted proxy says.
    pub address: IpAddr,
    /// The certificate that it has shown, which one of `client_ca` has signed.
    pub certificate: Option<Arc<CertificateDer<'static>>>,
    /// Whether it has called by https, as far as is known.
    pub is_https: bool,
    /// The host that it has called, if a trusted proxy says so.
    pub host: Option<Arc<str>>,
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
