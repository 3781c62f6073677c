//! Calls of a component's exports: `describe`, its kind's `run`, and `prepare`.
//!
//! The argument types borrow, so that a document is copied once: into the guest's memory.

use stepmill_core::document::{Body, Document};
use stepmill_core::manifest::Kind;
use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, ComponentType, Instance, InstancePre, Lower};

use crate::bindings::{types, verify};
use crate::component::Shape;
use crate::state::State;

/// A document on its way in.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct DocumentIn<'a> {
    #[component(name = "media-type")]
    media_type: &'a str,
    body: BodyIn<'a>,
}

/// Its body.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(variant)]
pub(crate) enum BodyIn<'a> {
    #[component(name = "text")]
    Text(&'a str),
    #[component(name = "binary")]
    Binary(&'a [u8]),
}

/// Which attempt this is.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct AttemptIn<'a> {
    pub(crate) workflow: &'a str,
    pub(crate) run: &'a str,
    pub(crate) step: &'a str,
    pub(crate) number: u32,
    #[component(name = "idempotency-key")]
    pub(crate) idempotency_key: &'a str,
    #[component(name = "accepted-at-ms")]
    pub(crate) accepted_at_ms: u64,
    #[component(name = "timeout-ms")]
    pub(crate) timeout_ms: u64,
}

impl<'a> From<&'a Document> for DocumentIn<'a> {
    fn from(document: &'a Document) -> Self {
        let body = match &document.body {
            Body::Text(text) => BodyIn::Text(text),
            Body::Binary(bytes) => BodyIn::Binary(bytes),
        };
        Self { media_type: &document.media_type, body }
    }
}

/// What `run` of a transform or a connector answers.
pub(crate) type DocumentAnswer = Result<types::Document, types::Failure>;
/// What `run` of a validate component answers.
pub(crate) type ViolationsAnswer = Result<Vec<types::Violation>, types::Failure>;

/// One header of a request.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct HeaderIn<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a [u8],
}

/// A request that is to be verified.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct RequestIn<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [HeaderIn<'a>],
    pub(crate) body: &'a [u8],
    #[component(name = "received-at-ms")]
    pub(crate) received_at_ms: u64,
}

/// What `run` of a verifying component answers.
pub(crate) type VerifyAnswer = Result<verify::Verified, verify::Refusal>;
/// Its arguments.
pub(crate) type VerifyArguments<'a> = (RequestIn<'a>, &'a str);

/// What `prepare` answers.
pub(crate) type PrepareAnswer = Result<(), types::Rejection>;

/// Arguments of `run`.
pub(crate) type Arguments<'a> = (DocumentIn<'a>, &'a str, AttemptIn<'a>);

/// Where a component's exports are; found once, when it is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exports {
    describe: ComponentExportIndex,
    run: ComponentExportIndex,
    prepare: Option<ComponentExportIndex>,
}

