//! The external applications of config as egress knows them: URLs parsed, secrets and certificates read.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;

use stepmill_core::flow::{breaker, gate, rate};
use stepmill_core::secret::SecretRef;
use stepmill_sandbox::egress;
use url::Url;

use crate::config::{self, Auth, Project, pointer};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secrets::{self, SecretError};

/// Attempts at a system that may have begun for each request that may be under way.
const ATTEMPTS_A_REQUEST: usize = 4;

/// Every system of the config.
///
/// # Errors
/// Every URL, secret and certificate that cannot be used.
pub fn systems(project: &Project) -> Result<Vec<egress::System>, Diagnostics> {
    let mut found = Diagnostics::default();
    let mut systems = Vec::new();
    for (name, system) in &project.config.systems {
        match resolve(project, name, system) {
            Ok(system) => systems.push(system),
            Err(problems) => found.extend(problems),
        }
    }
    found.or(systems).map(|(systems, _)| systems)
}

/// One system of the config, whatever is wrong with the others.
///
/// # Errors
/// There is none of this name, or its URL, secret or certificate cannot be used.
pub(crate) fn system(project: &Project, name: &str) -> Result<egress::System, Diagnostics> {
    match project.config.systems.get(name) {
        Some(system) => resolve(project, name, system),
        None => {
            let message = format!("there is no system {name:?}");
            let names: Vec<_> = project.config.systems.keys().map(String::as_str).collect();
            let help = if names.is_empty() {
                "none are configured".into()
            } else {
                format!("configured: {}", names.join(", "))
            };
            Err(project.source.error("/systems", message).help(help).into())
        }
    }
}

/// Every system of the config as far as it takes no secret: to route requests that are not sent.
///
/// # Errors
/// Every URL that is none.
pub(crate) fn systems_without_secrets(project: &Project) -> Result<Vec<egress::System>, Diagnostics> {
    let mut bare = project.clone();
    for system in bare.config.systems.values_mut() {
        (system.auth, system.ca) = (None, None);
    }
    systems(&bare)
}

/// What stands in front of each system.
///
/// A gate lets more attempts begin than requests may be under way: an attempt does more than wait for one. What
/// it does not let through waits in the journal, so that a slow system takes neither memory nor the places of
/// others.
pub(super) fn gates(project: &Project, found: &mut Diagnostics) -> BTreeMap<String, gate::Policy> {
    let half = project.config.concurrency.runs / 2;
    let mut gates = BTreeMap::new();
    for (name, system) in &project.config.systems {
        let at = |key: &str, inner: &str| format!("{}/{key}/{inner}", pointer(&["systems", name]));
        let rate = system.rate.as_ref().and_then(|config| {
            rate::Rate::try_new(config)
                .map_err(|error| {
                    let pointer = at("rate", error.key());
                    found.push(project.source.error(&pointer, error.to_string()));
                })
                .ok()
        });
        let breaker = breaker::Policy::try_new(&system.breaker).unwrap_or_else(|error| {
            let pointer = at("breaker", error.key());
            found.push(project.source.error(&pointer, error.to_string()));
            None
        });
        let most = system.concurrency.saturating_mul(ATTEMPTS_A_REQUEST).min(half);
        let concurrency = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        gates.insert(name.clone(), gate::Policy { concurrency, rate, breaker });
    }
    gates
}

fn resolve(project: &Project, name: &str, system: &config::System) -> Result<egress::System, Diagnostics> {
    let mut found = Diagnostics::default();
    let at = |key: &str| format!("{}{key}", pointer(&["systems", name]));
    let base_url = base_url(&system.url)
        .map_err(|problem| {
            let help = "give one such as https://erp.example.com/api, without user, query and fragment";
            found.push(project.source.error(&at("/url"), problem).help(help));
        })
        .ok();
    let credentials = credentials(project, &at("/auth"), system.auth.as_ref()).unwrap_or_else(|problems| {
        found.extend(problems);
        egress::Credentials::None
    });
    let ca_pem = system.ca.as_ref().and_then(|ca| {
        let path = project.path(ca);
        let problem = match fs::read(&path) {
            Ok(pem) if is_pem(&pem) => return Some(pem),
            Ok(_) => format!("{} holds no certificate in PEM", path.display()),
            Err(error) => format!("the certificates {} cannot be read: {error}", path.display()),
        };
        let help = "give a file that begins with -----BEGIN CERTIFICATE-----";
        found.push(project.source.error(&at("/ca"), problem).help(help));
        None
    });
    match base_url {
        Some(base_url) if found.is_empty() => Ok(egress::System {
            name: name.into(),
            base_url,
            credentials,
            concurrency: system.concurrency,
            connect_timeout: system.timeouts.connect,
            first_byte_timeout: system.timeouts.first_byte,
            ca_pem,
        }),
        Some(_) | None => Err(found),
    }
}

