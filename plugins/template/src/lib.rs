#![doc = include_str!("../README.md")]
//!
//! # Example
//!
//! ```
//! use stepmill_plugin_template::Template;
//! use stepmill_sdk::testing;
//!
//! let config = r#"{"template": "<p>{{ name }}</p>", "media_type": "text/html"}"#;
//! let page = testing::transform::<Template>(config, r#"{"name": "Ada & Co"}"#).unwrap();
//! assert_eq!(page.text().unwrap(), "<p>Ada &amp; Co</p>");
//! ```

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Body, Context, Document, Failure, OrFail as _, Transform};

/// What the template is called where only one is there.
const NAME: &str = "template";
/// How much of an expression is shown.
const MAX_SHOWN_CHARS: usize = 60;

/// The step's `with:`; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The template itself. Give this or `file`.
    pub template: Option<String>,
    /// Path of the template's file, such as `templates/mail.html`.
    #[schemars(extend("x-stepmill-file" = true))]
    pub file: Option<String>,
    /// Media type of the output, which also says how values are escaped: as HTML (`text/html` and XML), as JSON
    /// (`application/json` and kin), or not at all.
    #[serde(default = "plain")]
    pub media_type: String,
    /// Whether the line break after a `{% … %}` and the spaces before it are dropped.
    #[serde(default)]
    pub trim_blocks: bool,
}

fn plain() -> String {
    "text/plain; charset=utf-8".to_owned()
}

/// The plugin; see the crate's documentation.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    media_type: String,
    source: String,
}

impl Transform for Template {
    const NAME: &'static str = "template";
    const SUMMARY: &'static str = "Writes text by a Jinja template; HTML-safe.";
    type Config = Config;
    type Input = Document;
    type Output = Document;

    fn prepare(config: Config) -> Result<Self, Failure> {
        let source = match (config.template, config.file) {
            (Some(text), None) | (None, Some(text)) => text,
            (Some(_), Some(_)) => {
                return Err(Failure::reject("config", "both `template` and `file` are given: leave one out"));
            }
            (None, None) => {
                let message = "there is no template: give its text as `template`, or its path as `file`";
                return Err(Failure::reject("config", message));
            }
        };
        let escape = escape(&config.media_type);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(move |_| escape.clone());
        let mut syntax = SyntaxConfig::builder();
        syntax.keep_trailing_newline(true).trim_blocks(config.trim_blocks).lstrip_blocks(config.trim_blocks);
        environment.set_syntax(syntax.build().or_reject("template", "the syntax")?);
        // For the place of what is not there.
        environment.set_debug(true);
        environment
            .add_template_owned(NAME, source.clone())
            .map_err(|error| Failure::reject("template", told(&source, &error)))?;
        Ok(Self { environment, media_type: config.media_type, source })
    }

    fn run(&self, input: Document, _: &Context) -> Result<Document, Failure> {
        let value: Value = input.parse()?;
        let known = minijinja::context! { input => value.clone() };
        // Without names of its own, such as a list, it is reached as `input` alone.
        let context = match value.kind() {
            minijinja::value::ValueKind::Map => minijinja::context! { ..value, ..known },
            _ => known,
        };
        let template = self.environment.get_template(NAME).map_err(|error| self.failure(&error))?;
        let text = template.render(context).map_err(|error| self.failure(&error))?;
        Ok(Document { media_type: self.media_type.clone(), body: Body::Text(text) })
    }
}

impl Template {
    fn failure(&self, error: &Error) -> Failure {
        let code = match error.kind() {
            ErrorKind::UndefinedError => "template-undefined",
            _ => "template-error",
        };
        Failure::reject(code, told(&self.source, error))
    }
}

/// How values are written in text of a media type.
fn escape(media_type: &str) -> AutoEscape {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.rsplit(['/', '+']).next() {
        Some("html" | "xml") => AutoEscape::Html,
        Some("json") => AutoEscape::Json,
        _ => AutoEscape::None,
    }
}

/// What is wrong, in which line, and with what part of the template.
fn told(source: &str, error: &Error) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let part =
        error.range().and_then(|range| source.get(range)).map(str::trim).filter(|part| !part.is_empty());
    let part: Option<String> = part.map(|part| part.chars().take(MAX_SHOWN_CHARS).collect());
    match (error.kind(), part) {
        (ErrorKind::UndefinedError, Some(part)) => format!("{line}`{part}` is not there"),
        (_, Some(part)) => format!("{line}{}, at `{part}`", what(error)),
        (_, None) => format!("{line}{}", what(error)),
    }
}

fn what(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

stepmill_sdk::export_transform!(Template);

#[cfg(test)]
mod tests;
