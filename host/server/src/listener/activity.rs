//! What a connection does, as far as somebody else must know to end it in time.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::source::Source;

/// How long a connection may take to end once it was asked to.
const LEAVE: Duration = Duration::from_secs(5);
/// Requests that a peer may take back before they are answered, more than it has had answers for.
const TAKEN_BACK: u32 = 100;
/// No moment.
const NEVER: u64 = 0;

/// What a connection is asked to do; the later ones take the place of the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// Nothing.
    Nothing,
    /// To end when what it does is done: the service stops.
    Drain,
    /// The same: nothing has come for too long.
    Idle,
    /// The same: its place is needed.
    Yield,
    /// The same, and to say why: headers have begun and do not end.
    SlowHead,
    /// To be gone.
    Abort,
}

/// Times that a connection may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until its first request's headers are there, TLS included, and from their first byte for the others.
    pub(super) headers: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// Without any of an answer being taken.
    pub(super) write: Duration,
}

/// Invariant: moments are milliseconds since `began`, and 1 at least.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    /// Whom it counts for; nobody while only the proxy is known that has made it.
    source: OnceLock<Source>,
    /// Whether requests can be told from it.
    is_open: AtomicBool,
    /// Requests that are being answered.
    in_flight: AtomicU32,
    /// Requests that were taken back, less those that were answered.
    taken_back: AtomicU32,
    /// When the last of them ended.
    quiet_since: AtomicU64,
    /// When a head began which is not whole.
    head_since: AtomicU64,
    /// When the stream stopped to take bytes.
    stuck_since: AtomicU64,
    /// When a part of an answer was given to be sent; never while there is none to give.
    given_since: AtomicU64,
    asked: AtomicU8,
    asked_at: AtomicU64,
    task: AtomicWaker,
}

impl Activity {
    pub(super) fn new(source: Option<Source>) -> Self {
        Self {
            began: Instant::now(),
            source: source.map_or_else(OnceLock::new, OnceLock::from),
            is_open: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            taken_back: AtomicU32::new(0),
            quiet_since: AtomicU64::new(NEVER),
            head_since: AtomicU64::new(NEVER),
            stuck_since: AtomicU64::new(NEVER),
            given_since: AtomicU64::new(NEVER),
            asked: AtomicU8::new(0),
            asked_at: AtomicU64::new(NEVER),
            task: AtomicWaker::new(),
        }
    }

    pub(super) fn source(&self) -> Option<Source> {
        self.source.get().copied()
    }

