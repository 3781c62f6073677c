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
    /// Bytes of one request's or response's body that are kept in the record of an exchange: for people, and for
    /// backtests, which answer requests with what is kept whole. They are in the journal with each attempt, as long as
    /// its run; an attempt keeps 256 KiB in all.
    pub exchange_bytes: u64,
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
            exchange_bytes: 16 << 10,
            storage_calls: 1_000,
            storage_value_bytes: 1 << 20,
            storage_write_bytes: 4 << 20,
            log_bytes: 64 << 10,
        }
    }
}

/// Where a step's limits differ from the service's. Keys that are left out stay as the service has
/// them. The wall clock is the step's `timeout`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "LimitOverrides")]
pub struct Overrides {
    /// Bytes of all linear memories of the instance together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPU time of the guest in milliseconds, counted in epoch ticks of 10 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Bytes of the output document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Number of HTTP requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_requests: Option<u32>,
    /// Bytes of one request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u64>,
    /// Bytes of one response's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u64>,
    /// Bytes of one request's or response's body that are kept in the record of an exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_bytes: Option<u64>,
    /// Number of storage calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_calls: Option<u32>,
    /// Bytes of one stored value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_value_bytes: Option<u64>,
    /// Bytes that one attempt may write to storage, keys and values together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_write_bytes: Option<u64>,
    /// Bytes of log lines and captured standard output that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
}

/// A limit outside what any attempt may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {given}: give {least} to {most}")]
pub struct InvalidLimit {
    /// The key, such as `memory_bytes`.
    pub key: &'static str,
    /// What was given.
    pub given: u64,
    /// Least that makes sense.
    pub least: u64,
    /// Most that one attempt may have.
    pub most: u64,
}

impl Limits {
    /// The least that each limit may be: a Wasm page of memory, an epoch tick of CPU time.
    pub const LEAST: Self = Self {
        memory_bytes: 64 << 10,
        cpu_ms: 10,
        wall_ms: 1,
        output_bytes: 1,
        http_requests: 0,
        request_bytes: 0,
        response_bytes: 0,
        exchange_bytes: 0,
        storage_calls: 0,
        storage_value_bytes: 0,
        storage_write_bytes: 0,
        log_bytes: 0,
    };
    /// The most that each limit may be: a linear memory's 4 GiB; an hour; documents that still fit into
    /// one journal entry; otherwise what keeps one attempt from starving the others.
    pub const MOST: Self = Self {
        memory_bytes: 4 << 30,
        cpu_ms: 3_600_000,
        wall_ms: 3_600_000,
        output_bytes: 256 << 20,
        http_requests: 10_000,
        request_bytes: 256 << 20,
        response_bytes: 256 << 20,
        exchange_bytes: 256 << 10,
        storage_calls: 100_000,
        storage_value_bytes: 16 << 20,
        storage_write_bytes: 64 << 20,
        log_bytes: 16 << 20,
    };

    /// Checks that every limit lies between [`Limits::LEAST`] and [`Limits::MOST`].
    ///
    /// # Errors
    /// Every limit that does not.
    pub fn check(&self) -> Result<(), Vec<InvalidLimit>> {
        let (least, most) = (Self::LEAST.by_key(), Self::MOST.by_key());
        let invalid: Vec<_> = self
            .by_key()
            .into_iter()
            .zip(least.into_iter().zip(most))
            .map(|((key, given), ((_, least), (_, most)))| InvalidLimit { key, given, least, most })
            .filter(|limit| limit.given < limit.least || limit.given > limit.most)
            .collect();
        if invalid.is_empty() { Ok(()) } else { Err(invalid) }
    }

    fn by_key(&self) -> [(&'static str, u64); 12] {
        [
            ("memory_bytes", self.memory_bytes),
            ("cpu_ms", self.cpu_ms),
            ("wall_ms", self.wall_ms),
            ("output_bytes", self.output_bytes),
            ("http_requests", self.http_requests.into()),
            ("request_bytes", self.request_bytes),
            ("response_bytes", self.response_bytes),
            ("exchange_bytes", self.exchange_bytes),
            ("storage_calls", self.storage_calls.into()),
            ("storage_value_bytes", self.storage_value_bytes),
            ("storage_write_bytes", self.storage_write_bytes),
            ("log_bytes", self.log_bytes),
        ]
    }
}

impl Overrides {
    /// `defaults` with the given keys changed.
    ///
    /// # Errors
    /// Every limit of the result that [`Limits::check`] refuses.
    pub fn apply(&self, defaults: &Limits) -> Result<Limits, Vec<InvalidLimit>> {
        let limits = Limits {
            memory_bytes: self.memory_bytes.unwrap_or(defaults.memory_bytes),
            cpu_ms: self.cpu_ms.unwrap_or(defaults.cpu_ms),
            wall_ms: defaults.wall_ms,
            output_bytes: self.output_bytes.unwrap_or(defaults.output_bytes),
            http_requests: self.http_requests.unwrap_or(defaults.http_requests),
            request_bytes: self.request_bytes.unwrap_or(defaults.request_bytes),
            response_bytes: self.response_bytes.unwrap_or(defaults.response_bytes),
            exchange_bytes: self.exchange_bytes.unwrap_or(defaults.exchange_bytes),
            storage_calls: self.storage_calls.unwrap_or(defaults.storage_calls),
            storage_value_bytes: self.storage_value_bytes.unwrap_or(defaults.storage_value_bytes),
            storage_write_bytes: self.storage_write_bytes.unwrap_or(defaults.storage_write_bytes),
            log_bytes: self.log_bytes.unwrap_or(defaults.log_bytes),
        };
        limits.check().map(|()| limits)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::{Limits, Overrides};

    #[test]
    fn an_override_changes_only_the_keys_it_gives() {
        let service = Limits { http_requests: 7, log_bytes: 9, ..Limits::default() };
        let overrides: Overrides = serde_json::from_str(r#"{"memory_bytes":1048576}"#).unwrap();
        assert_eq!(overrides.apply(&service), Ok(Limits { memory_bytes: 1 << 20, ..service }));
        assert_eq!(Overrides::default().apply(&Limits::default()), Ok(Limits::default()));
    }

    #[test]
    fn a_limit_that_is_no_limit_is_refused_by_name() {
        let overrides = Overrides { cpu_ms: Some(u64::MAX), memory_bytes: Some(0), ..Overrides::default() };
        let refused = overrides.apply(&Limits::default()).unwrap_err();
        let sentences: Vec<_> = refused.iter().map(ToString::to_string).collect();
        assert_eq!(
            sentences,
            [
                "memory_bytes is 0: give 65536 to 4294967296",
                "cpu_ms is 18446744073709551615: give 10 to 3600000"
            ]
        );
    }
}
