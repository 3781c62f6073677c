#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::{Feed, Settled, Walk};
use crate::document::Document;
use crate::limits::Limits;
use crate::manifest::{Kind, Manifest};
use crate::workflow::{Environment, Names, Plan, PluginInfo};

fn plan(steps: Value) -> Plan {
    let manifest = Manifest {
        name: "map".into(),
        version: "1.0.0".into(),
        summary: "a plugin".into(),
        kind: Kind::Transform,
        config_schema: json!({ "type": "object" }),
        input_schema: None,
        output_schema: None,
    };
    let plugin = PluginInfo { manifest: Arc::new(manifest), digest: "digest".into() };
    let environment = Environment {
        plugins: &BTreeMap::from([("map".to_owned(), plugin)]),
        unused_plugins: Names::Any,
        systems: Names::Of(&BTreeSet::new()),
        events: Names::Of(&BTreeSet::from(["shipment".into()])),
        workflows: Names::Of(&BTreeSet::new()),
        has_links: false,
        limits: Limits::default(),
        read_file: &|path| Err(format!("there is no file {path}")),
    };
    let definition = json!({ "name": "w", "steps": steps });
    Plan::try_new(serde_json::from_value(definition).unwrap(), &environment).unwrap()
}

fn text(text: &str) -> Arc<Document> {
    Arc::new(Document::json(&Value::from(text)))
}

/// Walks the plan. Steps in `passed` are passed over by their `when`, those in `vain` wait in vain, and all
/// others give their id. Answers what each step that ran was fed, in their order, and the whole's output.
fn walked(plan: &Plan, passed: &[&str], vain: &[&str]) -> (Vec<(String, Value)>, Value) {
    let mut walk = Walk::new(plan, text("event"));
    let mut ran = Vec::new();
    while let Some(index) = walk.next() {
        walk.begin(index);
        let id = &*plan.steps[index].id;
        match walk.feed(index) {
            Feed::Document(_) if passed.contains(&id) => walk.settle(index, walk.passed_over(index)),
            Feed::Document(_) if vain.contains(&id) => walk.settle(index, Settled::NotTaken),
            Feed::Document(fed) => {
                ran.push((id.to_owned(), fed.to_value()));
                walk.settle(index, Settled::Done(text(id)));
            }
            Feed::PassOver => walk.settle(index, walk.passed_over(index)),
        }
    }
    assert!(walk.is_done());
    (ran, walk.output().to_value())
}

fn fed(pairs: &[(&str, Value)]) -> Vec<(String, Value)> {
    pairs.iter().map(|(step, fed)| ((*step).to_owned(), fed.clone())).collect()
}

#[test]
fn steps_in_a_list_feed_one_another_and_one_that_is_passed_over_hands_on_what_it_would_be_fed() {
    let plan = plan(json!([
        { "id": "a", "use": "map" }, { "id": "b", "use": "map", "when": "${{ input.x }}" }, { "id": "c", "use": "map" },
    ]));
    let (ran, output) = walked(&plan, &[], &[]);
    assert_eq!(ran, fed(&[("a", json!("event")), ("b", json!("a")), ("c", json!("b"))]));
    assert_eq!(output, json!("c"));
    let (ran, _) = walked(&plan, &["b"], &[]);
    assert_eq!(ran, fed(&[("a", json!("event")), ("c", json!("a"))]));
    let (ran, output) = walked(&plan, &["a", "b", "c"], &[]);
    assert_eq!((ran, output), (Vec::new(), json!("event")));
}

#[test]
fn one_of_two_ways_is_taken_and_both_meet_again() {
    let plan = plan(json!([
        { "id": "before", "use": "map" },
        { "id": "light", "use": "map", "when": "${{ input.x }}" },
        { "id": "pack", "use": "map" },
        { "id": "heavy", "use": "map", "otherwise": "light" },
        { "id": "book", "use": "map" },
    ]));
    let (ran, _) = walked(&plan, &[], &[]);
    let light = [
        ("before", json!("event")),
        ("light", json!("before")),
        ("pack", json!("light")),
        ("book", json!("pack")),
    ];
    assert_eq!(ran, fed(&light));
    let (ran, _) = walked(&plan, &["light"], &[]);
    assert_eq!(ran, fed(&[("before", json!("event")), ("heavy", json!("before")), ("book", json!("heavy"))]));
}

