//! Inferred schemas: a lattice of types that widen and never change a value.
//!
//! Batches carry what was seen in them ([`Schema`]); a file's schema is the known one widened by
//! what comes ([`admit()`]), made storable ([`Schema::in_file`]), and rows are brought to it by
//! [`conform()`]. [`widen()`] is the only way from one type to another.

mod admit;
mod arrow;
pub mod calendar;
mod conform;
mod data_type;
mod decimal;
mod from_arrow;
mod merge;
mod names;
pub mod text;
mod widen;

pub use admit::admit;
pub use conform::{Conformed, conform};
pub use data_type::{DataType, Field, Schema};
pub use from_arrow::{FromArrowError, from_arrow};
pub use names::{SYSTEM_COLUMNS, file_field_name};
pub use widen::widen;

pub(crate) use arrow::item_field;
pub(crate) use decimal::{write_decimal, write_digits};
pub(crate) use from_arrow::{JSON_EXTENSION, UUID_EXTENSION, write_uuid};
pub(crate) use widen::{map_array, struct_array};

#[cfg(test)]
mod laws;
#[cfg(test)]
mod random_arrays;
