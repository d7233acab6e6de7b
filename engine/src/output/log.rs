//! The log of an output: entries 1, 2, 3, ..., put if their name is free.
//!
//! Each entry holds the whole state after it, so the newest is all that a start reads. Retention
//! deletes commits whose windows are expired, and never a claim: so the next number of a process
//! that lost the output is always taken by the claim that took it. Whoever has put a claim looks
//! whether anything stands behind it: then the claim has filled the place of a deleted entry and
//! counts for nothing.

use std::sync::Arc;

use bytes::Bytes;

use super::names;
use super::record::{Body, Definition, EndedClaim, Entry, OutputRecord, State};
use super::{OutputError, OutputPlan};
use crate::log::{FORMAT_VERSION, Identity, LogError, Objects, Put, SourceRecord, to_json};
use crate::types::{Generation, TimestampMs, Window};

/// How old the last successful put of an entry may be before a file is put, in milliseconds: who
/// has been paused looks first whether the output is still its own.
const LOOK_AFTER_MS: i64 = 60_000;

/// A claimed output.
pub(super) struct OutputLog {
    objects: Objects,
    identity: Identity,
    generation: Generation,
    record: Arc<OutputRecord>,
    /// The number of the last entry.
    head: u64,
    claim: u64,
    state: State,
    last_put: TimestampMs,
}

/// Reads `_output.json`.
pub(super) async fn read_record(objects: &Objects) -> Result<Option<OutputRecord>, LogError> {
    objects.get(names::OUTPUT).await
}

/// Puts `_output.json`, or takes the one that is there.
pub(super) async fn put_record(
    objects: &Objects,
    plan: &OutputPlan,
    source: &SourceRecord,
    start: Option<Window>,
    version: &str,
) -> Result<OutputRecord, LogError> {
    let record = OutputRecord {
        format_version: FORMAT_VERSION,
        name: plan.name.clone(),
        source: source.name.clone(),
        source_id: source.id.clone(),
        window_length_ms: source.window_length_ms,
        format: plan.format.word().to_owned(),
        start,
        time_ms: objects.now(),
        version: version.to_owned(),
    };
    match objects.put(names::OUTPUT, to_json(&record)).await? {
        Put::Done => Ok(record),
        Put::Exists => {
            let there = read_record(objects).await?;
            there.ok_or_else(|| LogError::Missing {
                name: names::OUTPUT.to_owned(),
            })
        }
    }
}

/// Whether the stored output is the one that is asked for.
pub(super) fn check_record(
    record: &OutputRecord,
    plan: &OutputPlan,
    source: &SourceRecord,
) -> Result<(), OutputError> {
    let of = |name: &str, id: &str| format!("{name} ({id})");
    for (option, stored, wanted) in [
        ("name", record.name.clone(), plan.name.clone()),
        (
            "source",
            of(&record.source, &record.source_id),
            of(&source.name, &source.id),
        ),
        (
            "format",
            record.format.clone(),
            plan.format.word().to_owned(),
        ),
    ] {
        if stored != wanted {
            return Err(OutputError::Mismatch {
                option,
                stored,
                wanted,
            });
        }
    }
    Ok(())
}

/// The number of the newest entry; 0 for none. Retention leaves holes, so what is asked is whether
/// anything stands behind a number: about twice the logarithm of the newest, however long the
/// history is.
pub(super) async fn newest(objects: &Objects) -> Result<u64, LogError> {
    let mut known = 0;
    let mut step = 1;
    let mut none_behind = loop {
        match first_behind(objects, known + step - 1).await? {
            Some(found) => {
                known = found;
                step *= 2;
            }
            None => break known + step - 1,
        }
    };
    while none_behind > known {
        let middle = known + (none_behind - known) / 2;
        match first_behind(objects, middle).await? {
            Some(found) => known = found,
            None => none_behind = middle,
        }
    }
    Ok(known)
}

/// The first entry behind a number.
pub(super) async fn first_behind(objects: &Objects, number: u64) -> Result<Option<u64>, LogError> {
    let mut after = names::entry(number);
    loop {
        let page = objects.list_few(names::LOG, Some(&after), 1).await?;
        let Some(object) = page.objects.first() else {
            return Ok(None);
        };
        match crate::log::names::number(&object.name) {
            Some(number) => return Ok(Some(number)),
            None => after.clone_from(&object.name),
        }
    }
}

