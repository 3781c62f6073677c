//! A request's body, which must come at a pace.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::fault::Fault;

/// How long a body may take before its pace counts.
const GRACE: Duration = Duration::from_secs(5);

/// How fast bodies must come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The whole of one.
    pub(super) within: Duration,
    /// Bytes a second, after the first seconds.
    pub(super) rate: u64,
}

impl Pace {
    /// How long the first bytes of a body may take.
    fn allows(&self, bytes: u64) -> Duration {
        let at_rate = Duration::from_millis(bytes.saturating_mul(1_000) / self.rate.max(1));
        GRACE.saturating_add(at_rate).min(self.within)
    }
}

/// Why a body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It comes too slowly.
    #[error("the body comes too slowly")]
    Slow,
    /// Its framing is wrong.
    #[error(transparent)]
    Malformed(Fault),
    /// The connection broke off.
    #[error("the body broke off")]
    Broken(#[source] hyper::Error),
}

impl BodyError {
    /// The one in what reading a body has failed with.
    pub fn find<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
    }

    fn of(error: hyper::Error) -> Self {
        let source = std::error::Error::source(&error);
        let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
        match io.and_then(|io| io.get_ref()?.downcast_ref::<Fault>()).copied() {
            Some(fault) => Self::Malformed(fault),
            None => Self::Broken(error),
        }
    }
}

/// A body with a pace. Its clock begins when it is first waited for: one that nobody reads keeps no time.
pub(super) struct Paced {
    body: Incoming,
    pace: Pace,
    began: Option<Instant>,
    received: u64,
    /// Only made for a body that is not there at once.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(super) fn new(body: Incoming, pace: Pace) -> Self {
        Self { body, pace, began: None, received: 0, timer: None }
    }

    /// Whether it is late. The timer goes off no later than it would be.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> bool {
        let began = *self.began.get_or_insert_with(Instant::now);
        let until = began.checked_add(self.pace.allows(self.received)).unwrap_or(began);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= until {
                return true;
            }
            timer.as_mut().reset(until);
        }
        false
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let more = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                this.received = this.received.saturating_add(more);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::of(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if this.poll_late(cx) => Poll::Ready(Some(Err(BodyError::Slow))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_take_the_grace_then_its_pace_and_never_more_than_the_whole() {
        let pace = Pace { within: Duration::from_secs(30), rate: 1_024 };
        assert_eq!(pace.allows(0), GRACE);
        assert_eq!(pace.allows(10 << 10), Duration::from_secs(15));
        assert_eq!(pace.allows(1 << 30), Duration::from_secs(30));
        assert_eq!(Pace { within: Duration::from_secs(1), ..pace }.allows(0), Duration::from_secs(1));
    }
}
