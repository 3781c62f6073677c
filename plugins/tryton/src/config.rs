//! The step's `with:`.

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::config::Scalar;

/// The step's `with:`: one operation; see the crate's documentation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Looks a party up: give one of code, name and identifier.
    pub find_party: Option<By>,
    /// Looks a product up.
    pub find_product: Option<FindProduct>,
    /// Tells how many of a product there are.
    pub stock: Option<Stock>,
    /// Creates a sale unless it is there.
    pub create_sale: Option<NewSale>,
    /// Quotes and confirms a sale.
    pub confirm_sale: Option<Sale>,
    /// Id of the company to work for; the user's own unless given.
    pub company: Option<u64>,
    /// Path at the step's system, whose URL ends in the name of the database.
    #[serde(default = "slash")]
    pub path: String,
}

fn slash() -> String {
    "/".to_owned()
}

/// How a party is found: by one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct By {
    /// Its code.
    pub code: Option<Scalar>,
    /// Its name, letter by letter.
    pub name: Option<String>,
    /// One of its identifiers, such as a VAT number.
    pub identifier: Option<String>,
}

/// Which product.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindProduct {
    /// Its code.
    pub code: Scalar,
}

/// Which stock.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// Code of the product.
    pub product: Scalar,
    /// Code of the warehouse.
    pub warehouse: String,
}

/// A sale to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSale {
    /// The order's number where it comes from; there is one sale of a party with it.
    pub reference: Scalar,
    /// Code of the customer.
    pub party: Scalar,
    /// What is sold.
    pub lines: Vec<Line>,
    /// A text for the sale.
    pub description: Option<String>,
    /// Code of the warehouse it is sent from; the company's own unless given.
    pub warehouse: Option<String>,
}

/// A line of a sale.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Code of the product.
    pub product: Scalar,
    /// How many, in the product's unit.
    pub quantity: f64,
    /// Price of one, without tax, such as `"19.90"`. Text keeps its digits.
    pub price: Scalar,
    /// A text for the line.
    pub description: Option<String>,
}

/// Which sale: by its reference, or its id.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sale {
    /// The reference that it was created with.
    pub reference: Option<Scalar>,
    /// Its id.
    pub id: Option<u64>,
}
