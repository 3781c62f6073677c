//! How webhook senders prove that an event is theirs.
//!
//! [`Verify`] is what an operator writes, [`Verifier`] the same with its secrets at hand, and [`sign`] the
//! sender's side. A scheme that differs from others in data only is a row of `preset`, a `Recipe` of where its
//! signatures stand and what they cover, and a line in [`Verify`]; what an operator describes by hand (`hmac`) becomes
//! such a recipe too. Signatures are compared as bytes, in constant time, each with each secret that is accepted;
//! what they cover is the body as it came. Nothing here does I/O: a scheme that needs a key from elsewhere answers
//! with its address ([`Verdict::NeedsKey`]), and is asked again; one that a plugin has, says that it is to be asked
//! ([`Verdict::AskPlugin`]), and what it may ask is answered by a [`Keyring`].
//!
//! Threats: a forged or altered body (the signature); a replayed one (the timestamp where the scheme has one, else
//! the dedupe key); a second signature header, or a second member of the body, that some program on the way reads
//! differently (refused); the same signed bytes cut another way into id and body (refused, where the scheme has a
//! separator); an unset secret, under which anybody could sign (refused when the verifier is made).

mod adyen;
pub(crate) mod aws_sns;
mod certificate;
mod config;
mod field;
mod jwt;
mod key;
mod keyring;
mod mtls;
mod part;
mod paypal;
mod place;
mod preset;
mod recipe;
mod refusal;
mod request;
pub mod sign;
mod strength;
mod table;
mod time;
mod verdict;
mod verifier;

pub use config::{
    Algorithm, ApiKey, AwsSns, Basic, ByPlugin, Dated, EitherKey, Encoding, Gitlab, Hmac, InvalidSigned,
    InvalidUrl, Jwks, Jwt, Mtls, NamedKey, Origin, Paypal, Public, PublicKey, Shared, Signed, TimeUnit,
    TimestampHeader, Verify,
};
pub use keyring::{Keyring, KeyringError, MOST_SIGNATURES};
pub use recipe::Method;
pub use refusal::Refusal;
pub use request::{Headers, Request};
pub use strength::Weakness;
pub use table::{schemes, table};
pub use verdict::{Keys, Verdict, Verified};
pub use verifier::{Verifier, VerifierError};

#[cfg(test)]
mod tests;
