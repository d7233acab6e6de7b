//! Followers and walks.

use super::*;

#[test]
fn a_follower_says_what_a_void_claim_stands_for() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    lane.set_checkpoint_every(2);
    append_rows(&memory, &mut lane, 0..6);
    now(lane.expire(window(3), false)).unwrap();
    now(lane.checkpoint_if_due()).unwrap();
    // Retention deletes the first commit, and a process whose head was out of date claims there.
    let hole = entry_name(&lane, 2);
    let claim = memory.objects()[&entry_name(&lane, 1)].clone();
    let claim = String::from_utf8(claim.to_vec()).unwrap();
    let void = claim.replace("\"claim\":1", "\"claim\":2");
    memory.objects().insert(hole, void.into());

    let mut follower = Follower::new(memory.store(), memory.host());
    let news = now(follower.poll()).unwrap();
    let skipped = news.iter().find_map(|news| match news {
        Followed::Skipped { from, through } => Some((from.entry, *through)),
        _ => None,
    });
    assert_eq!(skipped, Some((1, lane.checkpoint)));
    assert_eq!(follower.lanes().next().unwrap().folded, *lane.folded());
    assert_eq!(follower.complete_through(), Some(window(5)));
    assert_eq!(walk(&memory).unwrap(), [lane.folded().clone()]);
}

#[test]
fn a_walk_goes_on_after_a_hole_that_begins_behind_a_checkpoint() {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    lane.set_checkpoint_every(4);
    append_rows(&memory, &mut lane, 0..8);
    now(lane.expire(window(5), false)).unwrap();
    append_rows(&memory, &mut lane, 8..12);
    let checkpoints: Vec<u64> = {
        let objects = memory.objects();
        let names = objects
            .keys()
            .filter(|name| name.starts_with("_checkpoints"));
        names.filter_map(|name| names::number(name)).collect()
    };
    for number in checkpoints[0] + 1..=checkpoints[1] {
        memory.objects().remove(&entry_name(&lane, number));
    }
    assert_eq!(walk(&memory).unwrap(), [lane.folded().clone()]);
}

#[test]
fn a_walk_finds_what_is_missing_or_changed() {
    let whole = || {
        let memory = Memory::new(NOW);
        let mut lane = start_one(&memory, "one");
        append_rows(&memory, &mut lane, 0..40);
        (memory, lane)
    };
    let (memory, lane) = whole();
    memory.objects().remove(&entry_name(&lane, 20));
    assert_eq!(walk(&memory).unwrap_err().code(), "log.missing");

    let (memory, lane) = whole();
    let name = entry_name(&lane, 20);
    let text = String::from_utf8(memory.objects()[&name].to_vec()).unwrap();
    let changed = text.replace("\"from\":\"18\"", "\"from\":\"17\"");
    assert_ne!(text, changed);
    memory.objects().insert(name, changed.into());
    assert_eq!(walk(&memory).unwrap_err().code(), "log.broken");

    let (memory, lane) = whole();
    let name = names::checkpoint(Epoch(1), LaneId(0), lane.checkpoint);
    let text = String::from_utf8(memory.objects()[&name].to_vec()).unwrap();
    let changed = text.replace("\"sealed\":false", "\"sealed\":true");
    assert_ne!(text, changed);
    memory.objects().insert(name, changed.into());
    assert_eq!(walk(&memory).unwrap_err().code(), "log.damaged");
}
