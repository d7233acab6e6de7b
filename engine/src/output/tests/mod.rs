//! Outputs of a source in memory.

mod formats;
mod paths;
mod runs;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
use futures::FutureExt;

use super::*;
use crate::budget::Budget;
use crate::log::memory::Memory;
use crate::log::{
    Commit, DataFile, Identity, LaneLog, LaneState, LogError, ShardRange, ShardState,
    SourceOptions, claim_lanes, open_source, take_generation,
};
use crate::parquet::{ParquetOptions, TableFile};
use crate::ports::Inline;
use crate::schema::{DataType, Field, Schema};
use crate::types::{
    Counts, FileKind, Generation, KinesisShardId, Position, ProcessId, SequenceNumber, Window,
    WindowLength,
};

const NOW: i64 = 1_795_341_780_000;

/// Runs what is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let answer = future.now_or_never();
    answer.expect("every call of the memory is ready at once")
}

/// The window `number` minutes after the first.
fn window(number: i64) -> Window {
    Window(WindowLength::MINUTE.window_of(NOW).0 + number)
}

fn shard() -> KinesisShardId {
    KinesisShardId::new("shardId-0")
}

fn identity() -> Identity {
    Identity {
        process: ProcessId::new("a"),
        host: "host".into(),
        version: "test".into(),
    }
}

/// A source with one lane, and the target of its outputs.
struct Scene {
    source: Arc<Memory>,
    target: Arc<Memory>,
    log: LaneLog,
    generation: Generation,
    parts: u32,
    budget: Budget,
}

impl Scene {
    fn new() -> Self {
        let (source, target) = (Memory::new(NOW), Memory::new(NOW));
        let (generation, log) = claim(&source).unwrap();
        Self {
            source,
            target,
            log,
            generation,
            parts: 0,
            budget: Budget::new(1 << 30),
        }
    }

    /// Commits rows of the columns of [`event_fields`] and closes the window.
    fn commit(&mut self, at: Window, ids: &[i64]) {
        let fields = event_fields();
        self.commit_columns(at, fields, events(ids));
    }

    fn commit_columns(&mut self, at: Window, fields: Vec<Field>, columns: Vec<ArrayRef>) {
        let rows = columns[0].len();
        let schema = Schema {
            fields: fields.clone(),
        };
        let mut stored = fields;
        let mut columns = columns;
        stored.push(Field::new("_index", DataType::Int64));
        columns.push(Arc::new(Int64Array::from_iter_values(0..rows as i64)));
        let mut file = TableFile::new(&stored, &ParquetOptions::default(), &self.budget);
        file.push(columns).unwrap();
        let (body, _) = file.finish(Vec::new()).unwrap();
        let claim = self.log.claim();
        let length = WindowLength::MINUTE;
        let name = crate::log::names::file(FileKind::Data, length, claim, at, self.parts);
        self.parts += 1;
        let bytes = body.len() as u64;
        self.source.objects().insert(name.clone(), body);
        let position = self.log.state().shards[&shard()].position.clone();
        let read = position
            .sequence()
            .map_or(0, |read| read.as_str().parse::<u64>().unwrap());
        let rows = rows as u64;
        let range = ShardRange {
            from: position,
            to: Position::At(SequenceNumber::from(read + rows)),
            arrival_at_to: NOW,
            counts: Counts {
                records: rows,
                payloads: rows,
                rows,
                ..Counts::default()
            },
            current_window: at.next(),
        };
        let commit = Commit {
            files: vec![DataFile {
                name,
                window: at,
                rows,
                bytes,
                schema: Some(Arc::new(schema)),
            }],
            ranges: BTreeMap::from([(shard(), range)]),
            closed_through: Some(at),
            ..Commit::default()
        };
        now(self.log.append(commit)).unwrap();
        now(self.log.checkpoint_if_due()).unwrap();
    }

    fn world(&self, generation: Generation) -> World {
        World {
            source: self.source.store(),
            target: self.target.store(),
            host: self.target.host(),
            budget: self.budget.clone(),
            threads: Arc::new(Inline),
            identity: identity(),
            generation,
        }
    }

    fn open(&self, plan: OutputPlan) -> Result<Output, OutputError> {
        let transform = make(&plan.definition).unwrap();
        now(Output::open(self.world(self.generation), plan, transform))
    }

    /// Takes all that is there.
    fn run(&self, output: &mut Output) -> Result<(), OutputError> {
        while now(output.step(Take::All))?.committed {}
        Ok(())
    }

