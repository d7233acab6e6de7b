//! `shardmill statistics` and docs/STATISTICS.md, on a target with known events.

mod answers;
mod page;
mod scene;
