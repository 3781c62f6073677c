//! The integration tests: services of this process or of their own, real guests, real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod answers;
mod approvals;
mod attacks;
mod authors;
mod backtest;
mod backup;
mod bodies;
mod cases;
mod crash;
mod distribution;
mod docs;
mod drain;
mod events;
mod fetched_keys;
#[cfg(target_os = "linux")]
mod full_disk;
mod given;
mod handshakes;
mod hostile;
mod ingress;
mod mistakes;
mod pages;
mod prepared;
mod proxies;
mod purity;
mod refusals;
mod reload;
mod runs;
mod schedules;
mod shadow;
mod sources;
mod tls;
mod verify;
