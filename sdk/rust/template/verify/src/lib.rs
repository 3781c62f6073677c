//! The plugin `my-step`: verifies requests whose id, time and body are signed.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::verify::{Keys, Method, Reason, Refusal, Request, Unverified, Verified};
use stepmill_sdk::{Failure, Verify};

/// The config (`with:` of a webhook's `verify`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How far the signed time may be from now, in seconds.
    #[serde(default = "five_minutes")]
    tolerance: u64,
}

fn five_minutes() -> u64 {
    300
}

/// The plugin, which is its config made ready.
pub struct MyStep {
    tolerance: Duration,
}

impl Verify for MyStep {
    const NAME: &'static str = "my-step";
    const SUMMARY: &'static str = "Verifies requests whose id, time and body are signed.";
    const KEYS: &'static [(&'static str, &'static str)] =
        &[("signing", "The secret that the sender signs with.")];
    type Config = Config;

    fn prepare(config: Config) -> Result<Self, Failure> {
        Ok(Self { tolerance: Duration::from_secs(config.tolerance) })
    }

    fn run(&self, request: &Request, keys: &Keys) -> Result<Verified, Unverified> {
        let malformed = |what: &str| Refusal::new(Reason::MalformedHeader, what);
        let (id, time) = (request.header("x-event-id")?, request.header("x-event-time")?);
        let at_s: u64 = time.parse().map_err(|_| malformed("the time is no number of seconds"))?;
        request.is_within(at_s.saturating_mul(1_000), self.tolerance)?;
        let signature = hex::decode(request.header("x-event-signature")?)
            .map_err(|_| malformed("the signature is not hexadecimal"))?;
        let signed = [format!("{id}.{time}.").as_bytes(), &request.body].concat();
        if keys.is_signed("signing", Method::HmacSha256, &signed, &[signature])? {
            Ok(Verified::known_by(id))
        } else {
            Err(Refusal::new(Reason::Mismatch, "the signature does not fit").into())
        }
    }
}

stepmill_sdk::export_verify!(MyStep);

#[cfg(test)]
mod tests {
    use stepmill_sdk::testing::{self, FakeKeys};
    use stepmill_sdk::verify::{Method, Reason, Unverified, Verified};

    use super::MyStep as Plugin;

    /// What it answers to an event `e1` of this time, whose body is `{}`.
    fn answer(time: &str, signature: &str) -> Result<Verified, Unverified> {
        let headers = [("x-event-id", "e1"), ("x-event-time", time), ("x-event-signature", signature)];
        let signed = format!("e1.{time}.{{}}");
        let keys = FakeKeys::new().signature("signing", Method::HmacSha256, signed, [0xab, 0xcd]);
        testing::verify::<Plugin>("{}", &testing::request(&headers, "{}"), &keys)
    }

    fn reason(time: &str, signature: &str) -> Option<Reason> {
        match answer(time, signature) {
            Err(Unverified::Refused(refusal)) => Some(refusal.reason),
            Ok(_) | Err(Unverified::Fault(_)) => None,
        }
    }

    #[test]
    fn a_signed_event_is_known_by_its_id() {
        assert_eq!(answer("1700000000", "abcd"), Ok(Verified::known_by("e1")));
    }

    #[test]
    fn what_is_forged_old_or_malformed_is_refused() {
        assert_eq!(reason("1700000000", "abce"), Some(Reason::Mismatch));
        assert_eq!(reason("1699999699", "abcd"), Some(Reason::TooOld));
        assert_eq!(reason("1700000301", "abcd"), Some(Reason::TooNew));
        assert_eq!(reason("1700000000", "sha256=abcd"), Some(Reason::MalformedHeader));
    }
}
