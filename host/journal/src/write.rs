//! What each kind of write does to a batch. The only place where the domain's rules meet the keys.

mod accept;
mod change;
mod commit;
mod follow;
mod gather;
mod lane;
mod mark;
mod prune;
mod publish;
mod restore;
mod storage;
mod version;

pub(crate) use accept::{Opening, accept};
pub(crate) use commit::{Appended, Step, append, commit};
pub(crate) use mark::{cursor, pass_over, set_switch};
pub(crate) use prune::{Prunable, prune};
pub(crate) use publish::{Offer, publish};
pub(crate) use restore::{Restored, restore};
pub(crate) use storage::is_live;
pub(crate) use version::{Deployed, Deploying, deploy, is_over};
