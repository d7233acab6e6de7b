//! What a format has to do.

use super::content::Content;
use super::sink::Sink;

/// A format turns contents into events and rejects. What it makes of a content depends on that
/// content alone (I10); it gets many at once only because that is faster.
pub(super) trait Format: Send {
    /// Decodes `contents`, in their order; several may be of one payload. For each it calls
    /// [`Sink::content`] and then gives its events and rejects; one that holds neither may be left
    /// out. Bad input is a reject, never an error.
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>);

    /// Forgets whatever a panic may have left behind.
    fn reset(&mut self);
}
