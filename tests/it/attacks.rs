//! Senders that mean harm: what each of them is refused with, and that an honest one beside it is served.

use std::time::{Duration, Instant};

use serde_json::json;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::raw::{Raw, post};
use stepmill_test_support::sender::Sender;

/// How long an honest sender may wait under attack: far more than it takes, far less than any timeout of the attack.
const BOUND: Duration = Duration::from_secs(10);

async fn host(connections: &str) -> Host {
    let project = Project::new()
        .guests(&["echo"])
        .server(&format!("connections: {{ {connections} }}"))
        .workflow("orders", "  - { id: echo, use: echo }");
    Host::in_memory(&project.write()).await
}

/// Sends an event by a connection of its own, and has it accepted in time.
async fn is_served(host: &Host, id: &str) {
    let sender = Sender::new(&host.ingress);
    let began = Instant::now();
    let sent = tokio::time::timeout(BOUND, sender.send("orders", id, &json!({ "honest": id }))).await;
    let (status, answer) = sent.expect("the honest sender waits too long").unwrap();
    assert_eq!(status, 202, "{answer} after {:?}", began.elapsed());
}

/// How many runs there are.
async fn runs(host: &Host) -> usize {
    host.admin.get("/api/runs?limit=500").await["runs"].as_array().unwrap().len()
}

