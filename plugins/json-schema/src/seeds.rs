//! Seeds of hash maps.
//!
//! `jsonschema` keeps its keywords in maps of `ahash`, which draws their seeds through `getrandom` as if they were to
//! be secret. They are drawn while the schema is compiled, and the host refuses random numbers there. The standard
//! library's maps have seeds that it does answer, from the step's config: those are handed on.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// What `getrandom` calls (`.cargo/config.toml` says so). Nothing else here draws random numbers.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(to: *mut u8, len: usize) -> Result<(), getrandom::Error> {
    let seeds = std::iter::repeat_with(|| RandomState::new().build_hasher().finish().to_le_bytes());
    for (at, byte) in seeds.flatten().take(len).enumerate() {
        // SAFETY: `getrandom` gives a buffer of `len` bytes to write to.
        unsafe { to.add(at).write(byte) };
    }
    Ok(())
}
