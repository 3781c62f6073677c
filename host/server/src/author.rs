//! What plugin authors work with, without a service: everything behind `stepmill plugin`.

pub(crate) mod difference;
mod workbench;

pub(crate) use workbench::Workbench;
