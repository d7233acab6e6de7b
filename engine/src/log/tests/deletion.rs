//! The end of a source: what is left at each step, and whom that stops.

use super::limited::Limited;
use super::*;
use crate::ports::Store;

const HOUR_MS: i64 = 3_600_000;

/// A source of two epochs with ten windows, a file that no commit names, and one that is not ours.
fn source() -> (Arc<Memory>, Vec<LaneLog>) {
    let memory = Memory::new(NOW);
    let mut lane = start_one(&memory, "one");
    lane.set_checkpoint_every(4);
    append_rows(&memory, &mut lane, 0..5);
    drop(lane);
    let mut lanes = start(&memory, "two", 2).unwrap();
    append_rows(&memory, &mut lanes[0], 5..10);
    let length = WindowLength::MINUTE;
    let left = names::file(FileKind::Data, length, lanes[0].claim(), window(12), 3);
    let mut objects = memory.objects();
    objects.insert(left, "left".into());
    objects.insert("data/notes.txt".into(), "mine".into());
    objects.insert(names::PREVIEW.into(), "preview".into());
    drop(objects);
    (memory, lanes)
}

fn delete(
    memory: &Arc<Memory>,
    store: Arc<dyn Store>,
    data: bool,
    at_once: bool,
) -> Result<Remains, LogError> {
    now(async {
        let deletion = Deletion::begin(store, memory.host(), identity("deleter")).await?;
        let Some(deletion) = deletion else {
            return Ok(Remains::Nothing);
        };
        deletion.empty(data).await?;
        deletion.finish(at_once).await
    })
}

fn names_there(memory: &Memory) -> Vec<String> {
    memory.objects().keys().cloned().collect()
}

fn of_kind(memory: &Memory, kind: FileKind) -> usize {
    let names = names_there(memory);
    let files = names.iter().filter_map(|name| names::FileName::parse(name));
    files.filter(|file| file.kind == kind).count()
}

#[test]
fn whoever_had_the_lanes_is_fenced_and_nobody_can_start_until_it_is_over() {
    let (memory, mut lanes) = source();
    let late = commit_row(&memory, &lanes[0], window(10));
    let remains = delete(&memory, memory.store(), true, false).unwrap();
    let until = NOW + 24 * HOUR_MS;
    assert_eq!(remains, Remains::Fences { until });
    assert_eq!(of_kind(&memory, FileKind::Data), 0);
    assert_eq!(of_kind(&memory, FileKind::Statistics), 0);
    // Everybody who ever had a lane finds a claim or a seal at the next number.
    let error = now(lanes[0].append(late)).unwrap_err();
    assert_eq!(error.code(), "log.fenced");
    assert_eq!(
        start(&memory, "three", 2).err().unwrap().code(),
        "log.deleted"
    );
    let entries = names_there(&memory);
    for name in entries.iter().filter(|name| name.starts_with("_commits/")) {
        let entry: Entry = parse(name, &memory.objects()[name]).unwrap();
        let fences = matches!(entry.body, EntryBody::Claim { .. } | EntryBody::Seal { .. });
        assert!(fences, "{name} is left");
    }
    memory.advance(25 * HOUR_MS);
    let remains = delete(&memory, memory.store(), true, false).unwrap();
    assert_eq!(remains, Remains::Nothing);
    assert_eq!(names_there(&memory), ["data/notes.txt"]);
    // The name is free again.
    start(&memory, "four", 1).unwrap();
}

#[test]
fn files_stay_unless_they_are_told_to_go_and_keep_the_name_taken() {
    let (memory, lanes) = source();
    drop(lanes);
    let remains = delete(&memory, memory.store(), false, true).unwrap();
    assert_eq!(remains, Remains::Data);
    // What no commit named is not among them.
    assert_eq!(of_kind(&memory, FileKind::Data), 10);
    let state: Vec<String> = names_there(&memory)
        .into_iter()
        .filter(|name| name.starts_with('_'))
        .collect();
    assert_eq!(state, [names::DELETED]);
    assert_eq!(
        start(&memory, "three", 1).err().unwrap().code(),
        "log.deleted"
    );
    let remains = delete(&memory, memory.store(), true, false).unwrap();
    assert_eq!(remains, Remains::Nothing);
    assert_eq!(names_there(&memory), ["data/notes.txt"]);
}

#[test]
fn a_deletion_that_dies_at_any_call_is_finished_by_the_next() {
    for data in [true, false] {
        let mut calls = 0;
        loop {
            let (memory, mut lanes) = source();
            let late = commit_row(&memory, &lanes[0], window(10));
            let cut = delete(&memory, Limited::store(&memory, calls), data, true);
            if memory.objects().contains_key(names::SOURCE) {
                // As long as any state is there, a process that wakes up late is fenced, or has the
                // source still.
                match now(lanes[0].append(late)) {
                    Ok(()) => {}
                    Err(error) => assert_eq!(error.code(), "log.fenced", "after {calls} calls"),
                }
            }
            let remains = delete(&memory, memory.store(), data, true).unwrap();
            let expected = if data {
                Remains::Nothing
            } else {
                Remains::Data
            };
            assert_eq!(remains, expected, "after {calls} calls");
            let files = of_kind(&memory, FileKind::Data);
            assert!(files == 0 || (!data && files >= 10), "{files} files");
            if cut.is_ok() {
                break;
            }
            calls += 1;
        }
        assert!(calls > 60, "{calls} calls");
    }
}

#[test]
fn a_start_that_races_with_the_mark_gives_the_source_up() {
    let (memory, lanes) = source();
    drop(lanes);
    // It has looked for the mark before it was there, and claims after it.
    let (store, host) = (memory.store(), memory.host());
    let claimed = now(async {
        open_source(&store, &host, options()).await?;
        let racer = identity("racer");
        let generation = take_generation(&store, &host, &racer).await?;
        let begun = Deletion::begin(memory.store(), memory.host(), identity("deleter"));
        begun.await?.expect("there is a source");
        let first = || async { Ok::<_, LogError>(first_lanes(2)) };
        claim_lanes(&store, &host, &racer, generation, 2, first).await
    });
    assert_eq!(claimed.err().unwrap().code(), "log.deleted");
}

#[test]
fn of_no_source_nothing_is_deleted() {
    let memory = Memory::new(NOW);
    let begun = Deletion::begin(memory.store(), memory.host(), identity("deleter"));
    assert!(now(begun).unwrap().is_none());
    assert!(names_there(&memory).is_empty());
}
