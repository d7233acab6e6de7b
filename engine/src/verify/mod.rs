//! Does the target hold what its log says? The whole log is walked and every committed file read
//! again; the first thing that is wrong ends it.
//!
//! What is checked: entries follow from one another (ranges that join, windows in order, claims);
//! epochs begin as the ones before them ended; every Kinesis shard enters once; files are there
//! with the length, rows and schema that their commit says; every row and reject lies in the range
//! of its commit and is there once; payloads are all accounted for; a raw copy has every payload once; checkpoints say what the log
//! says; and what no commit names does not outlive the clean-up that had to remove it.
//!
//! Memory does not grow with the data: one row group, 16 bytes for each reject of one commit, and
//! a few dozen bytes for each file that was ever committed.

mod files;
mod history;
mod leftovers;
mod raw;
pub(crate) mod reading;
mod rows;
mod statistics;
mod violation;

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

use crate::log::names::FileName;
use crate::ports::{Host, Store};
use crate::rollup::{Archive, Settings, WrongRollup};

pub use violation::{VerifyError, Violation};

/// What was looked at, and found to be right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Epochs.
    pub epochs: u64,
    /// Entries of logs, of whatever kind.
    pub entries: u64,
    /// Entries among them after a hole that retention left, which could not be compared with what
    /// was before them.
    pub unchecked_entries: u64,
    /// Commits.
    pub commits: u64,
    /// Commits among them whose windows are expired, so that their files were not looked for.
    pub expired_commits: u64,
    /// Files that commits name, files of rejects included.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of the raw copy that commits name.
    pub raw_files: u64,
    /// Their bytes.
    pub raw_bytes: u64,
    /// Payloads read in them.
    pub raw_payloads: u64,
    /// Objects of statistics that commits name.
    pub statistics_objects: u64,
    /// Their bytes.
    pub statistics_bytes: u64,
    /// Objects of statistics among them that were compared with the files.
    pub compared_statistics: u64,
    /// Roll-ups that were compared with what they cover.
    pub compared_rollups: u64,
    /// Rows read in the files.
    pub rows: u64,
    /// Rejects read in the files.
    pub rejects: u64,
    /// Payloads that commits cover.
    pub payloads: u64,
    /// Payloads among them that held no event.
    pub empty: u64,
    /// Kinesis shards.
    pub kinesis_shards: u64,
    /// Files that no commit names, of claims that may still be in force or were not yet cleaned
    /// up.
    pub unnamed_files: u64,
    /// Their bytes.
    pub unnamed_bytes: u64,
    /// Files of expired windows that are still there: `soft` keeps them, and retention may be about
    /// to delete them.
    pub expired_files: u64,
    /// Their bytes.
    pub expired_bytes: u64,
    /// Objects among the files that Shardmill did not write.
    pub foreign_objects: u64,
    /// Uploads in parts that are neither completed nor aborted.
    pub pending_uploads: u64,
}

/// Walks the log and reads every committed file. `progress` is called now and then with what was
/// found to be right so far.
///
/// # Errors
/// The first violation; or what kept the target from being read.
pub async fn verify(
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    progress: &mut (dyn FnMut(&Verified) + Send),
) -> Result<Verified, VerifyError> {
    let target = reading::Target { store, host };
    run(&target, false, progress).await
}

/// The same, and statistics too: those of every commit are observed anew from its files, and every
/// roll-up is merged anew from the commits that it covers. Holds some 64 MiB more at most.
///
/// # Errors
/// As [`verify`].
pub async fn verify_statistics(
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    progress: &mut (dyn FnMut(&Verified) + Send),
) -> Result<Verified, VerifyError> {
    let target = reading::Target { store, host };
    let mut verified = run(&target, true, progress).await?;
    let (store, host) = (Arc::clone(&target.store), Arc::clone(&target.host));
    let settings = Settings {
        limits: statistics::limits(),
        keep_windows: usize::MAX,
    };
    let checked = Archive::new(store, host, settings).check_rollups().await?;
    verified.compared_rollups = checked
        .map_err(|WrongRollup { name, detail }| Violation::new("verify.rollup", &name, detail))?;
    Ok(verified)
}

async fn run(
    target: &reading::Target,
    statistics: bool,
    progress: &mut (dyn FnMut(&Verified) + Send),
) -> Result<Verified, VerifyError> {
    let history::History {
        window_length,
        mut verified,
        named,
        claims,
        ..
    } = history::walk(target, statistics, progress).await?;
    let leftovers = leftovers::Leftovers {
        window_length,
        named: &named,
        claims: &claims,
        // Commits may have gone with their windows since the walk began.
        expired_through: history::expired_through(target).await?,
    };
    leftovers.look(target, &mut verified).await?;
    Ok(verified)
}

/// Names of files that commits name.
type Named = HashSet<FileName>;
