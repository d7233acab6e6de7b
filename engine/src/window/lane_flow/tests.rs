use crate::budget::Budget;
use crate::log::{DataFile, LaneFold, LanesRecord, ShardState};
use crate::types::{
    BatchHead, ClaimNumber, Counts, Epoch, Generation, LaneId, ProcessId, SequenceNumber,
};

use super::*;

mod model;

pub(super) fn claim() -> ClaimRef {
    ClaimRef {
        epoch: Epoch(1),
        lane: LaneId(0),
        claim: ClaimNumber(1),
    }
}

pub(super) fn shard(name: &str) -> KinesisShardId {
    KinesisShardId::new(name)
}

pub(super) fn at(number: u64) -> Position {
    Position::At(sequence(number))
}

pub(super) fn sequence(number: u64) -> SequenceNumber {
    SequenceNumber::new(&number.to_string()).unwrap()
}

/// A lane whose Kinesis shards begin at `start` in window 0.
pub(super) fn lane(shards: &[&str]) -> LaneState {
    let state = ShardState {
        position: Position::Start,
        current_window: Window(0),
        parents: Vec::new(),
        ended: false,
        arrival_at_position: None,
        caught_up_at: None,
        cut: None,
    };
    LaneState {
        shards: shards
            .iter()
            .map(|name| (shard(name), state.clone()))
            .collect(),
        ..LaneState::default()
    }
}

fn flow(shards: &[&str]) -> LaneFlow {
    LaneFlow::new(
        claim(),
        &lane(shards),
        LaneLimits {
            max_open_windows: 3,
            end: None,
            raw_copy: false,
        },
    )
}

/// A batch of `rows` records, one row each, (from, to].
pub(super) fn batch(name: &str, window: i64, from: Position, to: u64, rows: u64) -> DecodedBatch {
    DecodedBatch {
        head: BatchHead {
            claim: claim(),
            shard: shard(name),
            window: Window(window),
            from,
            to: sequence(to),
            arrival_at_to: window * 1_000,
            records: rows,
            received: 0,
        },
        rows: Vec::new(),
        rejects: Vec::new(),
        counts: Counts {
            records: rows,
            payloads: rows,
            rows,
            ..Counts::default()
        },
        raw: None,
        credit: Budget::new(0).charge(0),
    }
}

pub(super) fn files(window: i64, rows: u64) -> CommitFiles {
    let file = DataFile {
        name: format!("{window}"),
        window: Window(window),
        rows,
        bytes: 1,
        schema: None,
    };
    CommitFiles {
        files: if rows == 0 { Vec::new() } else { vec![file] },
        ..CommitFiles::default()
    }
}

fn mark(name: &str, position: Position, window: i64) -> Watermark {
    Watermark {
        claim: claim(),
        shard: shard(name),
        position,
        window: Window(window),
        server_time: window * 1_000,
        caught_up: true,
    }
}

fn end(name: &str, position: Position, window: i64) -> ShardEnd {
    ShardEnd {
        claim: claim(),
        shard: shard(name),
        position,
        current_window: Window(window),
        children: Vec::new(),
    }
}

fn child(name: &str, window: i64) -> Entered {
    Entered {
        shard: shard(name),
        parents: Vec::new(),
        position: Position::Horizon,
        current_window: Window(window),
    }
}

#[test]
fn batches_are_put_back_in_order() {
    let mut flow = flow(&["a"]);
    assert!(flow.batch(batch("a", 0, at(2), 4, 2)).unwrap().is_empty());
    assert!(flow.batch(batch("a", 1, at(4), 5, 1)).unwrap().is_empty());
    let out = flow.batch(batch("a", 0, Position::Start, 2, 2)).unwrap();
    let ends: Vec<&SequenceNumber> = out.iter().map(|batch| &batch.head.to).collect();
    assert_eq!(ends, [&sequence(2), &sequence(4), &sequence(5)]);
    assert_eq!(flow.reading()[0].position, at(5));
}

