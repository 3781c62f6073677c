//! How many webhooks a second are accepted, beside a bare handler that only verifies the signature.

use stepmill_test_support::project::Project;

use crate::load::{Load, Outcome, Spec};
use crate::serve::{Server, What};
use crate::stats::{median, spread};
use crate::table::{Table, aim, figure, millis};
use crate::{Pace, backlog};

/// Share of the bare handler's rate that the durable journal is to reach.
const AIM: f64 = 0.45;
/// Webhooks of the variant with many.
const ROUTES: usize = 1_000;
/// Threads that send: one could be what limits the bare handler.
const THREADS: usize = 2;

/// What is sent to, in the order of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Durable,
    Routes,
    Unsynced,
    Bare,
    Engine,
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Durable => "Stepmill, durable, accepting only",
            Self::Routes => "Stepmill, durable, with 1,000 webhooks",
            Self::Unsynced => "Stepmill, not synced, accepting only",
            Self::Bare => "bare axum: HMAC, then 202",
            Self::Engine => "Stepmill, durable, running an echo step",
        }
    }
}

/// Prints the tables.
pub(crate) fn bench(pace: Pace) {
    let mut load = Load::start();
    let all = [Variant::Durable, Variant::Routes, Variant::Unsynced, Variant::Bare, Variant::Engine];
    table(pace, &mut load, 64, 3, &all);
    table(pace, &mut load, 256, 2, &[Variant::Durable, Variant::Unsynced, Variant::Bare]);
}

fn table(pace: Pace, load: &mut Load, connections: usize, rounds: usize, variants: &[Variant]) {
    let mut outcomes: Vec<Vec<Outcome>> = variants.iter().map(|_| Vec::new()).collect();
    let mut completed = Vec::new();
    for _ in 0..pace.rounds(rounds) {
        for (variant, outcomes) in variants.iter().zip(&mut outcomes) {
            let (outcome, ran) = measure(pace, load, connections, *variant);
            outcomes.push(outcome);
            completed.extend(ran);
        }
    }
    let rate = |outcomes: &[Outcome]| median(outcomes.iter().map(Outcome::accepted_rate));
    let bare =
        variants.iter().position(|variant| *variant == Variant::Bare).map_or(0.0, |at| rate(&outcomes[at]));
    let mut table = Table::new([
        "server",
        "events/s",
        "of bare",
        "p50 ms",
        "p99 ms",
        "server CPU us/event",
        "sender CPU us/event",
        "refused",
        "spread %",
    ]);
    for (variant, outcomes) in variants.iter().zip(&outcomes) {
        let share = rate(outcomes) / bare;
        let per_event = |cpu: fn(&Outcome) -> f64| {
            median(outcomes.iter().map(|one| cpu(one) * 1e6 / one.accepted as f64))
        };
        table.row([
            variant.name().into(),
            figure(rate(outcomes)),
            if *variant == Variant::Durable {
                aim(share, share >= AIM, "at least 0.45")
            } else {
                figure(share)
            },
            millis(median(outcomes.iter().map(|one| one.answer.p50))),
            millis(median(outcomes.iter().map(|one| one.answer.p99))),
            figure(per_event(|one| one.server_cpu_s)),
            figure(per_event(|one| one.load_cpu_s)),
            outcomes.iter().map(|one| one.refused).sum::<u64>().to_string(),
            figure(spread(outcomes.iter().map(Outcome::accepted_rate))),
        ]);
    }
    table.print(&format!("Ingest: signed webhooks of 1 KiB with a dedupe key, {connections} connections"));
    if !completed.is_empty() {
        println!(
            "Completed by the running engine meanwhile: {} runs/s.\n",
            figure(median(completed.into_iter()))
        );
    }
}

/// One variant on a fresh folder; with an engine also the runs completed a second.
fn measure(pace: Pace, load: &mut Load, connections: usize, variant: Variant) -> (Outcome, Option<f64>) {
    const STEPS: &str = "  - { id: echo, use: echo }";
    let mut project = Project::new().guests(&["echo"]).workflow("orders", STEPS);
    if variant == Variant::Routes {
        for number in 1..ROUTES {
            project = project.workflow(&format!("orders-{number}"), STEPS);
        }
    }
    let config = project.write();
    let server = Server::start(&match variant {
        Variant::Durable | Variant::Routes => What::Ingress { config, durable: true },
        Variant::Unsynced => What::Ingress { config, durable: false },
        Variant::Bare => What::Bare,
        Variant::Engine => What::Service { config },
    });
    let warm = pace.window(600);
    let outcome = load.run(&Spec {
        address: server.at.ingress,
        path: "/orders".into(),
        connections,
        waits: false,
        threads: THREADS,
        warm,
        window: pace.window(2_400),
        server: server.pid(),
    });
    let completed = (variant == Variant::Engine).then(|| {
        let completed = outcome.total.saturating_sub(backlog::unfinished(&server));
        completed as f64 / (warm.as_secs_f64() + outcome.seconds)
    });
    (outcome, completed)
}
