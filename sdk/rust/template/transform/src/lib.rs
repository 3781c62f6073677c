//! The step `my-step`: sums up an order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::{Context, Failure, Transform, log};

/// The step, which is its config (a workflow's `with:`) as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyStep {
    /// Of orders that name none.
    currency: Option<String>,
}

/// An order of the shop.
#[derive(Deserialize, JsonSchema)]
pub struct Order {
    /// Number of the order.
    id: String,
    /// ISO 4217 code.
    currency: Option<String>,
    /// What is ordered.
    lines: Vec<Line>,
}

/// A line of an order.
#[derive(Deserialize, JsonSchema)]
pub struct Line {
    /// Pieces.
    quantity: u32,
    /// Price of one.
    price: f64,
}

/// What an order comes to.
#[derive(Serialize, JsonSchema)]
pub struct Summary {
    /// Number of the order.
    order: String,
    /// ISO 4217 code.
    currency: String,
    /// Sum of the lines, rounded to cents.
    total: f64,
    /// Pieces in all.
    items: u64,
}

impl Transform for MyStep {
    const NAME: &'static str = "my-step";
    const SUMMARY: &'static str = "Sums up an order.";
    type Config = Self;
    type Input = Order;
    type Output = Summary;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, order: Order, _: &Context) -> Result<Summary, Failure> {
        let Some(currency) = order.currency.or_else(|| self.currency.clone()) else {
            let message = format!("order {} names no currency, and neither does the step", order.id);
            return Err(Failure::reject("no-currency", message));
        };
        let total: f64 = order.lines.iter().map(|line| f64::from(line.quantity) * line.price).sum();
        let items = order.lines.iter().map(|line| u64::from(line.quantity)).sum();
        log::debug!("summed up", order = order.id, lines = order.lines.len());
        Ok(Summary { order: order.id, currency, total: (total * 100.0).round() / 100.0, items })
    }
}

stepmill_sdk::export_transform!(MyStep);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stepmill_sdk::testing;

    use super::MyStep as Step;

    #[test]
    fn an_order_is_summed_up() {
        let order = json!({
            "id": "SO-1",
            "currency": "EUR",
            "lines": [{ "sku": "A", "quantity": 2, "price": 9.5 }],
        });
        let summary = testing::transform::<Step>("{}", order).unwrap();
        assert_eq!(summary.text().unwrap(), r#"{"order":"SO-1","currency":"EUR","total":19,"items":2}"#);
    }

    #[test]
    fn the_steps_currency_is_for_orders_that_name_none() {
        let order = json!({ "id": "SO-2", "lines": [] });
        let summary = testing::transform::<Step>(r#"{"currency": "CHF"}"#, order.clone()).unwrap();
        assert!(summary.text().unwrap().contains(r#""currency":"CHF""#));
        let refused = testing::transform::<Step>("{}", order).unwrap_err();
        assert_eq!(refused.code(), Some("no-currency"));
    }
}
