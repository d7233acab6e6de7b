//! The kinds of files that commits name.

use std::fmt;

/// What a file on the target holds. Each kind has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Rows.
    Data,
    /// Rejects.
    Rejects,
    /// The raw copy: payloads as they were received.
    Raw,
    /// Statistics of a window.
    Statistics,
}

impl FileKind {
    /// Every kind, in the order of their folders' names.
    pub const ALL: [FileKind; 4] = [
        FileKind::Statistics,
        FileKind::Data,
        FileKind::Raw,
        FileKind::Rejects,
    ];

    /// The folder below the source.
    pub fn folder(self) -> &'static str {
        match self {
            FileKind::Data => "data",
            FileKind::Rejects => "rejects",
            FileKind::Raw => "raw",
            FileKind::Statistics => "_statistics",
        }
    }

    /// The end of its files' names.
    pub fn extension(self) -> &'static str {
        match self {
            FileKind::Data | FileKind::Rejects | FileKind::Statistics => ".parquet",
            FileKind::Raw => crate::raw_copy::EXTENSION,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}
