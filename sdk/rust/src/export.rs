//! From the WIT exports to the plugin traits: what the export macros call.

use std::cell::RefCell;
use std::rc::Rc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;

#[cfg(target_arch = "wasm32")]
use crate::verify::{self, Refusal};
use crate::verify::{Keys, Request, Unverified, Verified};
use crate::{
    Attempt, Connector, ConnectorContext, Context, Document, Failure, FromDocument, IntoDocument, Manifest,
    Rejection, Transform, Validate, Verify, Violation, document, http, storage,
};

/// Runs a transform.
pub fn transform<T: Transform>(
    slot: &Slot<T>,
    input: Document,
    config: &str,
    attempt: Attempt,
) -> Result<Document, Failure> {
    slot.with(config, prepare_transform, |plugin| {
        plugin.run(T::Input::from_document(input)?, &Context::new(attempt))?.into_document()
    })
}

/// Runs a validate.
pub fn validate<T: Validate>(
    slot: &Slot<T>,
    input: Document,
    config: &str,
    attempt: Attempt,
) -> Result<Vec<Violation>, Failure> {
    slot.with(config, prepare_validate, |plugin| {
        plugin.run(T::Input::from_document(input)?, &Context::new(attempt))
    })
}

/// Runs a connector.
pub fn connector<T: Connector>(
    slot: &Slot<T>,
    input: Document,
    config: &str,
    attempt: Attempt,
    http: Rc<dyn http::Backend>,
    storage: Rc<dyn storage::Backend>,
) -> Result<Document, Failure> {
    slot.with(config, prepare_connector, |plugin| {
        let context = ConnectorContext::new(attempt, http, storage);
        plugin.run(T::Input::from_document(input)?, &context)?.into_document()
    })
}

/// Asks a verifying plugin.
pub fn verify<T: Verify>(
    slot: &Slot<T>,
    request: &Request,
    config: &str,
    keys: &Keys,
) -> Result<Verified, Unverified> {
    slot.with(config, prepare_verify, |plugin| plugin.run(request, keys))
}

/// Makes a transform of a config.
pub fn prepare_transform<T: Transform>(config: &str) -> Result<T, Failure> {
    T::prepare(parse_config(config)?)
}

/// Makes a validate of a config.
pub fn prepare_validate<T: Validate>(config: &str) -> Result<T, Failure> {
    T::prepare(parse_config(config)?)
}

/// Makes a connector of a config.
pub fn prepare_connector<T: Connector>(config: &str) -> Result<T, Failure> {
    T::prepare(parse_config(config)?)
}

/// Makes a verifying plugin of a config.
pub fn prepare_verify<T: Verify>(config: &str) -> Result<T, Failure> {
    T::prepare(parse_config(config)?)
}

/// Where `prepare` leaves a plugin and `run` finds it: one config's.
#[derive(Debug)]
pub struct Slot<T>(RefCell<Option<(String, T)>>);

impl<T> Slot<T> {
    /// A slot with nothing in it.
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// Makes the plugin of a config and keeps it.
    pub fn fill(
        &self,
        config: String,
        prepare: impl FnOnce(&str) -> Result<T, Failure>,
    ) -> Result<(), Rejection> {
        let plugin = prepare(&config).map_err(lasting)?;
        self.0.replace(Some((config, plugin)));
        Ok(())
    }

    /// Uses the plugin of this config: what is kept, or one that is made for this time alone.
    fn with<R, E: From<Failure>>(
        &self,
        config: &str,
        prepare: impl FnOnce(&str) -> Result<T, Failure>,
        run: impl FnOnce(&T) -> Result<R, E>,
    ) -> Result<R, E> {
        match &*self.0.borrow() {
            Some((prepared, plugin)) if prepared == config => run(plugin),
            Some(_) | None => run(&prepare(config)?),
        }
    }
}

