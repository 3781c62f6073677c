//! From a case file of a plugin that verifies to a case: what types cannot say.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::path::{Component, Path};
use std::sync::Arc;

use stepmill_core::attempt::{Cause, Class};
use stepmill_core::limits::Limits;
use stepmill_core::secret::{Secret, SecretRef};
use stepmill_core::signature::{
    ByPlugin, Keyring, NamedKey, PublicKey, Refusal, Verifier, VerifierError, Verify,
};
use stepmill_core::workflow::{Names, PluginInfo, VerifyPlan};
use stepmill_sandbox::Loaded;

use super::definition::{Definition, ExpectDefinition, RequestDefinition};
use super::{Case, End, Sent};
use crate::author::cases::content::Content;
use crate::catalog;
use crate::config::read_source;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};

/// Where senders of cases call, unless they say so: a name that can never resolve (RFC 6761).
const URL: &str = "https://hooks.test/webhook";
/// When a request was received unless the case says so: 2026-01-01T00:00:00Z.
const RECEIVED_AT_MS: u64 = 1_767_225_600_000;
/// Largest body that a case may read from a file, in bytes.
const MAX_BODY_BYTES: u64 = 16 << 20;
/// To go on after what is wrong with how a case ends.
const ENDS: &str = "give exactly one of verified, refused and fault";

/// Reads a case file and checks it against the plugin.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(loaded: &Loaded, name: &str, file: &Path) -> Result<Case, Diagnostics> {
    let source = read_source(file)?;
    let definition: Definition = source.parse()?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Diagnostics::default();
    let mut checker = Checker { source: &source, folder, found: &mut found };
    let asked = checker.asked(loaded, &definition);
    let limits = checker.limits(&definition);
    let sent = checker.sent(&definition.request);
    let end = checker.end(&definition.expect);
    let case = move || {
        let (plan, keyring) = asked?;
        let (logs, summary) = (definition.expect.logs, definition.summary);
        Some(Case {
            name: name.to_owned(),
            summary,
            plan,
            keyring,
            limits: limits?,
            sent: sent?,
            end: end?,
            logs,
        })
    };
    let (case, _) = found.or(case())?;
    case.ok_or_else(|| Diagnostic::of_file(file, "the case cannot be run").into())
}

struct Checker<'a> {
    source: &'a Source,
    folder: &'a Path,
    found: &'a mut Diagnostics,
}

