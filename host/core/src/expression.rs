//! Expressions in workflows: [CEL](https://github.com/google/cel-spec) between `${{` and `}}`.
//!
//! A string that is one expression and nothing else, white space aside, becomes whatever the expression
//! gives. In a longer string expressions are interpolated: strings as they are, null as nothing, all else
//! as JSON. [`Template::compile`] compiles all strings of a JSON value at once; a [`Scope`] says what the
//! variables are:
//!
//! | variable | what it is |
//! |---|---|
//! | `body` | the event's payload: JSON, or a string where it is not JSON (base64 if it is not text) |
//! | `headers`, `query` | of the event's request; header names are lower-case |
//! | `event` | `body`, `headers`, `query` and `trigger` (`kind`: `webhook`, `schedule`, `manual`, `event`, `call` or `run`, with what belongs to it) |
//! | `input` | what the step is fed |
//! | `steps.ID.output` | the output of an earlier step; absent if that was passed over, which `has()` asks |
//! | `links.ID` | the signed link by which a person decides the `approve` step of this id, if `approvals` is configured |
//! | `item`, `index` | in the steps of a `for-each` step: the item (also `body`) and its number, from 0 |
//! | `run` | `id`, `workflow`, `accepted_at` (RFC 3339), `accepted_ms` |
//!
//! Besides CEL's own functions there are those of its extensions for strings (`lowerAscii`, `split`,
//! `join`, …) and for `math`, and optional values: `body.?note.orValue('')`.
//!
//! Numbers: JSON integers are CEL's `int` (`uint` above 2⁶³-1), all others `double`. They compare across
//! types by value; arithmetic across types is an error in CEL, so write `double(body.price) * 1.19`.
//!
//! Everything is deterministic: there is no clock and no randomness, and maps come out in key order.
//!
//! Invariant: neither a hostile expression nor hostile data overflows a stack. Expressions are measured
//! before they are parsed, parsed on a thread with a large stack, and measured again to be evaluated on such
//! a one if they are deep (see `guard`); data is at most as deep as `serde_json` parses.

mod analyse;
mod compile;
mod environment;
mod guard;
mod scope;
mod template;
mod value;

use std::collections::BTreeSet;

pub use scope::Scope;
pub use template::Template;

/// Longest expression in bytes; more is a program, for which there are transform steps.
pub const MAX_BYTES: usize = 4 << 10;
/// How deep brackets and conditionals may nest. Each level costs the parser some 100 KiB of stack.
pub const MAX_NESTING: usize = 32;
/// How many names, numbers, operators and brackets an expression may have, since chains of operators
/// cost stack too. Commas and what is inside quotes are not counted.
pub const MAX_TOKENS: usize = 1_000;
/// How deep the tree of a parsed expression may be, so that evaluating it needs little stack: some 60 terms
/// of a sum.
pub const MAX_DEPTH: usize = 64;

/// Bytes of an error's text that are kept, because CEL's errors quote values.
const MESSAGE_BYTES: usize = 1 << 10;

/// An expression that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} in the expression `{expression}`")]
pub struct CompileError {
    /// RFC 6901 JSON pointer to the string, from the value that was compiled.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// The expression, or the string if there is none in it that could be told apart.
    pub expression: String,
}

/// An expression that has no value on this data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} in the expression `{expression}`")]
pub struct EvaluateError {
    /// RFC 6901 JSON pointer to the string, from the value that was compiled.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// The expression.
    pub expression: String,
}

/// What a template's expressions refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Names of variables, such as `body`.
    pub variables: BTreeSet<String>,
    /// Ids of steps whose output is read.
    pub steps: BTreeSet<String>,
    /// Ids of steps that links are made for.
    pub links: BTreeSet<String>,
}

#[cfg(test)]
mod tests;
