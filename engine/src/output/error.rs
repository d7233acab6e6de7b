//! What can go wrong with an output, with stable codes. None of it stops the source.

use super::transform::TransformError;
use crate::log::LogError;
use crate::types::{ProcessId, Window};

/// Why an output cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// A log, of the source or of the output, or its target.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Another process has taken the output over.
    #[error(
        "process {process} has taken the output over with entry {entry} of its log; this one has \
         changed nothing since then. Let only one process run a source"
    )]
    Fenced {
        /// Which process.
        process: ProcessId,
        /// The entry of the output's log that shows it.
        entry: u64,
    },
    /// Another entry stands where this claim wanted to put one. The output must be claimed again.
    #[error("entry {entry} of the output's log is not the one that was put: it is claimed again")]
    Lost {
        /// The entry.
        entry: u64,
    },
    /// The target holds another output, or this one with what may never change.
    #[error(
        "the target holds an output whose {option} is {stored}, not {wanted}: give the output \
         another name or url, or set {option} back"
    )]
    Mismatch {
        /// Which option.
        option: &'static str,
        /// As it is stored.
        stored: String,
        /// As it is asked for.
        wanted: String,
    },
    /// Retention has passed what the output had still to take.
    #[error(
        "windows {from} to {through} of the source are expired, and the output had not taken all of \
         them: these rows are missing in it. The output stops here; raise max_lag, and begin a new \
         output under another name for what is left"
    )]
    Gap {
        /// The first window that may be missing in part.
        from: Window,
        /// The last one.
        through: Window,
    },
    /// A committed file of the source is gone, or cannot be read.
    #[error("`{name}` of the source {detail}. Run `verify` on the source")]
    SourceFile {
        /// The file.
        name: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The columns or the filter cannot be had of a file's rows.
    #[error("{error} (rows of `{file}` of the source)")]
    Transform {
        /// The file.
        file: String,
        /// Why.
        error: TransformError,
    },
    /// Rows cannot be written in the output's format.
    #[error("rows cannot be written as {format}: {detail}")]
    Encode {
        /// The word of the format.
        format: &'static str,
        /// Why.
        detail: String,
    },
    /// Something else has put an object under a name of the output's.
    #[error(
        "`{name}` is on the output's target already and is not this output's: something else writes \
         there. Give the output a folder or prefix of its own"
    )]
    ForeignObject {
        /// The name.
        name: String,
    },
    /// A piece of work panicked.
    #[error("what the output computes panicked; please report it")]
    Panicked,
}

impl OutputError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            OutputError::Log(error) => error.code(),
            OutputError::Fenced { .. } => "output.fenced",
            OutputError::Lost { .. } => "output.lost",
            OutputError::Mismatch { .. } => "output.mismatch",
            OutputError::Gap { .. } => "output.gap",
            OutputError::SourceFile { .. } => "output.source_file",
            OutputError::Transform { .. } => "output.expression",
            OutputError::Encode { .. } => "output.encode",
            OutputError::ForeignObject { .. } => "output.foreign_object",
            OutputError::Panicked => "output.panic",
        }
    }

    /// Whether the next step may go on: it claims the output again. Otherwise it stays as it is
    /// until somebody has changed something and it is opened again.
    pub fn is_passing(&self) -> bool {
        matches!(self, OutputError::Lost { .. })
    }
}
