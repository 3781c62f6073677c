//! The records of a collection, by Directus' [items API](https://docs.directus.io/reference/items.html).

use serde::Deserialize;
use serde_json::{Map, Value};
use stepmill_sdk::http::{RequestBuilder, is_passing};
use stepmill_sdk::{ConnectorContext, Failure};

/// What Directus says of a record that another one has made meanwhile.
const NOT_UNIQUE: &str = "RECORD_NOT_UNIQUE";

pub(crate) struct Items<'a> {
    pub(crate) ctx: &'a ConnectorContext,
    pub(crate) collection: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Map<String, Value>,
}

impl Items<'_> {
    /// Records with these values.
    pub(crate) fn find(
        &self,
        filter: Vec<(&str, String)>,
        fields: &str,
        limit: u32,
    ) -> Result<Value, Failure> {
        let mut request = self.ctx.http().get(self.path(None));
        for (field, value) in filter {
            request = request.query(format!("filter[{field}][_eq]"), value);
        }
        send(request.query("fields", fields).query("limit", limit))
    }

    /// Id of the one record with these values.
    pub(crate) fn one(&self, filter: Vec<(&str, String)>) -> Result<Option<Value>, Failure> {
        let found = self.find(filter, "id", 2)?;
        match found.as_array().map(Vec::as_slice) {
            Some([]) => Ok(None),
            Some([one]) => Ok(Some(id(one)?)),
            Some(_) => {
                let message = format!("more than one record of {} has the key", self.collection);
                Err(Failure::reject("directus-ambiguous", message))
            }
            None => Err(Failure::reject("response", "the server answered a search by no list")),
        }
    }

    /// Creates a record; its id.
    pub(crate) fn create(&self, data: &Map<String, Value>) -> Result<Value, Failure> {
        id(&send(self.ctx.http().post(self.path(None)).query("fields", "id").json(data))?)
    }

    /// Changes a record.
    pub(crate) fn change(&self, record: &Value, data: &Map<String, Value>) -> Result<(), Failure> {
        let record = record.as_str().map_or_else(|| record.to_string(), str::to_owned);
        send(self.ctx.http().patch(self.path(Some(&record))).query("fields", "id").json(data)).map(drop)
    }

    fn path(&self, record: Option<&str>) -> String {
        match record {
            Some(record) => format!("/items/{}/{record}", self.collection),
            None => format!("/items/{}", self.collection),
        }
    }
}

fn id(record: &Value) -> Result<Value, Failure> {
    let id = record.get("id").filter(|id| id.is_string() || id.is_number());
    id.cloned().ok_or_else(|| Failure::reject("response", "the server answered a record without an id"))
}

fn send(request: RequestBuilder<'_>) -> Result<Value, Failure> {
    let response = request.send()?;
    if response.is_success() {
        return Ok(response.json::<Answer>()?.data);
    }
    let Ok(Errors { errors }) = response.json::<Errors>() else { return Err(response.failure()) };
    let Some(first) = errors.first() else { return Err(response.failure()) };
    let code = first.extensions.get("code").and_then(Value::as_str).unwrap_or_default();
    if code == NOT_UNIQUE {
        return Err(Failure::retry(format!("another run has created the record: {}", first.message)));
    }
    if is_passing(response.status()) || code.is_empty() {
        return Err(response.failure());
    }
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).take(5).collect();
    Err(Failure::reject(
        format!("directus-{}", code.to_ascii_lowercase().replace('_', "-")),
        messages.join("; "),
    ))
}
