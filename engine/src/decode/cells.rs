//! How much a table may grow beyond its input.

/// Counts cells: rows times fields, at every depth. Values are bounded by the input that they come
/// from; what is not is the nulls of fields that few rows have.
pub(super) struct Cells {
    used: usize,
    limit: usize,
    over: bool,
}

impl Cells {
    /// What a field costs besides its rows, in cells.
    pub(super) const FIELD: usize = 32;

    pub(super) fn new(limit: usize) -> Self {
        Self {
            used: 0,
            limit,
            over: false,
        }
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether something did not fit.
    pub(super) fn over(&self) -> bool {
        self.over
    }

    /// Counts a new field with `rows` rows before it; false where it does not fit.
    pub(super) fn add_field(&mut self, rows: usize) -> bool {
        self.add(rows.saturating_add(Self::FIELD))
    }

    /// Counts the cells of a row; false where they do not fit.
    pub(super) fn add(&mut self, cells: usize) -> bool {
        let used = self.used.saturating_add(cells);
        self.over |= used > self.limit;
        if !self.over {
            self.used = used;
        }
        !self.over
    }

    /// Goes back to what was used before.
    pub(super) fn reset(&mut self, used: usize) {
        self.used = used;
        self.over = false;
    }
}
