//! Which dead letters died of the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use super::normal::normal;
use crate::attempt::Failure;

/// Equal for failures that are equal but for their data: 64 bits, written as 16 lower-case hexadecimal
/// digits. Ten thousand different failures share one with a probability of one in 10¹¹.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 8]);

/// The fingerprint of a failure of this step: a SHA-256 over workflow, step, cause, code, the last
/// exchange's status and the message without what differs from one event to the next (numbers, ids, quoted
/// texts, addresses, times).
///
/// The message of a failed validation is put together from its violations; in its place stand the rule and
/// the pointer of the first of them, so that how many others there are makes no difference.
pub fn fingerprint(workflow: &str, step: &str, failure: &Failure, last_status: Option<u16>) -> Fingerprint {
    let status = last_status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let (rule, message) = match failure.violations.first() {
        Some(violation) => (violation.rule.as_str(), normal(&violation.pointer)),
        None => ("", normal(&failure.message)),
    };
    let mut hash = Sha256::new();
    for part in [workflow, step, failure.cause.name(), &failure.code, &status, rule, &message] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut first = [0; 8];
    for (byte, of_digest) in first.iter_mut().zip(digest) {
        *byte = of_digest;
    }
    Fingerprint(first)
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no fingerprint.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no fingerprint (expected 16 hexadecimal digits)")]
pub struct InvalidFingerprint(String);

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let mut bytes = [0; 8];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(InvalidFingerprint(text.chars().take(80).collect())),
        }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, fingerprint};
    use crate::attempt::{Cause, Failure, Violation};

    fn rejected(message: &str) -> Failure {
        Failure { code: "http-422".into(), ..Failure::new(Cause::Rejected, message) }
    }

    fn of(message: &str) -> Fingerprint {
        fingerprint("orders", "create", &rejected(message), Some(422))
    }

    #[test]
    fn data_makes_no_difference_and_everything_else_does() {
        let base = of("order 4711 of \"Jane\" is unknown");
        assert_eq!(of("order 12  of \"Joe\" is unknown"), base);
        let failure = rejected("order 1 of \"\" is unknown");
        let others = [
            of("order 4711 of \"Jane\" is locked"),
            fingerprint("order", "create", &failure, Some(422)),
            fingerprint("orders", "update", &failure, Some(422)),
            fingerprint("orderscre", "ate", &failure, Some(422)),
            fingerprint("orders", "create", &failure, Some(409)),
            fingerprint("orders", "create", &failure, None),
            fingerprint("orders", "create", &Failure { code: "x".into(), ..failure.clone() }, Some(422)),
            fingerprint("orders", "create", &Failure { cause: Cause::Trap, ..failure.clone() }, Some(422)),
        ];
        assert_eq!(fingerprint("orders", "create", &failure, Some(422)), base);
        for other in others {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn violations_go_by_the_first_rule_and_place_and_not_by_their_number() {
        let of = |found: &[(&str, &str)]| {
            let violation = |(pointer, rule): &(&str, &str)| Violation {
                pointer: (*pointer).into(),
                rule: (*rule).into(),
                message: "x".into(),
            };
            let violations = found.iter().map(violation).collect();
            let failure = Failure { violations, ..Failure::new(Cause::Invalid, format!("{found:?}")) };
            fingerprint("orders", "check", &failure, None)
        };
        let base = of(&[("/lines/0/sku", "pattern")]);
        assert_eq!(of(&[("/lines/17/sku", "pattern"), ("/net", "minimum")]), base);
        assert_ne!(of(&[("/lines/0/net", "pattern")]), base);
        assert_ne!(of(&[("/lines/0/sku", "type")]), base);
    }

    #[test]
    fn a_fingerprint_is_sixteen_digits_that_stay_the_same_over_versions() {
        let fingerprint = of("order 4711 of \"Jane\" is unknown");
        // Those that are stored must be found again.
        assert_eq!(fingerprint.to_string(), "3cfa8e0a1339ad04");
        assert_eq!(fingerprint.to_string().parse::<Fingerprint>().unwrap(), fingerprint);
        let json = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), fingerprint);
        for text in ["", "0123", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
        let sentence = "x".parse::<Fingerprint>().unwrap_err().to_string();
        assert_eq!(sentence, "\"x\" is no fingerprint (expected 16 hexadecimal digits)");
    }
}
