//! Everything, and ranges of it.

use super::*;

/// Three days of two lanes, a commit now and then, rolled up now and then.
fn three_days() -> Lake {
    let mut lake = Lake::new(2);
    for step in 0..(3 * 144) {
        let at = step * 10;
        // The night has no events.
        if (at % 1_440) < 300 {
            lake.close(minute(at));
            continue;
        }
        lake.commit(0, minute(at), 3);
        lake.commit(1, minute(at + step % 7), 2);
        if step % 20 == 0 {
            lake.roll();
        }
    }
    lake.close(minute(3 * 1_440 + 65));
    lake.commit(0, minute(3 * 1_440 + 70), 5);
    lake.roll();
    lake
}

#[test]
fn everything_is_found_again_from_days_hours_and_commits() {
    let lake = three_days();
    let rollups = lake.rollups();
    let days = rollups.iter().filter(|name| name.contains("/day/"));
    assert_eq!(days.count(), 3);
    // Hours 0 to 4 of each day have no commit, so they have no roll-up.
    let hours = rollups.iter().filter(|name| name.contains("/hour/"));
    assert_eq!(hours.count(), 3 * 19);

    lake.memory.calls.store(0, Ordering::Relaxed);
    let found = lake.assert_whole();
    assert_eq!(found.missing_panes, 0);
    let calls = lake.memory.calls.load(Ordering::Relaxed);
    assert!(calls < 60, "{calls} calls for three days");
}

#[test]
fn a_source_without_roll_ups_is_found_from_its_commits() {
    let mut lake = Lake::new(1);
    assert!(lake.assert_whole().pane.is_empty());
    for at in 0..100 {
        lake.commit(0, minute(at), 2);
    }
    lake.assert_whole();
    let empty = Memory::new(0);
    let archive = Archive::new(empty.store(), empty.host(), settings());
    assert!(now(archive.load(&Reach::default())).unwrap().is_none());
}

#[test]
fn any_range_is_found() {
    let lake = three_days();
    for (from, to) in [
        (0, 1_440),
        (1_440, 2 * 1_440),
        (300, 360),
        (301, 359),
        (330, 2_000),
        (330, 4_200),
        (1_000, 4_390),
        (4_200, 4_400),
        (4_390, 4_391),
        (50, 60),
        (9_000, 9_100),
        (500, 500),
    ] {
        lake.assert_range(minute(from)..minute(to));
    }
    // A day alone is one roll-up, and those on either side of it that it joins.
    lake.memory.calls.store(0, Ordering::Relaxed);
    lake.assert_range(minute(1_440)..minute(2 * 1_440));
    assert!(lake.memory.calls.load(Ordering::Relaxed) < 40);
}

#[test]
fn a_roll_up_that_is_missing_or_damaged_is_made_from_what_it_covers() {
    let lake = three_days();
    let rollups = lake.rollups();
    let picked = rollups.iter().enumerate();
    for (_, name) in picked.filter(|(at, name)| at % 9 == 0 || name.contains("/day/")) {
        let whole = lake.memory.objects().remove(name).expect("it is there");
        lake.assert_whole();
        lake.assert_range(minute(400)..minute(3_000));
        lake.memory.objects().insert(name.clone(), "damaged".into());
        lake.assert_whole();
        lake.memory.objects().insert(name.clone(), whole);
    }
    // The hours of a day that is gone, and the commits of an hour of those that is gone, too.
    let gone: Vec<&String> = rollups.iter().step_by(3).collect();
    for name in gone {
        lake.memory.objects().remove(name);
    }
    lake.assert_whole();
    lake.assert_range(minute(2_000)..minute(4_000));
}

#[test]
fn who_loses_the_put_of_a_roll_up_has_lost_nothing() {
    let mut lake = Lake::new(1);
    for at in 0..70 {
        lake.commit(0, minute(at), 1);
    }
    let mut slow = lake.archive().roller();
    let mut fast = lake.archive().roller();
    let put = |hours, found| RolledUp {
        hours,
        found,
        ..RolledUp::default()
    };
    assert_eq!(now(fast.run()).unwrap(), put(1, 0));
    let name = lake.rollups().remove(0);
    let first = lake.memory.objects().remove(&name).unwrap();
    assert_eq!(now(slow.run()).unwrap(), put(1, 0));
    assert_eq!(
        lake.memory.objects()[&name],
        first,
        "it is the same whoever makes it"
    );
    lake.memory.objects().remove(&name);
    let mut late = lake.archive().roller();
    // What stands there cannot be read and is never overwritten.
    lake.memory.objects().insert(name.clone(), "damaged".into());
    assert_eq!(now(late.run()).unwrap(), put(1, 1));
    lake.memory.objects().insert(name, first);
    for at in 70..130 {
        lake.commit(0, minute(at), 1);
    }
    for roller in [&mut slow, &mut fast, &mut late] {
        now(roller.run()).unwrap();
    }
    lake.assert_whole();
}

