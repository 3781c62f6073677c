//! Entries that are no attempts: what was told to a run, and what it told.

use stepmill_core::event::{Event, Trigger};
use stepmill_core::run::{Became, Pending, What};

use super::super::super::output::{Tone, harmless, short, time};
use super::{MESSAGE, kind};

/// An entry that is no attempt, in a line.
pub(super) fn line(what: &What) -> (Tone, String) {
    match what {
        What::Accepted(accepted) => (Tone::Strong, origin(&accepted.event)),
        What::Gathered { event } => (Tone::Plain, origin(event)),
        What::Turn => (Tone::Plain, "in its lane".into()),
        What::Parked { step, system } => (Tone::Waiting, format!("{step}, for the system {system}")),
        What::Began { step, pending } => (Tone::Plain, format!("{step}: {}", begun(pending))),
        What::Spawned { step, count } => (Tone::Plain, format!("{count} runs by {step}")),
        What::Child { step, index, run, became, .. } => {
            let (tone, became) = match became {
                Became::Succeeded { .. } => (Tone::Good, "succeeded".to_owned()),
                Became::Dead { failure } => {
                    (Tone::Bad, format!("died: {}", short(&failure.message, MESSAGE)))
                }
                Became::Revived => (Tone::Plain, "goes on".to_owned()),
                Became::Cancelled { .. } => (Tone::Faint, "was cancelled".to_owned()),
            };
            (tone, format!("{step}, item {index}: {run} {became}"))
        }
        What::Heard { step, event } => (Tone::Good, format!("{step}: {}", origin(event))),
        What::Decided { step, decision } => {
            let (tone, said) =
                if decision.approved { (Tone::Good, "approved") } else { (Tone::Bad, "declined") };
            let comment = decision.comment.as_deref().map(|text| format!(": {}", short(text, MESSAGE)));
            let by = harmless(&decision.by);
            (tone, format!("{step}: {said} by {by}{}", comment.unwrap_or_default()))
        }
        What::Elapsed { step } => (Tone::Plain, format!("{step}: its time is over")),
        What::Rests => (Tone::Faint, String::new()),
        What::Undone => (Tone::Strong, "what it had done".into()),
        What::Succeeded { output } => {
            (Tone::Good, output.as_ref().map(|output| format!("→ {}", kind(output))).unwrap_or_default())
        }
        What::Redriven { from_start, document, by, version, by_rule: _ } => {
            let from = if *from_start { "from the first step" } else { "from the step that failed" };
            let with = document.as_ref().map(|document| format!(" with a new payload, {}", kind(document)));
            let on = version
                .as_ref()
                .map(|version| format!(" on version {}", version.chars().take(12).collect::<String>()));
            let (with, on) = (with.unwrap_or_default(), on.unwrap_or_default());
            (Tone::Strong, format!("{from}{with}{on} by {}", harmless(by)))
        }
        What::Snoozed { until_ms, by } => {
            (Tone::Faint, format!("until {} by {}", time(*until_ms), harmless(by)))
        }
        What::Released { by, .. } => (Tone::Strong, format!("let begin by {}", harmless(by))),
        What::Cancelled { by, undo } => {
            let undo = if *undo { ", undoing what it had done" } else { "" };
            (Tone::Faint, format!("by {}{undo}", harmless(by)))
        }
        // Attempts have a line of their own.
        What::StepSucceeded { .. } | What::AttemptFailed { .. } | What::Died { .. } => {
            (Tone::Plain, String::new())
        }
    }
}

fn begun(pending: &Pending) -> String {
    let until =
        |until_ms: &Option<u64>| until_ms.map(|ms| format!(" until {}", time(ms))).unwrap_or_default();
    match pending {
        Pending::Time { until_ms } => format!("waits until {}", time(*until_ms)),
        Pending::Event { event, key, until_ms } => {
            format!("waits for the event {event} {:?}{}", short(key, MESSAGE), until(until_ms))
        }
        Pending::Decision { until_ms, question } => {
            let asked = question.as_ref().map(|question| format!(": {}", short(question, MESSAGE)));
            format!("waits for a decision{}{}", until(until_ms), asked.unwrap_or_default())
        }
        Pending::Children { total, .. } => format!("waits for {total} runs"),
    }
}

fn origin(event: &Event) -> String {
    let from = match &event.trigger {
        Trigger::Webhook { path } => format!("webhook {}", harmless(path)),
        Trigger::Schedule { fire_ms } => format!("schedule, due {}", time(*fire_ms)),
        Trigger::Manual => "by hand".to_owned(),
        Trigger::Event { name } => format!("event {}", harmless(name)),
        Trigger::Call { run, step, index } => format!("{run}, step {step}, item {index}"),
        Trigger::Run { run, workflow, phase } => {
            format!("the end of {run} of {} ({})", harmless(workflow), phase.as_str())
        }
    };
    format!("{from}, {}", kind(&event.document))
}