impl Exports {
    /// None if an interface lacks its function, or there is no `describe`.
    pub(crate) fn find(component: &Component, shape: &Shape) -> Option<Self> {
        let function = |interface: &str, name: &str| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), name)
        };
        Some(Self {
            describe: component.get_export_index(None, "describe")?,
            run: function(&shape.step, "run")?,
            prepare: match &shape.prepare {
                Some(interface) => Some(function(interface, "prepare")?),
                None => None,
            },
        })
    }

    /// Whether the component has a `prepare`.
    pub(crate) fn prepares(&self) -> bool {
        self.prepare.is_some()
    }

    /// Asks the component what it is, and whether its `run` has the type that the world says.
    pub(crate) async fn describe<R: Send + 'static>(
        &self,
        store: &mut Store<State<R>>,
        pre: &InstancePre<State<R>>,
        kind: Kind,
    ) -> Result<types::Manifest, DescribeError> {
        let instance = pre.instantiate_async(&mut *store).await.map_err(DescribeError::Failed)?;
        let typed = match kind {
            Kind::Transform | Kind::Connector => {
                instance.get_typed_func::<Arguments<'_>, (DocumentAnswer,)>(&mut *store, self.run).map(drop)
            }
            Kind::Validate => {
                instance.get_typed_func::<Arguments<'_>, (ViolationsAnswer,)>(&mut *store, self.run).map(drop)
            }
            Kind::Verify => instance
                .get_typed_func::<VerifyArguments<'_>, (VerifyAnswer,)>(&mut *store, self.run)
                .map(drop),
        };
        typed.map_err(DescribeError::Mismatch)?;
        if let Some(prepare) = self.prepare {
            instance
                .get_typed_func::<(&str,), (PrepareAnswer,)>(&mut *store, prepare)
                .map_err(DescribeError::Mismatch)?;
        }
        let describe = instance
            .get_typed_func::<(), (types::Manifest,)>(&mut *store, self.describe)
            .map_err(DescribeError::Mismatch)?;
        let (manifest,) = describe.call_async(store, ()).await.map_err(DescribeError::Failed)?;
        Ok(manifest)
    }

    /// Instantiates, and makes a config ready. Answers nothing if the component has no `prepare`.
    pub(crate) async fn prepare<R: Send + 'static>(
        &self,
        store: &mut Store<State<R>>,
        pre: &InstancePre<State<R>>,
        config: &str,
    ) -> wasmtime::Result<Option<(Instance, PrepareAnswer)>> {
        let Some(index) = self.prepare else { return Ok(None) };
        let instance = pre.instantiate_async(&mut *store).await?;
        let prepare = instance.get_typed_func::<(&str,), (PrepareAnswer,)>(&mut *store, index)?;
        let (answer,) = prepare.call_async(store, (config,)).await?;
        Ok(Some((instance, answer)))
    }

    /// Instantiates, and runs a transform or a connector.
    pub(crate) async fn run_document<R: Send + 'static>(
        &self,
        store: &mut Store<State<R>>,
        pre: &InstancePre<State<R>>,
        arguments: Arguments<'_>,
    ) -> wasmtime::Result<DocumentAnswer> {
        let instance = pre.instantiate_async(&mut *store).await?;
        self.run_in(store, &instance, arguments).await
    }

    /// Runs a transform or a connector in an instance that is there.
    pub(crate) async fn run_in<R: Send + 'static>(
        &self,
        store: &mut Store<State<R>>,
        instance: &Instance,
        arguments: Arguments<'_>,
    ) -> wasmtime::Result<DocumentAnswer> {
        let run = instance.get_typed_func::<Arguments<'_>, (DocumentAnswer,)>(&mut *store, self.run)?;
        Ok(run.call_async(store, arguments).await?.0)
    }

    /// Instantiates, and runs a validate component.
    pub(crate) async fn run_violations<R: Send + 'static>(
        &self,
        store: &mut Store<State<R>>,
        pre: &InstancePre<State<R>>,
        arguments: Arguments<'_>,
    ) -> wasmtime::Result<ViolationsAnswer> {
        let instance = pre.instantiate_async(&mut *store).await?;
        let run = instance.get_typed_func::<Arguments<'_>, (ViolationsAnswer,)>(&mut *store, self.run)?;
        Ok(run.call_async(store, arguments).await?.0)
    }

    /// Instantiates, and runs a verifying component.
    pub(crate) async fn verify<R: Send + 'static>(
        &self,
        store: &mut Store<State<R>>,
        pre: &InstancePre<State<R>>,
        arguments: VerifyArguments<'_>,
    ) -> wasmtime::Result<VerifyAnswer> {
        let instance = pre.instantiate_async(&mut *store).await?;
        let run = instance.get_typed_func::<VerifyArguments<'_>, (VerifyAnswer,)>(&mut *store, self.run)?;
        Ok(run.call_async(store, arguments).await?.0)
    }
}

/// Why there is no manifest.
pub(crate) enum DescribeError {
    /// An export has another type than the world says.
    Mismatch(wasmtime::Error),
    /// Instantiating or calling failed.
    Failed(wasmtime::Error),
}
