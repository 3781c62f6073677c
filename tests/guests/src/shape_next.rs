//! What `shape` may become: it gives a discount on ten and more, and refuses thirteen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stepmill_sdk::{Context, Failure, NoConfig, Transform};

struct Shape;

#[derive(Deserialize, JsonSchema)]
struct Order {
    sku: String,
    quantity: u64,
}

#[derive(Serialize, JsonSchema)]
struct Priced {
    sku: String,
    quantity: u64,
    total: u64,
}

impl Transform for Shape {
    const NAME: &'static str = "shape-next";
    const SUMMARY: &'static str = "Prices an order, with a discount.";
    type Config = NoConfig;
    type Input = Order;
    type Output = Priced;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, Order { sku, quantity }: Order, _: &Context) -> Result<Priced, Failure> {
        if quantity == 13 {
            return Err(Failure::reject("unlucky", "thirteen are not sold"));
        }
        let price = if quantity >= 10 { 90 } else { 100 };
        Ok(Priced { sku, quantity, total: quantity * price })
    }
}

stepmill_sdk::export_transform!(Shape);
