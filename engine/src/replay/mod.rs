//! A raw copy as a stream again: the Kinesis shards that a source read, with the records that its
//! commits cover, in their order and with their identity.
//!
//! [`RawStream`] reads the source's log once, to know which commit covers which stretch of which
//! Kinesis shard (`index`); records then come from the raw files that the commits name
//! (`files`). It is a stream that ends: what is committed later is there the next time it is opened,
//! and reading goes on where it ended before.

mod files;
mod index;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use self::files::Files;
use self::index::{Index, Shard, Stretch};
use crate::log::{self, LogError, names};
use crate::ports::{
    Delivery, Extent, Host, IteratorFrom, Records, ShardFilter, ShardInfo, ShardList, Store,
    Stream, StreamError, StreamRecord,
};
use crate::raw_copy::RawRecord;
use crate::source::{LAG_MARGIN_MS, kpl};
use crate::types::{KinesisShardId, Payload, SequenceNumber, TimestampMs, WindowLength};

/// Bytes of payload after which an answer is full.
const ANSWER_BYTES: usize = 8 << 20;

/// What a source's log and raw copy hold, as the stream that it once read.
pub struct RawStream {
    host: Arc<dyn Host>,
    files: Files,
    index: Index,
    window_length: WindowLength,
    /// Bytes of payload before the position that was asked for last, by Kinesis shard.
    read: Mutex<BTreeMap<KinesisShardId, u64>>,
}

/// Where a reading is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Begin,
    After(SequenceNumber),
    At(TimestampMs),
}

impl RawStream {
    /// Reads the log of the source that `store` holds.
    ///
    /// # Errors
    /// `log.missing` where there is none; what reading a log can bring.
    pub async fn open(store: Arc<dyn Store>, host: Arc<dyn Host>) -> Result<Self, LogError> {
        let missing = || LogError::Missing {
            name: names::SOURCE.to_owned(),
        };
        let source = log::read_source(&store, &host).await?.ok_or_else(missing)?;
        let index = Index::read(&store, &host).await?;
        Ok(Self {
            host,
            files: Files::new(store),
            index,
            window_length: source.window_length_ms,
            read: Mutex::default(),
        })
    }

    fn shard(&self, id: &KinesisShardId) -> Result<&Shard, StreamError> {
        let unknown = || StreamError::NotFound(format!("the raw copy has no Kinesis shard {id}"));
        self.index.shards.get(id).ok_or_else(unknown)
    }

    /// The first stretch of a Kinesis shard that may hold what comes next.
    fn first(&self, shard: &Shard, place: &Place) -> usize {
        match place {
            Place::Begin => 0,
            Place::After(sequence) => shard
                .stretches
                .partition_point(|stretch| stretch.to <= *sequence),
            // Nothing in a window arrived after its end.
            Place::At(time) => shard.stretches.partition_point(|stretch| {
                let window = self.index.commits[stretch.commit].window;
                window.is_some_and(|window| self.window_length.start_of(window.next()) <= *time)
            }),
        }
    }

    async fn records(&self, iterator: &str, limit: usize) -> Result<Records, StreamError> {
        let (id, mut place) = parse(iterator)?;
        let shard = self.shard(&id)?;
        let first = self.first(shard, &place);
        self.note(&id, shard, first);
        for number in first..shard.stretches.len() {
            let stretch = &shard.stretches[number];
            self.must_join(&id, shard, number, &place)?;
            if stretch.payloads > 0 {
                let records = self.of_stretch(&id, stretch, &place, limit).await?;
                if let Some(last) = records.last() {
                    let next = iterator_of(&id, &Place::After(last.sequence.clone()));
                    return Ok(self.answer(records, Some(next), None));
                }
            }
            // A time stays one: what arrived before it is not wanted.
            if !matches!(place, Place::At(_)) {
                place = Place::After(stretch.to.clone());
            }
        }
        self.note(&id, shard, shard.stretches.len());
        if shard.ended {
            return Ok(self.answer(Vec::new(), None, None));
        }
        // There may be more the next time.
        Ok(self.answer(Vec::new(), Some(iterator_of(&id, &place)), Some(0)))
    }

