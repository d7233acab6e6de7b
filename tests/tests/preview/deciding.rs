//! Sources whose format is found out: what is decided, stored and committed.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use shardmill_tests::cli;
use shardmill_tests::process::Signal;

use crate::scene::{SHARDMILL, STREAM, Scene, decision, events, failure, gzip, run_to, text};

#[tokio::test]
async fn compressions_and_formats_may_be_mixed() {
    let plain: Vec<Bytes> = events(6).map(Bytes::from).collect();
    let zipped = events(3).map(|event| gzip(event.as_bytes()));
    let others = ["<a><b>1</b></a>", "oops", "nope"].map(Bytes::from);
    let scene = Scene::of(plain.into_iter().chain(zipped).chain(others)).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        seen["compressions"][1],
        json!({ "name": "gzip", "count": 3 })
    );
    assert_eq!(seen["format"], "json");
    assert_eq!(
        seen["formats"][0],
        json!({ "name": "json", "count": 11 }),
        "{}",
        seen["reason"]
    );
    assert_eq!(seen["formats"][1], json!({ "name": "xml", "count": 1 }));

    let committed = run_to(&scene.config(), 12).await;
    assert_eq!((committed.rows, committed.rejects), (10, 2));
    let stored = decision(scene.folder.path(), "clicks", 1);
    assert_eq!(
        (&stored["content"], &stored["options"]["format"]),
        (&json!("json"), &json!("auto"))
    );
}

#[tokio::test]
async fn a_written_configuration_runs_as_it_is() {
    let scene = Scene::of(["1;bob;2,5", "2;al;3,5", "3;eve;"]).await;
    let path = scene.folder.path().join("made.toml");
    let seen = scene.preview(&["--write", text(&path)]);
    assert_eq!(seen["written"], text(&path));
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains("\nformat = \"csv\"\n"), "{written}");
    assert!(written.contains("\ndelimiter = \";\"\n"), "{written}");

    let again = scene.arguments(&["--write", text(&path)]);
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    assert_eq!(failure(&again), (1, "preview.file_exists".to_owned()));
    scene.preview(&["--write", text(&path), "--force"]);

    // From the oldest record, so that there is something to read.
    let config = written.replace("# read_from = \"now\"", "read_from = \"start\"");
    assert_ne!(config, written);
    std::fs::write(&path, config).unwrap();
    let committed = run_to(&path, 3).await;
    assert_eq!((committed.rows, committed.rejects), (3, 0));
    let stored = decision(&scene.folder.path().join("lake"), STREAM, 1);
    assert_eq!(stored["options"]["csv"]["header"], false);
}

#[tokio::test]
async fn a_stream_without_data_says_that_the_format_must_be_chosen() {
    let scene = Scene::new(1).await;
    let preview = scene.arguments(&[]);
    let preview: Vec<&str> = preview.iter().map(String::as_str).collect();
    let no_data = (1, "content.no_data".to_owned());
    assert_eq!(failure(&preview), no_data);
    let config = scene.config();
    assert_eq!(failure(&["run", text(&config), "--json"]), no_data);
    assert!(
        !scene.folder.path().join("clicks/_source.json").exists(),
        "nothing is left behind"
    );
}

#[tokio::test]
async fn a_source_may_wait_for_its_first_data() {
    let scene = Scene::new(1).await;
    let config = scene.config();
    let waits = std::fs::read_to_string(&config).unwrap();
    let waits = waits.replace(
        "format = \"auto\"",
        "format = \"auto\"\nwait_for_data = true",
    );
    std::fs::write(&config, waits).unwrap();
    // One that waits can be stopped.
    let mut process = cli::start(SHARDMILL, &["run", text(&config), "--json"]);
    cli::progress(&mut process, |progress| progress["state"] == "waiting").await;
    process.signal(Signal::Terminate);
    assert!(process.end(Duration::from_secs(30)).await.success());

    let mut process = cli::start(SHARDMILL, &["run", text(&config), "--json"]);
    cli::progress(&mut process, |progress| progress["state"] == "waiting").await;
    scene.put(["a=1&b=2", "a=2&b=x"]).await;
    cli::progress(&mut process, |progress| progress["decoded"]["rows"] == 2).await;
    process.signal(Signal::Terminate);
    assert!(process.end(Duration::from_secs(60)).await.success());
    assert_eq!(
        decision(scene.folder.path(), "clicks", 1)["content"],
        "form"
    );
}

#[tokio::test]
async fn bytes_that_nothing_is_known_of_are_not_decided_on() {
    let scene = Scene::of([
        &b"\x08\x96\x01\x12\x07testing"[..],
        &b"\x08\x01\x12\x00"[..],
    ])
    .await;
    let config = scene.config();
    let refused = (1, "content.not_detected".to_owned());
    assert_eq!(failure(&["run", text(&config), "--json"]), refused);
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["format"], &seen["confidence"]),
        (&json!("raw"), &json!("fallback"))
    );
}

#[tokio::test]
async fn a_new_source_shows_its_sample_until_its_first_commit_and_then_keeps_its_decision() {
    let scene = Scene::of(["id,n\n1,a\n2,b\n"]).await;
    let config = scene.config();
    let mut process = cli::start(SHARDMILL, &["run", text(&config), "--json"]);
    cli::progress(&mut process, |progress| progress["decoded"]["rows"] == 2).await;
    let shown = |config: &Path| {
        let mut said = cli::report(SHARDMILL, &["inspect", text(config), "--json"]);
        said.pop().expect("inspect reports")["preview"].clone()
    };
    // Windows are minutes long: nothing is committed yet, unless one has just ended.
    let seen = shown(&config);
    let committed = scene.folder.path().join("clicks/data").exists();
    assert!(committed || seen["format"] == "csv", "{seen}");
    process.signal(Signal::Terminate);
    assert!(process.end(Duration::from_secs(60)).await.success());
    // A stop leaves what lies beyond the lowest open window to the next start.
    if shown(&config) != Value::Null {
        run_to(&config, 2).await;
    }
    assert_eq!(shown(&config), Value::Null);
    cli::verify(SHARDMILL, &config);

    // JSON from now on: the decision is kept, and what is plainly JSON is decoded as that.
    let before = decision(scene.folder.path(), "clicks", 1);
    scene.put(events(3)).await;
    let committed = run_to(&config, 3).await;
    assert_eq!((committed.rows, committed.rejects), (3, 0));
    assert_eq!(decision(scene.folder.path(), "clicks", 1), before);
    let formats = std::fs::read_dir(scene.folder.path().join("clicks/_formats")).unwrap();
    assert_eq!(formats.count(), 1);
}
