//! What a new version of a plugin changes for those who have the old one: what it can reach, and what it takes and
//! answers.

mod schemas;

use std::collections::BTreeSet;

use serde::Serialize;
use stepmill_core::manifest::Kind;
use stepmill_sandbox::Loaded;

use super::bench::Times;
use super::capability;
use super::cases::Comparison;
pub(crate) use schemas::{Change, Verdict};

/// Everything that differs.
#[derive(Serialize)]
pub(crate) struct Diff {
    /// Names in the manifests.
    pub(crate) name: Pair<String>,
    /// Kinds of step.
    pub(crate) kind: Pair<Kind>,
    /// Versions in the manifests.
    pub(crate) version: Pair<String>,
    /// Sizes of the components, in bytes.
    pub(crate) size: Pair<u64>,
    /// Interfaces that only the new one imports.
    pub(crate) gained: Vec<String>,
    /// Those of them that reach beyond the attempt: what its operator has to consent to.
    pub(crate) permissions: Vec<String>,
    /// Interfaces that only the old one imports.
    pub(crate) lost: Vec<String>,
    /// What was a config must still be one.
    pub(crate) config: Change,
    /// What was an input must still be one.
    pub(crate) input: Change,
    /// What is answered must be what could have been answered before.
    pub(crate) output: Change,
    /// What attempts take, on the same input and in turns; none if that was not measured.
    pub(crate) speed: Option<Speed>,
    /// What the two make of cases; none if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cases: Option<Vec<Compared>>,
}

/// What the two make of a case.
#[derive(Serialize)]
pub(crate) struct Compared {
    #[serde(flatten)]
    pub(crate) comparison: Comparison,
    /// What attempts at it take, in turns; none unless both succeed equally.
    pub(crate) speed: Option<Speed>,
}

/// The old and the new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Pair<T> {
    pub(crate) old: T,
    pub(crate) new: T,
}

impl<T: PartialEq> Pair<T> {
    /// Whether they differ.
    pub(crate) fn is_changed(&self) -> bool {
        self.old != self.new
    }
}

/// How fast the two are.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Speed {
    pub(crate) old: Times,
    pub(crate) new: Times,
    /// The median of the new one by that of the old one: over 1 is slower.
    pub(crate) ratio: f64,
}

impl Speed {
    /// Of what was measured in turns.
    pub(crate) fn of([old, new]: [Times; 2]) -> Self {
        Self { ratio: new.p50_us / old.p50_us, old, new }
    }
}

impl Diff {
    /// Compares two versions of a plugin.
    pub(crate) fn between(old: &Loaded, new: &Loaded) -> Self {
        let interfaces = |plugin: &Loaded| -> BTreeSet<String> {
            plugin.imports.iter().map(|import| capability::interface(import).to_owned()).collect()
        };
        let (before, after) = (interfaces(old), interfaces(new));
        let gained: Vec<String> = after.difference(&before).cloned().collect();
        let (was, is) = (&old.manifest, &new.manifest);
        Self {
            name: Pair { old: was.name.clone(), new: is.name.clone() },
            kind: Pair { old: was.kind, new: is.kind },
            version: Pair { old: was.version.clone(), new: is.version.clone() },
            size: Pair { old: old.size, new: new.size },
            permissions: gained.iter().filter(|import| capability::is_permission(import)).cloned().collect(),
            gained,
            lost: before.difference(&after).cloned().collect(),
            config: Change::of_config(&was.config_schema, &is.config_schema),
            input: Change::of_input(was.input_schema.as_ref(), is.input_schema.as_ref()),
            output: Change::of_output(was.output_schema.as_ref(), is.output_schema.as_ref()),
            speed: None,
            cases: None,
        }
    }

    /// Why somebody has to look before workflows take the new one for the old one; nothing if it can reach no more, is
    /// the same kind of step, every schema is shown to be compatible, and every case that the old one takes is answered
    /// as it does.
    pub(crate) fn harms(&self) -> Vec<String> {
        let mut harms = Vec::new();
        if !self.permissions.is_empty() {
            harms.push(format!("it can now reach {}", self.permissions.join(", ")));
        }
        if self.kind.is_changed() {
            harms.push(format!("it was a {} and is a {}", self.kind.old.name(), self.kind.new.name()));
        }
        for (what, change) in [("config", &self.config), ("input", &self.input), ("output", &self.output)] {
            if !change.verdict.is_compatible() {
                harms.push(format!("its {what} is not shown to be compatible"));
            }
        }
        let otherwise = |case: &&Compared| !case.comparison.answer.is_harmless();
        let count = self.cases.iter().flatten().filter(otherwise).count();
        if count > 0 {
            harms.push(format!("{count} cases are answered otherwise"));
        }
        harms
    }
}
