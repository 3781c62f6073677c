//! Answers a candidate's requests with the exchanges of an attempt that was made before. Nothing leaves the host.
//!
//! A request is answered by a recorded one of the same method, URL, body and headers that has not answered one yet, in
//! whichever order they come. What only says who sends it, and when, is left out of account; so are secrets, which are
//! not recorded. A request that finds none is noted: what the system would have said to it, nobody knows.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use stepmill_core::attempt::{Exchange, ExchangeResponse, Lack, Record, Unanswered};
use stepmill_sandbox::egress::{Error, Hop, Response, Sent, Transport, is_sensitive};
use url::{Position, Url};

use super::compare;
use super::report::{Difference, Part};

/// Headers that say who sends a request, how and when, and not what is asked for.
const IGNORED: [&str; 8] = [
    "accept-encoding",
    "connection",
    "content-length",
    "date",
    "host",
    "traceparent",
    "tracestate",
    "user-agent",
];

/// The exchanges of one attempt.
#[derive(Debug)]
pub(crate) struct Replay {
    state: Mutex<State>,
    /// What a request is told that finds none, if there were more exchanges than are here.
    rest: Option<&'static str>,
}

#[derive(Debug)]
struct State {
    kept: Vec<Kept>,
    missed: Option<Missed>,
}

/// The first request that could not be answered.
#[derive(Clone, Debug)]
pub(crate) struct Missed {
    /// Which, and why.
    pub(crate) why: String,
    /// In what it differs from one that was recorded.
    pub(crate) differences: Vec<Difference>,
}

/// An exchange that is here.
#[derive(Debug)]
struct Kept {
    system: Option<String>,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    body_bytes: u64,
    lack: Option<Lack>,
    answer: Answer,
    is_used: bool,
}

#[derive(Clone, Debug)]
enum Answer {
    Whole(Result<Response, Error>),
    /// It was judged by the host before it was sent, and is judged again.
    Refused,
    /// It is not here, and why.
    Partial(String),
}

impl Default for Replay {
    /// No exchange at all.
    fn default() -> Self {
        Self::new(Vec::new(), None)
    }
}

impl Replay {
    /// The exchanges of a recorded attempt. `response_bytes` is the limit of its step.
    pub(crate) fn of_record(record: &Record, response_bytes: u64) -> Self {
        let kept = record.exchanges.iter().map(|exchange| Kept::recorded(exchange, response_bytes)).collect();
        Self::new(kept, None)
    }

    /// The exchanges of an attempt that was just made; `is_whole` says whether they are all.
    pub(crate) fn of_tape(hops: Vec<Hop>, is_whole: bool) -> Self {
        let rest = "the exchanges of the attempt were too large to be kept for the candidate";
        Self::new(hops.into_iter().map(Kept::taped).collect(), (!is_whole).then_some(rest))
    }

    fn new(kept: Vec<Kept>, rest: Option<&'static str>) -> Self {
        Self { state: Mutex::new(State { kept, missed: None }), rest }
    }

    /// The first request that could not be answered.
    pub(crate) fn missed(&self) -> Option<Missed> {
        self.lock().missed.clone()
    }

