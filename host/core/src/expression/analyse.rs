//! Checks a parsed expression: are its variables and functions known, and which does it refer to?
//! Rewrites it where CEL would convert more data than it needs or be at odds with determinism.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators};

use super::References;
use super::environment::{FUNCTIONS, SORTED};
use super::scope::{HAS, Segment};

/// The variables of a [`Scope`](super::Scope).
const VARIABLES: [&str; 10] =
    ["body", "event", "headers", "index", "input", "item", "links", "query", "run", "steps"];
/// Names of types, which are values in CEL.
const TYPES: [&str; 11] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint", "optional_type"];
/// Checks `expr`, collects what it refers to and rewrites it.
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub(super) fn analyse(expr: &mut IdedExpr, references: &mut References) -> Result<(), String> {
    Analysis { references, bound: Vec::new() }.visit(expr)
}

/// The whole expression as a path into the scope, if it is one.
pub(super) fn as_path(expr: &IdedExpr) -> Option<Vec<Segment>> {
    path_of(expr).filter(|path| matches!(path.first(), Some(Segment::Key(root)) if is_variable(root)))
}

struct Analysis<'a> {
    references: &'a mut References,
    /// Variables of the macros around.
    bound: Vec<String>,
}

impl Analysis<'_> {
    fn visit(&mut self, expr: &mut IdedExpr) -> Result<(), String> {
        if let Some(path) = path_of(expr) {
            self.check_path(&path)?;
            self.shorten(expr, &path);
            return Ok(());
        }
        match &mut expr.expr {
            Expr::Unspecified => Err("it is incomplete".into()),
            Expr::Ident(_) | Expr::Literal(_) => Ok(()),
            Expr::Call(call) => self.visit_call(call),
            Expr::Comprehension(comprehension) => self.visit_comprehension(comprehension),
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| self.visit(element)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::StructField(field) => self.visit(&mut field.value),
                EntryExpr::MapEntry(entry) => {
                    self.visit(&mut entry.key)?;
                    self.visit(&mut entry.value)
                }
            }),
            Expr::Struct(message) => Err(format!(
                "there is no message type {:?}: write a map, such as {{'sku': input.sku}}",
                message.type_name
            )),
            Expr::Select(select) => self.visit_select(select).map(|rewritten| {
                if let Some(rewritten) = rewritten {
                    expr.expr = rewritten;
                }
            }),
        }
    }

    /// `has(body.a.b)` would convert all of `body.a`.
    fn visit_select(&mut self, select: &mut SelectExpr) -> Result<Option<Expr>, String> {
        if let Some(mut path) = path_of(&select.operand).filter(|_| select.test) {
            path.push(Segment::Key(select.field.clone()));
            self.check_path(&path)?;
            path.pop();
            if self.is_ours(&path)
                && let Some(owner) = dotted(&path)
            {
                return Ok(Some(Expr::Ident(format!("{HAS}{owner}.{}", select.field))));
            }
            return Ok(None);
        }
        self.visit(&mut select.operand).map(|()| None)
    }

    fn visit_call(&mut self, call: &mut CallExpr) -> Result<(), String> {
        // `optional.of(x)` names a function, and no variable `optional`.
        if let Some(IdedExpr { expr: Expr::Ident(namespace), .. }) = call.target.as_deref() {
            let whole = format!("{namespace}.{}", call.func_name);
            if FUNCTIONS.contains(&whole.as_str()) && !self.bound.contains(namespace) {
                return call.args.iter_mut().try_for_each(|argument| self.visit(argument));
            }
        }
        if !is_function(&call.func_name) {
            return Err(unknown_function(&call.func_name));
        }
        if let [owner, key] = call.args.as_slice()
            && is_access(&call.func_name)
            && let Some(mut path) = path_of(owner)
            && !is_named_outright(&path)
        {
            path.extend(literal(key));
            self.check_path(&path)?;
        }
        if let Some(target) = call.target.as_deref_mut() {
            self.visit(target)?;
        }
        call.args.iter_mut().try_for_each(|argument| self.visit(argument))
    }

    fn visit_comprehension(&mut self, comprehension: &mut ComprehensionExpr) -> Result<(), String> {
        self.visit(&mut comprehension.iter_range)?;
        self.visit(&mut comprehension.accu_init)?;
        if comprehension.iter_var2.is_none() {
            let range = std::mem::take(&mut comprehension.iter_range);
            comprehension.iter_range.id = range.id;
            comprehension.iter_range.expr =
                Expr::Call(CallExpr { func_name: SORTED.into(), target: None, args: vec![range] });
        }
        let outer = self.bound.len();
        self.bound.extend([comprehension.iter_var.clone(), comprehension.accu_var.clone()]);
        self.bound.extend(comprehension.iter_var2.clone());
        let visited = self
            .visit(&mut comprehension.loop_cond)
            .and_then(|()| self.visit(&mut comprehension.loop_step))
            .and_then(|()| self.visit(&mut comprehension.result));
        self.bound.truncate(outer);
        visited
    }

    /// Is the path's variable known, and is it used as it must be?
    fn check_path(&mut self, path: &[Segment]) -> Result<(), String> {
        let [Segment::Key(root), rest @ ..] = path else { return Ok(()) };
        if self.is_bound(root) || (rest.is_empty() && TYPES.contains(&root.as_str())) {
            return Ok(());
        }
        if !is_variable(root) {
            let known = VARIABLES.join(", ");
            return Err(format!(
                "there is no variable {root:?} (there are {known}; a name with a dash is written ['so-and-so'])"
            ));
        }
        match (root.as_str(), rest) {
            ("steps", [Segment::Key(step), ..]) => {
                self.references.steps.insert(step.clone());
            }
            ("steps", _) => {
                return Err("a step is named outright: steps.ID.output or steps['ID'].output".into());
            }
            ("links", [Segment::Key(step), ..]) => {
                self.references.links.insert(step.clone());
            }
            ("links", _) => return Err("a link is named outright: links.ID or links['ID']".into()),
            ("headers", [Segment::Key(name), ..]) => check_header(name)?,
            ("event", [Segment::Key(part), Segment::Key(name), ..]) if part == "headers" => {
                check_header(name)?
            }
            _ => {}
        }
        self.references.variables.insert(root.clone());
        Ok(())
    }

    /// Writes `headers['x-id']` as a chain of selections, which the scope answers without converting all
    /// headers.
    fn shorten(&self, expr: &mut IdedExpr, path: &[Segment]) {
        if !self.is_ours(path) || dotted(path).is_none() {
            return;
        }
        let mut segments = path.iter().filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.clone()),
            Segment::Index(_) => None,
        });
        let Some(root) = segments.next() else { return };
        let root = IdedExpr { id: expr.id, expr: Expr::Ident(root) };
        *expr = segments.fold(root, |operand, field| IdedExpr {
            id: expr.id,
            expr: Expr::Select(SelectExpr { operand: Box::new(operand), field, test: false }),
        });
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|bound| bound == name)
    }

    fn is_ours(&self, path: &[Segment]) -> bool {
        matches!(path.first(), Some(Segment::Key(root)) if is_variable(root) && !self.is_bound(root))
    }
}

