//! Amazon SNS: an RSA signature of some members of the body
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256};
use serde::Deserialize;
use url::Url;

use super::certificate::Certificate;
use super::config::{AwsSns, Origin};
use super::recipe::Unit;
use super::{Keys, Refusal, Request, Verdict, Verified, time};
use crate::duration;

/// A message. A name that is there twice is an error of the derived reader.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Message {
    /// What it is: a notification, or a question about the subscription.
    pub r#type: String,
    message_id: String,
    /// The topic.
    pub topic_arn: String,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    subject: Option<String>,
    token: Option<String>,
    /// Where a subscription is confirmed.
    #[serde(rename = "SubscribeURL")]
    pub subscribe_url: Option<String>,
}

impl Message {
    /// Reads a body.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// What is signed: names and values, each on a line of its own.
    fn signed(&self) -> Option<String> {
        let mut signed = String::new();
        let mut add = |name: &str, value: &str| {
            signed.extend([name, "\n", value, "\n"]);
        };
        add("Message", &self.message);
        add("MessageId", &self.message_id);
        match &*self.r#type {
            "Notification" => {
                if let Some(subject) = &self.subject {
                    add("Subject", subject);
                }
                add("Timestamp", &self.timestamp);
            }
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                add("SubscribeURL", self.subscribe_url.as_deref()?);
                add("Timestamp", &self.timestamp);
                add("Token", self.token.as_deref()?);
            }
            _ => return None,
        }
        add("TopicArn", &self.topic_arn);
        add("Type", &self.r#type);
        Some(signed)
    }
}

impl AwsSns {
    pub(super) fn verify(&self, request: &Request<'_>, keys: &Keys, now_ms: u64) -> Result<Verdict, Refusal> {
        let message = Message::read(request.body).ok_or(Refusal::MalformedBody)?;
        if message.topic_arn != self.topic {
            return Err(Refusal::WrongTopic);
        }
        let algorithm = match &*message.signature_version {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Refusal::MalformedBody),
        };
        if let Some(tolerance) = self.tolerance {
            let signed_ms = Unit::Rfc3339.ms(message.timestamp.as_bytes()).ok_or(Refusal::MalformedBody)?;
            time::check(signed_ms, duration::ms(tolerance), now_ms)?;
        }
        let signed = message.signed().ok_or(Refusal::MalformedBody)?;
        let signature = STANDARD.decode(&message.signature).map_err(|_| Refusal::MalformedBody)?;
        let url = certificate(&message.signing_cert_url).ok_or(Refusal::MalformedBody)?;
        let url = Origin::of(self.keys.as_ref(), &url);
        let Some(document) = keys.at(&url) else {
            return Ok(Verdict::NeedsKey { url, is_public: self.keys.is_none() });
        };
        let certificate = Certificate::read(document, is_amazon, now_ms).ok_or(Refusal::BadKey)?;
        if !certificate.has_signed(algorithm, signed.as_bytes(), &signature) {
            return Err(Refusal::Mismatch);
        }
        Ok(Verdict::Genuine(Verified { id: Some(message.message_id) }))
    }
}

/// Whether a certificate's name is that of SNS somewhere.
fn is_amazon(name: &str) -> bool {
    name.starts_with("sns") && (name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn"))
}

/// A URL of a certificate of Amazon's, written in the one way.
fn certificate(text: &str) -> Option<Url> {
    let url = at_home(text)?;
    let name = url.path().strip_prefix("/SimpleNotificationService-")?.strip_suffix(".pem")?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_name && url.query().is_none()).then_some(url)
}

/// A URL of SNS: `https`, a host `sns.REGION.amazonaws.com`, and its own port.
pub(crate) fn at_home(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let region = host.strip_prefix("sns.")?;
    let region =
        region.strip_suffix(".amazonaws.com").or_else(|| region.strip_suffix(".amazonaws.com.cn"))?;
    let is_region =
        !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // As it is written, so that no other reader of it could come to another host.
    (is_region && text.starts_with(&format!("https://{host}/")) && url.fragment().is_none()).then_some(url)
}
