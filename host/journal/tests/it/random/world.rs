//! A journal, and whoever works on its runs.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use stepmill_core::clock::{Clock as _, ManualClock};
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::{
    Committed, Filter, Journal as _, JournalError, Kept, Publication, Published, Retention, Transition, Want,
};
use stepmill_core::run::{Decision, Entry, Phase, Queue, State, What, root};
use stepmill_core::storage::StorageOp;
use stepmill_journal::{LocalJournal, MemoryDisk, Options, Sync};
use tempfile::TempDir;

use super::acts::{Act, Kind, accepted, dedupe, done_by, workflow};
use crate::fixtures::{NOW, run_id, storage};
use crate::turn;

/// What is done to the journal.
#[derive(Clone, Debug)]
pub enum Verb {
    Accept(Vec<(Kind, u8)>),
    Publish {
        key: u8,
        keeps: bool,
        is_keyed: bool,
    },
    Claim {
        queue: u8,
        most: u8,
    },
    Commit {
        held: u8,
        acts: Vec<Act>,
        rests: bool,
    },
    Release(u8),
    /// Of a run that is held since it was accepted.
    LetBegin(u8),
    Snooze {
        run: u8,
        for_ms: u8,
    },
    Cancel {
        run: u8,
        undo: bool,
    },
    Redrive {
        run: u8,
        from_start: bool,
    },
    Decide(u8),
    Advance(u8),
    Prune {
        runs: bool,
        most: Option<u8>,
    },
    Reopen,
    Move,
    /// A backup, and what is done while it is written.
    BackUp(Vec<Verb>),
}

enum Disk {
    Memory(MemoryDisk),
    Folder { folder: TempDir, number: u32 },
}

/// A claim, and what its holder knows of the run.
pub(super) struct Held {
    epoch: u64,
    pub(super) state: State,
    entries: Vec<Entry>,
}

pub struct World {
    pub(super) clock: Arc<ManualClock>,
    disk: Disk,
    /// None while it is opened again.
    journal: Option<Arc<LocalJournal>>,
    pub(super) held: Vec<Held>,
    /// How many commits there were.
    pub(super) commits: i64,
    pub(super) has_pruned: bool,
    published: u32,
    /// Key, number and end of the events that were kept.
    pub(super) kept: Vec<(String, u32, u64)>,
}

impl World {
    pub fn inline() -> Self {
        Self::new(Disk::Memory(MemoryDisk::default()))
    }

    pub fn on_disk() -> Self {
        Self::new(Disk::Folder { folder: tempfile::tempdir().unwrap(), number: 0 })
    }

