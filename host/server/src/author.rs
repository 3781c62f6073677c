//! What plugin authors work with, without a service: everything behind `stepmill plugin`.

mod workbench;

pub(crate) use workbench::Workbench;
