//! Lines of the export format before: of a time when a run's journal had one writer, and its state other members.
//!
//! Its entries are those of today but for two: that all steps are done was said without an output, and that a run died
//! without what kind of trouble that was. The state is not
//! taken over but computed from the entries. A run that waited to try a step again is so ready at once, and whoever
//! works on it finds that it is not time yet.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Value, json};
use stepmill_core::attempt::Record;
use stepmill_core::dead::{Category, fingerprint};
use stepmill_core::manifest::Kind;
use stepmill_core::run::{self, Entry};

use super::Line;

/// The format.
pub(super) const FORMAT: u32 = 1;

/// A run's line.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Former {
    Run { entries: Vec<Value> },
}

/// Reads a line.
pub(super) fn read(json: &[u8]) -> Result<Line, serde_json::Error> {
    let Ok(Former::Run { entries }) = serde_json::from_slice(json) else {
        return serde_json::from_slice(json);
    };
    let workflow = entries.first().and_then(|first| first.pointer("/what/accepted/workflow")?.as_str());
    let workflow = workflow.unwrap_or_default().to_owned();
    let entries = entries.into_iter().map(|former| entry(former, &workflow));
    let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
    let state = run::replay(&entries).map_err(serde_json::Error::custom)?;
    let state = state.ok_or_else(|| serde_json::Error::custom("the run has no entries"))?;
    Ok(Line::Run { state: Box::new(state), entries })
}

fn entry(mut entry: Value, workflow: &str) -> Result<Entry, serde_json::Error> {
    if let Some(what) = entry.get_mut("what").filter(|what| **what == "succeeded") {
        *what = json!({ "succeeded": {} });
    }
    if let Some(died) = entry.pointer_mut("/what/died").and_then(Value::as_object_mut)
        && let Some(record) = died.get("record")
    {
        let record: Record = serde_json::from_value(record.clone())?;
        if let Some(failure) = &record.failure {
            let of = fingerprint(workflow, &record.step, failure, record.last_status());
            died.insert("fingerprint".into(), json!(of));
        }
        // Whether the step was pure is not in the record; only a deadline of one would be told apart.
        died.insert("category".into(), json!(Category::of(Kind::Connector, &record)));
    }
    serde_json::from_value(entry)
}
