//! Where a component comes from that a command is given: a file, or the binary itself.

use std::borrow::Cow;

use anyhow::anyhow;
use stepmill_sandbox::Loaded;

use super::{Workbench, component};
use crate::catalog::{PluginEntry, PluginSource};
use crate::stock;

/// A component that was found.
pub(crate) struct Found {
    /// As it was given.
    pub(crate) name: String,
    source: PluginSource,
    /// The component.
    pub(crate) bytes: Cow<'static, [u8]>,
}

impl Found {
    /// A component's file; none if the text is a name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn file(given: &str) -> anyhow::Result<Option<Self>> {
        let Some(path) = component::file(given) else { return Ok(None) };
        let bytes = component::read(path)?.into();
        Ok(Some(Self { name: given.to_owned(), source: PluginSource::File(path.to_owned()), bytes }))
    }

    /// A stock plugin.
    pub(crate) fn stock(name: &str) -> Option<Self> {
        let stock = stock::find(name)?;
        Some(Self { name: name.to_owned(), source: PluginSource::Stock, bytes: stock.component.into() })
    }

    /// Either of both.
    ///
    /// # Errors
    /// There is none, or its file cannot be read.
    pub(crate) fn any(given: &str) -> anyhow::Result<Self> {
        if let Some(file) = Self::file(given)? {
            return Ok(file);
        }
        Self::stock(given).ok_or_else(|| {
            let names = stock::names();
            anyhow!(
                "there is no stock plugin {given:?}: give the path of a component (.wasm), or one of {names}"
            )
        })
    }

    /// Loads it.
    ///
    /// # Errors
    /// It is no plugin.
    pub(crate) async fn load(&self, workbench: &Workbench) -> anyhow::Result<Loaded> {
        workbench.load(&self.name, &self.bytes).await
    }

    /// What there is to say of it once it is loaded.
    pub(crate) fn entry(self, loaded: Loaded) -> PluginEntry {
        // A file has no name but the one that it gives itself.
        let name = match &self.source {
            PluginSource::Stock => self.name,
            PluginSource::File(_) | PluginSource::Remote(_) => loaded.manifest.name.clone(),
        };
        PluginEntry { name, source: self.source, loaded }
    }
}
