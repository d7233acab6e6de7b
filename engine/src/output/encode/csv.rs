//! CSV as RFC 4180 has it, with `\n` at line ends.
//!
//! Null is nothing between commas, and an empty text is `""`. Texts stand as they are; dates, times
//! and bytes as in JSON without the quotes; lists, maps, objects and JSON text as their JSON.

use arrow::array::{Array, ArrayRef, AsArray};

use crate::output::path::unquote;
use crate::output::table::Table;
use crate::schema::text::JsonText;
use crate::schema::{DataType, Field};

/// The first line of a file.
pub(in crate::output) fn header(fields: &[Field]) -> Vec<u8> {
    let mut line = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            line.push(b',');
        }
        write_field(field.name.as_bytes(), &mut line);
    }
    line.push(b'\n');
    line
}

/// Rows that are about to be written.
pub(in crate::output) struct CsvRows<'r> {
    rows: usize,
    columns: Vec<Cells<'r>>,
}

enum Cells<'r> {
    Text(&'r ArrayRef),
    /// Not a JSON text: where it is a string, its quotes go.
    Scalar(JsonText<'r>),
    Json(JsonText<'r>),
}

impl<'r> CsvRows<'r> {
    pub(in crate::output) fn of(rows: &'r Table) -> Self {
        let columns = rows.fields().iter().zip(rows.columns());
        let columns = columns.map(|(field, array)| match &field.data_type {
            DataType::Utf8 => Cells::Text(array),
            DataType::Json | DataType::List(_) | DataType::Map(_) | DataType::Struct(_) => {
                Cells::Json(JsonText::of(array, &field.data_type))
            }
            scalar => Cells::Scalar(JsonText::of(array, scalar)),
        });
        Self {
            rows: rows.len(),
            columns: columns.collect(),
        }
    }

    /// Appends all rows.
    pub(in crate::output) fn write(&self, out: &mut Vec<u8>) {
        let mut value = Vec::new();
        for row in 0..self.rows {
            let begin = out.len();
            for (place, cells) in self.columns.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                cells.write(row, &mut value, out);
            }
            // A line with nothing in it is none: of one column null is an empty text in quotes.
            if out.len() == begin {
                out.extend_from_slice(b"\"\"");
            }
            out.push(b'\n');
        }
    }
}

impl Cells<'_> {
    fn write(&self, row: usize, value: &mut Vec<u8>, out: &mut Vec<u8>) {
        value.clear();
        match self {
            Cells::Text(array) => {
                let texts = array.as_string::<i32>();
                if texts.is_valid(row) {
                    write_field(texts.value(row).as_bytes(), out);
                }
                return;
            }
            Cells::Scalar(text) | Cells::Json(text) if text.is_null(row) => return,
            Cells::Scalar(text) => {
                text.write(row, value);
                unquote(value, 0);
            }
            Cells::Json(text) => text.write(row, value),
        }
        write_field(value, out);
    }
}

fn write_field(value: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    let quoted =
        value.is_empty() || value.iter().any(special) || edge(value.first()) || edge(value.last());
    if !quoted {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    for &byte in value {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
