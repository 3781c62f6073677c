//! One call of a method, as `trytond` answers it.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepmill_sdk::{ConnectorContext, Failure};

/// Errors that pass: somebody else was quicker, or the database is busy.
const PASSING: [&str; 3] = ["ConcurrencyException", "OperationalError", "TimeoutException"];

/// The server, for one attempt.
pub(crate) struct Server<'a> {
    pub(crate) ctx: &'a ConnectorContext,
    pub(crate) path: &'a str,
    pub(crate) company: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    error: Option<Vec<Value>>,
}

impl Server<'_> {
    /// The same for the company that the step names, or the user's own: without one, the server knows neither prices
    /// nor whose a sale is.
    pub(crate) fn for_company(&self) -> Result<Self, Failure> {
        if self.company.is_some() {
            return Ok(Server { ..*self });
        }
        let preferences = self.call("model.res.user.get_preferences", vec![json!(true)], Map::new())?;
        let company = preferences.get("company").and_then(Value::as_u64).ok_or_else(|| {
            Failure::reject(
                "tryton-no-company",
                "the user has no company: give it one, or the step a `company`",
            )
        })?;
        Ok(Server { company: Some(company), ..*self })
    }

    /// Calls a model's method. The context, with the company in it, goes after the parameters.
    pub(crate) fn call(
        &self,
        method: &str,
        params: Vec<Value>,
        context: Map<String, Value>,
    ) -> Result<Value, Failure> {
        let mut params = params;
        let mut context = context;
        if let Some(company) = self.company {
            context.insert("company".to_owned(), company.into());
        }
        params.push(Value::Object(context));
        let body = json!({ "id": 1, "method": method, "params": params });
        let response = self.ctx.http().post(self.path).json(&body).send()?.error_for_status()?;
        let answer: Answer = response.json()?;
        match answer.error {
            None => Ok(answer.result.unwrap_or_default()),
            Some(error) => Err(failure(method, &error)),
        }
    }

    /// The records that a domain is true of, at most two: who looks for one has to know whether there are more.
    pub(crate) fn find(
        &self,
        model: &str,
        domain: Value,
        fields: &[&str],
        context: Map<String, Value>,
    ) -> Result<Option<Value>, Failure> {
        let params = vec![domain.clone(), json!(0), json!(2), json!([["id", "ASC"]]), json!(fields)];
        let found = self.call(&format!("model.{model}.search_read"), params, context)?;
        let Value::Array(mut records) = found else {
            return Err(Failure::reject("response", "the server answered a search by no list"));
        };
        if records.len() > 1 {
            let message = format!("there is more than one {model} with {domain}");
            return Err(Failure::reject("tryton-ambiguous", message));
        }
        Ok(records.pop())
    }

    /// The same, where there has to be one.
    pub(crate) fn get(&self, model: &str, domain: Value, fields: &[&str]) -> Result<Value, Failure> {
        let found = self.find(model, domain.clone(), fields, Map::new())?;
        found.ok_or_else(|| Failure::reject("tryton-not-found", format!("there is no {model} with {domain}")))
    }
}

/// `[name, [message, description, …]]` of what a user is told; `[text, trace]` of anything else.
fn failure(method: &str, error: &[Value]) -> Failure {
    let name = error.first().and_then(Value::as_str).unwrap_or_default();
    let details = error.get(1).and_then(Value::as_array);
    let texts: Vec<&str> =
        details.into_iter().flatten().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect();
    let message = format!("{method}: {name}: {}", texts.join("; "));
    if PASSING.contains(&name) || texts.iter().any(|text| text.contains("database is locked")) {
        return Failure::retry(message);
    }
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match is_name && details.is_some() {
        true => Failure::reject(format!("tryton-{}", name.to_ascii_lowercase()), message),
        false => Failure::reject("tryton", format!("{method}: {name}")),
    }
}
