//! The bytes of a configured plugin, as it is locked and signed, or why there are none.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::cache::Cache;
use super::contact::{Authorities, Contact};
use super::credentials::Credentials;
use super::fetch::{self, Fetched, read_file};
use super::lock::{LOCK, Lock, Locked};
use super::origin::Origin;
use super::permissions::listed;
use super::signature::Proof;
use super::trust::{Demand, Distrust, Trust};
use super::{FetchError, Manifest, digest_of};
use crate::config::{FILE, Plugin, Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// What may be done for a plugin that is not in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fetching {
    /// It is fetched and kept.
    #[default]
    Keep,
    /// It is fetched and not kept: whoever looks leaves nothing behind.
    Look,
    /// It is not fetched.
    Never,
}

/// Gives out the plugins of a project.
pub struct Supply<'a> {
    project: &'a Project,
    lock: Lock,
    trust: Trust,
    cache: Cache,
    fetching: Fetching,
}

/// A plugin's bytes.
#[derive(Clone, Debug)]
pub struct Supplied {
    /// The component.
    pub bytes: Vec<u8>,
    /// Where it comes from.
    pub origin: Origin,
    /// What it may reach, if somebody has been asked.
    pub accepted: Option<BTreeSet<String>>,
}

impl<'a> Supply<'a> {
    /// Reads the lock file and the keys. Warnings go to `found`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of(
        project: &'a Project,
        fetching: Fetching,
        found: &mut Diagnostics,
    ) -> Result<Self, Diagnostics> {
        let lock = Lock::read(&project.root)?;
        let trust = Trust::of(project)?;
        let gone = lock.plugins.keys().filter(|name| !project.config.plugins.contains_key(*name));
        found.extend(gone.map(|name| {
            let message = format!("{LOCK} has a plugin {name}, which {FILE} has not");
            Diagnostic::of_file(Lock::file(&project.root), message)
                .help("run `stepmill plugin lock`, which removes it")
                .warning()
        }));
        let cache = Cache::in_data_folder(&project.data_folder());
        Ok(Self { project, lock, trust, cache, fetching })
    }

    /// A plugin of config.
    ///
    /// # Errors
    /// Why there is none, at its place in `stepmill.yaml`.
    pub async fn take(&self, name: &str, plugin: &Plugin) -> Result<Supplied, Diagnostics> {
        let wanted = Wanted::of(self.project, name, plugin)?;
        let locked = self.lock.plugins.get(name);
        if let Some(locked) = locked.filter(|locked| locked.source != wanted.origin.to_string()) {
            let message = format!("{LOCK} has {name} from {}, not from here", locked.source);
            return Err(wanted.error(message).help(relock(name)).into());
        }
        let demand = self.trust.demand(plugin, &wanted.origin);
        let (bytes, proofs) = match (&wanted.path, locked) {
            (Some(path), _) if demand.is_some() => (wanted.read(path)?, wanted.proofs(plugin, None).await?),
            (Some(path), _) => (wanted.read(path)?, Vec::new()),
            (None, Some(locked)) => self.locked(&wanted, plugin, locked, demand.as_ref()).await?,
            (None, None) => {
                let message =
                    format!("the plugin {name} is not in {LOCK}, so nobody has said which one is meant");
                let help =
                    "run `stepmill plugin lock`, which shows what it is and what it can reach, and commit";
                return Err(wanted.error(message).help(format!("{help} {LOCK}")).into());
            }
        };
        if let Some(locked) = locked.filter(|locked| locked.digest != digest_of(&bytes)) {
            let problem = wanted.error(format!("{} is not the component that is locked", wanted.origin));
            let help = format!(
                "it is {}, and {LOCK} has {}: put that one back, or {}",
                digest_of(&bytes),
                locked.digest,
                relock(name)
            );
            return Err(problem.help(help).into());
        }
        if let Some(demand) = demand {
            demand.signer(&proofs, &bytes).map_err(|why| wanted.distrust(&why))?;
        }
        let accepted = locked.map(|locked| locked.permissions.clone());
        Ok(Supplied { bytes, origin: wanted.origin, accepted })
    }

    /// What a plugin that was loaded reaches beyond what was accepted.
    ///
    /// # Errors
    /// There is such a thing.
    pub fn consented(
        &self,
        name: &str,
        supplied: &Supplied,
        permissions: &BTreeSet<String>,
    ) -> Result<(), Diagnostics> {
        let Some(accepted) = &supplied.accepted else { return Ok(()) };
        let grown: Vec<&String> = permissions.difference(accepted).collect();
        if grown.is_empty() {
            return Ok(());
        }
        let at = pointer(&["plugins", name, supplied.origin.key()]);
        let message = format!(
            "the plugin {name} can reach {}, which nobody has accepted ({LOCK} has {})",
            listed(grown),
            listed(accepted)
        );
        let help = format!("if that is right, `stepmill plugin lock {name} --accept-permissions`");
        Err(self.project.source.error(&at, message).help(help).into())
    }

    /// From the cache, else from where it was locked.
    async fn locked(
        &self,
        wanted: &Wanted<'_>,
        plugin: &Plugin,
        locked: &Locked,
        demand: Option<&Demand<'_>>,
    ) -> Result<(Vec<u8>, Vec<Proof>), Diagnostics> {
        let (bytes, mut manifest) = match self.cache.component(&locked.digest) {
            Some(bytes) => (bytes, None),
            None => {
                let fetched = self.fetch(wanted, plugin, locked).await?;
                (fetched.bytes, Some(fetched.manifest))
            }
        };
        let Some(demand) = demand else { return Ok((bytes, Vec::new())) };
        let kept = self.cache.proofs(&locked.digest);
        if demand.signer(&kept, &bytes).is_ok() {
            return Ok((bytes, kept));
        }
        // It may have been signed since, or by somebody who is trusted since.
        let fetched = async {
            if self.fetching == Fetching::Never {
                return Err(wanted.not_here("the signature of the plugin").into());
            }
            // The manifest is what is signed.
            if manifest.is_none() && locked.manifest.is_some() {
                manifest = Some(self.fetch(wanted, plugin, locked).await?.manifest);
            }
            wanted.proofs(plugin, manifest.flatten().as_ref()).await
        };
        let proofs = match fetched.await {
            // What is kept is not good, which says more than that there may be something better elsewhere.
            Err(_) if !kept.is_empty() => return Ok((bytes, kept)),
            fetched => fetched?,
        };
        if self.fetching == Fetching::Keep && demand.signer(&proofs, &bytes).is_ok() {
            self.keep(wanted, |cache| cache.keep_proofs(&locked.digest, &proofs))?;
        }
        Ok((bytes, proofs))
    }

    async fn fetch(
        &self,
        wanted: &Wanted<'_>,
        plugin: &Plugin,
        locked: &Locked,
    ) -> Result<Fetched, Diagnostics> {
        if self.fetching == Fetching::Never {
            return Err(wanted.not_here("the plugin").into());
        }
        let contact = wanted.contact(plugin)?;
        let fetched = fetch::component(&wanted.origin, &contact, locked.manifest.as_deref())
            .await
            .map_err(|error| wanted.unfetched(&error))?;
        let digest = digest_of(&fetched.bytes);
        if digest != locked.digest {
            let message = format!("what is at {} now is not the component that is locked", wanted.origin);
            let help = format!(
                "it is {digest}, and {LOCK} has {}: find out who replaced it; if it is the right one, {}",
                locked.digest,
                relock(wanted.name)
            );
            return Err(wanted.error(message).help(help).into());
        }
        if self.fetching == Fetching::Keep {
            self.keep(wanted, |cache| cache.keep(&digest, &fetched.bytes))?;
            self.prune();
            tracing::info!(plugin = wanted.name, source = %wanted.origin, digest, "plugin fetched");
        }
        Ok(fetched)
    }

    /// What is too much is no reason not to start.
    fn prune(&self) {
        let locked = self.lock.plugins.values().map(|locked| locked.digest.as_str()).collect();
        if let Err(error) = self.cache.prune(&locked) {
            tracing::warn!(%error, "plugins that are not used any more could not be removed from the data folder");
        }
    }

    fn keep(
        &self,
        wanted: &Wanted<'_>,
        keep: impl FnOnce(&Cache) -> std::io::Result<()>,
    ) -> Result<(), Diagnostics> {
        keep(&self.cache).map_err(|error| {
            let folder = self.project.data_folder();
            wanted
                .error(format!("the plugin {} cannot be kept in {}: {error}", wanted.name, folder.display()))
                .help("let the user of the service write the data folder (server.data)")
                .into()
        })
    }
}

