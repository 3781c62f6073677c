//! A connector that posts its input and answers the status; `post-next` does so otherwise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
    const NAME: &'static str = "post";
    const SUMMARY: &'static str = "Posts its input.";
    type Config = Self;
    type Input = Value;
    type Output = Posted;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, input: Value, ctx: &ConnectorContext) -> Result<Posted, Failure> {
        let request = ctx.http().request("POST", self.path.clone()).body(input.to_string());
        let response = request.send().map_err(|error| Failure::reject("http", error.message()))?;
        if response.status() == 503 {
            return Err(Failure::retry("down"));
        }
        Ok(Posted { status: response.status() })
    }
}

stepmill_sdk::export_connector!(Post);
