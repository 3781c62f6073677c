//! Makes recorded attempts of a step again with another component, and tells in what it differs.
//!
//! Everything that an attempt was given is derived from the run's journal, by the same code by which the run went on
//! ([`crate::dispatcher`]). Requests are answered with the recorded exchanges: none leaves the host. What there was to
//! compare with is the journaled output or failure, and of a pure step what the run's own component gives again.
//!
//! A backtest has a share of the places that attempts are made in, and ends when nobody listens any more.

mod candidate;
mod compare;
mod moments;
mod replay;
mod report;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use stepmill_core::RunId;
use stepmill_core::attempt::Failure;
use stepmill_core::document::Document;
use stepmill_core::journal::{Filter, JournalError};
use stepmill_core::manifest::Kind;
use stepmill_core::run::{State, is_undo, root};
use stepmill_core::workflow::{Plan, PlannedStep};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::catalog::chain;
use crate::components::Components;
use crate::dispatcher::retrace;
use moments::Made;

pub use candidate::Candidate;
pub(crate) use replay::Replay;
pub use report::{Counts, DIFFERENCES, Difference, Line, Named, Outcome, Part, Summary, Tried, Verdict};

/// Places that attempts with candidates take at most: they must not starve those that are for real.
const PLACES: usize = 2;
/// Of so many places one is for candidates.
const ONE_OF: usize = 4;
/// Runs that are listed at once.
const PAGE: usize = 50;

/// How many places attempts with candidates take of all.
pub(crate) fn share(places: usize) -> usize {
    (places / ONE_OF).clamp(1, PLACES)
}

/// A step of a workflow, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the workflow; of a part `WORKFLOW/PART`.
    pub workflow: String,
    /// Id of the step; of one that undoes another `ID/undo`.
    pub step: String,
}

impl std::str::FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let undone = if is_undo(text) { text.strip_suffix("/undo") } else { None };
        match undone.unwrap_or(text).rsplit_once('/') {
            Some((workflow, step)) if !workflow.is_empty() && !step.is_empty() => {
                let step = if undone.is_some() { format!("{step}/undo") } else { step.to_owned() };
                Ok(Self { workflow: workflow.to_owned(), step })
            }
            Some(_) | None => Err(NoTarget(text.to_owned())),
        }
    }
}

/// A text that names no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no step: give WORKFLOW/STEP, such as order-to-cash/shape")]
pub struct NoTarget(String);

/// What is to be tried.
#[derive(Debug)]
pub struct Order {
    /// With the attempts of which step.
    pub target: Target,
    /// What.
    pub candidate: Candidate,
    /// How many runs are looked at, latest first.
    pub last: usize,
    /// Whether attempts are told too that are equal, and runs in which there was none.
    pub all: bool,
}

