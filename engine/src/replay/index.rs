//! Which commit covers which stretch of which Kinesis shard.
//!
//! Takes about 150 bytes for each range of each commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::{
    Commit, DataFile, EntryAt, EntryBody, Followed, Follower, LaneState, LogError, names,
};
use crate::ports::{Host, Store};
use crate::types::{KinesisShardId, Position, SequenceNumber, TimestampMs, Window, WindowLength};

/// What a log says of a source's stream.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) shards: BTreeMap<KinesisShardId, Shard>,
    pub(super) commits: Vec<Covering>,
    /// Windows up to this one are expired.
    pub(super) expired_through: Option<Window>,
    /// The newest window that a commit has, and how many commits have it.
    newest: Option<(Window, i64)>,
}

/// A Kinesis shard.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) parents: Vec<KinesisShardId>,
    /// Whether the source has read it to its end.
    pub(super) ended: bool,
    /// What commits cover of it, in order.
    pub(super) stretches: Vec<Stretch>,
}

/// What one commit covers of a Kinesis shard.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) from: Position,
    pub(super) to: SequenceNumber,
    pub(super) payloads: u64,
    /// Bytes of payload up to its end.
    pub(super) bytes_through: u64,
    /// The place of its commit.
    pub(super) commit: usize,
}

/// A commit that covers something.
#[derive(Debug)]
pub(super) struct Covering {
    /// The name of its object.
    pub(super) entry: String,
    pub(super) window: Option<Window>,
    pub(super) raw: Vec<DataFile>,
}

impl Shard {
    /// Bytes of payload that commits cover.
    pub(super) fn bytes(&self) -> u64 {
        self.stretches.last().map_or(0, |last| last.bytes_through)
    }
}

impl Index {
    /// Reads the whole log, as far as it goes now.
    pub(super) async fn read(
        store: &Arc<dyn Store>,
        host: &Arc<dyn Host>,
    ) -> Result<Self, LogError> {
        let mut follower = Follower::new(Arc::clone(store), Arc::clone(host));
        let mut index = Self::default();
        loop {
            let news = follower.poll().await?;
            if news.is_empty() {
                break;
            }
            for news in news {
                match news {
                    Followed::Epoch(record) => {
                        record.lanes.iter().for_each(|lane| index.state(lane));
                    }
                    Followed::Entry(at, entry) => index.entry(at, entry.body),
                    // What was in them shows as ranges that do not join.
                    Followed::Skipped { .. } => {}
                }
            }
            // Entries that were skipped may have let Kinesis shards in, and ended some.
            for lane in follower.lanes() {
                index.state(&lane.folded.state);
            }
        }
        Ok(index)
    }

    /// The arrival time before which everything has arrived that is there now. It grows with every
    /// commit, so that reading goes on when there are more.
    pub(super) fn ends_at(&self, window_length: WindowLength) -> Option<TimestampMs> {
        let (window, commits) = self.newest?;
        Some(
            window_length
                .start_of(window.next())
                .saturating_add(commits),
        )
    }

    fn state(&mut self, state: &LaneState) {
        for (id, known) in &state.shards {
            let shard = self.shards.entry(id.clone()).or_default();
            shard.ended |= known.ended;
            if shard.parents.is_empty() {
                shard.parents.clone_from(&known.parents);
            }
        }
        self.expired_through = self.expired_through.max(state.expired_through);
    }

    fn entry(&mut self, at: EntryAt, body: EntryBody) {
        match body {
            EntryBody::Commit(commit) => self.commit(at, *commit),
            EntryBody::Expire { through, .. } => {
                self.expired_through = self.expired_through.max(Some(through));
            }
            EntryBody::Claim { .. } | EntryBody::Seal { .. } => {}
        }
    }

    fn commit(&mut self, at: EntryAt, commit: Commit) {
        for entered in &commit.entered {
            let shard = self.shards.entry(entered.shard.clone()).or_default();
            shard.parents.clone_from(&entered.parents);
        }
        let (place, window) = (self.commits.len(), commit.window());
        for (id, range) in &commit.ranges {
            let shard = self.shards.entry(id.clone()).or_default();
            // The log's own checks let no other through.
            let Some(to) = range.to.sequence() else {
                continue;
            };
            shard.stretches.push(Stretch {
                from: range.from.clone(),
                to: to.clone(),
                payloads: range.counts.payloads,
                bytes_through: shard.bytes() + range.counts.bytes,
                commit: place,
            });
        }
        for id in &commit.ended {
            self.shards.entry(id.clone()).or_default().ended = true;
        }
        if commit.ranges.is_empty() {
            return;
        }
        let newest = window.or(commit.closed_through);
        self.newest = match (self.newest, newest) {
            (Some((known, commits)), Some(window)) if window == known => Some((known, commits + 1)),
            (Some((known, commits)), Some(window)) if window < known => Some((known, commits)),
            (known, None) => known,
            (_, Some(window)) => Some((window, 1)),
        };
        self.commits.push(Covering {
            entry: names::entry(at.epoch, at.lane, at.entry),
            window,
            raw: commit.raw,
        });
    }
}
