//! What happened, in order, as the doubles of the seams saw it.

use std::sync::{Arc, Mutex};

/// Lines that several doubles write in one order, to be compared as text. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// Adds a line.
    pub fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
