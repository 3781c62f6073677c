//! What an operator writes to say whom a webhook believes.

mod check;
mod fetched;
mod keys;
mod plugin;
mod signed;

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Form;
use super::preset::{self, Preset};
use crate::duration;
use crate::secret::SecretRef;

pub use fetched::{AwsSns, InvalidUrl, Jwks, Jwt, Mtls, Origin, Paypal};
pub use keys::PublicKey;
pub(super) use keys::{Credential, Reference};
pub use plugin::{ByPlugin, NamedKey};
pub use signed::{InvalidSigned, Signed};

/// How the sender of a webhook proves itself. Each scheme with a secret also takes `previous`, which
/// is accepted besides while the sender moves from one secret to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verify {
    /// Anybody who reaches the path is believed.
    None {},
    /// An HMAC (RFC 2104) in a header, of the body or of what `signed` says.
    Hmac(Hmac),
    /// A token in `Authorization: Bearer` (RFC 6750). It proves nothing of the body.
    Bearer(Shared),
    /// A user and a password in `Authorization: Basic` (RFC 7617). They prove nothing of the body.
    Basic(Basic),
    /// A token in a header or in the query. It proves nothing of the body.
    ApiKey(ApiKey),
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    StandardWebhooks(EitherKey),
    /// Svix: the same, by its own names of headers or by those of Standard Webhooks.
    Svix(EitherKey),
    /// A JSON Web Token in `Authorization: Bearer` (RFC 7519). Without `body_hash` it proves nothing of the body.
    Jwt(Jwt),
    /// A client certificate, of which `server.tls` asks for one. It proves who has the connection.
    Mtls(Mtls),
    /// Whatever a plugin of the kind `verify` takes for a proof.
    Plugin(ByPlugin),
    /// Adyen: an HMAC in each notification of the body, or of the body in `HmacSignature`.
    Adyen(Shared),
    /// Amazon SNS: `Signature` in the body, by a certificate.
    AwsSns(AwsSns),
    /// Bitbucket: `X-Hub-Signature`.
    Bitbucket(Shared),
    /// Discord: `X-Signature-Ed25519`.
    Discord(Public),
    /// DocuSign Connect: `X-DocuSign-Signature-1` and those that follow.
    Docusign(Shared),
    /// GitHub: `X-Hub-Signature-256`.
    Github(Shared),
    /// GitLab: `webhook-signature` by a signing token, or `X-Gitlab-Token`.
    Gitlab(Gitlab),
    /// HubSpot: `X-HubSpot-Signature-v3`.
    Hubspot(Dated),
    /// Intercom: `X-Hub-Signature`.
    Intercom(Shared),
    /// Linear: `Linear-Signature`.
    Linear(Dated),
    /// Mailgun: `signature` in the body.
    Mailgun(Dated),
    /// Meta (Facebook, Instagram, WhatsApp): `X-Hub-Signature-256`.
    Meta(Shared),
    /// Mollie's next-gen webhooks: `X-Mollie-Signature`. Its classic ones are not signed: give `api-key` and a `query`.
    Mollie(Shared),
    /// Paddle Billing: `Paddle-Signature`.
    Paddle(Dated),
    /// PayPal: `PAYPAL-TRANSMISSION-SIG`, by a certificate.
    Paypal(Paypal),
    /// Twilio SendGrid's event webhook: `X-Twilio-Email-Event-Webhook-Signature`.
    Sendgrid(Public),
    /// Shopify: `X-Shopify-Hmac-Sha256`.
    Shopify(Shared),
    /// Slack: `X-Slack-Signature`.
    Slack(Dated),
    /// Square: `x-square-hmacsha256-signature`.
    Square(Shared),
    /// Stripe: `Stripe-Signature`.
    Stripe(Dated),
    /// Twilio: `X-Twilio-Signature`.
    Twilio(Shared),
    /// Twitch EventSub: `Twitch-Eventsub-Message-Signature`.
    Twitch(Dated),
    /// X: `x-twitter-webhooks-signature`.
    X(Shared),
    /// Zendesk: `X-Zendesk-Webhook-Signature`.
    Zendesk(Dated),
    /// Zoom: `x-zm-signature`.
    Zoom(Dated),
}

