//! Questions that are asked by another method than POST.

use serde_json::json;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use super::token::Signs;
use super::{Answer, Cloudevents, Handshake, Handshaker, Judged, Meta, Refusal, Websub};
use crate::signature::{Algorithm, Request, Verified, sign};

/// Who asks for Azure Event Grid
/// (<https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-cloud-events-schema>).
const EVENT_GRID: &str = "eventgrid.azure.net";

impl Handshaker {
    pub(super) fn asked(&self, request: &Request<'_>, proof: Option<&Verified>) -> Judged {
        match &self.kind {
            Handshake::AzureEventGrid {} => options(request, &[EVENT_GRID.to_owned()], None),
            Handshake::Cloudevents(Cloudevents { origins, rate }) => options(request, origins, *rate),
            // https://www.dropbox.com/developers/reference/webhooks#documentation
            Handshake::Dropbox {} => {
                let Some(challenge) = parameter(request, "challenge")? else { return Ok(None) };
                Ok(Some(Answer::text(Signs::OPAQUE.check(challenge)?)))
            }
            Handshake::Meta(Meta { .. }) => self.meta(request),
            // https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request
            Handshake::Okta {} => {
                let Some(challenge) = header(request, "x-okta-verification-challenge")? else {
                    return Ok(None);
                };
                proof.ok_or(Refusal::Unproven)?;
                Ok(Some(Answer::json(&json!({ "verification": Signs::OPAQUE.check(challenge)? }))))
            }
            Handshake::Websub(Websub { topic }) => websub(request, topic),
            Handshake::X {} => self.x(request),
            Handshake::None {}
            | Handshake::Asana {}
            | Handshake::AwsSns {}
            | Handshake::Discord {}
            | Handshake::Docusign {}
            | Handshake::MicrosoftGraph {}
            | Handshake::Slack {}
            | Handshake::Twitch {}
            | Handshake::Zoom {} => Ok(None),
        }
    }

    /// <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests>
    fn meta(&self, request: &Request<'_>) -> Judged {
        let [mode, challenge, token] =
            ["hub.mode", "hub.challenge", "hub.verify_token"].map(|name| parameter(request, name));
        let (mode, challenge, token) = (mode?, challenge?, token?);
        if mode.is_none() && challenge.is_none() {
            return Ok(None);
        }
        let expected = self.secret.as_ref().ok_or(Refusal::Unproven)?;
        let is_known = token.is_some_and(|token| bool::from(token.as_bytes().ct_eq(expected.expose())));
        if mode.as_deref() != Some("subscribe") || !is_known {
            return Err(Refusal::Unknown);
        }
        Ok(Some(Answer::text(Signs::OPAQUE.check(challenge.ok_or(Refusal::Malformed)?)?)))
    }

    /// The challenge response check, <https://docs.x.com/x-api/webhooks/quickstart#2-the-crc-check>. X does not sign it.
    fn x(&self, request: &Request<'_>) -> Judged {
        let Some(token) = parameter(request, "crc_token")? else { return Ok(None) };
        let token = Signs::OPAQUE.check(token)?;
        let secret = self.secret.as_ref().ok_or(Refusal::Unproven)?;
        let response = sign::hmac_base64(Algorithm::Sha256, secret.expose(), token.as_bytes());
        Ok(Some(Answer::json(&json!({ "response_token": format!("sha256={response}") }))))
    }
}

/// <https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection>. A callback is never
/// called: it is any URL that a caller picks.
fn options(request: &Request<'_>, origins: &[String], rate: Option<u32>) -> Judged {
    let Some(origin) = header(request, "webhook-request-origin")? else { return Ok(None) };
    let origin = origins.iter().find(|known| known.eq_ignore_ascii_case(&origin)).ok_or(Refusal::Unknown)?;
    let mut headers = vec![("allow", "POST".to_owned()), ("webhook-allowed-origin", origin.clone())];
    if let Some(wanted) = header(request, "webhook-request-rate")? {
        let wanted = wanted.parse::<u32>().ok().filter(|wanted| *wanted > 0).ok_or(Refusal::Malformed)?;
        headers.push(("webhook-allowed-rate", rate.map_or(wanted, |most| most.min(wanted)).to_string()));
    }
    Ok(Some(Answer::new(200, headers, String::new())))
}

/// The hub verifies the intent, <https://www.w3.org/TR/websub/#hub-verifies-intent>. Nobody here ends a subscription.
fn websub(request: &Request<'_>, topic: &str) -> Judged {
    let [mode, asked, challenge] =
        ["hub.mode", "hub.topic", "hub.challenge"].map(|name| parameter(request, name));
    let (mode, asked, challenge) = (mode?, asked?, challenge?);
    if mode.is_none() && challenge.is_none() {
        return Ok(None);
    }
    if mode.as_deref() != Some("subscribe") || asked.as_deref() != Some(topic) {
        return Err(Refusal::Unknown);
    }
    Ok(Some(Answer::text(Signs::OPAQUE.check(challenge.ok_or(Refusal::Malformed)?)?)))
}

/// The one parameter of the query that has this name.
pub(super) fn parameter(request: &Request<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let query = request.url.split_once('?').map_or("", |(_, query)| query);
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Refusal::Repeated),
        (value, None) => Ok(value.map(|(_, value)| value.into_owned())),
    }
}

/// The one header of a name.
pub(super) fn header(request: &Request<'_>, name: &str) -> Result<Option<String>, Refusal> {
    match request.headers.values(name).as_slice() {
        [] => Ok(None),
        [value] => std::str::from_utf8(value).map(|value| Some(value.to_owned())).map_err(|_| Refusal::Token),
        [_, _, ..] => Err(Refusal::Repeated),
    }
}