/// Names of variables, members and items by literals: `a.b['c'][0]`.
fn path_of(expr: &IdedExpr) -> Option<Vec<Segment>> {
    match &expr.expr {
        Expr::Ident(name) => Some(vec![Segment::Key(name.clone())]),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand)?;
            path.push(Segment::Key(select.field.clone()));
            Some(path)
        }
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [owner, index] = call.args.as_slice() else { return None };
            let mut path = path_of(owner)?;
            path.push(literal(index)?);
            Some(path)
        }
        Expr::Call(_)
        | Expr::Select(_)
        | Expr::Unspecified
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_) => None,
    }
}

fn literal(expr: &IdedExpr) -> Option<Segment> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(key)) => Some(Segment::Key(key.inner().to_owned())),
        Expr::Literal(LiteralValue::Int(index)) => usize::try_from(*index.inner()).ok().map(Segment::Index),
        _ => None,
    }
}

/// The path as a name that the scope takes apart again; none if that would not give the same.
fn dotted(path: &[Segment]) -> Option<String> {
    let keys = path.iter().map(|segment| match segment {
        Segment::Key(key) => (!key.is_empty() && !key.contains('.')).then_some(key.as_str()),
        Segment::Index(_) => None,
    });
    keys.collect::<Option<Vec<_>>>().map(|keys| keys.join("."))
}

fn is_variable(name: &str) -> bool {
    VARIABLES.contains(&name)
}

/// Whether the path is a variable whose members are named outright: what is said of it is said once.
fn is_named_outright(path: &[Segment]) -> bool {
    matches!(path, [Segment::Key(root)] if matches!(root.as_str(), "steps" | "links"))
}

fn is_access(function: &str) -> bool {
    matches!(function, operators::OPT_SELECT | operators::OPT_INDEX | operators::INDEX)
}

fn is_function(name: &str) -> bool {
    let is_operator = name.contains(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@')));
    is_operator
        || matches!(name, operators::IN | operators::NOT_STRICTLY_FALSE | "math.@max" | "math.@min")
        || FUNCTIONS.contains(&name) && !name.contains('.')
}

fn unknown_function(name: &str) -> String {
    let known = FUNCTIONS.iter().filter(|known| !known.contains('@')).copied();
    match crate::nearest::nearest(name, known) {
        Some(nearest) => format!("there is no function {name:?}; did you mean {nearest:?}?"),
        None => format!("there is no function {name:?}"),
    }
}

fn check_header(name: &str) -> Result<(), String> {
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "names of headers are lower-case here: write headers['{}']",
            name.to_ascii_lowercase()
        ));
    }
    Ok(())
}
