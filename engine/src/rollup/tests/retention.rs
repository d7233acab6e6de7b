//! What is expired does not count.

use super::*;

/// Two days and a bit of one lane, rolled up.
fn two_days() -> Lake {
    let mut lake = Lake::new(1);
    for step in 0..100 {
        lake.commit(0, minute(step * 30), 2);
    }
    lake.roll();
    lake
}

/// As retention does: the entry, then the statistics of hours that are gone, and their commits.
fn expire(lake: &mut Lake, through: Window) {
    let lane = &mut lake.lanes[0];
    now(lane.expire(through, false)).unwrap();
    // Only what a checkpoint covers is deleted.
    lane.set_checkpoint_every(1);
    now(lane.checkpoint_if_due()).unwrap();
    let hour = Level::Hour.number_of(through.next());
    let gone = Level::Hour.first(hour);
    for (at, window, _) in &lake.committed {
        if *window < gone {
            let mut objects = lake.memory.objects();
            objects.retain(|name, _| {
                let file = names::FileName::parse(name);
                file.is_none_or(|file| file.window != *window)
            });
            objects.remove(&names::entry(at.epoch, at.lane, at.entry));
        }
    }
}

#[test]
fn expired_windows_do_not_count() {
    for through in [5, 59, 60, 600, 1_439, 1_440, 1_500, 2_879, 2_885] {
        let mut lake = two_days();
        expire(&mut lake, minute(through));
        let found = lake.assert_whole();
        assert_eq!(found.expired_through, Some(minute(through)));
        assert_eq!(found.missing_panes, 0, "through {through}");
        let begin = minute(through + 1);
        let found = now(lake
            .archive()
            .range(minute(0)..minute(2_000), &Reach::default()));
        let truth = lake.truth(begin..minute(2_000).max(begin));
        assert_eq!(found.unwrap().unwrap().pane.difference(&truth), None);
    }
}

#[test]
fn an_hour_that_is_partly_expired_is_taken_from_its_minutes_also_without_roll_ups_before_it() {
    let mut lake = two_days();
    expire(&mut lake, minute(1_500));
    let before = names::rollup(Level::Hour, 0).len();
    let expired = |name: &String| {
        let number = names::rollup_number(name).filter(|_| name.len() == before);
        number.is_some_and(|number| Level::Hour.last(number as i64) <= minute(1_500))
    };
    lake.memory.objects().retain(|name, _| !expired(name));
    lake.assert_whole();
}

#[test]
fn the_source_goes_on_after_a_long_rest_with_expired_hours() {
    let mut lake = two_days();
    for step in 100..107 {
        lake.commit(0, minute(step * 30), 2);
    }
    expire(&mut lake, minute(3_100));
    assert_eq!(lake.roll().missing_panes, 0);
    lake.assert_whole();
}
