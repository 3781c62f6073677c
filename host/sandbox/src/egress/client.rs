//! HTTP clients: pooled connections, resolution with an address check, and nothing that reqwest does on its
//! own account (redirects, proxies from the environment, cookies, referers).

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, redirect};
use tokio::net;

use super::address;

/// How long a connection is kept for the next request; most servers and balancers close after 60 s or more.
const IDLE: Duration = Duration::from_secs(45);
/// Idle connections that are kept per host.
const MAX_IDLE: usize = 32;
/// Bytes of a response's head in HTTP/2; HTTP/1 is capped by hyper.
const MAX_HEAD_BYTES: u32 = 64 << 10;

/// Which addresses a client connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any: the operator named the host, or said `private: true`.
    Any,
    /// Those of the Internet.
    Public,
}

/// A name resolved to an address that is not public.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name resolves to an address that is not public")]
pub(super) struct NotPublic(pub(super) IpAddr);

/// A name did not resolve.
#[derive(Debug, thiserror::Error)]
#[error("failed to resolve {name:?}")]
pub(super) struct Unresolved {
    name: String,
    #[source]
    source: Option<std::io::Error>,
}

/// Resolves and checks in one: the addresses that pass are the ones that are connected to, so an answer that
/// changes between a check and a connection ("DNS rebinding") gains nothing. One address that is not public
/// refuses the name as a whole.
#[derive(Debug)]
struct Resolver(Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let name = name.as_str();
            let unresolved = |source| Unresolved { name: name.to_owned(), source };
            // The port is the URL's: reqwest puts it in place of 0.
            let addresses: Vec<SocketAddr> =
                net::lookup_host((name, 0)).await.map_err(|error| unresolved(Some(error)))?.collect();
            if addresses.is_empty() {
                return Err(unresolved(None).into());
            }
            if reach == Reach::Public
                && let Some(private) = addresses.iter().find(|address| !address::is_public(address.ip()))
            {
                return Err(NotPublic(private.ip()).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The certificates in a PEM file; there may be none.
pub(super) fn certificates(pem: &[u8]) -> reqwest::Result<Vec<Certificate>> {
    Certificate::from_pem_bundle(pem)
}

/// Builds a client that trusts `authorities` only, or the platform's if the list is empty.
pub(super) fn build(
    reach: Reach,
    connect_timeout: Duration,
    authorities: Vec<Certificate>,
) -> reqwest::Result<Client> {
    // An error says that there is a provider already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .user_agent(concat!("stepmill/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http2_max_header_list_size(MAX_HEAD_BYTES)
            .dns_resolver(Arc::new(Resolver(reach)))
    };
    if !authorities.is_empty() {
        return builder().tls_certs_only(authorities).build();
    }
    // Without any authority on the machine, https fails for lack of trust and http works.
    builder().build().or_else(|error| {
        let error = &error as &dyn StdError;
        tracing::warn!(error, "no certificate authorities found: https will fail; install ca-certificates");
        builder().tls_certs_only([]).build()
    })
}

/// The first error of type `E` in a chain of causes.
pub(super) fn cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        link = error.source();
    }
    None
}

/// The innermost cause, which names what happened.
pub(super) fn root<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
