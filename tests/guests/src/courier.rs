//! Verifies what an invented courier sends: the HMAC-SHA256 in hexadecimal, in `x-courier-signature`, of id, time and body.
//! A request that proves so much may have it do something besides, by `x-courier-do`: misbehave, or look for what it
//! must not find.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;
use stepmill_sdk::verify::{Keys, Method, Reason, Refusal, Request, Unverified, Verified};
use stepmill_sdk::{Failure, Verify, log};

/// What `with:` of the webhook's `verify` says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// How far the signed time may be from now, in seconds; 300 unless given.
    #[serde(default = "five_minutes")]
    tolerance: u64,
    /// What the id is called in the dedupe key; nothing unless given.
    #[serde(default)]
    prefix: String,
}

fn five_minutes() -> u64 {
    300
}

struct Courier {
    tolerance: Duration,
    prefix: String,
}

impl Verify for Courier {
    const NAME: &'static str = "courier";
    const SUMMARY: &'static str = "Verifies what the courier sends.";
    const KEYS: &'static [(&'static str, &'static str)] =
        &[("signing", "The signing secret of the courier's settings.")];
    type Config = Config;

    fn prepare(config: Config) -> Result<Self, Failure> {
        if config.prefix == "forbidden" {
            return Err(Failure::reject("prefix", "the prefix is forbidden on purpose"));
        }
        Ok(Self { tolerance: Duration::from_secs(config.tolerance), prefix: config.prefix })
    }

    fn run(&self, request: &Request, keys: &Keys) -> Result<Verified, Unverified> {
        let (id, time) = (request.header("x-courier-id")?, request.header("x-courier-time")?);
        let malformed = |what: &str| Refusal::new(Reason::MalformedHeader, format!("{what} is malformed"));
        let at_s: u64 = time.parse().map_err(|_| malformed("the time"))?;
        request.is_within(at_s.saturating_mul(1_000), self.tolerance)?;
        let signature = hex::decode(request.header("x-courier-signature")?);
        let signature = signature.map_err(|_| malformed("the signature"))?;
        let signed = [format!("{id}.{time}.").as_bytes(), &request.body].concat();
        if !keys.is_signed("signing", Method::HmacSha256, &signed, &[signature])? {
            log::warn!("the courier's signature does not fit", id = id);
            return Err(Refusal::new(Reason::Mismatch, "the signature does not fit").into());
        }
        if let Ok(what) = request.header("x-courier-do") {
            besides(what, request, keys)?;
        }
        Ok(Verified::known_by(format!("{}{id}", self.prefix)))
    }
}

#[allow(clippy::panic, reason = "on purpose")]
fn besides(what: &str, request: &Request, keys: &Keys) -> Result<(), Unverified> {
    match what {
        "panic" => panic!("the courier panicked on purpose"),
        "loop" => loop {
            black_box(());
        },
        "memory" => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "long-refusal" => return Err(Refusal::new(Reason::Other, "x".repeat(8 << 20)).into()),
        "flood" => (0..100_000).for_each(|_| log::info!("a line that nobody has asked for")),
        "ask-too-often" => {
            for _ in 0..1_000 {
                keys.equals("signing", b"a guess")?;
            }
        }
        "ask-for-another" => drop(keys.equals("another", b"")?),
        "ask-the-wrong-way" => drop(keys.is_signed("signing", Method::Ed25519, b"", &[])?),
        "search" => return Err(Refusal::new(Reason::Other, search(request)?).into()),
        _ => return Err(Refusal::new(Reason::Other, "the courier does not know what to do").into()),
    }
    Ok(())
}

/// Looks for what `x-courier-masked` names, and for what it can name itself, in all that a guest has.
fn search(request: &Request) -> Result<String, Refusal> {
    let masked = hex::decode(request.header("x-courier-masked")?);
    // Masked, so that it is not in memory because it is looked for.
    let masked = masked.map_err(|_| Refusal::new(Reason::MalformedHeader, "it is not hexadecimal"))?;
    let known: Vec<u8> = request.header("x-courier-id")?.bytes().map(|byte| byte ^ MASK).collect();
    let environment = std::env::vars().count() + std::env::args().count();
    let files = std::fs::read_dir("/").is_ok();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let time = if now == u128::from(request.received_at_ms) { "stands" } else { "passes" };
    Ok(format!(
        "secret: {}, id: {}, environment: {environment}, files: {files}, time {time}",
        is_in_memory(&masked),
        is_in_memory(&known)
    ))
}

const MASK: u8 = 0x55;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "a guest may read all of its own memory, and this one is after something")]
fn is_in_memory(masked: &[u8]) -> bool {
    let end = core::arch::wasm32::memory_size::<0>() << 16;
    // From 1, as no slice begins at nothing.
    let memory = unsafe { std::slice::from_raw_parts(1 as *const u8, end - 1) };
    memory
        .windows(masked.len())
        .any(|window| window.iter().zip(masked).all(|(byte, masked)| byte ^ MASK == *masked))
}

#[cfg(not(target_arch = "wasm32"))]
fn is_in_memory(_: &[u8]) -> bool {
    false
}

stepmill_sdk::export_verify!(Courier);
