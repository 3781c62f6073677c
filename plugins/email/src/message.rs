//! An email, checked, whoever sends it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stepmill_sdk::{Document, Failure};

use crate::address::Address;
use crate::{Addresses, Attachment, Config};

/// The most recipients of an email; the least that one of the providers takes.
const MAX_RECIPIENTS: usize = 50;
/// Headers that have keys of their own.
const OWN_HEADERS: [&str; 8] =
    ["from", "to", "cc", "bcc", "reply-to", "subject", "content-type", "content-transfer-encoding"];

pub(crate) struct Message<'a> {
    pub(crate) from: Address,
    pub(crate) to: Vec<Address>,
    pub(crate) cc: Vec<Address>,
    pub(crate) bcc: Vec<Address>,
    pub(crate) reply_to: Option<Address>,
    pub(crate) subject: &'a str,
    pub(crate) text: Option<&'a str>,
    pub(crate) html: Option<&'a str>,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) attachments: Vec<File<'a>>,
}

/// An attachment with its content.
pub(crate) struct File<'a> {
    pub(crate) filename: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) base64: String,
    pub(crate) content_id: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// The email of a config and a step's input; of the config alone to see whether it can be one.
    pub(crate) fn of(config: &'a Config, input: Option<&'a Document>) -> Result<Self, Failure> {
        let (mut text, mut html) = (config.text.as_deref(), config.html.as_deref());
        if let (None, None, Some(input)) = (text, html, input) {
            let essence = input.media_type.split(';').next().unwrap_or("").trim();
            if essence.eq_ignore_ascii_case("text/html") {
                html = Some(input.text()?);
            } else {
                text = Some(input.text()?);
            }
        }
        let message = Self {
            from: Address::parse("from", &config.from)?,
            to: addresses("to", Some(&config.to))?,
            cc: addresses("cc", config.cc.as_ref())?,
            bcc: addresses("bcc", config.bcc.as_ref())?,
            reply_to: config.reply_to.as_deref().map(|text| Address::parse("reply_to", text)).transpose()?,
            subject: one_line("subject", &config.subject)?,
            text,
            html,
            headers: headers(config)?,
            attachments: config
                .attachments
                .iter()
                .map(|file| File::of(file, input))
                .collect::<Result<_, _>>()?,
        };
        let recipients = message.to.len() + message.cc.len() + message.bcc.len();
        if message.to.is_empty() {
            return Err(Failure::reject("email", "`to` is empty: give one address or more"));
        }
        if recipients > MAX_RECIPIENTS {
            let text = format!("there are {recipients} recipients: an email may have {MAX_RECIPIENTS}");
            return Err(Failure::reject("email", text));
        }
        Ok(message)
    }
}

impl<'a> File<'a> {
    fn of(file: &'a Attachment, input: Option<&'a Document>) -> Result<Self, Failure> {
        let filename = one_line("filename", &file.filename)?;
        let (base64, kind) = match (&file.text, &file.base64, file.input) {
            (Some(text), None, false) => (STANDARD.encode(text), None),
            (None, Some(base64), false) => {
                STANDARD.decode(base64).map_err(|error| {
                    Failure::reject("email", format!("the content of {filename} is no base64: {error}"))
                })?;
                (base64.clone(), None)
            }
            (None, None, true) => {
                let content = input.map(|input| STANDARD.encode(input.bytes())).unwrap_or_default();
                (content, input.map(|input| input.media_type.as_str()))
            }
            _ => {
                let message = format!("{filename} needs one content: give `text`, `base64` or `input: true`");
                return Err(Failure::reject("config", message));
            }
        };
        let content_type = file.content_type.as_deref().or(kind).unwrap_or("application/octet-stream");
        Ok(Self {
            filename,
            content_type: one_line("content_type", content_type)?,
            base64,
            content_id: file.content_id.as_deref().map(|id| one_line("content_id", id)).transpose()?,
        })
    }
}

fn addresses(key: &str, given: Option<&Addresses>) -> Result<Vec<Address>, Failure> {
    match given {
        None => Ok(Vec::new()),
        Some(Addresses::One(one)) => Ok(vec![Address::parse(key, one)?]),
        Some(Addresses::Many(many)) => many.iter().map(|one| Address::parse(key, one)).collect(),
    }
}

fn headers(config: &Config) -> Result<Vec<(&str, &str)>, Failure> {
    let mut headers = Vec::new();
    for (name, value) in &config.headers {
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_name || OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            let message =
                format!("`headers` has {name:?}, which is no header's name or has a key of its own");
            return Err(Failure::reject("config", message));
        }
        headers.push((name.as_str(), one_line(name, value)?));
    }
    Ok(headers)
}

/// What goes into a header must not end it.
fn one_line<'t>(key: &str, text: &'t str) -> Result<&'t str, Failure> {
    if text.contains(|c: char| c.is_control()) {
        return Err(Failure::reject("email", format!("`{key}` has a line break or control character in it")));
    }
    Ok(text)
}
