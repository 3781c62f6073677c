//! What a webhook may say.

use std::time::Duration;

use super::plugin::known;
use super::trigger::key;
use super::{PlannedStep, Problems, syntax};
use crate::body::{As, INFLATED_MAX, RECORDS_MAX, Rules, XML_DEPTH_MAX, XmlRules};
use crate::expression::Template;
use crate::flow::rate::Rate;
use crate::workflow::definition::Webhook;

/// What `dedupe` says where no event is a repeated one.
const NEVER: &str = "none";
/// Longest time that a repeated event is recognised, as claims take up room in the journal.
const DEDUPE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Largest body of a webhook: it must fit into one journal entry.
const BODY_MAX: u64 = 256 << 20;
/// Longest time that a sender is kept waiting for a synchronous answer.
const RESPOND_MAX: Duration = Duration::from_secs(60);

/// Checks a workflow's webhook; gives its dedupe key.
pub(super) fn workflow(webhook: &Webhook, problems: &mut Problems) -> Option<Template> {
    webhook_at("/on/webhook", webhook, problems)
}

/// Checks an event's webhook; gives its dedupe key.
pub(super) fn event(webhook: &Webhook, problems: &mut Problems) -> Option<Template> {
    if webhook.respond.is_some() {
        problems.add("/webhook/respond", "an event is answered by no step: remove respond");
    }
    if webhook.body.as_ref().is_some_and(|rules| !rules.split.is_off()) {
        let message =
            "an event is one for all runs that wait for it: remove split, and split the body in a workflow";
        problems.add("/webhook/body/split", message);
    }
    webhook_at("/webhook", webhook, problems)
}

fn webhook_at(at: &str, webhook: &Webhook, problems: &mut Problems) -> Option<Template> {
    problems.check(&format!("{at}/path"), syntax::path(&webhook.path));
    for (key, name) in webhook.verify.headers() {
        problems.check(&format!("{at}/verify/{key}"), syntax::header(name));
    }
    for (key, message) in webhook.verify.problems() {
        problems.add(format!("{at}/verify/{key}").trim_end_matches('/'), message);
    }
    if let Some(error) = webhook.rate.as_ref().and_then(|rate| Rate::try_new(rate).err()) {
        problems.add(format!("{at}/rate/{}", error.key()), error.to_string());
    }
    if let Some(handshake) = &webhook.handshake {
        for (key, message) in handshake.problems(&webhook.verify) {
            problems.add(format!("{at}/handshake/{key}").trim_end_matches('/'), message);
        }
    }
    if webhook.dedupe_for.is_zero() || webhook.dedupe_for > DEDUPE_MAX {
        problems.add(format!("{at}/dedupe_for"), "dedupe_for is zero or over a year: give a time such as 7d");
    }
    if webhook.max_body_bytes == 0 || webhook.max_body_bytes > BODY_MAX {
        let given = webhook.max_body_bytes;
        problems
            .add(format!("{at}/max_body_bytes"), format!("max_body_bytes is {given}: give 1 to {BODY_MAX}"));
    }
    if let Some(rules) = &webhook.body {
        body(&format!("{at}/body"), webhook, rules, problems);
    }
    webhook.dedupe.as_ref().filter(|dedupe| *dedupe != NEVER).and_then(|dedupe| {
        key("dedupe", &format!("{at}/dedupe"), dedupe, "${{ headers['x-shopify-webhook-id'] }}", problems)
    })
}

/// Checks how bodies become documents.
fn body(at: &str, webhook: &Webhook, rules: &Rules, problems: &mut Problems) {
    let least = webhook.max_body_bytes;
    if let Some(given) = rules.max_inflated_bytes.filter(|given| *given < least || *given > INFLATED_MAX) {
        let message = format!(
            "max_inflated_bytes is {given}: give {least} (max_body_bytes) to {INFLATED_MAX}, as a body may come uncompressed"
        );
        problems.add(format!("{at}/max_inflated_bytes"), message);
    }
    let XmlRules { max_depth } = rules.xml;
    if max_depth == 0 || max_depth > XML_DEPTH_MAX {
        let message = format!("max_depth is {max_depth}: give 1 to {XML_DEPTH_MAX}");
        problems.add(format!("{at}/xml/max_depth"), message);
    }
    if rules.max_records == 0 || rules.max_records > RECORDS_MAX {
        let message = format!("max_records is {}: give 1 to {RECORDS_MAX}", rules.max_records);
        problems.add(format!("{at}/max_records"), message);
    }
    let Some(pointer) = rules.split.pointer() else { return };
    let at = format!("{at}/split");
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let message =
            format!("{pointer:?} is no JSON pointer: write \"/{pointer}\", or true if the body is the list");
        problems.add(&at, message);
    }
    if matches!(rules.kind, As::Text | As::Binary) {
        problems.add(&at, "text and binary have no records: remove split, or say what the body is by `as`");
    }
    if webhook.respond.is_some() {
        problems.add(&at, "a sender of several records gets no answer of a step: remove respond or split");
    }
}

/// Checks a synchronous answer.
pub(super) fn respond(webhook: Option<&Webhook>, steps: &[PlannedStep], problems: &mut Problems) {
    let Some(respond) = webhook.and_then(|webhook| webhook.respond.as_ref()) else { return };
    if respond.within.is_zero() || respond.within > RESPOND_MAX {
        problems.add("/on/webhook/respond/within", "within is zero or over a minute: give a time such as 5s");
    }
    let Some(from) = &respond.from else { return };
    if !steps.iter().any(|step| *step.id == **from) {
        let help = known("in this workflow", from, steps.iter().map(|step| &*step.id));
        problems.add_with_help("/on/webhook/respond/from", format!("there is no step {from:?}"), help);
    }
}
