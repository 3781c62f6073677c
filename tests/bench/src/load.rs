//! The load generator, and the system that connectors post to: one process, as light as it gets.
//!
//! Requests are rendered and signed before anything is measured; only the header with the event's id is
//! written anew for each. A connection sends, waits for the answer, and sends again; where a run's end
//! counts it also waits until the stub was sent that run's order.

mod board;
mod connection;
mod framing;
mod pool;
mod stub;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::child;
use crate::stats::Times;
use crate::usage::Usage;
use board::Board;
use connection::{Connection, Tally};
use pool::Pool;

/// The load generator as its parent sees it.
pub(crate) struct Load {
    process: child::Child,
    /// Base URL of the stub.
    pub(crate) stub: String,
}

/// What to send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Where to.
    pub(crate) address: SocketAddr,
    /// Path of the webhook.
    pub(crate) path: String,
    /// Connections, each with one request under way.
    pub(crate) connections: usize,
    /// Whether a connection waits for the run's arrival at the stub before it sends the next event.
    pub(crate) waits: bool,
    /// Threads that send. The stub has one more.
    pub(crate) threads: usize,
    /// How long to send before counting.
    pub(crate) warm: Duration,
    /// How long to count.
    pub(crate) window: Duration,
    /// Process of the server.
    pub(crate) server: u32,
}

/// What came of it, within the window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Length of the window.
    pub(crate) seconds: f64,
    /// Events answered with 2xx.
    pub(crate) accepted: u64,
    /// Events answered otherwise.
    pub(crate) refused: u64,
    /// Events answered with 2xx, also before and after the window.
    pub(crate) total: u64,
    /// Orders that came to the stub.
    pub(crate) arrived: u64,
    /// From sending to the answer.
    pub(crate) answer: Times,
    /// From sending to the arrival at the stub; zeros unless it was waited for.
    pub(crate) arrival: Times,
    /// CPU seconds of the server.
    pub(crate) server_cpu_s: f64,
    /// CPU seconds of this process.
    pub(crate) load_cpu_s: f64,
}

impl Load {
    /// Starts the process.
    pub(crate) fn start() -> Self {
        let mut process = child::Child::spawn(&["load"]);
        let stub = process.hear();
        Self { process, stub }
    }

    /// Sends, and answers what came of it.
    pub(crate) fn run(&mut self, spec: &Spec) -> Outcome {
        self.process.tell(spec);
        self.process.hear()
    }
}

impl Outcome {
    /// Accepted events a second.
    pub(crate) fn accepted_rate(&self) -> f64 {
        self.accepted as f64 / self.seconds
    }

    /// Arrived orders a second.
    pub(crate) fn arrived_rate(&self) -> f64 {
        self.arrived as f64 / self.seconds
    }
}

/// The child's side.
pub(crate) fn main() {
    let board = Arc::new(Board::default());
    let pool = Arc::new(Pool::render());
    child::say(&format!("http://{}", stub::start(Arc::clone(&board))));
    for spec in child::lines::<Spec>() {
        child::say(&measure(&spec, &board, &pool));
    }
}

fn measure(spec: &Spec, board: &Arc<Board>, pool: &Arc<Pool>) -> Outcome {
    let begin = Instant::now() + spec.warm;
    let end = begin + spec.window;
    let senders: Vec<_> = (0..spec.threads)
        .map(|thread| {
            let connections: Vec<Connection> = (thread..spec.connections)
                .step_by(spec.threads)
                .map(|number| Connection {
                    number,
                    spec: spec.clone(),
                    board: Arc::clone(board),
                    pool: Arc::clone(pool),
                    begin,
                    end,
                })
                .collect();
            std::thread::spawn(move || single().block_on(send(connections)))
        })
        .collect();
    let count =
        || (board.arrivals.load(Ordering::Relaxed), Usage::of(spec.server), Usage::of(std::process::id()));
    std::thread::sleep(begin.saturating_duration_since(Instant::now()));
    let (began, before) = (Instant::now(), count());
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    let (seconds, after) = (began.elapsed().as_secs_f64(), count());
    let mut tally = Tally::default();
    for sender in senders {
        tally.add(sender.join().unwrap());
    }
    Outcome {
        seconds,
        accepted: tally.answers.len() as u64,
        refused: tally.refused,
        total: tally.total,
        arrived: after.0 - before.0,
        answer: Times::of(&mut tally.answers),
        arrival: Times::of(&mut tally.arrivals),
        server_cpu_s: after.1.cpu_s - before.1.cpu_s,
        load_cpu_s: after.2.cpu_s - before.2.cpu_s,
    }
}

async fn send(connections: Vec<Connection>) -> Tally {
    let mut sending = JoinSet::new();
    for connection in connections {
        sending.spawn(connection.drive());
    }
    let mut tally = Tally::default();
    while let Some(one) = sending.join_next().await {
        tally.add(one.unwrap());
    }
    tally
}

/// A runtime of one thread: nothing is stolen, nobody is woken but by the network.
fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
