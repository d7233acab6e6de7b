//! What retention deletes, and what it leaves.

use super::limited::Limited;
use super::*;
use crate::types::Level;

/// Runs retention as the process that owns `lanes`.
fn expire(lanes: &mut [LaneLog], through: Window, soft: bool) -> Forgotten {
    for lane in lanes.iter_mut() {
        now(lane.expire(through, soft)).unwrap();
        lane.set_checkpoint_every(1);
        now(lane.checkpoint_if_due()).unwrap();
    }
    now(Retention::new(lanes).unwrap().run()).unwrap()
}

fn windows(memory: &Memory, kind: FileKind) -> Vec<i64> {
    let objects = memory.objects();
    let files = objects
        .keys()
        .filter_map(|name| names::FileName::parse(name));
    let files = files.filter(|file| file.kind == kind);
    files.map(|file| file.window.0 - window(0).0).collect()
}

/// Numbers of the entries that are there, with whether each is a commit.
fn entries(memory: &Memory, epoch: u64) -> Vec<(u64, bool)> {
    let folder = names::log_folder(Epoch(epoch), LaneId(0));
    let objects = memory.objects();
    let there = objects.iter().filter(|(name, _)| name.starts_with(&folder));
    let read = there.map(|(name, body)| {
        let entry: Entry = parse(name, body).unwrap();
        let is_commit = matches!(entry.body, EntryBody::Commit(_));
        (names::number(name).unwrap(), is_commit)
    });
    read.collect()
}

#[test]
fn expired_windows_go_with_their_commits_and_newer_ones_stay() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..10);
    let mut lanes = [lane];
    let gone = expire(&mut lanes, window(5), false);
    assert_eq!((gone.files, gone.bytes), (6, 6 * 3));
    assert_eq!((gone.statistics_objects, gone.entries), (6, 6));
    for kind in [FileKind::Data, FileKind::Statistics] {
        assert_eq!(windows(&memory, kind), [6, 7, 8, 9]);
    }
    let left: Vec<u64> = entries(&memory, 1).into_iter().map(|(n, _)| n).collect();
    // The claim, the commits of windows 6 to 9, and the mark.
    assert_eq!(left, [1, 8, 9, 10, 11, 12]);
    assert_eq!(walk(&memory).unwrap(), [lanes[0].folded().clone()]);
    assert!(expire(&mut lanes, window(5), false).is_empty());
    // The next process goes on from there.
    let lane = start_one(&memory, "two");
    assert_eq!(lane.state().expired_through, Some(window(5)));
    assert_eq!(lane.state().closed_through, Some(window(9)));
}

#[test]
fn only_what_a_checkpoint_on_the_target_covers_is_deleted() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    lane.set_checkpoint_every(100);
    append_rows(&memory, &mut lane, 0..10);
    now(lane.expire(window(5), false)).unwrap();
    let lanes = [lane];
    let mut retention = Retention::new(&lanes).unwrap();
    assert_eq!(now(retention.run()).unwrap().entries, 0);
    let [mut lane] = lanes;
    lane.set_checkpoint_every(1);
    now(lane.checkpoint_if_due()).unwrap();
    assert_eq!(now(retention.run()).unwrap().entries, 6);
    // What is gone through is not read again.
    let before = memory.calls.load(Ordering::Relaxed);
    assert!(now(retention.run()).unwrap().is_empty());
    let calls = memory.calls.load(Ordering::Relaxed) - before;
    assert!(calls <= 16, "{calls} calls");
}

#[test]
fn soft_keeps_the_files_for_good_and_forgets_the_rest() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..10);
    let mut lanes = [lane];
    let gone = expire(&mut lanes, window(3), true);
    assert_eq!((gone.files, gone.statistics_objects), (0, 4));
    assert_eq!(windows(&memory, FileKind::Data).len(), 10);
    assert_eq!(windows(&memory, FileKind::Statistics), [4, 5, 6, 7, 8, 9]);
    // Later ones are deleted, those that were kept are not.
    expire(&mut lanes, window(5), false);
    assert_eq!(windows(&memory, FileKind::Data), [0, 1, 2, 3, 6, 7, 8, 9]);
    let [lane] = lanes;
    drop(lane);
    let lane = start(&memory, "two", 1).unwrap().remove(0);
    assert_eq!(lane.state().kept_through, Some(window(3)));
    let marks = Retention::new(&[lane]).unwrap().marks();
    assert_eq!(marks.through, Some(window(5)));
}

#[test]
fn logs_of_earlier_epochs_are_emptied_also_where_the_last_checkpoint_was_lost() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    lane.set_checkpoint_every(4);
    append_rows(&memory, &mut lane, 0..10);
    drop(lane);
    let mut lanes = start(&memory, "two", 2).unwrap();
    let seal = entries(&memory, 1).last().unwrap().0;
    let lost = names::checkpoint(Epoch(1), LaneId(0), seal);
    assert!(memory.objects().remove(&lost).is_some());
    // The other lane has to close the windows too.
    let mut second = lanes.pop().unwrap();
    let closing = Commit {
        closed_through: Some(window(9)),
        format: second.state().format,
        ..Commit::default()
    };
    now(second.append(closing)).unwrap();
    lanes.push(second);
    expire(&mut lanes, window(9), false);
    assert!(entries(&memory, 1).iter().all(|(_, is_commit)| !is_commit));
    assert!(memory.objects().contains_key(&lost));
    assert!(windows(&memory, FileKind::Data).is_empty());
    let folds: Vec<Folded> = lanes.iter().map(|lane| lane.folded().clone()).collect();
    assert_eq!(walk(&memory).unwrap(), folds);
}