    fn answer(
        &self,
        records: Vec<StreamRecord>,
        next_iterator: Option<String>,
        millis_behind: Option<i64>,
    ) -> Records {
        Records {
            records,
            next_iterator,
            millis_behind,
            children: Vec::new(),
            server_time: self.server_time(),
        }
    }

    /// A time at which everything has arrived that is there.
    fn server_time(&self) -> TimestampMs {
        let end = self.index.ends_at(self.window_length);
        let passed = end.map_or(i64::MIN, |end| end.saturating_add(LAG_MARGIN_MS));
        self.host.now().max(passed)
    }

    /// A stretch has to begin where the one before it ended: else commits are gone that lay between.
    fn must_join(
        &self,
        id: &KinesisShardId,
        shard: &Shard,
        number: usize,
        place: &Place,
    ) -> Result<(), StreamError> {
        let stretch = &shard.stretches[number];
        let before = number
            .checked_sub(1)
            .map(|before| &shard.stretches[before].to);
        let from = stretch.from.sequence();
        let joins = match place {
            Place::After(after) => from == before || from.is_none_or(|from| from <= after),
            Place::Begin | Place::At(_) => from == before,
        };
        if joins || (matches!(place, Place::At(_)) && number == self.first(shard, place)) {
            return Ok(());
        }
        let commit = &self.index.commits[stretch.commit].entry;
        Err(gap(format!(
            "Kinesis shard {id}: the commits before `{commit}` are gone, with what lay before {}; \
             retention has deleted them. To replay what is left, let the reading begin later \
             (`files.read_from`)",
            stretch.from
        )))
    }

    /// The records of a stretch after a place, up to a limit.
    async fn of_stretch(
        &self,
        id: &KinesisShardId,
        stretch: &Stretch,
        place: &Place,
        limit: usize,
    ) -> Result<Vec<StreamRecord>, StreamError> {
        let commit = &self.index.commits[stretch.commit];
        if commit.window.is_some() && commit.window <= self.index.expired_through {
            return Err(gap(format!(
                "commit `{}`: its windows have expired, and its raw copy is gone or going. To replay \
                 what is left, let the reading begin later (`files.read_from`)",
                commit.entry
            )));
        }
        if commit.raw.is_empty() {
            return Err(gap(format!(
                "commit `{}` covers {} payloads of Kinesis shard {id} and has no raw copy: \
                 `store_raw_data` was off then. Let the reading begin after it (`files.read_from`)",
                commit.entry, stretch.payloads
            )));
        }
        let wanted = |payload: &Payload| match place {
            Place::Begin | Place::At(_) => payload.sequence <= stretch.to,
            Place::After(after) => payload.sequence > *after && payload.sequence <= stretch.to,
        };
        let after = match place {
            Place::After(after) => Some(after),
            Place::Begin | Place::At(_) => None,
        };
        let mut payloads: Vec<Payload> = Vec::new();
        let (mut bytes, mut records) = (0, 0);
        for file in &commit.raw {
            let mut frames = self.files.frames(file, id, after).await?;
            while let Some(frame) = frames.next().await? {
                for record in frame {
                    let RawRecord { shard, payload } = record;
                    if shard != *id || !wanted(&payload) {
                        continue;
                    }
                    let new = payloads
                        .last()
                        .is_none_or(|last| last.sequence != payload.sequence);
                    if new && (bytes >= ANSWER_BYTES || records >= limit) {
                        return joined(payloads, place);
                    }
                    records += usize::from(new);
                    bytes += payload.data.len();
                    payloads.push(payload);
                }
            }
        }
        joined(payloads, place)
    }

    fn note(&self, id: &KinesisShardId, shard: &Shard, stretch: usize) {
        let before = stretch
            .checked_sub(1)
            .map(|before| &shard.stretches[before]);
        let read = before.map_or(0, |before| before.bytes_through);
        let mut all = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id.clone(), read);
    }
}

