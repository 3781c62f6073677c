//! What a step may send to: a pure function of its grant, the configured systems, and the request.
//!
//! Threat model: the guest is hostile and picks method, target and headers; so is whoever answers with a
//! redirect. They want to reach a host that the operator did not name, an internal address (SSRF), or a
//! system's other paths, and above all to have a system's credentials sent where they can read them.
//! The config is trusted. Therefore:
//!
//! - Nothing is allowed that is not written: no grant, no request.
//! - Credentials go to the step's own system only, recognised by scheme, host, port and path prefix of the
//!   parsed URL that is then sent; no text is compared that a later parser could read otherwise.
//! - A rule without `private: true` reaches public addresses only. Literals are checked here, names when
//!   they are resolved for the connection (`client.rs`), so that no second answer of the DNS counts.
//! - A server that is not the system cannot redirect into it: the host would lend it the system's credentials
//!   and the way into the operator's network. `allow` rules alone count after the first hop elsewhere.
//! - What could be read in two ways is refused, not repaired.

use std::collections::BTreeMap;
use std::net::IpAddr;

use stepmill_core::grant::{Allow, Grant};
use url::{Host, Position, Url};

use super::Target;
use super::address;
use super::prefix::{self, Prefix};

/// Base URLs of the configured systems, by name.
pub(super) type Bases = BTreeMap<String, Prefix>;

/// Where a request may go, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// To the step's system: its credentials, client and concurrency limit apply.
    System { name: String, url: Url },
    /// To a target of an `allow` rule, without credentials.
    Allowed {
        url: Url,
        /// Whether private addresses are allowed.
        private: bool,
        /// Whether some rule allows every method here.
        any_method: bool,
    },
}

/// Who asks for a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The guest itself.
    Guest,
    /// A redirect by the step's system.
    System,
    /// A redirect by any other server, or one that follows such a redirect.
    Stranger,
}

/// Why a request is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denial {
    /// The target is none, whatever the grant.
    #[error("{0}")]
    Invalid(&'static str),
    /// A relative path, and the step has no system.
    #[error("the step names no system that a path could go to")]
    NoSystem { suggestion: Option<String> },
    /// The step's system is not configured.
    #[error("the step's system {0:?} is not configured")]
    UnknownSystem(String),
    /// No rule covers the URL.
    #[error("{method} {site} is outside of what the step's grant allows")]
    Target { method: String, site: String, private: bool, suggestion: Option<String> },
    /// A rule covers the URL, but not the method.
    #[error("the step's grant does not allow {method} at {site}")]
    Method { method: String, site: String, rule: Box<Allow> },
    /// The address is not public.
    #[error("{site} is at a private address, which the step's grant does not allow")]
    Private { method: String, site: String, address: IpAddr },
    /// A header would turn the allowed method into another.
    #[error("header {header:?} is not allowed where the grant lists methods")]
    Override { site: String, header: String },
}

impl Denial {
    /// The config of the step that would allow the request, as YAML.
    pub(super) fn stanza(&self) -> Option<String> {
        let allow = |url: &str, methods: &str, more: &str| {
            format!("allow: [{{ url: {}, methods: [{methods}]{more} }}]", serde_json::Value::from(url))
        };
        match self {
            Self::Invalid(_) => None,
            Self::NoSystem { suggestion } => Some(match suggestion {
                Some(name) => format!("system: {name}"),
                None => "system: NAME, with NAME configured under systems: in stepmill.yaml".to_owned(),
            }),
            Self::UnknownSystem(name) => {
                Some(format!("systems: {{ {name}: {{ url: https://… }} }} in stepmill.yaml"))
            }
            Self::Target { suggestion: Some(name), .. } => Some(format!("system: {name}")),
            Self::Target { method, site, private, suggestion: None } => {
                let more = if *private { ", private: true" } else { "" };
                Some(allow(site, &yaml(method), more))
            }
            Self::Method { method, rule, .. } => {
                let methods: Vec<String> =
                    rule.methods.iter().chain([method]).map(|name| yaml(name)).collect();
                let more = if rule.private { ", private: true" } else { "" };
                Some(allow(&rule.url, &methods.join(", "), more))
            }
            Self::Private { method, site, .. } => Some(allow(site, &yaml(method), ", private: true")),
            // No list of methods allows all of them.
            Self::Override { site, .. } => Some(allow(site, "", "")),
        }
    }
}

