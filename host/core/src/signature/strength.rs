//! How much a scheme proves, told from what it signs.

use super::config::Algorithm;
use super::recipe::{Method, Place, Recipe};
use super::{AwsSns, Jwt, Paypal, Verify};

/// Why a scheme is weak. One that has none of these is strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weakness {
    /// Anybody is believed.
    Open,
    /// A plugin says who is believed.
    ByPlugin,
    /// A token that goes along as it is.
    Token,
    /// The token is part of the URL.
    InUrl,
    /// SHA-1.
    Sha1,
    /// Nothing, or not all, of the body is signed.
    PartOfBody,
    /// No time is signed.
    NoTimestamp,
}

impl Weakness {
    /// The name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::ByPlugin => "by-plugin",
            Self::Token => "token",
            Self::InUrl => "in-url",
            Self::Sha1 => "sha1",
            Self::PartOfBody => "part-of-body",
            Self::NoTimestamp => "no-timestamp",
        }
    }

    /// What that means, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Open => "anybody who reaches the path is believed",
            Self::ByPlugin => {
                "a plugin says who is believed, and how much that proves cannot be told from here"
            }
            Self::Token => "the token goes along as it is, so that whoever sees a request can send any other",
            Self::InUrl => "the token is part of the URL, which programs on the way write into their logs",
            Self::Sha1 => "it signs by SHA-1",
            Self::PartOfBody => {
                "not all of the body is signed, so that whoever sees a request can change the rest"
            }
            Self::NoTimestamp => {
                "no time is signed, so that whoever sees a request can send it again once it is no longer recognised"
            }
        }
    }
}

impl Verify {
    /// Why it is weak, the worst first; empty for a strong one.
    pub fn weaknesses(&self) -> Vec<Weakness> {
        match self {
            Self::None {} => vec![Weakness::Open],
            Self::Plugin(_) => vec![Weakness::ByPlugin],
            // Its recipe is that of another kind of webhooks; standard ones sign some fields.
            Self::AwsSns(AwsSns { tolerance, .. }) => {
                tolerance.is_none().then_some(Weakness::NoTimestamp).into_iter().collect()
            }
            // A CRC of the body is signed: another body that it fits is soon found.
            Self::Paypal(Paypal { tolerance, .. }) => {
                let undated = tolerance.is_none().then_some(Weakness::NoTimestamp);
                [Weakness::PartOfBody].into_iter().chain(undated).collect()
            }
            Self::Jwt(Jwt { body_hash: None, .. }) => vec![Weakness::Token],
            Self::Jwt(_) | Self::Mtls(_) => Vec::new(),
            Self::Adyen(_) => vec![Weakness::PartOfBody, Weakness::NoTimestamp],
            _ => weaknesses(&self.recipes()),
        }
    }

    /// Whether it needs the URL under which the sender called.
    pub fn signs_url(&self) -> bool {
        self.recipes().iter().any(Recipe::covers_url)
    }
}

/// Those of any of the recipes.
pub(super) fn weaknesses(recipes: &[Recipe]) -> Vec<Weakness> {
    let mut found: Vec<_> = recipes.iter().flat_map(Recipe::weaknesses).collect();
    found.sort_unstable();
    found.dedup();
    found
}

impl Recipe {
    fn weaknesses(&self) -> Vec<Weakness> {
        let any = |is: &dyn Fn(Method) -> bool| self.signatures.iter().any(|signature| is(signature.method));
        let is_token = any(&|method| method == Method::Token);
        let in_url = self.signatures.iter().any(|signature| matches!(signature.at, Place::Query(_)));
        let all = [
            (is_token, Weakness::Token),
            (in_url, Weakness::InUrl),
            (any(&|method| method == Method::Hmac(Algorithm::Sha1)), Weakness::Sha1),
            (!is_token && !self.covers_body(), Weakness::PartOfBody),
            (!is_token && self.timestamp.is_none(), Weakness::NoTimestamp),
        ];
        all.into_iter().filter_map(|(is, weakness)| is.then_some(weakness)).collect()
    }
}
