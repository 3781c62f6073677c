//! Signs requests to a system as [Standard Webhooks](https://www.standardwebhooks.com) has it: whoever gets them knows
//! who sent them, and when.
//!
//! The guest gives the webhook's id, which stays the same in every attempt; time and signature are the host's, made
//! when the request goes out. With a previous secret there are two signatures, so that a receiver may change to the new
//! one whenever it likes.

use http::{HeaderMap, HeaderName, HeaderValue};
use stepmill_core::signature::sign;

use super::{Credentials, Error, Secret};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What signs the requests to a system. Its secrets are sent nowhere.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    secrets: Vec<Secret>,
}

impl Signer {
    /// None for credentials that are no signature; or why they cannot sign.
    pub(super) fn try_new(credentials: &Credentials) -> Result<Option<Self>, &'static str> {
        let Credentials::StandardWebhooks { secret, previous } = credentials else { return Ok(None) };
        let secrets: Vec<Secret> = std::iter::once(secret).chain(previous).cloned().collect();
        if secrets.iter().any(|secret| !secret.signs_standard_webhooks()) {
            return Err("a secret must be whsec_ and the base64 of 24 bytes or more");
        }
        Ok(Some(Self { secrets }))
    }

    /// Adds time and signature. `headers` are the guest's, of which these two may not be, and the id must.
    pub(super) fn sign(&self, headers: &mut HeaderMap, body: &[u8], now_ms: u64) -> Result<(), Error> {
        let refused =
            |what: &str| Err(Error::InvalidRequest(format!("the system's requests are signed: {what}")));
        if headers.contains_key(TIMESTAMP) || headers.contains_key(SIGNATURE) {
            return refused("the host sets webhook-timestamp and webhook-signature");
        }
        let mut ids = headers.get_all(ID).iter();
        let id = match (ids.next().map(HeaderValue::to_str), ids.next()) {
            // With a full stop in it, what is signed could be cut another way.
            (Some(Ok(id)), None) if !id.is_empty() && !id.contains('.') => id.to_owned(),
            _ => return refused("give one header webhook-id, without a full stop in it"),
        };
        let timestamp = now_ms / 1000;
        let signatures = self
            .secrets
            .iter()
            .filter_map(|secret| sign::standard_webhooks(secret.expose(), &id, timestamp, body));
        let signatures = signatures.collect::<Vec<_>>().join(" ");
        let signature = HeaderValue::try_from(signatures)
            .map_err(|_| Error::Other("a signature is no header's value".to_owned()))?;
        headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
        headers.insert(SIGNATURE, signature);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret, message and signature of the reference implementations:
    /// <https://github.com/standard-webhooks/standard-webhooks>, libraries/javascript/src/webhook.test.ts.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

    fn signer(secret: &str, previous: Option<&str>) -> Result<Option<Signer>, &'static str> {
        let previous = previous.map(Secret::from);
        Signer::try_new(&Credentials::StandardWebhooks { secret: secret.into(), previous })
    }

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_request_is_signed_as_the_reference_implementations_sign_it() {
        let signer = signer(SECRET, None).expect("a secret").expect("a signer");
        let mut signed = headers(&[("webhook-id", MESSAGE_ID)]);
        signer.sign(&mut signed, BODY, 1_614_265_330_999).expect("a signature");
        assert_eq!(signed.get(TIMESTAMP).and_then(|value| value.to_str().ok()), Some("1614265330"));
        assert_eq!(signed.get(SIGNATURE).and_then(|value| value.to_str().ok()), Some(SIGNED));
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let signer = signer(OTHER, Some(SECRET)).expect("secrets").expect("a signer");
        let mut signed = headers(&[("webhook-id", MESSAGE_ID)]);
        signer.sign(&mut signed, BODY, 1_614_265_330_000).expect("signatures");
        let value = signed.get(SIGNATURE).and_then(|value| value.to_str().ok()).expect("a header");
        let (first, second) = value.split_once(' ').expect("two signatures");
        assert!(first.starts_with("v1,") && first != SIGNED);
        assert_eq!(second, SIGNED);
    }

    #[test]
    fn what_a_guest_gives_is_the_id_alone() {
        let signer = signer(SECRET, None).expect("a secret").expect("a signer");
        for refused in [
            headers(&[]),
            headers(&[("webhook-id", "")]),
            headers(&[("webhook-id", "a.b")]),
            headers(&[("webhook-id", "a"), ("webhook-timestamp", "1")]),
            headers(&[("webhook-id", "a"), ("webhook-signature", SIGNED)]),
        ] {
            let mut given = refused;
            assert!(matches!(signer.sign(&mut given, b"", 0), Err(Error::InvalidRequest(_))), "{given:?}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_and_no_secret_is_shown() {
        for (secret, previous) in
            [("hunter2", None), ("whsec_c2hvcnQ=", None), ("whsec_?", None), (SECRET, Some("whsec_"))]
        {
            assert!(signer(secret, previous).is_err(), "{secret} {previous:?}");
        }
        assert!(!format!("{:?}", signer(SECRET, None)).contains("MfKQ"));
        assert!(Signer::try_new(&Credentials::Bearer("token".into())).expect("no secret").is_none());
    }
}
