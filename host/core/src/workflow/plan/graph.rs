//! Which step comes after which.

use std::collections::BTreeSet;

use super::Problems;
use super::plugin::known;
use crate::workflow::definition::Step;

/// The edges between the steps of a list, by their indexes.
///
/// Invariant: every edge leads to a smaller index, so that there is no circle.
pub(super) struct Graph {
    edges: Vec<Edges>,
}

#[derive(Default)]
struct Edges {
    needs: Vec<usize>,
    otherwise: Option<usize>,
}

impl Graph {
    /// Reads `needs` and `otherwise`, with their defaults: a step comes after the one before it, an alternative
    /// after the step that it is the alternative to, and what follows an alternative after both.
    pub(super) fn of(steps: &[Step], at: &str, problems: &mut Problems) -> Self {
        let mut graph = Self { edges: Vec::new() };
        for (index, step) in steps.iter().enumerate() {
            let at = format!("{at}/{index}");
            let before = steps.get(..index).unwrap_or_default();
            let otherwise = step
                .otherwise
                .as_deref()
                .and_then(|id| find(id, before, &format!("{at}/otherwise"), problems));
            if let Some(other) = otherwise.and_then(|other| before.get(other)) {
                check_alternative(other, &format!("{at}/otherwise"), problems);
            }
            let mut needs: Vec<usize> = match &step.needs {
                Some(ids) => ids
                    .iter()
                    .enumerate()
                    .filter_map(|(place, id)| find(id, before, &format!("{at}/needs/{place}"), problems))
                    .collect(),
                None if otherwise.is_some() => Vec::new(),
                None => graph.default_needs(),
            };
            needs.extend(otherwise);
            needs.sort_unstable();
            needs.dedup();
            graph.edges.push(Edges { needs, otherwise });
        }
        graph
    }

    /// For the next step: the one before, and where that is an alternative, also what stands before it.
    fn default_needs(&self) -> Vec<usize> {
        let mut needs = Vec::new();
        for (index, edges) in self.edges.iter().enumerate().rev() {
            needs.push(index);
            if edges.otherwise.is_none() {
                break;
            }
        }
        needs
    }

    /// What a step comes after.
    pub(super) fn needs(&self, index: usize) -> &[usize] {
        self.edges.get(index).map_or(&[], |edges| &edges.needs)
    }

    /// The step that it is the alternative to.
    pub(super) fn otherwise(&self, index: usize) -> Option<usize> {
        self.edges.get(index)?.otherwise
    }

    /// Whether another step is the alternative to it.
    pub(super) fn has_alternative(&self, index: usize) -> bool {
        self.edges.iter().any(|edges| edges.otherwise == Some(index))
    }

    /// All steps that are settled when the step is begun.
    pub(super) fn ancestors(&self, index: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = self.needs(index).to_vec();
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(self.needs(next));
            }
        }
        found
    }
}

fn find(id: &str, before: &[Step], at: &str, problems: &mut Problems) -> Option<usize> {
    let found = before.iter().position(|step| step.id == id);
    if found.is_none() {
        let message = format!("there is no step {id:?} before this one");
        problems.add_with_help(
            at,
            message,
            known("before it", id, before.iter().map(|step| step.id.as_str())),
        );
    }
    found
}

/// There is an alternative only to what may not happen.
fn check_alternative(step: &Step, at: &str, problems: &mut Problems) {
    let may_time_out = step.wait.is_some() && step.timeout.is_some();
    if step.when.is_some() || step.otherwise.is_some() || may_time_out || step.approve.is_some() {
        return;
    }
    let message = format!("{:?} is never passed over, so that this step would never run", step.id);
    let help = "give that step a when, or a timeout if it waits for an event";
    problems.add_with_help(at, message, help.into());
}
