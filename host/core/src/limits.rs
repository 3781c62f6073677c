//! What one attempt may use up. Every attempt has every limit; there is no "unlimited".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of all linear memories of the instance together.
    pub memory_bytes: u64,
    /// CPU time of the guest in milliseconds, counted in epoch ticks of 10 ms.
    pub cpu_ms: u64,
    /// Wall clock time of the attempt in milliseconds; a step's `timeout` sets it.
    pub wall_ms: u64,
    /// Bytes of the output document.
    pub output_bytes: u64,
    /// Number of HTTP requests.
    pub http_requests: u32,
    /// Bytes of one request's body.
    pub request_bytes: u64,
    /// Bytes of one response's body.
    pub response_bytes: u64,
    /// Number of storage calls.
    pub storage_calls: u32,
    /// Bytes of one stored value.
    pub storage_value_bytes: u64,
    /// Bytes that one attempt may write to storage, keys and values together.
    pub storage_write_bytes: u64,
    /// Bytes of log lines and captured standard output that are kept.
    pub log_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            cpu_ms: 2_000,
            wall_ms: 30_000,
            output_bytes: 16 << 20,
            http_requests: 100,
            request_bytes: 16 << 20,
            response_bytes: 16 << 20,
            storage_calls: 1_000,
            storage_value_bytes: 1 << 20,
            storage_write_bytes: 4 << 20,
            log_bytes: 64 << 10,
        }
    }
}
