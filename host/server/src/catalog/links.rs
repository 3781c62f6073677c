//! The links by which people decide.

use stepmill_core::approval::Links;
use url::{Host, Url};

use crate::config::Project;
use crate::diagnostic::Diagnostics;
use crate::secrets;

/// The links of `approvals`, each secret with an error of its own; none if there are to be none.
pub(super) fn links(project: &Project, found: &mut Diagnostics) -> Option<Links> {
    let approvals = project.config.approvals.as_ref()?;
    let mut resolve = |key: &str, reference| {
        let resolved = secrets::resolve(reference, &project.root);
        resolved
            .map_err(|error| found.push(error.diagnostic(&project.source, &format!("/approvals/{key}"))))
            .ok()
            .map(|resolved| resolved.secret)
    };
    let secret = resolve("secret", &approvals.secret);
    let previous = approvals.previous.as_ref().map(|reference| resolve("previous", reference));
    // A secret that is not there has its error already.
    let previous = previous.map_or(Some(None), |previous| previous.map(Some));
    match Links::try_new(&approvals.url, secret?, previous?) {
        Ok(links) => {
            if Url::parse(&approvals.url).is_ok_and(|url| is_in_the_clear(&url)) {
                let message = "whoever is on the way of a link over http can read it, and decide";
                let help = "give an address of https, such as that of the proxy before the service";
                found.push(project.source.error("/approvals/url", message).help(help).warning());
            }
            Some(links)
        }
        Err(error) => {
            let pointer = format!("/approvals/{}", error.key());
            found.push(project.source.error(&pointer, error.to_string()));
            None
        }
    }
}

fn is_in_the_clear(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && !is_here
}
