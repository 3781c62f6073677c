//! What `stepmill plugin lock` takes in: a plugin as it is at its source now, beside the one that is locked.

use std::collections::BTreeSet;

use stepmill_core::manifest::Kind;
use stepmill_sandbox::Sandbox;

use super::lock::{LOCK, Locked};
use super::permissions::permissions;
use super::supply::Wanted;
use super::trust::Trust;
use super::{digest_of, fetch};
use crate::config::{Plugin, Project};
use crate::diagnostic::Diagnostics;

/// A plugin that could be locked.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its name in `stepmill.yaml`.
    pub name: String,
    /// What the lock file would say.
    pub locked: Locked,
    /// What it says, if it has the plugin.
    pub before: Option<Locked>,
}

impl Proposal {
    /// What it can reach and could not when somebody last accepted it; nothing of one that is new, since locking it is
    /// accepting it.
    pub fn grown(&self) -> BTreeSet<&String> {
        match &self.before {
            Some(before) => self.locked.permissions.difference(&before.permissions).collect(),
            None => BTreeSet::new(),
        }
    }

    /// The kind that it was and is no more.
    pub fn former_kind(&self) -> Option<Kind> {
        self.before.as_ref().map(|before| before.kind).filter(|kind| *kind != self.locked.kind)
    }

    /// What it cannot reach any more.
    pub fn lost(&self) -> BTreeSet<&String> {
        self.before
            .iter()
            .flat_map(|before| before.permissions.difference(&self.locked.permissions))
            .collect()
    }
}

/// Why a plugin has to be locked, again or at all; none if its entry is of what config says.
pub fn is_stale(plugin: &Plugin, name: &str, locked: Option<&Locked>) -> Option<String> {
    // A plugin whose origin is none was an error when config was read.
    let origin = super::Origin::of(plugin).ok()?;
    match locked {
        Some(locked) if locked.source != origin.to_string() => {
            Some(format!("{LOCK} has {name} from {}, and it comes from {origin}", locked.source))
        }
        None if origin.is_remote() => Some(format!("{LOCK} has no plugin {name}")),
        Some(_) | None => None,
    }
}

/// Fetches a plugin, checks its signature and loads it.
///
/// # Errors
/// It cannot be fetched, is not trusted, or is none; at its place in `stepmill.yaml`.
pub async fn propose(
    project: &Project,
    trust: &Trust,
    sandbox: &Sandbox,
    name: &str,
    before: Option<&Locked>,
) -> Result<Proposal, Diagnostics> {
    let missing = || project.source.error("/plugins", format!("there is no plugin {name}"));
    let plugin = project.config.plugins.get(name).ok_or_else(missing)?;
    let wanted = Wanted::of(project, name, plugin)?;
    let (place, contact) = (wanted.place(), wanted.contact(plugin)?);
    let fetched = fetch::component(&place, &contact, None).await.map_err(|error| wanted.unfetched(&error))?;
    let digest = digest_of(&fetched.bytes);
    if let Some(pinned) = plugin.digest.as_ref().filter(|pinned| !pinned.eq_ignore_ascii_case(&digest)) {
        let message = format!("what is at {} is not the component that `digest` pins", wanted.origin);
        let help = format!("it is {digest}, and {pinned} is wanted: correct the one or the other");
        return Err(wanted.error(message).help(help).into());
    }
    let mut signer = None;
    if let Some(demand) = trust.demand(plugin, &wanted.origin) {
        let proofs = fetch::proofs(&place, &contact, fetched.manifest.as_ref())
            .await
            .map_err(|error| wanted.unfetched(&error))?;
        signer = Some(demand.signer(&proofs, &fetched.bytes).map_err(|why| wanted.distrust(&why))?);
    }
    let loaded = sandbox.load(&fetched.bytes).await.map_err(|error| {
        let why = crate::catalog::chain(&error);
        wanted.error(format!("the plugin {} does not load: {why}", wanted.origin))
    })?;
    let locked = Locked {
        source: wanted.origin.to_string(),
        digest,
        manifest: fetched.manifest.map(|manifest| manifest.digest),
        size: loaded.size,
        version: loaded.manifest.version,
        kind: loaded.manifest.kind,
        permissions: permissions(&loaded.imports),
        signer,
    };
    Ok(Proposal { name: name.to_owned(), locked, before: before.cloned() })
}
