//! A process's start on a source: steps 1 to 4 of the protocol, after which every lane is its own.

use std::future::Future;
use std::sync::Arc;

use super::lane::{Claimed, Ground};
use super::load::{read_lanes, required};
use super::objects::{Objects, Put, to_json};
use super::{
    Cleaned, FORMAT_VERSION, GenerationRecord, LaneFold, LaneLog, LaneState, LanesRecord, LogError,
    SourceRecord, deletion, lanes, names,
};
use crate::ports::{Host, Store};
use crate::types::{Epoch, Generation, ProcessId, TimestampMs, WindowLength};

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// A random id that no other start of any process has.
    pub process: ProcessId,
    /// The host's name, for the message that a fenced process prints.
    pub host: String,
    /// The software's version.
    pub version: String,
}

/// What a source is made with; stored by its first start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceOptions {
    /// The name of the source.
    pub name: String,
    /// The stream's name or ARN.
    pub stream: String,
    /// The length of windows.
    pub window_length: WindowLength,
    /// The resolved start, used only if the source is new: `None` reads from TRIM_HORIZON.
    pub start: Option<TimestampMs>,
    /// The software's version.
    pub version: String,
}

/// Reads `_source.json`; `None` if the target holds no source yet. Whoever resolves "now" asks here
/// first.
pub async fn read_source(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
) -> Result<Option<SourceRecord>, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    objects.get(names::SOURCE).await
}

/// Reads `_source.json` or puts it, and compares it with `options`: the stream, the name and the
/// window length never change. The start is the stored one.
///
/// # Errors
/// `log.source_mismatch`, and what reading can bring.
pub async fn open_source(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    options: SourceOptions,
) -> Result<SourceRecord, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    deletion::refuse(&objects).await?;
    let record = match objects.get::<SourceRecord>(names::SOURCE).await? {
        Some(record) => record,
        None => {
            let record = SourceRecord {
                format_version: FORMAT_VERSION,
                id: format!("{:016x}{:016x}", objects.random(), objects.random()),
                name: options.name.clone(),
                stream: options.stream.clone(),
                window_length_ms: options.window_length,
                start_ms: options.start,
                time_ms: objects.now(),
                version: options.version,
            };
            match objects.put(names::SOURCE, to_json(&record)).await? {
                Put::Done => record,
                Put::Exists => required(&objects, names::SOURCE).await?,
            }
        }
    };
    let window_length = options.window_length.millis().to_string();
    let stored_length = record.window_length_ms.millis().to_string();
    for (option, stored, wanted) in [
        ("name", &record.name, &options.name),
        ("stream", &record.stream, &options.stream),
        ("window length (ms)", &stored_length, &window_length),
    ] {
        if stored != wanted {
            return Err(LogError::SourceMismatch {
                option,
                stored: stored.clone(),
                wanted: wanted.clone(),
            });
        }
    }
    Ok(record)
}

/// Takes the next free generation (step 1). The newest generation wins every lane.
pub async fn take_generation(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    identity: &Identity,
) -> Result<Generation, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    let name = |number| names::generation(Generation(number));
    let mut number = objects.highest(0, name).await? + 1;
    loop {
        let record = GenerationRecord {
            format_version: FORMAT_VERSION,
            generation: Generation(number),
            process: identity.process.clone(),
            host: identity.host.clone(),
            version: identity.version.clone(),
            time_ms: objects.now(),
        };
        let body = to_json(&record);
        match objects.put(&name(number), body.clone()).await? {
            Put::Done => return Ok(record.generation),
            // An earlier try of this put may have taken effect.
            Put::Exists if objects.get_bytes(&name(number)).await? == Some(body) => {
                return Ok(record.generation);
            }
            Put::Exists => number += 1,
        }
    }
}

/// Claims every lane of the newest epoch (steps 2 to 4): puts the first epoch with the lanes that
/// `first` gives if there is none, finishes a change of lanes that somebody began, and changes the
/// number of lanes to `lanes`. No lane may read before this has returned.
///
/// # Errors
/// `log.fenced` if a process with a higher generation has claimed a lane; what `first` fails with;
/// what reading can bring.
pub async fn claim_lanes<F, Fut, E>(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    identity: &Identity,
    generation: Generation,
    lanes: usize,
    first: F,
) -> Result<Vec<LaneLog>, E>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<Vec<LaneState>, E>>,
    E: From<LogError>,
{
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    if lanes == 0 {
        return Err(LogError::Lanes {
            wanted: 0,
            found: 0,
        }
        .into());
    }
    let source: SourceRecord = required(&objects, names::SOURCE).await?;
    let ground = Ground {
        objects,
        identity: identity.clone(),
        generation,
        window_length: source.window_length_ms,
    };
    let mut newest = newest_epoch(&ground.objects, 0).await?;
    if newest.is_none() {
        let states = first().await?;
        if states.len() != lanes {
            let found = states.len();
            return Err(LogError::Lanes {
                wanted: lanes,
                found,
            }
            .into());
        }
        newest = Some(put_epoch(&ground, Epoch(1), states, None).await?);
    }
    let record = newest.ok_or_else(|| LogError::Missing {
        name: names::lanes(Epoch(1)),
    })?;
    let claimed = claim_from(&ground, record, lanes).await?;
    // Only now: whoever deletes the source puts that first and claims the lanes after it.
    deletion::refuse(&ground.objects).await?;
    Ok(claimed)
}

