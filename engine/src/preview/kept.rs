//! The preview that a source is shown by until its first commit.

use std::sync::Arc;

use super::Preview;
use crate::log::{LaneState, LogError, read_preview};
use crate::ports::{Host, Store};

/// The stored preview of a source whose lanes are these; `None` once something is committed, and
/// where there is none.
///
/// # Errors
/// What reading can bring.
pub async fn kept(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    mut lanes: impl Iterator<Item = &LaneState>,
) -> Result<Option<Preview>, LogError> {
    // There is no format in force before the first commit.
    if lanes.any(|lane| lane.format > 0) {
        return Ok(None);
    }
    let record = read_preview(store, host).await?;
    // One that another version wrote otherwise is not shown.
    Ok(record.and_then(|record| serde_json::from_value(record.preview).ok()))
}
