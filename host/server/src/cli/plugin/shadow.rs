//! `stepmill plugin shadow`.

use clap::Args;

use super::backtest::{counted, rows};
use crate::cli::output::{self, Paint};
use crate::cli::{Connection, Error, Exit};
use crate::shadow::Status;

#[derive(Debug, Args)]
#[command(after_help = "\
Candidates are configured under `shadows` of stepmill.yaml:
  shadows:
    pricing: { path: next.wasm, share: 0.1 }

Each is tried with attempts that the plugin has just made, without any effect. What is shown is kept in memory, since the \
service started or since either of the two was replaced; of the differences, the last 50.")]
pub(in crate::cli) struct ShadowArguments {
    /// Name of the plugin; else all that have a shadow
    #[arg(value_name = "NAME")]
    plugin: Option<String>,
    /// How many attempts are shown that are not equal
    #[arg(long, value_name = "K", default_value_t = 10)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl ShadowArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let mut shadows = self.connection.client()?.shadows().await?;
        if let Some(plugin) = &self.plugin {
            shadows.retain(|shadow| shadow.plugin == *plugin);
            if shadows.is_empty() {
                let message = format!("no plugin {plugin:?} has a shadow: see `shadows` of stepmill.yaml");
                return Err(Error::new(Exit::NotFound, message));
            }
        }
        if self.json {
            output::print_json(&shadows)?;
            return Ok(Exit::Done);
        }
        for shadow in &shadows {
            output::print(&self.told(shadow))?;
        }
        Ok(Exit::Done)
    }

    fn told(&self, shadow: &Status) -> String {
        let Status { plugin, digest, candidate, share, counts, dropped, differences } = shadow;
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        let mut text = format!(
            "{plugin} ({}) beside {} {} ({}), {}% of its attempts: {}, {dropped} dropped\n",
            short(digest),
            output::harmless(&candidate.name),
            output::short(&candidate.version, 40),
            short(&candidate.digest),
            share * 100.0,
            counted(counts),
        );
        if differences.is_empty() || self.limit == 0 {
            return text;
        }
        let paint = Paint::stdout();
        let mut table = paint.table(&["RUN", "ATTEMPT", "RESULT", "WHERE", "RECORDED", "CANDIDATE"]);
        for told in differences.iter().take(self.limit) {
            rows(paint, &mut table, &told.tried);
        }
        text += &output::rendered(&table);
        text
    }
}
