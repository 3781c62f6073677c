//! What each kind of write does to a batch. The only place where the domain's rules meet the keys.

mod accept;
mod prune;
mod restore;
mod storage;
mod transition;

pub(crate) use accept::{Opening, accept, cursor};
pub(crate) use prune::{Prunable, prune};
pub(crate) use restore::{Restored, restore};
pub(crate) use storage::is_live;
pub(crate) use transition::{Step, Under, transition};
