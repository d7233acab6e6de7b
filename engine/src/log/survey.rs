//! What would go if windows expired (`expire --dry-run`). Changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::objects::Objects;
use super::retention::{ExpiredMarks, Files};
use super::{LogError, SourceView};
use crate::ports::{Host, Store};
use crate::types::{FileKind, Window};

/// What lies in windows that would expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Windows that have anything.
    pub windows: u64,
    /// Files of rows, rejects and raw copies.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects of statistics.
    pub statistics_objects: u64,
    /// Their bytes.
    pub statistics_bytes: u64,
}

/// Lists what of a source would expire with windows up to `through`. What `soft` has kept before is
/// not among it.
///
/// # Errors
/// What listing can bring.
pub async fn survey(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    view: &SourceView,
    through: Window,
) -> Result<Survey, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    let folds = view.lanes.iter().map(|lane| &lane.fold.folded.state);
    let marks = ExpiredMarks::of(folds).and(through, false);
    let mut found = Survey::default();
    let mut windows = BTreeSet::new();
    for kind in FileKind::ALL {
        let Some((after, through)) = marks.to_delete(kind) else {
            continue;
        };
        let length = view.source.window_length_ms;
        let mut files = Files::new(&objects, length, kind, after, through);
        while let Some(page) = files.next().await? {
            for (object, file) in page {
                windows.insert(file.window);
                let (count, bytes) = match kind {
                    FileKind::Statistics => {
                        (&mut found.statistics_objects, &mut found.statistics_bytes)
                    }
                    _ => (&mut found.files, &mut found.bytes),
                };
                *count += 1;
                *bytes += object.len;
            }
        }
    }
    found.windows = windows.len() as u64;
    Ok(found)
}