/// A secret that the sender has too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Shared {
    /// The secret, as the sender shows it.
    pub secret: SecretRef,
    /// A secret that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
}

/// A secret that the sender has too, and a time that it signs with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Dated {
    /// The secret, as the sender shows it.
    pub secret: SecretRef,
    /// A secret that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
    /// How far the signed time may be from now, either way; what the sender's documentation says, or else 5 min, unless
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub tolerance: Option<Duration>,
}

/// The public half of a key that the sender signs with, and a time that it signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Public {
    /// The public key, as the sender shows it, or where it is found.
    pub public_key: PublicKey,
    /// A public key that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PublicKey>,
    /// How far the signed time may be from now, either way; 5 min unless given.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub tolerance: Option<Duration>,
}

/// A secret (`whsec_…`), a public key (`whpk_…`), or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct EitherKey {
    /// The secret for signatures of `v1`: `whsec_` and base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// The public key for signatures of `v1a`: `whpk_` and base64, or where it is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    /// A secret or a public key that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PublicKey>,
    /// How far the signed time may be from now, either way; 5 min unless given.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub tolerance: Option<Duration>,
}

/// GitLab's two ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Gitlab {
    /// The signing token: `whsec_` and base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_token: Option<SecretRef>,
    /// The secret token, which GitLab sends along as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// One of the same kind that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
    /// How far the signed time may be from now, either way; 5 min unless given.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub tolerance: Option<Duration>,
}

/// A scheme of which there is no other name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Hmac {
    /// Name of the header with the signature.
    pub header: String,
    /// The key.
    pub secret: SecretRef,
    /// A key that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
    /// The hash; SHA-256 unless given.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How the bytes are written; in hexadecimal unless given.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands before the encoded bytes, such as `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// What is signed, such as `{timestamp}.{body}`: text with `{id}`, `{timestamp}`, `{method}`, `{url}`, `{path}`,
    /// `{body}` or `{body_sha256}` in it; `{body}` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// Where the signed time stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampHeader>,
    /// Name of the header with the id by which an event that is sent again is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How far the signed time may be from now, either way; 5 min unless given.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::option")]
    #[schemars(with = "Option<String>")]
    pub tolerance: Option<Duration>,
}

/// A header with the time of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampHeader {
    /// Its name.
    pub header: String,
    /// How the time is written; in seconds unless given.
    #[serde(default)]
    pub unit: TimeUnit,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds since the Unix epoch.
    #[default]
    S,
    /// Milliseconds since the Unix epoch.
    Ms,
    /// RFC 3339, such as `2026-01-02T03:04:05Z`.
    Rfc3339,
}

/// A user with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Basic {
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretRef,
    /// A password that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
}

/// A token by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ApiKey {
    /// Name of the header with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Name of the parameter of the query with the token, where the sender can send no header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The token.
    pub secret: SecretRef,
    /// A token that is accepted besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SecretRef>,
}

/// Hash of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal, in either case.
    #[default]
    Hex,
    /// Base64 (RFC 4648) with padding.
    Base64,
    /// Base64url (RFC 4648 section 5), with or without padding.
    Base64url,
}

/// What a [`Verify`] comes down to, whichever scheme it is.
pub(super) struct Parts<'v> {
    /// The row of the table.
    pub preset: &'static Preset,
    /// The keys.
    pub credentials: Vec<Credential<'v>>,
    /// The operator's tolerance, where the scheme has one.
    pub tolerance: Option<Duration>,
}

