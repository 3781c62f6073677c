//! The folder with `stepmill.yaml` and its workflows, read.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use stepmill_core::secret::Secret;
use stepmill_core::workflow::Definition;

use super::{Config, check};
use crate::diagnostic::{Diagnostic, Diagnostics, MAX_FILE_BYTES, Source};
use crate::secrets;

/// Name of the config file.
pub const FILE: &str = "stepmill.yaml";

/// A config and its workflows, read and checked as far as one can without plugins.
#[derive(Clone, Debug)]
pub struct Project {
    /// The config's file.
    pub file: PathBuf,
    /// The folder of `stepmill.yaml`: what paths in config are relative to.
    pub root: PathBuf,
    /// The config.
    pub config: Config,
    /// The config's file, to point into.
    pub source: Source,
    /// The workflows, by their files' names.
    pub workflows: Vec<WorkflowSource>,
    /// What is suspicious and no error.
    pub warnings: Diagnostics,
}

/// One workflow file.
#[derive(Clone, Debug)]
pub struct WorkflowSource {
    /// The file, relative to the project's root.
    pub file: PathBuf,
    /// Its text, to point into.
    pub source: Source,
    /// What it says.
    pub definition: Definition,
}

impl Project {
    /// Reads a project by its `stepmill.yaml` or by the folder of it.
    ///
    /// # Errors
    /// Everything that is wrong, over all files.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let mut found = Diagnostics::default();
        // Workflows are read even if the config is damaged, from where they are by default.
        let mut project = Self::of_config(path, &mut found)?;
        for file in workflow_files(&project.root, &project.config, &project.source, &mut found) {
            match read(&shown(&project.root, &file)) {
                Ok(source) => match source.parse() {
                    Ok(definition) => project.workflows.push(WorkflowSource { file, source, definition }),
                    Err(problems) => found.extend(problems),
                },
                Err(problems) => found.extend(problems),
            }
        }
        ((), project.warnings) = found.or(())?;
        Ok(project)
    }

    /// The same without its workflows, for what is about the config alone: whatever is wrong with them does not matter
    /// then.
    ///
    /// # Errors
    /// Everything that is wrong with the config.
    pub(crate) fn without_workflows(path: &Path) -> Result<Self, Diagnostics> {
        let mut found = Diagnostics::default();
        let mut project = Self::of_config(path, &mut found)?;
        ((), project.warnings) = found.or(())?;
        Ok(project)
    }

    /// The config, or what it would be if it said nothing.
    fn of_config(path: &Path, found: &mut Diagnostics) -> Result<Self, Diagnostics> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let root = file.parent().unwrap_or(Path::new("")).to_owned();
        let file = shown(&root, Path::new(file.file_name().unwrap_or(FILE.as_ref())));
        let source = read(&file)?;
        let config: Config = source.parse().unwrap_or_else(|problems| {
            found.extend(problems);
            Config::default()
        });
        let source = check::hide_passwords(&config, &source);
        check::check(&config, &source, found);
        let (workflows, warnings) = (Vec::new(), Diagnostics::default());
        Ok(Self { file, root, config, source, workflows, warnings })
    }

    /// A path of the config, which is relative to the project's root.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// The workflow files that there are now.
    pub fn workflow_files(&self) -> Vec<PathBuf> {
        // Patterns that are wrong were told of when the project was read.
        let files = workflow_files(&self.root, &self.config, &self.source, &mut Diagnostics::default());
        files.iter().map(|file| shown(&self.root, file)).collect()
    }

    /// The admin token, if there is one.
    ///
    /// # Errors
    /// The secret cannot be resolved.
    pub fn admin_token(&self) -> Result<Option<Secret>, Diagnostics> {
        let Some(reference) = &self.config.server.admin_token else { return Ok(None) };
        match secrets::resolve(reference, &self.root) {
            Ok(found) => Ok(Some(found.secret)),
            Err(error) => Err(error.diagnostic(&self.source, "/server/admin_token").into()),
        }
    }
}

/// The files that the config's patterns match, sorted, each once.
fn workflow_files(root: &Path, config: &Config, source: &Source, found: &mut Diagnostics) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (at, pattern) in config.workflows.iter().enumerate() {
        let pointer = format!("/workflows/{at}");
        let base = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        let whole = format!("{}/{pattern}", glob::Pattern::escape(&base.to_string_lossy()));
        let matches = match glob::glob(&whole) {
            Ok(matches) => matches,
            Err(error) => {
                found.push(
                    source
                        .error(&pointer, format!("{pattern:?} is no pattern: {}", error.msg))
                        .help("write one such as workflows/*.yaml or flows/**/*.yaml"),
                );
                continue;
            }
        };
        let before = files.len();
        for matched in matches {
            match matched {
                Ok(path) if path.is_file() => files.push(path.strip_prefix(base).unwrap_or(&path).to_owned()),
                Ok(_) => {}
                Err(error) => found.push(unreadable(error.path(), error.error())),
            }
        }
        if files.len() == before {
            found.push(
                source
                    .error(&pointer, format!("no workflow file matches {pattern}"))
                    .help(format!("patterns are relative to {}", shown(base, Path::new("")).display()))
                    .warning(),
            );
        }
    }
    files.sort();
    files.dedup();
    files
}

/// Reads a file of config, whose name is shown as it is given.
pub(crate) fn read(file: &Path) -> Result<Source, Diagnostics> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(file, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(
            Diagnostic::of_file(file, format!("the file is larger than {MAX_FILE_BYTES} bytes")).into()
        );
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|&&b| b == b'\n').count()
                + 1;
        Diagnostics::from(
            Diagnostic::of_file(file, format!("the file is not UTF-8 (line {line})"))
                .help("save it as UTF-8"),
        )
    })?;
    Ok(Source::new(file.to_string_lossy(), text))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Diagnostic {
    let problem = Diagnostic::of_file(file, format!("the file cannot be read: {error}"));
    if file.ends_with(FILE) {
        problem.help(format!("give the path of a {FILE} or of its folder"))
    } else {
        problem
    }
}

/// A path below the root as the operator would write it.
fn shown(root: &Path, path: &Path) -> PathBuf {
    if root == Path::new(".") { path.to_owned() } else { root.join(path) }
}
