//! Why a payload could not be expanded.

use super::{MAX_LAYERS, MAX_PARTS};
use crate::decode::options::Compression;
use crate::types::RejectCode;

/// Why nothing comes out of a payload.
#[derive(Debug)]
pub(in crate::decode) enum Failure {
    /// It is not of the compression that the configuration names.
    Mismatch(Compression),
    /// Not whole, changed, or followed by something else.
    Damaged(Compression, String),
    /// Of a kind that is not read: encrypted, needing a dictionary, a method of zip, ...
    Unsupported(Compression, String),
    /// More than `most` bytes would come out.
    TooMuch { most: usize, by_ratio: bool },
    /// More files, frames or streams than may be.
    TooManyParts,
    /// Compressed within compressed data too often.
    TooDeep,
}

impl Failure {
    pub(super) fn damaged(compression: Compression, why: impl ToString) -> Self {
        Failure::Damaged(compression, why.to_string())
    }

    pub(super) fn unsupported(compression: Compression, why: impl ToString) -> Self {
        Failure::Unsupported(compression, why.to_string())
    }

    pub(in crate::decode) fn code(&self) -> RejectCode {
        match self {
            Failure::Mismatch(_) => RejectCode::CompressionMismatch,
            Failure::Damaged(..) => RejectCode::CompressionDamaged,
            Failure::Unsupported(..) => RejectCode::CompressionUnsupported,
            Failure::TooMuch { .. } | Failure::TooManyParts => RejectCode::CompressionBomb,
            Failure::TooDeep => RejectCode::CompressionTooDeep,
        }
    }

    /// What a reject says to people.
    pub(in crate::decode) fn reason(&self) -> String {
        match self {
            Failure::Mismatch(named) => format!("does not begin as {} does", named.as_str()),
            Failure::Damaged(what, why) | Failure::Unsupported(what, why) => {
                format!("{}: {why}", what.as_str())
            }
            Failure::TooMuch { most, by_ratio } => {
                let limit = match by_ratio {
                    true => "content.max_expansion_ratio",
                    false => "content.max_expanded_size",
                };
                format!("more than {most} bytes would come out: {limit}")
            }
            Failure::TooManyParts => {
                format!("made of more than {MAX_PARTS} files, frames or streams")
            }
            Failure::TooDeep => {
                format!("compressed within compressed data more than {MAX_LAYERS} times")
            }
        }
    }
}
