//! All pages of a connection as one array.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use stepmill_sdk::raw::{self, RawValue};
use stepmill_sdk::{ConnectorContext, Document, Failure};

use crate::{GraphQl, Pagination};

/// A page of a connection.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    nodes: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    edges: Option<Vec<Edge<'a>>>,
    #[serde(rename = "pageInfo")]
    info: Info,
}

#[derive(Deserialize)]
struct Edge<'a> {
    #[serde(borrow)]
    node: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// Asks for page after page.
pub(crate) fn collect(
    plugin: &GraphQl,
    pagination: &Pagination,
    ctx: &ConnectorContext,
) -> Result<Document, Failure> {
    let pointer = &pagination.connection;
    let mut variables = plugin.config.variables.clone();
    let mut seen = BTreeSet::new();
    let mut items: Vec<String> = Vec::new();
    for number in 1..=pagination.max_pages.max(1) {
        let answer = plugin.send(ctx, &variables)?;
        let connection = raw::at(answer.data()?, pointer).ok_or_else(|| {
            Failure::reject("response", format!("page {number} has nothing at `{pointer}` (`connection`)"))
        })?;
        let page: Page<'_> = serde_json::from_str(connection.get()).map_err(|error| {
            let wanted = "`nodes` or `edges { node }`, and `pageInfo { hasNextPage endCursor }`";
            Failure::reject("response", format!("page {number} at `{pointer}` has not {wanted}: {error}"))
        })?;
        let nodes = page.nodes.or_else(|| Some(page.edges?.into_iter().map(|edge| edge.node).collect()));
        let nodes = nodes.ok_or_else(|| {
            Failure::reject(
                "response",
                format!("page {number} at `{pointer}` has neither `nodes` nor `edges`"),
            )
        })?;
        items.extend(nodes.into_iter().map(|node| node.get().to_owned()));
        if !page.info.has_next_page {
            return Ok(Document::from_json(format!("[{}]", items.join(","))));
        }
        let cursor = page.info.end_cursor.filter(|cursor| seen.insert(cursor.clone())).ok_or_else(|| {
            Failure::reject("pages", format!("page {number} has a next page but no new cursor for it"))
        })?;
        variables.insert(pagination.variable.clone(), Value::String(cursor));
    }
    let max = pagination.max_pages;
    Err(Failure::reject("pages", format!("there are more than {max} pages; raise `max_pages`")))
}
