//! The fields of the events of a sample: their types, and how many events have them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use serde::{Deserialize, Serialize};

use super::excerpt;
use crate::schema::{DataType, Field};
use crate::types::Rows;

/// Fields that are shown, at all depths.
const MAX_FIELDS: usize = 1_000;
/// The owner of values that nobody has: those of an object that is null.
const NOBODY: u32 = u32::MAX;

/// A field of the events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in its object.
    pub name: String,
    /// Its type: `int64`, `text`, `list<object>`, ...
    #[serde(rename = "type")]
    pub data_type: String,
    /// The share of events that have a value of it, from 0 to 1; of a field in the objects of a list,
    /// in any of them.
    pub density: f64,
    /// The fields of its objects, where it holds objects or lists of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Column>,
}

/// The fields of a sample.
#[derive(Debug)]
pub struct Columns {
    /// Those of the events, with theirs.
    pub schema: Vec<Column>,
    /// How many more there are.
    pub more: u64,
    /// Events.
    pub events: u64,
}

/// The fields of all tables.
pub(super) fn of(tables: &[Rows]) -> Columns {
    let mut root = Nodes::default();
    let mut events = 0;
    for table in tables {
        let first = u32::try_from(events).unwrap_or(NOBODY - 1);
        let owners: Vec<u32> = (0..table.len as u32)
            .map(|row| first.saturating_add(row))
            .collect();
        for (field, array) in table.schema.fields.iter().zip(&table.columns) {
            root.of(field).count(array, &field.data_type, &owners);
        }
        events += table.len as u64;
    }
    let mut left = MAX_FIELDS;
    let mut more = 0;
    let schema = root.columns(events, &mut left, &mut more);
    Columns {
        schema,
        more,
        events,
    }
}

/// Fields of one object.
#[derive(Debug, Default)]
struct Nodes {
    nodes: Vec<Node>,
    places: HashMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Node {
    name: Arc<str>,
    data_type: DataType,
    /// Events that have a value of it.
    events: u64,
    fields: Nodes,
}

impl Nodes {
    fn of(&mut self, field: &Field) -> &mut Node {
        let place = *self
            .places
            .entry(Arc::clone(&field.name))
            .or_insert_with(|| {
                self.nodes.push(Node {
                    name: Arc::clone(&field.name),
                    data_type: DataType::Null,
                    events: 0,
                    fields: Nodes::default(),
                });
                self.nodes.len() - 1
            });
        &mut self.nodes[place]
    }

    fn columns(&self, events: u64, left: &mut usize, more: &mut u64) -> Vec<Column> {
        let mut columns = Vec::new();
        for node in &self.nodes {
            if *left == 0 {
                *more += 1;
                continue;
            }
            *left -= 1;
            let inside = holds_objects(&node.data_type);
            columns.push(Column {
                name: excerpt::text(&node.name),
                data_type: type_name(&node.data_type),
                density: node.events as f64 / events.max(1) as f64,
                fields: match inside {
                    true => node.fields.columns(events, left, more),
                    // What was an object in some events became text.
                    false => Vec::new(),
                },
            });
        }
        columns
    }
}

impl Node {
    /// Counts the values of an array. `owners` says for each slot which event it is of; those never
    /// go down but for [`NOBODY`].
    fn count(&mut self, array: &ArrayRef, data_type: &DataType, owners: &[u32]) {
        self.data_type = self.data_type.merge(data_type);
        if *data_type == DataType::Null {
            return;
        }
        let mut last = NOBODY;
        for (slot, &owner) in owners.iter().enumerate() {
            if owner != NOBODY && owner != last && array.is_valid(slot) {
                self.events += 1;
                last = owner;
            }
        }
        self.count_inside(array, data_type, owners);
    }

    fn count_inside(&mut self, array: &ArrayRef, data_type: &DataType, owners: &[u32]) {
        let owner = |slot: usize| match array.is_valid(slot) {
            true => owners[slot],
            false => NOBODY,
        };
        match data_type {
            DataType::Struct(fields) => {
                let owners: Vec<u32> = (0..array.len()).map(owner).collect();
                let array = array.as_struct();
                for (field, column) in fields.iter().zip(array.columns()) {
                    self.fields
                        .of(field)
                        .count(column, &field.data_type, &owners);
                }
            }
            DataType::List(item) if holds_objects(item) => {
                let list = array.as_list::<i32>();
                let items = spread(list.value_offsets(), owner);
                let first = list.value_offsets()[0] as usize;
                let values = list.values().slice(first, items.len());
                self.count_inside(&values, item, &items);
            }
            DataType::Map(value) if holds_objects(value) => {
                let map = array.as_map();
                let items = spread(map.value_offsets(), owner);
                let first = map.value_offsets()[0] as usize;
                let values = map.values().slice(first, items.len());
                self.count_inside(&values, value, &items);
            }
            _ => {}
        }
    }
}

/// The owners of items, by the owners of the lists that they are in.
fn spread(offsets: &[i32], owner: impl Fn(usize) -> u32) -> Vec<u32> {
    let ends = offsets.windows(2).enumerate();
    let items = ends.flat_map(|(slot, ends)| {
        let owner = owner(slot);
        (ends[0]..ends[1]).map(move |_| owner)
    });
    items.collect()
}

fn holds_objects(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(_) => true,
        DataType::List(item) | DataType::Map(item) => holds_objects(item),
        _ => false,
    }
}

/// What a type is called.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Null => "null",
        DataType::Bool => "boolean",
        DataType::Int53 | DataType::Int64 => "int64",
        DataType::Float64 => "float64",
        DataType::Decimal { precision, scale } => return format!("decimal({precision},{scale})"),
        DataType::Utf8 => "text",
        DataType::Binary => "binary",
        DataType::Date => "date",
        DataType::Time => "time",
        DataType::Timestamp => "timestamp",
        DataType::LocalTimestamp => "local_timestamp",
        DataType::Json => "json",
        DataType::List(item) => return format!("list<{}>", type_name(item)),
        DataType::Map(value) => return format!("map<{}>", type_name(value)),
        DataType::Struct(_) => "object",
    };
    name.to_owned()
}