/// Claims every lane from the epoch `record` on, for a command.
pub(super) async fn claim_all(
    objects: &Objects,
    identity: &Identity,
    generation: Generation,
    lanes: usize,
    record: LanesRecord,
) -> Result<Vec<LaneLog>, LogError> {
    let source: SourceRecord = required(objects, names::SOURCE).await?;
    let ground = Ground {
        objects: objects.clone(),
        identity: identity.clone(),
        generation,
        window_length: source.window_length_ms,
    };
    claim_from(&ground, record, lanes).await
}

async fn claim_from(
    ground: &Ground,
    mut record: LanesRecord,
    lanes: usize,
) -> Result<Vec<LaneLog>, LogError> {
    loop {
        match claim_epoch(ground, Arc::new(record), lanes).await? {
            Step::Claimed(lanes) => return Ok(lanes),
            Step::Next(next) => record = next,
        }
    }
}

enum Step {
    /// All lanes are ours.
    Claimed(Vec<LaneLog>),
    /// The lanes have changed: this is a newer epoch.
    Next(LanesRecord),
}

/// Steps 3 and 4 for one epoch.
async fn claim_epoch(
    ground: &Ground,
    record: Arc<LanesRecord>,
    lanes: usize,
) -> Result<Step, LogError> {
    let mut claimed = Vec::new();
    for lane in record.lane_ids() {
        claimed.push(LaneLog::claim_lane(ground, &record, lane).await?);
    }
    let any_sealed = claimed
        .iter()
        .any(|lane| matches!(lane, Claimed::Sealed(_)));
    if !any_sealed && claimed.len() == lanes {
        let ours = claimed.into_iter().filter_map(Claimed::ours);
        return Ok(Step::Claimed(ours.collect()));
    }
    let mut sealed = Vec::new();
    for lane in claimed {
        sealed.push(match lane {
            Claimed::Sealed(fold) => *fold,
            Claimed::Ours(lane) => lane.seal().await?,
        });
    }
    let next = next_epoch(ground, &record, &sealed, lanes).await?;
    Ok(Step::Next(next))
}

async fn next_epoch(
    ground: &Ground,
    record: &LanesRecord,
    sealed: &[LaneFold],
    lanes: usize,
) -> Result<LanesRecord, LogError> {
    // After a seal nobody but retention writes to the epoch, so whoever comes here makes the next
    // one from the same states; only the number of lanes may differ, and one of them wins.
    let cleaned = sealed.iter().map(|fold| fold.folded.state.cleaned);
    let cleaned = cleaned.fold(Cleaned::default(), Cleaned::max);
    let states: Vec<LaneState> = sealed
        .iter()
        .map(|fold| fold.folded.state.clone())
        .collect();
    let next = Epoch(record.epoch.0 + 1);
    let cleaned = cleaned.epoch.max(record.cleaned_through_epoch);
    put_epoch(ground, next, lanes::next_lanes(&states, lanes), cleaned).await
}

/// Puts an epoch; if it exists already, that one or a newer one counts.
async fn put_epoch(
    ground: &Ground,
    epoch: Epoch,
    lanes: Vec<LaneState>,
    cleaned_through_epoch: Option<Epoch>,
) -> Result<LanesRecord, LogError> {
    let objects = &ground.objects;
    let record = LanesRecord {
        format_version: FORMAT_VERSION,
        epoch,
        process: ground.identity.process.clone(),
        generation: ground.generation,
        time_ms: objects.now(),
        lanes,
        cleaned_through_epoch,
    };
    match objects.put(&names::lanes(epoch), to_json(&record)).await? {
        Put::Done => Ok(record),
        Put::Exists => newest_epoch(objects, epoch.0)
            .await?
            .ok_or_else(|| LogError::Missing {
                name: names::lanes(epoch),
            }),
    }
}

/// The newest epoch's record; `None` before the first. `at_least` is known to exist.
pub(super) async fn newest_epoch(
    objects: &Objects,
    at_least: u64,
) -> Result<Option<LanesRecord>, LogError> {
    let name = |number| names::lanes(Epoch(number));
    match objects.highest(at_least, name).await? {
        0 => Ok(None),
        number => read_lanes(objects, Epoch(number)).await.map(Some),
    }
}
