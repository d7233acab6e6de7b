//! Which hours are due, without a target.

use super::super::covers::{Cover, Gap, Stretch};
use super::super::plan::Pending;
use super::*;

const LANE: (Epoch, LaneId) = (Epoch(1), LaneId(0));

fn counted(epoch: u64, lane: u32, entry: u64, window: Window) -> Counted {
    Counted {
        at: EntryAt {
            epoch: Epoch(epoch),
            lane: LaneId(lane),
            entry,
        },
        window,
        statistics: None,
        counts: Counts::default(),
    }
}

fn cover(epoch: u64, lane: u32, from: u64, through: u64) -> Cover {
    Cover {
        epoch: Epoch(epoch),
        lane: LaneId(lane),
        from,
        through,
    }
}

fn hour_of(number: i64) -> i64 {
    Level::Hour.number_of(minute(number))
}

/// Takes out all hours that are due: their numbers and covers.
fn hours(mut pending: Pending, complete: Window) -> Vec<(i64, Vec<Cover>)> {
    let (mut reach, mut floor) = (Reach::default(), None);
    let mut hours = Vec::new();
    while let Some(hour) = pending.next_hour(&reach, floor, complete) {
        reach = Reach::to_end_of(&hour.covers);
        floor = Some(hour.number + 1);
        hours.push((hour.number, hour.covers));
    }
    hours
}

#[test]
fn the_commits_of_an_hour_are_a_run_of_each_lane() {
    let mut pending = Pending::default();
    let first = [(2, 0), (3, 59), (5, 60), (6, 61), (9, 200)];
    let first = first.map(|(entry, at)| counted(1, 0, entry, minute(at)));
    pending.lanes.insert(LANE, first.into());
    let second = [counted(1, 1, 4, minute(61))];
    pending.lanes.insert((Epoch(1), LaneId(1)), second.into());
    let due = hours(pending.clone(), minute(179));
    let expected = vec![
        (hour_of(0), vec![cover(1, 0, 0, 3), cover(1, 1, 0, 0)]),
        (hour_of(60), vec![cover(1, 0, 3, 6), cover(1, 1, 0, 4)]),
    ];
    assert_eq!(due, expected);
    // An hour is complete with its last window, not before; one without a commit has no roll-up.
    assert_eq!(hours(pending.clone(), minute(118)).len(), 1);
    assert_eq!(hours(pending.clone(), minute(119)).len(), 2);
    let later = hours(pending, minute(239));
    assert_eq!(later[2].1[0], cover(1, 0, 6, 9));
}

#[test]
fn an_epoch_that_is_over_is_left_out_once_all_of_it_is_covered() {
    let mut pending = Pending::default();
    pending
        .lanes
        .insert(LANE, [counted(1, 0, 2, minute(0))].into());
    let next = [counted(2, 0, 2, minute(30)), counted(2, 0, 3, minute(70))];
    pending.lanes.insert((Epoch(2), LaneId(0)), next.into());
    let due = hours(pending, minute(119));
    assert_eq!(due[0].1, [cover(1, 0, 0, 2), cover(2, 0, 0, 2)]);
    assert_eq!(due[1].1, [cover(2, 0, 2, 3)]);
    // Whoever stands at the end of the first looks whether the old epoch holds more.
    let gap = Reach::to_end_of(&due[0].1).gap_before(&due[1].1).unwrap();
    let rest = Stretch {
        epoch: Epoch(1),
        lane: LaneId(0),
        from: 2,
        through: None,
    };
    assert_eq!(gap.stretches, [rest]);
}

#[test]
fn what_lies_between_roll_ups_is_known_from_what_they_cover() {
    let stand = |covers: &[Cover]| Reach::to_end_of(covers);
    let here = stand(&[cover(1, 0, 0, 5), cover(1, 1, 0, 7)]);
    assert_eq!(
        here.gap_before(&[cover(1, 0, 5, 9), cover(1, 1, 7, 7)]),
        Some(Gap::default())
    );
    let gap = here.gap_before(&[cover(1, 0, 6, 9), cover(1, 1, 7, 7)]);
    assert_eq!(gap.unwrap().stretches.len(), 1);
    // What was covered before must not be counted again; a lane that is not mentioned is no roll-up
    // of this source.
    assert_eq!(
        here.gap_before(&[cover(1, 0, 4, 9), cover(1, 1, 7, 7)]),
        None
    );
    assert_eq!(here.gap_before(&[cover(1, 0, 5, 9)]), None);
    let gap = here.gap_before(&[cover(4, 0, 0, 2)]).unwrap();
    assert_eq!(
        (gap.stretches.len(), gap.epochs),
        (2, vec![Epoch(2), Epoch(3)])
    );
}

#[test]
fn a_commit_of_an_hour_that_is_rolled_up_counts_in_the_next_one() {
    let mut pending = Pending::default();
    let late = [counted(1, 0, 7, minute(59)), counted(1, 0, 8, minute(61))];
    pending.lanes.insert(LANE, late.into());
    let reach = Reach::new([(Epoch(1), LaneId(0), 5)]);
    let hour = pending.next_hour(&reach, Some(hour_of(60)), minute(119));
    let hour = hour.expect("it is complete");
    assert_eq!(hour.number, hour_of(60));
    assert_eq!(hour.covers, [cover(1, 0, 5, 8)]);
}
