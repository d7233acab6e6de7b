//! Single values as answers show them.

use std::fmt;

use serde::Serialize;

use crate::statistics::object::decimal_text;
use crate::statistics::observe::write_time;
use crate::statistics::typed::{Bound, ValueType};

/// A value: integers and floats are numbers in JSON, everything else is text. Decimals are their
/// digits, times are ISO 8601, texts are cut after 256 bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// Anything else.
    Text(String),
}

impl Shown {
    /// A bound of values of this type.
    pub(super) fn bound(kind: ValueType, bound: &Bound) -> Self {
        match bound {
            Bound::Integer(value) if kind == ValueType::Integer => Shown::Integer(*value),
            Bound::Integer(value) => {
                let mut text = String::new();
                write_time(&mut text, kind, *value);
                Shown::Text(text)
            }
            Bound::Float(value) => Shown::Float(*value),
            Bound::Decimal(value) => Shown::Text(decimal_text(*value)),
            Bound::Text(text) => Shown::Text(text.to_string()),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Integer(value) => write!(f, "{value}"),
            Shown::Float(value) => f.write_str(ryu::Buffer::new().format(*value)),
            Shown::Text(text) => f.write_str(text),
        }
    }
}
