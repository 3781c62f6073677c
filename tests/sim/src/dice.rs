//! Decisions that follow from a seed.

use std::sync::Arc;

use stepmill_core::Entropy;
use stepmill_core::entropy::Seeded;

/// Rolls dice. Cheap to clone; the clones go on with the same numbers.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Seeded>);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Seeded::new(seed)))
    }

    /// The same numbers as the engine's randomness.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.0) as _
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&self, end: u64) -> u64 {
        self.0.next() % end
    }

    /// Whether something happens that does so `per_mille` times in a thousand.
    pub fn chance(&self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of several.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(usize::try_from(self.below(of.len() as u64)).ok()?) }
    }
}
