//! What a scheme's config must hold, beyond what its type says.

use std::borrow::Cow;
use std::time::Duration;

use super::{ApiKey, EitherKey, Gitlab, Hmac, Verify};
use crate::signature::recipe::Part;

/// Longest time that a signed one may be from now.
const TOLERANCE_MAX: Duration = Duration::from_secs(24 * 3600);

/// A key of the config, and what is wrong with it.
pub type Problem = (&'static str, String);

impl Verify {
    /// What is wrong, by the key of the config; empty for the scheme as a whole.
    pub fn problems(&self) -> Vec<(Cow<'static, str>, String)> {
        let mut problems = self.own_problems();
        let tolerance = self.parts().tolerance;
        if tolerance.is_some_and(|tolerance| tolerance.is_zero() || tolerance > TOLERANCE_MAX) {
            problems.push(("tolerance", "the tolerance is zero or over a day: give one such as 5m".into()));
        }
        let of_keys = if let Self::Plugin(plugin) = self { plugin.key_problems() } else { Vec::new() };
        let of_scheme = problems.into_iter().map(|(key, why)| (Cow::Borrowed(key), why));
        of_scheme.chain(of_keys.into_iter().map(|(key, why)| (Cow::Owned(key), why))).collect()
    }

    fn own_problems(&self) -> Vec<Problem> {
        match self {
            Self::StandardWebhooks(either) | Self::Svix(either) => either.problems(),
            Self::Gitlab(gitlab) => gitlab.problems(),
            Self::Hmac(hmac) => hmac.problems(),
            Self::AwsSns(sns) => sns.problems(),
            Self::Jwt(jwt) => jwt.problems(),
            Self::Mtls(mtls) => mtls.problems(),
            Self::Paypal(paypal) => paypal.problems(),
            Self::ApiKey(api_key) => api_key.problems(),
            Self::Basic(basic) if basic.user.is_empty() || basic.user.contains(':') => {
                vec![("user", "the user is empty or has a colon in it, which RFC 7617 does not allow".into())]
            }
            _ => Vec::new(),
        }
    }

    /// The names of headers that it was given.
    pub fn headers(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Hmac(hmac) => {
                let timestamp = hmac.timestamp.as_ref().map(|at| ("timestamp/header", &*at.header));
                let id = hmac.id.as_deref().map(|id| ("id", id));
                std::iter::once(("header", &*hmac.header)).chain(timestamp).chain(id).collect()
            }
            Self::Jwt(jwt) => jwt.header.as_deref().map(|name| ("header", name)).into_iter().collect(),
            Self::ApiKey(api_key) => {
                api_key.header.as_deref().map(|name| ("header", name)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

impl EitherKey {
    fn problems(&self) -> Vec<Problem> {
        if self.secret.is_some() || self.public_key.is_some() {
            return Vec::new();
        }
        vec![("", "there is no key: give the secret (whsec_…), or the public_key (whpk_…)".into())]
    }
}

impl Gitlab {
    fn problems(&self) -> Vec<Problem> {
        let why = match (&self.secret, &self.signing_token) {
            (None, None) => "there is no key: give the signing_token (whsec_…), or else the secret",
            (Some(_), Some(_)) => {
                "secret and signing_token are two ways: remove secret, which is the weaker one"
            }
            (Some(_), None) if self.tolerance.is_some() => {
                "tolerance is of no use without a signing_token: remove it"
            }
            (Some(_), None) | (None, Some(_)) => return Vec::new(),
        };
        vec![("", why.into())]
    }
}

impl Hmac {
    fn problems(&self) -> Vec<Problem> {
        let signed = self.signed.clone().unwrap_or_default();
        let has = |part: &Part| signed.parts().contains(part);
        let mut problems = Vec::new();
        match (&self.timestamp, has(&Part::Timestamp)) {
            (None, true) => problems.push((
                "signed",
                "signed has {timestamp} in it, and no timestamp is given: say where it stands, such as \
                 timestamp: { header: X-Timestamp }"
                    .into(),
            )),
            (Some(_), false) => problems.push((
                "timestamp",
                "the timestamp is not signed, so that anybody could renew it: write {timestamp} in signed, as the \
                 sender does, or remove it"
                    .into(),
            )),
            (None, false) | (Some(_), true) => {}
        }
        if has(&Part::Id) && self.id.is_none() {
            let why =
                "signed has {id} in it, and no id is given: say which header it is, such as id: X-Request-Id";
            problems.push(("signed", why.into()));
        }
        if self.tolerance.is_some() && self.timestamp.is_none() {
            problems.push(("tolerance", "tolerance is of no use without a timestamp: remove it".into()));
        }
        problems
    }
}

impl ApiKey {
    fn problems(&self) -> Vec<Problem> {
        match (&self.header, self.query.as_deref()) {
            (None, None) => vec![(
                "",
                "there is no place for the key: give the name of a header, or else of a query".into(),
            )],
            (Some(_), Some(_)) => {
                vec![("query", "the key is in the header or in the query: remove one of the two".into())]
            }
            (None, Some("")) => vec![("query", "the parameter has no name: give one such as key".into())],
            (Some(_), None) | (None, Some(_)) => Vec::new(),
        }
    }
}
