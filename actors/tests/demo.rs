//! The demonstration, end to end: what was put on its stream is what its folder holds.

#![cfg(feature = "demo")]

use std::time::{Duration, Instant};

use shardmill::demo::{Demo, DemoOptions};

#[test]
fn rows_sent_are_rows_committed() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("demo");
    let options = DemoOptions {
        folder: folder.clone(),
        duration: Duration::from_secs(3),
        rate: 2_000,
    };
    let demo = Demo::start(options).unwrap();
    let begun = Instant::now();
    while !demo.caught_up() && !demo.handle().is_finished() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:#?}",
            demo.handle().progress()
        );
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let summary = demo.finish().unwrap();
    assert!(summary.sent >= 2_000, "{summary:?}");
    assert_eq!(
        summary.progress.committed.counts.rows, summary.sent,
        "{summary:#?}"
    );
    assert!(!summary.files.is_empty());
    for file in &summary.files {
        assert!(
            folder.join("clickstream").join(file).is_file(),
            "{file} is not there"
        );
    }
}
