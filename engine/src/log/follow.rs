//! Following a source: every commit once, in the order of its lane, as it becomes true.

use std::sync::Arc;

use super::objects::Objects;
use super::{
    Entry, EntryAt, EntryBody, LaneFold, LanesRecord, LogError, SourceRecord, load, names,
};
use crate::ports::{Host, Store};
use crate::types::{Epoch, TimestampMs, Window, WindowLength};

/// How often a head that stays where it is is compared with the checkpoints, in milliseconds:
/// retention may have deleted what comes next.
const LOOK_FOR_GAPS_MS: i64 = 60_000;

/// How many entries of a lane one poll reads at most.
const ENTRIES_A_POLL: usize = 256;

/// What a follower sees, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// An epoch begins; the lanes are those of its record.
    Epoch(Arc<LanesRecord>),
    /// An entry of a lane.
    Entry(EntryAt, Box<Entry>),
    /// Retention has deleted entries before they were read; the follower goes on after `through`.
    Skipped {
        /// The first entry that was not read. Claims after it may have been reported: such a claim
        /// was put into a hole and counts for nothing.
        from: EntryAt,
        /// The last one.
        through: u64,
    },
}

/// Reads the logs of a source as they grow, and changes nothing.
pub struct Follower {
    objects: Objects,
    from: From,
    window_length: Option<WindowLength>,
    epoch: Option<Arc<LanesRecord>>,
    lanes: Vec<Lane>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    First,
    Newest,
}

struct Lane {
    fold: LaneFold,
    /// The last entry that was read and is no claim: a claim may stand in a hole.
    sure: u64,
    /// When the checkpoints were last looked at.
    looked: Option<TimestampMs>,
}

impl Follower {
    /// Follows from the first entry that is still there.
    pub fn new(store: Arc<dyn Store>, host: Arc<dyn Host>) -> Self {
        Self::begin(store, host, From::First)
    }

    /// Follows from the newest checkpoints of the newest epoch.
    pub fn from_newest(store: Arc<dyn Store>, host: Arc<dyn Host>) -> Self {
        Self::begin(store, host, From::Newest)
    }

    fn begin(store: Arc<dyn Store>, host: Arc<dyn Host>, from: From) -> Self {
        Self {
            objects: Objects::starting(store, host),
            from,
            window_length: None,
            epoch: None,
            lanes: Vec::new(),
        }
    }

    /// Reads on. Empty when there is nothing new now; a long log comes in several polls.
    ///
    /// # Errors
    /// What reading can bring, and `log.broken`.
    pub async fn poll(&mut self) -> Result<Vec<Followed>, LogError> {
        let mut news = Vec::new();
        let Some(window_length) = self.window_length().await? else {
            return Ok(news);
        };
        if self.epoch.is_none() {
            let newest = super::start::newest_epoch(&self.objects, 0).await?;
            let Some(newest) = newest else {
                return Ok(news);
            };
            let record = match self.from {
                From::Newest => newest,
                From::First => load::read_lanes(&self.objects, Epoch(1)).await?,
            };
            self.enter(record, &mut news).await?;
        }
        for lane in 0..self.lanes.len() {
            self.read_lane(lane, window_length, &mut news).await?;
        }
        if news.is_empty() {
            self.next_epoch(&mut news).await?;
        }
        Ok(news)
    }

    /// The last window that every lane of the epoch has closed, as far as this follower has read.
    /// Everything up to there is complete; this never goes back.
    pub fn complete_through(&self) -> Option<Window> {
        let lanes = self.lanes.iter();
        let closed = lanes.map(|lane| lane.fold.folded.state.closed_through);
        closed.min().flatten()
    }

    /// The lanes as far as they have been read.
    pub fn lanes(&self) -> impl Iterator<Item = &LaneFold> {
        self.lanes.iter().map(|lane| &lane.fold)
    }

    async fn window_length(&mut self) -> Result<Option<WindowLength>, LogError> {
        if self.window_length.is_none() {
            let source = self.objects.get::<SourceRecord>(names::SOURCE).await?;
            self.window_length = source.map(|source| source.window_length_ms);
        }
        Ok(self.window_length)
    }

    async fn enter(
        &mut self,
        record: LanesRecord,
        news: &mut Vec<Followed>,
    ) -> Result<(), LogError> {
        let mut lanes = Vec::new();
        for lane in record.lane_ids() {
            let fold = match self.from {
                From::Newest => load::newest_checkpoint(&self.objects, &record, lane).await?,
                From::First => LaneFold::begin(&record, lane).ok_or_else(|| LogError::Missing {
                    name: names::lanes(record.epoch),
                })?,
            };
            lanes.push(Lane {
                sure: fold.folded.entry,
                fold,
                looked: None,
            });
        }
        let record = Arc::new(record);
        self.lanes = lanes;
        self.epoch = Some(Arc::clone(&record));
        news.push(Followed::Epoch(record));
        Ok(())
    }

    async fn next_epoch(&mut self, news: &mut Vec<Followed>) -> Result<(), LogError> {
        let Some(epoch) = &self.epoch else {
            return Ok(());
        };
        if !self.lanes.iter().all(|lane| lane.fold.folded.sealed) {
            return Ok(());
        }
        let name = names::lanes(Epoch(epoch.epoch.0 + 1));
        if let Some(record) = self.objects.get::<LanesRecord>(&name).await? {
            self.enter(record, news).await?;
        }
        Ok(())
    }

    async fn read_lane(
        &mut self,
        lane: usize,
        window_length: WindowLength,
        news: &mut Vec<Followed>,
    ) -> Result<(), LogError> {
        for _ in 0..ENTRIES_A_POLL {
            let fold = &mut self.lanes[lane].fold;
            if fold.folded.sealed {
                break;
            }
            let at = fold.next();
            match load::read_next(&self.objects, fold, window_length).await {
                Ok(Some(entry)) => {
                    let lane = &mut self.lanes[lane];
                    lane.looked = None;
                    if !matches!(entry.body, EntryBody::Claim { .. }) {
                        lane.sure = at.entry;
                    }
                    news.push(Followed::Entry(at, Box::new(entry)));
                }
                Ok(None) => {
                    if !self.skip(lane, at, false, news).await? {
                        break;
                    }
                }
                Err(error @ LogError::Broken { .. }) => {
                    // A void claim in a hole that retention left leads nowhere.
                    if !self.skip(lane, at, true, news).await? {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes on from the newest checkpoint, if it is at or above `at`; whether it did.
    async fn skip(
        &mut self,
        lane: usize,
        at: EntryAt,
        now: bool,
        news: &mut Vec<Followed>,
    ) -> Result<bool, LogError> {
        let Some(record) = &self.epoch else {
            return Ok(false);
        };
        let time = self.objects.now();
        let Lane { fold, sure, looked } = &mut self.lanes[lane];
        if !now && looked.is_some_and(|looked| (0..LOOK_FOR_GAPS_MS).contains(&(time - looked))) {
            return Ok(false);
        }
        *looked = Some(time);
        let newest = load::newest_checkpoint(&self.objects, record, fold.lane).await?;
        // A void claim may be as high as the newest checkpoint; what follows it does not follow.
        let covers = if now { *sure + 1 } else { at.entry };
        if newest.folded.entry < covers {
            return Ok(false);
        }
        let through = newest.folded.entry;
        let from = EntryAt {
            entry: *sure + 1,
            ..at
        };
        (*fold, *sure) = (newest, through);
        news.push(Followed::Skipped { from, through });
        Ok(true)
    }
}
