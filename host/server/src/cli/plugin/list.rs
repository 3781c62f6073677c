//! `stepmill plugin list`.

use clap::Args;

use super::{size, text};
use crate::cli::output::{self, Paint, Tone};
use crate::cli::{Connection, Error, Exit};

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl ListArguments {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let plugins = self.connection.client()?.plugins().await?;
        if self.json {
            output::print_json(&plugins)?;
            return Ok(Exit::Done);
        }
        let paint = Paint::stdout();
        let mut table = paint.table(&["NAME", "KIND", "VERSION", "SIZE", "DIGEST", "SOURCE", "SUMMARY"]);
        for plugin in &plugins {
            table.add_row([
                paint.cell(Tone::Plain, text(plugin, "name")),
                paint.cell(Tone::Plain, text(plugin, "kind")),
                paint.cell(Tone::Plain, output::short(text(plugin, "version"), 30)),
                paint.cell(Tone::Faint, size(plugin)),
                paint.cell(Tone::Faint, text(plugin, "digest").chars().take(12).collect::<String>()),
                paint.cell(Tone::Faint, text(plugin, "source")),
                paint.cell(Tone::Plain, output::short(text(plugin, "summary"), 80)),
            ]);
        }
        output::print(&output::rendered(&table))?;
        Ok(Exit::Done)
    }
}
