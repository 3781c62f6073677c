//! What each provider wants, as its documentation (named in the crate's) has it.

use serde_json::{Map, Value, json};
use stepmill_sdk::http::Response;

use crate::Provider;
use crate::address::Address;
use crate::message::{File, Message};

impl Provider {
    /// Where emails are sent to.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Postmark => "/email",
            Self::Sendgrid => "/v3/mail/send",
            Self::Resend => "/emails",
        }
    }

    /// The email as the provider takes it.
    pub(crate) fn body(self, message: &Message<'_>) -> Value {
        let members = match self {
            Self::Postmark => postmark(message),
            Self::Sendgrid => sendgrid(message),
            Self::Resend => resend(message),
        };
        // What is not given is left out.
        let is_there = |value: &Value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::String(_) | Value::Number(_) | Value::Bool(_) => true,
        };
        let members = members.into_iter().filter(|(_, value)| is_there(value));
        Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The id that the provider gives the email.
    pub(crate) fn id(self, response: &Response) -> Option<String> {
        let member = |name: &str| {
            let body: Value = serde_json::from_slice(response.bytes()).ok()?;
            Some(body.get(name)?.as_str()?.to_owned())
        };
        match self {
            Self::Postmark => member("MessageID"),
            Self::Sendgrid => response.header("x-message-id").map(str::to_owned),
            Self::Resend => member("id"),
        }
    }
}

fn postmark(message: &Message<'_>) -> Vec<(&'static str, Value)> {
    let header = |(name, value): &(&str, &str)| json!({ "Name": name, "Value": value });
    let file = |file: &File<'_>| {
        json!({
            "Name": file.filename, "Content": file.base64, "ContentType": file.content_type,
            "ContentID": file.content_id.map(|id| format!("cid:{id}")),
        })
    };
    vec![
        ("From", json!(message.from.to_string())),
        ("To", joined(&message.to)),
        ("Cc", joined(&message.cc)),
        ("Bcc", joined(&message.bcc)),
        ("ReplyTo", json!(message.reply_to.as_ref().map(Address::to_string))),
        ("Subject", json!(message.subject)),
        ("TextBody", json!(message.text)),
        ("HtmlBody", json!(message.html)),
        ("Headers", message.headers.iter().map(header).collect()),
        ("Attachments", message.attachments.iter().map(file).collect()),
    ]
}

fn sendgrid(message: &Message<'_>) -> Vec<(&'static str, Value)> {
    let address = |address: &Address| match &address.name {
        Some(name) => json!({ "email": address.mail, "name": name }),
        None => json!({ "email": address.mail }),
    };
    let mut to = Map::new();
    for (name, addresses) in [("to", &message.to), ("cc", &message.cc), ("bcc", &message.bcc)] {
        if !addresses.is_empty() {
            to.insert(name.to_owned(), addresses.iter().map(address).collect());
        }
    }
    // Text has to go before HTML.
    let content: Vec<Value> = [("text/plain", message.text), ("text/html", message.html)]
        .into_iter()
        .filter_map(|(kind, value)| Some(json!({ "type": kind, "value": value? })))
        .collect();
    let file = |file: &File<'_>| {
        let mut members = json!({
            "content": file.base64, "filename": file.filename, "type": file.content_type, "disposition": "attachment",
        });
        if let (Some(id), Some(members)) = (file.content_id, members.as_object_mut()) {
            members.insert("disposition".to_owned(), json!("inline"));
            members.insert("content_id".to_owned(), json!(id));
        }
        members
    };
    vec![
        ("personalizations", json!([to])),
        ("from", address(&message.from)),
        ("reply_to", message.reply_to.as_ref().map(address).into()),
        ("subject", json!(message.subject)),
        ("content", content.into()),
        ("headers", headers(message)),
        ("attachments", message.attachments.iter().map(file).collect()),
    ]
}

fn resend(message: &Message<'_>) -> Vec<(&'static str, Value)> {
    let list = |addresses: &[Address]| addresses.iter().map(Address::to_string).collect::<Vec<_>>().into();
    let file = |file: &File<'_>| {
        json!({
            "filename": file.filename, "content": file.base64, "content_type": file.content_type,
            "content_id": file.content_id,
        })
    };
    vec![
        ("from", json!(message.from.to_string())),
        ("to", list(&message.to)),
        ("cc", list(&message.cc)),
        ("bcc", list(&message.bcc)),
        ("reply_to", json!(message.reply_to.as_ref().map(Address::to_string))),
        ("subject", json!(message.subject)),
        ("text", json!(message.text)),
        ("html", json!(message.html)),
        ("headers", headers(message)),
        ("attachments", message.attachments.iter().map(file).collect()),
    ]
}

fn joined(addresses: &[Address]) -> Value {
    if addresses.is_empty() {
        return Value::Null;
    }
    addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ").into()
}

fn headers(message: &Message<'_>) -> Value {
    message
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<Map<_, _>>()
        .into()
}
