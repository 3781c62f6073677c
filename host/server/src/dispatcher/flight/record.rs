//! Records of attempts that were never made.

use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::workflow::PlannedStep;

use super::Flight;

impl Flight<'_> {
    /// A record of an attempt that was never made.
    pub(super) fn unmade(&self, step: &str, plugin: &str, cause: Cause, message: String) -> Record {
        self.unmade_for(step, plugin, "", Failure::new(cause, message))
    }

    /// The same for a step of the plan.
    pub(super) fn unmade_step(&self, step: &PlannedStep, failure: Failure) -> Record {
        let digest = step.plugin().map(|plugin| &*plugin.digest).unwrap_or_default();
        self.unmade_for(&step.id, step.work.name(), digest, failure)
    }

    fn unmade_for(&self, step: &str, plugin: &str, digest: &str, failure: Failure) -> Record {
        Record {
            step: step.to_owned(),
            number: self.state.next_attempt(step),
            plugin: plugin.to_owned(),
            digest: digest.to_owned(),
            started_ms: self.now_ms(),
            took_us: 0,
            memory_bytes: 0,
            failure: Some(failure),
            exchanges: Vec::new(),
            logs: Vec::new(),
        }
    }
}
