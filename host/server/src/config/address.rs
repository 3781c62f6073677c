//! Addresses of listeners in config.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serializer, de};

pub(super) fn serialize<S: Serializer>(address: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        de::Error::custom(format_args!(
            "{text:?} is no address (expected IP:PORT such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080)"
        ))
    })
}
