//! A pane to an object.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StringBuilder, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, Field, Fields};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::{HEAD_KEY, Head, columns};
use crate::statistics::field::FieldStatistics;
use crate::statistics::pane::Pane;
use crate::statistics::sketch::{Bucket, FloatSum, LatestValue, TopValue};
use crate::statistics::typed::{Bound, Decimal, Sum, TypeStatistics, ValueType};
use crate::types::{Counts, Window};

/// Bytes of a pane up to which it is small.
const SMALL: usize = 256 << 10;

impl Pane {
    /// The pane as a Parquet file, with `metadata` in its footer. Heavy.
    ///
    /// # Errors
    /// What only a fault of this code can bring.
    pub fn encode(&self, metadata: &[(String, String)]) -> Result<Vec<u8>, ParquetError> {
        let head = serde_json::to_string(&Head::of(self))
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        let entry = |(key, value): &(String, String)| KeyValue::new(key.clone(), value.clone());
        let mut pairs: Vec<KeyValue> = metadata.iter().map(entry).collect();
        pairs.push(KeyValue::new(HEAD_KEY.to_owned(), head));
        // Each page has a context of its own with zstd, which costs more than a small page is worth.
        let compression = match self.memory_size() {
            0..SMALL => Compression::SNAPPY,
            _ => Compression::ZSTD(ZstdLevel::try_new(1)?),
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_dictionary_enabled(false)
            .set_key_value_metadata(Some(pairs))
            .build();
        let rows = rows(self)?;
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), Some(properties))?;
        writer.write(&rows)?;
        writer.close()?;
        Ok(file)
    }
}

/// A row of the object: the pane, a field, or a type of a field's values.
enum Row<'p> {
    Pane(&'p Pane),
    Field(String, &'p FieldStatistics),
    Typed(String, ValueType, &'p TypeStatistics),
}

impl<'p> Row<'p> {
    fn pane(&self) -> Option<&'p Pane> {
        match self {
            Row::Pane(pane) => Some(pane),
            _ => None,
        }
    }

    fn field(&self) -> Option<&'p FieldStatistics> {
        match self {
            Row::Field(_, field) => Some(field),
            _ => None,
        }
    }

    fn typed(&self) -> Option<&'p TypeStatistics> {
        match self {
            Row::Typed(_, _, typed) => Some(typed),
            _ => None,
        }
    }

    fn path(&self) -> &str {
        match self {
            Row::Pane(_) => "",
            Row::Field(path, _) | Row::Typed(path, _, _) => path,
        }
    }
}

fn rows(pane: &Pane) -> Result<RecordBatch, ArrowError> {
    let mut rows = vec![Row::Pane(pane)];
    for (path, field) in pane.fields() {
        rows.push(Row::Field(path.clone(), field));
        let types = field.types();
        rows.extend(types.map(|(kind, typed)| Row::Typed(path.clone(), kind, typed)));
    }
    let rows = &rows;
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let kind = |row: &Row<'_>| match row {
        Row::Typed(_, kind, _) => Some(kind.as_str()),
        _ => None,
    };
    arrays.push(Arc::new(
        rows.iter()
            .map(|row| Some(row.path()))
            .collect::<StringArray>(),
    ));
    arrays.push(Arc::new(rows.iter().map(kind).collect::<StringArray>()));
    arrays.push(windows(rows)?);
    arrays.push(rejects(rows)?);
    field_columns(rows, &mut arrays)?;
    typed_columns(rows, &mut arrays)?;
    RecordBatch::try_new(columns::schema(), arrays)
}

fn field_columns(rows: &[Row<'_>], arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
    let fields = || rows.iter().map(Row::field);
    let integers = |value: fn(&FieldStatistics) -> u64| -> ArrayRef {
        let values = fields().map(|field| field.map(|field| value(field) as i64));
        Arc::new(values.collect::<Int64Array>())
    };
    let times = |value: fn((i64, i64)) -> i64| -> ArrayRef {
        let values = fields().map(|field| field.and_then(|field| field.seen).map(value));
        Arc::new(
            values
                .collect::<TimestampMillisecondArray>()
                .with_timezone("UTC"),
        )
    };
    arrays.push(integers(|field| field.events));
    arrays.push(integers(|field| field.missed));
    arrays.push(times(|seen| seen.0));
    arrays.push(times(|seen| seen.1));
    let latest: Vec<Option<&[LatestValue]>> = fields()
        .map(|field| field.map(|field| field.latest.values()))
        .collect();
    let all = || latest.iter().flatten().copied().flatten();
    let arrivals = all().map(|value| value.place.arrival);
    let arrivals = TimestampMillisecondArray::from_iter_values(arrivals).with_timezone("UTC");
    let integers = |value: fn(&LatestValue) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(all().map(value)))
    };
    let children: Vec<ArrayRef> = vec![
        Arc::new(arrivals),
        Arc::new(texts_of(all().map(|own| &own.place.sequence))),
        integers(|own| own.place.subsequence),
        integers(|own| i64::from(own.place.index)),
        integers(|own| i64::from(own.place.item)),
        Arc::new(texts_of(all().map(|own| &own.value))),
    ];
    let lengths = latest.iter().map(|own| own.map(<[_]>::len));
    arrays.push(lists(lengths, columns::latest(), children)?);
    Ok(())
}

