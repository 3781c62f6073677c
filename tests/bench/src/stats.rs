//! Percentiles and medians.

use serde::{Deserialize, Serialize};

/// Times in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Times {
    /// The median.
    pub(crate) p50: f64,
    /// What one in a hundred exceeds.
    pub(crate) p99: f64,
}

impl Times {
    /// Of samples in nanoseconds; zeros if there are none.
    pub(crate) fn of(samples: &mut [u64]) -> Self {
        samples.sort_unstable();
        let at = |share: f64| {
            let index = (samples.len().saturating_sub(1) as f64 * share).round();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an index within the slice"
            )]
            samples.get(index as usize).map_or(0.0, |nanos| *nanos as f64 / 1e3)
        };
        Self { p50: at(0.5), p99: at(0.99) }
    }

    /// The median of several rounds, each figure on its own.
    pub(crate) fn median(rounds: impl Iterator<Item = Self> + Clone) -> Self {
        Self {
            p50: median(rounds.clone().map(|times| times.p50)),
            p99: median(rounds.map(|times| times.p99)),
        }
    }
}

/// The median; 0 of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// Distance of the extremes in percent of the median: how far the rounds were apart.
pub(crate) fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.clone().fold(0.0, f64::max);
    let middle = median(values);
    if middle > 0.0 { (high - low) / middle * 100.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{Times, median};

    #[test]
    fn percentiles_are_samples_and_medians_of_even_numbers_lie_between() {
        let times = Times::of(&mut (1..=101).map(|n| n * 1_000).collect::<Vec<_>>());
        assert_eq!((times.p50, times.p99), (51.0, 100.0));
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), 2.5);
    }
}