    fn new(disk: Disk) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let mut world = Self {
            clock,
            disk,
            journal: None,
            held: Vec::new(),
            commits: 0,
            has_pruned: false,
            published: 0,
            kept: Vec::new(),
        };
        world.open();
        world
    }

    fn open(&mut self) {
        self.held.clear();
        self.journal = None;
        let clock = self.clock.clone();
        self.journal = Some(Arc::new(match &self.disk {
            Disk::Memory(disk) => LocalJournal::inline(disk, clock).unwrap(),
            Disk::Folder { folder, number } => {
                let path = folder.path().join(number.to_string());
                let options = Options {
                    clock,
                    sync: Sync::Unsynced,
                    log_bytes: 64 << 10,
                    blob_threshold: 1 << 10,
                    ..Options::new(path)
                };
                LocalJournal::open(&options).unwrap()
            }
        }));
    }

    pub(super) fn journal(&self) -> &LocalJournal {
        self.journal.as_ref().unwrap()
    }

    pub(super) async fn states(&self) -> Vec<State> {
        self.journal().query(&Filter::default(), None, usize::MAX).await.unwrap().runs
    }

    pub async fn apply(&mut self, verb: &Verb) {
        let now_ms = self.clock.now_ms();
        match verb {
            Verb::Accept(kinds) => {
                let batch = kinds.iter().map(|(kind, of)| accepted(now_ms, kind, *of)).collect();
                self.journal().accept(batch).await.unwrap();
            }
            Verb::Publish { key, keeps, is_keyed } => {
                self.published += 1;
                let document = Document::from_bytes("text/plain", self.published.to_string().into_bytes());
                let trigger = Trigger::Event { name: "paid".into() };
                let event =
                    Event { trigger, headers: BTreeMap::new(), query: BTreeMap::new(), document, raw: None };
                let dedupe = is_keyed.then(|| dedupe(now_ms, "events", *key));
                let publication = Publication {
                    id: run_id(now_ms),
                    name: "paid".into(),
                    key: key.to_string(),
                    at_ms: now_ms,
                    event,
                    keep_until_ms: if *keeps { now_ms + 10 } else { 0 },
                    dedupe,
                };
                let published = self.journal().publish(publication).await.unwrap();
                if *keeps && matches!(published, Published::New(_)) {
                    self.kept.push((key.to_string(), self.published, now_ms + 10));
                }
            }
            Verb::Claim { queue, most } => {
                let queue = match queue {
                    0 | 1 => Queue::Workflow(workflow(*queue)),
                    other => Queue::System {
                        system: format!("system-{}", (other - 2) / 2),
                        workflow: workflow(other % 2),
                    },
                };
                let wants = [Want { queue, most: usize::from(*most) }];
                for claim in self.journal().claim(now_ms, &wants).await.unwrap() {
                    assert!(self.held.iter().all(|held| held.state.run != claim.state.run), "claimed twice");
                    let places = claim.state.places();
                    assert!(
                        places.iter().any(|place| place.due_ms <= now_ms),
                        "{:?} is not due",
                        claim.state
                    );
                    self.held.push(Held { epoch: claim.epoch, state: claim.state, entries: claim.entries });
                }
            }
            Verb::Commit { held, acts, rests } => {
                if !self.held.is_empty() {
                    let at = usize::from(*held) % self.held.len();
                    self.commit(at, acts, *rests).await;
                }
            }
            Verb::Release(held) => {
                if !self.held.is_empty() {
                    let held = self.held.swap_remove(usize::from(*held) % self.held.len());
                    self.journal().release(held.state.run, held.epoch).await.unwrap();
                }
            }
            Verb::LetBegin(run) => {
                self.append(*run, |_| What::Released { by: "me".into(), ticket: 0 }).await;
            }
            Verb::Cancel { run, undo } => {
                self.append(*run, |_| What::Cancelled { by: "me".into(), undo: *undo }).await;
            }
            Verb::Redrive { run, from_start } => {
                let what = What::Redriven {
                    from_start: *from_start,
                    document: None,
                    version: from_start.then(|| "another".into()),
                    by: "me".into(),
                    by_rule: false,
                };
                self.append(*run, |_| what.clone()).await;
            }
            Verb::Snooze { run, for_ms } => {
                let until_ms = self.clock.now_ms() + u64::from(*for_ms);
                self.append(*run, |_| What::Snoozed { until_ms, by: "me".into() }).await;
            }
            Verb::Decide(run) => {
                let decision = Decision { approved: true, by: "me".into(), comment: None };
                self.append(*run, |_| What::Decided { step: "ask".into(), decision: decision.clone() }).await;
            }
            Verb::Advance(by) => self.clock.advance(u64::from(*by)),
            Verb::Prune { runs, most } => {
                let mut retention = Retention::since(if *runs { now_ms } else { 0 });
                self.has_pruned |= *runs || most.is_some();
                if let Some(most) = most {
                    let kept = Kept { runs: Some(u64::from(*most)), bytes: Some(10_000), since_ms: 0 };
                    retention.of.insert(workflow(0), kept);
                }
                self.journal().prune(now_ms, &retention, 100).await.unwrap();
                if let Some(most) = most {
                    let states = self.states().await;
                    let ended = states
                        .iter()
                        .filter(|state| root(&state.workflow) == workflow(0) && state.phase.has_ended());
                    assert!(ended.count() <= usize::from(*most));
                }
            }
            Verb::Reopen => {
                let before = self.states().await;
                if let Disk::Memory(disk) = &mut self.disk {
                    *disk = disk.crashed();
                }
                self.open();
                assert_eq!(self.states().await, before);
            }
            Verb::Move => self.export().await,
            Verb::BackUp(verbs) => Box::pin(self.back_up(verbs)).await,
        }
    }

    /// Goes on in a journal that was imported.
    async fn export(&mut self) {
        let before = self.states().await;
        let (export, _) = self.journal().export(Vec::new()).await.unwrap();
        match &mut self.disk {
            Disk::Memory(disk) => *disk = MemoryDisk::default(),
            Disk::Folder { number, .. } => *number += 1,
        }
        self.open();
        self.journal().import(Cursor::new(export.clone())).await.unwrap();
        let (again, _) = self.journal().export(Vec::new()).await.unwrap();
        assert_eq!(String::from_utf8(again), String::from_utf8(export));
        assert_eq!(self.states().await, before);
    }

    /// Does things between the lines of a backup, which must be what the journal was between two of them.
    async fn back_up(&mut self, verbs: &[Verb]) {
        let journal = Arc::clone(self.journal.as_ref().unwrap());
        let (writer, mut turns) = turn::pair();
        let backup = tokio::spawn(async move { journal.back_up(writer).await.unwrap().0.written });
        let mut verbs = verbs.iter();
        let mut moments = vec![self.lines().await];
        while turns.begin().await {
            if let Some(verb) = verbs.next() {
                self.apply(verb).await;
                moments.push(self.lines().await);
            }
            turns.end();
        }
        let backup = backup.await.unwrap();
        let restored = LocalJournal::inline(&MemoryDisk::default(), self.clock.clone()).unwrap();
        restored.import(Cursor::new(backup)).await.unwrap();
        assert_eq!(restored.check().await.unwrap(), Vec::<String>::new());
        let restored = lines(&restored).await;
        assert!(moments.contains(&restored), "{restored:#?}\nis none of {moments:#?}");
    }

    async fn lines(&self) -> Vec<String> {
        lines(self.journal()).await
    }

    async fn append(&mut self, run: u8, what: impl Fn(&State) -> What) {
        let states = self.states().await;
        if states.is_empty() {
            return;
        }
        let state = &states[usize::from(run) % states.len()];
        let entry = Entry::new(self.clock.now_ms(), what(state));
        match self.journal().append(state.run, entry).await {
            Ok(after) => assert_eq!(self.journal().read(state.run).await.unwrap().0, after),
            Err(JournalError::Ended { .. }) => assert!(state.phase.has_ended()),
            Err(JournalError::Illegal { .. }) => assert!(!state.phase.has_ended()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn commit(&mut self, at: usize, acts: &[Act], rests: bool) {
        let now_ms = self.clock.now_ms();
        let held = &self.held[at];
        let run = held.state.run;
        let mut transition = Transition { seen: held.state.seq, ..Transition::default() };
        for act in acts {
            done_by(act, now_ms, &held.state, &mut transition);
        }
        let count = u32::try_from(transition.entries.len()).unwrap();
        if let Some(last) = transition.entries.last_mut().filter(|_| rests) {
            last.rests = Some(held.state.seq + count);
        }
        transition.writes = vec![storage("commits", StorageOp::Add(1))];
        let entries = transition.entries.clone();
        let before = self.journal().read(run).await.map(|(state, _)| state);
        match self.journal().commit(run, held.epoch, transition).await {
            Ok(Committed { state, before, after }) => {
                self.commits += 1;
                let read = self.journal().read(run).await.unwrap();
                let known = &mut self.held[at];
                known.entries.extend(before.into_iter().chain(entries).chain(after));
                known.state = state;
                assert_eq!((&known.state, &known.entries), (&read.0, &read.1));
                if !matches!(known.state.phase, Phase::Ready { .. }) {
                    let held = self.held.swap_remove(at);
                    let lost = self.journal().release(run, held.epoch).await;
                    assert!(matches!(lost, Err(JournalError::Fenced { .. })), "the claim has ended");
                }
            }
            Err(JournalError::Ended { .. }) => {
                assert!(before.is_err() || before.unwrap().phase.has_ended());
                self.held.swap_remove(at);
            }
            Err(JournalError::Illegal { .. } | JournalError::Overtaken { .. }) => {
                assert_eq!(self.journal().read(run).await.unwrap().0, before.unwrap(), "nothing was written")
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// An export without its header and its end.
async fn lines(journal: &LocalJournal) -> Vec<String> {
    let (export, _) = journal.export(Vec::new()).await.unwrap();
    let mut lines: Vec<String> = String::from_utf8(export).unwrap().lines().map(str::to_owned).collect();
    lines.pop();
    lines.remove(0);
    lines
}
