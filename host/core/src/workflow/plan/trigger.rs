//! What starts a run.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use std::sync::Arc;

use super::plugin::known;
use super::{Environment, Problems};
use crate::duration;
use crate::expression::Template;
use crate::run::OnDead;
use crate::schedule::{self, Schedule};
use crate::workflow::definition::{Definition, GatherConfig, Keep, LaneConfig, OnRun, Retain, WholeLane};

/// Longest time over which events are gathered.
const GATHER_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most events of one run: they are one document.
const GATHER_EVENTS: u32 = 10_000;
/// Most runs of one lane that may go at once.
const LANE_WIDTH: u32 = 1_000;
/// Longest timeout of a workflow.
const TIMEOUT_MAX: Duration = Duration::from_secs(5 * 366 * 24 * 3600);
/// Shortest time that finished runs are kept.
const RETAIN_MIN: Duration = Duration::from_secs(1);
/// What there is before there is a run.
const OF_THE_EVENT: [&str; 4] = ["body", "event", "headers", "query"];

/// Checks an event's key.
pub(super) fn event_key(text: &str, problems: &mut Problems) -> Option<Template> {
    key("the key", "/key", text, "${{ body.order }}", problems)
}

/// An expression for a key, which refers to the event alone.
pub(super) fn key(
    what: &str,
    at: &str,
    text: &str,
    example: &str,
    problems: &mut Problems,
) -> Option<Template> {
    let template = problems.compile(at, &Value::from(text), &BTreeSet::new())?;
    if template.is_constant() {
        problems.add_with_help(
            at,
            format!("{what} holds no expression, so that every event would be taken for the same"),
            format!("write one such as {example}"),
        );
        return None;
    }
    for variable in &template.references().variables {
        if !OF_THE_EVENT.contains(&variable.as_str()) {
            let message = format!(
                "{what} refers to {variable}, which there is only in a run: refer to the event alone"
            );
            problems.add_with_help(at, message, format!("there are {}", OF_THE_EVENT.join(", ")));
        }
    }
    Some(template)
}

/// An event that starts runs.
#[derive(Clone, Debug)]
pub struct EventTrigger {
    /// Its name.
    pub name: Arc<str>,
}

/// The lane that runs go in.
#[derive(Clone, Debug)]
pub struct LanePlan {
    /// Its key; refers to the event alone.
    pub key: Template,
    /// How many runs of it go at once.
    pub width: u32,
    /// What a dead letter does to those behind it.
    pub on_dead: OnDead,
}

/// How events are gathered.
#[derive(Clone, Debug)]
pub struct Gathering {
    /// What the events of one run have in common; refers to the event alone.
    pub by: Template,
    /// How long after the first event the run begins at the latest, in milliseconds.
    pub for_ms: u64,
    /// At how many events it begins.
    pub max: u32,
    /// It also begins when no event has come for so long, in milliseconds.
    pub quiet_ms: Option<u64>,
    /// Whether only the last event counts.
    pub keep_last: bool,
}

/// Checks an event trigger.
pub(super) fn event(
    name: Option<&str>,
    environment: &Environment<'_>,
    problems: &mut Problems,
) -> Option<EventTrigger> {
    let name = name?;
    if !environment.events.has(name) {
        let help = known("in events of stepmill.yaml", name, environment.events.iter());
        problems.add_with_help("/on/event", format!("there is no event {name:?}"), help);
    }
    Some(EventTrigger { name: name.into() })
}

/// Checks a trigger by another workflow's runs.
pub(super) fn run(on: Option<&OnRun>, own: &str, environment: &Environment<'_>, problems: &mut Problems) {
    const AT: &str = "/on/run/workflow";
    let Some(OnRun { workflow, ends }) = on else { return };
    if workflow == own {
        problems
            .add(AT, "a workflow that its own end starts would never end: name another, or use a schedule");
    } else if !environment.workflows.has(workflow) {
        let help = known("deployed", workflow, environment.workflows.iter());
        problems.add_with_help(AT, format!("there is no workflow {workflow:?}"), help);
    }
    if ends.is_empty() {
        problems.add(
            "/on/run/ends",
            "there are no ends, so that no run would start: give succeeded, dead or both",
        );
    }
}

