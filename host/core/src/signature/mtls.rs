//! Client certificates (RFC 8446 section 4.4.2): who has shown the key of one in the TLS handshake.
//!
//! The listener has checked that one of its authorities has signed the certificate. That is not enough: an authority
//! signs for many, so config says which of them this sender is.

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use super::certificate::alternative_names;
use super::config::Mtls;
use super::{Refusal, Request, Verdict, Verified};

impl Mtls {
    pub(super) fn verify(&self, request: &Request<'_>, now_ms: u64) -> Result<Verdict, Refusal> {
        let der = request.client_certificate.ok_or(Refusal::NoCertificate)?;
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Refusal::WrongCertificate)?;
        // A connection may outlive it.
        let now = i64::try_from(now_ms / 1_000).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
        let is_now = now.is_some_and(|now| certificate.validity().is_valid_at(now));
        let fingerprint = hex::encode(Sha256::digest(der));
        let is_meant = is_one(&self.fingerprints, |given| plain(given) == fingerprint)
            && is_one(&self.subjects, |given| *given == certificate.subject().to_string())
            && is_one(&self.sans, |given| {
                alternative_names(&certificate).iter().any(|name| name.eq_ignore_ascii_case(given))
            });
        if is_now && is_meant {
            Ok(Verdict::Genuine(Verified::default()))
        } else {
            Err(Refusal::WrongCertificate)
        }
    }
}

/// Of a list that is given, one must fit.
fn is_one(given: &[String], fits: impl Fn(&String) -> bool) -> bool {
    given.is_empty() || given.iter().any(fits)
}

/// A fingerprint as most programs write it, without the colons.
pub(super) fn plain(fingerprint: &str) -> String {
    fingerprint.chars().filter(|sign| *sign != ':').map(|sign| sign.to_ascii_lowercase()).collect()
}
