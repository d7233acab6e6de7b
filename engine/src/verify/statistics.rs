//! What a commit's statistics say against its files: everything is observed anew (I8).

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};

use super::reading::Target;
use super::violation::{VerifyError, Violation};
use crate::log::{Commit, DataFile, LogError, StatisticsObject};
use crate::schema::{DataType, Schema};
use crate::statistics::{DamagedPane, FieldStatistics, Pane, PaneLimits, ValueType};
use crate::types::{FileKind, KinesisShardId, Rows};

/// What one pane may hold: more than any that is stored by default.
pub(super) fn limits() -> PaneLimits {
    PaneLimits {
        max_bytes: 64 << 20,
        ..PaneLimits::default()
    }
}

/// Types of values that have no type of their own in JSON text: in a column that widened, they are
/// texts, floats and objects.
const NOT_IN_JSON: [ValueType; 7] = [
    ValueType::Decimal,
    ValueType::Binary,
    ValueType::Date,
    ValueType::Time,
    ValueType::Timestamp,
    ValueType::LocalTimestamp,
    ValueType::Map,
];

/// The statistics of a commit's files, as they are read.
pub(super) struct Fresh {
    pane: Pane,
    /// Whether some values are there as JSON text.
    json: bool,
}

impl Fresh {
    pub(super) fn new(commit: &Commit) -> Self {
        let mut pane = Pane::new(limits());
        if let Some(window) = commit.window() {
            pane.observe_counts(window, commit.counts());
        }
        Self { pane, json: false }
    }

    /// Takes in rows or rejects of a file.
    pub(super) fn add(&mut self, kind: FileKind, file: &DataFile, batch: &RecordBatch) {
        if kind == FileKind::Rejects {
            let codes = batch.column_by_name("code");
            let codes = codes.and_then(|codes| codes.as_string_opt::<i32>());
            let codes = codes.into_iter().flat_map(|codes| codes.iter().flatten());
            self.pane.observe_rejects(codes);
            return;
        }
        let Some(schema) = &file.schema else {
            return;
        };
        let schema = Arc::new(schema.in_file());
        self.json = self.json || holds_json(&schema);
        let Some(shards) = batch.column_by_name("_shard") else {
            return;
        };
        let shards = shards.as_string::<i32>();
        let mut begin = 0;
        for row in 1..=batch.num_rows() {
            if row < batch.num_rows() && shards.value(row) == shards.value(begin) {
                continue;
            }
            let shard = KinesisShardId::new(shards.value(begin));
            self.add_of_shard(&shard, &schema, &batch.slice(begin, row - begin));
            begin = row;
        }
    }

    /// Rows of one Kinesis shard. The file's columns have been checked: those of the events come
    /// first, in order of the schema.
    fn add_of_shard(&mut self, shard: &KinesisShardId, schema: &Arc<Schema>, batch: &RecordBatch) {
        let column = |name: &str| batch.column_by_name(name).map(Arc::clone);
        let columns: Vec<ArrayRef> = batch.columns()[..schema.fields.len()].to_vec();
        let (Some(sequence), Some(subsequence), Some(partition_key), Some(arrival), Some(index)) = (
            column("_sequence"),
            column("_subsequence"),
            column("_partition_key"),
            column("_arrival"),
            column("_index"),
        ) else {
            return;
        };
        let rows = Rows {
            len: batch.num_rows(),
            schema: Arc::clone(schema),
            columns,
            sequence,
            subsequence,
            partition_key,
            arrival,
            index,
        };
        self.pane.observe_rows(shard, &rows);
        if let Some(overflow) = column("_overflow") {
            self.json = true;
            self.pane.observe_overflow(&rows, &overflow);
        }
    }

    /// Compares what was observed with what is stored.
    pub(super) async fn compare(
        self,
        target: &Target,
        object: &StatisticsObject,
    ) -> Result<(), VerifyError> {
        let name = &object.name;
        let body = target.retry(|store| store.get(name)).await?;
        let body = body.ok_or_else(|| {
            let detail = "a commit names it, but it is not there".to_owned();
            Violation::new("verify.missing_file", name, detail)
        })?;
        let (stored, _) = Pane::decode(body, limits()).map_err(|why| match why {
            DamagedPane::Newer { found, known } => VerifyError::Log(LogError::NewerFormat {
                name: name.clone(),
                found,
                known,
            }),
            DamagedPane::Damaged(_) => {
                let detail = format!("it cannot be read as statistics: {why}");
                Violation::new("verify.unreadable_statistics", name, detail).into()
            }
        })?;
        // Counters only, by choice or after a panic: nothing is said of fields.
        let counters_only = stored.fields().is_empty();
        let apart = match self.json {
            true => not_in_json(&stored, &self.pane),
            false => Vec::new(),
        };
        let difference = stored.difference_where(&self.pane, |path| {
            !counters_only && !apart.iter().any(|root| is_below(path, root))
        });
        let windows = (stored.windows() != self.pane.windows())
            .then(|| "other windows than the commit's".to_owned());
        match difference.or(windows) {
            Some(detail) => {
                let detail = format!("stored and read from the files differ: {detail}");
                Err(Violation::new("verify.statistics", name, detail).into())
            }
            None => Ok(()),
        }
    }
}

/// Fields whose values were told apart more finely than the file's JSON text does: neither they nor
/// what is below them can be compared.
fn not_in_json(stored: &Pane, fresh: &Pane) -> Vec<String> {
    let values = |field: Option<&FieldStatistics>, kind| {
        let typed = field.and_then(|field| field.of(kind));
        typed.map_or(0, |typed| typed.values)
    };
    let apart = |path: &str, own: &FieldStatistics| {
        let fresh = fresh.field(path);
        let float = own.of(ValueType::Float);
        let not_finite = float.is_some_and(|float| float.not_finite > 0);
        let finer = |kind: &ValueType| {
            let own = values(Some(own), *kind);
            own > 0 && own != values(fresh, *kind)
        };
        NOT_IN_JSON.iter().any(finer) || (not_finite && finer(&ValueType::Float))
    };
    let fields = stored.fields().into_iter();
    let apart = fields.filter(|(path, own)| apart(path, own));
    apart.map(|(path, _)| path).collect()
}

/// Whether a path is of a field or of what is below it.
fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
}

fn holds_json(schema: &Schema) -> bool {
    fn holds(data_type: &DataType) -> bool {
        match data_type {
            DataType::Json => true,
            DataType::List(item) => holds(item),
            DataType::Map(value) => holds(value),
            DataType::Struct(fields) => fields.iter().any(|field| holds(&field.data_type)),
            _ => false,
        }
    }
    schema.fields.iter().any(|field| holds(&field.data_type))
}
