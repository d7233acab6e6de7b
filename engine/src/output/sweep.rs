//! Clean-up of what claims that are over have left behind.
//!
//! A file carries the claim and the number of the commit that it is meant for. All of a claim's
//! commits are numbered below the claim that ended it, so what it meant for a later number is named
//! by nobody and never will be.

use super::OutputError;
use super::log::OutputLog;
use super::names::{self, FileName};
use super::record::EndedClaim;

/// Claims that ended longer ago than this, and were cleaned after that, are forgotten: a paused
/// process does not wake up later than that.
const SETTLED_AFTER_MS: i64 = 24 * 3_600_000;

/// Deletes what ended claims have left; how many files.
pub(super) async fn run(log: &mut OutputLog) -> Result<u64, OutputError> {
    let begun = log.objects().now();
    let ended = log.state().ended_claims.clone();
    let mut deleted = 0;
    if let Some(first) = ended.iter().map(|ended| ended.from).min() {
        let length = log.record().window_length_ms;
        // The folder's own name sorts before everything in it.
        let mut after = first.map(|window| names::folder(length, window));
        let objects = log.objects().starting_again();
        loop {
            let page = objects.list(names::DATA, after.as_deref()).await?;
            for object in &page.objects {
                if is_left_behind(&ended, &object.name) {
                    objects.delete(&object.name).await?;
                    tracing::info!(object = %object.name, "an ended claim of an output had left it");
                    deleted += 1;
                }
            }
            match page.objects.last() {
                Some(last) if page.more => after = Some(last.name.clone()),
                _ => break,
            }
        }
    }
    let is_settled = |ended: &EndedClaim| ended.ended_ms.saturating_add(SETTLED_AFTER_MS) < begun;
    log.state_mut()
        .ended_claims
        .retain(|ended| !is_settled(ended));
    Ok(deleted)
}

fn is_left_behind(ended: &[EndedClaim], name: &str) -> bool {
    FileName::parse(name).is_some_and(|file| {
        let mut ended = ended.iter();
        ended.any(|ended| ended.claim == file.claim && file.number > ended.through)
    })
}
