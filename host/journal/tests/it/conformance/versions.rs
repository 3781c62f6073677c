//! Versions of workflows and their components: what is kept, and for how long.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use stepmill_core::Clock as _;
use stepmill_core::journal::{Acceptance, Claim, Deployment, Retention};
use stepmill_core::manifest::{Kind, Manifest};
use stepmill_core::run::{Entry, What};
use stepmill_core::workflow::{PluginInfo, Version};

use crate::fixtures::{Fixture, NOW, acceptance, died, done, transition};

/// How long a version stays that is not deployed any more, in milliseconds.
const GRACE: u64 = 600_000;

/// A version of a workflow whose one step uses a component.
pub fn version(id: &str, component: &str) -> Version {
    let definition = json!({
        "name": "orders",
        "timeout": "1h",
        "on": { "webhook": { "path": "/orders", "verify": { "scheme": "none" } } },
        "steps": [
            { "id": "shape", "use": "shape", "with": { "n": 1.5, "of": ["${{ input.id }}"] } },
            { "id": "each", "for-each": { "in": "${{ input.items }}", "batch": 2 }, "use": "shape" },
            { "id": "rest", "sleep": "5s" },
        ],
    });
    let manifest = Manifest {
        name: "shape".into(),
        version: "1.0.0".into(),
        summary: "for tests".into(),
        kind: Kind::Transform,
        config_schema: json!({ "type": "object" }),
        input_schema: None,
        output_schema: Some(json!(true)),
    };
    let plugin = PluginInfo { manifest: Arc::new(manifest), digest: component.into() };
    Version {
        id: id.into(),
        definition: serde_json::from_value(definition).unwrap(),
        files: BTreeMap::from([("schema.json".to_owned(), json!({ "type": "object", "minimum": -3 }))]),
        plugins: BTreeMap::from([("shape".to_owned(), plugin)]),
    }
}

pub fn deployment(versions: &[&Version]) -> Deployment {
    let digests = versions.iter().flat_map(|version| version.digests());
    let bytes = |digest: &Arc<str>| (Arc::clone(digest), digest.repeat(20_000).into_bytes().into());
    Deployment {
        versions: versions.iter().map(|version| (*version).clone()).collect(),
        components: digests.map(bytes).collect(),
    }
}

fn of(version: &str) -> Acceptance {
    let mut acceptance = acceptance(NOW);
    acceptance.accepted.version = version.into();
    acceptance
}

impl Fixture {
    /// Which versions are kept, which are deployed, and how many runs there are of each.
    async fn kept(&self) -> Vec<(String, bool, u64)> {
        let kept = self.journal.versions().await.unwrap();
        kept.into_iter().map(|kept| (kept.version.to_string(), kept.is_deployed, kept.runs)).collect()
    }

    async fn has_component(&self, digest: &str) -> bool {
        let found = self.journal.component(digest).await.unwrap();
        found.is_some_and(|bytes| bytes == digest.repeat(20_000).into_bytes())
    }
}

pub async fn a_version_is_read_back_as_it_was_deployed(fixture: Fixture) {
    let version = version("one", "a");
    assert!(fixture.journal.version("one").await.unwrap().is_none());
    fixture.journal.deploy(deployment(&[&version])).await.unwrap();
    let read = fixture.journal.version("one").await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&version).unwrap());
    assert_eq!(*read.plan(Default::default()).unwrap().version, *"one");
}

pub async fn a_version_is_kept_while_it_is_deployed_or_has_runs(fixture: Fixture) {
    let (one, two) = (version("one", "a"), version("two", "b"));
    fixture.journal.deploy(deployment(&[&one])).await.unwrap();
    fixture.accept(of("one")).await;
    fixture.journal.deploy(deployment(&[&two])).await.unwrap();
    assert_eq!(fixture.kept().await, [("one".into(), false, 1), ("two".into(), true, 0)]);
    assert_eq!(fixture.journal.prune(NOW, &Retention::since(NOW), 100).await.unwrap(), 0);

    let claim = fixture.claim(NOW, 1).await.pop().unwrap();
    let ended = transition(&claim.state, vec![done()]);
    fixture.journal.commit(claim.state.run, claim.epoch, ended).await.unwrap();
    assert_eq!(
        fixture.journal.prune(NOW, &Retention::since(NOW), 100).await.unwrap(),
        0,
        "the run is there still"
    );
    let over =
        [(5, "the run", 1), (GRACE - 6, "nothing yet", 0), (1, "its version", 1), (0, "its component", 1)];
    for (later, gone, count) in over {
        assert!(fixture.has_component("a").await, "{gone}");
        fixture.clock.advance(later);
        let now_ms = fixture.clock.now_ms();
        assert_eq!(
            fixture.journal.prune(now_ms, &Retention::since(now_ms), 100).await.unwrap(),
            count,
            "{gone}"
        );
    }
    assert_eq!(fixture.kept().await, [("two".into(), true, 0)]);
    assert!(!fixture.has_component("a").await && fixture.has_component("b").await);

    // As if it had never been there.
    fixture.journal.deploy(deployment(&[&one, &two])).await.unwrap();
    assert!(fixture.has_component("a").await);
    assert_eq!(fixture.kept().await, [("one".into(), true, 0), ("two".into(), true, 0)]);
}

pub async fn a_run_that_is_redriven_under_another_version_is_one_of_that(fixture: Fixture) {
    let (one, two) = (version("one", "a"), version("two", "a"));
    fixture.journal.deploy(deployment(&[&one])).await.unwrap();
    let mut dead = Vec::new();
    for _ in 0..2 {
        fixture.accept(of("one")).await;
        let Claim { state, epoch, .. } = fixture.claim(NOW, 1).await.pop().unwrap();
        fixture.journal.commit(state.run, epoch, transition(&state, vec![died()])).await.unwrap();
        dead.push(state.run);
    }
    fixture.journal.deploy(deployment(&[&two])).await.unwrap();
    assert_eq!(fixture.kept().await, [("one".into(), false, 2), ("two".into(), true, 0)]);
    let mut kept = Vec::new();
    for (run, version) in dead.into_iter().zip([None, Some("two")]) {
        let what = What::Redriven {
            from_start: false,
            document: None,
            version: version.map(Into::into),
            by: "me".into(),
            by_rule: false,
        };
        let state = fixture.journal.append(run, Entry::new(NOW, what)).await.unwrap();
        assert_eq!(state.version, version.unwrap_or("one"));
        kept.push(fixture.kept().await);
    }
    assert_eq!(kept[0], [("one".into(), false, 2), ("two".into(), true, 0)]);
    assert_eq!(kept[1], [("one".into(), false, 1), ("two".into(), true, 1)]);
}