#[test]
fn an_overlap_is_a_fault_and_a_gap_holds_the_position() {
    let mut gap = flow(&["a"]);
    assert!(gap.batch(batch("a", 0, at(3), 4, 1)).unwrap().is_empty());
    gap.watermark(mark("a", at(4), 9)).unwrap();
    assert_eq!(gap.next_closing(), None);
    assert_eq!(gap.reading()[0].position, Position::Start);

    let mut again = flow(&["a"]);
    again.batch(batch("a", 0, Position::Start, 4, 4)).unwrap();
    let fault = again
        .batch(batch("a", 0, Position::Start, 4, 4))
        .unwrap_err();
    assert_eq!(fault.code(), "lane.overlap");

    let mut inside = flow(&["a"]);
    inside.batch(batch("a", 0, at(2), 4, 2)).unwrap();
    let fault = inside
        .batch(batch("a", 0, Position::Start, 3, 3))
        .unwrap_err();
    assert_eq!(fault.code(), "lane.overlap");

    let mut nothing = flow(&["a"]);
    let fault = nothing.batch(batch("a", 0, at(4), 4, 0)).unwrap_err();
    assert_eq!(fault.code(), "lane.empty_range");
}

#[test]
fn a_window_closes_once_every_open_kinesis_shard_is_past_it() {
    let mut flow = flow(&["a", "b"]);
    flow.batch(batch("a", 3, Position::Start, 1, 1)).unwrap();
    flow.batch(batch("a", 5, at(1), 2, 1)).unwrap();
    assert_eq!(flow.next_closing(), None, "b is in window 0");
    assert_eq!(flow.watermark_shard(), Some(shard("b")));
    flow.watermark(mark("b", Position::Start, 4)).unwrap();
    assert_eq!(flow.next_closing(), Some(Window(3)));
    assert_eq!(flow.next_closing(), None, "each once, and a is in window 5");
    flow.end(end("b", Position::Start, 4)).unwrap();
    flow.watermark(mark("a", at(2), 6)).unwrap();
    assert_eq!(flow.next_closing(), Some(Window(5)));
    let fault = flow.commit(Window(5), files(5, 1)).unwrap_err();
    assert_eq!(fault.code(), "lane.commit_out_of_order");
    let first = flow.commit(Window(3), files(3, 1)).unwrap();
    assert_eq!(first.ranges[&shard("a")].current_window, Window(4));
    assert_eq!(first.closed_through, Some(Window(3)));
    assert_eq!(first.ended, [shard("b")]);
    let second = flow.commit(Window(5), files(5, 1)).unwrap();
    assert_eq!(second.ranges[&shard("a")].from, at(1));
    assert_eq!(second.ended, [], "an end is committed once");
}

#[test]
fn a_payload_in_a_window_that_lag_has_passed_is_a_fault() {
    let mut flow = flow(&["a"]);
    flow.watermark(mark("a", Position::Start, 4)).unwrap();
    let fault = flow
        .batch(batch("a", 3, Position::Start, 1, 1))
        .unwrap_err();
    assert_eq!(fault.code(), "lane.window_went_back");
}

#[test]
fn lag_counts_only_once_all_before_it_has_arrived() {
    let mut flow = flow(&["a"]);
    flow.watermark(mark("a", at(2), 9)).unwrap();
    flow.batch(batch("a", 3, Position::Start, 1, 1)).unwrap();
    assert_eq!(flow.next_closing(), None);
    flow.batch(batch("a", 3, at(1), 2, 1)).unwrap();
    assert_eq!(flow.next_closing(), Some(Window(3)));
}

#[test]
fn files_that_lack_a_row_are_refused() {
    let mut flow = flow(&["a"]);
    flow.batch(batch("a", 3, Position::Start, 2, 2)).unwrap();
    flow.watermark(mark("a", at(2), 9)).unwrap();
    assert_eq!(flow.next_closing(), Some(Window(3)));
    let fault = flow.commit(Window(3), files(3, 1)).unwrap_err();
    assert_eq!(fault.code(), "lane.files_differ");
}

