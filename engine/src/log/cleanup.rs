//! Clean-up: what ended claims left behind unnamed is deleted, and their uploads are aborted.
//!
//! What an ended claim wrote and did not commit lies in windows after the `closed_through` that
//! the claim or seal recorded which ended it, so a few hours' folders are listed, however long the
//! history is. Nothing of a claim that is not over is ever touched, so a clean-up does no harm
//! however late it runs: also one of a process that has been fenced meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::{self, Reading};
use super::names::{FileName, hour_folder};
use super::objects::Objects;
use super::{Cleaned, EndedClaim, Folded, LaneLog, LanesRecord, LogError};
use crate::types::{ClaimNumber, ClaimRef, Epoch, FileKind, LaneId, TimestampMs, WindowLength};

const HOUR_MS: i64 = 3_600_000;

/// Claims that ended longer ago than this, and were cleaned after that, are not listed again.
const SETTLED_AFTER_MS: i64 = 24 * HOUR_MS;

/// Clean-up of a source, for a process that has claimed all its lanes. To be run at the start,
/// before anything is read, and then hourly: a paused process may wake up late.
pub struct Cleanup {
    objects: Objects,
    window_length: WindowLength,
    record: Arc<LanesRecord>,
    /// The lanes of this epoch.
    lanes: BTreeMap<LaneId, LaneOver>,
    /// Claims of all epochs up to this one are settled.
    settled: Option<Epoch>,
    /// The lanes of the epochs between; `None` before they are read.
    earlier: Option<BTreeMap<Epoch, Vec<LaneOver>>>,
}

/// What is over in a lane, as its claim found it: see [`LaneLog::over`].
#[derive(Clone, Debug)]
pub struct LaneOver {
    epoch: Epoch,
    lane: LaneId,
    /// Claims below this one are over; all of them where there is none.
    claim: Option<ClaimNumber>,
    ended: Vec<EndedClaim>,
    cleaned_epoch: Option<Epoch>,
}

/// What a run of clean-up did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects deleted.
    pub deleted: Vec<String>,
    /// Uploads aborted.
    pub aborted: u64,
    /// What each lane shall record: hand it to [`LaneLog::note_cleaned`].
    pub cleaned: Vec<(LaneId, Cleaned)>,
}

impl LaneLog {
    /// What was over in this lane when it was claimed.
    pub fn over(&self) -> LaneOver {
        let claim = self.claim();
        LaneOver {
            claim: Some(claim.claim),
            ..LaneOver::new(claim.epoch, claim.lane, self.folded())
        }
    }
}

impl LaneOver {
    fn new(epoch: Epoch, lane: LaneId, folded: &Folded) -> Self {
        Self {
            epoch,
            lane,
            claim: None,
            ended: folded.ended_claims.clone(),
            cleaned_epoch: folded.state.cleaned.epoch,
        }
    }

    /// Whether an unnamed file of an ended claim: it may be deleted.
    fn is_left_behind(&self, name: &str, file: &FileName) -> bool {
        self.ended.iter().any(|ended| {
            ended.claim == file.claim.claim
                && Some(file.window) > ended.closed_through
                && !ended.committed.iter().any(|committed| committed == name)
        })
    }

    fn all_settled(&self, now: TimestampMs) -> bool {
        self.ended.iter().all(|ended| is_settled(ended, now))
    }
}

fn is_settled(ended: &EndedClaim, now: TimestampMs) -> bool {
    ended.ended_ms.saturating_add(SETTLED_AFTER_MS) < now
}

impl Cleanup {
    /// For a process that has just claimed `lanes`, all those of the newest epoch. `None` if there
    /// are none.
    pub fn new(lanes: &[LaneLog]) -> Option<Self> {
        let first = lanes.first()?;
        let record = Arc::clone(first.lanes_record());
        let over: BTreeMap<_, _> = lanes
            .iter()
            .map(|lane| (lane.claim().lane, lane.over()))
            .collect();
        let settled = over.values().map(|over| over.cleaned_epoch).max().flatten();
        Some(Self {
            objects: first.objects().starting_again(),
            window_length: first.window_length(),
            settled: settled.max(record.cleaned_through_epoch),
            record,
            lanes: over,
            earlier: None,
        })
    }

    /// Takes note that a lane was claimed again by this process: the claim before it is over.
    pub fn lane_claimed(&mut self, over: LaneOver) {
        if over.epoch == self.record.epoch {
            self.lanes.insert(over.lane, over);
        }
    }

    /// Cleans up once.
    ///
    /// # Errors
    /// What reading, listing and deleting can bring. Nothing is lost by a run that fails: the next
    /// one does it again.
    pub async fn run(&mut self) -> Result<Swept, LogError> {
        let started = self.objects.now();
        self.read_earlier_epochs().await?;
        let mut swept = Swept::default();
        for kind in FileKind::ALL {
            for (from, to) in self.hours() {
                self.sweep(kind, from, to, &mut swept).await?;
            }
            self.abort_uploads(kind, &mut swept).await?;
        }
        swept.cleaned = self.settle(started);
        Ok(swept)
    }

