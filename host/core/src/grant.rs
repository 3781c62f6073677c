//! What a connector step may reach: config that allows, checked at egress.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that one step may reach. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The system that relative paths go to and whose credentials are added.
    pub system: Option<String>,
    /// Further targets, without credentials.
    pub allow: Vec<Allow>,
    /// How many redirects are followed, each checked again; 0 answers them to the guest.
    pub redirects: u8,
    /// Namespace of plugin storage: the workflow's name unless config shares one.
    pub namespace: String,
}

/// One target outside the step's system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// A URL prefix such as `https://api.example.com/v1/`: scheme, host and port must be equal, the
    /// path must begin with this one at a segment's border.
    pub url: String,
    /// Methods; empty for all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Whether the host's name may resolve to a private, loopback or link-local address.
    #[serde(default)]
    pub private: bool,
}
