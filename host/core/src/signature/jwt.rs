//! JSON Web Tokens (RFC 7519), signed by a shared secret or by a key of a set (RFC 7515, 7517, 7518, 8037).
//!
//! Threats, as RFC 8725 has them: `alg: none` (unknown here), a public key that is taken for an HMAC's secret (a secret
//! takes HMACs alone, and a set none), a key of one kind used by the rules of another (the set says which it is), a token
//! for somebody else (`issuer` must be given, and `audience` should), an extension that is not understood (`crit`).

mod keys;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::config::{Algorithm, Jwks, Jwt};
use super::place::header;
use super::{Keys, Refusal, Request, Verdict, Verified, sign};
use crate::duration;
use crate::secret::Secret;

/// Longest token in bytes.
const MOST_BYTES: usize = 16 << 10;

/// What a token is checked with.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// The issuer has these too.
    Secrets(Vec<Secret>),
    /// A key set that was read from a file.
    Set(Vec<u8>),
    /// A key set at a URL.
    At(String),
}

impl Held {
    /// `found` is what the secrets, or the file, have.
    pub fn of(jwt: &Jwt, found: Vec<Secret>) -> Self {
        match (&jwt.jwks, found.first()) {
            (Some(Jwks::Url(url)), _) => Self::At(url.clone()),
            (Some(Jwks::File(_)), Some(set)) => Self::Set(set.expose().to_vec()),
            (Some(Jwks::File(_)) | None, _) => Self::Secrets(found),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token that is taken apart.
struct Token<'t> {
    header: Header,
    /// What is signed.
    message: &'t [u8],
    signature: Vec<u8>,
    claims: Map<String, Value>,
}

impl Token<'_> {
    fn read(text: &str) -> Option<Token<'_>> {
        let (message, signature) = text.rsplit_once('.')?;
        let (head, claims) = message.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Token {
            header: serde_json::from_slice(&decode(head)?).ok()?,
            message: message.as_bytes(),
            signature: decode(signature)?,
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
        })
    }
}

/// Checks the token of a request.
pub(super) fn verify(
    jwt: &Jwt,
    held: &Held,
    request: &Request<'_>,
    keys: &Keys,
    now_ms: u64,
) -> Result<Verdict, Refusal> {
    let text = header(request, jwt.header.as_deref().unwrap_or("authorization"))?;
    let text = match text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer ")) {
        Some(_) => text.get(7..).unwrap_or_default(),
        None if jwt.header.is_some() => text,
        None => return Err(Refusal::MalformedHeader),
    };
    let token = Some(text).filter(|text| text.len() <= MOST_BYTES).and_then(|text| Token::read(text.trim()));
    let token = token.filter(|token| token.header.crit.is_none()).ok_or(Refusal::MalformedHeader)?;
    match held {
        Held::Secrets(secrets) => by_secret(&token, secrets)?,
        Held::Set(set) => keys::check(&token, set)?,
        Held::At(url) => match keys.at(url) {
            Some(set) => keys::check(&token, set)?,
            None => return Ok(Verdict::NeedsKey { url: url.clone(), is_public: false }),
        },
    }
    jwt.check_time(&token.claims, now_ms)?;
    jwt.check_claims(&token.claims)?;
    jwt.check_body(&token.claims, request.body)?;
    let id = token.claims.get("jti").and_then(Value::as_str).map(str::to_owned);
    Ok(Verdict::Genuine(Verified { id }))
}

fn by_secret(token: &Token<'_>, secrets: &[Secret]) -> Result<(), Refusal> {
    let algorithm = match &*token.header.alg {
        "HS256" => Algorithm::Sha256,
        "HS512" => Algorithm::Sha512,
        _ => return Err(Refusal::MalformedHeader),
    };
    let mut has_made = Choice::from(0);
    for secret in secrets {
        has_made |=
            sign::hmac(algorithm, secret.expose(), &[token.message]).as_slice().ct_eq(&token.signature);
    }
    if bool::from(has_made) { Ok(()) } else { Err(Refusal::Mismatch) }
}

impl Jwt {
    /// `exp` must be there: a token without an end is good for ever.
    fn check_time(&self, claims: &Map<String, Value>, now_ms: u64) -> Result<(), Refusal> {
        let leeway_ms = duration::ms(self.leeway);
        let expires = claims.get("exp").and_then(ms).ok_or(Refusal::WrongClaim)?;
        if now_ms >= expires.saturating_add(leeway_ms) {
            return Err(Refusal::TooOld);
        }
        let Some(begins) = claims.get("nbf") else { return Ok(()) };
        let begins = ms(begins).ok_or(Refusal::WrongClaim)?;
        if begins > now_ms.saturating_add(leeway_ms) { Err(Refusal::TooNew) } else { Ok(()) }
    }

    fn check_claims(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let has = |name: &str, expected: &Value| {
            claims.get(name).is_some_and(|claim| match claim {
                Value::Array(all) => claim == expected || all.contains(expected),
                claim => claim == expected,
            })
        };
        let is_issuer = claims.get("iss").and_then(Value::as_str) == Some(&self.issuer);
        let is_audience =
            self.audience.as_ref().is_none_or(|audience| has("aud", &Value::from(audience.as_str())));
        let are_others = self.claims.iter().all(|(name, expected)| has(name, expected));
        if is_issuer && is_audience && are_others { Ok(()) } else { Err(Refusal::WrongClaim) }
    }

    fn check_body(&self, claims: &Map<String, Value>, body: &[u8]) -> Result<(), Refusal> {
        let Some(name) = &self.body_hash else { return Ok(()) };
        let claimed = claims.get(name).and_then(Value::as_str).ok_or(Refusal::WrongClaim)?;
        let hash = Sha256::digest(body);
        let claimed =
            hex::decode(claimed).ok().or_else(|| URL_SAFE_NO_PAD.decode(claimed.trim_end_matches('=')).ok());
        if claimed.as_deref() == Some(hash.as_slice()) { Ok(()) } else { Err(Refusal::Mismatch) }
    }
}

/// A `NumericDate` in milliseconds since the Unix epoch.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is beyond is clamped")]
fn ms(date: &Value) -> Option<u64> {
    let seconds = date.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
    Some((seconds * 1_000.0) as u64)
}
