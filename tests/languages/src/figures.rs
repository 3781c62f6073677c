//! What a step costs in each language, side by side: the transform that `stepmill plugin new` makes, fed 1 KiB.

use std::fs;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::authored::{Authored, Stepmill};
use crate::kind::Kind;

/// Prints a table in Markdown.
pub fn print(stepmill: &Stepmill, made: &[Authored]) -> anyhow::Result<()> {
    println!(
        "\n| language | component | compiled once | loaded at a start | fresh instance | call of 1 KiB, p50 | p99 | prepared, p50 | memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for step in made.iter().filter(|step| step.kind == Kind::Transform) {
        let input = step.folder.join("order-of-1-KiB.json");
        fs::write(&input, order_of(1024).to_string())?;
        let words = ["plugin", "bench", "--json", "--count", "500", "--input"];
        let printed = stepmill.run(&words, &input, &[&step.component()])?;
        let figures: Value = serde_json::from_str(&printed).with_context(|| printed.clone())?;
        println!("{}", row(step, &figures));
    }
    Ok(())
}

fn row(step: &Authored, figures: &Value) -> String {
    let us = |pointer: &str| match figures.pointer(pointer).and_then(Value::as_f64) {
        Some(us) if us >= 10_000.0 => format!("{:.0} ms", us / 1_000.0),
        Some(us) if us >= 1_000.0 => format!("{:.2} ms", us / 1_000.0),
        Some(us) => format!("{us:.0} us"),
        None => "–".to_owned(),
    };
    let mib = |pointer: &str| {
        let bytes = figures.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
        format!("{:.2} MiB", bytes / f64::from(1 << 20))
    };
    let cells = [
        step.language.name().to_owned(),
        mib("/size"),
        us("/compile_us"),
        us("/cached_us"),
        us("/instantiate/p50_us"),
        us("/call/p50_us"),
        us("/call/p99_us"),
        us("/prepared/p50_us"),
        mib("/memory_bytes"),
    ];
    format!("| {} |", cells.join(" | "))
}

/// An order whose text has about so many bytes.
fn order_of(bytes: usize) -> Value {
    let line = json!({ "sku": "SKU-000001", "quantity": 2, "price": 9.5 });
    let lines = bytes / (line.to_string().len() + 1);
    json!({ "id": "SO-1", "currency": "EUR", "lines": vec![line; lines] })
}
