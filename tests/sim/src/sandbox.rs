//! The simulated sandbox and the systems behind it: slow, failing, and deaf now and then after they have done
//! what they were asked for.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use stepmill_core::attempt::{Cause, Failure, Record};
use stepmill_core::document::Document;
use stepmill_core::invoke::{Attempt, Report};
use stepmill_core::run::root;
use stepmill_core::storage::{StorageOp, StorageWrite};
use stepmill_core::{Clock, Invoke, RunId};
use tokio::time::Instant;

use crate::dice::Dice;

/// The namespace of the counters that attempts add to.
pub const STORAGE: &str = "sim";

/// What systems were asked for, by idempotency key, and how often.
pub type Effects = BTreeMap<String, u64>;

/// Makes attempts as the dice have it.
pub struct SimSandbox {
    clock: Arc<dyn Clock>,
    dice: Dice,
    seed: u64,
    /// Nothing goes wrong any more that could go right.
    calm: AtomicBool,
    effects: Mutex<Effects>,
    load: Mutex<Load>,
}

/// Attempts that are going, and the most of which there ever were at one time.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// The attempts of each run: its workflow, and their number.
    going: HashMap<RunId, (String, usize)>,
    at_systems: BTreeMap<String, usize>,
    /// Most runs.
    pub most_runs: usize,
    /// Most runs of each workflow.
    pub most_of: BTreeMap<String, usize>,
    /// Most attempts at each system.
    pub most_at: BTreeMap<String, usize>,
    /// When attempts at each system began.
    pub began_at: BTreeMap<String, Vec<Instant>>,
}

/// Counts an attempt as going until it is dropped.
struct Going<'a> {
    sandbox: &'a SimSandbox,
    run: RunId,
    system: Option<String>,
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        let mut load = self.sandbox.load.lock().unwrap();
        if let Some((_, count)) = load.going.get_mut(&self.run) {
            *count -= 1;
            if *count == 0 {
                load.going.remove(&self.run);
            }
        }
        if let Some(count) = self.system.as_ref().and_then(|system| load.at_systems.get_mut(system)) {
            *count -= 1;
        }
    }
}

impl SimSandbox {
    /// A sandbox in which things go wrong as the dice have it.
    pub fn new(clock: Arc<dyn Clock>, dice: Dice, seed: u64) -> Self {
        Self {
            clock,
            dice,
            seed,
            calm: AtomicBool::new(false),
            effects: Mutex::default(),
            load: Mutex::default(),
        }
    }

    /// Lets all go well from now on that can.
    pub fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// What systems were asked for.
    pub fn effects(&self) -> Effects {
        self.effects.lock().unwrap().clone()
    }

    /// What went on at one time.
    pub fn load(&self) -> Load {
        self.load.lock().unwrap().clone()
    }

    fn begin(&self, attempt: &Attempt) -> Going<'_> {
        let (run, workflow) = (attempt.run, root(&attempt.workflow).to_owned());
        let system = attempt.grant.system.clone();
        let mut load = self.load.lock().unwrap();
        let Load { going, at_systems, most_runs, most_of, most_at, began_at } = &mut *load;
        going.entry(run).or_insert_with(|| (workflow.clone(), 0)).1 += 1;
        *most_runs = going.len().max(*most_runs);
        let of = going.values().filter(|(of, _)| *of == workflow).count();
        let most = most_of.entry(workflow).or_default();
        *most = of.max(*most);
        if let Some(system) = &system {
            let at = at_systems.entry(system.clone()).or_default();
            *at += 1;
            let most = most_at.entry(system.clone()).or_default();
            *most = (*at).max(*most);
            began_at.entry(system.clone()).or_default().push(Instant::now());
        }
        drop(load);
        Going { sandbox: self, run, system }
    }

    /// A number that follows from run and step alone: what a pure step does must.
    fn fate(&self, run: RunId, step: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, run.as_bytes(), step).hash(&mut hasher);
        hasher.finish() % 1_000
    }

    async fn pure(&self, attempt: &Attempt) -> Result<Arc<Document>, Failure> {
        if self.dice.chance(100) {
            tokio::time::sleep(Duration::from_millis(self.dice.below(50))).await;
        }
        match self.fate(attempt.run, &attempt.step) {
            0..30 => Err(Failure::new(Cause::Rejected, "as the dice have it")),
            30..40 => Err(Failure::new(Cause::Trap, "as the dice have it")),
            _ => Ok(Arc::clone(&attempt.input)),
        }
    }

    async fn connector(&self, attempt: &Attempt) -> Result<Arc<Document>, Failure> {
        let fail = |cause| Err(Failure::new(cause, "as the dice have it"));
        let is_calm = self.calm.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(self.dice.below(if is_calm { 100 } else { 3_000 }))).await;
        // Some are refused for good, whatever is tried: a person must look at them.
        if self.fate(attempt.run, &attempt.step) < 40 {
            return fail(Cause::Rejected);
        }
        if is_calm {
            return Ok(self.act(attempt));
        }
        match self.dice.below(100) {
            0..10 => fail(Cause::RetryAsked),
            10..12 => fail(Cause::Trap),
            12..14 => fail(Cause::Host),
            14..19 => {
                // Done, but nobody hears of it.
                self.act(attempt);
                fail(Cause::RetryAsked)
            }
            19 => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                fail(Cause::WallDeadline)
            }
            _ => Ok(self.act(attempt)),
        }
    }

    /// What a system does when it is asked.
    fn act(&self, attempt: &Attempt) -> Arc<Document> {
        let key = attempt.idempotency_key.clone();
        *self.effects.lock().unwrap().entry(key.clone()).or_default() += 1;
        Arc::new(Document::json(&json!({ "done": key })))
    }
}

#[async_trait]
impl Invoke for SimSandbox {
    async fn invoke(&self, attempt: Attempt) -> Report {
        let _going = self.begin(&attempt);
        let started_ms = self.clock.now_ms();
        let is_connector = &*attempt.plugin == "call";
        let outcome = if is_connector { self.connector(&attempt).await } else { self.pure(&attempt).await };
        // An attempt that succeeds counts itself, and with its success only.
        let counts = StorageWrite {
            namespace: STORAGE.into(),
            key: attempt.idempotency_key.clone(),
            op: StorageOp::Add(1),
        };
        let writes = if is_connector && outcome.is_ok() { vec![counts] } else { Vec::new() };
        let record = Record {
            step: attempt.step.to_string(),
            number: attempt.number,
            plugin: attempt.plugin.to_string(),
            digest: attempt.digest.to_string(),
            started_ms,
            took_us: 0,
            memory_bytes: 0,
            failure: outcome.as_ref().err().cloned(),
            exchanges: Vec::new(),
            logs: Vec::new(),
        };
        Report { outcome, record, writes }
    }
}