impl Stream for RawStream {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        let open_at = |shard: &Shard| match filter {
            ShardFilter::All => true,
            ShardFilter::AtTimestamp(time) => {
                let place = self.first(shard, &Place::At(time));
                place < shard.stretches.len() || !shard.ended
            }
        };
        let shards = self.index.shards.iter().zip(0_u128..);
        let shards = shards.filter(|((_, shard), _)| open_at(shard));
        let shards = shards.map(|((id, shard), number)| ShardInfo {
            id: id.clone(),
            parents: shard.parents.clone(),
            closed: shard.ended,
            hash_keys: (number, number),
        });
        let list = ShardList {
            shards: shards.collect(),
            server_time: self.server_time(),
        };
        Box::pin(std::future::ready(Ok(list)))
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        let place = match from {
            IteratorFrom::After(sequence) => Place::After(sequence),
            IteratorFrom::AtTimestamp(time) => Place::At(time),
            IteratorFrom::TrimHorizon => Place::Begin,
        };
        let iterator = self.shard(shard).map(|_| iterator_of(shard, &place));
        Box::pin(std::future::ready(iterator))
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        Box::pin(self.records(iterator, limit as usize))
    }

    fn delivery(&self) -> Delivery {
        Delivery::Stored
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn ends_at(&self) -> Option<TimestampMs> {
        self.index.ends_at(self.window_length)
    }

    fn extent(&self) -> Option<Extent> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Extent {
            read: read.values().sum(),
            total: self.index.shards.values().map(Shard::bytes).sum(),
        })
    }
}

/// Records of payloads, those of one record together. After a time, from the first that arrived then
/// or later.
fn joined(payloads: Vec<Payload>, place: &Place) -> Result<Vec<StreamRecord>, StreamError> {
    let records = payloads.chunk_by(|a, b| a.sequence == b.sequence);
    let early = |record: &&[Payload]| match place {
        Place::At(time) => record.iter().all(|payload| payload.arrival < *time),
        Place::Begin | Place::After(_) => false,
    };
    records.skip_while(early).map(record_of).collect()
}

/// The record that these payloads were in, as it can be taken apart again.
fn record_of(payloads: &[Payload]) -> Result<StreamRecord, StreamError> {
    let numbered = payloads.iter().zip(0..);
    if numbered
        .clone()
        .any(|(payload, place)| payload.subsequence != place)
    {
        let sequence = &payloads[0].sequence;
        let detail = format!("a user record of {sequence} is missing in the raw copy");
        return Err(StreamError::Unusable {
            code: "files.damaged",
            detail,
        });
    }
    let first = &payloads[0];
    let data = match payloads {
        [only] if !kpl::may_be_aggregate(&only.data) => only.data.clone(),
        several => kpl::aggregate(several),
    };
    Ok(StreamRecord {
        sequence: first.sequence.clone(),
        partition_key: first.partition_key.to_string(),
        arrival: first.arrival,
        data,
    })
}

fn gap(detail: String) -> StreamError {
    StreamError::Unusable {
        code: "files.gap",
        detail,
    }
}

fn iterator_of(shard: &KinesisShardId, place: &Place) -> String {
    match place {
        Place::Begin => format!("begin//{shard}"),
        Place::After(sequence) => format!("after/{sequence}/{shard}"),
        Place::At(time) => format!("at/{time}/{shard}"),
    }
}

fn parse(iterator: &str) -> Result<(KinesisShardId, Place), StreamError> {
    let mut parts = iterator.splitn(3, '/');
    let (kind, value, shard) = (parts.next(), parts.next(), parts.next());
    let place = match (kind, value) {
        (Some("begin"), _) => Some(Place::Begin),
        (Some("after"), Some(value)) => SequenceNumber::new(value).ok().map(Place::After),
        (Some("at"), Some(value)) => value.parse().ok().map(Place::At),
        _ => None,
    };
    let foreign = || StreamError::IteratorExpired(format!("{iterator:?} is no iterator of ours"));
    Ok((
        KinesisShardId::new(shard.ok_or_else(foreign)?),
        place.ok_or_else(foreign)?,
    ))
}
