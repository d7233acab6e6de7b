//! Inferred schemas: a lattice of types that widen and never change a value.

mod data_type;

pub use data_type::{DataType, Field, Schema};
