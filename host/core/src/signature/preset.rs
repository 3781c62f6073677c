//! The schemes, a row each. What a row says stands in the documentation that it names.

use std::time::Duration;

use super::config::{Algorithm, Encoding};
use super::key::Form;
use super::recipe::{Method, Part, Place, Recipe, Signature, Timestamp, Unit, Written};

/// A scheme.
pub(super) struct Preset {
    /// Its name in config.
    pub scheme: &'static str,
    /// Who signs so, for people.
    pub sender: &'static str,
    /// Where that is written.
    pub documentation: &'static str,
    /// How its keys are written.
    pub key: Form,
    /// How far the signed time may be from now, either way, unless an operator says otherwise; of no meaning where
    /// no time is signed.
    pub tolerance: Duration,
    /// What a request is checked by: the first that is meant, or else the last. Empty where a config says it.
    pub recipes: fn() -> Vec<Recipe>,
}

/// How far a signed time may be from now where the documentation says nothing: what most say.
const TOLERANCE: Duration = Duration::from_secs(300);
const HEX: Written = Written::In(Encoding::Hex);
const BASE64: Written = Written::In(Encoding::Base64);
const SHA1: Method = Method::Hmac(Algorithm::Sha1);
const SHA256: Method = Method::Hmac(Algorithm::Sha256);

/// What most rows have in common: a secret as it is.
const PLAIN: Preset = Preset {
    scheme: "",
    sender: "",
    documentation: "",
    key: Form::Plain,
    tolerance: TOLERANCE,
    recipes: Vec::new,
};

/// All rows, in the order of the README's table.
pub(super) static ALL: [&Preset; 36] = [
    &STANDARD_WEBHOOKS,
    &SVIX,
    &ADYEN,
    &AWS_SNS,
    &BITBUCKET,
    &DISCORD,
    &DOCUSIGN,
    &GITHUB,
    &GITLAB,
    &GITLAB_TOKEN,
    &HUBSPOT,
    &INTERCOM,
    &LINEAR,
    &MAILGUN,
    &META,
    &MOLLIE,
    &PADDLE,
    &PAYPAL,
    &SENDGRID,
    &SHOPIFY,
    &SLACK,
    &SQUARE,
    &STRIPE,
    &TWILIO,
    &TWITCH,
    &X,
    &ZENDESK,
    &ZOOM,
    &HMAC,
    &JWT,
    &MTLS,
    &PLUGIN,
    &API_KEY,
    &BEARER,
    &BASIC,
    &NONE,
];

pub(super) static NONE: Preset = Preset { scheme: "none", sender: "anybody", ..PLAIN };

pub(super) static HMAC: Preset = Preset {
    scheme: "hmac",
    sender: "any other, by an HMAC",
    documentation: "https://www.rfc-editor.org/rfc/rfc2104",
    ..PLAIN
};

pub(super) static JWT: Preset = Preset {
    scheme: "jwt",
    sender: "any other, by a JSON Web Token",
    documentation: "https://www.rfc-editor.org/rfc/rfc7519",
    ..PLAIN
};

pub(super) static MTLS: Preset = Preset {
    scheme: "mtls",
    sender: "any other, by a client certificate",
    documentation: "https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2",
    ..PLAIN
};

pub(super) static PLUGIN: Preset = Preset { scheme: "plugin", sender: "any other, by a plugin", ..PLAIN };

pub(super) static BEARER: Preset = Preset {
    scheme: "bearer",
    sender: "any other, by a token",
    documentation: "https://www.rfc-editor.org/rfc/rfc6750#section-2.1",
    recipes: || vec![token(prefixed("authorization", "Bearer "), Written::Plain)],
    ..PLAIN
};

pub(super) static BASIC: Preset = Preset {
    scheme: "basic",
    sender: "any other, by a password",
    documentation: "https://www.rfc-editor.org/rfc/rfc7617#section-2",
    recipes: || vec![token(prefixed("authorization", "Basic "), BASE64)],
    ..PLAIN
};

pub(super) static API_KEY: Preset =
    Preset { scheme: "api-key", sender: "any other, by a token in a header or the query", ..PLAIN };

pub(super) static STANDARD_WEBHOOKS: Preset = Preset {
    scheme: "standard-webhooks",
    sender: "Standard Webhooks",
    documentation: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    key: Form::WhsecOrWhpk,
    recipes: || vec![standard_webhooks("webhook-id", "webhook-timestamp", "webhook-signature")],
    ..PLAIN
};

