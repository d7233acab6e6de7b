//! Avro object container files.
//!
//! Written by our own code: the library's writer takes its sync marker from a random source, which
//! the engine does not have, and a marker made of the schema does as well.
//!
//! Every field may be null. Names that Avro does not allow have `_` for what it does not allow, and a
//! number where two meet; the name as it was stands in `doc`.

use std::io;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    Float64Array, Int64Array, ListArray, MapArray, PrimitiveArray, StringArray, StructArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use md5::{Digest, Md5};
use serde_json::{Value as Json, json};

use super::compress::{deflated, zstandard};
use crate::output::definition::AvroCompression;
use crate::output::table::Table;
use crate::schema::{DataType, Field};

const MAGIC: &[u8] = b"Obj\x01";

/// Bytes of a block before it is compressed.
const BLOCK_BYTES: usize = 64 << 10;

/// A file that is being written.
pub(super) struct AvroFile {
    out: Vec<u8>,
    sync: [u8; 16],
    compression: AvroCompression,
    block: Vec<u8>,
    block_rows: i64,
}

impl AvroFile {
    pub(super) fn new(fields: &[Field], compression: AvroCompression) -> Self {
        let schema = schema(fields).to_string();
        let codec = match compression {
            AvroCompression::None => "null",
            AvroCompression::Deflate => "deflate",
            AvroCompression::Zstd => "zstandard",
        };
        let sync: [u8; 16] = Md5::digest(schema.as_bytes()).into();
        let mut out = MAGIC.to_vec();
        write_long(2, &mut out);
        for (key, value) in [("avro.schema", schema.as_str()), ("avro.codec", codec)] {
            write_bytes(key.as_bytes(), &mut out);
            write_bytes(value.as_bytes(), &mut out);
        }
        write_long(0, &mut out);
        out.extend_from_slice(&sync);
        Self {
            out,
            sync,
            compression,
            block: Vec::new(),
            block_rows: 0,
        }
    }

    pub(super) fn push(&mut self, rows: &Table) -> io::Result<()> {
        let cells = AvroRows::of(rows);
        for row in 0..rows.len() {
            cells.write(row, &mut self.block);
            self.block_rows += 1;
            if self.block.len() >= BLOCK_BYTES {
                self.end_block()?;
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.out.len() + self.block.len()
    }

    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.end_block()?;
        Ok(self.out)
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block_rows == 0 {
            return Ok(());
        }
        let packed = match self.compression {
            AvroCompression::None => std::mem::take(&mut self.block),
            AvroCompression::Deflate => deflated(&self.block)?,
            AvroCompression::Zstd => zstandard(&self.block)?,
        };
        write_long(self.block_rows, &mut self.out);
        write_bytes(&packed, &mut self.out);
        self.out.extend_from_slice(&self.sync);
        self.block.clear();
        self.block_rows = 0;
        Ok(())
    }
}

/// Rows that are about to be written.
pub(in crate::output) struct AvroRows<'r>(Vec<Cells<'r>>);

