//! A journal in which a run stands as it stood once. What its flight commits is forgotten.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use stepmill_core::journal::{
    Acceptance, Backlog, BackupError, Claim, Committed, Cursor, Deployment, Filter, Front, JournalError,
    KeptVersion, Outcome, Publication, Published, Retention, RunPage, Transition, Want,
};
use stepmill_core::run::{Entry, State, next};
use stepmill_core::workflow::Version;
use stepmill_core::{Journal, RunId};

/// The run's journal as of then, and the versions and components of now.
pub(super) struct Past {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) state: Mutex<State>,
}

/// What a run reads that must not go on as if it were now: that it has ended, after which its flight is over.
fn over(run: RunId) -> JournalError {
    JournalError::Ended { run }
}

#[async_trait]
impl Journal for Past {
    async fn accept(&self, _: Vec<Acceptance>) -> Result<Vec<Outcome>, JournalError> {
        Err(JournalError::Closed)
    }

    async fn publish(&self, _: Publication) -> Result<Published, JournalError> {
        Err(JournalError::Closed)
    }

    fn fronts(&self) -> Vec<Front> {
        Vec::new()
    }

    async fn claim(&self, _: u64, _: &[Want]) -> Result<Vec<Claim>, JournalError> {
        Ok(Vec::new())
    }

    /// Steps beside the one that is looked for may begin; the run itself neither rests nor ends.
    async fn commit(&self, run: RunId, _: u64, transition: Transition) -> Result<Committed, JournalError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = state.clone();
        for entry in &transition.entries {
            after = next(Some(after), entry).map_err(|_| over(run))?;
        }
        if after.phase.has_ended() || after.phase.is_dead() || after.undoing != state.undoing {
            return Err(over(run));
        }
        *state = after.clone();
        Ok(Committed { state: after, before: Vec::new(), after: Vec::new() })
    }

    async fn release(&self, _: RunId, _: u64) -> Result<(), JournalError> {
        Ok(())
    }

    async fn append(&self, run: RunId, _: Entry) -> Result<State, JournalError> {
        Err(over(run))
    }

    async fn read(&self, run: RunId) -> Result<(State, Vec<Entry>), JournalError> {
        Err(JournalError::NoSuchRun(run))
    }

    /// Of other runs nothing is known: what has become of them since does not matter.
    async fn state(&self, run: RunId) -> Result<State, JournalError> {
        Err(JournalError::NoSuchRun(run))
    }

    async fn query(&self, _: &Filter, _: Option<RunId>, _: usize) -> Result<RunPage, JournalError> {
        Ok(RunPage::default())
    }

    async fn cursor(&self, _: &str, now_ms: u64) -> Result<Cursor, JournalError> {
        Ok(Cursor { at_ms: now_ms, last: None })
    }

    async fn pass_over(&self, _: &str, _: u64) -> Result<(), JournalError> {
        Err(JournalError::Closed)
    }

    async fn set_switch(&self, _: &str, _: Option<String>) -> Result<(), JournalError> {
        Err(JournalError::Closed)
    }

    async fn switches(&self) -> Result<BTreeMap<String, String>, JournalError> {
        Ok(BTreeMap::new())
    }

    async fn deploy(&self, _: Deployment) -> Result<(), JournalError> {
        Err(JournalError::Closed)
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, JournalError> {
        self.journal.version(id).await
    }

    async fn versions(&self) -> Result<Vec<KeptVersion>, JournalError> {
        self.journal.versions().await
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.journal.component(digest).await
    }

    async fn prune(&self, _: u64, _: &Retention, _: usize) -> Result<usize, JournalError> {
        Ok(0)
    }

    async fn back_up(&self, _: Box<dyn Write + Send>) -> Result<(), BackupError> {
        Err(BackupError::Failed(Box::new(JournalError::Closed)))
    }

    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    async fn snoozed(&self, _: u64) -> Result<u64, JournalError> {
        Ok(0)
    }

    fn failure(&self) -> Option<String> {
        None
    }
}
