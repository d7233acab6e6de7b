//! From rows to the statistics of their fields: a column at a time.
//!
//! A column's values are first brought together with how often each is there (most columns of a batch
//! hold few different values), then go into the sketches once for each.

mod events;
mod groups;
mod json;
mod numbers;
mod others;
mod room;
mod texts;

use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampMillisecondType,
};
use foldhash::fast::FixedState;

use self::events::{Events, Slots};
use self::groups::Groups;
pub(super) use self::others::write_time;
use self::room::Room;
use super::field::FieldStatistics;
use super::pane::PaneLimits;
use super::tree::{Members, Node};
use super::typed::{Decimal, ValueType};
use crate::schema::{DataType, file_field_name, text};
use crate::types::{KinesisShardId, Rows};

/// Takes in one table of rows.
pub(super) struct Observer<'r> {
    limits: &'r PaneLimits,
    rows: &'r Rows,
    events: Events<'r>,
    /// Which table this is, for values that come one by one.
    batch: u64,
    room: Room,
    integers: Groups<i64>,
    floats: Groups<u64>,
    texts: texts::TextGroups<'r>,
}

impl<'r> Observer<'r> {
    pub(super) fn new(limits: &'r PaneLimits, rows: &'r Rows, batch: u64, missed: u64) -> Self {
        // Kinesis makes it, and nobody knows it before.
        let first = rows.sequence.as_string::<i32>().value(0);
        let seed = FixedState::default().hash_one(first);
        Self {
            limits,
            rows,
            events: Events::of(rows),
            batch,
            room: Room::new(limits.max_fields, missed),
            integers: Groups::with_seed(seed),
            floats: Groups::with_seed(seed),
            texts: texts::TextGroups::with_seed(seed),
        }
    }

    /// Every column, and the system columns; how many new fields found no room.
    pub(super) fn rows(mut self, root: &mut Node, shard: &KinesisShardId) -> u64 {
        let rows = self.rows;
        let slots = Slots::rows(rows.len);
        for (field, column) in rows.schema.fields.iter().zip(&rows.columns) {
            let name = file_field_name(&field.name);
            self.member(&mut root.members, &name, &field.data_type, column, &slots);
        }
        self.system_columns(&mut root.members, shard);
        self.room.refused()
    }

    /// What a file keeps for lack of columns, after its rows; how many new fields found no room.
    pub(super) fn left_over(mut self, root: &mut Node, overflow: &ArrayRef) -> u64 {
        let slots = Slots::rows(self.rows.len).with_nulls_of(overflow);
        self.overflow(root, overflow, &slots);
        self.room.refused()
    }

    fn system_columns(&mut self, members: &mut Members, shard: &KinesisShardId) {
        let (rows, slots) = (self.rows, Slots::rows(self.rows.len));
        let node = self.room.own(members, "_shard");
        let field = self.common(node, &slots, |_, out| out.push_str(shard.as_str()));
        let mut alone = texts::TextGroups::default();
        alone.add_many(shard.as_str(), rows.len as u64);
        alone.flush(field, self.limits);
        let node = self.room.own(members, "_sequence");
        let sequence = rows.sequence.as_string::<i32>();
        let field = self.common(node, &slots, |slot, out| out.push_str(sequence.value(slot)));
        // Rows are in Kinesis order.
        (0..rows.len).for_each(|row| self.texts.add_in_order(sequence.value(row)));
        self.texts.flush(field, self.limits);
        let node = self.room.own(members, "_subsequence");
        self.integer(node, &rows.subsequence, &slots);
        let node = self.room.own(members, "_partition_key");
        self.text(node, &rows.partition_key, &slots);
        let node = self.room.own(members, "_arrival");
        let arrival = rows.arrival.as_primitive::<TimestampMillisecondType>();
        let micros = |slot: usize| arrival.value(slot).saturating_mul(1_000);
        self.time(node, ValueType::Timestamp, micros, &slots);
        let node = self.room.own(members, "_index");
        let index = rows.index.as_primitive::<Int32Type>();
        let write = |slot, out: &mut String| write_integer(out, i64::from(index.value(slot)));
        let field = self.common(node, &slots, write);
        let values = index.values().iter().map(|index| i64::from(*index));
        self.integers.extend(values);
        numbers::integers(field, self.integers.drain(), self.limits);
    }

