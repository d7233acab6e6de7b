//! A walk over all that is left of a source's logs, with every check that can be made (`verify`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::objects::Objects;
use super::retention::read_marks;
use super::{
    Entry, EntryAt, EntryBody, LaneFold, LanesRecord, LogError, SourceRecord, lanes, load, names,
};
use crate::ports::{Host, Store};
use crate::types::{Epoch, LaneId, WindowLength};

/// What a walk comes by, in order: epoch by epoch, in it lane by lane, in it by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walked {
    /// An epoch begins.
    Epoch(Arc<LanesRecord>),
    /// An entry.
    Entry {
        /// Where it stands.
        at: EntryAt,
        /// What it says.
        entry: Box<Entry>,
        /// Whether it was checked against the state before it. Not where retention has deleted
        /// entries that a checkpoint covers.
        checked: bool,
    },
    /// A lane ends: the fold of its log.
    Lane(Box<LaneFold>),
}

/// Walks over the logs that were there when it began, once, from the first epoch on. Every entry is
/// checked against the fold of those before it, every checkpoint against the fold at its number,
/// and every epoch against the seals that it was made from.
pub struct Walk {
    objects: Objects,
    window_length: WindowLength,
    newest: Epoch,
    /// Whether windows of the source are expired: only then retention has ever run.
    has_expired: bool,
    epoch: Option<Arc<LanesRecord>>,
    /// Lanes of `epoch` that are to come.
    to_come: VecDeque<LaneId>,
    lane: Option<LaneWalk>,
    /// The ends of the lanes of `epoch` so far.
    ends: Vec<LaneFold>,
}

struct LaneWalk {
    /// The fold up to the last entry; `None` after a hole until a checkpoint is reached.
    fold: Option<LaneFold>,
    at: EntryAt,
    checkpoints: BTreeMap<u64, LaneFold>,
    /// The first thing that only retention can explain; a violation if retention has never run.
    excused: Option<LogError>,
    /// The newest checkpoint before any entry was listed: there were entries up to there.
    covered_at_first: u64,
    listed: VecDeque<u64>,
    /// After which name the listing goes on; `None` once it is over.
    list_after: Option<String>,
}

impl Walk {
    /// Begins a walk; `None` if the target holds no source.
    ///
    /// # Errors
    /// What reading can bring.
    pub async fn begin(
        store: Arc<dyn Store>,
        host: Arc<dyn Host>,
    ) -> Result<Option<Self>, LogError> {
        let objects = Objects::starting(store, host);
        let Some(source) = objects.get::<SourceRecord>(names::SOURCE).await? else {
            return Ok(None);
        };
        let newest = objects
            .highest(0, |number| names::lanes(Epoch(number)))
            .await?;
        Ok(Some(Self {
            objects,
            window_length: source.window_length_ms,
            newest: Epoch(newest),
            has_expired: false,
            epoch: None,
            to_come: VecDeque::new(),
            lane: None,
            ends: Vec::new(),
        }))
    }

