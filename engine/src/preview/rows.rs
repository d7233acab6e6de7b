//! Events of a sample as JSON, cut where they are long.

use serde_json::{Map, Value};

use super::excerpt;
use crate::schema::text::JsonText;
use crate::types::Rows;

/// Events that are shown.
pub const MAX_ROWS: usize = 10;
/// Members of an object, and items of a list, that are shown.
const MAX_MEMBERS: usize = 50;
/// Values of one event that are shown, at all depths.
const MAX_VALUES: usize = 500;

/// The first events.
pub(super) fn of(tables: &[Rows]) -> Vec<Value> {
    let mut rows = Vec::new();
    for table in tables {
        let columns: Vec<(String, JsonText<'_>)> = table
            .schema
            .fields
            .iter()
            .zip(&table.columns)
            .map(|(field, array)| {
                let name = excerpt::text(&field.name);
                (name, JsonText::of(array, &field.data_type))
            })
            .collect();
        for row in 0..table.len.min(MAX_ROWS - rows.len()) {
            rows.push(event(&columns, row));
        }
    }
    rows
}

/// One event: its fields that have a value.
fn event(columns: &[(String, JsonText<'_>)], row: usize) -> Value {
    let mut members = Map::new();
    let mut left = MAX_VALUES;
    for (name, values) in columns {
        if values.is_null(row) {
            continue;
        }
        if left == 0 {
            members.insert("...".to_owned(), Value::Null);
            break;
        }
        let mut text = Vec::new();
        values.write(row, &mut text);
        // Canonical text is JSON; numbers beyond what a program holds are shown as text.
        let value = serde_json::from_slice(&text)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned()));
        members.insert(name.clone(), cut(value, &mut left));
    }
    Value::Object(members)
}

fn cut(value: Value, left: &mut usize) -> Value {
    *left = left.saturating_sub(1);
    match value {
        Value::String(text) => Value::String(excerpt::text(&text)),
        Value::Array(items) => {
            let more = items.len() > MAX_MEMBERS.min(*left);
            let shown = items.into_iter().take(MAX_MEMBERS.min(*left));
            let mut shown: Vec<Value> = shown.map(|item| cut(item, left)).collect();
            if more {
                shown.push(Value::String("...".to_owned()));
            }
            Value::Array(shown)
        }
        Value::Object(members) => {
            let more = members.len() > MAX_MEMBERS.min(*left);
            let shown = members.into_iter().take(MAX_MEMBERS.min(*left));
            let shown = shown.map(|(name, value)| (excerpt::text(&name), cut(value, left)));
            let mut shown: Map<String, Value> = shown.collect();
            if more {
                shown.insert("...".to_owned(), Value::Null);
            }
            Value::Object(shown)
        }
        other => other,
    }
}
