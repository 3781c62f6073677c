#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use serde_json::json;
//! use stepmill_plugin_slack::Slack;
//! use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
//!
//! let http = FakeHttp::new()
//!     .reply_json("POST", "/chat.postMessage", 200, &json!({"ok": true, "channel": "C1", "ts": "1.2"}));
//! let config = r#"{"channel": "C1", "text": "hello"}"#;
//! let output = testing::connect::<Slack>(config, "null", &http, &MemoryStorage::new()).unwrap();
//! assert_eq!(output.text().unwrap(), r#"{"channel":"C1","ts":"1.2"}"#);
//! ```

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stepmill_sdk::http::Response;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// Errors that pass, as the method's page lists them.
const PASSING: [&str; 5] =
    ["ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"];
/// Slack cuts text that is longer (and refuses blocks with it).
const MAX_TEXT_CHARS: usize = 40_000;
/// The most blocks of a message.
const MAX_BLOCKS: usize = 50;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether a bot posts, or an incoming webhook.
    #[serde(default)]
    pub mode: Mode,
    /// Path at the step's system: `/chat.postMessage` unless given, and nothing for a webhook.
    pub path: Option<String>,
    /// Id of the channel, such as `C0123456789`, or its name with `#`. A bot needs one.
    pub channel: Option<String>,
    /// The message; with blocks, what notifications show of it.
    pub text: Option<String>,
    /// The message's [blocks](https://docs.slack.dev/reference/block-kit/blocks), at most 50.
    pub blocks: Option<Vec<Value>>,
    /// The `ts` of a message, in whose thread this one is an answer.
    pub thread_ts: Option<String>,
    /// Whether an answer in a thread is shown in the channel as well.
    #[serde(default)]
    pub reply_broadcast: bool,
    /// Whether links are shown with a preview; Slack decides unless given.
    pub unfurl_links: Option<bool>,
    /// Whether `client_msg_id` is sent, by which Slack may recognise a message that it was sent before.
    #[serde(default = "yes")]
    pub client_msg_id: bool,
    /// What is done when it is not known whether Slack has got the message.
    #[serde(default)]
    pub unsure: Unsure,
}

/// Who posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A bot, by `chat.postMessage`.
    #[default]
    Bot,
    /// An incoming webhook.
    Webhook,
}

/// What is done when it is not known whether the message has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unsure {
    /// Another attempt; the message may come twice.
    #[default]
    Retry,
    /// A rejection with code `slack-unsure`; the message may not come at all.
    Reject,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<&'a [Value]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reply_broadcast: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_links: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_msg_id: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
    response_metadata: Option<Metadata>,
}

/// What is wrong in detail, such as with which block.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    messages: Vec<String>,
}

#[derive(Serialize)]
struct Posted<'a> {
    channel: &'a str,
    ts: &'a str,
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Slack {
    config: Config,
}

