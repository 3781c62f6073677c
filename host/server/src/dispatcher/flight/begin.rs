//! Beginning a step.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use stepmill_core::attempt::{Cause, Failure, capped};
use stepmill_core::document::Document;
use stepmill_core::expression::{Scope, Template};
use stepmill_core::invoke::Attempt;
use stepmill_core::run::{Pending, Stand, What};
use stepmill_core::workflow::{Feed, PlannedStep, PluginStep, Work, instant, key_of, span};

use super::commit::Along;
use super::{Flight, Stop};
use crate::gates::Held;

/// Longest that a step sleeps, in milliseconds: five years.
const LONGEST_SLEEP_MS: u64 = 5 * 366 * 24 * 3600 * 1_000;

/// Bytes of a question to a person that are kept.
const QUESTION_BYTES: usize = 4 << 10;

/// What a step is given: fed and configured.
pub(super) struct Fed {
    pub(super) input: Arc<Document>,
    pub(super) config: Arc<str>,
}

impl Flight<'_> {
    /// Begins a step, or goes on with it, as far as its progress lets it.
    pub(super) async fn begin(&mut self, index: usize) -> Result<(), Stop> {
        let Some(step) = self.plan.steps.get(index) else { return Err(self.lacks("a step of its plan")) };
        self.walk.begin(index);
        let now_ms = self.now_ms();
        match self.state.stand(&step.id) {
            Stand::Done { seq } => {
                let seq = *seq;
                self.settle_told(index, step, seq)
            }
            // What is being undone is not gone on with; but pure steps are recomputed and ways not taken are seen, since
            // what undoes may refer to them.
            _ if self.state.undoing.is_some() && !step.is_pure() => {
                self.see_whether_passed_over(index, step);
                Ok(())
            }
            Stand::Retrying { at_ms } if *at_ms > now_ms => Ok(()),
            stand @ (Stand::Sleeping { .. } | Stand::Listening { .. } | Stand::Undecided { .. }) => {
                if stand.due_ms().is_none_or(|due_ms| due_ms > now_ms) {
                    return Ok(());
                }
                self.elapsed(index, step);
                self.commit(vec![What::Elapsed { step: step.id.to_string() }], Along::default()).await
            }
            Stand::Children(children) => {
                let children = children.clone();
                self.go_on_spawning(index, step, &children).await
            }
            Stand::Open | Stand::Retrying { .. } | Stand::Parked { .. } => self.begin_anew(index, step).await,
        }
    }

    fn see_whether_passed_over(&mut self, index: usize, step: &PlannedStep) {
        let is_passed_over = match self.walk.feed(index) {
            Feed::Document(fed) => matches!(self.is_wanted(step, &fed), Ok(false)),
            Feed::PassOver => true,
        };
        if is_passed_over {
            self.pass_over(index);
        }
    }

    async fn begin_anew(&mut self, index: usize, step: &PlannedStep) -> Result<(), Stop> {
        let Feed::Document(fed) = self.walk.feed(index) else {
            self.pass_over(index);
            return Ok(());
        };
        match self.is_wanted(step, &fed) {
            Ok(true) => {}
            Ok(false) => {
                self.pass_over(index);
                return Ok(());
            }
            Err(failure) => {
                self.doom(self.unmade_step(step, failure));
                return Ok(());
            }
        }
        let begun = match self.input(step, &fed) {
            Ok(input) => self.begin_work(index, step, input).await?,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = begun {
            self.doom(self.unmade_step(step, failure));
        }
        Ok(())
    }

    /// The inner error is a failure of the step.
    async fn begin_work(
        &mut self,
        index: usize,
        step: &PlannedStep,
        input: Arc<Document>,
    ) -> Result<Result<(), Failure>, Stop> {
        let now_ms = self.now_ms();
        let name = || step.id.to_string();
        let pending = match &step.work {
            Work::Plugin(plugin) => {
                let fed = match self.config(plugin, &input) {
                    Ok(config) => Fed { input, config },
                    Err(failure) => return Ok(Err(failure)),
                };
                return self.start(index, step, plugin, fed).await.map(Ok);
            }
            Work::Call { workflow, detach } => {
                return self.call(index, step, workflow, *detach, &input).await;
            }
            Work::ForEach(for_each) => return self.for_each(index, step, for_each, &input).await,
            Work::Sleep(template) => match self.value(template, &input, "sleep", span) {
                Ok(ms) => Pending::Time { until_ms: now_ms.saturating_add(ms.min(LONGEST_SLEEP_MS)) },
                Err(failure) => return Ok(Err(failure)),
            },
            Work::Until(template) => match self.value(template, &input, "until", instant) {
                Ok(until_ms) => {
                    Pending::Time { until_ms: until_ms.min(now_ms.saturating_add(LONGEST_SLEEP_MS)) }
                }
                Err(failure) => return Ok(Err(failure)),
            },
            Work::Wait { event, key, timeout_ms } => {
                let value = match self.evaluate(key, &input, "wait.key") {
                    Ok(value) => value,
                    Err(failure) => return Ok(Err(failure)),
                };
                match key_of("wait.key", value) {
                    Ok(key) => Pending::Event {
                        event: event.to_string(),
                        key,
                        until_ms: timeout_ms.map(|ms| now_ms.saturating_add(ms)),
                    },
                    Err(error) => return Ok(Err(Failure::new(Cause::Expression, error.to_string()))),
                }
            }
            Work::Approve { question, timeout_ms } => {
                let asked = question.as_ref().map(|question| self.text(question, &input, "approve.question"));
                match asked.transpose() {
                    Ok(question) => Pending::Decision {
                        until_ms: timeout_ms.map(|ms| now_ms.saturating_add(ms)),
                        question,
                    },
                    Err(failure) => return Ok(Err(failure)),
                }
            }
        };
        let is_over = matches!(pending, Pending::Time { until_ms } if until_ms <= now_ms);
        let mut whats = vec![What::Began { step: name(), pending }];
        if is_over {
            whats.push(What::Elapsed { step: name() });
            self.elapsed(index, step);
        }
        self.commit(whats, Along::default()).await.map(Ok)
    }

    fn pass_over(&mut self, index: usize) {
        let settled = self.walk.passed_over(index);
        self.walk.settle(index, settled);
    }

    /// Whether a step's `when` lets it run.
    pub(super) fn is_wanted(&self, step: &PlannedStep, fed: &Document) -> Result<bool, Failure> {
        let Some(when) = &step.when else { return Ok(true) };
        match self.evaluate(when, fed, "when")? {
            Value::Bool(is_wanted) => Ok(is_wanted),
            other => {
                Err(Failure::new(Cause::Expression, format!("`when` must be true or false, not {other}")))
            }
        }
    }

    /// What a step is fed in the end.
    pub(super) fn input(&self, step: &PlannedStep, fed: &Arc<Document>) -> Result<Arc<Document>, Failure> {
        match &step.input {
            Some(template) => Ok(Arc::new(Document::json(&self.evaluate(template, fed, "input")?))),
            None => Ok(Arc::clone(fed)),
        }
    }

    /// The config of a plugin step, which sees what the step is fed.
    pub(super) fn config(&self, plugin: &PluginStep, input: &Document) -> Result<Arc<str>, Failure> {
        match &plugin.constant_config {
            Some(text) => Ok(Arc::clone(text)),
            None => Ok(self.evaluate(&plugin.config, input, "with")?.to_string().into()),
        }
    }

    /// The value of a template for a step that is fed this.
    pub(super) fn evaluate(
        &self,
        template: &Template,
        input: &Document,
        key: &str,
    ) -> Result<Value, Failure> {
        if let Some(constant) = template.as_constant() {
            return Ok(constant.clone());
        }
        let scope = Scope::new(
            &self.event,
            &self.event.document,
            input,
            &self.outputs,
            self.state.run,
            &self.plan.name,
            self.state.accepted_ms,
        );
        let scope = scope.with_links(self.links(template));
        template
            .evaluate(&scope)
            .map_err(|error| Failure::new(Cause::Expression, format!("failed to evaluate `{key}`: {error}")))
    }

    /// The links that a template has, by the ids of their steps.
    fn links(&self, template: &Template) -> BTreeMap<String, String> {
        let catalog = self.shared.dispatcher.live.catalog();
        let Some(links) = &catalog.links else { return BTreeMap::new() };
        let steps = template.references().links.iter();
        steps.map(|step| (step.clone(), links.url(self.state.run, step))).collect()
    }

    /// What a template says to a person.
    fn text(&self, template: &Template, input: &Document, key: &str) -> Result<String, Failure> {
        let text = match self.evaluate(template, input, key)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(capped(text, QUESTION_BYTES))
    }

    fn value<T>(
        &self,
        template: &Template,
        input: &Document,
        key: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, Failure> {
        let value = self.evaluate(template, input, key)?;
        read(&value).ok_or_else(|| {
            Failure::new(Cause::Expression, format!("`{key}` gives {value}, which is no time"))
        })
    }

    /// Has an attempt made, or parks the step if its system takes none now.
    async fn start(
        &mut self,
        index: usize,
        step: &PlannedStep,
        plugin: &PluginStep,
        fed: Fed,
    ) -> Result<(), Stop> {
        let held = match self.pass(step, plugin) {
            Ok(held) => held,
            Err(system) => return self.park(step, system).await,
        };
        let attempt = self.attempt(step, plugin, fed);
        let sandbox = Arc::clone(&self.shared.dispatcher.sandbox);
        self.attempting.insert(index);
        self.running.push(Box::pin(async move { (index, sandbox.invoke(attempt).await, held) }));
        Ok(())
    }

    /// A pass to the step's system, if it has one.
    ///
    /// # Errors
    /// The system, if it takes no attempt now, or others are parked for it who have their turn first.
    pub(super) fn pass(&self, step: &PlannedStep, plugin: &PluginStep) -> Result<Option<Held>, String> {
        let Some(system) = &plugin.grant.system else { return Ok(None) };
        let is_parked = matches!(self.state.stand(&step.id), Stand::Parked { .. });
        let may_go = is_parked || !self.shared.has_parked(system);
        match may_go.then(|| self.shared.dispatcher.gates.admit(system)).flatten() {
            Some(held) => Ok(Some(held)),
            None => Err(system.clone()),
        }
    }

    /// Commits that a step waits for its system; nothing if that is known.
    pub(super) async fn park(&mut self, step: &PlannedStep, system: String) -> Result<(), Stop> {
        let is_known = |stand: &Stand| matches!(stand, Stand::Parked { system: of, .. } if *of == system);
        if is_known(self.state.stand(&step.id)) {
            return Ok(());
        }
        let what = What::Parked { step: step.id.to_string(), system };
        self.commit(vec![what], Along::default()).await
    }

    pub(super) fn attempt(&self, step: &PlannedStep, plugin: &PluginStep, fed: Fed) -> Attempt {
        Attempt {
            digest: Arc::clone(&plugin.digest),
            plugin: Arc::clone(&plugin.plugin),
            workflow: Arc::clone(&self.plan.name),
            run: self.state.run,
            step: Arc::clone(&step.id),
            number: self.state.next_attempt(&step.id),
            idempotency_key: self.state.idempotency_key(&step.id),
            accepted_at_ms: self.state.accepted_ms,
            input: fed.input,
            config: fed.config,
            limits: plugin.limits,
            grant: Arc::clone(&plugin.grant),
        }
    }
}
