//! The part of jq's standard library that a program needs.
//!
//! A program that comes of an expression is compiled for every document, in a fresh instance that keeps nothing, and
//! most of what a small program costs would be the 129 definitions of the library: parsing them takes longer than all
//! else together. A definition refers only to itself and to those before it, so that one walk from the last to the first finds
//! what a program needs. Words are compared, not syntax: a word that only looks like a call costs a definition
//! too many and changes nothing.

use std::collections::BTreeSet;

use jaq_core::load::parse::Def;

const DEFINITIONS: &str = include_str!("prelude.jq");

/// The definitions that the program's words can refer to, in the library's order.
pub(crate) fn definitions(program: &str) -> Vec<Def<&'static str>> {
    let mut wanted: BTreeSet<&str> = words(program).collect();
    let mut texts = Vec::new();
    for text in sources().into_iter().rev() {
        let mut words = words(text).skip_while(|word| *word == "def");
        if words.next().is_some_and(|name| wanted.contains(name)) {
            wanted.extend(words);
            texts.push(text);
        }
    }
    let parsed = texts.into_iter().rev().filter_map(|text| jaq_core::load::parse(text, |p| p.defs()));
    parsed.flatten().collect()
}

/// The text of each definition.
fn sources() -> Vec<&'static str> {
    let mut sources = Vec::with_capacity(200);
    let mut rest = DEFINITIONS
        .split_once("\ndef ")
        .map_or("", |(head, _)| DEFINITIONS.get(head.len() + 1..).unwrap_or(""));
    while !rest.is_empty() {
        let end = rest.find("\ndef ").map_or(rest.len(), |at| at + 1);
        let (source, others) = rest.split_at(end);
        sources.push(source);
        rest = others;
    }
    sources
}

/// Names of filters and formats, and all else that looks like one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
    text.split(move |c: char| !is_word(c)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(defs: impl IntoIterator<Item = Def<&'static str>>) -> Vec<String> {
        defs.into_iter().map(|def| format!("{def:?}")).collect()
    }

    #[test]
    fn the_definitions_are_those_of_jaq() {
        let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let ours = sources().into_iter().flat_map(|text| jaq_core::load::parse(text, |p| p.defs()).unwrap());
        assert_eq!(describe(ours), describe(all));
    }

    #[test]
    fn a_program_gets_what_it_needs_and_no_more() {
        let names = |program| definitions(program).iter().map(|def| def.name).collect::<Vec<_>>();
        assert!(names(".a.b + 1").is_empty());
        assert_eq!(names("[.[] | not]"), ["true", "false", "not"]);
        assert!(names("with_entries(.)").contains(&"from_entries"));
        assert!(names("@csv, @html").contains(&"@html"));
    }
}
