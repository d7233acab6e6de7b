//! What a preview shows, to people, to programs and to embedders.

use serde_json::{Value, json};
use shardmill::config::{ContentFormat, DataSource};
use shardmill::preview::{PreviewOptions, preview_of};
use shardmill_tests::cli;
use shardmill_tests::events::Events;
use shardmill_tests::memory_stream::MemoryStream;

use crate::scene::{SHARDMILL, Scene, events};

#[tokio::test]
async fn json_is_shown_with_its_schema() {
    let scene = Scene::of(events(30)).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["event"], &seen["preview"]),
        (&json!("preview"), &json!(true))
    );
    assert_eq!(seen["format"], "json");
    for (key, value) in [
        ("sample_size", 30),
        ("parsed_successfully", 30),
        ("number_of_errors", 0),
        ("events", 30),
    ] {
        assert_eq!(seen[key], value, "{key}");
    }
    assert_eq!(
        seen["compressions"],
        json!([{ "name": "none", "count": 30 }])
    );
    let fields: Vec<&Value> = seen["schema"].as_array().unwrap().iter().collect();
    assert_eq!(fields.len(), 3);
    assert_eq!(fields[2]["fields"][0]["name"], "name");
    assert_eq!(seen["rows"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn people_see_counts_a_tree_and_rows() {
    let mut payloads: Vec<String> = events(9).collect();
    payloads.push("{\"id\": oops}".to_owned());
    let scene = Scene::of(payloads).await;
    let arguments = scene.arguments(&[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let arguments: Vec<&str> = arguments
        .into_iter()
        .filter(|one| *one != "--json")
        .collect();
    let said = cli::text(SHARDMILL, &arguments);
    println!("{said}");
    for expected in [
        "sample size          10",
        "parsed successfully  9",
        "number of errors     1",
        "compression          none (10)",
        "Errors: json.syntax (1)",
        "{\"id\": oops}",
        "└ name",
        "list<text>",
        "██████████",
        "First events",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
}

#[tokio::test]
async fn payloads_of_ten_mebibytes_are_taken_a_few_at_a_time() {
    let arrival = |number: u64| 1_760_000_000_000 + number as i64 * 10;
    let payload = |_: u64, number: u64| {
        let text = "x".repeat((10 << 20) - 100);
        format!("{{\"number\":{number},\"text\":\"{text}\"}}").into_bytes()
    };
    let stream = MemoryStream::new(3, 20, arrival, payload);
    let source = DataSource::builder("large")
        .stream("memory")
        .target("./nowhere")
        .build()
        .unwrap();
    let seen = preview_of(&source, &stream, PreviewOptions::default())
        .await
        .unwrap();
    assert!((3..10).contains(&seen.sample_size), "{}", seen.sample_size);
    assert_eq!(seen.parsed_successfully, seen.sample_size);
    let shown = serde_json::to_string(&seen).unwrap();
    assert!(shown.len() < 20_000, "{}", shown.len());
}

#[tokio::test]
async fn a_hundred_payloads_are_taken_of_all_kinesis_shards_and_aggregates_are_taken_apart() {
    let scene = Scene::new(3).await;
    let mut made = Events::new(7);
    scene
        .put_records(made.aggregates(&[80, 80], Events::plain))
        .await;
    scene.put_records(made.plain(50)).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["sample_size"], &seen["events"]),
        (&json!(100), &json!(100))
    );
    assert_eq!(seen["number_of_errors"], 0);
}

#[tokio::test]
async fn csv_says_whether_there_is_a_header_and_lets_one_be_given() {
    let scene = Scene::of(["id,name\n1,a\n2,b\n", "id,name\n3,c\n"]).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["format"], &seen["events"]),
        (&json!("csv"), &json!(3))
    );
    assert_eq!(seen["header"]["looks_like_header"], true);
    assert_eq!(seen["header"]["first_line"], json!(["id", "name"]));
    assert_eq!(seen["schema"][0]["name"], "id");
    let seen = scene.preview(&["--no-header"]);
    assert_eq!(
        (
            &seen["header"]["looks_like_header"],
            &seen["header"]["used"]
        ),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&seen["schema"][0]["name"], &seen["events"]),
        (&json!("_column_1"), &json!(5))
    );
    let seen = scene.preview(&["--format", "lines"]);
    assert_eq!(
        (&seen["format"], &seen["confidence"]),
        (&json!("lines"), &json!("said"))
    );
}

#[tokio::test]
async fn the_api_gives_a_report_of_a_stream_of_the_embedder() {
    let arrival = |number: u64| 1_760_000_000_000 + number as i64 * 10;
    let payload = |shard: u64, number: u64| format!("{shard},{number},x{number}").into_bytes();
    let stream = MemoryStream::new(2, 500, arrival, payload);
    let source = DataSource::builder("clicks")
        .stream("memory")
        .target("./nowhere")
        .build()
        .unwrap();
    let mut options = PreviewOptions::default();
    let seen = preview_of(&source, &stream, options).await.unwrap();
    assert_eq!((seen.sample_size, seen.events), (100, 100));
    assert_eq!(seen.format.as_deref(), Some("csv"));
    options.format = Some(ContentFormat::Lines);
    let seen = preview_of(&source, &stream, options).await.unwrap();
    assert_eq!(seen.schema[0].name, "line");
    let empty = MemoryStream::new(2, 0, arrival, payload);
    let error = preview_of(&source, &empty, options).await.unwrap_err();
    assert_eq!(error.code(), "content.no_data");
}
