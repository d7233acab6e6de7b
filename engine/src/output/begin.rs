//! Where a new output begins.

use super::definition::Begin;
use super::feed::first_places;
use super::record::{LanePlace, State};
use crate::log::names::FileName;
use crate::log::{Folded, LanesRecord, LogError, Objects, SourceView, names, read_lanes};
use crate::types::{Epoch, Window, WindowLength};

/// The first window of a new output; `None` takes all.
pub(super) fn first_window(
    begin: Begin,
    view: &SourceView,
    length: WindowLength,
) -> Option<Window> {
    let kept = view.expired_through().map(Window::next);
    match begin {
        Begin::Start => kept,
        Begin::At(time) => kept.max(Some(length.window_of(time))),
        Begin::FirstSeen => reached(view).map(Window::next),
    }
}

/// The last window that a lane has closed or committed a part of.
fn reached(view: &SourceView) -> Option<Window> {
    let lanes = view.lanes.iter().map(|lane| {
        let folded = &lane.fold.folded;
        folded.state.closed_through.max(partly_committed(folded))
    });
    let before = view.lanes_record.as_deref().and_then(reached_before);
    lanes.max().flatten().max(before)
}

/// A window that nothing is above of what was committed before an epoch. What its lanes were in the
/// middle of shows in the windows of their Kinesis shards only.
fn reached_before(record: &LanesRecord) -> Option<Window> {
    if record.epoch.0 <= 1 {
        return None;
    }
    let lanes = record.lanes.iter();
    let reached = lanes.flat_map(|lane| {
        let shards = lane.shards.values().map(|shard| shard.current_window);
        shards.chain(lane.closed_through)
    });
    reached.max()
}

/// The last window that is not closed and has files that are committed: a stop leaves such.
fn partly_committed(folded: &Folded) -> Option<Window> {
    let ended = folded.ended_claims.iter();
    let ended = ended.flat_map(|ended| &ended.committed);
    let files = folded.open_files.iter().chain(ended);
    files
        .filter_map(|name| FileName::parse(name))
        .map(|name| name.window)
        .max()
}

/// A position before everything of the windows from `start` on, as near to them as can be told
/// without reading logs.
pub(super) async fn place_before(
    objects: &Objects,
    view: &SourceView,
    start: Option<Window>,
) -> Result<State, LogError> {
    let Some(newest) = &view.lanes_record else {
        return Err(LogError::Missing {
            name: names::lanes(Epoch(1)),
        });
    };
    if let Some(start) = start
        && reached(view).is_none_or(|reached| reached < start)
    {
        let lanes = view.lanes.iter().map(|lane| {
            let folded = &lane.fold.folded;
            LanePlace {
                entry: folded.entry,
                closed_through: folded.state.closed_through,
                sealed: folded.sealed,
            }
        });
        return Ok(state(newest.epoch, lanes.collect()));
    }
    let mut epoch = newest.epoch;
    loop {
        let record = read_lanes(objects, epoch).await?;
        let is_before = reached_before(&record).is_some_and(|reached| Some(reached) < start);
        if is_before || epoch.0 <= 1 {
            return Ok(state(epoch, first_places(&record).collect()));
        }
        epoch = Epoch(epoch.0 - 1);
    }
}

fn state(epoch: Epoch, lanes: Vec<LanePlace>) -> State {
    State {
        epoch,
        lanes,
        expired_through: None,
        ended_claims: Vec::new(),
    }
}
