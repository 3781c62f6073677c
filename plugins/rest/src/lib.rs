//! Stock plugin rest.
