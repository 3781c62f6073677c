//! One case, played: its attempt, and once more under each of its faults.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepmill_core::invoke::Report;
use stepmill_core::manifest::Kind;
use stepmill_sandbox::egress::{BuildError, Credentials, Egress, Sent, System, Transport};
use stepmill_sandbox::{Rehearsal, Sandbox};
use url::Url;

use super::case::{Case, Expectation, Fault, Scene, Wrong};
use super::finding::Finding;
use super::judge;
use super::tape::{self, Asked, Tape};
use crate::author::shelf::{self, Shelf};
use crate::author::step::SYSTEM;

/// How much later an attempt is made again after a crash.
const RESTART_MS: u64 = 60_000;
/// Requests that the system takes at once: what an attempt may send at all.
const CONCURRENCY: usize = 10_000;
/// For connections, of which there are none.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// What came of an attempt.
pub(crate) struct Played {
    pub(crate) report: Report,
    pub(crate) asked: Asked,
    /// What is in plugin storage once what it wrote is committed.
    pub(crate) after: shelf::Content,
}

/// One time that a case is played.
pub(crate) struct Take<'a> {
    /// The fault under which it is; none if it is without one.
    pub(crate) fault: Option<&'a Fault>,
}

impl Take<'_> {
    /// Every time: first without a fault.
    pub(crate) fn all(case: &Case) -> impl Iterator<Item = Take<'_>> {
        let faults = case.faults.iter().map(|fault| Take { fault: Some(fault) });
        iter::once(Take { fault: None }).chain(faults)
    }

    /// Makes the attempt.
    ///
    /// # Errors
    /// No way out could be built.
    pub(crate) async fn play(&self, sandbox: &Sandbox, scene: &Scene) -> Result<Played, BuildError> {
        let (broken, later_ms) = match self.fault.map(|fault| &fault.what) {
            None => (None, 0),
            Some(Wrong::Exchange { at, how }) => (Some((*at, how.clone())), 0),
            // The attempt before is the one without a fault: what it wrote is nowhere.
            Some(Wrong::CrashBeforeCommit) => (None, RESTART_MS),
        };
        let tape = Arc::new(Tape::new(scene.exchanges.clone(), broken));
        let egress = egress(scene, Arc::clone(&tape) as Arc<dyn Transport>)?;
        let shelf = Arc::new(Shelf::holding(scene.before.clone()));
        let rehearsal = rehearsal(scene, egress, &shelf, later_ms);
        let report = sandbox.rehearse(scene.attempt(), &rehearsal).await.report;
        let asked = tape.asked(&report.record.exchanges);
        shelf.commit(&report.writes);
        Ok(Played { report, asked, after: shelf.content() })
    }
}

/// Everything that is not as the case expects.
///
/// # Errors
/// No way out could be built.
pub(crate) async fn play(sandbox: &Sandbox, case: &Case) -> Result<Vec<Finding>, BuildError> {
    if let Some((code, message)) = &case.refusal {
        return Ok(judge::refusal(&case.expect, code, message));
    }
    let mut findings = Vec::new();
    let mut sent = Vec::new();
    for take in Take::all(case) {
        let played = take.play(sandbox, &case.scene).await?;
        match take.fault {
            None => {
                findings.extend(first(case, &played));
                sent = played.asked.sent;
            }
            Some(fault) => {
                let found = under(case, fault, &played, &sent);
                findings.extend(found.into_iter().map(|finding| finding.under(&fault.label)));
            }
        }
    }
    Ok(findings)
}

/// The same without the case's faults.
///
/// # Errors
/// As [`play`].
pub(crate) async fn alone(sandbox: &Sandbox, case: &Case) -> Result<Vec<Finding>, BuildError> {
    if let Some((code, message)) = &case.refusal {
        return Ok(judge::refusal(&case.expect, code, message));
    }
    Ok(first(case, &Take { fault: None }.play(sandbox, &case.scene).await?))
}

/// What is not as expected without a fault.
fn first(case: &Case, played: &Played) -> Vec<Finding> {
    let mut findings = judged(case, &case.expect, played);
    // A failed attempt leaves nothing, by the host's doing; that is looked at here alone.
    if played.report.outcome.is_err() {
        findings.extend(stored(case, played));
    }
    findings
}

/// What is not as expected under a fault; `sent` is what was sent without one.
fn under(case: &Case, fault: &Fault, played: &Played, sent: &[Sent]) -> Vec<Finding> {
    let mut findings = judged(case, &fault.expect, played);
    match &fault.what {
        Wrong::Exchange { .. } => {}
        Wrong::CrashBeforeCommit => {
            let differs = tape::difference(sent, &played.asked.sent);
            // What is not as the tape expects would only be told twice.
            findings.retain(|finding| differs.is_none() || finding.about != "requests");
            findings.extend(differs);
        }
    }
    findings
}

fn judged(case: &Case, expect: &Expectation, played: &Played) -> Vec<Finding> {
    let mut findings = judge::report(expect, &played.report);
    findings.extend(played.asked.finding.clone());
    if played.report.outcome.is_ok() {
        findings.extend(stored(case, played));
    }
    findings
}

fn stored(case: &Case, played: &Played) -> Vec<Finding> {
    case.after.as_ref().map(|after| judge::storage(after, &played.after)).unwrap_or_default()
}

/// The way out of a scene's attempt, with `transport` in place of the network.
///
/// # Errors
/// It could not be built.
pub(crate) fn egress(scene: &Scene, transport: Arc<dyn Transport>) -> Result<Egress, BuildError> {
    match scene.step.kind() {
        Kind::Connector => Egress::through(transport, vec![system(scene.base.clone())]),
        Kind::Transform | Kind::Validate | Kind::Verify => Egress::through(transport, Vec::new()),
    }
}

/// What surrounds a scene's attempt.
pub(crate) fn rehearsal(scene: &Scene, egress: Egress, shelf: &Arc<Shelf>, later_ms: u64) -> Rehearsal {
    let at_ms = scene.of.accepted_at_ms.saturating_add(later_ms);
    Rehearsal { egress, storage: Arc::<Shelf>::clone(shelf), at_ms }
}

/// What a scene's attempt is made with, as often as it is made: each time with all exchanges ahead and the storage as
/// it was before.
pub(crate) struct Rehearsals<'a> {
    scene: &'a Scene,
    egress: Egress,
}

impl<'a> Rehearsals<'a> {
    /// Of this scene.
    ///
    /// # Errors
    /// No way out could be built.
    pub(crate) fn try_new(scene: &'a Scene) -> Result<Self, BuildError> {
        Ok(Self { scene, egress: egress(scene, Arc::new(Tape::new(Vec::new(), None)))? })
    }

    /// What the next attempt is made with.
    pub(crate) fn next(&self) -> Rehearsal {
        let tape = Arc::new(Tape::new(self.scene.exchanges.clone(), None));
        let shelf = Arc::new(Shelf::holding(self.scene.before.clone()));
        rehearsal(self.scene, self.egress.answered_by(tape), &shelf, 0)
    }
}

/// The step's system at a URL, without credentials.
pub(crate) fn system(base_url: Url) -> System {
    System {
        name: SYSTEM.into(),
        base_url,
        credentials: Credentials::None,
        concurrency: CONCURRENCY,
        connect_timeout: TIMEOUT,
        first_byte_timeout: TIMEOUT,
        ca_pem: None,
    }
}

/// How long something took, in microseconds.
pub(crate) fn since_us(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}
