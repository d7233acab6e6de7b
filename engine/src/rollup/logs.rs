//! The commits of a stretch of a log, without its state.

use std::collections::VecDeque;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::Counted;
use super::covers::Stretch;
use super::shelf::Shelf;
use crate::log::{Commit, Entry, EntryAt, EntryBody, LogError, names};
use crate::types::{Counts, Window};

/// How many entries are asked for at once.
const AT_ONCE: usize = 16;

impl Counted {
    /// `None` if the commit covers nothing.
    pub(super) fn of(at: EntryAt, commit: &Commit) -> Option<Self> {
        let counts = commit.counts();
        if commit.statistics.is_none() && counts == Counts::default() {
            return None;
        }
        // One without files has closed the window of what it covers, which gave none.
        let current = commit.ranges.values().map(|range| range.current_window);
        let window = commit.window().or(commit.closed_through).or(current.max());
        Some(Self {
            at,
            window: window.unwrap_or(Window(0)),
            statistics: commit.statistics.clone(),
            counts,
        })
    }
}

/// The commits of a stretch that are there and cover something, in order, and the number of its last
/// entry. What retention has deleted is not there and does not count.
pub(super) async fn read(
    shelf: &Shelf,
    stretch: &Stretch,
) -> Result<(VecDeque<Counted>, u64), LogError> {
    let numbers = numbers(shelf, stretch).await?;
    let last = numbers.last().copied().unwrap_or(stretch.from);
    let at = |entry| EntryAt {
        epoch: stretch.epoch,
        lane: stretch.lane,
        entry,
    };
    let read = stream::iter(numbers.into_iter().map(|number| entry(shelf, at(number))));
    let read: Vec<Option<Counted>> = read.buffered(AT_ONCE).try_collect().await?;
    Ok((read.into_iter().flatten().collect(), last))
}

async fn entry(shelf: &Shelf, at: EntryAt) -> Result<Option<Counted>, LogError> {
    let name = names::entry(at.epoch, at.lane, at.entry);
    let entry = shelf.objects.get::<Entry>(&name).await?;
    Ok(entry.and_then(|entry| match entry.body {
        EntryBody::Commit(commit) => Counted::of(at, &commit),
        _ => None,
    }))
}

/// The numbers of a stretch's entries.
async fn numbers(shelf: &Shelf, stretch: &Stretch) -> Result<Vec<u64>, LogError> {
    let &Stretch {
        epoch, lane, from, ..
    } = stretch;
    let folder = names::log_folder(epoch, lane);
    let mut after = names::entry(epoch, lane, from);
    let mut numbers = Vec::new();
    let mut last = from;
    loop {
        let page = shelf.objects.list(&folder, Some(&after)).await?;
        for number in page.objects.iter().filter_map(|o| names::number(&o.name)) {
            let hidden = hidden(shelf, stretch, last, number).await?;
            numbers.extend(hidden);
            numbers.push(number);
            last = number;
            if stretch.through.is_some_and(|through| number >= through) {
                numbers.retain(|number| Some(*number) <= stretch.through);
                return Ok(numbers);
            }
        }
        match page.objects.last() {
            Some(object) if page.more => after = object.name.clone(),
            _ => return Ok(numbers),
        }
    }
}

/// Entries between two that a listing showed. Those that were put while it was under way may be
/// hidden; those that retention has deleted lie before them.
async fn hidden(
    shelf: &Shelf,
    stretch: &Stretch,
    after: u64,
    before: u64,
) -> Result<Vec<u64>, LogError> {
    let mut hidden = VecDeque::new();
    for number in (after + 1..before).rev() {
        let name = names::entry(stretch.epoch, stretch.lane, number);
        if !shelf.objects.exists(&name).await? {
            break;
        }
        hidden.push_front(number);
    }
    Ok(hidden.into())
}
