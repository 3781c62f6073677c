//! One connection of a sender.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::Spec;
use super::board::Board;
use super::framing;
use super::pool::Pool;

/// Pause after an event that was not accepted: a sender that backs off, briefly.
const REFUSED: Duration = Duration::from_millis(1);
/// An order that has not come by then never will.
const LOST: Duration = Duration::from_secs(30);

/// A connection with one request under way.
pub(crate) struct Connection {
    pub(crate) number: usize,
    pub(crate) spec: Spec,
    pub(crate) board: Arc<Board>,
    pub(crate) pool: Arc<Pool>,
    /// When counting begins.
    pub(crate) begin: Instant,
    /// When it ends.
    pub(crate) end: Instant,
}

/// What a connection has counted, times in nanoseconds.
#[derive(Default)]
pub(crate) struct Tally {
    /// Of each accepted event: from sending to the answer.
    pub(crate) answers: Vec<u64>,
    /// Of each run that was waited for: from sending to the arrival of its order.
    pub(crate) arrivals: Vec<u64>,
    /// Events that were not accepted.
    pub(crate) refused: u64,
    /// Events that were accepted at any time, also before and after counting.
    pub(crate) total: u64,
}

impl Tally {
    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.answers.extend(other.answers);
        self.arrivals.extend(other.arrivals);
        self.refused += other.refused;
        self.total += other.total;
    }
}

impl Connection {
    /// Sends until the end.
    pub(crate) async fn drive(self) -> Tally {
        let mut stream = TcpStream::connect(self.spec.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = Pool::head(&self.spec);
        let head = request.len();
        let mut answer = Vec::with_capacity(4 << 10);
        let mut tally = Tally::default();
        loop {
            let id = self.board.next();
            let order = Pool::number(id);
            request.truncate(head);
            self.pool.finish(id, &mut request);
            self.board.expect(order, self.number);
            let sent = Instant::now();
            if sent >= self.end {
                return tally;
            }
            stream.write_all(&request).await.unwrap();
            let message =
                framing::read(&mut stream, &mut answer).await.expect("servers keep connections open");
            let answered = Instant::now();
            let is_counted = answered >= self.begin && answered < self.end;
            let is_accepted = (200..300).contains(&framing::status(&answer));
            answer.drain(..message.total);
            if !is_accepted {
                tally.refused += u64::from(is_counted);
                tokio::time::sleep(REFUSED).await;
                continue;
            }
            tally.total += 1;
            if is_counted {
                tally.answers.push(u64::try_from((answered - sent).as_nanos()).unwrap());
            }
            if self.spec.waits {
                let arrived = self.board.arrived(order, self.number, sent);
                let nanos =
                    tokio::time::timeout(LOST, arrived).await.expect("an accepted order comes to the stub");
                if is_counted {
                    tally.arrivals.push(nanos);
                }
            }
        }
    }
}
