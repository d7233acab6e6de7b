//! The kinds of files that commits name.

use std::fmt;

/// What a file on the target holds. Each kind has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Rows.
    Data,
    /// Rejects.
    Rejects,
    /// Statistics of a window.
    Statistics,
}

impl FileKind {
    /// Every kind, in the order of their folders' names.
    pub const ALL: [FileKind; 3] = [FileKind::Statistics, FileKind::Data, FileKind::Rejects];

    /// The folder below the source.
    pub fn folder(self) -> &'static str {
        match self {
            FileKind::Data => "data",
            FileKind::Rejects => "rejects",
            FileKind::Statistics => "_statistics",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}
