//! A webhook whose sender a plugin verifies.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::plugin::{installed, known};
use super::{Names, PlanError, PluginInfo, Problems, config};
use crate::manifest::{Kind, Manifest};
use crate::pointer::token;
use crate::signature::ByPlugin;

/// What a plugin is asked with that verifies a webhook's sender. It is no part of a workflow's version: like a secret, it is
/// for all events what it is now.
#[derive(Clone, Debug)]
pub struct VerifyPlan {
    /// Name of the plugin.
    pub plugin: Arc<str>,
    /// Its digest.
    pub digest: Arc<str>,
    /// Its config, as JSON text.
    pub config: Arc<str>,
    /// The files that its config names.
    pub files: Vec<String>,
}

impl VerifyPlan {
    /// Checks it against the plugins that are installed; `unused` are at hand besides, for advice. `at` is the pointer to
    /// `verify`, and `read_file` reads a file that the config names.
    ///
    /// # Errors
    /// Everything that is wrong with it. Never empty.
    pub fn try_new(
        verify: &ByPlugin,
        at: &str,
        plugins: &BTreeMap<String, PluginInfo>,
        unused: Names<'_>,
        read_file: &dyn Fn(&str) -> Result<Value, String>,
    ) -> Result<Self, Vec<PlanError>> {
        let mut problems = Problems::default();
        let mut plan = None;
        if let Some(plugin) = installed(&verify.plugin, plugins, unused, &format!("{at}/use"), &mut problems)
        {
            let PluginInfo { manifest, digest } = plugin;
            if manifest.kind == Kind::Verify {
                check_keys(verify, manifest, at, &mut problems);
                let files = RefCell::new(Vec::new());
                let read_file = |path: &str| {
                    files.borrow_mut().push(path.to_owned());
                    read_file(path)
                };
                let config = with(verify, manifest, at, &read_file, &mut problems);
                plan = config.map(|config| Self {
                    plugin: verify.plugin.as_str().into(),
                    digest: Arc::clone(digest),
                    config,
                    files: files.into_inner(),
                });
            } else {
                let message = format!(
                    "{:?} is a {} plugin, which verifies nothing: name a {} plugin",
                    verify.plugin,
                    manifest.kind.name(),
                    Kind::Verify.name()
                );
                problems.add(format!("{at}/use"), message);
            }
        }
        match plan {
            Some(plan) if problems.0.is_empty() => Ok(plan),
            Some(_) | None => Err(problems.0),
        }
    }
}

/// The config as the plugin gets it.
fn with(
    verify: &ByPlugin,
    manifest: &Manifest,
    at: &str,
    read_file: &dyn Fn(&str) -> Result<Value, String>,
    problems: &mut Problems,
) -> Option<Arc<str>> {
    let mut with: Value = verify.with.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let under = format!("{at}/with");
    let files = config::place_files(&mut with, &manifest.config_schema, read_file, &under, problems);
    let template = problems.compile(&under, &with, &files)?;
    for dynamic in template.dynamic_pointers() {
        let message =
            "an expression has no value before it is known whose the request is: write the value itself";
        problems.add(format!("{under}{dynamic}"), message);
    }
    if problems.0.is_empty() {
        config::validate(&with, &template, manifest, at, problems);
    }
    template.as_constant().map(|config| config.to_string().into())
}

/// The keys are those that the plugin asks for, if it says which.
fn check_keys(verify: &ByPlugin, manifest: &Manifest, at: &str, problems: &mut Problems) {
    let Some(asked) = manifest.keys() else { return };
    let names = asked.clone().map(|(name, _)| name);
    for (name, is) in asked.filter(|(name, _)| !verify.keys.contains_key(*name)) {
        let message = format!("the plugin {:?} asks for a key {name:?}, which is not given", verify.plugin);
        let help = format!("give it under keys, as {name}: {{ secret: … }} or {{ public_key: … }}. {is}");
        problems.add_with_help(at, message, help.trim_end().to_owned());
    }
    for name in verify.keys.keys().filter(|given| !names.clone().any(|name| name == given.as_str())) {
        let help = known("asked for", name, names.clone());
        let message = format!("the plugin {:?} asks for no key {name:?}", verify.plugin);
        problems.add_with_help(format!("{at}/keys/{}", token(name)), message, help);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    fn info(kind: Kind, schema: Value) -> PluginInfo {
        let manifest = Manifest {
            name: "acme".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            kind,
            config_schema: schema,
            input_schema: None,
            output_schema: None,
        };
        PluginInfo { manifest: Arc::new(manifest), digest: "ab".into() }
    }

    fn plan(verify: &Value) -> Result<VerifyPlan, Vec<PlanError>> {
        let schema = json!({
            "type": "object",
            "properties": { "header": { "type": "string" }, "table": { "type": "string", "x-stepmill-file": true } },
            "required": ["header"],
            "additionalProperties": false,
            "x-stepmill-keys": { "signing": "The secret of the shop's settings." },
        });
        let plugins = BTreeMap::from([
            ("acme".to_owned(), info(Kind::Verify, schema)),
            ("open".to_owned(), info(Kind::Verify, json!({}))),
            ("map".to_owned(), info(Kind::Transform, json!({}))),
        ]);
        let verify: ByPlugin = serde_json::from_value(verify.clone()).unwrap();
        let read = |path: &str| match path {
            "table.txt" => Ok(Value::from("${{ none of this is an expression }}")),
            _ => Err(format!("{path} cannot be read")),
        };
        VerifyPlan::try_new(&verify, "/on/webhook/verify", &plugins, Names::Any, &read)
    }

    #[test]
    fn a_plugin_gets_its_config_with_the_files_in_it() {
        let keys = json!({ "signing": { "secret": "env:A" } });
        let with = json!({ "header": "x-a", "table": "table.txt" });
        let plan = plan(&json!({ "use": "acme", "with": with, "keys": keys })).unwrap();
        let expected = json!({ "header": "x-a", "table": "${{ none of this is an expression }}" });
        assert_eq!(serde_json::from_str::<Value>(&plan.config).unwrap(), expected);
        assert_eq!((&*plan.plugin, &*plan.digest), ("acme", "ab"));
        assert_eq!(plan.files, ["table.txt"]);
        // One that does not say which keys it asks for may have any.
        let keys = json!({ "any": { "secret": "env:A" } });
        assert_eq!(&*self::plan(&json!({ "use": "open", "keys": keys })).unwrap().config, "{}");
    }

    #[test]
    fn each_mistake_is_told_at_its_place_with_what_would_be_right() {
        let keys = json!({ "signing": { "secret": "env:A" } });
        let mut told = String::new();
        for verify in [
            json!({ "use": "acne", "keys": keys }),
            json!({ "use": "map" }),
            json!({ "use": "acme", "keys": keys }),
            json!({ "use": "acme", "with": { "header": 1, "heeder": "a" }, "keys": keys }),
            json!({ "use": "acme", "with": { "header": "${{ headers.a }}" }, "keys": keys }),
            json!({ "use": "acme", "with": { "header": "a", "table": "none" }, "keys": keys }),
            json!({ "use": "acme", "with": { "header": "a" } }),
            json!({ "use": "acme", "with": { "header": "a" }, "keys": { "singing": { "secret": "env:A" } } }),
        ] {
            for PlanError { pointer, message, help } in plan(&verify).unwrap_err() {
                let help = help.map(|help| format!("\n    {help}")).unwrap_or_default();
                writeln!(told, "{pointer}: {message}{help}").unwrap();
            }
        }
        assert_eq!(told, include_str!("verify/mistakes.txt"));
    }
}