#[test]
fn a_raw_copy_that_lacks_a_payload_is_refused() {
    for (payloads, right) in [(None, false), (Some(1), false), (Some(2), true)] {
        let limits = LaneLimits {
            end: None,
            max_open_windows: 3,
            raw_copy: true,
        };
        let mut flow = LaneFlow::new(claim(), &lane(&["a"]), limits);
        flow.batch(batch("a", 3, Position::Start, 2, 2)).unwrap();
        flow.watermark(mark("a", at(2), 9)).unwrap();
        assert_eq!(flow.next_closing(), Some(Window(3)));
        let mut files = files(3, 2);
        files.raw = payloads
            .into_iter()
            .flat_map(|payloads| self::files(3, payloads).files)
            .collect();
        match flow.commit(Window(3), files) {
            Ok(commit) => assert!(right && commit.raw.len() == 1),
            Err(fault) => assert!(!right && fault.code() == "lane.files_differ"),
        }
    }
}

#[test]
fn a_child_starts_above_what_is_being_closed_and_enters_once() {
    let mut flow = flow(&["a"]);
    flow.batch(batch("a", 3, Position::Start, 2, 2)).unwrap();
    flow.end(end("a", at(2), 3)).unwrap();
    assert_eq!(flow.ends_reached().len(), 1);
    assert_eq!(flow.next_closing(), Some(Window(3)));
    let read = flow.enter(child("b", 3)).unwrap();
    assert_eq!(
        (read.current_window, read.position),
        (Window(4), Position::Horizon)
    );
    let fault = flow.enter(child("b", 3)).unwrap_err();
    assert_eq!(fault.code(), "lane.entered_twice");
    let commit = flow.commit(Window(3), files(3, 2)).unwrap();
    assert_eq!(commit.entered[0].current_window, Window(4));
    assert_eq!(commit.ended, [shard("a")]);
}

#[test]
fn a_child_that_enters_in_time_holds_the_window_of_its_parent_open() {
    let mut flow = flow(&["a"]);
    flow.batch(batch("a", 3, Position::Start, 2, 2)).unwrap();
    flow.end(end("a", at(2), 3)).unwrap();
    assert_eq!(flow.enter(child("b", 3)).unwrap().current_window, Window(3));
    assert_eq!(flow.next_closing(), None);
}

#[test]
fn the_limit_follows_the_lowest_window_that_is_not_committed() {
    let mut flow = flow(&["a"]);
    assert_eq!(flow.window_limit(), Window(2));
    flow.watermark(mark("a", Position::Start, 100)).unwrap();
    assert_eq!(
        flow.window_limit(),
        Window(102),
        "empty windows take no room"
    );
    flow.batch(batch("a", 100, Position::Start, 1, 1)).unwrap();
    flow.watermark(mark("a", at(1), 102)).unwrap();
    assert_eq!(
        flow.window_limit(),
        Window(102),
        "window 100 is still in memory"
    );
    assert_eq!(flow.next_closing(), Some(Window(100)));
    flow.commit(Window(100), files(100, 1)).unwrap();
    assert_eq!(flow.window_limit(), Window(104));
}

#[test]
fn a_child_below_open_windows_opens_one_more_and_not_as_many_again() {
    let mut flow = flow(&["a"]);
    flow.watermark(mark("a", Position::Start, 100)).unwrap();
    flow.batch(batch("a", 100, Position::Start, 1, 1)).unwrap();
    assert_eq!(flow.window_limit(), Window(102));
    // What a's reader was allowed may still be under way.
    flow.enter(child("b", 50)).unwrap();
    assert_eq!(flow.window_limit(), Window(50));
    flow.watermark(mark("b", Position::Horizon, 98)).unwrap();
    assert_eq!(flow.window_limit(), Window(98));
    flow.watermark(mark("b", Position::Horizon, 99)).unwrap();
    assert_eq!(flow.window_limit(), Window(102), "99 is the one more");
    for name in ["a", "b"] {
        let position = if name == "a" {
            at(1)
        } else {
            Position::Horizon
        };
        flow.watermark(mark(name, position, 103)).unwrap();
    }
    assert_eq!(flow.next_closing(), Some(Window(100)));
    flow.commit(Window(100), files(100, 1)).unwrap();
    assert_eq!(flow.window_limit(), Window(105));
}