#[test]
fn statistics_that_are_not_there_are_counted_and_their_commit_by_its_ranges() {
    let mut lake = Lake::new(1);
    for at in 0..130 {
        lake.commit(0, minute(at), 2);
    }
    let name = |at: i64| {
        let claim = lake.lanes[0].claim();
        names::file(
            FileKind::Statistics,
            WindowLength::MINUTE,
            claim,
            minute(at),
            0,
        )
    };
    lake.memory.objects().remove(&name(5));
    lake.memory.objects().insert(name(125), "damaged".into());
    let loaded = |missing| {
        let found = now(lake.archive().load(&Reach::default()))
            .unwrap()
            .unwrap();
        assert_eq!(found.missing_panes, missing);
        assert_eq!(found.pane.counts().rows, 260);
        assert_eq!(found.pane.windows().len(), 130);
        let numbers = found.pane.field("number").map(|field| field.events);
        assert_eq!(numbers, Some(256));
    };
    loaded(2);
    // A roll-up says how many it is made without.
    assert_eq!(lake.roll().missing_panes, 1);
    loaded(2);
}

#[test]
fn a_commit_without_statistics_counts_by_its_ranges() {
    let mut lake = Lake::new(1);
    for at in 0..130 {
        let (mut commit, pane) = lake.put_commit(0, minute(at), u64::from(at % 3 > 0));
        commit.statistics = None;
        let mut counted = Pane::new(settings().limits);
        counted.observe_counts(minute(at), pane.counts());
        lake.append(0, (commit, counted));
    }
    lake.assert_whole();
    lake.roll();
    assert_eq!(lake.assert_whole().missing_panes, 0);
    lake.assert_range(minute(10)..minute(90));
}

#[test]
fn a_process_that_begins_leaves_its_own_commits_out() {
    let mut lake = Lake::new(2);
    for at in 0..200 {
        lake.commit(usize::from(at % 2 > 0), minute(at), 1);
    }
    lake.close(minute(200));
    let before = lake.truth(minute(0)..minute(10_000));
    lake.start(2);
    let limit = Reach::new(lake.lanes.iter().map(|log| {
        let ClaimRef { epoch, lane, claim } = log.claim();
        (epoch, lane, claim.0)
    }));
    for at in 201..500 {
        lake.commit(usize::from(at % 2 > 0), minute(at), 1);
    }
    lake.close(minute(500));
    let check = || {
        let found = now(lake.archive().load(&limit)).unwrap().unwrap();
        assert_eq!(found.pane.difference(&before), None);
        assert_eq!(found.reach, limit);
    };
    check();
    // Roll-ups reach beyond its claims by now.
    lake.roll();
    check();
    let after = EntryAt {
        epoch: Epoch(1),
        lane: LaneId(1),
        entry: limit.of(Epoch(1), LaneId(1)).unwrap(),
    };
    let (panes, missing) = now(lake.archive().commits(after, after.entry + 3)).unwrap();
    let of_lane = lake.committed.iter();
    let of_lane = of_lane.filter(|(at, ..)| at.lane == after.lane && at.entry > after.entry);
    let expected: Vec<EntryAt> = of_lane.map(|(at, ..)| *at).take(3).collect();
    assert_eq!(
        panes.iter().map(|pane| pane.at).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(missing, 0);
}

#[test]
fn statistics_of_a_newer_version_are_refused_by_name() {
    // What is coarser would be read in its place.
    let newer = |name: &str, without: &str| {
        let lake = three_days();
        let mut objects = lake.memory.objects();
        objects.retain(|other, _| without.is_empty() || !other.starts_with(without));
        let mut body = objects[name].to_vec();
        let version = b"\"format_version\":";
        let places: Vec<usize> = (0..body.len() - version.len())
            .filter(|at| body[*at..].starts_with(version))
            .collect();
        for at in places {
            body[at + version.len()] = b'9';
        }
        objects.insert(name.to_owned(), body.into());
        drop(objects);
        let error = now(lake.archive().load(&Reach::default())).err();
        let error = error.unwrap_or_else(|| panic!("{name} was read"));
        assert_eq!(error.code(), "log.newer_format", "{name}");
        assert!(error.to_string().contains(name), "{error}");
    };
    let lake = three_days();
    let of = |folder: &str| {
        let objects = lake.memory.objects();
        let name = objects.keys().rfind(|name| name.starts_with(folder));
        name.expect("there is one").clone()
    };
    newer(&of("_statistics/"), "_rollups/");
    newer(&of("_rollups/hour/"), "_rollups/day/");
    newer(&of("_rollups/day/"), "");
}
