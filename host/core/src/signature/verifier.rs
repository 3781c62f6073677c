//! Checks signatures.

use std::borrow::Cow;
use std::sync::Arc;

use subtle::{Choice, ConstantTimeEq as _};

use super::config::{Credential, Reference};
use super::key::Key;
use super::part::{Said, sha256_hex};
use super::place::Value;
use super::preset;
use super::recipe::{Part, Place, Recipe, Timestamp, Unit, Written};
use super::{
    AwsSns, Hmac, Jwt, Keyring, Keys, Mtls, Paypal, Refusal, Request, TimeUnit, Verdict, Verified, Verify,
    adyen, jwt,
};
use crate::duration;
use crate::secret::{Secret, SecretRef};

/// Why a verifier could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError<E: std::error::Error + 'static> {
    /// The secret could not be read.
    #[error("failed to read the secret {reference}")]
    Unreadable {
        /// The key of the config.
        key: Cow<'static, str>,
        /// Which one.
        reference: SecretRef,
        /// Why.
        #[source]
        source: E,
    },
    /// The secret is empty, so that anybody could sign.
    #[error("the secret {reference} is empty: set it")]
    Empty {
        /// The key of the config.
        key: Cow<'static, str>,
        /// Which one.
        reference: SecretRef,
    },
    /// A key that is not written as the sender writes it.
    #[error("{what} is not {expected}: copy it from the sender as it is")]
    Malformed {
        /// The key of the config.
        key: Cow<'static, str>,
        /// Which one.
        what: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl<E: std::error::Error + 'static> VerifierError<E> {
    /// The key of the config that is to be changed.
    pub fn key(&self) -> &str {
        match self {
            Self::Unreadable { key, .. } | Self::Empty { key, .. } | Self::Malformed { key, .. } => key,
        }
    }
}

/// A [`Verify`] with its secrets. Its `Debug` does not show them.
#[derive(Clone, Debug)]
pub struct Verifier(Scheme);

#[derive(Clone, Debug)]
enum Scheme {
    /// Anybody is believed.
    Open,
    /// What most schemes are.
    Signed(Signed),
    /// Of Amazon's.
    AwsSns(AwsSns),
    /// A certificate of the connection.
    Mtls(Mtls),
    /// Of PayPal's.
    Paypal(Paypal),
    /// A token, and what it is checked with.
    Jwt(Jwt, jwt::Held),
    /// Whatever a plugin takes for a proof, and what it may ask.
    Plugin(Arc<Keyring>),
    /// Of Adyen: a signature in each notification, unless a header has one of the body.
    Adyen(Signed),
}

/// Recipes with keys.
#[derive(Clone, Debug)]
struct Signed {
    recipes: Vec<Recipe>,
    keys: Vec<Key>,
    tolerance_ms: u64,
}

