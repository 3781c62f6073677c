//! Why a request is not believed.

/// Why a request is not believed. For the operator only: a sender is told no more than that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// A header of the scheme is not there.
    #[error("a header of the signature is missing: check that the sender signs, and by this scheme")]
    MissingHeader,
    /// A header of the scheme is there more than once.
    #[error("a header of the signature is there more than once: look for a proxy that adds it")]
    RepeatedHeader,
    /// A header of the scheme is not written as the scheme has it.
    #[error("a header of the signature is malformed: check that the sender uses this scheme")]
    MalformedHeader,
    /// A parameter of the query that the scheme needs is not there.
    #[error("a parameter of the signature is missing in the query: check the URL that the sender was given")]
    MissingParameter,
    /// A parameter of the query that the scheme needs is there more than once.
    #[error("a parameter of the signature is there more than once in the query")]
    RepeatedParameter,
    /// A parameter of the query that the scheme needs is empty.
    #[error("a parameter of the signature is empty in the query: check the URL that the sender was given")]
    MalformedParameter,
    /// What the scheme needs of the body is not there, or not once: the body is no JSON, or another event.
    #[error("the body lacks what the scheme needs of it: check that the sender uses this scheme")]
    MalformedBody,
    /// The signature is not that of the request under any accepted secret.
    #[error("the signature does not fit: check the secret")]
    Mismatch,
    /// The timestamp is too far back: a replay, or a wrong clock.
    #[error("the signature is too old: check both clocks")]
    TooOld,
    /// The timestamp is too far ahead.
    #[error("the signature is of the future: check both clocks")]
    TooNew,
    /// The key that the signature is made with could not be had.
    #[error("the key of the signature could not be fetched")]
    NoKey,
}

impl Refusal {
    /// The name for metrics and vectors.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingHeader => "missing-header",
            Self::RepeatedHeader => "repeated-header",
            Self::MalformedHeader => "malformed-header",
            Self::MissingParameter => "missing-parameter",
            Self::RepeatedParameter => "repeated-parameter",
            Self::MalformedParameter => "malformed-parameter",
            Self::MalformedBody => "malformed-body",
            Self::Mismatch => "mismatch",
            Self::TooOld => "too-old",
            Self::TooNew => "too-new",
            Self::NoKey => "no-key",
        }
    }
}
