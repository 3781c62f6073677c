//! The step `my-step`: checks the lines of an order.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::{Context, Failure, Validate, Violation};

/// The step, which is its config (a workflow's `with:`) as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyStep {
    /// How many lines an order may have.
    #[serde(default = "hundred")]
    max_lines: usize,
}

fn hundred() -> usize {
    100
}

/// An order of the shop. What may be missing is optional, so that it is reported in place of being
/// rejected.
#[derive(Deserialize, JsonSchema)]
pub struct Order {
    /// What is ordered.
    #[serde(default)]
    lines: Vec<Line>,
}

/// A line of an order.
#[derive(Deserialize, JsonSchema)]
pub struct Line {
    /// Number of the article.
    sku: Option<String>,
    /// Pieces.
    quantity: Option<f64>,
}

impl Validate for MyStep {
    const NAME: &'static str = "my-step";
    const SUMMARY: &'static str = "Checks the lines of an order.";
    type Config = Self;
    type Input = Order;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, order: Order, _: &Context) -> Result<Vec<Violation>, Failure> {
        let mut violations = Vec::new();
        let (count, most) = (order.lines.len(), self.max_lines);
        if count > most {
            let message = format!("{count} lines are more than {most}");
            violations.push(Violation::at(["lines"], "max-lines", message));
        }
        for (index, line) in order.lines.iter().enumerate() {
            let index = index.to_string();
            if line.sku.as_ref().is_none_or(String::is_empty) {
                let path = ["lines", &index, "sku"];
                violations.push(Violation::at(path, "required", "a line needs a sku"));
            }
            let quantity = line.quantity.unwrap_or(0.0);
            if quantity < 1.0 {
                let path = ["lines", &index, "quantity"];
                let message = format!("{quantity} is less than 1");
                violations.push(Violation::at(path, "minimum", message));
            }
        }
        Ok(violations)
    }
}

stepmill_sdk::export_validate!(MyStep);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use stepmill_sdk::testing;

    use super::MyStep;

    fn rules(config: &str, order: Value) -> Vec<String> {
        let violations = testing::validate::<MyStep>(config, order).unwrap();
        violations.into_iter().map(|one| format!("{} {}", one.pointer, one.rule)).collect()
    }

    #[test]
    fn a_good_order_has_nothing_wrong() {
        let order = json!({ "id": "SO-1", "lines": [{ "sku": "A", "quantity": 2, "price": 9.5 }] });
        assert!(rules("{}", order).is_empty());
    }

    #[test]
    fn each_line_is_looked_at() {
        let order = json!({ "id": "SO-2", "lines": [{ "quantity": 1 }, { "sku": "B", "quantity": 0 }] });
        assert_eq!(rules("{}", order), ["/lines/0/sku required", "/lines/1/quantity minimum"]);
    }

    #[test]
    fn there_may_be_no_more_lines_than_the_config_says() {
        let line = json!({ "sku": "A", "quantity": 1 });
        let order = json!({ "id": "SO-3", "lines": [line, line] });
        assert_eq!(rules(r#"{ "max_lines": 1 }"#, order), ["/lines max-lines"]);
    }
}
