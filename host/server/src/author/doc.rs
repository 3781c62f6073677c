//! A plugin's page in Markdown, from its manifest alone: the same for the same manifest, so that it can be kept beside
//! the plugin and compared.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use stepmill_core::manifest::{Kind, Manifest};
use stepmill_sandbox::Loaded;

use super::{capability, schema};

/// The page of a plugin that workflows know as `name`.
///
/// # Errors
/// The example cannot be written as YAML.
pub(crate) fn page(name: &str, plugin: &Loaded) -> anyhow::Result<String> {
    let manifest = &plugin.manifest;
    let kind = match manifest.kind {
        Kind::Transform => "A **transform**: pure, a document from a document.",
        Kind::Validate => {
            "A **validate**: pure, what is wrong with a document, which goes on unchanged if nothing is."
        }
        Kind::Connector => "A **connector**: it talks to other systems.",
        Kind::Verify => "A **verify**: pure, whether a webhook's request is its sender's.",
    };
    let mut page =
        format!("# {name}\n\n{}\n\n{kind} Version {}.\n", plain(&manifest.summary), plain(&manifest.version));
    permissions(&mut page, plugin);
    section(&mut page, "Config (`with`)", Some(&manifest.config_schema), "There is nothing to set.");
    if manifest.kind.is_step() {
        section(&mut page, "Input", manifest.input_schema.as_ref(), "Any document.");
    }
    match manifest.kind {
        Kind::Verify => keys(&mut page, manifest),
        Kind::Validate => page.push_str(
            "\n## Output\n\nThe input as it is. If anything is wrong with it, the run is rejected with what that is.\n",
        ),
        Kind::Transform | Kind::Connector => {
            section(&mut page, "Output", manifest.output_schema.as_ref(), "The plugin does not say.");
        }
    }
    let _ = write!(page, "\n## Example\n\n```yaml\n{}```\n", example(name, plugin)?);
    Ok(page)
}

fn permissions(page: &mut String, plugin: &Loaded) {
    page.push_str("\n## Permissions\n\n");
    let permissions: Vec<&str> = plugin
        .imports
        .iter()
        .map(String::as_str)
        .filter(|import| capability::is_permission(import))
        .collect();
    if permissions.is_empty() {
        page.push_str("None: it reaches nothing but lines in the attempt's record.\n");
    }
    for import in permissions {
        let meaning = capability::of(import).unwrap_or_default();
        let _ = writeln!(page, "- `{}`: {meaning}", capability::interface(import));
    }
}

/// What a schema says: as a table of its keys, or in words where it has none.
fn section(page: &mut String, title: &str, schema: Option<&Value>, nothing: &str) {
    let _ = write!(page, "\n## {title}\n\n");
    let Some(schema) = schema else {
        let _ = writeln!(page, "{nothing}");
        return;
    };
    let keys = schema::keys(schema);
    if keys.is_empty() {
        let types = schema::types(schema);
        let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        let said = match types.as_slice() {
            [] => nothing.to_owned(),
            [one] if one == "object" && is_closed => nothing.to_owned(),
            [..] => format!("{}.", types.join(" or ")),
        };
        let _ = writeln!(page, "{said}");
        return;
    }
    page.push_str("| key | type | default | |\n|---|---|---|---|\n");
    for key in keys {
        let default = match &key.default {
            _ if key.is_required => "required".to_owned(),
            Some(value) => format!("`{value}`"),
            None => String::new(),
        };
        let types = cell(&key.types.join(" or "));
        let _ =
            writeln!(page, "| `{}` | {types} | {} | {} |", key.path, cell(&default), cell(&key.description));
    }
}

/// The keys that a verifying plugin asks for.
fn keys(page: &mut String, manifest: &Manifest) {
    page.push_str("\n## Keys (`keys`)\n\n");
    let Some(keys) = manifest.keys() else {
        page.push_str("The plugin does not say. It is never given one: it asks whether a signature fits.\n");
        return;
    };
    page.push_str("| key | |\n|---|---|\n");
    for (name, is) in keys {
        let _ = writeln!(page, "| `{}` | {} |", cell(name), cell(is));
    }
}

/// A step that uses the plugin, or a webhook.
fn example(name: &str, plugin: &Loaded) -> anyhow::Result<String> {
    let with = schema::example(&plugin.manifest.config_schema);
    if !plugin.manifest.kind.is_step() {
        return webhook(name, &plugin.manifest, with);
    }
    let mut step = Map::from_iter([
        ("id".to_owned(), json!(plugin.manifest.kind.name())),
        ("use".to_owned(), json!(name)),
    ]);
    if !plugin.manifest.kind.is_pure() {
        step.insert("system".to_owned(), json!("erp"));
    }
    if with.as_object().is_some_and(|with| !with.is_empty()) {
        step.insert("with".to_owned(), with);
    }
    yaml(&json!({ "steps": [step] }))
}

fn webhook(name: &str, manifest: &Manifest, with: Value) -> anyhow::Result<String> {
    let mut verify =
        Map::from_iter([("scheme".to_owned(), json!("plugin")), ("use".to_owned(), json!(name))]);
    if with.as_object().is_some_and(|with| !with.is_empty()) {
        verify.insert("with".to_owned(), with);
    }
    let keys: Map<String, Value> = manifest
        .keys()
        .into_iter()
        .flatten()
        .map(|(name, _)| (name.to_owned(), json!({ "secret": "env:SENDER_SECRET" })))
        .collect();
    if !keys.is_empty() {
        verify.insert("keys".to_owned(), keys.into());
    }
    yaml(&json!({ "on": { "webhook": { "path": "/sender/events", "verify": verify } } }))
}

fn yaml(example: &Value) -> anyhow::Result<String> {
    serde_saphyr::to_string(example).context("failed to write the example as YAML")
}

/// A plugin's text as one line that begins no Markdown of its own.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "&lt;")
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}
