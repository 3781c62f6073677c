//! A JSON value whose strings may hold expressions, compiled.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use cel::{Context, ExecutionError, IdedExpr, Value as CelValue};
use serde_json::{Map, Value};

use super::compile::{Compiler, has_expression};
use super::environment::environment;
use super::guard::{EVALUATOR_STACK_BYTES, PARSER_STACK_BYTES, SHALLOW_DEPTH};
use super::scope::Segment;
use super::{CompileError, EvaluateError, MESSAGE_BYTES, References, Scope, value};
use crate::attempt::capped;

/// A JSON value with its expressions compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Template(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    root: Node,
    dynamic_pointers: Vec<String>,
    references: References,
}

#[derive(Debug)]
pub(super) enum Node {
    /// No expression in it.
    Constant(Value),
    /// A string that is one expression.
    Expression(Expression),
    /// A string with expressions in it.
    Interpolated(Vec<Part>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    Expression(Expression),
}

#[derive(Debug)]
pub(super) struct Expression {
    pub(super) pointer: String,
    pub(super) source: String,
    pub(super) code: Code,
}

#[derive(Debug)]
pub(super) enum Code {
    /// Only names, which needs no CEL.
    Path(Vec<Segment>),
    Cel {
        expr: IdedExpr,
        depth: usize,
    },
}

impl Template {
    /// Compiles every string in `value`.
    ///
    /// # Errors
    /// All expressions that cannot be used.
    pub fn compile(value: &Value) -> Result<Self, Vec<CompileError>> {
        Self::compile_except(value, &BTreeSet::new())
    }

    /// The same, but what is at the pointers of `opaque` is taken as it is.
    pub(crate) fn compile_except(
        value: &Value,
        opaque: &BTreeSet<String>,
    ) -> Result<Self, Vec<CompileError>> {
        if !has_expression(value) {
            return Ok(Self::constant(value.clone()));
        }
        let compile = || {
            let mut compiler = Compiler::new(opaque);
            let root = compiler.node(value, &mut String::new());
            if compiler.errors.is_empty() {
                let Compiler { dynamic_pointers, references, .. } = compiler;
                let root = if dynamic_pointers.is_empty() { Node::Constant(value.clone()) } else { root };
                Ok(Self(Arc::new(Compiled { root, dynamic_pointers, references })))
            } else {
                Err(compiler.errors)
            }
        };
        let failed = |message: &str| {
            Err(vec![CompileError {
                pointer: String::new(),
                message: message.into(),
                expression: String::new(),
            }])
        };
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("expressions".into()).stack_size(PARSER_STACK_BYTES);
            match builder.spawn_scoped(scope, compile).map(ScopedJoinHandle::join) {
                Ok(Ok(compiled)) => compiled,
                Ok(Err(_)) => failed("the compiler of expressions failed"),
                Err(_) => failed("no thread could be started to compile expressions"),
            }
        })
    }

    /// A template without expressions.
    pub fn constant(value: Value) -> Self {
        let (dynamic_pointers, references) = (Vec::new(), References::default());
        Self(Arc::new(Compiled { root: Node::Constant(value), dynamic_pointers, references }))
    }

    /// The value, if there is no expression in it.
    pub fn as_constant(&self) -> Option<&Value> {
        match &self.0.root {
            Node::Constant(value) => Some(value),
            Node::Expression(_) | Node::Interpolated(_) | Node::Array(_) | Node::Object(_) => None,
        }
    }

    /// Whether there is no expression in it.
    pub fn is_constant(&self) -> bool {
        self.as_constant().is_some()
    }

    /// Whether it is a string that is one expression, and so may give a value of any type.
    pub fn is_expression(&self) -> bool {
        matches!(self.0.root, Node::Expression(_))
    }

    /// RFC 6901 JSON pointers of the strings that hold expressions.
    pub fn dynamic_pointers(&self) -> &[String] {
        &self.0.dynamic_pointers
    }

    /// What the expressions refer to.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// The value with every expression replaced by what it gives in `scope`.
    ///
    /// # Errors
    /// The first expression that has no value, such as one that names a member which is not there.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluateError> {
        self.0.root.evaluate(scope)
    }
}

