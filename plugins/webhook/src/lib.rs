#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_webhook::Webhook;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let http = FakeHttp::new().reply("POST", "", 204, "");
//! let config = r#"{"type": "order.shipped"}"#;
//! testing::connect::<Webhook>(config, r#"{"id": 7}"#, &http, &MemoryStorage::new()).unwrap();
//! let body = r#"{"type":"order.shipped","timestamp":"2023-11-14T22:13:20.000Z","data":{"id": 7}}"#;
//! assert_eq!(http.requests()[0].body.as_deref(), Some(body.as_bytes()));
//! ```

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepmill_sdk::config::{self, Scalar};
use stepmill_sdk::http::Response;
use stepmill_sdk::raw::{self, RawValue};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure, JSON};

/// What a receiver that wants no more webhooks answers.
const GONE: u16 = 410;
/// Headers that are the host's and the specification's.
const OWN_HEADERS: [&str; 4] = ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"];

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What has happened, such as `order.shipped`: letters, digits and `_`, in parts with dots between them. Needed
    /// unless `body` is `input`.
    #[serde(rename = "type")]
    pub event: Option<String>,
    /// Path at the step's system; its URL itself unless given.
    #[serde(default)]
    pub path: String,
    /// What the body is.
    #[serde(default)]
    pub body: Content,
    /// What has changed, any JSON; the step's input unless given.
    #[serde(default, deserialize_with = "config::present")]
    #[schemars(schema_with = "config::any")]
    pub data: Option<Value>,
    /// More request headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Scalar>,
    /// Statuses besides 410 that end it at once.
    #[serde(default)]
    pub rejected: BTreeSet<u16>,
}

/// What the body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// `{"type", "timestamp", "data"}`.
    #[default]
    Event,
    /// The step's input as it is.
    Input,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    event: &'a str,
    timestamp: String,
    data: &'a RawValue,
}

#[derive(Serialize)]
struct Sent<'a> {
    id: &'a str,
    status: u16,
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Webhook {
    config: Config,
}

impl Connector for Webhook {
    const NAME: &'static str = "webhook";
    const SUMMARY: &'static str = "Sends a webhook as Standard Webhooks has it.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let refused = |message: String| Err(Failure::reject("config", message));
        match (config.body, config.event.as_deref()) {
            (Content::Event, None) => {
                return refused(
                    "`type` is missing: say what has happened, such as `order.shipped`".to_owned(),
                );
            }
            (Content::Event, Some(event)) if !is_type(event) => {
                return refused(format!(
                    "`type` is {event:?}: give words with dots between them, such as `order.shipped`"
                ));
            }
            (Content::Input, Some(_)) => {
                return refused("`type` is given, but `body: input` sends the input as it is".to_owned());
            }
            (Content::Event, Some(_)) | (Content::Input, None) => {}
        }
        if config.body == Content::Input && config.data.is_some() {
            return refused("`data` is given, but `body: input` sends the input as it is".to_owned());
        }
        let own = |name: &&String| OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own));
        if let Some(name) = config.headers.keys().find(own) {
            return refused(format!("`headers` names {name}, which is set already"));
        }
        Ok(Self { config })
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let (media_type, body) = self.body(input, ctx)?;
        // The id and the time are signed with a full stop between them.
        let id = ctx.idempotency_key().replace('.', "_");
        let mut request = ctx.http().post(self.config.path.as_str());
        request = request.header("content-type", media_type).header("webhook-id", &id);
        for (name, value) in &self.config.headers {
            request = request.header(name, value.to_string());
        }
        let response = request.body(body).send()?;
        self.judge(&response)?;
        Document::json(&Sent { id: &id, status: response.status() })
    }
}

impl Webhook {
    /// Media type and bytes.
    fn body(&self, input: Document, ctx: &ConnectorContext) -> Result<(String, Vec<u8>), Failure> {
        let Some(event) = self.config.event.as_deref() else {
            return Ok((input.media_type.clone(), input.into_bytes()));
        };
        let given = self.config.data.as_ref().map(serde_json::value::to_raw_value).transpose()?;
        let data = match &given {
            Some(data) => data,
            None => raw::parse(&input)?,
        };
        let timestamp = humantime::format_rfc3339_millis(ctx.accepted_at()).to_string();
        Ok((JSON.to_owned(), serde_json::to_vec(&Event { event, timestamp, data })?))
    }

