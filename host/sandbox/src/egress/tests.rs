//! Egress against a server on loopback. The server is a system unless a test says otherwise.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stepmill_core::RunId;
use stepmill_core::clock::ManualClock;
use stepmill_core::grant::{Allow, Grant};
use stepmill_core::limits::Limits;
use stepmill_core::signature::sign;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{
    BuildError, Context, Credentials, Egress, Error, Ledger, Request, Response, System, Target, check_rule,
};

mod grants;
mod limits;
mod stand_in;
mod transport;

const LONG: Duration = Duration::from_secs(20);

/// Serves each request with `answer`, which gets its text and the connection; answers its port.
async fn serve<F>(answer: impl Fn(String, TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut text = Vec::new();
            while !text.ends_with(b"\r\n\r\n")
                && connection.read_buf(&mut text).await.is_ok_and(|read| read > 0)
            {}
            tokio::spawn(answer(String::from_utf8_lossy(&text).into_owned(), connection));
        }
    });
    port
}

/// Serves what `answer` makes of a request's text, once per connection.
async fn reply(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> u16 {
    let answer = Arc::new(answer);
    serve(move |text, mut connection| {
        let answer = Arc::clone(&answer);
        async move {
            let _ = connection.write_all(answer(&text).as_bytes()).await;
        }
    })
    .await
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nconnection: close\r\ncontent-length: 0\r\nlocation: {location}\r\n\r\n")
}

fn erp(port: u16, credentials: Credentials) -> System {
    System {
        name: "erp".into(),
        base_url: format!("http://127.0.0.1:{port}/api/").parse().expect("a URL"),
        credentials,
        concurrency: 4,
        connect_timeout: LONG,
        first_byte_timeout: LONG,
        ca_pem: None,
    }
}

fn egress(port: u16) -> Egress {
    Egress::try_new(vec![erp(port, Credentials::None)]).expect("an egress")
}

fn allow(url: String, private: bool) -> Grant {
    Grant { allow: vec![Allow { url, methods: vec![], private }], ..Grant::default() }
}

fn on_erp() -> Context {
    context(Grant { system: Some("erp".into()), ..Grant::default() })
}

fn context(grant: Grant) -> Context {
    Context {
        grant: Arc::new(grant),
        limits: Limits { http_requests: 5, request_bytes: 100, response_bytes: 10_000, ..Limits::default() },
        workflow: "orders".into(),
        run: RunId::new(1, [0; 10]),
        step: "create".into(),
        deadline: Instant::now() + LONG,
        clock: Arc::new(ManualClock::new(1_614_265_330_000)),
    }
}

fn get(target: Target) -> Request {
    Request { method: "GET".into(), target, headers: vec![], body: None, timeout: None }
}

fn path(path: &str) -> Request {
    get(Target::Path(path.into()))
}

fn url(url: impl Into<String>) -> Request {
    get(Target::Url(url.into()))
}

async fn send(egress: &Egress, context: &Context, request: Request) -> (Result<Response, Error>, Ledger) {
    let mut ledger = Ledger::default();
    (egress.send(context, &mut ledger, request).await, ledger)
}

#[tokio::test]
async fn a_request_reaches_its_system_and_is_recorded() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let port = reply(move |text| {
        seen.send(text.to_owned()).expect("a test that listens");
        "HTTP/1.1 201 Created\r\nconnection: close\r\nset-cookie: s=1\r\n\r\nmade".into()
    })
    .await;
    let egress = egress(port);
    let request = Request {
        method: "POST".into(),
        headers: vec![("X-Api-Key".into(), b"mine".into()), ("X-B".into(), b"\xff".into())],
        body: Some(Bytes::from_static(b"")),
        ..path("/orders?x=1")
    };
    let (response, ledger) = send(&egress, &on_erp(), request).await;
    let response = response.expect("a response");
    assert_eq!((response.status, &*response.body), (201, &b"made"[..]));
    let text = requests.recv().await.expect("a request");
    assert!(text.starts_with("POST /api/orders?x=1 HTTP/1.1\r\n"), "{text}");
    assert!(text.contains("x-api-key: mine\r\n"), "{text}");
    assert!(text.contains(concat!("user-agent: stepmill/", env!("CARGO_PKG_VERSION"))), "{text}");
    let [exchange] = &ledger.exchanges[..] else { panic!("one exchange") };
    assert_eq!(exchange.system.as_deref(), Some("erp"));
    assert_eq!(exchange.url, format!("http://127.0.0.1:{port}/api/orders?x=1"));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(exchange.request_headers, [header("X-Api-Key", "[redacted]"), header("X-B", "\u{fffd}")]);
    let answer = exchange.result.as_ref().expect("an answer");
    assert_eq!((answer.status, &*answer.body, answer.body_bytes), (201, "made", 4));
    assert!(answer.headers.contains(&header("set-cookie", "[redacted]")));
}

