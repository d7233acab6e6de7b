//! The answers for programs are the true numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shardmill_tests::cli;
use shardmill_tests::process::Signal;

use crate::scene::{BEGIN, MINUTE, Scene, events};

#[test]
fn the_source_has_every_event_once_in_its_minute() {
    let scene = Scene::new();
    let answer = scene.json(&[]);
    assert_eq!(answer["event"], "statistics");
    assert_eq!(answer["source"], "clicks");
    let all = events();
    for (key, expected) in [
        ("events", all.len()),
        ("payloads", 720),
        ("records", 720),
        ("rejects", 8),
        ("empty", 0),
        ("counted_only", 0),
    ] {
        assert_eq!(answer[key], expected, "{key}");
    }
    assert_eq!(answer["rejects_by_code"], json!({"json.syntax": 8}));
    assert_eq!(answer["live"], json!({"events": 0, "share": 0.0}));
    let windows = answer["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 3);
    for (minute, window) in windows.iter().enumerate() {
        assert_eq!(window["start_ms"], BEGIN + minute as i64 * MINUTE);
        let in_it = all.iter().filter(|(own, _)| *own == minute).count();
        assert_eq!(window["events"], in_it, "{window}");
    }
    let paths: Vec<&str> = answer["fields"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|field| field["path"].as_str())
        .filter(|path| !path.starts_with('_'))
        .collect();
    let expected = [
        "id",
        "price",
        "tags",
        "tags[]",
        "user",
        "user.name",
        "user.paid",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_field_has_its_true_numbers() {
    let scene = Scene::new();
    let all: Vec<Value> = events().into_iter().map(|(_, event)| event).collect();

    let id = scene.json(&["id"]);
    assert_eq!(id["event"], "statistics_field");
    let ids = all.iter().map(|event| event["id"].as_u64().unwrap());
    assert_eq!(id["numbers"]["sum_exact"], ids.sum::<u64>().to_string());
    assert_eq!(id["distinct"]["values"], all.len());

    let price = scene.json(&["price"]);
    let prices: Vec<f64> = all
        .iter()
        .map(|event| event["price"].as_f64().unwrap())
        .collect();
    let mean = prices.iter().sum::<f64>() / prices.len() as f64;
    let squares = prices.iter().map(|price| (price - mean).powi(2));
    let deviation = (squares.sum::<f64>() / prices.len() as f64).sqrt();
    let numbers = &price["numbers"];
    for (key, expected) in [
        ("mean", mean),
        ("standard_deviation", deviation),
        ("sum", prices.iter().sum()),
        ("min", 0.0),
        ("max", 89.5),
    ] {
        let found = numbers[key].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9 * expected.max(1.0), "{key}");
    }
    let median = numbers["quantiles"]["p50"].as_f64().unwrap();
    let mut sorted = prices.clone();
    sorted.sort_by(f64::total_cmp);
    let expected = sorted[sorted.len() / 2 - 1];
    assert!((median - expected).abs() <= expected / 128.0, "{median}");
    let integers = prices.iter().filter(|price| price.fract() == 0.0).count();
    assert_eq!(price["types"][0]["type"], "integer");
    assert_eq!(price["types"][0]["values"], integers);

    let name = scene.json(&["user.name"]);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &all {
        *counts
            .entry(event["user"]["name"].as_str().unwrap())
            .or_default() += 1;
    }
    let top = name["top"]["values"].as_array().unwrap();
    let found = top.iter().map(|top| {
        assert_eq!(top["count"], top["at_most"], "{top}");
        (
            top["value"].as_str().unwrap(),
            top["count"].as_u64().unwrap(),
        )
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), counts);

    let tagged = all
        .iter()
        .filter(|event| event.get("tags").is_some())
        .count();
    let tags = scene.json(&["tags[]"]);
    assert_eq!(
        (&tags["events"], &tags["values"]),
        (&tagged.into(), &(2 * tagged).into())
    );
    let lists = scene.json(&["tags"]);
    assert_eq!(lists["nulls"], all.len() - tagged);
    assert_eq!(lists["density"], tagged as f64 / all.len() as f64);
}

#[test]
fn a_span_of_time_has_the_events_of_its_minutes() {
    let scene = Scene::new();
    let in_minute = |wanted: usize| events().iter().filter(|(own, _)| *own == wanted).count();
    for (arguments, minutes, from, to) in [
        (&["--from", "2025-10-09T08:55:00Z"][..], 1..3, Some(1), None),
        (&["--to", "2025-10-09T08:55:00Z"], 0..1, None, Some(1)),
        // Whole minutes, whatever part of them is asked for.
        (
            &[
                "--from",
                "2025-10-09T10:55:31+02:00",
                "--to",
                "2025-10-09T08:55:32Z",
            ],
            1..2,
            Some(1),
            Some(2),
        ),
        (&["--from", "2025-10-09T08:57:00Z"], 0..0, Some(3), None),
        (&["--to", "2025-10-09T08:54:00Z"], 0..0, None, Some(0)),
    ] {
        let answer = scene.json(arguments);
        let expected: usize = minutes.map(in_minute).sum();
        assert_eq!(answer["events"], expected, "{arguments:?}");
        let start = |minute: Option<i64>| match minute {
            Some(minute) => json!(BEGIN + minute * MINUTE),
            None => Value::Null,
        };
        assert_eq!(answer["from_ms"], start(from), "{arguments:?}");
        assert_eq!(answer["to_ms"], start(to), "{arguments:?}");
        if expected > 0 {
            let field = scene.json(&[&["user.paid"], arguments].concat());
            assert_eq!(field["values"], expected, "{arguments:?}");
        }
    }
}

#[test]
fn what_cannot_be_answered_is_an_error_that_says_what_to_do() {
    let scene = Scene::new();
    let (exit, code, message) = scene.failure(&["user.nam"]);
    assert_eq!((exit, &*code), (1, "statistics.unknown_field"));
    assert!(message.contains("did you mean user.name?"), "{message}");
    let (exit, code, _) = scene.failure(&["something else"]);
    assert_eq!((exit, &*code), (1, "statistics.unknown_field"));
    // A minute without events has no field.
    let (exit, code, _) = scene.failure(&["id", "--from", "2025-10-09T09:00:00Z"]);
    assert_eq!((exit, &*code), (1, "statistics.unknown_field"));
    let time = "2025-10-09T08:55:00Z";
    let (exit, code, _) = scene.failure(&["--from", time, "--to", time]);
    assert_eq!((exit, &*code), (2, "statistics.empty_range"));
    let (exit, _, _) = scene.failure(&["--from", "yesterday"]);
    assert_eq!(exit, 2);
    std::fs::remove_dir_all(scene.folder.path().join("clicks")).unwrap();
    let (exit, code, message) = scene.failure(&[]);
    assert_eq!((exit, &*code), (1, "statistics.no_source"), "{message}");
}

#[tokio::test]
async fn watching_says_it_again_until_a_signal() {
    let scene = tokio::task::spawn_blocking(Scene::new).await.unwrap();
    let mut watching = scene.watch();
    cli::progress(&mut watching, |answer| answer["event"] == "statistics").await;
    shardmill_tests::wait::until("a second answer", Duration::from_secs(30), async || {
        let answers = cli::json_lines(&watching.output());
        match answers.as_slice() {
            [_, second, ..] => Ok(second.clone()),
            _ => Err(format!("{} answers", answers.len())),
        }
    })
    .await;
    watching.signal(Signal::Interrupt);
    let status = watching.end(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", watching.last_words());
}
