//! What a trusted proxy says of the request that it passes on: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC 7239).
//!
//! Only one of the two is read, the one that config names: a proxy that writes one passes the other on as its
//! sender wrote it.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use stepmill_core::network::Network;

use super::peer::Peer;
use crate::config::ForwardedBy;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Most hops that are looked at.
const HOPS: usize = 32;

/// Takes over what the proxy says, which is trusted.
pub(super) fn believe(peer: &mut Peer, headers: &HeaderMap, by: ForwardedBy, trusted: &[Network]) {
    match by {
        ForwardedBy::XForwarded => {
            if let Some(address) = caller(listed(headers, &FOR).map(address), trusted) {
                peer.address = address;
            }
            // Of several, the last is the one that the proxy at hand has written.
            if let Some(scheme) = listed(headers, &PROTO).next() {
                peer.is_https = scheme.eq_ignore_ascii_case("https");
            }
            if let Some(host) = listed(headers, &HOST).next() {
                peer.host = Some(host.into());
            }
        }
        ForwardedBy::Forwarded => {
            let hop = |element| parameter(element, "for").and_then(address);
            if let Some(address) = caller(listed(headers, &header::FORWARDED).map(hop), trusted) {
                peer.address = address;
            }
            let Some(element) = listed(headers, &header::FORWARDED).next() else { return };
            if let Some(scheme) = parameter(element, "proto") {
                peer.is_https = scheme.eq_ignore_ascii_case("https");
            }
            if let Some(host) = parameter(element, "host") {
                peer.host = Some(host.into());
            }
        }
    }
}

/// The elements of a header that is a list, the last first.
fn listed<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values
        .into_iter()
        .rev()
        .flat_map(|value| split(value, ',').into_iter().rev())
        .filter(|element| !element.is_empty())
}

/// The first hop, from here, that is none of ours. Behind one that cannot be told nothing is believed.
fn caller(hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[Network]) -> Option<IpAddr> {
    let mut last = None;
    for hop in hops.take(HOPS) {
        let Some(address) = hop else { break };
        last = Some(address);
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
    }
    last
}

/// An address, also with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// A parameter of an element of `Forwarded`.
fn parameter<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    split(element, ';').into_iter().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Splits where the separator is not quoted.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let parts = text.split(move |c: char| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    parts.map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn believed(by: ForwardedBy, headers: &[(&'static str, &'static str)]) -> (String, bool, Option<String>) {
        let trusted: Vec<Network> = ["10.0.0.0/8", "2001:db8:ffff::/48"]
            .iter()
            .map(|text| text.parse().expect("a network"))
            .collect();
        let mut peer =
            Peer { address: IpAddr::from([10, 0, 0, 1]), certificate: None, is_https: false, host: None };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        believe(&mut peer, &map, by, &trusted);
        (peer.address.to_string(), peer.is_https, peer.host.map(|host| host.to_string()))
    }

    #[test]
    fn the_caller_is_the_last_hop_that_is_no_proxy_of_ours() {
        for (list, caller) in [
            ("203.0.113.7", "203.0.113.7"),
            ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
            ("198.51.100.1, 203.0.113.7, 10.0.0.3, 10.0.0.2", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("10.0.0.3,10.0.0.2", "10.0.0.3"),
            ("203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(believed(ForwardedBy::XForwarded, &[("x-forwarded-for", list)]).0, caller, "{list}");
        }
        let lines = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "198.51.100.1, 10.0.0.2")];
        assert_eq!(believed(ForwardedBy::XForwarded, &lines).0, "198.51.100.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        for (list, caller) in [
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=192.0.2.60, for=\"[2001:db8:ffff::1]\"", "192.0.2.60"),
            ("for=192.0.2.60, for=_hidden", "10.0.0.1"),
            ("by=\"a,b;for=1.1.1.1\";for=192.0.2.60", "192.0.2.60"),
        ] {
            assert_eq!(believed(ForwardedBy::Forwarded, &[("forwarded", list)]).0, caller, "{list}");
        }
        let list = "for=192.0.2.1;proto=http;host=a.test, for=10.0.0.2;proto=https;host=\"b.test:81\"";
        let (_, is_https, host) = believed(ForwardedBy::Forwarded, &[("forwarded", list)]);
        assert_eq!((is_https, host.as_deref()), (true, Some("b.test:81")));
    }

    #[test]
    fn only_the_header_that_the_proxy_writes_is_read() {
        let both = [
            ("x-forwarded-for", "203.0.113.7"),
            ("forwarded", "for=198.51.100.1;proto=https;host=evil.test"),
            ("x-forwarded-proto", "http, https"),
            ("x-forwarded-host", "hooks.test"),
        ];
        let (address, is_https, host) = believed(ForwardedBy::XForwarded, &both);
        assert_eq!((&*address, is_https, host.as_deref()), ("203.0.113.7", true, Some("hooks.test")));
        assert_eq!(believed(ForwardedBy::Forwarded, &both).0, "198.51.100.1");
    }
}
