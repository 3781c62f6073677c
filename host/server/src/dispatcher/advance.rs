//! Carries one run on: from what its journal holds to its end or its next wait.
//!
//! Outputs of pure steps are recomputed, never read back. A connector's output is committed before
//! anything that depends on it starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::document::Document;
use stepmill_core::event::Event;
use stepmill_core::expression::{Scope, Template};
use stepmill_core::invoke::{Attempt, Report};
use stepmill_core::journal::{Claim, JournalError, Transition};
use stepmill_core::run::{self, Entry, Phase, State, Verdict, What};
use stepmill_core::storage::StorageWrite;
use stepmill_core::workflow::{Plan, PlannedStep};

use super::{JOURNAL_TROUBLE, PANIC_REST, Shared};
use crate::metrics;

/// How long a run first waits for its workflow to be deployed again; each wait is twice the one before.
const NO_WORKFLOW_MS: u64 = 60_000;
/// How often that wait is doubled at most: to about an hour.
const NO_WORKFLOW_DOUBLINGS: u32 = 6;

/// Why a run is left before its end.
enum Stop {
    /// It ended or waits: committed.
    Committed,
    /// A drain has begun; everything is committed.
    Draining,
    /// The journal refused or failed; the journal's word counts.
    Journal(JournalError),
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// A run in flight: what is committed and what has been computed from it.
struct Flight<'a> {
    shared: &'a Shared,
    epoch: u64,
    state: State,
    /// Records of pure steps since the last commit.
    pure: Vec<Record>,
    outputs: BTreeMap<Arc<str>, Arc<Document>>,
}

/// A step about to be tried: fed and configured.
struct Fed {
    input: Arc<Document>,
    config: Arc<str>,
}

impl Shared {
    /// Carries a run on. Answers how long it rests before its claim is given back; nothing if the claim
    /// has ended.
    pub(super) async fn advance(&self, claim: Claim) -> Option<Duration> {
        let Claim { epoch, state, entries } = claim;
        let run = state.run;
        let mut flight = Flight { shared: self, epoch, state, pure: Vec::new(), outputs: BTreeMap::new() };
        let stopped = match self.dispatcher.catalog.plans.get(&flight.state.workflow) {
            Some(deployed) => {
                if *deployed.plan.version != *flight.state.version {
                    tracing::info!(%run, workflow = %deployed.plan.name, accepted_under = %flight.state.version,
                        version = %deployed.plan.version, "a run goes on under another version of its workflow");
                }
                flight.walk(&deployed.plan, entries).await
            }
            None => flight.park().await,
        };
        match stopped {
            Ok(()) | Err(Stop::Committed) => None,
            Err(Stop::Draining) => Some(Duration::ZERO),
            Err(Stop::Journal(error)) => {
                tracing::error!(%run, error = &error as &dyn std::error::Error, "failed to commit a run");
                match error {
                    // Nobody will ever have it again.
                    JournalError::NoSuchRun(_) | JournalError::Closed => None,
                    // If the claim was lost, giving it back does nothing. If the run has moved on under it,
                    // it would be held for ever otherwise.
                    JournalError::Fenced { .. }
                    | JournalError::Io { .. }
                    | JournalError::StorageConflict { .. } => Some(JOURNAL_TROUBLE),
                    JournalError::Damaged { .. } | JournalError::Illegal { .. } => Some(PANIC_REST),
                }
            }
        }
    }
}

