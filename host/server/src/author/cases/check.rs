//! From a case file to a case: what types cannot say.

mod expect;
mod http;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use stepmill_core::RunId;
use stepmill_core::document::{Body, Document};
use stepmill_core::grant::Allow;
use stepmill_core::manifest::Kind;
use stepmill_sandbox::{Loaded, Preparation, Sandbox};
use url::Url;

use super::case::{BASE, Case, Expected, Scene};
use super::content::{Content, Held, Unusable};
use super::definition::{Cassette, Definition, DocumentDefinition, Exchanges};
use crate::author::shelf;
use crate::author::step::{Outline, Step, Try, own_pointer};
use crate::catalog;
use crate::config::{pointer, read_source};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};

/// When the event was accepted unless the case says so: 2026-01-01T00:00:00Z.
const ACCEPTED_AT_MS: u64 = 1_767_225_600_000;
/// Largest document that a case may read from a file, in bytes: what a step may put out by default.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;

/// Whether a cassette must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cassettes {
    /// It is played.
    Played,
    /// It is about to be made.
    Recorded,
}

/// Reads a case file and checks it against the plugin.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) async fn read(
    sandbox: &Sandbox,
    loaded: &Loaded,
    name: &str,
    file: &Path,
    cassettes: Cassettes,
) -> Result<Case, Diagnostics> {
    if !loaded.manifest.kind.is_step() {
        let (name, kind) = (&loaded.manifest.name, loaded.manifest.kind.name());
        let message = format!("{name} is a {kind} plugin, which makes no attempts");
        return Err(Diagnostic::of_file(file, message).help("stepmill plugin test runs its cases").into());
    }
    let source = read_source(file)?;
    let definition: Definition = source.parse()?;
    let mut checker =
        Checker { source, folder: file.parent().unwrap_or(Path::new("")), found: Diagnostics::default() };
    let case = checker.case(sandbox, loaded, name, definition, cassettes).await;
    let (case, _) = checker.found.or(case)?;
    case.ok_or_else(|| Diagnostic::of_file(file, "the case cannot be run").into())
}

struct Checker<'a> {
    source: Source,
    folder: &'a Path,
    found: Diagnostics,
}

