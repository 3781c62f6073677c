//! A connector that asks for a URL and answers how that ended: the name of the error's variant, such as
//! `"denied"`, or `"status-200"`. A denial is a value that it can read, not a trap.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// Whom to ask.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForbiddenHost {
    /// An absolute URL.
    url: String,
}

impl Connector for ForbiddenHost {
    const NAME: &'static str = "forbidden-host";
    const SUMMARY: &'static str = "Asks for a URL and answers the kind of error.";
    type Config = Self;
    type Input = Document;
    type Output = String;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, _: Document, ctx: &ConnectorContext) -> Result<String, Failure> {
        Ok(match ctx.http().get(&self.url).send() {
            Ok(response) => format!("status-{}", response.status()),
            Err(error) => error.name().to_owned(),
        })
    }
}

stepmill_sdk::export_connector!(ForbiddenHost);
