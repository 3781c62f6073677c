//! What a run works on.

use serde_json::Value;

use super::{Entry, State, What};
use crate::document::Document;
use crate::event::Event;

/// The event that the run works on: the accepted one; of a run that gathered events the first one, with all
/// their payloads as a JSON array, or the last one alone; after a redrive that edited it, with that document.
///
/// None if the entries are not those of the state.
pub fn payload(state: &State, entries: &[Entry]) -> Option<Event> {
    let What::Accepted(accepted) = &entries.first()?.what else { return None };
    let mut event = accepted.event.clone();
    if state.payload > 0 {
        let at = usize::try_from(state.payload).ok()?;
        let What::Redriven { document: Some(document), .. } = &entries.get(at)?.what else { return None };
        event.document = document.clone();
        return Some(event);
    }
    let Some(gather) = &accepted.gather else { return Some(event) };
    let mut further = entries.iter().filter_map(|entry| match &entry.what {
        What::Gathered { event } => Some(event),
        _ => None,
    });
    if gather.keep_last {
        return Some(further.next_back().cloned().unwrap_or(event));
    }
    let all = std::iter::once(&accepted.event).chain(further).map(|event| event.document.to_value());
    event.document = Document::json(&Value::Array(all.collect()));
    Some(event)
}
