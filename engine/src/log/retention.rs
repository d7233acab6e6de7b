//! Retention: windows that are expired are deleted, with all that the state knows of them.
//!
//! The mark comes first: an expire entry in every lane, never above what all lanes have closed. So
//! nothing is ever written into an expired window again, and whatever lies in one may go, whoever
//! deletes it and however late: also a process that has been fenced meanwhile. What is left to do
//! shows on the target itself, oldest first, so a run that was cut short is finished by the next
//! one, and none of them goes through what is kept.
//!
//! With `soft` the files of rows, rejects and raw copies stay. They are not ours any more: a mark
//! says up to where, and later runs do not touch them.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use super::load::{self, Reading};
use super::names::{self, FileName, hour_folder};
use super::objects::{Objects, to_json};
use super::start::newest_epoch;
use super::{
    Entry, EntryAt, EntryBody, LaneLog, LaneState, LaneView, LanesRecord, LogError, SourceView,
};
use crate::ports::Listed;
use crate::types::{Epoch, FileKind, LaneId, Level, TimestampMs, Window, WindowLength};

/// How many objects are read or deleted at once.
const AT_ONCE: usize = 8;

/// How often logs are gone through from their beginning: a put that was long on its way may bring
/// back an entry that was deleted.
const FROM_THE_BEGINNING_EVERY_MS: i64 = 24 * 3_600_000;

/// After every window there is.
const LAST: Window = Window(i64::MAX);

/// Up to where windows are expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiredMarks {
    /// Windows up to this one.
    pub through: Option<Window>,
    /// Of windows up to this one the files stay.
    pub kept_through: Option<Window>,
}

impl ExpiredMarks {
    /// The highest of all lanes.
    pub fn of<'s>(lanes: impl IntoIterator<Item = &'s LaneState>) -> Self {
        lanes.into_iter().fold(Self::default(), |marks, lane| Self {
            through: marks.through.max(lane.expired_through),
            kept_through: marks.kept_through.max(lane.kept_through),
        })
    }

    /// After one more expire entry in every lane.
    #[must_use]
    pub fn and(self, through: Window, soft: bool) -> Self {
        let kept = Some(through).filter(|_| soft);
        Self {
            through: self.through.max(Some(through)),
            kept_through: self.kept_through.max(kept),
        }
    }

    /// The expired windows whose objects of a kind are to be deleted: after the first, up to the
    /// second.
    pub(super) fn to_delete(self, kind: FileKind) -> Option<(Option<Window>, Window)> {
        let after = match kind {
            FileKind::Statistics => None,
            _ => self.kept_through,
        };
        let through = self.through?;
        (Some(through) > after).then_some((after, through))
    }
}

/// Up to where windows of a source are expired now. `epoch` is one that is known to exist.
pub(crate) async fn read_marks(
    objects: &Objects,
    window_length: WindowLength,
    epoch: Epoch,
) -> Result<ExpiredMarks, LogError> {
    let Some(record) = newest_epoch(objects, epoch.0).await? else {
        return Ok(ExpiredMarks::default());
    };
    let mut states = Vec::new();
    for lane in record.lane_ids() {
        let reading = Reading::begin(objects, &record, lane).await?;
        let reading = reading.read_to_head(objects, &record, window_length);
        states.push(reading.await?.fold.folded.state);
    }
    Ok(ExpiredMarks::of(&states))
}

/// The same, since a view was taken. Two calls a lane where nothing has happened meanwhile.
pub(crate) async fn marks_since(
    objects: &Objects,
    view: &SourceView,
) -> Result<ExpiredMarks, LogError> {
    let mut is_same = true;
    for LaneView { fold, .. } in &view.lanes {
        let EntryAt { epoch, lane, entry } = fold.next();
        let grown = objects.exists(&names::entry(epoch, lane, entry)).await?;
        // What has come may have been deleted again: then a checkpoint covers it.
        let newest = load::checkpoints(objects, epoch, lane).await?.pop();
        is_same &= !grown && newest < Some(entry);
    }
    match &view.lanes_record {
        Some(record) if !is_same => {
            read_marks(objects, view.source.window_length_ms, record.epoch).await
        }
        _ => {
            let folds = view.lanes.iter().map(|lane| &lane.fold.folded.state);
            Ok(ExpiredMarks::of(folds))
        }
    }
}

/// What is gone, or would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Files of rows, rejects and raw copies.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects of statistics.
    pub statistics_objects: u64,
    /// Their bytes.
    pub statistics_bytes: u64,
    /// Entries of logs.
    pub entries: u64,
    /// Hours and days of statistics.
    pub rollups: u64,
}

