//! Why a plugin cannot be fetched or sent.

use std::error::Error;
use std::time::Duration;

/// Why a plugin cannot be fetched or sent. Each names the place.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nothing is there.
    #[error("there is nothing at {at}")]
    NotFound {
        /// The place.
        at: String,
    },
    /// It wants to know who asks.
    #[error("{at} refuses these credentials, or wants some")]
    Unauthorized {
        /// The place.
        at: String,
    },
    /// It answers that it cannot.
    #[error("{at} answers {status}")]
    Status {
        /// The place.
        at: String,
        /// The HTTP status.
        status: u16,
    },
    /// There is too much of it.
    #[error("what is at {at} has more than {limit} bytes, so it is no plugin")]
    TooLarge {
        /// The place.
        at: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Something else is there.
    #[error("what is at {at} is no WebAssembly component: {reason}")]
    NoComponent {
        /// The place.
        at: String,
        /// What it is.
        reason: String,
    },
    /// It takes too long.
    #[error("{at} takes more than {} s", limit.as_secs())]
    Slow {
        /// The place.
        at: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The machine has no randomness.
    #[error("failed to sign: the machine gives no random numbers")]
    Random,
    /// It cannot be reached, or breaks off.
    #[error("failed to talk to {at}")]
    Failed {
        /// The place.
        at: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl FetchError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => {
                "correct the address, or put the plugin there first (`stepmill plugin push`)"
            }
            Self::Unauthorized { .. } => {
                "give `auth`, such as { basic: { user: robot, password: env:REGISTRY_PASSWORD } }, with a right to read"
            }
            Self::TooLarge { .. } => "is it the right address? plugins are a few MiB at most",
            Self::NoComponent { .. } => "put a plugin there with `stepmill plugin push` or `wkg oci push`",
            Self::Status { .. } | Self::Slow { .. } | Self::Failed { .. } => {
                "try again when it can be reached from here"
            }
            Self::Random => "",
        }
    }
}
