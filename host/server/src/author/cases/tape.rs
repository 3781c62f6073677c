//! Plays the exchanges that a case expects, and notes what was asked for in their place.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use stepmill_core::attempt::Exchange;
use stepmill_core::document::JSON;
use stepmill_sandbox::egress::{Error, Response, Sent, Transport};

use super::case::{Answer, Broken, Expected, Target};
use super::content::{Content, recorded, told};
use super::definition::Trouble;
use super::finding::Finding;
use super::headers::Headers;

/// The exchanges of one attempt, played in order.
pub(crate) struct Tape {
    expected: Vec<Expected>,
    /// Which exchange goes wrong, and how.
    fault: Option<(usize, Broken)>,
    played: Mutex<Played>,
}

/// How far it is.
#[derive(Debug, Default)]
struct Played {
    next: usize,
    /// Whether the fault has happened.
    is_faulted: bool,
    sent: Vec<Sent>,
    /// What was not as expected, a line each.
    wrong: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Every request that was let through, in order.
    pub(crate) sent: Vec<Sent>,
    /// What is not as expected.
    pub(crate) finding: Option<Finding>,
}

impl Tape {
    pub(crate) fn new(expected: Vec<Expected>, fault: Option<(usize, Broken)>) -> Self {
        Self { expected, fault, played: Mutex::default() }
    }

    /// What was asked. `recorded` are the attempt's exchanges, also those that no grant covered.
    pub(crate) fn asked(&self, recorded: &[Exchange]) -> Asked {
        let played = std::mem::take(&mut *self.played.lock().unwrap_or_else(PoisonError::into_inner));
        let Played { next, is_faulted, sent, wrong: mut lines } = played;
        lines.extend(refused(&sent, recorded));
        // Behind an exchange that went wrong a step may well stop.
        let needed = match self.fault {
            Some((at, _)) if is_faulted => at,
            Some(_) | None => self.expected.len(),
        };
        for (at, expected) in self.expected.iter().enumerate().take(needed).skip(next) {
            lines.push(format!("not sent: {}. {}", at.saturating_add(1), expected.told()));
        }
        Asked { sent, finding: Finding::of_lines("requests", lines) }
    }

    /// Notes a request; what to answer to it, and after which time.
    fn take(&self, sent: &Sent) -> (Duration, Result<Response, Error>) {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let at = played.next;
        let expected = self.expected.get(at).filter(|expected| goes_there(expected, sent));
        let Some(expected) = expected else {
            let instead = self.expected.get(at).map_or_else(
                || "nothing more is expected".to_owned(),
                |expected| format!("expected {}. {}", at.saturating_add(1), expected.told()),
            );
            played.wrong.push(format!("not expected: {} ({instead})", line(sent)));
            played.sent.push(sent.clone());
            return (Duration::ZERO, Err(Error::Other("the case expects no such request here".into())));
        };
        let wrong = compare(expected, sent);
        if !wrong.is_empty() {
            played.wrong.push(format!("{}. {}", at.saturating_add(1), expected.told()));
            played.wrong.extend(wrong.into_iter().map(|line| format!("  {line}")));
        }
        played.sent.push(sent.clone());
        match self.fault.as_ref().filter(|(faulted, _)| *faulted == at && !played.is_faulted) {
            Some((_, Broken::Answer(answer))) => {
                played.is_faulted = true;
                (Duration::ZERO, answer.to_result())
            }
            Some((_, Broken::Slow(delay))) => {
                played.is_faulted = true;
                played.next = at.saturating_add(1);
                (*delay, expected.answer.to_result())
            }
            None => {
                played.next = at.saturating_add(1);
                (Duration::ZERO, expected.answer.to_result())
            }
        }
    }
}

#[async_trait]
impl Transport for Tape {
    async fn exchange(&self, sent: Sent) -> Result<Response, Error> {
        let (delay, answer) = self.take(&sent);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        answer
    }
}

/// Whether a request is the expected one, as far as method and target tell.
fn goes_there(expected: &Expected, sent: &Sent) -> bool {
    expected.method.as_ref().is_none_or(|method| *method == sent.method)
        && expected.target.as_ref().is_none_or(|target| target.url == sent.url)
}

