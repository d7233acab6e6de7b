//! Starts, claims and changes of lanes.

use super::*;

#[test]
fn the_newest_process_wins_and_names_itself() {
    let memory = Memory::new(NOW);
    let mut old = start_one(&memory, "old");
    append_rows(&memory, &mut old, 0..2);
    let mut new = start_one(&memory, "new");
    assert_eq!(new.state(), old.state());
    let before = memory.objects().len();
    let commit = commit_row(&memory, &old, window(2));
    let error = now(old.append(commit)).unwrap_err();
    assert!(error.is_fenced(), "{error}");
    assert_eq!(error.code(), "log.fenced");
    assert!(error.to_string().contains("host of new"), "{error}");
    assert_eq!(memory.objects().len(), before + 2, "only what is not named");
    append_rows(&memory, &mut new, 2..4);
}

#[test]
fn an_older_generation_does_not_claim_after_a_newer_one() {
    let memory = Memory::new(NOW);
    let (store, host) = (memory.store(), memory.host());
    now(open_source(&store, &host, options())).unwrap();
    let slow = identity("slow");
    let generation = now(take_generation(&store, &host, &slow)).unwrap();
    start(&memory, "fast", 1).unwrap();
    let first = || async { Ok::<_, LogError>(first_lanes(1)) };
    let claimed = now(claim_lanes(&store, &host, &slow, generation, 1, first));
    assert!(claimed.is_err_and(|error| error.is_fenced()));
}

#[test]
fn a_lane_restarts_under_the_same_generation() {
    let memory = Memory::new(NOW);
    let mut first = start_one(&memory, "one");
    append_rows(&memory, &mut first, 0..1);
    let mut second = now(first.claimer().claim()).unwrap();
    assert_eq!(second.generation(), first.generation());
    let commit = commit_row(&memory, &first, window(1));
    let error = now(first.append(commit)).unwrap_err();
    assert_eq!(error.code(), "log.superseded");
    assert!(error.is_lane_fault());
    append_rows(&memory, &mut second, 1..2);
}

#[test]
fn a_change_of_lanes_that_was_left_half_done_is_finished() {
    let memory = Memory::new(NOW);
    let mut two = start(&memory, "one", 2).unwrap();
    append_rows(&memory, &mut two[0], 0..3);
    let idle = Commit {
        closed_through: Some(window(1)),
        ..Commit::default()
    };
    now(two[1].append(idle)).unwrap();
    // A process that wanted one lane claimed both, sealed the first, and died.
    let claimed: Vec<LaneLog> = two
        .iter()
        .map(|lane| now(lane.claimer().claim()).unwrap())
        .collect();
    let first = claimed.into_iter().next().unwrap();
    now(Box::new(first).seal()).unwrap();

    let two = start(&memory, "next", 2).unwrap();
    assert_eq!(two[0].claim().epoch, Epoch(2));
    let shards = |lane: &LaneLog| lane.state().shards.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (shards(&two[0]), shards(&two[1])),
        (vec![shard(0)], vec![shard(1)])
    );
    assert_eq!(two[0].state().closed_through, Some(window(2)));
    assert_eq!(two[1].state().closed_through, Some(window(1)));

    let one = start(&memory, "last", 1).unwrap();
    assert_eq!(one[0].claim().epoch, Epoch(3));
    assert_eq!(shards(&one[0]), [shard(0), shard(1)]);
    assert_eq!(
        one[0].state().closed_through,
        Some(window(1)),
        "the lowest of both"
    );
}

#[test]
fn a_start_reads_no_more_after_a_long_history() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..20);
    let cost = |name: &str| {
        let before = memory.calls.load(Ordering::Relaxed);
        start(&memory, name, 1).unwrap();
        memory.calls.load(Ordering::Relaxed) - before
    };
    let early = cost("early");
    let mut lane = start_one(&memory, "two");
    append_rows(&memory, &mut lane, 20..1_300);
    assert!(
        cost("late") <= early + 16,
        "one stretch between checkpoints more at most"
    );
    let checkpoints = memory.objects();
    let checkpoints = checkpoints
        .keys()
        .filter(|name| name.starts_with("_checkpoints"));
    assert_eq!(checkpoints.count(), 2);
}