    /// It counts for `source`, unless it does for another already.
    pub(super) fn attribute(&self, source: Source) -> bool {
        self.source.set(source).is_ok()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// It speaks HTTP from now on.
    pub(super) fn opened(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// A head has begun, or has gone on.
    pub(super) fn head_begun(&self) {
        if self.head_since.load(Ordering::Relaxed) == NEVER {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The head that had begun is whole.
    pub(super) fn head_ended(&self) {
        self.head_since.store(NEVER, Ordering::Relaxed);
    }

    /// Requests are to be answered.
    pub(super) fn requested(&self, requests: u32) {
        self.in_flight.fetch_add(requests, Ordering::Relaxed);
    }

    /// One of them has been answered, or is not to be any more.
    pub(super) fn answered(&self) {
        self.given_since.store(NEVER, Ordering::Relaxed);
        self.quiet_since.store(self.now(), Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// One of them was answered, or taken back. A peer that takes back many at once makes work that costs it nothing
    /// (CVE-2023-44487): true if that is enough, and it is cut.
    pub(super) fn ended(&self, is_answered: bool) -> bool {
        let next =
            |count: u32| Some(if is_answered { count.saturating_sub(1) } else { count.saturating_add(1) });
        let before = self.taken_back.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let is_enough = !is_answered && before.is_ok_and(|count| count == TAKEN_BACK);
        if is_enough {
            self.ask(Asked::Abort);
        }
        is_enough
    }

    /// Whether no request is being answered.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    /// Since when it has been without a request; nothing if it has one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let quiet = Duration::from_millis(self.quiet_since.load(Ordering::Relaxed));
        self.is_quiet().then(|| self.began.checked_add(quiet).unwrap_or(self.began))
    }

    /// A part of an answer was given to be sent. Nobody asks for the next before the peer has taken most of it: a peer of
    /// HTTP/2 may leave a connection's bytes flowing and an answer waiting.
    pub(super) fn given(&self) {
        self.given_since.store(self.now(), Ordering::Relaxed);
    }

    /// The next part is asked for, and is not there yet.
    pub(super) fn asked_for(&self) {
        self.given_since.store(NEVER, Ordering::Relaxed);
    }

    /// The stream takes no bytes.
    pub(super) fn stuck(&self) {
        if self.stuck_since.load(Ordering::Relaxed) == NEVER {
            self.stuck_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The stream has taken some.
    pub(super) fn taken(&self) {
        self.stuck_since.store(NEVER, Ordering::Relaxed);
    }

    /// What it is asked to do.
    pub(super) fn asked(&self) -> Asked {
        match self.asked.load(Ordering::Acquire) {
            0 => Asked::Nothing,
            1 => Asked::Drain,
            2 => Asked::Idle,
            3 => Asked::Yield,
            4 => Asked::SlowHead,
            _ => Asked::Abort,
        }
    }

    /// Asks it to do something.
    pub(super) fn ask(&self, what: Asked) {
        if self.asked.fetch_max(what as u8, Ordering::AcqRel) < what as u8 {
            let _ = self.asked_at.compare_exchange(NEVER, self.now(), Ordering::Relaxed, Ordering::Relaxed);
            self.task.wake();
        }
    }

    /// Waits until it is asked more than `before`. Only the connection's own task may wait.
    pub(super) async fn asked_more(&self, before: Asked) -> Asked {
        poll_fn(|cx| {
            self.task.register(cx.waker());
            let asked = self.asked();
            if asked > before { Poll::Ready(asked) } else { Poll::Pending }
        })
        .await
    }

    /// Asks it to end if it has taken too long over something.
    pub(super) fn hurry(&self, patience: &Patience) {
        let now = self.now();
        let over = |since: u64, most: Duration| {
            since != NEVER && Duration::from_millis(now.saturating_sub(since)) > most
        };
        let is_quiet = self.is_quiet();
        let (quiet, head) =
            (self.quiet_since.load(Ordering::Relaxed), self.head_since.load(Ordering::Relaxed));
        // Whoever waits for an answer may do so for long, as far as it concerns the connection.
        let is_leaving = is_quiet && self.asked() > Asked::Nothing;
        let is_stuck = [&self.stuck_since, &self.given_since]
            .into_iter()
            .any(|since| over(since.load(Ordering::Relaxed), patience.write));
        if is_stuck || (is_leaving && over(self.asked_at.load(Ordering::Relaxed).max(quiet), LEAVE)) {
            self.ask(Asked::Abort);
        } else if is_quiet && over(head, patience.headers) {
            self.ask(Asked::SlowHead);
        } else if is_quiet && quiet == NEVER && head == NEVER && over(1, patience.headers) {
            self.ask(if self.is_open.load(Ordering::Relaxed) { Asked::Idle } else { Asked::Abort });
        } else if is_quiet && head == NEVER && over(quiet, patience.idle) {
            self.ask(Asked::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        headers: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        write: Duration::from_secs(30),
    };

    /// What is asked of a connection after a time.
    async fn after(seconds: u64, activity: &Activity) -> Asked {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        activity.hurry(&PATIENCE);
        activity.asked()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_sends_nothing_is_ended_and_one_that_does_not_open_is_cut() {
        let silent = Activity::new(None);
        assert_eq!(after(11, &silent).await, Asked::Abort);
        let open = Activity::new(None);
        open.opened();
        assert_eq!(after(9, &open).await, Asked::Nothing);
        assert_eq!(after(2, &open).await, Asked::Idle);
        assert_eq!(after(6, &open).await, Asked::Abort);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_may_take_long_and_the_time_after_it_counts_as_idle() {
        let activity = Activity::new(None);
        activity.opened();
        activity.requested(1);
        assert_eq!(after(1_000, &activity).await, Asked::Nothing);
        activity.answered();
        assert_eq!(after(59, &activity).await, Asked::Nothing);
        activity.head_begun();
        assert_eq!(after(9, &activity).await, Asked::Nothing);
        assert_eq!(after(2, &activity).await, Asked::SlowHead);
    }

    #[test]
    fn a_peer_may_take_back_requests_but_not_without_end() {
        let activity = Activity::new(None);
        for _ in 0..1_000 {
            assert!(!activity.ended(false) && !activity.ended(true));
        }
        let taken_back = std::iter::repeat_with(|| activity.ended(false)).take_while(|is_enough| !is_enough);
        assert_eq!(taken_back.count(), 100);
        assert_eq!(activity.asked(), Asked::Abort);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_take_its_answer_is_cut_and_one_that_waits_for_ours_is_not() {
        for (is_cut, wait) in
            [(true, Activity::given as fn(&Activity)), (true, Activity::stuck), (false, Activity::asked_for)]
        {
            let activity = Activity::new(None);
            activity.requested(1);
            wait(&activity);
            assert_eq!(after(31, &activity).await == Asked::Abort, is_cut);
        }
    }
}
