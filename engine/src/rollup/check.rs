//! Roll-ups against the merge of what they cover (`verify`).

use std::sync::Arc;

use super::covers::Stretch;
use super::shelf::Shelf;
use super::{Archive, CommitPane, logs};
use crate::log::{LogError, SourceView, names, read_state};
use crate::statistics::Pane;
use crate::types::{Level, Window};

/// A roll-up that does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongRollup {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Archive {
    /// Compares each roll-up that is not expired with the statistics of the commits that it covers.
    /// Gives how many were right, or the first that was not. One that is missing is none.
    ///
    /// # Errors
    /// What reading can bring.
    pub async fn check_rollups(&self) -> Result<Result<u64, WrongRollup>, LogError> {
        let shelf = &self.shelf;
        let mut expired = expired_now(shelf).await?;
        let mut right = 0;
        for level in [Level::Hour, Level::Day] {
            for number in shelf.numbers(level, 0, i64::MAX).await? {
                let Some(detail) = check(shelf, level, number, expired).await? else {
                    right += 1;
                    continue;
                };
                // Retention may have gone on meanwhile.
                expired = expired_now(shelf).await?;
                if !is_touched(level, number, expired) {
                    let name = names::rollup(level, number);
                    return Ok(Err(WrongRollup { name, detail }));
                }
            }
        }
        Ok(Ok(right))
    }
}

async fn expired_now(shelf: &Shelf) -> Result<Option<Window>, LogError> {
    let (store, host) = (Arc::clone(&shelf.store), Arc::clone(&shelf.host));
    let view = read_state(store, host).await?;
    Ok(view.as_ref().and_then(SourceView::expired_through))
}

/// Whether a window of a roll-up is expired.
fn is_touched(level: Level, number: u64, expired: Option<Window>) -> bool {
    let first = i64::try_from(number).map(|number| level.first(number));
    first.is_ok_and(|first| Some(first) <= expired)
}

/// What is wrong with a roll-up.
async fn check(
    shelf: &Shelf,
    level: Level,
    number: u64,
    expired: Option<Window>,
) -> Result<Option<String>, LogError> {
    if is_touched(level, number, expired) {
        return Ok(None);
    }
    let Some((stored, record)) = shelf.rollup(level, number).await? else {
        return Ok(Some("it cannot be read".to_owned()));
    };
    let mut merged = shelf.empty();
    for cover in &record.covers {
        let stretch = Stretch {
            epoch: cover.epoch,
            lane: cover.lane,
            from: cover.from,
            through: Some(cover.through),
        };
        let (counted, _) = logs::read(shelf, &stretch).await?;
        let merge = |commit: CommitPane| merged.merge(&commit.pane);
        shelf.each_pane(counted, expired, merge).await?;
    }
    // One that was made with counters only says nothing of fields.
    let counters_only = stored.fields().is_empty();
    let difference = stored.difference_where(&merged, |_| !counters_only);
    let windows = windows_difference(&stored, &merged);
    Ok(difference.or(windows).map(|detail| {
        format!("stored and merged from the commits that it covers differ: {detail}")
    }))
}

fn windows_difference(stored: &Pane, merged: &Pane) -> Option<String> {
    (stored.windows() != merged.windows()).then(|| "counts by window".to_owned())
}
