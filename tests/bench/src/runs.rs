//! How many runs of three steps (validate, reshape, post) are completed a second, beside a native handler that does
//! the same in process and keeps nothing.

use stepmill_test_support::project::Project;

use crate::load::{Load, Outcome, Spec};
use crate::serve::{Server, What};
use crate::stats::{median, spread};
use crate::table::{Table, aim, figure, millis};
use crate::{Pace, backlog};

/// Share of the native handler's rate to reach, at 64 connections.
const AIM_SHARE: f64 = 0.4;
/// Runs a second to reach, at 64 connections.
const AIM_RATE: f64 = 3_000.0;
/// Connections, each with one run under way.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// What an order is.
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "required": ["number", "sku", "quantity", "customer", "lines"],
  "properties": {
    "number": { "type": "integer", "minimum": 0 },
    "sku": { "type": "string", "minLength": 1, "maxLength": 64 },
    "quantity": { "type": "integer", "minimum": 1 },
    "currency": { "enum": ["EUR", "USD"] },
    "customer": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } },
    "lines": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["sku", "quantity", "price"],
        "properties": {
          "sku": { "type": "string" },
          "quantity": { "type": "integer", "minimum": 1 },
          "price": { "type": "number", "minimum": 0 }
        }
      }
    }
  }
}"#;

/// The native handler's `reshape` as a program of jq.
pub(crate) const PROGRAM: &str = "{number, customer: .customer.id, items: [.lines[] | {item: .sku, count: .quantity}], \
    total: ([.lines[] | .price * .quantity] | add)}";

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Stock,
    Echo,
    Native,
}

const VARIANTS: [Variant; 3] = [Variant::Stock, Variant::Echo, Variant::Native];

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Stock => "Stepmill: json-schema, map, rest",
            Self::Echo => "Stepmill: echo, echo, rest",
            Self::Native => "native axum: the same in process, not durable",
        }
    }

    fn steps(self) -> Option<String> {
        let post = "  - { id: post, use: rest, system: erp, with: { method: POST, path: /orders } }";
        match self {
            Self::Stock => Some(format!(
                "  - {{ id: check, use: json-schema, with: {{ schema: schema.json }} }}\n  \
                 - {{ id: shape, use: map, with: {{ jq: '{PROGRAM}' }} }}\n{post}"
            )),
            Self::Echo => {
                Some(format!("  - {{ id: check, use: echo }}\n  - {{ id: shape, use: echo }}\n{post}"))
            }
            Self::Native => None,
        }
    }
}

/// Prints the tables.
pub(crate) fn bench(pace: Pace) {
    let mut load = Load::start();
    let mut projects = Vec::new();
    let servers = VARIANTS.map(|variant| {
        let Some(steps) = variant.steps() else {
            return Server::start(&What::Native { stub: load.stub.clone() });
        };
        let project = Project::new()
            .guests(&["echo"])
            .system("erp", &load.stub)
            .file("schema.json", SCHEMA)
            .workflow("orders", &steps);
        let server = Server::start(&What::Service { config: project.write() });
        projects.push(project);
        server
    });
    let mut table = Table::new([
        "connections",
        "server",
        "runs/s",
        "of native",
        "p50 ms",
        "p99 ms",
        "CPU ms/run",
        "refused",
        "spread %",
    ]);
    for connections in CONNECTIONS {
        rows(&mut table, connections, &rounds(pace, &mut load, &servers, connections));
    }
    table.print("Runs: validate, reshape, POST; each connection has one run under way");
    flood(pace, &mut load, &servers[0]);
    let mut table = Table::new(["server", "resident MiB", "peak MiB"]);
    for (variant, server) in VARIANTS.iter().zip(&servers) {
        let usage = server.usage();
        table.row([variant.name().into(), figure(usage.resident_mib), figure(usage.peak_mib)]);
    }
    table.print("Memory after all of this");
}

fn rounds(pace: Pace, load: &mut Load, servers: &[Server; 3], connections: usize) -> [Vec<Outcome>; 3] {
    let mut outcomes = VARIANTS.map(|_| Vec::new());
    for _ in 0..pace.rounds(3) {
        for ((variant, server), outcomes) in VARIANTS.iter().zip(servers).zip(&mut outcomes) {
            outcomes.push(load.run(&spec(pace, server, connections, true)));
            if *variant != Variant::Native {
                backlog::settle(server);
            }
        }
    }
    outcomes
}

fn rows(table: &mut Table, connections: usize, outcomes: &[Vec<Outcome>; 3]) {
    let rate = |outcomes: &[Outcome]| median(outcomes.iter().map(Outcome::arrived_rate));
    let native = rate(&outcomes[2]);
    for (variant, outcomes) in VARIANTS.iter().zip(outcomes) {
        let (rate, share) = (rate(outcomes), rate(outcomes) / native);
        let has_aim = *variant == Variant::Stock && connections == 64;
        table.row([
            connections.to_string(),
            variant.name().into(),
            if has_aim { aim(rate, rate >= AIM_RATE, "at least 3 000") } else { figure(rate) },
            if has_aim { aim(share, share >= AIM_SHARE, "at least 0.4") } else { figure(share) },
            millis(median(outcomes.iter().map(|one| one.arrival.p50))),
            millis(median(outcomes.iter().map(|one| one.arrival.p99))),
            figure(median(outcomes.iter().map(|one| one.server_cpu_s * 1e3 / one.arrived as f64))),
            outcomes.iter().map(|one| one.refused).sum::<u64>().to_string(),
            figure(spread(outcomes.iter().map(Outcome::arrived_rate))),
        ]);
    }
}

/// Senders that do not wait for runs: what is accepted faster than it is worked off waits in the journal.
fn flood(pace: Pace, load: &mut Load, server: &Server) {
    let outcome = load.run(&spec(pace, server, 64, false));
    let waiting = backlog::unfinished(server);
    println!(
        "Flood: 64 connections that wait for no run: {} events/s accepted, {} runs/s completed, {waiting} waiting at the end.\n",
        figure(outcome.accepted_rate()),
        figure(outcome.arrived_rate()),
    );
    backlog::settle(server);
}

fn spec(pace: Pace, server: &Server, connections: usize, waits: bool) -> Spec {
    Spec {
        address: server.at.ingress,
        path: "/orders".into(),
        connections,
        waits,
        threads: 1,
        warm: pace.window(400),
        window: pace.window(1_500),
        server: server.pid(),
    }
}
