//! A step of one plugin, without a workflow around it: checked as a workflow's is, and made into attempts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::document::Document;
use stepmill_core::grant::Allow;
use stepmill_core::invoke::Attempt;
use stepmill_core::limits::{Limits, Overrides};
use stepmill_core::manifest::Kind;
use stepmill_core::workflow::{Environment, Names, Plan, PlanError, PluginInfo, PluginStep};
use stepmill_sandbox::Loaded;

use crate::catalog;
use crate::diagnostic::{Diagnostics, Source};

/// The name of the system that the step talks to.
pub(crate) const SYSTEM: &str = "system";
/// Where the step stands in its workflow.
const STEP: &str = "/steps/0";

/// What a step is made of.
#[derive(Clone, Debug)]
pub(crate) struct Outline<'a> {
    /// Name of the workflow that it would be in.
    pub workflow: &'a str,
    /// Its id.
    pub step: &'a str,
    /// Its `with`.
    pub config: &'a IndexMap<String, Value>,
    /// Its limits.
    pub limits: Overrides,
    /// Its timeout.
    pub timeout_ms: Option<u64>,
    /// Whether it has a system.
    pub has_system: bool,
    /// What it may reach besides its system.
    pub allow: &'a [Allow],
}

/// A step that can be tried out.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    workflow: Arc<str>,
    id: Arc<str>,
    plugin: PluginStep,
    /// The config, as attempts are given it.
    pub(crate) config: Arc<str>,
}

/// What attempts of a step differ in.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) run: RunId,
    pub(crate) number: u32,
    pub(crate) idempotency_key: String,
    pub(crate) accepted_at_ms: u64,
    pub(crate) input: Arc<Document>,
}

impl Try {
    /// The first attempt of this run, for this input.
    pub(crate) fn first(run: RunId, accepted_at_ms: u64, input: Document) -> Self {
        let idempotency_key = run.idempotency_key("step");
        Self { run, number: 1, idempotency_key, accepted_at_ms, input: Arc::new(input) }
    }
}

impl Step {
    /// Checks it as a workflow with this step alone. Pointers of errors lead into that workflow.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn try_new(
        loaded: &Loaded,
        outline: &Outline<'_>,
        read_file: &dyn Fn(&str) -> Result<Value, String>,
    ) -> Result<Self, Vec<PlanError>> {
        let wrong =
            |pointer: &str, message: String| PlanError { pointer: pointer.into(), message, help: None };
        let name = &loaded.manifest.name;
        let step = json!({
            "id": outline.step,
            "use": name,
            "with": outline.config,
            "limits": outline.limits,
            "allow": outline.allow,
            "system": outline.has_system.then_some(SYSTEM),
            "timeout": outline.timeout_ms.map(|timeout_ms| format!("{timeout_ms}ms")),
        });
        let definition = serde_json::from_value(json!({ "name": outline.workflow, "steps": [step] }))
            .map_err(|error| vec![wrong("", error.to_string())])?;
        let info =
            PluginInfo { manifest: Arc::new(loaded.manifest.clone()), digest: loaded.digest.as_str().into() };
        let systems = BTreeSet::from([SYSTEM.to_owned()]);
        let none = BTreeSet::new();
        let environment = Environment {
            plugins: &BTreeMap::from([(name.clone(), info)]),
            unused_plugins: Names::Of(&none),
            systems: Names::Of(&systems),
            events: Names::Of(&none),
            workflows: Names::Of(&none),
            has_links: false,
            limits: Limits::default(),
            read_file,
        };
        let plan = Plan::try_new(definition, &environment)?;
        let planned = plan.plugin_steps();
        let Some((step, plugin)) = planned.first() else {
            return Err(vec![wrong(STEP, "this is no step of a plugin".into())]);
        };
        let Some(config) = plugin.constant_config.clone() else {
            let help = "write what the expression would give";
            return Err(vec![PlanError {
                pointer: format!("{STEP}/with"),
                message: "there is no run here that expressions could be evaluated in".into(),
                help: Some(help.into()),
            }]);
        };
        let (id, plugin) = (Arc::clone(&step.id), (*plugin).clone());
        Ok(Self { workflow: plan.name.clone(), id, plugin, config })
    }

    /// The same with nothing but a config; files that it names are relative to `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it, at its place in the config.
    pub(crate) fn of_config(
        loaded: &Loaded,
        config: &Source,
        folder: &Path,
        has_system: bool,
    ) -> Result<Self, Diagnostics> {
        let with: IndexMap<String, Value> = config.parse()?;
        let outline = Outline {
            workflow: "trial",
            step: "step",
            config: &with,
            limits: Overrides::default(),
            timeout_ms: None,
            has_system,
            allow: &[],
        };
        Self::try_new(loaded, &outline, &|path| catalog::read_file(folder, path)).map_err(|wrong| {
            let mut found = Diagnostics::default();
            found.extend(wrong.into_iter().map(|problem| {
                let pointer = own_pointer(&problem.pointer);
                let pointer = pointer.strip_prefix("/config").unwrap_or_default();
                config.error(pointer, problem.message).help(problem.help.unwrap_or_default())
            }));
            found
        })
    }

    /// The kind of its plugin.
    pub(crate) fn kind(&self) -> Kind {
        self.plugin.kind
    }

    /// An attempt of it.
    pub(crate) fn attempt(&self, of: &Try) -> Attempt {
        let Try { run, number, idempotency_key, accepted_at_ms, input } = of.clone();
        Attempt {
            digest: Arc::clone(&self.plugin.digest),
            plugin: Arc::clone(&self.plugin.plugin),
            workflow: Arc::clone(&self.workflow),
            run,
            step: Arc::clone(&self.id),
            number,
            idempotency_key,
            accepted_at_ms,
            input,
            config: Arc::clone(&self.config),
            limits: self.plugin.limits,
            grant: Arc::clone(&self.plugin.grant),
        }
    }
}

/// Where a case has what a pointer into the step's workflow means: below `with` there is below `config` here.
pub(crate) fn own_pointer(pointer: &str) -> String {
    let keys = [
        ("/steps/0/with", "/config"),
        ("/steps/0/timeout", "/attempt/timeout-ms"),
        ("/steps/0/id", "/attempt/step"),
        ("/name", "/attempt/workflow"),
        ("/steps/0/use", ""),
        (STEP, ""),
    ];
    let found = keys.iter().find_map(|(from, to)| Some(format!("{to}{}", pointer.strip_prefix(from)?)));
    found.unwrap_or_default()
}
