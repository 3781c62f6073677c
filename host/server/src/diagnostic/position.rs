//! Where each key of a YAML file stands.

use serde_saphyr::granit_parser::{self, Event, Parser};

/// A piece of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
    /// Offset in bytes.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
}

impl Span {
    fn of(span: &granit_parser::Span, text: &str) -> Self {
        let range = span.byte_range().unwrap_or_default();
        let shown = text.get(range.clone()).unwrap_or_default();
        Self {
            line: span.start.line(),
            column: span.start.col().saturating_add(1),
            offset: range.start,
            len: shown.lines().next().unwrap_or_default().trim_end().len(),
        }
    }

    /// The place at `line` and `column`, both from 1, as far as the text's line goes.
    pub fn find(text: &str, line: usize, column: usize) -> Option<Self> {
        let mut offset = 0;
        let mut lines = text.split_inclusive('\n');
        for before in lines.by_ref().take(line.checked_sub(1)?) {
            offset += before.len();
        }
        let whole = lines.next().unwrap_or_default().trim_end();
        let before: usize = whole.chars().take(column.checked_sub(1)?).map(char::len_utf8).sum();
        let rest = whole.get(before..).unwrap_or_default();
        let len = rest.find([' ', '\t']).unwrap_or(rest.len());
        Some(Self { line, column, offset: offset + before, len })
    }
}

/// A node of the document.
#[derive(Debug)]
pub(super) struct Node {
    span: Span,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A scalar, or an alias: what stands under an alias stands where its anchor is.
    Leaf,
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Debug)]
struct Entry {
    key: String,
    at: Span,
    value: Node,
}

/// A collection that is not closed yet, and the key whose value comes next.
struct Open {
    node: Node,
    key: Option<(String, Span)>,
}

