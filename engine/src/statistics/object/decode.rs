//! An object to a pane.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    ArrowPrimitiveType, Decimal128Type, Float64Type, Int64Type, TimestampMillisecondType,
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::{DamagedPane, FORMAT_VERSION, HEAD_KEY, Head, columns};
use crate::statistics::field::FieldStatistics;
use crate::statistics::pane::{Pane, PaneLimits};
use crate::statistics::sketch::{
    Bucket, Distinct, FloatSum, Histogram, LatestValue, Moments, Place, TopValue, TopValues,
};
use crate::statistics::tree::Node;
use crate::statistics::typed::{
    Bound, Decimal, Measures, Sketches, Sum, TypeStatistics, ValueType,
};
use crate::types::{Counts, Window};

type Result<T> = std::result::Result<T, DamagedPane>;

impl Pane {
    /// Reads what [`Pane::encode`] wrote, and the metadata of its footer. Heavy.
    ///
    /// # Errors
    /// That it is of a newer version, or that it is no pane.
    pub fn decode(bytes: Bytes, limits: PaneLimits) -> Result<(Pane, Vec<(String, String)>)> {
        // The library trusts much of what it reads, and panics where that is not so.
        catch_unwind(AssertUnwindSafe(|| decode(bytes, limits)))
            .unwrap_or_else(|_| Err(damaged("its Parquet is not whole")))
    }
}

fn decode(bytes: Bytes, limits: PaneLimits) -> Result<(Pane, Vec<(String, String)>)> {
    // The columns are cast to what they should be; what Arrow has put beside them says no more.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?;
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let mut metadata: Vec<(String, String)> = pairs
        .into_iter()
        .flatten()
        .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
        .collect();
    let head = metadata.iter().position(|(key, _)| key == HEAD_KEY);
    let head = head.map(|at| metadata.remove(at).1);
    let head: Head = head
        .and_then(|head| serde_json::from_str(&head).ok())
        .ok_or_else(|| damaged(format!("its footer has no {HEAD_KEY}")))?;
    if head.format_version > FORMAT_VERSION {
        return Err(DamagedPane::Newer {
            found: head.format_version,
            known: FORMAT_VERSION,
        });
    }
    let schema = columns::schema();
    let batches = builder
        .build()?
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let batches = batches.iter().map(|batch| batch.project_like(&schema));
    let batches = batches.collect::<Result<Vec<_>>>()?;
    let rows = concat_batches(&schema, &batches)?;
    let mut pane = Pane::new(limits);
    pane.total = head.total;
    pane.given_up = head.given_up();
    Reader { rows: &rows }.read(&mut pane)?;
    Ok((pane, metadata))
}

fn damaged(detail: impl Into<String>) -> DamagedPane {
    DamagedPane::Damaged(detail.into())
}

/// The columns by their names, each of the type that it is written with.
trait ProjectLike {
    fn project_like(&self, schema: &arrow_schema::SchemaRef) -> Result<RecordBatch>;
}

impl ProjectLike for RecordBatch {
    fn project_like(&self, schema: &arrow_schema::SchemaRef) -> Result<RecordBatch> {
        let column = |field: &arrow_schema::FieldRef| {
            let column = self
                .column_by_name(field.name())
                .ok_or_else(|| damaged(format!("it has no column {}", field.name())))?;
            Ok(arrow::compute::cast(column, field.data_type())?)
        };
        let arrays = schema
            .fields()
            .iter()
            .map(column)
            .collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(std::sync::Arc::clone(schema), arrays)?)
    }
}

struct Reader<'b> {
    rows: &'b RecordBatch,
}

