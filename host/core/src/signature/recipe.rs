//! What a scheme is made of: where its signatures stand, and what they sign. Data, so that a scheme that
//! differs from another in data only is a line in a table.

use std::borrow::Cow;
use std::fmt;

use super::config::{Algorithm, Encoding};

/// A name or a text of a recipe: a constant of a preset, or what an operator wrote.
pub(super) type Text = Cow<'static, str>;

/// How a request proves itself.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// What is there when this recipe is meant; the first signature unless given.
    pub when: Option<Place>,
    /// The signatures. One that fits one key is enough.
    pub signatures: Vec<Signature>,
    /// When it was signed.
    pub timestamp: Option<Timestamp>,
    /// What together is the provider's id of the event or of its delivery.
    pub id: Vec<Place>,
    /// What is signed, one after the other; nothing by tokens.
    pub signed: Vec<Part>,
    /// Where the SHA-256 of the body stands in hexadecimal, if the signature covers that in place of the body.
    pub digest: Option<Place>,
}

/// Where signatures of one kind stand.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// The place.
    pub at: Place,
    /// What they are made by.
    pub method: Method,
    /// How they are written.
    pub written: Written,
}

/// When a request was signed.
#[derive(Clone, Debug)]
pub(super) struct Timestamp {
    /// The place.
    pub at: Place,
    /// How it is written.
    pub unit: Unit,
}

/// Somewhere in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A header, after a prefix in either case.
    Header {
        /// The name.
        name: Text,
        /// What stands before the value.
        prefix: Text,
    },
    /// A header with a list of named values, such as `t=1,v1=ab,v1=cd`.
    Listed {
        /// The name of the header.
        header: Text,
        /// What stands between two of the list.
        between: u8,
        /// What stands between name and value.
        after: u8,
        /// The name of the value.
        key: Text,
    },
    /// Headers with a number from 1 at the end of their name, without gaps.
    Numbered {
        /// What stands before the number.
        header: Text,
        /// The highest number.
        most: u8,
    },
    /// A parameter of the query.
    Query(Text),
    /// A text in the body, which is JSON.
    Text(&'static [&'static str]),
    /// A whole number in the body, which is JSON.
    Number(&'static [&'static str]),
}

/// What a signature is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An HMAC (RFC 2104) under the secret.
    Hmac(Algorithm),
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256, as ASN.1 has it (RFC 3279 section 2.2.3).
    EcdsaP256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017).
    RsaPkcs1Sha256,
    /// RSASSA-PSS with SHA-256 (RFC 8017).
    RsaPssSha256,
    /// The secret itself.
    Token,
}

impl Method {
    /// What it is called, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hmac(_) => "an HMAC",
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256 => "ECDSA over P-256",
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => "RSA",
            Self::Token => "a token",
        }
    }
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// As bytes.
    In(Encoding),
    /// As it is.
    Plain,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds since the Unix epoch.
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
}

/// A part of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Always the same.
    Literal(Text),
    /// The id.
    Id,
    /// The timestamp as it is written.
    Timestamp,
    /// The method.
    Method,
    /// The URL as the sender called it.
    Url,
    /// The same with the characters decoded that HubSpot decodes.
    DecodedUrl,
    /// The URL's path.
    Path,
    /// The body as it came.
    Body,
    /// The SHA-256 of the body in hexadecimal.
    BodySha256,
    /// The body's form parameters by name, each name followed by its value.
    Form,
    /// What stands at a place.
    At(Place),
}

impl Recipe {
    /// Whether it covers the whole body.
    pub fn covers_body(&self) -> bool {
        let covers = |part: &Part| matches!(part, Part::Body | Part::BodySha256 | Part::Form);
        self.digest.is_some() || self.signed.iter().any(covers)
    }

    /// Whether it covers the URL under which the sender called.
    pub fn covers_url(&self) -> bool {
        self.signed.iter().any(|part| matches!(part, Part::Url | Part::DecodedUrl))
    }
}

/// As operators write it in `signed`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Literal(text) => text,
            Self::Id => "{id}",
            Self::Timestamp => "{timestamp}",
            Self::Method => "{method}",
            Self::Url | Self::DecodedUrl => "{url}",
            Self::Path => "{path}",
            Self::Body => "{body}",
            Self::BodySha256 => "{body_sha256}",
            Self::Form => "{form}",
            Self::At(place) => return write!(f, "{{{place}}}"),
        })
    }
}

/// For people.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, .. } => f.write_str(name),
            Self::Listed { header, key, .. } => write!(f, "{key} of {header}"),
            Self::Numbered { header, .. } => write!(f, "{header}1"),
            Self::Query(name) => write!(f, "?{name}"),
            Self::Text(path) | Self::Number(path) => write!(f, "body.{}", path.join(".")),
        }
    }
}