impl OutputLog {
    /// Claims an output whose log may be empty; `first` is then the state that it begins with.
    ///
    /// # Errors
    /// `output.fenced` if a process of a higher generation has it.
    pub(super) async fn claim(
        objects: &Objects,
        identity: &Identity,
        generation: Generation,
        record: Arc<OutputRecord>,
        definition: &Definition,
        first: State,
    ) -> Result<Self, OutputError> {
        loop {
            let head = newest(objects).await?;
            let before: Option<Entry> = match head {
                0 => None,
                head => match objects.get(&names::entry(head)).await? {
                    Some(entry) => Some(entry),
                    // Retention has deleted it since, so there is a newer one.
                    None => continue,
                },
            };
            if let Some(before) = &before
                && before.generation > generation
            {
                return Err(OutputError::Fenced {
                    process: before.process.clone(),
                    entry: head,
                });
            }
            let now = objects.now();
            let state = match before {
                None => first.clone(),
                Some(before) => after_claim(before, head, record.start, now),
            };
            let mut log = Self {
                objects: objects.running(),
                identity: identity.clone(),
                generation,
                record: Arc::clone(&record),
                head: head + 1,
                claim: head + 1,
                state: state.clone(),
                last_put: now,
            };
            let body = Body::Claim {
                definition: definition.clone(),
            };
            let body = to_json(&log.entry(body, state));
            let name = names::entry(log.head);
            let ours = match objects.put(&name, body.clone()).await? {
                Put::Done => true,
                Put::Exists => objects.get_bytes(&name).await? == Some(body),
            };
            if ours && first_behind(objects, log.head).await?.is_none() {
                log.last_put = now;
                return Ok(log);
            }
        }
    }

    /// What claims it again under the same generation.
    pub(super) async fn reclaim(&self, definition: &Definition) -> Result<Self, OutputError> {
        Self::claim(
            &self.objects,
            &self.identity,
            self.generation,
            Arc::clone(&self.record),
            definition,
            self.state.clone(),
        )
        .await
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(super) fn record(&self) -> &Arc<OutputRecord> {
        &self.record
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    pub(super) fn claim_number(&self) -> u64 {
        self.claim
    }

    /// The number of the last entry.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// When the last entry was put.
    pub(super) fn last_put(&self) -> TimestampMs {
        self.last_put
    }

    /// To be asked right before a file is put.
    ///
    /// # Errors
    /// `output.lost` if the claim is over: the file must not be put.
    pub(super) async fn guard(&self) -> Result<(), OutputError> {
        let mut looked = self.last_put;
        // A clock that was set back counts as old.
        while !(0..LOOK_AFTER_MS).contains(&(self.objects.now() - looked)) {
            looked = self.objects.now();
            if self.objects.exists(&names::entry(self.head + 1)).await? {
                return Err(self.lost());
            }
        }
        Ok(())
    }

    /// Puts the next entry; `state` holds after it.
    ///
    /// # Errors
    /// `output.lost` if another entry stands there.
    pub(super) async fn append(&mut self, body: Body, state: State) -> Result<(), OutputError> {
        let entry = self.entry(body, state.clone());
        let body: Bytes = to_json(&entry);
        let name = names::entry(self.head + 1);
        if self.objects.put(&name, body.clone()).await? == Put::Exists
            && self.objects.get_bytes(&name).await? != Some(body)
        {
            return Err(self.lost());
        }
        self.head += 1;
        self.state = state;
        // The answer may have come after a long pause: what counts is when it was asked.
        self.last_put = entry.time_ms;
        Ok(())
    }

    fn entry(&self, body: Body, state: State) -> Entry {
        Entry {
            format_version: FORMAT_VERSION,
            process: self.identity.process.clone(),
            generation: self.generation,
            claim: self.claim,
            time_ms: self.objects.now(),
            body,
            state,
        }
    }

    /// That this claim is over.
    pub(super) fn lost(&self) -> OutputError {
        OutputError::Lost {
            entry: self.head + 1,
        }
    }
}

/// The state after a claim: the claim before it is over.
fn after_claim(before: Entry, head: u64, start: Option<Window>, now: TimestampMs) -> State {
    let mut state = before.state;
    state.ended_claims.push(EndedClaim {
        claim: before.claim,
        through: head,
        from: state.needed(start),
        ended_ms: now,
    });
    state
}
