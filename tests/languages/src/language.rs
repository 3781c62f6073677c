//! The languages that there are an SDK and templates for.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    Js,
    Python,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Rust, Self::Js, Self::Python];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
        }
    }

    /// The commands by which an author tests and looks over a project in the language's own way.
    pub fn own_tests(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Rust => &[&["cargo", "fmt", "--check"], &["cargo", "test", "--quiet"]],
            Self::Js => &[&["npm", "run", "--silent", "check"], &["npm", "test", "--silent"]],
            Self::Python => &[
                &[".venv/bin/python", "-m", "pip", "install", "--quiet", "-r", "requirements-dev.txt"],
                &[".venv/bin/ruff", "check", "."],
                &[".venv/bin/ruff", "format", "--check", "."],
                &[".venv/bin/python", "-m", "pytest", "--quiet"],
            ],
        }
    }
}
