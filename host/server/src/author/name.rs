//! Names of plugins that are also names of crates, packages and modules.

mod python;

use std::str::FromStr;

use super::kit::Language;

/// Longest name that a manifest may have.
const LONGEST: usize = 64;

/// Words that no crate, module or package can have for a name, in one language or another.
const KEYWORDS: [&str; 82] = [
    "abstract",
    "and",
    "arguments",
    "as",
    "assert",
    "async",
    "await",
    "become",
    "box",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "crate",
    "debugger",
    "def",
    "default",
    "del",
    "delete",
    "do",
    "dyn",
    "elif",
    "else",
    "enum",
    "eval",
    "except",
    "export",
    "extends",
    "extern",
    "false",
    "final",
    "finally",
    "fn",
    "for",
    "from",
    "function",
    "gen",
    "global",
    "if",
    "impl",
    "import",
    "in",
    "is",
    "lambda",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "new",
    "nonlocal",
    "not",
    "null",
    "or",
    "override",
    "pass",
    "priv",
    "pub",
    "raise",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "switch",
    "this",
    "throw",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "use",
    "where",
    "while",
    "yield",
];

/// Names that the tools or the SDKs have taken: a project of that name would depend on itself, or hide a library.
const TAKEN: [&str; 17] = [
    "alloc",
    "app",
    "componentize-py",
    "core",
    "node-modules",
    "proc-macro",
    "schemars",
    "serde",
    "serde-json",
    "src",
    "std",
    "stepmill",
    "stepmill-sdk",
    "test",
    "tests",
    "vendor",
    "wit-world",
];

/// A plugin's name: lower-case letters, digits and dashes, and good for a crate or module as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

/// Why a text is no such name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAName {
    /// Other characters, or none, or too many.
    #[error(
        "a plugin's name is 1 to {LONGEST} lower-case letters, digits and dashes, such as {example:?}",
        example = suggestion(.0)
    )]
    Characters(String),
    /// It cannot be the beginning of an identifier.
    #[error(
        "a plugin's name begins with a letter and ends with a letter or digit, with single dashes between, since it is the name of a crate or module too"
    )]
    Form,
    /// A word of Rust, JavaScript or Python.
    #[error("{0:?} is a word of Rust, JavaScript or Python: give a name such as \"{0}-step\"")]
    Keyword(String),
    /// A name of something else.
    #[error("{0:?} is the name of something that the project needs: give a name such as \"my-{0}\"")]
    Taken(String),
    /// A module of Python's own.
    #[error(
        "{0:?} is a module of Python's standard library, which the plugin's would hide: give a name such as \"my-{0}\""
    )]
    Module(String),
}

/// What somebody may have meant.
fn suggestion(text: &str) -> String {
    let mut name = String::new();
    let mut was_lower = false;
    for c in text.chars() {
        match c {
            'A'..='Z' if was_lower => name.extend(['-', c.to_ascii_lowercase()]),
            'a'..='z' | '0'..='9' | 'A'..='Z' => name.push(c.to_ascii_lowercase()),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let name: String = name.trim_matches('-').chars().take(LONGEST).collect();
    match name.parse::<Name>() {
        Ok(Name(name)) => name,
        Err(_) => "order-totals".into(),
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_of_name) {
            return Err(NotAName::Characters(text.to_owned()));
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.ends_with('-') || text.contains("--") {
            return Err(NotAName::Form);
        }
        if KEYWORDS.contains(&text) {
            return Err(NotAName::Keyword(text.to_owned()));
        }
        if TAKEN.contains(&text) {
            return Err(NotAName::Taken(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Name {
    /// Whether it is one for a project in this language too.
    ///
    /// # Errors
    /// The language has taken it.
    pub(crate) fn check_for(&self, language: Language) -> Result<(), NotAName> {
        match language {
            // Neither a crate nor a package of npm hides what the language brings along.
            Language::Rust | Language::Js => Ok(()),
            Language::Python if python::MODULES.contains(&self.0.as_str()) => {
                Err(NotAName::Module(self.0.clone()))
            }
            Language::Python => Ok(()),
        }
    }

    /// `my-step`.
    pub(crate) fn dashed(&self) -> &str {
        &self.0
    }

    /// `my_step`.
    pub(super) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `MyStep`.
    pub(super) fn camel(&self) -> String {
        let capitalised = |word: &str| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        self.0.split('-').map(capitalised).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_forms_of_crates_and_types() {
        let name: Name = "order-2-cash".parse().unwrap();
        assert_eq!(
            [name.dashed(), &name.snake(), &name.camel()],
            ["order-2-cash", "order_2_cash", "Order2Cash"]
        );
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_would_be_one() {
        let mut read = String::new();
        for text in
            ["", "OrderTotals", "order_totals", "7up", "a--b", "a-", "match", "lambda", "serde", "Ärger", "✓"]
        {
            let refused = text.parse::<Name>().unwrap_err();
            read += &format!("{text:?}: {refused}\n");
        }
        assert!("a".repeat(LONGEST).parse::<Name>().is_ok());
        assert!("a".repeat(LONGEST + 1).parse::<Name>().is_err());
        insta::assert_snapshot!(read);
    }

    #[test]
    fn the_words_are_in_order() {
        assert!(KEYWORDS.is_sorted() && TAKEN.is_sorted() && python::MODULES.is_sorted());
    }
}
