//! What a plugin's imports let it do.

use crate::distribution::permission;

/// What an import lets a plugin do; none for those that lead nowhere.
pub(crate) fn of(import: &str) -> Option<&'static str> {
    match interface(import) {
        "stepmill:plugin/log" => Some("lines in the attempt's record"),
        "stepmill:plugin/keys" => Some("whether signatures are by the webhook's keys, which it never sees"),
        "stepmill:plugin/http" => Some("requests to the step's system and what its allow grants"),
        "stepmill:plugin/storage" => Some("values of the workflow's namespace"),
        "stepmill:plugin/types" => Some("types only"),
        "wasi:http/outgoing-handler" => Some("the same requests, for ordinary HTTP clients"),
        "wasi:http/types" => Some("types only"),
        _ => None,
    }
}

/// Whether an import reaches beyond the attempt's own record: what somebody who installs the plugin consents to.
pub(crate) fn is_permission(import: &str) -> bool {
    permission(import).is_some()
}

/// An import without its version.
pub(crate) fn interface(import: &str) -> &str {
    import.split('@').next().unwrap_or_default()
}
