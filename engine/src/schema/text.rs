//! Canonical JSON text: one text for one value, whether the value is written while it is decoded
//! or read back from an Arrow array later.
//!
//! - Integers are their digits. A float64 that is integral and at most 2^53 in magnitude is written
//!   as an integer (`1.0` is `1`; negative zero is `-0.0`), any other in the shortest form that
//!   reads back as the same number.
//! - Decimals are their digits, without zeros that end the fraction: `1.50` is `1.5`.
//! - Dates, times and timestamps are strings in the form of ISO 8601 ([`super::calendar`]).
//! - Bytes are a string of their base64 with padding.
//! - Strings are quoted; only `"`, `\` and control characters are escaped.
//! - Objects have their keys in byte order and leave out members that are null: Arrow cannot tell
//!   those from absent ones. Lists keep their nulls.
//! - Maps are objects that keep their nulls; should a key be there twice, so it is in the text.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    Float64Array, Int64Array, ListArray, MapArray, PrimitiveArray, StringArray, StructArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::calendar::{self, MICROSECONDS};
use super::decimal::write_decimal;
use super::{DataType, Field};

/// The magnitude up to which a float64 holds every integer: 2^53.
pub const EXACT_INTEGERS: u64 = 1 << 53;

/// Writes an integer.
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a float64. What JSON has no number for is written as a string.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    let exact = value.abs() <= EXACT_INTEGERS as f64 && value.trunc() == value;
    if exact && !(value == 0.0 && value.is_sign_negative()) {
        // In range and integral, so the conversion is exact.
        write_int(out, value as i64);
    } else if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        write_string(out, "NaN");
    } else if value > 0.0 {
        write_string(out, "Infinity");
    } else {
        write_string(out, "-Infinity");
    }
}

/// Writes a boolean.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Writes null.
pub fn write_null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Writes a quoted string.
pub fn write_string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    write_escaped(out, value);
    out.push(b'"');
}

/// Writes what stands between the quotes of a string, or a piece of it.
pub fn write_escaped(out: &mut Vec<u8>, value: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = value.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(other >> 4)]);
                out.push(HEX[usize::from(other & 0xf)]);
            }
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

/// Writes bytes as a string.
pub fn write_binary(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    let start = out.len();
    // Three bytes are four characters.
    out.resize(start + value.len().div_ceil(3) * 4, 0);
    let written = BASE64.encode_slice(value, &mut out[start..]);
    out.truncate(start + written.unwrap_or(0));
    out.push(b'"');
}

/// Reads the values of an array as canonical JSON text.
pub struct JsonText<'a> {
    cells: Cells<'a>,
}

enum Cells<'a> {
    Null,
    Bool(&'a BooleanArray),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Decimal(&'a Decimal128Array, u8),
    Utf8(&'a StringArray),
    Json(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a Date32Array),
    /// Times and timestamps, and how one is written.
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>, bool),
    Map(&'a MapArray, &'a StringArray, Box<JsonText<'a>>),
    List(&'a ListArray, Box<JsonText<'a>>),
    Struct(&'a StructArray, RowText<'a>),
}

/// Reads rows of columns as canonical JSON text: objects with a member for each column that is not
/// null.
pub struct RowText<'a> {
    /// In the order of their keys.
    members: Vec<Member<'a>>,
}

/// A member of an object: its key with quotes and colon, and its values.
struct Member<'a> {
    key: Vec<u8>,
    values: JsonText<'a>,
}

impl<'a> RowText<'a> {
    /// Takes columns together with their names and types.
    ///
    /// # Panics
    /// If an array is not of [`DataType::to_arrow`], or there are not as many as fields.
    pub fn of(fields: &[Field], columns: &'a [ArrayRef]) -> Self {
        assert_eq!(fields.len(), columns.len(), "an array for each field");
        let mut order: Vec<usize> = (0..fields.len()).collect();
        order.sort_unstable_by(|&a, &b| fields[a].name.cmp(&fields[b].name));
        let member = |place: usize| Member {
            key: quoted_key(&fields[place].name),
            values: JsonText::of(&columns[place], &fields[place].data_type),
        };
        Self {
            members: order.into_iter().map(member).collect(),
        }
    }

    /// Appends the text of the row at `row`.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        let mut object = ObjectText::open(out);
        for member in &self.members {
            if !member.values.is_null(row) {
                member.values.write(row, object.key(&member.key));
            }
        }
        object.close();
    }

    /// The text of the row at `row`.
    pub fn text(&self, row: usize) -> String {
        let mut text = Vec::new();
        self.write(row, &mut text);
        // Nothing else is written.
        String::from_utf8(text).expect("canonical text is UTF-8")
    }
}

