//! Percentiles of durations.

use std::time::Duration;

use serde::Serialize;

/// What calls took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Times {
    /// How many calls there were.
    pub(crate) calls: usize,
    /// The median.
    pub(crate) p50_us: f64,
    /// What one in a hundred exceeds.
    pub(crate) p99_us: f64,
}

impl Times {
    pub(super) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |share: usize| {
            let index = samples.len().saturating_sub(1).saturating_mul(share) / 100;
            samples.get(index).copied().map(us).unwrap_or_default()
        };
        Self { calls: samples.len(), p50_us: at(50), p99_us: at(99) }
    }
}

/// A duration in microseconds, with what is below them.
pub(super) fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_samples_in_order() {
        let samples = (1..=101).rev().map(Duration::from_micros).collect();
        let times = Times::of(samples);
        assert_eq!((times.calls, times.p50_us.round(), times.p99_us.round()), (101, 51.0, 100.0));
        assert_eq!(Times::of(Vec::new()).calls, 0);
    }
}
