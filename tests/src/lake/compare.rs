//! What came out against what was put in.

use std::collections::BTreeMap;

use super::{Lake, ensure};
use crate::events::Holds;
use crate::ledger::{Ledger, PayloadId};

/// What a payload became: events and rejects by their place in it.
#[derive(Debug, Default)]
struct Became {
    events: BTreeMap<i32, Option<i64>>,
    rejects: Vec<i32>,
    window: Option<i64>,
}

impl Lake {
    /// Everything that was put is there once, and nothing else.
    ///
    /// # Errors
    /// The first payload that is missing, doubled, changed or unknown, and how many are missing.
    pub fn holds_exactly(&self, ledger: &Ledger) -> Result<(), String> {
        self.holds_part_of(ledger)?;
        let seen = self.by_payload()?;
        let mut payloads: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let mut missing = Vec::new();
        for (payload, holds) in ledger.payloads() {
            let (all, empty) = payloads.entry(&payload.0).or_default();
            *all += 1;
            if *holds == Holds::default() {
                *empty += 1;
            } else if !seen.contains_key(payload) {
                missing.push(payload);
            }
        }
        ensure!(
            missing.is_empty(),
            "{} of {} payloads are missing, the first is {:?}; committed: {self}",
            missing.len(),
            ledger.len(),
            missing.first()
        );
        for (shard, (all, empty)) in payloads {
            let counts = self.counts.get(shard).copied().unwrap_or_default();
            ensure!(
                (counts.payloads, counts.empty) == (all, empty),
                "{shard}: {all} payloads, {empty} of them empty, were put; the commits count {counts:?}"
            );
        }
        Ok(())
    }

    /// Nothing is there that was not put, and nothing twice; more may come.
    ///
    /// # Errors
    /// The first payload that is doubled, changed or unknown.
    pub fn holds_part_of(&self, ledger: &Ledger) -> Result<(), String> {
        let seen = self.by_payload()?;
        for (payload, became) in &seen {
            let put = ledger.payloads().get(payload);
            let put = put.ok_or_else(|| format!("{payload:?} is committed and was never put"))?;
            let came_out = Holds {
                events: became.events.values().copied().flatten().collect(),
                rejects: became.rejects.len(),
            };
            ensure!(
                came_out == *put,
                "{payload:?} held {put:?} and became {became:?}"
            );
        }
        for (payload, event) in &self.raw {
            let put = ledger.payloads().get(payload);
            let put = put.ok_or_else(|| format!("{payload:?} is in the raw copy, never put"))?;
            ensure!(
                event.is_none() || put.events == Vec::from_iter(*event),
                "{payload:?} held {put:?} and is {event:?} in the raw copy"
            );
        }
        windows_never_go_back(&seen)
    }

    fn by_payload(&self) -> Result<BTreeMap<&PayloadId, Became>, String> {
        let mut seen: BTreeMap<&PayloadId, Became> = BTreeMap::new();
        for row in &self.rows {
            let became = seen.entry(&row.payload).or_default();
            let twice = became.events.insert(row.index, row.event).is_some();
            ensure!(!twice, "{:?} [{}] is there twice", row.payload, row.index);
            became.in_window(&row.payload, row.window)?;
        }
        for reject in &self.rejects {
            let became = seen.entry(&reject.payload).or_default();
            let twice =
                became.events.contains_key(&reject.index) || became.rejects.contains(&reject.index);
            ensure!(
                !twice,
                "{:?} [{}] is there twice",
                reject.payload,
                reject.index
            );
            became.rejects.push(reject.index);
            became.in_window(&reject.payload, reject.window)?;
        }
        Ok(seen)
    }
}

impl Became {
    fn in_window(&mut self, payload: &PayloadId, window: i64) -> Result<(), String> {
        let before = *self.window.get_or_insert(window);
        ensure!(
            before == window,
            "{payload:?} is in the windows {before} and {window}"
        );
        Ok(())
    }
}

/// In the order of a Kinesis shard, windows only go up.
fn windows_never_go_back(seen: &BTreeMap<&PayloadId, Became>) -> Result<(), String> {
    let mut current: BTreeMap<&str, i64> = BTreeMap::new();
    // The map's order is that of the identities.
    for (payload, became) in seen {
        let Some(window) = became.window else {
            continue;
        };
        let before = current.insert(&payload.0, window);
        ensure!(
            before <= Some(window),
            "{payload:?} is in window {window}, one before it in {before:?}"
        );
    }
    Ok(())
}

impl std::fmt::Display for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} rows and {} rejects in {} files of {} commits, {} claims, epoch {}",
            self.rows.len(),
            self.rejects.len(),
            self.files.len(),
            self.commits,
            self.claims,
            self.epoch
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Events, Record};
    use crate::lake::{Counts, RejectRow, Row};
    use crate::ledger::Sequence;

    fn id(sequence: &str) -> PayloadId {
        ("shardId-0".into(), Sequence::new(sequence), 0)
    }

    fn row(sequence: &str, event: i64, window: i64) -> Row {
        Row {
            payload: id(sequence),
            index: 0,
            event: Some(event),
            window,
        }
    }

    /// Two events, a broken payload and an empty one, and a lake that holds them.
    fn put_and_committed() -> (Ledger, Lake) {
        let mut events = Events::new(7);
        let records: Vec<Record> =
            vec![events.one(), events.one(), events.broken(), events.empty()];
        let mut ledger = Ledger::new();
        for (sequence, record) in ["9", "10", "11", "12"].iter().zip(&records) {
            ledger.write("shardId-0", sequence, record);
        }
        let reject = RejectRow {
            payload: id("11"),
            index: 0,
            code: "json.syntax".into(),
            window: 5,
        };
        let counts = Counts {
            records: 4,
            payloads: 4,
            bytes: 0,
            rows: 2,
            rejects: 1,
            empty: 1,
        };
        let lake = Lake {
            rows: vec![row("9", 0, 4), row("10", 1, 5)],
            rejects: vec![reject],
            counts: [("shardId-0".to_owned(), counts)].into(),
            ..Lake::default()
        };
        (ledger, lake)
    }

    #[test]
    fn what_agrees_is_accepted() {
        let (ledger, lake) = put_and_committed();
        lake.holds_exactly(&ledger).unwrap();
    }

    #[test]
    fn every_difference_is_found() {
        type Change = fn(&mut Lake);
        let changes: [(&str, Change); 7] = [
            ("are missing", |lake| drop(lake.rows.pop())),
            ("are missing", |lake| lake.rejects.clear()),
            ("is there twice", |lake| lake.rows.push(row("9", 0, 4))),
            ("and became", |lake| lake.rows[0].event = Some(1)),
            ("was never put", |lake| lake.rows.push(row("13", 9, 5))),
            ("one before it", |lake| lake.rows[0].window = 6),
            ("the commits count", |lake| {
                lake.counts.values_mut().for_each(|counts| counts.empty = 0);
            }),
        ];
        for (expected, change) in changes {
            let (ledger, mut lake) = put_and_committed();
            change(&mut lake);
            let finding = lake.holds_exactly(&ledger).unwrap_err();
            assert!(finding.contains(expected), "{expected}: {finding}");
        }
    }

    #[test]
    fn a_part_is_a_part_and_not_all() {
        let (ledger, mut lake) = put_and_committed();
        lake.rows.pop();
        lake.rejects.clear();
        lake.holds_part_of(&ledger).unwrap();
        lake.holds_exactly(&ledger).unwrap_err();
    }
}