/// Why nothing is tried.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such workflow, nor was there one.
    #[error("there is no workflow {0:?}")]
    NoWorkflow(String),
    /// It has no such step.
    #[error("workflow {workflow:?} has no step {step:?} that uses a plugin (it has {has})")]
    NoStep {
        /// The workflow.
        workflow: String,
        /// The step.
        step: String,
        /// The steps there are.
        has: String,
    },
    /// The candidate is another kind of plugin.
    #[error("the step uses a {} plugin, and {candidate:?} is a {} plugin: only one kind can be compared", .used.name(), .is.name())]
    Kind {
        /// Name of the candidate.
        candidate: String,
        /// What the step uses.
        used: Kind,
        /// What the candidate is.
        is: Kind,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Makes recorded attempts again. A cheap handle.
#[derive(Clone)]
pub struct Backtests {
    components: Arc<Components>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Backtests {
    /// Backtests of the runs in this journal, which end at `stop`.
    pub fn new(components: Arc<Components>, stop: CancellationToken) -> Self {
        let places = Arc::new(Semaphore::new(share(components.sandbox.places())));
        Self { components, places, stop }
    }

    /// Whether the order can be followed.
    ///
    /// # Errors
    /// No version of the workflow has the step, or it uses another kind of plugin.
    pub async fn check(&self, target: &Target, candidate: &Candidate) -> Result<(), Refused> {
        let plans = self.plans(root(&target.workflow)).await?;
        let parts: Vec<&Arc<Plan>> = plans.iter().filter_map(|plan| plan.part(&target.workflow)).collect();
        if parts.is_empty() {
            return Err(Refused::NoWorkflow(target.workflow.clone()));
        }
        let of_step = parts.iter().filter_map(|part| kind(part, &target.step));
        let kinds: Vec<Kind> = of_step.collect();
        let is = candidate.loaded.manifest.kind;
        match kinds.first() {
            None => {
                let names: BTreeSet<&str> = parts.iter().flat_map(|part| names(part)).collect();
                let has = if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.into_iter().collect::<Vec<_>>().join(", ")
                };
                let Target { workflow, step } = target.clone();
                Err(Refused::NoStep { workflow, step, has })
            }
            Some(used) if !kinds.contains(&is) => {
                let candidate = candidate.loaded.manifest.name.clone();
                Err(Refused::Kind { candidate, used: *used, is })
            }
            Some(_) => Ok(()),
        }
    }

    /// The plans of a workflow: the deployed one, and those of runs that are kept.
    async fn plans(&self, workflow: &str) -> Result<Vec<Arc<Plan>>, JournalError> {
        let (catalog, journal) = (self.components.live.catalog(), &self.components.journal);
        let deployed = catalog.plans.get(workflow).map(|deployed| Arc::clone(&deployed.plan));
        let mut plans: Vec<Arc<Plan>> = deployed.into_iter().collect();
        for kept in journal.versions().await?.into_iter().filter(|kept| kept.workflow == workflow) {
            // One that the config of now does not let be is told with its runs.
            plans.extend(catalog.plan(&**journal, workflow, &kept.version).await.ok());
        }
        Ok(plans)
    }

    /// Follows an order, to its end or until nobody listens. The last line is the summary or an error.
    pub async fn run(&self, order: Order, lines: mpsc::Sender<Line>) {
        let last = tokio::select! {
            biased;
            () = lines.closed() => return,
            () = self.stop.cancelled() => Line::Error { message: "the service is shutting down".into() },
            ended = self.go(&order, &lines) => match ended {
                Ok(summary) => Line::Summary(Box::new(summary)),
                Err(error) => Line::Error { message: chain(&error) },
            },
        };
        // If whoever asked has gone, nobody minds.
        let _ = lines.send(last).await;
    }

    async fn go(&self, order: &Order, lines: &mpsc::Sender<Line>) -> Result<Summary, JournalError> {
        let filter = Filter { workflow: Some(order.target.workflow.clone()), phase: None };
        let (mut counts, mut runs, mut cursor) = (Counts::default(), 0, None);
        while runs < order.last {
            let page = self.components.journal.query(&filter, cursor, PAGE.min(order.last - runs)).await?;
            let mut of_page = stream::iter(page.runs).map(|state| self.of_run(order, state)).buffered(PLACES);
            while let Some(tried) = of_page.next().await {
                for tried in tried? {
                    let result = tried.verdict.result;
                    counts.add(result);
                    let is_told = result != Outcome::Equal && tried.number > 0;
                    if is_told || order.all {
                        // One that nobody takes ends all this.
                        let _ = lines.send(Line::Attempt(Box::new(tried))).await;
                    }
                }
                runs += 1;
            }
            let _ = lines.send(Line::Progress { runs: runs as u64 }).await;
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        let Target { workflow, step } = order.target.clone();
        let notes = notes(order.candidate.loaded.manifest.kind);
        Ok(Summary { workflow, step, candidate: order.candidate.named(), runs: runs as u64, counts, notes })
    }

    /// All attempts of a run at the step.
    async fn of_run(&self, order: &Order, state: State) -> Result<Vec<Tried>, JournalError> {
        let run = state.run;
        let none = |why: String| {
            vec![Tried { run, number: 0, at_ms: state.accepted_ms, verdict: Verdict::skipped(why) }]
        };
        let entries = match self.components.journal.read(run).await {
            Ok((_, entries)) => entries,
            // It was removed meanwhile.
            Err(JournalError::NoSuchRun(_)) => return Ok(Vec::new()),
            Err(error @ JournalError::Damaged { .. }) => return Ok(none(error.to_string())),
            Err(error) => return Err(error),
        };
        let made = match moments::made(&entries, &order.target.step) {
            Ok(made) if made.is_empty() => return Ok(none("the step did not run".into())),
            Ok(made) => made,
            Err(error) => return Ok(none(error.to_string())),
        };
        let mut tried = Vec::with_capacity(made.len());
        for made in made {
            let (number, at_ms) = (made.record.number, made.record.started_ms);
            // Never closed; should it ever be, the attempts are made without waiting their turn.
            let _place = self.places.acquire().await.ok();
            let verdict = self.attempt(order, run, made).await;
            tried.push(Tried { run, number, at_ms, verdict });
        }
        Ok(tried)
    }

    async fn attempt(&self, order: &Order, run: RunId, made: Made) -> Verdict {
        if let Some(why) = made.is_no_measure() {
            return Verdict::skipped(why);
        }
        let Made { record, output, moment } = made;
        let attempt = match retrace(&self.components, moment).await {
            Ok(attempt) => attempt,
            Err(lost) => return Verdict::skipped(chain(&lost)),
        };
        if attempt.number != record.number || *attempt.digest != *record.digest {
            tracing::debug!(%run, number = record.number, "an attempt is not what it was when it is derived again");
            return Verdict::skipped("what the attempt was given cannot be derived any more".into());
        }
        let was: Result<Arc<Document>, Failure> = match (&record.failure, output) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some(output)) => Ok(Arc::new(output)),
            (None, None) => match self.components.recompute(attempt.clone()).await.outcome {
                Ok(output) => Ok(output),
                Err(failure) => {
                    let why = format!("the run's own component fails now: {}", failure.message);
                    return Verdict::skipped(why);
                }
            },
        };
        let replay = Replay::of_record(&record, attempt.limits.response_bytes);
        let sandbox = &self.components.sandbox;
        order.candidate.attempt(sandbox, attempt, record.started_ms, was.as_deref(), replay).await
    }
}

