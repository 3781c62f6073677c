//! A process that writes to a journal until it is stopped, says what was answered to it, and a check
//! that all of that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use stepmill_core::RunId;
use stepmill_core::clock::{Clock, SystemClock};
use stepmill_core::document::Body;
use stepmill_core::journal::{Filter, Journal, JournalError, PhaseName, Retention, Transition};
use stepmill_core::run::What;
use stepmill_core::storage::{PluginStorage, StorageOp, Stored, StoredValue};
use stepmill_journal::{LocalJournal, Options, Sync};

use crate::fixtures::{claim_of, died, done, storage, transition, with_body};

const FOLDER: &str = "STEPMILL_TEST_WRITER";
const UNSYNCED: &str = "STEPMILL_TEST_WRITER_UNSYNCED";
const PRUNES: &str = "STEPMILL_TEST_WRITER_PRUNES";

/// How a writer writes.
#[derive(Clone, Copy)]
pub struct Writes {
    pub sync: Sync,
    pub prunes: bool,
}

/// A running writer.
pub struct Writer {
    child: Child,
    answered: Receiver<()>,
    reader: JoinHandle<Answered>,
}

/// What a writer was answered.
#[derive(Debug, Default)]
pub struct Answered {
    accepted: BTreeSet<RunId>,
    ended: BTreeMap<RunId, PhaseName>,
    /// Runs that ended before this time may be gone.
    pruned_ms: u64,
}

