//! What plugin authors work with, without a service: everything behind `stepmill plugin`.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod capability;
pub(crate) mod cases;
pub(crate) mod component;
pub(crate) mod diff;
pub(crate) mod difference;
pub(crate) mod doc;
pub(crate) mod found;
pub(crate) mod kit;
pub(crate) mod name;
pub(crate) mod new;
mod schema;
pub(crate) mod shelf;
pub(crate) mod step;
mod strip;
pub(crate) mod trial;
pub(crate) mod with;
mod workbench;

pub(crate) use workbench::Workbench;
