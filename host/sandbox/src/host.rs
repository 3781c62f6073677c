//! The host side of WIT: one module a capability, and the three linkers.
//!
//! Each capability has a view that borrows from the [`State`] what it needs, the `Host` traits
//! implemented for the view, and an entry in a linker. The pure linker is built for `State<Pure>`,
//! which has nothing to do I/O with, and the one of verifying components for `State<Keyed>`, which has keys and nothing
//! to do I/O with either.

pub(crate) mod clocks;
pub(crate) mod http;
pub(crate) mod io;
pub(crate) mod keys;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod storage;
pub(crate) mod wasi;
pub(crate) mod wasi_http;

use wasmtime::component::Linker;

use crate::bindings;
use crate::host::keys::Keyed;
use crate::state::{Pure, State};

/// What is refused while a config is made ready. It ends the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Frozen {
    #[error("it draws random numbers, which would be the same in every attempt")]
    Randomness,
    #[error("it reads a clock, whose time would be the same in every attempt")]
    Time,
}

/// The reach of connector components.
pub(crate) struct Connected {
    pub(crate) http: http::Http,
    pub(crate) storage: storage::Storage,
    pub(crate) wasi_http: wasi_http::WasiHttp,
}

/// What transform and validate components may import.
pub(crate) fn pure_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State<Pure>>> {
    let mut linker = Linker::new(engine);
    add_shared(&mut linker)?;
    Ok(linker)
}

/// What connector components may import.
pub(crate) fn connected_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State<Connected>>> {
    let mut linker = Linker::new(engine);
    add_shared(&mut linker)?;
    bindings::http::add_to_linker::<_, http::HasHttp>(&mut linker, http::view)?;
    bindings::storage::add_to_linker::<_, storage::HasStorage>(&mut linker, storage::view)?;
    wasi_http::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// What verifying components may import.
pub(crate) fn keyed_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State<Keyed>>> {
    let mut linker = Linker::new(engine);
    add_shared(&mut linker)?;
    bindings::keys::add_to_linker::<_, keys::HasKeys>(&mut linker, keys::view)?;
    Ok(linker)
}

fn add_shared<R: Send + 'static>(linker: &mut Linker<State<R>>) -> wasmtime::Result<()> {
    bindings::types::add_to_linker::<_, log::HasLog>(linker, log::view)?;
    bindings::log::add_to_linker::<_, log::HasLog>(linker, log::view)?;
    wasi::add_to_linker(linker)?;
    clocks::add_to_linker(linker)?;
    random::add_to_linker(linker)?;
    io::add_to_linker(linker)
}