#[test]
fn progress_closes_empty_windows_and_says_each_thing_once() {
    let mut flow = flow(&["a", "b"]);
    flow.watermark(mark("a", Position::Start, 8)).unwrap();
    flow.watermark(mark("b", Position::Start, 6)).unwrap();
    flow.enter(child("c", 7)).unwrap();
    let commit = flow.progress().unwrap();
    assert_eq!(commit.closed_through, Some(Window(5)));
    assert_eq!(commit.entered.len(), 1);
    assert_eq!(commit.caught_up.len(), 2);
    assert!(flow.progress().is_none());
    // What holds payloads is not closed by progress.
    flow.batch(batch("a", 8, Position::Start, 1, 1)).unwrap();
    for (name, position) in [
        ("a", at(1)),
        ("b", Position::Start),
        ("c", Position::Horizon),
    ] {
        flow.watermark(mark(name, position, 12)).unwrap();
    }
    assert_eq!(flow.progress().unwrap().closed_through, Some(Window(7)));
}

#[test]
fn caught_up_is_said_only_of_what_is_committed() {
    let mut flow = flow(&["a"]);
    flow.batch(batch("a", 3, Position::Start, 1, 1)).unwrap();
    flow.watermark(mark("a", at(1), 4)).unwrap();
    assert!(
        flow.progress()
            .is_none_or(|commit| commit.caught_up.is_empty())
    );
    assert_eq!(flow.next_closing(), Some(Window(3)));
    let commit = flow.commit(Window(3), files(3, 1)).unwrap();
    assert_eq!(commit.caught_up[0].at_ms, 4_000);
}

#[test]
fn a_stop_commits_a_part_of_the_lowest_open_window_only() {
    let mut flow = flow(&["a", "b"]);
    flow.batch(batch("a", 3, Position::Start, 2, 2)).unwrap();
    flow.batch(batch("a", 4, at(2), 3, 1)).unwrap();
    assert_eq!(flow.stop(), None, "b may still bring payloads for window 0");
    assert!(flow.batch(batch("a", 4, at(3), 4, 1)).unwrap().is_empty());
}

#[test]
fn a_part_is_committed_after_what_is_closing_and_does_not_close_its_window() {
    let mut flow = flow(&["a", "b"]);
    flow.batch(batch("a", 2, Position::Start, 1, 1)).unwrap();
    flow.batch(batch("a", 3, at(1), 2, 1)).unwrap();
    flow.batch(batch("a", 4, at(2), 3, 1)).unwrap();
    flow.watermark(mark("b", Position::Start, 3)).unwrap();
    flow.batch(batch("b", 3, Position::Start, 7, 7)).unwrap();
    assert_eq!(flow.stop(), Some(Window(3)));
    let fault = flow.partial_commit(Window(3), files(3, 8)).unwrap_err();
    assert_eq!(fault.code(), "lane.commit_out_of_order");
    assert_eq!(flow.next_closing(), Some(Window(2)));
    flow.commit(Window(2), files(2, 1)).unwrap();
    let part = flow.partial_commit(Window(3), files(3, 8)).unwrap();
    assert_eq!(part.closed_through, Some(Window(2)));
    assert_eq!(
        part.ranges[&shard("a")].to,
        at(2),
        "what is beyond the window is read again"
    );
    assert_eq!(part.ranges[&shard("b")].to, at(7));
    assert_eq!(part.ranges[&shard("b")].current_window, Window(3));
    let fault = flow.partial_commit(Window(4), files(4, 1)).unwrap_err();
    assert_eq!(fault.code(), "lane.commit_out_of_order");
}

