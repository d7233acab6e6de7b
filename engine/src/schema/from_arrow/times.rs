//! Dates, times, timestamps, and lengths of time.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, PrimitiveArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Date64Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, IntervalDayTimeType,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};

use super::{Column, Convert, FromArrowError};
use crate::schema::DataType;
use crate::schema::arrow::UTC;
use crate::schema::calendar::{
    self, DAY, MICROSECONDS, MILLISECONDS, NANOSECONDS, SECONDS, write_duration,
};
use crate::schema::text::quoted;

impl Convert {
    pub(super) fn time(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        match array.data_type() {
            ArrowType::Date32 => {
                let values = array.as_primitive::<Date32Type>().values().clone();
                let array = Date32Array::new(values, nulls);
                Ok((DataType::Date, Arc::new(array)))
            }
            ArrowType::Date64 => self.dates(array.as_primitive(), nulls),
            ArrowType::Time32(TimeUnit::Second) => {
                self.clock::<Time32SecondType>(array, nulls, SECONDS)
            }
            ArrowType::Time32(_) => self.clock::<Time32MillisecondType>(array, nulls, MILLISECONDS),
            ArrowType::Time64(TimeUnit::Microsecond) => {
                self.clock::<Time64MicrosecondType>(array, nulls, MICROSECONDS)
            }
            ArrowType::Time64(_) => self.clock::<Time64NanosecondType>(array, nulls, NANOSECONDS),
            ArrowType::Timestamp(unit, zone) => {
                let utc = zone.is_some();
                match unit {
                    TimeUnit::Second => {
                        self.timestamps::<TimestampSecondType>(array, nulls, SECONDS, utc)
                    }
                    TimeUnit::Millisecond => {
                        self.timestamps::<TimestampMillisecondType>(array, nulls, MILLISECONDS, utc)
                    }
                    TimeUnit::Microsecond => {
                        self.timestamps::<TimestampMicrosecondType>(array, nulls, MICROSECONDS, utc)
                    }
                    TimeUnit::Nanosecond => {
                        self.timestamps::<TimestampNanosecondType>(array, nulls, NANOSECONDS, utc)
                    }
                }
            }
            ArrowType::Duration(unit) => match unit {
                TimeUnit::Second => self.durations::<DurationSecondType>(array, nulls, SECONDS),
                TimeUnit::Millisecond => {
                    self.durations::<DurationMillisecondType>(array, nulls, MILLISECONDS)
                }
                TimeUnit::Microsecond => {
                    self.durations::<DurationMicrosecondType>(array, nulls, MICROSECONDS)
                }
                TimeUnit::Nanosecond => {
                    self.durations::<DurationNanosecondType>(array, nulls, NANOSECONDS)
                }
            },
            ArrowType::Interval(unit) => self.intervals(array, nulls, *unit),
            other => Err(FromArrowError::Arrow(format!(
                "the type {other} is not known"
            ))),
        }
    }

    /// Dates in milliseconds, which should be whole days.
    fn dates(
        &mut self,
        array: &PrimitiveArray<Date64Type>,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        const DAY_MS: i64 = DAY * MILLISECONDS;
        let days = self.mapped(array, nulls.as_ref(), |value| {
            (value % DAY_MS == 0)
                .then_some(value / DAY_MS)?
                .try_into()
                .ok()
        })?;
        if let Some(days) = days {
            let array = Date32Array::new(days, nulls);
            return Ok((DataType::Date, Arc::new(array)));
        }
        self.written(DataType::Json, array.len(), nulls, |row, out| {
            let value = array.value(row);
            quoted(out, |out| match value % DAY_MS {
                0 => calendar::write_date(out, value / DAY_MS),
                _ => calendar::write_timestamp(out, value, MILLISECONDS, false),
            });
        })
    }

    fn clock<T: ArrowPrimitiveType>(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
        per_second: i64,
    ) -> Result<Column, FromArrowError>
    where
        i64: From<T::Native>,
    {
        let array = array.as_primitive::<T>();
        let values = self.mapped(array, nulls.as_ref(), |value| {
            let value = microseconds(value.into(), per_second)?;
            (0..DAY * MICROSECONDS).contains(&value).then_some(value)
        })?;
        if let Some(values) = values {
            let array = Time64MicrosecondArray::new(values, nulls);
            return Ok((DataType::Time, Arc::new(array)));
        }
        self.written(DataType::Json, array.len(), nulls, |row, out| {
            let value = i64::from(array.value(row));
            quoted(out, |out| calendar::write_time(out, value, per_second));
        })
    }

    fn timestamps<T: ArrowPrimitiveType<Native = i64>>(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
        per_second: i64,
        utc: bool,
    ) -> Result<Column, FromArrowError> {
        let array = array.as_primitive::<T>();
        let values = self.mapped(array, nulls.as_ref(), |value| {
            microseconds(value, per_second)
        })?;
        if let Some(values) = values {
            let array = TimestampMicrosecondArray::new(values, nulls);
            return Ok(match utc {
                true => (DataType::Timestamp, Arc::new(array.with_timezone(UTC))),
                false => (DataType::LocalTimestamp, Arc::new(array)),
            });
        }
        self.written(DataType::Json, array.len(), nulls, |row, out| {
            let value = array.value(row);
            quoted(out, |out| {
                calendar::write_timestamp(out, value, per_second, utc);
            });
        })
    }

    fn durations<T: ArrowPrimitiveType<Native = i64>>(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
        per_second: i64,
    ) -> Result<Column, FromArrowError> {
        let array = array.as_primitive::<T>();
        self.written(DataType::Utf8, array.len(), nulls, |row, out| {
            write_duration(out, 0, 0, array.value(row), per_second);
        })
    }

    fn intervals(
        &mut self,
        array: &ArrayRef,
        nulls: Option<NullBuffer>,
        unit: IntervalUnit,
    ) -> Result<Column, FromArrowError> {
        self.written(DataType::Utf8, array.len(), nulls, |row, out| match unit {
            IntervalUnit::YearMonth => {
                let months = array.as_primitive::<IntervalYearMonthType>().value(row);
                write_duration(out, months.into(), 0, 0, SECONDS);
            }
            IntervalUnit::DayTime => {
                let value = array.as_primitive::<IntervalDayTimeType>().value(row);
                let (days, time) = (value.days.into(), value.milliseconds.into());
                write_duration(out, 0, days, time, MILLISECONDS);
            }
            IntervalUnit::MonthDayNano => {
                let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
                let (months, days) = (value.months.into(), value.days.into());
                write_duration(out, months, days, value.nanoseconds, NANOSECONDS);
            }
        })
    }
}

/// A time in microseconds, where those hold it.
fn microseconds(value: i64, per_second: i64) -> Option<i64> {
    if per_second <= MICROSECONDS {
        return value.checked_mul(MICROSECONDS / per_second);
    }
    let finer = per_second / MICROSECONDS;
    (value % finer == 0).then_some(value / finer)
}
