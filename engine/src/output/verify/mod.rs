//! Does an output hold what the source's commits give?
//!
//! The output's log is walked. For every commit the source's entries that it has taken are read
//! again, their rows made anew by the definition of the commit's claim, and compared, in their order,
//! with those in the files that it names.

mod content;
mod source;

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

use self::content::Content;
use self::source::SourceSide;
use super::log::read_record;
use super::names::{self, FileName};
use super::record::{Body, Definition, Entry, OutputFile, OutputRecord, State};
use super::transform::{RowTransform, TransformError};
use crate::log::names::number;
use crate::log::{LogError, Objects, read_state};
use crate::ports::{Host, Store};
use crate::types::Window;
use crate::verify::reading::Target;
use crate::verify::{VerifyError, Violation};

/// What was looked at, and found to be right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutputVerified {
    /// Entries of the log.
    pub entries: u64,
    /// Commits.
    pub commits: u64,
    /// Commits whose rows were not compared, in part or at all: the source, or the output, has
    /// expired what it would take.
    pub unchecked_commits: u64,
    /// Files that commits name.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows in them.
    pub rows: u64,
    /// Rows of the source that they were made of.
    pub source_rows: u64,
    /// Files that no commit names.
    pub unnamed_files: u64,
}

/// Makes the transformation of a definition.
pub type MakeTransform<'m> =
    &'m (dyn Fn(&Definition) -> Result<Arc<dyn RowTransform>, TransformError> + Sync);

/// Verifies an output on `target` against its source.
///
/// # Errors
/// The first violation; or what kept a target from being read.
pub async fn verify_output(
    source: Arc<dyn Store>,
    target: Arc<dyn Store>,
    host: Arc<dyn Host>,
    make: MakeTransform<'_>,
    progress: &mut (dyn FnMut(&OutputVerified) + Send),
) -> Result<OutputVerified, VerifyError> {
    let objects = Objects::starting(Arc::clone(&target), Arc::clone(&host));
    let missing = |name: &str| LogError::Missing {
        name: name.to_owned(),
    };
    let record = read_record(&objects).await?;
    let record = record.ok_or_else(|| missing(names::OUTPUT))?;
    let view = read_state(Arc::clone(&source), Arc::clone(&host)).await?;
    let view = view.ok_or_else(|| missing(crate::log::names::SOURCE))?;
    if view.source.id != record.source_id {
        let detail = format!("it is of the source {}", record.source_id);
        return Err(Violation::new("verify.output", names::OUTPUT, detail).into());
    }
    let mut walk = Walk {
        target: Target {
            store: target,
            host: Arc::clone(&host),
        },
        source: SourceSide::new(source, host, view.expired_through()),
        objects,
        record,
        make,
        verified: OutputVerified::default(),
        named: HashSet::new(),
        before: None,
        claim: None,
    };
    walk.run(progress).await?;
    Ok(walk.verified)
}

struct Walk<'m> {
    target: Target,
    source: SourceSide,
    objects: Objects,
    record: OutputRecord,
    make: MakeTransform<'m>,
    verified: OutputVerified,
    named: HashSet<String>,
    /// The number of the last entry and the state after it.
    before: Option<(u64, State)>,
    /// The claim that was read last.
    claim: Option<(u64, Definition)>,
}

