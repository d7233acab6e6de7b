//! Panes as objects on the target: Parquet files that any reader understands.
//!
//! A pane is a row for the pane itself (`path` is empty), one for each field (`type` is null), and one
//! for each type of a field's values. FORMAT.md describes the columns. Sketches of distinct values are
//! in the format of Apache DataSketches; everything else is plain columns and lists.

mod columns;
mod decode;
mod encode;

pub(super) use self::encode::decimal_text;

use serde::{Deserialize, Serialize};

use super::pane::{GivenUp, Pane};
use crate::types::Counts;

/// The version of the objects that this code writes. Newer is refused, older is read.
const FORMAT_VERSION: u32 = 1;

/// The key of the footer's metadata under which what is no column is kept.
const HEAD_KEY: &str = "shardmill.statistics";

/// What a pane is beside its fields.
#[derive(Serialize, Deserialize)]
struct Head {
    format_version: u32,
    #[serde(flatten)]
    total: Counts,
    dropped_fields: u64,
    given_up_sketches: u64,
    dropped_events: u64,
}

impl Head {
    fn of(pane: &Pane) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            total: pane.total,
            dropped_fields: pane.given_up.fields,
            given_up_sketches: pane.given_up.sketches,
            dropped_events: pane.given_up.events,
        }
    }

    fn given_up(&self) -> GivenUp {
        GivenUp {
            fields: self.dropped_fields,
            sketches: self.given_up_sketches,
            events: self.dropped_events,
        }
    }
}

/// An object that holds no pane.
#[derive(Debug, thiserror::Error)]
pub enum DamagedPane {
    /// It was written by a newer version.
    #[error("its format is version {found}; this version reads up to {known}")]
    Newer {
        /// Its version.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// It is not what was written.
    #[error("it holds no statistics: {0}")]
    Damaged(String),
}

impl From<parquet::errors::ParquetError> for DamagedPane {
    fn from(error: parquet::errors::ParquetError) -> Self {
        DamagedPane::Damaged(error.to_string())
    }
}

impl From<arrow::error::ArrowError> for DamagedPane {
    fn from(error: arrow::error::ArrowError) -> Self {
        DamagedPane::Damaged(error.to_string())
    }
}

#[cfg(test)]
mod tests;
