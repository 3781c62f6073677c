//! One story: a service of made-up workflows through some hours of bad luck, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::flow::{breaker, gate, rate};
use stepmill_core::journal::{Dedupe, Filter, Outcome, Publication};
use stepmill_core::run::{Decision, Entry, Stand, State, What, root};
use stepmill_core::{Clock as _, Journal as _, RunId};
use stepmill_server::answers::Answers;
use stepmill_server::cancel;
use stepmill_server::catalog::{Catalog, Live};
use stepmill_server::dispatcher::Dispatcher;
use stepmill_server::gates::Gates;
use stepmill_server::schedules::Schedules;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::check;
use crate::clock::SimClock;
use crate::dice::Dice;
use crate::journal::{Mutation, SimJournal};
use crate::sandbox::SimSandbox;
use crate::workflows::{self, Definitions, EVENT, KEYS, SYSTEMS};

/// Longest time that runs may take to come to rest once nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_secs(72 * 3600);
/// Pause between two looks at whether they have.
const LOOK: Duration = Duration::from_secs(120);

/// What came of a story.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What must not be.
    pub problems: Vec<String>,
    /// How many runs there were in the end.
    pub runs: usize,
    /// How many there were by what they had become.
    pub phases: BTreeMap<&'static str, usize>,
    /// How often the process died.
    pub crashes: usize,
    /// How often systems were asked for something.
    pub effects: u64,
}

/// Everything of a story.
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) journal: Arc<SimJournal>,
    pub(crate) sandbox: Arc<SimSandbox>,
    /// What is in force.
    pub(crate) live: Live,
    /// What is on disk, and comes into force with a reload or the next start.
    pub(crate) definitions: Definitions,
    pub(crate) gates: BTreeMap<String, gate::Policy>,
    /// Requests a second that a system takes.
    pub(crate) rates: BTreeMap<String, u64>,
    /// Workflows that events come for.
    names: Vec<String>,
    /// Runs whose senders read 2xx.
    pub(crate) accepted: Vec<RunId>,
    /// Runs worked on at once.
    pub(crate) concurrency: usize,
    crashes: usize,
    /// Whether what is counted in memory, or by the clock, may have been counted anew.
    pub(crate) is_disturbed: bool,
}

/// The engine of one process.
struct Process {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Tells the story of a seed, with the engine whole or broken on purpose. A panic is a problem like others.
pub fn tell(seed: u64, mutation: Option<Mutation>) -> Told {
    let told = std::panic::catch_unwind(|| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(seed, mutation);
            world.live().await;
            world.come_to_rest().await;
            world.account().await
        })
    });
    told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Told { problems: vec![format!("it panicked: {text}")], ..Told::default() }
    })
}

impl World {
    fn new(seed: u64, mutation: Option<Mutation>) -> Self {
        let dice = Dice::new(seed);
        let clock = Arc::new(SimClock::start());
        let definitions = Definitions::make_up(&dice);
        let rates = rates(&dice);
        Self {
            clock: Arc::clone(&clock),
            journal: Arc::new(SimJournal::new(Arc::clone(&clock) as _, dice.clone(), mutation)),
            sandbox: Arc::new(SimSandbox::new(clock, dice.clone(), seed)),
            live: Live::new(Catalog::default()),
            gates: gates(&dice, &rates),
            rates,
            names: definitions.names(),
            definitions,
            accepted: Vec::new(),
            concurrency: usize::try_from(1 + dice.below(8)).unwrap(),
            crashes: 0,
            is_disturbed: false,
            dice,
        }
    }

    /// Puts in force what is on disk.
    async fn reload(&self) {
        let (catalog, deployment) = workflows::catalog(&self.definitions);
        self.journal.deploy(deployment).await.unwrap();
        self.live.replace(catalog);
    }