    /// The source's window length.
    pub fn window_length(&self) -> WindowLength {
        self.window_length
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// The first violation: `log.broken`, `log.missing`, `log.damaged`; and what reading can bring.
    pub async fn next(&mut self) -> Result<Option<Walked>, LogError> {
        if let Some(lane) = &mut self.lane
            && let Some(walked) = lane.next(&self.objects, self.window_length).await?
        {
            return Ok(Some(walked));
        }
        if let Some(mut lane) = self.lane.take() {
            if lane.fold.is_none() {
                lane.read_checkpoints(&self.objects).await?;
            }
            let (fold, excused) = lane.end()?;
            if let Some(error) = excused
                && !self.may_have_gaps().await?
            {
                return Err(error);
            }
            self.ends.push(fold.clone());
            return Ok(Some(Walked::Lane(Box::new(fold))));
        }
        if let (Some(record), Some(lane)) = (self.epoch.clone(), self.to_come.pop_front()) {
            let mut lane = LaneWalk::begin(&self.objects, &record, lane).await?;
            let first = lane.next(&self.objects, self.window_length).await?;
            self.lane = Some(lane);
            if first.is_some() {
                return Ok(first);
            }
            return Box::pin(self.next()).await;
        }
        let next = Epoch(self.epoch.as_ref().map_or(1, |record| record.epoch.0 + 1));
        if next > self.newest {
            return Ok(None);
        }
        let record: LanesRecord = load::read_lanes(&self.objects, next).await?;
        self.check_epoch(&record)?;
        let record = Arc::new(record);
        self.to_come = record.lane_ids().collect();
        self.ends.clear();
        self.epoch = Some(Arc::clone(&record));
        Ok(Some(Walked::Epoch(record)))
    }

    /// Whether retention may have deleted entries. The mark stands in the lanes of the newest epoch,
    /// which may have come since the walk began.
    async fn may_have_gaps(&mut self) -> Result<bool, LogError> {
        if !self.has_expired {
            let marks = read_marks(&self.objects, self.window_length, self.newest).await?;
            self.has_expired = marks.through.is_some();
        }
        Ok(self.has_expired)
    }

    /// An epoch carries on what the seals before it left (I3).
    fn check_epoch(&self, record: &LanesRecord) -> Result<(), LogError> {
        if self.epoch.is_none() {
            return Ok(());
        }
        let unsealed = self.ends.iter().find(|fold| !fold.folded.sealed);
        let detail = match unsealed {
            Some(fold) => format!("it was made before lane {} was sealed", fold.lane),
            None => {
                let ends: Vec<_> = self.ends.iter().map(|end| &end.folded.state).collect();
                match lanes::carries_on(&ends, &record.lanes) {
                    Ok(()) => return Ok(()),
                    Err(detail) => detail,
                }
            }
        };
        Err(LogError::Damaged {
            name: names::lanes(record.epoch),
            detail,
        })
    }
}

impl LaneWalk {
    async fn begin(
        objects: &Objects,
        record: &LanesRecord,
        lane: LaneId,
    ) -> Result<Self, LogError> {
        let epoch = record.epoch;
        let fold = LaneFold::begin(record, lane).ok_or_else(|| LogError::Missing {
            name: names::lanes(epoch),
        })?;
        let mut walk = Self {
            excused: None,
            covered_at_first: 0,
            at: EntryAt {
                epoch,
                lane,
                entry: 0,
            },
            fold: Some(fold),
            checkpoints: BTreeMap::new(),
            listed: VecDeque::new(),
            list_after: Some(names::log_folder(epoch, lane)),
        };
        walk.read_checkpoints(objects).await?;
        let newest = walk.checkpoints.last_key_value();
        walk.covered_at_first = newest.map_or(0, |(number, _)| *number);
        Ok(walk)
    }

    /// Reads the checkpoints that are there now; whether there is a newer one than before.
    async fn read_checkpoints(&mut self, objects: &Objects) -> Result<bool, LogError> {
        let EntryAt { epoch, lane, .. } = self.at;
        let newest = |walk: &Self| walk.checkpoints.keys().next_back().copied();
        let before = newest(self);
        for number in load::checkpoints(objects, epoch, lane).await? {
            if let Some(fold) = load::read_checkpoint(objects, epoch, lane, number).await? {
                self.checkpoints.insert(number, fold);
            }
        }
        Ok(newest(self) > before)
    }

    async fn next(
        &mut self,
        objects: &Objects,
        window_length: WindowLength,
    ) -> Result<Option<Walked>, LogError> {
        while let Some(number) = self.next_number(objects).await? {
            let at = EntryAt {
                entry: number,
                ..self.at
            };
            let name = names::entry(at.epoch, at.lane, number);
            // Retention may have deleted it since it was listed.
            let Some(entry) = objects.get::<Entry>(&name).await? else {
                continue;
            };
            let checked = match self.check(at, &entry, window_length) {
                // Retention may have gone on since the checkpoints were read.
                Err(error @ (LogError::Missing { .. } | LogError::Broken { .. }))
                    if self.read_checkpoints(objects).await? =>
                {
                    tracing::debug!(%error, "a newer checkpoint may explain it");
                    self.check(at, &entry, window_length)?
                }
                checked => checked?,
            };
            self.at = at;
            return Ok(Some(Walked::Entry {
                at,
                entry: Box::new(entry),
                checked,
            }));
        }
        Ok(None)
    }

