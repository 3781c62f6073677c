//! All pages of a list as one array.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;
use stepmill_sdk::http::Response;
use stepmill_sdk::{Document, Failure, raw};

use crate::config::{Output, Pagination};
use crate::exchange::{Exchange, Outcome};
use crate::output;

/// Where a page is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Page {
    /// At the step's path, with these parameters.
    Here(Vec<(String, String)>),
    /// At a URL that the system gave.
    There(String),
}

/// Asks for page after page.
pub(crate) fn collect(
    exchange: &Exchange<'_>,
    pagination: &Pagination,
    form: Output,
) -> Result<Document, Failure> {
    let (pointer, max_pages) = match pagination {
        Pagination::Link { items, max_pages }
        | Pagination::Cursor { items, max_pages, .. }
        | Pagination::Page { items, max_pages, .. }
        | Pagination::Offset { items, max_pages, .. } => (items.as_str(), *max_pages),
    };
    let mut list = String::from("[");
    let mut count = 0_u64;
    let mut page = first(pagination);
    let mut seen = BTreeSet::new();
    for number in 1..=max_pages.max(1) {
        let Outcome::Expected(response) = fetch(exchange, &page)? else {
            if number == 1 {
                return Ok(output::null());
            }
            return Err(Failure::reject("http-404", format!("page {number} is not there")));
        };
        let body = output::json(&response)?;
        let items = raw::at(body, pointer).and_then(raw::items).ok_or_else(|| {
            Failure::reject("response", format!("page {number} has no array at `{pointer}` (`items`)"))
        })?;
        for item in &items {
            if count > 0 {
                list.push(',');
            }
            list.push_str(item.get());
            count += 1;
        }
        let size = items.len() as u64;
        let Some(next) = next(pagination, &page, &response, body, size, count)? else {
            list.push(']');
            return match form {
                Output::Body => Ok(Document::from_json(list)),
                Output::Full => output::full_with(&response, RawValue::from_string(list)?.as_ref()),
            };
        };
        // A system that goes round in circles would otherwise be asked until `max_pages`.
        if !seen.insert(std::mem::replace(&mut page, next)) || seen.contains(&page) {
            return Err(Failure::reject("pages", format!("page {number} names a page that was read before")));
        }
    }
    Err(Failure::reject("pages", format!("there are more than {max_pages} pages; raise `max_pages`")))
}

fn fetch(exchange: &Exchange<'_>, page: &Page) -> Result<Outcome, Failure> {
    match page {
        Page::Here(query) => {
            let query: Vec<(&str, String)> =
                query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            exchange.send(exchange.path(), &query)
        }
        Page::There(target) => exchange.follow(target),
    }
}

fn first(pagination: &Pagination) -> Page {
    Page::Here(match pagination {
        Pagination::Link { .. } | Pagination::Cursor { .. } => Vec::new(),
        Pagination::Page { param, start, .. } => vec![(param.clone(), start.to_string())],
        Pagination::Offset { param, limit, limit_param, .. } => {
            vec![(param.clone(), "0".to_owned()), (limit_param.clone(), limit.to_string())]
        }
    })
}

/// The page after one with `size` items, `count` items into the list.
fn next(
    pagination: &Pagination,
    page: &Page,
    response: &Response,
    body: &RawValue,
    size: u64,
    count: u64,
) -> Result<Option<Page>, Failure> {
    Ok(match pagination {
        Pagination::Link { .. } => next_link(response).map(Page::There),
        Pagination::Cursor { cursor, param, .. } => {
            let found = raw::at(body, cursor).map(|found| serde_json::from_str(found.get())).transpose()?;
            let value = match found {
                None | Some(Value::Null | Value::Bool(false)) => return Ok(None),
                Some(Value::String(text)) if text.is_empty() => return Ok(None),
                Some(Value::String(text)) => text,
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)) => {
                    return Err(Failure::reject("response", format!("what is at `{cursor}` is no cursor")));
                }
            };
            Some(match param {
                Some(param) => Page::Here(vec![(param.clone(), value)]),
                None => Page::There(value),
            })
        }
        Pagination::Page { param, start, size: full, .. } => {
            let number = match page {
                Page::Here(query) => {
                    query.first().and_then(|(_, value)| value.parse().ok()).unwrap_or(*start)
                }
                Page::There(_) => *start,
            };
            let more = size > 0 && full.is_none_or(|full| size >= full);
            more.then(|| Page::Here(vec![(param.clone(), number.saturating_add(1).to_string())]))
        }
        Pagination::Offset { param, limit, limit_param, .. } => (size > 0 && size >= *limit).then(|| {
            Page::Here(vec![(param.clone(), count.to_string()), (limit_param.clone(), limit.to_string())])
        }),
    })
}

/// The target of the first link with `rel="next"`, RFC 8288.
fn next_link(response: &Response) -> Option<String> {
    let links = response.headers().iter().filter(|header| header.name.eq_ignore_ascii_case("link"));
    for header in links {
        let mut rest = std::str::from_utf8(&header.value).ok()?;
        // A target may have commas and semicolons in it, so that the brackets are looked for first.
        while let Some((target, after)) = rest.split_once('<').and_then(|(_, from)| from.split_once('>')) {
            let end = after.find('<').unwrap_or(after.len());
            let (parameters, others) = after.split_at(end);
            let is_next = parameters.split([';', ',']).any(|parameter| {
                parameter.split_once('=').is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("rel")
                        && value
                            .trim()
                            .trim_matches('"')
                            .split_ascii_whitespace()
                            .any(|rel| rel.eq_ignore_ascii_case("next"))
                })
            });
            if is_next {
                return Some(target.to_owned());
            }
            rest = others;
        }
    }
    None
}