impl Connector for Slack {
    const NAME: &'static str = "slack";
    const SUMMARY: &'static str = "Posts a message to Slack.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let refused = |message: String| Err(Failure::reject("config", message));
        match (config.mode, &config.channel) {
            (Mode::Bot, None) => return refused("`channel` is missing: a bot posts to one".to_owned()),
            (Mode::Webhook, Some(_)) => {
                return refused("`channel` is given, but an incoming webhook has its own".to_owned());
            }
            (Mode::Bot, Some(_)) | (Mode::Webhook, None) => {}
        }
        if let Some(blocks) = &config.blocks {
            if blocks.len() > MAX_BLOCKS {
                return refused(format!(
                    "there are {} blocks: a message has at most {MAX_BLOCKS}",
                    blocks.len()
                ));
            }
            if let Some(at) = blocks.iter().position(|block| !block.get("type").is_some_and(Value::is_string))
            {
                return refused(format!("`blocks[{at}]` has no `type`, such as `section`"));
            }
        }
        Ok(Self { config })
    }

    fn run(&self, input: Document, ctx: &ConnectorContext) -> Result<Document, Failure> {
        let config = &self.config;
        let text = match (&config.text, &config.blocks) {
            (Some(text), _) => Some(Cow::Borrowed(text.as_str())),
            (None, Some(_)) => None,
            (None, None) => Some(Cow::Owned(escaped(input.text()?))),
        };
        if let Some(text) = text.as_ref().filter(|text| text.chars().count() > MAX_TEXT_CHARS) {
            let message =
                format!("the text has {} characters: Slack takes {MAX_TEXT_CHARS}", text.chars().count());
            return Err(Failure::reject("slack-msg-too-long", message));
        }
        let is_bot = config.mode == Mode::Bot;
        let message = Message {
            channel: config.channel.as_deref(),
            text,
            blocks: config.blocks.as_deref(),
            thread_ts: config.thread_ts.as_deref(),
            reply_broadcast: config.reply_broadcast,
            unfurl_links: config.unfurl_links,
            client_msg_id: (is_bot && config.client_msg_id).then(|| message_id(ctx.idempotency_key())),
        };
        let path = config.path.as_deref().unwrap_or(if is_bot { "/chat.postMessage" } else { "" });
        let request =
            ctx.http().post(path).header("content-type", "application/json; charset=utf-8").json(&message);
        let response = request.send().map_err(|error| match config.unsure {
            Unsure::Reject if error.may_have_arrived() => {
                let message = format!("nobody knows whether the message has arrived: {}", error.message());
                Failure::reject("slack-unsure", message)
            }
            Unsure::Reject | Unsure::Retry => error.into(),
        })?;
        if is_bot { posted(&response) } else { hooked(&response) }
    }
}

/// What a method of the API answers: 200 with `ok`, or a status for what did not get that far.
fn posted(response: &Response) -> Result<Document, Failure> {
    if !response.is_success() {
        return Err(response.failure());
    }
    let answer: Answer = response.json()?;
    if let (true, Some(channel), Some(ts)) = (answer.ok, &answer.channel, &answer.ts) {
        return Document::json(&Posted { channel, ts });
    }
    let error = answer.error.unwrap_or_else(|| "no_error".to_owned());
    let details = answer.response_metadata.map(|metadata| metadata.messages.join("; ")).unwrap_or_default();
    let message = format!("Slack answered {error}{}{details}", if details.is_empty() { "" } else { ": " });
    if !PASSING.contains(&error.as_str()) {
        return Err(Failure::reject(code(&error), message));
    }
    Err(match response.retry_after() {
        Some(delay) => Failure::retry_after(delay, message),
        None => Failure::retry(message),
    })
}

/// What an incoming webhook answers: a status, and a word.
fn hooked(response: &Response) -> Result<Document, Failure> {
    if response.is_success() {
        return Ok(Document::from_json("null"));
    }
    let failure = response.failure();
    let word = response.text().unwrap_or_default().trim();
    let is_word =
        !word.is_empty() && word.len() < 64 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_word && !failure.is_retry() {
        return Err(Failure::reject(code(word), failure.message()));
    }
    Err(failure)
}

/// A rejection's code of Slack's error, in the characters that codes have.
fn code(error: &str) -> String {
    format!("slack-{}", error.replace('_', "-"))
}

/// Text in which Slack finds neither links nor mentions.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A UUID (RFC 9562, version 8) that is the same for the same key.
fn message_id(key: &str) -> String {
    let mut hex = String::new();
    for (at, byte) in Sha256::digest(key.as_bytes()).iter().take(16).enumerate() {
        let byte = match at {
            6 => 0x80 | (byte & 0x0f),
            8 => 0x80 | (byte & 0x3f),
            _ => *byte,
        };
        if matches!(at, 4 | 6 | 8 | 10) {
            hex.push('-');
        }
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}

stepmill_sdk::export_connector!(Slack);

#[cfg(test)]
mod tests;
