//! The error of a name that no plugin has: one sentence, with what there is to choose from, wherever names are looked up.

use std::collections::BTreeSet;

use stepmill_core::nearest::nearest;

use crate::stock;

/// There is no plugin of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no plugin {name:?}{}: {}", self.guess(), self.choice())]
pub struct NoPlugin {
    name: String,
    /// The plugins of config; none where there is no config.
    configured: Option<BTreeSet<String>>,
    /// Whether a stock plugin would have done.
    is_stock_good: bool,
}

impl NoPlugin {
    /// Neither config, if there is one, has it, nor the binary.
    pub fn of_any<'a>(name: &str, configured: Option<impl IntoIterator<Item = &'a String>>) -> Self {
        let configured = configured.map(sorted);
        Self { name: name.into(), configured, is_stock_good: true }
    }

    /// Config has it not, and only what config has would do.
    pub fn of_config<'a>(name: &str, configured: impl IntoIterator<Item = &'a String>) -> Self {
        Self { name: name.into(), configured: Some(sorted(configured)), is_stock_good: false }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let stock = stock::ALL.iter().filter(|_| self.is_stock_good).map(|stock| stock.name);
        self.configured.iter().flatten().map(String::as_str).chain(stock)
    }

    fn guess(&self) -> String {
        let guess = nearest(&self.name, self.names());
        guess.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
    }

    fn choice(&self) -> String {
        let configured = match &self.configured {
            None => "there is no config here".to_owned(),
            Some(names) if names.is_empty() => "config has none".to_owned(),
            Some(names) => {
                format!("config has {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
        };
        if self.is_stock_good {
            return format!("{configured}; stock plugins are {}", stock::names());
        }
        configured
    }
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    names.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_to_choose_from_is_told() {
        let configured = ["pricing".to_owned(), "labels".to_owned()];
        let text = NoPlugin::of_config("prising", &configured).to_string();
        assert_eq!(
            text,
            "there is no plugin \"prising\" (did you mean pricing?): config has labels, pricing"
        );
        let stock = stock::names();
        let text = NoPlugin::of_any("sales", Some(&configured)).to_string();
        assert_eq!(
            text,
            format!("there is no plugin \"sales\": config has labels, pricing; stock plugins are {stock}")
        );
        let text = NoPlugin::of_any("mapp", None::<&Vec<String>>).to_string();
        let wanted = "there is no plugin \"mapp\" (did you mean map?): there is no config here; stock ";
        assert!(text.starts_with(wanted), "{text}");
    }
}
