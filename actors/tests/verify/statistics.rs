//! Stored statistics against the files and the log.

use shardmill_engine::rollup::{Archive, Roller, Settings};
use shardmill_engine::types::Level;
use shardmill_engine::verify::verify_statistics;

use super::*;

impl Lake {
    async fn verify_statistics(&self) -> Result<Verified, VerifyError> {
        let (store, host) = (Arc::clone(&self.store), Arc::clone(&self.host));
        verify_statistics(store, host, &mut |_| {}).await
    }

    /// The code of the violation that statistics show; without them there is none.
    async fn statistics_violation(&self) -> (&'static str, String) {
        self.verify().await.unwrap();
        let error = self
            .verify_statistics()
            .await
            .expect_err("something is wrong");
        assert!(error.is_violation(), "{error}");
        (error.code(), error.to_string())
    }

    fn roller(&self, limits: PaneLimits) -> Roller {
        let settings = Settings {
            limits,
            keep_windows: usize::MAX,
        };
        let (store, host) = (Arc::clone(&self.store), Arc::clone(&self.host));
        Archive::new(store, host, settings).roller()
    }
}

/// Columns that widen to text in the middle of a window, names of ours, nulls, what finds no column.
const MIXED: [&str; 6] = [
    r#"{"a":1,"date":"2026-11-23","_index":7,"n":null,"e":{}}"#,
    r#"{"a":2.5,"b":[1,null,"x",{"c":true}],"n":null}"#,
    r#"{"a":"text","b":"none","e":{"f":null}} nonsense"#,
    r#"{"a":{"deep":[1,2,3]},"b":[],"text":"\u00e9"}"#,
    "",
    r#"{"a":9007199254740993,"number":123456789012345678901234567890,"a.b":1}"#,
];

#[tokio::test]
async fn statistics_that_a_commit_names_are_there_in_their_length_and_named_once() {
    let (lake, commits) = lake().await;
    let name = |at: usize| commits[at].statistics.as_ref().unwrap().name.clone();
    let path = lake.path(&name(1));
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(lake.violation().await, "verify.missing_file");
    std::fs::write(&path, &whole[1..]).unwrap();
    assert_eq!(lake.violation().await, "verify.file_length");
    std::fs::write(&path, &whole).unwrap();
    assert!(lake.verify().await.is_ok());

    // What the last commit does not name any more was left by a claim that is in force.
    lake.edit(|entry| _ = entry.as_object_mut().unwrap().remove("statistics"));
    let verified = lake.verify().await.unwrap();
    assert_eq!(
        (verified.statistics_objects, verified.unnamed_files),
        (2, 1)
    );
    lake.edit(|entry| {
        let window = commits[1].window().unwrap().0;
        entry["statistics"] = serde_json::json!({
            "name": name(1), "window": window, "bytes": 10,
        });
    });
    assert_eq!(lake.violation().await, "log.broken");
}

#[tokio::test]
async fn i8_stored_statistics_are_those_of_the_files() {
    let (mut lake, _) = lake().await;
    let mut window = FIRST_WINDOW;
    for at in 0..70 {
        window = Window(FIRST_WINDOW.0 + 3 + at);
        lake.commit(window, &MIXED[..(at as usize % 6) + 1]).await;
    }
    let verified = lake.verify_statistics().await.unwrap();
    assert_eq!((verified.commits, verified.compared_statistics), (73, 73));
    assert_eq!(verified.compared_rollups, 0);

    let mut roller = lake.roller(PaneLimits::default());
    assert_eq!(roller.run().await.unwrap().hours, 1);
    // Another process goes on.
    lake.take_over("second", MINUTE).await;
    lake.commit(window.next(), &MIXED).await;
    let verified = lake.verify_statistics().await.unwrap();
    assert_eq!(
        (verified.compared_statistics, verified.compared_rollups),
        (74, 1)
    );
}

#[tokio::test]
async fn statistics_that_say_something_else_than_the_files_are_found() {
    let (mut lake, commits) = lake().await;
    let path = |lake: &Lake, at: usize| lake.path(&commits[at].statistics.as_ref().unwrap().name);
    let replace = |lake: &Lake, at: usize, body: &[u8]| {
        let path = path(lake, at);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, body).unwrap();
        before
    };
    let whole = std::fs::read(path(&lake, 2)).unwrap();
    // Bytes of the right number that are no statistics.
    let garbage = vec![b'x'; whole.len()];
    replace(&lake, 2, &garbage);
    let (code, _) = lake.statistics_violation().await;
    assert_eq!(code, "verify.unreadable_statistics");
    replace(&lake, 2, &whole);
    lake.verify_statistics().await.unwrap();

    // One more event than the files have, one value that is another, one reject of another code.
    let wrong: [(&str, &[&str]); 2] = [
        ("counts", &[r#"{"a":7,"b":[{"c":"x"}]}"#]),
        (
            "field a",
            &[r#"{"a":8,"b":[{"c":"x"}]}"#, r#"{"a":"text"}"#],
        ),
    ];
    for (at, (what, payloads)) in wrong.into_iter().enumerate() {
        let window = Window(FIRST_WINDOW.0 + 10 + at as i64);
        let right = [r#"{"a":6,"b":[{"c":"x"}]}"#, r#"{"a":"text"}"#];
        lake.commit_saying(window, &right, payloads).await;
        let (code, message) = lake.statistics_violation().await;
        assert_eq!(code, "verify.statistics");
        assert!(message.contains(what), "{message}");
        // The next one is looked at with this one out of the way.
        lake = self::lake().await.0;
    }
}

#[tokio::test]
async fn an_hour_that_says_something_else_than_its_commits_is_found() {
    let (mut lake, _) = lake().await;
    for at in 3..62 {
        lake.commit(Window(FIRST_WINDOW.0 + at), &MIXED[..2]).await;
    }
    let limits = PaneLimits {
        fields: false,
        ..PaneLimits::default()
    };
    assert_eq!(lake.roller(limits).run().await.unwrap().hours, 1);
    let name = names::rollup(Level::Hour, Level::Hour.number_of(FIRST_WINDOW) as u64);
    // Counters alone are less, and right.
    assert_eq!(lake.verify_statistics().await.unwrap().compared_rollups, 1);

    let whole = std::fs::read(lake.path(&name)).unwrap();
    std::fs::write(lake.path(&name), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(lake.statistics_violation().await.0, "verify.rollup");

    // The same hour with an event more.
    let (mut pane, metadata) = Pane::decode(whole.into(), PaneLimits::default()).unwrap();
    pane.observe_counts(FIRST_WINDOW, pane.counts());
    std::fs::write(lake.path(&name), pane.encode(&metadata).unwrap()).unwrap();
    let (code, message) = lake.statistics_violation().await;
    assert_eq!(code, "verify.rollup");
    assert!(message.contains("counts"), "{message}");
}
