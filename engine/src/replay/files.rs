//! The raw files that commits name: each is read once, however many Kinesis shards it has.
//!
//! A frame is of one Kinesis shard, so which frames to read for one is known once a file has been
//! looked through. Small files stay in memory until others take their place; of large ones only
//! where their frames lie.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::lock::Mutex;

use crate::log::DataFile;
use crate::ports::{Store, StoreError, StreamError};
use crate::raw_copy::{Damaged, FrameReader, RawRecord, records};
use crate::types::{KinesisShardId, SequenceNumber};

/// Bytes of a file that are read together.
const PIECE: u64 = 4 << 20;
/// Files up to this size are kept whole.
const SMALL: u64 = 16 << 20;
/// Bytes of files that are kept.
const KEPT_BYTES: u64 = 64 << 20;
/// Files of which is kept where their frames lie.
const KEPT_FILES: usize = 256;

/// Reads raw files, and keeps the last ones.
pub(super) struct Files {
    store: Arc<dyn Store>,
    kept: Mutex<VecDeque<Arc<Looked>>>,
}

/// A file that was looked through.
struct Looked {
    name: String,
    frames: Vec<FrameAt>,
    bytes: Option<Bytes>,
}

/// A frame of a file.
struct FrameAt {
    at: Range<u64>,
    shard: KinesisShardId,
    /// The sequence number of its first payload.
    first: SequenceNumber,
}

/// The frames of a file that are of one Kinesis shard.
pub(super) struct Frames<'f> {
    store: &'f dyn Store,
    file: Arc<Looked>,
    /// Places in `file.frames`.
    left: VecDeque<usize>,
}

impl Files {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            kept: Mutex::default(),
        }
    }

    /// The frames of a file with payloads of `shard`, from the one that may hold the first after
    /// `after`.
    pub(super) async fn frames(
        &self,
        file: &DataFile,
        shard: &KinesisShardId,
        after: Option<&SequenceNumber>,
    ) -> Result<Frames<'_>, StreamError> {
        let file = self.look(file).await?;
        let frames = file.frames.iter().enumerate();
        let mine = frames.filter(|(_, frame)| frame.shard == *shard);
        let mut left: VecDeque<usize> = mine.map(|(place, _)| place).collect();
        // What a frame holds comes before what the next one begins with.
        while let (Some(after), Some(next)) = (after, left.get(1))
            && file.frames[*next].first <= *after
        {
            left.pop_front();
        }
        Ok(Frames {
            store: &*self.store,
            file,
            left,
        })
    }

    /// One file at a time: those who want the same wait for it, and find it then.
    async fn look(&self, file: &DataFile) -> Result<Arc<Looked>, StreamError> {
        let mut kept = self.kept.lock().await;
        if let Some(place) = kept.iter().position(|looked| looked.name == file.name)
            && let Some(looked) = kept.remove(place)
        {
            kept.push_back(Arc::clone(&looked));
            return Ok(looked);
        }
        let looked = Arc::new(look_through(&*self.store, file).await?);
        kept.push_back(Arc::clone(&looked));
        let held = |kept: &VecDeque<Arc<Looked>>| {
            let bytes = kept.iter().filter_map(|looked| looked.bytes.as_ref());
            bytes.map(|bytes| bytes.len() as u64).sum::<u64>()
        };
        while kept.len() > KEPT_FILES || held(&kept) > KEPT_BYTES {
            kept.pop_front();
        }
        Ok(looked)
    }
}

impl Frames<'_> {
    /// The payloads of the next frame.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<RawRecord>>, StreamError> {
        let Some(place) = self.left.pop_front() else {
            return Ok(None);
        };
        let (name, at) = (&self.file.name, &self.file.frames[place].at);
        let frame = match &self.file.bytes {
            // It is no larger than what is kept.
            Some(bytes) => bytes.slice(at.start as usize..at.end as usize),
            None => {
                let read = self.store.get_range(name, at.clone()).await;
                read.map_err(|error| unread(name, &error))?
            }
        };
        let records: Result<Vec<RawRecord>, Damaged> = records(frame).collect();
        records.map(Some).map_err(|why| damaged(name, &why))
    }
}

/// Reads a file to find where its frames lie.
async fn look_through(store: &dyn Store, file: &DataFile) -> Result<Looked, StreamError> {
    let name = &file.name;
    let there = store.head(name).await;
    match there.map_err(|error| unread(name, &error))? {
        Some(length) if length == file.bytes => {}
        found => return Err(missing(file, found)),
    }
    let keep = file.bytes <= SMALL;
    let (mut reader, mut frames, mut whole) = (FrameReader::default(), Vec::new(), Vec::new());
    let (mut read, mut begin) = (0, 0);
    while read < file.bytes {
        let piece = read..(read + PIECE).min(file.bytes);
        read = piece.end;
        let piece = store.get_range(name, piece).await;
        let piece = piece.map_err(|error| unread(name, &error))?;
        if keep {
            whole.extend_from_slice(&piece);
        }
        reader.push(&piece);
        while let Some(frame) = reader.next_frame().map_err(|why| damaged(name, &why))? {
            let at = begin..begin + frame.len() as u64;
            begin = at.end;
            let first = records(frame).next().transpose();
            // A frame without a payload is of nobody.
            if let Some(first) = first.map_err(|why| damaged(name, &why))? {
                frames.push(FrameAt {
                    at,
                    shard: first.shard,
                    first: first.payload.sequence,
                });
            }
        }
    }
    reader.finish().map_err(|why| damaged(name, &why))?;
    Ok(Looked {
        name: name.clone(),
        frames,
        bytes: keep.then(|| Bytes::from(whole)),
    })
}

fn missing(file: &DataFile, found: Option<u64>) -> StreamError {
    let DataFile { name, bytes, .. } = file;
    let (code, what) = match found {
        None => ("files.gap", "is gone".to_owned()),
        Some(found) => (
            "files.damaged",
            format!("has {found} bytes, but its commit says {bytes}"),
        ),
    };
    StreamError::Unusable {
        code,
        detail: format!("the raw file `{name}` {what}: restore it from a copy of the target"),
    }
}

fn damaged(name: &str, why: &Damaged) -> StreamError {
    StreamError::Unusable {
        code: "files.damaged",
        detail: format!("the raw file `{name}`: {why}; restore it from a copy of the target"),
    }
}

fn unread(name: &str, error: &StoreError) -> StreamError {
    StreamError::Unavailable(format!("the raw file `{name}` cannot be read now: {error}"))
}