#[test]
fn an_idle_lane_closes_as_far_as_it_is_told() {
    let mut flow = flow(&["a"]);
    flow.batch(batch("a", 3, Position::Start, 2, 2)).unwrap();
    flow.close_idle_through(Window(9));
    flow.end(end("a", at(2), 3)).unwrap();
    assert!(!flow.has_open_shards());
    assert_eq!(flow.progress().unwrap().closed_through, Some(Window(2)));
    assert_eq!(flow.next_closing(), Some(Window(3)));
    let commit = flow.commit(Window(3), files(3, 2)).unwrap();
    flow.committed(&commit);
    assert_eq!(flow.progress().unwrap().closed_through, Some(Window(9)));
    assert!(flow.progress().is_none());
    flow.forget(shard("a"));
    assert_eq!(flow.progress().unwrap().forgotten, [shard("a")]);
}

#[test]
fn messages_of_another_claim_are_dropped() {
    let mut flow = flow(&["a"]);
    let mut foreign = batch("a", 3, Position::Start, 2, 2);
    foreign.head.claim.claim = ClaimNumber(9);
    assert!(flow.batch(foreign).unwrap().is_empty());
    let mut foreign = mark("a", Position::Start, 9);
    foreign.claim.epoch = Epoch(9);
    flow.watermark(foreign).unwrap();
    assert_eq!(flow.reading()[0].current_window, Window(0));
    assert_eq!(flow.reading()[0].position, Position::Start);
}

pub(super) fn lanes_record(state: LaneState) -> LanesRecord {
    LanesRecord {
        format_version: 1,
        epoch: Epoch(1),
        process: ProcessId::new("p"),
        generation: Generation(1),
        time_ms: 0,
        lanes: vec![state],
        cleaned_through_epoch: None,
    }
}

pub(super) fn fold(state: LaneState) -> LaneFold {
    LaneFold::begin(&lanes_record(state), LaneId(0)).unwrap()
}

#[test]
fn a_cut_kinesis_shard_holds_no_window_up_to_the_end() {
    let mut flow = flow(&["a", "b"]);
    let cut = |name: &str, position| ShardCut {
        claim: claim(),
        shard: shard(name),
        position,
        end: 2_500,
        window: Window(3),
    };
    flow.batch(batch("a", 0, Position::Start, 2, 2)).unwrap();
    // It waits for what is before it.
    flow.cut(cut("b", at(4))).unwrap();
    flow.cut(cut("a", at(2))).unwrap();
    assert_eq!(flow.watermark_shard(), Some(shard("b")));
    assert_eq!(flow.next_closing(), None);
    flow.batch(batch("b", 1, Position::Start, 4, 1)).unwrap();
    assert!(flow.is_read());
    assert_eq!(flow.reading(), []);
    assert_eq!(flow.next_closing(), Some(Window(0)));
    assert_eq!(flow.next_closing(), Some(Window(1)));
    let first = flow.commit(Window(0), files(0, 2)).unwrap();
    assert_eq!(first.cuts, [cut_of("a")]);
    let second = flow.commit(Window(1), files(1, 1)).unwrap();
    assert_eq!(second.cuts, [cut_of("b")]);
    let last = flow.progress().unwrap();
    assert_eq!(last.closed_through, Some(Window(2)));
    assert_eq!(flow.progress(), None);
}

fn cut_of(name: &str) -> Cut {
    Cut {
        shard: shard(name),
        end_ms: 2_500,
        current_window: Window(3),
    }
}

#[test]
fn what_is_cut_is_read_again_only_for_a_later_end() {
    let mut state = lane(&["a"]);
    let a = state.shards.get_mut(&shard("a")).unwrap();
    (a.cut, a.current_window) = (Some(2_500), Window(3));
    let reading = |end| {
        let limits = LaneLimits {
            raw_copy: false,
            max_open_windows: 3,
            end,
        };
        let flow = LaneFlow::new(claim(), &state, limits);
        assert_eq!(flow.is_read(), flow.reading().is_empty());
        flow.reading().iter().map(|from| from.current_window).next()
    };
    assert_eq!(reading(Some(2_500)), None);
    assert_eq!(reading(Some(2_000)), None);
    assert_eq!(reading(Some(2_501)), Some(Window(3)));
    assert_eq!(reading(None), Some(Window(3)));
}
