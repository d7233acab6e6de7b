//! Raw bytes: each content is one event of one field. An empty content holds nothing.

use std::sync::Arc;

use arrow::array::{Array, BinaryBuilder};
use serde::{Deserialize, Serialize};

use super::DecodeLimits;
use super::columns::Columns;
use super::content::Content;
use super::format::Format;
use super::sink::Sink;
use super::text::too_large;
use crate::schema::{DataType, Field};
use crate::types::RejectCode;

/// Contents as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawOptions {
    /// The name of the field.
    pub field: String,
}

impl Default for RawOptions {
    fn default() -> Self {
        Self {
            field: "data".to_owned(),
        }
    }
}

/// The format of raw bytes.
pub(super) struct Raw {
    field: Field,
    max_event_bytes: usize,
    max_table_bytes: usize,
}

impl Raw {
    pub(super) fn new(limits: &DecodeLimits, options: &RawOptions) -> Self {
        Self {
            field: Field::new(options.field.as_str(), DataType::Binary),
            max_event_bytes: limits.max_event_bytes,
            max_table_bytes: limits.max_table_bytes,
        }
    }

    /// The values as a table.
    fn table(&self, values: &mut BinaryBuilder) -> Columns {
        let values = values.finish();
        Columns {
            len: values.len(),
            fields: vec![self.field.clone()],
            columns: vec![Arc::new(values)],
        }
    }
}

impl Format for Raw {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let mut values = BinaryBuilder::new();
        let mut rows = Vec::new();
        let mut bytes = 0;
        for content in contents.iter().filter(|content| !content.data.is_empty()) {
            let len = content.data.len();
            if len > self.max_event_bytes {
                let reason = too_large(len, self.max_event_bytes);
                sink.reject(content, 0..len, RejectCode::TooLarge, reason);
                continue;
            }
            if bytes + len > self.max_table_bytes {
                sink.table_of(std::mem::take(&mut rows), self.table(&mut values));
                bytes = 0;
            }
            rows.push(sink.row_of(content));
            values.append_value(content.data);
            bytes += len;
        }
        sink.table_of(rows, self.table(&mut values));
    }

    fn reset(&mut self) {}
}
