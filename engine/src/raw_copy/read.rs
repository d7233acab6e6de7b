//! Files of the raw copy back to payloads.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use lz4_flex::frame::FrameDecoder;
use serde::Deserialize;

use super::MAX_LINE;
use crate::lz4_frame;
use crate::types::{KinesisShardId, Payload, SequenceNumber, TimestampMs};

/// The most bytes of one frame: what a batch of one payload of 10 MiB, each byte of it escaped, can
/// come to, with room to spare.
const MAX_FRAME: usize = 128 << 20;

/// A payload of a raw copy: whose it is, and the payload.
#[derive(Clone, Debug)]
pub struct RawRecord {
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// The payload, as it was received.
    pub payload: Payload,
}

/// Why bytes are no raw copy, or not a whole one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no whole raw copy: {0}")]
pub struct Damaged(String);

impl Damaged {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Finds the frames of a file that comes in pieces. Holds a frame and a piece at most.
#[derive(Debug, Default)]
pub struct FrameReader {
    held: BytesMut,
}

impl FrameReader {
    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next frame; `None` where more bytes are needed, or the file has ended.
    ///
    /// # Errors
    /// What follows is no frame, or one that is larger than any of ours.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, Damaged> {
        if self.held.is_empty() {
            return Ok(None);
        }
        let length = lz4_frame::length(&self.held)
            .map_err(|why| Damaged::new(format!("bytes that are no LZ4 frame follow ({why:?})")))?;
        match length {
            Some(length) if length <= self.held.len() => {
                Ok(Some(self.held.split_to(length).freeze()))
            }
            _ if self.held.len() > MAX_FRAME => Err(Damaged::new("a frame is too large")),
            _ => Ok(None),
        }
    }

    /// The file has ended: nothing may be left.
    ///
    /// # Errors
    /// It ends within a frame.
    pub fn finish(&self) -> Result<(), Damaged> {
        match self.held.is_empty() {
            true => Ok(()),
            false => Err(Damaged::new("it ends within an LZ4 frame")),
        }
    }
}

/// The payloads of one whole frame, in their order, one at a time.
pub fn records(frame: Bytes) -> impl Iterator<Item = Result<RawRecord, Damaged>> {
    let decoder = FrameDecoder::new(bytes::Buf::reader(frame));
    let mut lines = BufReader::with_capacity(64 << 10, decoder);
    let mut line = Vec::new();
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let next = next_line(&mut lines, &mut line).and_then(|more| match more {
            true => parse(&line).map(Some),
            false => Ok(None),
        });
        ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    })
}

/// Reads a line without its end into `line`; whether there was one.
fn next_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, Damaged> {
    line.clear();
    let mut limited = lines.take(MAX_LINE as u64);
    let read = limited.read_until(b'\n', line);
    read.map_err(|error| Damaged::new(format!("its LZ4 frames cannot be read: {error}")))?;
    match line.pop() {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) if line.len() + 1 == MAX_LINE => Err(Damaged::new("a line is too long")),
        Some(_) => Err(Damaged::new("a line has no end")),
    }
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(rename = "_shard", borrow)]
    shard: Cow<'l, str>,
    #[serde(rename = "_sequence", borrow)]
    sequence: Cow<'l, str>,
    #[serde(rename = "_subsequence")]
    subsequence: u64,
    #[serde(rename = "_partition_key", borrow)]
    partition_key: Cow<'l, str>,
    #[serde(rename = "_arrival")]
    arrival: TimestampMs,
    #[serde(borrow, default)]
    data: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    base64: Option<Cow<'l, str>>,
}

fn parse(line: &[u8]) -> Result<RawRecord, Damaged> {
    let line: Line<'_> = serde_json::from_slice(line)
        .map_err(|error| Damaged::new(format!("a line is not as it should be: {error}")))?;
    let data = match (line.data, line.base64) {
        (Some(text), None) => text.into_owned().into_bytes(),
        (None, Some(text)) => BASE64
            .decode(text.as_bytes())
            .map_err(|error| Damaged::new(format!("a `base64` is none: {error}")))?,
        _ => return Err(Damaged::new("a line needs one of `data` and `base64`")),
    };
    let sequence = SequenceNumber::new(&line.sequence)
        .map_err(|error| Damaged::new(format!("a `_sequence` is none: {error}")))?;
    Ok(RawRecord {
        shard: KinesisShardId::new(&*line.shard),
        payload: Payload {
            sequence,
            subsequence: line.subsequence,
            partition_key: (&*line.partition_key).into(),
            arrival: line.arrival,
            data: Bytes::from(data),
        },
    })
}
