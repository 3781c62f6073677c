//! A list of steps: of a workflow, of the body of a `for-each` step, or of a hook.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::graph::Graph;
use super::plugin;
use super::wait;
use super::{Body, Environment, ForEachStep, MAX_STEPS, Plan, PlannedStep, Problems, Work, syntax};
use crate::dead::redrive;
use crate::expression::Template;
use crate::flow::fair::Priority;
use crate::retry::Policy;
use crate::workflow::definition::{ForEach, Retain, Step};

/// Most runs of one step that may go at once.
const MAX_CONCURRENCY: u32 = 1_000;
/// Most items of one batch.
const MAX_BATCH: u32 = 10_000;
/// How deep `for-each` steps may stand in one another.
const MAX_DEPTH: usize = 3;

/// Plans lists of steps, and gathers what is needed of all of them.
pub(super) struct Planner<'a> {
    pub(super) environment: &'a Environment<'a>,
    /// Retry policy of steps that have none of their own.
    pub(super) retry: Policy,
    /// When dead letters are redriven without a person.
    pub(super) redrive: redrive::Rules,
    pub(super) namespace: Arc<str>,
    /// What is in the files that the steps name.
    pub(super) files: Vec<Value>,
    /// Digests of the plugins, in the order of the steps.
    pub(super) digests: Vec<Arc<str>>,
    /// How many steps there are in all.
    pub(super) count: usize,
    pub(super) problems: Problems,
}

/// Where the step stands that is being planned.
pub(super) struct At<'a> {
    /// Whole name of the plan that it is in.
    pub(super) plan: &'a str,
    /// Pointer to it.
    pub(super) pointer: String,
    /// Ids of steps that its expressions may refer to.
    pub(super) ancestors: Vec<&'a str>,
    /// Ids of the steps beside it that a person decides, which links are made for.
    pub(super) approvals: Vec<&'a str>,
    /// Whether there are `item` and `index`.
    pub(super) has_item: bool,
}

impl<'a> Planner<'a> {
    /// Plans a part of a workflow.
    pub(super) fn part(&mut self, name: &str, steps: &[Step], at: &str, has_item: bool) -> Plan {
        let mut plan = self.part_of(name);
        plan.steps = self.steps(name, steps, at, has_item, &mut plan.parts);
        plan
    }

