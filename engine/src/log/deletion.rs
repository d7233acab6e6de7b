//! The end of a source.
//!
//! A mark comes first (`_deleted.json`): whoever claims the lanes looks at it after that and stops.
//! Then all lanes are claimed, so whoever had them before is fenced; everything expires, and
//! everything goes but what fences: claims, seals, checkpoints, epochs and generations, a few
//! hundred bytes for each start of a process. A process that wakes up late finds a claim at the
//! next number, as ever. A day later that goes too, the mark last.
//!
//! Each step may be cut short and made again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::take_over_deleted;
use super::load::required;
use super::names::FileName;
use super::objects::{Objects, Put, to_json};
use super::{
    Cleanup, FORMAT_VERSION, Forgotten, Identity, LaneLog, LogError, Retention, SourceRecord, names,
};
use crate::ports::{Host, Listed, Store};
use crate::types::{FileKind, ProcessId, TimestampMs, WindowLength};

/// How long what fences stays: no process is expected to wake up later than that.
pub const FENCES_STAY_MS: i64 = 24 * 3_600_000;

/// `_deleted.json`: the source is being deleted, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedRecord {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The process that put it.
    pub process: ProcessId,
    /// When.
    pub time_ms: TimestampMs,
    /// The version of the software that put it.
    pub version: String,
    /// Length of the source's windows, ms: by it files of ours are known.
    pub window_length_ms: WindowLength,
}

/// What is left of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// What fences, up to this time at least.
    Fences {
        /// When it may go.
        until: TimestampMs,
    },
    /// Files of rows, rejects and raw copies, and the mark, so that no other source of the name
    /// gets among them.
    Data,
    /// Nothing of ours.
    Nothing,
}

/// A source that is being deleted.
pub struct Deletion {
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    objects: Objects,
    identity: Identity,
    record: DeletedRecord,
}

/// Reads `_deleted.json`; `None` if nobody is deleting the source.
///
/// # Errors
/// What reading can bring.
pub async fn read_deleted(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
) -> Result<Option<DeletedRecord>, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    objects.get(names::DELETED).await
}

/// Refuses a source that is being deleted.
pub(super) async fn refuse(objects: &Objects) -> Result<(), LogError> {
    match objects.get::<DeletedRecord>(names::DELETED).await? {
        Some(record) => Err(LogError::Deleted {
            time_ms: record.time_ms,
        }),
        None => Ok(()),
    }
}

impl Deletion {
    /// Puts the mark, or finds that of an earlier try. From here on the source cannot be started.
    /// `None` if there is no source, and none that was deleted.
    ///
    /// # Errors
    /// What reading and putting can bring.
    pub async fn begin(
        store: Arc<dyn Store>,
        host: Arc<dyn Host>,
        identity: Identity,
    ) -> Result<Option<Self>, LogError> {
        let objects = Objects::starting(Arc::clone(&store), Arc::clone(&host));
        let begun = objects.get::<DeletedRecord>(names::DELETED).await?;
        let record = match begun {
            Some(record) => record,
            None => match objects.get::<SourceRecord>(names::SOURCE).await? {
                Some(source) => mark(&objects, &identity, &source).await?,
                None => return Ok(None),
            },
        };
        Ok(Some(Self {
            store,
            host,
            objects,
            identity,
            record,
        }))
    }

    /// Claims the lanes and deletes everything but what fences; with `data` the files of rows,
    /// rejects and raw copies, too. Finds nothing to do where an earlier try was past that.
    ///
    /// # Errors
    /// `log.fenced` if another process is deleting the source; what reading, listing and deleting
    /// can bring.
    pub async fn empty(&self, data: bool) -> Result<Forgotten, LogError> {
        // An earlier try was past that: without it no lane can be claimed.
        if !self.objects.exists(names::SOURCE).await? {
            return self.delete_files(data).await;
        }
        let mut lanes = take_over_deleted(&self.store, &self.host, &self.identity).await?;
        // What ended claims have left among the files is nobody's row.
        if let Some(mut cleanup) = Cleanup::new(&lanes) {
            cleanup.run().await?;
        }
        let mut gone = Forgotten::default();
        if !lanes.is_empty() {
            expire_complete(&mut lanes, !data).await?;
            for lane in &mut lanes {
                lane.checkpoint_now().await?;
            }
            if let Some(mut everything) = Retention::of_everything(&lanes, data) {
                gone += everything.run().await?;
            }
        }
        gone += self.delete_files(data).await?;
        for folder in [names::ROLLUPS, names::FORMATS, names::PREVIEW] {
            gone.rollups += self.delete_below(folder).await?;
        }
        Ok(gone)
    }

