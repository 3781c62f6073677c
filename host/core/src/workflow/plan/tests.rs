#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Environment, EventPlan, Names, Plan, PlanError, PluginInfo};
use crate::limits::Limits;
use crate::manifest::{Kind, Manifest};
use crate::workflow::Definition;

fn plugin(name: &str, kind: Kind, config_schema: Value) -> (String, PluginInfo) {
    let manifest = Manifest {
        name: name.into(),
        version: "1.0.0".into(),
        summary: "a plugin".into(),
        kind,
        config_schema,
        input_schema: None,
        output_schema: None,
    };
    (name.into(), PluginInfo { manifest: Arc::new(manifest), digest: format!("digest-of-{name}").into() })
}

fn plugins() -> BTreeMap<String, PluginInfo> {
    let rest = json!({
        "type": "object", "required": ["method", "path"], "additionalProperties": false,
        "properties": {
            "method": { "enum": ["GET", "POST"] }, "path": { "type": "string", "pattern": "^/" },
            "expect": { "type": "array", "items": { "type": "integer", "minimum": 100 } },
            "body": { "oneOf": [{ "type": "string" }, { "type": "object", "required": ["json"] }] },
        },
    });
    let schema = json!({
        "type": "object", "required": ["schema"], "additionalProperties": false,
        "properties": {
            "schema": { "type": ["object", "boolean"], "x-stepmill-file": true },
            "label": { "type": "string" },
        },
    });
    [
        plugin("rest", Kind::Connector, rest),
        plugin("json-schema", Kind::Validate, schema),
        plugin("map", Kind::Transform, json!({ "type": "object" })),
        plugin("acme", Kind::Verify, json!({ "type": "object" })),
    ]
    .into()
}

fn plan(definition: Value) -> Result<Plan, Vec<PlanError>> {
    plan_with_file(definition, json!({ "type": "object", "description": "not ${{ an expression }}" }))
}

/// Of a service without `approvals`.
fn plan_without_links(definition: Value) -> Result<Plan, Vec<PlanError>> {
    plan_with(definition, Value::Null, false)
}

/// With this content of `order.json`.
fn plan_with_file(definition: Value, content: Value) -> Result<Plan, Vec<PlanError>> {
    plan_with(definition, content, true)
}

fn plan_with(definition: Value, content: Value, has_links: bool) -> Result<Plan, Vec<PlanError>> {
    let read_file = |path: &str| match path {
        "order.json" => Ok(content.clone()),
        other => Err(format!("there is no file {other:?}")),
    };
    let environment = Environment {
        plugins: &plugins(),
        unused_plugins: Names::Any,
        systems: Names::Of(&BTreeSet::from(["erp".into(), "crm".into()])),
        events: Names::Of(&BTreeSet::from(["shipment".into()])),
        workflows: Names::Of(&BTreeSet::from(["w".into(), "other".into()])),
        has_links,
        limits: Limits { http_requests: 9, ..Limits::default() },
        read_file: &read_file,
    };
    let definition: Definition = serde_json::from_value(definition).unwrap();
    Plan::try_new(definition, &environment)
}

/// Each problem in one line.
fn problems(definition: Value) -> Vec<String> {
    let line = |error: &PlanError| match &error.help {
        Some(help) => format!("{error} ({help})"),
        None => error.to_string(),
    };
    plan(definition).unwrap_err().iter().map(line).collect()
}

fn step(step: Value) -> Value {
    json!({ "name": "w", "steps": [{ "id": "first", "use": "map" }, step] })
}

#[track_caller]
fn is_refused(definition: Value, line: &str) {
    let problems = problems(definition);
    assert!(matches!(problems.as_slice(), [problem] if problem.starts_with(line)), "{problems:#?}");
}

fn order_to_cash() -> Value {
    json!({
        "name": "order-to-cash",
        "on": { "webhook": {
            "path": "/shop/orders", "verify": { "scheme": "shopify", "secret": "env:SHOP_SECRET" },
            "dedupe": "${{ headers['x-shopify-webhook-id'] }}",
        } },
        "retry": { "attempts": 3 },
        "steps": [
            { "id": "check", "use": "json-schema", "with": { "schema": "order.json" } },
            { "id": "shape", "use": "map" },
            { "id": "stock", "use": "rest", "system": "erp", "timeout": "10s", "limits": { "memory_bytes": 1_048_576 },
              "retry": { "attempts": 8, "backoff": "exponential", "first": "1s", "max": "5m" },
              "with": { "method": "GET", "path": "/inventory/${{ input.sku }}" } },
            { "id": "create", "use": "rest", "system": "erp", "redirects": 1,
              "when": "${{ steps.stock.output.available >= steps.shape.output.quantity }}",
              "allow": [{ "url": "https://api.example.com/v1/", "methods": ["GET"] }],
              "with": { "method": "${{ body.method }}", "path": "/orders", "expect": ["${{ body.status }}", 201] } },
        ],
    })
}

