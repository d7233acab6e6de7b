//! The file of a window's rejects: identity, code, reason, and the bytes as they came.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema as ArrowSchema};

use super::layout::{identity_fields, shard_column};
use crate::types::{KinesisShardId, Reject};

/// The columns of a file of rejects.
pub(super) fn reject_schema() -> ArrowSchema {
    let mut fields = identity_fields();
    fields.extend([
        Field::new("code", DataType::Utf8, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("data", DataType::Binary, false),
    ]);
    ArrowSchema::new(fields)
}

/// Rejects of one Kinesis shard as the columns of [`reject_schema`].
pub(super) fn reject_columns(
    shard: &KinesisShardId,
    rejects: &[Reject],
) -> Result<Vec<ArrayRef>, ArrowError> {
    let texts = |text: fn(&Reject) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rejects.iter().map(text)))
    };
    let arrivals = rejects.iter().map(|reject| reject.arrival);
    let data = rejects.iter().map(|reject| reject.data.as_ref());
    Ok(vec![
        shard_column(shard, rejects.len())?,
        texts(|reject| reject.sequence.as_str()),
        Arc::new(Int64Array::from_iter_values(
            rejects.iter().map(|reject| as_i64(reject.subsequence)),
        )),
        texts(|reject| &reject.partition_key),
        Arc::new(TimestampMillisecondArray::from_iter_values(arrivals).with_timezone("UTC")),
        Arc::new(Int32Array::from_iter_values(
            rejects.iter().map(|reject| as_i32(reject.index)),
        )),
        texts(|reject| reject.code.as_str()),
        texts(|reject| &reject.reason),
        Arc::new(BinaryArray::from_iter_values(data)),
    ])
}

/// Bytes of memory that a reject holds.
pub(super) fn reject_bytes(reject: &Reject) -> usize {
    size_of::<Reject>() + reject.data.len() + reject.reason.len() + reject.partition_key.len()
}

/// A place in a KPL aggregate: far below 2^63, as an aggregate has at most 10 MiB.
fn as_i64(subsequence: u64) -> i64 {
    i64::try_from(subsequence).unwrap_or(i64::MAX)
}

/// A place in a payload: below 2^31 for the same reason.
fn as_i32(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
