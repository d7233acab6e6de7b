use super::*;

#[test]
fn an_output_takes_each_row_once_and_goes_on_where_it_was() {
    let mut scene = Scene::new();
    scene.commit(window(0), &[1, 2]);
    let columns: &[&str] = &["id", "user.name AS who"];
    let mut output = scene.open(json(Some(columns))).unwrap();
    scene.run(&mut output).unwrap();
    scene.commit(window(1), &[3]);
    // Another start of the same process.
    let mut output = scene.open(json(Some(columns))).unwrap();
    scene.run(&mut output).unwrap();
    scene.run(&mut output).unwrap();
    let expected = [1, 2, 3].map(|id| format!("{{\"id\":{id},\"who\":\"user \\\"{id}\\\", é\"}}"));
    assert_eq!(scene.lines(), expected);
    let verified = scene.verify().unwrap();
    assert_eq!((verified.rows, verified.source_rows), (3, 3));
}

#[test]
fn columns_may_change_at_a_start_and_each_commit_is_held_against_its_own() {
    let mut scene = Scene::new();
    scene.commit(window(0), &[1]);
    let mut output = scene.open(json(Some(&["id"]))).unwrap();
    scene.run(&mut output).unwrap();
    scene.commit(window(1), &[2]);
    let mut output = scene.open(json(Some(&["path"]))).unwrap();
    scene.run(&mut output).unwrap();
    assert_eq!(scene.lines(), ["{\"id\":1}", "{\"path\":\"/2\"}"]);
    scene.verify().unwrap();
}

#[test]
fn a_new_output_begins_where_it_is_told_to() {
    let starts = |begin: Begin| {
        let mut scene = Scene::new();
        (0..3).for_each(|minute| scene.commit(window(minute), &[minute]));
        let begin = OutputPlan {
            begin,
            ..json(Some(&["id"]))
        };
        let mut output = scene.open(begin).unwrap();
        (3..5).for_each(|minute| scene.commit(window(minute), &[minute]));
        scene.run(&mut output).unwrap();
        scene.verify().unwrap();
        scene.lines().len()
    };
    assert_eq!(starts(Begin::Start), 5);
    assert_eq!(starts(Begin::FirstSeen), 2);
    assert_eq!(starts(Begin::At(NOW + 90_000)), 4);
    assert_eq!(starts(Begin::At(NOW + 3_600_000)), 0);
}

#[test]
fn the_rows_of_a_window_come_into_one_file_once_it_is_complete() {
    let mut scene = Scene::new();
    let mut output = scene.open(json(Some(&["id"]))).unwrap();
    scene.commit(window(0), &[1]);
    let stepped = now(output.step(Take::Complete)).unwrap();
    assert_eq!(
        (stepped.committed, stepped.files, stepped.rows),
        (true, 1, 1)
    );
    let stepped = now(output.step(Take::Complete)).unwrap();
    assert_eq!(stepped, Stepped::default());
}

#[test]
fn a_process_of_a_higher_generation_takes_an_output_over() {
    let mut scene = Scene::new();
    let mut old = scene.open(json(None)).unwrap();
    let (generation, log) = claim(&scene.source).unwrap();
    let transform = make(&Definition::default()).unwrap();
    let world = World {
        identity: Identity {
            process: ProcessId::new("b"),
            ..identity()
        },
        ..scene.world(generation)
    };
    let mut new = now(Output::open(world, json(None), transform)).unwrap();
    scene.log = log;
    scene.commit(window(0), &[1]);
    let lost = now(old.step(Take::All)).unwrap_err();
    assert!(lost.is_passing(), "{lost}");
    let fenced = now(old.step(Take::All)).unwrap_err();
    assert_eq!(fenced.code(), "output.fenced");
    assert!(!fenced.is_passing());
    scene.run(&mut new).unwrap();
    // What the old one had put is in nobody's commit, and goes.
    assert_eq!(scene.verify().unwrap().unnamed_files, 1);
    assert_eq!(now(new.clean_up()).unwrap(), 1);
    assert_eq!(scene.verify().unwrap().unnamed_files, 0);
}

#[test]
fn another_format_or_source_is_refused() {
    let scene = Scene::new();
    scene.open(json(None)).unwrap();
    let csv = plan(OutputFormat::Csv(TextCompression::None), None);
    assert_eq!(scene.open(csv).err().unwrap().code(), "output.mismatch");
    let other = Scene {
        target: Arc::clone(&scene.target),
        ..Scene::new()
    };
    let ids = |scene: &Scene| scene.source.objects()["_source.json"].clone();
    let renamed = String::from_utf8(ids(&other).to_vec()).unwrap();
    let renamed = renamed.replacen("\"id\":\"", "\"id\":\"f", 1);
    other
        .source
        .objects()
        .insert("_source.json".into(), renamed.into());
    let refused = other.open(json(None)).err().unwrap();
    assert_eq!(refused.code(), "output.mismatch");
    assert!(refused.to_string().contains("source"), "{refused}");
}

