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
    /// The content format: `json`, `csv`, ...
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

impl FormatDecision {
    /// Whether payloads are decoded the same by both, whatever the reasons.
    fn decodes_like(&self, other: &Self) -> bool {
        self.content == other.content
            && self.compression == other.compression
            && self.options == other.options
    }
}

/// The format decision to go on with: the newest one where it decodes like `wanted`, else `wanted`
/// as the next one. To be called once the lanes are claimed and before the first commit; a lane uses
/// it from the commit on that names its number.
///
/// # Errors
/// `log.newer_format`, and what reading and putting can bring.
pub async fn decide_format(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    wanted: FormatDecision,
) -> Result<FormatRecord, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    let mut newest = objects.highest(0, names::format).await?;
    loop {
        if newest > 0 {
            let stored: FormatRecord = required(&objects, &names::format(newest)).await?;
            if stored.decision.decodes_like(&wanted) {
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