/// The tree of the first document; none if the text is no YAML.
pub(super) fn parse(text: &str) -> Option<Node> {
    let mut open: Vec<Open> = Vec::new();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.ok()?;
        let span = Span::of(&span, text);
        let done = match event {
            Event::SequenceStart(..) => {
                open.push(Open { node: Node { span, kind: Kind::Sequence(Vec::new()) }, key: None });
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open { node: Node { span, kind: Kind::Mapping(Vec::new()) }, key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop()?.node,
            Event::Scalar(value, ..) => {
                if let Some(Open { node: Node { kind: Kind::Mapping(_), .. }, key: key @ None }) =
                    open.last_mut()
                {
                    *key = Some((value.into_owned(), span));
                    continue;
                }
                Node { span, kind: Kind::Leaf }
            }
            Event::Alias(_) => Node { span, kind: Kind::Leaf },
            // Anchors, comments and the borders of documents hold no node.
            _ => continue,
        };
        match open.last_mut() {
            None => return Some(done),
            Some(Open { node: Node { kind: Kind::Sequence(items), .. }, .. }) => items.push(done),
            Some(Open { node: Node { kind: Kind::Mapping(entries), .. }, key }) => match key.take() {
                Some((key, at)) => entries.push(Entry { key, at, value: done }),
                // A collection or an alias as a key: nothing in a config has one.
                None => *key = Some((String::new(), done.span)),
            },
            Some(Open { node: Node { kind: Kind::Leaf, .. }, .. }) => return None,
        }
    }
    None
}

impl Node {
    /// The best place to show for the value that a JSON pointer names: a scalar itself, a collection
    /// by its key, and for what is missing the nearest thing that encloses it.
    pub fn locate(&self, pointer: &str) -> Span {
        self.walk(pointer, true)
    }

    /// The same by its key in any case.
    pub fn locate_key(&self, pointer: &str) -> Span {
        self.walk(pointer, false)
    }

    /// The place of the scalar that a JSON pointer names.
    pub fn scalar(&self, pointer: &str) -> Option<Span> {
        let mut node = self;
        for token in tokens(pointer) {
            node = match &node.kind {
                Kind::Mapping(entries) => &entries.iter().find(|entry| entry.key == token)?.value,
                Kind::Sequence(items) => items.get(token.parse::<usize>().ok()?)?,
                Kind::Leaf => return None,
            };
        }
        matches!(node.kind, Kind::Leaf).then_some(node.span)
    }

    fn walk(&self, pointer: &str, to_scalar: bool) -> Span {
        let mut node = self;
        let mut shown = self.first();
        for token in tokens(pointer) {
            match &node.kind {
                Kind::Mapping(entries) => {
                    // Invariant: a duplicate key is an error of its own, so any of its entries will do.
                    let Some(entry) = entries.iter().find(|entry| entry.key == token) else { break };
                    let has_text = matches!(entry.value.kind, Kind::Leaf) && entry.value.span.len > 0;
                    shown = if to_scalar && has_text { entry.value.span } else { entry.at };
                    node = &entry.value;
                }
                Kind::Sequence(items) => {
                    let Some(item) = token.parse().ok().and_then(|at: usize| items.get(at)) else { break };
                    shown = item.first();
                    node = item;
                }
                Kind::Leaf => break,
            }
        }
        shown
    }

    /// Where the node's own text begins: a block mapping has none but its first key.
    fn first(&self) -> Span {
        match &self.kind {
            Kind::Mapping(entries) if self.span.len == 0 => {
                entries.first().map_or(self.span, |entry| entry.at)
            }
            Kind::Leaf | Kind::Mapping(_) | Kind::Sequence(_) => self.span,
        }
    }

    /// The pointer of the innermost node that begins at or before the place and of the key that stands
    /// right there.
    pub fn pointer_at(&self, line: usize, column: usize) -> String {
        let mut pointer = String::new();
        self.descend((line, column), &mut pointer);
        pointer
    }

    fn descend(&self, place: (usize, usize), pointer: &mut String) {
        let begins = |span: &Span| (span.line, span.column) <= place;
        match &self.kind {
            Kind::Mapping(entries) => {
                if let Some(entry) = entries.iter().rev().find(|entry| begins(&entry.at)) {
                    // A place at the mapping's own beginning is the mapping, not its first key.
                    if (self.span.line, self.span.column) == place && self.first() == entry.at {
                        return;
                    }
                    push_token(pointer, &entry.key);
                    entry.value.descend(place, pointer);
                }
            }
            Kind::Sequence(items) => {
                if let Some((at, item)) =
                    items.iter().enumerate().rev().find(|(_, item)| begins(&item.first()))
                {
                    push_token(pointer, &at.to_string());
                    item.descend(place, pointer);
                }
            }
            Kind::Leaf => {}
        }
    }

    /// The pointers of all keys of this name under `within`, in the order of the text.
    pub fn keys_named(&self, name: &str) -> Vec<(String, Span)> {
        let mut found = Vec::new();
        self.collect(name, &mut String::new(), &mut found);
        found
    }

    fn collect(&self, name: &str, pointer: &mut String, found: &mut Vec<(String, Span)>) {
        let length = pointer.len();
        match &self.kind {
            Kind::Mapping(entries) => {
                for entry in entries {
                    push_token(pointer, &entry.key);
                    if entry.key == name {
                        found.push((pointer.clone(), entry.at));
                    }
                    entry.value.collect(name, pointer, found);
                    pointer.truncate(length);
                }
            }
            Kind::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    push_token(pointer, &at.to_string());
                    item.collect(name, pointer, found);
                    pointer.truncate(length);
                }
            }
            Kind::Leaf => {}
        }
    }
}

/// Appends one token to a JSON pointer.
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// A JSON pointer as people write it: `/steps/2/with/method` is `steps[2].with.method`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for token in tokens(pointer) {
        let is_number = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
        let is_word =
            !token.is_empty() && token.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        if is_number {
            text.push_str(&format!("[{token}]"));
        } else if !is_word {
            text.push_str(&format!("[{token:?}]"));
        } else if text.is_empty() {
            text.push_str(&token);
        } else {
            text.push('.');
            text.push_str(&token);
        }
    }
    text
}
