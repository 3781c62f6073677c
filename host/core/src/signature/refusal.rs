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
    /// What was fetched is no key, or not one of the provider's of now.
    #[error("what is at the key's address is not a key of the provider's, or out of its time")]
    BadKey,
    /// The set has no key of this name and kind.
    #[error("the key set does not have the key: check that jwks is this issuer's")]
    UnknownKey,
    /// It is signed by the provider for another topic.
    #[error("the message is of another topic: check the ARN")]
    WrongTopic,
    /// The connection has shown no client certificate.
    #[error(
        "there is no client certificate: check that server.tls asks for one and that no proxy ends the connection"
    )]
    NoCertificate,
    /// The client certificate is another's, or out of its time.
    #[error("the client certificate is not one of this sender's: check sans, subjects and fingerprints")]
    WrongCertificate,
    /// The token is not what config asks for.
    #[error("a claim of the token is missing or other than config has it: check issuer, audience and claims")]
    WrongClaim,
    /// A plugin has another reason, which it says itself.
    #[error("the plugin does not believe it")]
    Other,
}

impl Refusal {
    /// Those that a plugin may have.
    pub const OF_PLUGINS: [Self; 13] = [
        Self::MissingHeader,
        Self::RepeatedHeader,
        Self::MalformedHeader,
        Self::MissingParameter,
        Self::RepeatedParameter,
        Self::MalformedParameter,
        Self::MalformedBody,
        Self::Mismatch,
        Self::TooOld,
        Self::TooNew,
        Self::UnknownKey,
        Self::WrongClaim,
        Self::Other,
    ];

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
            Self::BadKey => "bad-key",
            Self::UnknownKey => "unknown-key",
            Self::WrongTopic => "wrong-topic",
            Self::NoCertificate => "no-certificate",
            Self::WrongCertificate => "wrong-certificate",
            Self::WrongClaim => "wrong-claim",
            Self::Other => "other",
        }
    }
}
