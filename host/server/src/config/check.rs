//! What is wrong with a config that its types cannot say.

use std::time::Duration;

use stepmill_core::pointer::token;
use url::Url;

use super::{Auth, Config, Require};
use crate::diagnostic::{Diagnostics, Source};
use crate::distribution::Origin;

/// Most characters of a plugin's or a system's name, so that names fit in logs and metrics.
const MAX_NAME: usize = 64;

pub(super) fn check(config: &Config, source: &Source, found: &mut Diagnostics) {
    let server = &config.server;
    if !server.admin.ip().is_loopback() && server.admin_token.is_none() {
        let message =
            format!("the admin API listens on {}, which others can reach, without a token", server.admin);
        found.push(
            source
                .error("/server/admin", message)
                .help("give server.admin_token, such as env:STEPMILL_ADMIN_TOKEN, or listen on 127.0.0.1"),
        );
    }
    if server.ingress == server.admin && server.admin.port() != 0 {
        let message = format!("server.ingress and server.admin are both {}", server.admin);
        found.push(source.error("/server/admin", message).help("give them different ports"));
    }
    listeners(config, source, found);
    for (pointer, is_zero) in [
        ("/concurrency/runs", config.concurrency.runs == 0),
        ("/concurrency/attempts", config.concurrency.attempts == 0),
        ("/journal/max_unfinished", config.journal.max_unfinished == 0),
        ("/journal/max_bytes", config.journal.max_bytes == 0),
    ] {
        if is_zero {
            found.push(source.error(pointer, "0 would let nothing run").help("give at least 1"));
        }
    }
    if tracing_subscriber::EnvFilter::try_new(&config.log.level).is_err() {
        found.push(
            source
                .error("/log/level", format!("{:?} is no log level", config.log.level))
                .help("give error, warn, info, debug, trace or off"),
        );
    }
    for limit in config.limits.check().err().into_iter().flatten() {
        found.push(source.error(&pointer(&["limits", limit.key]), limit.to_string()));
    }
    if config.journal.retain < Duration::from_secs(1) {
        found.push(
            source
                .error("/journal/retain", "finished runs would be gone before anybody sees them")
                .help("give at least 1s"),
        );
    }
    for (what, name) in (config.plugins.keys().map(|name| ("plugins", name)))
        .chain(config.systems.keys().map(|name| ("systems", name)))
        .chain(config.events.keys().map(|name| ("events", name)))
    {
        if !is_name(name) {
            found.push(source.error_at_key(&pointer(&[what, name]), format!("{name:?} is no name")).help(
                format!("lower-case letters, digits, - and _, a letter first, at most {MAX_NAME} characters"),
            ));
        }
    }
    plugins(config, source, found);
    let pinned = config.plugins.iter().map(|(name, plugin)| ("plugins", name, &plugin.digest));
    let shadows = config.shadows.iter().map(|(name, shadow)| ("shadows", name, &shadow.digest));
    for (what, name, digest) in pinned.chain(shadows) {
        if digest.as_deref().is_some_and(|digest| !is_digest(digest)) {
            found.push(source.error(&pointer(&[what, name, "digest"]), "this is no digest").help(
                "give sha256: and 64 hexadecimal digits, as `stepmill plugin` shows them, or leave it out",
            ));
        }
    }
    for (name, shadow) in &config.shadows {
        if !(shadow.share > 0.0 && shadow.share <= 1.0) {
            let message = format!("{} is no share of attempts", shadow.share);
            let help = "give a number above 0 and at most 1, such as 0.1";
            found.push(source.error(&pointer(&["shadows", name, "share"]), message).help(help));
        }
    }
    for (name, system) in &config.systems {
        if system.concurrency == 0 {
            let pointer = pointer(&["systems", name, "concurrency"]);
            found.push(source.error(&pointer, "0 would let no request through").help("give at least 1"));
        }
        for (key, timeout) in
            [("connect", system.timeouts.connect), ("first_byte", system.timeouts.first_byte)]
        {
            if timeout.is_zero() {
                let pointer = pointer(&["systems", name, "timeouts", key]);
                found.push(
                    source
                        .error(&pointer, "a timeout of zero fails every request")
                        .help("give one such as 5s"),
                );
            }
        }
    }
}

