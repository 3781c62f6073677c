//! Exchanges without the network, and copies of those over it.

use std::sync::Mutex;

use async_trait::async_trait;
use stepmill_core::attempt::{Lack, Unanswered};

use super::super::{Hop, Sent, Tape, Transport};
use super::*;

/// Answers what the test has written down, and remembers what it was sent.
struct Scripted(Mutex<Vec<Sent>>, Result<Response, Error>);

#[async_trait]
impl Transport for Scripted {
    async fn exchange(&self, sent: Sent) -> Result<Response, Error> {
        self.0.lock().expect("no panic").push(sent);
        self.1.clone()
    }
}

fn answer(body: impl Into<Bytes>) -> Response {
    Response { status: 200, headers: vec![], body: body.into() }
}

#[tokio::test]
async fn an_egress_with_a_transport_reaches_no_network_and_one_with_a_tape_has_a_copy() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let port = reply(move |text| {
        seen.send(text.to_owned()).expect("a test that listens");
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nmade".into()
    })
    .await;
    let egress = egress(port);
    let scripted = Arc::new(Scripted(Mutex::default(), Ok(answer("stood in"))));
    let (response, _) =
        send(&egress.answered_by(Arc::clone(&scripted) as Arc<dyn Transport>), &on_erp(), path("/a")).await;
    assert_eq!(response.expect("a response").body, "stood in");
    assert_eq!(scripted.0.lock().expect("no panic").len(), 1);
    assert!(requests.try_recv().is_err(), "nothing has reached the server");

    let tape = Arc::new(Tape::default());
    let (response, _) = send(&egress.taped(&tape), &on_erp(), path("/b")).await;
    assert_eq!(response.expect("a response").body, "made");
    assert!(requests.recv().await.expect("a request").starts_with("GET /api/b "));
    let (hops, is_whole) = tape.take();
    assert!(is_whole);
    let [Hop { sent, result: Ok(response) }] = &*hops else { panic!("{hops:?}") };
    assert_eq!(
        (sent.url.path(), sent.system.as_deref(), &*response.body),
        ("/api/b", Some("erp"), &b"made"[..])
    );
}

#[tokio::test]
async fn a_record_says_what_it_lacks() {
    let egress = egress(1);
    let mut context = on_erp();
    context.limits.exchange_bytes = 8;
    let recorded = async |result: Result<Response, Error>| {
        let scripted = Arc::new(Scripted(Mutex::default(), result));
        let (_, ledger) = send(&egress.answered_by(scripted), &context, path("/a")).await;
        ledger.exchanges.into_iter().next().expect("an exchange")
    };
    let lack = async |response| recorded(Ok(response)).await.result.expect("an answer").lack();
    assert_eq!(lack(answer("12345678")).await, None);
    assert_eq!(lack(answer("123456789")).await, Some(Lack::Cut));
    assert_eq!(lack(answer(&b"\xff"[..])).await, Some(Lack::NotText));
    let long = Response { headers: vec![("link".into(), vec![b'x'; 2_000])], ..answer("") };
    assert_eq!(lack(long).await, Some(Lack::Headers));
    let failed = recorded(Err(Error::Timeout("late".into()))).await;
    assert_eq!((failed.unanswered, failed.request_lack()), (Some(Unanswered::Timeout), None));
}