/// There is no attempt to repeat while a config is made ready.
fn lasting(failure: Failure) -> Rejection {
    match failure {
        Failure::Reject(rejection) => rejection,
        Failure::Retry(hint) => Rejection { code: "retry".to_owned(), message: hint.message },
    }
}

/// A transform's manifest.
pub fn describe_transform<T: Transform>(crate_version: &str) -> Manifest {
    Manifest {
        name: T::NAME.to_owned(),
        version: T::VERSION.unwrap_or(crate_version).to_owned(),
        summary: T::SUMMARY.to_owned(),
        config_schema: config_schema::<T::Config>(),
        input_schema: <T::Input as FromDocument>::schema().map(text),
        output_schema: <T::Output as IntoDocument>::schema().map(text),
    }
}

/// A validate's manifest.
pub fn describe_validate<T: Validate>(crate_version: &str) -> Manifest {
    Manifest {
        name: T::NAME.to_owned(),
        version: T::VERSION.unwrap_or(crate_version).to_owned(),
        summary: T::SUMMARY.to_owned(),
        config_schema: config_schema::<T::Config>(),
        input_schema: <T::Input as FromDocument>::schema().map(text),
        output_schema: None,
    }
}

/// A connector's manifest.
pub fn describe_connector<T: Connector>(crate_version: &str) -> Manifest {
    Manifest {
        name: T::NAME.to_owned(),
        version: T::VERSION.unwrap_or(crate_version).to_owned(),
        summary: T::SUMMARY.to_owned(),
        config_schema: config_schema::<T::Config>(),
        input_schema: <T::Input as FromDocument>::schema().map(text),
        output_schema: <T::Output as IntoDocument>::schema().map(text),
    }
}

/// A verifying plugin's manifest.
pub fn describe_verify<T: Verify>(crate_version: &str) -> Manifest {
    let mut schema = schema_of::<T::Config>();
    if !T::KEYS.is_empty() {
        let keys = T::KEYS.iter().map(|(name, is)| ((*name).to_owned(), (*is).into()));
        schema.insert("x-stepmill-keys".to_owned(), serde_json::Value::Object(keys.collect()));
    }
    Manifest {
        name: T::NAME.to_owned(),
        version: T::VERSION.unwrap_or(crate_version).to_owned(),
        summary: T::SUMMARY.to_owned(),
        config_schema: text(schema),
        input_schema: None,
        output_schema: None,
    }
}

/// A step without `with:` may come as no text at all.
fn parse_config<T: DeserializeOwned>(config: &str) -> Result<T, Failure> {
    let config = if config.is_empty() { "{}" } else { config };
    document::from_slice(config.as_bytes(), "config")
}

fn config_schema<T: JsonSchema>() -> String {
    text(schema_of::<T>())
}

fn schema_of<T: JsonSchema>() -> schemars::Schema {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>()
}

fn text(schema: schemars::Schema) -> String {
    serde_json::Value::from(schema).to_string()
}

/// Exports a [`Transform`](crate::Transform) as the component's plugin; one export a crate.
///
/// See the [crate's example](crate). Off WebAssembly it only checks that the type is a transform.
#[macro_export]
macro_rules! export_transform {
    ($plugin:ty) => {
        $crate::__export!($plugin, transform, transform, prepare_transform, describe_transform, document);
    };
}

/// Exports a [`Validate`](crate::Validate) as the component's plugin; one export a crate.
///
/// See the [example of the trait](crate::Validate). Off WebAssembly it only checks that the type is a
/// validate.
#[macro_export]
macro_rules! export_validate {
    ($plugin:ty) => {
        $crate::__export!($plugin, validate, validate, prepare_validate, describe_validate, violations);
    };
}

/// Exports a [`Connector`](crate::Connector) as the component's plugin; one export a crate.
///
/// See the [example of the trait](crate::Connector). Off WebAssembly it only checks that the type is a
/// connector.
#[macro_export]
macro_rules! export_connector {
    ($plugin:ty) => {
        $crate::__export!(
            $plugin,
            connector,
            connector_on_host,
            prepare_connector,
            describe_connector,
            document
        );
    };
}

