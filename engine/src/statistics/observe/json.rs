//! Columns of JSON text: values one by one, as if each had a column of its own.

use arrow::array::{ArrayRef, AsArray};
use serde::Deserialize;
use serde_json::Value;

use super::events::Slots;
use super::groups::Groups;
use super::{Observer, numbers, others, texts, write_float, write_integer};
use crate::schema::{DataType, file_field_name};
use crate::statistics::sketch::LatestValue;
use crate::statistics::tree::{Counted, Node};
use crate::statistics::typed::ValueType;

/// A value and its row.
struct One<'v> {
    value: &'v Value,
    row: usize,
}

impl<'r> Observer<'r> {
    /// Values of a column that holds their JSON text.
    pub(super) fn json(&mut self, node: &mut Node, array: &ArrayRef, slots: &Slots<'_>) {
        let array = array.as_string::<i32>();
        for slot in slots.valid() {
            // The text is ours; what is no JSON all the same counts as text.
            let text = array.value(slot);
            let value = parse(text).unwrap_or_else(|| Value::String(text.into()));
            let one = One {
                value: &value,
                row: slots.row(slot),
            };
            self.one(node, &one);
        }
    }

    /// What a file had no column for: objects along the paths of the fields. An object that the file
    /// has a column for has been counted there.
    pub(super) fn overflow(&mut self, root: &mut Node, array: &ArrayRef, slots: &Slots<'_>) {
        let array = array.as_string::<i32>();
        for slot in slots.valid() {
            let Some(Value::Object(object)) = parse(array.value(slot)) else {
                continue;
            };
            for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
                let rows = self.rows;
                let known = rows.schema.field(name).map(|field| &field.data_type);
                let one = One { value, row: slot };
                if let Some(node) = self.room.member(&mut root.members, &file_field_name(name)) {
                    self.rest(node, known, &one);
                }
            }
        }
    }

    fn rest(&mut self, node: &mut Node, known: Option<&DataType>, one: &One<'_>) {
        let (Some(DataType::Struct(fields)), Value::Object(object)) = (known, one.value) else {
            return self.one(node, one);
        };
        for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let known = fields.iter().find(|field| *field.name == **name);
            let one = One {
                value,
                row: one.row,
            };
            if let Some(node) = self.room.member(&mut node.members, name) {
                self.rest(node, known.map(|field| &field.data_type), &one);
            }
        }
    }

    /// Takes in one value; a null is none.
    fn one(&mut self, node: &mut Node, one: &One<'_>) {
        if one.value.is_null() {
            return;
        }
        let (batch, row) = (self.batch, one.row);
        if (node.counted.batch, node.counted.row) != (batch, row) {
            let values = 0;
            node.counted = Counted { batch, row, values };
        }
        let item = node.counted.values;
        node.counted.values += 1;
        let arrival = self.events.arrival(row);
        let field = node.own();
        field.events += u64::from(item == 0);
        field.add_seen((arrival, arrival));
        if let Some(text) = shown(one.value).filter(|_| field.latest.admits(arrival)) {
            field.latest.add(LatestValue {
                place: self.events.place(row, item),
                value: text.into(),
            });
        }
        match one.value {
            Value::Null => {}
            Value::Bool(value) => {
                self.integers.add(i64::from(*value));
                others::booleans(field, self.integers.drain());
            }
            Value::Number(number) => {
                match number.as_i64() {
                    Some(value) => self.integers.add(value),
                    None => {
                        let value = number.as_f64().unwrap_or(f64::NAN);
                        match numbers::as_integer(value) {
                            Some(value) => self.integers.add(value),
                            None => self.floats.add(value.to_bits()),
                        }
                    }
                }
                numbers::integers(field, self.integers.drain(), self.limits);
                numbers::floats(field, self.floats.drain());
            }
            Value::String(text) => {
                let mut alone = texts::TextGroups::default();
                alone.add(text);
                alone.flush(field, self.limits);
            }
            Value::Array(items) => {
                let mut size = Groups::default();
                size.add(items.len() as i64);
                others::sizes(field, ValueType::List, size.drain());
                for value in items.iter().filter(|value| !value.is_null()) {
                    if let Some(items) = self.room.below(&mut node.items) {
                        self.one(items, &One { value, row });
                    }
                }
            }
            Value::Object(members) => {
                field.of_mut(ValueType::Object).values += 1;
                for (name, value) in members {
                    if !value.is_null()
                        && let Some(node) = self.room.member(&mut node.members, name)
                    {
                        self.one(node, &One { value, row });
                    }
                }
            }
        }
    }
}

/// The value of a text. How deep it is nested is the decoder's to bound.
fn parse(text: &str) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

/// A value as it stands among the latest.
fn shown(value: &Value) -> Option<String> {
    let mut text = String::new();
    match value {
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => write_integer(&mut text, value),
            (None, Some(value)) => write_float(&mut text, value),
            (None, None) => return None,
        },
        Value::String(value) => text.push_str(texts::clip(value)),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    }
    Some(text)
}