    /// Requests that were sent then, and were not asked for now.
    pub(crate) fn unasked(&self) -> Vec<Difference> {
        let state = self.lock();
        let left = state.kept.iter().filter(|kept| !kept.is_used && !matches!(kept.answer, Answer::Refused));
        left.map(|kept| Difference {
            part: Part::Request,
            pointer: String::new(),
            recorded: Some(Value::String(format!("{} {}", kept.method, kept.url))),
            candidate: None,
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for Replay {
    async fn exchange(&self, sent: Sent) -> Result<Response, Error> {
        let mut state = self.lock();
        let found = state.kept.iter_mut().find(|kept| !kept.is_used && kept.is_for(&sent));
        let missed = match found {
            Some(kept) => {
                kept.is_used = true;
                match kept.answer.clone() {
                    Answer::Whole(answer) => return answer,
                    Answer::Partial(why) => Missed { why, differences: Vec::new() },
                    Answer::Refused => state.miss(&sent, self.rest),
                }
            }
            None => state.miss(&sent, self.rest),
        };
        let told = format!("{} {}: {}", sent.method, sent.url, missed.why);
        let missed = Missed { why: told.clone(), ..missed };
        state.missed.get_or_insert(missed);
        Err(Error::Other(told))
    }
}

impl State {
    /// Why a request finds no recorded one.
    fn miss(&self, sent: &Sent, rest: Option<&'static str>) -> Missed {
        let alike = || self.kept.iter().filter(|kept| kept.method == sent.method && kept.is_at(sent));
        let nearest = alike().find(|kept| !kept.is_used).or_else(|| alike().next());
        let (why, differences) = match nearest {
            _ if let Some(rest) = rest => (rest.to_owned(), Vec::new()),
            None => ("no such exchange is recorded".to_owned(), Vec::new()),
            Some(kept) if !kept.has_body(sent) => {
                ("it was recorded with another body".to_owned(), kept.bodies(sent))
            }
            Some(kept) if !kept.has_headers(sent) => {
                ("it was recorded with other headers".to_owned(), kept.other_headers(sent))
            }
            Some(_) => ("it is asked for more often than it is recorded".to_owned(), Vec::new()),
        };
        Missed { why, differences }
    }
}

impl Kept {
    fn recorded(exchange: &Exchange, response_bytes: u64) -> Self {
        let answer = match &exchange.result {
            Ok(response) => answer(response),
            Err(text) => failure(exchange.unanswered, text, response_bytes),
        };
        Self {
            system: exchange.system.clone(),
            method: exchange.method.clone(),
            url: exchange.url.clone(),
            headers: exchange.request_headers.clone(),
            body: exchange.request_body.clone().into_bytes(),
            body_bytes: exchange.request_bytes,
            lack: exchange.request_lack(),
            answer,
            is_used: false,
        }
    }

    fn taped(Hop { sent, result }: Hop) -> Self {
        let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
        let body = sent.body.unwrap_or_default();
        Self {
            system: sent.system,
            method: sent.method,
            url: sent.url.into(),
            headers: sent.headers.into_iter().map(text).collect(),
            body_bytes: body.len() as u64,
            body: body.into(),
            lack: None,
            answer: Answer::Whole(result),
            is_used: false,
        }
    }

    fn is_for(&self, sent: &Sent) -> bool {
        self.method == sent.method && self.is_at(sent) && self.has_body(sent) && self.has_headers(sent)
    }

    /// Whether it goes to the same place. A system may have moved: then it is the path that counts.
    fn is_at(&self, sent: &Sent) -> bool {
        let url = sent.url.as_str();
        if self.url == url || (self.lack == Some(Lack::Headers) && url.starts_with(&self.url)) {
            return true;
        }
        self.system.is_some()
            && self.system == sent.system
            && Url::parse(&self.url).is_ok_and(|kept| {
                kept[Position::BeforePath..Position::AfterQuery]
                    == sent.url[Position::BeforePath..Position::AfterQuery]
            })
    }

    /// Whether it has the same body, as far as that is kept. JSON may be written otherwise.
    fn has_body(&self, sent: &Sent) -> bool {
        let body = sent.body.as_deref().unwrap_or_default();
        match self.lack {
            None | Some(Lack::Headers) => self.body == body || both_json(&self.body, body),
            Some(Lack::Cut | Lack::NotText | Lack::NoRoom) => {
                let kept = String::from_utf8_lossy(&self.body);
                let kept = kept.trim_end_matches(char::REPLACEMENT_CHARACTER);
                u64::try_from(body.len()) == Ok(self.body_bytes)
                    && String::from_utf8_lossy(body).starts_with(kept)
            }
        }
    }

    fn has_headers(&self, sent: &Sent) -> bool {
        match self.lack {
            // They are not all here.
            Some(Lack::Headers | Lack::NoRoom) => true,
            None | Some(Lack::Cut | Lack::NotText) => telling(&self.headers) == telling(&text(&sent.headers)),
        }
    }

    fn bodies(&self, sent: &Sent) -> Vec<Difference> {
        let body = sent.body.as_deref().unwrap_or_default();
        compare::bodies(&self.body, body)
    }

    fn other_headers(&self, sent: &Sent) -> Vec<Difference> {
        let (was, is) = (telling(&self.headers), telling(&text(&sent.headers)));
        let value = |headers: &BTreeMap<String, Vec<String>>, name: &str| {
            headers.get(name).map(|values| Value::String(values.join(", ")))
        };
        let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
        names.sort();
        names.dedup();
        let differing = names.into_iter().filter(|name| was.get(*name) != is.get(*name));
        differing
            .map(|name| Difference {
                part: Part::Request,
                pointer: format!("/headers/{name}"),
                recorded: value(&was, name),
                candidate: value(&is, name),
            })
            .collect()
    }
}

fn answer(response: &ExchangeResponse) -> Answer {
    if let Some(lack) = response.lack() {
        let why = match lack {
            Lack::Cut => format!(
                "the answer is recorded only in part: {} of {} bytes (the limit exchange_bytes)",
                response.body.len(),
                response.body_bytes
            ),
            Lack::NotText => "the answer is not text, and was not recorded byte for byte".into(),
            Lack::Headers => "not all headers of the answer are recorded".into(),
            Lack::NoRoom => "the answer is not recorded: the attempt's record had no room left".into(),
        };
        return Answer::Partial(why);
    }
    let bytes = |(name, value): &(String, String)| (name.clone(), value.clone().into_bytes());
    Answer::Whole(Ok(Response {
        status: response.status,
        headers: response.headers.iter().map(bytes).collect(),
        body: response.body.clone().into(),
    }))
}

/// The failure that a guest was told.
fn failure(kind: Option<Unanswered>, text: &str, response_bytes: u64) -> Answer {
    let text = || text.to_owned();
    Answer::Whole(Err(match kind {
        None => return Answer::Partial("how it failed is not recorded".into()),
        Some(Unanswered::Unfinished) => {
            return Answer::Partial("it had not ended when the attempt did".into());
        }
        Some(
            Unanswered::Denied
            | Unanswered::InvalidRequest
            | Unanswered::RequestTooLarge
            | Unanswered::TooManyRequests,
        ) => return Answer::Refused,
        Some(Unanswered::Dns) => Error::Dns(text()),
        Some(Unanswered::Connect) => Error::Connect(text()),
        Some(Unanswered::Timeout) => Error::Timeout(text()),
        Some(Unanswered::Interrupted) => Error::Interrupted(text()),
        Some(Unanswered::ResponseTooLarge) => Error::ResponseTooLarge(response_bytes),
        Some(Unanswered::Other) => Error::Other(text()),
    }))
}

/// The headers that say what is asked for, by their names.
fn telling(headers: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut telling: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if !IGNORED.contains(&&*name) && !is_sensitive(&name) {
            telling.entry(name).or_default().push(value.clone());
        }
    }
    telling
}

fn text(headers: &[(String, Vec<u8>)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned())).collect()
}

/// Whether both are JSON, and the same.
fn both_json(a: &[u8], b: &[u8]) -> bool {
    let json = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    json(a).is_some_and(|a| json(b) == Some(a))
}

#[cfg(test)]
mod tests;
