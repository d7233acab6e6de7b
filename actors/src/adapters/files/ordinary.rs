//! Ordinary files as a stream: each takes the part of a Kinesis shard that is closed from the
//! beginning and has no parents. Its id is its path, its arrival time is when it was changed last, and
//! sequence numbers are positions in it.
//!
//! Holds up to [`MAX_OPEN`] files open, with what undoing their compression takes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use shardmill_engine::cut::{self, CutError, Pieces};
use shardmill_engine::decode::ContentOptions;
use shardmill_engine::ports::{
    Delivery, Extent, Host, IteratorFrom, Listed, Records, ShardFilter, ShardInfo, ShardList,
    Stream, StreamError, StreamRecord,
};
use shardmill_engine::types::{KinesisShardId, SequenceNumber, TimestampMs};

use super::place::{OpenFile, Place, PlaceError, Reading};
use crate::adapters::SystemHost;

/// Files that are open at once; others are opened again, and read up to where they were.
const MAX_OPEN: usize = 128;
/// Bytes of payload after which an answer is full.
const ANSWER_BYTES: usize = 4 << 20;

/// Files as a stream.
pub(super) struct OrdinaryFiles {
    place: Place,
    files: BTreeMap<KinesisShardId, Listed>,
    state: Mutex<State>,
}

struct State {
    content: ContentOptions,
    /// Those that were read last come last.
    open: VecDeque<(KinesisShardId, Open)>,
    /// Where files end, as positions.
    ends: HashMap<KinesisShardId, u64>,
    /// How far files have been read, in their own bytes.
    read: HashMap<KinesisShardId, u64>,
}

/// A file that is being cut.
struct Open {
    file: Arc<OpenFile>,
    pieces: Box<dyn Pieces>,
    position: u64,
}

/// What one call has read of a file.
struct Answer {
    records: Vec<StreamRecord>,
    /// Where it goes on; `None` at the end.
    open: Option<Open>,
    position: u64,
    read_through: u64,
}

