use tokio::io::AsyncWriteExt as _;

use super::*;

const LIMITS: Limits = Limits { bytes: 4 << 10, count: 16 };

fn wire<S>(stream: S) -> (Wire<S>, Arc<Activity>) {
    let activity = Arc::new(Activity::new(None));
    (Wire::http1(stream, Arc::clone(&activity), "test", LIMITS, Vec::new()), activity)
}

#[tokio::test]
async fn what_came_before_a_fault_is_answered_before_the_fault_is() {
    let (mut peer, ours) = tokio::io::duplex(1 << 16);
    let (mut wire, activity) = wire(ours);
    let first = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    peer.write_all(
        &[first, &b"GET / HTTP/1.1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"[..]].concat(),
    )
    .await
    .unwrap();
    let mut read = vec![0; 1 << 10];
    let got = wire.read(&mut read).await.unwrap();
    assert_eq!(&read[..got], first);
    // Nothing more, not even an end, while the first is being answered.
    assert!(futures::poll!(std::pin::pin!(wire.read(&mut read))).is_pending());
    wire.write_all(b"first").await.unwrap();
    activity.answered();
    assert_eq!(wire.read(&mut read).await.unwrap(), 0);
    let shut = tokio::spawn(async move { wire.shutdown().await });
    let mut answers = String::new();
    peer.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("firstHTTP/1.1 400 Bad Request\r\n"), "{answers}");
    assert!(answers.contains("ambiguous-host"), "{answers}");
    // A peer that goes on sending is read from until it stops, and reset by nobody before it has read the answer.
    peer.write_all(b"more").await.unwrap();
    drop(peer);
    shut.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_is_asked_to_go_ends_between_two_requests_and_says_why_if_a_head_is_late() {
    for (asked, sent, answer) in
        [(Asked::Idle, "", ""), (Asked::Yield, "GET /", ""), (Asked::SlowHead, "GET /", "header-timeout")]
    {
        let (mut peer, ours) = tokio::io::duplex(1 << 16);
        let (mut wire, activity) = wire(ours);
        peer.write_all(sent.as_bytes()).await.unwrap();
        let mut read = [0; 16];
        assert!(futures::poll!(std::pin::pin!(wire.read(&mut read))).is_pending());
        activity.ask(asked);
        assert_eq!(wire.read(&mut read).await.unwrap(), 0);
        let shut = tokio::spawn(async move { wire.shutdown().await });
        let mut told = vec![0; 1 << 10];
        let got = peer.read(&mut told).await.unwrap();
        let told = String::from_utf8_lossy(&told[..got]);
        assert!(told.contains(answer) && told.is_empty() == answer.is_empty(), "{told}");
        drop(peer);
        shut.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn http_2_is_told_by_its_first_bytes_and_nothing_of_them_is_lost() {
    for (sent, is_http2) in
        [("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true), ("POST / HTTP/1.1\r\n", false), ("PRI", false)]
    {
        let (mut peer, mut ours) = tokio::io::duplex(1 << 10);
        peer.write_all(sent.as_bytes()).await.unwrap();
        peer.write_all(b"rest").await.unwrap();
        drop(peer);
        let (mut read, told) = sniff(&mut ours).await.unwrap();
        assert_eq!(told, is_http2, "{sent}");
        ours.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, [sent.as_bytes(), b"rest"].concat());
    }
}
