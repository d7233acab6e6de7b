//! Which rows of a column are null, as runs.

use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};

/// Runs of nulls in ascending order. A row that has a value costs nothing here, and a field that is
/// absent from a thousand events costs one run.
#[derive(Default)]
pub(super) struct Nulls {
    runs: Vec<Run>,
}

struct Run {
    start: usize,
    end: usize,
}

impl Nulls {
    /// Makes the rows `start..end` null. They come after every run so far.
    pub(super) fn add(&mut self, start: usize, end: usize) {
        match self.runs.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => self.runs.push(Run { start, end }),
        }
    }

    /// Forgets the rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        while let Some(last) = self.runs.last_mut() {
            if last.end <= len {
                return;
            }
            if last.start < len {
                last.end = len;
                return;
            }
            self.runs.pop();
        }
    }

    /// The validity of the first `len` rows; `None` where none is null.
    pub(super) fn to_buffer(&self, len: usize) -> Option<NullBuffer> {
        if self.runs.is_empty() {
            return None;
        }
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        let mut nulls = 0;
        for run in &self.runs {
            nulls += run.end - run.start;
            clear(&mut words, run.start, run.end);
        }
        // Arrow's bitmaps have the first row in the lowest bit of the first byte.
        if cfg!(target_endian = "big") {
            words.iter_mut().for_each(|word| *word = word.swap_bytes());
        }
        let bits = BooleanBuffer::new(Buffer::from_vec(words), 0, len);
        let buffer = NullBuffer::new(bits);
        debug_assert_eq!(buffer.null_count(), nulls);
        Some(buffer)
    }
}

/// Clears the bits `start..end`.
fn clear(words: &mut [u64], start: usize, end: usize) {
    if start == end {
        return;
    }
    let (first, last) = (start / 64, (end - 1) / 64);
    let keep_below = (1u64 << (start % 64)) - 1;
    let keep_above = u64::MAX
        .checked_shl(((end - 1) % 64 + 1) as u32)
        .unwrap_or(0);
    if first == last {
        words[first] &= keep_below | keep_above;
        return;
    }
    words[first] &= keep_below;
    words[first + 1..last].fill(0);
    words[last] &= keep_above;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_what_one_flag_a_row_would_be(
            flags in prop::collection::vec(any::<bool>(), 0..300),
            keep in 0usize..300,
        ) {
            let mut nulls = Nulls::default();
            for (row, null) in flags.iter().enumerate() {
                if *null {
                    nulls.add(row, row + 1);
                }
            }
            let keep = keep.min(flags.len());
            nulls.truncate(keep);
            let buffer = nulls.to_buffer(keep);
            for (row, null) in flags[..keep].iter().enumerate() {
                prop_assert_eq!(buffer.as_ref().is_some_and(|b| b.is_null(row)), *null);
            }
        }
    }
}
