//! Each event once, whatever moves.

use std::collections::BTreeMap;

use shardmill_engine::log::{ShardRange, ShardState};
use shardmill_engine::types::{
    ClaimNumber, Counts, Epoch, KinesisShardId, Position, SequenceNumber,
};

use super::*;

fn claim(number: u64) -> ClaimRef {
    ClaimRef {
        epoch: Epoch(1),
        lane: LaneId(0),
        claim: ClaimNumber(number),
    }
}

fn held(window: i64, rows: u64) -> Held {
    let mut pane = Pane::new(PaneLimits::default());
    let counts = Counts {
        rows,
        ..Counts::default()
    };
    pane.observe_counts(Window(window), counts);
    Held {
        pane: Arc::new(pane),
        _memory: None,
    }
}

/// Nothing was committed before.
fn view() -> LiveView {
    let view = LiveView::new(PaneLimits::default(), WindowLength::MINUTE, 100);
    view.merged(0, &held(0, 0), true);
    view.claimed(claim(1), 1, &state(0));
    view
}

fn position(to: u64) -> Position {
    match to {
        0 => Position::Horizon,
        to => Position::At(SequenceNumber::new(&to.to_string()).unwrap()),
    }
}

fn shard() -> KinesisShardId {
    KinesisShardId::new("shardId-000000000000")
}

/// A lane that has committed its Kinesis shard up to here.
fn state(to: u64) -> LaneState {
    let shard_state = ShardState {
        position: position(to),
        current_window: Window(0),
        parents: Vec::new(),
        ended: false,
        arrival_at_position: None,
        caught_up_at: None,
        cut: None,
    };
    LaneState {
        shards: [(shard(), shard_state)].into(),
        ..LaneState::default()
    }
}

/// The commit of (from, to].
fn commit(from: u64, to: u64) -> Arc<Commit> {
    let range = ShardRange {
        from: position(from),
        to: position(to),
        arrival_at_to: 0,
        counts: Counts::default(),
        current_window: Window(0),
    };
    Arc::new(Commit {
        ranges: BTreeMap::from([(shard(), range)]),
        ..Commit::default()
    })
}

/// Rows that are committed and live.
fn rows(view: &LiveView) -> (u64, u64) {
    let view = view.snapshot().view().unwrap();
    let of = |origin| view.counts_of(origin).rows;
    (of(Origin::Committed), of(Origin::Live))
}

#[test]
fn a_commit_moves_its_window_at_once() {
    let view = view();
    view.observed(
        claim(1),
        &[(Window(5), held(5, 3)), (Window(6), held(6, 4))],
        200,
    );
    assert_eq!(rows(&view), (0, 7));
    view.committing(claim(1), Window(5), &commit(0, 3));
    let before = view.snapshot();
    view.committed(claim(1), 2);
    assert_eq!(rows(&view), (3, 4));
    assert_eq!(
        before.view().unwrap().counts().rows,
        7,
        "an answer stays as it is"
    );
    // One that only moves on.
    view.committed(claim(1), 3);
    assert_eq!(rows(&view), (3, 4));
    assert_eq!(view.snapshot().reach().of(Epoch(1), LaneId(0)), Some(3));
    assert_eq!(view.snapshot().as_of_ms(), 200);
}

#[test]
fn merging_takes_what_it_merged_and_leaves_what_came_meanwhile() {
    let view = view();
    for window in [5, 6] {
        view.observed(claim(1), &[(Window(window), held(window, 1))], 200);
        view.committing(claim(1), Window(window), &commit(0, 1));
        view.committed(claim(1), 2);
    }
    view.merged(1, &held(5, 1), false);
    assert_eq!(rows(&view), (2, 0));
    assert_eq!(view.snapshot().committed().recent.len(), 1);
}

#[test]
fn a_new_claim_drops_what_was_open_and_keeps_a_commit_that_nobody_saw() {
    for (to, expected) in [(3, 3), (0, 0)] {
        let view = view();
        let open = [(Window(5), held(5, 3)), (Window(6), held(6, 4))];
        view.observed(claim(1), &open, 200);
        view.committing(claim(1), Window(5), &commit(0, 3));
        view.claimed(claim(9), 9, &state(to));
        assert_eq!(rows(&view), (expected, 0), "the log is at {to}");
        // What the old claim still has under way.
        view.observed(claim(1), &[(Window(6), held(6, 4))], 300);
        view.committed(claim(1), 2);
        assert_eq!(rows(&view), (expected, 0));
        assert_eq!(view.snapshot().reach().of(Epoch(1), LaneId(0)), Some(9));
    }
}

#[test]
fn there_is_no_answer_before_what_was_committed_is_known() {
    let view = LiveView::new(PaneLimits::default(), WindowLength::MINUTE, 100);
    view.claimed(claim(1), 1, &state(0));
    view.observed(claim(1), &[(Window(5), held(5, 3))], 200);
    let code = |view: &LiveView| view.snapshot().view().unwrap_err().code();
    assert_eq!(code(&view), "statistics.loading");
    view.not_loaded(&Error::new("target.refused", "no"));
    let message = view.snapshot().view().unwrap_err().to_string();
    assert!(message.contains("target.refused"), "{message}");
    assert!(!view.snapshot().is_settled());
    view.merged(0, &held(1, 10), true);
    assert_eq!(rows(&view), (10, 3));
}

#[test]
fn the_end_leaves_what_is_committed_and_says_why_there_is_nothing() {
    let ended = view();
    let open = [(Window(5), held(5, 3)), (Window(6), held(6, 4))];
    ended.observed(claim(1), &open, 200);
    ended.committing(claim(1), Window(5), &commit(0, 3));
    ended.ended(None);
    assert_eq!(rows(&ended), (0, 3), "it may be committed");
    assert!(ended.snapshot().is_over());

    let unread = LiveView::new(PaneLimits::default(), WindowLength::MINUTE, 100);
    unread.ended(Some(&Error::new("log.fenced", "another process")));
    let error = unread.snapshot().view().unwrap_err();
    assert_eq!(error.code(), "log.fenced");
    assert!(unread.snapshot().is_settled());
}
