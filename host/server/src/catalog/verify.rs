//! Whom the webhooks believe.

use std::borrow::Cow;

use stepmill_core::signature::{Verifier, Verify, Weakness};
use stepmill_core::workflow::Webhook;

use super::{chain, public_url};
use crate::config::{Project, pointer};
use crate::diagnostic::{Diagnostics, Source};
use crate::secrets;

/// Where a webhook is configured.
pub(super) struct Place<'a> {
    /// The file.
    pub source: &'a Source,
    /// The webhook's JSON pointer in it.
    pub pointer: Cow<'a, str>,
}

/// All webhooks, those of events included, each with where it stands.
pub(super) fn webhooks(project: &Project) -> Vec<(&Webhook, Place<'_>)> {
    let mut all = Vec::new();
    for workflow in &project.workflows {
        if let Some(webhook) = &workflow.definition.on.webhook {
            all.push((webhook, Place { source: &workflow.source, pointer: "/on/webhook".into() }));
        }
    }
    for (name, event) in &project.config.events {
        if let Some(webhook) = &event.webhook {
            let pointer = format!("{}/webhook", pointer(&["events", name])).into();
            all.push((webhook, Place { source: &project.source, pointer }));
        }
    }
    all
}

/// The verifier of a webhook, each secret with an error of its own.
pub(super) fn verifier(
    project: &Project,
    webhook: &Webhook,
    at: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<Verifier> {
    let verify = &webhook.verify;
    let under = |key: &str| format!("{}/verify/{key}", at.pointer);
    let scheme = under("scheme");
    if *verify == (Verify::None {}) {
        if !project.config.server.ingress.ip().is_loopback() {
            let message = format!("anybody who reaches {} can send events", webhook.path);
            let help = "name a scheme and a secret, or keep the path away from strangers";
            found.push(at.source.error(&scheme, message).help(help).warning());
        }
    } else if let Verify::Plugin(by) = verify {
        let message = format!("the plugin {:?} says whom {} believes", by.plugin, webhook.path);
        let help = "how much that proves cannot be told from here: read what its author says of it";
        found.push(at.source.error(&under("use"), message).help(help).note());
    } else if let Some(weak) = weak(verify) {
        let help = "choose a scheme that signs body and time, if the sender has one";
        found.push(at.source.error(&scheme, weak).help(help).note());
    }
    if verify.signs_url() && public_url::base(project).is_none() {
        let message = format!("{} signs the URL that it calls, which is not known here", verify.scheme());
        let help = "give ingress.public_url in stepmill.yaml, such as https://hooks.example.com";
        found.push(at.source.error(&scheme, message).help(help));
    }
    if matches!(verify, Verify::Mtls(_)) && !asks_for_certificates(project) {
        let message = "no caller is asked for a certificate, so that none would be believed";
        let help = "give server.tls.client_ca in stepmill.yaml: who signs the certificates of callers";
        found.push(at.source.error(&scheme, message).help(help));
    }
    if let Some(origin) = verify.stand_in() {
        let message = format!("whoever answers at {origin} can sign events of {}", webhook.path);
        let help = "keep keys for tests: without it the provider's own hosts are asked";
        found.push(at.source.error(&under("keys"), message).help(help).warning());
    }
    if !verify.problems().is_empty() {
        // Each has an error of the plan.
        return None;
    }
    let errors = found.errors();
    for (key, reference) in verify.secrets() {
        let pointer = under(&key);
        match secrets::resolve(reference, &project.root) {
            Ok(resolved) => found.extend(
                resolved.warning.map(|warning| at.source.error(&pointer, warning.to_string()).warning()),
            ),
            Err(error) => found.push(error.diagnostic(at.source, &pointer)),
        }
    }
    if found.errors() > errors {
        return None;
    }
    let resolve = |reference: &_| secrets::resolve(reference, &project.root).map(|found| found.secret);
    Verifier::try_new(verify, resolve)
        .map_err(|error| found.push(at.source.error(&under(error.key()), chain(&error))))
        .ok()
}

fn weak(verify: &Verify) -> Option<String> {
    let why: Vec<_> = verify.weaknesses().into_iter().map(Weakness::sentence).collect();
    (!why.is_empty()).then(|| format!("{} is weak: {}", verify.scheme(), why.join("; ")))
}

fn asks_for_certificates(project: &Project) -> bool {
    project.config.server.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
}