#[test]
fn branches_go_on_side_by_side_and_a_join_is_fed_what_came_of_them() {
    let plan = plan(json!([
        { "id": "a", "use": "map", "needs": [] },
        { "id": "b", "use": "map", "needs": [], "when": "${{ input.x }}" },
        { "id": "b2", "use": "map", "needs": ["b"] },
        { "id": "join", "use": "map", "needs": ["a", "b2"] },
    ]));
    let mut walk = Walk::new(&plan, text("event"));
    walk.begin(0);
    assert_eq!(walk.next(), Some(1), "the second branch waits for nothing");
    let (ran, _) = walked(&plan, &[], &[]);
    assert_eq!(ran.last(), Some(&("join".to_owned(), json!({ "a": "a", "b2": "b2" }))));
    // What names its needs is passed over with the last of them.
    let (ran, _) = walked(&plan, &["b"], &[]);
    assert_eq!(ran, fed(&[("a", json!("event")), ("join", json!("a"))]));
    let (ran, output) = walked(&plan, &["a", "b"], &[]);
    assert_eq!((ran, output), (Vec::new(), Value::Null));
}

#[test]
fn what_waited_in_vain_has_its_alternative_run_in_its_place() {
    let plan = plan(json!([
        { "id": "shipped", "wait": { "event": "shipment", "key": "${{ body.id }}" }, "timeout": "14d" },
        { "id": "notify", "use": "map" },
        { "id": "chase", "use": "map", "otherwise": "shipped" },
        { "id": "crm", "use": "map" },
    ]));
    let (ran, _) = walked(&plan, &[], &[]);
    assert_eq!(
        ran,
        fed(&[("shipped", json!("event")), ("notify", json!("shipped")), ("crm", json!("notify"))])
    );
    let (ran, _) = walked(&plan, &[], &["shipped"]);
    assert_eq!(ran, fed(&[("chase", json!("event")), ("crm", json!("chase"))]));
}

#[test]
fn several_last_steps_give_an_object_of_their_outputs() {
    let plan =
        plan(json!([{ "id": "a", "use": "map", "needs": [] }, { "id": "b", "use": "map", "needs": [] }]));
    assert_eq!(walked(&plan, &[], &[]).1, json!({ "a": "a", "b": "b" }));
}

proptest! {
    /// Of any graph, whatever is passed over: every walk ends, and no step is begun before what it needs.
    #[test]
    fn every_walk_ends_and_respects_what_steps_need(
        edges in vec(vec(any::<usize>(), 0..4), 1..9), whens in vec(any::<bool>(), 9), others in vec(any::<bool>(), 9),
        passed in vec(any::<bool>(), 9),
    ) {
        let id = |index: usize| format!("s{index}");
        let steps: Vec<Value> = edges.iter().enumerate().map(|(index, needs)| {
            let mut step = json!({ "id": id(index), "use": "map" });
            let members = step.as_object_mut().unwrap();
            if index > 0 && !needs.is_empty() {
                let needs: Vec<String> = needs.iter().map(|need| id(need % index)).collect();
                members.insert("needs".into(), json!(needs));
            }
            if whens[index] {
                members.insert("when".into(), json!("${{ input.x }}"));
            }
            if index > 0 && others[index] && whens[index - 1] {
                members.insert("otherwise".into(), json!(id(index - 1)));
            }
            step
        }).collect();
        let plan = plan(Value::Array(steps));
        let names: Vec<String> = (0..edges.len()).map(id).collect();
        let over: Vec<&str> = names.iter().zip(&passed).zip(&whens)
            .filter(|((_, passed), when)| **passed && **when).map(|((name, _), _)| name.as_str()).collect();
        let (ran, _) = walked(&plan, &over, &[]);
        let order: Vec<&String> = ran.iter().map(|(step, _)| step).collect();
        for (at, step) in order.iter().enumerate() {
            let planned = plan.steps.iter().find(|planned| *planned.id == ***step).unwrap();
            for need in &planned.needs {
                let need = plan.steps[*need].id.to_string();
                prop_assert!(!order[at..].contains(&&need));
            }
            if let Some(other) = planned.otherwise {
                let other = plan.steps[other].id.to_string();
                prop_assert!(!order.contains(&&other), "{step} ran besides {other}");
            }
            prop_assert_eq!(order.iter().filter(|other| other == &step).count(), 1);
        }
    }
}
