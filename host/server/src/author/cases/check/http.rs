//! The exchanges of a case, and what may go wrong with them.

use bytes::Bytes;
use stepmill_core::manifest::Kind;
use stepmill_sandbox::egress::Response;
use url::Url;

use super::super::case::{Answer, Broken, Expected, Fault, Target, Wrong};
use super::super::content::{Content, Unusable};
use super::super::definition::{
    CrashDefinition, Definition, ExchangeDefinition, FaultDefinition, RequestDefinition, ResponseDefinition,
};
use super::super::headers::Headers;
use super::{Cassettes, Checker};
use crate::diagnostic::{Diagnostics, Source};

/// Statuses that a response can have.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// The exchanges that stand at `at` of a file.
pub(super) fn exchanges(
    source: &Source,
    at: &str,
    listed: &[ExchangeDefinition],
    base: &Url,
    found: &mut Diagnostics,
) -> Vec<Expected> {
    let mut expected = Vec::new();
    for (index, ExchangeDefinition { request, response }) in listed.iter().enumerate() {
        let mut place = Place { source, at: format!("{at}/{index}/request"), found };
        let target = place.target(request, base);
        place.headers(&request.headers);
        let body =
            place.content(Content::of(request.json.as_ref(), request.text.as_ref(), request.base64.as_ref()));
        place.at = format!("{at}/{index}/response");
        let answer = place.answer(response);
        expected.push(Expected {
            method: request.method.clone(),
            target,
            headers: request.headers.clone(),
            body,
            answer,
        });
    }
    expected
}

/// A place of a file, and what is wrong there.
struct Place<'a> {
    source: &'a Source,
    at: String,
    found: &'a mut Diagnostics,
}

impl Place<'_> {
    fn wrong(&mut self, key: &str, message: impl Into<String>, help: &str) {
        let problem = self.source.error(&format!("{}/{key}", self.at), message.into());
        self.found.push(problem.help(help));
    }

    fn target(&mut self, request: &RequestDefinition, base: &Url) -> Option<Target> {
        match (&request.path, &request.url) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.wrong("url", "`url` stands beside `path`", "give one of the two");
                None
            }
            (Some(path), None) => {
                if !path.starts_with('/') {
                    let help = "a path at the step's system begins with /, and may have a query";
                    self.wrong("path", format!("{path:?} is no path"), help);
                    return None;
                }
                let whole = format!("{}{path}", base.as_str().trim_end_matches('/'));
                match Url::parse(&whole) {
                    Ok(url) => Some(Target { shown: path.clone(), url }),
                    Err(error) => {
                        self.wrong("path", format!("{path:?} is no path: {error}"), "");
                        None
                    }
                }
            }
            (None, Some(url)) => {
                match Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https")) {
                    Some(parsed) => Some(Target { shown: url.clone(), url: parsed }),
                    None => {
                        let help = "give one such as https://api.example.com/rates, or a `path` at the step's system";
                        self.wrong("url", format!("{url:?} is no http or https URL"), help);
                        None
                    }
                }
            }
        }
    }

    fn headers(&mut self, headers: &Headers) {
        let bad: Vec<_> = headers
            .iter()
            .filter(|(name, value)| {
                http::HeaderName::try_from(*name).is_err() || http::HeaderValue::try_from(*value).is_err()
            })
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in bad {
            let problem = self.source.error_at_key(
                &format!("{}{}", self.at, crate::config::pointer(&["headers", &name])),
                format!("{name:?} is no header, or its value is none"),
            );
            self.found.push(problem.help("RFC 9110 has names without blanks and values of one line"));
        }
    }

    fn content(&mut self, content: Result<Option<Content>, Unusable>) -> Option<Content> {
        content.unwrap_or_else(|wrong| {
            self.wrong(wrong.key, wrong.message, wrong.help);
            None
        })
    }

    fn answer(&mut self, given: &ResponseDefinition) -> Answer {
        let content =
            self.content(Content::of(given.json.as_ref(), given.text.as_ref(), given.base64.as_ref()));
        self.headers(&given.headers);
        if let Some(trouble) = given.error {
            if given.status.is_some() || !given.headers.is_empty() || content.is_some() {
                self.wrong("error", "an error stands beside a response", "give one of the two");
            }
            return Answer::Trouble(trouble);
        }
        let status = given.status.unwrap_or(200);
        if !STATUSES.contains(&status) {
            self.wrong("status", format!("{status} is no status of HTTP"), "give 100 to 599");
        }
        Answer::Response(response(status, &given.headers, content.as_ref()))
    }
}

