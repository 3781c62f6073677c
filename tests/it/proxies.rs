//! Who has called: through proxies that are believed, and others that are not; who may call, and how often.

use std::time::Duration;

use serde_json::Value;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use stepmill_test_support::raw::{Raw, post};

/// A webhook at `/orders` with more keys.
fn project(keys: &str) -> Project {
    Project::new().guests(&["echo"]).workflow_with("orders", keys, "  - { id: echo, use: echo }")
}

/// The status, the code if there is one, and the head of what a request is answered.
async fn answered(host: &Host, before: &[u8], headers: &str) -> (u16, String, String) {
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(before).await;
    raw.send(post("/orders", "1", headers, "{}")).await;
    let answer = raw.answer().await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let code = body["error"]["code"].as_str().unwrap_or_default().to_owned();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), code, head.to_owned())
}

async fn status(host: &Host, headers: &str) -> (u16, String) {
    let (status, code, _) = answered(host, b"", headers).await;
    (status, code)
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_trusted_proxy_is_believed_and_only_by_its_last_word() {
    let keys = "from: [203.0.113.0/24, \"2001:db8::/32\"]";
    let host =
        Host::in_memory(&project(keys).server("trusted_proxies: [127.0.0.1, 10.0.0.0/8]").write()).await;
    for headers in [
        "X-Forwarded-For: 203.0.113.7\r\n",
        "X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.1.2.3\r\n",
        "X-Forwarded-For: [2001:db8::1]:99\r\n",
    ] {
        assert_eq!(status(&host, headers).await.0, 202, "{headers}");
    }
    for headers in [
        "",
        "X-Forwarded-For: 203.0.113.7, 198.51.100.1\r\n",
        "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 198.51.100.1\r\n",
        "Forwarded: for=203.0.113.7\r\n",
        "X-Real-IP: 203.0.113.7\r\n",
    ] {
        assert_eq!(status(&host, headers).await, refused(403, "not-allowed"), "{headers}");
    }
    host.stop().await;
    // Without a proxy that is trusted nobody is believed.
    let host = Host::in_memory(&project(keys).write()).await;
    assert_eq!(status(&host, "X-Forwarded-For: 203.0.113.7\r\n").await, refused(403, "not-allowed"));
    host.stop().await;
    let server = "trusted_proxies: [127.0.0.1], forwarded: forwarded";
    let host = Host::in_memory(&project(keys).server(server).write()).await;
    assert_eq!(status(&host, "Forwarded: for=\"203.0.113.7:99\";proto=https\r\n").await.0, 202);
    assert_eq!(status(&host, "X-Forwarded-For: 203.0.113.7\r\n").await, refused(403, "not-allowed"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_protocol_says_who_has_called_and_without_it_there_is_no_connection() {
    let server = "trusted_proxies: [127.0.0.1], proxy_protocol: true";
    let host = Host::in_memory(&project("from: [203.0.113.0/24]").server(server).write()).await;
    let v2 = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &[203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80]]
        .concat();
    for header in [&b"PROXY TCP4 203.0.113.7 10.0.0.1 4660 80\r\n"[..], &v2] {
        assert_eq!(answered(&host, header, "").await.0, 202);
    }
    let (status, code, _) = answered(&host, b"PROXY TCP4 198.51.100.1 10.0.0.1 4660 80\r\n", "").await;
    assert_eq!((status, code), refused(403, "not-allowed"));
    for nonsense in ["", "PROXY TCP4 me you 1 2\r\n"] {
        let mut raw = Raw::connect(&host.ingress).await;
        raw.send(format!("{nonsense}{}", post("/orders", "1", "", "{}"))).await;
        assert_eq!(raw.text().await, "");
    }
    // Nor for others than the proxy, whatever they say.
    let mut raw = Raw::connect_from("127.0.0.2", &host.ingress).await.unwrap();
    raw.send(format!("PROXY TCP4 203.0.113.7 10.0.0.1 4660 80\r\n{}", post("/orders", "1", "", "{}"))).await;
    assert_eq!(raw.text().await, "");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_asks_too_often_is_told_when_to_come_again_and_others_are_served() {
    let keys = "rate: { requests: 1, per: 1h, burst: 3 }";
    let host = Host::in_memory(&project(keys).server("trusted_proxies: [127.0.0.1]").write()).await;
    let one = "X-Forwarded-For: 203.0.113.7\r\n";
    for _ in 0..3 {
        assert_eq!(status(&host, one).await.0, 202);
    }
    let (status_of_one, code, head) = answered(&host, b"", one).await;
    assert_eq!((status_of_one, code), refused(429, "rate-limited"));
    let after = head.split_once("retry-after: ").unwrap().1.lines().next().unwrap();
    let after = Duration::from_secs(after.parse().unwrap());
    assert!(after <= Duration::from_secs(3_600) && after > Duration::from_secs(3_500), "{after:?}");
    assert_eq!(status(&host, "X-Forwarded-For: 203.0.113.8\r\n").await.0, 202);
    let metrics = host.admin.text("/metrics").await;
    assert!(metrics.contains("stepmill_events_refused_total{code=\"rate-limited\"} 1"), "{metrics}");
    host.stop().await;
}
