//! Where formats put what they find: events become rows of a table, the rest rejects.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use arrow::array::{Int32Array, Int64Array, StringBuilder, TimestampMillisecondArray};
use bytes::Bytes;

use super::DecodeLimits;
use super::cells::Cells;
use super::columns::{Columns, join_alike};
use super::content::Content;
use super::fields::Fields;
use crate::schema::Schema;
use crate::types::{Counts, Payload, Reject, RejectCode, Rows, SchemaId, TimestampMs};

/// Schemas that are asked for at once; more are found missing the next time.
const MAX_AWAITED: usize = 256;

/// Takes the events and rejects of payloads, in Kinesis order, and numbers them within their
/// payload.
pub(super) struct Sink<'a> {
    payloads: &'a [Payload],
    limits: DecodeLimits,
    /// The payload that events and rejects are from now.
    payload: usize,
    /// Events and rejects of it so far.
    index: u32,
    counts: Counts,
    table: Table,
    rows: Vec<Rows>,
    /// Whether some of `rows` came as columns.
    tables: bool,
    rejects: Vec<Reject>,
    awaited: BTreeSet<SchemaId>,
}

/// What a sink has taken in.
pub(super) struct Taken {
    pub(super) rows: Vec<Rows>,
    pub(super) rejects: Vec<Reject>,
    /// Rows, rejects and empty payloads; nothing else is counted here.
    pub(super) counts: Counts,
    /// Schemas without which this is not what the payloads hold.
    pub(super) awaited: BTreeSet<SchemaId>,
}

/// Why an event cannot become a row: it would take more room than one event may.
pub(super) struct TooLarge;

/// Rows under way.
struct Table {
    fields: Fields,
    rows: Vec<RowId>,
    cells: Cells,
    /// Bytes of input that went in.
    bytes: usize,
}

/// Who a row is: its payload among those of the sink, and its place in it.
#[derive(Clone, Copy)]
pub(super) struct RowId {
    payload: u32,
    index: u32,
}

impl Table {
    fn new(limits: &DecodeLimits, expected: usize) -> Self {
        Self {
            fields: Fields::expecting(expected),
            rows: Vec::with_capacity(expected),
            cells: Cells::new(limits.max_event_cells),
            bytes: 0,
        }
    }
}

impl<'a> Sink<'a> {
    pub(super) fn new(payloads: &'a [Payload], limits: &DecodeLimits) -> Self {
        Self {
            payloads,
            limits: limits.clone(),
            payload: 0,
            index: 0,
            counts: Counts::default(),
            // One event a payload, as a rule.
            table: Table::new(limits, payloads.len()),
            rows: Vec::new(),
            tables: false,
            rejects: Vec::new(),
            awaited: BTreeSet::new(),
        }
    }

    /// A schema must be looked up before the payloads can be decoded.
    pub(super) fn await_schema(&mut self, id: SchemaId) {
        if self.awaited.len() < MAX_AWAITED {
            self.awaited.insert(id);
        }
    }

    /// What comes now is from this content.
    pub(super) fn content(&mut self, content: &Content<'_>) {
        self.payload(content.payload);
    }

    /// What comes now is from the payload at `place`. Places never go down; a payload that is left
    /// out, or gets neither event nor reject, is empty.
    fn payload(&mut self, place: usize) {
        if place != self.payload {
            self.leave_payload();
            self.counts.empty += (place - self.payload - 1) as u64;
            self.payload = place;
        }
    }

    fn leave_payload(&mut self) {
        self.counts.empty += u64::from(self.index == 0);
        self.index = 0;
    }

    /// An event of `bytes` bytes. `write` puts its fields at the row that it is given; it may be
    /// asked a second time, for another table.
    pub(super) fn event(
        &mut self,
        bytes: usize,
        mut write: impl FnMut(&mut Fields, usize, &mut Cells),
    ) -> Result<(), TooLarge> {
        if !self.try_event(&mut write) {
            // Too much for what the table has left: try with a table of its own.
            if self.table.rows.is_empty() {
                self.table = Table::new(&self.limits, 0);
                return Err(TooLarge);
            }
            self.cut();
            if !self.try_event(&mut write) {
                self.table = Table::new(&self.limits, 0);
                return Err(TooLarge);
            }
        }
        self.take_row(bytes);
        Ok(())
    }

    /// An event that brings no field and no type that the table has not. `read` puts its values at
    /// the row that it is given and says how many bytes it read, or `None` for an event that is not
    /// like that: its row is taken back.
    pub(super) fn event_like_others(
        &mut self,
        read: impl FnOnce((&mut Fields, usize, &mut Cells)) -> Option<usize>,
    ) -> Option<usize> {
        let Table {
            fields,
            rows,
            cells,
            ..
        } = &mut self.table;
        let row = rows.len();
        let used = cells.used();
        match read((fields, row, cells)) {
            Some(bytes) => {
                self.take_row(bytes);
                Some(bytes)
            }
            None => {
                fields.truncate(row);
                cells.reset(used);
                None
            }
        }
    }

    /// The row that was written last is there to stay.
    fn take_row(&mut self, bytes: usize) {
        let id = self.next_id();
        self.table.rows.push(id);
        self.table.bytes += bytes;
        if self.table.cells.used() > self.limits.max_table_cells
            || self.table.bytes > self.limits.max_table_bytes
        {
            self.cut();
        }
    }

    fn next_id(&mut self) -> RowId {
        let id = RowId {
            payload: self.payload as u32,
            index: self.index,
        };
        self.index += 1;
        id
    }