    async fn next_number(&mut self, objects: &Objects) -> Result<Option<u64>, LogError> {
        while self.listed.is_empty() {
            let Some(after) = self.list_after.take() else {
                return Ok(None);
            };
            let folder = names::log_folder(self.at.epoch, self.at.lane);
            let page = objects.list(&folder, Some(&after)).await?;
            let numbers = page.objects.iter();
            self.listed
                .extend(numbers.filter_map(|object| names::number(&object.name)));
            if page.more {
                self.list_after = page.objects.last().map(|last| last.name.clone());
            }
        }
        Ok(self.listed.pop_front())
    }

    /// Checks an entry against those before it, as far as they are there. After an error the fold
    /// is as it was.
    fn check(
        &mut self,
        at: EntryAt,
        entry: &Entry,
        window_length: WindowLength,
    ) -> Result<bool, LogError> {
        let mut fold = self.fold.take();
        if fold.as_ref().is_none_or(|fold| fold.next() != at) {
            if let Some(before) = fold.take() {
                let hole = missing(&before);
                if !self.is_covered(at.entry - 1) {
                    self.fold = Some(before);
                    return Err(hole);
                }
                self.excuse(hole);
            }
            // Retention deletes up to a checkpoint, its entry included.
            fold = self.checkpoints.get(&(at.entry - 1)).cloned();
        }
        let mut checked = false;
        if let Some(mut fold) = fold {
            match fold.read(entry, window_length) {
                Ok(()) => {
                    checked = true;
                    self.fold = Some(fold);
                }
                // A void claim may stand in a hole.
                Err(error) if self.is_covered(at.entry) => self.excuse(error),
                Err(error) => {
                    self.fold = Some(fold);
                    return Err(error);
                }
            }
        }
        if let Some(checkpoint) = self.checkpoints.get(&at.entry).cloned() {
            if self.fold.as_ref().is_some_and(|fold| *fold != checkpoint) {
                let differs = LogError::Damaged {
                    name: names::checkpoint(at.epoch, at.lane, at.entry),
                    detail: "it is not the state after its entry".into(),
                };
                match entry.body {
                    // It may be void, and the checkpoint of the entry that stood here.
                    EntryBody::Claim { .. } => self.excuse(differs),
                    _ => return Err(differs),
                }
            }
            self.fold = Some(checkpoint);
        }
        Ok(checked)
    }

    /// Whether a checkpoint covers the entry `number`: then retention may have deleted it.
    fn is_covered(&self, number: u64) -> bool {
        self.checkpoints.range(number..).next().is_some()
    }

    /// Takes note of what only retention can explain.
    fn excuse(&mut self, error: LogError) {
        self.excused.get_or_insert(error);
    }

    /// The fold at the end of the lane, and what only retention can explain.
    fn end(mut self) -> Result<(LaneFold, Option<LogError>), LogError> {
        let fold = match self.fold.take() {
            Some(fold) if self.at.entry >= self.covered_at_first => fold,
            before => {
                self.excuse(before.as_ref().map_or_else(
                    || LogError::Missing {
                        name: names::log_folder(self.at.epoch, self.at.lane),
                    },
                    missing,
                ));
                let newest = self
                    .checkpoints
                    .pop_last()
                    .filter(|(n, _)| *n >= self.at.entry);
                newest
                    .map(|(_, fold)| fold)
                    .ok_or_else(|| LogError::Missing {
                        name: names::checkpoint_folder(self.at.epoch, self.at.lane),
                    })?
            }
        };
        Ok((fold, self.excused))
    }
}

fn missing(before: &LaneFold) -> LogError {
    let next = before.next();
    LogError::Missing {
        name: names::entry(next.epoch, next.lane, next.entry),
    }
}
