//! What a call knows of itself, and what a connector may do.

use std::ops::Deref;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::http::Http;
use crate::storage::Storage;
use crate::{Attempt, http, storage};

/// Which try of which step of which run a call is.
///
/// ```
/// let ctx = stepmill_sdk::testing::context();
/// assert_eq!(ctx.attempt(), 1);
/// assert!(ctx.run().starts_with("run_"));
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    attempt: Attempt,
}

impl Context {
    /// The context of an attempt.
    pub(crate) fn new(attempt: Attempt) -> Self {
        Self { attempt }
    }

    /// Name of the workflow.
    ///
    /// ```
    /// let ctx = stepmill_sdk::testing::context();
    /// assert_eq!(ctx.workflow(), "test");
    /// ```
    pub fn workflow(&self) -> &str {
        &self.attempt.workflow
    }

    /// Id of the run.
    ///
    /// ```
    /// let ctx = stepmill_sdk::testing::context();
    /// assert!(ctx.run().starts_with("run_"));
    /// ```
    pub fn run(&self) -> &str {
        &self.attempt.run
    }

    /// Id of the step within its workflow.
    ///
    /// ```
    /// let ctx = stepmill_sdk::testing::context();
    /// assert_eq!(ctx.step(), "step");
    /// ```
    pub fn step(&self) -> &str {
        &self.attempt.step
    }

    /// Number of this attempt, from 1. It goes on counting over a redrive.
    ///
    /// ```
    /// let ctx = stepmill_sdk::testing::context();
    /// assert_eq!(ctx.attempt(), 1);
    /// ```
    pub fn attempt(&self) -> u32 {
        self.attempt.number
    }

    /// The same for every attempt of this step of this run, different for every other step and run.
    ///
    /// ```
    /// let ctx = stepmill_sdk::testing::context();
    /// assert_eq!(ctx.idempotency_key(), "test-key");
    /// ```
    pub fn idempotency_key(&self) -> &str {
        &self.attempt.idempotency_key
    }

    /// When the run's event was accepted.
    ///
    /// ```
    /// let ctx = stepmill_sdk::testing::context();
    /// assert!(ctx.accepted_at() > std::time::SystemTime::UNIX_EPOCH);
    /// ```
    pub fn accepted_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.attempt.accepted_at_ms)
    }

    /// How long this attempt may take from its start.
    ///
    /// ```
    /// let ctx = stepmill_sdk::testing::context();
    /// assert_eq!(ctx.timeout().as_secs(), 30);
    /// ```
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.attempt.timeout_ms)
    }
}

/// The context of a connector: a [`Context`] with the means to reach out.
///
/// ```
/// use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
/// let ctx = testing::connector_context(&FakeHttp::new(), &MemoryStorage::new());
/// ctx.storage().put("last", "A1").unwrap();
/// assert_eq!(ctx.storage().get("last").unwrap().as_deref(), Some(b"A1".as_slice()));
/// ```
#[derive(Clone, Debug)]
pub struct ConnectorContext {
    context: Context,
    http: Http,
    storage: Storage,
}

impl ConnectorContext {
    pub(crate) fn new(
        attempt: Attempt,
        http: Rc<dyn http::Backend>,
        storage: Rc<dyn storage::Backend>,
    ) -> Self {
        Self { context: Context::new(attempt), http: Http::new(http), storage: Storage::new(storage) }
    }

    /// HTTP to the step's system, and to what else its grant allows.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new().reply("GET", "/ping", 200, "pong");
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// assert!(ctx.http().get("/ping").send().unwrap().is_success());
    /// ```
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Storage shared by the runs of the workflow.
    ///
    /// ```
    /// # use stepmill_sdk::testing::{FakeHttp, MemoryStorage, connector_context};
    /// let http = FakeHttp::new();
    /// let ctx = connector_context(&http, &MemoryStorage::new());
    /// ctx.storage().add("orders", 1).unwrap();
    /// ```
    pub fn storage(&self) -> &Storage {
        &self.storage
    }
}

impl Deref for ConnectorContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}
