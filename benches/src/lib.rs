//! What the benchmarks share.

pub mod allocator;
pub mod decoding;
pub mod events;
pub mod measure;
pub mod side_by_side;
