//! Lists of all kinds, and maps.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, OffsetSizeTrait, StringArray, StructArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType as ArrowType, Field as ArrowField};

use super::{Column, Convert, FromArrowError, is_valid};
use crate::schema::text::{JsonText, ObjectText, quoted_key};
use crate::schema::{DataType, Field, item_field, map_array, struct_array};

/// Where the items of lists lie that are kept.
struct Items {
    /// Of each row, among the items that are kept.
    offsets: OffsetBuffer<i32>,
    kept: Kept,
}

enum Kept {
    /// Those of a range, which begins there and is so long.
    Range(usize, usize),
    /// Those at some places.
    Places(UInt64Array),
}

impl Convert {
    pub(super) fn repeated(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let visible = nulls.as_ref();
        let (field, values, items) = match array.data_type() {
            ArrowType::List(field) => {
                let list = array.as_list::<i32>();
                let items = self.offset_items(list.value_offsets(), visible)?;
                (field, list.values(), items)
            }
            ArrowType::LargeList(field) => {
                let list = array.as_list::<i64>();
                let items = self.offset_items(list.value_offsets(), visible)?;
                (field, list.values(), items)
            }
            ArrowType::ListView(field) => {
                let list = array.as_list_view::<i32>();
                let items = self.view_items(list.value_offsets(), list.value_sizes(), visible)?;
                (field, list.values(), items)
            }
            ArrowType::LargeListView(field) => {
                let list = array.as_list_view::<i64>();
                let items = self.view_items(list.value_offsets(), list.value_sizes(), visible)?;
                (field, list.values(), items)
            }
            ArrowType::FixedSizeList(field, size) => {
                let list = array.as_fixed_size_list();
                let size = usize::try_from(*size).unwrap_or(0);
                let items = self.items(list.len(), |row| (row * size, size), visible)?;
                (field, list.values(), items)
            }
            ArrowType::Map(field, _) => {
                let map = array.as_map();
                let items = self.offset_items(map.value_offsets(), visible)?;
                return self.deeper(|this| this.map(field, map.entries(), items, nulls));
            }
            other => {
                return Err(FromArrowError::Arrow(format!(
                    "the type {other} is not known"
                )));
            }
        };
        let (item, values) = self.deeper(|this| this.kept(field, values, &items.kept))?;
        let array = ListArray::new(item_field(&item), items.offsets, values, nulls);
        Ok((DataType::List(Box::new(item)), Arc::new(array)))
    }

    fn kept(
        &mut self,
        field: &ArrowField,
        values: &ArrayRef,
        kept: &Kept,
    ) -> Result<Column, FromArrowError> {
        match kept {
            Kept::Range(start, len) => self.column(field, &values.slice(*start, *len), None),
            Kept::Places(places) => self.picked(field, values, places),
        }
    }

    fn offset_items<O: OffsetSizeTrait>(
        &mut self,
        offsets: &[O],
        visible: Option<&NullBuffer>,
    ) -> Result<Items, FromArrowError> {
        let range = |row: usize| {
            let start = offsets[row].as_usize();
            (start, offsets[row + 1].as_usize() - start)
        };
        self.items(offsets.len() - 1, range, visible)
    }

    fn view_items<O: OffsetSizeTrait>(
        &mut self,
        offsets: &[O],
        sizes: &[O],
        visible: Option<&NullBuffer>,
    ) -> Result<Items, FromArrowError> {
        let range = |row: usize| (offsets[row].as_usize(), sizes[row].as_usize());
        self.items(offsets.len(), range, visible)
    }

    /// The items of the visible rows, end to end; `range` says where a row's begin and how many
    /// they are.
    fn items(
        &mut self,
        len: usize,
        range: impl Fn(usize) -> (usize, usize),
        visible: Option<&NullBuffer>,
    ) -> Result<Items, FromArrowError> {
        self.charge((len + 1) * size_of::<i32>())?;
        let range = |row| match is_valid(visible, row) {
            true => range(row),
            false => (0, 0),
        };
        let mut offsets = Vec::with_capacity(len + 1);
        offsets.push(0);
        let mut total = 0;
        let mut next = None;
        let mut end_to_end = true;
        for row in 0..len {
            let (start, size) = range(row);
            // Items that take no room of their own count as well: a byte each.
            self.charge(size)?;
            end_to_end &= size == 0 || next.is_none_or(|next| next == start);
            if size > 0 {
                next = Some(start + size);
            }
            total += size;
            offsets.push(total as i32);
        }
        let kept = if end_to_end {
            Kept::Range(next.map_or(0, |next| next - total), total)
        } else {
            self.charge(total * size_of::<u64>())?;
            let places = (0..len).flat_map(|row| {
                let (start, size) = range(row);
                start as u64..(start + size) as u64
            });
            Kept::Places(UInt64Array::from_iter_values(places))
        };
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Items { offsets, kept })
    }

    fn map(
        &mut self,
        field: &ArrowField,
        entries: &StructArray,
        items: Items,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let ArrowType::Struct(fields) = field.data_type() else {
            let text = "a map's entries are no structs";
            return Err(FromArrowError::Arrow(text.to_owned()));
        };
        let (key_type, keys) = self.kept(&fields[0], entries.column(0), &items.kept)?;
        let (value_type, values) = self.kept(&fields[1], entries.column(1), &items.kept)?;
        if key_type != DataType::Utf8 {
            let members = [Field::new("key", key_type), Field::new("value", value_type)];
            let entries = struct_array(keys.len(), &members, vec![keys, values], None);
            let item = DataType::Struct(members.to_vec());
            let array = ListArray::new(item_field(&item), items.offsets, entries, nulls);
            return Ok((DataType::List(Box::new(item)), Arc::new(array)));
        }
        if keys.null_count() > 0 {
            return Err(FromArrowError::Arrow("a key of a map is null".to_owned()));
        }
        if keys_are_unique(keys.as_string(), &items.offsets) {
            let array = map_array(&value_type, items.offsets, keys, values, nulls);
            return Ok((DataType::Map(Box::new(value_type)), array));
        }
        let (keys, values) = (keys.as_string::<i32>(), JsonText::of(&values, &value_type));
        let offsets = &items.offsets;
        self.written(DataType::Json, offsets.len() - 1, nulls, |row, out| {
            let mut entries: Vec<_> = (offsets[row] as usize..offsets[row + 1] as usize).collect();
            entries.sort_by_key(|&entry| keys.value(entry));
            let mut object = ObjectText::open(out);
            for entry in entries {
                values.write(entry, object.key(&quoted_key(keys.value(entry))));
            }
            object.close();
        })
    }
}

/// Whether no key is twice in one map.
fn keys_are_unique(keys: &StringArray, offsets: &OffsetBuffer<i32>) -> bool {
    let mut seen = HashSet::new();
    offsets.windows(2).all(|range| {
        seen.clear();
        (range[0]..range[1]).all(|entry| seen.insert(keys.value(entry as usize)))
    })
}
