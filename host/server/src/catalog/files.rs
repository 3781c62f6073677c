//! Files that step configs name, such as JSON Schemas and templates: read when a workflow is loaded, from inside the
//! project only.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Component, Path};

use serde_json::Value;

use crate::diagnostic::Source;

/// Largest file in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The content of a file below `root`: of JSON and YAML (`.json`, `.yaml`, `.yml`) what is in it, of any other, such as
/// a template or a query, its text.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub(crate) fn read(root: &Path, path: &str) -> Result<Value, String> {
    let relative = Path::new(path);
    let is_inside =
        relative.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    let outside = || format!("{path} lies outside the project's folder");
    if !is_inside {
        return Err(outside());
    }
    let whole = root.join(relative);
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", whole.display());
    let real_root = fs::canonicalize(if root.as_os_str().is_empty() { Path::new(".") } else { root });
    // A symbolic link may lead out of the project.
    if !fs::canonicalize(&whole).map_err(unreadable)?.starts_with(real_root.map_err(unreadable)?) {
        return Err(outside());
    }
    let mut bytes = Vec::new();
    File::open(&whole)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(format!("{} is larger than {MAX_BYTES} bytes", whole.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", whole.display()))?;
    let is = |wanted: &str| relative.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted));
    if !is("json") && !is("yaml") && !is("yml") {
        return Ok(Value::String(text));
    }
    if is("json") {
        return serde_json::from_str(&text)
            .map_err(|error| format!("{} is no JSON: {error}", whole.display()));
    }
    Source::new(whole.to_string_lossy(), text).parse::<Value>().map_err(|found| {
        let first = found.iter().next().map(|wrong| match wrong.line {
            Some(line) => format!("line {line}: {}", wrong.message),
            None => wrong.message.clone(),
        });
        format!("{} is no YAML: {}", whole.display(), first.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn files_are_read_from_inside_the_project_only() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        fs::create_dir_all(root.join("schemas")).unwrap();
        fs::write(root.join("schemas/order.json"), r#"{"type":"object"}"#).unwrap();
        fs::write(root.join("schemas/order.yaml"), "type: object\n").unwrap();
        fs::write(root.join("mail.html"), "<p>a: [b</p>").unwrap();
        fs::write(root.join("schemas/damaged.yaml"), "type: [object\n").unwrap();
        fs::write(folder.path().join("outside.json"), "{}").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("../outside.json", root.join("link.json")).unwrap();

        assert_eq!(read(&root, "schemas/order.json").unwrap()["type"], "object");
        assert_eq!(read(&root, "./schemas/order.yaml").unwrap()["type"], "object");
        assert_eq!(read(&root, "mail.html").unwrap(), "<p>a: [b</p>");
        for path in ["../outside.json", "/etc/passwd", "schemas/../../outside.json"] {
            assert_eq!(read(&root, path).unwrap_err(), format!("{path} lies outside the project's folder"));
        }
        #[cfg(unix)]
        assert_eq!(read(&root, "link.json").unwrap_err(), "link.json lies outside the project's folder");
        assert!(read(&root, "absent.json").unwrap_err().contains("absent.json cannot be read"));
        let damaged = read(&root, "schemas/damaged.yaml").unwrap_err();
        assert!(
            damaged.contains("damaged.yaml is no YAML: line 1: the bracket `[` is not closed"),
            "{damaged}"
        );
    }
}
