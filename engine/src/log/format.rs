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
    /// The content format: `json`, `csv`, ...; under `auto` that of most contents.
    pub content: String,
    /// The compression of payloads: `auto`, `none`, `gzip`, ...
    pub compression: String,
    /// All options of decoding, as the decoder keeps them; `None` in decisions of the first
    /// versions, which had no more than the two words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<serde_json::Value>,
    /// Why, for people.
    pub reason: String,
}

/// The newest format decision; `None` before the first.
///
/// # Errors
/// `log.newer_format`, and what reading can bring.
pub async fn newest_format(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
) -> Result<Option<FormatRecord>, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    match objects.highest(0, names::format).await? {
        0 => Ok(None),
        newest => required(&objects, &names::format(newest)).await.map(Some),
    }
}

/// The format decision to go on with: the newest one where it will do, else `wanted` as the next
/// one. To be called once the lanes are claimed and before the first commit; a lane uses
/// it from the commit on that names its number.
///
/// # Errors
/// `log.newer_format`, and what reading and putting can bring.
pub async fn decide_format(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    wanted: FormatDecision,
    will_do: impl Fn(&FormatDecision) -> bool,
) -> Result<FormatRecord, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    let mut newest = objects.highest(0, names::format).await?;
    loop {
        if newest > 0 {
            let stored: FormatRecord = required(&objects, &names::format(newest)).await?;
            if will_do(&stored.decision) {
                return Ok(stored);
            }
        }
        newest += 1;
        let record = FormatRecord {
            format_version: FORMAT_VERSION,
            number: newest,
            decision: wanted.clone(),
            time_ms: objects.now(),
        };
        match objects
            .put(&names::format(newest), to_json(&record))
            .await?
        {
            Put::Done => return Ok(record),
            // Somebody was faster, or an earlier try took effect: what is stored counts.
            Put::Exists => {}
        }
    }
}
