//! The raw copy of one commit against what the commit says: every payload once, in its range.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Verified;
use super::reading::Target;
use super::rows::{Last, Place, covers};
use super::violation::{VerifyError, Violation};
use crate::log::{Commit, DataFile, ShardRange};
use crate::raw_copy::{Damaged, FrameReader, RawRecord, records};
use crate::types::{KinesisShardId, WindowLength};

/// Bytes of a file that are read together.
const PIECE: u64 = 4 << 20;

/// What was found of a Kinesis shard.
struct Found<'c> {
    range: &'c ShardRange,
    last: Last,
    payloads: u64,
    bytes: u64,
}

/// The payloads of a commit, as its raw files hold them.
struct Payloads<'c> {
    window_length: WindowLength,
    shards: BTreeMap<&'c KinesisShardId, Found<'c>>,
}

/// Reads the raw files of a commit, if it has any, and compares them with its ranges. `entry` is the
/// name of the commit's object.
pub(super) async fn check(
    target: &Target,
    window_length: WindowLength,
    entry: &str,
    commit: &Commit,
    verified: &mut Verified,
) -> Result<(), VerifyError> {
    if commit.raw.is_empty() {
        return Ok(());
    }
    let shards = commit.ranges.iter().map(|(shard, range)| {
        let found = Found {
            range,
            last: Last::default(),
            payloads: 0,
            bytes: 0,
        };
        (shard, found)
    });
    let mut payloads = Payloads {
        window_length,
        shards: shards.collect(),
    };
    for file in &commit.raw {
        verified.raw_payloads += payloads.read(target, file).await?;
        verified.raw_files += 1;
        verified.raw_bytes += file.bytes;
    }
    Ok(payloads.finish(entry)?)
}

impl Payloads<'_> {
    async fn read(&mut self, target: &Target, file: &DataFile) -> Result<u64, VerifyError> {
        target.there(&file.name, file.bytes).await?;
        let damaged =
            |why: Damaged| Violation::new("verify.unreadable_file", &file.name, why.to_string());
        let mut frames = FrameReader::default();
        let (mut at, mut payloads) = (0, 0);
        while at < file.bytes {
            let piece = at..(at + PIECE).min(file.bytes);
            at = piece.end;
            let piece = target.retry(|store| store.get_range(&file.name, piece.clone()));
            frames.push(&piece.await?);
            while let Some(frame) = frames.next_frame().map_err(damaged)? {
                for record in records(frame) {
                    self.add(file, &record.map_err(damaged)?)?;
                    payloads += 1;
                }
            }
        }
        frames.finish().map_err(damaged)?;
        if payloads != file.rows {
            let detail = format!(
                "it has {payloads} payloads, but its commit says {}",
                file.rows
            );
            return Err(Violation::new("verify.row_count", &file.name, detail).into());
        }
        Ok(payloads)
    }

    fn add(&mut self, file: &DataFile, record: &RawRecord) -> Result<(), Violation> {
        let RawRecord { shard, payload } = record;
        let place = Place {
            sequence: payload.sequence.as_str(),
            subsequence: i64::try_from(payload.subsequence).unwrap_or(i64::MAX),
            index: 0,
        };
        let wrong = |code, what: &str| {
            let detail = format!("the payload of Kinesis shard {shard}, {place} {what}");
            Err(Violation::new(code, &file.name, detail))
        };
        let Some(found) = self.shards.get_mut(shard) else {
            return wrong(
                "verify.outside_range",
                "is of no Kinesis shard of its commit",
            );
        };
        if !covers(found.range, place.sequence) {
            return wrong(
                "verify.outside_range",
                "lies outside the range of its commit",
            );
        }
        if self.window_length.window_of(payload.arrival) > file.window {
            return wrong("verify.window", "arrived after the window of its file");
        }
        match found.last.order(place) {
            Some(Ordering::Equal) => return wrong("verify.identity_twice", "is there twice"),
            Some(Ordering::Greater) => {
                return wrong("verify.out_of_order", "comes after a later one");
            }
            Some(Ordering::Less) | None => {}
        }
        found.last.move_to(place);
        found.payloads += 1;
        found.bytes += payload.data.len() as u64;
        Ok(())
    }

    fn finish(self, entry: &str) -> Result<(), Violation> {
        for (shard, found) in self.shards {
            let said = found.range.counts;
            let pairs = [
                ("payloads", found.payloads, said.payloads),
                ("bytes of payload", found.bytes, said.bytes),
            ];
            for (what, found, said) in pairs {
                if found != said {
                    let detail = format!(
                        "it counts {said} {what} of Kinesis shard {shard}, but its raw copy has {found}"
                    );
                    return Err(Violation::new("verify.counts", entry, detail));
                }
            }
        }
        Ok(())
    }
}
