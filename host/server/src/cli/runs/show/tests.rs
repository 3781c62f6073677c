use std::collections::BTreeMap;

use serde_json::json;
use stepmill_core::RunId;
use stepmill_core::attempt::{Cause, ExchangeResponse, Violation};
use stepmill_core::run;

use stepmill_core::dead::{Category, fingerprint};
use stepmill_core::event::{Event, Trigger};
use stepmill_core::run::{Accepted, Pending};

use super::*;

const ACCEPTED_MS: u64 = 1_792_000_000_000;

fn record(step: &str, number: u32, plugin: &str, took_us: u64) -> Record {
    Record {
        step: step.into(),
        number,
        plugin: plugin.into(),
        digest: "0123456789abcdef".repeat(4),
        started_ms: ACCEPTED_MS,
        took_us,
        memory_bytes: 4 << 20,
        failure: None,
        exchanges: Vec::new(),
        logs: Vec::new(),
    }
}

fn exchange(status: u16) -> Exchange {
    Exchange {
        system: Some("erp".into()),
        method: "POST".into(),
        url: "http://127.0.0.1:9101/orders".into(),
        request_headers: vec![("idempotency-key".into(), "run_…:create".into())],
        request_body: r##"{"reference":"#7"}"##.into(),
        request_bytes: 18,
        request_lack: None,
        unanswered: None,
        result: Ok(ExchangeResponse {
            status,
            headers: vec![("retry-after".into(), "1".into())],
            body: "down\x1b[2J".into(),
            body_bytes: 8,
            lack: None,
        }),
        took_us: 3_140,
    }
}

/// A run whose connector fails once, whose second step then rejects, and which a person redrives.
fn shown() -> Shown {
    let event = Event {
        trigger: Trigger::Webhook { path: "/shop/orders".into() },
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        document: Document::json(&json!({ "name": "#7", "quantity": 2 })),
        raw: None,
    };
    let run = RunId::new(ACCEPTED_MS, [7; 10]);
    let mut failed = record("create", 1, "rest", 4_200);
    failed.failure = Some(Failure {
        code: "http-503".into(),
        retry_after_ms: Some(1_000),
        ..Failure::new(Cause::RetryAsked, "the system erp answered 503")
    });
    failed.exchanges = vec![exchange(503)];
    failed.logs = vec![LogLine {
        level: LogLevel::Warn,
        message: "the ERP is down".into(),
        fields: vec![("status".into(), "503".into())],
    }];
    let mut created = record("create", 2, "rest", 5_100);
    created.exchanges = vec![exchange(201)];
    let mut invalid = record("verify", 1, "json-schema", 310);
    invalid.failure = Some(Failure {
        violations: vec![Violation {
            pointer: "/number".into(),
            rule: "required".into(),
            message: "there is no number".into(),
        }],
        ..Failure::new(Cause::Invalid, "1 violation")
    });
    let entry = |after_ms, what, pure| Entry { pure, ..Entry::new(ACCEPTED_MS + after_ms, what) };
    let version = "9f86d081".to_owned();
    let accepted = Accepted {
        run,
        workflow: "order-to-cash".into(),
        version,
        event,
        timeout_ms: None,
        parent: None,
        key: None,
        lane: None,
        gather: None,
        is_held: false,
    };
    let entries = vec![
        entry(0, What::Accepted(Box::new(accepted)), Vec::new()),
        entry(
            12,
            What::AttemptFailed { record: failed, retry_at_ms: ACCEPTED_MS + 1_012 },
            vec![record("check", 1, "json-schema", 900), record("shape", 1, "map", 1_100)],
        ),
        entry(
            1_050,
            What::StepSucceeded { output: Document::json(&json!({ "order": "SO-1" })), record: created },
            Vec::new(),
        ),
        entry(1_060, died(invalid), Vec::new()),
        entry(
            90_000,
            What::Redriven {
                from_start: false,
                version: None,
                document: Some(Document::json(&json!({ "name": "#7", "quantity": 3 }))),
                by: "jo (command line)".into(),
                by_rule: false,
            },
            Vec::new(),
        ),
        entry(90_020, What::Succeeded { output: None }, vec![record("verify", 2, "json-schema", 290)]),
    ];
    let state = run::replay(&entries).expect("a legal history").expect("a run");
    Shown { state, entries, links: BTreeMap::new() }
}

#[test]
fn a_run_is_shown_with_every_attempt_request_and_log_line() {
    insta::assert_snapshot!(render(Paint::plain(), &shown(), false));
}

#[test]
fn a_dead_run_says_where_and_why_it_died_and_bodies_are_shown_on_demand() {
    let mut shown = shown();
    shown.entries.truncate(4);
    shown.state = run::replay(&shown.entries).expect("a legal history").expect("a run");
    insta::assert_snapshot!(render(Paint::plain(), &shown, true));
}

fn died(record: Record) -> What {
    let fingerprint =
        fingerprint("order-to-cash", &record.step, record.failure.as_ref().expect("it failed"), None);
    What::Died { record, category: Category::Data, fingerprint, undo: false, redrive: None }
}

#[test]
fn a_run_that_waits_for_a_person_shows_the_link() {
    let mut shown = shown();
    shown.entries.truncate(1);
    let pending = Pending::Decision { until_ms: None, question: Some("Pay it?".into()) };
    let began = What::Began { step: "boss".into(), pending };
    shown.entries.push(Entry { rests: Some(2), ..Entry::new(ACCEPTED_MS + 1, began) });
    shown.state = run::replay(&shown.entries).expect("a legal history").expect("a run");
    shown.links = BTreeMap::from([("boss".into(), "https://flows.example.com/approvals/…".into())]);
    let page = render(Paint::plain(), &shown, false);
    assert!(page.contains("link      boss: https://flows.example.com/approvals/…"), "{page}");
    assert!(page.contains("boss: waits for a decision: Pay it?"), "{page}");
}
