//! What attempts of a plugin cost, in a sandbox as the service has it: instances from the pool, epochs on, compiled
//! components from the cache, configs made ready beforehand.

mod times;
mod work;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;
use stepmill_core::invoke::{Attempt, Invoke as _, Report};
use stepmill_sandbox::Options;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::Workbench;
use super::found::Found;
pub(crate) use times::Times;
pub(crate) use work::Work;

/// Calls before those that count: the first find everything cold.
const WARM_UP: usize = 5;
/// No figure takes longer than that, however many calls were asked for.
const LONGEST: Duration = Duration::from_secs(10);
/// A figure of fewer is none.
const FEWEST: usize = 10;

/// The figures of one plugin.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// Of the component, in bytes.
    pub(crate) size: u64,
    /// To compile it, once, in microseconds.
    pub(crate) compile_us: f64,
    /// To take what was compiled from the cache, at each start, in microseconds.
    pub(crate) cached_us: Option<f64>,
    /// To make a fresh instance.
    pub(crate) instantiate: Times,
    /// A whole attempt in a fresh instance.
    pub(crate) call: Times,
    /// The same with the config made ready, as in steps whose `with` has no expressions; none if the plugin has no
    /// `prepare`, or it cannot be used.
    pub(crate) prepared: Option<Times>,
    /// Highest size of the memories of an attempt, in bytes.
    pub(crate) memory_bytes: u64,
    /// Whether instances came from the pool, as the service has them where the machine lets it.
    pub(crate) is_pooled: bool,
}

/// Measures.
pub(crate) struct Bench {
    workbench: Workbench,
    /// Holds what is compiled, for as long as that is needed.
    _cache: TempDir,
}

impl Bench {
    /// Starts an engine as the service has it.
    ///
    /// # Errors
    /// The machine does not let it.
    pub(crate) fn try_new() -> anyhow::Result<Self> {
        let cache = tempfile::Builder::new()
            .prefix("stepmill-bench-")
            .tempdir()
            .context("failed to make a folder for what is compiled")?;
        let options = Options { cache_dir: Some(cache.path().join("compiled")), ..Options::default() };
        Ok(Self { workbench: Workbench::with(options)?, _cache: cache })
    }

    /// All figures of one plugin, each of up to `count` calls.
    ///
    /// # Errors
    /// It does not load, or does not do the work.
    pub(crate) async fn measure(&self, found: &Found, work: &Work, count: usize) -> anyhow::Result<Figures> {
        let sandbox = &self.workbench.sandbox;
        let loading = sandbox.time_loading(&found.bytes).await;
        let loading = loading.with_context(|| format!("failed to load {}", found.name))?;
        let attempt = self.attempt(found, work).await?;
        let memory_bytes = self.done(found, &attempt).await?.record.memory_bytes;
        let instantiate = repeat(count, async || {
            sandbox.time_instantiating(&attempt).await.map_err(|failure| anyhow::anyhow!(failure.message))
        });
        let instantiate = instantiate.await?;
        let call = repeat(count, async || self.timed(found, &attempt).await).await?;
        let prepared = if self.prepare(&attempt).await {
            Some(repeat(count, async || self.timed(found, &attempt).await).await?)
        } else {
            None
        };
        Ok(Figures {
            size: found.bytes.len() as u64,
            compile_us: times::us(loading.compile),
            cached_us: loading.cached.map(times::us),
            instantiate,
            call,
            prepared,
            memory_bytes,
            is_pooled: sandbox.is_pooled(),
        })
    }

    /// Attempts of two plugins in turns, as the service would make them, so that whatever else the machine does is
    /// the same to both.
    ///
    /// # Errors
    /// One does not load, or does not do the work.
    pub(crate) async fn race(
        &self,
        found: [&Found; 2],
        work: &Work,
        count: usize,
    ) -> anyhow::Result<[Times; 2]> {
        let [one, other] = found;
        let attempts = [self.attempt(one, work).await?, self.attempt(other, work).await?];
        for attempt in &attempts {
            self.prepare(attempt).await;
        }
        let [first, second] = &attempts;
        let mut samples = [Vec::new(), Vec::new()];
        let began = Instant::now();
        for round in 0..WARM_UP + count {
            let pair = [self.timed(one, first).await?, self.timed(other, second).await?];
            if round >= WARM_UP {
                for (samples, took) in samples.iter_mut().zip(pair) {
                    samples.push(took);
                }
            }
            if round >= WARM_UP + FEWEST && began.elapsed() > LONGEST {
                break;
            }
        }
        Ok(samples.map(Times::of))
    }

    async fn attempt(&self, found: &Found, work: &Work) -> anyhow::Result<Attempt> {
        let loaded = found.load(&self.workbench).await?;
        work.attempt(&loaded)
    }

    /// Makes the config ready; says whether there is something to it.
    async fn prepare(&self, attempt: &Attempt) -> bool {
        let to_the_end = CancellationToken::new();
        let sandbox = &self.workbench.sandbox;
        sandbox.prepare(&attempt.digest, &attempt.config, &to_the_end).await.is_ok()
    }

    async fn timed(&self, found: &Found, attempt: &Attempt) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let report = self.done(found, attempt).await?;
        let took = began.elapsed();
        drop(report);
        Ok(took)
    }

    /// An attempt that answers. One that does not is no measure of those that do.
    async fn done(&self, found: &Found, attempt: &Attempt) -> anyhow::Result<Report> {
        let report = self.workbench.sandbox.invoke(attempt.clone()).await;
        let Err(failure) = &report.outcome else { return Ok(report) };
        let (name, cause, message) = (&found.name, failure.cause.name(), &failure.message);
        if !report.record.exchanges.is_empty() {
            bail!(
                "{name} asks other systems, which a bench has not: give it an --input that it answers without \
                 (its attempt failed: {cause}: {message})"
            );
        }
        bail!("{name} fails at this input ({cause}: {message}): give an --input and a --config that it takes")
    }
}

/// Times of up to `count` calls.
async fn repeat(
    count: usize,
    mut call: impl AsyncFnMut() -> anyhow::Result<Duration>,
) -> anyhow::Result<Times> {
    let mut samples = Vec::new();
    let began = Instant::now();
    for round in 0..WARM_UP + count {
        let took = call().await?;
        if round >= WARM_UP {
            samples.push(took);
        }
        if samples.len() >= FEWEST && began.elapsed() > LONGEST {
            break;
        }
    }
    Ok(Times::of(samples))
}
