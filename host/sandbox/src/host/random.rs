//! `wasi:random`: real randomness for connectors, a stream that follows from run and step for pure
//! components, and none while a config is made ready.
//!
//! `insecure-seed`, with which hash maps begin, follows from the config for pure components: their maps
//! then have the same order whether they were made in `run` or in `prepare`, so that an attempt answers the
//! same with and without a snapshot. Two configs have different seeds.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stepmill_core::RunId;
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::host::Frozen;
use crate::state::State;

/// Bytes that one call may ask for.
const CALL: u64 = 1 << 20;

/// Separates this use of SHA-256 from others, and one version of the stream from the next.
const DOMAIN: &[u8] = b"stepmill random 1";
/// The same for the seeds of hash maps.
const SEED_DOMAIN: &[u8] = b"stepmill hash seed 1";

/// An attempt's randomness.
pub(crate) enum Random {
    /// The machine's.
    Real,
    /// SHA-256 in counter mode over run and step: `block(n) = SHA-256(seed, n)` with
    /// `seed = SHA-256(domain, run, step)`. Not secret. Computed when first asked for.
    Seeded { run: RunId, step: Arc<str>, config: Arc<str>, stream: Option<Blocks> },
    /// Refused: it would be the same in every attempt.
    Frozen { config: Arc<str> },
}

/// A position in the stream.
pub(crate) struct Blocks {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) fn real() -> Self {
        Self::Real
    }

    pub(crate) fn seeded(run: RunId, step: Arc<str>, config: Arc<str>) -> Self {
        Self::Seeded { run, step, config, stream: None }
    }

    pub(crate) fn frozen(config: Arc<str>) -> Self {
        Self::Frozen { config }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Frozen> {
        match self {
            Self::Real => rand::fill(bytes),
            Self::Seeded { run, step, stream, .. } => {
                let blocks = stream.get_or_insert_with(|| Blocks::new(run, step));
                for chunk in bytes.chunks_mut(32) {
                    let block = blocks.next();
                    for (byte, random) in chunk.iter_mut().zip(block) {
                        *byte = random;
                    }
                }
            }
            Self::Frozen { .. } => return Err(Frozen::Randomness),
        }
        Ok(())
    }

    pub(crate) fn bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > CALL {
            return Err(wasmtime::Error::msg(format!(
                "{len} random bytes asked for in one call; at most {CALL} are given"
            )));
        }
        let mut bytes = vec![0; usize::try_from(len)?];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// What hash maps begin with.
    fn seed(&mut self) -> (u64, u64) {
        let seed: u128 = match self {
            Self::Real => rand::random(),
            Self::Seeded { config, .. } | Self::Frozen { config } => {
                let digest =
                    Sha256::new().chain_update(SEED_DOMAIN).chain_update(config.as_bytes()).finalize();
                digest.iter().take(16).fold(0, |seed, byte| seed << 8 | u128::from(*byte))
            }
        };
        ((seed >> 64) as u64, seed as u64)
    }
}

impl Blocks {
    fn new(run: &RunId, step: &str) -> Self {
        let seed =
            Sha256::new().chain_update(DOMAIN).chain_update(run.as_bytes()).chain_update(step).finalize();
        Self { seed: seed.into(), counter: 0 }
    }

    fn next(&mut self) -> [u8; 32] {
        let block = Sha256::new().chain_update(self.seed).chain_update(self.counter.to_le_bytes()).finalize();
        self.counter += 1;
        block.into()
    }
}

struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = &'a mut Random;
}

fn view<R>(state: &mut State<R>) -> &mut Random {
    &mut state.wasi.random
}

pub(crate) fn add_to_linker<R: Send + 'static>(linker: &mut Linker<State<R>>) -> wasmtime::Result<()> {
    random::add_to_linker::<_, HasRandom>(linker, view)?;
    insecure::add_to_linker::<_, HasRandom>(linker, view)?;
    insecure_seed::add_to_linker::<_, HasRandom>(linker, view)
}

impl random::Host for Random {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl insecure::Host for Random {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl insecure_seed::Host for Random {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok(self.seed())
    }
}

#[cfg(test)]
mod tests {
    use stepmill_core::RunId;

    use super::Random;

    #[test]
    fn seeded_randomness_follows_from_run_and_step_alone() {
        let run = RunId::new(1, [7; 10]);
        let draw = |run, step: &str| Random::seeded(run, step.into(), "{}".into()).bytes(100).unwrap();
        assert_eq!(draw(run, "a"), draw(run, "a"));
        assert_ne!(draw(run, "a"), draw(run, "b"));
        assert_ne!(draw(run, "a"), draw(RunId::new(1, [8; 10]), "a"));
        assert!(Random::real().bytes(u64::MAX).is_err());
    }

    #[test]
    fn hash_seeds_follow_from_the_config_alone_and_nothing_else_is_drawn_while_it_is_made_ready() {
        let run = RunId::new(1, [7; 10]);
        let seed = Random::frozen("{}".into()).seed();
        assert_eq!(seed, Random::seeded(run, "a".into(), "{}".into()).seed());
        assert_ne!(seed, Random::frozen("[]".into()).seed());
        assert!(Random::frozen("{}".into()).number().is_err());
    }
}
