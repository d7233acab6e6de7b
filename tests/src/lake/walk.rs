//! The walk through epochs and the logs of their lanes.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::lane::Lane;
use super::{Lake, ensure};

/// The newest version of the objects that this reading knows.
const FORMAT_VERSION: u64 = 2;

/// Reads every epoch in order, and each lane's log from its first entry on.
pub fn walk(source: &Path) -> Result<Lake, String> {
    let about = json(source, "_source.json")?.ok_or("there is no _source.json")?;
    let window_length = about["window_length_ms"].as_i64();
    let window_length = window_length.ok_or("_source.json has no window length")?;

    let mut lake = Lake::default();
    let mut before: Option<Vec<Lane>> = None;
    while let Some(record) = json(source, &epoch_name(lake.epoch + 1))? {
        lake.epoch += 1;
        let mut lanes = Vec::new();
        for state in array(&record, "lanes")? {
            lanes.push(Lane::begin(state)?);
        }
        ensure!(!lanes.is_empty(), "epoch {} has no lane", lake.epoch);
        begins_where_the_last_one_ended(before.as_deref(), &lanes)
            .map_err(|finding| format!("epoch {}: {finding}", lake.epoch))?;
        if before.is_none() {
            let first = lanes.iter().flat_map(|lane| lane.shards.keys().cloned());
            lake.known.extend(first);
        }
        for (number, lane) in lanes.iter_mut().enumerate() {
            read_log(source, number, lane, window_length, &mut lake)
                .map_err(|finding| format!("epoch {}, lane {number}: {finding}", lake.epoch))?;
        }
        before = Some(lanes);
    }
    let newest = before.ok_or("there is no epoch")?;
    let mut complete = Some(i64::MAX);
    for lane in &newest {
        complete = complete.min(lane.closed_through);
        for (shard, state) in &lane.shards {
            lake.shards.insert(shard.clone(), state.ended);
        }
    }
    lake.complete = complete;
    lake.lanes = newest.len();
    Ok(lake)
}

/// Each Kinesis shard is in one lane only, and begins an epoch as it ended the one before.
fn begins_where_the_last_one_ended(before: Option<&[Lane]>, now: &[Lane]) -> Result<(), String> {
    let mut known = BTreeMap::new();
    for (shard, state) in now.iter().flat_map(|lane| &lane.shards) {
        let twice = known.insert(shard, state).is_some();
        ensure!(!twice, "{shard} is in two lanes");
    }
    let Some(before) = before else { return Ok(()) };
    for (number, lane) in before.iter().enumerate() {
        ensure!(lane.sealed, "lane {number} of the epoch before has no seal");
        for (shard, ended) in &lane.shards {
            let begun = known.remove(shard);
            ensure!(
                begun == Some(ended),
                "{shard} ended the epoch before as {ended:?} and begins as {begun:?}"
            );
        }
    }
    let from_nowhere: Vec<_> = known.keys().collect();
    ensure!(
        from_nowhere.is_empty(),
        "{from_nowhere:?} come from nowhere"
    );
    Ok(())
}

fn read_log(
    source: &Path,
    number: usize,
    lane: &mut Lane,
    window_length: i64,
    lake: &mut Lake,
) -> Result<(), String> {
    for entry in 1.. {
        let name = format!("_commits/{:020}/{number:020}/{entry:020}.json", lake.epoch);
        let Some(entry) = json(source, &name)? else {
            return no_entry_beyond(source, &name);
        };
        lane.entry(source, &entry, window_length, lake)
            .map_err(|finding| format!("{name}: {finding}"))?;
    }
    Ok(())
}

/// A log has no holes: nothing in its folder has a greater name than the first that is missing.
fn no_entry_beyond(source: &Path, missing: &str) -> Result<(), String> {
    let missing = source.join(missing);
    let folder = missing.parent().ok_or("an entry is in a folder")?;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        // An entry may have been put since.
        let beyond = path.extension().is_some_and(|end| end == "json") && path > missing;
        ensure!(
            !beyond || missing.exists(),
            "{} is there, {} is not",
            path.display(),
            missing.display()
        );
    }
    Ok(())
}

/// `_lanes/EPOCH.json`.
pub(super) fn epoch_name(epoch: u64) -> String {
    format!("_lanes/{epoch:020}.json")
}

/// An object of the state; `None` where there is none.
fn json(source: &Path, name: &str) -> Result<Option<Value>, String> {
    let bytes = match std::fs::read(source.join(name)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{name}: {error}")),
    };
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("{name}: {error}"))?;
    let version = value["format_version"].as_u64();
    ensure!(
        version == Some(FORMAT_VERSION),
        "{name}: its format_version is {version:?}"
    );
    Ok(Some(value))
}

pub(super) fn array<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, String> {
    value[name]
        .as_array()
        .ok_or_else(|| format!("`{name}` is no list"))
}
