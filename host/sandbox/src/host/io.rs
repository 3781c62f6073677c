//! `wasi:io`: wasmtime's, with the time that a guest waits in `poll` taken off its CPU time.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::{error, poll, streams};

use crate::limits::Away;
use crate::state::{RESOURCES, State};

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

fn table<R>(state: &mut State<R>) -> &mut ResourceTable {
    &mut state.table
}

struct HasPoll;

impl HasData for HasPoll {
    type Data<'a> = Poll<'a>;
}

struct Poll<'a> {
    table: &'a mut ResourceTable,
    away: &'a Away,
}

fn view<R>(state: &mut State<R>) -> Poll<'_> {
    Poll { table: &mut state.table, away: state.cpu.away() }
}

pub(crate) fn add_to_linker<R: Send + 'static>(linker: &mut Linker<State<R>>) -> wasmtime::Result<()> {
    error::add_to_linker::<_, HasTable>(linker, table)?;
    streams::add_to_linker::<_, HasTable>(linker, table)?;
    poll::add_to_linker::<_, HasPoll>(linker, view)
}

impl poll::Host for Poll<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        // Handles may repeat, so the number of resources does not bound a list of them.
        if pollables.len() > RESOURCES {
            return Err(wasmtime::Error::msg(format!("a poll of more than {RESOURCES} pollables")));
        }
        self.away.during(poll::Host::poll(self.table, pollables)).await
    }
}

impl poll::HostPollable for Poll<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(self.table, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.away.during(poll::HostPollable::block(self.table, pollable)).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}
