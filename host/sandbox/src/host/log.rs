//! `stepmill:plugin/log`.

use stepmill_core::attempt::{LogLevel, LogLine};
use wasmtime::component::HasData;

use crate::bindings::{log, types};
use crate::logs::Logs;
use crate::state::State;

pub(crate) struct HasLog;

impl HasData for HasLog {
    type Data<'a> = View<'a>;
}

pub(crate) struct View<'a>(&'a Logs);

pub(crate) fn view<R>(state: &mut State<R>) -> View<'_> {
    View(&state.logs)
}

impl types::Host for View<'_> {}

impl log::Host for View<'_> {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<log::Field>) {
        let level = match level {
            log::Level::Trace => LogLevel::Trace,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        let fields = fields.into_iter().map(|field| (field.name, field.value)).collect();
        self.0.write(LogLine { level, message, fields });
    }
}
