//! What the demo counted, and whether it adds up.

use std::fmt::Write as _;

use serde::Serialize;

/// What the demo counted.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    /// Webhooks that the shop sent, each once however often it was sent again.
    pub(super) sent: u64,
    /// Orders answered 2xx.
    pub(super) accepted: u64,
    /// Webhooks of accepted orders that were answered as such.
    pub(super) duplicates: u64,
    /// Webhooks with a wrong signature, answered 401.
    pub(super) refused: u64,
    /// Webhooks sent again because there was no answer, or one that asked for it.
    pub(super) sent_again: u64,
    /// Runs of orders that succeeded.
    pub(super) completed: u64,
    /// Of them, those that made no order because nothing was in stock.
    pub(super) out_of_stock: u64,
    /// Runs of which some step took more than one attempt.
    pub(super) retried: u64,
    /// Dead letters.
    pub(super) dead: u64,
    /// Orders in the ERP.
    pub(super) erp_orders: u64,
    /// Repeated requests that the ERP recognised.
    pub(super) erp_repeated: u64,
    /// Requests that the ERP answered 503.
    pub(super) erp_unavailable: u64,
    /// Shipments with the carrier.
    pub(super) shipments: u64,
    /// Customers updated in the CRM.
    pub(super) crm_customers: u64,
    /// Orders that those updates told of.
    pub(super) crm_orders: u64,
    /// How often the serving process was killed.
    pub(super) kills: u64,
    /// Accepted orders that should be in the ERP and are not.
    pub(super) lost: u64,
    /// Orders that were made more than once.
    pub(super) doubled: u64,
    /// How long it took, in seconds.
    pub(super) seconds: u64,
    /// What does not add up.
    pub(super) problems: Vec<String>,
}

/// What must come out of the accepted orders.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    /// Orders that make no sense.
    pub(super) dead: u64,
    /// Orders of what is out of stock.
    pub(super) out_of_stock: u64,
}

impl Report {
    /// Notes everything that does not add up.
    pub(super) fn check(&mut self, expected: Expected) {
        let made = self.accepted.saturating_sub(expected.dead).saturating_sub(expected.out_of_stock);
        for (what, is, must) in [
            (
                "webhooks sent, against accepted, duplicates and refused",
                self.sent,
                self.accepted + self.duplicates + self.refused,
            ),
            ("orders accepted, against completed and dead", self.accepted, self.completed + self.dead),
            ("dead letters, against accepted orders that make no sense", self.dead, expected.dead),
            ("orders in the ERP, against accepted orders that should be there", self.erp_orders, made),
            ("shipments, against orders in the ERP", self.shipments, self.erp_orders),
            ("orders that the CRM was told of, against shipments", self.crm_orders, self.shipments),
            ("orders lost", self.lost, 0),
            ("orders doubled", self.doubled, 0),
        ] {
            if is != must {
                self.problems.push(format!("{what}: {is}, not {must}"));
            }
        }
    }

    /// Whether all is well.
    pub(super) fn adds_up(&self) -> bool {
        self.problems.is_empty()
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let rows: [(&str, u64, &str); 16] = [
            ("webhooks sent", self.sent, "by the shop, signed, 32 at once"),
            ("accepted", self.accepted, "orders answered 202: each is on disk"),
            ("duplicates answered", self.duplicates, "the same webhook again: the same run"),
            ("refused", self.refused, "wrong signature: 401"),
            ("sent again", self.sent_again, "no answer, or 5xx: as real senders do"),
            ("completed", self.completed, "runs from order to shipment"),
            ("  out of stock", self.out_of_stock, "of them: no order made"),
            ("dead letters", self.dead, "orders that make no sense, kept for a person"),
            ("retried", self.retried, "runs that needed another attempt"),
            ("orders in the ERP", self.erp_orders, ""),
            ("  repeated requests", self.erp_repeated, "recognised by their idempotency key"),
            ("  503 answers", self.erp_unavailable, "while it was down"),
            ("customers in the CRM", self.crm_customers, "updated by the carrier's webhooks"),
            ("kills", self.kills, "SIGKILL of the serving process"),
            ("lost", self.lost, "accepted orders missing in the ERP"),
            ("doubled", self.doubled, "orders made twice"),
        ];
        let mut table = String::new();
        for (what, count, meaning) in rows {
            let line = format!("  {what:<22}{count:>7}   {meaning}");
            let _ = writeln!(table, "{}", line.trim_end());
        }
        for problem in &self.problems {
            let _ = writeln!(table, "  does not add up: {problem}");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, Report};

    fn good() -> Report {
        Report {
            sent: 105,
            accepted: 97,
            duplicates: 5,
            refused: 3,
            completed: 95,
            out_of_stock: 1,
            dead: 2,
            erp_orders: 94,
            shipments: 94,
            crm_orders: 94,
            ..Report::default()
        }
    }

    #[test]
    fn a_demo_adds_up_only_if_every_accepted_order_came_to_its_end() {
        let expected = Expected { dead: 2, out_of_stock: 1 };
        let mut report = good();
        report.check(expected);
        assert!(report.adds_up(), "{:?}", report.problems);

        let mut report = Report { erp_orders: 93, lost: 1, ..good() };
        report.check(expected);
        assert_eq!(
            report.problems,
            [
                "orders in the ERP, against accepted orders that should be there: 93, not 94",
                "shipments, against orders in the ERP: 94, not 93",
                "orders lost: 1, not 0"
            ]
        );
    }
}
