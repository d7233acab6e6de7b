//! `_preview.json`: the sample that a source was decided by, for people, until its first commit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::objects::{Objects, Put, to_json};
use super::{FORMAT_VERSION, LogError, names};
use crate::ports::{Host, Store};
use crate::types::TimestampMs;

/// What a new source was seen to hold. No part of what is committed, and nothing depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreviewRecord {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// When it was taken, by the process's clock.
    pub time_ms: TimestampMs,
    /// The sample's report.
    pub preview: serde_json::Value,
}

/// Puts the preview of a new source unless there is one.
///
/// # Errors
/// What putting can bring.
pub async fn put_preview(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    preview: serde_json::Value,
) -> Result<(), LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    let record = PreviewRecord {
        format_version: FORMAT_VERSION,
        time_ms: objects.now(),
        preview,
    };
    match objects.put(names::PREVIEW, to_json(&record)).await? {
        Put::Done | Put::Exists => Ok(()),
    }
}

/// Reads the preview of a source; `None` if there is none.
///
/// # Errors
/// What reading can bring.
pub async fn read_preview(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
) -> Result<Option<PreviewRecord>, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    objects.get(names::PREVIEW).await
}
