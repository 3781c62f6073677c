//! The plans of runs: each goes by the version that it began with, though another is deployed by now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stepmill_core::Journal;
use stepmill_core::journal::JournalError;
use stepmill_core::workflow::{Plan, PlanError};

use super::Catalog;

/// Plans of former versions that are kept at hand. More are made again when they are needed.
const AT_HAND: usize = 64;

/// Plans of versions that are not deployed any more, by their ids. Those of one catalog: they follow its limits.
#[derive(Debug, Default)]
pub struct Former(Mutex<HashMap<Arc<str>, Arc<Plan>>>);

/// Why there is no plan for a run.
#[derive(Debug, thiserror::Error)]
pub enum NoPlan {
    /// Its version was not kept, and no other is deployed.
    #[error("no version of workflow {0:?} is there: deploy it again")]
    Gone(String),
    /// Its version breaks a rule of now.
    #[error("version {version} of workflow {workflow:?} cannot be run under the config of now: {problems}")]
    Broken {
        /// The workflow.
        workflow: String,
        /// The version.
        version: String,
        /// What is wrong.
        problems: String,
    },
    /// The journal could not be read.
    #[error("failed to read version {version}")]
    Journal {
        /// The version.
        version: String,
        /// The cause.
        #[source]
        source: JournalError,
    },
}

impl Catalog {
    /// The plan of a workflow's version. If the journal has none, as of runs that an earlier release has accepted, it
    /// is the one that is deployed.
    pub async fn plan(
        &self,
        journal: &dyn Journal,
        workflow: &str,
        version: &str,
    ) -> Result<Arc<Plan>, NoPlan> {
        let deployed = self.plans.get(workflow).map(|deployed| &deployed.plan);
        if let Some(plan) = deployed.filter(|plan| *plan.version == *version) {
            return Ok(Arc::clone(plan));
        }
        if let Some(plan) = self.former.lock().get(version) {
            return Ok(Arc::clone(plan));
        }
        let kept = journal
            .version(version)
            .await
            .map_err(|source| NoPlan::Journal { version: version.to_owned(), source })?;
        let Some(kept) = kept else {
            return deployed.map(Arc::clone).ok_or_else(|| NoPlan::Gone(workflow.to_owned()));
        };
        let plan = kept.plan(self.limits).map_err(|problems| NoPlan::Broken {
            workflow: workflow.to_owned(),
            version: version.to_owned(),
            problems: problems.iter().map(PlanError::to_string).collect::<Vec<_>>().join("; "),
        })?;
        let plan = Arc::new(plan);
        self.former.keep(&plan);
        Ok(plan)
    }
}

impl Former {
    fn keep(&self, plan: &Arc<Plan>) {
        let mut plans = self.lock();
        if plans.len() >= AT_HAND {
            // Those that no run in flight goes by.
            plans.retain(|_, plan| Arc::strong_count(plan) > 1);
        }
        plans.insert(Arc::clone(&plan.version), Arc::clone(plan));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Plan>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