impl Checker<'_> {
    /// None if something is wrong with it.
    async fn case(
        &mut self,
        sandbox: &Sandbox,
        loaded: &Loaded,
        name: &str,
        definition: Definition,
        cassettes: Cassettes,
    ) -> Option<Case> {
        self.check_kind(loaded.manifest.kind, &definition);
        let base = self.base(&definition);
        let (exchanges, cassette) = self.exchanges(&definition.http, base.as_ref(), cassettes);
        let step = self.step(loaded, &definition, base.as_ref(), &exchanges);
        let of = self.attempt(&definition);
        let before = self.before(&definition);
        let after = self.after(&definition);
        let faults = self.faults(&definition, loaded.manifest.kind, exchanges.len(), cassettes);
        let expect = self.expectation("/expect", &definition.expect, loaded.manifest.kind);
        let step = step?;
        let mut warnings = Vec::new();
        let refusal = match sandbox.try_config(&loaded.digest, &step.config).await {
            Preparation::Absent | Preparation::Ready => None,
            Preparation::Rejected { code, message } => Some((code, message)),
            Preparation::Unusable(why) => {
                warnings.push(format!("the plugin cannot be prepared for the config of {name}: {why}"));
                None
            }
        };
        let of = of?;
        Some(Case {
            name: name.to_owned(),
            summary: definition.summary.clone(),
            cassette,
            scene: Scene { step, of, base: base?, exchanges, before },
            after,
            faults: faults?,
            expect: expect?,
            refusal,
            warnings,
        })
    }

    /// A pure step reaches nothing that could be asked or kept.
    fn check_kind(&mut self, kind: Kind, definition: &Definition) {
        if !kind.is_pure() {
            return;
        }
        let has_http = !matches!(&definition.http, Exchanges::Listed(listed) if listed.is_empty());
        let given = [
            ("system", definition.system.is_some()),
            ("allow", !definition.allow.is_empty()),
            ("http", has_http),
            ("storage", definition.storage.is_some()),
            ("faults", !definition.faults.is_empty()),
        ];
        for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            let message = format!("a {} step reaches nothing, so `{key}` has no meaning", kind.name());
            self.found.push(self.source.error_at_key(&format!("/{key}"), message).help("remove it"));
        }
    }

    fn base(&mut self, definition: &Definition) -> Option<Url> {
        let given = definition.system.as_ref().map_or(BASE, |system| &system.url);
        catalog::base_url(given)
            .map_err(|problem| {
                let help = "give one such as http://erp.test/api: nothing is sent to it";
                self.found.push(self.source.error("/system/url", problem).help(help));
            })
            .ok()
    }

    fn step(
        &mut self,
        loaded: &Loaded,
        definition: &Definition,
        base: Option<&Url>,
        exchanges: &[Expected],
    ) -> Option<Step> {
        let mut allow = definition.allow.clone();
        let is_connector = loaded.manifest.kind == Kind::Connector;
        let urls = exchanges.iter().filter_map(|expected| Some(&expected.target.as_ref()?.url));
        for url in urls.filter(|url| is_connector && base.is_none_or(|base| base.origin() != url.origin())) {
            let url = format!("{}/", url.origin().ascii_serialization());
            if allow.iter().all(|rule| rule.url != url) {
                allow.push(Allow { url, methods: Vec::new(), private: true });
            }
        }
        let attempt = &definition.attempt;
        let outline = Outline {
            workflow: attempt.workflow.as_deref().unwrap_or("case"),
            step: attempt.step.as_deref().unwrap_or("step"),
            config: &definition.config,
            limits: definition.limits,
            timeout_ms: attempt.timeout_ms,
            has_system: is_connector,
            // Rules of a step that reaches nothing were told of.
            allow: if is_connector { &allow } else { &[] },
        };
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { self.folder };
        let read_file = |path: &str| catalog::read_file(folder, path);
        Step::try_new(loaded, &outline, &read_file)
            .map_err(|problems| {
                let source = &self.source;
                self.found.extend(problems.into_iter().map(|problem| {
                    source
                        .error(&own_pointer(&problem.pointer), problem.message)
                        .help(problem.help.unwrap_or_default())
                }));
            })
            .ok()
    }

    fn attempt(&mut self, definition: &Definition) -> Option<Try> {
        let given = &definition.attempt;
        let accepted_at_ms = given.accepted_at_ms.unwrap_or(ACCEPTED_AT_MS);
        if given.number == Some(0) {
            let problem = self.source.error("/attempt/number", "attempts are counted from 1");
            self.found.push(problem.help("give 1 or more"));
        }
        let run = match &given.run {
            None => RunId::new(accepted_at_ms, [0; 10]),
            Some(text) => match text.parse() {
                Ok(run) => run,
                Err(error) => {
                    let help = "leave it out, or give one such as run_019b7a3e800070008000000000000001";
                    self.found.push(self.source.error("/attempt/run", format!("{error}")).help(help));
                    return None;
                }
            },
        };
        let step = given.step.as_deref().unwrap_or("step");
        let idempotency_key = given.idempotency_key.clone().unwrap_or_else(|| run.idempotency_key(step));
        let input = Arc::new(self.input(definition)?);
        Some(Try { run, number: given.number.unwrap_or(1), idempotency_key, accepted_at_ms, input })
    }

    fn input(&mut self, definition: &Definition) -> Option<Document> {
        match (&definition.input, &definition.document) {
            (Some(input), None) => Some(Document::json(input)),
            (None, None) => Some(Document::json(&Value::Null)),
            (None, Some(document)) => self.document(document),
            (Some(_), Some(_)) => {
                let problem = self.source.error_at_key("/document", "`document` stands beside `input`");
                self.found.push(problem.help("give `input` for JSON, `document` for anything else"));
                None
            }
        }
    }

    fn document(&mut self, given: &DocumentDefinition) -> Option<Document> {
        let at = |key: &str| format!("/document/{key}");
        let content = match (Content::of(None, given.text.as_ref(), given.base64.as_ref()), &given.file) {
            (Ok(Some(content)), None) => content,
            (Ok(None), Some(file)) => {
                let bytes = self.file(&at("file"), file, MAX_DOCUMENT_BYTES)?;
                let media_type = given.media_type.as_deref().unwrap_or_default();
                return Some(Document::from_bytes(media_type, bytes));
            }
            (Ok(None), None) => {
                let problem = self.source.error_at_key("/document", "the document has no body");
                self.found.push(problem.help("give one of text, base64 and file"));
                return None;
            }
            (Ok(Some(_)), Some(_)) => {
                let problem = self.source.error_at_key(&at("file"), "`file` stands beside another body");
                self.found.push(problem.help("give one of text, base64 and file"));
                return None;
            }
            (Err(wrong), _) => {
                self.unusable("/document", wrong);
                return None;
            }
        };
        let media_type = given.media_type.clone().unwrap_or_else(|| content.media_type().to_owned());
        let body = match content {
            Content::Text(text) => Body::Text(text),
            Content::Bytes(_) | Content::Json(_) => Body::Binary(content.to_bytes()),
        };
        Some(Document { media_type, body })
    }

    fn before(&mut self, definition: &Definition) -> shelf::Content {
        let mut before = shelf::Content::new();
        for (key, value) in definition.storage.iter().flat_map(|storage| &storage.before) {
            if let Some(held) = self.held("before", key, value) {
                before.insert(key.clone(), held.to_stored());
            }
        }
        before
    }

    fn after(&mut self, definition: &Definition) -> Option<BTreeMap<String, Held>> {
        let after = definition.storage.as_ref()?.after.as_ref()?;
        Some(
            after
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), self.held("after", key, value)?)))
                .collect(),
        )
    }

    fn held(&mut self, when: &str, key: &str, value: &Value) -> Option<Held> {
        let at = pointer(&["storage", when, key]);
        if key.is_empty() || key.len() > 512 {
            let problem = self.source.error_at_key(&at, "a key of plugin storage has 1 to 512 bytes");
            self.found.push(problem);
        }
        Held::of(value).map_err(|wrong| self.unusable(&at, wrong)).ok()
    }

    fn unusable(&mut self, at: &str, wrong: Unusable) {
        let problem = self.source.error(&format!("{at}/{}", wrong.key), wrong.message);
        self.found.push(problem.help(wrong.help));
    }

    /// The content of a file in the case file's folder.
    fn file(&mut self, at: &str, file: &Path, most: u64) -> Option<Vec<u8>> {
        let path = self.inside(at, file)?;
        let bytes = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > most => {
                let message = format!("{} is larger than {most} bytes", path.display());
                self.found.push(self.source.error(at, message));
                return None;
            }
            Ok(_) => fs::read(&path),
            Err(error) => Err(error),
        };
        bytes
            .map_err(|error| {
                let message = format!("{} cannot be read: {error}", path.display());
                let help = "paths are relative to the case file's folder";
                self.found.push(self.source.error(at, message).help(help));
            })
            .ok()
    }

    /// A path in the case file's folder: a case is to run on every machine that has the folder.
    fn inside(&mut self, at: &str, file: &Path) -> Option<PathBuf> {
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if file.components().all(is_inside) && file.file_name().is_some() {
            return Some(self.folder.join(file));
        }
        let message = format!("{} lies outside the case file's folder", file.display());
        self.found.push(self.source.error(at, message).help("give the path of a file beside it or below"));
        None
    }

    /// The exchanges, and the cassette that has them.
    fn exchanges(
        &mut self,
        given: &Exchanges,
        base: Option<&Url>,
        cassettes: Cassettes,
    ) -> (Vec<Expected>, Option<PathBuf>) {
        let Some(base) = base else { return (Vec::new(), None) };
        match given {
            Exchanges::Listed(listed) => {
                (http::exchanges(&self.source, "/http", listed, base, &mut self.found), None)
            }
            Exchanges::Cassette(file) => {
                let Some(path) = self.inside("/http", file) else { return (Vec::new(), None) };
                if !path.exists() {
                    if cassettes == Cassettes::Played {
                        let message = format!("there is no cassette {}", path.display());
                        let help = "record it: stepmill plugin test --record --system-url URL";
                        self.found.push(self.source.error("/http", message).help(help));
                    }
                    return (Vec::new(), Some(path));
                }
                let read = read_source(&path).and_then(|source| Ok((source.parse::<Cassette>()?, source)));
                match read {
                    Ok((Cassette(listed), source)) => {
                        (http::exchanges(&source, "", &listed, base, &mut self.found), Some(path))
                    }
                    // A damaged cassette is about to be replaced.
                    Err(_) if cassettes == Cassettes::Recorded => (Vec::new(), Some(path)),
                    Err(problems) => {
                        self.found.extend(problems);
                        (Vec::new(), Some(path))
                    }
                }
            }
        }
    }
}
