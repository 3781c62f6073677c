//! Networks as operators write them: `10.0.0.0/8`, `2001:db8::/32`, or one address (RFC 4632 and RFC 4291, section 2.3).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Network(IpNet);

impl Network {
    /// Whether every address of its kind is in it.
    pub fn is_everybody(&self) -> bool {
        self.0.prefix_len() == 0
    }

    /// Whether an address is in it. One of IPv4 that a socket of IPv6 shows as `::ffff:a.b.c.d` is the same address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if let Ok(address) = trimmed.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let net = trimmed.parse::<IpNet>().map_err(|_| no_network(text, trimmed))?;
        if net.addr() != net.network() {
            return Err(format!(
                "{text:?} is an address with the length of a network: write {} for the network, or {} for the address",
                net.trunc(),
                net.addr()
            ));
        }
        Ok(Self(net))
    }
}

/// What is wrong with a text, with what may have been meant.
fn no_network(text: &str, trimmed: &str) -> String {
    let (address, prefix) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    let meant = match (address.parse::<IpAddr>(), prefix.parse::<IpAddr>()) {
        // 10.0.0.0/255.0.0.0
        (Ok(address), Ok(mask)) => ipnet::ip_mask_to_prefix(mask)
            .ok()
            .and_then(|length| IpNet::new(address, length).ok())
            .map(|net| net.trunc().to_string()),
        (Ok(address), Err(_)) => Some(format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })),
        (Err(_), _) => shortened(address, prefix),
    };
    let meant = meant.map_or("10.0.0.0/8, 2001:db8::/32 or 203.0.113.7".into(), |meant| meant);
    format!("{text:?} is no network (expected one such as {meant})")
}

/// `10/8` and `192.168/16`, as some programs take them.
fn shortened(address: &str, prefix: &str) -> Option<String> {
    let given = address.split('.').filter(|part| part.parse::<u8>().is_ok()).count();
    let missing = 4_usize.checked_sub(given).filter(|_| given > 0 && address.split('.').count() == given)?;
    let whole = format!("{address}{}/{prefix}", ".0".repeat(missing));
    whole.parse::<IpNet>().ok().map(|net| net.to_string())
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn networks_and_addresses_are_read_and_contain_what_they_say() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8"),
            ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
        ] {
            let network: Network = text.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{text}");
            assert!(!network.contains(outside.parse().unwrap()), "{text}");
            assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }
    }

    #[test]
    fn what_is_no_network_is_told_with_what_may_have_been_meant() {
        for (text, meant) in [
            ("10.0.0.5/8", "write 10.0.0.0/8 for the network, or 10.0.0.5 for the address"),
            ("10/8", "expected one such as 10.0.0.0/8)"),
            ("192.168/16", "expected one such as 192.168.0.0/16)"),
            ("10.0.0.0/255.0.0.0", "expected one such as 10.0.0.0/8)"),
            ("10.0.0.0/33", "expected one such as 10.0.0.0/32)"),
            ("example.com", "expected one such as 10.0.0.0/8, 2001:db8::/32 or 203.0.113.7)"),
            ("", "expected one such as"),
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.contains(meant), "{text}: {error}");
        }
    }
}
