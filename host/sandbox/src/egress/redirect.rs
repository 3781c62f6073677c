//! Where a redirect leads, as a request of its own (RFC 9110, 15.4), which is then judged like any other.

use http::header::LOCATION;
use url::Url;

use super::{Outgoing, Response, Target, headers};

/// The request that follows the answer to `outgoing` at `url`; none if the answer is no redirect that can be
/// followed.
pub(super) fn next(outgoing: &Outgoing, url: &Url, response: &Response) -> Option<Outgoing> {
    let keeps_method = match response.status {
        301..=303 => matches!(outgoing.method.as_str(), "GET" | "HEAD"),
        307 | 308 => true,
        _ => return None,
    };
    let (_, location) =
        response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(LOCATION.as_str()))?;
    let mut target = url.join(std::str::from_utf8(location).ok()?).ok()?;
    target.set_fragment(None);
    let elsewhere = target.origin() != url.origin();
    let headers = outgoing
        .headers
        .iter()
        .filter(|(name, _)| !(elsewhere && headers::is_bound_to_origin(name)))
        .filter(|(name, _)| {
            keeps_method || !name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"))
        })
        .cloned()
        .collect();
    Some(Outgoing {
        method: if keeps_method { outgoing.method.clone() } else { "GET".to_owned() },
        target: Target::Url(target.into()),
        headers,
        body: outgoing.body.clone().filter(|_| keeps_method),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Outgoing, Response, Target, Url, next};

    fn follow(method: &str, status: u16, location: &str) -> Option<Outgoing> {
        let outgoing = Outgoing {
            method: method.into(),
            target: Target::Path("/x".into()),
            headers: ["Authorization", "cookie", "X-Api-Key", "Content-Type", "accept"]
                .map(|name| (name.to_owned(), b"v".to_vec()))
                .into(),
            body: Some(Bytes::from_static(b"body")),
        };
        let response =
            Response { status, headers: vec![("location".into(), location.into())], body: Bytes::new() };
        next(&outgoing, &Url::parse("https://a.test/d/x").expect("a URL"), &response)
    }

    fn names(outgoing: &Outgoing) -> Vec<&str> {
        outgoing.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_see_other_becomes_a_get_without_body() {
        for status in [301, 302, 303] {
            let hop = follow("POST", status, "y#fragment").expect("a hop");
            assert_eq!((hop.method.as_str(), hop.body.clone()), ("GET", None));
            assert_eq!(hop.target, Target::Url("https://a.test/d/y".into()));
            assert_eq!(names(&hop), ["Authorization", "cookie", "X-Api-Key", "accept"]);
            assert_eq!(follow("HEAD", status, "y").expect("a hop").method, "HEAD");
        }
        for status in [307, 308] {
            let hop = follow("POST", status, "/z").expect("a hop");
            assert_eq!((hop.method.as_str(), hop.body.is_some()), ("POST", true));
        }
        for status in [200, 300, 304, 305, 306, 400] {
            assert!(follow("POST", status, "/z").is_none(), "{status}");
        }
    }

    #[test]
    fn what_is_meant_for_one_origin_stays_there() {
        for elsewhere in ["https://b.test/", "//b.test/", "http://a.test/", "https://a.test:444/"] {
            let hop = follow("POST", 307, elsewhere).expect("a hop");
            assert_eq!(names(&hop), ["Content-Type", "accept"], "{elsewhere}");
        }
    }
}