    async fn start(&self, with_schedules: bool) -> Process {
        // A start that does not come about is no story.
        let (catalog, deployment) = workflows::catalog(&self.definitions);
        self.journal.inner().deploy(deployment).await.unwrap();
        self.live.replace(catalog);
        let (stop, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
        let entropy = self.dice.entropy();
        let clock = || Arc::clone(&self.clock) as Arc<dyn stepmill_core::Clock>;
        let dispatcher = Dispatcher {
            live: self.live.clone(),
            journal: Arc::clone(&self.journal) as _,
            sandbox: Arc::clone(&self.sandbox) as _,
            clock: clock(),
            entropy: Arc::clone(&entropy),
            answers: Arc::new(Answers::default()),
            gates: Gates::new(&self.gates, clock(), Arc::clone(&entropy), Arc::clone(&wake)),
            wake: Arc::clone(&wake),
            concurrency: self.concurrency,
            drain: Duration::from_secs(30),
        };
        let mut tasks = vec![tokio::spawn(dispatcher.run(stop.clone()))];
        if with_schedules {
            let schedules = Schedules {
                live: self.live.clone(),
                journal: Arc::clone(&self.journal) as _,
                clock: clock(),
                entropy,
                wake,
            };
            tasks.push(tokio::spawn(schedules.run(stop.clone())));
        }
        Process { stop, tasks }
    }

    /// Some hours in which things come and go wrong.
    async fn live(&mut self) {
        let mut process = self.start(true).await;
        for _ in 0..10 + self.dice.below(50) {
            if self.dice.chance(300) {
                self.journal.light(1 + self.dice.below(20));
            }
            let pause =
                Duration::from_millis(self.dice.below(if self.dice.chance(200) { 600_000 } else { 5_000 }));
            let journal = Arc::clone(&self.journal);
            let is_alive = tokio::select! {
                biased;
                () = journal.crash.notified() => false,
                () = async { tokio::time::sleep(pause).await; self.act().await } => true,
            };
            if !is_alive {
                process.killed().await;
                self.crashes += 1;
                // It may be down for a while.
                tokio::time::sleep(Duration::from_millis(self.dice.below(120_000))).await;
                self.journal.restart();
                self.is_disturbed = true;
                process = self.start(true).await;
            } else if self.dice.chance(30) {
                self.is_disturbed = true;
                process.drained(&self.journal).await;
                if self.journal.has_crashed() {
                    self.crashes += 1;
                    self.journal.restart();
                }
                process = self.start(true).await;
            }
        }
        self.journal.light(0);
        process.drained(&self.journal).await;
        if self.journal.has_crashed() {
            self.crashes += 1;
            self.journal.restart();
        }
    }

    /// Something that comes from outside.
    async fn act(&mut self) {
        match self.dice.below(23) {
            0..=9 => self.accept().await,
            10..=12 => self.publish().await,
            13..=15 => self.decide().await,
            16 => self.cancel().await,
            17 => self.redrive(self.dice.chance(300)).await,
            18 => {
                self.is_disturbed = true;
                let by = i64::try_from(self.dice.below(600_000)).unwrap();
                self.clock.jump(if self.dice.chance(500) { by } else { -by });
            }
            19 => {
                self.definitions.change(&self.dice);
                // Or somebody forgets it, until the next start.
                if self.dice.chance(800) {
                    self.reload().await;
                }
            }
            20 => self.snooze().await,
            21 => self.release().await,
            _ => {}
        }
    }

    /// Has some dead letter be out of sight for a while, which changes nothing else.
    async fn snooze(&self) {
        let states = self.states().await;
        let dead: Vec<&State> = states.iter().filter(|state| state.phase.is_dead()).collect();
        if let Some(state) = self.dice.pick(&dead) {
            let until_ms = self.clock.now_ms() + self.dice.below(600_000);
            self.append(state.run, What::Snoozed { until_ms, by: "dice".into() }).await;
        }
    }

    /// Lets some held run begin.
    async fn release(&self) {
        let states = self.states().await;
        let held: Vec<&State> = states.iter().filter(|state| state.phase.is_held()).collect();
        if let Some(state) = self.dice.pick(&held) {
            self.append(state.run, What::Released { by: "dice".into(), ticket: 0 }).await;
        }
    }

    async fn accept(&mut self) {
        for _ in 0..1 + self.dice.below(4) {
            let Some(name) = self.dice.pick(&self.names).cloned() else { return };
            let plan = Arc::clone(&self.live.catalog().plans[&name].plan);
            let at_ms = self.clock.now_ms();
            let trigger = match &plan.webhook {
                Some(webhook) => Trigger::Webhook { path: webhook.path.clone() },
                None => Trigger::Manual,
            };
            let body = json!({ "lane": self.dice.below(KEYS), "key": format!("k{}", self.dice.below(KEYS)) });
            let event = event(trigger, Document::json(&body));
            let run = RunId::new(at_ms, self.dice.entropy().id());
            let mut acceptance = plan.accept(run, at_ms, event, None).unwrap();
            acceptance.accepted.is_held = self.dice.chance(80);
            if self.dice.chance(300) {
                let key = format!("d{}", self.dice.below(50));
                acceptance.dedupe = Some(Dedupe { scope: name, key, expires_ms: at_ms + 600_000 });
            }
            let outcomes = self.journal.accept(vec![acceptance]).await.unwrap();
            self.accepted.extend(outcomes.iter().map(|outcome| outcome.run()));
            if outcomes == [Outcome::Duplicate(run)] {
                panic!("a new run is no duplicate of itself");
            }
        }
    }

    async fn publish(&self) {
        let at_ms = self.clock.now_ms();
        let key = format!("k{}", self.dice.below(KEYS));
        let event = event(Trigger::Event { name: EVENT.into() }, Document::json(&json!({ "key": key })));
        let publication = Publication {
            id: RunId::new(at_ms, self.dice.entropy().id()),
            name: EVENT.into(),
            key,
            at_ms,
            event,
            keep_until_ms: at_ms + 600_000,
            dedupe: None,
        };
        self.journal.publish(publication).await.unwrap();
    }

    /// Decides what some run waits for, if one does.
    async fn decide(&self) {
        for state in self.states().await {
            let undecided =
                state.steps.iter().find(|(_, progress)| matches!(progress.stand, Stand::Undecided { .. }));
            let Some((step, _)) = undecided.filter(|_| self.dice.chance(500)) else { continue };
            let decision = Decision { approved: self.dice.chance(700), by: "dice".into(), comment: None };
            self.append(state.run, What::Decided { step: step.clone(), decision }).await;
        }
    }

    async fn cancel(&self) {
        let states = self.states().await;
        if let Some(state) = self.dice.pick(&states) {
            self.append(state.run, What::Cancelled { by: "dice".into(), undo: self.dice.chance(500) }).await;
        }
    }

    async fn redrive(&self, from_start: bool) {
        for state in self.states().await.iter().filter(|state| state.phase.is_dead()) {
            let catalog = self.live.catalog();
            let deployed = catalog.plans[root(&state.workflow)].plan.part(&state.workflow);
            // As the admin API does: if the version has what the run is of.
            let version = deployed.map(|plan| plan.version.to_string()).filter(|_| self.dice.chance(500));
            if version.as_ref().is_some_and(|version| *version != state.version) {
                let begun = cancel::children(state);
                let cancelled = cancel::trees(&*self.journal, &*self.clock, begun, "dice", false).await;
                cancelled.unwrap();
            }
            let document = self.dice.chance(200).then(|| Document::json(&json!({ "lane": 0, "key": "k0" })));
            let what = What::Redriven { from_start, document, version, by: "dice".into(), by_rule: false };
            self.append(state.run, what).await;
        }
    }

    /// Others may have been faster, so that it is too late.
    async fn append(&self, run: RunId, what: What) {
        let _too_late = self.journal.append(run, Entry::new(self.clock.now_ms(), what)).await;
    }

    /// All runs.
    pub(crate) async fn states(&self) -> Vec<State> {
        let (mut states, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.journal.query(&Filter::default(), cursor, 500).await.unwrap();
            states.extend(page.runs);
            cursor = page.cursor;
            if cursor.is_none() {
                return states;
            }
        }
    }

    /// Nothing goes wrong any more, and nothing new comes: everything comes to its end, or to a named wait.
    async fn come_to_rest(&mut self) {
        self.sandbox.calm();
        let mut waited = Duration::ZERO;
        // What is in flight at a drain is in the queues after it.
        while waited < PATIENCE && !self.journal.fronts().is_empty() {
            let process = self.start(false).await;
            while waited < PATIENCE && !self.journal.fronts().is_empty() {
                tokio::time::sleep(LOOK).await;
                waited += LOOK;
            }
            process.drained(&self.journal).await;
        }
    }

    async fn account(&self) -> Told {
        let mut told = Told { crashes: self.crashes, problems: self.journal.problems(), ..Told::default() };
        for state in self.states().await {
            told.runs += 1;
            *told.phases.entry(state.phase.name().as_str()).or_default() += 1;
        }
        told.effects = self.sandbox.effects().values().sum();
        told.problems.extend(check::problems(self).await);
        told
    }
}

impl Process {
    /// Ends it as a kill of the process would.
    async fn killed(self) {
        for task in self.tasks {
            task.abort();
            let _cancelled = task.await;
        }
    }

