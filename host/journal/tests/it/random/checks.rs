//! What must be true of a journal after any verb.

use std::collections::{BTreeMap, BTreeSet};

use stepmill_core::journal::Journal as _;
use stepmill_core::run::{Children, Phase, Stand, State, Turn, What, root};
use stepmill_core::storage::{PluginStorage as _, StoredValue};
use stepmill_core::{Clock as _, RunId};

use super::world::{Verb, World};

impl World {
    pub async fn check(&self, verb: &Verb) {
        assert_eq!(self.journal().check().await.unwrap(), Vec::<String>::new(), "after {verb:?}");
        let states = self.states().await;
        let mut lanes: BTreeMap<&str, Vec<(u64, bool)>> = BTreeMap::new();
        for state in &states {
            if let (Some(lane), Some(turn)) = (&state.lane, state.turn()) {
                lanes.entry(&lane.key).or_default().push((lane.ticket, turn == Turn::Waits));
            }
            for (step, progress) in &state.steps {
                if let Stand::Children(children) = &progress.stand
                    && !state.phase.has_ended()
                    && !self.has_pruned
                {
                    assert_eq!(*children, counted(&states, state.run, step, children), "after {verb:?}");
                }
            }
        }
        for (lane, mut runs) in lanes {
            runs.sort_unstable();
            assert!(runs.is_sorted_by_key(|(_, waits)| *waits), "{lane} is out of order: {runs:?}");
            assert!(runs.windows(2).all(|two| two[0].0 < two[1].0), "{lane} has a ticket twice: {runs:?}");
        }
        self.check_events(&states).await;
        let commits = match self.journal().get("orders", "commits").await.unwrap().map(|stored| stored.value)
        {
            Some(StoredValue::Counter(count)) => count,
            Some(StoredValue::Bytes(_)) => panic!("no counter"),
            None => 0,
        };
        assert_eq!(commits, self.commits);
        // Each run that is due is found by its queues, unless it is held.
        let fronts = self.journal().fronts();
        for state in states.iter().filter(|state| self.held.iter().all(|held| held.state.run != state.run)) {
            for place in state.places() {
                let front = fronts.iter().find(|front| front.queue == place.queue);
                assert!(front.is_some_and(|front| front.due_ms <= place.due_ms), "{place:?} in {fronts:?}");
            }
        }
    }

    /// No event is heard by two runs of one workflow, and none by nobody while somebody waits for it.
    async fn check_events(&self, states: &[State]) {
        let mut heard = BTreeSet::new();
        for state in states {
            let (_, entries) = self.journal().read(state.run).await.unwrap();
            for entry in &entries {
                if let What::Heard { event, .. } = &entry.what {
                    let number = event.document.to_value().as_str().unwrap().to_owned();
                    let is_first = heard.insert((number.clone(), root(&state.workflow).to_owned()));
                    assert!(is_first, "event {number} was heard twice in {}", state.workflow);
                }
            }
        }
        let now_ms = self.clock.now_ms();
        for state in states.iter().filter(|_| !self.has_pruned) {
            for of in state.subscriptions() {
                for (_, number, _) in
                    self.kept.iter().filter(|(key, _, until_ms)| key == of.key && *until_ms > now_ms)
                {
                    let by = (number.to_string(), root(&state.workflow).to_owned());
                    assert!(heard.contains(&by), "{} waits, and nobody has heard {number}", state.run);
                }
            }
        }
    }
}

/// What has become of the runs that a step has begun.
fn counted(states: &[State], parent: RunId, step: &str, children: &Children) -> Children {
    let mut counted = Children { begun: 0, succeeded: 0, dead: 0, cancelled: 0, ..children.clone() };
    for state in states {
        let of = state.parent.as_ref();
        if of.is_some_and(|of| of.run == parent && of.step == step && of.since == children.since) {
            counted.begun += 1;
            counted.succeeded += u32::from(matches!(state.phase, Phase::Succeeded));
            counted.dead += u32::from(matches!(state.phase, Phase::Dead { .. }));
            counted.cancelled += u32::from(matches!(state.phase, Phase::Cancelled));
        }
    }
    counted
}
