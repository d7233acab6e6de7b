//! What can go wrong while encoding.

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

use super::FileKind;
use crate::types::Window;

/// Why a window could not be encoded. Nothing that was buffered is lost by it: the lane starts
/// again from its last commit and reads the window's payloads once more.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The Parquet library refused.
    #[error("window {window}: writing the {kind} file (part {part}) failed: {source}")]
    Parquet {
        /// The window.
        window: Window,
        /// Which file of it.
        kind: FileKind,
        /// The part of that file.
        part: u32,
        /// What the library said.
        source: ParquetError,
    },
    /// Columns do not have the types or lengths that the file's schema says: a defect of ours,
    /// please report it.
    #[error(
        "window {window}: rows do not match the schema of the {kind} file (part {part}): {source}"
    )]
    Layout {
        /// The window.
        window: Window,
        /// Which file of it.
        kind: FileKind,
        /// The part of that file.
        part: u32,
        /// What does not match.
        source: ArrowError,
    },
}

impl EncodeError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            EncodeError::Parquet { .. } => "encode.parquet",
            EncodeError::Layout { .. } => "encode.layout",
        }
    }
}

/// Which file an error is about.
#[derive(Clone, Copy)]
pub(super) struct FileRef {
    pub(super) window: Window,
    pub(super) kind: FileKind,
    pub(super) part: u32,
}

impl FileRef {
    pub(super) fn parquet(self, source: ParquetError) -> EncodeError {
        let FileRef { window, kind, part } = self;
        EncodeError::Parquet {
            window,
            kind,
            part,
            source,
        }
    }

    pub(super) fn layout(self, source: ArrowError) -> EncodeError {
        let FileRef { window, kind, part } = self;
        EncodeError::Layout {
            window,
            kind,
            part,
            source,
        }
    }
}
