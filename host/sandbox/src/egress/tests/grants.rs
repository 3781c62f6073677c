//! What a grant allows, and redirects, each hop of which it must allow.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use stepmill_core::grant::{Allow, Grant};
use tokio::sync::mpsc;

use super::{
    Credentials, Egress, Error, Ledger, Request, allow, context, egress, erp, ok, on_erp, path, redirect,
    reply, send, url,
};

#[tokio::test]
async fn credentials_and_guest_secrets_stay_where_they_belong_after_a_redirect() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let elsewhere = reply(move |text| {
        seen.send(text.to_owned()).expect("a test that listens");
        ok("elsewhere")
    })
    .await;
    let port = reply(move |_| redirect(&format!("http://127.0.0.1:{elsewhere}/"))).await;
    let egress =
        Egress::try_new(vec![erp(port, Credentials::Bearer("top-secret-7".into()))]).expect("an egress");
    let grant = Grant {
        system: Some("erp".into()),
        redirects: 1,
        ..allow(format!("http://127.0.0.1:{elsewhere}"), true)
    };
    let request = Request {
        headers: vec![("Cookie".into(), b"guest".into()), ("x-a".into(), b"1".into())],
        ..path("/")
    };
    let (response, ledger) = send(&egress, &context(grant), request).await;
    assert_eq!(&*response.expect("a response").body, b"elsewhere");
    let text = requests.recv().await.expect("a request");
    assert!(text.contains("x-a: 1") && !text.contains("authorization") && !text.contains("cookie"), "{text}");
    assert_eq!(ledger.requests, 2);
    assert_eq!(
        ledger.exchanges.iter().map(|hop| hop.system.as_deref()).collect::<Vec<_>>(),
        [Some("erp"), None]
    );
}

#[tokio::test]
async fn a_redirect_is_followed_only_as_far_as_the_grant_says() {
    let port =
        reply(|text| if text.starts_with("GET /api/end ") { ok("end") } else { redirect("/api/end") }).await;
    let egress = egress(port);
    let (response, ledger) = send(&egress, &on_erp(), path("/a")).await;
    assert_eq!((response.expect("a response").status, ledger.requests), (302, 1));
    let follows = |redirects| context(Grant { system: Some("erp".into()), redirects, ..Grant::default() });
    let (response, ledger) = send(&egress, &follows(3), path("/a")).await;
    assert_eq!((&*response.expect("a response").body, ledger.exchanges.len()), (&b"end"[..], 2));
    let endless = reply(|_| redirect("/api/again")).await;
    let (response, ledger) = send(&self::egress(endless), &follows(2), path("/a")).await;
    assert_eq!((response.expect("a response").status, ledger.requests), (302, 3));
    let (response, ledger) = send(&self::egress(endless), &follows(255), path("/a")).await;
    assert_eq!((response, ledger.exchanges.len()), (Err(Error::TooManyRequests(5)), 5));
}

