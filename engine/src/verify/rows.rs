//! The rows of one commit against what the commit says of them.
//!
//! A commit's files hold the rows of each Kinesis shard in Kinesis order. So that no identity is
//! there twice shows by comparing neighbours, and across commits by the ranges, which join.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use arrow::array::{
    Array, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};

use super::violation::Violation;
use crate::log::{DataFile, ShardRange};
use crate::types::{Counts, FileKind, KinesisShardId, Position, SequenceNumber, WindowLength};

/// Collects who is in the files of a commit. Rejects come first, then rows.
pub(super) struct Identities<'c> {
    ranges: &'c BTreeMap<KinesisShardId, ShardRange>,
    window_length: WindowLength,
    shards: BTreeMap<&'c str, ShardIdentities<'c>>,
    /// Hashes of the identities of rejects, and of the payloads that they are of: 16 bytes each,
    /// for the rejects of one lane and one window.
    rejects: HashSet<u128>,
    reject_payloads: HashSet<u128>,
}

struct ShardIdentities<'c> {
    range: &'c ShardRange,
    last_row: Last,
    last_reject: Last,
    found: Counts,
}

/// A row's or a reject's place in its Kinesis shard.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) sequence: &'p str,
    pub(super) subsequence: i64,
    pub(super) index: i32,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            sequence,
            subsequence,
            index,
        } = self;
        write!(
            f,
            "sequence {sequence}, subsequence {subsequence}, index {index}"
        )
    }
}

/// The place seen last; no sequence number before the first one.
#[derive(Default)]
pub(super) struct Last {
    sequence: String,
    subsequence: i64,
    index: i32,
}

impl Last {
    /// How the last place compares with the next one; `None` before the first.
    pub(super) fn order(&self, next: Place<'_>) -> Option<Ordering> {
        let order = compare(&self.sequence, next.sequence)
            .then(self.subsequence.cmp(&next.subsequence))
            .then(self.index.cmp(&next.index));
        (!self.sequence.is_empty()).then_some(order)
    }

    /// Goes to the next place; whether it is of another payload.
    pub(super) fn move_to(&mut self, next: Place<'_>) -> bool {
        let same_record = self.sequence == next.sequence;
        if !same_record {
            next.sequence.clone_into(&mut self.sequence);
        }
        let new_payload = !same_record || self.subsequence != next.subsequence;
        (self.subsequence, self.index) = (next.subsequence, next.index);
        new_payload
    }
}

/// Sequence numbers compare as numbers; they have no leading zeros.
fn compare(a: &str, b: &str) -> Ordering {
    (a.len(), a).cmp(&(b.len(), b))
}

/// A hash of an identity, or of the identity's payload.
fn hash(shard: &str, place: Place<'_>, with_index: bool) -> u128 {
    let index = with_index.then_some(place.index);
    // Two halves make a collision among the rejects of a window out of the question.
    let half = |salt: u8| {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        u128::from(hasher.hash_one((salt, shard, place.sequence, place.subsequence, index)))
    };
    half(1) << 64 | half(2)
}

/// The identity columns of a batch.
struct Columns<'b> {
    shard: &'b StringArray,
    sequence: &'b StringArray,
    subsequence: &'b Int64Array,
    arrival: &'b TimestampMillisecondArray,
    index: &'b Int32Array,
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Self, String> {
        fn typed<'b, T: ?Sized>(
            batch: &'b RecordBatch,
            name: &str,
            cast: impl Fn(&'b dyn Array) -> Option<&'b T>,
        ) -> Result<&'b T, String> {
            let column = batch
                .column_by_name(name)
                .filter(|column| column.null_count() == 0);
            let column = column.ok_or_else(|| format!("column {name} is missing or has nulls"))?;
            cast(&**column)
                .ok_or_else(|| format!("column {name} has the type {}", column.data_type()))
        }
        Ok(Self {
            shard: typed(batch, "_shard", |column| column.as_string_opt::<i32>())?,
            sequence: typed(batch, "_sequence", |column| column.as_string_opt::<i32>())?,
            subsequence: typed(batch, "_subsequence", |column| {
                column.as_primitive_opt::<Int64Type>()
            })?,
            arrival: typed(batch, "_arrival", |column| {
                column.as_primitive_opt::<TimestampMillisecondType>()
            })?,
            index: typed(batch, "_index", |column| {
                column.as_primitive_opt::<Int32Type>()
            })?,
        })
    }
}

