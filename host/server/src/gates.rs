//! The gates in front of systems: which attempts may be made now, over all runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use stepmill_core::attempt::{Cause, Exchange, Record};
use stepmill_core::flow::Outcome;
use stepmill_core::flow::gate::{Admit, Gate, Pass, Policy, Room, Status};
use stepmill_core::{Clock, Entropy};
use tokio::sync::Notify;

/// The gates of all systems.
pub struct Gates {
    gates: RwLock<BTreeMap<String, Arc<Mutex<Gate>>>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Told when there may be room again.
    wake: Arc<Notify>,
}

/// An attempt that a gate has let through. Dropped, it has ended without a result.
pub struct Held {
    gates: Arc<Gates>,
    system: String,
    pass: Option<(Pass, Arc<Mutex<Gate>>)>,
}

impl Gates {
    /// The gates of these systems.
    pub fn new(
        policies: &BTreeMap<String, Policy>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        wake: Arc<Notify>,
    ) -> Arc<Self> {
        let gates = Arc::new(Self { gates: RwLock::default(), clock, entropy, wake });
        gates.set(policies);
        gates
    }

    /// Has gates in front of these systems and no others. One that is there goes on, under its policy of now.
    pub fn set(&self, policies: &BTreeMap<String, Policy>) {
        let now_ms = self.clock.now_ms();
        let mut gates = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        let mut former = std::mem::take(&mut *gates);
        for (name, policy) in policies {
            let gate =
                former.remove(name).unwrap_or_else(|| Arc::new(Mutex::new(Gate::new(*policy, now_ms))));
            lock(&gate).retune(*policy, now_ms);
            gates.insert(name.clone(), gate);
        }
        drop(gates);
        self.wake.notify_one();
    }

    /// Lets an attempt at a system through, or not. A system without a gate is not there, which the attempt
    /// will find out.
    pub fn admit(self: &Arc<Self>, system: &str) -> Option<Held> {
        let pass = match self.gate(system) {
            Some(gate) => match lock(&gate).admit(self.clock.now_ms()) {
                Admit::Go(pass) => Some((pass, Arc::clone(&gate))),
                Admit::NotBefore(..) | Admit::Full => return None,
            },
            None => None,
        };
        Some(Held { gates: Arc::clone(self), system: system.to_owned(), pass })
    }

    /// What a system takes now.
    pub fn room(&self, system: &str) -> Room {
        match self.gate(system) {
            Some(gate) => lock(&gate).room(self.clock.now_ms()),
            None => Room { attempts: usize::MAX, again_ms: None },
        }
    }

    /// All gates as an operator sees them.
    pub fn status(&self) -> BTreeMap<String, Status> {
        let now_ms = self.clock.now_ms();
        let gates = self.gates.read().unwrap_or_else(PoisonError::into_inner);
        gates.iter().map(|(name, gate)| (name.clone(), lock(gate).status(now_ms))).collect()
    }

    fn gate(&self, system: &str) -> Option<Arc<Mutex<Gate>>> {
        self.gates.read().unwrap_or_else(PoisonError::into_inner).get(system).map(Arc::clone)
    }
}

fn lock(gate: &Mutex<Gate>) -> MutexGuard<'_, Gate> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    /// Gives the pass back with what became of the attempt.
    pub fn ended(mut self, record: &Record) {
        let Some((pass, gate)) = self.pass.take() else { return };
        let outcome = outcome(&self.system, record);
        lock(&gate).ended(pass, outcome, self.gates.clock.now_ms(), self.gates.entropy.share());
        self.gates.wake.notify_one();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((pass, gate)) = self.pass.take() {
            lock(&gate).abandoned(pass);
            self.gates.wake.notify_one();
        }
    }
}

/// What an attempt says of a system: what the last exchange with it does, whatever the guest made of that.
fn outcome(system: &str, record: &Record) -> Outcome {
    let of_system = |exchange: &&Exchange| exchange.system.as_deref() == Some(system);
    let Some(exchange) = record.exchanges.iter().rev().find(of_system) else {
        // It hung before there was an answer, or never asked.
        let is_late = record.failure.as_ref().is_some_and(|failure| failure.cause == Cause::WallDeadline);
        return if is_late { Outcome::Failed } else { Outcome::Neutral };
    };
    match &exchange.result {
        Err(_) => Outcome::Failed,
        Ok(response) => {
            let retry_after_ms = || {
                let header =
                    response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
                header
                    .and_then(|(_, value)| value.trim().parse::<u64>().ok())
                    .map(|s| s.saturating_mul(1_000))
            };
            match response.status {
                429 => Outcome::Limited { retry_after_ms: retry_after_ms() },
                503 if retry_after_ms().is_some() => Outcome::Limited { retry_after_ms: retry_after_ms() },
                500..=599 => Outcome::Failed,
                // It answers, whether or not the guest likes what.
                0..=428 | 430..=499 | 600..=u16::MAX => Outcome::Succeeded,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use stepmill_core::attempt::ExchangeResponse;

    use super::*;

    fn record(status: Result<u16, &str>, headers: &[(&str, &str)]) -> Record {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let response = status.map(|status| ExchangeResponse {
            status,
            headers,
            body: String::new(),
            body_bytes: 0,
            lack: None,
        });
        let exchange = Exchange {
            system: Some("erp".into()),
            method: "GET".into(),
            url: "http://erp/".into(),
            request_headers: Vec::new(),
            request_body: String::new(),
            request_bytes: 0,
            request_lack: None,
            unanswered: None,
            result: response.map_err(str::to_owned),
            took_us: 0,
        };
        Record {
            step: "s".into(),
            number: 1,
            plugin: "rest".into(),
            digest: String::new(),
            started_ms: 0,
            took_us: 0,
            memory_bytes: 0,
            failure: None,
            exchanges: vec![exchange],
            logs: Vec::new(),
        }
    }

    #[test]
    fn a_system_is_judged_by_its_last_answer_and_not_by_the_guest() {
        assert_eq!(outcome("erp", &record(Ok(200), &[])), Outcome::Succeeded);
        assert_eq!(outcome("erp", &record(Ok(404), &[])), Outcome::Succeeded);
        assert_eq!(outcome("erp", &record(Ok(500), &[])), Outcome::Failed);
        assert_eq!(outcome("erp", &record(Err("connection refused"), &[])), Outcome::Failed);
        assert_eq!(outcome("crm", &record(Ok(500), &[])), Outcome::Neutral);
        let limited = |ms| Outcome::Limited { retry_after_ms: ms };
        assert_eq!(outcome("erp", &record(Ok(429), &[])), limited(None));
        assert_eq!(outcome("erp", &record(Ok(429), &[("Retry-After", "7")])), limited(Some(7_000)));
        assert_eq!(outcome("erp", &record(Ok(503), &[("retry-after", "2")])), limited(Some(2_000)));
    }
}
