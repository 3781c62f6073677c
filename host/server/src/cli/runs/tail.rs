//! `stepmill runs tail`: what runs do, as they do it.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use stepmill_core::RunId;
use stepmill_core::journal::PhaseName;
use stepmill_core::run::State;

use super::super::client::{Client, ClientError, Filter};
use super::super::output::{self, Paint, Tone};
use super::super::{Connection, Error, Exit};
use super::{detail, phase};

/// Runs of one look.
const LOOK: usize = 200;
/// Runs whose last state is remembered.
const REMEMBERED: usize = 20_000;
/// Runs out of sight that are looked up one by one at a look.
const OUT_OF_SIGHT: usize = 50;

#[derive(Debug, Args)]
#[command(after_help = "\
Looks at the latest runs and at those that wait for a retry; between two looks a run may do several things, \
of which the last is printed.")]
pub(in super::super) struct Arguments {
    /// Only of this workflow
    #[arg(long, short, value_name = "NAME")]
    workflow: Option<String>,
    /// How many of the latest runs to begin with
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Milliseconds between two looks
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(50..))]
    interval: u64,
    /// Print states as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        tokio::select! {
            result = self.follow() => result,
            () = crate::demo::interrupted() => Ok(Exit::Done),
        }
    }

    async fn follow(&self) -> Result<Exit, Error> {
        let client = self.connection.client()?;
        let paint = Paint::stdout();
        let mut watch = Watch::default();
        let mut is_first = true;
        loop {
            match self.look(&client, &watch).await {
                Ok(states) => {
                    let changed = watch.changed(states);
                    let skipped = if is_first { changed.len().saturating_sub(self.limit) } else { 0 };
                    is_first = false;
                    for state in changed.iter().skip(skipped) {
                        if self.json {
                            output::print_json_line(state)?;
                        } else {
                            output::print(&line(paint, state))?;
                        }
                    }
                }
                // A restart of the service is something to watch, not the end of it.
                Err(ClientError::Unreachable { .. }) if !is_first => {}
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(Duration::from_millis(self.interval)).await;
        }
    }

    async fn look(&self, client: &Client, watch: &Watch) -> Result<Vec<State>, ClientError> {
        let filter = |phase| Filter { workflow: self.workflow.clone(), phase };
        let mut states = client.runs(&filter(None), None, LOOK).await?.runs;
        states.extend(client.runs(&filter(Some(PhaseName::Retrying)), None, LOOK).await?.runs);
        for run in watch.out_of_sight(&states) {
            match client.run(run).await {
                Ok(shown) => states.push(shown.state),
                Err(ClientError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(states)
    }
}

/// What has been seen of each run.
#[derive(Default)]
struct Watch {
    seen: HashMap<RunId, Seen>,
}

struct Seen {
    seq: u32,
    is_open: bool,
}

impl Watch {
    /// The states that are new, each once, in the order in which they came about.
    fn changed(&mut self, states: Vec<State>) -> Vec<State> {
        let mut changed: Vec<State> = Vec::new();
        for state in states {
            let seen = Seen { seq: state.seq, is_open: state.phase.is_open() };
            if self.seen.get(&state.run).is_none_or(|before| before.seq < state.seq) {
                self.seen.insert(state.run, seen);
                changed.retain(|older| older.run != state.run);
                changed.push(state);
            }
        }
        if self.seen.len() > REMEMBERED {
            // The oldest are forgotten: ids are in the order of acceptance.
            let mut ids: Vec<_> = self.seen.keys().copied().collect();
            ids.sort_unstable();
            for id in ids.iter().take(REMEMBERED / 2) {
                self.seen.remove(id);
            }
        }
        changed.sort_by_key(|state| (state.changed_ms, state.run));
        changed
    }

    /// Runs that had not ended and are not among those just listed.
    fn out_of_sight(&self, listed: &[State]) -> Vec<RunId> {
        let is_listed = |run: &RunId| listed.iter().any(|state| state.run == *run);
        let mut out: Vec<_> =
            self.seen.iter().filter(|(_, seen)| seen.is_open).map(|(run, _)| *run).collect();
        out.retain(|run| !is_listed(run));
        out.sort_unstable();
        out.truncate(OUT_OF_SIGHT);
        out
    }
}

fn line(paint: Paint, state: &State) -> String {
    let (tone, name) = phase(&state.phase);
    let line = format!(
        "{} {}  {:<24} {} {}",
        paint.text(Tone::Faint, output::time(state.changed_ms)),
        state.run,
        state.workflow,
        paint.text(tone, format!("{name:<9}")),
        detail(state)
    );
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use stepmill_core::run::Phase;

    use super::*;

    fn state(number: u64, seq: u32, phase: Phase) -> State {
        State {
            run: RunId::new(1_000 + number, [0; 10]),
            workflow: "orders".into(),
            version: "v".into(),
            accepted_ms: 1_000 + number,
            changed_ms: 1_000 + number + u64::from(seq) * 100,
            seq,
            steps: BTreeMap::new(),
            redrives: 0,
            rule_redrives: 0,
            rounds: 0,
            payload: 0,
            deadline: None,
            parent: None,
            key: None,
            lane: None,
            undoing: None,
            phase,
        }
    }

    #[test]
    fn only_changes_are_told_and_open_runs_are_kept_in_sight() {
        let mut watch = Watch::default();
        let ready = |number| state(number, 1, Phase::Ready { since_ms: 0 });
        let told = |states: Vec<State>| {
            states.iter().map(|state| (state.accepted_ms, state.seq)).collect::<Vec<_>>()
        };
        assert_eq!(told(watch.changed(vec![ready(2), ready(1), ready(2)])), [(1_001, 1), (1_002, 1)]);
        assert_eq!(told(watch.changed(vec![ready(2), state(1, 2, Phase::Succeeded)])), [(1_001, 2)]);
        assert_eq!(watch.out_of_sight(&[]), [ready(2).run]);
        assert_eq!(watch.out_of_sight(&[ready(2)]), []);
    }
}
