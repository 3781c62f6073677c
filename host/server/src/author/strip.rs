//! Taking from a component what no host reads: debug information, and notes of the tools that made it.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasm_encoder::{Component, Module};
use wasmparser::{CustomSectionReader, Parser};

/// Custom sections that stay: the names of functions, which make traps readable.
const KEPT: [&str; 2] = ["component-name", "name"];

/// The component without its other custom sections.
///
/// # Errors
/// It cannot be written anew, which says nothing against it.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, Error<Infallible>> {
    let mut stripped = Component::new();
    Stripper.parse_component(&mut stripped, Parser::new(0), bytes)?;
    Ok(stripped.finish())
}

struct Stripper;

impl Reencode for Stripper {
    type Error = Infallible;

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        if KEPT.contains(&section.name()) {
            wasm_encoder::reencode::utils::parse_custom_section(self, module, section)?;
        }
        Ok(())
    }
}

impl ReencodeComponent for Stripper {
    fn parse_component_custom_section(
        &mut self,
        component: &mut Component,
        section: CustomSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        if KEPT.contains(&section.name()) {
            wasm_encoder::reencode::component_utils::parse_component_custom_section(
                self, component, section,
            )?;
        }
        Ok(())
    }
}
