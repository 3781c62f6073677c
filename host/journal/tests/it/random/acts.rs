//! What is asked for, and what whoever works on a run does.

use stepmill_core::attempt::Cause;
use stepmill_core::dead::{Category, Redrive, fingerprint};
use stepmill_core::document::{Body, Document};
use stepmill_core::journal::{Acceptance, Dedupe, Transition};
use stepmill_core::run::{
    Entry, Failures, Gather, Lane, OnDead, Parent, Pending, Stand, State, What, child_id, root,
};

use crate::fixtures::{acceptance, done, record};

/// What kind of run is accepted.
#[derive(Clone, Debug)]
pub enum Kind {
    Plain,
    Lane {
        key: u8,
        width: u8,
        passes: bool,
    },
    Gather {
        key: u8,
        is_quiet: bool,
    },
    Keyed(u8),
    /// With one of few payloads that are kept in files.
    Large(u8),
    /// One of these that begins when it is released.
    Held(Box<Kind>),
}

/// What whoever works on a run does.
#[derive(Clone, Debug)]
pub enum Act {
    Succeed,
    Die { undo: bool },
    Undone,
    Retry,
    Park(u8),
    Sleep(u8),
    Listen { step: u8, key: u8 },
    Ask,
    Spawn { total: u8, failures: u8 },
    Step,
    Elapse,
}

/// The name of a workflow.
pub fn workflow(number: u8) -> String {
    ["orders", "invoices"][usize::from(number % 2)].into()
}

/// One of few payloads.
fn large(number: u8) -> Body {
    Body::Text(number.to_string().repeat(3_000))
}

/// A claim of a key that soon expires.
pub fn dedupe(now_ms: u64, scope: &str, key: u8) -> Dedupe {
    Dedupe { scope: scope.into(), key: key.to_string(), expires_ms: now_ms + 7 }
}

/// A run of this kind.
pub fn accepted(now_ms: u64, kind: &Kind, of: u8) -> Acceptance {
    let mut acceptance = acceptance(now_ms);
    acceptance.accepted.workflow = workflow(of);
    match kind {
        Kind::Plain => {}
        Kind::Lane { key, width, passes } => {
            let on_dead = if *passes { OnDead::Pass } else { OnDead::Block };
            let width = u32::from(*width);
            acceptance.accepted.lane = Some(Lane { key: key.to_string(), width, on_dead, ticket: 0 });
        }
        Kind::Gather { key, is_quiet } => {
            let quiet_ms = is_quiet.then_some(2);
            let gather = Gather { key: key.to_string(), for_ms: 6, max: 3, quiet_ms, keep_last: false };
            acceptance.accepted.gather = Some(gather);
            acceptance.dedupe = Some(dedupe(now_ms, "gathered", *key + if *is_quiet { 10 } else { 0 }));
        }
        Kind::Large(number) => acceptance.accepted.event.document.body = large(*number),
        Kind::Held(kind) => {
            acceptance = accepted(now_ms, kind, of);
            acceptance.accepted.is_held = true;
        }
        Kind::Keyed(key) => acceptance.dedupe = Some(dedupe(now_ms, "orders", *key)),
    }
    acceptance
}

/// Adds to a transition what one act comes to.
pub fn done_by(act: &Act, now_ms: u64, state: &State, transition: &mut Transition) {
    let mut add = |what| transition.entries.push(Entry::new(now_ms, what));
    let began = |step: &str, pending| What::Began { step: step.into(), pending };
    let failed = record("call", state.next_attempt("call"), Some(Cause::RetryAsked));
    match act {
        Act::Succeed => add(done()),
        Act::Die { undo } => {
            let fingerprint = fingerprint("w", "call", failed.failure.as_ref().unwrap(), None);
            let (category, undo) = (Category::Transient, *undo);
            let redrive = state.seq.is_multiple_of(2).then_some(Redrive { at_ms: now_ms + 5, times: 2 });
            add(What::Died { record: failed, category, fingerprint, undo, redrive });
        }
        Act::Undone => add(What::Undone),
        Act::Retry => add(What::AttemptFailed { record: failed, retry_at_ms: now_ms + 3 }),
        Act::Park(system) => add(What::Parked { step: "call".into(), system: format!("system-{system}") }),
        Act::Sleep(step) => {
            add(began(&format!("sleep-{step}"), Pending::Time { until_ms: now_ms + 4 }));
        }
        Act::Listen { step, key } => {
            let until_ms = (*step > 0).then_some(now_ms + 8);
            let pending = Pending::Event { event: "paid".into(), key: key.to_string(), until_ms };
            add(began(&format!("listen-{step}"), pending));
        }
        Act::Ask => add(began("ask", Pending::Decision { until_ms: None, question: None })),
        Act::Spawn { total, failures } => match state.stand("each") {
            // Once it is known which entry began the step.
            Stand::Children(children) => {
                let since = children.since;
                let rest = children.begun..children.total;
                add(What::Spawned { step: "each".into(), count: rest.end - rest.start });
                for index in rest {
                    let mut child = acceptance(now_ms);
                    child.accepted.run = child_id(state.run, "each", since, index, state.accepted_ms);
                    child.accepted.workflow = format!("{}/each", root(&state.workflow));
                    child.accepted.parent = Some(Parent {
                        run: state.run,
                        step: "each".into(),
                        index,
                        since,
                        wants_output: true,
                    });
                    transition.spawns.push(child);
                }
            }
            _ => {
                let failures = [Failures::All, Failures::Collect, Failures::Stop][usize::from(*failures)];
                add(began(
                    "each",
                    Pending::Children {
                        total: u32::from(*total),
                        failures,
                        since: state.seq,
                        at_ms: 1,
                        carried: None,
                    },
                ));
            }
        },
        Act::Step => {
            let record = record("call", state.next_attempt("call"), None);
            // What some were accepted with, too.
            let output = Document { media_type: "text/plain".into(), body: large(0) };
            add(What::StepSucceeded { output, record });
        }
        Act::Elapse => {
            let is_over = |stand: &Stand| stand.due_ms().is_some_and(|due| due <= now_ms);
            let over = state.steps.iter().find(|(_, progress)| is_over(&progress.stand));
            if let Some((step, _)) = over {
                add(What::Elapsed { step: step.clone() });
            }
        }
    }
}
