//! What makes exchanges in place of the network: a test's cassette, or what was recorded of an attempt.

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use super::{Error, Response, Target};

/// Makes exchanges in place of the network. Policy, limits, redirects and records stay the egress's.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Answers one hop, which the step's grant covers. It is dropped when the request's or the attempt's time is
    /// over.
    ///
    /// # Errors
    /// What the guest is to be told in place of a response.
    async fn exchange(&self, sent: Sent) -> Result<Response, Error>;
}

/// One hop as it would have gone out.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The system that it goes to, if it is the step's.
    pub system: Option<String>,
    /// Method.
    pub method: String,
    /// What was asked for: by the guest, or by a redirect.
    pub target: Target,
    /// Where that is.
    pub url: Url,
    /// Headers as they were given, without credentials.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body, whole.
    pub body: Option<Bytes>,
}
