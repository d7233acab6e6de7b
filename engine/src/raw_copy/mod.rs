//! The raw copy: payloads exactly as they were received, in files that common tools read.
//!
//! A file is LZ4 frames one after another; what is in them is JSON lines, one a payload, in Kinesis
//! order within a Kinesis shard (FORMAT.md). [`Framer`] makes a frame of a batch's payloads,
//! [`FrameReader`] finds the frames of a file that comes in pieces, and [`records`] gives the payloads
//! of a frame back, byte for byte.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Damaged, FrameReader, RawRecord, records};
pub use write::Framer;

/// The end of the names of its files.
pub const EXTENSION: &str = ".jsonl.lz4";

/// The most bytes of a line that a reader takes: a payload of 10 MiB, each byte of it escaped, and
/// who it is.
const MAX_LINE: usize = 64 << 20;
