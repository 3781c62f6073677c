//! The step `my-step`: asks a system whether an order is in stock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::{Connector, ConnectorContext, Failure, NoConfig, log};

/// The step.
pub struct MyStep;

/// An order of the shop.
#[derive(Deserialize, JsonSchema)]
pub struct Order {
    /// Number of the order.
    id: String,
    /// What is ordered.
    lines: Vec<Line>,
}

/// A line of an order.
#[derive(Deserialize, JsonSchema)]
pub struct Line {
    /// Number of the article.
    sku: String,
    /// Pieces.
    quantity: u32,
}

/// What the system answers for one article.
#[derive(Deserialize)]
struct Stock {
    available: u32,
}

/// Whether an order is in stock.
#[derive(Serialize, JsonSchema)]
pub struct Availability {
    /// Number of the order.
    order: String,
    /// Whether there is enough for every line.
    available: bool,
    /// Articles of the lines for which there is not.
    missing: Vec<String>,
}

/// What is remembered of an order.
#[derive(Serialize)]
struct Seen<'a> {
    missing: &'a [String],
}

impl Connector for MyStep {
    const NAME: &'static str = "my-step";
    const SUMMARY: &'static str = "Asks whether an order is in stock.";
    type Config = NoConfig;
    type Input = Order;
    type Output = Availability;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, order: Order, ctx: &ConnectorContext) -> Result<Availability, Failure> {
        let mut missing = Vec::new();
        for line in order.lines {
            // A 503 or a broken connection is a retry, a 404 a rejection.
            let response = ctx.http().get("/stock").query("sku", &line.sku).send()?;
            let stock: Stock = response.error_for_status()?.json()?;
            if stock.available < line.quantity {
                missing.push(line.sku);
            }
        }
        // Commits with the attempt's success: it is there once, however often this is tried.
        ctx.storage().put_json(&format!("seen/{}", order.id), &Seen { missing: &missing })?;
        log::info!("asked", order = order.id, missing = missing.len());
        Ok(Availability { order: order.id, available: missing.is_empty(), missing })
    }
}

stepmill_sdk::export_connector!(MyStep);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};

    use super::MyStep as Step;

    fn order() -> Value {
        json!({ "id": "SO-1", "lines": [{ "sku": "A", "quantity": 2 }, { "sku": "B", "quantity": 1 }] })
    }

    #[test]
    fn what_is_missing_is_named_and_remembered() {
        let http = FakeHttp::new()
            .reply_json("GET", "/stock?sku=A", 200, &json!({ "available": 1 }))
            .reply_json("GET", "/stock?sku=B", 200, &json!({ "available": 1 }));
        let storage = MemoryStorage::new();
        let answer = testing::connect::<Step>("{}", order(), &http, &storage).unwrap();
        assert_eq!(answer.text().unwrap(), r#"{"order":"SO-1","available":false,"missing":["A"]}"#);
        let ctx = testing::connector_context(&http, &storage);
        let seen: Option<Value> = ctx.storage().get_json("seen/SO-1").unwrap();
        assert_eq!(seen, Some(json!({ "missing": ["A"] })));
    }

    #[test]
    fn a_busy_system_is_asked_again_later_and_nothing_is_remembered() {
        let http = FakeHttp::new().reply("GET", "/stock?sku=A", 503, "");
        let storage = MemoryStorage::new();
        let failure = testing::connect::<Step>("{}", order(), &http, &storage).unwrap_err();
        assert!(failure.is_retry());
        let ctx = testing::connector_context(&http, &storage);
        assert_eq!(ctx.storage().get("seen/SO-1").unwrap(), None);
    }
}
