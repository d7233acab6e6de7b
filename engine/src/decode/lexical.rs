//! What a text stands for, in formats that know nothing but text.
//!
//! The rule looks at one value alone, never at its neighbours (I10):
//! - what is spelled like a number of JSON is one: `12`, `-0.5`, `1e-7`; an integer that int64 holds
//!   not, and a number that float64 holds not, keep their digits as JSON text, as in JSON itself;
//! - `true` and `false` in lower case, capitals or with a first capital are booleans;
//! - everything else is text as it stands. So what only looks like a number stays what it is: `007`,
//!   `+1`, `1.`, `.5`, ` 1`, `1,000`, `0x1f`. `NaN` and `inf` are text too: name them as null values
//!   where they mean that nothing was measured.
//!
//! Where the type of a field was decided, the decision says what is looked for; a value that is not
//! like that stays text, so the column becomes JSON text and nothing is lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::column::Column;
use super::json::numbers::number_end;
use crate::schema::text::{
    EXACT_INTEGERS, write_bool, write_float, write_int, write_null, write_string,
};
use crate::schema::{DataType, Field, Schema};

/// The type that the values of a field are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text as it stands.
    String,
    /// Integers; a float among them makes the column one of floats.
    Int64,
    /// Floats; integers that float64 holds exactly are read as floats.
    Float64,
    /// `true` and `false`.
    Boolean,
}

/// The types to decide on for the fields of a format of text, by the schema of a sample that was
/// decoded with inference: a field in which numbers and words met is text from then on, instead of
/// JSON text. Fields that held nothing, lists or objects stay undecided.
pub fn decide_types(sample: &Schema) -> BTreeMap<String, FieldType> {
    let decided = |field: &Field| {
        let field_type = match field.data_type {
            DataType::Bool => FieldType::Boolean,
            DataType::Int53 | DataType::Int64 => FieldType::Int64,
            DataType::Float64 => FieldType::Float64,
            DataType::Utf8 | DataType::Json => FieldType::String,
            _ => return None,
        };
        Some((field.name.to_string(), field_type))
    };
    sample.fields.iter().filter_map(decided).collect()
}

/// How the texts of a field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// By the spelling of each.
    Inferred,
    /// As it was decided.
    Decided(FieldType),
}

impl Reading {
    /// What holds for a field whose type is not decided.
    pub(super) fn undecided(infer: bool) -> Self {
        match infer {
            true => Reading::Inferred,
            false => Reading::Decided(FieldType::String),
        }
    }

    /// Puts a text into its column.
    #[inline]
    pub(super) fn push(self, column: &mut Column, row: usize, text: &str) {
        match (self, scalar(self, text)) {
            (_, Scalar::Text) => column.push_str(row, text),
            (Reading::Decided(FieldType::Float64), Scalar::Int(value))
                if value.unsigned_abs() <= EXACT_INTEGERS =>
            {
                column.push_float(row, value as f64);
            }
            (_, Scalar::Int(value)) => column.push_int(row, value),
            (_, Scalar::Float(value)) => column.push_float(row, value),
            (_, Scalar::Bool(value)) => column.push_bool(row, value),
            (_, Scalar::Digits) => {
                column.push_json(row, |out| out.extend_from_slice(text.as_bytes()));
            }
        }
    }

    /// Puts texts into their column as a list; `None` stands for null.
    pub(super) fn push_list<'t>(
        self,
        column: &mut Column,
        row: usize,
        texts: impl Iterator<Item = Option<&'t str>>,
    ) {
        let Some(list) = column.list(row) else {
            return column.push_json(row, |out| self.write_list(texts, out));
        };
        for text in texts {
            match text {
                Some(text) => self.push(&mut list.column, list.items, text),
                None => list.column.push_null(list.items),
            }
            list.items += 1;
        }
        list.close();
    }

    fn write_list<'t>(self, texts: impl Iterator<Item = Option<&'t str>>, out: &mut Vec<u8>) {
        out.push(b'[');
        for (place, text) in texts.enumerate() {
            if place > 0 {
                out.push(b',');
            }
            match text {
                Some(text) => self.write(text, out),
                None => write_null(out),
            }
        }
        out.push(b']');
    }

    /// Appends a text's value as canonical JSON text.
    pub(super) fn write(self, text: &str, out: &mut Vec<u8>) {
        match scalar(self, text) {
            Scalar::Text => write_string(out, text),
            Scalar::Int(value) => write_int(out, value),
            Scalar::Float(value) => write_float(out, value),
            Scalar::Bool(value) => write_bool(out, value),
            Scalar::Digits => out.extend_from_slice(text.as_bytes()),
        }
    }
}

/// What a text stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Text,
    Int(i64),
    Float(f64),
    Bool(bool),
    /// A number that neither int64 nor float64 holds.
    Digits,
}

