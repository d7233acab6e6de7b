//! One Kinesis shard of a lane: batches back in order, control in its place.

use std::collections::BTreeMap;

use crate::types::{
    BatchHead, DecodedBatch, KinesisShardId, Position, ShardCut, ShardEnd, TimestampMs, Watermark,
    Window,
};

use super::LaneFault;

/// How far one open Kinesis shard has arrived, and what waits for what is missing.
#[derive(Debug)]
pub(super) struct ShardFlow {
    /// Everything up to here has arrived without a gap.
    pub(super) arrived: Position,
    /// The current window at `arrived`.
    pub(super) current_window: Window,
    /// Everything up to here is in commits that were made.
    pub(super) planned: Position,
    /// The newest answer that said that nothing more was there, and the position it was given at.
    pub(super) caught_up: Option<(Position, TimestampMs)>,
    /// Where the Kinesis shard ends, once all up to there has arrived.
    pub(super) ended: Option<Position>,
    /// Whether a commit that was made names the end.
    pub(super) end_planned: bool,
    /// The end that it is cut at, once all up to there has arrived.
    pub(super) cut: Option<TimestampMs>,
    /// Whether a commit that was made names the cut, or the state that it began from.
    pub(super) cut_planned: bool,
    /// Batches that wait for the ones before them, by where they begin.
    waiting: BTreeMap<Position, DecodedBatch>,
    /// Watermarks that wait for payloads before them.
    watermarks: Vec<Watermark>,
    /// An end that waits for payloads before it.
    end: Option<ShardEnd>,
    /// A cut that waits for payloads before it.
    waiting_cut: Option<ShardCut>,
}

impl ShardFlow {
    pub(super) fn new(position: Position, current_window: Window) -> Self {
        Self {
            arrived: position.clone(),
            current_window,
            planned: position,
            caught_up: None,
            ended: None,
            end_planned: false,
            cut: None,
            cut_planned: false,
            waiting: BTreeMap::new(),
            watermarks: Vec::new(),
            end: None,
            waiting_cut: None,
        }
    }

    /// One that is cut for good: nothing of it is read any more.
    pub(super) fn cut_at(mut self, end: TimestampMs) -> Self {
        (self.cut, self.cut_planned) = (Some(end), true);
        self
    }

    /// Whether something may still come of it. A cut one is open and not read: it holds no window
    /// up to its end.
    pub(super) fn is_read(&self) -> bool {
        self.is_open() && self.cut.is_none()
    }

    pub(super) fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Batches that have arrived before what they follow.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a batch in; gives out what is in order now.
    pub(super) fn batch(&mut self, batch: DecodedBatch) -> Result<Vec<DecodedBatch>, LaneFault> {
        let BatchHead {
            shard, from, to, ..
        } = &batch.head;
        if *from >= Position::At(to.clone()) {
            return Err(LaneFault::EmptyRange {
                shard: shard.clone(),
                from: from.clone(),
                to: Position::At(to.clone()),
            });
        }
        if *from < self.arrived || self.waiting.contains_key(from) {
            return Err(self.overlap(shard, from));
        }
        let from = from.clone();
        self.waiting.insert(from, batch);
        self.deliver()
    }

    fn deliver(&mut self) -> Result<Vec<DecodedBatch>, LaneFault> {
        let mut out = Vec::new();
        while let Some(batch) = self.waiting.remove(&self.arrived) {
            let head = &batch.head;
            if head.window < self.current_window {
                return Err(LaneFault::WindowWentBack {
                    shard: head.shard.clone(),
                    window: head.window,
                    current: self.current_window,
                });
            }
            self.current_window = head.window;
            self.arrived = Position::At(head.to.clone());
            out.push(batch);
            self.apply_watermarks();
        }
        if let Some((from, batch)) = self.waiting.first_key_value()
            && *from < self.arrived
        {
            return Err(self.overlap(&batch.head.shard, from));
        }
        Ok(out)
    }

    pub(super) fn watermark(&mut self, watermark: Watermark) {
        self.watermarks.push(watermark);
        self.apply_watermarks();
    }

    fn apply_watermarks(&mut self) {
        let arrived = &self.arrived;
        for watermark in self
            .watermarks
            .extract_if(.., |mark| mark.position <= *arrived)
        {
            self.current_window = self.current_window.max(watermark.window);
            let newer = self
                .caught_up
                .as_ref()
                .is_none_or(|(_, time)| *time < watermark.server_time);
            if watermark.caught_up && newer {
                self.caught_up = Some((watermark.position, watermark.server_time));
            }
        }
    }

    pub(super) fn end(&mut self, end: ShardEnd) -> Result<(), LaneFault> {
        if end.position < self.arrived {
            return Err(LaneFault::EndBehind {
                shard: end.shard,
                end: end.position,
                arrived: self.arrived.clone(),
            });
        }
        if self.end.is_some() || self.waiting_cut.is_some() || self.cut.is_some() {
            return Err(LaneFault::NotRead { shard: end.shard });
        }
        self.end = Some(end);
        Ok(())
    }

    pub(super) fn cut(&mut self, cut: ShardCut) -> Result<(), LaneFault> {
        if cut.position < self.arrived {
            return Err(LaneFault::EndBehind {
                shard: cut.shard,
                end: cut.position,
                arrived: self.arrived.clone(),
            });
        }
        if !self.is_read() || self.end.is_some() || self.waiting_cut.is_some() {
            return Err(LaneFault::NotRead { shard: cut.shard });
        }
        self.waiting_cut = Some(cut);
        Ok(())
    }

    /// Lets the cut count, once all up to it has arrived.
    pub(super) fn settle_cut(&mut self) {
        let arrived = &self.arrived;
        let all_there = self.waiting.is_empty();
        let due = self
            .waiting_cut
            .take_if(|cut| cut.position == *arrived && all_there);
        if let Some(cut) = due {
            self.current_window = self.current_window.max(cut.window);
            self.cut = Some(cut.end);
        }
    }

    /// The end, once all up to it has arrived. From then on the Kinesis shard is not open.
    pub(super) fn take_end(&mut self) -> Option<ShardEnd> {
        let end = self
            .end
            .take_if(|end| end.position == self.arrived && self.waiting.is_empty())?;
        self.current_window = self.current_window.max(end.current_window);
        self.ended = Some(end.position.clone());
        Some(ShardEnd {
            current_window: self.current_window,
            ..end
        })
    }

    fn overlap(&self, shard: &KinesisShardId, from: &Position) -> LaneFault {
        LaneFault::Overlap {
            shard: shard.clone(),
            from: from.clone(),
            arrived: self.arrived.clone(),
        }
    }
}
