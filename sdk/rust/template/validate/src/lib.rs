//! The step `my-step`: checks the lines of an order.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::serde_json::Value;
use stepmill_sdk::{Context, Failure, Validate, Violation};

/// The step, which is its config (a workflow's `with:`) as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyStep {
    /// Lines that an order may have.
    #[schemars(range(min = 1))]
    max_lines: Option<usize>,
}

impl Validate for MyStep {
    const NAME: &'static str = "my-step";
    const SUMMARY: &'static str = "Checks the lines of an order.";
    type Config = Self;
    // The order is of no type yet: that is what is checked.
    type Input = Value;

    fn prepare(config: Self) -> Result<Self, Failure> {
        Ok(config)
    }

    fn run(&self, order: Value, _: &Context) -> Result<Vec<Violation>, Failure> {
        let Some(lines) = order["lines"].as_array() else {
            return Ok(vec![Violation::at(["lines"], "required", "the order has no list of lines")]);
        };
        let mut violations = Vec::new();
        if let Some(most) = self.max_lines.filter(|most| lines.len() > *most) {
            let message = format!("{} lines are more than {most}", lines.len());
            violations.push(Violation::at(["lines"], "max-lines", message));
        }
        for (index, line) in lines.iter().enumerate() {
            let index = index.to_string();
            if line["sku"].as_str().is_none_or(str::is_empty) {
                let path = ["lines", &index, "sku"];
                violations.push(Violation::at(path, "required", "the line has no sku"));
            }
            if line["quantity"].as_f64().is_none_or(|quantity| quantity < 1.0) {
                let path = ["lines", &index, "quantity"];
                violations.push(Violation::at(path, "minimum", "the quantity must be 1 at least"));
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

    use super::MyStep as Step;

    fn rules(config: &str, order: Value) -> Vec<String> {
        let violations = testing::validate::<Step>(config, order).unwrap();
        violations.into_iter().map(|one| format!("{} {}", one.pointer, one.rule)).collect()
    }

    #[test]
    fn what_has_no_lines_is_no_order() {
        assert_eq!(rules("{}", json!({ "lines": "none" })), ["/lines required"]);
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