impl Verifier {
    /// Reads the secrets.
    ///
    /// # Errors
    /// The first secret that cannot be read or is none.
    pub fn try_new<E: std::error::Error + 'static>(
        verify: &Verify,
        resolve: impl Fn(&SecretRef) -> Result<Secret, E>,
    ) -> Result<Self, VerifierError<E>> {
        let parts = verify.parts();
        let keys = parts.credentials.iter().map(|credential| credential.read(&resolve));
        let signed = Signed {
            recipes: verify.recipes(),
            keys: keys.collect::<Result<_, _>>()?,
            tolerance_ms: duration::ms(parts.tolerance.unwrap_or(parts.preset.tolerance)),
        };
        Ok(Self(match verify {
            Verify::None {} => Scheme::Open,
            Verify::AwsSns(sns) => Scheme::AwsSns(sns.clone()),
            Verify::Mtls(mtls) => Scheme::Mtls(mtls.clone()),
            Verify::Paypal(paypal) => Scheme::Paypal(paypal.clone()),
            Verify::Jwt(jwt) => {
                let held = signed.keys.into_iter().filter_map(Key::into_secret).collect();
                Scheme::Jwt(jwt.clone(), jwt::Held::of(jwt, held))
            }
            Verify::Plugin(plugin) => Scheme::Plugin(Arc::new(Keyring::of(plugin, signed.keys))),
            Verify::Adyen(_) => Scheme::Adyen(signed),
            _ => Scheme::Signed(signed),
        }))
    }

    /// Checks a request. `keys` is what was fetched because this verifier had asked for it; `now_ms` is the time
    /// in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// Why the request is not believed.
    pub fn verify(&self, request: &Request<'_>, keys: &Keys, now_ms: u64) -> Result<Verdict, Refusal> {
        let id = match &self.0 {
            Scheme::Open => None,
            Scheme::AwsSns(sns) => return sns.verify(request, keys, now_ms),
            Scheme::Mtls(mtls) => return mtls.verify(request, now_ms),
            Scheme::Paypal(paypal) => return paypal.verify(request, keys, now_ms),
            Scheme::Plugin(_) => return Ok(Verdict::AskPlugin),
            Scheme::Jwt(token, held) => return jwt::verify(token, held, request, keys, now_ms),
            Scheme::Adyen(signed) if !signed.is_meant(request) => {
                adyen::verify(&signed.keys, request.body)?;
                None
            }
            Scheme::Signed(signed) | Scheme::Adyen(signed) => signed.verify(request, now_ms)?,
        };
        Ok(Verdict::Genuine(Verified::by(id)))
    }

    /// What the plugin may ask that is to say whether a request is believed; none if none is.
    pub fn keyring(&self) -> Option<&Arc<Keyring>> {
        match &self.0 {
            Scheme::Plugin(keyring) => Some(keyring),
            Scheme::Open
            | Scheme::Signed(_)
            | Scheme::AwsSns(_)
            | Scheme::Mtls(_)
            | Scheme::Paypal(_)
            | Scheme::Jwt(..)
            | Scheme::Adyen(_) => None,
        }
    }
}

impl Credential<'_> {
    fn read<E: std::error::Error + 'static>(
        &self,
        resolve: &impl Fn(&SecretRef) -> Result<Secret, E>,
    ) -> Result<Key, VerifierError<E>> {
        let key = self.key.clone();
        let (what, secret) = match self.reference {
            Reference::Written(text) => ("what is written".to_owned(), Secret::new(text)),
            Reference::Named(reference) => {
                let reference = reference.clone();
                let secret = match resolve(&reference) {
                    Ok(secret) => secret,
                    Err(source) => return Err(VerifierError::Unreadable { key, reference, source }),
                };
                if secret.is_empty() {
                    return Err(VerifierError::Empty { key, reference });
                }
                (format!("the key {reference}"), secret)
            }
        };
        let written: Cow<'_, [u8]> = match self.user {
            None => Cow::Borrowed(secret.expose()),
            Some(user) => Cow::Owned([user.as_bytes(), b":", secret.expose()].concat()),
        };
        let expected = self.form.describe();
        self.form.read(&written).ok_or(VerifierError::Malformed { key, what, expected })
    }
}

impl Verify {
    /// What requests are checked by.
    pub(super) fn recipes(&self) -> Vec<Recipe> {
        match self {
            Self::Hmac(hmac) => vec![hmac.recipe()],
            Self::ApiKey(api_key) => {
                let header =
                    api_key.header.clone().map(|name| Place::Header { name: name.into(), prefix: "".into() });
                let query = api_key.query.clone().map(|name| Place::Query(name.into()));
                let places = header.into_iter().chain(query);
                places.map(|at| preset::token(at, Written::Plain)).collect()
            }
            _ => (self.parts().preset.recipes)(),
        }
    }
}

impl Hmac {
    fn recipe(&self) -> Recipe {
        let header = |name: &str, prefix: &str| Place::Header {
            name: Cow::Owned(name.to_owned()),
            prefix: Cow::Owned(prefix.to_owned()),
        };
        let timestamp = self.timestamp.as_ref().map(|timestamp| Timestamp {
            at: header(&timestamp.header, ""),
            unit: match timestamp.unit {
                TimeUnit::S => Unit::Seconds,
                TimeUnit::Ms => Unit::Milliseconds,
                TimeUnit::Rfc3339 => Unit::Rfc3339,
            },
        });
        let at = header(&self.header, &self.prefix);
        let method = super::recipe::Method::Hmac(self.algorithm);
        Recipe {
            signatures: vec![preset::signature(method, at, Written::In(self.encoding))],
            timestamp,
            id: self.id.iter().map(|name| header(name, "")).collect(),
            ..preset::signing(self.signed.clone().unwrap_or_default().parts().to_vec())
        }
    }
}

