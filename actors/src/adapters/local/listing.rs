//! Listing by name, as an object store does it: bytewise order of whole names, although a file
//! system knows folders only.

use std::collections::BinaryHeap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use shardmill_engine::ports::{ListPage, Listed, StoreError};

use super::{failed, is_absent, names};
use crate::adapters::host::timestamp;

/// How many entries of one folder are held at once, at least. A folder with more is read again for
/// those that follow.
const ENTRIES_AT_ONCE: usize = 1024;

/// Objects whose name begins with `prefix` and is greater than `after`.
pub(super) fn list(
    root: &Path,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<ListPage, StoreError> {
    if limit == 0 {
        return Ok(ListPage::default());
    }
    let mut walk = Walk {
        root,
        prefix,
        after,
        limit,
        page: ListPage::default(),
    };
    walk.folder("")
        .map_err(|(path, error)| failed(prefix, "list", &path, &error))?;
    Ok(walk.page)
}

struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: Option<&'a str>,
    limit: usize,
    page: ListPage,
}

type Failure = (PathBuf, io::Error);

impl Walk<'_> {
    /// Visits a folder; its `name` is empty or ends with `/`.
    fn folder(&mut self, name: &str) -> Result<(), Failure> {
        let at_once = self.limit.saturating_add(1).max(ENTRIES_AT_ONCE);
        let mut last: Option<String> = None;
        loop {
            let entries = self
                .entries(name, last.as_deref(), at_once)
                .map_err(|error| (self.root.join(name), error))?;
            let full = entries.len() == at_once;
            for entry in &entries {
                if self.page.more {
                    return Ok(());
                }
                if entry.ends_with('/') {
                    self.folder(entry)?;
                } else {
                    self.file(entry)?;
                }
            }
            if !full {
                return Ok(());
            }
            last = entries.into_iter().next_back();
        }
    }

    /// The first `at_once` entries after `last` that can matter, as whole names in order. A folder
    /// ends with `/`, so it stands where the names of its files do.
    fn entries(&self, folder: &str, last: Option<&str>, at_once: usize) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            // Removed since its parent was read.
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut first = BinaryHeap::new();
        for entry in entries {
            let entry = entry?;
            let file_name = entry.file_name();
            // A name that is not UTF-8 is none of ours.
            let Some(file_name) = file_name.to_str() else {
                continue;
            };
            let kind = match entry.file_type() {
                Err(error) if is_absent(&error) => continue,
                kind => kind?,
            };
            let whole = if kind.is_dir() {
                format!("{folder}{file_name}/")
            } else if kind.is_file() {
                format!("{folder}{file_name}")
            } else {
                continue;
            };
            if last.is_none_or(|last| whole.as_str() > last) && self.matters(&whole) {
                first.push(whole);
                if first.len() > at_once {
                    first.pop();
                }
            }
        }
        Ok(first.into_sorted_vec())
    }

    /// Whether a file is asked for, or a folder may hold what is.
    fn matters(&self, name: &str) -> bool {
        if !name.ends_with('/') {
            return name.starts_with(self.prefix) && self.after.is_none_or(|after| name > after);
        }
        let temporaries = name.strip_suffix('/') == Some(names::TEMPORARY);
        !temporaries
            && (name.starts_with(self.prefix) || self.prefix.starts_with(name))
            && self
                .after
                .is_none_or(|after| name > after || after.starts_with(name))
    }

    fn file(&mut self, name: &str) -> Result<(), Failure> {
        let path = self.root.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err((path, error)),
            Ok(metadata) => metadata,
        };
        if self.page.objects.len() == self.limit {
            self.page.more = true;
            return Ok(());
        }
        let modified = metadata
            .modified()
            .map_err(|error| (path, error))?
            .max(named_at(&metadata));
        self.page.objects.push(Listed {
            name: name.to_owned(),
            len: metadata.len(),
            modified: timestamp(modified),
        });
        Ok(())
    }
}

/// When the file got its name: linking changes the time of its status, not that of its bytes, which
/// may have been written long before by a process that was paused then.
fn named_at(metadata: &fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let nanos = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
}
