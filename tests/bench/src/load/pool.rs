//! Requests, rendered and signed in advance.

use std::io::Write as _;

use super::Spec;
use crate::payload::{KIB, order, sign};

/// Orders. Their numbers repeat after so many, the ids of their events never do.
pub(crate) const ORDERS: usize = 8_192;

/// Signed bodies.
pub(crate) struct Pool {
    bodies: Vec<(String, String)>,
}

impl Pool {
    /// Renders all orders of 1 KiB.
    pub(crate) fn render() -> Self {
        let body = |number| {
            let body = order(number, KIB);
            (sign(body.as_bytes()), body)
        };
        Self { bodies: (0..ORDERS).map(body).collect() }
    }

    /// What does not change from request to request on a connection.
    pub(crate) fn head(spec: &Spec) -> Vec<u8> {
        format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: bench/1\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: {KIB}\r\n",
            spec.path, spec.address
        )
        .into_bytes()
    }

    /// The number of the order that the event `id` carries.
    pub(crate) fn number(id: u64) -> usize {
        usize::try_from(id % ORDERS as u64).unwrap()
    }

    /// Appends what does change, and the body.
    pub(crate) fn finish(&self, id: u64, request: &mut Vec<u8>) {
        let (signature, body) = &self.bodies[Self::number(id)];
        write!(request, "x-id: {id:016x}\r\nx-signature: {signature}\r\n\r\n{body}").unwrap();
    }
}