    /// A column, unless it has no value.
    fn member(
        &mut self,
        members: &mut Members,
        name: &str,
        data_type: &DataType,
        array: &'r ArrayRef,
        slots: &Slots<'_>,
    ) {
        if *data_type == DataType::Null {
            return;
        }
        let slots = slots.with_nulls(array.nulls());
        if slots.valid_count() > 0
            && let Some(node) = self.room.member(members, name)
        {
            self.values(node, data_type, array, &slots);
        }
    }

    /// The values of an array. `slots` says which are any, and of which events.
    fn values(
        &mut self,
        node: &mut Node,
        data_type: &DataType,
        array: &'r ArrayRef,
        slots: &Slots<'_>,
    ) {
        match data_type {
            DataType::Null => {}
            DataType::Bool => self.booleans(node, array, slots),
            DataType::Int53 | DataType::Int64 => self.integer(node, array, slots),
            DataType::Float64 => self.float(node, array, slots),
            DataType::Decimal { scale, .. } => self.decimal(node, array, *scale, slots),
            DataType::Utf8 => self.text(node, array, slots),
            DataType::Json => self.json(node, array, slots),
            DataType::Binary => self.binary(node, array, slots),
            DataType::Date => {
                let dates = array.as_primitive::<Date32Type>();
                let days = |slot: usize| i64::from(dates.value(slot));
                self.time(node, ValueType::Date, days, slots);
            }
            DataType::Time => {
                let times = array.as_primitive::<Time64MicrosecondType>();
                self.time(node, ValueType::Time, |slot| times.value(slot), slots);
            }
            DataType::Timestamp | DataType::LocalTimestamp => {
                let times = array.as_primitive::<TimestampMicrosecondType>();
                let kind = match data_type {
                    DataType::Timestamp => ValueType::Timestamp,
                    _ => ValueType::LocalTimestamp,
                };
                self.time(node, kind, |slot| times.value(slot), slots);
            }
            DataType::List(item) => self.list(node, item, array.as_list(), slots),
            DataType::Map(value) => self.map(node, value, array.as_map(), slots),
            DataType::Struct(fields) => {
                self.containers(node, ValueType::Object, slots, None);
                let columns = array.as_struct().columns();
                for (field, column) in fields.iter().zip(columns) {
                    self.member(
                        &mut node.members,
                        &field.name,
                        &field.data_type,
                        column,
                        slots,
                    );
                }
            }
        }
    }

