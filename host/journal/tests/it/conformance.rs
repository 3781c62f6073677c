//! What every implementation of the journal must do.

pub mod queue;
pub mod runs;
pub mod storage;
