//! Seeing that what follows from the states of runs is what is there: recomputed from all of them, and compared with
//! the keys, the counts and what is known in memory.

use std::collections::{BTreeMap, BTreeSet};

use stepmill_core::journal::JournalError;
use stepmill_core::run::{self, Turn};
use tokio::sync::oneshot;

use crate::codec::{self, KeptRow, LaneRow};
use crate::committer::{Hold, Request};
use crate::error::damaged;
use crate::index::Standing;
use crate::keys;
use crate::local::LocalJournal;
use crate::record::Record;
use crate::shared::Shared;
use crate::totals::{Deltas, Total, Totals};

/// What follows from the states.
#[derive(Default)]
struct Expected {
    keys: BTreeMap<Vec<u8>, Vec<u8>>,
    lanes: BTreeMap<Vec<u8>, LaneRow>,
    /// How many runs are of each version, by their keys.
    versions: BTreeMap<Vec<u8>, u64>,
    totals: Deltas,
    unfinished: u64,
    dead: u64,
}

impl LocalJournal {
    /// What is wrong with the journal as it is at one moment: writes wait meanwhile, and all its indexes are held in
    /// memory. Nothing, unless the journal has a fault of its own. For tests and simulation.
    pub async fn check(&self) -> Result<Vec<String>, JournalError> {
        let (release, until) = oneshot::channel::<()>();
        self.write(|answer| Request::Hold(Hold { answer, until })).await?;
        let checked = self.blocking(check).await;
        drop(release);
        checked
    }
}

fn check(shared: &Shared) -> Result<Vec<String>, JournalError> {
    let mut wrong = Vec::new();
    let expected = expected(shared, &mut wrong)?;
    let mut found = BTreeMap::new();
    for span in keys::indexes() {
        shared.values.each(span, |key, value| {
            found.insert(key.to_vec(), value);
            Ok(())
        })?;
    }
    for (key, value) in &expected.keys {
        match found.remove(key) {
            None => wrong.push(format!("{} is missing", keys::describe(key))),
            Some(found) if found != *value => wrong.push(format!("{} is {found:?}", keys::describe(key))),
            Some(_) => {}
        }
    }
    wrong.extend(found.keys().map(|key| format!("{} is left over", keys::describe(key))));
    let mut lanes = expected.lanes;
    shared.values.each(keys::lanes(), |key, value| {
        let row: LaneRow = codec::decode(key, &value)?;
        let of = lanes.remove(key).unwrap_or_default();
        if (row.having, row.waiting) != (of.having, of.waiting) || row.ticket < of.ticket {
            wrong.push(format!("{} is {row:?} where the runs are {of:?}", keys::describe(key)));
        }
        if row.waiting > 0 && row.having == 0 {
            wrong.push(format!("{} is {row:?}: nobody has a turn", keys::describe(key)));
        }
        Ok(())
    })?;
    wrong.extend(lanes.keys().map(|key| format!("{} is missing", keys::describe(key))));
    let mut versions = BTreeMap::new();
    shared.values.each(keys::all_version_runs(), |key, value| {
        versions.insert(key.to_vec(), codec::decode::<u64>(key, &value)?);
        Ok::<_, JournalError>(())
    })?;
    if versions != expected.versions {
        wrong.push(format!("runs are counted as {versions:?}, and are {:?}", expected.versions));
    }
    marks(shared, &mut wrong)?;
    files(shared, &mut wrong)?;
    let positive = |number: &i64| u64::try_from(*number).unwrap_or_default();
    let total = |(runs, bytes): &(i64, i64)| Total { runs: positive(runs), bytes: positive(bytes) };
    let totals = expected.totals.iter().map(|(name, delta)| (name.clone(), total(delta))).collect();
    if shared.totals.now() != totals || Totals::open(&shared.values)?.now() != totals {
        wrong.push(format!("{:?}, but the runs that have ended are {totals:?}", shared.totals));
    }
    let backlog = shared.counters.backlog();
    if (backlog.unfinished, backlog.dead) != (expected.unfinished, expected.dead) {
        let (unfinished, dead) = (expected.unfinished, expected.dead);
        wrong.push(format!("{backlog:?}, but {unfinished} runs are unfinished and {dead} dead"));
    }
    let places = expected.keys.keys().filter_map(|key| keys::parse_place(key));
    shared.claims.check(&places.collect(), &mut wrong);
    Ok(wrong)
}

fn expected(shared: &Shared, wrong: &mut Vec<String>) -> Result<Expected, JournalError> {
    let mut expected = Expected::default();
    shared.values.each(keys::states(), |key, content| {
        let run = keys::parse_state(key).ok_or_else(|| damaged(key, "no run"))?;
        let Some((state, entries)) = shared.values.run(run)? else {
            return Err(damaged(key, "the run is missing"));
        };
        match run::replay(&entries) {
            Ok(Some(replayed)) if replayed == state => {}
            Ok(_) => wrong.push(format!("{run}: its entries lead to another state")),
            Err(error) => wrong.push(format!("{run}: {error}")),
        }
        let standing = Standing::of(&state, Record::parse(run, &content)?.bytes());
        standing.count(1, &mut expected.totals);
        let Standing { keys, turn, is_open, is_dead, .. } = standing;
        expected.keys.extend(keys);
        *expected.versions.entry(keys::version_runs(&state.version)).or_default() += 1;
        expected.unfinished += u64::from(is_open);
        expected.dead += u64::from(is_dead);
        if let Some((lane, turn)) = turn {
            let row = expected.lanes.entry(keys::lane(&lane.key)).or_default();
            match turn {
                Turn::Waits => row.waiting += 1,
                Turn::Has => row.having += 1,
            }
            row.ticket = row.ticket.max(lane.ticket);
        }
        Ok(())
    })?;
    Ok(expected)
}

/// Every event that is kept goes some day, and what is noted of one goes with it.
fn marks(shared: &Shared, wrong: &mut Vec<String>) -> Result<(), JournalError> {
    let mut takers = BTreeSet::new();
    shared.values.each(keys::kept(), |key, content| {
        let row: KeptRow = codec::decode(key, &content)?;
        if !shared.values.contains(&keys::expiry(row.until_ms, key))? {
            wrong.push(format!("{} never expires", keys::describe(key)));
        }
        shared.values.each(keys::takers(key), |taker, _| {
            takers.insert(taker.to_vec());
            Ok(())
        })
    })?;
    shared.values.each(keys::all_takers(), |taker, _| {
        if !takers.contains(taker) {
            wrong.push(format!("{} is left over", keys::describe(taker)));
        }
        Ok(())
    })
}

/// Every file has an owner, and each owner is noted.
fn files(shared: &Shared, wrong: &mut Vec<String>) -> Result<(), JournalError> {
    let (mut owners, mut files) = (BTreeSet::new(), BTreeSet::new());
    shared.values.each_file(|key, digest| {
        owners.insert(keys::owner(&digest, key));
        files.insert(hex::encode(digest));
    })?;
    shared.values.each(keys::all_owners(), |owner, _| {
        if !owners.remove(owner) {
            wrong.push(format!("{} owns nothing", keys::describe(owner)));
        }
        Ok::<_, JournalError>(())
    })?;
    wrong.extend(owners.iter().map(|owner| format!("{} is missing", keys::describe(owner))));
    let found: BTreeSet<String> = shared.values.files()?.into_iter().collect();
    wrong.extend(found.symmetric_difference(&files).map(|file| format!("{file} is there or is not")));
    Ok(())
}
