#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod config;
mod due;
mod wall_clock;

use chrono::{DateTime, SecondsFormat};

use super::{Config, Schedule};

/// The schedule that a config in JSON makes.
fn schedule(json: &str) -> Schedule {
    Schedule::try_new(&serde_json::from_str::<Config>(json).unwrap()).unwrap()
}

fn cron(pattern: &str, zone: &str) -> Schedule {
    let config = Config { cron: Some(pattern.into()), zone: Some(zone.into()), ..Config::default() };
    Schedule::try_new(&config).unwrap()
}

fn ms(time: &str) -> u64 {
    u64::try_from(DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis()).unwrap()
}

fn time(ms: u64) -> String {
    let time = DateTime::from_timestamp_millis(i64::try_from(ms).unwrap()).unwrap();
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The next `count` instants after `after` in RFC 3339, in UTC.
fn instants(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    schedule.preview(ms(after), count).into_iter().map(time).collect()
}
