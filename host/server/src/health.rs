//! Whether the service lives and takes work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;

/// Readiness, shared by the listeners and whoever may end it.
#[derive(Debug, Default)]
pub struct Health {
    accepting: AtomicBool,
    prepared: AtomicBool,
}

impl Health {
    /// Takes work from now on.
    pub fn set_accepting(&self, accepting: bool) {
        self.accepting.store(accepting, Ordering::Release);
    }

    /// Whether the service takes work: started, and neither draining nor without its journal.
    pub fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Acquire)
    }

    /// Says whether as many steps are prepared as ever will be, of what is deployed now.
    pub fn set_prepared(&self, is_prepared: bool) {
        self.prepared.store(is_prepared, Ordering::Release);
    }

    /// Whether attempts are as fast as they get: no step's snapshot is still being made.
    pub fn is_prepared(&self) -> bool {
        self.prepared.load(Ordering::Acquire)
    }

    /// `GET /health/live`: the process answers.
    pub async fn live() -> &'static str {
        "live\n"
    }

    /// `GET /health/ready`: 200 while the service takes work, else 503.
    pub async fn ready(State(health): State<Arc<Self>>) -> (StatusCode, &'static str) {
        if health.is_accepting() {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    }
}
