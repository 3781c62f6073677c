//! The seam to randomness: ids and the spread of retries.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives random numbers.
pub trait Entropy: Send + Sync + 'static {
    /// 64 random bits.
    fn next(&self) -> u64;

    /// A number in 0..1.
    fn share(&self) -> f64 {
        // 53 bits are what a double holds exactly.
        let bits = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }

    /// Bytes for the id of a run.
    fn id(&self) -> [u8; 10] {
        let mut id = [0; 10];
        let words = [self.next().to_le_bytes(), self.next().to_le_bytes()];
        for (to, from) in id.iter_mut().zip(words.iter().flatten()) {
            *to = *from;
        }
        id
    }
}

/// Numbers that follow from a seed, for tests and simulation: SplitMix64 (Steele, Lea, Flood: "Fast splittable
/// pseudorandom number generators", 2014).
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for Seeded {
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}
