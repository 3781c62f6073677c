//! Whole exchanges of one attempt, as they were made: for an attempt beside it that is to be answered likewise.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Error, Response, Sent};

/// Bytes of bodies and headers that a tape holds of one attempt.
const ROOM: usize = 4 << 20;
/// Exchanges that it holds.
const HOPS: usize = 1_000;

/// What an attempt exchanges, hop by hop. In memory only; what is over its room it does not have, and says so.
#[derive(Debug, Default)]
pub struct Tape(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    hops: Vec<Hop>,
    bytes: usize,
    is_full: bool,
}

/// One exchange that has ended.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The request.
    pub sent: Sent,
    /// What came of it.
    pub result: Result<Response, Error>,
}

impl Tape {
    /// The exchanges so far, in the order in which they ended, and whether they are all.
    pub fn take(&self) -> (Vec<Hop>, bool) {
        let mut content = self.lock();
        (std::mem::take(&mut content.hops), !content.is_full)
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    pub(super) fn keep(&self, hop: impl FnOnce() -> Hop) {
        let mut content = self.lock();
        if content.is_full {
            return;
        }
        let hop = hop();
        let bytes = content.bytes.saturating_add(hop.bytes());
        if bytes > ROOM || content.hops.len() >= HOPS {
            content.is_full = true;
            return;
        }
        content.bytes = bytes;
        content.hops.push(hop);
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hop {
    fn bytes(&self) -> usize {
        let headers = |headers: &[(String, Vec<u8>)]| -> usize {
            headers.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        let sent = headers(&self.sent.headers) + self.sent.body.as_ref().map_or(0, bytes::Bytes::len);
        let answer = self.result.as_ref().map_or(0, |answer| headers(&answer.headers) + answer.body.len());
        sent + answer
    }
}
