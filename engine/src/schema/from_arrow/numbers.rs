//! Integers, floats and decimals.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, PrimitiveArray,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::{Column, Convert, FromArrowError};
use crate::schema::DataType;
use crate::schema::decimal::{MAX_PRECISION, power_of_ten, write_digits};
use crate::schema::text::EXACT_INTEGERS;

/// Digits of the largest u64.
const U64_DIGITS: u8 = 20;

impl Convert {
    pub(super) fn number(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        match array.data_type() {
            ArrowType::Int8 => self.small::<Int8Type>(array, nulls),
            ArrowType::Int16 => self.small::<Int16Type>(array, nulls),
            ArrowType::Int32 => self.small::<Int32Type>(array, nulls),
            ArrowType::UInt8 => self.small::<UInt8Type>(array, nulls),
            ArrowType::UInt16 => self.small::<UInt16Type>(array, nulls),
            ArrowType::UInt32 => self.small::<UInt32Type>(array, nulls),
            ArrowType::Int64 => Ok(integers(
                array.as_primitive::<Int64Type>().values().clone(),
                nulls,
            )),
            ArrowType::UInt64 => self.unsigned(array, nulls),
            ArrowType::Float16 => self.floats::<Float16Type>(array, nulls, f64::from),
            ArrowType::Float32 => self.floats::<Float32Type>(array, nulls, f64::from),
            ArrowType::Float64 => {
                let values = array.as_primitive::<Float64Type>().values().clone();
                let array = Float64Array::new(values, nulls);
                Ok((DataType::Float64, Arc::new(array)))
            }
            ArrowType::Decimal32(precision, scale) => {
                let array = array.as_primitive::<Decimal32Type>();
                self.decimals(array, nulls, (*precision, *scale), |value| {
                    Some(i128::from(value))
                })
            }
            ArrowType::Decimal64(precision, scale) => {
                let array = array.as_primitive::<Decimal64Type>();
                self.decimals(array, nulls, (*precision, *scale), |value| {
                    Some(i128::from(value))
                })
            }
            ArrowType::Decimal128(precision, scale) => {
                let array = array.as_primitive::<Decimal128Type>();
                self.decimals(array, nulls, (*precision, *scale), Some)
            }
            ArrowType::Decimal256(precision, scale) => {
                let array = array.as_primitive::<Decimal256Type>();
                self.decimals(array, nulls, (*precision, *scale), |value| value.to_i128())
            }
            other => Err(FromArrowError::Arrow(format!(
                "the type {other} is not known"
            ))),
        }
    }

    /// Integers of up to 32 bits.
    fn small<T: ArrowPrimitiveType>(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError>
    where
        i64: From<T::Native>,
    {
        let array = array.as_primitive::<T>();
        let values = self.mapped(array, nulls.as_ref(), |value| Some(i64::from(value)))?;
        Ok(integers(values.unwrap_or_default(), nulls))
    }

    fn unsigned(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let array = array.as_primitive::<UInt64Type>();
        let values = self.mapped(array, nulls.as_ref(), |value| i64::try_from(value).ok())?;
        if let Some(values) = values {
            return Ok(integers(values, nulls));
        }
        let values = self.mapped(array, nulls.as_ref(), |value| Some(i128::from(value)))?;
        Ok(decimals(values.unwrap_or_default(), nulls, U64_DIGITS, 0))
    }

    fn floats<T: ArrowPrimitiveType>(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
        widen: fn(T::Native) -> f64,
    ) -> Result<Column, FromArrowError> {
        let array = array.as_primitive::<T>();
        let values = self.mapped(array, nulls.as_ref(), |value| Some(widen(value)))?;
        let array = Float64Array::new(values.unwrap_or_default(), nulls);
        Ok((DataType::Float64, Arc::new(array)))
    }

    /// Decimals of a precision and a scale, which may be negative. Arrow does not check that values
    /// keep to the precision.
    fn decimals<T: ArrowPrimitiveType>(
        &mut self,
        array: &PrimitiveArray<T>,
        nulls: Option<NullBuffer>,
        (precision, scale): (u8, i8),
        narrow: fn(T::Native) -> Option<i128>,
    ) -> Result<Column, FromArrowError>
    where
        T::Native: std::fmt::Display,
    {
        let zeros = scale.min(0).unsigned_abs();
        let fraction = scale.max(0).unsigned_abs();
        let digits = precision.saturating_add(zeros).max(fraction);
        if digits <= MAX_PRECISION {
            let (factor, most) = (power_of_ten(zeros), power_of_ten(digits));
            let values = self.mapped(array, nulls.as_ref(), |value| {
                let value = narrow(value)?.checked_mul(factor)?;
                (value.unsigned_abs() < most.unsigned_abs()).then_some(value)
            })?;
            if let Some(values) = values {
                return Ok(decimals(values, nulls, digits, fraction));
            }
        }
        self.written(DataType::Json, array.len(), nulls, |row, out| {
            write_digits(out, &array.value(row).to_string(), i32::from(scale));
        })
    }
}

/// Integers as the type that their size asks for.
fn integers(values: ScalarBuffer<i64>, nulls: Option<NullBuffer>) -> Column {
    let array = Int64Array::new(values, nulls);
    let exact = |value: i64| value.unsigned_abs() <= EXACT_INTEGERS;
    let data_type = match array.iter().flatten().all(exact) {
        true => DataType::Int53,
        false => DataType::Int64,
    };
    (data_type, Arc::new(array))
}

fn decimals(
    values: ScalarBuffer<i128>,
    nulls: Option<NullBuffer>,
    precision: u8,
    scale: u8,
) -> Column {
    let data_type = DataType::Decimal { precision, scale };
    let array = Decimal128Array::new(values, nulls).with_data_type(data_type.to_arrow());
    (data_type, Arc::new(array))
}
