//! Shapes of workflows: graphs, waits, calls, lists.

use serde_json::{Value, json};

use super::{plan, problems};
use crate::workflow::{Body, Work};

fn workflow(steps: Value) -> Value {
    json!({ "name": "w", "steps": steps })
}

#[test]
fn every_shape_of_step_has_its_place_in_a_plan() {
    let plan = plan(workflow(json!([
        { "id": "list", "use": "map" },
        { "id": "each", "for-each": { "in": "${{ input.items }}", "batch": 10, "failures": "collect" },
          "steps": [{ "id": "shape", "use": "map" },
                    { "id": "send", "use": "rest", "with": { "method": "POST", "path": "/${{ item.id }}/${{ index }}" } }] },
        { "id": "one-by-one", "for-each": { "in": "${{ steps.list.output.items }}" }, "use": "map" },
        { "id": "calls", "for-each": { "in": "${{ steps.list.output.items }}" }, "call": { "workflow": "other" } },
        { "id": "call", "call": { "workflow": "other", "detach": true } },
        { "id": "pause", "sleep": "5m" },
        { "id": "until", "until": "${{ body.at }}" },
        { "id": "shipped", "wait": { "event": "shipment", "key": "${{ body.id }}" }, "timeout": "14d" },
        { "id": "boss", "approve": { "question": "Pay ${{ body.total }}?" }, "otherwise": "shipped" },
        { "id": "pay", "use": "rest", "system": "erp", "with": { "method": "POST", "path": "/pay" },
          "undo": { "use": "rest", "system": "erp", "with": { "method": "POST", "path": "/pay/${{ input.id }}/cancel" } } },
    ])))
    .unwrap();
    let names: Vec<&str> = plan.steps.iter().map(|step| step.work.name()).collect();
    let works =
        ["map", "for-each", "for-each", "for-each", "call", "sleep", "until", "wait", "approve", "rest"];
    assert_eq!(names, works);
    let body = |at: usize| match &plan.steps[at].work {
        Work::ForEach(for_each) => match &for_each.body {
            Body::Part(name) => format!("part {name}"),
            Body::Workflow(name) => format!("workflow {name}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!([body(1), body(2), body(3)], ["part w/each", "part w/one-by-one", "workflow other"]);
    let part = std::sync::Arc::new(plan.clone());
    let part = part.part("w/each").unwrap();
    assert_eq!((part.steps.len(), &part.version), (2, &plan.version));
    let undo = plan.steps[9].undo.as_deref().unwrap();
    assert_eq!((&*undo.id, &*undo.pointer), ("pay/undo", "/steps/9/undo"));
    // What follows an alternative comes after both ways.
    assert_eq!(plan.steps[9].needs, [7, 8]);
    assert_eq!(plan.plugin_steps().len(), 6);
}

#[test]
fn every_mistake_in_a_shape_has_its_sentence() {
    let cases = [
        (json!({ "id": "a" }), "/steps/1: the step does nothing"),
        (
            json!({ "id": "a", "use": "map", "sleep": "1s" }),
            "/steps/1: the step does several things: use, sleep",
        ),
        (
            json!({ "id": "a", "sleep": "1s", "retry": {} }),
            "/steps/1/retry: retry belongs to a step that uses a plugin",
        ),
        (json!({ "id": "a", "sleep": "soon" }), "/steps/1/sleep: \"soon\" is no duration"),
        (json!({ "id": "a", "until": "tomorrow" }), "/steps/1/until: \"tomorrow\" is no time"),
        (
            json!({ "id": "a", "steps": [{ "id": "b", "use": "map" }] }),
            "/steps/1/steps: only a for-each step has steps",
        ),
        (
            json!({ "id": "a", "for-each": { "in": "${{ input }}" }, "sleep": "1s" }),
            "/steps/1/sleep: a for-each step has no sleep",
        ),
        (
            json!({ "id": "a", "for-each": { "in": "[1]" }, "use": "map" }),
            "/steps/1/for-each/in: \"[1]\" holds no expression",
        ),
        (
            json!({ "id": "a", "for-each": { "in": "${{ input }}", "concurrency": 0 }, "use": "map" }),
            "/steps/1/for-each/concurrency: concurrency is 0",
        ),
        (
            json!({ "id": "a", "call": { "workflow": "othr" } }),
            "/steps/1/call/workflow: there is no workflow \"othr\" (did you mean \"other\"?",
        ),
        (
            json!({ "id": "a", "wait": { "event": "shipmnt", "key": "${{ body.id }}" } }),
            "/steps/1/wait/event: there is no event \"shipmnt\" (did you mean \"shipment\"?",
        ),
        (
            json!({ "id": "a", "wait": { "event": "shipment", "key": "all" } }),
            "/steps/1/wait/key: \"all\" holds no expression",
        ),
        (json!({ "id": "a", "approve": {}, "timeout": "0s" }), "/steps/1/timeout: the timeout is zero"),
        (
            json!({ "id": "a", "use": "map", "needs": ["frst"] }),
            "/steps/1/needs/0: there is no step \"frst\" before this one (did you mean \"first\"?",
        ),
        (
            json!({ "id": "a", "use": "map", "otherwise": "first" }),
            "/steps/1/otherwise: \"first\" is never passed over",
        ),
        (
            json!({ "id": "a", "use": "map", "needs": [], "input": "${{ steps.first.output }}" }),
            "/steps/1/input: there is no step \"first\" before this one (none are before it)",
        ),
        (
            json!({ "id": "a", "use": "map", "input": "${{ item.id }}" }),
            "/steps/1/input: there is item only in the steps of a for-each step",
        ),
        (
            json!({ "id": "a", "sleep": "1s", "undo": { "use": "map" } }),
            "/steps/1/undo: only a step that uses a plugin, or waits for a workflow that it calls, has an undo",
        ),
    ];
    for (step, sentence) in cases {
        let found = problems(workflow(json!([{ "id": "first", "use": "map" }, step])));
        assert!(matches!(found.as_slice(), [one] if one.starts_with(sentence)), "{sentence}: {found:#?}");
    }
}

#[test]
fn every_mistake_in_what_starts_a_run_has_its_sentence() {
    let webhook = json!({ "path": "/a", "verify": { "scheme": "none" } });
    let with = |key: &str, value: Value| {
        let mut webhook = webhook.clone();
        webhook[key] = value;
        json!({ "on": { "webhook": webhook } })
    };
    let gather = |gather: Value| json!({ "on": { "webhook": webhook, "gather": gather } });
    let cases = [
        (json!({ "lane": "all" }), "/lane: the lane holds no expression"),
        (json!({ "lane": { "key": "${{ run.id }}" } }), "/lane/key: the lane refers to run"),
        (
            json!({ "lane": { "key": "${{ body.id }}", "concurrency": 0 } }),
            "/lane/concurrency: concurrency is 0",
        ),
        (json!({ "timeout": "0s" }), "/timeout: the timeout is zero"),
        (json!({ "retain": {} }), "/retain: retain says nothing"),
        (json!({ "retain": { "for": "10ms" } }), "/retain/for: finished runs would be gone before"),
        (json!({ "retain": { "runs": 0 } }), "/retain/runs: runs is 0"),
        (json!({ "retain": { "bytes": "0B" } }), "/retain/bytes: bytes is 0"),
        (json!({ "on": { "event": "shipmnt" } }), "/on/event: there is no event \"shipmnt\""),
        (
            json!({ "on": { "run": { "workflow": "w" } } }),
            "/on/run/workflow: a workflow that its own end starts",
        ),
        (json!({ "on": { "run": { "workflow": "other", "ends": [] } } }), "/on/run/ends: there are no ends"),
        (
            with("respond", json!({ "within": "5m" })),
            "/on/webhook/respond/within: within is zero or over a minute",
        ),
        (
            with("respond", json!({ "from": "frst", "within": "5s" })),
            "/on/webhook/respond/from: there is no step \"frst\"",
        ),
        (
            with("answer", json!({ "status": 404 })),
            "/on/webhook/answer/status: status is 404: give 200 to 299",
        ),
        (
            with("answer", json!({ "headers": { "Content-Length": "3" } })),
            "/on/webhook/answer/headers/Content-Length: Content-Length is given by the host",
        ),
        (
            with("answer", json!({ "headers": { "x-a": "é" } })),
            "/on/webhook/answer/headers/x-a: the value of x-a holds more than",
        ),
        (
            with("answer", json!({ "body": "${{ input.id }}" })),
            "/on/webhook/answer/body: the answer refers to input, which is not there when",
        ),
        (gather(json!({ "by": "${{ body.id }}", "for": "0s" })), "/on/gather/for: for is zero"),
        (gather(json!({ "by": "${{ body.id }}", "for": "1m", "max": 1 })), "/on/gather/max: max is 1"),
        (
            gather(json!({ "by": "${{ body.id }}", "for": "1m", "quiet": "2m" })),
            "/on/gather/quiet: quiet is zero or longer",
        ),
        (gather(json!({ "by": "all", "for": "1m" })), "/on/gather/by: by holds no expression"),
        (
            json!({ "on": { "gather": { "by": "${{ body.id }}", "for": "1m" } } }),
            "/on/gather: there are no events to gather",
        ),
        (
            json!({ "on-failure": [{ "id": "a", "use": "mop" }] }),
            "/on-failure/0/use: there is no plugin \"mop\"",
        ),
        (json!({ "output": "${{ steps.last.output }}" }), "/output: there is no step \"last\""),
    ];
    for (extra, sentence) in cases {
        let mut definition = workflow(json!([{ "id": "first", "use": "map" }]));
        definition.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let found = problems(definition);
        assert!(matches!(found.as_slice(), [one] if one.starts_with(sentence)), "{sentence}: {found:#?}");
    }
}

#[test]
fn a_link_is_for_an_approval_of_the_same_list_and_wants_a_service_that_can_make_it() {
    let definition = |told: &str| {
        workflow(json!([
            { "id": "tell", "use": "rest", "system": "crm", "input": { "text": format!("${{{{ {told} }}}}") },
              "with": { "method": "POST", "path": "/messages" } },
            { "id": "boss", "approve": {} },
        ]))
    };
    assert!(plan(definition("links.boss")).is_ok());
    let said = problems(definition("links.bos"));
    let wanted = "/steps/0/input: there is a link only for an `approve` step, and \"bos\" is none here \
                  (did you mean \"boss\"? with approve: boss)";
    assert_eq!(said, [wanted]);
    assert_eq!(problems(definition("links.tell")).len(), 1);
    let inner = json!({ "id": "each", "for-each": { "in": "${{ body.items }}" },
        "steps": [{ "id": "map", "use": "map", "input": "${{ links.boss }}" }] });
    assert_eq!(problems(workflow(json!([{ "id": "boss", "approve": {} }, inner]))).len(), 1);
    let said = super::plan_without_links(definition("links.boss")).unwrap_err();
    let wanted = "/steps/0/input: links.boss needs `approvals` in stepmill.yaml, which is not there";
    assert_eq!(said.iter().map(ToString::to_string).collect::<Vec<_>>(), [wanted]);
}

#[test]
fn rules_of_redrives_belong_to_the_parts_too_and_name_systems_that_there_are() {
    let workflow = |system: &str, times: u32| {
        let rule =
            json!({ "on": { "category": ["transient"], "system": [system] }, "after": "1h", "times": times });
        json!({ "name": "w", "redrive": [rule], "steps": [
            { "id": "each", "for-each": { "in": "${{ body }}" }, "use": "map" },
        ] })
    };
    let plan = plan(workflow("erp", 3)).unwrap();
    let failure = crate::attempt::Failure::new(crate::attempt::Cause::RetryAsked, "x");
    let exchanges = vec![crate::attempt::tests::exchange(Some("erp"), Some(503))];
    let record = crate::attempt::tests::record(failure.clone(), exchanges);
    for rules in [&plan.redrive, &plan.parts["each"].redrive] {
        let redrive = rules.redrive(crate::dead::Category::Transient, &failure, &record, 2, 0);
        assert_eq!(redrive.map(|redrive| redrive.times), Some(3));
    }
    let said = problems(workflow("erpp", 0));
    let sentences = ["/redrive/0/on/system/0: there is no system \"erpp\"", "/redrive/0/times: times is 0"];
    assert!(said.iter().zip(sentences).all(|(said, sentence)| said.starts_with(sentence)), "{said:#?}");
    assert_eq!(said.len(), 2, "{said:#?}");
}
