//! Decimal numbers: how their types meet, and their text.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{Decimal128Type, Int64Type};

use super::DataType;

/// The most digits of a decimal type. DuckDB, Spark and Athena read no more; Arrow's larger
/// decimals become their digits as JSON text.
pub const MAX_PRECISION: u8 = 38;

/// Digits that a type of exact numbers has room for before and after the point.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    whole: u8,
    fraction: u8,
}

impl Digits {
    /// Those of a type; `None` for one that is not of exact numbers.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        let (whole, fraction) = match data_type {
            DataType::Int53 => (16, 0),
            DataType::Int64 => (19, 0),
            DataType::Decimal { precision, scale } => (precision.saturating_sub(*scale), *scale),
            _ => return None,
        };
        Some(Self { whole, fraction })
    }

    /// The decimal type with room for both, or JSON text where that would have too many digits.
    pub(super) fn merge(self, other: Self) -> DataType {
        let scale = self.fraction.max(other.fraction);
        let precision = self.whole.max(other.whole).saturating_add(scale);
        if precision > MAX_PRECISION {
            return DataType::Json;
        }
        DataType::Decimal { precision, scale }
    }

    pub(super) fn hold(self, other: Self) -> bool {
        self.whole >= other.whole && self.fraction >= other.fraction
    }
}

/// Brings integers and decimals to a decimal type that holds them.
pub(super) fn widen(array: &ArrayRef, from: &DataType, precision: u8, scale: u8) -> ArrayRef {
    let had = Digits::of(from).map_or(0, |digits| digits.fraction);
    // The product has at most `precision` digits.
    let factor = power_of_ten(scale.saturating_sub(had));
    let wide: Decimal128Array = match from {
        DataType::Decimal { .. } => array
            .as_primitive::<Decimal128Type>()
            .unary(|value| value.wrapping_mul(factor)),
        _ => array
            .as_primitive::<Int64Type>()
            .unary(|value| i128::from(value).wrapping_mul(factor)),
    };
    Arc::new(wide.with_data_type(DataType::Decimal { precision, scale }.to_arrow()))
}

/// 10 to the power of at most 38.
pub(super) fn power_of_ten(exponent: u8) -> i128 {
    10_i128.pow(u32::from(exponent.min(MAX_PRECISION)))
}

/// Writes a number that is `value` by 10 to the power of `-scale`.
pub(crate) fn write_decimal(out: &mut Vec<u8>, value: i128, scale: u8) {
    write_digits(out, itoa::Buffer::new().format(value), i32::from(scale));
}

/// Writes a number whose digits, with a sign perhaps, are `digits` and the last `scale` of them
/// after the point. A negative scale means zeros that follow. Zeros that end the fraction are left
/// out, so that one number has one text whatever the scale of its type.
pub(crate) fn write_digits(out: &mut Vec<u8>, digits: &str, scale: i32) {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let digits = digits.trim_start_matches('0').as_bytes();
    if digits.is_empty() {
        return out.push(b'0');
    }
    out.extend_from_slice(sign.as_bytes());
    let Some(fraction) = usize::try_from(scale).ok().filter(|scale| *scale > 0) else {
        out.extend_from_slice(digits);
        out.resize(out.len() + scale.unsigned_abs() as usize, b'0');
        return;
    };
    let whole = digits.len().saturating_sub(fraction);
    match whole {
        0 => out.push(b'0'),
        _ => out.extend_from_slice(&digits[..whole]),
    }
    let point = out.len();
    out.push(b'.');
    out.resize(out.len() + fraction - (digits.len() - whole), b'0');
    out.extend_from_slice(&digits[whole..]);
    while out.last() == Some(&b'0') {
        out.pop();
    }
    if out.len() == point + 1 {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_text_whatever_its_scale() {
        for (value, scale, text) in [
            (0, 0, "0"),
            (0, 5, "0"),
            (150, 2, "1.5"),
            (1500, 3, "1.5"),
            (-5, 2, "-0.05"),
            (100, 2, "1"),
            (100, 0, "100"),
            (-1234567, 3, "-1234.567"),
            (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
        ] {
            let mut out = Vec::new();
            write_decimal(&mut out, value, scale);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        write_digits(&mut out, "-12", -3);
        assert_eq!(out, b"-12000");
    }
}
