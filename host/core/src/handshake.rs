//! The questions by which a provider finds out, before it sends anything, whether a URL is its customer's.
//!
//! [`Handshake`] is what an operator writes, [`Handshaker`] the same with its secrets at hand. What comes is either no
//! handshake, or answered, or refused; nothing of it becomes an event.
//!
//! Threats: a caller who is not the provider, and has the host sign a text of its choice (Zoom and X are answered by an
//! HMAC under the very secret that their events are signed with), or show a page of its choice under the host's name.
//! Therefore:
//!
//! - Where the provider signs the question, it is verified first: whoever calls [`Handshaker::answer`] shows the proof.
//! - What goes back has few signs and is short: a page cannot be written in them, nor an event that the signature fits.
//! - X signs no question. What its events look like cannot be a token, and a body that could be one is no event.
//! - No address that a caller names is visited, unless the provider has signed it and the address is the provider's.

mod config;
mod question;
mod signed;
mod token;

use std::fmt;

use crate::secret::{Secret, SecretRef};
use crate::signature::{AwsSns, Request, Verified, VerifierError, Verify};

pub use config::{Cloudevents, Handshake, Meta, Websub};
pub(crate) use config::{by_name, by_name_schema};

/// What a request is, as far as handshakes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something else.
    None,
    /// A handshake, and this is the answer.
    Answer(Answer),
    /// A handshake that gets no answer.
    Refused(Refusal),
}

/// What a provider wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values of visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
    /// What the host is to do before it answers.
    pub then: Option<Then>,
}

/// What follows from a handshake.
#[derive(Clone, PartialEq, Eq)]
pub enum Then {
    /// Keep this secret, which events will be signed with, where the operator finds it.
    Keep(String),
    /// Call this address, and answer once it is done.
    Visit {
        /// It is the provider's.
        url: String,
        /// Whether it comes with the request, so that it may lead to the Internet alone.
        is_public: bool,
    },
}

/// Does not show the secret.
impl fmt::Debug for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep(_) => f.write_str("Keep(…)"),
            // It has a token that confirms a subscription.
            Self::Visit { .. } => f.write_str("Visit(…)"),
        }
    }
}

/// Why a handshake gets no answer. For the operator only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The provider proves who it is, and this caller has not.
    #[error("it is not signed as the provider does it")]
    Unproven,
    /// Something is there twice, of which each program may read another.
    #[error("a part of it is there more than once")]
    Repeated,
    /// The text that is to go back is empty, or has signs that no provider sends.
    #[error("what is to be answered is empty or has signs in it that the provider does not send")]
    Token,
    /// The text that is to go back is too long.
    #[error("what is to be answered is longer than the provider sends")]
    TooLong,
    /// It asks for something that config does not have: another origin, topic or token.
    #[error("it asks for what is not configured: check the origins, the topic or the verify_token")]
    Unknown,
    /// It is not what the provider's documentation has.
    #[error("it is not written as the provider does it")]
    Malformed,
}

impl Refusal {
    /// The name for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Repeated => "repeated",
            Self::Token => "token",
            Self::TooLong => "too-long",
            Self::Unknown => "unknown",
            Self::Malformed => "malformed",
        }
    }
}

/// A [`Handshake`] with its secrets. Its `Debug` does not show them.
#[derive(Clone, Debug)]
pub struct Handshaker {
    kind: Handshake,
    /// What Zoom and X are answered by, and what Meta sends along.
    secret: Option<Secret>,
    /// Whose messages Amazon SNS confirms.
    sns: Option<AwsSns>,
}

impl Handshaker {
    /// Reads the secret, where there is one. None if this webhook is asked nothing.
    ///
    /// # Errors
    /// The secret cannot be read or is none.
    pub fn try_new<E: std::error::Error + 'static>(
        verify: &Verify,
        given: Option<&Handshake>,
        resolve: impl Fn(&SecretRef) -> Result<Secret, E>,
    ) -> Result<Option<Self>, VerifierError<E>> {
        let Some(kind) = given.cloned().or_else(|| Handshake::of_scheme(verify)) else { return Ok(None) };
        let secret = match kind.secret(verify) {
            None => None,
            Some((key, reference)) => {
                let reference = reference.clone();
                match resolve(&reference) {
                    Err(source) => {
                        return Err(VerifierError::Unreadable { key: key.into(), reference, source });
                    }
                    Ok(secret) if secret.is_empty() => {
                        return Err(VerifierError::Empty { key: key.into(), reference });
                    }
                    Ok(secret) => Some(secret),
                }
            }
        };
        let sns = if let Verify::AwsSns(sns) = verify { Some(sns.clone()) } else { None };
        Ok(Some(Self { kind, secret, sns }))
    }

    /// The provider's name, as in config.
    pub fn provider(&self) -> &'static str {
        self.kind.name()
    }

    /// The methods besides POST by which the provider asks.
    pub fn methods(&self) -> &'static [&'static str] {
        match &self.kind {
            Handshake::Cloudevents(_) | Handshake::AzureEventGrid {} => &["OPTIONS"],
            Handshake::Dropbox {}
            | Handshake::Meta(_)
            | Handshake::Okta {}
            | Handshake::Websub(_)
            | Handshake::X {} => &["GET", "HEAD"],
            Handshake::None {}
            | Handshake::Asana {}
            | Handshake::AwsSns {}
            | Handshake::Discord {}
            | Handshake::Docusign {}
            | Handshake::MicrosoftGraph {}
            | Handshake::Slack {}
            | Handshake::Twitch {}
            | Handshake::Zoom {} => &[],
        }
    }

    /// Whether a question by a method other than POST proves who asks, as an event does.
    pub fn is_proven(&self) -> bool {
        matches!(self.kind, Handshake::Okta {})
    }

    /// Looks at a request. `proof` is what the webhook's verifier says of it: a request by POST, and each where
    /// [`Handshaker::is_proven`] says so, is verified first.
    pub fn answer(&self, request: &Request<'_>, proof: Option<&Verified>) -> Outcome {
        let judged = match request.method {
            "POST" => self.posted(request, proof),
            method if self.methods().contains(&method) => self.asked(request, proof),
            _ => Ok(None),
        };
        match judged {
            Ok(None) => Outcome::None,
            Ok(Some(answer)) => Outcome::Answer(answer),
            Err(refusal) => Outcome::Refused(refusal),
        }
    }
}

/// None for what is no handshake.
type Judged = Result<Option<Answer>, Refusal>;

impl Answer {
    fn new(status: u16, headers: Vec<(&'static str, String)>, body: String) -> Self {
        Self { status, headers, body, then: None }
    }

    /// A text that no browser takes for a page.
    fn text(text: String) -> Self {
        let headers =
            vec![("content-type", "text/plain".to_owned()), ("x-content-type-options", "nosniff".to_owned())];
        Self::new(200, headers, text)
    }

    fn json(body: &serde_json::Value) -> Self {
        Self::new(200, vec![("content-type", "application/json".to_owned())], body.to_string())
    }
}