/// The kind of the plugin that a step uses.
fn kind(plan: &Plan, step: &str) -> Option<Kind> {
    steps(plan).find(|planned| *planned.id == *step)?.plugin().map(|plugin| plugin.kind)
}

/// The steps that use a plugin.
fn names(plan: &Plan) -> impl Iterator<Item = &str> {
    steps(plan).filter(|step| step.plugin().is_some()).map(|step| &*step.id)
}

fn steps(plan: &Plan) -> impl Iterator<Item = &PlannedStep> {
    plan.steps.iter().flat_map(|step| std::iter::once(step).chain(step.undo.as_deref()))
}

/// What is to be known of the figures.
fn notes(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Transform | Kind::Validate | Kind::Verify => Vec::new(),
        Kind::Connector => vec![
            "reads of storage found what is committed now, not what was then; writes were discarded".into(),
            "headers that carry secrets are not recorded: the candidate was given a placeholder for them"
                .into(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_step_is_named_with_its_workflow_and_part() {
        let target = |text: &str| {
            text.parse::<Target>()
                .map(|target| (target.workflow, target.step))
                .map_err(|error| error.to_string())
        };
        let is = |workflow: &str, step: &str| Ok((workflow.to_owned(), step.to_owned()));
        assert_eq!(target("orders/shape"), is("orders", "shape"));
        assert_eq!(target("nightly/each/price"), is("nightly/each", "price"));
        assert_eq!(target("orders/create/undo"), is("orders", "create/undo"));
        for wrong in ["shape", "/shape", "orders/", "x/undo", ""] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