#[test]
fn old_windows_go_by_the_outputs_own_retention() {
    let mut scene = Scene::new();
    (0..5).for_each(|minute| scene.commit(window(minute), &[minute]));
    let two_minutes = OutputPlan {
        retention_ms: Some(120_000),
        ..json(Some(&["id"]))
    };
    let mut output = scene.open(two_minutes).unwrap();
    for _ in 0..5 {
        now(output.step(Take::Complete)).unwrap();
    }
    assert_eq!(scene.lines().len(), 5);
    scene.target.advance(5 * 60_000);
    assert!(now(output.expire()).unwrap() > 0);
    assert_eq!(scene.lines(), ["{\"id\":3}", "{\"id\":4}"]);
    assert_eq!(now(output.expire()).unwrap(), 0);
    let expired = output.status().expired_through;
    assert_eq!(expired, Some(window(2)));
    // Never what is not complete, however old.
    scene.target.advance(60 * 60_000);
    now(output.expire()).unwrap();
    assert_eq!(output.status().expired_through, Some(window(4)));
    assert_eq!(scene.lines().len(), 0);
    scene.verify().unwrap();
    scene.commit(window(5), &[5]);
    scene.run(&mut output).unwrap();
    assert_eq!(scene.lines(), ["{\"id\":5}"]);
}

#[test]
fn what_retention_of_the_source_has_passed_is_a_gap_that_is_named() {
    let mut scene = Scene::new();
    scene.log.set_checkpoint_every(1);
    scene.commit(window(0), &[0]);
    let mut output = scene.open(json(Some(&["id"]))).unwrap();
    scene.run(&mut output).unwrap();
    assert_eq!(output.needed(), Some(window(1)));
    (1..4).for_each(|minute| scene.commit(window(minute), &[minute]));
    now(scene.log.expire(window(2), false)).unwrap();
    now(scene.log.checkpoint_if_due()).unwrap();
    // A file is gone, and its entry is not gone yet.
    let gone = |scene: &Scene, minute: i64| {
        let mark = format!("W{:012}", window(minute).0);
        scene
            .source
            .objects()
            .retain(|name, _| !name.contains(&mark));
    };
    gone(&scene, 1);
    let gap = now(output.step(Take::All)).unwrap_err();
    assert_eq!(gap.code(), "output.gap");
    let (from, through) = (window(1), window(2));
    assert_eq!(gap, OutputError::Gap { from, through });
    assert!(!gap.is_passing());
    // And once the entries are gone, too.
    for number in [3, 4] {
        let claim = scene.log.claim();
        let name = crate::log::names::entry(claim.epoch, claim.lane, number);
        assert!(scene.source.objects().remove(&name).is_some());
    }
    let mut output = scene.open(json(Some(&["id"]))).unwrap();
    scene.target.advance(120_000);
    let gap = now(output.step(Take::All)).unwrap_err();
    assert_eq!(gap.code(), "output.gap");
    // One that begins after that misses nothing.
    let later = OutputPlan {
        name: "later".into(),
        ..json(Some(&["id"]))
    };
    let scene = Scene {
        target: Memory::new(NOW),
        ..scene
    };
    let mut output = scene.open(later).unwrap();
    scene.run(&mut output).unwrap();
    assert_eq!(scene.lines(), ["{\"id\":3}"]);
}

#[test]
fn entries_that_hold_nothing_for_the_output_may_be_gone() {
    let mut scene = Scene::new();
    scene.log.set_checkpoint_every(1);
    (0..4).for_each(|minute| scene.commit(window(minute), &[minute]));
    now(scene.log.expire(window(1), false)).unwrap();
    now(scene.log.checkpoint_if_due()).unwrap();
    let from_two = OutputPlan {
        begin: Begin::At(NOW + 120_000),
        ..json(Some(&["id"]))
    };
    let claim = scene.log.claim();
    for number in [2, 3] {
        let name = crate::log::names::entry(claim.epoch, claim.lane, number);
        assert!(scene.source.objects().remove(&name).is_some());
    }
    let mut output = scene.open(from_two).unwrap();
    scene.run(&mut output).unwrap();
    assert_eq!(scene.lines(), ["{\"id\":2}", "{\"id\":3}"]);
}

#[test]
fn a_file_of_the_source_that_is_gone_without_retention_is_told() {
    let mut scene = Scene::new();
    scene.commit(window(0), &[0]);
    scene
        .source
        .objects()
        .retain(|name, _| !name.starts_with("data/"));
    let mut output = scene.open(json(None)).unwrap();
    let error = now(output.step(Take::All)).unwrap_err();
    assert_eq!(error.code(), "output.source_file");
}

#[test]
fn verification_finds_what_is_wrong() {
    type Damage = fn(&mut std::collections::BTreeMap<String, bytes::Bytes>);
    let cases: [(&str, Damage); 4] = [
        ("verify.missing_file", |objects| {
            objects.retain(|name, _| !name.starts_with("data/"));
        }),
        ("verify.file_length", |objects| {
            for (name, body) in objects.iter_mut() {
                if name.starts_with("data/") {
                    *body = body.slice(1..);
                }
            }
        }),
        ("verify.output_rows", |objects| {
            for (name, body) in objects.iter_mut() {
                if name.starts_with("data/") {
                    let text = String::from_utf8(body.to_vec()).unwrap();
                    *body = text.replace("\"id\":1", "\"id\":9").into();
                }
            }
        }),
        ("verify.output", |objects| {
            let name = "_log/00000000000000000003.json";
            let text = String::from_utf8(objects[name].to_vec()).unwrap();
            let text = text.replace("\"entry\":3", "\"entry\":1");
            objects.insert(name.into(), text.into());
        }),
    ];
    for (code, damage) in cases {
        let mut scene = Scene::new();
        scene.commit(window(0), &[1]);
        let mut output = scene.open(json(Some(&["id"]))).unwrap();
        scene.run(&mut output).unwrap();
        scene.commit(window(1), &[2]);
        scene.run(&mut output).unwrap();
        scene.verify().unwrap();
        damage(&mut scene.target.objects());
        let error = scene.verify().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.is_violation());
    }
}
