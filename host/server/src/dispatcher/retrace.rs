//! What an attempt was given that was made before, derived as it was then: by the flight of the run from what its
//! journal held when the attempt was made. So there is one way from a journal to an attempt, and no second one that
//! could come to another.
//!
//! Pure steps are recomputed on the way. Nothing is committed, sent or counted.

mod past;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stepmill_core::attempt::Failure;
use stepmill_core::clock::ManualClock;
use stepmill_core::invoke::{Attempt, Report};
use stepmill_core::journal::Claim;
use stepmill_core::run::{Entry, State, root};
use stepmill_core::{Clock, Entropy, Invoke};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Dispatcher, Shared};
use crate::answers::Answers;
use crate::catalog::NoPlan;
use crate::components::Components;
use crate::entropy::SystemEntropy;
use crate::gates::Gates;
use past::Past;

/// How long the pure steps before an attempt may take to be recomputed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run as it was when an attempt was made.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Where it stood.
    pub(crate) state: State,
    /// Its journal until then.
    pub(crate) entries: Vec<Entry>,
    /// When the attempt began, in milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    /// Id of the step.
    pub(crate) step: String,
}

/// Why it is not known what an attempt was given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// There is no plan to go by.
    #[error(transparent)]
    NoPlan(#[from] NoPlan),
    /// The workflow has no such part.
    #[error("the run's version of the workflow has no part {0:?}")]
    NoPart(String),
    /// A step before it is pure and does not tell what it told.
    #[error("step {step:?}, which feeds it, fails when it is recomputed: {}", .failure.message)]
    Failed {
        /// The step.
        step: String,
        /// How it fails now.
        failure: Box<Failure>,
    },
    /// The run does not come to it again.
    #[error("the run does not come to the step when it is recomputed")]
    NotReached,
}

/// What an attempt of a run was given.
///
/// # Errors
/// It cannot be told any more.
pub(crate) async fn retrace(components: &Arc<Components>, moment: Moment) -> Result<Attempt, Lost> {
    let Moment { state, entries, at_ms, step } = moment;
    let (catalog, journal) = (components.live.catalog(), &components.journal);
    let plan = catalog.plan(&**journal, root(&state.workflow), &state.version).await?;
    let part = plan.part(&state.workflow).ok_or_else(|| Lost::NoPart(state.workflow.clone()))?;
    let pure = part.steps.iter().filter(|step| step.is_pure()).map(|step| Arc::clone(&step.id)).collect();
    let (found, mut finds) = mpsc::channel(1);
    let steps = Steps {
        components: Arc::clone(components),
        pure,
        wanted: step,
        is_undoing: state.undoing.is_some(),
        found,
    };
    let clock = Arc::new(ManualClock::new(at_ms));
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let wake = Arc::new(Notify::new());
    let dispatcher = Dispatcher {
        live: components.live.clone(),
        journal: Arc::new(Past { journal: Arc::clone(journal), state: Mutex::new(state.clone()) }),
        sandbox: Arc::new(steps),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        entropy: Arc::clone(&entropy),
        answers: Arc::new(Answers::default()),
        // No gate: the attempt was let through then.
        gates: Gates::new(&BTreeMap::new(), clock, entropy, Arc::clone(&wake)),
        wake,
        concurrency: 1,
        drain: Duration::ZERO,
    };
    let shared = Shared {
        dispatcher,
        parked: Mutex::default(),
        draining: CancellationToken::new(),
        given_up: CancellationToken::new(),
    };
    tokio::select! {
        biased;
        Some(found) = finds.recv() => found,
        _ = shared.advance(Claim { epoch: 0, state, entries }) => Err(Lost::NotReached),
        () = tokio::time::sleep(PATIENCE) => Err(Lost::NotReached),
    }
}

/// Recomputes pure steps, has connectors wait, and hands out the attempt that is looked for in place of making it.
struct Steps {
    components: Arc<Components>,
    pure: BTreeSet<Arc<str>>,
    wanted: String,
    /// The run undoes what it has done: a step that fails is what brought that about.
    is_undoing: bool,
    found: mpsc::Sender<Result<Attempt, Lost>>,
}

#[async_trait]
impl Invoke for Steps {
    async fn invoke(&self, attempt: Attempt) -> Report {
        if *attempt.step == *self.wanted {
            self.end(Ok(attempt)).await
        } else if self.pure.contains(&attempt.step) {
            let step = attempt.step.to_string();
            let report = self.components.recompute(attempt).await;
            match &report.outcome {
                Err(failure) if !self.is_undoing => {
                    let failure = Box::new(failure.clone());
                    self.end(Err(Lost::Failed { step, failure })).await
                }
                Ok(_) | Err(_) => report,
            }
        } else {
            // Of a branch beside it, which had not ended either.
            std::future::pending().await
        }
    }
}

impl Steps {
    /// Tells what there is to tell, after which nobody goes on with the flight.
    async fn end(&self, found: Result<Attempt, Lost>) -> Report {
        // Whoever retraces has gone if it is not wanted any more.
        let _ = self.found.send(found).await;
        std::future::pending().await
    }
}
