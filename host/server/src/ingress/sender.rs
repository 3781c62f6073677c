//! Whether a sender may call a webhook, and how often: looked at before anything of it is read but its headers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use stepmill_core::flow::rate::{Bucket, Rate};
use stepmill_core::network::Network;
use stepmill_core::workflow::Webhook;

use super::Refusal;
use crate::listener::Source;

/// Most senders whose requests are counted each by itself. Beyond, those that are new share one count: there is no way to have a
/// new count for each request.
const SENDERS: usize = 16_384;

/// Whom a webhook takes requests from.
#[derive(Debug, Default)]
pub struct Senders {
    from: Vec<Network>,
    rate: Option<Rated>,
}

#[derive(Debug)]
struct Rated {
    rate: Rate,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    each: HashMap<Source, Bucket>,
    others: Bucket,
}

impl Senders {
    /// Those of a webhook. Nobody has made a request yet.
    pub(crate) fn of(webhook: &Webhook) -> Self {
        // A rate that is none is an error of the webhook's plan.
        let rate = webhook.rate.as_ref().and_then(|rate| Rate::try_new(rate).ok()).map(|rate| Rated {
            rate,
            buckets: Mutex::new(Buckets { each: HashMap::new(), others: Bucket::new(rate) }),
        });
        Self { from: webhook.from.clone(), rate }
    }

    /// Takes a request of `address`, if it may make one now.
    pub(super) fn take(&self, address: IpAddr, now_ms: u64) -> Result<(), Refusal> {
        if !self.from.is_empty() && !self.from.iter().any(|network| network.contains(address)) {
            return Err(Refusal::NotAllowed);
        }
        let Some(rated) = &self.rate else { return Ok(()) };
        let at_ms = rated.take(Source::from(address), now_ms, SENDERS);
        at_ms.map_err(|at_ms| Refusal::RateLimited { after_ms: at_ms.saturating_sub(now_ms) })
    }
}

impl Rated {
    /// # Errors
    /// When there will be room.
    fn take(&self, source: Source, now_ms: u64, most: usize) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.each.get_mut(&source) {
            return bucket.take(now_ms);
        }
        if buckets.each.len() >= most {
            // Who could make as many requests as one that is new need not be known.
            buckets.each.retain(|_, bucket| !bucket.is_full(now_ms));
        }
        if buckets.each.len() >= most {
            return buckets.others.take(now_ms);
        }
        buckets.each.entry(source).or_insert_with(|| Bucket::new(self.rate)).take(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stepmill_core::flow::rate;

    use super::*;

    fn rated() -> Rated {
        let config = rate::Config { requests: 1, per: Duration::from_secs(10), burst: Some(2) };
        let rate = Rate::try_new(&config).expect("a rate");
        Rated { rate, buckets: Mutex::new(Buckets { each: HashMap::new(), others: Bucket::new(rate) }) }
    }

    fn source(last: u8) -> Source {
        Source::from(IpAddr::from([203, 0, 113, last]))
    }

    #[test]
    fn each_sender_has_a_count_of_its_own() {
        let rated = rated();
        let now_ms = 1_000_000;
        assert_eq!(
            [(); 3].map(|()| rated.take(source(1), now_ms, 10)),
            [Ok(()), Ok(()), Err(now_ms + 10_000)]
        );
        assert_eq!(rated.take(source(2), now_ms, 10), Ok(()));
        assert_eq!(rated.take(source(1), now_ms + 10_000, 10), Ok(()));
    }

    #[test]
    fn senders_that_are_too_many_to_be_known_share_a_count_until_others_are_forgotten() {
        let rated = rated();
        let now_ms = 1_000_000;
        for last in 1..=2 {
            assert_eq!(rated.take(source(last), now_ms, 2), Ok(()));
        }
        for last in 3..=4 {
            assert_eq!(rated.take(source(last), now_ms, 2), Ok(()));
        }
        assert_eq!(rated.take(source(5), now_ms, 2), Err(now_ms + 10_000));
        assert_eq!(rated.take(source(1), now_ms, 2), Ok(()));
        assert_eq!(rated.take(source(5), now_ms + 20_000, 2), Ok(()));
        assert_eq!(rated.buckets.lock().expect("unpoisoned").each.len(), 1);
    }

    #[test]
    fn only_the_networks_that_are_named_may_call() {
        let mut senders = Senders { from: vec!["203.0.113.0/24".parse().expect("a network")], rate: None };
        let take = |senders: &Senders, text: &str| senders.take(text.parse().expect("an address"), 0);
        assert_eq!(take(&senders, "203.0.113.9"), Ok(()));
        assert_eq!(take(&senders, "::ffff:203.0.113.9"), Ok(()));
        assert_eq!(take(&senders, "203.0.114.9"), Err(Refusal::NotAllowed));
        senders.from.clear();
        assert_eq!(take(&senders, "203.0.114.9"), Ok(()));
    }
}
