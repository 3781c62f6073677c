//! NDJSON, which is also called JSON Lines (<https://jsonlines.org>): a JSON value in each line that is not blank.

use super::json;
use super::output::Output;
use super::refused::{Format, Place, Refused};

/// The values as a JSON array.
pub(super) fn read(text: &str, limit: u64) -> Result<String, Refused> {
    let mut array = Output::new(limit);
    array.push("[")?;
    each(text, |line| {
        array.comma()?;
        array.push(line)
    })?;
    array.push("]")?;
    Ok(array.into_text())
}

/// The values each by itself; at most `records`.
pub(super) fn lines(text: &str, records: usize) -> Result<Vec<&str>, Refused> {
    let mut lines = Vec::new();
    each(text, |line| {
        if lines.len() == records {
            return Err(Refused::TooManyRecords { limit: records });
        }
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

fn each<'t>(text: &'t str, mut take: impl FnMut(&'t str) -> Result<(), Refused>) -> Result<(), Refused> {
    let lines = text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r']));
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
        json::check(line.as_bytes()).map_err(|refused| match refused {
            Refused::Malformed { place: Place::Column(_, column), .. } => {
                Refused::malformed(Format::Ndjson, Place::Column(number, column), "")
            }
            other => other,
        })?;
        take(line)?;
    }
    Ok(())
}
