//! The service: what a webhook meets on its way to a finished run, what an operator writes and sees.
//!
//! The folders follow the path of an event: [`ingress`] → [`dispatcher`] → (the sandbox) → the journal.
//! [`config`] and [`catalog`] are what is deployed, [`distribution`] is how plugins get here, [`admin`] and `cli` are for
//! the operator, `author` for plugin authors, [`service`] puts all of it together. Start reading there.
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use stepmill_server::{Service, config::Project};
//!
//! let service = Service::start(Project::read("stepmill.yaml".as_ref())?).await?;
//! service.run(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod admin;
pub mod answers;
mod author;
pub mod backtest;
pub mod cancel;
pub mod catalog;
pub mod cli;
pub mod components;
pub mod config;
pub mod demo;
pub mod diagnostic;
pub mod dispatcher;
pub mod distribution;
pub mod entropy;
pub mod gates;
pub mod health;
pub mod ingress;
pub mod listener;
pub mod metrics;
pub mod reload;
pub mod retention;
pub mod schedules;
pub mod secrets;
pub mod service;
pub mod shadow;
pub mod snapshots;
pub mod sources;
pub mod stock;

pub use service::Service;
