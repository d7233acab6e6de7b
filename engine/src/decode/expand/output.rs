//! Where expanded bytes go, within what a payload may take.

use std::io::{Error, ErrorKind, Read};

use bytes::Bytes;

use super::Failure;
use crate::decode::options::{Compression, ExpansionLimits};

/// Below this many bytes no ratio does harm.
const FREE_OF_RATIO: usize = 16 << 10;
/// The first room that is made.
const FIRST_ROOM: usize = 16 << 10;
/// Results up to this size are copied out, so that the buffer stays for the next ones.
const COPIED: usize = 256 << 10;
/// A buffer that has grown beyond this is not kept.
const KEPT: usize = 1 << 20;

/// A buffer for one layer of a payload after the other, and the count of them all.
#[derive(Default)]
pub(super) struct Output {
    /// All of it initialised; what is filled comes first.
    bytes: Vec<u8>,
    filled: usize,
    /// Bytes that came out of earlier layers and files of the payload.
    taken: usize,
    most: usize,
    by_ratio: bool,
}

impl Output {
    /// Now for a payload of `len` bytes.
    pub(super) fn begin_payload(&mut self, len: usize, limits: ExpansionLimits) {
        let by_ratio = len.saturating_mul(limits.max_ratio).max(FREE_OF_RATIO);
        self.most = limits.max_bytes.min(by_ratio);
        self.by_ratio = by_ratio < limits.max_bytes;
        self.taken = 0;
        self.begin();
    }

    /// Now for another layer or file of it.
    pub(super) fn begin(&mut self) {
        self.filled = 0;
    }

    /// The payload is done with: gives back what is not worth keeping.
    pub(super) fn end_payload(&mut self) {
        self.begin();
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
    }

    /// Bytes that came out of the payload up to now.
    pub(super) fn total(&self) -> usize {
        self.taken
    }

    /// What this layer brought up to now.
    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Room for more; never empty.
    pub(super) fn room(&mut self) -> Result<&mut [u8], Failure> {
        // One byte more than may be: whether it gets filled tells what fits from what does not.
        let end = self.left() + 1;
        if self.filled >= end {
            return Err(self.too_much());
        }
        if self.filled >= self.bytes.len() {
            let len = (2 * self.bytes.len()).max(FIRST_ROOM).min(end);
            self.grow(len);
        }
        let end = end.min(self.bytes.len());
        Ok(&mut self.bytes[self.filled..end])
    }

    /// Room for a layer that is written in one go: `wanted` bytes, or more, or as many as may be.
    pub(super) fn whole(&mut self, wanted: usize) -> &mut [u8] {
        let end = self.left() + 1;
        self.grow(wanted.min(end));
        let end = end.min(self.bytes.len());
        &mut self.bytes[..end]
    }

    /// `count` bytes of the room have been written.
    pub(super) fn fill(&mut self, count: usize) {
        self.filled += count;
    }

    /// Takes all that a reader gives; its errors mean damage.
    pub(super) fn read_all(
        &mut self,
        reader: &mut impl Read,
        compression: Compression,
    ) -> Result<(), Failure> {
        self.read_or(reader, |error| Failure::damaged(compression, error))
    }

    /// Takes all that a reader gives; `failure` says what its errors mean.
    pub(super) fn read_or(
        &mut self,
        reader: &mut impl Read,
        failure: impl Fn(Error) -> Failure,
    ) -> Result<(), Failure> {
        loop {
            match reader.read(self.room()?) {
                Ok(0) => return Ok(()),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failure(error)),
            }
        }
    }

    /// The layer or file is complete: its bytes.
    pub(super) fn take(&mut self) -> Result<Bytes, Failure> {
        if self.filled > self.left() {
            return Err(self.too_much());
        }
        let filled = std::mem::take(&mut self.filled);
        self.taken += filled;
        if filled <= COPIED {
            return Ok(Bytes::copy_from_slice(&self.bytes[..filled]));
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(filled);
        bytes.shrink_to_fit();
        Ok(Bytes::from(bytes))
    }

    pub(super) fn too_much(&self) -> Failure {
        Failure::TooMuch {
            most: self.most,
            by_ratio: self.by_ratio,
        }
    }

    /// Bytes that may still come, those of this layer included.
    pub(super) fn left(&self) -> usize {
        self.most - self.taken
    }

    fn grow(&mut self, len: usize) {
        if len > self.bytes.len() {
            self.bytes.reserve_exact(len - self.bytes.len());
            self.bytes.resize(len, 0);
        }
    }
}
