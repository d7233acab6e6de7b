//! Payloads to LZ4 frames of JSON lines.

use std::io::Write as _;

use bytes::Bytes;
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};

use crate::budget::Budget;
use crate::schema::text::{write_binary, write_escaped, write_int, write_string};
use crate::types::{KinesisShardId, Payload, RawCopy};

/// Bytes of lines that are handed to the compression together.
const PIECE: usize = 64 << 10;

/// Makes frames of payloads. Keeps its buffers: one for each thread.
pub struct Framer {
    /// What of the lines is not compressed yet: a piece, however large a payload is.
    line: Vec<u8>,
    encoder: FrameEncoder<Vec<u8>>,
}

impl Default for Framer {
    fn default() -> Self {
        let info = FrameInfo::new()
            .block_size(BlockSize::Max256KB)
            .content_checksum(true);
        Self {
            line: Vec::new(),
            encoder: FrameEncoder::with_frame_info(info, Vec::new()),
        }
    }
}

impl Framer {
    /// One frame of all payloads, which are of `shard`; `None` if there is none. Its bytes are
    /// charged to `budget`.
    pub fn frame(
        &mut self,
        shard: &KinesisShardId,
        payloads: &[Payload],
        budget: &Budget,
    ) -> Option<RawCopy> {
        if payloads.is_empty() {
            return None;
        }
        for payload in payloads {
            self.begin_line(shard, payload);
            match std::str::from_utf8(&payload.data) {
                Ok(text) => self.text(text),
                Err(_) => self.binary(&payload.data),
            }
            self.line.extend_from_slice(b"}\n");
            self.hand_on(PIECE);
        }
        self.hand_on(0);
        let finished = self.encoder.try_finish();
        finished.expect("a vector takes every byte");
        let mut frames = std::mem::take(self.encoder.get_mut());
        frames.shrink_to_fit();
        Some(RawCopy {
            payloads: payloads.len() as u64,
            credit: budget.charge(frames.len()),
            frames: Bytes::from(frames),
        })
    }

    /// Who the payload is.
    fn begin_line(&mut self, shard: &KinesisShardId, payload: &Payload) {
        let line = &mut self.line;
        line.extend_from_slice(b"{\"_shard\":");
        write_string(line, shard.as_str());
        line.extend_from_slice(b",\"_sequence\":");
        write_string(line, payload.sequence.as_str());
        line.extend_from_slice(b",\"_subsequence\":");
        // Formatting into a vector cannot fail.
        let _ = write!(line, "{}", payload.subsequence);
        line.extend_from_slice(b",\"_partition_key\":");
        write_string(line, &payload.partition_key);
        line.extend_from_slice(b",\"_arrival\":");
        write_int(line, payload.arrival);
    }

    fn text(&mut self, mut text: &str) {
        self.line.extend_from_slice(b",\"data\":\"");
        while !text.is_empty() {
            let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE));
            write_escaped(&mut self.line, piece);
            self.hand_on(PIECE);
            text = rest;
        }
        self.line.push(b'"');
    }

    fn binary(&mut self, data: &[u8]) {
        self.line.extend_from_slice(b",\"base64\":\"");
        // Three bytes are four characters, so pieces of such lengths join.
        for piece in data.chunks(PIECE / 3 * 3) {
            let start = self.line.len();
            write_binary(&mut self.line, piece);
            // Without the quotes of the piece.
            self.line.remove(start);
            self.line.pop();
            self.hand_on(PIECE);
        }
        self.line.push(b'"');
    }

    /// Compresses what is there, if that is `least` bytes.
    fn hand_on(&mut self, least: usize) {
        if self.line.len() >= least {
            let written = self.encoder.write_all(&self.line);
            written.expect("a vector takes every byte");
            self.line.clear();
        }
    }
}
