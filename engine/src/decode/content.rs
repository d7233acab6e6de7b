//! What formats decode: bytes whose compression was undone, and whose they are.

use bytes::Bytes;

/// Bytes of a payload after its compression was undone. A payload that is not compressed is one
/// content, its own bytes; an archive holds several, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    /// The place of the payload among those of the sink.
    pub(super) payload: usize,
    pub(super) data: &'a Bytes,
}

impl Content<'_> {
    /// Its bytes `range`. A small piece is copied, so that it does not keep the whole content in
    /// memory.
    pub(super) fn piece(&self, range: std::ops::Range<usize>) -> Bytes {
        if range.len() < self.data.len() / 2 {
            Bytes::copy_from_slice(&self.data[range])
        } else {
            self.data.slice(range)
        }
    }
}
