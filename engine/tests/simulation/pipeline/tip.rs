//! A lane's live tip in a simulated process: the flow, and the contents that a writer would hold.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use shardmill_engine::budget::{Budget, Credit, KeptFetch};
use shardmill_engine::log::{DataFile, LaneState};
use shardmill_engine::raw_copy::Framer;
use shardmill_engine::types::{
    ClaimRef, Counts, DecodedBatch, KinesisShardId, PayloadBatch, ReadFrom, SequenceNumber, Window,
};
use shardmill_engine::window::{CommitFiles, LaneFault, LaneFlow, LaneLimits};

use crate::stream::number_of;
use crate::stream_content::{Outcome, decode};

use super::books::Identity;

/// What a window's files will hold.
#[derive(Debug, Default)]
pub struct Content {
    pub rows: Vec<Identity>,
    pub rejects: Vec<Identity>,
    /// Frames of the raw copy, each with its payloads.
    pub raw: Vec<(Bytes, u64)>,
    /// Memory of what is not encoded yet.
    pub credits: Vec<Credit>,
}

pub struct Tip {
    pub flow: LaneFlow,
    /// Contents of batches that are on the way to the flow.
    decoded: BTreeMap<(KinesisShardId, SequenceNumber), Content>,
    /// Contents of open windows.
    writers: BTreeMap<Window, Content>,
    pub closing: VecDeque<Window>,
    /// Batches that are being decoded.
    pub under_way: usize,
    pub fault: Option<LaneFault>,
    /// Something ended the lane that is no fault of the flow.
    pub lost: Option<String>,
    /// Kinesis shards that have entered and have no reader yet.
    pub to_read: Vec<ReadFrom>,
    max_open_windows: usize,
    /// Children that have entered under this claim.
    pub entered: usize,
    /// The fetch that never waits for credit, for the Kinesis shard that holds the watermark.
    pub kept: KeptFetch,
}

impl Tip {
    pub fn new(claim: ClaimRef, state: &LaneState, limits: LaneLimits, kept: KeptFetch) -> Self {
        let flow = LaneFlow::new(claim, state, limits);
        let to_read = flow.reading();
        Self {
            flow,
            decoded: BTreeMap::new(),
            writers: BTreeMap::new(),
            closing: VecDeque::new(),
            under_way: 0,
            fault: None,
            lost: None,
            to_read,
            max_open_windows: usize::try_from(limits.max_open_windows).expect("small"),
            entered: 0,
            kept,
        }
    }

    /// Takes a decoded batch in; what is in order goes to the writers.
    pub fn take(&mut self, batch: DecodedBatch, content: Content) {
        self.under_way -= 1;
        let key = (batch.head.shard.clone(), batch.head.to.clone());
        self.decoded.insert(key, content);
        match self.flow.batch(batch) {
            Ok(batches) => {
                for batch in batches {
                    let window = batch.head.window;
                    let key = (batch.head.shard, batch.head.to);
                    let content = self.decoded.remove(&key).unwrap_or_default();
                    let writer = self.writers.entry(window).or_default();
                    writer.rows.extend(content.rows);
                    writer.rejects.extend(content.rejects);
                    writer.credits.push(batch.credit);
                    if let Some(raw) = batch.raw {
                        writer.raw.push((raw.frames, raw.payloads));
                        writer.credits.push(raw.credit);
                    }
                }
            }
            Err(fault) => self.note(Err(fault)),
        }
        // Each child may have entered below the windows that were open, and needs one of its own.
        let open = self.writers.len();
        assert!(
            open <= self.max_open_windows + self.entered,
            "I6: {open} windows are open: {:?}",
            self.flow.snapshot()
        );
    }

    pub fn note(&mut self, result: Result<(), LaneFault>) {
        if let Err(fault) = result {
            self.fault.get_or_insert(fault);
        }
    }

    /// Asks for windows that may close now.
    pub fn look_for_closing(&mut self) {
        while let Some(window) = self.flow.next_closing() {
            self.closing.push_back(window);
        }
    }

    /// Credit is low: the writer that holds most encodes.
    pub fn encode_early(&mut self) {
        let held = |content: &Content| content.credits.iter().map(Credit::bytes).sum::<usize>();
        if let Some(writer) = self
            .writers
            .values_mut()
            .max_by_key(|content| held(content))
        {
            writer.credits.clear();
        }
    }

    /// What a window's writer holds; it is not open any more.
    pub fn content(&mut self, window: Window) -> Content {
        self.writers.remove(&window).unwrap_or_default()
    }
}

/// The trivial decoder: counts, and who is where.
pub fn decode_batch(batch: PayloadBatch, raw_copy: Option<&Budget>) -> (DecodedBatch, Content) {
    let mut content = Content::default();
    let mut counts = Counts {
        records: batch.head.records,
        ..Counts::default()
    };
    for payload in &batch.payloads {
        counts.payloads += 1;
        counts.bytes += payload.data.len() as u64;
        let identity = Identity {
            shard: batch.head.shard.clone(),
            number: number_of(&payload.sequence),
            subsequence: payload.subsequence,
        };
        // The bytes say who they are: nothing is mixed up on the way.
        let name = format!(
            "{} {} {}",
            identity.shard, identity.number, identity.subsequence
        );
        assert!(
            payload.data.is_empty() || payload.data == name.as_bytes(),
            "mixed up: {name}"
        );
        match decode(&payload.data) {
            Outcome::Row => {
                counts.rows += 1;
                content.rows.push(identity);
            }
            Outcome::Reject => {
                counts.rejects += 1;
                content.rejects.push(identity);
            }
            Outcome::Empty => counts.empty += 1,
        }
    }
    let (shard, payloads) = (&batch.head.shard, &batch.payloads);
    let raw = raw_copy.and_then(|budget| Framer::default().frame(shard, payloads, budget));
    let decoded = DecodedBatch {
        head: batch.head,
        rows: Vec::new(),
        rejects: Vec::new(),
        counts,
        raw,
        credit: batch.credit,
    };
    (decoded, content)
}

/// The files of a commit, once they are on the target.
pub fn commit_files(
    files: Vec<DataFile>,
    rejects: Vec<DataFile>,
    raw: Vec<DataFile>,
) -> CommitFiles {
    CommitFiles {
        files,
        rejects,
        raw,
        ..CommitFiles::default()
    }
}