impl std::ops::AddAssign for Forgotten {
    fn add_assign(&mut self, more: Self) {
        self.files += more.files;
        self.bytes += more.bytes;
        self.statistics_objects += more.statistics_objects;
        self.statistics_bytes += more.statistics_bytes;
        self.entries += more.entries;
        self.rollups += more.rollups;
    }
}

impl Forgotten {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn count(&mut self, kind: FileKind, bytes: u64) {
        let (objects, sum) = match kind {
            FileKind::Statistics => (&mut self.statistics_objects, &mut self.statistics_bytes),
            _ => (&mut self.files, &mut self.bytes),
        };
        *objects += 1;
        *sum += bytes;
    }
}

/// The last window that lies before `before` as a whole, of those that every lane has closed
/// (`complete`) and that nobody holds back (`held_from` and later ones).
pub fn expires_through(
    length: WindowLength,
    before: TimestampMs,
    complete: Window,
    held_from: Option<Window>,
) -> Window {
    let old = length.window_of(before).previous();
    let free = held_from.map_or(complete, Window::previous);
    old.min(complete).min(free)
}

/// The same for windows older than `age_ms`. Age counts from the end of the newest complete window,
/// or from `now` where that is earlier: a clock of ours that is wrong expires nothing, and an idle
/// stream goes on closing windows, so it goes on expiring them.
pub fn older_than(
    length: WindowLength,
    age_ms: i64,
    now: TimestampMs,
    complete: Window,
    held_from: Option<Window>,
) -> Window {
    let end = length.start_of(complete.next()).min(now);
    expires_through(length, end.saturating_sub(age_ms), complete, held_from)
}

/// Deletes what is expired of a source, for a process that has claimed all its lanes.
pub struct Retention {
    objects: Objects,
    window_length: WindowLength,
    record: Arc<LanesRecord>,
    marks: ExpiredMarks,
    /// Whether a run has gone through since the marks moved.
    settled: bool,
    /// Up to where each log has been gone through; nothing before there needs to be looked at.
    passed: BTreeMap<(Epoch, LaneId), u64>,
    /// Epochs up to this one have been gone through to their ends.
    passed_epoch: u64,
    /// When the logs were last gone through from their beginning.
    began: Option<TimestampMs>,
}

impl Retention {
    /// For a process that has just claimed `lanes`, all those of the newest epoch. `None` if there
    /// are none.
    pub fn new(lanes: &[LaneLog]) -> Option<Self> {
        let first = lanes.first()?;
        Some(Self {
            objects: first.objects().starting_again(),
            window_length: first.window_length(),
            record: Arc::clone(first.lanes_record()),
            marks: ExpiredMarks::of(lanes.iter().map(LaneLog::state)),
            settled: false,
            passed: BTreeMap::new(),
            passed_epoch: 0,
            began: None,
        })
    }

    /// Deletes whatever there is: for a source that ends. Without `data` the files of rows, rejects
    /// and raw copies stay.
    pub(super) fn of_everything(lanes: &[LaneLog], data: bool) -> Option<Self> {
        let marks = ExpiredMarks::default().and(LAST, !data);
        Some(Self {
            marks,
            ..Self::new(lanes)?
        })
    }

    /// Up to where windows are expired.
    pub fn marks(&self) -> ExpiredMarks {
        self.marks
    }

    /// Whether all that is expired was deleted by the last run. Before windows expire in another
    /// way (`soft` or not) it has to be.
    pub fn is_settled(&self) -> bool {
        self.settled || self.marks.through.is_none()
    }

    /// Takes note that every lane has this expire entry now.
    pub fn expired(&mut self, through: Window, soft: bool) {
        let marks = self.marks.and(through, soft);
        self.settled = self.settled && marks == self.marks;
        self.marks = marks;
    }

    /// Deletes what is expired: files first, then the commits that name them, then roll-ups.
    ///
    /// # Errors
    /// What reading, listing and deleting can bring. The next run goes on where this one stopped.
    pub async fn run(&mut self) -> Result<Forgotten, LogError> {
        let mut gone = Forgotten::default();
        let Some(through) = self.marks.through else {
            return Ok(gone);
        };
        let now = self.objects.now();
        let begins = |began| now.saturating_sub(began) >= FROM_THE_BEGINNING_EVERY_MS;
        if self.began.is_none_or(begins) {
            self.began = Some(now);
            self.passed.clear();
            self.passed_epoch = 0;
        }
        for kind in FileKind::ALL {
            self.delete_files(kind, &mut gone).await?;
        }
        self.delete_entries(through, &mut gone).await?;
        for level in [Level::Hour, Level::Day] {
            self.delete_rollups(level, through, &mut gone).await?;
        }
        self.settled = true;
        Ok(gone)
    }

