//! What `post` may become: it says of ten and more that they are urgent, and sends nothing for none. It makes another
//! rejection of a 503.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepmill_sdk::{Connector, ConnectorContext, Failure};

/// Where to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Post {
    /// A path at the step's system.
    path: String,
}

#[derive(Serialize, JsonSchema)]
struct Posted {
    status: u16,
}

impl Connector for Post {
    const NAME: &'static str = "post-next";
    const SUMMARY: &'static str = "Posts its input, and says what is urgent.";
    type Config = Self;
    type Input = Value;
    type Output = Posted;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, mut input: Value, ctx: &ConnectorContext) -> Result<Posted, Failure> {
        let quantity = input.get("quantity").and_then(Value::as_u64).unwrap_or_default();
        if quantity == 0 {
            return Ok(Posted { status: 200 });
        }
        if let Some(members) = input.as_object_mut().filter(|_| quantity >= 10) {
            members.insert("urgent".to_owned(), json!(true));
        }
        // Written otherwise, and the same JSON.
        let body = serde_json::to_string_pretty(&input).unwrap_or_default();
        let request = ctx.http().request("POST", self.path.clone()).body(body);
        let response = request.send().map_err(|error| Failure::reject("http", error.message()))?;
        if response.status() == 503 {
            return Err(Failure::reject("down", "it is down"));
        }
        Ok(Posted { status: response.status() })
    }
}

stepmill_sdk::export_connector!(Post);
