//! What ingress takes at once, and where senders reach it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_core::size;

/// What ingress takes at once, and where senders reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ingress {
    /// The URL under which senders call the listener `server.ingress`, such as `https://hooks.example.com`: a webhook's path
    /// follows it. Schemes that sign the URL need it. The `url` of `approvals` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// How many requests may be between their headers and their answer, before senders are told to come again (429); 2048 unless
    /// given.
    pub requests: u32,
    /// How much memory the bodies of these may take together, before senders are told to come again (429); 256MiB unless given.
    #[serde(with = "size")]
    #[schemars(with = "String")]
    pub bodies: u64,
}

impl Default for Ingress {
    fn default() -> Self {
        Self { public_url: None, requests: 2_048, bodies: 256 << 20 }
    }
}

impl Ingress {
    /// What is out of its bounds: the key, and a sentence.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if !(1..=1_000_000).contains(&self.requests) {
            found.push(("requests", format!("requests is {}: give 1 to 1000000", self.requests)));
        }
        let (least, most) = (1 << 20, 1 << 40);
        if !(least..=most).contains(&self.bodies) {
            let is = size::format(self.bodies);
            found.push((
                "bodies",
                format!("bodies is {is}: give {} to {}", size::format(least), size::format(most)),
            ));
        }
        found
    }
}