impl OrdinaryFiles {
    /// Lists what is there.
    pub(super) async fn open(place: Place, content: ContentOptions) -> Result<Self, PlaceError> {
        let files = place.list().await?;
        let files = files
            .into_iter()
            .map(|file| (KinesisShardId::new(file.name.as_str()), file));
        Ok(Self {
            place,
            files: files.collect(),
            state: Mutex::new(State {
                content,
                open: VecDeque::new(),
                ends: HashMap::new(),
                read: HashMap::new(),
            }),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, shard: &KinesisShardId) -> Result<&Listed, StreamError> {
        let gone = || StreamError::NotFound(format!("there is no file {shard} any more"));
        self.files.get(shard).ok_or_else(gone)
    }

    fn records(&self, records: Vec<StreamRecord>, next_iterator: Option<String>) -> Records {
        Records {
            records,
            next_iterator,
            millis_behind: None,
            children: Vec::new(),
            server_time: SystemHost.now(),
        }
    }

    async fn get(&self, iterator: &str, limit: usize) -> Result<Records, StreamError> {
        let (shard, position) = parse(iterator)?;
        let file = self.file(&shard)?;
        let (ended, open, content) = {
            let mut state = self.lock();
            let ended = state.ends.get(&shard).is_some_and(|end| *end <= position);
            let at = state.open.iter().position(|(open, _)| *open == shard);
            let open = at
                .and_then(|at| state.open.remove(at))
                .map(|(_, open)| open);
            (ended || position == u64::MAX, open, state.content.clone())
        };
        if ended {
            return Ok(self.records(Vec::new(), None));
        }
        self.must_be_unchanged(file).await?;
        let open = open.filter(|open| open.position == position);
        let (place, listed) = (self.place.clone(), file.clone());
        let read = tokio::task::spawn_blocking(move || {
            let open = match open {
                Some(open) => open,
                None => begin(&place, &listed, &content, position)?,
            };
            read(open, listed.modified, limit)
        });
        let read = read.await;
        let answer = read.map_err(|error| StreamError::Unavailable(error.to_string()))?;
        let answer = answer.map_err(|problem| problem.of(file))?;
        if answer.open.is_none() {
            // What was read to its end is what was listed.
            self.must_be_unchanged(file).await?;
        }
        Ok(self.take(shard, file, answer))
    }

    fn take(&self, shard: KinesisShardId, file: &Listed, answer: Answer) -> Records {
        let Answer {
            records,
            open,
            position,
            read_through,
        } = answer;
        let mut state = self.lock();
        let next = open.is_some().then(|| iterator_of(&shard, position));
        let through = if next.is_some() {
            read_through
        } else {
            file.len
        };
        state.read.insert(shard.clone(), through);
        match open {
            Some(open) => {
                state.open.push_back((shard, open));
                if state.open.len() > MAX_OPEN {
                    state.open.pop_front();
                }
            }
            None => drop(state.ends.insert(shard, position)),
        }
        drop(state);
        self.records(records, next)
    }

    /// A file that is changed while it is read would be read in part as it was and in part as it is.
    async fn must_be_unchanged(&self, file: &Listed) -> Result<(), StreamError> {
        let now = self.place.look(&file.name).await;
        let now = now.map_err(|error| StreamError::Unavailable(error.to_string()))?;
        if now.as_ref() == Some(file) {
            return Ok(());
        }
        let what = match now {
            None => "is gone".to_owned(),
            Some(now) => format!(
                "has changed: it had {} bytes and now has {}",
                file.len, now.len
            ),
        };
        Err(StreamError::Unusable {
            code: "files.changed",
            detail: format!(
                "the file {} {what}, while it was read. Files must not change; put them elsewhere \
                 until they are whole, and start again",
                file.name
            ),
        })
    }
}

/// What went wrong with a file.
enum Problem {
    /// Asking again may help.
    Unread(String),
    Cut(CutError),
}

impl Problem {
    fn of(self, file: &Listed) -> StreamError {
        let name = &file.name;
        let (code, what) = match self {
            Problem::Unread(why) => {
                return StreamError::Unavailable(format!("the file {name}: {why}"));
            }
            Problem::Cut(CutError::TooLarge(why)) => ("files.too_large", why),
            Problem::Cut(CutError::Shorter) => ("files.changed", CutError::Shorter.to_string()),
            Problem::Cut(CutError::Damaged(why)) => ("files.damaged", why),
            Problem::Cut(CutError::Io(why)) => (
                "files.damaged",
                format!("its compression is damaged: {why}"),
            ),
        };
        StreamError::Unusable {
            code,
            detail: format!(
                "the file {name}: {what}. Put a right one in its place, or an empty one to go on \
                 without it, and start again"
            ),
        }
    }
}

fn begin(
    place: &Place,
    listed: &Listed,
    content: &ContentOptions,
    position: u64,
) -> Result<Open, Problem> {
    let file = place.open(listed);
    let file = file.map_err(|error| Problem::Unread(error.to_string()))?;
    let pieces = cut::open(Reading(Arc::clone(&file)), content, position);
    let pieces = pieces.map_err(|error| problem(&file, error))?;
    Ok(Open {
        file,
        pieces,
        position,
    })
}

/// Reads pieces until there are enough. At the beginning one is: it may be too early for the others.
fn read(mut open: Open, arrival: TimestampMs, limit: usize) -> Result<Answer, Problem> {
    let limit = if open.position == 0 { 1 } else { limit };
    let (mut records, mut bytes) = (Vec::new(), 0);
    while bytes < ANSWER_BYTES && records.len() < limit {
        let piece = open.pieces.next_piece();
        let Some(piece) = piece.map_err(|error| problem(&open.file, error))? else {
            return Ok(Answer {
                records,
                position: open.position,
                read_through: open.file.read_through(),
                open: None,
            });
        };
        bytes += piece.data.len();
        open.position = piece.end;
        records.push(StreamRecord {
            sequence: SequenceNumber::from(piece.end),
            partition_key: String::new(),
            arrival,
            data: piece.data,
        });
    }
    Ok(Answer {
        records,
        position: open.position,
        read_through: open.file.read_through(),
        open: Some(open),
    })
}

fn problem(file: &OpenFile, error: CutError) -> Problem {
    match file.trouble() {
        Some(why) => Problem::Unread(why),
        None => Problem::Cut(error),
    }
}

fn iterator_of(shard: &KinesisShardId, position: u64) -> String {
    format!("{position}/{shard}")
}

fn parse(iterator: &str) -> Result<(KinesisShardId, u64), StreamError> {
    let parts = iterator.split_once('/');
    let read = parts.and_then(|(position, shard)| {
        let position = position.parse().ok()?;
        Some((KinesisShardId::new(shard), position))
    });
    read.ok_or_else(|| StreamError::IteratorExpired(format!("{iterator:?} is no iterator of ours")))
}

impl Stream for OrdinaryFiles {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        let wanted = |file: &Listed| match filter {
            ShardFilter::All => true,
            ShardFilter::AtTimestamp(time) => file.modified >= time,
        };
        let files = self.files.iter().zip(0_u128..);
        let files = files.filter(|((_, file), _)| wanted(file));
        let shards = files.map(|((id, _), number)| ShardInfo {
            id: id.clone(),
            parents: Vec::new(),
            closed: true,
            hash_keys: (number, number),
        });
        let list = ShardList {
            shards: shards.collect(),
            server_time: SystemHost.now(),
        };
        Box::pin(std::future::ready(Ok(list)))
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        let position = self.file(shard).and_then(|file| match from {
            IteratorFrom::TrimHorizon => Ok(0),
            IteratorFrom::AtTimestamp(time) if file.modified >= time => Ok(0),
            IteratorFrom::AtTimestamp(_) => Ok(u64::MAX),
            IteratorFrom::After(sequence) => {
                let position = sequence.as_str().parse();
                position.map_err(|_| StreamError::PositionRefused(sequence.to_string()))
            }
        });
        let iterator = position.map(|position| iterator_of(shard, position));
        Box::pin(std::future::ready(iterator))
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        Box::pin(self.get(iterator, limit as usize))
    }

    fn delivery(&self) -> Delivery {
        Delivery::Stored
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn extent(&self) -> Option<Extent> {
        Some(Extent {
            read: self.lock().read.values().sum(),
            total: self.files.values().map(|file| file.len).sum(),
        })
    }

    fn decided(&self, content: &ContentOptions) {
        let mut state = self.lock();
        let compression = state.content.compression;
        state.content = ContentOptions {
            // What is undone here the decoders know nothing of.
            compression,
            ..content.clone()
        };
        // What was opened for a sample was cut by what was known before.
        state.open.clear();
        state.ends.clear();
    }
}

#[cfg(test)]
#[path = "ordinary_tests.rs"]
mod tests;
