//! Finds where an expression ends and measures it, before the parser sees it.
//!
//! CEL's parser descends recursively and does not watch its stack: 48 nested brackets take it several
//! megabytes, and an overflow ends the process. So what may nest or chain is counted here, by a scanner
//! that does not recurse.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};

use super::{MAX_BYTES, MAX_DEPTH, MAX_NESTING, MAX_TOKENS};

/// Stack of the thread that parses: more than four times what the worst expressions within the limits
/// take in a debug build, as a test has it. Only touched pages cost memory.
pub(super) const PARSER_STACK_BYTES: usize = 128 << 20;

/// Depth up to which an expression is evaluated on the caller's stack. A level takes some 35 KiB in a
/// debug build, and worker threads have 2 MiB.
pub(super) const SHALLOW_DEPTH: usize = 16;

/// Stack of the thread that evaluates deeper ones, up to [`MAX_DEPTH`].
pub(super) const EVALUATOR_STACK_BYTES: usize = 16 << 20;

/// What stands before an expression.
pub(super) const OPEN: &str = "${{";

/// One expression found in a text.
pub(super) struct Found<'a> {
    /// The expression without its braces and surrounding white space.
    pub(super) source: &'a str,
    /// What follows the closing braces.
    pub(super) rest: &'a str,
}

/// The expression at the beginning of `text`, which follows a `${{`.
pub(super) fn take(text: &str) -> Result<Found<'_>, String> {
    let mut scanner = Scanner { text, at: 0, depth: 0, deepest: 0, conditionals: 0, tokens: 0, before: None };
    let Some(end) = scanner.run() else {
        return Err(format!(
            "`{OPEN}` is not followed by `}}}}`, or a bracket or quote before that is not closed"
        ));
    };
    let (source, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let source = source.trim();
    if source.is_empty() {
        return Err("there is nothing between the braces".into());
    }
    if source.len() > MAX_BYTES {
        return Err(format!("{} bytes are too many: at most {MAX_BYTES}", source.len()));
    }
    let nesting = scanner.deepest.saturating_add(scanner.conditionals);
    if nesting > MAX_NESTING {
        return Err(format!("brackets and conditionals nest {nesting} deep: at most {MAX_NESTING}"));
    }
    if scanner.tokens > MAX_TOKENS {
        return Err(format!(
            "{} names, numbers and operators are too many: at most {MAX_TOKENS}",
            scanner.tokens
        ));
    }
    Ok(Found { source, rest: rest.strip_prefix("}}").unwrap_or(rest) })
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    deepest: usize,
    /// Every conditional counts as a level: chained ones nest to the right.
    conditionals: usize,
    tokens: usize,
    /// The last character that is not white space.
    before: Option<char>,
}

impl Scanner<'_> {
    /// Where the closing braces begin.
    fn run(&mut self) -> Option<usize> {
        while let Some(c) = self.peek() {
            let at = self.at;
            match c {
                '}' if self.depth == 0 => return self.rest().starts_with("}}").then_some(at),
                '(' | '[' | '{' => {
                    self.depth = self.depth.saturating_add(1);
                    self.deepest = self.deepest.max(self.depth);
                    self.token(c);
                }
                ')' | ']' | '}' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.step(c);
                }
                '\'' | '"' => self.quoted(c, false)?,
                '/' if self.rest().starts_with("//") => {
                    let line = self.rest().find('\n')?;
                    self.at = self.at.saturating_add(line);
                }
                '?' => {
                    if !matches!(self.before, Some('.' | '[' | '{' | ',')) {
                        self.conditionals = self.conditionals.saturating_add(1);
                    }
                    self.token(c);
                }
                c if is_word(c) => self.word()?,
                c if c.is_whitespace() => self.at = self.at.saturating_add(c.len_utf8()),
                ',' | ':' => self.step(c),
                c => self.token(c),
            }
        }
        None
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn step(&mut self, c: char) {
        self.before = Some(c);
        self.at = self.at.saturating_add(c.len_utf8());
    }

    fn token(&mut self, c: char) {
        self.tokens = self.tokens.saturating_add(1);
        self.step(c);
    }

    /// A name or number; together with what it prefixes if that is a raw string or bytes.
    fn word(&mut self) -> Option<()> {
        let rest = self.rest();
        let word = rest.get(..rest.find(|c| !is_word(c)).unwrap_or(rest.len())).unwrap_or_default();
        let is_raw = matches!(word, "r" | "R" | "rb" | "rB" | "Rb" | "RB" | "br" | "bR" | "Br" | "BR");
        self.at = self.at.saturating_add(word.len());
        self.tokens = self.tokens.saturating_add(1);
        self.before = Some('a');
        match self.peek() {
            Some(quote @ ('\'' | '"')) if is_raw => self.quoted(quote, true),
            _ => Some(()),
        }
    }

    /// A string, in one or three quotes.
    fn quoted(&mut self, quote: char, is_raw: bool) -> Option<()> {
        let triple = if quote == '"' { "\"\"\"" } else { "'''" };
        let end = if self.rest().starts_with(triple) { triple } else { triple.get(..1)? };
        self.at = self.at.saturating_add(end.len());
        while !self.rest().starts_with(end) {
            let skipped = self.peek()?;
            self.at = self.at.saturating_add(skipped.len_utf8());
            if skipped == '\\' && !is_raw {
                self.at = self.at.saturating_add(self.peek()?.len_utf8());
            }
        }
        self.at = self.at.saturating_add(end.len());
        self.before = Some(quote);
        Some(())
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The depth of a tree, unless it would need too much stack to be evaluated. Recurses as deep as the tree is, so it
/// is to be called on the parser's thread.
pub(super) fn check_depth(expr: &IdedExpr) -> Result<usize, String> {
    let depth = depth(expr);
    if depth > MAX_DEPTH {
        return Err(format!("operators nest {depth} deep: at most {MAX_DEPTH}"));
    }
    Ok(depth)
}

fn depth(expr: &IdedExpr) -> usize {
    let deepest = match &expr.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => 0,
        Expr::Call(call) => {
            call.target.as_deref().into_iter().chain(&call.args).map(depth).max().unwrap_or(0)
        }
        Expr::Comprehension(all) => {
            let parts = [&all.iter_range, &all.accu_init, &all.loop_cond, &all.loop_step, &all.result];
            parts.into_iter().map(depth).max().unwrap_or(0)
        }
        Expr::List(list) => list.elements.iter().map(depth).max().unwrap_or(0),
        Expr::Map(map) => entries_depth(map.entries.iter().map(|entry| &entry.expr)),
        Expr::Struct(message) => entries_depth(message.entries.iter().map(|entry| &entry.expr)),
        Expr::Select(select) => depth(&select.operand),
    };
    deepest.saturating_add(1)
}

fn entries_depth<'a>(entries: impl Iterator<Item = &'a EntryExpr>) -> usize {
    entries
        .map(|entry| match entry {
            EntryExpr::StructField(field) => depth(&field.value),
            EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
        })
        .max()
        .unwrap_or(0)
}
