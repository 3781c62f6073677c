//! Time, sizes, broken connections, concurrency.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{
    Context, Credentials, Egress, Error, Ledger, Request, Response, System, allow, context, egress, erp, ok,
    on_erp, path, send, serve, url,
};

#[tokio::test]
async fn a_slow_server_is_a_timeout_that_says_which() {
    let port = serve(|_, connection| async move {
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await;
    let slow = System { first_byte_timeout: Duration::from_millis(50), ..erp(port, Credentials::None) };
    let impatient = Egress::try_new(vec![slow]).expect("an egress");
    let timeout = |response: Result<Response, Error>| match response {
        Err(Error::Timeout(text)) => text,
        other => panic!("{other:?}"),
    };
    let (response, _) = send(&impatient, &on_erp(), path("/")).await;
    assert!(timeout(response).contains("first byte timeout of system \"erp\""));
    let request = Request { timeout: Some(Duration::from_millis(50)), ..path("/") };
    let (response, _) = send(&egress(port), &on_erp(), request).await;
    assert!(timeout(response).contains("the request's timeout"));
    let short = Context { deadline: Instant::now() + Duration::from_millis(50), ..on_erp() };
    let request = Request { timeout: Some(Duration::MAX), ..path("/") };
    let (response, ledger) = send(&egress(port), &short, request).await;
    assert!(timeout(response).contains("the attempt's deadline"));
    assert_eq!(ledger.exchanges.len(), 1);
    // A host that gives up on the whole call keeps the record of it.
    let mut ledger = Ledger::default();
    let sending = tokio::time::timeout(Duration::from_millis(50), async {
        egress(port).send(&on_erp(), &mut ledger, path("/")).await
    });
    assert!(sending.await.is_err());
    assert!(ledger.exchanges.iter().any(|exchange| exchange.result.is_err()));
}

#[tokio::test]
async fn bodies_are_limited_while_they_are_read() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let port = serve(move |text, mut connection| {
        let count = Arc::clone(&count);
        async move {
            let head: &[u8] = if text.contains("/announced") {
                b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"
            } else {
                b"HTTP/1.1 200 OK\r\n\r\n"
            };
            let _ = connection.write_all(head).await;
            while !text.contains("/announced") && connection.write_all(&[b'x'; 1_000]).await.is_ok() {
                count.fetch_add(1_000, Ordering::Relaxed);
            }
        }
    })
    .await;
    let egress = egress(port);
    let (response, _) = send(&egress, &on_erp(), path("/endless")).await;
    assert_eq!(response, Err(Error::ResponseTooLarge(10_000)));
    let (response, _) = send(&egress, &on_erp(), path("/announced")).await;
    assert_eq!(response, Err(Error::ResponseTooLarge(10_000)));
    let large = Request { method: "POST".into(), body: Some(vec![0; 101].into()), ..path("/") };
    assert_eq!(send(&egress, &on_erp(), large).await.0, Err(Error::RequestTooLarge(100)));
    // Buffers of sockets hold some megabytes; the rest was never taken.
    assert!(sent.load(Ordering::Relaxed) < 64 << 20);
}

#[tokio::test]
async fn failures_are_told_apart_by_what_happened() {
    let port = serve(|text, mut connection| async move {
        if text.contains("/half") {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        }
    })
    .await;
    for way in ["/half", "/nothing"] {
        let (response, ledger) = send(&egress(port), &on_erp(), path(way)).await;
        assert!(matches!(response, Err(Error::Interrupted(_))), "{way}: {response:?}");
        assert!(ledger.exchanges[0].result.is_err());
    }
    let unused =
        TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    let (response, _) = send(&egress(unused), &on_erp(), path("/")).await;
    assert!(matches!(&response, Err(Error::Connect(text)) if text.contains("refused")), "{response:?}");
    let to = "http://no-such-host.invalid/";
    let (response, _) = send(&egress(port), &context(allow(to.into(), false)), url(to)).await;
    assert!(matches!(&response, Err(Error::Dns(text)) if text.contains("no-such-host")), "{response:?}");
    // TLS spoken to a server that does not speak it.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = format!("https://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let (response, _) = send(&egress(port), &context(allow(to.clone(), true)), url(to)).await;
    assert!(matches!(response, Err(Error::Connect(_))), "{response:?}");
}

#[tokio::test]
async fn a_system_gets_no_more_requests_at_a_time_than_it_is_to() {
    let arrived = Arc::new(Notify::new());
    let release = Arc::new(Notify::new());
    let (on_arrival, held) = (Arc::clone(&arrived), Arc::clone(&release));
    let port = serve(move |_, mut connection| {
        let (on_arrival, held) = (Arc::clone(&on_arrival), Arc::clone(&held));
        async move {
            on_arrival.notify_one();
            held.notified().await;
            let _ = connection.write_all(ok("").as_bytes()).await;
        }
    })
    .await;
    let egress =
        Egress::try_new(vec![System { concurrency: 1, ..erp(port, Credentials::None) }]).expect("an egress");
    let first = tokio::spawn({
        let egress = egress.clone();
        async move { send(&egress, &on_erp(), path("/first")).await.0 }
    });
    arrived.notified().await;
    let request = Request { timeout: Some(Duration::from_millis(50)), ..path("/second") };
    let (response, ledger) = send(&egress, &on_erp(), request).await;
    assert!(
        matches!(&response, Err(Error::Timeout(text)) if text.contains("`concurrency` is 1")),
        "{response:?}"
    );
    assert_eq!(ledger.exchanges.len(), 1);
    // Nor do two of them, when one takes the other's place.
    let renewed = |concurrency| {
        egress.renewed(vec![System { concurrency, ..erp(port, Credentials::None) }]).expect("an egress")
    };
    let request = || Request { timeout: Some(Duration::from_millis(50)), ..path("/second") };
    assert!(send(&renewed(1), &on_erp(), request()).await.0.is_err());
    let (response, _) = send(&renewed(2), &on_erp(), request()).await;
    let is_the_servers = matches!(&response, Err(Error::Timeout(text)) if !text.contains("concurrency"));
    assert!(is_the_servers, "turns of another number are new ones: {response:?}");
    // The first and that one.
    release.notify_one();
    release.notify_one();
    assert!(first.await.expect("no panic").is_ok());
    release.notify_one();
    assert!(send(&egress, &on_erp(), path("/third")).await.0.is_ok(), "the turn was given back");
}