impl Flight<'_> {
    /// Tries every step that has not succeeded, in order.
    async fn walk(&mut self, plan: &Plan, mut entries: Vec<Entry>) -> Result<(), Stop> {
        let Some(event) = payload(&self.state, &entries) else {
            return self.journal_lacks("its payload");
        };
        let accepted = Arc::new(event.document.clone());
        let mut previous = Arc::clone(&accepted);
        for (index, step) in plan.steps.iter().enumerate() {
            if let Some(seq) = self.state.results.get(&*step.id) {
                let Some(output) = committed_output(&mut entries, *seq) else {
                    return self.journal_lacks("a step's output");
                };
                previous = Arc::new(output);
                self.outputs.insert(Arc::clone(&step.id), Arc::clone(&previous));
                continue;
            }
            let fed = match self.feed(plan, step, &event, &previous) {
                Ok(Some(fed)) => fed,
                Ok(None) => continue,
                Err(failure) => return self.fail(step, self.unmade(step, failure)).await,
            };
            let report = self.shared.dispatcher.sandbox.invoke(self.attempt(plan, step, fed)).await;
            metrics::attempt_made(&report.record);
            let output = match &report.outcome {
                Ok(output) => Arc::clone(output),
                Err(_) => return self.fail(step, report.record).await,
            };
            previous = Arc::clone(&output);
            self.outputs.insert(Arc::clone(&step.id), Arc::clone(&output));
            if step.kind.is_pure() {
                self.pure.push(report.record);
            } else {
                self.commit_success(step, report, &output, index + 1 == plan.steps.len()).await?;
            }
        }
        self.commit(vec![What::Succeeded], Vec::new()).await
    }

    /// Evaluates what a step is given; `None` if it is passed over.
    fn feed(
        &self,
        plan: &Plan,
        step: &PlannedStep,
        event: &Event,
        previous: &Arc<Document>,
    ) -> Result<Option<Fed>, Failure> {
        let scope = Scope::new(
            event,
            &event.document,
            previous,
            &self.outputs,
            self.state.run,
            &plan.name,
            self.state.accepted_ms,
        );
        if let Some(when) = &step.when {
            match evaluate(when, &scope, "when")? {
                serde_json::Value::Bool(true) => {}
                serde_json::Value::Bool(false) => return Ok(None),
                other => {
                    let message = format!("`when` must be true or false, not {other}");
                    return Err(Failure::new(Cause::Expression, message));
                }
            }
        }
        let input = match &step.input {
            Some(template) => Arc::new(Document::json(&evaluate(template, &scope, "input")?)),
            None => Arc::clone(previous),
        };
        // `with` sees what the step is fed.
        let scope = scope.with_input(&input);
        let config = match &step.constant_config {
            Some(text) => Arc::clone(text),
            None => evaluate(&step.config, &scope, "with")?.to_string().into(),
        };
        Ok(Some(Fed { input, config }))
    }

    fn attempt(&self, plan: &Plan, step: &PlannedStep, fed: Fed) -> Attempt {
        Attempt {
            digest: Arc::clone(&step.digest),
            plugin: Arc::clone(&step.plugin),
            workflow: Arc::clone(&plan.name),
            run: self.state.run,
            step: Arc::clone(&step.id),
            number: self.state.next_attempt(&step.id),
            accepted_at_ms: self.state.accepted_ms,
            input: fed.input,
            config: fed.config,
            limits: step.limits,
            grant: Arc::clone(&step.grant),
        }
    }

    async fn commit_success(
        &mut self,
        step: &PlannedStep,
        report: Report,
        output: &Document,
        is_last: bool,
    ) -> Result<(), Stop> {
        // Only an attempt that writes to storage can lose a race for it.
        let contender = (!report.writes.is_empty()).then(|| (report.record.clone(), self.pure.clone()));
        let mut whats = vec![What::StepSucceeded { output: output.clone(), record: report.record }];
        if is_last {
            whats.push(What::Succeeded);
        }
        match self.commit(whats, report.writes).await {
            Err(Stop::Journal(error @ JournalError::StorageConflict { .. })) => {
                let Some((mut record, pure)) = contender else { return Err(error.into()) };
                self.pure = pure;
                record.failure = Some(Failure::new(Cause::StorageConflict, error.to_string()));
                self.fail(step, record).await?;
                Err(Stop::Committed)
            }
            Ok(()) if is_last => Err(Stop::Committed),
            other => other,
        }
    }

    /// Commits a failed attempt: another try later, or a dead letter.
    async fn fail(&mut self, step: &PlannedStep, record: Record) -> Result<(), Stop> {
        let Some(failure) = &record.failure else {
            return self.journal_lacks("the reason of a failed attempt");
        };
        let tries = self.state.tries.get(&*step.id).copied().unwrap_or_default();
        let what = match run::verdict(step.kind, &step.retry, tries, failure, self.now_ms(), rand::random()) {
            Verdict::RetryAt(retry_at_ms) => {
                tracing::info!(
                    run = %self.state.run, step = %step.id, attempt = record.number, plugin = %step.plugin,
                    cause = failure.cause.name(), reason = %failure.message,
                    retry_in_ms = retry_at_ms.saturating_sub(self.now_ms()),
                    "an attempt failed and will be made again"
                );
                What::AttemptFailed { record, retry_at_ms }
            }
            Verdict::Die => {
                tracing::warn!(
                    run = %self.state.run, workflow = %self.state.workflow, step = %step.id,
                    attempt = record.number, plugin = %step.plugin, cause = failure.cause.name(),
                    reason = %failure.message, "a run became a dead letter"
                );
                What::Died { record }
            }
        };
        self.commit(vec![what], Vec::new()).await
    }

    /// A record of an attempt that was never made, because its expressions could not be evaluated.
    fn unmade(&self, step: &PlannedStep, failure: Failure) -> Record {
        Record {
            step: step.id.to_string(),
            number: self.state.next_attempt(&step.id),
            plugin: step.plugin.to_string(),
            digest: step.digest.to_string(),
            started_ms: self.now_ms(),
            took_us: 0,
            memory_bytes: 0,
            failure: Some(failure),
            exchanges: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// The run's workflow is not deployed: look again later.
    async fn park(&mut self) -> Result<(), Stop> {
        tracing::warn!(run = %self.state.run, workflow = %self.state.workflow, "no such workflow is deployed: the run waits");
        let message =
            format!("no workflow {:?} is deployed: deploy it again, or cancel the run", self.state.workflow);
        let step = String::from("-");
        let record = Record {
            number: self.state.next_attempt(&step),
            step,
            plugin: "-".into(),
            digest: String::new(),
            started_ms: self.now_ms(),
            took_us: 0,
            memory_bytes: 0,
            failure: Some(Failure::new(Cause::Host, message)),
            exchanges: Vec::new(),
            logs: Vec::new(),
        };
        let faults = self.state.tries.get(&record.step).map_or(0, |tries| tries.host_faults);
        let wait_ms = NO_WORKFLOW_MS << faults.min(NO_WORKFLOW_DOUBLINGS);
        let retry_at_ms = self.now_ms().saturating_add(wait_ms);
        self.commit(vec![What::AttemptFailed { record, retry_at_ms }], Vec::new()).await
    }

    /// Takes the state on by `whats` and commits; the one place that does.
    async fn commit(&mut self, whats: Vec<What>, writes: Vec<StorageWrite>) -> Result<(), Stop> {
        let at_ms = self.now_ms();
        let mut pure = std::mem::take(&mut self.pure);
        let mut state = self.state.clone();
        let mut entries = Vec::with_capacity(whats.len());
        for what in whats {
            let entry = Entry { at_ms, what, pure: std::mem::take(&mut pure) };
            state = run::next(Some(state), &entry).map_err(|illegal| JournalError::Damaged {
                at: self.state.run.to_string(),
                problem: illegal.to_string(),
            })?;
            entries.push(entry);
        }
        let transition = Transition { entries, state: state.clone(), writes };
        self.shared.dispatcher.journal.commit(self.state.run, self.epoch, transition).await?;
        self.state = state;
        match &self.state.phase {
            Phase::Ready { .. } if self.shared.draining.is_cancelled() => Err(Stop::Draining),
            Phase::Ready { .. } => Ok(()),
            Phase::Retrying { .. } => {
                self.shared.dispatcher.wake.notify_one();
                Ok(())
            }
            ended @ (Phase::Succeeded | Phase::Dead { .. } | Phase::Cancelled) => {
                metrics::run_ended(&self.state.workflow, ended.name());
                Ok(())
            }
        }
    }

    fn journal_lacks(&self, what: &str) -> Result<(), Stop> {
        Err(Stop::Journal(JournalError::Damaged {
            at: self.state.run.to_string(),
            problem: format!("it lacks {what}"),
        }))
    }

    fn now_ms(&self) -> u64 {
        self.shared.dispatcher.clock.now_ms()
    }
}

/// The event that the run works on: the accepted one, with a redrive's document in place of its own.
fn payload(state: &State, entries: &[Entry]) -> Option<Event> {
    let What::Accepted { event, .. } = &entries.first()?.what else { return None };
    let mut event = event.clone();
    if state.payload > 0 {
        let What::Redriven { document: Some(document), .. } = &entries.get(index(state.payload))?.what else {
            return None;
        };
        event.document = document.clone();
    }
    Some(event)
}

/// Takes a connector's output out of its entry.
fn committed_output(entries: &mut [Entry], seq: u32) -> Option<Document> {
    match &mut entries.get_mut(index(seq))?.what {
        What::StepSucceeded { output, .. } => {
            let empty = Document::from_bytes("", Vec::new());
            Some(std::mem::replace(output, empty))
        }
        What::Accepted { .. }
        | What::AttemptFailed { .. }
        | What::Died { .. }
        | What::Succeeded
        | What::Redriven { .. }
        | What::Cancelled { .. } => None,
    }
}

fn index(seq: u32) -> usize {
    usize::try_from(seq).unwrap_or(usize::MAX)
}

fn evaluate(template: &Template, scope: &Scope<'_>, key: &str) -> Result<serde_json::Value, Failure> {
    template
        .evaluate(scope)
        .map_err(|error| Failure::new(Cause::Expression, format!("failed to evaluate `{key}`: {error}")))
}