impl<'a> JsonText<'a> {
    /// Takes an array together with its type.
    ///
    /// # Panics
    /// If the array is not of [`DataType::to_arrow`].
    pub fn of(array: &'a ArrayRef, data_type: &DataType) -> Self {
        let cells = match data_type {
            DataType::Null => Cells::Null,
            DataType::Bool => Cells::Bool(array.as_boolean()),
            DataType::Int53 | DataType::Int64 => Cells::Int(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Cells::Float(array.as_primitive::<Float64Type>()),
            DataType::Utf8 => Cells::Utf8(array.as_string()),
            DataType::Json => Cells::Json(array.as_string()),
            DataType::Decimal { scale, .. } => {
                Cells::Decimal(primitive::<Decimal128Type>(array), *scale)
            }
            DataType::Binary => Cells::Binary(array.as_binary()),
            DataType::Date => Cells::Date(primitive::<Date32Type>(array)),
            DataType::Time => Cells::Time(primitive::<Time64MicrosecondType>(array)),
            DataType::Timestamp => Cells::Timestamp(array.as_primitive(), true),
            DataType::LocalTimestamp => Cells::Timestamp(array.as_primitive(), false),
            DataType::Map(value) => {
                let map = array.as_map();
                let values = Box::new(JsonText::of(map.values(), value));
                Cells::Map(map, map.keys().as_string(), values)
            }
            DataType::List(item) => {
                let list: &ListArray = array.as_list();
                Cells::List(list, Box::new(JsonText::of(list.values(), item)))
            }
            DataType::Struct(fields) => {
                let array = array.as_struct();
                Cells::Struct(array, RowText::of(fields, array.columns()))
            }
        };
        Self { cells }
    }

    /// Whether the value at `row` is null.
    pub fn is_null(&self, row: usize) -> bool {
        match &self.cells {
            Cells::Null => true,
            Cells::Bool(array) => array.is_null(row),
            Cells::Int(array) => array.is_null(row),
            Cells::Float(array) => array.is_null(row),
            Cells::Decimal(array, _) => array.is_null(row),
            Cells::Utf8(array) | Cells::Json(array) => array.is_null(row),
            Cells::Binary(array) => array.is_null(row),
            Cells::Date(array) => array.is_null(row),
            Cells::Time(array) => array.is_null(row),
            Cells::Timestamp(array, _) => array.is_null(row),
            Cells::Map(array, ..) => array.is_null(row),
            Cells::List(array, _) => array.is_null(row),
            Cells::Struct(array, _) => array.is_null(row),
        }
    }

    /// Appends the text of the value at `row`.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return write_null(out);
        }
        match &self.cells {
            Cells::Null => write_null(out),
            Cells::Bool(array) => write_bool(out, array.value(row)),
            Cells::Int(array) => write_int(out, array.value(row)),
            Cells::Float(array) => write_float(out, array.value(row)),
            Cells::Utf8(array) => write_string(out, array.value(row)),
            Cells::Decimal(array, scale) => write_decimal(out, array.value(row), *scale),
            Cells::Json(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Cells::Binary(array) => write_binary(out, array.value(row)),
            Cells::Date(array) => quoted(out, |out| {
                calendar::write_date(out, i64::from(array.value(row)));
            }),
            Cells::Time(array) => quoted(out, |out| {
                calendar::write_time(out, array.value(row), MICROSECONDS);
            }),
            Cells::Timestamp(array, utc) => quoted(out, |out| {
                calendar::write_timestamp(out, array.value(row), MICROSECONDS, *utc);
            }),
            Cells::Map(array, keys, values) => write_map(array, keys, values, row, out),
            Cells::List(array, items) => {
                let offsets = array.value_offsets();
                out.push(b'[');
                for (place, item) in (offsets[row]..offsets[row + 1]).enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    items.write(item as usize, out);
                }
                out.push(b']');
            }
            Cells::Struct(_, members) => members.write(row, out),
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> &PrimitiveArray<T> {
    array.as_primitive()
}

/// A string of what `write` writes, which has nothing to escape.
pub(crate) fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Entries in the order of their keys.
fn write_map(
    array: &MapArray,
    keys: &StringArray,
    values: &JsonText<'_>,
    row: usize,
    out: &mut Vec<u8>,
) {
    let offsets = array.value_offsets();
    let mut entries: Vec<usize> = (offsets[row] as usize..offsets[row + 1] as usize).collect();
    entries.sort_by_key(|&entry| keys.value(entry));
    let mut object = ObjectText::open(out);
    for entry in entries {
        values.write(entry, object.key(&quoted_key(keys.value(entry))));
    }
    object.close();
}

/// A key as it stands before its value: quotes and colon included.
pub fn quoted_key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 3);
    write_string(&mut key, name);
    key.push(b':');
    key
}

/// Writes an object member by member; the caller gives the keys in their order.
pub struct ObjectText<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> ObjectText<'a> {
    /// Opens the object.
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes a key from [`quoted_key`] and gives the place for its value.
    pub fn key(&mut self, key: &[u8]) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.extend_from_slice(key);
        self.out
    }

    /// Closes the object; says whether it has no member.
    pub fn close(self) -> bool {
        self.out.push(b'}');
        self.empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        write_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn equal_numbers_have_equal_texts() {
        assert_eq!(float(1.0), "1");
        assert_eq!(float(-3.0), "-3");
        assert_eq!(float(0.0), "0");
        assert_eq!(float(-0.0), "-0.0");
        assert_eq!(float(9_007_199_254_740_992.0), "9007199254740992");
        assert_eq!(float(0.1), "0.1");
        assert_eq!(float(1e300), "1e300");
    }

    #[test]
    fn every_float_reads_back() {
        for value in [
            5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            9_007_199_254_740_994.0,
            1.0 / 3.0,
            -2.5e-7,
        ] {
            assert_eq!(float(value).parse::<f64>().unwrap(), value);
        }
    }

    #[test]
    fn strings_are_escaped_as_little_as_json_allows() {
        let mut out = Vec::new();
        write_string(&mut out, "a\"b\\c\n\u{1}é/\u{7f}");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a\\\"b\\\\c\\n\\u0001é/\u{7f}\""
        );
    }
}
