//! How an event becomes a run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Plan;
use crate::event::{Event, Trigger};
use crate::expression::{EvaluateError, Scope, Template};
use crate::id::RunId;
use crate::journal::Acceptance;
use crate::run::{Accepted, Gather, Lane, Parent};

/// Longest key of a lane, of an event or of what is gathered, in bytes.
pub const KEY_BYTES: usize = 1_024;

/// Why an event cannot become a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// The expression has no value for this event.
    #[error("{what}: {source}")]
    Expression {
        /// Which key it is for.
        what: &'static str,
        /// Why.
        source: EvaluateError,
    },
    /// The key is empty or too long.
    #[error("{what}: the key is {bytes} bytes long; it must have 1 to {KEY_BYTES}")]
    Length {
        /// Which key it is.
        what: &'static str,
        /// How long it is.
        bytes: usize,
    },
}

impl Plan {
    /// The acceptance of an event as a run. `parent` is the run that begins it and hears of its end.
    ///
    /// # Errors
    /// The lane or what the event is gathered by cannot be told from it.
    pub fn accept(
        &self,
        run: RunId,
        at_ms: u64,
        event: Event,
        parent: Option<Parent>,
    ) -> Result<Acceptance, NoKey> {
        let is_gathered = match &event.trigger {
            Trigger::Webhook { .. } | Trigger::Event { .. } => true,
            Trigger::Schedule { .. } | Trigger::Manual | Trigger::Call { .. } | Trigger::Run { .. } => false,
        };
        let gather = match self.gather.as_ref().filter(|_| is_gathered) {
            Some(gather) => Some(Gather {
                key: value_key("gather.by", &gather.by, &event, run, &self.name, at_ms)?,
                for_ms: gather.for_ms,
                max: gather.max,
                quiet_ms: gather.quiet_ms,
                keep_last: gather.keep_last,
            }),
            None => None,
        };
        let lane = match &self.lane {
            Some(lane) => Some(Lane {
                key: format!(
                    "{}/{}",
                    self.name,
                    value_key("lane", &lane.key, &event, run, &self.name, at_ms)?
                ),
                width: lane.width,
                on_dead: lane.on_dead,
                ticket: 0,
            }),
            None => None,
        };
        let accepted = Accepted {
            run,
            workflow: self.name.to_string(),
            version: self.version.to_string(),
            event,
            timeout_ms: self.timeout_ms,
            parent,
            key: None,
            lane,
            gather,
            is_held: false,
        };
        Ok(Acceptance { accepted, at_ms, dedupe: None, fire: None })
    }
}

/// The key that a template gives for an event that is to become this run, or this publication, of something
/// of this name.
///
/// # Errors
/// There is none, or it is too long. `what` names the key then.
pub fn value_key(
    what: &'static str,
    template: &Template,
    event: &Event,
    run: RunId,
    name: &str,
    at_ms: u64,
) -> Result<String, NoKey> {
    let outputs = BTreeMap::new();
    let document = &event.document;
    let scope = Scope::new(event, document, document, &outputs, run, name, at_ms);
    let value = template.evaluate(&scope).map_err(|source| NoKey::Expression { what, source })?;
    key_of(what, value)
}

/// A value as a key.
///
/// # Errors
/// It is empty or too long.
pub fn key_of(what: &'static str, value: Value) -> Result<String, NoKey> {
    let key = match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match key.len() {
        1..=KEY_BYTES => Ok(key),
        bytes => Err(NoKey::Length { what, bytes }),
    }
}