    /// The identity of the next row of a content, for a table that holds rows of several contents.
    /// No other rows may come before that table does.
    pub(super) fn row_of(&mut self, content: &Content<'_>) -> RowId {
        self.content(content);
        self.next_id()
    }

    /// Rows of a content.
    pub(super) fn table(&mut self, content: &Content<'_>, columns: Columns) {
        let ids = (0..columns.len).map(|_| self.row_of(content)).collect();
        self.table_of(ids, columns);
    }

    /// Rows with the identities that [`Self::row_of`] gave, one each.
    pub(super) fn table_of(&mut self, ids: Vec<RowId>, columns: Columns) {
        self.cut();
        if columns.len == 0 {
            return;
        }
        self.tables = true;
        self.counts.rows += columns.len as u64;
        self.rows.push(identified(columns, &ids, self.payloads));
    }

    fn try_event(&mut self, write: &mut impl FnMut(&mut Fields, usize, &mut Cells)) -> bool {
        let Table {
            fields,
            rows,
            cells,
            ..
        } = &mut self.table;
        let row = rows.len();
        let used = cells.used();
        write(fields, row, cells);
        if cells.over() {
            fields.truncate(row);
            fields.forget_since(row);
            cells.reset(used);
            return false;
        }
        true
    }

    /// A piece of a content that is no event: its bytes `range`.
    pub(super) fn reject(
        &mut self,
        content: &Content<'_>,
        range: std::ops::Range<usize>,
        code: RejectCode,
        reason: String,
    ) {
        self.content(content);
        let payload = &self.payloads[self.payload];
        self.rejects.push(Reject {
            sequence: payload.sequence.clone(),
            subsequence: payload.subsequence,
            partition_key: Arc::clone(&payload.partition_key),
            arrival: payload.arrival,
            index: self.index,
            data: piece(content.data, range, &payload.data),
            code,
            reason,
        });
        self.index += 1;
    }

    /// Ends the table; the next row begins another.
    fn cut(&mut self) {
        let table = mem::replace(&mut self.table, Table::new(&self.limits, 0));
        if table.rows.is_empty() {
            return;
        }
        self.counts.rows += table.rows.len() as u64;
        self.rows.push(finish(table, self.payloads));
    }

    /// Everything that came in.
    pub(super) fn finish(mut self) -> Taken {
        self.cut();
        if !self.payloads.is_empty() {
            self.leave_payload();
            self.counts.empty += (self.payloads.len() - self.payload - 1) as u64;
        }
        self.counts.rejects = self.rejects.len() as u64;
        let rows = match self.tables {
            true => join_alike(self.rows, &self.limits),
            false => self.rows,
        };
        Taken {
            rows,
            rejects: self.rejects,
            counts: self.counts,
            awaited: self.awaited,
        }
    }
}

/// The bytes of a piece. Those of the payload itself are shared where they are most of it; a small
/// piece would keep the whole payload in memory, and an expanded one everything that it came out with.
fn piece(data: &Bytes, range: std::ops::Range<usize>, payload: &Bytes) -> Bytes {
    if data.as_ptr() == payload.as_ptr() && range.len() >= data.len() / 2 {
        data.slice(range)
    } else {
        Bytes::copy_from_slice(&data[range])
    }
}

fn finish(table: Table, payloads: &[Payload]) -> Rows {
    let Table { fields, rows, .. } = table;
    let len = rows.len();
    let (fields, columns) = fields.into_columns(len);
    let columns = Columns {
        len,
        fields,
        columns,
    };
    identified(columns, &rows, payloads)
}

/// Rows with who they are.
fn identified(columns: Columns, rows: &[RowId], payloads: &[Payload]) -> Rows {
    let Columns {
        len,
        fields,
        columns,
    } = columns;
    let mut ids = Identities::with_capacity(len);
    for row in rows {
        ids.push(&payloads[row.payload as usize], row.index);
    }
    Rows {
        len,
        schema: Arc::new(Schema { fields }),
        columns,
        sequence: Arc::new(ids.sequence.finish()),
        subsequence: Arc::new(Int64Array::from(ids.subsequence)),
        partition_key: Arc::new(ids.partition_key.finish()),
        arrival: Arc::new(TimestampMillisecondArray::from(ids.arrival).with_timezone("UTC")),
        index: Arc::new(Int32Array::from(ids.index)),
    }
}

/// Who each row is, column by column.
struct Identities {
    sequence: StringBuilder,
    subsequence: Vec<i64>,
    partition_key: StringBuilder,
    arrival: Vec<TimestampMs>,
    index: Vec<i32>,
}

impl Identities {
    /// Bytes that Kinesis's sequence numbers have as a rule, and partition keys at least.
    const SEQUENCE_BYTES: usize = 56;
    const KEY_BYTES: usize = 8;

    fn with_capacity(len: usize) -> Self {
        Self {
            sequence: StringBuilder::with_capacity(len, len * Self::SEQUENCE_BYTES),
            subsequence: Vec::with_capacity(len),
            partition_key: StringBuilder::with_capacity(len, len * Self::KEY_BYTES),
            arrival: Vec::with_capacity(len),
            index: Vec::with_capacity(len),
        }
    }

    fn push(&mut self, payload: &Payload, index: u32) {
        self.sequence.append_value(payload.sequence.as_str());
        // Places within a record or a payload are far below either limit.
        self.subsequence.push(payload.subsequence as i64);
        self.partition_key.append_value(&payload.partition_key);
        self.arrival.push(payload.arrival);
        self.index.push(index as i32);
    }
}