pub(super) static SVIX: Preset = Preset {
    scheme: "svix",
    sender: "Svix and those that send by it",
    documentation: "https://docs.svix.com/receiving/verifying-payloads/how-manual",
    key: Form::WhsecOrWhpk,
    recipes: || {
        vec![
            standard_webhooks("svix-id", "svix-timestamp", "svix-signature"),
            standard_webhooks("webhook-id", "webhook-timestamp", "webhook-signature"),
        ]
    },
    ..PLAIN
};

/// The recipe is that of its platform's webhooks, and of all others but the standard ones (see [`super::adyen`]).
pub(super) static ADYEN: Preset = Preset {
    scheme: "adyen",
    sender: "Adyen",
    documentation: "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
    key: Form::Hex,
    recipes: || vec![of_body(SHA256, header("hmacsignature"), BASE64, vec![])],
    ..PLAIN
};

pub(super) static AWS_SNS: Preset = Preset {
    scheme: "aws-sns",
    sender: "Amazon SNS",
    documentation: "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
    ..PLAIN
};

pub(super) static BITBUCKET: Preset = Preset {
    scheme: "bitbucket",
    sender: "Bitbucket",
    documentation: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
    recipes: || {
        vec![of_body(SHA256, prefixed("x-hub-signature", "sha256="), HEX, vec![header("x-request-uuid")])]
    },
    ..PLAIN
};

pub(super) static DISCORD: Preset = Preset {
    scheme: "discord",
    sender: "Discord",
    documentation: "https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers",
    key: Form::Ed25519Hex,
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(Method::Ed25519, header("x-signature-ed25519"), HEX)],
            timestamp: time(header("x-signature-timestamp"), Unit::Seconds),
            id: vec![Place::Text(&["id"])],
            ..signing(vec![Part::Timestamp, Part::Body])
        }]
    },
    ..PLAIN
};

pub(super) static DOCUSIGN: Preset = Preset {
    scheme: "docusign",
    sender: "DocuSign Connect",
    documentation: "https://developers.docusign.com/platform/webhooks/connect/hmac/",
    recipes: || {
        let at = Place::Numbered { header: "x-docusign-signature-".into(), most: 100 };
        vec![of_body(SHA256, at, BASE64, vec![])]
    },
    ..PLAIN
};

pub(super) static GITHUB: Preset = Preset {
    scheme: "github",
    sender: "GitHub",
    documentation: "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    recipes: || {
        vec![of_body(
            SHA256,
            prefixed("x-hub-signature-256", "sha256="),
            HEX,
            vec![header("x-github-delivery")],
        )]
    },
    ..PLAIN
};

pub(super) static GITLAB: Preset = Preset {
    scheme: "gitlab",
    sender: "GitLab, by `signing_token`",
    documentation: "https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944",
    key: Form::Whsec,
    recipes: || vec![standard_webhooks("webhook-id", "webhook-timestamp", "webhook-signature")],
    ..PLAIN
};

pub(super) static GITLAB_TOKEN: Preset = Preset {
    scheme: "gitlab",
    sender: "GitLab, by `secret`",
    documentation: "https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers",
    recipes: || {
        vec![Recipe {
            id: vec![header("idempotency-key")],
            ..token(header("x-gitlab-token"), Written::Plain)
        }]
    },
    ..PLAIN
};

pub(super) static HUBSPOT: Preset = Preset {
    scheme: "hubspot",
    sender: "HubSpot (v3)",
    documentation: "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(SHA256, header("x-hubspot-signature-v3"), BASE64)],
            timestamp: time(header("x-hubspot-request-timestamp"), Unit::Milliseconds),
            ..signing(vec![Part::Method, Part::DecodedUrl, Part::Body, Part::Timestamp])
        }]
    },
    ..PLAIN
};

pub(super) static INTERCOM: Preset = Preset {
    scheme: "intercom",
    sender: "Intercom",
    documentation: "https://developers.intercom.com/docs/webhooks/webhook-notifications#signed-notifications",
    recipes: || vec![of_body(SHA1, prefixed("x-hub-signature", "sha1="), HEX, vec![Place::Text(&["id"])])],
    ..PLAIN
};

pub(super) static LINEAR: Preset = Preset {
    scheme: "linear",
    sender: "Linear",
    documentation: "https://linear.app/developers/webhooks#securing-webhooks",
    tolerance: Duration::from_secs(60),
    recipes: || {
        vec![Recipe {
            timestamp: time(Place::Number(&["webhookTimestamp"]), Unit::Milliseconds),
            ..of_body(SHA256, header("linear-signature"), HEX, vec![header("linear-delivery")])
        }]
    },
    ..PLAIN
};

