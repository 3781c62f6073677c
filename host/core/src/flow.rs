//! Flow control: how fast, and in which order, work goes to the world outside.
//!
//! - [`gate`] stands in front of one named system: how many attempts at once, a [`rate`], a
//!   [`breaker`], and a pause that all runs share once the system has asked one of them for it.
//! - [`fair`] says which queue the next free place goes to.
//!
//! Everything here is a state machine without a clock: the time is an argument in milliseconds, what
//! is random is one in `0.0..1.0`, and the same calls give the same answers. Arithmetic saturates.
//! A clock that jumps back never makes a wait longer than the same wait begun anew, and one that jumps
//! forward ends it.
//!
//! ```
//! use stepmill_core::flow::Outcome;
//! use stepmill_core::flow::gate::{Admit, Gate, Policy, Reason};
//!
//! let policy = Policy { concurrency: std::num::NonZeroUsize::MIN, rate: None, breaker: None };
//! let mut erp = Gate::new(policy, 0);
//! let Admit::Go(pass) = erp.admit(0) else { unreachable!("nothing stands in the way") };
//! assert_eq!(erp.admit(0), Admit::Full);
//! erp.ended(pass, Outcome::Limited { retry_after_ms: Some(2_000) }, 100, 0.5);
//! assert_eq!(erp.admit(200), Admit::NotBefore(2_100, Reason::Paused));
//! ```

pub mod breaker;
pub mod fair;
pub mod gate;
mod pause;
pub mod rate;

/// What an attempt has shown about the system that it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The system did what it was asked for.
    Succeeded,
    /// The system is in trouble: no connection, no answer in time, a status of 5xx.
    Failed,
    /// The system is up and wants less: 429, or 503 with `Retry-After`.
    Limited {
        /// The wait that it asked for, in milliseconds from now; none or zero if it did not say.
        retry_after_ms: Option<u64>,
    },
    /// Nothing about the system: a status of 4xx, a fault of the guest or of the host.
    Neutral,
}