    /// Deletes what fences once its time is over, or `now`; what is left then.
    ///
    /// # Errors
    /// What listing and deleting can bring.
    pub async fn finish(&self, now: bool) -> Result<Remains, LogError> {
        let until = self.record.time_ms.saturating_add(FENCES_STAY_MS);
        let begun = !self.objects.exists(names::SOURCE).await?;
        if !now && !begun && self.objects.now() < until {
            return Ok(Remains::Fences { until });
        }
        // Whoever comes after a try that was cut short knows by this that no lane can be claimed.
        self.objects.delete(names::SOURCE).await?;
        self.delete_below(names::STATE).await?;
        for kind in FileKind::ALL {
            if !self.files(kind, None).await?.0.is_empty() {
                return Ok(Remains::Data);
            }
        }
        self.objects.delete(names::DELETED).await?;
        Ok(Remains::Nothing)
    }

    /// Files that are left: of windows that never closed, and whatever came late.
    async fn delete_files(&self, data: bool) -> Result<Forgotten, LogError> {
        let mut gone = Forgotten::default();
        for kind in FileKind::ALL {
            if !data && kind != FileKind::Statistics {
                continue;
            }
            let folder = format!("{}/", kind.folder());
            for upload in self.objects.pending_uploads(&folder).await? {
                self.objects.abort_upload(&upload).await?;
            }
            let mut after = None;
            loop {
                let (files, next) = self.files(kind, after).await?;
                for file in files {
                    self.objects.delete(&file.name).await?;
                    gone.count(kind, file.len);
                }
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(gone)
    }

    /// The first files of ours of a kind after a name, and after which name others may follow.
    async fn files(
        &self,
        kind: FileKind,
        mut after: Option<String>,
    ) -> Result<(Vec<Listed>, Option<String>), LogError> {
        let folder = format!("{}/", kind.folder());
        let length = self.record.window_length_ms;
        loop {
            let page = self.objects.list(&folder, after.as_deref()).await?;
            let last = page.objects.last().map(|last| last.name.clone());
            after = last.filter(|_| page.more);
            let is_ours = |file: &Listed| FileName::parse_exactly(&file.name, length).is_some();
            let files: Vec<Listed> = page.objects.into_iter().filter(is_ours).collect();
            if !files.is_empty() || after.is_none() {
                return Ok((files, after));
            }
        }
    }

    /// Deletes all objects whose names begin so, but for the mark; how many.
    async fn delete_below(&self, prefix: &str) -> Result<u64, LogError> {
        let mut deleted = 0;
        let mut after: Option<String> = None;
        loop {
            let page = self.objects.list(prefix, after.as_deref()).await?;
            let names = page.objects.iter().map(|object| object.name.as_str());
            for name in names.filter(|name| *name != names::DELETED) {
                self.objects.delete(name).await?;
                deleted += 1;
            }
            match page.objects.last() {
                Some(last) if page.more => after = Some(last.name.clone()),
                _ => return Ok(deleted),
            }
        }
    }
}

async fn mark(
    objects: &Objects,
    identity: &Identity,
    source: &SourceRecord,
) -> Result<DeletedRecord, LogError> {
    let record = DeletedRecord {
        format_version: FORMAT_VERSION,
        process: identity.process.clone(),
        time_ms: objects.now(),
        version: identity.version.clone(),
        window_length_ms: source.window_length_ms,
    };
    match objects.put(names::DELETED, to_json(&record)).await? {
        Put::Done => Ok(record),
        Put::Exists => required(objects, names::DELETED).await,
    }
}

/// Expires all that every lane has closed.
async fn expire_complete(lanes: &mut [LaneLog], soft: bool) -> Result<(), LogError> {
    let closed = lanes.iter().map(|lane| lane.state().closed_through);
    let Some(Some(complete)) = closed.min() else {
        return Ok(());
    };
    for lane in lanes.iter_mut() {
        if Some(complete) > lane.state().expired_through {
            lane.expire(complete, soft).await?;
        }
    }
    Ok(())
}
