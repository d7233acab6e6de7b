//! What has arrived of one window and is in no commit yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::DataFile;
use crate::schema::Schema;
use crate::types::{Counts, DecodedBatch, KinesisShardId, SequenceNumber, TimestampMs, Window};

use super::LaneFault;

/// What the writer of a window has put on the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitFiles {
    /// Data files in the order of their parts.
    pub files: Vec<DataFile>,
    /// Files of rejects.
    pub rejects: Vec<DataFile>,
    /// Files of the raw copy.
    pub raw: Vec<DataFile>,
    /// The remembered schema, if this window changed it.
    pub schema: Option<Arc<Schema>>,
    /// The format decision in force.
    pub format: u64,
}

/// One window's stretch of each Kinesis shard.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) stretches: BTreeMap<KinesisShardId, Stretch>,
}

/// How far a window reaches in one Kinesis shard, and what it holds of it.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) to: SequenceNumber,
    pub(super) arrival_at_to: TimestampMs,
    pub(super) counts: Counts,
}

impl Pending {
    /// Adds a batch that follows on what is there.
    pub(super) fn add(&mut self, batch: &DecodedBatch) {
        let head = &batch.head;
        let counts = self
            .stretches
            .get(&head.shard)
            .map(|stretch| stretch.counts);
        let mut stretch = Stretch {
            to: head.to.clone(),
            arrival_at_to: head.arrival_at_to,
            counts: counts.unwrap_or_default(),
        };
        stretch.counts += batch.counts;
        self.stretches.insert(head.shard.clone(), stretch);
    }

    /// What the window holds of all Kinesis shards.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for stretch in self.stretches.values() {
            counts += stretch.counts;
        }
        counts
    }

    /// The files must hold exactly what the batches held, or a message got lost on its way.
    pub(super) fn check(
        &self,
        window: Window,
        files: &CommitFiles,
        raw_copy: bool,
    ) -> Result<(), LaneFault> {
        let counts = self.counts();
        let rows = |files: &[DataFile]| -> u64 {
            let of_window = files.iter().filter(|file| file.window == window);
            of_window.map(|file| file.rows).sum()
        };
        let payloads = if raw_copy { counts.payloads } else { 0 };
        for (what, files, batches) in [
            ("rows", &files.files, counts.rows),
            ("rejects", &files.rejects, counts.rejects),
            ("payloads of the raw copy", &files.raw, payloads),
        ] {
            let files = rows(files);
            if files != batches {
                return Err(LaneFault::FilesDiffer {
                    window,
                    what,
                    files,
                    batches,
                });
            }
        }
        Ok(())
    }
}
