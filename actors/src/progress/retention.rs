//! What retention has done, for progress.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde::Serialize;
use shardmill_engine::log::Forgotten;
use shardmill_engine::types::TimestampMs;

/// What retention has deleted since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetentionProgress {
    /// What arrived before this time is expired, in milliseconds since the Unix epoch; `None` where
    /// nothing is.
    pub expired_before_ms: Option<TimestampMs>,
    /// Files of rows, rejects and raw copies that were deleted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Runs that failed; the next one goes on where they stopped.
    pub failed_runs: u64,
}

/// The counters behind it.
#[derive(Debug)]
pub(crate) struct RetentionCounters {
    expired_before_ms: AtomicI64,
    files: AtomicU64,
    bytes: AtomicU64,
    pub failed_runs: AtomicU64,
}

impl Default for RetentionCounters {
    fn default() -> Self {
        Self {
            expired_before_ms: AtomicI64::new(i64::MIN),
            files: AtomicU64::default(),
            bytes: AtomicU64::default(),
            failed_runs: AtomicU64::default(),
        }
    }
}

impl RetentionCounters {
    /// A run has deleted this.
    pub(crate) fn add(&self, gone: &Forgotten) {
        self.files.fetch_add(gone.files, Ordering::Relaxed);
        self.bytes.fetch_add(gone.bytes, Ordering::Relaxed);
    }

    /// What arrived before this time is expired.
    pub(crate) fn expired_before(&self, time: TimestampMs) {
        self.expired_before_ms.fetch_max(time, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> RetentionProgress {
        let before = self.expired_before_ms.load(Ordering::Relaxed);
        RetentionProgress {
            expired_before_ms: Some(before).filter(|before| *before > i64::MIN),
            files: self.files.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            failed_runs: self.failed_runs.load(Ordering::Relaxed),
        }
    }
}