    /// The files of the output in the order of their names.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let objects = self.target.objects();
        let files = objects.iter().filter(|(name, _)| name.starts_with("data/"));
        files
            .map(|(name, body)| (name.clone(), body.to_vec()))
            .collect()
    }

    /// The lines of all files of text.
    fn lines(&self) -> Vec<String> {
        let files = self.files().into_iter();
        let lines = files.flat_map(|(_, body)| {
            let text = String::from_utf8(body).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        lines.collect()
    }

    fn verify(&self) -> Result<OutputVerified, crate::verify::VerifyError> {
        let (source, target) = (self.source.store(), self.target.store());
        now(verify_output(
            source,
            target,
            self.target.host(),
            &make,
            &mut |_| (),
        ))
    }
}

fn claim(source: &Arc<Memory>) -> Result<(Generation, LaneLog), LogError> {
    let (store, host) = (source.store(), source.host());
    now(async {
        let options = SourceOptions {
            name: "clicks".into(),
            stream: "clickstream".into(),
            window_length: WindowLength::MINUTE,
            start: Some(NOW),
            version: "test".into(),
        };
        open_source(&store, &host, options).await?;
        let generation = take_generation(&store, &host, &identity()).await?;
        let first = || async { Ok::<_, LogError>(vec![first_lane()]) };
        let logs = claim_lanes(&store, &host, &identity(), generation, 1, first).await?;
        Ok((generation, logs.into_iter().next().unwrap()))
    })
}

fn first_lane() -> LaneState {
    let state = ShardState {
        position: Position::Start,
        current_window: window(0),
        parents: Vec::new(),
        ended: false,
        arrival_at_position: None,
        caught_up_at: None,
        cut: None,
    };
    LaneState {
        shards: BTreeMap::from([(shard(), state)]),
        ..LaneState::default()
    }
}

/// `id`, `path` and `user` with `id` and `name`.
fn event_fields() -> Vec<Field> {
    let user = vec![
        Field::new("id", DataType::Int64),
        Field::new("name", DataType::Utf8),
    ];
    vec![
        Field::new("id", DataType::Int64),
        Field::new("path", DataType::Utf8),
        Field::new("user", DataType::Struct(user)),
    ]
}

fn events(ids: &[i64]) -> Vec<ArrayRef> {
    let path = ids.iter().map(|id| (id % 2 == 0).then(|| format!("/{id}")));
    let names = ids.iter().map(|id| format!("user \"{id}\", é"));
    let DataType::Struct(user) = &event_fields()[2].data_type else {
        unreachable!("it is a struct");
    };
    let fields: Vec<_> = user.iter().map(Field::to_arrow).collect();
    let members: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.iter().map(|id| id * 10))),
        Arc::new(StringArray::from_iter_values(names)),
    ];
    vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(StringArray::from_iter(path)),
        Arc::new(StructArray::new(fields.into(), members, None)),
    ]
}

fn plan(format: OutputFormat, columns: Option<&[&str]>) -> OutputPlan {
    let columns = columns.map(|columns| columns.iter().map(|text| (*text).to_owned()).collect());
    OutputPlan {
        name: "out".into(),
        begin: Begin::Start,
        format,
        definition: Definition {
            columns,
            filter: None,
        },
        retention_ms: None,
    }
}

fn json(columns: Option<&[&str]>) -> OutputPlan {
    plan(OutputFormat::Json(TextCompression::None), columns)
}

fn make(definition: &Definition) -> Result<Arc<dyn RowTransform>, TransformError> {
    let columns = definition.columns.as_ref().map(|columns| {
        let picks = columns.iter().map(|text| Pick::parse(text).unwrap());
        picks.collect()
    });
    Ok(Arc::new(PlainTransform::new(columns)))
}

/// Columns of one type each, with nulls, for formats.
fn all_types() -> (Vec<Field>, Vec<ArrayRef>) {
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, ListArray,
        TimestampMicrosecondArray,
    };
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
    ]);
    let list = ListArray::new(
        crate::schema::item_field(&DataType::Int64),
        list.offsets().clone(),
        Arc::clone(list.values()),
        arrow::array::Array::nulls(&list).cloned(),
    );
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0, 0]);
    let decimal = DataType::Decimal {
        precision: 10,
        scale: 2,
    };
    let decimals = Decimal128Array::from(vec![Some(-12_345), Some(100), None]);
    let decimals = decimals.with_precision_and_scale(10, 2).unwrap();
    let times = TimestampMicrosecondArray::from(vec![Some(NOW * 1_000), None, Some(-1)]);
    let columns: Vec<(&str, DataType, ArrayRef)> = vec![
        (
            "yes",
            DataType::Bool,
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "int",
            DataType::Int64,
            Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(7), None])),
        ),
        (
            "float",
            DataType::Float64,
            Arc::new(Float64Array::from(vec![Some(0.1), None, Some(-3.0)])),
        ),
        ("money", decimal, Arc::new(decimals)),
        (
            "text",
            DataType::Utf8,
            Arc::new(StringArray::from(vec![Some("a,\"b\"\nc"), Some(""), None])),
        ),
        (
            "user-agent",
            DataType::Json,
            Arc::new(StringArray::from(vec![
                Some("{\"a\":[1]}"),
                Some("\"x\""),
                None,
            ])),
        ),
        (
            "bytes",
            DataType::Binary,
            Arc::new(BinaryArray::from_opt_vec(vec![
                Some(b"\x00\xff"),
                None,
                Some(b""),
            ])),
        ),
        (
            "day",
            DataType::Date,
            Arc::new(Date32Array::from(vec![Some(20_780), None, Some(-1)])),
        ),
        (
            "at",
            DataType::Timestamp,
            Arc::new(times.clone().with_timezone("UTC")),
        ),
        ("local", DataType::LocalTimestamp, Arc::new(times)),
        (
            "list",
            DataType::List(Box::new(DataType::Int64)),
            Arc::new(list),
        ),
        (
            "map",
            DataType::Map(Box::new(DataType::Utf8)),
            crate::schema::map_array(&DataType::Utf8, offsets, keys, values, None),
        ),
    ];
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (name, data_type, array) in columns {
        fields.push(Field::new(name, data_type));
        arrays.push(array);
    }
    (fields, arrays)
}