#[test]
fn a_webhook_names_who_may_call_it_and_how_often() {
    let mut workflow = order_to_cash();
    workflow["on"]["webhook"]["from"] = json!(["203.0.113.0/24", "2001:db8::1"]);
    workflow["on"]["webhook"]["rate"] = json!({ "requests": 10, "per": "1s" });
    let webhook = plan(workflow.clone()).unwrap().webhook.unwrap();
    assert!(webhook.from.iter().any(|network| network.contains([203, 0, 113, 7].into())));
    workflow["on"]["webhook"]["rate"]["requests"] = json!(0);
    is_refused(workflow, "/on/webhook/rate/requests: requests is 0");
}

#[test]
fn a_right_definition_becomes_a_plan() {
    let plan = plan(order_to_cash()).unwrap();
    let [check, _, stock, create] = plan.steps.as_slice() else { unreachable!() };
    assert!(plan.dedupe.is_some() && plan.schedule.is_none());
    assert_eq!((&*plan.name, &*plan.namespace), ("order-to-cash", "order-to-cash"));
    assert_eq!(
        check
            .plugin()
            .unwrap()
            .constant_config
            .as_deref()
            .map(|text| serde_json::from_str::<Value>(text).unwrap()),
        Some(json!({ "schema": { "type": "object", "description": "not ${{ an expression }}" } }))
    );
    let limits = Limits { http_requests: 9, memory_bytes: 1 << 20, wall_ms: 10_000, ..Limits::default() };
    assert_eq!(stock.plugin().unwrap().limits, limits);
    assert_eq!((check.plugin().unwrap().retry.attempts(), stock.plugin().unwrap().retry.attempts()), (3, 8));
    assert!(stock.plugin().unwrap().constant_config.is_none() && create.when.is_some());
    assert_eq!(create.plugin().unwrap().grant.system.as_deref(), Some("erp"));
    assert_eq!(
        (create.plugin().unwrap().grant.allow.len(), create.plugin().unwrap().grant.redirects),
        (1, 1)
    );
    assert_eq!(create.plugin().unwrap().grant.namespace, "order-to-cash");
    assert_eq!(&*create.plugin().unwrap().digest, "digest-of-rest");
}

#[test]
fn the_version_hangs_on_what_is_said_and_not_on_how() {
    let version = |definition: Value| plan(definition).unwrap().version;
    let base = version(order_to_cash());
    assert_eq!(base.len(), 64);
    let mut said_out = order_to_cash();
    said_out["steps"][1]["with"] = json!({});
    said_out["on"]["webhook"]["dedupe_for"] = json!("7days");
    assert_eq!(version(said_out), base);
    let mut other = order_to_cash();
    other["steps"][3]["with"]["path"] = json!("/order");
    assert_ne!(version(other), base);
    let mut kept = order_to_cash();
    kept["retain"] = json!({ "for": "30d", "runs": 100 });
    assert_eq!(version(kept), base, "how long runs are kept is no part of what they do");
}