/// The base URL of a system, or what is wrong with it.
pub(crate) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("this is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("{text:?} is no http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The text is not shown: the password is in it.
        return Err("the URL holds a user or a password, which belong into `auth` as references".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text:?} has a query or a fragment, below which no path can go"));
    }
    Ok(url)
}

fn credentials(project: &Project, at: &str, auth: Option<&Auth>) -> Result<egress::Credentials, Diagnostics> {
    let secret = |reference: &SecretRef, key: &str| -> Result<egress::Secret, Diagnostics> {
        let text = secrets::resolve(reference, &project.root).and_then(|found| {
            let text = found.secret.expose_str().filter(|text| !text.contains(char::is_control));
            text.map(str::to_owned).ok_or_else(|| SecretError::NotText(reference.clone()))
        });
        text.map(Into::into).map_err(|error| error.diagnostic(&project.source, &format!("{at}/{key}")).into())
    };
    let signing = |reference: &SecretRef, key: &str| -> Result<egress::Secret, Diagnostics> {
        let secret = secret(reference, key)?;
        if secret.signs_standard_webhooks() {
            return Ok(secret);
        }
        let problem = format!("the secret {reference} is not whsec_ and the base64 of 24 bytes or more");
        let help = "make one: echo whsec_$(head -c 32 /dev/urandom | base64)";
        Err(project.source.error(&format!("{at}/{key}"), problem).help(help).into())
    };
    Ok(match auth {
        None => egress::Credentials::None,
        Some(Auth::Bearer(token)) => egress::Credentials::Bearer(secret(token, "bearer")?),
        Some(Auth::Basic { user, password }) => {
            if user.contains(':') || user.contains(char::is_control) {
                let problem =
                    project.source.error(&format!("{at}/basic/user"), "a user's name holds no colon");
                return Err(problem.help("RFC 7617 ends the name at the first colon").into());
            }
            egress::Credentials::Basic { user: user.clone(), password: secret(password, "basic/password")? }
        }
        Some(Auth::Header { name, value }) => {
            if http::HeaderName::try_from(name.as_str()).is_err() {
                let problem = format!("{name:?} is no header's name");
                return Err(project
                    .source
                    .error(&format!("{at}/header/name"), problem)
                    .help("give one such as X-Api-Key")
                    .into());
            }
            egress::Credentials::Header { name: name.clone(), value: secret(value, "header/value")? }
        }
        Some(Auth::StandardWebhooks { secret: current, previous }) => egress::Credentials::StandardWebhooks {
            secret: signing(current, "standard-webhooks/secret")?,
            previous: match previous {
                Some(previous) => Some(signing(previous, "standard-webhooks/previous")?),
                None => None,
            },
        },
    })
}

/// What is suspicious about the secrets of the config itself. Those that cannot be read are errors
/// elsewhere.
pub(super) fn secret_warnings(project: &Project) -> Vec<Diagnostic> {
    let token =
        project.config.server.admin_token.as_ref().map(|token| ("/server/admin_token".to_owned(), token));
    let credentials = project.config.systems.iter().flat_map(|(name, system)| {
        let secrets = system.auth.iter().flat_map(Auth::secrets);
        secrets.map(move |(key, secret)| (format!("{}/auth/{key}", pointer(&["systems", name])), secret))
    });
    let links = project.config.approvals.iter().flat_map(|approvals| {
        let previous = approvals.previous.iter().map(|secret| ("/approvals/previous".to_owned(), secret));
        std::iter::once(("/approvals/secret".to_owned(), &approvals.secret)).chain(previous)
    });
    token
        .into_iter()
        .chain(credentials)
        .chain(links)
        .filter_map(|(pointer, secret)| {
            let warning = secrets::resolve(secret, &project.root).ok()?.warning?;
            Some(project.source.error(&pointer, warning.to_string()).warning())
        })
        .collect()
}

fn is_pem(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----"))
}