    /// What all values have: events, arrivals, the latest of them as text.
    fn common<'n>(
        &self,
        node: &'n mut Node,
        slots: &Slots<'_>,
        write: impl Fn(usize, &mut String),
    ) -> &'n mut FieldStatistics {
        let field = node.own();
        self.events.count(field, slots);
        self.events.latest(field, slots, write);
        field
    }

    fn integer(&mut self, node: &mut Node, array: &ArrayRef, slots: &Slots<'_>) {
        let array = array.as_primitive::<Int64Type>();
        let write = |slot, out: &mut String| write_integer(out, array.value(slot));
        let field = self.common(node, slots, write);
        match slots.all_valid() {
            true => self.integers.extend(array.values().iter().copied()),
            false => self
                .integers
                .extend(slots.valid().map(|slot| array.value(slot))),
        }
        numbers::integers(field, self.integers.drain(), self.limits);
    }

    fn float(&mut self, node: &mut Node, array: &ArrayRef, slots: &Slots<'_>) {
        let array = array.as_primitive::<Float64Type>();
        let write = |slot, out: &mut String| write_float(out, array.value(slot));
        let field = self.common(node, slots, write);
        for slot in slots.valid() {
            let value = array.value(slot);
            match numbers::as_integer(value) {
                Some(integer) => self.integers.add(integer),
                None => self.floats.add(value.to_bits()),
            }
        }
        numbers::integers(field, self.integers.drain(), self.limits);
        numbers::floats(field, self.floats.drain());
    }

    fn decimal(&mut self, node: &mut Node, array: &ArrayRef, scale: u8, slots: &Slots<'_>) {
        let array = array.as_primitive::<Decimal128Type>();
        let write = |slot, out: &mut String| {
            let mut text = Vec::new();
            crate::schema::write_decimal(&mut text, array.value(slot), scale);
            out.push_str(&String::from_utf8_lossy(&text));
        };
        let field = self.common(node, slots, write);
        let mut decimals = Vec::new();
        for slot in slots.valid() {
            let value = Decimal::new(array.value(slot), scale);
            match value.as_integer() {
                Some(integer) => self.integers.add(integer),
                None => decimals.push(value),
            }
        }
        numbers::integers(field, self.integers.drain(), self.limits);
        numbers::decimals(field, &decimals);
    }

    fn text(&mut self, node: &mut Node, array: &'r ArrayRef, slots: &Slots<'_>) {
        let array = array.as_string::<i32>();
        let write = |slot, out: &mut String| out.push_str(texts::clip(array.value(slot)));
        let field = self.common(node, slots, write);
        slots
            .valid()
            .for_each(|slot| self.texts.add(array.value(slot)));
        self.texts.flush(field, self.limits);
    }

    fn list(&mut self, node: &mut Node, item: &DataType, array: &'r ListArray, slots: &Slots<'_>) {
        let offsets = array.value_offsets();
        let size = |slot: usize| i64::from(offsets[slot + 1] - offsets[slot]);
        self.containers(node, ValueType::List, slots, Some(&size));
        let below = slots.below(offsets, array.values().len());
        self.below(item, array.values(), &below, &mut node.items);
    }

    fn map(&mut self, node: &mut Node, value: &DataType, array: &'r MapArray, slots: &Slots<'_>) {
        let offsets = array.value_offsets();
        let size = |slot: usize| i64::from(offsets[slot + 1] - offsets[slot]);
        self.containers(node, ValueType::Map, slots, Some(&size));
        let below = slots.below(offsets, array.values().len());
        self.below(value, array.values(), &below, &mut node.entries);
    }

    /// What lists or maps hold, unless that is nothing.
    fn below(
        &mut self,
        data_type: &DataType,
        array: &'r ArrayRef,
        slots: &Slots<'_>,
        node: &mut Option<Box<Node>>,
    ) {
        if *data_type == DataType::Null {
            return;
        }
        let slots = slots.with_nulls(array.nulls());
        if slots.valid_count() > 0
            && let Some(node) = self.room.below(node)
        {
            self.values(node, data_type, array, &slots);
        }
    }

    /// Lists, maps and objects; how many items each holds, where that is of interest.
    fn containers(
        &mut self,
        node: &mut Node,
        kind: ValueType,
        slots: &Slots<'_>,
        size: Option<&dyn Fn(usize) -> i64>,
    ) {
        let field = node.own();
        self.events.count(field, slots);
        match size {
            Some(size) => {
                self.integers.extend(slots.valid().map(size));
                others::sizes(field, kind, self.integers.drain());
            }
            None => field.of_mut(kind).values += slots.valid_count() as u64,
        }
    }
}

fn write_integer(out: &mut String, value: i64) {
    out.push_str(itoa::Buffer::new().format(value));
}

fn write_float(out: &mut String, value: f64) {
    let mut written = Vec::new();
    text::write_float(&mut written, value);
    out.push_str(&String::from_utf8_lossy(&written));
}

/// Which slots are any: both must say so.
fn both(own: Option<&NullBuffer>, other: Option<&NullBuffer>) -> Option<NullBuffer> {
    NullBuffer::union(own, other)
}
