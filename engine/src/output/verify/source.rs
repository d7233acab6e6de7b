//! What the source gives for a commit of an output.

use std::sync::Arc;

use super::content::Content;
use crate::log::{Commit, DataFile, Entry, EntryBody, LogError, Objects, names, read_lanes};
use crate::output::record::{LanePlace, State};
use crate::output::table::{Table, fields_of};
use crate::output::transform::RowTransform;
use crate::ports::{Host, Store};
use crate::types::{Epoch, LaneId, Window};
use crate::verify::reading::Target;
use crate::verify::{VerifyError, Violation};

/// The source of an output.
pub(super) struct SourceSide {
    objects: Objects,
    target: Target,
    expired: Option<Window>,
}

/// The files of commits, in the order in which an output takes them.
pub(super) struct Taken(Vec<(Window, LaneId, u64, Commit)>);

impl Taken {
    pub(super) fn windows(&self) -> Vec<Window> {
        self.0.iter().map(|(window, ..)| *window).collect()
    }

    pub(super) fn of(&self, window: Window) -> impl Iterator<Item = &DataFile> {
        let commits = self.0.iter().filter(move |(of, ..)| *of == window);
        commits.flat_map(|(.., commit)| &commit.files)
    }
}

impl SourceSide {
    pub(super) fn new(store: Arc<dyn Store>, host: Arc<dyn Host>, expired: Option<Window>) -> Self {
        Self {
            objects: Objects::starting(Arc::clone(&store), Arc::clone(&host)),
            target: Target { store, host },
            expired,
        }
    }

    pub(super) fn is_expired(&self, window: Window) -> bool {
        Some(window) <= self.expired
    }

    /// The commits between two positions of an output; `None` if retention has deleted some.
    pub(super) async fn between(
        &self,
        before: &State,
        after: &State,
    ) -> Result<Option<Taken>, VerifyError> {
        let mut taken = Vec::new();
        let mut epoch = before.epoch;
        let mut from = before.lanes.clone();
        while epoch <= after.epoch {
            let through = (epoch == after.epoch).then_some(&after.lanes);
            if !self.epoch(epoch, &from, through, &mut taken).await? {
                return Ok(None);
            }
            epoch = Epoch(epoch.0 + 1);
            if epoch <= after.epoch {
                let record = read_lanes(&self.objects, epoch).await?;
                let begin = LanePlace {
                    entry: 0,
                    closed_through: None,
                    sealed: false,
                };
                from = vec![begin; record.lanes.len()];
            }
        }
        taken.sort_by_key(|(window, lane, entry, _)| (*window, *lane, *entry));
        Ok(Some(Taken(taken)))
    }

    async fn epoch(
        &self,
        epoch: Epoch,
        from: &[LanePlace],
        through: Option<&Vec<LanePlace>>,
        taken: &mut Vec<(Window, LaneId, u64, Commit)>,
    ) -> Result<bool, VerifyError> {
        for (place, from) in from.iter().enumerate() {
            let lane = LaneId(u32::try_from(place).unwrap_or(u32::MAX));
            let last = match through {
                _ if from.sealed => from.entry,
                None => u64::MAX,
                Some(through) => through.get(place).map_or(0, |place| place.entry),
            };
            let mut number = from.entry;
            while number < last {
                number += 1;
                let name = names::entry(epoch, lane, number);
                let entry: Option<Entry> = self.objects.get(&name).await?;
                match entry.map(|entry| entry.body) {
                    None if self.expired.is_some() => return Ok(false),
                    None => return Err(LogError::Missing { name }.into()),
                    Some(EntryBody::Commit(commit)) => {
                        if let Some(file) = commit.files.first() {
                            taken.push((file.window, lane, number, *commit));
                        }
                    }
                    Some(EntryBody::Seal { .. }) => break,
                    Some(EntryBody::Claim { .. } | EntryBody::Expire { .. }) => {}
                }
            }
        }
        Ok(true)
    }

    /// Makes the rows of files anew.
    pub(super) async fn make(
        &self,
        files: impl Iterator<Item = &DataFile>,
        transform: &dyn RowTransform,
        made: &mut Content,
    ) -> Result<(), VerifyError> {
        for file in files {
            let wrong = |detail: String| Violation::new("verify.output_rows", &file.name, detail);
            let mut parquet = self.target.open(&file.name, file.bytes).await?;
            let schema = file.schema.as_deref();
            let schema = schema.ok_or_else(|| wrong("its commit has no schema for it".into()))?;
            let fields = fields_of(schema, parquet.schema());
            let prepared = transform.for_file(&fields);
            let prepared = prepared.map_err(|error| wrong(error.to_string()))?;
            while let Some(batch) = parquet.next().await? {
                let rows = Table::of(&batch, &fields).map_err(|error| wrong(error.to_string()))?;
                let rows = prepared.apply(rows);
                made.add(&rows.map_err(|error| wrong(error.to_string()))?);
            }
        }
        Ok(())
    }
}