#[test]
fn the_version_hangs_on_the_content_of_files_beside_expressions_too() {
    let constant = json!({ "schema": "order.json" });
    let dynamic = json!({ "schema": "order.json", "label": "${{ body.id }}" });
    for with in [constant, dynamic] {
        let version = |content: &str| {
            let definition = step(json!({ "id": "s", "use": "json-schema", "with": with }));
            plan_with_file(definition, serde_json::from_str(content).unwrap()).unwrap().version
        };
        let base = version(r#"{ "type": "object", "required": ["id"] }"#);
        assert_ne!(version(r#"{ "type": "object", "required": ["sku"] }"#), base, "{with}");
        assert_eq!(version(r#"{ "required": ["id"], "type": "object" }"#), base, "{with}");
    }
}

#[test]
fn what_a_webhook_says_of_bodies_is_checked() {
    let at_bodies = |webhook: Value| {
        let mut definition = order_to_cash();
        for (key, value) in webhook.as_object().unwrap() {
            definition["on"]["webhook"][key] = value.clone();
        }
        problems(definition)
    };
    for (webhook, expected) in [
        (
            json!({ "body": { "max_inflated_bytes": 1024 } }),
            "/on/webhook/body/max_inflated_bytes: max_inflated_bytes is 1024: give 1048576 (max_body_bytes) to",
        ),
        (
            json!({ "body": { "xml": { "max_depth": 64 } } }),
            "/on/webhook/body/xml/max_depth: max_depth is 64: give 1 to 63",
        ),
        (
            json!({ "body": { "split": true, "max_records": 0 } }),
            "/on/webhook/body/max_records: max_records is 0: give 1 to 10000",
        ),
        (
            json!({ "body": { "split": "events" } }),
            "/on/webhook/body/split: \"events\" is no JSON pointer: write \"/events\"",
        ),
        (
            json!({ "body": { "split": true, "as": "text" } }),
            "/on/webhook/body/split: text and binary have no records",
        ),
        (
            json!({ "body": { "split": true }, "respond": { "within": "1s" } }),
            "/on/webhook/body/split: a sender of several records",
        ),
    ] {
        let found = at_bodies(webhook);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:#?}");
    }
    let event = json!({
        "webhook": { "path": "/x", "verify": { "scheme": "none" }, "body": { "split": true } },
        "key": "${{ body.id }}",
    });
    let problems = EventPlan::try_new("x", serde_json::from_value(event).unwrap()).unwrap_err();
    assert_eq!(problems[0].pointer, "/webhook/body/split");
    let mut without = order_to_cash();
    without["on"]["webhook"]["dedupe"] = json!("none");
    assert!(plan(without).unwrap().dedupe.is_none());
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let problems = problems(json!({
        "name": "Order", "storage": "",
        "on": {
            "webhook": { "path": "orders", "verify": { "scheme": "none" }, "dedupe": "${{ run.id }}" },
            "schedule": { "cron": "every day" },
        },
        "retry": { "attempts": 0 },
        "steps": [
            { "id": "one", "use": "jsonschema" },
            { "id": "one", "use": "map", "system": "erp", "retry": { "first": "1h" } },
            { "id": "Three", "use": "rest", "system": "epr", "timeout": "2h", "limits": { "cpu_ms": 0 },
              "when": "${{ steps.four.output }}", "input": "${{ bdy }}",
              "with": { "method": "PUT", "pth": "/x", "expect": ["${{ 1 + }}"] } },
        ],
    }));
    let pointers: Vec<_> = problems.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/storage",
            "/retry/attempts",
            "/on/webhook/path",
            "/on/webhook/dedupe",
            "/on/schedule/cron",
            "/steps/0/use",
            "/steps/1/id",
            "/steps/1/system",
            "/steps/1/retry/first",
            "/steps/2/id",
            "/steps/2/system",
            "/steps/2/with/expect/0",
            "/steps/2/timeout",
            "/steps/2/limits/cpu_ms",
            "/steps/2/when",
            "/steps/2/input",
        ],
        "{problems:#?}"
    );
    let help = "there is no plugin \"jsonschema\" (did you mean \"json-schema\"? installed: acme, json-schema, map, rest)";
    assert!(problems[6].ends_with(help), "{}", problems[6]);
    assert!(problems[11].contains("did you mean \"erp\"? configured: crm, erp"), "{}", problems[11]);
    is_refused(json!({ "name": "w", "steps": [] }), "/steps: there are no steps");
}

#[test]
fn a_config_is_checked_as_far_as_it_is_known() {
    let with = |with: Value| step(json!({ "id": "s", "use": "rest", "with": with }));
    let right = [
        json!({ "method": "${{ body.m }}", "path": "${{ body.p }}" }),
        json!({ "method": "GET", "path": "/${{ body.p }}", "expect": "${{ body.expect }}" }),
        json!({ "method": "GET", "path": "/", "body": "${{ body }}" }),
        json!({ "method": "GET", "path": "/", "body": { "json": "${{ body }}" } }),
        json!({ "method": "GET", "path": "/", "body": { "jsn": "${{ body }}" } }),
    ];
    for config in right {
        assert!(plan(with(config.clone())).is_ok(), "{config}");
    }
    is_refused(with(json!({ "method": "PUT", "path": "/" })), "/steps/1/with/method: \"PUT\" is not one of");
    is_refused(with(json!({ "path": "${{ body.p }}" })), "/steps/1/with: the key \"method\" is missing");
    is_refused(
        with(json!({ "method": "GET", "path": "/", "paht": "${{ body.p }}" })),
        "/steps/1/with/paht: there is no key \"paht\" (did you mean \"path\"? the plugin \"rest\" knows: body, expect",
    );
    is_refused(
        with(json!({ "method": "GET", "path": "/", "expect": ["${{ body.a }}", 99] })),
        "/steps/1/with/expect/1: 99 is less than",
    );
    is_refused(
        with(json!({ "method": "GET", "path": "/", "body": 7 })),
        "/steps/1/with/body: 7 is not valid",
    );
}

#[test]
fn a_plugin_that_verifies_is_no_step() {
    let message = "/steps/1/use: \"acme\" is a verify plugin, and no step (name it under verify of a webhook";
    is_refused(step(json!({ "id": "one", "use": "acme" })), message);
}

#[test]
fn a_file_stands_for_its_content() {
    let with = |schema: Value| step(json!({ "id": "s", "use": "json-schema", "with": { "schema": schema } }));
    assert!(plan(with(json!({ "type": "string" }))).is_ok());
    assert!(plan(with(json!("${{ body.schema }}"))).is_ok());
    is_refused(with(json!("none.json")), "/steps/1/with/schema: there is no file \"none.json\"");
}

#[test]
fn a_step_refers_to_those_before_it_alone() {
    for (key, value) in
        [("when", json!("${{ has(steps.s.output) }}")), ("input", json!(["${{ steps.later }}"]))]
    {
        let mut definition = step(json!({ "id": "s", "use": "map" }));
        definition["steps"][1][key] = value;
        definition["steps"].as_array_mut().unwrap().push(json!({ "id": "later", "use": "map" }));
        is_refused(definition, &format!("/steps/1/{key}: there is no step"));
    }
    for when in [json!("body.paid"), json!("${{ body.a }} > 1"), json!(1), json!(["${{ true }}"])] {
        is_refused(
            step(json!({ "id": "s", "use": "map", "when": when })),
            "/steps/1/when: when can never be",
        );
    }
    assert!(plan(step(json!({ "id": "s", "use": "map", "when": false }))).is_ok());
}

#[test]
fn paths_and_urls_are_written_in_one_way_only() {
    for path in [
        "",
        "orders",
        "/",
        "//a",
        "/a/",
        "/a/../b",
        "/a/./b",
        "/a?b",
        "/a b",
        "/%61",
        "/health",
        "/health/x",
        "/approvals/x",
    ] {
        let webhook = json!({ "path": path, "verify": { "scheme": "none" } });
        let definition =
            json!({ "name": "w", "on": { "webhook": webhook }, "steps": [{ "id": "s", "use": "map" }] });
        is_refused(definition, "/on/webhook/path: ");
    }
    for url in [
        "api.example.com",
        "ftp://example.com",
        "https://user:pw@example.com",
        "https://example.com/?a",
        "https://",
    ] {
        let allow = json!([{ "url": url }]);
        is_refused(
            step(
                json!({ "id": "s", "use": "rest", "with": { "method": "GET", "path": "/" }, "allow": allow }),
            ),
            "/steps/1/allow/0/url: ",
        );
    }
    is_refused(
        json!({ "name": "w", "steps": [{ "id": "s", "use": "map" }],
                "on": { "webhook": { "path": "/healthy", "verify": { "scheme": "none" }, "dedupe": "id" } } }),
        "/on/webhook/dedupe: dedupe holds no expression",
    );
}

#[test]
fn the_plugins_of_a_definition_are_those_of_all_its_steps() {
    let definition: Definition = serde_json::from_value(json!({
        "name": "w",
        "steps": [
            { "id": "a", "use": "map", "undo": { "use": "rest" } },
            { "id": "b", "for-each": { "in": "${{ input }}" }, "steps": [
                { "id": "c", "use": "map" },
                { "id": "d", "for-each": { "in": "${{ input }}" }, "steps": [{ "id": "e", "use": "csv" }] },
            ] },
            { "id": "f", "sleep": "1s" },
        ],
        "on-failure": [{ "id": "g", "use": "slack" }],
        "on-success": [{ "id": "h", "use": "email" }],
    }))
    .unwrap();
    assert_eq!(
        definition.plugins().into_iter().collect::<Vec<_>>(),
        ["csv", "email", "map", "rest", "slack"]
    );
}
