#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use serde_json::json;
//! use stepmill_plugin_email::Email;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let http = FakeHttp::new().reply_json("POST", "/emails", 200, &json!({"id": "49a3"}));
//! let config = r#"{"provider": "resend", "from": "a@shop.example", "to": "b@x.example", "subject": "Hi", "text": "Hello"}"#;
//! let output = testing::connect::<Email>(config, "null", &http, &MemoryStorage::new()).unwrap();
//! assert_eq!(output.text().unwrap(), r#"{"id":"49a3"}"#);
//! ```
//!
//! Start reading at [`Config`]; `message` checks what is sent, `provider` writes it as each wants it.

mod address;
mod message;
mod provider;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

use crate::message::Message;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose API the step's system is.
    pub provider: Provider,
    /// Path at the step's system, if it is not the provider's own.
    pub path: Option<String>,
    /// Sender: `orders@shop.example` or `Shop <orders@shop.example>`.
    pub from: String,
    /// Recipients: one address, or a list of them.
    pub to: Addresses,
    /// Recipients of a copy.
    pub cc: Option<Addresses>,
    /// Recipients of a copy whom the others do not see.
    pub bcc: Option<Addresses>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The subject.
    pub subject: String,
    /// The body as text.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
    /// More headers, such as `List-Unsubscribe`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Files that go with it.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// What is done when it is not known whether the provider has got the email.
    #[serde(default)]
    pub unsure: Unsure,
}

/// Whose API the step's system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Postmark.
    Postmark,
    /// Twilio SendGrid.
    Sendgrid,
    /// Resend.
    Resend,
}

/// One address or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Addresses {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A file that goes with an email. Its content is one of `text`, `base64` and `input`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its name, such as `invoice.pdf`.
    pub filename: String,
    /// Its media type; that of the input for `input`, else `application/octet-stream`.
    pub content_type: Option<String>,
    /// Its content as text.
    pub text: Option<String>,
    /// Its content in base64, as other steps give bytes.
    pub base64: Option<String>,
    /// Whether its content is the step's input.
    #[serde(default)]
    pub input: bool,
    /// Id by which the HTML refers to it, as in `<img src="cid:logo">`.
    pub content_id: Option<String>,
}

/// What is done when it is not known whether the email is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unsure {
    /// Another attempt; the email may come twice where the provider does not recognise it.
    #[default]
    Retry,
    /// A rejection with code `email-unsure`; the email may not come at all.
    Reject,
}

#[derive(Serialize)]
struct Sent {
    id: Option<String>,
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Email {
    config: Config,
}

impl Connector for Email {
    const NAME: &'static str = "email";
    const SUMMARY: &'static str = "Sends an email through Postmark, SendGrid or Resend.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        // All but the body, which may be the input, can be judged now.
        Message::of(&config, None)?;
        Ok(Self { config })
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let config = &self.config;
        let message = Message::of(config, Some(&input))?;
        let provider = config.provider;
        let path = config.path.as_deref().unwrap_or_else(|| provider.path());
        let mut request =
            ctx.http().post(path).header("accept", stepmill_sdk::JSON).json(&provider.body(&message));
        if provider == Provider::Resend {
            request = request.header("Idempotency-Key", ctx.idempotency_key());
        }
        let response = request.send().map_err(|error| match config.unsure {
            Unsure::Reject if error.may_have_arrived() => {
                let message = format!("nobody knows whether the email is on its way: {}", error.message());
                Failure::reject("email-unsure", message)
            }
            Unsure::Reject | Unsure::Retry => error.into(),
        })?;
        let response = response.error_for_status()?;
        Document::json(&Sent { id: provider.id(&response) })
    }
}

stepmill_sdk::export_connector!(Email);

#[cfg(test)]
mod tests;
