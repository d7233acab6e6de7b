//! An output's own retention: whole windows, oldest first.
//!
//! An entry says first that windows are gone. Then files go, and then commits that name nothing else
//! any more; never a claim, and never the newest entry. A run that is cut off is finished by the
//! next.

use super::OutputError;
use super::log::OutputLog;
use super::names::{self, FileName};
use super::record::{Body, Entry, State};
use crate::log::names::number;
use crate::types::Window;

/// Commits with nothing but younger windows that are passed before a run ends: a lane that was
/// behind the others has older windows in later commits.
const LOOK_PAST: usize = 256;

/// How far entries are dealt with.
#[derive(Default)]
pub(super) struct Expiry {
    /// Entries up to this one are gone, or stay for ever.
    through: u64,
    /// The mark that the last whole run was for.
    done: Option<Window>,
}

impl Expiry {
    /// Deletes windows that are wholly older than `retention_ms`, and complete; how many objects.
    pub(super) async fn run(
        &mut self,
        log: &mut OutputLog,
        retention_ms: i64,
    ) -> Result<u64, OutputError> {
        let length = log.record().window_length_ms;
        let before = log.objects().now().saturating_sub(retention_ms);
        let old = length.window_of(before).previous();
        let Some(mark) = log
            .state()
            .complete_through()
            .map(|complete| complete.min(old))
        else {
            return Ok(0);
        };
        if Some(mark) > log.state().expired_through {
            let state = State {
                expired_through: Some(mark),
                ..log.state().clone()
            };
            log.append(Body::Expire { through: mark }, state).await?;
        }
        let Some(mark) = log.state().expired_through else {
            return Ok(0);
        };
        if self.done >= Some(mark) {
            return Ok(0);
        }
        let deleted = self.delete(log, mark).await? + sweep(log, mark).await?;
        self.done = Some(mark);
        Ok(deleted)
    }

    async fn delete(&mut self, log: &OutputLog, mark: Window) -> Result<u64, OutputError> {
        let objects = log.objects().starting_again();
        let mut deleted = 0;
        let mut after = names::entry(self.through);
        let mut all_done = true;
        let mut younger = 0;
        loop {
            let page = objects.list(names::LOG, Some(&after)).await?;
            for object in &page.objects {
                let Some(at) = number(&object.name).filter(|at| *at < log.head()) else {
                    continue;
                };
                let Some(entry) = objects.get::<Entry>(&object.name).await? else {
                    continue;
                };
                let files = match entry.body {
                    Body::Claim { .. } => {
                        self.pass(at, all_done);
                        continue;
                    }
                    Body::Commit { files, .. } => files,
                    Body::Expire { .. } => Vec::new(),
                };
                let expired = files.iter().filter(|file| file.window <= mark);
                for file in expired {
                    objects.delete(&file.name).await?;
                    deleted += 1;
                }
                if files.iter().all(|file| file.window <= mark) {
                    objects.delete(&object.name).await?;
                    deleted += 1;
                    self.pass(at, all_done);
                    continue;
                }
                all_done = false;
                younger += 1;
                if files.iter().any(|file| file.window <= mark) {
                    younger = 0;
                } else if younger > LOOK_PAST {
                    return Ok(deleted);
                }
            }
            match page.objects.last() {
                Some(last) if page.more => after.clone_from(&last.name),
                _ => return Ok(deleted),
            }
        }
    }

    fn pass(&mut self, at: u64, all_done: bool) {
        if all_done {
            self.through = at;
        }
    }
}

/// Deletes what is left in expired windows: a put that was made again may take effect once its file
/// is gone. Nothing else is there any more, so this does not grow with the history.
async fn sweep(log: &OutputLog, mark: Window) -> Result<u64, OutputError> {
    let objects = log.objects().starting_again();
    let last_folder = names::folder(log.record().window_length_ms, mark);
    let mut deleted = 0;
    let mut after: Option<String> = None;
    loop {
        let page = objects.list(names::DATA, after.as_deref()).await?;
        for object in &page.objects {
            let name = object.name.as_str();
            if name > last_folder.as_str() && !name.starts_with(&last_folder) {
                return Ok(deleted);
            }
            if FileName::parse(name).is_some_and(|file| file.window <= mark) {
                objects.delete(name).await?;
                deleted += 1;
            }
        }
        match page.objects.last() {
            Some(last) if page.more => after = Some(last.name.clone()),
            _ => return Ok(deleted),
        }
    }
}