type Of<T> = fn(&TypeStatistics) -> Option<T>;

fn integers(rows: &[Row<'_>], value: Of<u64>) -> ArrayRef {
    let values = rows.iter().map(|row| row.typed().and_then(value));
    Arc::new(
        values
            .map(|value| value.map(|value| value as i64))
            .collect::<Int64Array>(),
    )
}

fn floats(rows: &[Row<'_>], value: Of<f64>) -> ArrayRef {
    let values = rows.iter().map(|row| row.typed().and_then(value));
    Arc::new(values.collect::<Float64Array>())
}

fn texts(rows: &[Row<'_>], value: Of<String>) -> ArrayRef {
    let values = rows.iter().map(|row| row.typed().and_then(value));
    Arc::new(values.collect::<StringArray>())
}

fn typed_columns(rows: &[Row<'_>], arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
    arrays.push(integers(rows, |typed| Some(typed.values)));
    arrays.push(integers(rows, |typed| Some(typed.not_finite)));
    arrays.push(integers(rows, |typed| Some(typed.sketched)));
    arrays.push(texts(rows, |typed| Some(text(&typed.bounds.as_ref()?.0))));
    arrays.push(texts(rows, |typed| Some(text(&typed.bounds.as_ref()?.1))));
    arrays.push(integers(rows, |typed| {
        Some(typed.measures.as_ref()?.moments.count)
    }));
    arrays.push(floats(rows, |typed| Some(typed.measures.as_ref()?.lowest)));
    arrays.push(floats(rows, |typed| Some(typed.measures.as_ref()?.highest)));
    sum_columns(rows, arrays)?;
    arrays.push(floats(rows, |typed| {
        Some(typed.measures.as_ref()?.moments.mean)
    }));
    arrays.push(floats(rows, |typed| {
        Some(typed.measures.as_ref()?.moments.squares)
    }));
    sketch_columns(rows, arrays)
}

fn sum_columns(rows: &[Row<'_>], arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
    let exact = rows
        .iter()
        .map(|row| match row.typed()?.measures.as_ref()?.sum {
            Sum::Integer(sum) => Some(sum),
            Sum::Float(_) => None,
        });
    let exact: Decimal128Array = exact.collect();
    arrays.push(Arc::new(
        exact.with_precision_and_scale(columns::SUM_DIGITS, 0)?,
    ));
    fn float(typed: &TypeStatistics) -> Option<FloatSum> {
        match typed.measures.as_ref()?.sum {
            Sum::Integer(_) => None,
            Sum::Float(sum) => Some(sum),
        }
    }
    arrays.push(floats(rows, |typed| Some(float(typed)?.high)));
    arrays.push(floats(rows, |typed| Some(float(typed)?.low)));
    Ok(())
}

fn sketch_columns(rows: &[Row<'_>], arrays: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
    arrays.push(histograms(rows)?);
    arrays.push(floats(rows, |typed| {
        Some(typed.sketches.distinct.as_ref()?.estimate().estimate)
    }));
    let mut sketches = BinaryBuilder::new();
    for row in rows {
        let distinct = row
            .typed()
            .and_then(|typed| typed.sketches.distinct.as_ref());
        sketches.append_option(distinct.map(|distinct| distinct.to_bytes()));
    }
    arrays.push(Arc::new(sketches.finish()));
    arrays.push(top_values(rows)?);
    arrays.push(integers(rows, |typed| {
        Some(typed.sketches.top.as_ref()?.error())
    }));
    arrays.push(integers(rows, |typed| {
        Some(typed.sketches.top.as_ref()?.top() as u64)
    }));
    Ok(())
}

/// A bound as the text that reads back as the same.
fn text(bound: &Bound) -> String {
    match bound {
        Bound::Integer(value) => value.to_string(),
        Bound::Float(value) => ryu::Buffer::new().format(*value).to_owned(),
        Bound::Decimal(value) => decimal_text(*value),
        Bound::Text(text) => (**text).to_owned(),
    }
}

/// A decimal as its digits.
pub(in crate::statistics) fn decimal_text(value: Decimal) -> String {
    let mut text = Vec::new();
    crate::schema::write_decimal(&mut text, value.digits(), value.scale());
    String::from_utf8_lossy(&text).into_owned()
}

fn windows(rows: &[Row<'_>]) -> Result<ArrayRef, ArrowError> {
    let all = || {
        rows.iter()
            .filter_map(Row::pane)
            .flat_map(|pane| &pane.windows)
    };
    let integers = |value: fn(Window, &Counts) -> i64| -> ArrayRef {
        let values = all().map(|(window, counts)| value(*window, counts));
        Arc::new(Int64Array::from_iter_values(values))
    };
    let children = vec![
        integers(|window, _| window.0),
        integers(|_, counts| counts.records as i64),
        integers(|_, counts| counts.payloads as i64),
        integers(|_, counts| counts.bytes as i64),
        integers(|_, counts| counts.rows as i64),
        integers(|_, counts| counts.rejects as i64),
        integers(|_, counts| counts.empty as i64),
    ];
    let lengths = rows
        .iter()
        .map(|row| row.pane().map(|pane| pane.windows.len()));
    lists(lengths, columns::windows(), children)
}

fn rejects(rows: &[Row<'_>]) -> Result<ArrayRef, ArrowError> {
    let all = || {
        rows.iter()
            .filter_map(Row::pane)
            .flat_map(|pane| &pane.rejects)
    };
    let children: Vec<ArrayRef> = vec![
        Arc::new(texts_of(all().map(|(code, _)| code))),
        Arc::new(Int64Array::from_iter_values(
            all().map(|(_, count)| *count as i64),
        )),
    ];
    let lengths = rows
        .iter()
        .map(|row| row.pane().map(|pane| pane.rejects.len()));
    lists(lengths, columns::counted("code"), children)
}

fn histograms(rows: &[Row<'_>]) -> Result<ArrayRef, ArrowError> {
    let buckets: Vec<Option<Vec<Bucket>>> = rows
        .iter()
        .map(|row| {
            Some(
                row.typed()?
                    .sketches
                    .histogram
                    .as_ref()?
                    .buckets()
                    .collect(),
            )
        })
        .collect();
    let all = || buckets.iter().flatten().flatten();
    let children: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from_iter_values(
            all().map(|bucket| bucket.ends().0),
        )),
        Arc::new(Float64Array::from_iter_values(
            all().map(|bucket| bucket.ends().1),
        )),
        Arc::new(Int64Array::from_iter_values(
            all().map(|bucket| bucket.count as i64),
        )),
    ];
    let lengths = buckets.iter().map(|own| own.as_ref().map(Vec::len));
    lists(lengths, columns::buckets(), children)
}

fn top_values(rows: &[Row<'_>]) -> Result<ArrayRef, ArrowError> {
    let values: Vec<Option<Vec<TopValue<'_>>>> = rows
        .iter()
        .map(|row| Some(row.typed()?.sketches.top.as_ref()?.values(usize::MAX)))
        .collect();
    let mut texts = StringBuilder::new();
    let all = || values.iter().flatten().flatten();
    all().for_each(|value| texts.append_value(value.value));
    let children: Vec<ArrayRef> = vec![
        Arc::new(texts.finish()),
        Arc::new(Int64Array::from_iter_values(
            all().map(|value| value.count as i64),
        )),
    ];
    let lengths = values.iter().map(|own| own.as_ref().map(Vec::len));
    lists(lengths, columns::counted("value"), children)
}

fn texts_of<'t>(texts: impl Iterator<Item = &'t (impl AsRef<str> + ?Sized + 't)>) -> StringArray {
    texts.map(|text| Some(text.as_ref())).collect()
}

/// Lists of so many items each, null where there is none.
fn lists(
    lengths: impl Iterator<Item = Option<usize>> + Clone,
    fields: Fields,
    children: Vec<ArrayRef>,
) -> Result<ArrayRef, ArrowError> {
    let items = StructArray::try_new(fields, children, None)?;
    let item = Field::new(
        "item",
        arrow::array::Array::data_type(&items).clone(),
        false,
    );
    let offsets = OffsetBuffer::from_lengths(lengths.clone().map(Option::unwrap_or_default));
    let nulls: NullBuffer = lengths.map(|length| length.is_some()).collect();
    let lists = ListArray::try_new(Arc::new(item), offsets, Arc::new(items), Some(nulls))?;
    Ok(Arc::new(lists))
}
