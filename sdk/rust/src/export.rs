//! From the WIT exports to the plugin traits: what the export macros call.

use std::rc::Rc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;

use crate::{
    Attempt, Connector, ConnectorContext, Context, Document, Failure, FromDocument, IntoDocument, Manifest,
    Transform, Validate, Violation, document, http, storage,
};

/// Runs a transform.
pub fn transform<T: Transform>(input: Document, config: &str, attempt: Attempt) -> Result<Document, Failure> {
    let config = parse_config(config)?;
    let input = T::Input::from_document(input)?;
    T::run(input, config, &Context::new(attempt))?.into_document()
}

/// Runs a validate.
pub fn validate<T: Validate>(
    input: Document,
    config: &str,
    attempt: Attempt,
) -> Result<Vec<Violation>, Failure> {
    let config = parse_config(config)?;
    let input = T::Input::from_document(input)?;
    T::run(input, config, &Context::new(attempt))
}

/// Runs a connector.
pub fn connector<T: Connector>(
    input: Document,
    config: &str,
    attempt: Attempt,
    http: Rc<dyn http::Backend>,
    storage: Rc<dyn storage::Backend>,
) -> Result<Document, Failure> {
    let config = parse_config(config)?;
    let input = T::Input::from_document(input)?;
    T::run(input, config, &ConnectorContext::new(attempt, http, storage))?.into_document()
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

/// A step without `with:` may come as no text at all.
fn parse_config<T: DeserializeOwned>(config: &str) -> Result<T, Failure> {
    let config = if config.is_empty() { "{}" } else { config };
    document::from_slice(config.as_bytes(), "config")
}

fn config_schema<T: JsonSchema>() -> String {
    text(SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>())
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
        $crate::__export!($plugin, transform, transform, describe_transform, document);
    };
}

/// Exports a [`Validate`](crate::Validate) as the component's plugin; one export a crate.
///
/// See the [example of the trait](crate::Validate). Off WebAssembly it only checks that the type is a
/// validate.
#[macro_export]
macro_rules! export_validate {
    ($plugin:ty) => {
        $crate::__export!($plugin, validate, validate, describe_validate, violations);
    };
}

/// Exports a [`Connector`](crate::Connector) as the component's plugin; one export a crate.
///
/// See the [example of the trait](crate::Connector). Off WebAssembly it only checks that the type is a
/// connector.
#[macro_export]
macro_rules! export_connector {
    ($plugin:ty) => {
        $crate::__export!($plugin, connector, connector_on_host, describe_connector, document);
    };
}

/// A connector with the host's HTTP and storage. On its own so that the other kinds import neither.
#[cfg(target_arch = "wasm32")]
pub fn connector_on_host<T: Connector>(
    input: Document,
    config: &str,
    attempt: Attempt,
) -> Result<Document, Failure> {
    connector::<T>(input, config, attempt, Rc::new(http::Host), Rc::new(storage::Host))
}

#[doc(hidden)]
pub type Answer<T> = Result<T, Failure>;

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (@answer document) => { $crate::Document };
    (@answer violations) => { ::std::vec::Vec<$crate::Violation> };
    ($plugin:ty, $kind:ident, $run:ident, $describe:ident, $answer:ident) => {
        const _: fn(&str) -> $crate::Manifest = $crate::export::$describe::<$plugin>;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;

            impl $crate::bindings::$kind::Guest for Exported {
                fn describe() -> $crate::Manifest {
                    $crate::export::$describe::<$plugin>(::std::env!("CARGO_PKG_VERSION"))
                }
            }

            impl $crate::bindings::$kind::exports::stepmill::plugin::$kind::Guest for Exported {
                fn run(
                    input: $crate::Document,
                    config: ::std::string::String,
                    attempt: $crate::Attempt,
                ) -> $crate::export::Answer<$crate::__export!(@answer $answer)> {
                    $crate::export::$run::<$plugin>(input, &config, attempt)
                }
            }

            $crate::bindings::$kind::export_world!(Exported with_types_in $crate::bindings::$kind);
        };
    };
}
