//! What attempts of a plugin cost, in a sandbox as the service has it: instances from the pool, epochs on, compiled
//! components from the cache, configs made ready beforehand.

mod times;
mod work;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;
use stepmill_core::invoke::{Attempt, Report};
use stepmill_sandbox::{Loaded, Options};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::Workbench;
use super::cases::{Rehearsals, Scene};
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
    /// Requests of an attempt, which the case answers at once; none if there is no case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<usize>,
}

/// Measures.
pub(crate) struct Bench {
    workbench: Workbench,
    /// Holds what is compiled, for as long as that is needed, where compiling is measured too.
    _cache: Option<TempDir>,
}

/// A scene of a plugin that is loaded, ready to be measured.
struct Piece<'a> {
    name: &'a str,
    attempt: Attempt,
    rehearsals: Rehearsals<'a>,
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
        Ok(Self { workbench: Workbench::with(options)?, _cache: Some(cache) })
    }

    /// The same for attempts alone: what is compiled is kept for the next time.
    ///
    /// # Errors
    /// As [`Self::try_new`].
    pub(crate) fn of_attempts() -> anyhow::Result<Self> {
        Ok(Self { workbench: Workbench::pooled()?, _cache: None })
    }

    /// What plugins are loaded in.
    pub(crate) fn workbench(&self) -> &Workbench {
        &self.workbench
    }

    /// All figures of one plugin, each of up to `count` calls.
    ///
    /// # Errors
    /// It does not load, or does not do the work.
    pub(crate) async fn measure(&self, found: &Found, work: &Work, count: usize) -> anyhow::Result<Figures> {
        let sandbox = &self.workbench.sandbox;
        let loading = sandbox.time_loading(&found.bytes).await;
        let loading = loading.with_context(|| format!("failed to load {}", found.given))?;
        let scene = work.scene(sandbox, &found.load(&self.workbench).await?).await?;
        let piece = Piece::of(&found.given, &scene)?;
        let record = self.done(&piece).await?.1.record;
        let instantiate = repeat(count, async || {
            sandbox
                .time_instantiating(&piece.attempt)
                .await
                .map_err(|failure| anyhow::anyhow!(failure.message))
        });
        let instantiate = instantiate.await?;
        let call = repeat(count, async || self.timed(&piece).await).await?;
        let prepared = if self.prepare(&piece.attempt).await {
            Some(repeat(count, async || self.timed(&piece).await).await?)
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
            memory_bytes: record.memory_bytes,
            is_pooled: sandbox.is_pooled(),
            answered: matches!(work, Work::Case(_)).then_some(record.exchanges.len()),
        })
    }

    /// Attempts of two plugins at one work, in turns.
    ///
    /// # Errors
    /// One does not load, or does not do the work.
    pub(crate) async fn race(
        &self,
        [old, new]: [(&Found, &Loaded); 2],
        work: &Work,
        count: usize,
    ) -> anyhow::Result<[Times; 2]> {
        let sandbox = &self.workbench.sandbox;
        let scenes = [work.scene(sandbox, old.1).await?, work.scene(sandbox, new.1).await?];
        self.race_scenes([&old.0.given, &new.0.given], &scenes, count, LONGEST).await
    }

    /// Attempts of two plugins in turns, as the service would make them, so that whatever else the machine does is
    /// the same to both; for no longer than this once there are enough.
    ///
    /// # Errors
    /// One does not answer.
    pub(crate) async fn race_scenes(
        &self,
        [old, new]: [&str; 2],
        scenes: &[Scene; 2],
        count: usize,
        longest: Duration,
    ) -> anyhow::Result<[Times; 2]> {
        let [was, is] = scenes;
        let pieces = [Piece::of(old, was)?, Piece::of(new, is)?];
        for piece in &pieces {
            self.prepare(&piece.attempt).await;
        }
        let [first, second] = &pieces;
        let mut samples = [Vec::new(), Vec::new()];
        let began = Instant::now();
        for round in 0..WARM_UP + count {
            let pair = [self.timed(first).await?, self.timed(second).await?];
            if round >= WARM_UP {
                for (samples, took) in samples.iter_mut().zip(pair) {
                    samples.push(took);
                }
            }
            if round >= WARM_UP + FEWEST && began.elapsed() > longest {
                break;
            }
        }
        Ok(samples.map(Times::of))
    }

    /// Makes the config ready; says whether there is something to it.
    async fn prepare(&self, attempt: &Attempt) -> bool {
        let to_the_end = CancellationToken::new();
        let sandbox = &self.workbench.sandbox;
        sandbox.prepare(&attempt.digest, &attempt.config, &to_the_end).await.is_ok()
    }

    async fn timed(&self, piece: &Piece<'_>) -> anyhow::Result<Duration> {
        Ok(self.done(piece).await?.0)
    }

    /// An attempt that answers, and how long it took. One that does not is no measure of those that do.
    async fn done(&self, piece: &Piece<'_>) -> anyhow::Result<(Duration, Report)> {
        let (attempt, rehearsal) = (piece.attempt.clone(), piece.rehearsals.next());
        let began = Instant::now();
        let report = self.workbench.sandbox.rehearse(attempt, &rehearsal).await.report;
        let took = began.elapsed();
        let Err(failure) = &report.outcome else { return Ok((took, report)) };
        let (name, cause, message) = (piece.name, failure.cause.name(), &failure.message);
        if !report.record.exchanges.is_empty() {
            bail!(
                "{name} asks other systems, which a bench has not: give it a --case that answers for them \
                 (its attempt failed: {cause}: {message})"
            );
        }
        bail!("{name} fails at this input ({cause}: {message}): give an --input and a --with that it takes")
    }
}

impl<'a> Piece<'a> {
    fn of(name: &'a str, scene: &'a Scene) -> anyhow::Result<Self> {
        Ok(Self { name, attempt: scene.attempt(), rehearsals: Rehearsals::try_new(scene)? })
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
