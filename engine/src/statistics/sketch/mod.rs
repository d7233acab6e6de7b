//! What merges: summaries of many values in few bytes.
//!
//! Each knows how to take values in, to merge with another of its kind, and what it is worth. Merging
//! is commutative and associative: exactly for histograms, distinct counts and sums of integers,
//! within the stated bounds for top values, moments and sums of floats.

mod distinct;
mod histogram;
mod latest;
mod moments;
mod sum;
mod top_values;

pub use distinct::{Distinct, Estimate};
pub use histogram::{Bucket, Histogram};
pub use latest::{Latest, LatestValue, Place};
pub use moments::Moments;
pub use sum::FloatSum;
pub use top_values::{TopValue, TopValues};