impl Verify {
    /// What it comes down to.
    pub(super) fn parts(&self) -> Parts<'_> {
        match self {
            Self::None {} => Parts { preset: &preset::NONE, credentials: Vec::new(), tolerance: None },
            Self::Hmac(hmac) => hmac.parts(),
            Self::Bearer(shared) => shared.parts(&preset::BEARER),
            Self::Basic(basic) => basic.parts(),
            Self::ApiKey(api_key) => api_key.parts(),
            Self::StandardWebhooks(either) => either.parts(&preset::STANDARD_WEBHOOKS),
            Self::Svix(either) => either.parts(&preset::SVIX),
            Self::Jwt(jwt) => jwt.parts(),
            Self::Mtls(_) => Parts { preset: &preset::MTLS, credentials: Vec::new(), tolerance: None },
            Self::Plugin(plugin) => plugin.parts(),
            Self::AwsSns(sns) => {
                Parts { preset: &preset::AWS_SNS, credentials: Vec::new(), tolerance: sns.tolerance }
            }
            Self::Paypal(paypal) => {
                Parts { preset: &preset::PAYPAL, credentials: Vec::new(), tolerance: paypal.tolerance }
            }
            Self::Adyen(shared) => shared.parts(&preset::ADYEN),
            Self::Bitbucket(shared) => shared.parts(&preset::BITBUCKET),
            Self::Discord(public) => public.parts(&preset::DISCORD),
            Self::Docusign(shared) => shared.parts(&preset::DOCUSIGN),
            Self::Github(shared) => shared.parts(&preset::GITHUB),
            Self::Gitlab(gitlab) => gitlab.parts(),
            Self::Hubspot(dated) => dated.parts(&preset::HUBSPOT),
            Self::Intercom(shared) => shared.parts(&preset::INTERCOM),
            Self::Linear(dated) => dated.parts(&preset::LINEAR),
            Self::Mailgun(dated) => dated.parts(&preset::MAILGUN),
            Self::Meta(shared) => shared.parts(&preset::META),
            Self::Mollie(shared) => shared.parts(&preset::MOLLIE),
            Self::Paddle(dated) => dated.parts(&preset::PADDLE),
            Self::Sendgrid(public) => public.parts(&preset::SENDGRID),
            Self::Shopify(shared) => shared.parts(&preset::SHOPIFY),
            Self::Slack(dated) => dated.parts(&preset::SLACK),
            Self::Square(shared) => shared.parts(&preset::SQUARE),
            Self::Stripe(dated) => dated.parts(&preset::STRIPE),
            Self::Twilio(shared) => shared.parts(&preset::TWILIO),
            Self::Twitch(dated) => dated.parts(&preset::TWITCH),
            Self::X(shared) => shared.parts(&preset::X),
            Self::Zendesk(dated) => dated.parts(&preset::ZENDESK),
            Self::Zoom(dated) => dated.parts(&preset::ZOOM),
        }
    }

    /// The name of the scheme.
    pub fn scheme(&self) -> &'static str {
        self.parts().preset.scheme
    }

    /// Where certificates are fetched in place of the provider's hosts.
    pub fn stand_in(&self) -> Option<&Origin> {
        match self {
            Self::AwsSns(sns) => sns.keys.as_ref(),
            Self::Paypal(paypal) => paypal.keys.as_ref(),
            _ => None,
        }
    }

    /// The keys of the config under which secrets stand, and where each is found, so that a check can look for them.
    pub fn secrets(&self) -> Vec<(Cow<'static, str>, &SecretRef)> {
        let credentials = self.parts().credentials.into_iter();
        credentials
            .filter_map(|credential| match credential.reference {
                Reference::Named(reference) => Some((credential.key, reference)),
                Reference::Written(_) => None,
            })
            .collect()
    }
}

impl Form {
    /// A key of this form.
    fn of<'v>(self, key: &'static str, reference: impl Into<Reference<'v>>) -> Credential<'v> {
        Credential { key: Cow::Borrowed(key), reference: reference.into(), form: self, user: None }
    }
}