/// How connections are taken, and whom they believe.
fn listeners(config: &Config, source: &Source, found: &mut Diagnostics) {
    let Config { server, ingress, .. } = config;
    if server.proxy_protocol && server.trusted_proxies.is_empty() {
        let help = "give the networks of the proxies, such as server.trusted_proxies: [10.0.0.0/8]";
        found.push(
            source.error("/server/proxy_protocol", "nobody could connect: no proxy is trusted").help(help),
        );
    }
    if let Some(at) = server.trusted_proxies.iter().position(|network| network.is_everybody()) {
        let message = "everybody is believed when they say for whom they call";
        let help = "give the networks of the proxies alone";
        found.push(source.error(&format!("/server/trusted_proxies/{at}"), message).help(help).warning());
    }
    if server.admin_tls.as_ref().is_some_and(|tls| tls.client_ca.is_some() || tls.client_auth.is_some()) {
        let message = "callers of the admin API are known by its token, not by certificates";
        let help = "remove client_ca and client_auth, and give server.admin_token";
        found.push(source.error("/server/admin_tls", message).help(help));
    }
    for (key, message) in server.connections.problems() {
        found.push(source.error(&pointer(&["server", "connections", key]), message));
    }
    for (key, message) in ingress.problems() {
        found.push(source.error(&pointer(&["ingress", key]), message));
    }
    if let Some(url) = &ingress.public_url
        && !Url::parse(url).is_ok_and(|url| is_base(&url))
    {
        let help = "give one such as https://hooks.example.com, without user, query and fragment";
        found.push(source.error("/ingress/public_url", "this is no base URL of senders").help(help));
    }
}

fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// Where plugins come from, and whose they must be.
fn plugins(config: &Config, source: &Source, found: &mut Diagnostics) {
    let keys = &config.trust.keys;
    for (name, plugin) in &config.plugins {
        if let Err(wrong) = Origin::of(plugin) {
            found.push(wrong.diagnostic(source, name));
        }
        if plugin.oci.is_some() && matches!(plugin.auth, Some(Auth::Header { .. })) {
            let at = pointer(&["plugins", name, "auth", "header"]);
            found.push(
                source
                    .error(&at, "a registry knows no headers of its own")
                    .help("give { basic: { user: …, password: … } } or { bearer: … }"),
            );
        }
        if matches!(plugin.auth, Some(Auth::StandardWebhooks { .. })) {
            let at = pointer(&["plugins", name, "auth", "standard-webhooks"]);
            let help = "give { bearer: … } or { basic: { user: …, password: … } }";
            found.push(source.error(&at, "this signs requests to receivers of webhooks").help(help));
        }
        if let Some(signer) = plugin.signed_by.as_deref().filter(|signer| !keys.contains_key(*signer)) {
            let at = pointer(&["plugins", name, "signed_by"]);
            let known: Vec<&str> = keys.keys().map(String::as_str).collect();
            let help = if known.is_empty() {
                format!("add it: trust: {{ keys: {{ {signer}: keys/{signer}.pub }} }}")
            } else {
                format!("there are: {}", known.join(", "))
            };
            found.push(source.error(&at, format!("trust.keys has no key {signer:?}")).help(help));
        }
    }
    if config.trust.require != Require::None && keys.is_empty() {
        found.push(
            source.error("/trust/require", "no signature could be good: trust.keys is empty").help(
                "give the public keys of those whose plugins are loaded, such as { acme: keys/acme.pub }",
            ),
        );
    }
    for name in keys.keys().filter(|name| !is_name(name)) {
        found.push(
            source.error_at_key(&pointer(&["trust", "keys", name]), format!("{name:?} is no name")).help(
                format!("lower-case letters, digits, - and _, a letter first, at most {MAX_NAME} characters"),
            ),
        );
    }
}

/// The file without the passwords that stand in URLs, where they should not.
pub(super) fn hide_passwords(config: &Config, source: &Source) -> Source {
    let has_password = |text: &str| {
        Url::parse(text)
            .map_or_else(|_| text.contains('@'), |url| !url.username().is_empty() || url.password().is_some())
    };
    let links = config.approvals.iter().filter(|approvals| has_password(&approvals.url));
    let called = config.ingress.public_url.iter().filter(|url| has_password(url));
    let plugins = config.plugins.iter().filter(|(_, plugin)| plugin.url.as_deref().is_some_and(has_password));
    let pointers: Vec<_> = (config.systems.iter())
        .filter(|(_, system)| has_password(&system.url))
        .map(|(name, _)| pointer(&["systems", name, "url"]))
        .chain(plugins.map(|(name, _)| pointer(&["plugins", name, "url"])))
        .chain(links.map(|_| pointer(&["approvals", "url"])))
        .chain(called.map(|_| pointer(&["ingress", "public_url"])))
        .collect();
    source.hiding(pointers.iter().map(String::as_str))
}

/// A JSON pointer (RFC 6901) of these keys.
pub(crate) fn pointer(keys: &[&str]) -> String {
    keys.iter().flat_map(|key| ["/".to_owned(), token(key)]).collect()
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= MAX_NAME
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// Whether a text is a digest: `sha256:` and 64 hexadecimal digits.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
