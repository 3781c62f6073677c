//! Asks for a reload when files change. It looks at them from time to time, which works on every file system, also
//! where files are replaced as a whole folder at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Current, Reload};
use crate::config::Project;
use crate::distribution::{BUNDLE, Lock, SIGNATURE, beside};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is seen of files: when each was written and how long it is; nothing of one that is not there.
pub(crate) type Seen = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

impl Reload {
    /// Asks for a reload, as files may have changed while the service started. Then looks until `stop`, and asks when files are others than those in force and have been the same for two looks, so
    /// that one which is being written is not read.
    pub async fn watch(&self, asked: &Notify, stop: CancellationToken) {
        let mut in_force = self.look().await;
        asked.notify_one();
        let mut before = in_force.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = self.look().await;
            if now == before && now != in_force {
                asked.notify_one();
                in_force = now.clone();
            }
            before = now;
        }
    }

    async fn look(&self) -> Seen {
        let files = self.current.lock().await.files();
        // A panic in it would be seen as files that are gone, and asks for one reload.
        let look = move || look(files);
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

impl Current {
    /// Everything that a reload reads but secrets: config, lock, workflows, plugins with their signatures, keys,
    /// certificates, files that steps name.
    fn files(&self) -> Vec<PathBuf> {
        let Project { config, .. } = &self.project;
        let plugins: Vec<_> = config.plugins.values().filter_map(|plugin| plugin.path.as_deref()).collect();
        let beside = |plugin: &&Path| [SIGNATURE, BUNDLE].map(|suffix| beside(plugin, suffix));
        let signatures: Vec<_> = plugins.iter().flat_map(beside).collect();
        let shadows = config.shadows.values().map(|shadow| shadow.path.as_path());
        let keys = config.trust.keys.values().map(PathBuf::as_path);
        let certificates = config.systems.values().filter_map(|system| system.ca.as_deref());
        let named = self.named.iter().map(PathBuf::as_path);
        let signed = plugins.into_iter().chain(signatures.iter().map(PathBuf::as_path)).chain(keys);
        let below =
            signed.chain(shadows).chain(certificates).chain(named).map(|file| self.project.path(file));
        let top = [self.project.file.clone(), Lock::file(&self.project.root)];
        top.into_iter().chain(self.project.workflow_files()).chain(below).collect()
    }
}

/// Looks at files.
pub(crate) fn look(files: Vec<PathBuf>) -> Seen {
    files.into_iter().map(|file| (file.clone(), seen(&file))).collect()
}

fn seen(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = file.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
