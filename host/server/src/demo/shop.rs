//! A simulated shop: sends signed order webhooks as a real one does, again and again until it reads a
//! 2xx or is told that the request itself is wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use stepmill_core::signature::sign;
use tokio::time::Instant;

use super::order::{Kind, Order};
use super::simulator::lock;

/// Webhooks that the shop sends at once.
const CONCURRENCY: usize = 32;
/// Pause before a webhook that was not taken is sent again.
const AGAIN: Duration = Duration::from_millis(200);
/// Problems that are kept; more of the same say nothing new.
const PROBLEMS: usize = 10;

/// A running shop.
pub(super) struct Shop {
    client: reqwest::Client,
    /// Where its webhooks go.
    target: String,
    secret: Vec<u8>,
    orders: u64,
    /// Time between two orders.
    pace: Duration,
    next: AtomicU64,
    done: AtomicU64,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// The run that each accepted order was answered with.
    accepted: BTreeMap<u64, String>,
    counts: Counts,
    problems: Vec<String>,
}

/// What the shop counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Webhooks, each once however often it was sent again.
    pub(super) sent: u64,
    /// Orders answered 2xx.
    pub(super) accepted: u64,
    /// Webhooks of orders that had been answered 2xx before, answered 2xx and with the same run.
    pub(super) duplicates: u64,
    /// Answered 401.
    pub(super) refused: u64,
    /// Requests sent again because there was no answer, or 5xx or 429.
    pub(super) again: u64,
}

/// How a webhook ended.
enum Ending {
    Accepted(Answer),
    Refused(StatusCode),
}

#[derive(Deserialize)]
struct Answer {
    run: String,
    #[serde(default)]
    duplicate: bool,
}

impl Shop {
    /// A shop that sends `orders` orders to `target` over about `period`.
    pub(super) fn new(
        client: reqwest::Client,
        target: String,
        secret: &[u8],
        orders: u64,
        period: Duration,
    ) -> Self {
        Self {
            client,
            target,
            secret: secret.to_vec(),
            orders,
            pace: period.checked_div(u32::try_from(orders).unwrap_or(u32::MAX)).unwrap_or_default(),
            next: AtomicU64::new(1),
            done: AtomicU64::new(0),
            books: Mutex::default(),
        }
    }

    /// Sends all orders.
    pub(super) async fn run(self: Arc<Self>) {
        let began = Instant::now();
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..CONCURRENCY {
            let shop = Arc::clone(&self);
            senders.spawn(async move {
                loop {
                    let number = shop.next.fetch_add(1, Ordering::Relaxed);
                    if number > shop.orders {
                        return;
                    }
                    let due = shop.pace.saturating_mul(u32::try_from(number - 1).unwrap_or(u32::MAX));
                    tokio::time::sleep_until(began + due).await;
                    shop.place(Order::new(number)).await;
                    shop.done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while senders.join_next().await.is_some() {}
    }

    /// How many orders are through.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// What it has counted so far.
    pub(super) fn counts(&self) -> Counts {
        lock(&self.books).counts.clone()
    }

    /// What it was answered and should not have been.
    pub(super) fn problems(&self) -> Vec<String> {
        lock(&self.books).problems.clone()
    }

    /// The orders that were accepted.
    pub(super) fn accepted(&self) -> Vec<Order> {
        lock(&self.books).accepted.keys().map(|number| Order::new(*number)).collect()
    }

    async fn place(&self, order: Order) {
        let ending = self.send(order).await;
        self.note(order, ending);
        if order.kind == Kind::Twice {
            let ending = self.send(order).await;
            self.note(order, ending);
        }
    }

    /// Sends one webhook until it is taken or refused.
    async fn send(&self, order: Order) -> Ending {
        let body = order.body().to_string();
        let signature = match order.kind {
            Kind::Forged => sign::shopify(b"not the shop's secret", body.as_bytes()),
            Kind::Plain | Kind::Twice | Kind::Invalid | Kind::SoldOut => {
                sign::shopify(&self.secret, body.as_bytes())
            }
        };
        loop {
            let request = self
                .client
                .post(&self.target)
                .header("content-type", "application/json")
                .header("x-shopify-topic", "orders/create")
                .header("x-shopify-webhook-id", order.webhook_id())
                .header("x-shopify-hmac-sha256", &signature)
                .body(body.clone());
            if let Ok(response) = request.send().await {
                let status = response.status();
                if status.is_success() {
                    // A 2xx whose body breaks off is none: the shop sends again and reads the same run.
                    let answer =
                        response.bytes().await.ok().and_then(|body| serde_json::from_slice(&body).ok());
                    if let Some(answer) = answer {
                        return Ending::Accepted(answer);
                    }
                } else if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
                    return Ending::Refused(status);
                }
            }
            lock(&self.books).counts.again += 1;
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn note(&self, order: Order, ending: Ending) {
        let mut books = lock(&self.books);
        books.counts.sent += 1;
        let problem = match (ending, order.kind) {
            (Ending::Refused(StatusCode::UNAUTHORIZED), Kind::Forged) => {
                books.counts.refused += 1;
                None
            }
            (Ending::Refused(status), _) => {
                Some(format!("order {} was refused with {status}", order.reference()))
            }
            (Ending::Accepted(_), Kind::Forged) => {
                Some(format!("order {} was accepted with a wrong signature", order.reference()))
            }
            (Ending::Accepted(answer), Kind::Plain | Kind::Twice | Kind::Invalid | Kind::SoldOut) => {
                books.accept(order, answer)
            }
        };
        if let Some(problem) = problem
            && books.problems.len() < PROBLEMS
        {
            books.problems.push(problem);
        }
    }
}

impl Books {
    /// The first 2xx of an order may well say `duplicate`: the 2xx before it was lost on its way.
    fn accept(&mut self, order: Order, answer: Answer) -> Option<String> {
        match self.accepted.get(&order.number) {
            None => {
                self.accepted.insert(order.number, answer.run);
                self.counts.accepted += 1;
                None
            }
            Some(first) if answer.duplicate && *first == answer.run => {
                self.counts.duplicates += 1;
                None
            }
            Some(first) => {
                Some(format!("order {} was accepted twice, as {first} and {}", order.reference(), answer.run))
            }
        }
    }
}
