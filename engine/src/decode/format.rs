//! What a format has to do.

use super::sink::Sink;
use crate::types::Payload;

/// A format turns the bytes of payloads into events and rejects. What it makes of a payload depends
/// on that payload alone (I10); it gets many at once only because that is faster.
pub(super) trait Format: Send {
    /// Decodes `payloads`, which are those of the sink, in their order. For each it calls
    /// [`Sink::payload`] and then gives its events and rejects; a payload that holds neither is
    /// empty. Bad input is a reject, never an error.
    fn decode(&mut self, payloads: &[Payload], sink: &mut Sink<'_>);

    /// Forgets whatever a panic may have left behind.
    fn reset(&mut self);
}