    async fn read_earlier_epochs(&mut self) -> Result<(), LogError> {
        if self.earlier.is_some() {
            return Ok(());
        }
        let first = self.settled.map_or(1, |settled| settled.0 + 1);
        let mut earlier = BTreeMap::new();
        for epoch in (first..self.record.epoch.0).map(Epoch) {
            let record: LanesRecord = load::read_lanes(&self.objects, epoch).await?;
            let mut lanes = Vec::new();
            for lane in record.lane_ids() {
                let reading = Reading::begin(&self.objects, &record, lane).await?;
                let reading = reading
                    .read_to_head(&self.objects, &record, self.window_length)
                    .await?;
                lanes.push(LaneOver::new(epoch, lane, &reading.fold.folded));
            }
            earlier.insert(epoch, lanes);
        }
        self.earlier = Some(earlier);
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &LaneOver> {
        let earlier = self.earlier.iter().flat_map(BTreeMap::values).flatten();
        earlier.chain(self.lanes.values())
    }

    /// The stretches of time in which ended claims may have left something, merged, each from the
    /// first to the last time; from `None` where nothing was closed.
    fn hours(&self) -> Vec<(Option<TimestampMs>, TimestampMs)> {
        let ended = self.all().flat_map(|over| &over.ended);
        let mut hours: Vec<(Option<TimestampMs>, TimestampMs)> = ended
            .map(|ended| {
                let from = ended
                    .closed_through
                    .map(|closed| self.window_length.start_of(closed.next()));
                (from, ended.ended_ms.saturating_add(HOUR_MS))
            })
            .filter(|(from, to)| from.is_none_or(|from| from <= *to))
            .collect();
        hours.sort_unstable();
        let mut merged: Vec<(Option<TimestampMs>, TimestampMs)> = Vec::new();
        for (from, to) in hours {
            match merged.last_mut() {
                Some(last) if from <= Some(last.1.saturating_add(HOUR_MS)) => {
                    last.1 = last.1.max(to);
                }
                _ => merged.push((from, to)),
            }
        }
        merged
    }

    async fn sweep(
        &self,
        kind: FileKind,
        from: Option<TimestampMs>,
        to: TimestampMs,
        swept: &mut Swept,
    ) -> Result<(), LogError> {
        let prefix = format!("{}/", kind.folder());
        let last_folder = hour_folder(kind, to);
        // The folder's own name sorts before everything in it.
        let mut after = from.map(|from| hour_folder(kind, from));
        loop {
            let page = self.objects.list(&prefix, after.as_deref()).await?;
            for object in &page.objects {
                let name = object.name.as_str();
                if name > last_folder.as_str() && !name.starts_with(&last_folder) {
                    return Ok(());
                }
                if FileName::parse(name).is_some_and(|file| self.is_left_behind(name, &file)) {
                    self.objects.delete(name).await?;
                    tracing::info!(object = name, "clean-up deleted what an ended claim left");
                    swept.deleted.push(name.to_owned());
                }
            }
            match page.objects.last() {
                Some(last) if page.more => after = Some(last.name.clone()),
                _ => return Ok(()),
            }
        }
    }

    fn is_left_behind(&self, name: &str, file: &FileName) -> bool {
        let ClaimRef { epoch, lane, .. } = file.claim;
        self.all()
            .filter(|over| over.epoch == epoch && over.lane == lane)
            .any(|over| over.is_left_behind(name, file))
    }

    async fn abort_uploads(&self, kind: FileKind, swept: &mut Swept) -> Result<(), LogError> {
        let prefix = format!("{}/", kind.folder());
        for upload in self.objects.pending_uploads(&prefix).await? {
            let claim = FileName::parse(&upload.name).map(|file| file.claim);
            if claim.is_some_and(|claim| self.is_over(claim)) {
                self.objects.abort_upload(&upload).await?;
                swept.aborted += 1;
            }
        }
        Ok(())
    }

    /// An epoch before ours is sealed, and in ours a claim is over once a later one is there.
    fn is_over(&self, claim: ClaimRef) -> bool {
        claim.epoch < self.record.epoch
            || (claim.epoch == self.record.epoch
                && self
                    .lanes
                    .get(&claim.lane)
                    .is_some_and(|over| Some(claim.claim) < over.claim))
    }

    /// Forgets what ended long before `now` and was cleaned after that.
    fn settle(&mut self, now: TimestampMs) -> Vec<(LaneId, Cleaned)> {
        if let Some(earlier) = &mut self.earlier {
            while let Some(first) = earlier.first_entry() {
                if !first.get().iter().all(|over| over.all_settled(now)) {
                    break;
                }
                self.settled = Some(*first.key());
                first.remove();
            }
        }
        let mut cleaned = Vec::new();
        for (lane, over) in &mut self.lanes {
            let settled = over.ended.iter().take_while(|ended| is_settled(ended, now));
            let settled = settled.count();
            let claim = over
                .ended
                .drain(..settled)
                .next_back()
                .map(|ended| ended.claim);
            let news = Cleaned {
                claim,
                epoch: self.settled.filter(|_| self.settled > over.cleaned_epoch),
            };
            if !news.is_empty() {
                cleaned.push((*lane, news));
            }
        }
        cleaned
    }
}
