//! A step to measure, and what the guest `parse-shape` does as native code.

use std::sync::Arc;

use serde_json::{Map, Value};
use stepmill_core::clock::SystemClock;
use stepmill_core::document::{Body, Document};
use stepmill_core::grant::Grant;
use stepmill_core::invoke::Attempt;
use stepmill_core::limits::Limits;
use stepmill_core::{Invoke as _, RunId};
use stepmill_journal::LocalJournal;
use stepmill_sandbox::egress::Egress;
use stepmill_sandbox::{Options, Sandbox};
use tokio_util::sync::CancellationToken;

use crate::payload::order;

/// A plugin in a sandbox.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) sandbox: Arc<Sandbox>,
    digest: Arc<str>,
    config: Arc<str>,
}

/// A sandbox with the options that the service has by default, and no system to reach.
pub(super) fn sandbox() -> Arc<Sandbox> {
    let clock = Arc::new(SystemClock);
    let storage = Arc::new(LocalJournal::memory(clock.clone()).unwrap());
    let egress = Egress::try_new(Vec::new()).unwrap();
    Sandbox::try_new(Options::default(), egress, storage, clock).unwrap()
}

impl Step {
    /// Loads a component; `config` is JSON.
    pub(super) async fn load(sandbox: &Arc<Sandbox>, component: &[u8], config: &str) -> Self {
        let loaded = sandbox.load(component).await.unwrap();
        Self { sandbox: Arc::clone(sandbox), digest: loaded.digest.into(), config: config.into() }
    }

    /// An attempt on an order of `bytes` bytes.
    pub(super) fn attempt(&self, bytes: usize) -> Attempt {
        let input = Document::from_bytes("application/json", order(1, bytes).into_bytes());
        Attempt {
            digest: Arc::clone(&self.digest),
            plugin: "measured".into(),
            workflow: "orders".into(),
            run: RunId::new(1_700_000_000_000, [7; 10]),
            step: "measured".into(),
            number: 1,
            idempotency_key: "run:step".into(),
            accepted_at_ms: 1_700_000_000_000,
            input: Arc::new(input),
            config: Arc::clone(&self.config),
            limits: Limits::default(),
            grant: Arc::new(Grant::default()),
        }
    }

    /// Lets later attempts begin with the config made ready.
    pub(super) async fn prepare(&self) {
        self.sandbox.prepare(&self.digest, &self.config, &CancellationToken::new()).await.unwrap();
    }

    /// One attempt as the dispatcher makes it.
    pub(super) async fn fresh(&self, attempt: &Attempt) -> Arc<Document> {
        self.sandbox.invoke(attempt.clone()).await.outcome.unwrap()
    }
}

/// The text of a document.
pub(super) fn text(document: &Document) -> &str {
    match &document.body {
        Body::Text(text) => text,
        Body::Binary(_) => panic!("a JSON document is text"),
    }
}

/// What the guest does, from text to text.
pub(super) fn native(text: &str) -> String {
    shape(serde_json::from_str(text).unwrap()).to_string()
}

/// A copy of the function in tests/guests/src/parse_shape.rs, which is private to its component. The
/// benchmark compares their outputs before it measures, so that they cannot drift apart.
fn shape(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let count = members.len();
            let mut shaped: Map<String, Value> =
                members.into_iter().map(|(key, value)| (key.to_ascii_uppercase(), shape(value))).collect();
            shaped.insert("COUNT".to_owned(), count.into());
            Value::Object(shaped)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(shape).collect()),
        scalar => scalar,
    }
}

/// Whether two texts are the same JSON.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let parse = |text| serde_json::from_str::<Value>(text).unwrap();
    parse(one) == parse(other)
}