impl<'b> Reader<'b> {
    fn read(&self, pane: &mut Pane) -> Result<()> {
        let paths = self.column("path")?.as_string::<i32>();
        let kinds = self.column("type")?.as_string::<i32>();
        for row in 0..self.rows.num_rows() {
            let (path, kind) = (paths.value(row), kinds.is_valid(row));
            if path.is_empty() {
                self.pane(pane, row)?;
                continue;
            }
            let node = node_at(&mut pane.root, path)
                .ok_or_else(|| damaged(format!("{path:?} is no path")))?;
            if !kind {
                self.field(node.own(), row)?;
                continue;
            }
            let kind = ValueType::parse(kinds.value(row))
                .ok_or_else(|| damaged(format!("{:?} is no type", kinds.value(row))))?;
            *node.own().of_mut(kind) = self.typed(kind, row)?;
        }
        Ok(())
    }

    fn pane(&self, pane: &mut Pane, row: usize) -> Result<()> {
        if let Some((windows, range)) = self.list("windows", row)? {
            let integers = |at: usize| windows.column(at).as_primitive::<Int64Type>();
            for at in range {
                let count = |column: usize| integers(column).value(at) as u64;
                let counts = Counts {
                    records: count(1),
                    payloads: count(2),
                    bytes: count(3),
                    rows: count(4),
                    rejects: count(5),
                    empty: count(6),
                };
                pane.windows.insert(Window(integers(0).value(at)), counts);
            }
        }
        if let Some((rejects, range)) = self.list("rejects", row)? {
            let codes = rejects.column(0).as_string::<i32>();
            let counts = rejects.column(1).as_primitive::<Int64Type>();
            for at in range {
                let count = counts.value(at) as u64;
                pane.rejects.insert(codes.value(at).into(), count);
            }
        }
        Ok(())
    }

    fn field(&self, field: &mut FieldStatistics, row: usize) -> Result<()> {
        field.events = self.count("events", row)?;
        field.missed = self.count("missed", row)?;
        let first = self.value::<TimestampMillisecondType>("first_seen", row)?;
        let last = self.value::<TimestampMillisecondType>("last_seen", row)?;
        field.seen = first.zip(last);
        let Some((latest, range)) = self.list("latest", row)? else {
            return Ok(());
        };
        let integers = |at: usize| latest.column(at).as_primitive::<Int64Type>();
        for at in range {
            let arrivals = latest.column(0).as_primitive::<TimestampMillisecondType>();
            field.latest.add(LatestValue {
                place: Place {
                    arrival: arrivals.value(at),
                    sequence: latest.column(1).as_string::<i32>().value(at).into(),
                    subsequence: integers(2).value(at),
                    index: integers(3).value(at) as i32,
                    item: integers(4).value(at) as u32,
                },
                value: latest.column(5).as_string::<i32>().value(at).into(),
            });
        }
        Ok(())
    }

    fn typed(&self, kind: ValueType, row: usize) -> Result<TypeStatistics> {
        let (min, max) = (self.text("min", row)?, self.text("max", row)?);
        let bound = |text: &str| {
            bound(kind, text).ok_or_else(|| damaged(format!("{text:?} is no {}", kind.as_str())))
        };
        let bounds = match min.zip(max) {
            Some((min, max)) => Some((bound(min)?, bound(max)?)),
            None => None,
        };
        Ok(TypeStatistics {
            values: self.count("values", row)?,
            not_finite: self.count("not_finite", row)?,
            bounds,
            measures: self.measures(row)?,
            sketches: self.sketches(row)?,
            sketched: self.count("sketched", row)?,
        })
    }

    fn measures(&self, row: usize) -> Result<Option<Measures>> {
        let Some(count) = self.value::<Int64Type>("measured", row)? else {
            return Ok(None);
        };
        let float =
            |name| -> Result<f64> { Ok(self.value::<Float64Type>(name, row)?.unwrap_or_default()) };
        let sum = match self.value::<Decimal128Type>("sum_exact", row)? {
            Some(sum) => Sum::Integer(sum),
            None => Sum::Float(FloatSum {
                high: float("sum_high")?,
                low: float("sum_low")?,
            }),
        };
        Ok(Some(Measures {
            lowest: float("lowest")?,
            highest: float("highest")?,
            sum,
            moments: Moments {
                count: count as u64,
                mean: float("mean")?,
                squares: float("squares")?,
            },
        }))
    }

