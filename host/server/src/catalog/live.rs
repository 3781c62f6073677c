//! The catalog that is in force.

use std::sync::Arc;

use tokio::sync::watch;

use super::Catalog;

/// A handle to the catalog that is in force, which a reload replaces as a whole. Whoever works by a catalog keeps it
/// to the end of what he does: a request, a look at the queues, a run's flight.
#[derive(Clone, Debug)]
pub struct Live(Arc<watch::Sender<Arc<Catalog>>>);

impl Live {
    /// A handle to this catalog.
    pub fn new(catalog: impl Into<Arc<Catalog>>) -> Self {
        Self(Arc::new(watch::Sender::new(catalog.into())))
    }

    /// The catalog in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts another catalog in force.
    pub fn replace(&self, catalog: Catalog) {
        self.0.send_replace(Arc::new(catalog));
    }

    /// Tells of catalogs that are put in force after this.
    pub fn changes(&self) -> watch::Receiver<Arc<Catalog>> {
        self.0.subscribe()
    }
}
