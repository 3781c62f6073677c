//! What every implementation of the journal must do.

pub mod events;
pub mod lanes;
pub mod queue;
pub mod runs;
pub mod storage;
pub mod versions;
pub mod writers;
