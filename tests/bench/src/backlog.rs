//! What a service says of its unfinished runs.

use std::time::{Duration, Instant};

use serde_json::Value;
use stepmill_test_support::host::AdminClient;

use crate::serve::Server;

/// Runs that take longer than this are lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// Number of runs that have not ended.
pub(crate) fn unfinished(server: &Server) -> u64 {
    status(server)["backlog"]["unfinished"].as_u64().unwrap()
}

/// Waits until no run is unfinished and panics if one is a dead letter: what failed was not measured.
pub(crate) fn settle(server: &Server) {
    let deadline = Instant::now() + PATIENCE;
    while unfinished(server) > 0 {
        assert!(Instant::now() < deadline, "runs do not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = status(server);
    assert_eq!(status["backlog"]["dead"], 0, "runs failed: {status}");
}

fn status(server: &Server) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let admin = AdminClient::new(format!("http://{}", server.at.admin.unwrap()));
    runtime.block_on(admin.get("/api/status"))
}
