//! How names, paths and targets are written.

use url::Url;

use crate::grant::Allow;

/// Longest name of a workflow, namespace or step.
const NAME_BYTES: usize = 64;
/// Longest path of a webhook.
const PATH_BYTES: usize = 256;
/// Paths below these are the service's own.
const RESERVED: [&str; 2] = ["/health", "/approvals"];

/// The name of a workflow or namespace.
pub(super) fn name(name: &str) -> Result<(), String> {
    let is_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if is_name(name, is_right) {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no name: use lower-case letters, digits and -, a letter or digit first, at most {NAME_BYTES}"
    ))
}

/// The id of a step.
pub(super) fn step_id(id: &str) -> Result<(), String> {
    let is_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if is_name(id, is_right) {
        return Ok(());
    }
    Err(format!(
        "{id:?} is no id: use lower-case letters, digits, - and _, a letter or digit first, at most {NAME_BYTES}"
    ))
}

fn is_name(name: &str, is_right: impl Fn(char) -> bool) -> bool {
    name.len() <= NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(is_right)
}

/// The path of a webhook: compared with the request's as it is, so it must be written in one way only.
pub(super) fn path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("{path:?} does not begin with /: write a path such as /shop/orders"));
    };
    if path.len() > PATH_BYTES {
        return Err(format!("the path is {} bytes long: use at most {PATH_BYTES}", path.len()));
    }
    if let Some(c) =
        path.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~')))
    {
        return Err(format!("{path:?} has {c:?} in it: use letters, digits and - _ . ~ between slashes"));
    }
    if rest.is_empty() || rest.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(format!(
            "{path:?} has an empty segment, or one of dots: write a path such as /shop/orders"
        ));
    }
    let is_below =
        |of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(reserved) = RESERVED.into_iter().find(|reserved| is_below(reserved)) {
        return Err(format!(
            "{path:?} is below {reserved}, which the service answers itself: choose another"
        ));
    }
    Ok(())
}

/// The name of a header, as RFC 9110 has tokens.
pub(super) fn header(name: &str) -> Result<(), String> {
    if is_token(name) {
        return Ok(());
    }
    Err(format!("{name:?} is no name of a header: write one such as X-Signature"))
}

/// A further target: what is wrong with which of its keys.
pub(super) fn allow(allow: &Allow) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    if let Err(message) = url(&allow.url) {
        problems.push(("/url".into(), message));
    }
    for (index, method) in allow.methods.iter().enumerate() {
        if !is_token(method) {
            problems.push((
                format!("/methods/{index}"),
                format!("{method:?} is no method: write one such as GET"),
            ));
        }
    }
    problems
}

fn url(text: &str) -> Result<(), String> {
    const WANTED: &str = "write one such as https://api.example.com/v1/";
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no URL ({error}): {WANTED}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("{text:?} is no URL of http or https: {WANTED}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL here carries no credentials: configure a system, which has them".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text:?} has a query or fragment, which is not compared: {WANTED}"));
    }
    Ok(())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
