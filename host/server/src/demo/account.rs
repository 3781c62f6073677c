//! The account at the end: what the shop, the service and the systems counted.

use stepmill_core::run::{Phase, State};

use super::Stage;
use super::order::Kind;
use super::report::{Expected, Report};
use crate::cli::client::Filter;

impl Stage {
    /// Asks everybody what they counted, and whether it adds up.
    pub(super) async fn account(&self) -> anyhow::Result<Report> {
        let runs = |workflow: &str| Filter { workflow: Some(workflow.into()), phase: None };
        let (orders, _) = self.admin.all_runs(&runs("order-to-cash"), usize::MAX).await?;
        let (shop, erp, carrier) = (self.shop.counts(), self.erp.counts(), self.carrier.counts());
        let (crm_customers, crm_orders) = self.crm.counts();
        let accepted = self.shop.accepted();
        let due: Vec<_> =
            accepted.iter().filter(|order| order.is_to_be_made()).map(|order| order.reference()).collect();
        let expected = Expected {
            dead: count(&accepted, |order| order.kind == Kind::Invalid),
            out_of_stock: count(&accepted, |order| order.kind == Kind::SoldOut),
        };
        let mut report = Report {
            sent: shop.sent,
            accepted: shop.accepted,
            duplicates: shop.duplicates,
            refused: shop.refused,
            sent_again: shop.again,
            completed: count(&orders, |run| run.phase == Phase::Succeeded),
            out_of_stock: count(&orders, |run| run.phase == Phase::Succeeded && run.done("create").is_none()),
            retried: count(&orders, was_retried),
            dead: count(&orders, |run| matches!(run.phase, Phase::Dead { .. })),
            erp_orders: erp.orders,
            erp_repeated: erp.repeated,
            erp_unavailable: erp.unavailable,
            shipments: carrier.shipments,
            crm_customers,
            crm_orders,
            kills: 0,
            lost: self.erp.missing(due.iter().map(String::as_str)),
            doubled: erp.doubled,
            seconds: 0,
            problems: self.shop.problems(),
        };
        if carrier.refused > 0 {
            report.problems.push(format!("{} webhooks of the carrier were refused", carrier.refused));
        }
        report.check(expected);
        Ok(report)
    }
}

fn was_retried(run: &State) -> bool {
    run.steps.values().any(|progress| progress.tries.last > 1)
}

fn count<T>(all: &[T], is_one: impl Fn(&T) -> bool) -> u64 {
    u64::try_from(all.iter().filter(|one| is_one(one)).count()).unwrap_or(u64::MAX)
}
