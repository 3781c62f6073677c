//! What a case expects.

use stepmill_core::attempt::{Cause, Class};
use stepmill_core::manifest::Kind;

use super::super::case::{End, Expectation};
use super::super::content::Content;
use super::super::definition::ExpectDefinition;
use super::Checker;
use crate::diagnostic::{Diagnostic, Source};

/// The keys of which one is given.
const ENDS: &str = "give exactly one of output, text, base64, violations, reject, retry and fault";

impl Checker<'_> {
    /// What stands at `at`; none if something is wrong with it.
    pub(super) fn expectation(
        &mut self,
        at: &str,
        given: &ExpectDefinition,
        kind: Kind,
    ) -> Option<Expectation> {
        expectation(&self.source, at, given, kind).map_err(|problem| self.found.push(*problem)).ok()
    }

    /// The same where what is wrong is told elsewhere.
    pub(super) fn expectation_quietly(&self, given: &ExpectDefinition, kind: Kind) -> Option<Expectation> {
        expectation(&self.source, "", given, kind).ok()
    }
}

fn expectation(
    source: &Source,
    at: &str,
    given: &ExpectDefinition,
    kind: Kind,
) -> Result<Expectation, Box<Diagnostic>> {
    let ends = [
        ("output", given.output.is_some()),
        ("text", given.text.is_some()),
        ("base64", given.base64.is_some()),
        ("violations", given.violations.is_some()),
        ("reject", given.reject.is_some()),
        ("retry", given.retry.is_some()),
        ("fault", given.fault.is_some()),
    ];
    let mut keys = ends.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| *key);
    match (keys.next(), keys.next()) {
        (Some(_), None) => {}
        (None, _) => {
            return Err(Box::new(source.error_at_key(at, "it does not say how the attempt ends").help(ENDS)));
        }
        (Some(first), Some(second)) => {
            let message = format!("`{second}` stands beside `{first}`");
            return Err(Box::new(source.error_at_key(&format!("{at}/{second}"), message).help(ENDS)));
        }
    }
    let end = end(source, at, given, kind)?;
    if given.media_type.is_some() && !matches!(end, End::Output { .. }) {
        let problem =
            source.error_at_key(&format!("{at}/media-type"), "there is no output to have a media type");
        return Err(Box::new(problem.help("remove it, or give output, text or base64")));
    }
    Ok(Expectation { end, logs: given.logs.clone() })
}

fn end(source: &Source, at: &str, given: &ExpectDefinition, kind: Kind) -> Result<End, Box<Diagnostic>> {
    let content =
        Content::of(given.output.as_ref(), given.text.as_ref(), given.base64.as_ref()).map_err(|wrong| {
            Box::new(source.error(&format!("{at}/{}", wrong.key), wrong.message).help(wrong.help))
        })?;
    if let Some(content) = content {
        return Ok(End::Output { content, media_type: given.media_type.clone() });
    }
    if let Some(violations) = &given.violations {
        if kind != Kind::Validate {
            let message = format!("a {} step finds no violations", kind.name());
            return Err(Box::new(source.error_at_key(&format!("{at}/violations"), message).help(ENDS)));
        }
        return Ok(End::Violations(violations.clone()));
    }
    if let Some(reject) = &given.reject {
        return Ok(End::Reject { code: reject.code.clone(), message: reject.message.clone() });
    }
    if let Some(retry) = &given.retry {
        return Ok(End::Retry { after: retry.after, message: retry.message.clone() });
    }
    let name = given.fault.as_deref().unwrap_or_default();
    match Cause::from_name(name).filter(|cause| cause.class() == Class::Faulted) {
        Some(cause) => Ok(End::Fault(cause)),
        None => {
            let names =
                Cause::ALL.into_iter().filter(|cause| cause.class() == Class::Faulted).map(Cause::name);
            let help = format!("give one of {}", names.collect::<Vec<_>>().join(", "));
            Err(Box::new(source.error(&format!("{at}/fault"), format!("{name:?} is no fault")).help(help)))
        }
    }
}
