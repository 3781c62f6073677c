//! What an operator writes to say how a webhook is asked.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::secret::SecretRef;
use crate::signature::Verify;

/// How a provider asks whether a URL is its customer's. A name by itself is enough where there is nothing to say besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Handshake {
    /// Answers no question, whatever `verify` says.
    None {},
    /// Asana tells the secret that it will sign with: it is written to a file, whose name is logged.
    Asana {},
    /// Amazon SNS, which has a subscription confirmed by a call. It comes with `verify: { scheme: aws-sns }`.
    AwsSns {},
    /// Azure Event Grid, in both of its schemas.
    AzureEventGrid {},
    /// CloudEvents by OPTIONS.
    Cloudevents(Cloudevents),
    /// Discord's ping. It comes with `verify: { scheme: discord }`.
    Discord {},
    /// DocuSign, which asks nothing.
    Docusign {},
    /// Dropbox by GET.
    Dropbox {},
    /// Meta by GET: Facebook, Instagram, WhatsApp.
    Meta(Meta),
    /// Microsoft Graph.
    MicrosoftGraph {},
    /// Okta's event hooks by GET, with the header by which `verify` knows them.
    Okta {},
    /// Slack's events. It comes with `verify: { scheme: slack }`.
    Slack {},
    /// Twitch's EventSub. It comes with `verify: { scheme: twitch }`.
    Twitch {},
    /// A hub of WebSub by GET.
    Websub(Websub),
    /// X by GET. It comes with `verify: { scheme: x }`.
    X {},
    /// Zoom. It comes with `verify: { scheme: zoom }`.
    Zoom {},
}

/// Who may ask by CloudEvents' rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Cloudevents {
    /// The names that senders give as `WebHook-Request-Origin`, such as `eventemitter.example.com`.
    pub origins: Vec<String>,
    /// Most events in a minute that a sender is granted which asks for a rate; what it asks for unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

/// What Meta sends along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Meta {
    /// The verify token that the app's dashboard was given.
    pub verify_token: SecretRef,
}

/// What a hub is to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Websub {
    /// The URL of the topic, as it was subscribed to.
    pub topic: String,
}

impl Handshake {
    /// The kinds that a name is enough for.
    const NAMES: [&str; 13] = [
        "none",
        "asana",
        "aws-sns",
        "azure-event-grid",
        "discord",
        "docusign",
        "dropbox",
        "microsoft-graph",
        "okta",
        "slack",
        "twitch",
        "x",
        "zoom",
    ];

    /// The name in config.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None {} => "none",
            Self::Asana {} => "asana",
            Self::AwsSns {} => "aws-sns",
            Self::AzureEventGrid {} => "azure-event-grid",
            Self::Cloudevents(_) => "cloudevents",
            Self::Discord {} => "discord",
            Self::Docusign {} => "docusign",
            Self::Dropbox {} => "dropbox",
            Self::Meta(_) => "meta",
            Self::MicrosoftGraph {} => "microsoft-graph",
            Self::Okta {} => "okta",
            Self::Slack {} => "slack",
            Self::Twitch {} => "twitch",
            Self::Websub(_) => "websub",
            Self::X {} => "x",
            Self::Zoom {} => "zoom",
        }
    }

    /// The one that belongs to a scheme.
    pub(super) fn of_scheme(verify: &Verify) -> Option<Self> {
        match verify.scheme() {
            "aws-sns" => Some(Self::AwsSns {}),
            "discord" => Some(Self::Discord {}),
            "slack" => Some(Self::Slack {}),
            "twitch" => Some(Self::Twitch {}),
            "x" => Some(Self::X {}),
            "zoom" => Some(Self::Zoom {}),
            _ => None,
        }
    }

    /// The secret that it takes, and the key of the webhook's config under which that stands.
    pub fn secret<'c>(&'c self, verify: &'c Verify) -> Option<(&'static str, &'c SecretRef)> {
        match (self, verify) {
            (Self::Meta(meta), _) => Some(("handshake/verify_token", &meta.verify_token)),
            (Self::X {}, Verify::X(shared)) => Some(("verify/secret", &shared.secret)),
            (Self::Zoom {}, Verify::Zoom(dated)) => Some(("verify/secret", &dated.secret)),
            _ => None,
        }
    }

    /// What is wrong, by the key of its config; empty for it as a whole.
    pub fn problems(&self, verify: &Verify) -> Vec<(&'static str, String)> {
        let (name, scheme) = (self.name(), verify.scheme());
        match self {
            Self::AwsSns {} | Self::Discord {} | Self::Slack {} | Self::Twitch {} | Self::X {} | Self::Zoom {} if name != scheme => {
                vec![("", format!("{name} proves who asks by its own scheme: give verify: {{ scheme: {name}, … }}"))]
            }
            Self::Okta {} if scheme == "none" => vec![(
                "",
                "okta asks with the header that it sends events with: give verify: { scheme: api-key, header: \
                 Authorization, secret: … }"
                    .into(),
            )],
            Self::Cloudevents(cloudevents) => cloudevents.problems(),
            Self::Websub(websub) if !matches!(url::Url::parse(&websub.topic), Ok(url) if url.has_host()) => {
                vec![("topic", "the topic is no URL: write it as it was subscribed to, such as https://example.com/feed".into())]
            }
            _ => Vec::new(),
        }
    }
}

impl Cloudevents {
    fn problems(&self) -> Vec<(&'static str, String)> {
        let is_origin = |origin: &String| {
            let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            !origin.is_empty() && origin.bytes().all(is_sign)
        };
        let mut problems = Vec::new();
        if self.origins.is_empty() || !self.origins.iter().all(is_origin) {
            let why = "origins are names such as eventemitter.example.com, and at least one: whoever may send events";
            problems.push(("origins", why.into()));
        }
        if self.rate == Some(0) {
            problems.push(("rate", "rate is 0: give the most events in a minute, or leave it out".into()));
        }
        problems
    }
}

/// Reads a handshake, or only its name.
pub(crate) fn by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Handshake>, D::Error> {
    deserializer.deserialize_any(Written)
}

/// The schema of what [`by_name`] reads.
pub(crate) fn by_name_schema(generator: &mut SchemaGenerator) -> Schema {
    let full = Handshake::json_schema(generator);
    let kinds = full.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = json!({ "type": "string", "enum": Handshake::NAMES });
    json_schema!({ "anyOf": std::iter::once(name).chain(kinds).collect::<Vec<_>>() })
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Option<Handshake>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a handshake such as microsoft-graph, or its kind with more such as { kind: websub, topic: … }")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        by_name(deserializer)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Handshake::deserialize(MapDeserializer::new(std::iter::once(("kind", name)))).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Handshake::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    fn read(written: &Value) -> Result<Option<Handshake>, String> {
        by_name(written).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_enough_where_there_is_nothing_to_say_besides() {
        for name in Handshake::NAMES {
            let handshake = read(&json!(name)).unwrap().unwrap();
            assert_eq!(handshake.name(), name);
            assert_eq!(read(&serde_json::to_value(&handshake).unwrap()).unwrap(), Some(handshake));
        }
        let websub =
            read(&json!({ "kind": "websub", "topic": "https://example.com/feed" })).unwrap().unwrap();
        assert_eq!(websub.name(), "websub");
        assert!(read(&json!("websub")).unwrap_err().contains("topic"));
        let unknown = read(&json!("graph")).unwrap_err();
        assert!(unknown.contains("`microsoft-graph`") && unknown.contains("`websub`"), "{unknown}");
        assert!(read(&json!({ "kind": "slack", "secret": "env:A" })).is_err());
    }
}
