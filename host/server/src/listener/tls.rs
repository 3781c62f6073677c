//! The certificates of the listeners: read at the start, by a reload, and when their files change. What is wrong with new ones is
//! logged, and those before stay.

mod material;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::config::{Project, Tls};
use crate::diagnostic::Diagnostics;
use crate::reload::watch::look;

/// Pause between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What may have TLS: the keys of `server`.
const KEYS: [&str; 2] = [INGRESS, ADMIN];
/// The key of ingress.
pub const INGRESS: &str = "tls";
/// The key of the admin API.
pub const ADMIN: &str = "admin_tls";

/// The certificates in force, by the key of the listener.
#[derive(Debug)]
pub struct Certificates {
    in_force: RwLock<Fresh>,
}

/// Certificates that are good.
#[derive(Clone, Debug)]
pub struct Fresh {
    project: Arc<Project>,
    by_key: BTreeMap<&'static str, Arc<ServerConfig>>,
}

/// What a project says of a listener's TLS.
fn of<'p>(project: &'p Project, key: &str) -> Option<&'p Tls> {
    let server = &project.config.server;
    if key == ADMIN { server.admin_tls.as_ref() } else { server.tls.as_ref() }
}

/// Reads all certificates of a project. Answers what is suspicious about them too.
///
/// # Errors
/// Every file that cannot be read, key that does not fit, and whatever else is wrong.
pub fn read(project: &Project) -> Result<(Fresh, Diagnostics), Diagnostics> {
    let mut found = Diagnostics::default();
    let mut by_key = BTreeMap::new();
    for (key, tls) in KEYS.into_iter().filter_map(|key| Some((key, of(project, key)?))) {
        by_key.extend(material::server_config(project, key, tls, &mut found).map(|config| (key, config)));
    }
    found.or(Fresh { project: Arc::new(project.clone()), by_key })
}

impl Certificates {
    /// Those that a service starts with.
    pub fn new(fresh: Fresh) -> Arc<Self> {
        Arc::new(Self { in_force: RwLock::new(fresh) })
    }

    /// How the next connection of a listener is made; nothing if it has no TLS.
    pub(crate) fn current(&self, key: &str) -> Option<Arc<ServerConfig>> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).by_key.get(key).map(Arc::clone)
    }

    /// Puts others in force for connections to come. Whether a listener has TLS at all is settled at the start.
    pub(crate) fn replace(&self, fresh: Fresh) {
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        let Fresh { project, mut by_key } = fresh;
        by_key.retain(|key, _| in_force.by_key.contains_key(key));
        in_force.project = project;
        in_force.by_key.extend(by_key);
    }

    fn project(&self) -> Arc<Project> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner).project)
    }

    /// Reads the files again whenever they have changed, until `stop`. They must have been the same for two looks, so that one
    /// which is being written is not read.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut in_force = None;
        let mut before = None;
        loop {
            let project = self.project();
            let looked = tokio::task::spawn_blocking(move || {
                let tls = KEYS.into_iter().filter_map(|key| of(&project, key));
                let files: Vec<_> = tls.flat_map(Tls::files).map(|file| project.path(&file)).collect();
                look(files)
            });
            // A panic in it is seen as nothing new.
            let Ok(now) = looked.await else { return };
            if in_force.is_none() {
                in_force = Some(now.clone());
            } else if before.as_ref() == Some(&now) && in_force.as_ref() != Some(&now) {
                self.reread().await;
                in_force = Some(now.clone());
            }
            before = Some(now);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn reread(&self) {
        let project = self.project();
        let read = tokio::task::spawn_blocking(move || read(&project)).await;
        match read.unwrap_or_else(|join| std::panic::resume_unwind(join.into_panic())) {
            Ok((fresh, warnings)) => {
                for warning in warnings.iter() {
                    tracing::warn!("{warning}");
                }
                self.replace(fresh);
                tracing::info!("the certificates have changed, and are in force");
            }
            Err(found) => {
                for problem in found.iter() {
                    tracing::error!("{problem}");
                }
                tracing::error!("the certificates are as they were before");
            }
        }
    }
}
