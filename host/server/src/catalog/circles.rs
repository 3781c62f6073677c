//! Workflows that start one another in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepmill_core::workflow::{Body, Plan, Work};

use super::Deployed;
use crate::config::Project;
use crate::diagnostic::Diagnostics;

/// Tells of circles: of ends that start each other, which never end, and of calls, which do if a `when` ends them.
pub(super) fn find(project: &Project, plans: &BTreeMap<String, Arc<Deployed>>, found: &mut Diagnostics) {
    for workflow in &project.workflows {
        let name = &workflow.definition.name;
        let started_by = |other: &str| -> Vec<String> {
            let starts = plans
                .values()
                .filter(|deployed| deployed.plan.on_run.as_ref().is_some_and(|on| on.workflow == other));
            starts.map(|deployed| deployed.plan.name.to_string()).collect()
        };
        if let Some(circle) = circle(name, started_by) {
            let message = format!("the ends of these workflows start each other for ever: {circle}");
            found.push(
                workflow.source.error("/on/run/workflow", message).help("let one of them start otherwise"),
            );
        }
        let calls = |other: &str| plans.get(other).map(|deployed| called(&deployed.plan)).unwrap_or_default();
        if let Some(circle) = circle(name, calls) {
            let message = format!("these workflows call each other: {circle}");
            let help = "let a `when` end that, and put none of them into a lane of the same key";
            found.push(workflow.source.error("/steps", message).help(help).warning());
        }
    }
}

/// The circle that a workflow is in, as text.
fn circle(name: &str, next: impl Fn(&str) -> Vec<String>) -> Option<String> {
    let mut ways: Vec<Vec<String>> = vec![vec![name.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for to in next(way.last()?) {
            if to == name {
                return Some(format!("{} → {name}", way.join(" → ")));
            }
            if seen.insert(to.clone()) {
                ways.push(way.iter().cloned().chain([to]).collect());
            }
        }
    }
    None
}

/// The workflows that a plan and its parts call.
fn called(plan: &Plan) -> Vec<String> {
    let of_steps = plan.steps.iter().filter_map(|step| match &step.work {
        Work::Call { workflow, .. } => Some(workflow.to_string()),
        Work::ForEach(for_each) => match &for_each.body {
            Body::Workflow(workflow) => Some(workflow.to_string()),
            Body::Part(_) => None,
        },
        Work::Plugin(_) | Work::Sleep(_) | Work::Until(_) | Work::Wait { .. } | Work::Approve { .. } => None,
    });
    of_steps.chain(plan.parts.values().flat_map(|part| called(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::circle;

    #[test]
    fn a_circle_is_found_from_each_of_its_members_and_from_nobody_else() {
        let next = |name: &str| match name {
            "a" => vec!["b".to_owned()],
            "b" => vec!["c".to_owned(), "d".to_owned()],
            "c" => vec!["a".to_owned()],
            "outside" => vec!["a".to_owned()],
            _ => Vec::new(),
        };
        assert_eq!(circle("a", next).as_deref(), Some("a → b → c → a"));
        assert_eq!(circle("c", next).as_deref(), Some("c → a → b → c"));
        assert_eq!((circle("outside", next), circle("d", next)), (None, None));
    }
}