    /// Plans a list of steps. What comes back is whole only if there was no problem.
    pub(super) fn steps(
        &mut self,
        plan: &str,
        steps: &[Step],
        at: &str,
        has_item: bool,
        parts: &mut BTreeMap<Arc<str>, Arc<Plan>>,
    ) -> Vec<PlannedStep> {
        self.count = self.count.saturating_add(steps.len());
        if steps.is_empty() {
            self.problems.add(at, "there are no steps: give at least one");
        } else if self.count > MAX_STEPS {
            let count = self.count;
            self.problems.add(at, format!("there are {count} steps: give at most {MAX_STEPS}"));
            return Vec::new();
        }
        let graph = Graph::of(steps, at, &mut self.problems);
        let approvals: Vec<&str> =
            steps.iter().filter(|step| step.approve.is_some()).map(|step| step.id.as_str()).collect();
        let mut planned = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let pointer = format!("{at}/{index}");
            self.check_id(steps.get(..index).unwrap_or_default(), step, &pointer);
            let ancestors = graph
                .ancestors(index)
                .into_iter()
                .filter_map(|at| Some(steps.get(at)?.id.as_str()))
                .collect();
            let at = At { plan, pointer, ancestors, approvals: approvals.clone(), has_item };
            let work = self.work(step, &at, parts);
            let when = self.when(step, &at);
            let input = step.input.as_ref().and_then(|input| self.template("input", input, &at));
            let undo = self.undo(step, &at);
            let Some(work) = work else { continue };
            planned.push(PlannedStep {
                id: step.id.as_str().into(),
                pointer: at.pointer.as_str().into(),
                needs: graph.needs(index).to_vec(),
                is_explicit: step.needs.is_some(),
                otherwise: graph.otherwise(index),
                has_alternative: graph.has_alternative(index),
                when,
                input,
                work,
                undo,
            });
        }
        planned
    }

    fn check_id(&mut self, before: &[Step], step: &Step, at: &str) {
        self.problems.check(&format!("{at}/id"), syntax::step_id(&step.id));
        if [super::ON_FAILURE, super::ON_SUCCESS].contains(&&*step.id) {
            let message = format!("{:?} is what a hook is called: choose another id", step.id);
            self.problems.add(format!("{at}/id"), message);
        }
        if before.iter().any(|before| before.id == step.id) {
            let id = &step.id;
            self.problems
                .add(format!("{at}/id"), format!("there is a step {id:?} before: choose another id"));
        }
    }

    fn work(&mut self, step: &Step, at: &At<'_>, parts: &mut BTreeMap<Arc<str>, Arc<Plan>>) -> Option<Work> {
        if !wait::check_shape(step, &at.pointer, &mut self.problems) {
            return None;
        }
        if let Some(for_each) = &step.for_each {
            return self.for_each(step, for_each, at, parts).map(Work::ForEach);
        }
        if step.plugin.is_some() {
            return plugin::plan(self, step, at).map(Work::Plugin);
        }
        wait::plan(self, step, at)
    }

    fn for_each(
        &mut self,
        step: &Step,
        for_each: &ForEach,
        at: &At<'_>,
        parts: &mut BTreeMap<Arc<str>, Arc<Plan>>,
    ) -> Option<ForEachStep> {
        let own = format!("{}/for-each", at.pointer);
        let list = self.expression("for-each/in", &Value::from(for_each.list.as_str()), at);
        let ranges = [
            ("concurrency", Some(for_each.concurrency), MAX_CONCURRENCY),
            ("batch", for_each.batch, MAX_BATCH),
        ];
        for (key, given, most) in ranges {
            if let Some(given) = given.filter(|given| *given == 0 || *given > most) {
                self.problems.add(format!("{own}/{key}"), format!("{key} is {given}: give 1 to {most}"));
            }
        }
        let body = if let Some(call) = &step.call {
            wait::check_workflow(self, &call.workflow, &format!("{}/call/workflow", at.pointer));
            Body::Workflow(call.workflow.as_str().into())
        } else {
            let name: Arc<str> = format!("{}/{}", at.plan, step.id).into();
            if name.split('/').count() > MAX_DEPTH {
                let message = format!("for-each steps stand {MAX_DEPTH} deep in one another at most");
                self.problems.add_with_help(own, message, "call another workflow for each item".into());
                return None;
            }
            let plan = if step.steps.is_empty() {
                let single = Step {
                    for_each: None,
                    needs: None,
                    when: None,
                    otherwise: None,
                    input: None,
                    undo: None,
                    ..step.clone()
                };
                self.single(&name, &single, at)
            } else {
                self.part(&name, &step.steps, &format!("{}/steps", at.pointer), true)
            };
            parts.insert(step.id.as_str().into(), Arc::new(plan));
            Body::Part(name)
        };
        let ForEach { batch, concurrency, failures, outputs, .. } = *for_each;
        Some(ForEachStep { list: list?, batch, concurrency, failures, outputs, body })
    }

    /// The part of a `for-each` step that has no list of steps.
    fn single(&mut self, name: &str, step: &Step, at: &At<'_>) -> Plan {
        let mut plan = self.part_of(name);
        let (ancestors, approvals) = (Vec::new(), Vec::new());
        let inner = At { plan: name, pointer: at.pointer.clone(), ancestors, approvals, has_item: true };
        self.count = self.count.saturating_add(1);
        if let Some(work) = self.work(step, &inner, &mut BTreeMap::new()) {
            plan.steps.push(PlannedStep::alone(&step.id, &at.pointer, work));
        }
        plan
    }

    fn undo(&mut self, step: &Step, at: &At<'_>) -> Option<Box<PlannedStep>> {
        let undo = step.undo.as_deref()?;
        let pointer = format!("{}/undo", at.pointer);
        let is_waited_for = step.call.as_ref().is_some_and(|call| !call.detach);
        if step.for_each.is_some() || step.plugin.is_none() && !is_waited_for {
            let message =
                "only a step that uses a plugin, or waits for a workflow that it calls, has an undo";
            let help =
                "give the steps for each item, or those of a workflow that is detached, undos of their own";
            self.problems.add_with_help(pointer, message, help.into());
            return None;
        }
        let undone = Step { id: format!("{}/undo", step.id), ..undo.clone().into() };
        let mut ancestors = at.ancestors.clone();
        ancestors.push(&step.id);
        let approvals = at.approvals.clone();
        let at = At { plan: at.plan, pointer, ancestors, approvals, has_item: at.has_item };
        let work = plugin::plan(self, &undone, &at);
        let when = self.when(&undone, &at);
        let input = undone.input.as_ref().and_then(|input| self.template("input", input, &at));
        let alone = PlannedStep::alone(&undone.id, &at.pointer, Work::Plugin(work?));
        Some(Box::new(PlannedStep { when, input, ..alone }))
    }

    fn when(&mut self, step: &Step, at: &At<'_>) -> Option<Template> {
        let template = self.template("when", step.when.as_ref()?, at)?;
        let is_right = match template.as_constant() {
            Some(constant) => constant.is_boolean(),
            None => template.is_expression(),
        };
        if !is_right {
            self.problems.add_with_help(
                format!("{}/when", at.pointer),
                "when can never be true or false",
                "write one expression and nothing around it, such as ${{ input.total > 100 }}".into(),
            );
        }
        Some(template)
    }

    /// What the workflow gives: an expression may refer to all steps.
    pub(super) fn output(&mut self, output: Option<&Value>, steps: &[PlannedStep]) -> Option<Template> {
        let ancestors = steps.iter().map(|step| &*step.id).collect();
        let is_decided = |step: &&PlannedStep| matches!(step.work, Work::Approve { .. });
        let approvals = steps.iter().filter(is_decided).map(|step| &*step.id).collect();
        let at = At { plan: "", pointer: String::new(), ancestors, approvals, has_item: false };
        self.template("output", output?, &at)
    }

    /// A template that must be one expression, or hold one.
    pub(super) fn expression(&mut self, key: &str, value: &Value, at: &At<'_>) -> Option<Template> {
        let template = self.template(key, value, at)?;
        if template.is_constant() {
            let message = format!("{value} holds no expression, so that it is the same for every run");
            let help = "write one such as ${{ input.id }}";
            self.problems.add_with_help(format!("{}/{key}", at.pointer), message, help.into());
            return None;
        }
        Some(template)
    }

    pub(super) fn template(&mut self, key: &str, value: &Value, at: &At<'_>) -> Option<Template> {
        let template = self.problems.compile(
            &format!("{}/{key}", at.pointer),
            value,
            &std::collections::BTreeSet::new(),
        )?;
        self.check_references(key, &template, at);
        Some(template)
    }

    /// Whether a step's expressions refer only to what is there when it is begun.
    pub(super) fn check_references(&mut self, key: &str, template: &Template, at: &At<'_>) {
        let pointer = format!("{}/{key}", at.pointer);
        for step in &template.references().steps {
            if !at.ancestors.contains(&step.as_str()) {
                let message = format!("there is no step {step:?} before this one");
                let help = plugin::known("before it", step, at.ancestors.iter().copied());
                self.problems.add_with_help(&*pointer, message, help);
            }
        }
        for step in &template.references().links {
            if !at.approvals.contains(&step.as_str()) {
                let message =
                    format!("there is a link only for an `approve` step, and {step:?} is none here");
                let help = plugin::known("with approve", step, at.approvals.iter().copied());
                self.problems.add_with_help(&*pointer, message, help);
            } else if !self.environment.has_links {
                let message = format!("links.{step} needs `approvals` in stepmill.yaml, which is not there");
                let help = "give it `url`, where browsers reach the service, and `secret`, such as env:APPROVAL_SECRET";
                self.problems.add_with_help(&*pointer, message, help.into());
            }
        }
        for variable in ["item", "index"] {
            if !at.has_item && template.references().variables.contains(variable) {
                let message = format!("there is {variable} only in the steps of a for-each step");
                self.problems.add(&*pointer, message);
            }
        }
    }

    fn part_of(&self, name: &str) -> Plan {
        Plan {
            name: name.into(),
            version: "".into(),
            webhook: None,
            dedupe: None,
            answer: None,
            event: None,
            on_run: None,
            schedule: None,
            lane: None,
            gather: None,
            priority: Priority::default(),
            concurrency: None,
            timeout_ms: None,
            redrive: self.redrive.clone(),
            retain: Retain::default(),
            namespace: Arc::clone(&self.namespace),
            steps: Vec::new(),
            output: None,
            parts: BTreeMap::new(),
        }
    }
}