/// Exports a [`Verify`](crate::Verify) as the component's plugin; one export a crate.
///
/// See the [example of the trait](crate::Verify). Off WebAssembly it only checks that the type is a
/// verify.
#[macro_export]
macro_rules! export_verify {
    ($plugin:ty) => {
        $crate::__export!($plugin, verify, verify_on_host, prepare_verify, describe_verify, request);
    };
}

/// A verifying plugin with the host's keys. That it has no verdict is said by a trap, which is no refusal.
#[cfg(target_arch = "wasm32")]
#[allow(clippy::panic, reason = "a trap is what says so")]
pub fn verify_on_host<T: Verify>(
    slot: &Slot<T>,
    request: &Request,
    config: &str,
) -> Result<Verified, Refusal> {
    match verify(slot, request, config, &Keys::new(Rc::new(verify::Host))) {
        Ok(verified) => Ok(verified),
        Err(Unverified::Refused(refusal)) => Err(refusal),
        Err(Unverified::Fault(message)) => panic!("{message}"),
    }
}

/// A connector with the host's HTTP and storage. On its own so that the other kinds import neither.
#[cfg(target_arch = "wasm32")]
pub fn connector_on_host<T: Connector>(
    slot: &Slot<T>,
    input: Document,
    config: &str,
    attempt: Attempt,
) -> Result<Document, Failure> {
    connector(slot, input, config, attempt, Rc::new(http::Host), Rc::new(storage::Host))
}

#[doc(hidden)]
pub type Answer<T> = Result<T, Failure>;

#[doc(hidden)]
pub type Prepared = Result<(), Rejection>;

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (@answer document) => { $crate::Document };
    (@answer violations) => { ::std::vec::Vec<$crate::Violation> };
    (@run request, $plugin:ty, $run:ident) => {
        fn run(
            request: $crate::verify::Request,
            config: ::std::string::String,
        ) -> ::std::result::Result<$crate::verify::Verified, $crate::verify::Refusal> {
            SLOT.with(|slot| $crate::export::$run::<$plugin>(slot, &request, &config))
        }
    };
    (@run $answer:ident, $plugin:ty, $run:ident) => {
        fn run(
            input: $crate::Document,
            config: ::std::string::String,
            attempt: $crate::Attempt,
        ) -> $crate::export::Answer<$crate::__export!(@answer $answer)> {
            SLOT.with(|slot| $crate::export::$run::<$plugin>(slot, input, &config, attempt))
        }
    };
    ($plugin:ty, $kind:ident, $run:ident, $prepare:ident, $describe:ident, $answer:ident) => {
        const _: fn(&str) -> $crate::Manifest = $crate::export::$describe::<$plugin>;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;

            ::std::thread_local! {
                static SLOT: $crate::export::Slot<$plugin> = const { $crate::export::Slot::empty() };
            }

            impl $crate::bindings::preparer::exports::stepmill::plugin::prepare::Guest for Exported {
                fn prepare(config: ::std::string::String) -> $crate::export::Prepared {
                    SLOT.with(|slot| slot.fill(config, $crate::export::$prepare::<$plugin>))
                }
            }

            impl $crate::bindings::$kind::Guest for Exported {
                fn describe() -> $crate::Manifest {
                    $crate::export::$describe::<$plugin>(::std::env!("CARGO_PKG_VERSION"))
                }
            }

            impl $crate::bindings::$kind::exports::stepmill::plugin::$kind::Guest for Exported {
                $crate::__export!(@run $answer, $plugin, $run);
            }

            $crate::bindings::$kind::export_world!(Exported with_types_in $crate::bindings::$kind);
            $crate::bindings::preparer::export_world!(Exported with_types_in $crate::bindings::preparer);
        };
    };
}
