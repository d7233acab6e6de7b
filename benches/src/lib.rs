//! What the benchmarks share.

pub mod allocator;
pub mod events;
pub mod measure;
