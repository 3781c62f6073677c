//! Steps that use no plugin: they call a workflow, or wait.

use std::time::Duration;

use serde_json::Value;

use super::part::{At, Planner};
use super::plugin::known;
use super::{Problems, Work};
use crate::workflow::definition::Step;

/// Longest time that a step may be told to wait for an event or a decision.
const LONGEST: Duration = Duration::from_secs(5 * 366 * 24 * 3600);

/// Whether the step does exactly one thing, and has only keys that belong to it. Says what is wrong otherwise.
pub(super) fn check_shape(step: &Step, at: &str, problems: &mut Problems) -> bool {
    let given = [
        ("use", step.plugin.is_some()),
        ("call", step.call.is_some()),
        ("sleep", step.sleep.is_some()),
        ("until", step.until.is_some()),
        ("wait", step.wait.is_some()),
        ("approve", step.approve.is_some()),
        ("steps", !step.steps.is_empty()),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key).collect();
    const DOES: &str =
        "a step has one of use, call, sleep, until, wait, approve, or for-each with use, call or steps";
    let [does] = given.as_slice() else {
        let message = match given.as_slice() {
            [] => "the step does nothing".to_owned(),
            several => format!("the step does several things: {}", several.join(", ")),
        };
        problems.add_with_help(at, message, DOES.into());
        return false;
    };
    let found = problems.0.len();
    if *does == "steps" && step.for_each.is_none() {
        problems.add_with_help(
            format!("{at}/steps"),
            "only a for-each step has steps of its own",
            DOES.into(),
        );
    }
    if step.for_each.is_some() && !matches!(*does, "use" | "call" | "steps") {
        problems.add_with_help(format!("{at}/{does}"), format!("a for-each step has no {does}"), DOES.into());
    }
    let of_plugins = [
        ("with", !step.with.is_empty()),
        ("system", step.system.is_some()),
        ("allow", !step.allow.is_empty()),
        ("redirects", step.redirects > 0),
        ("retry", step.retry.is_some()),
        ("limits", step.limits != Default::default()),
        ("timeout", step.timeout.is_some() && !matches!(*does, "wait" | "approve")),
    ];
    if *does != "use" {
        for (key, _) in of_plugins.into_iter().filter(|(_, is_given)| *is_given) {
            problems
                .add(format!("{at}/{key}"), format!("{key} belongs to a step that uses a plugin: remove it"));
        }
    }
    problems.0.len() == found
}

/// Checks a step that uses no plugin.
pub(super) fn plan(planner: &mut Planner<'_>, step: &Step, at: &At<'_>) -> Option<Work> {
    if let Some(call) = &step.call {
        check_workflow(planner, &call.workflow, &format!("{}/call/workflow", at.pointer));
        return Some(Work::Call { workflow: call.workflow.as_str().into(), detach: call.detach });
    }
    if let Some(sleep) = &step.sleep {
        let template = planner.template("sleep", &Value::from(sleep.as_str()), at)?;
        if let Some(constant) = template.as_constant().and_then(Value::as_str) {
            planner
                .problems
                .check(&format!("{}/sleep", at.pointer), crate::duration::parse(constant).map(drop));
        }
        return Some(Work::Sleep(template));
    }
    if let Some(until) = &step.until {
        let template = planner.template("until", &Value::from(until.as_str()), at)?;
        if let Some(constant) = template.as_constant()
            && super::super::walk::instant(constant).is_none()
        {
            let message = format!("{constant} is no time: give one such as 2026-12-24T18:00:00+01:00");
            planner.problems.add(format!("{}/until", at.pointer), message);
        }
        return Some(Work::Until(template));
    }
    let timeout_ms = timeout(planner, step, at);
    if let Some(wait) = &step.wait {
        if !planner.environment.events.has(&wait.event) {
            let message = format!("there is no event {:?}", wait.event);
            let names = planner.environment.events.iter();
            let help = known("in events of stepmill.yaml", &wait.event, names);
            planner.problems.add_with_help(format!("{}/wait/event", at.pointer), message, help);
        }
        let key = planner.expression("wait/key", &Value::from(wait.key.as_str()), at)?;
        return Some(Work::Wait { event: wait.event.as_str().into(), key, timeout_ms });
    }
    let approve = step.approve.as_ref()?;
    let question = match &approve.question {
        Some(question) => Some(planner.template("approve/question", &Value::from(question.as_str()), at)?),
        None => None,
    };
    Some(Work::Approve { question, timeout_ms })
}

/// Whether there is a workflow of this name.
pub(super) fn check_workflow(planner: &mut Planner<'_>, name: &str, at: &str) {
    if !planner.environment.workflows.has(name) {
        let message = format!("there is no workflow {name:?}");
        let help = known("deployed", name, planner.environment.workflows.iter());
        planner.problems.add_with_help(at, message, help);
    }
}

fn timeout(planner: &mut Planner<'_>, step: &Step, at: &At<'_>) -> Option<u64> {
    let timeout = step.timeout?;
    if timeout.is_zero() || timeout > LONGEST {
        let message =
            "the timeout is zero or over five years: give a time such as 14d, or none to wait for ever";
        planner.problems.add(format!("{}/timeout", at.pointer), message);
    }
    u64::try_from(timeout.as_millis()).ok()
}