    /// Drains, unless it crashes over that.
    async fn drained(self, journal: &SimJournal) {
        self.stop.cancel();
        for mut task in self.tasks {
            tokio::select! {
                biased;
                () = journal.crash.notified() => {
                    task.abort();
                    // The next task has crashed as well.
                    journal.crash.notify_one();
                }
                ended = &mut task => ended.unwrap(),
            }
        }
        // What is left of that is not for the next process.
        let _told = tokio::time::timeout(Duration::ZERO, journal.crash.notified()).await;
    }
}

fn event(trigger: Trigger, document: Document) -> Event {
    Event { trigger, headers: BTreeMap::new(), query: BTreeMap::new(), document, raw: None }
}

/// The systems that take so many requests a second.
fn rates(dice: &Dice) -> BTreeMap<String, u64> {
    let limited = SYSTEMS.into_iter().filter(|_| dice.chance(300));
    limited.map(|system| (system.to_owned(), 1 + dice.below(5))).collect()
}

/// Gates in front of the systems, narrow ones.
fn gates(dice: &Dice, rates: &BTreeMap<String, u64>) -> BTreeMap<String, gate::Policy> {
    let gate = |system: &str| gate::Policy {
        concurrency: usize::try_from(1 + dice.below(3)).unwrap().try_into().unwrap(),
        rate: rates.get(system).map(|requests| {
            let config = json!({ "requests": requests, "per": "1s" });
            rate::Rate::try_new(&serde_json::from_value(config).unwrap()).unwrap()
        }),
        breaker: breaker::Policy::try_new(&breaker::Config::default()).unwrap(),
    };
    SYSTEMS.into_iter().map(|system| (system.to_owned(), gate(system))).collect()
}
