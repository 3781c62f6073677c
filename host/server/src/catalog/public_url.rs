//! The URL below which senders call the ingress listener.

use url::Url;

use crate::config::Project;
use crate::diagnostic::Diagnostics;

/// `ingress.public_url`, or else that of `approvals`, or else the listener's own address; without a slash at its end.
pub(super) fn base(project: &Project, found: &mut Diagnostics) -> String {
    let own = || format!("http://{}", project.config.server.ingress);
    let Some(given) = &project.config.ingress.public_url else {
        return project.config.approvals.as_ref().map_or_else(own, |approvals| trimmed(&approvals.url));
    };
    if !is_base(given) {
        let message = "public_url is not the URL that senders' paths are added to";
        let help = "give scheme, host and perhaps a path, such as https://hooks.example.com";
        found.push(project.source.error("/ingress/public_url", message).help(help));
    }
    trimmed(given)
}

fn trimmed(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// Whether it is a URL that a path can follow.
fn is_base(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}
