//! What must hold at the end of a story.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use stepmill_core::event::Trigger;
use stepmill_core::run::{self, Became, Entry, Phase, Stand, State, What};
use stepmill_core::storage::StoredValue;
use stepmill_core::workflow::{Plan, PlannedStep, Work};
use stepmill_core::{Journal as _, PluginStorage as _, RunId};

use crate::sandbox::STORAGE;
use crate::story::World;

/// A run with its journal.
struct Run {
    state: State,
    entries: Vec<Entry>,
}

/// The digests of the plugins that versions use.
type Digests = BTreeMap<String, BTreeSet<String>>;

/// Everything that must not be.
pub(crate) async fn problems(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    let mut runs: BTreeMap<RunId, Run> = BTreeMap::new();
    for state in world.states().await {
        match world.journal.read(state.run).await {
            Ok((state, entries)) => drop(runs.insert(state.run, Run { state, entries })),
            Err(error) => problems.push(format!("{} cannot be read: {error}", state.run)),
        }
    }
    for run in world.accepted.iter().filter(|run| !runs.contains_key(run)) {
        problems.push(format!("{run} was accepted and is lost"));
    }
    let mut digests = Digests::new();
    for run in runs.values() {
        problems.extend(replays(run));
        problems.extend(has_a_reason(run, &runs));
        problems.extend(is_undone(world, run).await);
        problems.extend(goes_by_its_version(world, run, &mut digests).await);
        problems.extend(redrives(run));
        problems.extend(alarms(world, run, &runs).await);
    }
    problems.extend(counts(world, &runs).await);
    problems.extend(fires(&runs));
    problems.extend(limits(world));
    problems
}

fn replays(run: &Run) -> Option<String> {
    let id = run.state.run;
    match run::replay(&run.entries) {
        Ok(Some(state)) if state == run.state => None,
        Ok(_) => Some(format!("the journal of {id} does not lead to its state")),
        Err(illegal) => Some(format!("the journal of {id} is illegal: {illegal}")),
    }
}

/// A run that has not ended is dead, or waits for somebody, or for another run that does.
fn has_a_reason(run: &Run, runs: &BTreeMap<RunId, Run>) -> Option<String> {
    let state = &run.state;
    let without = |why: &str| {
        Some(format!("{} is {} {why}: {:?}", state.run, state.phase.name().as_str(), state.steps))
    };
    match &state.phase {
        // One that is held waits for a person.
        Phase::Succeeded | Phase::Cancelled | Phase::Held { .. } => None,
        // Rules have redriven it as often as they may.
        Phase::Dead { .. } => {
            if state.places().is_empty() {
                None
            } else {
                without("and no rule redrives it")
            }
        }
        Phase::Waiting { .. } => {
            let is_held = |stand: &Stand| match stand {
                Stand::Listening { until_ms, .. } | Stand::Undecided { until_ms } => until_ms.is_none(),
                Stand::Children(_) => runs.values().any(|other| {
                    let is_child = other.state.parent.as_ref().is_some_and(|parent| parent.run == state.run);
                    is_child && !other.state.phase.has_ended()
                }),
                Stand::Open
                | Stand::Retrying { .. }
                | Stand::Parked { .. }
                | Stand::Sleeping { .. }
                | Stand::Done { .. } => false,
            };
            let is_named = state.steps.values().any(|progress| is_held(&progress.stand));
            if is_named && state.places().is_empty() { None } else { without("for no reason") }
        }
        Phase::Queued { .. } => {
            let key = state.lane.as_ref().map(|lane| &lane.key);
            let is_blocked = runs.values().any(|other| {
                other.state.lane.as_ref().map(|lane| &lane.key) == key
                    && !other.state.phase.has_ended()
                    && !matches!(other.state.phase, Phase::Queued { .. } | Phase::Held { .. })
            });
            if is_blocked { None } else { without("behind nobody") }
        }
        Phase::Gathering { .. } | Phase::Ready { .. } | Phase::Retrying { .. } | Phase::Parked { .. } => {
            without("and nothing came of it")
        }
    }
}