#[tokio::test]
async fn a_redirect_to_what_is_not_granted_is_denied() {
    let target = reply(|_| panic!("must not be asked")).await;
    for location in [
        format!("http://127.0.0.1:{target}/"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "/admin".into(),
        "../admin".into(),
        "//evil.test/api/".into(),
        "file:///etc/passwd".into(),
    ] {
        let to = location.clone();
        let port = reply(move |_| redirect(&to)).await;
        let follows = context(Grant { system: Some("erp".into()), redirects: 5, ..Grant::default() });
        let (response, ledger) = send(&egress(port), &follows, path("/a")).await;
        assert!(
            matches!(response, Err(Error::Denied(_) | Error::InvalidRequest(_))),
            "{location}: {response:?}"
        );
        assert_eq!(ledger.exchanges.len(), 2, "both hops are recorded");
    }
}

#[tokio::test]
async fn private_addresses_are_denied_however_they_are_named() {
    let port = reply(|_| ok("inside")).await;
    let egress = Egress::try_new(vec![]).expect("an egress");
    for host in
        ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0", "LOCALHOST"]
    {
        let to = format!("http://{host}:{port}/");
        let (response, ledger) = send(&egress, &context(allow(to.clone(), false)), url(&to)).await;
        assert!(matches!(response, Err(Error::Denied(_))), "{host}: {response:?}");
        assert!(ledger.exchanges.iter().all(|exchange| exchange.result.is_err()));
    }
    // A connection that a permitted step made is not there for one that is not.
    let to = format!("http://localhost:{port}/");
    let (response, _) = send(&egress, &context(allow(to.clone(), true)), url(&to)).await;
    assert_eq!(&*response.expect("a response").body, b"inside");
    let (response, _) = send(&egress, &context(allow(to.clone(), false)), url(&to)).await;
    assert!(matches!(response, Err(Error::Denied(_))), "{response:?}");
}

#[tokio::test]
async fn what_is_not_granted_is_denied_and_counted() {
    let egress = egress(reply(|_| panic!("must not be asked")).await);
    let context = context(Grant::default());
    let mut ledger = Ledger::default();
    for _ in 0..5 {
        let denied = egress.send(&context, &mut ledger, url("https://user:pw@api.example.com/x")).await;
        assert!(matches!(denied, Err(Error::InvalidRequest(_))));
    }
    assert_eq!(egress.send(&context, &mut ledger, path("/")).await, Err(Error::TooManyRequests(5)));
    assert_eq!((ledger.requests, ledger.exchanges.len()), (5, 5));
    assert!(ledger.exchanges.iter().all(|exchange| exchange.url == "https://api.example.com/x"));
    let (response, _) = send(&egress, &context, url("https://api.example.com/x")).await;
    assert!(matches!(response, Err(Error::Denied(_))));
}

#[tokio::test]
async fn a_method_list_cannot_be_evaded_by_an_override_header() {
    let egress = Egress::try_new(vec![]).expect("an egress");
    let to = "http://127.0.0.1:1/";
    let rule = Allow { url: to.into(), methods: vec!["GET".into()], private: true };
    let grant = Grant { allow: vec![rule], ..Grant::default() };
    let request = Request { headers: vec![("X-HTTP-Method-Override".into(), b"DELETE".into())], ..url(to) };
    let (response, _) = send(&egress, &context(grant), request).await;
    assert!(matches!(response, Err(Error::Denied(_))), "{response:?}");
}

#[tokio::test]
async fn a_stranger_gets_no_credentials_by_redirecting_into_the_system() {
    let port = reply(|_| panic!("must not be asked")).await;
    let stranger = reply(move |_| redirect(&format!("http://127.0.0.1:{port}/api/orders"))).await;
    let egress =
        Egress::try_new(vec![erp(port, Credentials::Bearer("top-secret-7".into()))]).expect("an egress");
    let to = format!("http://127.0.0.1:{stranger}/");
    let grant = Grant { system: Some("erp".into()), redirects: 3, ..allow(to.clone(), true) };
    let (response, _) = send(&egress, &context(grant), url(to)).await;
    assert!(matches!(response, Err(Error::Denied(_))), "{response:?}");
}

/// Keeps the text of what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.0.lock().expect("no panic while it was held");
        event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
            log.push_str(&format!("{field}={value:?}\n"));
        });
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn the_log_line_of_a_denial_says_whose_it_was_and_what_would_allow_it() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    // Where there is just one subscriber, a thread that has none may switch a callsite off for all.
    let _second = tracing::Dispatch::new(Log::default());
    let egress = Egress::try_new(vec![]).expect("an egress");
    let named = "http://localhost:1/".to_owned();
    for (grant, asked) in
        [(Grant::default(), "https://api.example.com/v1/x".to_owned()), (allow(named.clone(), false), named)]
    {
        let (response, _) = send(&egress, &context(grant), url(asked)).await;
        assert!(matches!(response, Err(Error::Denied(_))), "{response:?}");
    }
    let log = log.0.lock().expect("no panic while it was held");
    for part in [
        r#"allow: [{ url: "https://api.example.com/", methods: [GET] }]"#,
        r#"allow: [{ url: "http://localhost:1/", methods: [GET], private: true }]"#,
        "workflow=\"orders\"",
        "step=\"create\"",
        "run=run_",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
}
