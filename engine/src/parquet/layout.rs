//! The columns that every file has beside its own: who each row is.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};

use crate::types::KinesisShardId;

/// The identity columns in the order of the file; none is ever null.
pub(super) fn identity_fields() -> Vec<Field> {
    let shard = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let arrival = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    vec![
        Field::new("_shard", shard, false),
        Field::new("_sequence", DataType::Utf8, false),
        Field::new("_subsequence", DataType::Int64, false),
        Field::new("_partition_key", DataType::Utf8, false),
        Field::new("_arrival", arrival, false),
        Field::new("_index", DataType::Int32, false),
    ]
}

/// `_shard` of `rows` rows: one dictionary entry. In Arrow only; the file's column is text with a
/// dictionary page.
pub(super) fn shard_column(shard: &KinesisShardId, rows: usize) -> Result<ArrayRef, ArrowError> {
    let keys = Int32Array::from(vec![0; rows]);
    let values = Arc::new(StringArray::from(vec![shard.as_str()]));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
        keys, values,
    )?))
}