/// Of a run that has undone what it had done, each step that can be undone is.
async fn is_undone(world: &World, run: &Run) -> Option<String> {
    let undone = run.entries.iter().rposition(|entry| matches!(entry.what, What::Undone))?;
    let entries = run.entries.get(..undone)?;
    let state = run::replay(entries).ok()??;
    let plan = plan(world, &state).await?;
    let plan = plan.part(&state.workflow)?;
    // Under the version before, what is done now may have been a wait.
    let has_done = |step: &PlannedStep, seq: u32| {
        let entry = usize::try_from(seq).ok().and_then(|seq| entries.get(seq));
        match (&step.work, entry.map(|entry| &entry.what)) {
            (Work::Plugin(_), Some(What::StepSucceeded { .. })) => true,
            (Work::Call { .. }, Some(What::Child { became: Became::Succeeded { .. }, .. })) => true,
            (_, Some(_) | None) => false,
        }
    };
    let left = plan.steps.iter().find(|step| {
        let undo = step.undo.as_deref().map(|undo| state.done(&undo.id));
        let is_done = state.done(&step.id).is_some_and(|seq| has_done(step, seq));
        undo.is_some_and(|undone| undone.is_none()) && is_done
    })?;
    Some(format!("{} says that it is undone, and {} is not", run.state.run, left.id))
}

/// The plan of the workflow that a run is of, or of a part of.
async fn plan(world: &World, state: &State) -> Option<Arc<Plan>> {
    let workflow = run::root(&state.workflow);
    world.live.catalog().plan(&*world.journal.inner(), workflow, &state.version).await.ok()
}

/// Each attempt is made with a plugin of the version that the run had then: the one that it began with, or that of
/// a redrive.
async fn goes_by_its_version(world: &World, run: &Run, digests: &mut Digests) -> Option<String> {
    let mut state = None;
    for entry in &run.entries {
        if let Some(state) = &state {
            let state: &State = state;
            if !digests.contains_key(&state.version) {
                let plan = plan(world, state).await;
                let used = plan.iter().flat_map(|plan| plan.plugin_steps());
                let used = used.map(|(_, step)| step.digest.to_string()).collect();
                digests.insert(state.version.clone(), used);
            }
            let made = match &entry.what {
                What::StepSucceeded { record, .. } | What::AttemptFailed { record, .. } => Some(record),
                _ => None,
            };
            for record in entry.pure.iter().chain(made) {
                if !digests[&state.version].contains(&record.digest) {
                    let (id, step, digest) = (run.state.run, &record.step, &record.digest);
                    return Some(format!("{id} made {step} with {digest}, which its version does not use"));
                }
            }
        }
        state = run::next(state, entry).ok();
    }
    None
}

/// Rules redrive as often as they may and not before it is time.
fn redrives(run: &Run) -> Option<String> {
    let mut state: Option<State> = None;
    for entry in &run.entries {
        if let (What::Redriven { by_rule: true, .. }, Some(state)) = (&entry.what, &state) {
            let is_due = state.redrive().is_some_and(|redrive| redrive.at_ms <= entry.at_ms);
            if !is_due {
                return Some(format!("{} was redriven by a rule that was not due", state.run));
            }
        }
        state = run::next(state, entry).ok();
    }
    None
}

/// The hook of a workflow begins for each death of a run that no rule has a redrive in store for, and for no other.
async fn alarms(world: &World, run: &Run, runs: &BTreeMap<RunId, Run>) -> Option<String> {
    let id = run.state.run;
    if run.state.workflow.contains("/on-") {
        return None;
    }
    let (mut state, mut deaths): (Option<State>, usize) = (None, 0);
    for entry in &run.entries {
        let was_dead = state.as_ref().is_some_and(|state| state.phase.is_dead());
        state = run::next(state, entry).ok();
        let last =
            state.as_ref().filter(|state| state.phase.is_dead() && state.redrive().is_none() && !was_dead);
        if let Some(last) = last {
            // As the version has it by which the run went then.
            deaths += usize::from(plan(world, last).await?.parts.contains_key("on-failure"));
        }
    }
    let is_alarm = |other: &&Run| match other.entries.first().map(|entry| &entry.what) {
        Some(What::Accepted(accepted)) => {
            matches!(accepted.event.trigger, Trigger::Run { run, .. } if run == id)
                && other.state.workflow.ends_with("/on-failure")
        }
        _ => false,
    };
    let alarms = runs.values().filter(is_alarm).count();
    (alarms != deaths)
        .then(|| format!("{id} has died {deaths} times for good, and {alarms} hooks have begun"))
}

