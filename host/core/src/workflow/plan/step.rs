//! Steps that can run.

use std::sync::Arc;

use crate::expression::Template;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::manifest::Kind;
use crate::retry::Policy;
use crate::run::Failures;

/// A step that can run.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Id, unique in the workflow; of one that undoes another `ID/undo`.
    pub id: Arc<str>,
    /// RFC 6901 JSON pointer to it in the definition.
    pub pointer: Arc<str>,
    /// The steps that it comes after, by their index: all smaller than its own.
    pub needs: Vec<usize>,
    /// Whether it names what it needs: then it is passed over with the last of those. Otherwise a step that
    /// is passed over just hands on what it would have been fed.
    pub is_explicit: bool,
    /// The step that it is the alternative to.
    pub otherwise: Option<usize>,
    /// Whether another step is the alternative to it: then it may be passed over, time out or be declined
    /// without that being a failure, and what comes after it is passed over with it.
    pub has_alternative: bool,
    /// The step is passed over unless this gives true.
    pub when: Option<Template>,
    /// What the step is fed, if not the output of those before it.
    pub input: Option<Template>,
    /// What it does.
    pub work: Work,
    /// How it is undone.
    pub undo: Option<Box<PlannedStep>>,
}

impl PlannedStep {
    /// A step that comes after none.
    pub(super) fn alone(id: &str, pointer: &str, work: Work) -> Self {
        Self {
            id: id.into(),
            pointer: pointer.into(),
            needs: Vec::new(),
            is_explicit: false,
            otherwise: None,
            has_alternative: false,
            when: None,
            input: None,
            work,
            undo: None,
        }
    }
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Uses a plugin.
    Plugin(PluginStep),
    /// Begins a run of another workflow.
    Call {
        /// Its name.
        workflow: Arc<str>,
        /// Whether it is done once that has begun.
        detach: bool,
    },
    /// Waits for a duration.
    Sleep(Template),
    /// Waits until a time.
    Until(Template),
    /// Waits for an event.
    Wait {
        /// Its name.
        event: Arc<str>,
        /// Its key.
        key: Template,
        /// For how long, in milliseconds.
        timeout_ms: Option<u64>,
    },
    /// Waits for a person's decision.
    Approve {
        /// What is to be decided.
        question: Option<Template>,
        /// For how long, in milliseconds.
        timeout_ms: Option<u64>,
    },
    /// Begins a run for each item of a list.
    ForEach(ForEachStep),
}

/// A step that uses a plugin.
#[derive(Clone, Debug)]
pub struct PluginStep {
    /// Kind of the plugin.
    pub kind: Kind,
    /// Name of the plugin.
    pub plugin: Arc<str>,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: Arc<str>,
    /// The plugin's config, with the files it names in place.
    pub config: Template,
    /// The config as JSON text, if there is no expression in it.
    pub constant_config: Option<Arc<str>>,
    /// Limits of one attempt; `wall_ms` is the step's timeout.
    pub limits: Limits,
    /// Retry policy.
    pub retry: Policy,
    /// What the step may reach.
    pub grant: Arc<Grant>,
}

/// A step that begins a run for each item of a list.
#[derive(Clone, Debug)]
pub struct ForEachStep {
    /// The list.
    pub list: Template,
    /// How many items one run gets, as an array; none for each alone.
    pub batch: Option<u32>,
    /// How many runs go at once.
    pub concurrency: u32,
    /// What an item that fails does to the step.
    pub failures: Failures,
    /// Whether the step gives the items' outputs.
    pub outputs: bool,
    /// What is run for each item.
    pub body: Body,
}

/// What a `for-each` step runs.
#[derive(Clone, Debug)]
pub enum Body {
    /// A part of the workflow, by its whole name.
    Part(Arc<str>),
    /// Another workflow.
    Workflow(Arc<str>),
}

impl Work {
    /// What to call it where a plugin's name would stand.
    pub fn name(&self) -> &str {
        match self {
            Self::Plugin(plugin) => &plugin.plugin,
            Self::Call { .. } => "call",
            Self::Sleep(_) => "sleep",
            Self::Until(_) => "until",
            Self::Wait { .. } => "wait",
            Self::Approve { .. } => "approve",
            Self::ForEach(_) => "for-each",
        }
    }
}

impl PlannedStep {
    /// The plugin that it uses.
    pub fn plugin(&self) -> Option<&PluginStep> {
        match &self.work {
            Work::Plugin(plugin) => Some(plugin),
            Work::Call { .. }
            | Work::Sleep(_)
            | Work::Until(_)
            | Work::Wait { .. }
            | Work::Approve { .. }
            | Work::ForEach(_) => None,
        }
    }

    /// Whether it does nothing that must be journaled.
    pub fn is_pure(&self) -> bool {
        self.plugin().is_some_and(|plugin| plugin.kind.is_pure())
    }
}
