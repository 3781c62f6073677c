//! The pass over a message.

use super::word::{Word, is_calendar, is_part, uuid, word};

/// Stands for a number or an id.
const OPAQUE: char = '#';
/// Stands for a text in quotes.
const QUOTED: &str = "\"\"";
/// Stands for an e-mail address.
const ADDRESS: char = '@';
/// What joins the parts of a number, a date, a time or an IP address.
const JOINS: [char; 7] = ['.', ',', ':', '-', '+', '/', '_'];
/// What stands between the parts of a date in words.
const BESIDE: [char; 4] = [' ', ',', '-', '/'];
/// What follows a URL's scheme.
const AFTER_SCHEME: &str = "://";
/// Quotes that open a text, and what closes it.
const QUOTES: [(char, char); 6] = [
    ('"', '"'),
    ('\'', '\''),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{ab}', '\u{bb}'),
];

/// Invariant: every step takes at least a character off `rest`. What a step looks at ahead, it takes, or no
/// later step looks at it for the same reason again.
pub(super) struct Scanner<'a> {
    rest: &'a str,
    /// The last character before `rest`.
    before: Option<char>,
    out: String,
    /// For each of [`QUOTES`], that nothing ahead closes it.
    unclosed: [bool; QUOTES.len()],
}

impl<'a> Scanner<'a> {
    pub(super) fn new(message: &'a str) -> Self {
        let out = String::with_capacity(message.len());
        Self { rest: message, before: None, out, unclosed: [false; QUOTES.len()] }
    }

    pub(super) fn run(mut self) -> String {
        while let Some(character) = self.rest.chars().next() {
            if character.is_whitespace() || character.is_control() {
                self.take(character.len_utf8());
                self.push_space();
            } else if self.quoted(character) || self.address(character) {
                // Taken.
            } else if is_part(character) {
                self.run_of_parts();
            } else {
                self.take(character.len_utf8());
                self.out.push(character);
            }
        }
        self.out.truncate(self.out.trim_end().len());
        self.out
    }

    /// Takes `length` bytes, which end at a character's border.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.before = taken.chars().next_back().or(self.before);
        self.rest = rest;
        taken
    }

    /// Takes a text in quotes, if one begins here.
    fn quoted(&mut self, open: char) -> bool {
        let Some(kind) = QUOTES.iter().position(|(other, _)| *other == open) else { return false };
        let Some(((_, close), unclosed)) = QUOTES.get(kind).zip(self.unclosed.get_mut(kind)) else {
            return false;
        };
        // The apostrophe of `can't` opens nothing.
        if *unclosed || (is_apostrophe(open) && self.before.is_some_and(is_part)) {
            return false;
        }
        let Some(end) = closing(self.rest, *close) else {
            *unclosed = true;
            return false;
        };
        let begin = open.len_utf8();
        let text = self.take(end.saturating_add(close.len_utf8()));
        let is_key = open == '"'
            && self.out.trim_end().ends_with(['{', ','])
            && self.rest.trim_start().starts_with(':');
        if is_key {
            let key = Scanner::new(text.get(begin..end).unwrap_or_default()).run();
            self.out.extend(["\"", &key, "\""]);
        } else {
            self.out.push_str(QUOTED);
        }
        true
    }

    /// Takes an e-mail address, if one begins here.
    fn address(&mut self, first: char) -> bool {
        if !is_local(first) || self.before.is_some_and(is_local) {
            return false;
        }
        let local = self.rest.find(|character| !is_local(character)).unwrap_or(self.rest.len());
        let domain = self.rest.get(local..).and_then(|rest| rest.strip_prefix('@')).map_or(0, domain);
        if domain == 0 {
            return false;
        }
        self.take(local + 1 + domain);
        self.out.push(ADDRESS);
        true
    }

    /// Takes a run of letters and digits, and what it begins.
    fn run_of_parts(&mut self) {
        if let Some(length) = uuid(self.rest) {
            self.take(length);
            return self.push_opaque();
        }
        let length = self.rest.find(|character| !is_part(character)).unwrap_or(self.rest.len());
        let run = self.take(length);
        match word(run) {
            Word::Opaque => self.push_opaque(),
            Word::Numbered(name) => {
                self.out.push_str(name);
                self.out.push(OPAQUE);
            }
            Word::Plain if self.rest.starts_with(AFTER_SCHEME) => {
                self.out.push_str(run);
                self.url();
            }
            Word::Plain if is_calendar(run) && self.is_beside_number() => self.push_opaque(),
            Word::Plain => self.out.push_str(run),
        }
    }

    /// Takes a URL from its `://` on.
    fn url(&mut self) {
        let is_end = |character: char| {
            character.is_whitespace() || character.is_control() || "\"'`<>()[]{}|\\".contains(character)
        };
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let url = self.rest.get(..end).unwrap_or_default();
        let url = self.take(url.trim_end_matches(['.', ',', ';', ':', '!', '?']).len());
        let url = url.get(AFTER_SCHEME.len()..url.find(['?', '#']).unwrap_or(url.len())).unwrap_or_default();
        let (authority, path) = url.split_once('/').unwrap_or((url, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        self.out.extend([AFTER_SCHEME, &Scanner::new(host).run()]);
        for segment in path.split('/') {
            self.out.push('/');
            if segment.contains(char::is_numeric) {
                self.out.push(OPAQUE);
            } else {
                self.out.push_str(segment);
            }
        }
    }

    /// Whether a number stands beside what was just taken, or another name of a calendar after it.
    fn is_beside_number(&self) -> bool {
        if self.out.trim_end_matches(BESIDE).ends_with(OPAQUE) {
            return true;
        }
        let after = self.rest.trim_start_matches(BESIDE);
        let end = after.find(|character| !is_part(character)).unwrap_or(after.len());
        let next = after.get(..end).unwrap_or_default();
        next.starts_with(char::is_numeric) || is_calendar(next)
    }

    /// Adds a number or an id, and takes it together with one before that it is joined to.
    fn push_opaque(&mut self) {
        let mut before = self.out.chars().rev();
        let (last, last_but_one) = (before.next(), before.next());
        if last.is_some_and(|join| JOINS.contains(&join)) && last_but_one == Some(OPAQUE) {
            self.out.pop();
            return;
        }
        let is_sign = matches!(last, Some('-' | '+'));
        if is_sign && last_but_one.is_none_or(|other| !is_part(other) && !")]\"#".contains(other)) {
            self.out.pop();
        }
        self.out.push(OPAQUE);
    }

    fn push_space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with(' ') {
            self.out.push(' ');
        }
    }
}

/// Where the quoted text ends that `text` begins with, its quote included. After a backslash no quote
/// closes, nor does an apostrophe inside a word.
fn closing(text: &str, close: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == close {
            let is_inside = is_apostrophe(close) && characters.peek().is_some_and(|(_, next)| is_part(*next));
            if !is_inside {
                return Some(at);
            }
        }
    }
    None
}

/// Whether a quote also stands inside words.
fn is_apostrophe(quote: char) -> bool {
    matches!(quote, '\'' | '\u{2019}')
}

/// Whether a character can be in the part of an e-mail address before its `@`.
fn is_local(character: char) -> bool {
    character.is_alphanumeric() || "._%+-".contains(character)
}

/// Length of the domain that `text` begins with; 0 if there is none.
fn domain(text: &str) -> usize {
    let is_other = |character: char| !(character.is_alphanumeric() || character == '-' || character == '.');
    let end = text.find(is_other).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_end_matches(['.', '-']).len()
}
