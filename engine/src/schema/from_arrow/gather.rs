//! Values that stand elsewhere than in their rows: in dictionaries, runs, unions, and lists that do
//! not lie end to end.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBufferBuilder, RunArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{
    DataType as ArrowType, Field as ArrowField, Int16Type, Int32Type, Int64Type, RunEndIndexType,
    UInt64Type,
};

use super::{Column, Convert, FromArrowError, arrow_error, is_valid};

impl Convert {
    pub(super) fn dictionary(
        &mut self,
        field: &ArrowField,
        array: &ArrayRef,
        visible: Option<&NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let dictionary = array.as_any_dictionary();
        self.charge(array.len() * size_of::<u64>())?;
        let keys = cast(dictionary.keys(), &ArrowType::UInt64).map_err(arrow_error)?;
        let keys = keys.as_primitive::<UInt64Type>();
        let nulls = NullBuffer::union(keys.nulls(), visible);
        let keys = UInt64Array::new(keys.values().clone(), nulls);
        self.picked(field, dictionary.values(), &keys)
    }

    pub(super) fn runs(
        &mut self,
        field: &ArrowField,
        array: &ArrayRef,
        visible: Option<&NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        self.charge(array.len() * size_of::<u64>())?;
        if let Some(array) = array.as_run_opt::<Int16Type>() {
            self.picked(field, array.values(), &run_places(array, visible))
        } else if let Some(array) = array.as_run_opt::<Int32Type>() {
            self.picked(field, array.values(), &run_places(array, visible))
        } else {
            let array = array.as_run::<Int64Type>();
            self.picked(field, array.values(), &run_places(array, visible))
        }
    }

    /// The values at `places`, null where the place is; values at no place do not count.
    pub(super) fn picked(
        &mut self,
        field: &ArrowField,
        values: &ArrayRef,
        places: &UInt64Array,
    ) -> Result<Column, FromArrowError> {
        let mut wanted = BooleanBufferBuilder::new(values.len());
        wanted.append_n(values.len(), false);
        for place in places.iter().flatten() {
            wanted.set_bit(place as usize, true);
        }
        let wanted = NullBuffer::new(wanted.finish());
        let (data_type, values) = self.column(field, values, Some(&wanted))?;
        self.charge(values.len() * size_of::<usize>())?;
        let weights: Vec<usize> = (0..values.len()).map(|row| weight(&values, row)).collect();
        for row in 0..places.len() {
            let weight = is_valid(places.nulls(), row).then(|| weights[places.value(row) as usize]);
            self.charge(weight.unwrap_or(0) + ROW_BYTES)?;
        }
        let values = take(&values, places, None).map_err(arrow_error)?;
        Ok((data_type, values))
    }
}

/// Bytes of the widest value of fixed size, and what a place in a list takes.
const ROW_BYTES: usize = 16;

/// About how many bytes the value of a row takes when it is copied. The array is of one of our
/// types.
fn weight(array: &ArrayRef, row: usize) -> usize {
    if array.is_null(row) {
        return ROW_BYTES;
    }
    let inside = match array.data_type() {
        ArrowType::Utf8 => array.as_string::<i32>().value_length(row) as usize,
        ArrowType::Binary => array.as_binary::<i32>().value_length(row) as usize,
        ArrowType::Struct(_) => {
            let columns = array.as_struct().columns();
            columns.iter().map(|column| weight(column, row)).sum()
        }
        ArrowType::List(_) => {
            let list = array.as_list::<i32>();
            let range = list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
            range.map(|item| weight(list.values(), item)).sum()
        }
        ArrowType::Map(..) => {
            let map = array.as_map();
            let range = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
            range
                .map(|entry| weight(map.keys(), entry) + weight(map.values(), entry))
                .sum()
        }
        _ => 0,
    };
    inside + ROW_BYTES
}

fn run_places<R: RunEndIndexType + ArrowPrimitiveType>(
    array: &RunArray<R>,
    visible: Option<&NullBuffer>,
) -> UInt64Array {
    let places = (0..array.len())
        .map(|row| is_valid(visible, row).then(|| array.get_physical_index(row) as u64));
    places.collect()
}