    /// Deletes all files of ours in expired windows, named or not.
    async fn delete_files(&self, kind: FileKind, gone: &mut Forgotten) -> Result<(), LogError> {
        let Some((after, through)) = self.marks.to_delete(kind) else {
            return Ok(());
        };
        let mut files = Files::new(&self.objects, self.window_length, kind, after, through);
        while let Some(page) = files.next().await? {
            for (object, _) in &page {
                gone.count(kind, object.len);
            }
            let names = page.into_iter().map(|(object, _)| object.name);
            self.delete_all(names.collect()).await?;
        }
        Ok(())
    }

    /// Epoch by epoch, oldest first.
    async fn delete_entries(
        &mut self,
        through: Window,
        gone: &mut Forgotten,
    ) -> Result<(), LogError> {
        while self.passed_epoch + 1 < self.record.epoch.0 {
            let epoch = Epoch(self.passed_epoch + 1);
            let record = load::read_lanes(&self.objects, epoch).await?;
            let mut to_its_end = true;
            for lane in record.lane_ids() {
                to_its_end &= self.of_earlier(&record, lane, through, gone).await?;
            }
            // What comes after it is newer: it waits, so that no run looks at every epoch.
            if !to_its_end {
                return Ok(());
            }
            self.passed_epoch = epoch.0;
        }
        let record = Arc::clone(&self.record);
        for lane in record.lane_ids() {
            let seen = load::checkpoints(&self.objects, record.epoch, lane).await?;
            if let Some(covered) = seen.last() {
                self.of_log(record.epoch, lane, *covered, through, gone)
                    .await?;
            }
        }
        Ok(())
    }

    /// Deletes expired entries of a lane of an earlier epoch; whether all are gone that ever will.
    async fn of_earlier(
        &mut self,
        record: &LanesRecord,
        lane: LaneId,
        through: Window,
        gone: &mut Forgotten,
    ) -> Result<bool, LogError> {
        let (objects, length) = (&self.objects, self.window_length);
        let reading = Reading::begin(objects, record, lane).await?;
        let Reading { fold, from } = reading.read_to_head(objects, record, length).await?;
        let last = fold.folded.entry;
        // Whoever sealed the lane may have died before its checkpoint was there.
        if from < last {
            let name = names::checkpoint(record.epoch, lane, last);
            objects.put(&name, to_json(&fold.checkpoint())).await?;
        }
        self.of_log(record.epoch, lane, last, through, gone).await?;
        Ok(self.passed.get(&(record.epoch, lane)) >= Some(&last))
    }

    /// Deletes the expired entries of a log up to `covered`, the number of a checkpoint that was
    /// seen on the target. Commits are in the order of their windows, so the first one that is kept
    /// ends it.
    async fn of_log(
        &mut self,
        epoch: Epoch,
        lane: LaneId,
        covered: u64,
        through: Window,
        gone: &mut Forgotten,
    ) -> Result<(), LogError> {
        let folder = names::log_folder(epoch, lane);
        let mut passed = self.passed.get(&(epoch, lane)).copied().unwrap_or(0);
        while passed < covered {
            let after = names::entry(epoch, lane, passed);
            let page = self.objects.list(&folder, Some(&after)).await?;
            let numbers = page.objects.iter().filter_map(|o| names::number(&o.name));
            let numbers: Vec<u64> = numbers.take_while(|number| *number <= covered).collect();
            let is_last = numbers.len() < page.objects.len() || !page.more;
            for numbers in numbers.chunks(AT_ONCE) {
                let fates = self.fates(epoch, lane, numbers, through).await?;
                let ended = fates.iter().position(|fate| *fate == Fate::Kept);
                let mut decided = numbers.iter().zip(&fates).take(ended.unwrap_or(AT_ONCE));
                let expired = decided.clone().filter(|(_, fate)| **fate == Fate::Expired);
                let expired: Vec<String> = expired
                    .map(|(number, _)| names::entry(epoch, lane, *number))
                    .collect();
                gone.entries += expired.len() as u64;
                self.delete_all(expired).await?;
                if let Some((number, _)) = decided.next_back() {
                    passed = *number;
                    self.passed.insert((epoch, lane), passed);
                }
                if ended.is_some() {
                    return Ok(());
                }
            }
            if is_last {
                self.passed.insert((epoch, lane), covered);
                return Ok(());
            }
        }
        Ok(())
    }