#[test]
fn of_expired_roll_ups_the_newest_stays() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..400);
    let hour = Level::Hour.number_of(window(0));
    let put = |level: Level, number: i64| {
        let name = names::rollup(level, number.unsigned_abs());
        memory.objects().insert(name, "roll-up".into());
    };
    (hour..hour + 6).for_each(|hour| put(Level::Hour, hour));
    put(Level::Day, hour / 24);
    let through = Level::Hour.last(hour + 3);
    let gone = expire(&mut [lane], through, false);
    assert_eq!(gone.rollups, 3);
    let objects = memory.objects();
    let left = objects
        .keys()
        .filter(|name| name.starts_with("_rollups/hour/"));
    let left: Vec<i64> = left
        .map(|name| names::rollup_number(name).unwrap() as i64 - hour)
        .collect();
    assert_eq!(left, [3, 4, 5]);
    assert!(objects.keys().any(|name| name.starts_with("_rollups/day/")));
}

#[test]
fn a_file_of_somebody_else_stays() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..3);
    let ours = names::file(
        FileKind::Data,
        WindowLength::MINUTE,
        lane.claim(),
        window(0),
        0,
    );
    let copy = ours.replace("data/", "data/copies/");
    for name in [&copy, "data/notes.txt"] {
        memory.objects().insert(name.to_owned(), "mine".into());
    }
    // What an ended claim has left there goes with the window.
    let left = names::file(
        FileKind::Data,
        WindowLength::MINUTE,
        lane.claim(),
        window(0),
        7,
    );
    memory.objects().insert(left, "left".into());
    let gone = expire(&mut [lane], window(1), false);
    assert_eq!(gone.files, 3);
    assert!(memory.objects().contains_key(&copy));
    assert!(memory.objects().contains_key("data/notes.txt"));
}

#[test]
fn a_window_that_is_not_closed_does_not_expire() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..3);
    let refused = now(lane.expire(window(3), false)).unwrap_err();
    assert_eq!(refused.code(), "log.window_order");
    now(lane.expire(window(2), false)).unwrap();
    let back = now(lane.expire(window(1), false)).unwrap_err();
    assert_eq!(back.code(), "log.goes_back");
}

#[test]
fn age_counts_by_the_clock_that_is_behind() {
    let minute = WindowLength::MINUTE;
    let start = |number| minute.start_of(window(number));
    let due = |now: i64, complete: i64, held: Option<i64>| {
        let age = 5 * 60_000;
        let due = older_than(minute, age, now, window(complete), held.map(window));
        due.0 - window(0).0
    };
    // Window 9 ends where window 10 begins; what ended five minutes before is 4.
    assert_eq!(due(start(10), 9, None), 4);
    assert_eq!(due(start(10) + 59_999, 9, None), 4);
    assert_eq!(due(start(500_000), 9, None), 4, "our clock is ahead");
    assert_eq!(due(start(8), 9, None), 2, "our clock is behind");
    assert_eq!(due(start(10), 9, Some(2)), 1);
    assert_eq!(due(start(10), 9, Some(100)), 4);
    // A command says a time, and only what is closed limits it.
    let through = |before| expires_through(minute, before, window(9), None).0 - window(0).0;
    assert_eq!(through(start(7)), 6);
    assert_eq!(through(start(7) - 1), 5);
    assert_eq!(through(i64::MAX), 9);
}

#[test]
fn a_run_that_dies_at_any_call_is_finished_by_the_next() {
    let objects_after = |calls: Option<u64>| {
        let memory = Memory::new(NOW);
        let mut lane = start_one(&memory, "one");
        lane.set_checkpoint_every(1);
        append_rows(&memory, &mut lane, 0..8);
        now(lane.expire(window(4), false)).unwrap();
        now(lane.checkpoint_if_due()).unwrap();
        drop(lane);
        let store = calls.map_or_else(|| memory.store(), |calls| Limited::store(&memory, calls));
        let cut = now(async {
            let host = memory.host();
            let mut lanes = take_over(&store, &host, &identity("two")).await?;
            expire_now(&mut lanes, window(5), false).await
        });
        let mut last = now(take_over(
            &memory.store(),
            &memory.host(),
            &identity("last"),
        ))
        .unwrap();
        now(expire_now(&mut last, window(5), false)).unwrap();
        assert_eq!(walk(&memory).unwrap(), [last[0].folded().clone()]);
        let left = [FileKind::Data, FileKind::Statistics].map(|kind| windows(&memory, kind));
        let commits = entries(&memory, 1).iter().filter(|(_, is)| *is).count();
        assert_eq!((left, commits), ([vec![6, 7], vec![6, 7]], 2), "{calls:?}");
        cut.is_ok()
    };
    assert!(objects_after(None));
    let cut = (0..).take_while(|calls| !objects_after(Some(*calls)));
    assert!(cut.count() > 40);
}
