//! The schemes as a table, for the README.

use std::fmt::Write as _;

use super::preset::{ALL, Preset};
use super::recipe::{Part, Place, Recipe};
use super::strength::{Weakness, weaknesses};

/// The names of all schemes.
pub fn schemes() -> impl Iterator<Item = &'static str> {
    let mut before = "";
    ALL.iter()
        .map(|preset| preset.scheme)
        .filter(move |scheme| std::mem::replace(&mut before, scheme) != *scheme)
}

/// All schemes, in Markdown: what each signs, how near the signed time must be, by what a repeated event is known, and
/// why it is weak.
pub fn table() -> String {
    let mut table = String::from(
        "| scheme | sender | signs | within | known by | weak because |\n|---|---|---|---|---|---|\n",
    );
    for preset in ALL {
        let cells = preset.cells().map(|cell| if cell.is_empty() { "–".into() } else { cell });
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    }
    table
}

impl Preset {
    fn cells(&self) -> [String; 6] {
        let recipes = (self.recipes)();
        let sender = match self.documentation {
            "" => self.sender.to_owned(),
            documentation => format!("[{}]({documentation})", self.sender),
        };
        let row = |signs: &str, within: &str, known_by: &str, weak: &str| {
            [
                format!("`{}`", self.scheme),
                sender.clone(),
                signs.into(),
                within.into(),
                known_by.into(),
                weak.into(),
            ]
        };
        match self.scheme {
            "none" => row("nothing", "", "", Weakness::Open.name()),
            "hmac" => row(
                "`{body}`, or what `signed` says",
                "5m, with `timestamp`",
                "`id`",
                "no-timestamp, without one; sha1",
            ),
            "api-key" => row("nothing", "", "", "token; in-url, with `query`"),
            "jwt" => row("the claims of a token", "1m, of its end", "`jti`", "token, without `body_hash`"),
            "mtls" => row("the connection", "", "", ""),
            "plugin" => row("what the plugin says", "", "what the plugin says", Weakness::ByPlugin.name()),
            "aws-sns" => {
                row("the message", "`tolerance`", "`body.MessageId`", "no-timestamp, without `tolerance`")
            }
            "paypal" => row(
                "`{id}\\|{timestamp}\\|{webhook_id}\\|{body_crc32}`",
                "`tolerance`",
                "`body.id`",
                "part-of-body; no-timestamp, without `tolerance`",
            ),
            "adyen" => {
                row("some fields of each notification, or `{body}`", "", "", "part-of-body, no-timestamp")
            }
            _ => {
                let first = recipes.first();
                let within = first.and_then(|recipe| recipe.timestamp.as_ref());
                let within = within.map(|_| humantime::format_duration(self.tolerance).to_string());
                let id = first.map(|recipe| recipe.id.as_slice()).unwrap_or_default();
                let id = id.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(" and ");
                let weak = weaknesses(&recipes).iter().map(|weakness| weakness.name()).collect::<Vec<_>>();
                row(&signs(&recipes), &within.unwrap_or_default(), &id, &weak.join(", "))
            }
        }
    }
}

/// What the recipes sign, each once.
fn signs(recipes: &[Recipe]) -> String {
    let mut all: Vec<String> = Vec::new();
    for recipe in recipes {
        let mut signed: String = recipe.signed.iter().map(Part::to_string).collect();
        if let Some(digest @ Place::Query(_)) = &recipe.digest {
            let _ = write!(signed, "` with the body's SHA-256 in `{digest}");
        }
        let signed = if signed.is_empty() { "nothing".to_owned() } else { format!("`{signed}`") };
        if !all.contains(&signed) {
            all.push(signed);
        }
    }
    all.join(", or ")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../../../../README.md");
        assert!(
            readme.contains(&table()),
            "put this into README.md in place of what is there:\n\n{}",
            table()
        );
    }
}