async fn metric(host: &Host, name: &str) -> u64 {
    let metrics = host.admin.text("/metrics").await;
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

fn refused(answer: &str, status: u16, code: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} "))
            && answer.contains(&format!("\"code\":\"{code}\"")),
        "{answer}"
    );
    let answers = answer.lines().filter(|line| line.starts_with("HTTP/1.1 ")).count();
    assert!(answers == 1, "it was answered more than once: {answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_never_end_are_timed_out() {
    let host = host("headers: 1s").await;
    let slow = (0..50).map(|_| {
        let base = host.ingress.clone();
        tokio::spawn(async move {
            let mut raw = Raw::connect(&base).await;
            raw.send("POST /orders HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
            // A byte at a time is no progress.
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                raw.send("x").await;
            }
            raw.text().await
        })
    });
    let slow: Vec<_> = slow.collect();
    is_served(&host, "beside").await;
    for slow in slow {
        refused(&slow.await.unwrap(), 408, "header-timeout");
    }
    // Nor does a connection without a byte stay.
    assert_eq!(Raw::connect(&host.ingress).await.text().await, "");
    // All services of these tests are counted together.
    let name = "stepmill_connections_refused_total{listener=\"ingress\",code=\"header-timeout\"}";
    assert!(metric(&host, name).await >= 50);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_come_too_slowly_are_timed_out() {
    let host = host("body: 1s").await;
    let mut raw = Raw::connect(&host.ingress).await;
    let request = post("/orders", "slow", "", &"x".repeat(1_000));
    let (begin, rest) = request.split_at(request.len() - 900);
    raw.send(begin).await;
    is_served(&host, "beside").await;
    for byte in rest.bytes().take(30) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if !raw.send([byte]).await {
            break;
        }
    }
    refused(&raw.text().await, 408, "body-timeout");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_leave_room_for_others() {
    stepmill_server::listener::raise_file_limit();
    let most = 1_024;
    let host = host(&format!("max: {most}, per_address: 100000, headers: 2m, idle: 1h")).await;
    // Both ends of each connection are files of this process.
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let idle = usize::try_from(files.saturating_sub(4_000)).unwrap_or(usize::MAX).min(10_000);
    let began = Instant::now();
    let mut connections = Vec::new();
    for at in 0..idle {
        let from = format!("127.0.0.{}", 2 + at % 100);
        connections.push(Raw::connect_from(&from, &host.ingress).await.unwrap());
        if at % 2_000 == 0 {
            is_served(&host, &at.to_string()).await;
        }
    }
    is_served(&host, "last").await;
    assert!(idle > most && began.elapsed() < Duration::from_secs(60), "{idle} took {:?}", began.elapsed());
    let deadline = Instant::now() + BOUND;
    loop {
        let open = connections.iter_mut().filter_map(|raw| raw.is_open().then_some(())).count();
        if open <= most + most / 8 + 1 {
            break;
        }
        assert!(Instant::now() < deadline, "{open} are open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(connections);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_whose_connections_are_all_in_use_is_told_so_and_others_are_served() {
    let host = host("per_address: 8, body: 1m").await;
    let mut held = Vec::new();
    let mut answers = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect_from("127.0.0.2", &host.ingress).await.unwrap();
        raw.send("POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx").await;
        let answer = String::from_utf8(raw.within(Duration::from_millis(100)).await).unwrap();
        answers.extend((!answer.is_empty()).then_some(answer));
        held.push(raw);
    }
    assert!((11..=12).contains(&answers.len()), "{answers:?}");
    for answer in &answers {
        refused(answer, 503, "too-many-connections");
        assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    }
    is_served(&host, "beside").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let host = host("max: 64, per_address: 48").await;
    for at in 0..3_000 {
        let mut raw = Raw::connect_from("127.0.0.2", &host.ingress).await.unwrap();
        if at % 3 > 0 {
            raw.send("POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n").await;
        }
        if at % 1_000 == 0 {
            is_served(&host, &at.to_string()).await;
        }
    }
    is_served(&host, "last").await;
    // All places but a few are free again, for requests that do not end.
    let deadline = Instant::now() + BOUND;
    loop {
        let mut held = Vec::new();
        for _ in 0..40 {
            let mut raw = Raw::connect_from("127.0.0.2", &host.ingress).await.unwrap();
            raw.send("POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n").await;
            held.push(raw);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if held.iter_mut().all(Raw::is_open) {
            break;
        }
        assert!(Instant::now() < deadline, "connections are left behind");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smuggled_requests_are_none() {
    let host = host("headers: 10s").await;
    let smuggled = post("/orders", "smuggled", "", r#"{"smuggled":true}"#);
    let chunks = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let head = "POST /orders HTTP/1.1\r\nHost: a\r\n";
    let pairs = [
        (
            "ambiguous-length",
            format!("{head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "ambiguous-length",
            format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{chunks}"),
        ),
        (
            "ambiguous-length",
            format!(
                "{head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "ambiguous-length",
            format!("{head}Content-Length: 0\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()),
        ),
        ("ambiguous-length", format!("{head}Content-Length: +0\r\n\r\n{smuggled}")),
        ("ambiguous-length", format!("{head}Content-Length: 0 \t 9\r\n\r\n{smuggled}")),
        (
            "unsupported-transfer-coding",
            format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "malformed-request",
            format!("{head}Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n{smuggled}"),
        ),
        ("malformed-request", format!("{head}X: a\r\n Content-Length: 0\r\n\r\n{smuggled}")),
        ("malformed-request", format!("{head}X: a\nContent-Length: 0\r\n\r\n{smuggled}")),
        ("malformed-request", format!("{head}X: a\r\n\rContent-Length: 0\r\n\r\n{smuggled}")),
        ("malformed-request", format!("{head}Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n{smuggled}")),
        ("ambiguous-host", format!("{head}Host: b\r\nContent-Length: 0\r\n\r\n{smuggled}")),
        (
            "ambiguous-host",
            format!("POST http://b/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n{smuggled}"),
        ),
    ];
    for (code, pair) in &pairs {
        let mut raw = Raw::connect(&host.ingress).await;
        raw.send(pair).await;
        let answer = raw.text().await;
        refused(&answer, if code.starts_with("unsupported") { 501 } else { 400 }, code);
    }
    assert_eq!(runs(&host).await, 0);
    is_served(&host, "beside").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_headers_and_long_targets_are_refused_before_they_are_kept() {
    let host = host("header_bytes: 16KiB").await;
    let long = "x".repeat(1 << 20);
    for (status, code, head) in [
        (431, "headers-too-large", format!("POST /orders HTTP/1.1\r\nHost: a\r\nX: {long}")),
        (
            431,
            "headers-too-large",
            format!("POST /orders HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(100)),
        ),
        (414, "target-too-long", format!("POST /{long}")),
        (505, "unsupported-version", "POST /orders HTTP/3.0\r\nHost: a\r\n\r\n".into()),
    ] {
        let mut raw = Raw::connect(&host.ingress).await;
        raw.send(head).await;
        refused(&raw.text().await, status, code);
    }
    is_served(&host, "beside").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_is_the_webhooks_byte_for_byte_or_it_is_none() {
    let host = host("headers: 10s").await;
    for target in [
        "/orders/",
        "//orders",
        "/./orders",
        "/x/../orders",
        "/Orders",
        "/ORDERS",
        "/%6frders",
        "/orders%2f",
        "/%2e/orders",
        "/orders%00",
        "/orders;a=b",
        "/orders.",
        "/orders%20",
        "/orders/..",
        "/orders%3fa",
        "*",
        "http://hooks.test/orders/",
    ] {
        let mut raw = Raw::connect(&host.ingress).await;
        raw.send(post(target, target, "Connection: close\r\n", "{}")).await;
        refused(&raw.text().await, 404, "no-such-webhook");
    }
    for target in
        ["/orders\0", "/or ders", "/orders\\", "orders", "\\orders", "/orders#a", "ftp://hooks.test/orders"]
    {
        let mut raw = Raw::connect(&host.ingress).await;
        raw.send(post(target, "1", "", "{}")).await;
        refused(&raw.text().await, 400, "malformed-request");
    }
    assert_eq!(runs(&host).await, 0);
    for target in ["/orders", "/orders?a=%2f..", "http://hooks.test/orders"] {
        let mut raw = Raw::connect(&host.ingress).await;
        raw.send(post(target, target, "Connection: close\r\n", "{}")).await;
        let answer = raw.text().await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{target}: {answer}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_body_that_nobody_has_read_is_no_request() {
    let host = host("headers: 10s").await;
    let smuggled = post("/orders", "smuggled", "", r#"{"smuggled":true}"#);
    // The body would begin with it.
    let large = format!("POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}", 8 << 20);
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(&large).await;
    raw.send(smuggled.repeat(100)).await;
    refused(&raw.text().await, 413, "body-too-large");
    // Nobody asks for a body that is not wanted.
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        8 << 20
    ))
    .await;
    refused(&raw.text().await, 413, "body-too-large");
    assert_eq!(runs(&host).await, 0);
    // One whose body was read leaves its connection as it should be.
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}{}",
        post("/orders", "after", "", "{}")
    ))
    .await;
    refused(&raw.answer().await, 401, "signature-refused");
    assert!(raw.answer().await.starts_with("HTTP/1.1 202 "));
    host.stop().await;
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a connection of HTTP/2 begins with.
fn begin_http2() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat()
}

/// `POST /orders` of `http` with authority `a`, by the static table of HPACK (RFC 7541).
const HEADERS: &[u8] = b"\x83\x86\x04\x07/orders\x01\x01a";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_reset_as_fast_as_they_are_opened_end_the_connection() {
    let host = host("headers: 10s").await;
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(begin_http2()).await;
    let mut sent = 0;
    for id in (1..200_001).step_by(2) {
        let pair = [frame(1, 4, id, HEADERS), frame(3, 0, id, &[0, 0, 0, 8])].concat();
        if !raw.send(pair).await {
            break;
        }
        sent += 1;
        if sent == 1_000 {
            is_served(&host, "beside").await;
        }
    }
    raw.rest().await;
    assert!(sent < 100_000, "{sent} resets were taken");
    is_served(&host, "after").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_go_on_in_frame_after_frame_end_the_connection() {
    let host = host("headers: 10s").await;
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(begin_http2()).await;
    raw.send(frame(1, 0, 1, HEADERS)).await;
    // A header of 16,000 bytes a frame, by a literal that is not indexed, `x: yyy…` (RFC 7541, sections 5.1 and 6.2.2).
    let literal = [&[0x00, 0x01, b'x', 0x7f, 0x81, 0x7c][..], &[b'y'; 16_000]].concat();
    let mut sent = 0;
    while sent < 10_000 && raw.send(frame(9, 0, 1, &literal)).await {
        sent += 1;
        if sent == 5 {
            is_served(&host, "beside").await;
        }
    }
    raw.rest().await;
    assert!(sent < 1_000, "{sent} frames of headers were taken");
    is_served(&host, "after").await;
    host.stop().await;
}
