//! The kinds of steps, and what becomes of an event with the step that `stepmill plugin new` makes of each.

use clap::ValueEnum;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Transform,
    Validate,
    Connector,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Transform, Self::Validate, Self::Connector];

    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Validate => "validate",
            Self::Connector => "connector",
        }
    }

    /// An order that the step takes.
    pub fn order() -> Value {
        json!({
            "id": "SO-1",
            "currency": "EUR",
            "lines": [{ "sku": "A", "quantity": 2, "price": 9.5 }, { "sku": "B", "quantity": 3, "price": 0.5 }],
        })
    }

    /// What the step makes of it, to the byte, whatever language it is written in.
    pub fn output(self) -> String {
        match self {
            Self::Transform => r#"{"order":"SO-1","currency":"EUR","total":20.5,"items":5}"#.to_owned(),
            Self::Validate => Self::order().to_string(),
            Self::Connector => r#"{"order":"SO-1","available":false,"missing":["B"]}"#.to_owned(),
        }
    }
}