#[tokio::test]
async fn credentials_are_sent_but_neither_recorded_nor_handed_to_the_guest() {
    for (credentials, sent, secret) in [
        (Credentials::Bearer("top-secret-7".into()), "authorization: Bearer top-secret-7", "top-secret-7"),
        (
            Credentials::Basic { user: "u".into(), password: "pa55word".into() },
            "authorization: Basic dTpwYTU1d29yZA==",
            "dTpwYTU1d29yZA",
        ),
        (
            Credentials::Header { name: "X-Key".into(), value: "Token abcdefgh".into() },
            "x-key: Token abcdefgh",
            "abcdefgh",
        ),
    ] {
        // An echo: the whole request in the body, and in headers.
        let port = reply(move |text| {
            assert!(text.contains(sent), "{text}");
            assert!(text.contains("accept-encoding: identity"), "{text}");
            let (_, value) = sent.split_once(": ").expect("a header");
            ok(text).replacen("\r\n", &format!("\r\nx-echo: {value}\r\nx-key: {value}\r\n"), 1)
        })
        .await;
        let egress = Egress::try_new(vec![erp(port, credentials)]).expect("an egress");
        for request in [path("/me"), url(format!("http://127.0.0.1:{port}/api/me"))] {
            let (response, ledger) = send(&egress, &on_erp(), request).await;
            let response = response.expect("a response");
            let body = String::from_utf8_lossy(&response.body);
            assert!(body.contains("[redacted]") && !body.contains(secret), "{body}");
            let length =
                response.headers.iter().find(|(name, _)| name == "content-length").expect("a length");
            assert_eq!(length.1, body.len().to_string().as_bytes());
            for bytes in response.headers.iter().map(|(_, value)| value) {
                assert!(!String::from_utf8_lossy(bytes).contains(secret));
            }
            let recorded = serde_json::to_string(&ledger.exchanges).expect("JSON");
            assert!(!recorded.contains(secret), "{recorded}");
            assert!(!format!("{egress:?}").contains(secret));
        }
    }
}

#[tokio::test]
async fn requests_to_a_system_are_signed_on_the_way_out() {
    let port = reply(ok).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let credentials = Credentials::StandardWebhooks { secret: secret.into(), previous: None };
    let egress = Egress::try_new(vec![erp(port, credentials)]).expect("an egress");
    let mut request = path("/hooks");
    let (refused, _) = send(&egress, &on_erp(), request.clone()).await;
    assert!(matches!(refused, Err(Error::InvalidRequest(_))), "{refused:?}");
    request.headers = vec![("Webhook-Id".into(), b"run_1:tell".to_vec())];
    let (response, ledger) = send(&egress, &on_erp(), request).await;
    let body = String::from_utf8_lossy(&response.expect("a response").body).into_owned();
    let signature = sign::standard_webhooks(secret, "run_1:tell", 1_614_265_330, b"").expect("a signature");
    assert!(body.contains("webhook-timestamp: 1614265330\r\n"), "{body}");
    assert!(body.contains(&format!("webhook-signature: {signature}\r\n")), "{body}");
    assert!(!serde_json::to_string(&ledger.exchanges).expect("JSON").contains("MfKQ9r8G"));
}

#[test]
fn config_that_cannot_work_is_refused() {
    let key = |system: System| match Egress::try_new(vec![system]) {
        Err(BuildError::System { key, .. }) => key,
        other => panic!("{other:?}"),
    };
    let erp = |url: &str| System { base_url: url.parse().expect("a URL"), ..erp(1, Credentials::None) };
    for url in [
        "ftp://a.test/",
        "http://u:p@a.test/",
        "http://a.test/?x",
        "http://a.test/#x",
        "http://a.test/..%2fx",
    ] {
        assert_eq!(key(erp(url)), "url", "{url}");
        assert!(check_rule(&Allow { url: url.into(), methods: vec![], private: false }).is_err());
    }
    assert_eq!(key(System { concurrency: 0, ..erp("http://a.test") }), "concurrency");
    assert_eq!(
        key(System { credentials: Credentials::Bearer("a\nb".into()), ..erp("http://a.test") }),
        "credentials"
    );
    assert_eq!(key(System { ca_pem: Some(b"no PEM".into()), ..erp("http://a.test") }), "ca");
    let twice = Egress::try_new(vec![erp("http://a.test"), erp("http://b.test")]);
    assert!(matches!(twice, Err(BuildError::Duplicate(name)) if name == "erp"));
    assert!(Egress::try_new(vec![System { concurrency: usize::MAX, ..erp("http://a.test") }]).is_ok());
}