    fn judge(&self, response: &Response) -> Result<(), Failure> {
        match response.status() {
            _ if response.is_success() => Ok(()),
            GONE => {
                Err(Failure::reject("webhook-gone", "the receiver answered 410: it wants no more webhooks"))
            }
            status if self.config.rejected.contains(&status) => Err(response.rejection()),
            _ => Err(response.retry()),
        }
    }
}

/// Event types as the specification suggests them: `[a-zA-Z0-9_]+` in parts with dots between them.
fn is_type(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

stepmill_sdk::export_connector!(Webhook);

#[cfg(test)]
mod tests {
    //! The plugin through its own door, with HTTP from a script.

    use std::time::Duration;

    use serde_json::{Value, json};
    use stepmill_sdk::http::Error;
    use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
    use stepmill_sdk::{Body, Document, Failure};

    use super::Webhook;

    fn send(config: &Value, http: &FakeHttp) -> Result<String, Failure> {
        let input = r#"{"n":  1.10}"#;
        let output = testing::connect::<Webhook>(&config.to_string(), input, http, &MemoryStorage::new())?;
        Ok(output.text().unwrap().to_owned())
    }

    fn header(http: &FakeHttp, name: &str) -> Option<String> {
        let request = &http.requests()[0];
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8(found.value.clone()).unwrap())
    }

    #[test]
    fn an_event_has_type_time_and_data_and_an_id_that_stays() {
        let http = FakeHttp::new().reply("POST", "/in", 202, "");
        let config = json!({"type": "order.shipped", "path": "/in", "headers": {"X-Tenant": 7}});
        assert_eq!(send(&config, &http).unwrap(), r#"{"id":"test-key","status":202}"#);
        let body = r#"{"type":"order.shipped","timestamp":"2023-11-14T22:13:20.000Z","data":{"n":  1.10}}"#;
        assert_eq!(http.requests()[0].body.as_deref(), Some(body.as_bytes()));
        assert_eq!(header(&http, "webhook-id").as_deref(), Some("test-key"));
        assert_eq!(header(&http, "content-type").as_deref(), Some("application/json"));
        assert_eq!(header(&http, "x-tenant").as_deref(), Some("7"));
        // The host's alone.
        assert_eq!((header(&http, "webhook-signature"), header(&http, "webhook-timestamp")), (None, None));
    }

    #[test]
    fn data_or_the_whole_body_can_be_something_else() {
        let http = FakeHttp::new().reply("POST", "", 200, "");
        send(&json!({"type": "a", "data": null}), &http).unwrap();
        let body = http.requests()[0].body.clone().unwrap();
        assert!(body.ends_with(br#""data":null}"#));
        let http = FakeHttp::new().reply("POST", "", 200, "");
        let xml = Document { media_type: "text/xml".into(), body: Body::Text("<a/>".into()) };
        testing::connect::<Webhook>(r#"{"body": "input"}"#, xml, &http, &MemoryStorage::new()).unwrap();
        assert_eq!(http.requests()[0].body.as_deref(), Some(b"<a/>".as_slice()));
        assert_eq!(header(&http, "content-type").as_deref(), Some("text/xml"));
    }

    #[test]
    fn all_but_a_receiver_that_is_gone_is_tried_again() {
        let outcome = |config: Value, status: u16| {
            send(&config, &FakeHttp::new().reply_with("POST", "", status, &[("Retry-After", "8")], "why"))
                .unwrap_err()
        };
        let config = json!({"type": "a", "rejected": [401]});
        for status in [302, 400, 404, 429, 500, 501] {
            assert_eq!(outcome(config.clone(), status).delay(), Some(Duration::from_secs(8)), "{status}");
        }
        assert_eq!(outcome(config.clone(), 410).code(), Some("webhook-gone"));
        assert_eq!(outcome(config.clone(), 401).code(), Some("http-401"));
        let away = FakeHttp::new().fail("POST", "", Error::Connect("refused".into()));
        assert!(send(&config, &away).unwrap_err().is_retry());
    }

    #[test]
    fn config_that_cannot_work_is_refused() {
        for config in [
            json!({}),
            json!({"type": "order shipped"}),
            json!({"type": "a..b"}),
            json!({"type": "a", "body": "input"}),
            json!({"body": "input", "data": 1}),
            json!({"type": "a", "headers": {"Webhook-Id": "7"}}),
        ] {
            assert_eq!(send(&config, &FakeHttp::new()).unwrap_err().code(), Some("config"), "{config}");
        }
    }
}
