//! PayPal: an RSA signature of the transmission's id and time, the webhook's id and the body's CRC-32
//! (<https://developer.paypal.com/api/rest/webhooks/rest/#link-selfverification>).
//!
//! The CRC is no hash: whoever sees a request can make another body that it fits. The rest of the signature binds it to
//! one transmission, by whose id it is known; that is what there is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use url::Url;

use super::certificate::Certificate;
use super::config::{Origin, Paypal};
use super::place::header;
use super::recipe::Unit;
use super::{Keys, Refusal, Request, Verdict, Verified, field, time};
use crate::duration;

/// Where certificates are, live and in the sandbox.
const HOSTS: [&str; 2] = ["api.paypal.com", "api.sandbox.paypal.com"];
const PATH: &str = "/v1/notifications/certs/";

impl Paypal {
    pub(super) fn verify(&self, request: &Request<'_>, keys: &Keys, now_ms: u64) -> Result<Verdict, Refusal> {
        let text = |name| header(request, name);
        if text("paypal-auth-algo")? != "SHA256withRSA" {
            return Err(Refusal::MalformedHeader);
        }
        let (id, time) = (text("paypal-transmission-id")?, text("paypal-transmission-time")?);
        // Nothing of them can be read as part of what follows.
        if id.contains('|') || time.contains('|') {
            return Err(Refusal::MalformedHeader);
        }
        if let Some(tolerance) = self.tolerance {
            let signed_ms = Unit::Rfc3339.ms(time.as_bytes()).ok_or(Refusal::MalformedHeader)?;
            time::check(signed_ms, duration::ms(tolerance), now_ms)?;
        }
        let signature =
            STANDARD.decode(text("paypal-transmission-sig")?).map_err(|_| Refusal::MalformedHeader)?;
        let url = certificate(text("paypal-cert-url")?).ok_or(Refusal::MalformedHeader)?;
        let url = Origin::of(self.keys.as_ref(), &url);
        let Some(document) = keys.at(&url) else {
            return Ok(Verdict::NeedsKey { url, is_public: self.keys.is_none() });
        };
        let is_paypal = |name: &str| name.ends_with(".paypal.com");
        let certificate = Certificate::read(document, is_paypal, now_ms).ok_or(Refusal::BadKey)?;
        let signed = format!("{id}|{time}|{}|{}", self.webhook_id, crc32fast::hash(request.body));
        if !certificate.has_signed(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature) {
            return Err(Refusal::Mismatch);
        }
        Ok(Verdict::Genuine(Verified { id: field::text(request.body, &["id"]) }))
    }
}

/// A URL of a certificate of PayPal's, written in the one way.
fn certificate(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let name = url.path().strip_prefix(PATH)?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_at_home = HOSTS.iter().any(|host| text == format!("https://{host}{PATH}{name}"));
    (is_name && is_at_home).then_some(url)
}
