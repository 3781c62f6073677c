//! Lines for the operator, kept with the attempt.
//!
//! ```
//! use stepmill_sdk::{log, testing};
//! let sku = "A1";
//! log::info!("reserved {sku}", quantity = 3, warehouse = "north");
//! assert_eq!(testing::logs(), ["info: reserved A1 quantity=3 warehouse=north"]);
//! ```
//!
//! The host keeps 64 KiB of log an attempt unless its limits say otherwise, and says how much it dropped.

pub use crate::bindings::connector::stepmill::plugin::log::{Field, Level};

/// Writes one line. The macros are more convenient.
///
/// ```
/// use stepmill_sdk::log::{Level, write};
/// write(Level::Warn, "slow answer", &[("ms", &1200)]);
/// ```
pub fn write(level: Level, message: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
    let fields: Vec<Field> = fields
        .iter()
        .map(|(name, value)| Field { name: (*name).to_owned(), value: value.to_string() })
        .collect();
    #[cfg(target_arch = "wasm32")]
    crate::bindings::connector::stepmill::plugin::log::write(level, message, &fields);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::keep_log(level, message, &fields);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $message:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($message),
            &[$((::std::stringify!($name), &$value as &dyn ::std::fmt::Display)),*],
        )
    };
}

/// Logs at level trace: `trace!("message with {inline} values", name = value, …)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __trace { ($($line:tt)*) => { $crate::__log!(Trace, $($line)*) }; }
/// Logs at level debug: `debug!("message with {inline} values", name = value, …)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug { ($($line:tt)*) => { $crate::__log!(Debug, $($line)*) }; }
/// Logs at level info: `info!("message with {inline} values", name = value, …)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __info { ($($line:tt)*) => { $crate::__log!(Info, $($line)*) }; }
/// Logs at level warn: `warn!("message with {inline} values", name = value, …)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn { ($($line:tt)*) => { $crate::__log!(Warn, $($line)*) }; }
/// Logs at level error: `error!("message with {inline} values", name = value, …)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __error { ($($line:tt)*) => { $crate::__log!(Error, $($line)*) }; }

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __trace as trace, __warn as warn};
