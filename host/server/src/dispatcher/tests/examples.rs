//! Every workflow of `examples/` through everything that may happen to it: each attempt made twice, a failure at
//! each step in turn, a crash at each commit in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use stepmill_core::attempt::Cause;
use stepmill_core::document::Document;
use stepmill_core::event::{Event, Trigger};
use stepmill_core::journal::Publication;
use stepmill_core::limits::Limits;
use stepmill_core::manifest::Kind;
use stepmill_core::run::{Decision, Phase, Stand, State, What, replay, root};
use stepmill_core::workflow::{Environment, Names, Plan};
use stepmill_core::{Journal as _, RunId};
use stepmill_test_support::invoke::Answer;
use stepmill_test_support::journal::Twist;

use super::rig::{Rig, catalog, plugin};
use crate::config::Project;

/// An example, what its steps answer, and what it is told.
struct Example {
    folder: &'static str,
    workflow: &'static str,
    payload: Value,
    outputs: &'static [(&'static str, &'static str)],
    /// An event that comes before the run waits for it: its name, key and payload.
    event: Option<(&'static str, &'static str, &'static str)>,
    /// The steps that are attempted, each as often.
    attempted: &'static [(&'static str, usize)],
}

fn examples() -> Vec<Example> {
    let products: Vec<Value> = (0..250).map(|n| json!({ "sku": n, "title": "t", "price": "1.0" })).collect();
    let products = json!({ "products": products }).to_string();
    vec![
        Example {
            folder: "order-to-cash",
            workflow: "order-to-cash",
            payload: json!({ "name": "#1" }),
            outputs: &[
                ("shape", r#"{"sku":"MILL","quantity":1,"customer":"7","address":{},"reference":"1"}"#),
                ("stock", r#"{"available":5}"#),
                ("create", r#"{"number":"SO-1"}"#),
            ],
            event: Some(("shipment", "SO-1", r#"{"data":{"order":"SO-1","shipment":"S1","tracking":"T1"}}"#)),
            attempted: &[("check", 1), ("shape", 1), ("stock", 1), ("create", 1), ("ship", 1), ("told", 1)],
        },
        Example {
            folder: "nightly-sync",
            workflow: "nightly-sync",
            payload: json!({}),
            outputs: Box::leak(Box::new([("list", &*products.leak()), ("put", r#"{"ok":true}"#)])),
            event: None,
            attempted: &[("list", 1), ("shape", 3), ("put", 3), ("report", 1)],
        },
        Example {
            folder: "approval",
            workflow: "refund",
            payload: json!({ "order": "7", "amount": 150.0 }),
            outputs: &[],
            event: None,
            attempted: &[("ask", 1), ("pay", 1)],
        },
        Example {
            folder: "saga",
            workflow: "trip",
            payload: json!({ "id": "t1", "amount": 900 }),
            outputs: &[("hotel", r#"{"booking":"H1"}"#), ("flight", r#"{"booking":"F1"}"#)],
            event: None,
            attempted: &[("hotel", 1), ("flight", 1), ("pay", 1)],
        },
    ]
}

impl Example {
    fn rig(&self) -> Rig {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(self.folder);
        let project = Project::read(&folder).unwrap_or_else(|errors| panic!("{errors}"));
        let plugins = [("json-schema", Kind::Validate), ("map", Kind::Transform), ("rest", Kind::Connector)];
        let systems: BTreeSet<String> = project.config.systems.keys().cloned().collect();
        let events = project.config.events.keys().cloned().collect();
        let workflows = project.workflows.iter().map(|workflow| workflow.definition.name.clone()).collect();
        let environment = Environment {
            plugins: &plugins.map(|(name, kind)| (name.to_owned(), plugin(name, kind))).into(),
            unused_plugins: Names::Any,
            systems: Names::Of(&systems),
            events: Names::Of(&events),
            workflows: Names::Of(&workflows),
            has_links: true,
            limits: Limits::default(),
            read_file: &|_| Ok(json!({})),
        };
        let plans = project.workflows.iter().map(|workflow| {
            Plan::try_new(workflow.definition.clone(), &environment)
                .unwrap_or_else(|errors| panic!("{errors:?}"))
        });
        let rig = Rig::with(2, catalog(plans.collect()), self.workflow);
        for (step, output) in self.outputs {
            let output: Value = serde_json::from_str(output).unwrap();
            rig.sandbox.script(step, std::iter::repeat(Answer::Output(output)));
        }
        rig
    }

    /// Scripts an answer before those that the step gives otherwise.
    fn first(&self, rig: &Rig, step: &str, answer: Answer) {
        let given = self.outputs.iter().find(|(of, _)| *of == step);
        let then = given.map_or(Answer::Echo, |(_, output)| {
            Answer::Output(serde_json::from_str::<Value>(output).unwrap())
        });
        rig.sandbox.script(step, std::iter::once(answer).chain(std::iter::repeat(then)));
    }

    async fn begin(&self, rig: &Rig) -> RunId {
        if let Some((name, key, payload)) = self.event {
            let at_ms = rig.clock.now_ms();
            let payload: Value = serde_json::from_str(payload).unwrap();
            let event = Event {
                trigger: Trigger::Event { name: name.into() },
                headers: BTreeMap::new(),
                query: BTreeMap::new(),
                document: Document::json(&payload),
                raw: None,
            };
            let publication = Publication {
                id: RunId::new(at_ms, [9; 10]),
                name: name.into(),
                key: key.into(),
                at_ms,
                event,
                keep_until_ms: at_ms + 86_400_000,
                dedupe: None,
            };
            rig.journal.publish(publication).await.unwrap();
        }
        rig.accept(self.payload.clone()).await
    }

    /// Waits until no run goes on, deciding what is to be decided. Answers the states of all runs.
    async fn settle(&self, rig: &Rig) -> Vec<State> {
        for _ in 0..10_000 {
            let states = rig.all().await;
            for state in &states {
                for (step, progress) in &state.steps {
                    if matches!(progress.stand, Stand::Undecided { .. }) && state.phase.is_open() {
                        let decision = Decision { approved: true, by: "jo".into(), comment: None };
                        // It may be decided already.
                        let _ =
                            rig.try_append(state.run, What::Decided { step: step.clone(), decision }).await;
                    }
                }
            }
            let is_waiting = |state: &&State| matches!(state.phase, Phase::Waiting { .. });
            let has_dead = states.iter().any(|state| state.phase.is_dead());
            if states.iter().all(|state| !state.phase.is_open() || has_dead && is_waiting(&state)) {
                return states;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{} does not come to rest: {:#?}", self.folder, rig.trace.lines());
    }

    /// Everything has ended well, and every journal leads to its state.
    async fn ended_well(&self, rig: &Rig) {
        for state in self.settle(rig).await {
            // The run of a hook that tells of a failure is one more.
            assert_eq!(state.phase, Phase::Succeeded, "{}: {state:#?}", self.folder);
            let (read, entries) = rig.journal.read(state.run).await.unwrap();
            assert_eq!(replay(&entries).unwrap().unwrap(), read);
        }
    }

    fn counts(&self, rig: &Rig) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for asked in rig.sandbox.asked() {
            *counts.entry(asked.attempt.step.to_string()).or_default() += 1;
        }
        counts
    }
}

#[tokio::test(start_paused = true)]
async fn every_example_runs_to_its_end() {
    for example in examples() {
        let rig = example.rig();
        let running = rig.start();
        let run = example.begin(&rig).await;
        example.ended_well(&rig).await;
        running.drained().await;
        let attempted: BTreeMap<String, usize> =
            example.attempted.iter().map(|(step, count)| ((*step).to_owned(), *count)).collect();
        assert_eq!(example.counts(&rig), attempted, "{}", example.folder);
        assert!(rig.all().await.iter().any(|state| state.run == run));
    }
}

/// Each step fails once after it has been asked, as if its answer were lost, and is asked again.
#[tokio::test(start_paused = true)]
async fn every_example_stands_each_step_made_twice() {
    for example in examples() {
        let rig = example.rig();
        let connectors =
            ["stock", "create", "ship", "told", "list", "put", "report", "ask", "pay", "hotel", "flight"];
        for (step, _) in example.attempted.iter().filter(|(step, _)| connectors.contains(step)) {
            example.first(&rig, step, Answer::fail(Cause::RetryAsked));
        }
        let running = rig.start();
        example.begin(&rig).await;
        example.ended_well(&rig).await;
        running.drained().await;
        for asked in rig.sandbox.asked() {
            let first = rig.sandbox.asked_of(&asked.attempt.step);
            let of_run = first.iter().find(|first| first.attempt.run == asked.attempt.run).unwrap();
            assert_eq!(of_run.attempt.input, asked.attempt.input, "it is fed the same each time");
        }
    }
}

/// Each step in turn fails for good. A person redrives what is dead, and all ends well.
#[tokio::test(start_paused = true)]
async fn every_example_stands_a_failure_at_each_step_in_turn() {
    for example in examples() {
        for (step, _) in example.attempted {
            let rig = example.rig();
            example.first(&rig, step, Answer::fail(Cause::Rejected));
            let running = rig.start();
            example.begin(&rig).await;
            let dead: Vec<State> =
                example.settle(&rig).await.into_iter().filter(|state| state.phase.is_dead()).collect();
            let [dead] = dead.as_slice() else { panic!("{} {step}: {dead:#?}", example.folder) };
            let Phase::Dead { step: died, undone, .. } = &dead.phase else { panic!("{dead:?}") };
            assert_eq!((&**died, root(&dead.workflow)), (*step, example.workflow));
            let what = What::Redriven {
                from_start: *undone,
                document: None,
                version: None,
                by: "jo".into(),
                by_rule: false,
            };
            rig.append(dead.run, what).await;
            example.ended_well(&rig).await;
            running.drained().await;
        }
    }
}

/// The process dies before and after each commit in turn.
#[tokio::test(start_paused = true)]
async fn every_example_stands_a_crash_at_each_commit_in_turn() {
    for example in examples() {
        for twist in [Twist::CrashBefore, Twist::CrashAfter] {
            for commit in 1.. {
                let rig = example.rig();
                rig.journal.twist(commit, twist);
                let running = rig.start();
                let work = async {
                    example.begin(&rig).await;
                    example.settle(&rig).await;
                };
                let has_crashed = rig.journal.crashes_during(work).await;
                running.killed().await;
                rig.journal.restart().await;
                let running = rig.start();
                example.ended_well(&rig).await;
                running.drained().await;
                let counts = example.counts(&rig);
                for (step, count) in example.attempted {
                    // A crash repeats what was not committed, and nothing else: pure steps, and one attempt
                    // of each run in flight.
                    let most = count + 2;
                    let is_pure = ["check", "shape"].contains(step);
                    assert!(
                        counts[*step] >= *count && (is_pure || counts[*step] <= most),
                        "{commit}: {counts:?}"
                    );
                }
                if !has_crashed {
                    assert!(commit > 3, "{} has more commits", example.folder);
                    break;
                }
            }
        }
    }
}