fn scalar(reading: Reading, text: &str) -> Scalar {
    match reading {
        Reading::Inferred => infer(text),
        Reading::Decided(FieldType::String) => Scalar::Text,
        Reading::Decided(FieldType::Int64 | FieldType::Float64) => number(text.as_bytes()),
        Reading::Decided(FieldType::Boolean) => boolean(text),
    }
}

/// What a text stands for by its spelling.
#[inline]
pub(super) fn infer(text: &str) -> Scalar {
    match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => number(text.as_bytes()),
        Some(b't' | b'T' | b'f' | b'F') => boolean(text),
        _ => Scalar::Text,
    }
}

fn boolean(text: &str) -> Scalar {
    match text {
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ => Scalar::Text,
    }
}

/// Decimal digits that always fit an i64.
const INT_DIGITS: usize = 18;
/// Decimal digits that a float64 always holds exactly.
const EXACT_DIGITS: usize = 15;
const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

fn number(text: &[u8]) -> Scalar {
    let negative = text.first() == Some(&b'-');
    let digits = &text[usize::from(negative)..];
    let mut value = 0u64;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b'.' if point.is_none() => point = Some(at),
            _ => return rare_number(text),
        }
    }
    let leading_zero = digits.len() > 1 && digits[0] == b'0' && point != Some(1);
    match point {
        _ if leading_zero => Scalar::Text,
        None if digits.is_empty() => Scalar::Text,
        None if digits.len() <= INT_DIGITS => {
            let value = value as i64;
            Scalar::Int(if negative { -value } else { value })
        }
        Some(point)
            if point > 0 && point + 1 < digits.len() && digits.len() <= EXACT_DIGITS + 1 =>
        {
            // Both are exact, so their quotient is rounded once.
            let value = value as f64 / POWERS_OF_TEN[digits.len() - point - 1];
            Scalar::Float(if negative { -value } else { value })
        }
        _ => rare_number(text),
    }
}

/// A number with an exponent or many digits, or none at all.
#[inline(never)]
fn rare_number(text: &[u8]) -> Scalar {
    if number_end(text) != Some(text.len()) {
        return Scalar::Text;
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return Scalar::Text;
    };
    let integer = text
        .bytes()
        .all(|byte| byte == b'-' || byte.is_ascii_digit());
    if integer {
        return text.parse().map_or(Scalar::Digits, Scalar::Int);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Scalar::Float(value),
        _ => Scalar::Digits,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", Scalar::Int(0))]
    #[case("-0", Scalar::Int(0))]
    #[case("-17", Scalar::Int(-17))]
    #[case("9223372036854775807", Scalar::Int(i64::MAX))]
    #[case("-9223372036854775808", Scalar::Int(i64::MIN))]
    #[case("9223372036854775808", Scalar::Digits)]
    #[case("0.5", Scalar::Float(0.5))]
    #[case("-12.25", Scalar::Float(-12.25))]
    #[case("0.1234567890123456789", Scalar::Float(0.123_456_789_012_345_68))]
    #[case("1e3", Scalar::Float(1e3))]
    #[case("1E-05", Scalar::Float(1e-5))]
    #[case("1e400", Scalar::Digits)]
    #[case("True", Scalar::Bool(true))]
    #[case("FALSE", Scalar::Bool(false))]
    fn values_that_are_typed(#[case] text: &str, #[case] expected: Scalar) {
        assert_eq!(infer(text), expected);
    }

    #[rstest]
    fn values_that_stay_text(
        #[values(
            "",
            "-",
            "007",
            "-01",
            "+1",
            "1.",
            ".5",
            "-.5",
            "1.5.5",
            " 1",
            "1 ",
            "1,000",
            "0x1f",
            "1_000",
            "1e",
            "1e+",
            "NaN",
            "nan",
            "inf",
            "Infinity",
            "tRUE",
            "truer",
            "f",
            "yes",
            "2024-01-01",
            "00.5",
            "--1",
            "\u{661}"
        )]
        text: &str,
    ) {
        assert_eq!(infer(text), Scalar::Text);
    }

    proptest! {
        #[test]
        fn what_is_typed_is_what_json_reads(text in "-?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][+-]?[0-9]{0,3})?") {
            let json: Option<serde_json::Number> = serde_json::from_str(&text).ok();
            match infer(&text) {
                Scalar::Int(value) => prop_assert_eq!(text.parse::<i64>(), Ok(value)),
                Scalar::Float(value) => prop_assert_eq!(text.parse::<f64>(), Ok(value)),
                Scalar::Digits => prop_assert!(text.parse::<i64>().is_err()),
                _ => prop_assert!(json.is_none(), "{} is a number", text),
            }
        }
    }
}
