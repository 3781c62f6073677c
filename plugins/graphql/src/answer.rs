//! What a server answers, and what that means.

use serde::Deserialize;
use stepmill_sdk::Failure;
use stepmill_sdk::http::Response;
use stepmill_sdk::raw::{self, RawValue};

use crate::{Config, Partial};

/// How many errors are told, and how much of each.
const MAX_ERRORS: usize = 5;
const MAX_MESSAGE_CHARS: usize = 300;

/// An answer that is no failure: GraphQL, with data.
pub(crate) struct Answer(Response);

/// What there is to say of an answer.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    errors: Option<Vec<Error>>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct Extensions {
    #[serde(default)]
    code: Option<serde_json::Value>,
}

impl Error {
    fn code(&self) -> Option<&str> {
        self.extensions.as_ref()?.code.as_ref()?.as_str()
    }
}

impl Answer {
    /// The answer in a response, or the failure that it is.
    pub(crate) fn of(response: Response, config: &Config) -> Result<Self, Failure> {
        let Ok(Body { data, errors }) = serde_json::from_slice::<Body<'_>>(response.bytes()) else {
            return Err(no_answer(&response));
        };
        let data = data.filter(|data| data.get() != "null");
        match errors.filter(|errors| !errors.is_empty()) {
            None if data.is_some() && response.is_success() => Ok(Self(response)),
            None => Err(no_answer(&response)),
            Some(errors) => {
                let is_accepted =
                    config.partial == Partial::Accept && data.is_some() && response.is_success();
                let passes = errors
                    .iter()
                    .filter_map(Error::code)
                    .any(|code| config.retry_codes.iter().any(|c| c == code));
                if is_accepted {
                    return Ok(Self(response));
                }
                Err(failure(&errors, passes, &response))
            }
        }
    }

    /// What was asked for.
    pub(crate) fn data(&self) -> Result<&RawValue, Failure> {
        let body: &RawValue = serde_json::from_slice(self.0.bytes())?;
        raw::at(body, "/data").ok_or_else(|| Failure::reject("response", "the answer has no data"))
    }

    /// The answer as it came.
    pub(crate) fn into_text(self) -> Result<String, Failure> {
        Ok(String::from_utf8(self.0.into_bytes())?)
    }
}

/// What is not as GraphQL has it: an error page, a proxy's answer, another API.
fn no_answer(response: &Response) -> Failure {
    if response.is_success() {
        return Failure::reject("response", "the answer is none of GraphQL: it has neither data nor errors");
    }
    response.failure()
}

fn failure(errors: &[Error], passes: bool, response: &Response) -> Failure {
    let told = errors.iter().take(MAX_ERRORS).map(|error| {
        let message: String = error.message.chars().take(MAX_MESSAGE_CHARS).collect();
        match error.code() {
            Some(code) => format!("{message} ({code})"),
            None => message,
        }
    });
    let mut message = told.collect::<Vec<_>>().join("; ");
    if errors.len() > MAX_ERRORS {
        message.push_str(&format!("; and {} more", errors.len() - MAX_ERRORS));
    }
    // A server that is overloaded may say so by its status alone.
    if passes || (!response.is_success() && stepmill_sdk::http::is_passing(response.status())) {
        return match response.retry_after() {
            Some(delay) => Failure::retry_after(delay, message),
            None => Failure::retry(message),
        };
    }
    match errors.iter().find_map(Error::code) {
        Some(code) => {
            Failure::reject(format!("graphql-{}", code.to_ascii_lowercase().replace('_', "-")), message)
        }
        None => Failure::reject("graphql", message),
    }
}
