//! jq's `debug` and `stderr`, on the attempt's log.

use log::{LevelFilter, Log, Metadata, Record};
use stepmill_sdk::log::{Level, write};

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            log::Level::Error => Level::Error,
            log::Level::Warn => Level::Warn,
            log::Level::Info => Level::Info,
            log::Level::Debug => Level::Debug,
            log::Level::Trace => Level::Trace,
        };
        write(level, &record.args().to_string(), &[]);
    }

    fn flush(&self) {}
}

/// Makes it the destination. A second time changes nothing.
pub(crate) fn install() {
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}
