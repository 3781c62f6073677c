use super::{Cause, Exchange, ExchangeResponse, Failure, Record};
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
    let response =
        |status| ExchangeResponse { status, headers: Vec::new(), body: String::new(), body_bytes: 0 };
    Exchange {
        system: system.map(str::to_owned),
        method: "POST".into(),
        url: "https://erp.test/orders".into(),
        request_headers: Vec::new(),
        request_body: String::new(),
        request_bytes: 0,
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
