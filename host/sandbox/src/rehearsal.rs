//! Attempts that are not for real: what surrounds them, and what comes of them.

use std::sync::Arc;
use std::time::Duration;

use stepmill_core::PluginStorage;
use stepmill_core::invoke::Report;

use crate::egress::Egress;

/// What surrounds an attempt that is not for real: a test's, or one that was made before.
///
/// Such an attempt can be told from a real one only by its time, which stands at `at_ms` (durations pass as they
/// are), and by randomness, which follows from run, step and `at_ms`: so it answers the same as often as it is made
/// at that time.
#[derive(Clone)]
pub struct Rehearsal {
    /// Where its requests go: an [`Egress::through`] something, unless they are meant to be sent.
    pub egress: Egress,
    /// What its reads of storage find.
    pub storage: Arc<dyn PluginStorage>,
    /// What time it is to a connector, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// As of an attempt for real. Its writes are nobody's: committing them would make it real.
    pub report: Report,
    /// How long the guest itself has run, without what it waited for.
    pub cpu: Duration,
}
