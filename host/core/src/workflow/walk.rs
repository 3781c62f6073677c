//! Which steps of a plan can go on, given what has become of the others. Pure: it knows nothing of journals
//! and attempts.

use std::sync::Arc;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::plan::{Plan, PlannedStep};
use crate::document::Document;

/// What has become of a step.
#[derive(Clone, Debug)]
pub enum Settled {
    /// It is done, with this output.
    Done(Arc<Document>),
    /// It was passed over, and what comes after it is fed what it would have been.
    PassedOver,
    /// It was passed over, timed out or was declined, and what comes after it is passed over with it.
    NotTaken,
}

/// What a step is fed.
#[derive(Clone, Debug)]
pub enum Feed {
    /// This.
    Document(Arc<Document>),
    /// Nothing: it is passed over, as all that it needs was.
    PassOver,
}

/// A walk through a plan.
#[derive(Debug)]
pub struct Walk<'p> {
    plan: &'p Plan,
    event: Arc<Document>,
    stands: Vec<Stand>,
}

#[derive(Clone, Debug)]
enum Stand {
    /// Not looked at yet.
    Open,
    /// Under way, or waiting.
    Begun,
    Settled(Settled),
}

impl<'p> Walk<'p> {
    /// A walk in which nothing has happened. `event` is what the run works on.
    pub fn new(plan: &'p Plan, event: Arc<Document>) -> Self {
        Self { plan, event, stands: vec![Stand::Open; plan.steps.len()] }
    }

    /// The first step that can be begun: it was not looked at, and all that it needs is settled.
    pub fn next(&self) -> Option<usize> {
        (0..self.stands.len()).find(|index| self.is_next(*index))
    }

    /// Notes that a step is under way, or waits.
    pub fn begin(&mut self, index: usize) {
        self.put(index, Stand::Begun);
    }

    /// Notes what has become of a step.
    pub fn settle(&mut self, index: usize, settled: Settled) {
        self.put(index, Stand::Settled(settled));
    }

    /// Has a step looked at again that is under way or waits.
    pub fn reopen(&mut self, index: usize) {
        self.put(index, Stand::Open);
    }

    /// Whether it is known what has become of a step.
    pub fn is_settled(&self, index: usize) -> bool {
        matches!(self.stands.get(index), Some(Stand::Settled(_)))
    }

    /// Whether all steps are settled.
    pub fn is_done(&self) -> bool {
        self.stands.iter().all(|stand| matches!(stand, Stand::Settled(_)))
    }

    /// What the steps before give to a step that can be begun.
    pub fn feed(&self, index: usize) -> Feed {
        match self.plan.steps.get(index) {
            Some(step) if step.otherwise.is_some_and(|other| self.is_done_at(other)) => Feed::PassOver,
            Some(step) => self.feed_of(step),
            None => Feed::PassOver,
        }
    }

    /// What was passed over becomes of a step: whether those after it are too.
    pub fn passed_over(&self, index: usize) -> Settled {
        let step = self.plan.steps.get(index);
        // What a step hands on that was passed over: nothing, if it was one of several ways to go.
        match step {
            Some(step) if step.has_alternative || step.otherwise.is_some() => Settled::NotTaken,
            Some(step) if matches!(self.feed_of(step), Feed::PassOver) => Settled::NotTaken,
            Some(_) | None => Settled::PassedOver,
        }
    }

    /// What the whole gives: the output of the last step, or if several steps are last an object of theirs.
    /// Of what was passed over the last is what it would have been fed.
    pub fn output(&self) -> Arc<Document> {
        let steps = self.plan.steps.iter().enumerate();
        let last = steps.filter(|(index, _)| !self.plan.steps.iter().any(|step| step.needs.contains(index)));
        let last: Vec<usize> = last.map(|(index, _)| index).collect();
        match self.join(&last, false) {
            Feed::Document(document) => document,
            Feed::PassOver => Arc::new(Document::json(&Value::Null)),
        }
    }

    fn is_next(&self, index: usize) -> bool {
        let is_open = matches!(self.stands.get(index), Some(Stand::Open));
        let Some(step) = self.plan.steps.get(index).filter(|_| is_open) else { return false };
        step.needs.iter().all(|need| matches!(self.stands.get(*need), Some(Stand::Settled(_))))
    }

    fn put(&mut self, index: usize, stand: Stand) {
        if let Some(place) = self.stands.get_mut(index) {
            *place = stand;
        }
    }

    fn is_done_at(&self, index: usize) -> bool {
        matches!(self.stands.get(index), Some(Stand::Settled(Settled::Done(_))))
    }

    fn feed_of(&self, step: &PlannedStep) -> Feed {
        match step.otherwise {
            // An alternative is fed what the other would have been.
            Some(other) if step.needs == [other] => match self.plan.steps.get(other) {
                Some(other) => self.feed_of(other),
                None => Feed::PassOver,
            },
            Some(other) => {
                let needs: Vec<usize> = step.needs.iter().copied().filter(|need| *need != other).collect();
                self.join(&needs, step.is_explicit)
            }
            None => self.join(&step.needs, step.is_explicit),
        }
    }

    /// What several steps give together. If all were passed over, one that names what it needs is too.
    fn join(&self, needs: &[usize], is_explicit: bool) -> Feed {
        if needs.is_empty() {
            return Feed::Document(Arc::clone(&self.event));
        }
        let done = needs.iter().filter_map(|need| match self.stands.get(*need) {
            Some(Stand::Settled(Settled::Done(output))) => Some((*need, output)),
            _ => None,
        });
        let done: Vec<_> = done.collect();
        match done.as_slice() {
            [] if is_explicit => Feed::PassOver,
            [] => self.hand_on(needs),
            [(_, one)] => Feed::Document(Arc::clone(one)),
            several => {
                let members = several.iter().filter_map(|(need, output)| {
                    Some((self.plan.steps.get(*need)?.id.to_string(), output.to_value()))
                });
                let object: Map<String, Value> = members.collect();
                Feed::Document(Arc::new(Document::json(&Value::Object(object))))
            }
        }
    }

    /// What the last of those that were passed over hands on.
    fn hand_on(&self, needs: &[usize]) -> Feed {
        let passed_over = needs.iter().rev().find_map(|need| match self.stands.get(*need) {
            Some(Stand::Settled(Settled::PassedOver)) => self.plan.steps.get(*need),
            _ => None,
        });
        passed_over.map_or(Feed::PassOver, |step| self.feed_of(step))
    }
}

/// A point in time as a workflow writes it: RFC 3339, or milliseconds since the Unix epoch. In the latter.
pub fn instant(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => {
            let at = DateTime::parse_from_rfc3339(text).ok()?;
            u64::try_from(at.timestamp_millis()).ok()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A length of time as a workflow writes it: a duration, or a number of seconds. In milliseconds.
pub fn span(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => {
            let seconds = number.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
            u64::try_from(std::time::Duration::try_from_secs_f64(seconds).ok()?.as_millis()).ok()
        }
        Value::String(text) => u64::try_from(crate::duration::parse(text).ok()?.as_millis()).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
