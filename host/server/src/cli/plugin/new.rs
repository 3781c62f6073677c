//! `stepmill plugin new`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use stepmill_core::manifest::Kind;

use crate::author::kit::Language;
use crate::author::name::Name;
use crate::author::new::Beginning;
use crate::cli::{Error, Exit, new, output};

#[derive(Debug, Args)]
#[command(after_help = "\
The project has all that it is built on (vendor/stepmill), so that it needs nothing but its language's tools and, \
for the libraries that it names, their registry.

Examples:
  stepmill plugin new order-totals
  stepmill plugin new stock --kind connector --lang js --folder plugins/stock")]
pub(in crate::cli) struct NewArguments {
    /// Name of the plugin: lower-case letters, digits and dashes
    name: Name,
    /// What kind: transform and validate are pure steps, a connector talks to other systems; verify, in Rust, is no step and
    /// says whom a webhook believes
    #[arg(long, default_value = Kind::Transform.name(), value_parser = kinds())]
    kind: Kind,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
    /// Where to; it must not exist or be empty [default: a folder of the plugin's name]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = Kind> {
    const KINDS: [Kind; 4] = [Kind::Transform, Kind::Validate, Kind::Connector, Kind::Verify];
    PossibleValuesParser::new(KINDS.map(Kind::name)).map(|name| {
        // The parser lets no other name through.
        KINDS.into_iter().find(|kind| kind.name() == name).unwrap_or(Kind::Transform)
    })
}

impl NewArguments {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let Self { name, kind, lang: language, folder } = self;
        name.check_for(language).map_err(|wrong| Error::new(Exit::Usage, wrong))?;
        let folder = folder.unwrap_or_else(|| PathBuf::from(name.dashed()));
        let beginning = Beginning { name, kind, language };
        // Nothing is made of what cannot be begun.
        beginning.template().map_err(|missing| Error::new(Exit::Usage, missing))?;
        new::make_folder(&folder)?;
        beginning.write(&folder)?;
        let shown = folder.display();
        let mut said = format!(
            "{shown} has a {} in {} to begin with: see {shown}/README.md. Next:\n\n  cd {shown}\n",
            if kind.is_step() { format!("{} step", kind.name()) } else { format!("{} plugin", kind.name()) },
            language.title()
        );
        for command in beginning.next_commands() {
            let _ = writeln!(said, "  {command}");
        }
        output::print(&said)?;
        Ok(Exit::Done)
    }
}
