//! Parquet files: rows of one window in, encoded bytes out.
//!
//! A [`WindowEncoder`] keeps the decoded batches of one lane and window, and turns what it keeps
//! into row groups of one data file (and one file of rejects). What is encoded leaves it at once as
//! [`FileChunk`]s, so that a file can be uploaded while its window is still open.
//!
//! A [`TableFile`] is a file of any columns, for outputs. A [`FooterReader`] and the [`RowReader`]
//! that it leads to read files back.

mod column_plan;
mod encoder;
mod error;
mod file_writer;
mod layout;
mod options;
mod properties;
mod reader;
mod reject_file;
mod row_file;
mod table_file;
#[cfg(test)]
mod tests;

pub use encoder::WindowEncoder;
pub use error::EncodeError;
pub use file_writer::{FileChunk, FileKind, FinishedFile};
pub use options::{Compression, ParquetOptions};
pub use reader::{Footer, FooterReader, RowReader, Step, Unreadable};
pub use table_file::TableFile;
