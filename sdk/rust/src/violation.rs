//! Violations: what is wrong with a document.

use crate::Violation;

impl Violation {
    /// A violation at a place given as an RFC 6901 pointer; empty for the document as a whole.
    ///
    /// ```
    /// use stepmill_sdk::Violation;
    /// assert_eq!(Violation::new("/qty", "minimum", "0 is less than 1").rule, "minimum");
    /// ```
    pub fn new(pointer: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), rule: rule.into(), message: message.into() }
    }

    /// A violation at a place given as names and indexes, which are escaped as RFC 6901 has it.
    ///
    /// ```
    /// use stepmill_sdk::Violation;
    /// assert_eq!(Violation::at(["lines", "0", "a/b"], "required", "missing").pointer, "/lines/0/a~1b");
    /// ```
    pub fn at(
        path: impl IntoIterator<Item = impl AsRef<str>>,
        rule: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let mut pointer = String::new();
        for part in path {
            pointer.push('/');
            pointer.push_str(&part.as_ref().replace('~', "~0").replace('/', "~1"));
        }
        Self::new(pointer, rule, message)
    }
}
