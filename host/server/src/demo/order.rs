//! The orders of the simulated shop: most are good, some are not.

use serde_json::{Value, json};

use super::erp::SOLD_OUT;

/// One order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// From 1.
    pub(super) number: u64,
    /// What is peculiar about it.
    pub(super) kind: Kind,
}

/// What is peculiar about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// It is sent a second time, under the same id.
    Twice,
    /// Its signature is wrong.
    Forged,
    /// It makes no sense.
    Invalid,
    /// What it wants is out of stock.
    SoldOut,
}

impl Order {
    /// The order of this number. Of every hundred, 3 are forged, 2 make no sense, 1 wants what is out of
    /// stock, and 5 are sent twice; 37 has no divisor in common with 100, so they are spread out.
    pub(super) fn new(number: u64) -> Self {
        let kind = match number.wrapping_mul(37) % 100 {
            0..3 => Kind::Forged,
            3..5 => Kind::Invalid,
            5 => Kind::SoldOut,
            6..11 => Kind::Twice,
            _ => Kind::Plain,
        };
        Self { number, kind }
    }

    /// The shop's name of it, which the ERP keeps.
    pub(super) fn reference(self) -> String {
        format!("#{}", self.number)
    }

    /// Id of the webhook.
    pub(super) fn webhook_id(self) -> String {
        format!("order-{}", self.number)
    }

    /// Whether there must be an order in the ERP in the end.
    pub(super) fn is_to_be_made(self) -> bool {
        match self.kind {
            Kind::Plain | Kind::Twice => true,
            Kind::Forged | Kind::Invalid | Kind::SoldOut => false,
        }
    }

    /// The webhook's body.
    pub(super) fn body(self) -> Value {
        const ARTICLES: [&str; 4] = ["MILL-100", "MILL-200", "STEP-7", "STONE-40"];
        let turn = usize::try_from(self.number % 4).unwrap_or_default();
        let sku = match self.kind {
            Kind::SoldOut => SOLD_OUT,
            Kind::Plain | Kind::Twice | Kind::Forged | Kind::Invalid => {
                ARTICLES.get(turn).copied().unwrap_or("MILL-100")
            }
        };
        let quantity = match self.kind {
            Kind::Invalid => json!("a few"),
            Kind::Plain | Kind::Twice | Kind::Forged | Kind::SoldOut => json!(1 + self.number % 5),
        };
        let customer = 1_000 + self.number % 700;
        json!({
            "id": 820_000_000 + self.number,
            "name": self.reference(),
            "currency": "EUR",
            "total_price": format!("{}.90", 20 + self.number % 400),
            "customer": { "id": customer, "email": format!("customer{customer}@example.com") },
            "line_items": [{ "sku": sku, "quantity": quantity }],
            "shipping_address": {
                "name": format!("Customer {customer}"),
                "street": format!("Mill Lane {}", 1 + self.number % 90),
                "city": "Bremen",
                "zip": "28195",
                "country": "DE",
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_every_hundred_orders_the_shares_are_exact() {
        let count = |kind| (1..=100).map(Order::new).filter(|order| order.kind == kind).count();
        let kinds = [Kind::Forged, Kind::Invalid, Kind::SoldOut, Kind::Twice, Kind::Plain];
        assert_eq!(kinds.map(count), [3, 2, 1, 5, 89]);
    }
}