/// The event itself is not signed, nor is its id.
pub(super) static MAILGUN: Preset = Preset {
    scheme: "mailgun",
    sender: "Mailgun",
    documentation: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(SHA256, Place::Text(&["signature", "signature"]), HEX)],
            timestamp: time(Place::Text(&["signature", "timestamp"]), Unit::Seconds),
            id: vec![Place::Text(&["event-data", "id"])],
            ..signing(vec![Part::Timestamp, Part::At(Place::Text(&["signature", "token"]))])
        }]
    },
    ..PLAIN
};

pub(super) static META: Preset = Preset {
    scheme: "meta",
    sender: "Meta: Facebook, Instagram, WhatsApp",
    documentation: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads",
    recipes: || vec![of_body(SHA256, prefixed("x-hub-signature-256", "sha256="), HEX, vec![])],
    ..PLAIN
};

pub(super) static MOLLIE: Preset = Preset {
    scheme: "mollie",
    sender: "Mollie, next-gen webhooks",
    documentation: "https://docs.mollie.com/reference/webhooks-best-practices",
    recipes: || {
        vec![of_body(SHA256, prefixed("x-mollie-signature", "sha256="), HEX, vec![Place::Text(&["id"])])]
    },
    ..PLAIN
};

/// The documentation has five seconds; that takes clocks that agree, so it is the operator's to say.
pub(super) static PADDLE: Preset = Preset {
    scheme: "paddle",
    sender: "Paddle Billing",
    documentation: "https://developer.paddle.com/webhooks/signature-verification",
    recipes: || {
        let listed = |key: &'static str| listed("paddle-signature", b';', b'=', key);
        vec![Recipe {
            signatures: vec![signature(SHA256, listed("h1"), HEX)],
            timestamp: time(listed("ts"), Unit::Seconds),
            id: vec![Place::Text(&["event_id"])],
            ..signing(vec![Part::Timestamp, literal(":"), Part::Body])
        }]
    },
    ..PLAIN
};

pub(super) static PAYPAL: Preset = Preset {
    scheme: "paypal",
    sender: "PayPal",
    documentation: "https://developer.paypal.com/api/rest/webhooks/rest/#link-selfverification",
    ..PLAIN
};

pub(super) static SENDGRID: Preset = Preset {
    scheme: "sendgrid",
    sender: "Twilio SendGrid",
    documentation: "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
    key: Form::P256Der,
    recipes: || {
        let at = header("x-twilio-email-event-webhook-signature");
        vec![Recipe {
            signatures: vec![signature(Method::EcdsaP256, at, BASE64)],
            timestamp: time(header("x-twilio-email-event-webhook-timestamp"), Unit::Seconds),
            ..signing(vec![Part::Timestamp, Part::Body])
        }]
    },
    ..PLAIN
};

/// One event may be sent under several topics with the same `X-Shopify-Event-Id`
/// (<https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates>).
pub(super) static SHOPIFY: Preset = Preset {
    scheme: "shopify",
    sender: "Shopify",
    documentation: "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    recipes: || {
        let id = vec![header("x-shopify-topic"), header("x-shopify-event-id")];
        vec![of_body(SHA256, header("x-shopify-hmac-sha256"), BASE64, id)]
    },
    ..PLAIN
};

pub(super) static SLACK: Preset = Preset {
    scheme: "slack",
    sender: "Slack",
    documentation: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(SHA256, prefixed("x-slack-signature", "v0="), HEX)],
            timestamp: time(header("x-slack-request-timestamp"), Unit::Seconds),
            id: vec![Place::Text(&["event_id"])],
            ..signing(vec![literal("v0:"), Part::Timestamp, literal(":"), Part::Body])
        }]
    },
    ..PLAIN
};

pub(super) static SQUARE: Preset = Preset {
    scheme: "square",
    sender: "Square",
    documentation: "https://developer.squareup.com/docs/webhooks/step3validate",
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(SHA256, header("x-square-hmacsha256-signature"), BASE64)],
            id: vec![Place::Text(&["event_id"])],
            ..signing(vec![Part::Url, Part::Body])
        }]
    },
    ..PLAIN
};

pub(super) static STRIPE: Preset = Preset {
    scheme: "stripe",
    sender: "Stripe",
    documentation: "https://docs.stripe.com/webhooks#verify-manually",
    recipes: || {
        let listed = |key: &'static str| listed("stripe-signature", b',', b'=', key);
        vec![Recipe {
            signatures: vec![signature(SHA256, listed("v1"), HEX)],
            timestamp: time(listed("t"), Unit::Seconds),
            id: vec![Place::Text(&["id"])],
            ..signing(vec![Part::Timestamp, literal("."), Part::Body])
        }]
    },
    ..PLAIN
};