    async fn fates(
        &self,
        epoch: Epoch,
        lane: LaneId,
        numbers: &[u64],
        through: Window,
    ) -> Result<Vec<Fate>, LogError> {
        let names = numbers
            .iter()
            .map(|number| names::entry(epoch, lane, *number));
        let names: Vec<String> = names.collect();
        let fates = names.into_iter().map(|name| {
            let objects = self.objects.clone();
            async move {
                let entry = objects.get::<Entry>(&name).await?;
                Ok(entry.map_or(Fate::Stays, |entry| Fate::of(&entry, through)))
            }
        });
        stream::iter(fates).buffered(AT_ONCE).try_collect().await
    }

    /// Deletes the roll-ups of hours or days that are expired as a whole. The newest of them stays:
    /// it says how far the logs are known, and who reads goes on from there.
    async fn delete_rollups(
        &self,
        level: Level,
        through: Window,
        gone: &mut Forgotten,
    ) -> Result<(), LogError> {
        let folder = names::rollup_folder(level);
        let is_expired = |name: &str| {
            let number = names::rollup_number(name).and_then(|n| i64::try_from(n).ok());
            number.map(|number| level.last(number) <= through)
        };
        let mut newest: Option<String> = None;
        let mut after = None;
        loop {
            let page = self.objects.list(&folder, after.as_deref()).await?;
            let mut expired: Vec<String> = newest.take().into_iter().collect();
            let mut is_last = !page.more;
            for object in &page.objects {
                match is_expired(&object.name) {
                    Some(true) => expired.push(object.name.clone()),
                    Some(false) => is_last = true,
                    None => {}
                }
            }
            newest = expired.pop();
            gone.rollups += expired.len() as u64;
            self.delete_all(expired).await?;
            if is_last {
                return Ok(());
            }
            after = page.objects.last().map(|last| last.name.clone());
        }
    }

    async fn delete_all(&self, names: Vec<String>) -> Result<(), LogError> {
        let deletes = names.into_iter().map(|name| {
            let objects = self.objects.clone();
            async move { objects.delete(&name).await }
        });
        let mut deletes = pin!(stream::iter(deletes).buffer_unordered(AT_ONCE));
        while let Some(()) = deletes.try_next().await? {}
        Ok(())
    }
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is deleted.
    Expired,
    /// It is never deleted, or gone.
    Stays,
    /// It is kept as long as its windows are; so is all that follows it.
    Kept,
}

impl Fate {
    fn of(entry: &Entry, through: Window) -> Self {
        let through = Some(through);
        let is_expired = match &entry.body {
            EntryBody::Claim { .. } | EntryBody::Seal { .. } => return Fate::Stays,
            EntryBody::Commit(commit) => {
                let named = commit.names().all(|(_, _, window)| Some(window) <= through);
                named && commit.closed_through <= through
            }
            EntryBody::Expire { through: of, .. } => Some(*of) <= through,
        };
        if is_expired {
            Fate::Expired
        } else {
            Fate::Kept
        }
    }
}

/// Files of ours in a stretch of windows, a page at a time, oldest hours first.
pub(super) struct Files<'o> {
    objects: &'o Objects,
    window_length: WindowLength,
    kind: FileKind,
    /// Windows after the first, up to the second.
    windows: (Option<Window>, Window),
    list_after: Option<String>,
    over: bool,
}

impl<'o> Files<'o> {
    pub(super) fn new(
        objects: &'o Objects,
        window_length: WindowLength,
        kind: FileKind,
        after: Option<Window>,
        through: Window,
    ) -> Self {
        // The folder's own name sorts before everything in it.
        let list_after = after.map(|after| hour_folder(kind, window_length.start_of(after)));
        Self {
            objects,
            window_length,
            kind,
            windows: (after, through),
            list_after,
            over: false,
        }
    }

    /// The next ones; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<(Listed, FileName)>>, LogError> {
        if self.over {
            return Ok(None);
        }
        let prefix = format!("{}/", self.kind.folder());
        let page = self
            .objects
            .list(&prefix, self.list_after.as_deref())
            .await?;
        let last_hour = hour_folder(self.kind, self.window_length.start_of(self.windows.1));
        let is_bounded = self.windows.1 < LAST;
        self.over = !page.more;
        self.list_after = page.objects.last().map(|last| last.name.clone());
        let mut found = Vec::new();
        for object in page.objects {
            if is_bounded && object.name > last_hour && !object.name.starts_with(&last_hour) {
                self.over = true;
                break;
            }
            if let Some(file) = self.ours(&object.name) {
                found.push((object, file));
            }
        }
        Ok(Some(found))
    }

    /// A file in one of the windows that bears the very name that it got from us.
    fn ours(&self, name: &str) -> Option<FileName> {
        let (after, through) = self.windows;
        let file = FileName::parse_exactly(name, self.window_length)?;
        let within = Some(file.window) > after && file.window <= through;
        within.then_some(file)
    }
}
