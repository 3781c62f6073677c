//! Certificates of providers.
//!
//! Whose one is, its address says: it is fetched by https from a host of the provider's, which has proved by the roots of
//! the web that it is the one. The name and the time of the certificate are looked at besides, so that another file of
//! that host is none. Not looked at is the chain above it, which neither provider sends along.

use ring::signature::{RsaParameters, UnparsedPublicKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;

/// The key of a certificate.
pub(super) struct Certificate {
    /// The public key (RFC 8017 appendix A.1.1).
    rsa: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a PEM document. None if there is none, if no name of it is the provider's, or if
    /// now is not its time.
    pub fn read(document: &[u8], is_provider: impl Fn(&str) -> bool, now_ms: u64) -> Option<Self> {
        let pem = Pem::iter_from_buffer(document).next()?.ok()?;
        let certificate = pem.parse_x509().ok()?;
        let now = i64::try_from(now_ms / 1_000).ok()?;
        let is_now = certificate.validity().is_valid_at(ASN1Time::from_timestamp(now).ok()?);
        let is_provider = names(&certificate).iter().any(|name| is_provider(name));
        let rsa = certificate.public_key().subject_public_key.data.to_vec();
        (is_now && is_provider).then_some(Self { rsa })
    }

    /// Whether it has made a signature.
    pub fn has_signed(&self, algorithm: &'static RsaParameters, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(algorithm, &self.rsa).verify(message, signature).is_ok()
    }
}

/// The alternative names, or else the common one.
fn names<'c>(certificate: &'c X509Certificate<'_>) -> Vec<&'c str> {
    let names = alternative_names(certificate);
    if !names.is_empty() {
        return names;
    }
    certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).collect()
}

/// The names besides the subject (RFC 5280 section 4.2.1.6): of hosts, mailboxes and URIs.
pub(super) fn alternative_names<'c>(certificate: &'c X509Certificate<'_>) -> Vec<&'c str> {
    let Ok(Some(found)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = found.value.general_names.iter();
    let text = |name: &GeneralName<'c>| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => Some(*name),
        GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    };
    names.filter_map(text).collect()
}