#[test]
fn the_highest_number_is_found_in_few_calls() {
    let memory = Memory::new(NOW);
    let objects = super::objects::Objects::starting(memory.store(), memory.host());
    let name = |number| names::generation(Generation(number));
    for highest in 0..200u64 {
        if highest > 0 {
            memory.objects().insert(name(highest), "x".into());
        }
        memory.calls.store(0, Ordering::Relaxed);
        assert_eq!(now(objects.highest(0, name)), Ok(highest));
        let digits = u64::from(64 - highest.leading_zeros());
        assert!(
            memory.calls.load(Ordering::Relaxed) <= 2 * digits + 1,
            "{highest}"
        );
    }
}

#[test]
fn another_source_on_the_same_target_is_refused() {
    let memory = Memory::new(NOW);
    start(&memory, "one", 1).unwrap();
    let other = SourceOptions {
        stream: "orders".into(),
        ..options()
    };
    let error = now(open_source(&memory.store(), &memory.host(), other)).unwrap_err();
    assert_eq!(error.code(), "log.source_mismatch");
    assert!(error.to_string().contains("clickstream"), "{error}");
}

#[test]
fn a_newer_format_is_refused_by_name_wherever_it_stands() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    append_rows(&memory, &mut lane, 0..20);
    let (store, host) = (memory.store(), memory.host());
    let decision = super::format::decision("none", "test");
    now(decide_format(&store, &host, decision, |_| true)).unwrap();
    now(put_preview(&store, &host, serde_json::Value::Null)).unwrap();
    let whole = memory.objects().clone();
    let mut kinds = std::collections::BTreeSet::new();
    let state = whole.keys().filter(|name| name.ends_with(".json"));
    // Entries that a checkpoint covers are not read by a start.
    for name in state.filter(|name| !name.contains("_commits/") || **name > entry_name(&lane, 17)) {
        let text = String::from_utf8(whole[name].to_vec()).unwrap();
        let version = |number| format!("\"format_version\":{number}");
        let newer = text.replacen(&version(FORMAT_VERSION), &version(FORMAT_VERSION + 1), 1);
        assert_ne!(text, newer, "`{name}` has no version");
        memory.objects().insert(name.clone(), newer.into());
        let folder = name.split(['/', '.']).next().unwrap();
        let error = match folder {
            "_generations" => now(read_state(memory.store(), memory.host())).err(),
            "_formats" => now(newest_format(&store, &host)).err(),
            "_preview" => now(read_preview(&store, &host)).err(),
            _ => start(&memory, "again", 1).err(),
        };
        let error = error.unwrap_or_else(|| panic!("`{name}` was read"));
        assert_eq!(error.code(), "log.newer_format", "{name}");
        assert!(error.to_string().contains(name.as_str()), "{error}");
        memory.objects().clone_from(&whole);
        kinds.insert(folder.to_owned());
    }
    let all = [
        "_checkpoints",
        "_commits",
        "_formats",
        "_generations",
        "_lanes",
        "_preview",
        "_source",
    ];
    assert!(kinds.iter().eq(all), "{kinds:?}");
}

#[test]
fn a_newer_mark_of_a_deletion_is_refused_by_name() {
    let memory = Memory::new(NOW);
    drop(start_one(&memory, "one"));
    let newer = format!("{{\"format_version\":{}}}", FORMAT_VERSION + 1);
    memory.objects().insert(names::DELETED.into(), newer.into());
    let error = start(&memory, "again", 1).err().unwrap();
    assert_eq!(error.code(), "log.newer_format");
    assert!(error.to_string().contains(names::DELETED), "{error}");
}