impl Signed {
    /// Whether one of the recipes is meant.
    fn is_meant(&self, request: &Request<'_>) -> bool {
        self.recipes.iter().any(|recipe| recipe.is_meant(request))
    }

    /// Gives the provider's id.
    fn verify(&self, request: &Request<'_>, now_ms: u64) -> Result<Option<String>, Refusal> {
        let meant = self.recipes.iter().find(|recipe| recipe.is_meant(request));
        let recipe = meant.or(self.recipes.last()).ok_or(Refusal::MissingHeader)?;
        let given = recipe.signatures(request, &self.keys)?;
        let mut said = Said { id: Cow::Borrowed(b""), timestamp: Cow::Borrowed(b"") };
        if recipe.signed.contains(&Part::Id) {
            said.id = recipe.signed_id(request)?;
        }
        if let Some(timestamp) = &recipe.timestamp {
            said.timestamp = timestamp.at.one(request)?;
            timestamp.check(&said.timestamp, self.tolerance_ms, now_ms)?;
        }
        let signed: Vec<_> =
            recipe.signed.iter().map(|part| part.bytes(request, &said)).collect::<Result<_, _>>()?;
        // Every pair is compared, whichever fits.
        let mut is_genuine = Choice::from(0);
        for key in &self.keys {
            for (signature, given) in recipe.signatures.iter().zip(&given) {
                is_genuine |= key.has_made(signature.method, &signed, given);
            }
        }
        if let Some(digest) = &recipe.digest {
            let digest = digest.one(request)?;
            is_genuine &= sha256_hex(request.body).as_bytes().ct_eq(&digest.to_ascii_lowercase());
        }
        if !bool::from(is_genuine) {
            return Err(Refusal::Mismatch);
        }
        recipe.id(request)
    }
}

impl Recipe {
    fn is_meant(&self, request: &Request<'_>) -> bool {
        let at = self.when.as_ref().or(self.signatures.first().map(|signature| &signature.at));
        at.is_some_and(|at| at.is_there(request))
    }

    /// The signatures of each kind for which there is a key; at least one.
    fn signatures(&self, request: &Request<'_>, keys: &[Key]) -> Result<Vec<Vec<Vec<u8>>>, Refusal> {
        let mut all = Vec::with_capacity(self.signatures.len());
        let mut none = Refusal::Mismatch;
        for signature in &self.signatures {
            let mut of_kind = Vec::new();
            if keys.iter().any(|key| key.is_for(signature.method)) {
                none = signature.at.malformed();
                for written in signature.at.all(request)? {
                    of_kind.push(signature.written.read(&written).ok_or(signature.at.malformed())?);
                }
            }
            all.push(of_kind);
        }
        if all.iter().all(Vec::is_empty) { Err(none) } else { Ok(all) }
    }

    /// The id that is signed. It does not hold what follows it: the same bytes could be cut another way.
    fn signed_id<'r>(&self, request: &Request<'r>) -> Result<Value<'r>, Refusal> {
        let at = self.id.first().ok_or(Refusal::MalformedHeader)?;
        let id = at.one(request)?;
        let follows = self.signed.iter().skip_while(|part| **part != Part::Id).nth(1);
        let is_ambiguous = match follows {
            Some(Part::Literal(text)) => {
                !text.is_empty() && id.windows(text.len()).any(|part| part == text.as_bytes())
            }
            _ => false,
        };
        if is_ambiguous { Err(at.malformed()) } else { Ok(id) }
    }

    /// The provider's id, where all of it is there.
    fn id(&self, request: &Request<'_>) -> Result<Option<String>, Refusal> {
        let mut id = String::new();
        for place in &self.id {
            let part = match place.one(request) {
                Ok(part) => part,
                Err(refusal @ (Refusal::RepeatedHeader | Refusal::RepeatedParameter)) => return Err(refusal),
                Err(_) => return Ok(None),
            };
            let Ok(part) = std::str::from_utf8(&part) else { return Ok(None) };
            if !id.is_empty() {
                id.push('/');
            }
            id.push_str(part);
        }
        Ok(Some(id))
    }
}
