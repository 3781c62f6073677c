use super::{Cause, Exchange, ExchangeResponse, Failure, Lack, Record};
use crate::manifest::Kind;

/// A record of a connector's attempt that failed so.
pub(crate) fn record(failure: Failure, exchanges: Vec<Exchange>) -> Record {
    Record {
        step: "order".into(),
        number: 1,
        plugin: "rest".into(),
        digest: String::new(),
        started_ms: 0,
        took_us: 0,
        memory_bytes: 0,
        failure: Some(failure),
        exchanges,
        logs: Vec::new(),
    }
}

/// An exchange with this system that ended so.
pub(crate) fn exchange(system: Option<&str>, status: Option<u16>) -> Exchange {
    let response = |status| ExchangeResponse {
        status,
        headers: Vec::new(),
        body: String::new(),
        body_bytes: 0,
        lack: None,
    };
    Exchange {
        system: system.map(str::to_owned),
        method: "POST".into(),
        url: "https://erp.test/orders".into(),
        request_headers: Vec::new(),
        request_body: String::new(),
        request_bytes: 0,
        request_lack: None,
        unanswered: None,
        result: status.map(response).ok_or_else(|| "no answer".to_owned()),
        took_us: 0,
    }
}

#[test]
fn all_causes_are_listed_once_and_found_by_the_name_that_is_stored() {
    assert_eq!(Cause::ALL.len(), Cause::Host as usize + 1);
    for (index, cause) in Cause::ALL.into_iter().enumerate() {
        assert_eq!(cause as usize, index);
        assert_eq!(Cause::from_name(cause.name()), Some(cause));
        assert_eq!(serde_json::to_value(cause).unwrap(), cause.name());
    }
    assert_eq!(Cause::from_name("Trap"), None);
}

#[test]
fn a_connector_may_pass_where_a_pure_step_repeats_itself_but_not_an_expression() {
    for cause in Cause::ALL {
        assert_eq!(cause.may_pass(Kind::Transform), cause.may_pass_when_pure(), "{cause:?}");
        let repeats = matches!(
            cause,
            Cause::Expression | Cause::Invalid | Cause::TimedOut | Cause::Declined | Cause::Child
        );
        assert_eq!(cause.may_pass(Kind::Connector), !repeats, "{cause:?}");
    }
}

#[test]
fn the_last_exchange_counts_even_if_it_had_no_answer() {
    let of = |exchanges| {
        let record = record(Failure::new(Cause::RetryAsked, "x"), exchanges);
        (record.last_status(), record.last_system().map(str::to_owned))
    };
    let (erp, crm) = (Some("erp"), Some("crm"));
    assert_eq!(of(vec![]), (None, None));
    assert_eq!(
        of(vec![exchange(crm, Some(200)), exchange(erp, Some(503))]),
        (Some(503), erp.map(Into::into))
    );
    assert_eq!(of(vec![exchange(erp, Some(503)), exchange(crm, None)]), (None, crm.map(Into::into)));
    assert_eq!(of(vec![exchange(erp, Some(200)), exchange(None, Some(404))]), (Some(404), None));
}

#[test]
fn an_exchange_of_an_earlier_release_is_read_and_lacks_what_its_lengths_say() {
    let old = serde_json::json!({
        "system": "erp", "method": "GET", "url": "https://erp.test/", "request_headers": [], "request_body": "",
        "request_bytes": 0, "took_us": 1,
        "result": { "Ok": { "status": 200, "headers": [], "body": "part", "body_bytes": 5000 } },
    });
    let exchange: Exchange = serde_json::from_value(old.clone()).unwrap();
    assert_eq!((exchange.request_lack(), exchange.unanswered), (None, None));
    assert_eq!(exchange.result.as_ref().unwrap().lack(), Some(Lack::Cut));
    assert_eq!(serde_json::to_value(exchange).unwrap(), old);
}
