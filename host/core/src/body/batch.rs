//! A body whose records become runs, each by itself.

use std::sync::Arc;

use super::cloudevent::CloudEvent;
use super::media::Kind;
use super::refused::{Place, Refused};
use super::single::{Decoding, json_of};
use super::{Record, csv, json, ndjson};
use crate::document::Body;
use crate::event::Raw;

/// Media type of a row of CSV by itself: RFC 4180, section 3.
const ROW: &str = "text/csv; charset=utf-8; header=absent";
/// Media type of an event of a batch by itself.
const EVENT: &str = "application/cloudevents+json";

/// The records of a body, of which the list is at a pointer; `event` if the body is a CloudEvent in binary mode.
pub(super) fn records(
    decoding: &Decoding<'_>,
    pointer: &str,
    plain: Vec<u8>,
    event: Option<CloudEvent>,
) -> Result<Vec<Record>, Refused> {
    match decoding.kind {
        // The body itself is one of a list, which came by itself.
        _ if pointer.is_empty() && event.is_some() => {
            let document = decoding.one(plain, true)?.document;
            let key = event.as_ref().map(CloudEvent::key);
            Ok(vec![Record { document, raw: None, event, key }])
        }
        Kind::CloudEvents if pointer.is_empty() => {
            let (text, _) = decoding.json_text(plain)?;
            let events = (1..).zip(items(decoding, &text, pointer)?);
            events.map(|(number, text)| structured(decoding, text, Place::Record(number))).collect()
        }
        Kind::CloudEvent => {
            let (text, _) = decoding.json_text(plain)?;
            let whole = structured(decoding, &text, Place::Whole)?;
            if pointer.is_empty() {
                return Ok(vec![whole]);
            }
            let Body::Text(data) = &whole.document.body else { return Err(none_at(pointer)) };
            plain_records(decoding, data, pointer, whole.event.as_ref())
        }
        Kind::Csv if pointer.is_empty() => {
            let text = decoding.text(&plain)?;
            let csv::Rows { json, rows } = csv::rows(&text, decoding.rules.records(), decoding.limit)?;
            let rows = rows.into_iter().map(|(json_at, row_at)| {
                let row = text.get(row_at).unwrap_or_default().trim_matches(['\r', '\n']);
                let raw = Raw { media_type: ROW.into(), encoding: None, bytes: row.into() };
                let document = json_of(json.get(json_at).unwrap_or_default().to_owned());
                Record { document, raw: Some(Arc::new(raw)), event: None, key: None }
            });
            Ok(rows.collect())
        }
        Kind::Ndjson if pointer.is_empty() => {
            let text = decoding.text(&plain)?;
            let lines = ndjson::lines(&text, decoding.rules.records())?;
            Ok(lines.into_iter().map(plain_record).collect())
        }
        Kind::Json | Kind::CloudEvents => {
            let (text, _) = decoding.json_text(plain)?;
            plain_records(decoding, &text, pointer, event.as_ref())
        }
        Kind::Xml | Kind::Form | Kind::Multipart | Kind::Csv | Kind::Ndjson => {
            let text = decoding.json(&plain)?;
            plain_records(decoding, &text, pointer, event.as_ref())
        }
        Kind::Text | Kind::Other => {
            Err(Refused::media_type(decoding.media_type.unwrap_or_default(), decoding.rules.kind))
        }
    }
}

/// The items of the list at a pointer. What XML has once is no list, and one of it all the same.
fn items<'t>(decoding: &Decoding<'_>, text: &'t str, pointer: &str) -> Result<Vec<&'t str>, Refused> {
    let most = decoding.rules.records();
    let found = json::at(text, pointer).ok_or_else(|| none_at(pointer))?;
    match json::items(found, most) {
        Some(items) if items.len() > most => Err(Refused::TooManyRecords { limit: most }),
        Some(items) => Ok(items),
        None if decoding.kind == Kind::Xml => Ok(vec![found]),
        None => Err(none_at(pointer)),
    }
}

/// The records of JSON. If it is the data of an event, each is known by that and by its place.
fn plain_records(
    decoding: &Decoding<'_>,
    text: &str,
    pointer: &str,
    event: Option<&CloudEvent>,
) -> Result<Vec<Record>, Refused> {
    let items = items(decoding, text, pointer)?;
    // Each has all of the attributes.
    let copied = event.map_or(0, CloudEvent::bytes).saturating_mul(items.len());
    if u64::try_from(copied).unwrap_or(u64::MAX) > decoding.limit {
        return Err(Refused::Inflated { limit: decoding.limit });
    }
    let records = items.into_iter().enumerate().map(|(index, item)| Record {
        event: event.cloned(),
        key: event.map(|event| event.key_of_part(index)),
        ..plain_record(item)
    });
    Ok(records.collect())
}

fn plain_record(json: &str) -> Record {
    Record { document: json_of(json.to_owned()), raw: None, event: None, key: None }
}

fn structured(decoding: &Decoding<'_>, text: &str, place: Place) -> Result<Record, Refused> {
    let (document, event) = decoding.structured(text, place)?;
    let raw = Raw { media_type: EVENT.into(), encoding: None, bytes: text.into() };
    let key = Some(event.key());
    Ok(Record { document, raw: Some(Arc::new(raw)), event: Some(event), key })
}

fn none_at(pointer: &str) -> Refused {
    Refused::NoRecords { pointer: pointer.to_owned() }
}
