//! What a plugin can reach, told by its imports: what a person consents to.

use std::collections::BTreeSet;

/// Packages of the standard library's that lead nowhere: the host answers them without I/O.
const NOWHERE: [&str; 5] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random"];

/// The permissions that imports amount to, each by a name that stays when versions change. Both ways to send
/// requests are one permission, since both end in the same egress.
pub fn permissions(imports: &[String]) -> BTreeSet<String> {
    imports.iter().filter_map(|import| permission(import)).map(str::to_owned).collect()
}

/// The permission that an import amounts to; none if it leads nowhere.
pub fn permission(import: &str) -> Option<&str> {
    let interface = import.split('@').next().unwrap_or_default();
    let package = interface.split('/').next().unwrap_or_default();
    match interface {
        "stepmill:plugin/types" | "stepmill:plugin/log" | "stepmill:plugin/keys" | "wasi:http/types" => None,
        "stepmill:plugin/http" | "wasi:http/outgoing-handler" => Some("http"),
        "stepmill:plugin/storage" => Some("storage"),
        _ if NOWHERE.contains(&package) => None,
        // What a later host lets plugins import is asked for until it has a name here.
        other => Some(other),
    }
}

/// What a permission lets a plugin do.
pub fn meaning(permission: &str) -> &'static str {
    match permission {
        "http" => "requests to the step's system and what its `allow` grants",
        "storage" => "values of the workflow's namespace",
        _ => "an interface of its own",
    }
}

/// Permissions in a sentence.
pub fn listed<'a>(permissions: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = permissions.into_iter().map(String::as_str).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_what_an_import_reaches_whatever_its_version() {
        let of = |imports: &[&str]| {
            let imports: Vec<String> = imports.iter().map(|&import| import.into()).collect();
            listed(&permissions(&imports))
        };
        assert_eq!(
            of(&["stepmill:plugin/log@0.1.0", "wasi:cli/stdout@0.2.4", "wasi:http/types@0.2.4"]),
            "nothing"
        );
        assert_eq!(of(&["wasi:http/outgoing-handler@0.2.4", "stepmill:plugin/http@0.1.0"]), "http");
        assert_eq!(
            of(&["stepmill:plugin/storage@0.1.3", "acme:vault/keys@1.0.0"]),
            "acme:vault/keys, storage"
        );
    }
}
