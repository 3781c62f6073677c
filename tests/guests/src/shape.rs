//! A transform that prices an order; `shape-next` does so otherwise.

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
    const NAME: &'static str = "shape";
    const SUMMARY: &'static str = "Prices an order.";
    type Config = NoConfig;
    type Input = Order;
    type Output = Priced;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, Order { sku, quantity }: Order, _: &Context) -> Result<Priced, Failure> {
        Ok(Priced { sku, quantity, total: quantity * 100 })
    }
}

stepmill_sdk::export_transform!(Shape);