/// A plugin of config, for whoever has no service: what is fetched for it is not kept.
///
/// # Errors
/// Why there is none.
pub async fn configured(project: &Project, name: &str, plugin: &Plugin) -> Result<Supplied, Diagnostics> {
    // Warnings are about the project as a whole, which this is not.
    let supply = Supply::of(project, Fetching::Look, &mut Diagnostics::default())?;
    supply.take(name, plugin).await
}

/// A configured plugin and its place in `stepmill.yaml`.
pub(super) struct Wanted<'a> {
    project: &'a Project,
    name: &'a str,
    pub(super) origin: Origin,
    /// Its file, if it is one.
    path: Option<PathBuf>,
    authorities: Option<Authorities>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(project: &'a Project, name: &'a str, plugin: &Plugin) -> Result<Self, Diagnostics> {
        let origin = Origin::of(plugin).map_err(|wrong| wrong.diagnostic(&project.source, name))?;
        let path = match &origin {
            Origin::File(path) => Some(project.path(path)),
            Origin::Url(_) | Origin::Oci { .. } => None,
        };
        let authorities = plugin.ca.as_ref().map(|file| Authorities::read(&project.path(file))).transpose();
        let authorities = authorities.map_err(|wrong| {
            project.source.error(&pointer(&["plugins", name, "ca"]), wrong.to_string()).help(wrong.help())
        })?;
        Ok(Self { project, name, origin, path, authorities })
    }

    /// Where it is fetched from: as config says, but for a file, which is below the project.
    pub(super) fn place(&self) -> Origin {
        match &self.path {
            Some(path) => Origin::File(path.clone()),
            None => self.origin.clone(),
        }
    }

    /// How the place that it is fetched from is spoken to.
    pub(super) fn contact(&self, plugin: &Plugin) -> Result<Contact, Diagnostics> {
        let credentials =
            Credentials::resolve(plugin.auth.as_ref(), &self.project.root).map_err(|(key, error)| {
                let at = format!("{}/auth/{key}", pointer(&["plugins", self.name]));
                error.diagnostic(&self.project.source, &at)
            })?;
        Ok(Contact { credentials, authorities: self.authorities.clone() })
    }

    pub(super) fn error(&self, message: String) -> Diagnostic {
        self.project.source.error(&pointer(&["plugins", self.name, self.origin.key()]), message)
    }

    pub(super) fn distrust(&self, why: &Distrust) -> Diagnostic {
        self.error(format!("the plugin {} is not trusted: {why}", self.name)).help(why.help(&self.place()))
    }

    pub(super) fn unfetched(&self, error: &FetchError) -> Diagnostic {
        let why = crate::catalog::chain(error);
        self.error(format!("the plugin {} cannot be fetched: {why}", self.name)).help(error.help())
    }

    /// What proves whose it is, from where it comes from.
    async fn proofs(&self, plugin: &Plugin, manifest: Option<&Manifest>) -> Result<Vec<Proof>, Diagnostics> {
        let contact = self.contact(plugin)?;
        let proofs = fetch::proofs(&self.place(), &contact, manifest).await;
        proofs.map_err(|error| self.unfetched(&error).into())
    }

    fn not_here(&self, what: &str) -> Diagnostic {
        self.error(format!("{what} {} is not in the cache, so the plugin is not looked at", self.name))
            .help("leave --offline out to have it fetched")
            .warning()
    }

    fn read(&self, path: &std::path::Path) -> Result<Vec<u8>, Diagnostics> {
        read_file(path).map_err(|error| {
            let help =
                format!("paths are relative to the folder of {FILE}; build the plugin first if it is yours");
            self.error(format!("the plugin {} cannot be read: {error}", path.display())).help(help).into()
        })
    }
}

/// What to type for a plugin that is another than the one that is locked.
pub(super) fn relock(name: &str) -> String {
    format!("run `stepmill plugin lock {name}`, which shows what changes, and commit {LOCK}")
}
