//! Reading a lane's log: the newest checkpoint, then the entries after it.

use serde::de::DeserializeOwned;

use super::objects::Objects;
use super::{Checkpoint, Entry, LaneFold, LanesRecord, LogError, names};
use crate::types::{Epoch, LaneId, WindowLength};

/// The numbers of a lane's checkpoints, lowest first. There are two, and a few more for a moment,
/// so this does not grow with the log.
pub(super) async fn checkpoints(
    objects: &Objects,
    epoch: Epoch,
    lane: LaneId,
) -> Result<Vec<u64>, LogError> {
    let folder = names::checkpoint_folder(epoch, lane);
    let mut numbers = Vec::new();
    let mut after = None;
    loop {
        let page = objects.list(&folder, after.as_deref()).await?;
        numbers.extend(page.objects.iter().filter_map(|o| names::number(&o.name)));
        match page.objects.last() {
            Some(last) if page.more => after = Some(last.name.clone()),
            _ => return Ok(numbers),
        }
    }
}

/// The fold at the newest checkpoint, or before the first entry.
pub(super) async fn newest_checkpoint(
    objects: &Objects,
    record: &LanesRecord,
    lane: LaneId,
) -> Result<LaneFold, LogError> {
    let epoch = record.epoch;
    let mut missed = None;
    loop {
        let Some(newest) = checkpoints(objects, epoch, lane).await?.pop() else {
            return LaneFold::begin(record, lane).ok_or_else(|| LogError::Missing {
                name: names::lanes(epoch),
            });
        };
        let name = names::checkpoint(epoch, lane, newest);
        // Newer ones may have come between the listing and this, and this one may be gone.
        match read_checkpoint(objects, epoch, lane, newest).await? {
            Some(fold) => return Ok(fold),
            None if missed == Some(newest) => return Err(LogError::Missing { name }),
            None => missed = Some(newest),
        }
    }
}

/// The fold that a checkpoint holds; `None` where there is none.
pub(super) async fn read_checkpoint(
    objects: &Objects,
    epoch: Epoch,
    lane: LaneId,
    number: u64,
) -> Result<Option<LaneFold>, LogError> {
    let name = names::checkpoint(epoch, lane, number);
    let Some(checkpoint) = objects.get::<Checkpoint>(&name).await? else {
        return Ok(None);
    };
    if checkpoint.folded.entry != number {
        let detail = format!("it is of entry {}", checkpoint.folded.entry);
        return Err(LogError::Damaged { name, detail });
    }
    Ok(Some(LaneFold::from_checkpoint(epoch, lane, checkpoint)))
}

/// The record of an epoch that must be there.
pub(crate) async fn read_lanes(objects: &Objects, epoch: Epoch) -> Result<LanesRecord, LogError> {
    let name = names::lanes(epoch);
    let record: LanesRecord = required(objects, &name).await?;
    let detail = if record.epoch != epoch {
        format!("it is of epoch {}", record.epoch)
    } else if record.lanes.is_empty() {
        "it has no lanes".to_owned()
    } else {
        return Ok(record);
    };
    Err(LogError::Damaged { name, detail })
}

/// Reads an object that must be there.
pub(super) async fn required<T: DeserializeOwned>(
    objects: &Objects,
    name: &str,
) -> Result<T, LogError> {
    let found = objects.get(name).await?;
    found.ok_or_else(|| LogError::Missing { name: name.into() })
}

/// The entry after `fold`, folded in; `None` at the head.
pub(super) async fn read_next(
    objects: &Objects,
    fold: &mut LaneFold,
    window_length: WindowLength,
) -> Result<Option<Entry>, LogError> {
    let next = fold.next();
    let name = names::entry(next.epoch, next.lane, next.entry);
    let Some(entry) = objects.get::<Entry>(&name).await? else {
        return Ok(None);
    };
    fold.read(&entry, window_length)?;
    Ok(Some(entry))
}

/// A log as far as it has been read.
pub(super) struct Reading {
    pub(super) fold: LaneFold,
    /// The checkpoint that the reading began from; 0 for none.
    pub(super) from: u64,
}

impl Reading {
    /// Begins from the newest checkpoint.
    pub(super) async fn begin(
        objects: &Objects,
        record: &LanesRecord,
        lane: LaneId,
    ) -> Result<Self, LogError> {
        let fold = newest_checkpoint(objects, record, lane).await?;
        let from = fold.folded.entry;
        Ok(Self { fold, from })
    }

    /// Reads on to the head of the log, or up to a seal.
    ///
    /// What was read counts only if no newer checkpoint has come meanwhile: until one is there,
    /// retention has deleted none of these entries, and so no process that did not know of it has
    /// put a void claim into a hole. Such a claim may even seem to follow, and then what it stands
    /// for would be missing in silence. With a newer checkpoint the reading begins again from it.
    pub(super) async fn read_to_head(
        mut self,
        objects: &Objects,
        record: &LanesRecord,
        window_length: WindowLength,
    ) -> Result<Self, LogError> {
        loop {
            let broken = match self.read_all(objects, window_length).await {
                Ok(()) => None,
                Err(broken @ LogError::Broken { .. }) => Some(broken),
                Err(error) => return Err(error),
            };
            let (epoch, lane) = (self.fold.epoch, self.fold.lane);
            let newest = checkpoints(objects, epoch, lane).await?.pop();
            if newest <= Some(self.from) {
                return broken.map_or(Ok(self), Err);
            }
            self = Self::begin(objects, record, lane).await?;
        }
    }

    async fn read_all(
        &mut self,
        objects: &Objects,
        window_length: WindowLength,
    ) -> Result<(), LogError> {
        while !self.fold.folded.sealed {
            let next = read_next(objects, &mut self.fold, window_length).await?;
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }
}