enum Cells<'r> {
    Null,
    Bool(&'r BooleanArray),
    Long(&'r Int64Array),
    Double(&'r Float64Array),
    Decimal(&'r Decimal128Array),
    Text(&'r StringArray),
    Bytes(&'r BinaryArray),
    Date(&'r Date32Array),
    Time(&'r PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'r PrimitiveArray<TimestampMicrosecondType>),
    List(&'r ListArray, Box<Cells<'r>>),
    Map(&'r MapArray, &'r StringArray, Box<Cells<'r>>),
    Struct(&'r StructArray, Vec<Cells<'r>>),
}

impl<'r> AvroRows<'r> {
    pub(in crate::output) fn of(rows: &'r Table) -> Self {
        let columns = rows.fields().iter().zip(rows.columns());
        Self(
            columns
                .map(|(field, array)| Cells::of(array, &field.data_type))
                .collect(),
        )
    }

    /// Appends a row.
    pub(in crate::output) fn write(&self, row: usize, out: &mut Vec<u8>) {
        for cells in &self.0 {
            cells.write(row, out);
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> &PrimitiveArray<T> {
    array.as_primitive()
}

impl<'r> Cells<'r> {
    fn of(array: &'r ArrayRef, data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Cells::Null,
            DataType::Bool => Cells::Bool(array.as_boolean()),
            DataType::Int53 | DataType::Int64 => Cells::Long(primitive::<Int64Type>(array)),
            DataType::Float64 => Cells::Double(primitive::<Float64Type>(array)),
            DataType::Decimal { .. } => Cells::Decimal(primitive::<Decimal128Type>(array)),
            DataType::Utf8 | DataType::Json => Cells::Text(array.as_string()),
            DataType::Binary => Cells::Bytes(array.as_binary()),
            DataType::Date => Cells::Date(primitive::<Date32Type>(array)),
            DataType::Time => Cells::Time(array.as_primitive()),
            DataType::Timestamp | DataType::LocalTimestamp => {
                Cells::Timestamp(array.as_primitive())
            }
            DataType::List(item) => {
                let list: &ListArray = array.as_list();
                Cells::List(list, Box::new(Cells::of(list.values(), item)))
            }
            DataType::Map(value) => {
                let map = array.as_map();
                let values = Box::new(Cells::of(map.values(), value));
                Cells::Map(map, map.keys().as_string(), values)
            }
            DataType::Struct(fields) => {
                let array = array.as_struct();
                let members = fields.iter().zip(array.columns());
                let members = members.map(|(field, column)| Cells::of(column, &field.data_type));
                Cells::Struct(array, members.collect())
            }
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Null => true,
            Cells::Bool(array) => array.is_null(row),
            Cells::Long(array) => array.is_null(row),
            Cells::Double(array) => array.is_null(row),
            Cells::Decimal(array) => array.is_null(row),
            Cells::Text(array) => array.is_null(row),
            Cells::Bytes(array) => array.is_null(row),
            Cells::Date(array) => array.is_null(row),
            Cells::Time(array) => array.is_null(row),
            Cells::Timestamp(array) => array.is_null(row),
            Cells::List(array, _) => array.is_null(row),
            Cells::Map(array, ..) => array.is_null(row),
            Cells::Struct(array, _) => array.is_null(row),
        }
    }

    /// Writes a value of the union of null and the type; of null alone, nothing.
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if matches!(self, Cells::Null) {
            return;
        }
        if self.is_null(row) {
            return write_long(0, out);
        }
        write_long(1, out);
        match self {
            Cells::Null => {}
            Cells::Bool(array) => out.push(u8::from(array.value(row))),
            Cells::Long(array) => write_long(array.value(row), out),
            Cells::Double(array) => out.extend_from_slice(&array.value(row).to_le_bytes()),
            Cells::Decimal(array) => write_bytes(&shortest(array.value(row)), out),
            Cells::Text(array) => write_bytes(array.value(row).as_bytes(), out),
            Cells::Bytes(array) => write_bytes(array.value(row), out),
            Cells::Date(array) => write_long(i64::from(array.value(row)), out),
            Cells::Time(array) => write_long(array.value(row), out),
            Cells::Timestamp(array) => write_long(array.value(row), out),
            Cells::List(array, items) => {
                let offsets = array.value_offsets();
                write_items(offsets[row], offsets[row + 1], out, |item, out| {
                    items.write(item, out);
                });
            }
            Cells::Map(array, keys, values) => {
                let offsets = array.value_offsets();
                write_items(offsets[row], offsets[row + 1], out, |entry, out| {
                    write_bytes(keys.value(entry).as_bytes(), out);
                    values.write(entry, out);
                });
            }
            Cells::Struct(_, members) => {
                for member in members {
                    member.write(row, out);
                }
            }
        }
    }
}

/// Items in one block, and the end of blocks.
fn write_items(from: i32, to: i32, out: &mut Vec<u8>, mut write: impl FnMut(usize, &mut Vec<u8>)) {
    if from < to {
        write_long(i64::from(to - from), out);
        for item in from..to {
            write(item as usize, out);
        }
    }
    write_long(0, out);
}

fn write_long(value: i64, out: &mut Vec<u8>) {
    // Zigzag: small magnitudes are few bytes.
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// Two's complement in as few bytes as hold the sign.
fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let sign = if value < 0 { 0xff } else { 0 };
    let is_spare = |at: &usize| bytes[*at] == sign && (bytes[at + 1] ^ sign) < 0x80;
    let spare = (0..bytes.len() - 1).take_while(is_spare).count();
    bytes[spare..].to_vec()
}

/// The schema of rows.
fn schema(fields: &[Field]) -> Json {
    record("row", fields)
}

fn record(name: &str, fields: &[Field]) -> Json {
    let mut taken: Vec<String> = Vec::new();
    let fields = fields.iter().map(|field| {
        let own = distinct(&field.name, &taken);
        taken.push(own.clone());
        let data_type = nullable(&format!("{name}_{own}"), &field.data_type);
        let mut made = json!({ "name": own, "type": data_type, "default": null });
        if own != *field.name {
            made["doc"] = Json::from(&*field.name);
        }
        made
    });
    let fields: Vec<Json> = fields.collect();
    json!({ "type": "record", "name": name, "fields": fields })
}

/// A name that Avro allows and no field before it has.
fn distinct(name: &str, taken: &[String]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut made: String = name.chars().map(plain).collect();
    if made.is_empty() || made.starts_with(|c: char| c.is_ascii_digit()) {
        made.insert(0, '_');
    }
    let mut number = 1;
    let mut numbered = made.clone();
    while taken.contains(&numbered) {
        number += 1;
        numbered = format!("{made}_{number}");
    }
    numbered
}

/// The type of values that may be null. `name` is for records in it: each has a name of its own.
fn nullable(name: &str, data_type: &DataType) -> Json {
    let logical = |of: &str, logical: &str| json!({ "type": of, "logicalType": logical });
    let own = match data_type {
        DataType::Null => return Json::from("null"),
        DataType::Bool => Json::from("boolean"),
        DataType::Int53 | DataType::Int64 => Json::from("long"),
        DataType::Float64 => Json::from("double"),
        DataType::Decimal { precision, scale } => json!({
            "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale,
        }),
        DataType::Utf8 | DataType::Json => Json::from("string"),
        DataType::Binary => Json::from("bytes"),
        DataType::Date => logical("int", "date"),
        DataType::Time => logical("long", "time-micros"),
        DataType::Timestamp => logical("long", "timestamp-micros"),
        DataType::LocalTimestamp => logical("long", "local-timestamp-micros"),
        DataType::List(item) => json!({ "type": "array", "items": nullable(name, item) }),
        DataType::Map(value) => json!({ "type": "map", "values": nullable(name, value) }),
        DataType::Struct(fields) => record(name, fields),
    };
    Json::from(vec![Json::from("null"), own])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_as_short_as_their_sign_allows() {
        for (value, bytes) in [
            (0, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0, 0x80]),
            (-1, vec![0xff]),
            (-128, vec![0x80]),
            (-129, vec![0xff, 0x7f]),
            (i128::MAX, i128::MAX.to_be_bytes().to_vec()),
            (i128::MIN, i128::MIN.to_be_bytes().to_vec()),
        ] {
            assert_eq!(shortest(value), bytes, "{value}");
        }
    }

    #[test]
    fn names_are_allowed_and_distinct() {
        let mut taken = Vec::new();
        for (name, expected) in [
            ("user-agent", "user_agent"),
            ("user_agent", "user_agent_2"),
            ("user.agent", "user_agent_3"),
            ("9", "_9"),
            ("", "_"),
            ("é", "__2"),
        ] {
            let own = distinct(name, &taken);
            assert_eq!(own, expected);
            taken.push(own);
        }
    }
}
