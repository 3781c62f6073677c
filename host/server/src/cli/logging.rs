//! What the service says of itself on standard error.

use std::io;

use tracing_subscriber::EnvFilter;

use super::output;
use crate::config::{Log, LogFormat};

/// Begins to log as config says; `RUST_LOG` replaces the level.
pub(super) fn init(log: &Log) {
    let filter =
        EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(&log.level)).unwrap_or_default();
    // A line that cannot be written is lost. Saying so would be written to the same place, and panic in
    // whatever logs: with a full disk under it, that is the journal's own thread.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    // It fails only if there is a logger already, which then does.
    let _ = match log.format {
        LogFormat::Human => builder.with_ansi(output::is_coloured(&io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).try_init(),
    };
}

/// Warnings only, for commands that are not the service.
pub(super) fn init_quiet() {
    init(&Log { format: LogFormat::Human, level: "warn".into() });
}
