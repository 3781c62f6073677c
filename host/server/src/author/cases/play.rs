//! One case, played: its attempt, and once more under each of its faults.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepmill_core::invoke::Report;
use stepmill_core::manifest::Kind;
use stepmill_sandbox::egress::{BuildError, Credentials, Egress, Sent, System, Transport};
use stepmill_sandbox::{Rehearsal, Sandbox};
use url::Url;

use super::case::{Broken, Case, Expectation, Fault, Wrong};
use super::finding::Finding;
use super::judge;
use super::tape::{self, Asked, Tape};
use crate::author::shelf::Shelf;
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
    asked: Asked,
}

/// Everything that is not as the case expects.
///
/// # Errors
/// No way out could be built.
pub(crate) async fn play(sandbox: &Sandbox, case: &Case) -> Result<Vec<Finding>, BuildError> {
    if let Some((code, message)) = &case.refusal {
        return Ok(judge::refusal(&case.expect, code, message));
    }
    let shelf = Arc::new(Shelf::holding(case.before.clone()));
    let first = attempt(sandbox, case, &shelf, None, 0).await?;
    let mut findings = judged(case, &case.expect, &first, &shelf);
    // A failed attempt leaves nothing, by the host's doing; that is looked at here alone.
    if first.report.outcome.is_err() {
        findings.extend(stored(case, &shelf));
    }
    for fault in &case.faults {
        let found = under(sandbox, case, fault, &first.asked.sent).await?;
        findings.extend(found.into_iter().map(|finding| finding.under(&fault.label)));
    }
    Ok(findings)
}

async fn under(
    sandbox: &Sandbox,
    case: &Case,
    fault: &Fault,
    sent: &[Sent],
) -> Result<Vec<Finding>, BuildError> {
    let shelf = Arc::new(Shelf::holding(case.before.clone()));
    match &fault.what {
        Wrong::Exchange { at, how } => {
            let played = attempt(sandbox, case, &shelf, Some((*at, how.clone())), 0).await?;
            Ok(judged(case, &fault.expect, &played, &shelf))
        }
        // The first attempt is the one that the case has made: what it wrote is nowhere.
        Wrong::CrashBeforeCommit => {
            let again = attempt(sandbox, case, &shelf, None, RESTART_MS).await?;
            let differs = tape::difference(sent, &again.asked.sent);
            // What is not as the tape expects would only be told twice.
            let is_told = differs.is_some();
            let mut findings = judged(case, &fault.expect, &again, &shelf);
            findings.retain(|finding| !(is_told && finding.about == "requests"));
            findings.extend(differs);
            Ok(findings)
        }
    }
}

/// Commits what an attempt wrote, and says what is not as expected.
fn judged(case: &Case, expect: &Expectation, played: &Played, shelf: &Shelf) -> Vec<Finding> {
    let mut findings = judge::report(expect, &played.report);
    findings.extend(played.asked.finding.clone());
    shelf.commit(&played.report.writes);
    if played.report.outcome.is_ok() {
        findings.extend(stored(case, shelf));
    }
    findings
}

fn stored(case: &Case, shelf: &Shelf) -> Vec<Finding> {
    case.after.as_ref().map(|after| judge::storage(after, &shelf.content())).unwrap_or_default()
}

async fn attempt(
    sandbox: &Sandbox,
    case: &Case,
    shelf: &Arc<Shelf>,
    fault: Option<(usize, Broken)>,
    later_ms: u64,
) -> Result<Played, BuildError> {
    let tape = Arc::new(Tape::new(case.exchanges.clone(), fault));
    let report = through(sandbox, case, shelf, Arc::clone(&tape) as Arc<dyn Transport>, later_ms).await?;
    let asked = tape.asked(&report.record.exchanges);
    Ok(Played { report, asked })
}

/// Makes the case's attempt with `transport` in place of the network.
pub(crate) async fn through(
    sandbox: &Sandbox,
    case: &Case,
    shelf: &Arc<Shelf>,
    transport: Arc<dyn Transport>,
    later_ms: u64,
) -> Result<Report, BuildError> {
    let egress = match case.step.kind() {
        Kind::Connector => Egress::through(transport, vec![system(case.base.clone())])?,
        Kind::Transform | Kind::Validate => Egress::through(transport, Vec::new())?,
    };
    let rehearsal = Rehearsal {
        egress,
        storage: Arc::<Shelf>::clone(shelf),
        at_ms: case.of.accepted_at_ms.saturating_add(later_ms),
    };
    Ok(sandbox.rehearse(case.step.attempt(&case.of), &rehearsal).await.report)
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