impl Walk<'_> {
    async fn run(
        &mut self,
        progress: &mut (dyn FnMut(&OutputVerified) + Send),
    ) -> Result<(), VerifyError> {
        let head = super::log::newest(&self.objects).await?;
        let newest = self.objects.get::<Entry>(&names::entry(head)).await?;
        let expired = newest.and_then(|entry| entry.state.expired_through);
        let mut after: Option<String> = None;
        loop {
            let page = self.objects.list(names::LOG, after.as_deref()).await?;
            for object in &page.objects {
                let Some(at) = number(&object.name).filter(|at| *at <= head) else {
                    continue;
                };
                // The output's retention may have deleted it since it was listed.
                if let Some(entry) = self.objects.get::<Entry>(&object.name).await? {
                    self.entry(at, entry, expired).await?;
                    progress(&self.verified);
                }
            }
            match page.objects.last() {
                Some(last) if page.more => after = Some(last.name.clone()),
                _ => break,
            }
        }
        self.look_for_unnamed().await
    }

    async fn entry(
        &mut self,
        at: u64,
        entry: Entry,
        expired: Option<Window>,
    ) -> Result<(), VerifyError> {
        let name = names::entry(at);
        let wrong = |detail: &str| Violation::new("verify.output", &name, detail.to_owned());
        self.verified.entries += 1;
        let before = self.before.replace((at, entry.state.clone()));
        let before = before.filter(|(number, _)| number + 1 == at);
        if before
            .as_ref()
            .is_some_and(|(_, before)| goes_back(before, &entry.state))
        {
            return Err(wrong("its position is before that of the entry before it").into());
        }
        let (files, source_rows) = match entry.body {
            Body::Claim { definition } => {
                if entry.claim != at {
                    return Err(wrong("it is a claim that names another").into());
                }
                self.claim = Some((at, definition));
                return Ok(());
            }
            Body::Expire { .. } => return Ok(()),
            Body::Commit { files, source_rows } => (files, source_rows),
        };
        self.verified.commits += 1;
        for file in &files {
            self.file(&name, file, expired).await?;
        }
        let Some((_, before)) = before else {
            self.verified.unchecked_commits += 1;
            return Ok(());
        };
        let definition = self.definition(entry.claim).await?;
        let transform = (self.make)(&definition).map_err(|error| wrong(&error.to_string()))?;
        self.rows(&name, &before, &entry.state, &files, &*transform, expired)
            .await?;
        self.verified.source_rows += source_rows;
        Ok(())
    }

    /// What holds for the commits under a claim.
    async fn definition(&mut self, claim: u64) -> Result<Definition, VerifyError> {
        if let Some((known, definition)) = &self.claim
            && *known == claim
        {
            return Ok(definition.clone());
        }
        let name = names::entry(claim);
        let entry = self.objects.get::<Entry>(&name).await?;
        match entry.map(|entry| entry.body) {
            Some(Body::Claim { definition }) => {
                self.claim = Some((claim, definition.clone()));
                Ok(definition)
            }
            _ => {
                let detail = "a commit was put under it, and it is no claim".to_owned();
                Err(Violation::new("verify.output", &name, detail).into())
            }
        }
    }

    async fn file(
        &mut self,
        entry: &str,
        file: &OutputFile,
        expired: Option<Window>,
    ) -> Result<(), VerifyError> {
        if !self.named.insert(file.name.clone()) {
            let detail = format!("{entry} and a commit before it name it");
            return Err(Violation::new("verify.file_twice", &file.name, detail).into());
        }
        if Some(file.window) <= expired {
            return Ok(());
        }
        self.target.there(&file.name, file.bytes).await?;
        self.verified.files += 1;
        self.verified.bytes += file.bytes;
        self.verified.rows += file.rows;
        Ok(())
    }

    /// Compares the rows of a commit, window by window.
    async fn rows(
        &mut self,
        entry: &str,
        before: &State,
        after: &State,
        files: &[OutputFile],
        transform: &dyn RowTransform,
        expired: Option<Window>,
    ) -> Result<(), VerifyError> {
        let taken = self.source.between(before, after).await?;
        let Some(taken) = taken else {
            self.verified.unchecked_commits += 1;
            return Ok(());
        };
        let mut windows: Vec<Window> = taken.windows();
        windows.extend(files.iter().map(|file| file.window));
        windows.sort_unstable();
        windows.dedup();
        let mut unchecked = false;
        for window in windows {
            let mine: Vec<_> = files.iter().filter(|file| file.window == window).collect();
            if Some(window) < self.record.start {
                if let Some(file) = mine.first() {
                    let detail = "it is of a window before the output's first".to_owned();
                    return Err(Violation::new("verify.output_rows", &file.name, detail).into());
                }
                continue;
            }
            if Some(window) <= expired || self.source.is_expired(window) {
                unchecked = true;
                continue;
            }
            let mut found = Content::new(&self.record.format);
            for file in &mine {
                found.read(&self.target, file).await?;
            }
            let mut expected = Content::new(&self.record.format);
            let of_window = taken.of(window);
            self.source
                .make(of_window, transform, &mut expected)
                .await?;
            if !found.equals(&expected) {
                let name = mine.first().map_or(entry, |file| file.name.as_str());
                let detail = format!(
                    "of window {window} {entry} has {} rows, and the source gives {} that are not \
                     all the same",
                    found.rows(),
                    expected.rows()
                );
                return Err(Violation::new("verify.output_rows", name, detail).into());
            }
        }
        self.verified.unchecked_commits += u64::from(unchecked);
        Ok(())
    }

    async fn look_for_unnamed(&mut self) -> Result<(), VerifyError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.objects.list(names::DATA, after.as_deref()).await?;
            for object in &page.objects {
                let ours = FileName::parse(&object.name).is_some();
                if ours && !self.named.contains(&object.name) {
                    self.verified.unnamed_files += 1;
                }
            }
            match page.objects.last() {
                Some(last) if page.more => after = Some(last.name.clone()),
                _ => return Ok(()),
            }
        }
    }
}

fn goes_back(before: &State, after: &State) -> bool {
    if before.epoch != after.epoch {
        return before.epoch > after.epoch;
    }
    let lanes = before.lanes.iter().zip(&after.lanes);
    let back = |(before, after): (&super::record::LanePlace, &super::record::LanePlace)| {
        before.entry > after.entry
    };
    before.lanes.len() != after.lanes.len() || lanes.into_iter().any(back)
}