/// Under each idempotency key storage writes are as many as successes, and each success is one of the system's
/// too.
async fn counts(world: &World, runs: &BTreeMap<RunId, Run>) -> Vec<String> {
    let mut successes: BTreeMap<String, i64> = BTreeMap::new();
    for run in runs.values() {
        let mut state = None;
        for entry in &run.entries {
            if let (What::StepSucceeded { record, .. }, Some(state)) = (&entry.what, &state)
                && record.plugin == "call"
            {
                let state: &State = state;
                *successes.entry(state.idempotency_key(&record.step)).or_default() += 1;
            }
            state = run::next(state, entry).ok();
        }
    }
    let effects = world.sandbox.effects();
    let keys: BTreeSet<&String> = effects.keys().chain(successes.keys()).collect();
    let mut problems = Vec::new();
    for key in keys {
        let stored = world.journal.inner().get(STORAGE, key).await.unwrap();
        let counted = match stored.map(|stored| stored.value) {
            Some(StoredValue::Counter(count)) => count,
            Some(StoredValue::Bytes(_)) | None => 0,
        };
        let success = successes.get(key).copied().unwrap_or_default();
        if counted != success {
            problems.push(format!("{key} has {success} successes and {counted} storage writes"));
        }
        if success > 0 && !effects.contains_key(key) {
            problems.push(format!("{key} succeeded, but the system was never asked"));
        }
    }
    problems
}

/// No instant of a schedule has two runs.
fn fires(runs: &BTreeMap<RunId, Run>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let fires = runs.values().filter_map(|run| match &run.entries.first()?.what {
        What::Accepted(accepted) => match accepted.event.trigger {
            Trigger::Schedule { fire_ms } => Some((accepted.workflow.clone(), fire_ms)),
            Trigger::Webhook { .. }
            | Trigger::Manual
            | Trigger::Event { .. }
            | Trigger::Call { .. }
            | Trigger::Run { .. } => None,
        },
        _ => None,
    });
    let twice = fires.filter(|fire| !seen.insert(fire.clone()));
    twice.map(|(workflow, fire_ms)| format!("the schedule of {workflow} fired twice for {fire_ms}")).collect()
}

/// No more goes on at one time than may: of all runs, of each workflow's, of attempts at each system.
fn limits(world: &World) -> Vec<String> {
    let load = world.sandbox.load();
    let mut problems = Vec::new();
    let mut no_more = |what: &str, most: usize, allowed: usize| {
        if most > allowed {
            problems.push(format!("{most} {what} at one time, of {allowed}"));
        }
    };
    no_more("runs", load.most_runs, world.concurrency);
    for (workflow, most) in &load.most_of {
        let allowed = world.definitions.concurrency(workflow).and_then(|most| usize::try_from(most).ok());
        no_more(&format!("runs of {workflow}"), *most, allowed.unwrap_or(usize::MAX));
    }
    for (system, most) in &load.most_at {
        no_more(&format!("attempts at {system}"), *most, world.gates[system].concurrency.get());
    }
    // What has been sent is counted in memory and by the clock.
    if !world.is_disturbed {
        for (system, began) in &load.began_at {
            let Some(requests) = world.rates.get(system) else { continue };
            let allowed = usize::try_from(*requests).unwrap();
            // A window of a second holds a burst and what flows in meanwhile, in a clock that ticks in milliseconds.
            for (first, from) in began.iter().enumerate() {
                let within = began[first..].iter().take_while(|at| **at - *from < Duration::from_secs(1));
                no_more(&format!("attempts in a second at {system}"), within.count(), 2 * allowed + 1);
            }
        }
    }
    problems
}
