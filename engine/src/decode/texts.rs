//! Strings end to end, and the offsets that mark them.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;

/// Bytes that a short text is copied with: as many as most texts have, so that the processor need
/// not guess how many it will be.
const BLOCK: usize = 64;

/// Strings end to end, always whole UTF-8.
pub(super) struct Texts {
    offsets: Vec<i32>,
    values: Vec<u8>,
}

impl Texts {
    pub(super) fn with_nulls(nulls: usize, expected: usize) -> Self {
        Self {
            offsets: zeros(nulls + 1, expected + 1),
            values: Vec::new(),
        }
    }

    /// The texts of an array, for more to be added.
    pub(super) fn from_array(array: &StringArray) -> Self {
        Self {
            offsets: array.value_offsets().to_vec(),
            values: array.value_data().to_vec(),
        }
    }

    /// Makes room for so many bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.values.reserve(bytes);
    }

    pub(super) fn push(&mut self, text: &str) {
        self.values.extend_from_slice(text.as_bytes());
        self.close();
    }

    /// Pushes a text that `from` begins with. Copying a block of fixed size, whatever comes after the
    /// text, takes fewer steps than copying so many bytes.
    #[inline(always)]
    pub(super) fn push_from(&mut self, text: &str, from: &[u8]) {
        match from.first_chunk::<BLOCK>() {
            Some(block) if text.len() <= BLOCK && text.as_ptr() == block.as_ptr() => {
                let len = self.values.len() + text.len();
                self.values.extend_from_slice(block);
                self.values.truncate(len);
            }
            _ => self.values.extend_from_slice(text.as_bytes()),
        }
        self.close();
    }

    /// Pushes what `write` appends: canonical JSON text, so whole UTF-8.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.values);
        self.close();
    }

    /// Makes the rows up to `len` empty, for nulls.
    pub(super) fn fill(&mut self, len: usize) {
        self.offsets.resize(len + 1, last(&self.offsets));
    }

    /// Forgets the rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.values.truncate(last(&self.offsets) as usize);
    }

    /// The texts as an array.
    pub(super) fn finish(mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        debug_assert!(std::str::from_utf8(&self.values).is_ok());
        self.values.shrink_to_fit();
        let offsets = OffsetBuffer::new(tight(self.offsets));
        let values = Buffer::from_vec(self.values);
        // SAFETY: `values` is made of whole `&str`s and of text that the writers of `schema::text`
        // make of whole `&str`s; offsets stand between those.
        let array = unsafe { StringArray::new_unchecked(offsets, values, nulls) };
        Arc::new(array)
    }

    /// Ends the text that was appended to `values`.
    #[inline(always)]
    fn close(&mut self) {
        self.offsets.push(offset(self.values.len()));
    }
}

/// Zeros for rows that are there, with room for those that are expected.
pub(super) fn zeros<T: Clone + Default>(rows: usize, expected: usize) -> Vec<T> {
    let mut zeros = Vec::with_capacity(expected.max(rows + 1));
    zeros.resize(rows, T::default());
    zeros
}

/// Arrow's offsets are i32; tables are cut long before.
pub(super) fn offset(len: usize) -> i32 {
    i32::try_from(len).expect("a table is cut before its texts or lists reach 2^31")
}

pub(super) fn last(offsets: &[i32]) -> i32 {
    offsets[offsets.len() - 1]
}

/// The values without spare capacity: arrays wait in memory for a row group to fill, and credit
/// counts their capacity.
pub(super) fn tight<T: ArrowNativeType>(mut values: Vec<T>) -> ScalarBuffer<T> {
    values.shrink_to_fit();
    ScalarBuffer::from(values)
}
