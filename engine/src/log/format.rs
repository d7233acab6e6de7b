//! Format decisions (I10): how a source's payloads are decoded, decided once and stored.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::load::required;
use super::objects::{Objects, Put, to_json};
use super::{FORMAT_VERSION, LogError, names};
use crate::ports::{Host, Store};
use crate::types::TimestampMs;

/// `_formats/NUMBER.json`: one decision. A lane uses it from a commit on that names its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatRecord {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The number, as in the name, from 1.
    pub number: u64,
    /// What the payloads are, and how it came to be known.
    #[serde(flatten)]
    pub decision: FormatDecision,
    /// When it was decided, by the process's clock.
    pub time_ms: TimestampMs,
}

/// How payloads are decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatDecision {
    /// The content format: `json`.
    pub content: String,
    /// The compression of payloads: `none`.
    pub compression: String,
    /// Why, for people.
    pub reason: String,
}

/// The newest format decision; `wanted` becomes the first one if there is none yet. To be called
/// before the first commit.
///
/// # Errors
/// `log.newer_format`, and what reading and putting can bring.
pub async fn decide_format(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    wanted: FormatDecision,
) -> Result<FormatRecord, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    let newest = objects.highest(0, names::format).await?;
    if newest > 0 {
        return required(&objects, &names::format(newest)).await;
    }
    let record = FormatRecord {
        format_version: FORMAT_VERSION,
        number: 1,
        decision: wanted,
        time_ms: objects.now(),
    };
    match objects.put(&names::format(1), to_json(&record)).await? {
        Put::Done => Ok(record),
        // Somebody was faster, or an earlier try took effect: what is stored counts.
        Put::Exists => required(&objects, &names::format(1)).await,
    }
}
