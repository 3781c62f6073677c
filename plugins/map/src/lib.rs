//! Stock plugin map.
