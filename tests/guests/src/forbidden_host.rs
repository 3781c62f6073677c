//! A connector that asks for a URL and answers how that ended: the name of the error's variant, such as
//! `"denied"`, or `"status-200"`. A denial is a value that it can read, not a trap.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure};

/// Whom to ask.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// An absolute URL.
    url: String,
}

struct ForbiddenHost;

impl Connector for ForbiddenHost {
    const NAME: &'static str = "forbidden-host";
    const SUMMARY: &'static str = "Asks for a URL and answers the kind of error.";
    type Config = Config;
    type Input = Document;
    type Output = String;

    fn run(_: Document, config: Config, ctx: &ConnectorContext) -> Result<String, Failure> {
        Ok(match ctx.http().get(config.url).send() {
            Ok(response) => format!("status-{}", response.status()),
            Err(error) => error.name().to_owned(),
        })
    }
}

stepmill_sdk::export_connector!(ForbiddenHost);