fn response(status: u16, given: &Headers, content: Option<&Content>) -> Response {
    let mut headers: Vec<_> =
        given.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec())).collect();
    if let Some(content) = content.filter(|_| !given.has("content-type")) {
        headers.push(("content-type".into(), content.media_type().as_bytes().to_vec()));
    }
    Response {
        status,
        headers,
        body: content.map(|content| Bytes::from(content.to_bytes())).unwrap_or_default(),
    }
}

impl Checker<'_> {
    /// The faults; none if something is wrong with one.
    pub(super) fn faults(
        &mut self,
        definition: &Definition,
        kind: Kind,
        exchanges: usize,
        cassettes: Cassettes,
    ) -> Option<Vec<Fault>> {
        let mut faults = Vec::new();
        for (index, given) in definition.faults.iter().enumerate() {
            let at = format!("/faults/{index}");
            let what = self.wrong(&at, given, exchanges, cassettes);
            let expect = match &given.expect {
                Some(expect) => self.expectation(&format!("{at}/expect"), expect, kind),
                // What is wrong with the case's own is told where it stands.
                None => self.expectation_quietly(&definition.expect, kind),
            };
            if let (Some((label, what)), Some(expect)) = (what, expect) {
                faults.push(Fault { label, what, expect });
            }
        }
        (faults.len() == definition.faults.len()).then_some(faults)
    }

    fn wrong(
        &mut self,
        at: &str,
        given: &FaultDefinition,
        exchanges: usize,
        cassettes: Cassettes,
    ) -> Option<(String, Wrong)> {
        let has_response = given.status.is_some()
            || !given.headers.is_empty()
            || given.json.is_some()
            || given.text.is_some()
            || given.base64.is_some();
        let ways = [has_response, given.error.is_some(), given.slow.is_some(), given.crash.is_some()];
        let count = ways.into_iter().filter(|is_given| *is_given).count();
        let ways =
            "give exactly one of: a response (status, headers, json, text, base64), error, slow, crash";
        if count != 1 {
            let message =
                if count == 0 { "nothing goes wrong here" } else { "more than one thing goes wrong here" };
            self.found.push(self.source.error(at, message).help(ways));
            return None;
        }
        if let Some(CrashDefinition::BeforeCommit) = given.crash {
            if given.exchange.is_some() {
                let problem = self.source.error(&format!("{at}/exchange"), "a crash has no exchange");
                self.found.push(problem.help("remove the key"));
            }
            return Some(("the host crashes before the commit".into(), Wrong::CrashBeforeCommit));
        }
        let number = self.exchange_number(at, given, exchanges, cassettes)?;
        let (label, how) = match (given.slow, given.error) {
            (Some(delay), _) => (format!("takes {}", humantime::format_duration(delay)), Broken::Slow(delay)),
            (None, error) => {
                let definition = ResponseDefinition {
                    status: given.status,
                    headers: given.headers.clone(),
                    json: given.json.clone(),
                    text: given.text.clone(),
                    base64: given.base64.clone(),
                    error,
                };
                let mut place = Place { source: &self.source, at: at.to_owned(), found: &mut self.found };
                let answer = place.answer(&definition);
                let label = match &answer {
                    Answer::Response(response) => format!("answers {}", response.status),
                    Answer::Trouble(trouble) => format!("ends in {}", trouble.name()),
                };
                (label, Broken::Answer(answer))
            }
        };
        Some((format!("exchange {number} {label}"), Wrong::Exchange { at: number.checked_sub(1)?, how }))
    }

    fn exchange_number(
        &mut self,
        at: &str,
        given: &FaultDefinition,
        exchanges: usize,
        cassettes: Cassettes,
    ) -> Option<usize> {
        let Some(number) = given.exchange else {
            let problem = self.source.error(at, "the key `exchange` is missing");
            self.found.push(problem.help("say which exchange goes wrong, counted from 1"));
            return None;
        };
        // How many there will be is not known before they are recorded.
        let is_open = cassettes == Cassettes::Recorded;
        if number == 0 || (number > exchanges && !is_open) {
            let message = format!("there is no exchange {number}");
            let help = if exchanges == 0 {
                "`http` has none".into()
            } else {
                format!("`http` has 1 to {exchanges}")
            };
            self.found.push(self.source.error(&format!("{at}/exchange"), message).help(help));
            return None;
        }
        Some(number)
    }
}