/// Checks a lane.
pub(super) fn lane(config: Option<&LaneConfig>, problems: &mut Problems) -> Option<LanePlan> {
    const EXAMPLE: &str = "${{ body.customer }}";
    let (at, text, width, on_dead) = match config? {
        LaneConfig::Key(text) => ("/lane", text, 1, OnDead::default()),
        LaneConfig::Whole(WholeLane { key, concurrency, on_dead }) => {
            ("/lane/key", key, *concurrency, *on_dead)
        }
    };
    if width == 0 || width > LANE_WIDTH {
        problems.add("/lane/concurrency", format!("concurrency is {width}: give 1 to {LANE_WIDTH}"));
    }
    Some(LanePlan { key: key("the lane", at, text, EXAMPLE, problems)?, width, on_dead })
}

/// Checks how events are gathered.
pub(super) fn gather(definition: &Definition, problems: &mut Problems) -> Option<Gathering> {
    const AT: &str = "/on/gather";
    let GatherConfig { by, lasts, max, quiet, keep } = definition.on.gather.as_ref()?;
    if definition.lane.is_some() {
        let help = "give the lane's key as `by`, or let the gathered run call a workflow with a lane";
        problems.add_with_help(AT, "runs that gather events go in no lane", help.into());
    }
    if definition.on.webhook.is_none() && definition.on.event.is_none() {
        problems.add(AT, "there are no events to gather: give on.webhook or on.event");
    }
    if definition.on.webhook.as_ref().is_some_and(|webhook| webhook.respond.is_some()) {
        problems
            .add(AT, "a sender whose event is gathered gets no answer of a step: remove respond or gather");
    }
    if lasts.is_zero() || *lasts > GATHER_MAX {
        problems.add("/on/gather/for", "for is zero or over a week: give a time such as 30s");
    }
    if *max < 2 || *max > GATHER_EVENTS {
        problems.add("/on/gather/max", format!("max is {max}: give 2 to {GATHER_EVENTS}"));
    }
    if quiet.is_some_and(|quiet| quiet.is_zero() || quiet > *lasts) {
        problems.add("/on/gather/quiet", "quiet is zero or longer than for: give a time between");
    }
    let by = key("by", "/on/gather/by", by, "${{ body.customer }}", problems)?;
    let (for_ms, quiet_ms) = (duration::ms(*lasts), quiet.map(duration::ms));
    Some(Gathering { by, for_ms, max: *max, quiet_ms, keep_last: *keep == Keep::Last })
}

/// Checks the timeout of a workflow. In milliseconds.
pub(super) fn timeout(timeout: Option<Duration>, problems: &mut Problems) -> Option<u64> {
    let timeout = timeout?;
    if timeout.is_zero() || timeout > TIMEOUT_MAX {
        problems.add("/timeout", "the timeout is zero or over five years: give a time such as 30d");
    }
    u64::try_from(timeout.as_millis()).ok()
}

/// Checks how long runs are kept.
pub(super) fn retain(retain: Option<&Retain>, problems: &mut Problems) -> Retain {
    let Some(retain) = retain else { return Retain::default() };
    let Retain { lasts, runs, bytes } = retain;
    if (lasts, runs, bytes) == (&None, &None, &None) {
        problems.add("/retain", "retain says nothing: give for, runs or bytes, such as {for: 30d}");
    }
    if lasts.is_some_and(|lasts| lasts < RETAIN_MIN) {
        problems.add("/retain/for", "finished runs would be gone before anybody sees them: give at least 1s");
    }
    for (key, bound) in [("runs", runs), ("bytes", bytes)] {
        if *bound == Some(0) {
            let message = format!("{key} is 0, so that no finished run would ever be seen: give at least 1");
            problems.add(format!("/retain/{key}"), message);
        }
    }
    *retain
}

/// Checks a schedule.
pub(super) fn schedule(config: Option<&schedule::Config>, problems: &mut Problems) -> Option<Schedule> {
    match Schedule::try_new(config?) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let key = error.key().map(|key| format!("/{key}")).unwrap_or_default();
            problems.add(format!("/on/schedule{key}"), error.to_string());
            None
        }
    }
}
