//! The URL below which senders call the ingress listener.

use crate::config::Project;

/// `ingress.public_url`, or else that of `approvals`, without a slash at its end; none if neither is given.
pub(super) fn base(project: &Project) -> Option<String> {
    let config = &project.config;
    let given = config.ingress.public_url.as_ref();
    let given = given.or_else(|| config.approvals.as_ref().map(|approvals| &approvals.url));
    given.map(|url| url.trim_end_matches('/').to_owned())
}
