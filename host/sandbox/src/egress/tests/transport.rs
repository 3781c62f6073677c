//! What stands in for the network is asked what the policy lets through, and within the same limits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use stepmill_core::grant::Grant;

use super::{Credentials, Egress, Error, Request, Response, context, erp, on_erp, path, send, url};
use crate::egress::{Sent, Target, Transport};

/// Notes what it is asked, and answers by the path's last segment.
#[derive(Default)]
struct Double(Mutex<Vec<Sent>>);

#[async_trait]
impl Transport for Double {
    async fn exchange(&self, sent: Sent) -> Result<Response, Error> {
        let last = sent.url.path_segments().and_then(Iterator::last).unwrap_or_default().to_owned();
        self.0.lock().expect("no panic").push(sent);
        match last.as_str() {
            "never" => std::future::pending().await,
            "moved" => Ok(response(302, vec![("location".into(), b"/api/there".into())], 0)),
            "large" => Ok(response(200, vec![], 10_001)),
            "broken" => Err(Error::Interrupted("the connection broke".into())),
            _ => Ok(response(200, vec![], 2)),
        }
    }
}

fn response(status: u16, headers: Vec<(String, Vec<u8>)>, bytes: usize) -> Response {
    Response { status, headers, body: Bytes::from(vec![b'x'; bytes]) }
}

fn doubled() -> (Arc<Double>, Egress) {
    let double = Arc::new(Double::default());
    // Port 9 is nobody's: a request that went out would fail.
    let system = erp(9, Credentials::Bearer("top-secret-7".into()));
    let egress = Egress::through(double.clone(), vec![system]).expect("an egress");
    (double, egress)
}

#[tokio::test]
async fn it_answers_what_is_granted_and_sees_no_credentials() {
    let (double, egress) = doubled();
    let request = Request { headers: vec![("X-B".into(), b"b".into())], ..path("/orders?x=1") };
    let (answer, ledger) = send(&egress, &on_erp(), request).await;
    assert_eq!(answer.expect("a response").status, 200);
    assert_eq!(ledger.exchanges.len(), 1);
    let sent = double.0.lock().expect("no panic").pop().expect("it was asked");
    assert_eq!(sent.system.as_deref(), Some("erp"));
    assert_eq!(sent.target, Target::Path("/orders?x=1".into()));
    assert_eq!(sent.url.as_str(), "http://127.0.0.1:9/api/orders?x=1");
    assert_eq!(sent.headers, [("X-B".to_owned(), b"b".to_vec())]);

    let (refused, ledger) = send(&egress, &on_erp(), url("http://127.0.0.1:9/elsewhere")).await;
    assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    assert_eq!(ledger.exchanges.len(), 1, "what is denied is recorded too");
    assert!(double.0.lock().expect("no panic").is_empty(), "it is not asked what the grant does not cover");
}

#[tokio::test]
async fn its_answers_have_the_limits_of_others() {
    let (double, egress) = doubled();
    let (answer, _) = send(&egress, &on_erp(), path("/large")).await;
    assert_eq!(answer, Err(Error::ResponseTooLarge(10_000)));
    let (answer, ledger) = send(&egress, &on_erp(), path("/broken")).await;
    assert_eq!(answer, Err(Error::Interrupted("the connection broke".into())));
    assert_eq!(ledger.exchanges[0].result, Err("the connection broke".into()));
    let patient = Request { timeout: Some(Duration::from_millis(20)), ..path("/never") };
    let (answer, _) = send(&egress, &on_erp(), patient).await;
    assert!(matches!(answer, Err(Error::Timeout(_))), "{answer:?}");

    let following = context(Grant { redirects: 1, ..on_erp().grant.as_ref().clone() });
    let (answer, ledger) = send(&egress, &following, path("/moved")).await;
    assert_eq!(answer.expect("a response").status, 200);
    assert_eq!((ledger.requests, ledger.exchanges.len()), (2, 2));
    let last = double.0.lock().expect("no panic").pop().expect("it was asked");
    assert_eq!(last.url.path(), "/api/there");
}
