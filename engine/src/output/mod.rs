//! Outputs: what a source has committed, with chosen columns and rows, in a format and on a target of
//! their own.
//!
//! An output is fed by the source's commits alone: its position is, for each lane of an epoch, the
//! last entry of the log that it has taken. It has a numbered log of its own on its own target; an
//! entry names files and says the position that they go up to, so both become true in one put, and
//! an output is exactly once as the source is. Which rows go where depends on the source's files
//! and the output's definition alone.
//!
//! [`Output`] runs one, a commit at a step; [`verify_output`] compares what one holds with what the
//! source's commits give; [`read_output`] is for those who only look. FORMAT.md has the layout.

mod begin;
mod definition;
mod encode;
mod error;
mod expire;
mod feed;
mod gap;
mod log;
mod mill;
mod names;
mod path;
mod produce;
mod record;
mod runner;
mod source_file;
mod sweep;
mod table;
mod transform;
mod verify;
mod view;

#[cfg(test)]
mod tests;

pub use definition::{AvroCompression, Begin, OutputFormat, OutputPlan, TextCompression};
pub use error::OutputError;
pub use path::{Path, PathError, Pick};
pub use record::Definition;
pub use runner::{Output, Stepped, Take, World};
pub use table::{Table, source_columns};
pub use transform::{FileTransform, PlainTransform, RowTransform, TransformError, roots};
pub use verify::{OutputVerified, verify_output};
pub use view::{OutputStatus, OutputView, read_output};
