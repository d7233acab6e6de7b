//! What the answer to a put means, the guard, and clean-up.

use super::*;

#[test]
fn an_entry_of_this_claim_that_is_another_one_ends_the_incarnation() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    // An append that was given up midway took effect after all.
    let mut lost = start_one_again(&memory, &lane);
    append_rows(&memory, &mut lost, 0..1);
    let name = entry_name(&lane, lane.claim().claim.0 + 1);
    let there = memory.objects()[&entry_name(&lost, lost.claim().claim.0 + 1)].clone();
    let ours = format!("\"claim\":{}", lane.claim().claim);
    let theirs = format!("\"claim\":{}", lost.claim().claim);
    let there = String::from_utf8(there.to_vec()).unwrap();
    memory.objects().retain(|known, _| *known != name);
    let there = there.replace(&theirs, &ours);
    memory.objects().insert(name, there.into());
    let commit = commit_row(&memory, &lane, window(3));
    let error = now(lane.append(commit)).unwrap_err();
    assert_eq!(error.code(), "log.lost_track");
    assert!(error.is_lane_fault());
}

#[test]
fn what_cannot_be_right_is_refused_and_nothing_is_written() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..1);
    let mut gap = commit_row(&memory, &lane, window(1));
    if let Some(range) = gap.ranges.get_mut(&shard(0)) {
        range.from = Position::Start;
    }
    let before = (memory.objects().clone(), lane.folded().clone());
    let error = now(lane.append(gap)).unwrap_err();
    assert_eq!(error.code(), "log.range_gap");
    let text = error.to_string();
    assert!(
        text.contains("shardId-000000000000") && text.contains("lane 0"),
        "{text}"
    );
    assert_eq!(before, (memory.objects().clone(), lane.folded().clone()));
    append_rows(&memory, &mut lane, 1..2);
}

#[test]
fn the_guard_looks_after_sixty_seconds() {
    let memory = Memory::new(NOW);
    let old = start_one(&memory, "old");
    start(&memory, "new", 1).unwrap();
    let calls = memory.calls.load(Ordering::Relaxed);
    memory.advance(59_999);
    now(old.guard()).unwrap();
    assert_eq!(
        memory.calls.load(Ordering::Relaxed),
        calls,
        "no need to ask yet"
    );
    memory.advance(1);
    assert!(now(old.guard()).unwrap_err().is_fenced());
    memory.advance(-3_600_000);
    assert!(
        now(old.guard()).is_err(),
        "a clock that goes back proves nothing"
    );
}

#[test]
fn clean_up_deletes_what_ended_claims_left_and_nothing_else() {
    let memory = Memory::new(NOW);
    let mut first = start_one(&memory, "one");
    append_rows(&memory, &mut first, 0..2);
    let put = |lane: &LaneLog, kind, at: i64, part| {
        let length = WindowLength::MINUTE;
        let name = names::file(kind, length, lane.claim(), window(at), part);
        memory.objects().insert(name.clone(), "left".into());
        name
    };
    // A stop commits a part of window 2; then a fault leaves another part unnamed.
    let mut part = commit_row(&memory, &first, window(2));
    part.closed_through = Some(window(1));
    let named: Vec<String> = part.names().map(|(_, name, _)| name.to_owned()).collect();
    assert_eq!(named.len(), 2, "a file and its statistics");
    now(first.append(part)).unwrap();
    let left = put(&first, FileKind::Data, 2, 1);
    let far = put(&first, FileKind::Data, 3, 0);
    let about = put(&first, FileKind::Statistics, 3, 0);
    let second = start_one(&memory, "two");
    let ours = [FileKind::Data, FileKind::Statistics].map(|kind| put(&second, kind, 2, 0));

    let mut cleanup = Cleanup::new(&[second]).unwrap();
    let swept = now(cleanup.run()).unwrap();
    assert_eq!(swept.deleted, [about, left.clone(), far]);
    assert!(
        swept.cleaned.is_empty(),
        "a claim that ended just now is looked at again"
    );
    for name in named.iter().chain(&ours) {
        assert!(memory.objects().contains_key(name), "{name}");
    }

    // Another object of the paused process comes late.
    memory.objects().insert(left.clone(), "late".into());
    memory.advance(25 * 3_600_000);
    let swept = now(cleanup.run()).unwrap();
    assert_eq!(swept.deleted, [left]);
    let settled = swept.cleaned.first().and_then(|(_, cleaned)| cleaned.claim);
    assert_eq!(settled.map(|claim| claim.0), Some(1));
    assert_eq!(
        now(cleanup.run()).unwrap(),
        Swept::default(),
        "it is not listed again"
    );
}

#[test]
fn entries_keep_what_they_say_in_json() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    let mut commit = commit_row(&memory, &lane, window(0));
    commit.entered.push(Entered {
        shard: shard(7),
        parents: vec![shard(0)],
        position: Position::Horizon,
        current_window: window(1),
    });
    commit.ended.push(shard(0));
    commit.caught_up.push(CaughtUp {
        shard: shard(7),
        at_ms: NOW,
    });
    commit.schema = Some(Arc::default());
    now(lane.append(commit.clone())).unwrap();
    let name = entry_name(&lane, 2);
    let entry: Entry = parse(&name, &memory.objects()[&name]).unwrap();
    assert_eq!(entry.body, EntryBody::Commit(Box::new(commit)));
    let forget = Commit {
        forgotten: vec![shard(0)],
        closed_through: lane.state().closed_through,
        ..Commit::default()
    };
    now(lane.append(forget)).unwrap();
    let again = start_one(&memory, "two");
    assert_eq!(
        again.state().shards.keys().cloned().collect::<Vec<_>>(),
        [shard(7)]
    );
}
