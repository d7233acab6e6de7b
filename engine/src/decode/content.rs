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
