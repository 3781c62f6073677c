//! `stepmill plugin inspect`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::{size, text};
use crate::author::Workbench;
use crate::catalog::{PluginEntry, PluginSource};
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Connection, Error, Exit};
use crate::stock;

#[derive(Debug, Args)]
#[command(after_help = "\
A component is asked what it is in the sandbox; no step is run. Files need no service.

Examples:
  stepmill plugin inspect rest
  stepmill plugin inspect target/wasm32-wasip2/release/pricing.wasm --json")]
pub(in crate::cli) struct InspectArguments {
    /// Name of a plugin of the running service or of a stock plugin, or a component's file (.wasm)
    #[arg(value_name = "NAME|FILE")]
    plugin: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl InspectArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let (plugin, warnings) = self.find().await?;
        if self.json {
            output::print_json(&plugin)?;
        } else {
            output::print(&described(Paint::stdout(), &plugin))?;
        }
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        Ok(Exit::Done)
    }

    /// A file is inspected here; a name is the running service's plugin, else a stock one.
    async fn find(&self) -> Result<(Value, Vec<String>), Error> {
        let path = Path::new(&self.plugin);
        if path.extension().is_some_and(|extension| extension == "wasm") || path.components().count() > 1 {
            let bytes = std::fs::read(path)
                .with_context(|| format!("failed to read the component {}", path.display()))?;
            return entry(&self.plugin, PluginSource::File(PathBuf::from(path)), &bytes).await;
        }
        let found = self.connection.client()?.plugins().await;
        if let Ok(plugins) = &found
            && let Some(plugin) = plugins.iter().find(|plugin| text(plugin, "name") == self.plugin)
        {
            return Ok((plugin.clone(), Vec::new()));
        }
        if let Some(stock) = stock::ALL.iter().find(|stock| stock.name == self.plugin) {
            return entry(stock.name, PluginSource::Stock, stock.component).await;
        }
        // Without the service nobody knows whether there is such a plugin.
        found?;
        let missing =
            format!("there is no plugin {:?}: `stepmill plugin list` shows those there are", self.plugin);
        Err(Error::new(Exit::NotFound, missing))
    }
}

/// What there is to say of a component.
async fn entry(name: &str, source: PluginSource, bytes: &[u8]) -> Result<(Value, Vec<String>), Error> {
    let loaded = Workbench::try_new()?.load(name, bytes).await?;
    let warnings = loaded.warnings.clone();
    // A file has no name but the one that it gives itself.
    let name = match &source {
        PluginSource::Stock => name.to_owned(),
        PluginSource::File(_) | PluginSource::Remote(_) => loaded.manifest.name.clone(),
    };
    Ok((PluginEntry { name, source, loaded }.to_json(), warnings))
}

fn described(paint: Paint, plugin: &Value) -> String {
    let mut out = String::new();
    let name = format!("{} {}", text(plugin, "name"), output::short(text(plugin, "version"), 40));
    let _ =
        writeln!(out, "{}  {}", paint.text(Tone::Strong, name), output::harmless(text(plugin, "summary")));
    let digest = format!("sha256:{}", text(plugin, "digest"));
    let kind = text(plugin, "kind");
    let meaning = match kind {
        "transform" => "transform (pure: a document from a document)",
        "validate" => "validate (pure: what is wrong with a document)",
        "connector" => "connector (talks to other systems)",
        other => other,
    };
    for (what, value) in
        [("kind", meaning), ("source", text(plugin, "source")), ("size", &size(plugin)), ("digest", &digest)]
    {
        let _ =
            writeln!(out, "  {} {}", paint.text(Tone::Faint, format!("{what:<8}")), output::harmless(value));
    }
    reaches(&mut out, paint, plugin);
    for (title, key) in
        [("config (a step's with)", "config_schema"), ("input", "input_schema"), ("output", "output_schema")]
    {
        let Some(schema) = plugin.get(key).filter(|schema| !schema.is_null()) else { continue };
        let _ = writeln!(out, "\n{}", paint.text(Tone::Strong, format!("JSON Schema of the {title}")));
        let schema = serde_json::to_string_pretty(schema).unwrap_or_default();
        for line in schema.lines() {
            let _ = writeln!(out, "  {}", output::harmless(line));
        }
    }
    out
}

/// What a plugin can reach: its imports, each with what the host makes of it.
fn reaches(out: &mut String, paint: Paint, plugin: &Value) {
    let names = |key| -> Vec<&str> {
        let names = plugin.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        names.iter().filter_map(Value::as_str).collect()
    };
    let imports = names("imports");
    let _ = writeln!(out, "\n{}", paint.text(Tone::Strong, "imports: what it can reach at all"));
    for name in &imports {
        if let Some(meaning) = capability(name) {
            let _ = writeln!(out, "  {:<36} {}", output::harmless(name), paint.text(Tone::Faint, meaning));
        }
    }
    let rest = imports.iter().filter(|name| capability(name).is_none()).count();
    if rest > 0 {
        let _ = writeln!(
            out,
            "  and {rest} of its language's library (WASI), which lead nowhere: no files, no environment,"
        );
        let _ = writeln!(
            out,
            "  no standard input; output goes to the attempt's log, time and randomness are the host's"
        );
    }
    let _ = writeln!(out, "\n{}", paint.text(Tone::Strong, "exports"));
    for name in names("exports") {
        let _ = writeln!(out, "  {}", output::harmless(name));
    }
}

/// What an import lets a plugin do; none for those that lead nowhere.
fn capability(import: &str) -> Option<&'static str> {
    let interface = import.split('@').next().unwrap_or_default();
    match interface {
        "stepmill:plugin/log" => Some("lines in the attempt's record"),
        "stepmill:plugin/http" => Some("requests to the step's system and what its allow grants"),
        "stepmill:plugin/storage" => Some("values of the workflow's namespace"),
        "stepmill:plugin/types" => Some("types only"),
        "wasi:http/outgoing-handler" => Some("the same requests, for ordinary HTTP clients"),
        "wasi:http/types" => Some("types only"),
        _ => None,
    }
}
