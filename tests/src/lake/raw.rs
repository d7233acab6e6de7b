//! The files of the raw copy that commits name.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lz4_flex::frame::FrameDecoder;
use serde_json::Value;

use super::files::File;
use super::lane::Range;
use super::{Lake, ensure};
use crate::ledger::{PayloadId, Sequence};

/// What the raw files of one commit hold, by Kinesis shard: payloads and their bytes.
pub type Found = BTreeMap<String, (u64, u64)>;

impl File<'_> {
    /// Reads a file of the raw copy into `lake`, adds what it holds to `found`, and checks each
    /// payload against the commit's ranges.
    pub fn read_raw(
        &self,
        source: &Path,
        ranges: &BTreeMap<String, Range>,
        window_length: i64,
        lake: &mut Lake,
        found: &mut Found,
    ) -> Result<(), String> {
        let bytes = std::fs::read(source.join(self.name)).map_err(|error| error.to_string())?;
        ensure!(
            self.bytes == Some(bytes.len() as u64),
            "it has {} bytes, its commit says {:?}",
            bytes.len(),
            self.bytes
        );
        let mut last: BTreeMap<String, (Sequence, u64)> = BTreeMap::new();
        let mut payloads = 0;
        for line in text(&bytes)?.lines() {
            payloads += 1;
            let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            let (payload, data) = payload(&line)?;
            let arrival = line["_arrival"].as_i64().ok_or("no `_arrival`")?;
            self.belongs(&payload, arrival, ranges, window_length)?;
            let place = (payload.1.clone(), payload.2);
            let before = last.insert(payload.0.clone(), place.clone());
            ensure!(
                before.as_ref() < Some(&place),
                "{payload:?} stands after {before:?}"
            );
            let found = found.entry(payload.0.clone()).or_default();
            found.0 += 1;
            found.1 += data.len() as u64;
            let event: Option<Value> = serde_json::from_slice(&data).ok();
            let event = event.and_then(|event| event["id"].as_i64());
            let twice = lake.raw.insert(payload.clone(), event).is_some();
            ensure!(!twice, "{payload:?} is there twice");
        }
        ensure!(
            self.rows == Some(payloads),
            "it has {payloads} payloads, its commit says {:?}",
            self.rows
        );
        Ok(())
    }
}

/// What is in LZ4 frames one after another.
fn text(mut bytes: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    while !bytes.is_empty() {
        let read = FrameDecoder::new(&mut bytes).read_to_string(&mut text);
        read.map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn payload(line: &Value) -> Result<(PayloadId, Vec<u8>), String> {
    let text = |name: &str| {
        let text = line[name].as_str();
        text.ok_or_else(|| format!("a line without `{name}`"))
    };
    let subsequence = line["_subsequence"].as_u64().ok_or("no `_subsequence`")?;
    text("_partition_key")?;
    let payload = (
        text("_shard")?.to_owned(),
        Sequence::new(text("_sequence")?),
        subsequence,
    );
    let data = match line.get("base64") {
        None => text("data")?.as_bytes().to_vec(),
        Some(_) => BASE64_STANDARD
            .decode(text("base64")?)
            .map_err(|error| error.to_string())?,
    };
    Ok((payload, data))
}
