//! Compiling and running a program.

use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader, Modules};
use jaq_core::{Compiler, Ctx, Exn, Filter, Vars, compile};
use jaq_json::Val;
use stepmill_sdk::{Document, Failure};

use crate::{Config, Input, Outputs, output, prelude};

/// A program that can run.
pub(crate) struct Program {
    filter: Filter<JustLut<Val>>,
    outputs: Outputs,
    input: Input,
}

impl Program {
    /// Compiles the step's program.
    pub(crate) fn try_new(config: &Config) -> Result<Self, Failure> {
        Ok(Self { filter: compile(&config.jq)?, outputs: config.outputs, input: config.input })
    }

    /// Feeds the document to the program and answers its output as JSON text.
    pub(crate) fn run(&self, input: &Document) -> Result<String, Failure> {
        let value = read(self.input, input)?;
        let ctx = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        // Most outputs are about as long as their inputs.
        let mut text = String::with_capacity(input.bytes().len());
        write(self.outputs, self.filter.id.run((ctx, value)), &mut text)?;
        Ok(text)
    }
}

fn write<'a>(
    form: Outputs,
    mut outputs: impl Iterator<Item = Result<Val, Exn<'a, Val>>>,
    text: &mut String,
) -> Result<(), Failure> {
    match form {
        Outputs::One => {
            let Some(first) = outputs.next() else {
                return Err(Failure::reject(
                    "jq-outputs",
                    "the program has no output; it must have one, or the step `outputs: array`",
                ));
            };
            output::write(&first.map_err(failure)?, text)?;
            if let Some(second) = outputs.next() {
                second.map_err(failure)?;
                return Err(Failure::reject(
                    "jq-outputs",
                    "the program has several outputs; put it into `[` and `]`, or let the step say `outputs: array`",
                ));
            }
        }
        Outputs::Array => {
            text.push('[');
            for (index, value) in outputs.enumerate() {
                if index > 0 {
                    text.push(',');
                }
                output::write(&value.map_err(failure)?, text)?;
            }
            text.push(']');
        }
    }
    Ok(())
}

fn read(form: Input, input: &Document) -> Result<Val, Failure> {
    match form {
        Input::Text => Ok(Val::from(input.text()?.to_owned())),
        Input::Json => jaq_json::read::parse_single(input.bytes())
            .map_err(|error| Failure::reject("input", format!("the input is not JSON: {error}"))),
    }
}

/// Compiles a program with no more of the standard library than it needs.
fn compile(code: &str) -> Result<Filter<JustLut<Val>>, Failure> {
    let arena = Arena::default();
    let modules: Modules<&str, ()> =
        Loader::new(prelude::definitions(code)).load(&arena, File { code, path: () }).map_err(|errors| {
            refuse(code, errors.into_iter().flat_map(|(_, error)| unloadable(error)).collect())
        })?;
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
        refuse(code, errors.into_iter().flat_map(|(_, errors)| undefined(errors)).collect())
    })
}

/// What is wrong, and the part of the program that it is about.
type Fault<'a> = (String, &'a str);

fn unloadable(error: load::Error<&str>) -> Vec<Fault<'_>> {
    match error {
        load::Error::Io(errors) => errors.into_iter().map(|(part, text)| (text, part)).collect(),
        load::Error::Lex(errors) => errors
            .into_iter()
            .map(|(expected, part)| (format!("expected {}", expected.as_str()), part))
            .collect(),
        load::Error::Parse(errors) => errors
            .into_iter()
            .map(|(expected, part)| (format!("expected {}", expected.as_str()), part))
            .collect(),
    }
}

fn undefined(errors: Vec<compile::Error<&str>>) -> Vec<Fault<'_>> {
    let describe = |(name, kind): (&str, compile::Undefined)| match kind {
        compile::Undefined::Filter(arity) => format!("there is no filter `{name}/{arity}`"),
        kind => format!("there is no {} `{name}`", kind.as_str()),
    };
    errors.into_iter().map(|(name, kind)| (describe((name, kind)), name)).collect()
}

fn refuse(code: &str, faults: Vec<Fault<'_>>) -> Failure {
    let mut message = String::from("the jq program does not compile");
    for (text, part) in faults {
        let (line, column) = position(code, part);
        message.push_str(&format!("; line {line}, column {column}: {text}"));
        if let Some(start) = part.lines().next().filter(|start| !start.is_empty()) {
            let start: String = start.chars().take(40).collect();
            message.push_str(&format!(", at `{start}`"));
        } else {
            message.push_str(", at the end");
        }
    }
    Failure::reject("jq-program", message)
}

/// Line and column, from 1, of a part of the program.
fn position(code: &str, part: &str) -> (usize, usize) {
    let at = (part.as_ptr() as usize).saturating_sub(code.as_ptr() as usize);
    let before = code.get(..at).unwrap_or(code);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or("").chars().count() + 1)
}

fn failure(exception: Exn<'_, Val>) -> Failure {
    match exception.get_err() {
        // A string is the author's own message; jaq would print it with quotes.
        Ok(error) => match error.into_val() {
            Val::TStr(text) => Failure::reject("jq-error", String::from_utf8_lossy(&text)),
            value => Failure::reject("jq-error", value.to_string()),
        },
        Err(other) => match other.get_halt() {
            Ok(code) => Failure::reject("jq-error", format!("the program halted with {code}")),
            Err(_) => Failure::reject("jq-error", "the program broke out of a label that is not there"),
        },
    }
}