    fn sketches(&self, row: usize) -> Result<Sketches> {
        let mut sketches = Sketches::default();
        if let Some((buckets, range)) = self.list("histogram", row)? {
            let floats = |at: usize| buckets.column(at).as_primitive::<Float64Type>();
            let counts = buckets.column(2).as_primitive::<Int64Type>();
            let mut histogram = Histogram::default();
            for at in range {
                let ends = (floats(0).value(at), floats(1).value(at));
                histogram.add_bucket(Bucket::between(ends, counts.value(at) as u64));
            }
            sketches.histogram = Some(histogram);
        }
        let distinct = self.column("distinct_sketch")?.as_binary::<i32>();
        if distinct.is_valid(row) {
            let read = Distinct::from_bytes(distinct.value(row));
            sketches.distinct = Some(read.ok_or_else(|| damaged("a sketch cannot be read"))?);
        }
        if let Some((values, range)) = self.list("top_values", row)? {
            let texts = values.column(0).as_string::<i32>();
            let counts = values.column(1).as_primitive::<Int64Type>();
            let value = |at| TopValue {
                value: texts.value(at),
                count: counts.value(at) as u64,
            };
            let kept = self.count("top_kept", row)? as usize;
            let error = self.count("top_error", row)?;
            sketches.top = Some(TopValues::from_values(kept, range.map(value), error));
        }
        Ok(sketches)
    }

    fn column(&self, name: &str) -> Result<&'b ArrayRef> {
        let column = self.rows.column_by_name(name);
        column.ok_or_else(|| damaged(format!("it has no column {name}")))
    }

    fn value<T: ArrowPrimitiveType>(&self, name: &str, row: usize) -> Result<Option<T::Native>> {
        let column = self.column(name)?.as_primitive::<T>();
        Ok(column.is_valid(row).then(|| column.value(row)))
    }

    fn count(&self, name: &str, row: usize) -> Result<u64> {
        let value = self.value::<Int64Type>(name, row)?.unwrap_or_default();
        u64::try_from(value).map_err(|_| damaged(format!("{name} is {value}")))
    }

    fn text(&self, name: &str, row: usize) -> Result<Option<&'b str>> {
        let column = self.column(name)?.as_string::<i32>();
        Ok(column.is_valid(row).then(|| column.value(row)))
    }

    /// The items of a list and which of them are of this row.
    fn list(&self, name: &str, row: usize) -> Result<Option<(&'b StructArray, Range<usize>)>> {
        let lists = self.column(name)?.as_list::<i32>();
        let offsets = lists.value_offsets();
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        Ok(lists
            .is_valid(row)
            .then(|| (lists.values().as_struct(), range)))
    }
}

/// The node at a path, made where it is missing; `None` if that is none.
fn node_at<'n>(root: &'n mut Node, path: &str) -> Option<&'n mut Node> {
    let mut node = root;
    for step in crate::statistics::path::steps(path)? {
        node = match step {
            crate::statistics::path::Step::Member(name) => node.members.get_or_add(&name, 0),
            crate::statistics::path::Step::Items => node.items(0),
            crate::statistics::path::Step::Entries => node.entries(0),
        };
    }
    Some(node)
}

fn bound(kind: ValueType, text: &str) -> Option<Bound> {
    Some(match kind {
        ValueType::String => Bound::Text(text.into()),
        ValueType::Float => Bound::Float(text.parse().ok()?),
        ValueType::Decimal => {
            let scale = text
                .split_once('.')
                .map_or(0, |(_, fraction)| fraction.len());
            let digits = text.replace('.', "").parse().ok()?;
            Bound::Decimal(Decimal::new(digits, u8::try_from(scale).ok()?))
        }
        _ => Bound::Integer(text.parse().ok()?),
    })
}
