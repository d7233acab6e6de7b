//! Files are judged by what Parquet's own reader says of them.

mod batches;
mod credit;
mod encodings;
mod evolution;
mod random;
mod values;
