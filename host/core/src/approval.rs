//! Signed links by which a person without an account decides what an `approve` step waits for.
//!
//! A link names a run and its step, not the decision, and is the same whenever it is made: an HMAC-SHA256 over the
//! two, under a secret of the service. So expressions may have it (see [`crate::expression`]), and a step that is
//! recomputed tells the same link again.
//!
//! Threats: a guessed link (256 bits of HMAC; secrets that could be tried out are refused); one of another run or
//! step (both are signed); a signature of something else under the same secret (what is signed begins with a text
//! of its own); the timing of a comparison (constant time). Who has a link may decide: that is what it is for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::{Choice, ConstantTimeEq as _};
use url::Url;

use crate::id::RunId;
use crate::secret::Secret;
use crate::signature::{Algorithm, sign};

/// What everything that is signed here begins with, and nothing that is signed elsewhere.
const DOMAIN: &[u8] = b"stepmill approval link 1\0";
/// Fewest bytes of a secret: whoever has seen one link could try shorter ones out.
const SECRET_BYTES: usize = 16;
/// The first part of a link's path below the service's URL.
pub const PATH: &str = "approvals";

/// Why there can be no links.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLinks {
    /// Nothing that a link could begin with. Does not hold the text, which may have a password in it.
    #[error(
        "url is no address of this service for a browser: write one such as https://flows.example.com, \
         without credentials, query and fragment"
    )]
    Url,
    /// The secret could be tried out.
    #[error(
        "{0} is shorter than {SECRET_BYTES} bytes, so that whoever has a link could find it out: give a random \
         one, such as `openssl rand -hex 32` prints"
    )]
    Secret(&'static str),
}

impl InvalidLinks {
    /// The key that is wrong.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Secret(key) => key,
        }
    }
}

/// Makes links, and knows its own again.
#[derive(Clone, Debug)]
pub struct Links {
    base: Url,
    secret: Secret,
    previous: Option<Secret>,
}

impl Links {
    /// Links below `url`, where people's browsers reach ingress, signed with `secret`. Those that were signed with
    /// `previous` are good as well.
    ///
    /// # Errors
    /// The URL is none for a browser, or a secret is too short.
    pub fn try_new(url: &str, secret: Secret, previous: Option<Secret>) -> Result<Self, InvalidLinks> {
        let is_plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let base = Url::parse(url).ok().filter(is_plain).ok_or(InvalidLinks::Url)?;
        let is_short = |secret: &Secret| secret.expose().len() < SECRET_BYTES;
        if is_short(&secret) {
            return Err(InvalidLinks::Secret("secret"));
        }
        if previous.as_ref().is_some_and(is_short) {
            return Err(InvalidLinks::Secret("previous"));
        }
        Ok(Self { base, secret, previous })
    }

    /// The link by which a step of a run is decided.
    pub fn url(&self, run: RunId, step: &str) -> String {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([PATH, &run.to_string(), step]);
        }
        url.query_pairs_mut().append_pair("signature", &signature(&self.secret, run, step));
        url.into()
    }

    /// Whether a signature is that of the link to this step. Takes as long for each that is as long.
    pub fn is_genuine(&self, run: RunId, step: &str, given: &str) -> bool {
        let mut is = Choice::from(0);
        for secret in std::iter::once(&self.secret).chain(&self.previous) {
            is |= signature(secret, run, step).as_bytes().ct_eq(given.as_bytes());
        }
        is.into()
    }
}

/// The id is of one length, so that no other run and step are written in the same way.
fn signature(secret: &Secret, run: RunId, step: &str) -> String {
    let parts: [&[u8]; 3] = [DOMAIN, run.as_bytes(), step.as_bytes()];
    URL_SAFE_NO_PAD.encode(sign::hmac(Algorithm::Sha256, secret.expose(), &parts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::{InvalidLinks, Links};
    use crate::id::RunId;
    use crate::secret::Secret;

    const URL: &str = "https://flows.example.com/in";

    fn secret(of: u8) -> Secret {
        Secret::new([of; 32])
    }

    fn links(of: u8, previous: Option<u8>) -> Links {
        Links::try_new(URL, secret(of), previous.map(secret)).unwrap()
    }

    fn run(of: u8) -> RunId {
        RunId::new(1_700_000_000_000, [of; 10])
    }

    fn signature(link: &str) -> &str {
        link.split_once("?signature=").unwrap().1
    }

    #[test]
    fn a_link_is_the_same_whenever_it_is_made() {
        let link = links(7, None).url(run(1), "boss");
        assert_eq!(link, links(7, Some(8)).url(run(1), "boss"));
        // Made with another implementation of HMAC-SHA256: links that are out must stay good.
        let path = format!("https://flows.example.com/in/approvals/{}/boss", run(1));
        assert_eq!(link, format!("{path}?signature=iAt0OcyV81mJ2cPGTgG8ncFpEk6oa3OEhGLBIe6vsTE"));
    }

    #[test]
    fn only_the_link_of_this_run_and_step_is_genuine_and_of_a_secret_that_counts() {
        let links_now = links(7, Some(6));
        let link = |of, run, step| signature(&links(of, None).url(run, step)).to_owned();
        assert!(links_now.is_genuine(run(1), "boss", &link(7, run(1), "boss")));
        assert!(links_now.is_genuine(run(1), "boss", &link(6, run(1), "boss")));
        for other in [
            link(5, run(1), "boss"),
            link(7, run(2), "boss"),
            link(7, run(1), "bos"),
            link(7, run(1), "boss").to_uppercase(),
            format!("{}A", link(7, run(1), "boss")),
            String::new(),
        ] {
            assert!(!links_now.is_genuine(run(1), "boss", &other), "{other}");
        }
    }

    #[test]
    fn an_address_that_no_browser_can_follow_and_a_secret_that_can_be_guessed_are_refused() {
        for url in ["flows.example.com", "ftp://a", "https://u:p@a", "https://a?b", "https://a#b"] {
            assert_eq!(Links::try_new(url, secret(1), None).unwrap_err(), InvalidLinks::Url, "{url}");
        }
        let short = || Secret::new(*b"fifteen bytes..");
        assert_eq!(Links::try_new(URL, short(), None).unwrap_err(), InvalidLinks::Secret("secret"));
        assert_eq!(
            Links::try_new(URL, secret(1), Some(short())).unwrap_err(),
            InvalidLinks::Secret("previous")
        );
    }
}
