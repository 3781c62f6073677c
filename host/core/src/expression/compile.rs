//! From a JSON value to a template's tree. Runs on the parser's thread.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use serde_json::Value;

use super::analyse::{analyse, as_path};
use super::environment::environment;
use super::guard::{self, OPEN};
use super::template::{Code, Expression, Node, Part};
use super::{CompileError, MESSAGE_BYTES, References};
use crate::attempt::capped;
use crate::pointer::token;

pub(super) fn has_expression(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains(OPEN),
        Value::Array(items) => items.iter().any(has_expression),
        Value::Object(members) => {
            members.iter().any(|(key, value)| key.contains(OPEN) || has_expression(value))
        }
    }
}

/// Compiles the strings of one value.
pub(super) struct Compiler<'a> {
    opaque: &'a BTreeSet<String>,
    pub(super) dynamic_pointers: Vec<String>,
    pub(super) references: References,
    pub(super) errors: Vec<CompileError>,
}

impl<'a> Compiler<'a> {
    /// What is at the pointers of `opaque` is taken as it is.
    pub(super) fn new(opaque: &'a BTreeSet<String>) -> Self {
        Self { opaque, dynamic_pointers: Vec::new(), references: References::default(), errors: Vec::new() }
    }

    /// The value at `pointer`; problems go to `errors`.
    pub(super) fn node(&mut self, value: &Value, pointer: &mut String) -> Node {
        if !has_expression(value) || self.opaque.contains(pointer) {
            return Node::Constant(value.clone());
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Node::Constant(value.clone()),
            Value::String(text) => {
                self.dynamic_pointers.push(pointer.clone());
                self.string(text, pointer).unwrap_or_else(|error| {
                    self.errors.push(error);
                    Node::Constant(Value::Null)
                })
            }
            Value::Array(items) => {
                let compile = |(index, item)| self.child(&format!("{index}"), item, pointer);
                Node::Array(items.iter().enumerate().map(compile).collect())
            }
            Value::Object(members) => {
                let compile = |(key, member): (&String, &Value)| {
                    (key.clone(), self.child(&token(key), member, pointer))
                };
                Node::Object(members.iter().map(compile).collect())
            }
        }
    }

    fn child(&mut self, token: &str, value: &Value, pointer: &mut String) -> Node {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(token);
        if token.contains(OPEN) {
            let message = "a key cannot hold an expression".into();
            self.errors.push(CompileError { pointer: pointer.clone(), message, expression: token.into() });
        }
        let node = self.node(value, pointer);
        pointer.truncate(length);
        node
    }

    fn string(&mut self, text: &str, pointer: &str) -> Result<Node, CompileError> {
        let fail = |message: String, expression: &str| CompileError {
            pointer: pointer.to_owned(),
            message,
            expression: capped(expression.to_owned(), MESSAGE_BYTES),
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let found = guard::take(after).map_err(|message| fail(message, text))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let code =
                compile(found.source, &mut self.references).map_err(|message| fail(message, found.source))?;
            let (pointer, source) = (pointer.to_owned(), found.source.to_owned());
            parts.push(Part::Expression(Expression { pointer, source, code }));
            rest = found.rest;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(alone(parts))
    }
}

/// One expression with nothing but white space around it keeps its type.
fn alone(mut parts: Vec<Part>) -> Node {
    let is_blank = |part: &Part| matches!(part, Part::Text(text) if text.trim().is_empty());
    if parts.iter().filter(|part| !is_blank(part)).count() == 1
        && let Some(index) = parts.iter().position(|part| matches!(part, Part::Expression(_)))
        && let Part::Expression(expression) = parts.swap_remove(index)
    {
        return Node::Expression(expression);
    }
    Node::Interpolated(parts)
}

fn compile(source: &str, references: &mut References) -> Result<Code, String> {
    let parsed = catch_unwind(|| environment().parser().parse(source));
    let mut expr = match parsed {
        Ok(Ok(expr)) => expr,
        Ok(Err(errors)) => return Err(errors.errors.first().map_or_else(String::new, syntax)),
        Err(_) => return Err("it broke the parser".into()),
    };
    let depth = guard::check_depth(&expr)?;
    analyse(&mut expr, references)?;
    Ok(as_path(&expr).map_or(Code::Cel { expr, depth }, Code::Path))
}

/// What the parser says, in one line.
fn syntax(error: &cel::ParseError) -> String {
    let (line, column) = error.pos;
    let message = error.msg.lines().next().unwrap_or_default();
    format!("line {line}, column {column}: {message}")
}
