#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail so")]

use serde_json::json;
use stepmill_sandbox::egress::Target;

use super::*;

fn exchange(method: &str, url: &str, body: &str, answer: &str) -> Exchange {
    Exchange {
        system: Some("erp".into()),
        method: method.into(),
        url: url.into(),
        request_headers: vec![("Accept".into(), "a/b".into()), ("user-agent".into(), "old".into())],
        request_body: body.into(),
        request_bytes: body.len() as u64,
        request_lack: None,
        result: Ok(ExchangeResponse {
            status: 200,
            headers: Vec::new(),
            body: answer.into(),
            body_bytes: answer.len() as u64,
            lack: None,
        }),
        unanswered: None,
        took_us: 0,
    }
}

fn failed(kind: Option<Unanswered>) -> Exchange {
    Exchange {
        result: Err("no".into()),
        unanswered: kind,
        ..exchange("GET", "http://erp.test/api/a", "", "")
    }
}

fn replay(exchanges: &[Exchange]) -> Replay {
    Replay::new(exchanges.iter().map(|exchange| Kept::recorded(exchange, 7)).collect(), None)
}

fn sent(method: &str, url: &str, body: &str) -> Sent {
    Sent {
        system: Some("erp".into()),
        method: method.into(),
        target: Target::Path("/".into()),
        url: url.parse().unwrap(),
        headers: vec![("accept".into(), b"a/b".to_vec()), ("User-Agent".into(), b"new".to_vec())],
        body: (!body.is_empty()).then(|| body.to_owned().into()),
    }
}

const A: &str = "http://erp.test/api/a";
const B: &str = "http://erp.test/api/b";

#[tokio::test]
async fn requests_are_answered_in_whichever_order_they_come_each_record_once() {
    let replay = replay(&[
        exchange("GET", A, "", "first"),
        exchange("POST", B, r#"{"x":1,"y":2}"#, "posted"),
        exchange("GET", A, "", "second"),
    ]);
    let body = async |sent| replay.exchange(sent).await.unwrap().body;
    assert_eq!(body(sent("POST", B, r#"{ "y": 2, "x": 1 }"#)).await, "posted", "the same JSON");
    assert_eq!(body(sent("GET", A, "")).await, "first");
    assert_eq!(replay.unasked().len(), 1);
    // The system has moved since.
    assert_eq!(body(sent("GET", "https://new.test:99/api/a", "")).await, "second");
    assert!(replay.unasked().is_empty() && replay.missed().is_none());
    assert!(replay.exchange(sent("GET", A, "")).await.is_err());
    let why = replay.missed().unwrap().why;
    assert_eq!(why, "GET http://erp.test/api/a: it is asked for more often than it is recorded");
}

#[tokio::test]
async fn a_request_that_was_not_recorded_is_told_with_what_is_other_about_it() {
    let missed = async |sent| {
        let replay = replay(&[exchange("POST", A, r#"{"n":1}"#, "posted")]);
        replay.exchange(sent).await.unwrap_err();
        let Missed { why, differences } = replay.missed().unwrap();
        let differences = differences.into_iter();
        let at = differences.map(|of| (of.pointer, of.recorded, of.candidate));
        (why.rsplit(": ").next().unwrap().to_owned(), at.collect::<Vec<_>>())
    };
    assert_eq!(missed(sent("GET", A, "")).await, ("no such exchange is recorded".into(), Vec::new()));
    let of_other_system = Sent { system: None, ..sent("POST", "http://other.test/api/a", r#"{"n":1}"#) };
    assert_eq!(missed(of_other_system).await.0, "no such exchange is recorded");
    assert_eq!(
        missed(sent("POST", A, r#"{"n":2}"#)).await,
        ("it was recorded with another body".into(), vec![("/n".into(), Some(json!(1)), Some(json!(2)))])
    );
    let mut other = sent("POST", A, r#"{"n":1}"#);
    other.headers[0].1 = b"c/d".to_vec();
    assert_eq!(
        missed(other).await,
        (
            "it was recorded with other headers".into(),
            vec![("/headers/accept".into(), Some(json!("a/b")), Some(json!("c/d")))]
        )
    );
}

#[tokio::test]
async fn a_record_that_is_not_whole_answers_nothing_and_says_why() {
    let lacking = |lack| {
        let mut exchange = exchange("GET", A, "", "part");
        exchange.result.as_mut().unwrap().lack = Some(lack);
        exchange
    };
    // An earlier release did not say that a body was cut.
    let mut old = exchange("GET", A, "", "part");
    old.result.as_mut().unwrap().body_bytes = 99;
    for (exchange, why) in [
        (old, "4 of 99 bytes"),
        (lacking(Lack::NotText), "not text"),
        (lacking(Lack::Headers), "not all headers"),
        (lacking(Lack::NoRoom), "no room"),
        (failed(Some(Unanswered::Unfinished)), "had not ended"),
        (failed(None), "how it failed"),
    ] {
        let replay = replay(&[exchange]);
        assert!(matches!(replay.exchange(sent("GET", A, "")).await, Err(Error::Other(_))));
        let told = replay.missed().unwrap().why;
        assert!(told.contains(why), "{told}");
    }
    // A request's body that was cut is the same as far as one can tell.
    let long = "x".repeat(50);
    let mut cut = exchange("POST", A, "xxxx", "posted");
    (cut.request_bytes, cut.request_lack) = (50, Some(Lack::Cut));
    assert!(replay(&[cut.clone()]).exchange(sent("POST", A, &long)).await.is_ok());
    assert!(replay(&[cut]).exchange(sent("POST", A, &long.replace('x', "y"))).await.is_err());
}

#[tokio::test]
async fn a_guest_is_told_the_failure_that_it_was_told_then() {
    let told = async |kind| replay(&[failed(Some(kind))]).exchange(sent("GET", A, "")).await.unwrap_err();
    assert_eq!(told(Unanswered::Timeout).await, Error::Timeout("no".into()));
    assert_eq!(told(Unanswered::Connect).await, Error::Connect("no".into()));
    assert_eq!(told(Unanswered::Interrupted).await, Error::Interrupted("no".into()));
    assert_eq!(told(Unanswered::ResponseTooLarge).await, Error::ResponseTooLarge(7));
    // What the host refused never was on its way: it need not be asked for again.
    assert!(replay(&[failed(Some(Unanswered::Denied))]).unasked().is_empty());
}
