//! All fields as a table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampMillisecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::spread::Quantiles;
use super::summary::FieldSummary;
use crate::statistics::view::View;

impl View {
    /// All fields as a table, a row each, in the order of [`View::fields`]; its numbers mean what
    /// [`FieldSummary`] says. The columns:
    ///
    /// | column | type | |
    /// | --- | --- | --- |
    /// | `path` | Utf8 | |
    /// | `types` | List of Utf8 | the types of its values, the most frequent first |
    /// | `events`, `missed` | Int64 | |
    /// | `density`, `density_in_parent` | Float64 | |
    /// | `places`, `values`, `nulls` | Int64 | |
    /// | `distinct`, `distinct_lower`, `distinct_upper` | Int64 | null of lists, maps and objects |
    /// | `min`, `max` | Utf8 | numbers as text, too |
    /// | `sum`, `mean`, `standard_deviation` | Float64 | of numbers |
    /// | `p1`, `p5`, `p25`, `p50`, `p75`, `p90`, `p95`, `p99`, `p99_9` | Float64 | of numbers |
    /// | `top_value`, `top_count` | Utf8, Int64 | the most frequent integer or text |
    /// | `first_seen`, `last_seen` | Timestamp (ms, UTC) | |
    /// | `latest` | Utf8 | |
    ///
    /// Heavy where fields are many.
    pub fn record_batch(&self) -> RecordBatch {
        let fields = self.fields();
        let table = RecordBatch::try_new(schema(), columns(&fields));
        table.expect("the columns are those of the schema")
    }
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn schema() -> SchemaRef {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, false));
    let always = |name: &str, data_type| Field::new(name, data_type, false);
    let maybe = |name: &str, data_type| Field::new(name, data_type, true);
    let mut columns = vec![
        always("path", DataType::Utf8),
        always("types", DataType::List(item)),
        always("events", DataType::Int64),
        always("missed", DataType::Int64),
        always("density", DataType::Float64),
        always("density_in_parent", DataType::Float64),
        always("places", DataType::Int64),
        always("values", DataType::Int64),
        always("nulls", DataType::Int64),
        maybe("distinct", DataType::Int64),
        maybe("distinct_lower", DataType::Int64),
        maybe("distinct_upper", DataType::Int64),
        maybe("min", DataType::Utf8),
        maybe("max", DataType::Utf8),
        maybe("sum", DataType::Float64),
        maybe("mean", DataType::Float64),
        maybe("standard_deviation", DataType::Float64),
    ];
    columns.extend(Quantiles::NAMES.map(|name| maybe(name, DataType::Float64)));
    columns.extend([
        maybe("top_value", DataType::Utf8),
        maybe("top_count", DataType::Int64),
        maybe("first_seen", time()),
        maybe("last_seen", time()),
        maybe("latest", DataType::Utf8),
    ]);
    Arc::new(Schema::new(columns))
}

fn columns(fields: &[FieldSummary]) -> Vec<ArrayRef> {
    let texts = |value: fn(&FieldSummary) -> Option<String>| -> ArrayRef {
        Arc::new(fields.iter().map(value).collect::<StringArray>())
    };
    let counts = |value: fn(&FieldSummary) -> Option<u64>| -> ArrayRef {
        let values = fields.iter().map(|own| value(own).map(|own| own as i64));
        Arc::new(values.collect::<Int64Array>())
    };
    let floats = |value: &dyn Fn(&FieldSummary) -> Option<f64>| -> ArrayRef {
        Arc::new(fields.iter().map(value).collect::<Float64Array>())
    };
    let times = |value: fn(&FieldSummary) -> Option<i64>| -> ArrayRef {
        let values: TimestampMillisecondArray = fields.iter().map(value).collect();
        Arc::new(values.with_timezone("UTC"))
    };
    let mut columns = vec![
        texts(|own| Some(own.path.clone())),
        types(fields),
        counts(|own| Some(own.events)),
        counts(|own| Some(own.missed)),
        floats(&|own| Some(own.density)),
        floats(&|own| Some(own.density_in_parent)),
        counts(|own| Some(own.places)),
        counts(|own| Some(own.values)),
        counts(|own| Some(own.nulls)),
        counts(|own| own.distinct.map(|own| own.estimate)),
        counts(|own| own.distinct.map(|own| own.lower)),
        counts(|own| own.distinct.map(|own| own.upper)),
        texts(|own| own.min.as_ref().map(ToString::to_string)),
        texts(|own| own.max.as_ref().map(ToString::to_string)),
        floats(&|own| own.sum),
        floats(&|own| own.mean),
        floats(&|own| own.standard_deviation),
    ];
    let quantiles = Quantiles::NAMES.len();
    columns
        .extend((0..quantiles).map(|at| floats(&|own| own.quantiles.map(|own| own.values()[at]))));
    columns.extend([
        texts(|own| own.top.as_ref().map(|top| top.value.clone())),
        counts(|own| own.top.as_ref().map(|top| top.count)),
        times(|own| own.first_seen_ms),
        times(|own| own.last_seen_ms),
        texts(|own| own.latest.clone()),
    ]);
    columns
}

fn types(fields: &[FieldSummary]) -> ArrayRef {
    let item = Field::new_list_field(DataType::Utf8, false);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item);
    for field in fields {
        for typed in &field.types {
            lists.values().append_value(typed.kind.as_str());
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}
