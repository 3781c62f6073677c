//! A plugin as people read of it: by `inspect` and after a build.

use std::fmt::Write as _;

use serde_json::Value;

use super::{size, text};
use crate::author::capability;
use crate::cli::output::{self, Paint, Tone};

/// All there is to say.
pub(super) fn whole(paint: Paint, plugin: &Value) -> String {
    let mut out = summary(paint, plugin);
    for (title, key) in
        [("config (with)", "config_schema"), ("input", "input_schema"), ("output", "output_schema")]
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

/// What it is and what it can reach.
pub(super) fn summary(paint: Paint, plugin: &Value) -> String {
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
        "verify" => "verify (pure: whether a webhook's request is its sender's)",
        other => other,
    };
    for (what, value) in
        [("kind", meaning), ("source", text(plugin, "source")), ("size", &size(plugin)), ("digest", &digest)]
    {
        let _ =
            writeln!(out, "  {} {}", paint.text(Tone::Faint, format!("{what:<8}")), output::harmless(value));
    }
    reaches(&mut out, paint, plugin);
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
        if let Some(meaning) = capability::of(name) {
            let _ = writeln!(out, "  {:<36} {}", output::harmless(name), paint.text(Tone::Faint, meaning));
        }
    }
    let rest = imports.iter().filter(|name| capability::of(name).is_none()).count();
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