impl<'c> Identities<'c> {
    pub(super) fn new(
        ranges: &'c BTreeMap<KinesisShardId, ShardRange>,
        window_length: WindowLength,
    ) -> Self {
        let shards = ranges.iter().map(|(shard, range)| {
            let identities = ShardIdentities {
                range,
                last_row: Last::default(),
                last_reject: Last::default(),
                found: Counts::default(),
            };
            (shard.as_str(), identities)
        });
        Self {
            ranges,
            window_length,
            shards: shards.collect(),
            rejects: HashSet::new(),
            reject_payloads: HashSet::new(),
        }
    }

    /// Takes in the next rows of a file.
    pub(super) fn add(
        &mut self,
        kind: FileKind,
        file: &DataFile,
        batch: &RecordBatch,
    ) -> Result<(), Violation> {
        let columns = Columns::of(batch)
            .map_err(|detail| Violation::new("verify.schema", &file.name, detail))?;
        for row in 0..batch.num_rows() {
            self.add_one(kind, file, &columns, row)?;
        }
        Ok(())
    }

    fn add_one(
        &mut self,
        kind: FileKind,
        file: &DataFile,
        columns: &Columns<'_>,
        row: usize,
    ) -> Result<(), Violation> {
        let shard = columns.shard.value(row);
        let place = Place {
            sequence: columns.sequence.value(row),
            subsequence: columns.subsequence.value(row),
            index: columns.index.value(row),
        };
        let wrong = |code, what: &str| {
            let detail = format!("the row of Kinesis shard {shard}, {place} {what}");
            Violation::new(code, &file.name, detail)
        };
        let Some(known) = self.shards.get_mut(shard) else {
            return Err(wrong(
                "verify.outside_range",
                "is of no Kinesis shard of its commit",
            ));
        };
        if !covers(known.range, place.sequence) {
            return Err(wrong(
                "verify.outside_range",
                "lies outside the range of its commit",
            ));
        }
        if self.window_length.window_of(columns.arrival.value(row)) > file.window {
            return Err(wrong(
                "verify.window",
                "arrived after the window of its file",
            ));
        }
        let rejects = kind == FileKind::Rejects;
        let last = if rejects {
            &mut known.last_reject
        } else {
            &mut known.last_row
        };
        match last.order(place) {
            Some(Ordering::Equal) => return Err(wrong("verify.identity_twice", "is there twice")),
            Some(Ordering::Greater) => {
                return Err(wrong("verify.out_of_order", "comes after a later one"));
            }
            Some(Ordering::Less) | None => {}
        }
        let new_payload = last.move_to(place);
        if rejects {
            known.found.rejects += 1;
            known.found.payloads += u64::from(new_payload);
            self.rejects.insert(hash(shard, place, true));
            self.reject_payloads.insert(hash(shard, place, false));
        } else {
            known.found.rows += 1;
            // A payload that gave rows and rejects counts once.
            let counted = !self.rejects.is_empty()
                && self.reject_payloads.contains(&hash(shard, place, false));
            known.found.payloads += u64::from(new_payload && !counted);
            if counted && self.rejects.contains(&hash(shard, place, true)) {
                return Err(wrong("verify.identity_twice", "is there as a reject, too"));
            }
        }
        Ok(())
    }

    /// Compares what was found with what the commit counts, for each Kinesis shard.
    pub(super) fn finish(self, entry: &str) -> Result<(), Violation> {
        for (shard, range) in self.ranges {
            let Some(identities) = self.shards.get(shard.as_str()) else {
                continue;
            };
            let (found, said) = (&identities.found, &range.counts);
            let pairs = [
                ("rows", found.rows, said.rows),
                ("rejects", found.rejects, said.rejects),
                ("payloads", found.payloads + said.empty, said.payloads),
            ];
            for (what, found, said) in pairs {
                if found != said {
                    let detail = format!(
                        "it counts {said} {what} of Kinesis shard {shard}, but its files and empty \
                         payloads make {found}"
                    );
                    return Err(Violation::new("verify.counts", entry, detail));
                }
            }
        }
        Ok(())
    }
}

/// Whether (from, to] holds a sequence number.
pub(super) fn covers(range: &ShardRange, sequence: &str) -> bool {
    let above = match &range.from {
        Position::At(from) => compare(sequence, from.as_str()).is_gt(),
        Position::Start | Position::Horizon => true,
    };
    let upto = |to: &SequenceNumber| compare(sequence, to.as_str()).is_le();
    above && range.to.sequence().is_some_and(upto)
}
