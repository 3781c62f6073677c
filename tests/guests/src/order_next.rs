//! What may come in the place of `map` in order-to-cash/shape: the order is shaped by a program of its own, which
//! writes the currency in lower case.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use stepmill_sdk::{Context, Failure, Transform};

struct OrderNext;

/// The config of the step as it is: the program that this one stands for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "jq")]
    _jq: String,
}

#[derive(Deserialize, JsonSchema)]
struct Order {
    name: String,
    customer: Customer,
    line_items: Vec<Item>,
    total_price: Value,
    currency: String,
    shipping_address: Value,
}

#[derive(Deserialize, JsonSchema)]
struct Customer {
    id: u64,
    email: String,
}

#[derive(Deserialize, JsonSchema)]
struct Item {
    sku: String,
    quantity: u64,
}

impl Transform for OrderNext {
    const NAME: &'static str = "order-next";
    const SUMMARY: &'static str = "Shapes an order of the shop for the ERP, with the currency in lower case.";
    type Config = Config;
    type Input = Order;
    type Output = Value;

    fn prepare(_: Config) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, order: Order, _: &Context) -> Result<Value, Failure> {
        let first =
            order.line_items.first().ok_or_else(|| Failure::reject("empty", "the order has no items"))?;
        Ok(json!({
            "reference": order.name,
            "customer": order.customer.id.to_string(),
            "email": order.customer.email,
            "sku": first.sku,
            "quantity": first.quantity,
            "total": order.total_price,
            "currency": order.currency.to_lowercase(),
            "address": order.shipping_address,
        }))
    }
}

stepmill_sdk::export_transform!(OrderNext);
