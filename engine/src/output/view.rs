//! An output at one moment, for those who only look.

use std::sync::Arc;

use super::log::{newest, read_record};
use super::names;
use super::record::{Body, Entry, OutputRecord, State};
use crate::log::{LogError, Objects};
use crate::ports::{Host, Store};
use crate::types::{Generation, ProcessId, TimestampMs, Window};

/// Where an output stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputStatus {
    /// The number of its newest entry.
    pub entry: u64,
    /// The first window that it takes; `None` takes all.
    pub start: Option<Window>,
    /// Everything of the source's windows up to this one is in it.
    pub complete_through: Option<Window>,
    /// Windows up to this one are expired in it.
    pub expired_through: Option<Window>,
}

impl OutputStatus {
    pub(super) fn of(record: &OutputRecord, entry: u64, state: &State) -> Self {
        Self {
            entry,
            start: record.start,
            complete_through: state.complete_through(),
            expired_through: state.expired_through,
        }
    }
}

/// An output as its newest entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputView {
    /// Its name.
    pub name: String,
    /// The id of its source.
    pub source_id: String,
    /// The word of its format.
    pub format: String,
    /// Where it stands.
    pub status: OutputStatus,
    /// Who put the newest entry, and when.
    pub process: ProcessId,
    /// The generation of that process on the source.
    pub generation: Generation,
    /// When.
    pub time_ms: TimestampMs,
    /// Files and rows of that entry, if it is a commit.
    pub last_commit: Option<(u64, u64)>,
}

/// Reads an output; `None` if the target holds none, or none that was ever claimed. Costs a few
/// objects, however long the history is.
///
/// # Errors
/// What reading can bring.
pub async fn read_output(
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
) -> Result<Option<OutputView>, LogError> {
    let objects = Objects::starting(store, host);
    let Some(record) = read_record(&objects).await? else {
        return Ok(None);
    };
    loop {
        let head = newest(&objects).await?;
        if head == 0 {
            return Ok(None);
        }
        let Some(entry) = objects.get::<Entry>(&names::entry(head)).await? else {
            continue;
        };
        let last_commit = match &entry.body {
            Body::Commit { files, .. } => {
                let rows = files.iter().map(|file| file.rows).sum();
                Some((files.len() as u64, rows))
            }
            Body::Claim { .. } | Body::Expire { .. } => None,
        };
        return Ok(Some(OutputView {
            status: OutputStatus::of(&record, head, &entry.state),
            name: record.name,
            source_id: record.source_id,
            format: record.format,
            process: entry.process,
            generation: entry.generation,
            time_ms: entry.time_ms,
            last_commit,
        }));
    }
}
