//! The handshakes of webhooks, by their paths.

use std::collections::HashMap;

use stepmill_core::handshake::Handshaker;
use stepmill_core::workflow::Webhook;

use super::chain;
use super::verify::{Place, webhooks};
use crate::config::Project;
use crate::diagnostic::Diagnostics;
use crate::secrets;

/// Makes all of them, each secret with an error of its own.
pub(super) fn all(project: &Project, found: &mut Diagnostics) -> HashMap<String, Handshaker> {
    let mut all = HashMap::new();
    for (webhook, at) in webhooks(project) {
        if let Some(handshaker) = one(project, webhook, &at, found) {
            all.insert(webhook.path.clone(), handshaker);
        }
    }
    all
}

fn one(project: &Project, webhook: &Webhook, at: &Place<'_>, found: &mut Diagnostics) -> Option<Handshaker> {
    if let Some((key, reference)) = webhook.handshake.as_ref().and_then(|given| given.secret(&webhook.verify))
    {
        let pointer = format!("{}/{key}", at.pointer);
        match secrets::resolve(reference, &project.root) {
            Ok(resolved) => found.extend(
                resolved.warning.map(|warning| at.source.error(&pointer, warning.to_string()).warning()),
            ),
            Err(error) => {
                found.push(error.diagnostic(at.source, &pointer));
                return None;
            }
        }
    }
    let resolve = |reference: &_| secrets::resolve(reference, &project.root).map(|found| found.secret);
    match Handshaker::try_new(&webhook.verify, webhook.handshake.as_ref(), resolve) {
        Ok(handshaker) => handshaker,
        Err(error) if webhook.handshake.is_some() => {
            found.push(at.source.error(&format!("{}/handshake", at.pointer), chain(&error)));
            None
        }
        // Of a handshake that came with the scheme: the scheme's secret has that error already.
        Err(_) => None,
    }
}
