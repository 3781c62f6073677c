//! Versions of workflows and the components that they use: kept as long as there is a run of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepmill_core::journal::{Deployment, JournalError};
use stepmill_core::workflow::Version;

use crate::batch::Draft;
use crate::codec::encode;
use crate::keys;
use crate::tree::Order;

/// How long a version stays that nothing begins under any more, in milliseconds: a request that was being read while
/// another took its place begins a run of it.
const GRACE_MS: u64 = 10 * 60 * 1_000;

/// The versions that are deployed, and when those that were have ceased to be, in milliseconds since the Unix epoch.
pub(crate) type Deployed = BTreeMap<Arc<str>, Option<u64>>;

/// Whether a version may go, if no run is of it.
pub(crate) fn is_over(deployed: &Deployed, id: &str, now_ms: u64) -> bool {
    deployed
        .get(id)
        .is_none_or(|ceased_ms| ceased_ms.is_some_and(|at_ms| at_ms.saturating_add(GRACE_MS) <= now_ms))
}

/// A deployment, encoded.
pub(crate) struct Deploying {
    ids: BTreeSet<Arc<str>>,
    versions: Vec<(Arc<str>, Vec<u8>)>,
    components: Vec<(Arc<str>, Arc<[u8]>)>,
}

impl Deploying {
    /// Encodes what is to be kept.
    pub(crate) fn prepare(deployment: Deployment) -> Result<Self, JournalError> {
        let Deployment { versions, components } = deployment;
        let encoded = |version: Version| Ok((Arc::clone(&version.id), encode(&version)?));
        Ok(Self {
            ids: versions.iter().map(|version| Arc::clone(&version.id)).collect(),
            versions: versions.into_iter().map(encoded).collect::<Result<_, JournalError>>()?,
            components: components.into_iter().collect(),
        })
    }
}

/// Has these versions deployed and no others. What is kept already is not written again.
pub(crate) fn deploy(draft: &mut Draft<'_, '_>, deploying: Deploying) -> Result<(), JournalError> {
    let Deploying { ids, versions, components } = deploying;
    for (id, value) in versions {
        let key = keys::version(&id);
        if !draft.contains(&key)? {
            draft.put_new(key, value);
        }
    }
    for (digest, bytes) in components {
        let key = keys::component(&digest);
        if !draft.contains(&key)? {
            draft.put_new(key, bytes.to_vec());
        }
    }
    let before: Deployed = draft.get(keys::DEPLOYED)?.unwrap_or_default();
    let mut now = before.clone();
    for (id, ceased_ms) in &mut now {
        if !ids.contains(id) {
            ceased_ms.get_or_insert(draft.now_ms());
        }
    }
    now.extend(ids.into_iter().map(|id| (id, None)));
    if now != before {
        draft.put(keys::DEPLOYED.to_vec(), encode(&now)?);
    }
    Ok(())
}

/// Counts a run that comes under a version, changes it or goes.
pub(super) fn count(
    draft: &mut Draft<'_, '_>,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), JournalError> {
    if from == to {
        return Ok(());
    }
    for (version, change) in [(from, -1), (to, 1)] {
        let Some(version) = version else { continue };
        let key = keys::version_runs(version);
        let before = draft.get::<u64>(&key)?;
        match before.unwrap_or_default().saturating_add_signed(change) {
            0 => draft.remove(key),
            runs if before.is_some() => draft.put(key, encode(&runs)?),
            runs => draft.put_new(key, encode(&runs)?),
        }
    }
    Ok(())
}

/// Removes a version that is not deployed any more and that no run is of. Answers whether it went.
pub(super) fn prune_version(draft: &mut Draft<'_, '_>, id: &str) -> Result<bool, JournalError> {
    let key = keys::version(id);
    let mut deployed: Deployed = draft.get(keys::DEPLOYED)?.unwrap_or_default();
    let is_needed = !is_over(&deployed, id, draft.now_ms()) || draft.contains(&keys::version_runs(id))?;
    if is_needed || !draft.contains(&key)? {
        return Ok(false);
    }
    draft.remove(key);
    if deployed.remove(id).is_some() {
        draft.put(keys::DEPLOYED.to_vec(), encode(&deployed)?);
    }
    Ok(true)
}

/// Removes a component that no version uses. Answers whether it went.
pub(super) fn prune_component(draft: &mut Draft<'_, '_>, digest: &str) -> Result<bool, JournalError> {
    let key = keys::component(digest);
    for (at, _) in draft.scan(&keys::versions(), Order::Ascending, usize::MAX)? {
        let version = draft.get::<Version>(&at)?;
        if version.is_some_and(|version| version.digests().any(|used| **used == *digest)) {
            return Ok(false);
        }
    }
    if !draft.contains(&key)? {
        return Ok(false);
    }
    draft.remove(key);
    Ok(true)
}
