//! Write Stepmill plugins in Rust.