/// Decides about one request or one hop of a redirect. `method` has been checked to be a token.
pub(super) fn decide(
    grant: &Grant,
    systems: &Bases,
    method: &str,
    target: &Target,
    asker: Asker,
) -> Result<Decision, Denial> {
    let system = match &grant.system {
        None => None,
        Some(name) => Some((name, systems.get(name).ok_or_else(|| Denial::UnknownSystem(name.clone()))?)),
    };
    let url = match target {
        Target::Path(path) => {
            let Some((name, base)) = system else {
                return Err(Denial::NoSystem { suggestion: systems.keys().next().cloned() });
            };
            let url = base.join(path).map_err(Denial::Invalid)?;
            return Ok(Decision::System { name: name.clone(), url });
        }
        Target::Url(text) => prefix::parse(text).map_err(Denial::Invalid)?,
    };
    match (asker, system) {
        (Asker::Guest | Asker::System, Some((name, base))) if base.covers(&url) => {
            Ok(Decision::System { name: name.clone(), url })
        }
        (Asker::Guest | Asker::System | Asker::Stranger, _) => decide_allowed(grant, systems, method, url),
    }
}

fn decide_allowed(grant: &Grant, systems: &Bases, method: &str, url: Url) -> Result<Decision, Denial> {
    let covering: Vec<&Allow> = grant.allow.iter().filter(|rule| covers(rule, &url)).collect();
    let method = method.to_owned();
    let Some(first) = covering.first() else {
        // The step's own system is what a stranger's redirect would need a rule for.
        let other = |name: &String| grant.system.as_ref() != Some(name);
        let mut suggestions = systems.iter().filter(|(name, base)| other(name) && base.covers(&url));
        let suggestion = suggestions.next().map(|(name, _)| name.clone());
        let private = literal(&url).is_some_and(|address| !address::is_public(address));
        return Err(Denial::Target { method, site: origin(&url), private, suggestion });
    };
    let mut matching = covering.iter().filter(|rule| allows_method(rule, &method)).peekable();
    if matching.peek().is_none() {
        return Err(Denial::Method { method, site: origin(&url), rule: Box::new((*first).clone()) });
    }
    let (private, any_method) = matching.fold((false, false), |(private, any), rule| {
        (private || rule.private, any || rule.methods.is_empty())
    });
    match literal(&url) {
        Some(address) if !private && !address::is_public(address) => {
            Err(Denial::Private { method, site: origin(&url), address })
        }
        Some(_) | None => Ok(Decision::Allowed { url, private, any_method }),
    }
}

/// Whether a rule covers a URL; a rule that is no plain URL covers none (loading config refuses it).
fn covers(rule: &Allow, url: &Url) -> bool {
    Url::parse(&rule.url).is_ok_and(|parsed| Prefix::try_new(&parsed).is_ok_and(|prefix| prefix.covers(url)))
}

fn allows_method(rule: &Allow, method: &str) -> bool {
    rule.methods.is_empty() || rule.methods.iter().any(|allowed| allowed.eq_ignore_ascii_case(method))
}

/// The address that a URL's host is, in whichever of the many notations.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

/// Scheme, host and port as a URL.
pub(super) fn origin(url: &Url) -> String {
    // Without user and password, which a denied URL may hold.
    let host = &url[Position::BeforeHost..Position::AfterPort];
    format!("{}://{host}/", url.scheme())
}

/// A method as a YAML scalar: a token may hold characters that mean something there, or be `NO`.
fn yaml(method: &str) -> String {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method.to_owned(),
        other => serde_json::Value::from(other).to_string(),
    }
}

#[cfg(test)]
mod tests;