/// What else of it is not as expected.
fn compare(expected: &Expected, sent: &Sent) -> Vec<String> {
    let mut lines = Vec::new();
    for name in expected.headers.names() {
        let wanted: Vec<_> =
            expected.headers.iter().filter(|(given, _)| *given == name).map(|(_, value)| value).collect();
        let got: Vec<_> = sent
            .headers
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        if wanted != got {
            let told = |values: String| if values.is_empty() { "none".into() } else { format!("{values:?}") };
            lines.push(format!(
                "header {name}: expected {}, got {}",
                told(wanted.join(", ")),
                told(got.join(", "))
            ));
        }
    }
    let body = sent.body.as_deref().unwrap_or_default();
    if let Some(finding) = expected.body.as_ref().and_then(|content| content.compare("body", body)) {
        if finding.changes.is_empty() && finding.lines.len() > 1 {
            lines.push("body".into());
            lines.extend(finding.lines.into_iter().map(|line| format!("  {line}")));
        } else {
            lines.extend(finding.lines.into_iter().map(|line| format!("body {line}")));
        }
    }
    lines
}

/// A request in one line.
pub(crate) fn line(sent: &Sent) -> String {
    let body = sent.body.as_deref().filter(|body| !body.is_empty());
    let body = body.map(|body| format!(" with {}", told(body))).unwrap_or_default();
    format!("{} {}{body}", sent.method, sent.url)
}

/// What was asked for and never let through: the record of the attempt has it, the tape has not.
fn refused(sent: &[Sent], recorded: &[Exchange]) -> Vec<String> {
    let mut passed: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for sent in sent {
        *passed.entry((&sent.method, sent.url.as_str())).or_default() += 1;
    }
    let mut lines = Vec::new();
    for exchange in recorded {
        match passed.get_mut(&(exchange.method.as_str(), exchange.url.as_str())) {
            Some(count) if *count > 0 => *count -= 1,
            Some(_) | None => {
                if let Err(why) = &exchange.result {
                    lines.push(format!("refused: {} {}: {why}", exchange.method, exchange.url));
                }
            }
        }
    }
    lines
}

/// In what two attempts' requests differ.
pub(crate) fn difference(first: &[Sent], second: &[Sent]) -> Option<Finding> {
    let mut lines = Vec::new();
    for (at, sent) in first.iter().enumerate() {
        let number = at.saturating_add(1);
        match second.get(at) {
            None => lines.push(format!("{number}. {}: not sent again", line(sent))),
            Some(again) if line(sent) != line(again) || sent.body != again.body => {
                lines.push(format!("{number}. {}: then {}", line(sent), line(again)));
            }
            Some(again) if sent.headers != again.headers => {
                let told = |sent: &Sent| {
                    let headers = sent.headers.iter();
                    headers
                        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                lines.push(format!(
                    "{number}. {}: headers {{{}}}, then {{{}}}",
                    line(sent),
                    told(sent),
                    told(again)
                ));
            }
            Some(_) => {}
        }
    }
    for again in second.iter().skip(first.len()) {
        lines.push(format!("only in the second attempt: {}", line(again)));
    }
    Finding::of_lines("requests of the second attempt", lines)
}

/// In what the requests of another plugin's attempt are others than those that were sent before.
pub(crate) fn changes(before: &[Sent], after: &[Sent]) -> Option<Finding> {
    let mut lines = Vec::new();
    for (at, was) in before.iter().enumerate() {
        let number = at.saturating_add(1);
        let expected = repeated(was);
        match after.get(at) {
            None => lines.push(format!("not sent: {number}. {}", line(was))),
            Some(is) if !goes_there(&expected, is) => {
                lines.push(format!("{number}. expected {}, got {}", line(was), line(is)));
            }
            Some(is) => {
                let mut wrong = compare(&expected, is);
                let more = is.headers.iter().filter(|(name, _)| !expected.headers.has(name));
                wrong.extend(more.map(|(name, value)| {
                    format!("header {name}: expected none, got {:?}", String::from_utf8_lossy(value))
                }));
                if !wrong.is_empty() {
                    lines.push(format!("{number}. {}", expected.told()));
                    lines.extend(wrong.into_iter().map(|line| format!("  {line}")));
                }
            }
        }
    }
    lines.extend(after.iter().skip(before.len()).map(|is| format!("not expected: {}", line(is))));
    Finding::of_lines("requests", lines)
}

/// What was sent, as what is expected to be sent.
fn repeated(sent: &Sent) -> Expected {
    let mut headers = Headers::default();
    for (name, value) in &sent.headers {
        headers.add(name, String::from_utf8_lossy(value).into_owned());
    }
    let body = sent.body.as_deref().unwrap_or_default();
    Expected {
        method: Some(sent.method.clone()),
        target: Some(Target { shown: sent.url.to_string(), url: sent.url.clone() }),
        headers,
        body: Some(recorded(JSON, body).unwrap_or_else(|| Content::Text(String::new()))),
        // Nothing is answered by it.
        answer: Answer::Trouble(Trouble::Denied),
    }
}
