//! JSON pointers (RFC 6901), by which what is wrong says where.

/// A key as a token of a JSON pointer (section 3): `/a~b` is `~1a~0b`.
///
/// ```
/// assert_eq!(stepmill_core::pointer::token("/a~b"), "~1a~0b");
/// ```
pub fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
