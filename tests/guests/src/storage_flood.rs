//! A connector that puts values of 1 KiB until it is refused, and answers how many there were and why.

use schemars::JsonSchema;
use serde::Serialize;
use stepmill_sdk::{Connector, ConnectorContext, Document, Failure, NoConfig};

/// Where even a careless host should have said no.
const MOST: u32 = 1_000_000;

/// How far it came.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// Number of values that were written.
    written: u32,
    /// Name of the error's variant; none if there was no refusal.
    error: Option<String>,
    /// What it says.
    message: Option<String>,
}

struct StorageFlood;

impl Connector for StorageFlood {
    const NAME: &'static str = "storage-flood";
    const SUMMARY: &'static str = "Writes to storage until it is refused.";
    type Config = NoConfig;
    type Input = Document;
    type Output = Answer;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, _: Document, ctx: &ConnectorContext) -> Result<Answer, Failure> {
        let value = [b'x'; 1024];
        for written in 0..MOST {
            if let Err(error) = ctx.storage().put(&format!("flood/{written}"), value) {
                return Ok(Answer {
                    written,
                    error: Some(error.name().to_owned()),
                    message: Some(error.message()),
                });
            }
        }
        Ok(Answer { written: MOST, error: None, message: None })
    }
}

stepmill_sdk::export_connector!(StorageFlood);
