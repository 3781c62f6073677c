//! Questions that come where events come: by POST, after the webhook's verifier has had its say.

use serde::Deserialize;
use serde_json::{Value, json};

use super::question::{header, parameter};
use super::token::Signs;
use super::{Answer, Handshake, Handshaker, Judged, Refusal, Then};
use crate::signature::aws_sns::{self, Message};
use crate::signature::{Algorithm, Origin, Request, Verified, sign};

/// Largest body that is looked at where nothing but the body tells a question from an event: all questions are far
/// smaller, and events of any size pay nothing.
const MOST_BODY: usize = 16 << 10;

#[derive(Deserialize)]
struct Slack {
    r#type: String,
    challenge: Option<Value>,
}

#[derive(Deserialize)]
struct Discord {
    r#type: u64,
}

#[derive(Deserialize)]
struct Twitch {
    challenge: Value,
}

#[derive(Deserialize)]
struct Zoom {
    event: String,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    plain_token: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validation {
    event_type: String,
    data: Code,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Code {
    validation_code: Value,
}

impl Handshaker {
    pub(super) fn posted(&self, request: &Request<'_>, proof: Option<&Verified>) -> Judged {
        let proof = proof.ok_or(Refusal::Unproven);
        match &self.kind {
            Handshake::Asana {} => proof.and_then(|_| asana(request)),
            Handshake::AwsSns {} => proof.and_then(|_| self.sns(request.body)),
            Handshake::AzureEventGrid {} => proof.and_then(|_| event_grid(request)),
            Handshake::Discord {} => proof.map(|_| discord(request.body)),
            // https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks#notificationurl-validation
            Handshake::MicrosoftGraph {} => {
                proof?;
                let Some(token) = parameter(request, "validationToken")? else { return Ok(None) };
                Ok(Some(Answer::text(Signs::SENTENCE.check(token)?)))
            }
            Handshake::Slack {} => proof.and_then(|_| slack(request.body)),
            Handshake::Twitch {} => proof.and_then(|_| twitch(request)),
            Handshake::Zoom {} => proof.and_then(|_| self.zoom(request.body)),
            // What this could be answered by is no event: its signature may be one that a caller was given for a token.
            Handshake::X {} if Signs::OPAQUE.allow(request.body) => Err(Refusal::Token),
            Handshake::None {}
            | Handshake::Cloudevents(_)
            | Handshake::Docusign {}
            | Handshake::Dropbox {}
            | Handshake::Meta(_)
            | Handshake::Okta {}
            | Handshake::Websub(_)
            | Handshake::X {} => Ok(None),
        }
    }

    /// <https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint>
    fn zoom(&self, body: &[u8]) -> Judged {
        let Some(asked) = small::<Zoom>(body).filter(|asked| asked.event == "endpoint.url_validation") else {
            return Ok(None);
        };
        let token = text(asked.payload.and_then(|payload| payload.plain_token), Signs::ZOOM)?;
        let secret = self.secret.as_ref().ok_or(Refusal::Unproven)?;
        let encrypted = sign::hmac_hex(Algorithm::Sha256, secret.expose(), token.as_bytes());
        Ok(Some(Answer::json(&json!({ "plainToken": token, "encryptedToken": encrypted }))))
    }

    /// <https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html>. An end of a subscription is no event, and
    /// what would undo it is not called.
    fn sns(&self, body: &[u8]) -> Judged {
        let Some(asked) = Message::read(body) else { return Ok(None) };
        match &*asked.r#type {
            "SubscriptionConfirmation" => {}
            "UnsubscribeConfirmation" => return Ok(Some(Answer::new(200, Vec::new(), String::new()))),
            _ => return Ok(None),
        }
        let sns = self.sns.as_ref().ok_or(Refusal::Unproven)?;
        let url = asked.subscribe_url.as_deref().and_then(aws_sns::at_home).ok_or(Refusal::Malformed)?;
        let is_one = |name: &str, is: &dyn Fn(&str) -> bool| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name);
            values.next().is_some_and(|(_, value)| is(&value)) && values.next().is_none()
        };
        let is_meant = url.path() == "/"
            && is_one("Action", &|action| action == "ConfirmSubscription")
            && is_one("TopicArn", &|topic| topic == sns.topic)
            && is_one("Token", &|token| Signs::OPAQUE.make(token.as_bytes()));
        if !is_meant {
            return Err(Refusal::Unknown);
        }
        let then = Then::Visit { url: Origin::of(sns.keys.as_ref(), &url), is_public: sns.keys.is_none() };
        Ok(Some(Answer { then: Some(then), ..Answer::new(200, Vec::new(), String::new()) }))
    }
}

/// <https://docs.slack.dev/reference/events/url_verification>
fn slack(body: &[u8]) -> Judged {
    match small::<Slack>(body) {
        Some(asked) if asked.r#type == "url_verification" => {
            Ok(Some(Answer::text(text(asked.challenge, Signs::OPAQUE)?)))
        }
        Some(_) | None => Ok(None),
    }
}

/// A ping, <https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-acknowledging-ping-requests>.
fn discord(body: &[u8]) -> Option<Answer> {
    small::<Discord>(body).filter(|asked| asked.r#type == 1).map(|_| Answer::json(&json!({ "type": 1 })))
}

/// <https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#responding-to-a-challenge-request>
fn twitch(request: &Request<'_>) -> Judged {
    let kind = header(request, "twitch-eventsub-message-type")?;
    if kind.as_deref() != Some("webhook_callback_verification") {
        return Ok(None);
    }
    let asked: Twitch = serde_json::from_slice(request.body).map_err(|_| Refusal::Malformed)?;
    Ok(Some(Answer::text(text(Some(asked.challenge), Signs::OPAQUE)?)))
}

/// <https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema>: the one event of
/// its batch.
fn event_grid(request: &Request<'_>) -> Judged {
    if header(request, "aeg-event-type")?.as_deref() != Some("SubscriptionValidation") {
        return Ok(None);
    }
    let [asked]: [Validation; 1] = serde_json::from_slice(request.body).map_err(|_| Refusal::Malformed)?;
    if asked.event_type != "Microsoft.EventGrid.SubscriptionValidationEvent" {
        return Err(Refusal::Malformed);
    }
    let code = text(Some(asked.data.validation_code), Signs::OPAQUE)?;
    Ok(Some(Answer::json(&json!({ "validationResponse": code }))))
}

/// <https://developers.asana.com/docs/webhooks-guide#the-webhook-handshake>: it tells the secret that events will be signed
/// with.
fn asana(request: &Request<'_>) -> Judged {
    let Some(secret) = header(request, "x-hook-secret")? else { return Ok(None) };
    let secret = Signs::OPAQUE.check(secret)?;
    let then = Some(Then::Keep(secret.clone()));
    Ok(Some(Answer { then, ..Answer::new(200, vec![("x-hook-secret", secret)], String::new()) }))
}

/// A small body that has what is asked for. A name that is there twice is nothing.
fn small<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Option<T> {
    (body.len() <= MOST_BODY).then(|| serde_json::from_slice(body).ok()).flatten()
}

fn text(value: Option<Value>, signs: Signs) -> Result<String, Refusal> {
    match value {
        Some(Value::String(text)) => signs.check(text),
        Some(_) => Err(Refusal::Token),
        None => Err(Refusal::Malformed),
    }
}