impl Writer {
    /// Starts this test binary again as a writer.
    pub fn start(folder: &Path, writes: Writes) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "writer::the_child_process", "--nocapture", "--test-threads=1"]);
        command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::null());
        if writes.sync == Sync::Unsynced {
            command.env(UNSYNCED, "1");
        }
        if writes.prunes {
            command.env(PRUNES, "1");
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, answered) = channel();
        let reader = std::thread::spawn(move || {
            let mut all = Answered::default();
            for line in lines.map_while(Result::ok) {
                if all.take(&line) {
                    let _ = sender.send(());
                }
            }
            all
        });
        Self { child, answered, reader }
    }

    /// Waits for this many answers.
    pub fn wait(&self, answers: usize) {
        for _ in 0..answers {
            self.answered.recv_timeout(Duration::from_secs(60)).expect("the writer writes");
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it (SIGKILL) and says what it was answered.
    pub fn kill(mut self) -> Answered {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.join().unwrap()
    }
}

impl Answered {
    fn take(&mut self, line: &str) -> bool {
        match line.split_once(' ') {
            Some(("accepted", run)) => drop(self.accepted.insert(run.parse().unwrap())),
            Some(("succeeded", run)) => drop(self.ended.insert(run.parse().unwrap(), PhaseName::Succeeded)),
            Some(("died", run)) => drop(self.ended.insert(run.parse().unwrap(), PhaseName::Dead)),
            Some(("prunes", ms)) => self.pruned_ms = ms.parse().unwrap(),
            // libtest's own lines.
            _ => return false,
        }
        true
    }

    pub fn len(&self) -> usize {
        self.accepted.len() + self.ended.len()
    }

    pub fn extend(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.ended.extend(other.ended);
        self.pruned_ms = self.pruned_ms.max(other.pruned_ms);
    }

    /// What of it is not in the journal of this folder.
    /// A journal that does not open, or breaks while it is read, is one loss.
    pub fn lost_in(&self, folder: &Path) -> Vec<String> {
        let journal = match LocalJournal::open(&Options::new(folder)) {
            Ok(journal) => journal,
            Err(error) => return vec![format!("unopenable: {error}")],
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(self.lost(&journal)).unwrap_or_else(|error| vec![format!("unreadable: {error}")])
    }

    async fn lost(&self, journal: &LocalJournal) -> Result<Vec<String>, JournalError> {
        let mut lost = Vec::new();
        for run in self.accepted.iter().chain(self.ended.keys()) {
            match journal.read(*run).await {
                Ok((state, entries)) => {
                    let What::Accepted(accepted) = &entries[0].what else { panic!("not accepted") };
                    let Body::Text(body) = &accepted.event.document.body else { panic!("not text") };
                    let is_whole = *body == body_of(body.len());
                    let is_ended = self.ended.get(run).is_none_or(|phase| *phase == state.phase.name());
                    if !is_whole || !is_ended {
                        lost.push(format!("{run} is {:?}, its body whole: {is_whole}", state.phase.name()));
                    }
                }
                Err(JournalError::NoSuchRun(_)) if time_of(*run) < self.pruned_ms => {}
                Err(error) => lost.push(format!("{run}: {error}")),
            }
        }
        let phase = Filter { phase: Some(PhaseName::Succeeded), ..Filter::default() };
        let succeeded = journal.query(&phase, None, usize::MAX).await?.runs.len();
        let count = match journal.get("orders", "succeeded").await? {
            Some(Stored { value: StoredValue::Counter(count), .. }) => usize::try_from(count).unwrap(),
            Some(_) => panic!("no counter"),
            None => 0,
        };
        let answered = self.ended.values().filter(|phase| **phase == PhaseName::Succeeded).count();
        if count < answered || count < succeeded || (self.pruned_ms == 0 && count != succeeded) {
            lost.push(format!("{succeeded} runs succeeded, {answered} were answered, {count} are counted"));
        }
        Ok(lost)
    }
}

fn time_of(run: RunId) -> u64 {
    run.as_bytes()[..6].iter().fold(0, |time, byte| time << 8 | u64::from(*byte))
}

/// A body that shows whether it is whole.
fn body_of(length: usize) -> String {
    (0..length).map(|at| char::from(b'a' + (at * 7 % 26) as u8)).collect()
}

fn say(lines: &str) {
    // One write each, so that a line is whole or not there. Not captured by libtest.
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// Does nothing unless it was started by [`Writer::start`].
#[test]
fn the_child_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let sync = if std::env::var_os(UNSYNCED).is_some() { Sync::Unsynced } else { Sync::Durable };
    // Small, so that many segments of the log come and go.
    let options = Options { sync, log_bytes: 256 << 10, ..Options::new(folder) };
    let journal = Arc::new(LocalJournal::open(&options).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    say("\n");
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for number in 0..8_usize {
            tasks.push(tokio::spawn(write(journal.clone(), number)));
        }
        if std::env::var_os(PRUNES).is_some() {
            tasks.push(tokio::spawn(prune(journal.clone())));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn write(journal: Arc<LocalJournal>, number: usize) {
    for round in number.. {
        let batch: Vec<_> = (0..1 + (round * 5 + number) % 12)
            .map(|at| {
                // Most are small; some fill the engine's nodes, and some are files of their own.
                let length = match (round + at) % 150 {
                    7 => 80_000,
                    20 | 60 | 100 => 30_000,
                    _ => 1_000,
                };
                with_body(SystemClock.now_ms(), &body_of(length))
            })
            .collect();
        let runs: Vec<RunId> = batch.iter().map(|acceptance| acceptance.accepted.run).collect();
        journal.accept(batch).await.unwrap();
        say(&runs.iter().map(|run| format!("accepted {run}\n")).collect::<String>());
        for claim in claim_of(&*journal, u64::MAX, 4).await {
            let run = claim.state.run;
            let is_dead = run.as_bytes()[14] & 3 == 0;
            let what = if is_dead { died() } else { done() };
            let mut change = transition(&claim.state, vec![what]);
            if !is_dead {
                change = Transition { writes: vec![storage("succeeded", StorageOp::Add(1))], ..change };
            }
            journal.commit(run, claim.epoch, change).await.unwrap();
            say(&format!("{} {run}\n", if is_dead { "died" } else { "succeeded" }));
        }
    }
}

async fn prune(journal: Arc<LocalJournal>) {
    let mut every = tokio::time::interval(Duration::from_millis(100));
    loop {
        every.tick().await;
        let before_ms = SystemClock.now_ms() - 200;
        say(&format!("prunes {before_ms}\n"));
        journal.prune(before_ms, &Retention::since(before_ms), 2_000).await.unwrap();
    }
}
