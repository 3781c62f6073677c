//! Runs that a step begins: of the workflow that it calls, for the items of a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::attempt::{Cause, Failure};
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::Acceptance;
use stepmill_core::run::{Carried, Children, Failures, Lane, OnDead, Parent, Pending, What, child_id};
use stepmill_core::workflow::{Body, ForEachStep, Plan, PlannedStep, Work};

use super::commit::Along;
use super::{Flight, Stop};

/// Runs that begin in one commit.
const SPAWN: usize = 256;
/// Most items of one list.
const MOST_ITEMS: usize = 100_000;

impl Flight<'_> {
    /// Begins a run of another workflow. The inner error is a failure of the step.
    pub(super) async fn call(
        &mut self,
        index: usize,
        step: &PlannedStep,
        workflow: &str,
        detach: bool,
        input: &Document,
    ) -> Result<Result<(), Failure>, Stop> {
        let round = Round { since: self.state.seq, at_ms: self.now_ms() };
        let spawned = match self.plan_of(workflow) {
            Ok(plan) => self.child(&plan, step, &round, 0, input.clone(), (!detach).then_some(true)),
            Err(failure) => Err(failure),
        };
        let child = match spawned {
            Ok(child) => child,
            Err(failure) => return Ok(Err(failure)),
        };
        let name = step.id.to_string();
        let total = u32::from(!detach);
        let Round { since, at_ms } = round;
        let pending = Pending::Children { total, failures: Failures::All, since, at_ms, carried: None };
        let mut whats = vec![What::Began { step: name.clone(), pending }];
        if detach {
            let output = json!({ "run": child.accepted.run });
            self.done(index, step, Arc::new(Document::json(&output)));
        } else {
            whats.push(What::Spawned { step: name, count: 1 });
        }
        self.commit(whats, Along { spawns: vec![child], ..Along::default() }).await.map(Ok)
    }

    /// Begins runs for the items of a list, as many as go into one commit.
    pub(super) async fn for_each(
        &mut self,
        index: usize,
        step: &PlannedStep,
        for_each: &ForEachStep,
        input: &Document,
    ) -> Result<Result<(), Failure>, Stop> {
        let items = match self.items(index, for_each, input) {
            Ok(items) => items,
            Err(failure) => return Ok(Err(failure)),
        };
        let round = Round { since: self.state.seq, at_ms: self.now_ms() };
        let total = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let Round { since, at_ms } = round;
        let carried = self.carried(&step.id, total);
        let spawned = self.some(step, for_each, &round, &items, 0, carried.as_ref());
        let pending = Pending::Children { total, failures: for_each.failures, since, at_ms, carried };
        let name = step.id.to_string();
        match spawned {
            Ok((count, spawns)) => {
                let mut whats = vec![What::Began { step: name.clone(), pending }];
                whats.extend((total > 0).then_some(What::Spawned { step: name, count }));
                if total == 0 {
                    // Without items the step is done.
                    self.joined_none(index, step);
                } else if count < total {
                    // There are more to begin.
                    self.walk.reopen(index);
                }
                self.commit(whats, Along { spawns, ..Along::default() }).await.map(Ok)
            }
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Begins further runs of a step that has begun some.
    pub(super) async fn go_on_spawning(
        &mut self,
        index: usize,
        step: &PlannedStep,
        children: &Children,
    ) -> Result<(), Stop> {
        if children.begun >= children.total {
            return Ok(());
        }
        let Work::ForEach(for_each) = &step.work else { return Ok(()) };
        let round = Round { since: children.since, at_ms: children.at_ms };
        let input = match self.walk.feed(index) {
            stepmill_core::workflow::Feed::Document(fed) => self.input(step, &fed),
            stepmill_core::workflow::Feed::PassOver => return Ok(()),
        };
        let carried = self.carried_by(&step.id, round.since).cloned();
        let some = input
            .and_then(|input| self.items(index, for_each, &input))
            .and_then(|items| is_still(&items, children.total).map(|()| items))
            .and_then(|items| self.some(step, for_each, &round, &items, children.begun, carried.as_ref()));
        match some {
            Ok((count, spawns)) => {
                if children.begun.saturating_add(count) < children.total {
                    self.walk.reopen(index);
                }
                let spawned = What::Spawned { step: step.id.to_string(), count };
                self.commit(vec![spawned], Along { spawns, ..Along::default() }).await
            }
            Err(failure) => {
                self.doom(self.unmade_step(step, failure));
                Ok(())
            }
        }
    }

    /// The runs for the items from `first` on that go into one commit, and how many items these are with those that
    /// need not be begun.
    fn some(
        &self,
        step: &PlannedStep,
        for_each: &ForEachStep,
        round: &Round,
        items: &[Value],
        first: u32,
        carried: Option<&Carried>,
    ) -> Result<(u32, Vec<Acceptance>), Failure> {
        let plan = match &for_each.body {
            Body::Part(name) => self.part(name)?,
            Body::Workflow(name) => self.plan_of(name)?,
        };
        let lane = Lane {
            key: format!("{}/{}/{}", self.state.run, step.id, round.since),
            width: for_each.concurrency,
            on_dead: OnDead::Pass,
            ticket: 0,
        };
        let skipped = usize::try_from(first).unwrap_or(usize::MAX);
        let (mut count, mut spawns) = (0_u32, Vec::new());
        for (index, item) in (first..).zip(items.iter().skip(skipped)) {
            let is_carried = carried.is_some_and(|carried| carried.has(index));
            if !is_carried && spawns.len() == SPAWN {
                break;
            }
            count = count.saturating_add(1);
            if is_carried {
                continue;
            }
            let mut child =
                self.child(&plan, step, round, index, Document::json(item), Some(for_each.outputs))?;
            if matches!(for_each.body, Body::Part(_)) || child.accepted.lane.is_none() {
                child.accepted.lane = Some(lane.clone());
            }
            spawns.push(child);
        }
        Ok((count, spawns))
    }

    /// The items of a list, in batches if it is to be so.
    fn items(
        &mut self,
        index: usize,
        for_each: &ForEachStep,
        input: &Document,
    ) -> Result<Arc<Vec<Value>>, Failure> {
        if let Some(list) = self.lists.get(&index) {
            return Ok(Arc::clone(list));
        }
        let wrong = |message: String| Failure::new(Cause::Expression, message);
        let items = match self.evaluate(&for_each.list, input, "for-each.in")? {
            Value::Array(items) => items,
            other => return Err(wrong(format!("`for-each.in` gives {other}, which is no list"))),
        };
        if items.len() > MOST_ITEMS {
            return Err(wrong(format!("the list has {} items; it may have {MOST_ITEMS}", items.len())));
        }
        let items = Arc::new(match for_each.batch.and_then(|batch| usize::try_from(batch).ok()) {
            Some(batch) => items.chunks(batch.max(1)).map(|batch| Value::Array(batch.to_vec())).collect(),
            None => items,
        });
        self.lists.insert(index, Arc::clone(&items));
        Ok(items)
    }

    fn child(
        &self,
        plan: &Plan,
        step: &PlannedStep,
        round: &Round,
        index: u32,
        document: Document,
        wants_output: Option<bool>,
    ) -> Result<Acceptance, Failure> {
        let run = child_id(self.state.run, &step.id, round.since, index, round.at_ms);
        let event = Event {
            trigger: Trigger::Call { run: self.state.run, step: step.id.to_string(), index },
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            document,
            raw: None,
        };
        let parent = wants_output.map(|wants_output| Parent {
            run: self.state.run,
            step: step.id.to_string(),
            index,
            since: round.since,
            wants_output,
        });
        let mut child = plan
            .accept(run, self.now_ms(), event, parent)
            .map_err(|error| Failure::new(Cause::Expression, format!("the run cannot be begun: {error}")))?;
        // Systems know it by its place, so that a run that is begun for the same item again doubles nothing.
        child.accepted.key = Some(format!("{}.{index}", self.state.idempotency_key(&step.id)));
        Ok(child)
    }

    /// The plan of a workflow that is called.
    fn plan_of(&self, workflow: &str) -> Result<Arc<Plan>, Failure> {
        let catalog = self.shared.dispatcher.live.catalog();
        let found = catalog.plans.get(workflow);
        found.map(|deployed| Arc::clone(&deployed.plan)).ok_or_else(|| {
            Failure::new(Cause::Host, format!("no workflow {workflow:?} is deployed: deploy it again"))
        })
    }

    /// The plan of a part of this workflow.
    fn part(&self, name: &str) -> Result<Arc<Plan>, Failure> {
        let last = name.rsplit('/').next().unwrap_or_default();
        self.plan
            .parts
            .get(last)
            .map(Arc::clone)
            .ok_or_else(|| Failure::new(Cause::Host, format!("the workflow has no part {name:?}")))
    }
}

/// One round of a step that begins runs.
struct Round {
    since: u32,
    at_ms: u64,
}

/// Whether the list is as long as it was when the step began.
fn is_still(items: &[Value], total: u32) -> Result<(), Failure> {
    if u32::try_from(items.len()) == Ok(total) {
        return Ok(());
    }
    let message = format!(
        "the list had {total} items when the step began, and has {} now: redrive the run from its start",
        items.len()
    );
    Err(Failure::new(Cause::Expression, message))
}
