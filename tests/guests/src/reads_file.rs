//! A transform that tries to read a file of the host and its environment, and answers what it got.

use schemars::JsonSchema;
use serde::Serialize;
use stepmill_sdk::{Context, Document, Failure, NoConfig, Transform};

/// What it got.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// Content of `/etc/passwd`, or none.
    content: Option<String>,
    /// Why not.
    error: Option<String>,
    /// Names of all environment variables.
    env: Vec<String>,
}

struct ReadsFile;

impl Transform for ReadsFile {
    const NAME: &'static str = "reads-file";
    const SUMMARY: &'static str = "Tries to read a file of the host.";
    type Config = NoConfig;
    type Input = Document;
    type Output = Answer;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, _: Document, _: &Context) -> Result<Answer, Failure> {
        let read = std::fs::read_to_string("/etc/passwd");
        let env = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        Ok(match read {
            Ok(content) => Answer { content: Some(content), error: None, env },
            Err(error) => Answer { content: None, error: Some(error.to_string()), env },
        })
    }
}

stepmill_sdk::export_transform!(ReadsFile);