pub(super) static TWILIO: Preset = Preset {
    scheme: "twilio",
    sender: "Twilio",
    documentation: "https://www.twilio.com/docs/usage/webhooks/webhooks-security",
    recipes: || {
        let of = |signed| Recipe {
            signatures: vec![signature(SHA1, header("x-twilio-signature"), BASE64)],
            id: vec![header("i-twilio-idempotency-token")],
            ..signing(signed)
        };
        let digest = || Some(Place::Query("bodySHA256".into()));
        let by_digest = Recipe { when: digest(), digest: digest(), ..of(vec![Part::Url]) };
        vec![by_digest, of(vec![Part::Url, Part::Form])]
    },
    ..PLAIN
};

pub(super) static TWITCH: Preset = Preset {
    scheme: "twitch",
    sender: "Twitch EventSub",
    documentation: "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#verifying-the-event-message",
    tolerance: Duration::from_secs(600),
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(
                SHA256,
                prefixed("twitch-eventsub-message-signature", "sha256="),
                HEX,
            )],
            timestamp: time(header("twitch-eventsub-message-timestamp"), Unit::Rfc3339),
            id: vec![header("twitch-eventsub-message-id")],
            ..signing(vec![Part::Id, Part::Timestamp, Part::Body])
        }]
    },
    ..PLAIN
};

pub(super) static X: Preset = Preset {
    scheme: "x",
    sender: "X",
    documentation: "https://docs.x.com/x-api/webhooks/introduction#verifying-the-signature-header",
    recipes: || vec![of_body(SHA256, prefixed("x-twitter-webhooks-signature", "sha256="), BASE64, vec![])],
    ..PLAIN
};

pub(super) static ZENDESK: Preset = Preset {
    scheme: "zendesk",
    sender: "Zendesk",
    documentation: "https://developer.zendesk.com/documentation/webhooks/verifying/",
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(SHA256, header("x-zendesk-webhook-signature"), BASE64)],
            timestamp: time(header("x-zendesk-webhook-signature-timestamp"), Unit::Rfc3339),
            id: vec![header("x-zendesk-webhook-invocation-id")],
            ..signing(vec![Part::Timestamp, Part::Body])
        }]
    },
    ..PLAIN
};

pub(super) static ZOOM: Preset = Preset {
    scheme: "zoom",
    sender: "Zoom",
    documentation: "https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events",
    recipes: || {
        vec![Recipe {
            signatures: vec![signature(SHA256, prefixed("x-zm-signature", "v0="), HEX)],
            timestamp: time(header("x-zm-request-timestamp"), Unit::Seconds),
            ..signing(vec![literal("v0:"), Part::Timestamp, literal(":"), Part::Body])
        }]
    },
    ..PLAIN
};

/// A recipe that signs this, by signatures that are still to be named.
pub(super) fn signing(signed: Vec<Part>) -> Recipe {
    Recipe { when: None, signatures: Vec::new(), timestamp: None, id: Vec::new(), signed, digest: None }
}

/// A recipe that signs the body alone.
fn of_body(method: Method, at: Place, written: Written, id: Vec<Place>) -> Recipe {
    Recipe { signatures: vec![signature(method, at, written)], id, ..signing(vec![Part::Body]) }
}

/// A recipe that signs nothing.
pub(super) fn token(at: Place, written: Written) -> Recipe {
    Recipe { signatures: vec![signature(Method::Token, at, written)], ..signing(Vec::new()) }
}

/// That of Standard Webhooks under these names of headers.
fn standard_webhooks(id: &'static str, timestamp: &'static str, signatures: &'static str) -> Recipe {
    let listed = |key: &'static str| listed(signatures, b' ', b',', key);
    Recipe {
        signatures: vec![
            signature(SHA256, listed("v1"), BASE64),
            signature(Method::Ed25519, listed("v1a"), BASE64),
        ],
        timestamp: time(header(timestamp), Unit::Seconds),
        id: vec![header(id)],
        ..signing(vec![Part::Id, literal("."), Part::Timestamp, literal("."), Part::Body])
    }
}

pub(super) fn signature(method: Method, at: Place, written: Written) -> Signature {
    Signature { at, method, written }
}

fn header(name: &'static str) -> Place {
    prefixed(name, "")
}

fn prefixed(name: &'static str, prefix: &'static str) -> Place {
    Place::Header { name: name.into(), prefix: prefix.into() }
}

fn listed(header: &'static str, between: u8, after: u8, key: &'static str) -> Place {
    Place::Listed { header: header.into(), between, after, key: key.into() }
}

fn literal(text: &'static str) -> Part {
    Part::Literal(text.into())
}

fn time(at: Place, unit: Unit) -> Option<Timestamp> {
    Some(Timestamp { at, unit })
}
