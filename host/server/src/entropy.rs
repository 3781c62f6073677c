//! The machine's randomness.

use stepmill_core::Entropy;

/// Random numbers of the process's generator, which the operating system has seeded.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn next(&self) -> u64 {
        rand::random()
    }
}