impl Node {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluateError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate(scope),
            Self::Interpolated(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(constant) => text.push_str(constant),
                        Part::Expression(expression) => match expression.evaluate(scope)? {
                            Value::String(string) => text.push_str(&string),
                            Value::Null => {}
                            other => {
                                // Writing to a string cannot fail.
                                let _ = write!(text, "{other}");
                            }
                        },
                    }
                }
                Ok(Value::String(text))
            }
            Self::Array(items) => items.iter().map(|item| item.evaluate(scope)).collect(),
            Self::Object(members) => {
                let mut object = Map::new();
                for (key, member) in members {
                    object.insert(key.clone(), member.evaluate(scope)?);
                }
                Ok(Value::Object(object))
            }
        }
    }
}

impl Expression {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluateError> {
        let value = match &self.code {
            Code::Path(path) => scope.lookup(path).cloned().ok_or_else(|| missing(scope, path)),
            Code::Cel { expr, depth } if *depth > SHALLOW_DEPTH => thread::scope(|threads| {
                let builder =
                    thread::Builder::new().name("expression".into()).stack_size(EVALUATOR_STACK_BYTES);
                match builder.spawn_scoped(threads, || evaluate_cel(expr, scope)).map(ScopedJoinHandle::join)
                {
                    Ok(Ok(value)) => value,
                    Ok(Err(_)) | Err(_) => Err("no thread could be started for it".into()),
                }
            }),
            Code::Cel { expr, .. } => evaluate_cel(expr, scope),
        };
        let value = match scope.refusal() {
            Some(refusal) => Err(refusal),
            None => value,
        };
        value.map_err(|message| EvaluateError {
            pointer: self.pointer.clone(),
            message: capped(message, MESSAGE_BYTES),
            expression: self.source.clone(),
        })
    }
}

/// A panic is a defect of the interpreter that this run's data has found, and must not end more than this
/// evaluation; nothing of ours is changed in there.
fn evaluate_cel(expr: &IdedExpr, scope: &Scope<'_>) -> Result<Value, String> {
    let evaluate = || {
        let mut context = Context::with_env(environment());
        context.set_variable_resolver(scope);
        let found = CelValue::resolve_val(expr, &context).map_err(|error| explain(&error))?;
        value::to_json(found.as_ref())
    };
    catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or_else(|_| Err("it broke the interpreter".into()))
}

/// Which part of a path is not there.
fn missing(scope: &Scope<'_>, path: &[Segment]) -> String {
    let there = (1..path.len()).rev().find(|n| path.get(..*n).and_then(|path| scope.lookup(path)).is_some());
    let name = |path: &[Segment]| {
        let mut name = String::new();
        for segment in path {
            let _ = match segment {
                Segment::Key(key) if name.is_empty() => write!(name, "{key}"),
                Segment::Key(key) => write!(name, ".{key}"),
                Segment::Index(index) => write!(name, "[{index}]"),
            };
        }
        name
    };
    let there = there.unwrap_or(1);
    let lacking = path.get(..there.saturating_add(1)).unwrap_or(path);
    format!("there is no {} on this event (has() asks for it, and .? makes it optional)", name(lacking))
}

fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => {
            format!("there is no key {key:?} (has() asks for it, and .? makes it optional)")
        }
        ExecutionError::UndeclaredReference(name) => {
            let name = name.strip_prefix(super::scope::HAS).unwrap_or(name);
            format!("there is no {name} on this event")
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            let (left, right) = (type_name(left), type_name(right));
            let hint = if left == right { "" } else { "; convert one, with int(), double() or string()" };
            format!("there is no {operator} of {left} and {right}{hint}")
        }
        other => other.to_string(),
    }
}

/// The name of a value's type in CEL, which the crate calls otherwise in one case.
fn type_name(value: &CelValue) -> String {
    let name = value.type_of().to_string();
    if name == "float" { "double".into() } else { name }
}
