//! The orders that are sent, and the signed requests that carry them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use stepmill_test_support::project::SECRET;

/// Bytes of the usual event.
pub(crate) const KIB: usize = 1 << 10;

/// An order of about `bytes` bytes as JSON text: lines of different goods, filled up with a note.
pub(crate) fn order(number: usize, bytes: usize) -> String {
    let mut order = json!({
        "number": number,
        "sku": format!("SKU-{}", number % 97),
        "quantity": 1 + number % 9,
        "currency": "EUR",
        "paid": number.is_multiple_of(2),
        "customer": { "id": format!("C-{number:06}"), "name": "Ada Lovelace", "email": "ada@example.com", "vip": null },
        "lines": [],
        "note": "",
    });
    let line = |index: usize| json!({ "sku": format!("SKU-{index}"), "quantity": 1 + index % 5, "price": 19.99 + index as f64 });
    let each = line(100).to_string().len() + 1;
    let room = bytes.saturating_sub(order.to_string().len());
    let lines: Vec<Value> = (0..(room * 9 / 10) / each).map(line).collect();
    order["lines"] = lines.into();
    let filler = bytes.saturating_sub(order.to_string().len());
    order["note"] = "x".repeat(filler).into();
    order.to_string()
}

/// Signs as the projects of the test support want it: HMAC-SHA256 in lower-case hexadecimal.
pub(crate) fn sign(body: &[u8]) -> String {
    let mut mac = key();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The key, ready to be cloned for each request.
pub(crate) fn key() -> Hmac<Sha256> {
    Hmac::new_from_slice(SECRET.as_bytes()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::{KIB, order};

    #[test]
    fn orders_have_the_size_that_was_asked_for() {
        for bytes in [KIB, 16 * KIB, 256 * KIB] {
            assert_eq!(order(7, bytes).len(), bytes);
        }
    }
}
