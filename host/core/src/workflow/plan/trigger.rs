//! What starts a run.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::{Problems, syntax};
use crate::expression::Template;
use crate::schedule::{self, Schedule};
use crate::signature::Verify;
use crate::workflow::Webhook;

/// Longest time that a repeated event is recognised, as claims take up room in the journal.
const DEDUPE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Largest body of a webhook: it must fit into one journal entry.
const BODY_MAX: u64 = 256 << 20;
/// Longest difference of clocks that a signature may have.
const TOLERANCE_MAX: Duration = Duration::from_secs(24 * 3600);
/// What there is before there is a run.
const OF_THE_EVENT: [&str; 4] = ["body", "event", "headers", "query"];

/// Checks a webhook; gives its dedupe key.
pub(super) fn webhook(webhook: &Webhook, problems: &mut Problems) -> Option<Template> {
    problems.check("/on/webhook/path", syntax::path(&webhook.path));
    match &webhook.verify {
        Verify::Hmac { header, .. } => problems.check("/on/webhook/verify/header", syntax::header(header)),
        Verify::StandardWebhooks { tolerance, .. } if tolerance.is_zero() || *tolerance > TOLERANCE_MAX => {
            problems.add(
                "/on/webhook/verify/tolerance",
                "the tolerance is zero or over a day: give one such as 5m",
            );
        }
        Verify::None {}
        | Verify::Github { .. }
        | Verify::Shopify { .. }
        | Verify::StandardWebhooks { .. } => {}
    }
    if webhook.dedupe_for.is_zero() || webhook.dedupe_for > DEDUPE_MAX {
        problems.add("/on/webhook/dedupe_for", "dedupe_for is zero or over a year: give a time such as 7d");
    }
    if webhook.max_body_bytes == 0 || webhook.max_body_bytes > BODY_MAX {
        let given = webhook.max_body_bytes;
        problems
            .add("/on/webhook/max_body_bytes", format!("max_body_bytes is {given}: give 1 to {BODY_MAX}"));
    }
    webhook.dedupe.as_ref().and_then(|dedupe| key(dedupe, problems))
}

fn key(dedupe: &str, problems: &mut Problems) -> Option<Template> {
    const AT: &str = "/on/webhook/dedupe";
    let template = problems.compile(AT, &Value::from(dedupe), &BTreeSet::new())?;
    if template.is_constant() {
        problems.add_with_help(
            AT,
            "dedupe holds no expression, so that every event would be taken for the same",
            "write one such as ${{ headers['x-shopify-webhook-id'] }}".into(),
        );
        return None;
    }
    for variable in &template.references().variables {
        if !OF_THE_EVENT.contains(&variable.as_str()) {
            let message = format!(
                "dedupe refers to {variable}, which there is only in a run: refer to the event alone"
            );
            problems.add_with_help(AT, message, format!("there are {}", OF_THE_EVENT.join(", ")));
        }
    }
    Some(template)
}

/// Checks a schedule.
pub(super) fn schedule(config: Option<&schedule::Config>, problems: &mut Problems) -> Option<Schedule> {
    match Schedule::try_new(config?) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let key = error.key().map(|key| format!("/{key}")).unwrap_or_default();
            problems.add(format!("/on/schedule{key}"), error.to_string());
            None
        }
    }
}