impl Checker<'_> {
    /// The config and the keys, checked as those of a webhook are.
    fn asked(&mut self, loaded: &Loaded, definition: &Definition) -> Option<(VerifyPlan, Arc<Keyring>)> {
        let (by, values) = webhook(&loaded.manifest.name, definition);
        let info =
            PluginInfo { manifest: Arc::new(loaded.manifest.clone()), digest: loaded.digest.as_str().into() };
        let plugins = BTreeMap::from([(by.plugin.clone(), info)]);
        let none = BTreeSet::new();
        let read_file = |path: &str| catalog::read_file(self.folder, path);
        let planned = VerifyPlan::try_new(&by, "", &plugins, Names::Of(&none), &read_file);
        let verify = Verify::Plugin(by);
        let problems = verify.problems();
        let is_wrong = !problems.is_empty();
        for (key, why) in problems {
            self.found.push(self.source.error(&format!("/{key}"), why));
        }
        let plan = planned.map_err(|problems| {
            self.found.extend(problems.into_iter().map(|problem| {
                // What stands under `with` there is the case's `config`.
                let place = match problem.pointer.strip_prefix("/with") {
                    Some(rest) => format!("/config{rest}"),
                    None if problem.pointer == "/use" => String::new(),
                    None => problem.pointer,
                };
                self.source.error(&place, problem.message).help(problem.help.unwrap_or_default())
            }));
        });
        if is_wrong {
            return None;
        }
        let resolve = |reference: &SecretRef| -> Result<Secret, Infallible> {
            Ok(Secret::new(values.get(reference).cloned().unwrap_or_default()))
        };
        match Verifier::try_new(&verify, resolve) {
            Ok(verifier) => Some((plan.ok()?, Arc::clone(verifier.keyring()?))),
            Err(error) => {
                let why = match &error {
                    VerifierError::Malformed { expected, .. } => format!("this is not {expected}"),
                    VerifierError::Empty { .. } | VerifierError::Unreadable { .. } => {
                        "the secret is empty".into()
                    }
                };
                self.found.push(self.source.error(&format!("/{}", error.key()), why));
                None
            }
        }
    }

    fn limits(&mut self, definition: &Definition) -> Option<Limits> {
        let limits = definition.limits.apply(&Limits::default());
        limits
            .map_err(|invalid| {
                let at = |key| format!("/limits/{key}");
                self.found
                    .extend(invalid.iter().map(|limit| self.source.error(&at(limit.key), limit.to_string())));
            })
            .ok()
    }

    fn sent(&mut self, given: &RequestDefinition) -> Option<Sent> {
        let body = match (Content::of(None, given.text.as_ref(), given.base64.as_ref()), &given.file) {
            (Ok(content), None) => content.map(|content| content.to_bytes()).unwrap_or_default(),
            (Ok(None), Some(file)) => self.body(file)?,
            (Ok(Some(_)), Some(_)) => {
                let problem = self.source.error_at_key("/request/file", "`file` stands beside another body");
                self.found.push(problem.help("give one of text, base64 and file"));
                return None;
            }
            (Err(wrong), _) => {
                let problem = self.source.error(&format!("/request/{}", wrong.key), wrong.message);
                self.found.push(problem.help("give one of text, base64 and file"));
                return None;
            }
        };
        let headers = given.headers.iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        Some(Sent {
            method: given.method.clone().unwrap_or_else(|| "POST".into()),
            url: given.url.clone().unwrap_or_else(|| URL.into()),
            headers: headers.collect(),
            body,
            received_at_ms: given.received_at_ms.unwrap_or(RECEIVED_AT_MS),
        })
    }

    /// The content of a file in the case file's folder: a case is to run on every machine that has the folder.
    fn body(&mut self, file: &Path) -> Option<Vec<u8>> {
        const AT: &str = "/request/file";
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !file.components().all(is_inside) {
            let message = format!("{} lies outside the case file's folder", file.display());
            self.found
                .push(self.source.error(AT, message).help("give the path of a file beside it or below"));
            return None;
        }
        let path = self.folder.join(file);
        let why = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > MAX_BODY_BYTES => {
                format!("is larger than {MAX_BODY_BYTES} bytes")
            }
            Ok(_) => match fs::read(&path) {
                Ok(bytes) => return Some(bytes),
                Err(error) => format!("cannot be read: {error}"),
            },
            Err(error) => format!("cannot be read: {error}"),
        };
        self.found.push(self.source.error(AT, format!("{} {why}", path.display())));
        None
    }

    fn end(&mut self, given: &ExpectDefinition) -> Option<End> {
        match (&given.verified, &given.refused, given.fault.as_deref()) {
            (Some(verified), None, None) => Some(End::Verified(verified.dedupe_key.clone())),
            (None, Some(refused), None) => {
                let reason = Refusal::OF_PLUGINS.into_iter().find(|reason| reason.name() == refused.reason);
                if reason.is_none() {
                    let help = format!("give one of {}", Refusal::OF_PLUGINS.map(Refusal::name).join(", "));
                    let message = format!("{:?} is no reason", refused.reason);
                    self.found.push(self.source.error("/expect/refused/reason", message).help(help));
                }
                Some(End::Refused { reason: reason?, message: refused.message.clone() })
            }
            (None, None, Some(name)) => {
                let cause = Cause::from_name(name).filter(|cause| cause.class() == Class::Faulted);
                if cause.is_none() {
                    let help = "give one such as trap, memory-limit or cpu-deadline";
                    self.found
                        .push(self.source.error("/expect/fault", format!("{name:?} is no fault")).help(help));
                }
                cause.map(End::Fault)
            }
            (None, None, None) => {
                let message = "it does not say what the plugin answers";
                self.found.push(self.source.error_at_key("/expect", message).help(ENDS));
                None
            }
            (Some(_), _, _) | (_, Some(_), _) => {
                self.found.push(self.source.error_at_key("/expect", "it says more than one end").help(ENDS));
                None
            }
        }
    }
}

/// What a webhook would say, and the values of its secrets, each under the name of a variable that there need not be.
fn webhook(plugin: &str, definition: &Definition) -> (ByPlugin, BTreeMap<SecretRef, String>) {
    let mut values = BTreeMap::new();
    let mut named = |value: &String| {
        let reference = SecretRef::Env(format!("CASE_{}", values.len()));
        values.insert(reference.clone(), value.clone());
        reference
    };
    let keys = definition.keys.iter().map(|(name, key)| {
        let secret = key.secret.as_ref().map(&mut named);
        let previous = key.previous.as_ref().map(|previous| match secret {
            Some(_) => PublicKey::Named(named(previous)),
            None => PublicKey::Written(previous.clone()),
        });
        let public_key = key.public_key.clone().map(PublicKey::Written);
        (name.clone(), NamedKey { secret, public_key, previous, encoding: key.encoding })
    });
    let keys = keys.collect();
    let by = ByPlugin { plugin: plugin.to_owned(), with: definition.config.clone(), keys };
    (by, values)
}
