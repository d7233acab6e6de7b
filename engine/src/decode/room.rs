//! What one content may still take while it is decoded.

use super::DecodeLimits;
use super::whole_file::Refusal;

/// What the values of one content may still take.
pub(super) struct Room {
    cells: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn new(limits: &DecodeLimits) -> Self {
        Self {
            cells: limits.max_event_cells,
            bytes: limits.max_event_bytes,
        }
    }

    /// Counts a value, which may have no bytes.
    pub(super) fn cell(&mut self) -> Result<(), Refusal> {
        self.cells(1)
    }

    /// Counts values.
    pub(super) fn cells(&mut self, cells: usize) -> Result<(), Refusal> {
        let too_many = || Refusal::TooLarge("it has more values than one event may".to_owned());
        self.cells = self.cells.checked_sub(cells).ok_or_else(too_many)?;
        Ok(())
    }

    /// Counts bytes that come out of a compressed block, or of values written as text.
    pub(super) fn bytes(&mut self, bytes: usize) -> Result<(), Refusal> {
        let too_large = || Refusal::TooLarge("it takes more room than one event may".to_owned());
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }

    pub(super) fn cells_left(&self) -> usize {
        self.cells
    }

    pub(super) fn bytes_left(&self) -> usize {
        self.bytes
    }
}
