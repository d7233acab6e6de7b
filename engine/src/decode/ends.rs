//! Texts or bytes end to end, and the offsets that mark them.

use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};

/// Texts or bytes end to end.
pub(super) struct Ends {
    pub(super) data: Vec<u8>,
    offsets: Vec<i32>,
}

impl Ends {
    pub(super) fn new() -> Self {
        Self {
            data: Vec::new(),
            offsets: vec![0],
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        self.close();
    }

    /// Makes the values up to `len` empty, for nulls.
    pub(super) fn fill(&mut self, len: usize) {
        let end = self.offsets.last().copied().unwrap_or_default();
        self.offsets.resize(len + 1, end);
    }

    /// Ends the value that was appended to `data`. Tables are cut long before 2 GiB.
    pub(super) fn close(&mut self) {
        let end = i32::try_from(self.data.len()).expect("a table is cut before 2 GiB");
        self.offsets.push(end);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.data.truncate(self.offsets[len] as usize);
    }

    pub(super) fn into_buffers(self) -> (OffsetBuffer<i32>, Buffer) {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        (offsets, Buffer::from_vec(self.data))
    }
}
